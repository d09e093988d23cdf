"""A folder for the suite of a test, and a function that writes its files."""

from textwrap import dedent

import pytest


@pytest.fixture(autouse=True)
def suite_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write_file(suite_folder):
    def write_file(name, text):
        path = suite_folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).removeprefix("\n"), encoding="utf-8")
        return path

    return write_file
