"""Runs of pytest with applications in them, each in a process of its own, and the outcomes of their tests."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from quiet import QUIET

INNER = Path(__file__).parent / "inner"
CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
KEY = "made-up-key-0123456789"
MARK = "\nOUTCOMES "  # of driver.py
TIMEOUT_S = 100
DROPPED = ("GRAYSPLIT_", "HOLYSHEEP_", "OPENAI_", "OPENROUTER_", "ANTHROPIC_", "PYTEST_", "CI", "GITHUB_")


class AppRuns:
    """A folder with the tests of one file, and runs of pytest there."""

    def __init__(self, folder, relay, file):
        self.folder = folder
        self.relay = relay
        self.file = file
        shutil.copy(INNER / file, folder / f"test_{file}")
        self.output = ""

    def run(self, *runs, plugins=(), **variables):
        """Run pytest with each list of arguments in one process; return the outcomes of each run by test."""
        quiet = [option for option in QUIET if option.removeprefix("-pno:") not in plugins]
        common = [
            *quiet,
            "-pno:cacheprovider",
            "-pno:xdist",
            "-pno:timeout",
            "-q",
            "--tb=short",
            f"-ofaulthandler_timeout={TIMEOUT_S // 2}",
        ]
        models = [f"--graysplit-control={CONTROL}", f"--graysplit-treatment={TREATMENT}"]
        command = [sys.executable, str(INNER / "driver.py"), json.dumps([[*common, *models, *run] for run in runs])]
        environment = {name: text for name, text in os.environ.items() if not name.startswith(DROPPED)}
        environment |= {"GRAYSPLIT_BASE_URL": self.relay.url, "GRAYSPLIT_API_KEY": KEY, **variables}
        with (self.folder / "output.txt").open("w+", encoding="utf-8") as output:
            subprocess.run(
                command,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=TIMEOUT_S,
                check=False,
            )
        self.output, _, outcomes = (self.folder / "output.txt").read_text(encoding="utf-8").partition(MARK)
        try:
            return json.loads(outcomes)
        except ValueError:
            raise AssertionError(self.output) from None

    def recordings(self):
        """Return the text of all files that a run has left behind, with their names."""
        paths = [path for path in self.folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        return {path.relative_to(self.folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}
