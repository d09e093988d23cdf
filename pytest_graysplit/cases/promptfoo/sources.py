"""The files of a promptfoo suite: its configuration, and the files that it names with `file://`."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import yaml

from pytest_graysplit.cases.files.from_yaml import PlainLoader
from pytest_graysplit.errors import Slug, UsageError

if TYPE_CHECKING:
    from pathlib import Path

STRUCTURED = (".yaml", ".yml", ".json", ".jsonl", ".csv")
_CODE = (".js", ".cjs", ".mjs", ".ts", ".py", ".rb", ".go", ".sh")


class NotCarriedError(Exception):
    """A part of the suite has no counterpart here; the rest is converted."""


def read_text(path: Path, location: str) -> str:
    """Return the text of a file that is named at `location`; raise UsageError if it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        hint = "paths are relative to the configuration" if location else "name promptfooconfig.yaml, or its folder"
        problem = "no such file"
    except UnicodeDecodeError as error:
        problem, hint = f"is not UTF-8 (byte {error.start + 1})", "save the file as UTF-8"
    except OSError as error:
        problem, hint = str(error.strerror), "make sure that it is a file, and that you may read it"
    raise UsageError(f"{_named(path, location)}: {problem}", hint=hint, slug=Slug.PROMPTFOO_FILE)


def read_structured(path: Path, location: str) -> Any:
    """Return the contents of a YAML, JSON, JSON lines or CSV file; a row of CSV is an object of texts."""
    text = read_text(path, location)
    ending = path.suffix.lower()
    try:
        if ending == ".csv":
            return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        if ending == ".jsonl":
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        return json.loads(text) if ending == ".json" else parse_yaml(text)
    except json.JSONDecodeError as error:
        at, problem = f":{error.lineno}" if ending == ".json" else "", f"not valid JSON: {error.msg}"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at, problem = f":{mark.line + 1}" if mark else "", f"not valid YAML: {error.problem or error.context}"
    except (yaml.YAMLError, csv.Error, RecursionError, ValueError) as error:
        at, problem = "", f"not valid {ending[1:].upper()}: {' '.join(str(error).split())}"
    # JavaScript's parser accepts `[Where?, When?]`, PyYAML does not.
    quotes = "a text with ? : # or { in it needs quotes, which mean the same to promptfoo"
    hint = quotes if ending in (".yaml", ".yml") else "look at quotes and commas there"
    raise UsageError(f"{_named(path, location)}{at}: {problem}", hint=hint, slug=Slug.PROMPTFOO_FILE)


def parse_yaml(text: str) -> Any:
    """Return the value of a YAML text, with plain words of YAML 1.2; raise YAMLError."""
    try:
        loaded = PlainLoader(text).get_single_data()
        json.dumps(loaded)  # rejects anchors that hold themselves, and values of explicit tags that JSON does not have
    # PyYAML raises these errors for a value that does not fit its explicit tag (!!int, !!timestamp).
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise yaml.YAMLError(str(error)) from None
    else:
        return loaded


def refuse_code(name: str) -> None:
    """Raise NotCarriedError for a file that holds a program."""
    # `file://check.py:function_name` names a function in the file.
    if name.removeprefix("file://").partition(":")[0].endswith(_CODE):
        raise NotCarriedError(f"{name} is a program, which is not run")


def _named(path: Path, location: str) -> str:
    return f"{location}: {path}" if location else str(path)
