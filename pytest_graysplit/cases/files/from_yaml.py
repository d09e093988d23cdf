"""YAML: a list of cases, or a mapping with `cases` and `defaults`, which apply to every case.

Plain words have their meaning of YAML 1.2: `no`, `12:30` and `2026-11-23` are texts, as in JSON, and not a boolean, a
number and a date. The loader is PyYAML's own, because a file of brackets can crash that of libyaml.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from pytest_graysplit.cases.field_types import FieldLocation, format_value, reject_unknown
from pytest_graysplit.cases.fields import MARKER_FIELDS, build_case
from pytest_graysplit.cases.files import FileRow, broken
from pytest_graysplit.errors import Slug

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.errors import UsageError

_DEFAULTS = tuple(name for name in MARKER_FIELDS if name not in ("prompt", "messages", "turns"))
_SHAPE = 'write a list of cases, each beginning with "- prompt: your text", or a mapping with cases and defaults'
_INDENT = "look at indentation, colons and quotes there; a text with ': ' or ' #' in it needs quotes"


class PlainLoader(yaml.SafeLoader):
    """PyYAML's safe loader, with the plain words of YAML 1.2 only, and without repeated names."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping; raise ComposerError for a repeated name."""
        # Checked here, because the constructor adds the names of merge keys, which may be overridden.
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.composer.ComposerError(problem=f"{key.value} is repeated", problem_mark=key.start_mark)
                seen.add(key.value)
        return node


PlainLoader.yaml_implicit_resolvers = {}
for _tag, _words, _first in (
    ("null", r"|~|null|Null|NULL", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_words})$"), _first)


def rows(text: str, display_path: str) -> Iterator[FileRow]:
    """Yield one row per case; raise UsageError for invalid YAML, another structure, or repeated names."""
    document = _Document(text, display_path)
    root, defaults = document.root, {}
    if isinstance(root, yaml.MappingNode):
        sections = document.sections(root)
        defaults = _checked(document.mapping(sections["defaults"]), display_path) if "defaults" in sections else {}
        root = sections.get("cases")
    if root is None or root.tag.endswith(":null"):
        return
    if not isinstance(root, yaml.SequenceNode):
        raise document.misshapen(root)
    for node in root.value:
        row = document.mapping(node)
        yield FileRow(row.line, _under(defaults, row.fields))


class _Document:
    """One YAML file: its nodes, which have line numbers, and their values."""

    def __init__(self, text: str, display_path: str) -> None:
        self.display_path = display_path
        try:
            self.loader = PlainLoader(text)
            self.root: yaml.Node | None = self.loader.get_single_node()
        except (yaml.YAMLError, RecursionError) as error:
            raise self._broken(error, text) from None

    def sections(self, root: yaml.MappingNode) -> dict[str, yaml.Node]:
        """Return the nodes of the outermost mapping, by name."""
        names = [str(key.value) for key, _ in root.value]
        location = FieldLocation(f"{self.display_path}:{root.start_mark.line + 1}", "")
        reject_unknown(names, ("cases", "defaults"), location, dict.fromkeys(names, _SHAPE))
        return dict(zip(names, (node for _, node in root.value), strict=True))

    def mapping(self, node: yaml.Node) -> FileRow:
        """Return the fields of a node, and its line."""
        if not isinstance(node, yaml.MappingNode):
            raise self.misshapen(node)
        line = node.start_mark.line + 1
        try:
            return FileRow(line, self.loader.construct_document(node))
        except yaml.YAMLError as error:
            raise self._broken(error, "") from None
        # PyYAML raises these errors for a value that does not fit its explicit tag (!!int, !!timestamp).
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            raise broken(self.display_path, line, f"not valid YAML: {error}", _INDENT) from None

    def misshapen(self, node: yaml.Node) -> UsageError:
        """Build the error for a node that is not a case or a list of cases; the caller raises it."""
        if isinstance(node, yaml.ScalarNode):
            found = format_value(node.value)
        else:
            found = "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
        return broken(
            self.display_path, node.start_mark.line + 1, f"expected cases, got {found}", _SHAPE, Slug.CASE_FILE_SHAPE
        )

    def _broken(self, error: Exception, text: str) -> UsageError:
        if isinstance(error, yaml.MarkedYAMLError) and (mark := error.problem_mark or error.context_mark):
            problem = f"not valid YAML at column {mark.column + 1}: {error.problem or error.context}"
            return broken(self.display_path, mark.line + 1, problem, _INDENT)
        if isinstance(error, yaml.reader.ReaderError):
            line = text.count("\n", 0, error.position) + 1
            return broken(self.display_path, line, f"U+{error.character:04X} is not allowed in YAML", "remove it")
        return broken(self.display_path, 1, "not valid YAML: it is nested too deep", _INDENT)


def _checked(defaults: FileRow, display_path: str) -> dict[str, object]:
    location = FieldLocation(f"{display_path}:{defaults.line}: defaults", "")
    reject_unknown(list(defaults.fields), _DEFAULTS, location, {})
    # Checked as the fields of a case; each case may add the reference or the calls that other fields refer to.
    expect = defaults.fields.get("expect")
    probe = {"expect": {"reference": "any", **_any_call(expect), **expect}} if isinstance(expect, dict) else {}
    build_case({**defaults.fields, **probe, "prompt": "any"}, where=location.where)
    return defaults.fields


def _any_call(expect: dict[str, object]) -> dict[str, object]:
    return {} if expect.get("no_tool_calls") else {"tool_calls": [{"name": "any"}]}


def _under(defaults: dict[str, object], fields: dict[str, object]) -> dict[str, object]:
    merged = {**defaults, **fields}
    for name in ("params", "expect"):
        own, common = fields.get(name), defaults.get(name)
        if isinstance(own, dict) and isinstance(common, dict):
            merged[name] = {**common, **own}
    return merged
