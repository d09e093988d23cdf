"""Plugins that only the outer run needs; each of them costs an inner run more startup time than our whole plugin."""

QUIET = tuple(f"-pno:{name}" for name in ("anyio", "hypothesispytest", "pytest_cov", "randomly", "respx"))
# The same for processes that a test starts without options.
ADDOPTS = " ".join(QUIET)
