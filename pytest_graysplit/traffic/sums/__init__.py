"""Sums of live traffic per arm, in bounded memory."""
