"""Ask a real model live, then replay its answers offline: the two runs of every suite.

Works in a folder of its own, which is removed at the end, also after Ctrl-C.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUITE = ("pyproject.toml", "questions.graysplit.jsonl")
INTERRUPTED = 130


@contextmanager
def running_server():
    """Yield the base URL of the server, in a process of its own."""
    # A group of its own, so that Ctrl-C reaches only pytest, which needs the server to finish requests in flight.
    command = [sys.executable, str(HERE / "serve.py")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def run(folder, url, *options):
    """Show the command, run it, and return its exit code."""
    print(f"\n$ pytest {' '.join(options)}", flush=True)
    ours = ("GRAYSPLIT_", "HOLYSHEEP_", "PYTEST_")
    environ = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith(ours)}
    environ |= {"GRAYSPLIT_BASE_URL": url, "GRAYSPLIT_API_KEY": "unused"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    with subprocess.Popen(command, cwd=folder, env=environ) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # pytest has received it too, and says which replies were kept


def main():
    with tempfile.TemporaryDirectory() as folder:
        for name in SUITE:
            shutil.copy(HERE / name, folder)
        with running_server() as url:
            if not url:
                return 1
            print(f"llama.cpp serves smollm2-135m at {url}")
            code = run(folder, url, "--graysplit-gate=none", "--graysplit-record=new")
        if code:
            return code
        print("\nThe server has ended. The same suite, from what was recorded:")
        return run(folder, url, "--graysplit-gate=none", "--graysplit-record=none")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
