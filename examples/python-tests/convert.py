"""Turn the answers as they were received into recordings that these tests replay: python convert.py"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

# ruff: noqa: E402 # the module beside this folder
from conftest import pytest_graysplit_redact
from received import record

from pytest_graysplit.replies.fingerprint import redactor

# A case has the name of its test; a case from a file keeps its id, a case from a body is numbered.
ASKED = {
    "test_summaries_agree[{}]": ("sum-1", "sum-2", "sum-3", "sum-5"),
    "test_order_number_is_found[{}]": ("ext-1", "ext-2", "ext-3"),
    "test_models_find_the_same_order[{}]": ("ext-2", "ext-3"),
    "{}": ("exchange", "hours", "return-label", "used-return"),
    "test_translations[{}]#1": ("translate-1", "translate-2"),
}


def cases():
    """Yield each case as it was received, and as pytest calls it."""
    for name, received in ASKED.items():
        yield from ((case, name.format(case), "__graysplit__/test_support.jsonl") for case in received)


if __name__ == "__main__":
    record(HERE, cases(), redactor((), [pytest_graysplit_redact]))
