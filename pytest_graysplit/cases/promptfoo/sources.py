"""The files of a promptfoo suite: its configuration, and the files that it names with `file://`."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from pytest_graysplit.cases.files.from_yaml import PlainLoader

if TYPE_CHECKING:
    from pathlib import Path

_CODE = (
    ".js", ".cjs", ".mjs", ".jsx", ".ts", ".cts", ".mts", ".tsx", ".py", ".rb", ".go", ".sh", ".bash", ".bat", ".cmd",
    ".exe", ".pl", ".ps1",
)  # fmt: skip
_ELSEWHERE = ("huggingface:", "package:", "exec:")


class NotCarriedError(Exception):
    """A part of the suite that has no counterpart here, or cannot be read; the rest is converted."""


class _Loader(PlainLoader):
    """The loader of case files, which also takes a question mark inside of a flow list, as JavaScript's does."""

    _plain = False

    def scan_plain(self) -> yaml.ScalarToken:
        """Scan a text without quotes."""
        self._plain = True
        try:
            return super().scan_plain()
        finally:
            self._plain = False

    def peek(self, index: int = 0) -> str:
        """Return a character of the text; within a plain text a question mark is one like any other."""
        found: str = super().peek(index)
        return "x" if found == "?" and self._plain and self.flow_level else found


_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile("^(?:0x[0-9a-fA-F]+|0o[0-7]+)$"), ["0"])


def read_text(path: Path) -> str:
    """Return the text of a file; raise NotCarriedError if it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        problem = "no such file"
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 (byte {error.start + 1})"
    except OSError as error:
        problem = str(error.strerror)
    except ValueError:
        problem = "is not the name of a file"
    raise NotCarriedError(f"{path}: {problem}")


def read_structured(path: Path) -> Any:
    """Return the contents of a YAML, JSON or JSON lines file; raise NotCarriedError with the line of an error."""
    text = read_text(path)
    ending = path.suffix.lower()
    try:
        if ending == ".jsonl":
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        return json.loads(text) if ending == ".json" else parse_yaml(text)
    except json.JSONDecodeError as error:
        at, problem = f":{error.lineno}" if ending == ".json" else "", f"not valid JSON: {error.msg}"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at, problem = f":{mark.line + 1}" if mark else "", f"not valid YAML: {error.problem or error.context}"
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        at, problem = "", f"not valid {ending[1:].upper()}: {' '.join(str(error).split())}"
    raise NotCarriedError(f"{path}{at}: {problem}")


def read_csv(path: Path) -> list[dict[Any, Any]]:
    """Return the rows of a CSV file as objects of texts; stray quotes are read as promptfoo reads them."""
    text = read_text(path)
    try:
        return _rows(text, strict=True)
    except csv.Error:
        pass
    try:
        return _rows(text, strict=False)
    except csv.Error as error:
        raise NotCarriedError(f"{path}: not valid CSV: {error}") from None


def _rows(text: str, *, strict: bool) -> list[dict[Any, Any]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=strict))


def parse_yaml(text: str) -> Any:
    """Return the value of a YAML text, with plain words of YAML 1.2; raise YAMLError."""
    try:
        loaded = _Loader(text).get_single_data()
        if "\\u" in text:
            loaded = _with_pairs(loaded)
        json.dumps(loaded)  # rejects anchors that hold themselves, and values of explicit tags that JSON does not have
    # PyYAML raises these errors for a value that does not fit its explicit tag (!!int, !!timestamp).
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise yaml.YAMLError(str(error)) from None
    else:
        return loaded


def _with_pairs(value: Any) -> Any:
    r"""Return the value with pairs such as \ud83d\ude00, which are one character in JavaScript, as that character."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if isinstance(value, dict):
        return {_with_pairs(name): _with_pairs(part) for name, part in value.items()}
    return [_with_pairs(part) for part in value] if isinstance(value, list) else value


def refuse_code(name: str) -> None:
    """Raise NotCarriedError for a file that holds a program, or that is not on this machine."""
    bare = name.removeprefix("file://")
    # `file://check.py:function_name` names a function in the file.
    if bare.partition(":")[0].endswith(_CODE) or bare.startswith("exec:"):
        raise NotCarriedError(f"{name} is a program, which is not run")
    if "://" in bare or bare.startswith(_ELSEWHERE):
        raise NotCarriedError(f"{name} is not on this machine")
