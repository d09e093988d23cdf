"""Cases as tidy YAML that reads back unchanged: long texts as blocks, and plain words in quotes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

from pytest_graysplit.cases.files.from_yaml import PlainLoader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_graysplit.types import Json

_BREAKS = re.compile("[\r\x85\u2028\u2029]")


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper, with quotes also around plain words that are numbers only in YAML 1.2."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # the signature is PyYAML's
        """Write a repeated value twice instead of an alias, for human readers."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Indent the entries of a list below its name."""
        super().increase_indent(flow=flow, indentless=False)


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    # PyYAML quotes a text that a block cannot hold, but overlooks the line ends of YAML 1.1.
    style = '"' if _BREAKS.search(value) else "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
_Dumper.yaml_implicit_resolvers = {
    first: [
        *yaml.SafeDumper.yaml_implicit_resolvers.get(first, []),
        *PlainLoader.yaml_implicit_resolvers.get(first, []),
    ]
    for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *PlainLoader.yaml_implicit_resolvers}
}


def document(rows: Iterable[Mapping[str, Json]], head: Iterable[str]) -> Iterator[str]:
    """Yield a YAML file of cases in pieces, with the lines of `head` as a comment at the top."""
    yield from (f"# {line}\n" for line in head)
    for row in rows:
        yield "\n"
        yield yaml.dump([dict(row)], Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
