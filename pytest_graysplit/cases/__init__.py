"""Cases: from the marker's fields, and from JSONL, YAML and CSV files."""

from pytest_graysplit.cases.fields import MARKER_FIELDS, build_case
from pytest_graysplit.cases.files import read_cases

__all__ = ["MARKER_FIELDS", "build_case", "read_cases"]
