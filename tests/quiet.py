"""Measures against the slow start of pytest runs inside tests: fewer plugins, and no file is read twice."""

import functools
import importlib.metadata
import sys
from importlib.metadata import PathDistribution

from _pytest._code import code

# Options that leave out plugins which only the outer run needs; each of them takes long to start.
QUIET = tuple(
    f"-pno:{name}"
    for name in (
        *("anyio", "asyncio", "fakefs", "hypothesispytest", "langsmith_plugin", "pytest_cov", "pytest_httpx"),
        *("randomly", "recording", "rerunfailures", "respx", "socket"),
    )
)
# The same options, for processes that a test starts through the environment.
ADDOPTS = " ".join(QUIET)


class InstalledDistribution(PathDistribution):
    """An installed distribution whose files are read once; every run asks each of them for its plugins."""

    metadata = functools.cached_property(PathDistribution.metadata.fget)
    entry_points = functools.cached_property(PathDistribution.entry_points.fget)
    files = functools.cached_property(PathDistribution.files.fget)


def remember_distributions():
    """Let `importlib.metadata.distributions()` return the same objects for the same folders."""
    search = importlib.metadata.distributions

    @functools.lru_cache(maxsize=16)
    def installed(folders):
        return [InstalledDistribution(each._path) for each in search(path=list(folders))]

    def distributions(**context):
        return search(**context) if context else iter(installed(tuple(sys.path)))

    importlib.metadata.distributions = distributions


def remember_statements():
    """Let a traceback of pytest find a statement without parsing a module that was parsed before.

    A run that ends at a collection error formats such a traceback through pytest's own long modules.
    """
    find = code.getstatementrange_ast

    @functools.lru_cache(maxsize=1024)
    def find_once(lineno, lines):
        source = code.Source()
        source.lines = list(lines)
        return find(lineno, source, astnode=parse_once(lines))

    @functools.lru_cache(maxsize=256)
    def parse_once(lines):
        source = code.Source()
        source.lines = list(lines)
        return find(0, source)[0]

    def getstatementrange_ast(lineno, source, *, astnode=None):
        return find_once(lineno, tuple(source.lines))

    code.getstatementrange_ast = getstatementrange_ast
