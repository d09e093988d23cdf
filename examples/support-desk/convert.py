"""Turn the answers as they were received into recordings that the suite replays: python convert.py"""

import sys
from pathlib import Path

from pytest_graysplit.cases.files import read_cases

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from received import record  # noqa: E402 # the module beside this folder


def cases():
    """Yield each case and the recording of its case file."""
    for path in sorted(HERE.glob("*.graysplit.yaml")):
        into = f"__graysplit__/{path.name.removesuffix('.graysplit.yaml')}.jsonl"
        yield from ((case.id, case.id, into) for case in read_cases(path, path.name))


if __name__ == "__main__":
    record(HERE, cases())
