"""Shared parts of the benchmarks: throwaway suites, timed pytest sessions, the loopback relay, printed numbers."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from relay_server.client import RunningRelay

__all__ = ["ALONE", "ARMS", "RunningRelay", "load", "session", "suite", "verdict"]

ARMS = ("--graysplit-control=claude-sonnet-4.5", "--graysplit-treatment=deepseek-v3.2")
# Other installed plugins take their own time, some of them more than the measured part.
ALONE = tuple(f"-pno:{plugin.name}" for plugin in entry_points(group="pytest11") if plugin.name != "graysplit")
QUIET = ("-q", "-p", "no:cacheprovider", *ALONE)
NOTHING_COLLECTED = 5
SUITE = """\
import pytest

PROMPTS = [f"Question {{number}}: what is it good for?" for number in range({number})]

{marker}
@pytest.mark.parametrize("prompt", PROMPTS, ids=range({number}))
def test_answer({fixtures}):
    pass
"""


@contextmanager
def suite(number: int, *, asks: bool) -> Iterator[Path]:
    """Write so many parametrized tests with an empty body into a folder of their own, and remove it afterwards."""
    text = SUITE.format(
        number=number,
        marker="@pytest.mark.graysplit" if asks else "",
        fixtures="graysplit, prompt" if asks else "prompt",
    )
    with tempfile.TemporaryDirectory(prefix="graysplit-benchmark-") as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        if number:
            (folder / "test_answer.py").write_text(text, encoding="utf-8")
        yield folder


def session(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> float:
    """Run pytest in a process of its own and return its wall time in seconds; exit if anything failed in it.

    `environ` has more variables for it.
    """
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("GRAYSPLIT_", "PYTEST_"))}
    outside.pop("CI", None)
    command = [sys.executable, "-m", "pytest", *QUIET, *arguments]
    started = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**outside, "GRAYSPLIT_API_KEY": "any", **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    wall_s = time.perf_counter() - started
    if done.returncode not in (0, NOTHING_COLLECTED):
        sys.exit(f"{' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return wall_s


def verdict(measured: float, bound: float) -> str:
    """Print a number beside its bound."""
    return f"bound {bound:g}, {'within' if measured <= bound else 'ABOVE'}"


def load() -> str:
    """Print how busy the machine is, because the load affects every time."""
    shown = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{os.cpu_count()} processors, load {shown}"
