"""The log of live traffic: its records are written, read and followed."""
