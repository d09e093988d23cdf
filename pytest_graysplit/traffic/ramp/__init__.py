"""Ramps of live traffic while it runs: a watched file, the order of versions, and automatic rollback."""
