"""Options that leave out plugins which only the outer run needs; each of them takes long to start."""

QUIET = tuple(f"-pno:{name}" for name in ("anyio", "hypothesispytest", "pytest_cov", "randomly", "respx"))
# The same options, for processes that a test starts through the environment.
ADDOPTS = " ".join(QUIET)
