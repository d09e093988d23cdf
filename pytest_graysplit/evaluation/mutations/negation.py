"""Texts with the meaning of one sentence negated, in English and German, and JSON with one truth value flipped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_graysplit.cases.tool_calls.values import around_difference
from pytest_graysplit.evaluation.mutations.mutant import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Sentences of one text that are negated, each in a mutant of its own.
MOST_SENTENCES = 2

_SENTENCE = re.compile(r"[^\n]+?(?:[.!?](?=\s|$)|(?=\n|$))")
# Words that tell the language; none of them is usual in the other one, or in Dutch.
_ENGLISH = re.compile(
    r"\b(?:the|are|and|you|to|can|cannot|be|your|it|not|this|for|have|with|within|they|yes|no)\b", re.IGNORECASE
)
_GERMAN = re.compile(
    r"\b(?:der|die|das|ist|sind|und|sie|nicht|können|kann|ihre?|ein|eine|wird|wir|zu|den|ja|nein|kein)\b", re.IGNORECASE
)
# Questions, requests, conditions, courtesies and feelings: their negation is odd, but not wrong about the matter.
_NO_STATEMENT = re.compile(
    r"\?\W*$|^\W*(?:if|when|whenever|unless|please|feel free|thank|hello|hi|dear|let)\b"
    r"|^\W*(?:wenn|falls|sofern|bitte|danke|hallo)\b"
    r"|\b(?:sorry|apologi[sz]e|happy|glad|pleased|delighted|afraid|hope|thanks?|hesitate|worry|forget|tut mir leid"
    r"|gerne?|freu\w*|hoffe\w*|danke\w*|zögern)\b",
    re.IGNORECASE,
)
_CODE = re.compile(r"```|^\s*(?:def |class |import |from \w+ import|select\b|function\b|[{\[<])", re.IGNORECASE)

# The words before a verb that make its clause a condition or a question.
_DEPENDENT = re.compile(
    r"\b(?:if|whether|what|who|how|why|when|while|unless|until|wenn|falls|ob|was|wer|wie|bis)\b", re.IGNORECASE
)
_NOT = re.compile(
    r"\b(?P<verb>can|could|would|should|will|does|do|did|is|are|was|were|must|need|may|has|have)"
    r"(?:not|n['\u2019]t| not)\b(?! only)",
    re.IGNORECASE,
)
_WONT = re.compile(r"\bwon['\u2019]t\b|\bcan['\u2019]t\b", re.IGNORECASE)
# In lower case only, because May is a month and Will a name.
_VERB = re.compile(r"(?<!\ba )(?<!\bthe )\b(?:can|will|should|must|is|are|was|were|may)\b(?! not|n['\u2019])")
_NO = re.compile(r"(?<=\w )no(?= \w)(?! (?:longer|later|more|less|earlier|matter|problem|worries|doubt)\b)")
_NEVER = re.compile(r"(?<=\w )(?:never|nie|niemals) ")
# A negation of another sort, beside which one more would be hard to read.
_OTHER_NEGATION = re.compile(
    r"\b(?:no|none|nothing|nobody|neither|nor|without|hardly|ohne|weder|nichts|niemand|kaum)\b", re.IGNORECASE
)
_YES_NO = re.compile(r"^(\W*)(yes|no|ja|nein)\b(?=\W*$|\s*[,.!;:\u2013\u2014-])", re.IGNORECASE)
_OTHER = {"yes": "no", "no": "yes", "ja": "nein", "nein": "ja"}

_KEIN = re.compile(r"\bk(ein(?:e[mnrs]?)?)\b", re.IGNORECASE)
_NICHT = re.compile(r"\s+nicht\b(?! nur)", re.IGNORECASE)
_VERB_FIRST_PART = re.compile(
    r"\b(?:kann|können|wird|werden|darf|dürfen|muss|müssen|sollte|sollten|hat|haben|wurde|wurden)\b"
    r"(?P<rest>[^,;.!\n]*?)(?P<last>\s+\w+)(?=\W*(?:[,;.!\n]|$))",
    re.IGNORECASE,
)
_IST = re.compile(r"\b(?:ist|sind|war|waren|gilt|gelten)\b", re.IGNORECASE)

_TRUTH = re.compile(r'"(?:[^"\\]|\\.)*+"|\b(?:true|false)\b')


def negated(text: str) -> Iterator[Change]:
    """Yield the text with one of its first statements negated, or without the negation that it has.

    Texts in other languages, code and answers without a statement give none.

    >>> [change.text for change in negated("Rugs cannot be returned. Is it worn? Lamps can.")]
    ['Rugs can be returned. Is it worn? Lamps can.', 'Rugs cannot be returned. Is it worn? Lamps cannot.']
    """
    negate = None if _CODE.search(text) else _language(text)
    if negate is None:
        return
    made = 0
    for sentence in _SENTENCE.finditer(text):
        if made == MOST_SENTENCES:
            return
        if not _NO_STATEMENT.search(sentence[0]) and (changed := _negate(sentence[0], negate)) is not None:
            made += 1
            was, now = around_difference(" ".join(sentence[0].split()), " ".join(changed.split()), 40)
            yield Change(f"{text[: sentence.start()]}{changed}{text[sentence.end() :]}", f"{was} → {now}")


def flipped(text: str) -> Iterator[Change]:
    """Yield JSON with one of its first truth values flipped.

    >>> [change.text for change in flipped('{"free": true, "note": "true"}')]
    ['{"free": false, "note": "true"}']
    """
    values = [found for found in _TRUTH.finditer(text) if not found[0].startswith('"')]
    for found in values[:MOST_SENTENCES]:
        other = "false" if found[0] == "true" else "true"
        yield Change(f"{text[: found.start()]}{other}{text[found.end() :]}", f"{found[0]} → {other}")


def _language(text: str) -> Callable[[str], str | None] | None:
    english, german = (len(words.findall(text)) for words in (_ENGLISH, _GERMAN))
    if english == german:
        return None
    return _negate_english if english > german else _negate_german


def _negate(sentence: str, negate: Callable[[str], str | None]) -> str | None:
    """Negate the statement of a sentence, and turn a yes before it into a no; without a statement, that is all."""
    answer = _YES_NO.match(sentence)
    if answer is None:
        return negate(sentence)
    return f"{answer[1]}{_in_case_of(answer[2], _OTHER[answer[2].lower()])}{negate(sentence[answer.end() :]) or '.'}"


def _negate_english(sentence: str) -> str | None:
    if found := _WONT.search(sentence):
        return _put(sentence, found, _in_case_of(found[0], "will" if found[0].lower()[0] == "w" else "can"))
    if found := _NOT.search(sentence):
        return _put(sentence, found, found["verb"])
    if found := _NO.search(sentence):
        return _put(sentence, found, "some")
    if found := _NEVER.search(sentence):
        return _put(sentence, found, "")
    found = _VERB.search(sentence)
    if found is None or _DEPENDENT.search(sentence, 0, found.start()) or _OTHER_NEGATION.search(sentence):
        return None
    return _put(sentence, found, f"{found[0]}{'not' if found[0].lower() == 'can' else ' not'}")


def _negate_german(sentence: str) -> str | None:
    if found := _KEIN.search(sentence):
        return _put(sentence, found, _in_case_of(found[0], found[1].lower()))
    if found := _NICHT.search(sentence) or _NEVER.search(sentence):
        return _put(sentence, found, "")
    found = _VERB_FIRST_PART.search(sentence) or _IST.search(sentence)
    if found is None or _DEPENDENT.search(sentence, 0, found.start()) or _OTHER_NEGATION.search(sentence):
        return None
    if "last" in found.groupdict():  # the second part of the verb ends the clause, and the negation stands before it
        return f"{sentence[: found.start('last')]} nicht{sentence[found.start('last') :]}"
    return _put(sentence, found, f"{found[0]} nicht")


def _put(sentence: str, found: re.Match[str], new: str) -> str:
    return f"{sentence[: found.start()]}{new}{sentence[found.end() :]}"


def _in_case_of(old: str, new: str) -> str:
    return new.capitalize() if old[:1].isupper() else new
