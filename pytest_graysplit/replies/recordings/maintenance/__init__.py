"""Checks and repairs of recording files, behind `graysplit recordings`."""
