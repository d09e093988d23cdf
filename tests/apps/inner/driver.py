"""Run pytest several times in one process, which imports large libraries once, and print the outcome of each test.

    python driver.py '[["-v"], ["--graysplit-record=none"]]'

Each list has the arguments of one run. The output ends with OUTCOMES and JSON: for each run its exit status, and for each
test its outcome with its text.
"""

import json
import sys

import pytest


class Outcomes:
    """The outcome of each test: the first phase that did not pass, else the test itself."""

    def __init__(self):
        self.tests = {}

    def pytest_runtest_logreport(self, report):
        kept = self.tests.get(report.nodeid)
        if kept is None or kept["outcome"] == "passed":
            self.tests[report.nodeid] = {"outcome": report.outcome, "text": report.longreprtext, "why": _why(report)}


def _why(report):
    return report.longrepr[2] if report.outcome == "skipped" and isinstance(report.longrepr, tuple) else ""


def main():
    runs = []
    for arguments in json.loads(sys.argv[1]):
        outcomes = Outcomes()
        status = pytest.main(arguments, plugins=[outcomes])
        runs.append({"status": int(status), "tests": outcomes.tests})
    sys.stdout.write(f"\nOUTCOMES {json.dumps(runs)}\n")


if __name__ == "__main__":
    main()
