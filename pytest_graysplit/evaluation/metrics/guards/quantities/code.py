"""The guard against a changed operator or literal in code and SQL, and against another chosen option."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.words import word_set
from pytest_graysplit.types import Flag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.evaluation.metrics.guards.parsed_text import ParsedText

# Tokens of one group may stand in the same place, and each means something else there.
_SYMBOLS = (("<", ">", "<=", ">=", "==", "!="), ("&&", "||"))
_LITERALS = ("True", "False", "None", "TRUE", "FALSE", "NULL", "AND", "OR", "null", "true", "false")
_WORDS = (
    ("and", "or"), ("true", "false", "none"), ("asc", "desc"), ("inner", "left", "right", "full", "outer"),
    ("any", "all"), ("min", "max", "sum", "avg", "count"), ("+", "-", "*", "/", "//", "%", "**"), ("+=", "-=", "*="),
    ("++", "--"), ("break", "continue"), ("union", "intersect", "except"), ("push", "pop", "shift"),
)  # fmt: skip
_SAME = {"&&": "and", "||": "or", "===": "==", "!==": "!=", "<>": "!=", "≤": "<=", "≥": ">=", "≠": "!=", "=": "==",
         "null": "none", "nil": "none", "undefined": "none"}  # fmt: skip
_GROUP_OF = {token: f"\0{place}" for place, group in enumerate((*_SYMBOLS, *_WORDS)) for token in group}
_SIGNS = ("`", "<", ">", "=", "&&", "||")
_IN_PROSE = ("<", ">", "=", "&&", "||", "\u2264", "\u2265", "\u2260", *_LITERALS)
_TRUTHS = frozenset(("true", "false", "none", "null"))
_STATEMENTS = frozenset(("select", "delete", "update", "insert"))
_LONGEST = 80
# A longer text of code is compared in its first part.
_MOST_CHARACTERS = 20_000


def operator_changed(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag a line or a piece of code that the treatment repeats with another operator or literal."""
    if not _may_differ(control, treatment):
        return None
    ours, theirs = _pieces(control.text), _pieces(treatment.text)
    for mask, said in ours.items():
        other = theirs.get(mask)
        if other and said.keys().isdisjoint(other):
            was, now = (next(iter(each.values()))[:_LONGEST] for each in (said, other))
            return Flag(name="value-changed", detail=f"control says {was}, treatment says {now}")
    return None


def _may_differ(control: ParsedText, treatment: ParsedText) -> bool:
    if not _TRUTHS.isdisjoint(control.words ^ treatment.words):
        return True
    if not _STATEMENTS.isdisjoint(control.words & treatment.words):
        return True
    return any(sign in control.text for sign in _SIGNS) and any(sign in treatment.text for sign in _SIGNS)


def _pieces(text: str) -> dict[tuple[str, ...], dict[tuple[str, ...], str]]:
    """Map the tokens of each piece without its operators to the operators that it has, and to its text."""
    found: dict[tuple[str, ...], dict[tuple[str, ...], str]] = defaultdict(dict)
    for piece, is_code in _parts(text[:_MOST_CHARACTERS]):
        if not is_code and not any(sign in piece for sign in _IN_PROSE):
            continue
        mask, operators = [], []
        for token in _token().findall(piece):
            name = _name(token, is_code=is_code)
            group = _GROUP_OF.get(name) if name else None
            if group:
                operators.append(name)
            mask.append(group or token)
        if operators and len(mask) > len(operators):
            found[tuple(mask)].setdefault(tuple(operators), piece.strip())
    return found


