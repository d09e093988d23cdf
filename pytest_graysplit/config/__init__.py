"""Settings of a run: options, environment, pyproject.toml, addresses and keys."""
