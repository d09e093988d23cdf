"""The `[tool.graysplit]` table of pyproject.toml: prices, aliases, headers, models, splits, and the verdict."""

from pytest_graysplit.config.pyproject.table import AskedModel, ToolTable

__all__ = ["AskedModel", "ToolTable"]
