"""What belongs to the outer run only; each of these plugins costs a run that a test starts more than all of ours."""

QUIET = tuple(f"-pno:{name}" for name in ("anyio", "hypothesispytest", "pytest_cov", "randomly", "respx"))
# For the processes that a test starts without naming any option.
ADDOPTS = " ".join(QUIET)
