"""Write the tables of docs/json.md from the JSON Schema of the report: `python docs/make_json.py`."""  # noqa: INP001

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_graysplit.reporting.json_report import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).with_name("json.md")
BEGIN, END = "<!-- The tables are written by docs/make_json.py. -->\n", "<!-- End of the tables. -->\n"
TYPES = {
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "true or false",
    "object": "object",
    "array": "list",
    "null": "`null`",
}


def places_of(schema: dict[str, Any]) -> dict[str, list[str]]:
    """Return where each part of the schema occurs in a report, by its name; ARM, NAME and so on are keys of a map."""
    places: dict[str, list[str]] = {}
    for name, value in schema["properties"].items():
        _collect(schema, value, name, places)
    return places


def _collect(schema: dict[str, Any], value: dict[str, Any], place: str, places: dict[str, list[str]]) -> None:
    for entry in value.get("oneOf", [value]):
        if isinstance(entry.get("items"), dict):
            _collect(schema, entry["items"], f"{place}[]", places)
        if isinstance(entry.get("additionalProperties"), dict):
            _collect(schema, entry["additionalProperties"], f"{place}.*", places)
        if name := entry.get("$ref", "").removeprefix("#/$defs/"):
            known = places.setdefault(name, [])
            known.append(place)
            if len(known) == 1:
                for inner, part in schema["$defs"][name]["properties"].items():
                    _collect(schema, part, f"{place}.{inner}", places)


def type_of(value: dict[str, Any]) -> str:
    """Return the type of a key in words, with links to the tables of objects."""
    if "oneOf" in value:
        return " or ".join(map(type_of, value["oneOf"]))
    if name := value.get("$ref", "").removeprefix("#/$defs/"):
        return f"[{name.replace('_', ' ')}](#{name.replace('_', '-')})"
    if "const" in value or "enum" in value:
        return ", ".join(f"`{json.dumps(one)}`" for one in value.get("enum", [value.get("const")])).replace('"', "")
    types = value["type"] if isinstance(value["type"], list) else [value["type"]]
    words = " or ".join(TYPES[one] for one in types)
    inner = value.get("items") if "array" in types else value.get("additionalProperties")
    if not inner:
        return words
    return f"{words} of {type_of(inner)}" if "array" in types else f"object of {type_of(inner)}"


def table(part: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a table of the keys of an object."""
    yield "| key | type | meaning |"
    yield "|---|---|---|"
    for name, value in part["properties"].items():
        yield f"| `{name}` | {type_of(value)} | {value['description'].replace('|', '&#124;')} |"


def tables() -> str:
    """Return a table for the report and for each object in it, in the order in which a reader meets them."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    lines = [*table(schema)]
    for name, places in places_of(schema).items():
        part, shown = schema["$defs"][name], ", ".join(f"`{place}`" for place in places)
        lines += ["", f"### {name.replace('_', ' ').capitalize()}", "", f"{shown}: {part['description']}", ""]
        lines += table(part)
    return "\n".join([*lines, ""])


def with_tables(page: str) -> str:
    """Return the text of the page with the tables that the schema gives."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{tables()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
