"""Chromium for the tests of the page: found or installed once for all workers of a session."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from filelock import FileLock

NAMES = ("chromium", "chromium-browser", "google-chrome")
HOW = (
    "no Chromium for the tests of the live page: install it (apt-get install chromium, or python -m playwright install "
    "chromium), or name it in GRAYSPLIT_CHROMIUM"
)
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def found(playwright):
    """Return the path of a browser, or None: the configured one, one on the PATH, or playwright's own."""
    if named := os.environ.get("GRAYSPLIT_CHROMIUM"):
        return named
    own = Path(playwright.chromium.executable_path)
    return next(filter(None, map(shutil.which, NAMES)), None) or (str(own) if own.exists() else None)


def found_or_installed(playwright):
    """Find a browser, or try to install one; the first worker tries, and the others wait and look again."""
    scratch = Path(tempfile.gettempdir())
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    tried = scratch / f"graysplit-chromium-{session}"
    if browser := found(playwright):
        return browser
    with FileLock(scratch / "graysplit-chromium.lock"):
        for command in () if tried.exists() else commands():
            quietly(command)
            if browser := found(playwright):
                return browser
        tried.touch()
    return found(playwright)


def commands():
    """Yield the commands that may install a browser, in the order to try them."""
    if shutil.which("apt-get") and getattr(os, "geteuid", lambda: 1)() == 0:
        yield ["apt-get", "install", "-y", "chromium"]
    yield [sys.executable, "-m", "playwright", "install", "chromium"]


def quietly(command):
    """Run a command that may fail, or that hangs without a network."""
    try:
        subprocess.run(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            timeout=90,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return
