"""Cases: built from the fields of a marker, or from JSONL, YAML and CSV files."""

from pytest_graysplit.cases.fields import build_case

__all__ = ["build_case"]
