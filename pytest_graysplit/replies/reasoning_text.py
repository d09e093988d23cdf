"""Separation of a model's thoughts from its answer, where a server leaves both in one text."""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_graysplit.types import Reply

# Only these tags are taken for thoughts: an answer may be XML.
_NAMES = "think|thinking|thoughts?|reasoning"
_OPEN = (
    rf"<\s*(?:\w+:)?(?P<name>{_NAMES})(?:\s[^<>]*?)?(?P<empty>/?)>|\[THINK\]|\u25c1think\u25b7"
    r"|<\|(?:begin_of|start(?:_of)?)_(?:thought|thinking)\|>|<\|channel>thought"
)
_CLOSE = (
    rf"<\s*/\s*(?:\w+:)?(?P<closed>{_NAMES})\s*>|\[/THINK\]|\u25c1/think\u25b7"
    r"|<\|end(?:_of)?_(?:thought|thinking)\|>|<channel\|>"
)
_OPENING = re.compile(_OPEN, re.IGNORECASE)
_CLOSING = re.compile(_CLOSE, re.IGNORECASE)
_TAG = re.compile(rf"(?P<open>{_OPEN})|{_CLOSE}", re.IGNORECASE)
# Marks around the answer, in templates that mark thoughts with <|...|>.
_BEGIN = re.compile(r"\s*(?:<\|(?:begin_of_solution|start_response)\|>)?\s*", re.IGNORECASE)
_END = re.compile(r"<\|(?:end_of_solution|end_response)\|>\s*\Z", re.IGNORECASE)
# gpt-oss (harmony) names a channel for each message; without its special tokens the names run into the text.
_CHANNEL = re.compile(r"(?:<\|start\|>assistant)?<\|channel\|>")
_FINAL = re.compile(r"(?:<\|start\|>assistant)?<\|channel\|>final\b[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
_CHANNEL_MARK = re.compile(
    r"(?:<\|start\|>assistant)?<\|channel\|>[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>|<\|(?:start|end|return|call)\|>"
)
_BARE_CHANNELS = re.compile(r"analysis(?=\S)(?P<thoughts>.*?)assistantfinal(?P<answer>.*)", re.DOTALL)
_BARE_NAME, _BARE_FINAL = "analysis", "assistantfinal"
# A mark of thoughts is short and ends on its line.
LONGEST_MARK = 60
# The possessive ++ keeps both patterns from backtracking over a long line.
_FENCE = re.compile(r"^[ \t]*(?:```++|~~~++)(?P<info>[^\n`]*)$", re.MULTILINE)
_CODE = re.compile(r"`[^`\n]+`")
_QUOTES = "`\"'\u2018\u2019\u201c\u201d\u00ab\u00bb("
_ENDS = ".!?:;\u2026\u3002)]}*>"
_INVISIBLE = "\ufeff\u200b"
# Limits the cost of an answer that consists of tags to that of an ordinary one.
_MOST_BLOCKS, _MOST_TAGS, _MOST_CODE, _SENTENCE = 64, 10_000, 100_000, 200


class Parts(NamedTuple):
    """Thoughts and answer of a text."""

    reasoning: str
    answer: str


class _Tag(NamedTuple):
    begin: int
    end: int
    name: str
    opens: bool
    empty: bool


def split_thoughts(text: str) -> Parts:
    r"""Split a text into thoughts and answer.

    The answer is empty where the thoughts do not end, and the whole text where there are no thoughts. Thoughts stand at
    the start, between their tags; or there is only a closing tag, because the template of the prompt held the opening
    one. A tag that is quoted, or in the middle of an answer, belongs to the answer.

    >>> split_thoughts("<think>\nThey ask for a number.\n</think>\n\n30")
    Parts(reasoning='They ask for a number.', answer='30')
    """
    if not ("<" in text or "[" in text or "\u25c1" in text or text.startswith("analysis")):
        return Parts("", text)
    start = text.lstrip().lstrip(_INVISIBLE).lstrip()
    if _CHANNEL.match(start):
        return _of_channels(start)
    if found := _BARE_CHANNELS.match(start):
        return Parts(found["thoughts"].strip(), found["answer"].strip())
    if _OPENING.match(start):
        return _after_blocks(start)
    return _after_closing_tag(text) or Parts("", text)


def may_begin_with_thoughts(text: str) -> bool:
    """Tell whether the beginning of a text is that of thoughts, or is still too short to tell.

    >>> may_begin_with_thoughts("<thi"), may_begin_with_thoughts("<think>Hm."), may_begin_with_thoughts("<b>Hm.")
    (True, True, False)
    """
    start = text.lstrip().lstrip(_INVISIBLE).lstrip()
    if not start or _OPENING.match(start) or _CHANNEL.match(start):
        return True
    if start.startswith(_BARE_NAME):
        return len(start) == len(_BARE_NAME) or not start[len(_BARE_NAME)].isspace()
    is_open = start[0] in "<[\u25c1" and len(start) < LONGEST_MARK and not re.search(r"[>\]\u25b7\n]", start)
    return is_open or _BARE_NAME.startswith(start)


def may_end_thoughts(text: str, begin: int = 0) -> bool:
    """Tell whether a mark that ends thoughts, or begins the answer, is in the text from `begin` on."""
    return any(found.search(text, begin) for found in (_CLOSING, _FINAL)) or _BARE_FINAL in text[begin:]


def without_thoughts(reply: Reply, is_refusal: Callable[[str], bool]) -> Reply:
    """Remove the thoughts from the text of a reply, which is as it was sent.

    Separately sent reasoning is kept. The outcome is kept too, unless it was "ok" and only thoughts were sent.
    """
    reasoning, answer = split_thoughts(reply.text)
    if answer == reply.text:
        return reply
    outcome = reply.outcome
    if outcome == "ok" and not reply.tool_calls:
        outcome = "empty" if not answer.strip() else "refusal" if is_refusal(answer) else "ok"
    return replace(reply, outcome=outcome, text=answer, reasoning=reply.reasoning or reasoning)


def as_sent(reply: Reply) -> Reply:
    """Return a fresh reply with the text as it was sent, and only the reasoning that was sent separately."""
    if not reply.sent_text:
        return reply
    in_text = split_thoughts(reply.sent_text).reasoning == reply.reasoning
    return replace(reply, text=reply.sent_text, reasoning="" if in_text else reply.reasoning, sent_text="")


def _of_channels(text: str) -> Parts:
    final = _FINAL.search(text)
    before, after = (text[: final.start()], text[final.end() :]) if final else (text, "")
    return Parts(_joined(_CHANNEL_MARK.split(before)), _CHANNEL_MARK.split(after, 1)[0].strip())


def _after_blocks(text: str) -> Parts:
    """Remove all blocks of thoughts at the beginning of the text."""
    tags, at = _tags(text), 0
    thoughts: list[str] = []
    while len(thoughts) < _MOST_BLOCKS and (opening := _OPENING.match(text, at)):
        begin = end = opening.end()
        if not opening["empty"]:
            closing = _closing(text, opening, [tag for tag in tags if tag.begin >= begin])
            if closing is None:
                return Parts(_joined([*thoughts, text[begin:]]), "")
            thoughts.append(text[begin : closing.begin])
            end = closing.end
        at = _begin(text, end)
        if stray := _CLOSING.match(text, at):
            at = _begin(text, stray.end())
    return Parts(_joined(thoughts), _END.sub("", text[at:]))


def _closing(text: str, opening: re.Match[str], tags: list[_Tag]) -> _Tag | None:
    """Find the end of a block; prefer a tag of the block's name, and one outside of quotations."""
    name = (opening["name"] or "").lower()
    found = [tag for tag in tags if not tag.opens]
    if not found:
        # Apparent code may be a fence that the thoughts left open.
        everything = map(_tag_of, islice(_TAG.finditer(text, opening.end()), _MOST_TAGS))
        found = [tag for tag in everything if not tag.opens and not _in_quotes(text, tag) and _ends(text, tag)]
    closing = next((tag for tag in found if tag.name == name), found[0] if found else None)
    return closing and _outermost(closing, tags)


def _outermost(closing: _Tag, tags: list[_Tag]) -> _Tag:
    """Return the end of the whole block where the thoughts contain blocks."""
    depth = 1
    for tag in tags:
        if tag.name == closing.name and not tag.empty:
            depth += 1 if tag.opens else -1
            if depth == 0:
                return tag
    return closing


def _after_closing_tag(text: str) -> Parts | None:
    """Remove everything up to the first closing tag; None unless it stands before every opening tag."""
    if not _CLOSING.search(text) or _is_json(text):
        return None
    for tag in _tags(text):
        if tag.opens:
            return None
        if _ends(text, tag):
            return Parts(text[: tag.begin].strip(), _END.sub("", text[_begin(text, tag.end) :]))
    return None


def _tags(text: str) -> list[_Tag]:
    """Return the tags outside of quotations, in order."""
    code = deque(_code(text))
    kept = []
    for tag in map(_tag_of, islice(_TAG.finditer(text), _MOST_TAGS)):
        while code and code[0][1] <= tag.begin:
            code.popleft()
        if not (code and code[0][0] <= tag.begin) and not _in_quotes(text, tag):
            kept.append(tag)
    return kept


def _tag_of(match: re.Match[str]) -> _Tag:
    name = match["name"] or match["closed"] or ""
    return _Tag(match.start(), match.end(), name.lower(), bool(match["open"]), bool(match["empty"]))


def _code(text: str) -> list[tuple[int, int]]:
    """Return the spans of code: in closed fences, and in backticks on one line."""
    spans: list[tuple[int, int]] = []
    begin: int | None = None
    for fence in islice(_FENCE.finditer(text), _MOST_CODE):
        if begin is None or fence["info"].strip():
            begin = fence.start()  # a fence with a language opens, so the previous one was never closed
        else:
            spans.append((begin, fence.end()))
            begin = None
    return sorted(spans + [found.span() for found in islice(_CODE.finditer(text), _MOST_CODE)])


def _in_quotes(text: str, tag: _Tag) -> bool:
    before, after = text[max(0, tag.begin - 1) : tag.begin], text[tag.end : tag.end + 1]
    return bool(before and after) and before in _QUOTES and after in f"{_QUOTES})"


def _ends(text: str, tag: _Tag) -> bool:
    """Tell whether a closing tag ends the text before it, rather than being a word in a sentence."""
    before = text[max(0, tag.begin - _SENTENCE) : tag.begin].rpartition("\n")[2]
    after = text[tag.end : tag.end + _SENTENCE].partition("\n")[0]
    if not before.strip() or not after.strip() or before.rstrip()[-1] in _ENDS:
        return True
    return not before[-1].isspace() or not (after[0].isspace() or after[0] in ".,;:!?)")


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _begin(text: str, at: int) -> int:
    """Return the position of the next word."""
    found = _BEGIN.match(text, at)
    return found.end() if found else at


def _joined(thoughts: list[str]) -> str:
    return "\n\n".join(filter(None, (thought.strip() for thought in thoughts)))