def _name(token: str, *, is_code: bool) -> str:
    """Return the operator in one spelling; in prose only symbols and capital literals are operators."""
    if not is_code and token not in _LITERALS and token[0].isalnum():
        return ""
    name = _SAME.get(token, token)
    if not is_code and token not in _LITERALS and name not in (*_SYMBOLS[0], "and", "or"):
        return ""
    return _SAME.get(name.lower(), name.lower())


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each line and each piece in backticks, and whether it is code."""
    fenced = False
    for line in text.split("\n"):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        yield line, fenced or bool(_statement().match(line))
        if not fenced and "`" in line:
            for piece in line.split("`")[1::2]:
                yield piece, True


_LETTERS = frozenset("abcdefgh")
_CAPITALS = frozenset("ABCDEFGHabcdefgh")
_CHOOSING = word_set("answer option choice antwort lösung réponse choix respuesta opción risposta opzione scelta"
                     " resposta opção alternativa antwoord optie keuze correct right richtig correcte correcta"
                     " correcto corretto corretta juist 案 选 選")  # fmt: skip
_AFTER_LETTER = frozenset((*")].:*", ""))
_CHOICE_WORDS = (
    "answer|option|choice|antwort|lösung|réponse|option|choix|respuesta|opción|risposta|opzione|scelta|resposta|opção"
    "|alternativa|antwoord|optie|keuze"
)


def choice_changed(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag another option of a question with several: "The correct answer is B", "C"."""
    only = control.words ^ treatment.words
    if _LETTERS.isdisjoint(only) or not all(_may_choose(each) for each in (control, treatment)):
        return None
    ours = _choice(control.text)
    theirs = _choice(treatment.text) if ours else ""
    if not ours or not theirs or ours == theirs:
        return None
    return Flag(name="value-changed", detail=f"control chooses {ours}, treatment chooses {theirs}")


def _may_choose(parsed: ParsedText) -> bool:
    return not _CHOOSING.isdisjoint(parsed.words) or (
        parsed.text[:4].lstrip("*([ ")[:1] in _CAPITALS and len(parsed.text.lstrip("*([ ")[:2].strip("*)].: ")) <= 1
    )


def _choice(text: str) -> str:
    """Return the option on which the answer settles, or nothing."""
    opening = _opening_choice().match(text) if len(text) < 3 or text[:4].lstrip("*([ ")[1:2] in _AFTER_LETTER else None
    if opening:
        return (opening["alone"] or opening["first"]).upper()
    matches = [*_choices().finditer(text[-_MOST_CHARACTERS:])]
    # "It looks like option A, but the answer is B" settles on B; several options without an answer settle on none.
    settled = [match for match in matches if match[0][:3].lower() not in ("opt", "opc", "opz", "opç", "alt")] or matches
    found = {next(filter(None, match.groups())).upper() for match in settled}
    return found.pop() if len(found) == 1 else ""


@cache
def _token() -> re.Pattern[str]:
    return re.compile(r"[^\W\u3400-\u9fff]+|[<>=!&|+\-*/%≤≥≠]+|[^\w\s]")


@cache
def _statement() -> re.Pattern[str]:
    return re.compile(
        r"\s*(?:SELECT|INSERT|UPDATE|DELETE|ALTER|CREATE|DROP|WITH|WHERE|FROM|JOIN|AND|OR|ORDER BY|select .* from"
        r"|delete from|update \w+ set|return |if |while |elif |else|for |assert |def |const |let |var )\b.*[=<>(;]"
        r"|\s*(?:SELECT|DELETE|UPDATE|INSERT)\b|\s*\w+ ?=[^=]"
    )


@cache
def _opening_choice() -> re.Pattern[str]:
    return re.compile(
        r"\s*[*(\[]{0,3}(?:(?P<alone>[A-Ha-h])[*)\].:]{0,3}\s*$|(?P<first>[A-H])(?:\)|[.:](?=\s)|\*\*)[ *])"
    )


@cache
def _choices() -> re.Pattern[str]:
    letter = r"(?:\(([a-h])\)|[*_`\"'(\[]{0,3}([A-H])\b(?![\w'&+#/]|\.\w))"
    correct = "correct|right|richtig|correcte?|correct[oa]|corrett[oa]|juist|la bonne"
    return re.compile(
        rf"(?i:\b(?:{_CHOICE_WORDS})(?: \(?(?:{correct}|cert[oa]))?)(?i:\s?(?:is|ist|est|es|è|é|lautet|would be|:"
        rf"|=)?\s?(?:the |die |la |option |letter )?)\s?{letter}"
        rf"|\b([A-H])\)? (?i:is|ist|est|es|è|é) (?i:the |die |la |a )?(?i:{correct})"
        rf"|(?:答案|选项|选择|选|應選)\s?(?:是|为|為|:|:)?\s?([A-H])(?![A-Za-z])"
    )
