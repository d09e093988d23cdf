"""JSON of an answer: strict parsing, also inside the one code fence that chat models like to put around it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from pytest_graysplit.formatting.json_text import RECORDING_LEVELS, STRICT, is_nested_deeper

if TYPE_CHECKING:
    from pytest_graysplit.formatting.json_text import Json

# A mark of a code fence: at least three backticks or tildes.
_MARK = re.compile(r"`{3,}+|~{3,}+")
# The whole line of an opening mark, and the language alone, for JSON that begins on that line.
_INFO = re.compile(r"[^\n`]*+\n")
_LANGUAGE = re.compile(r"[ \t]*+[A-Za-z][\w+.-]*+")
# White space, and characters that take no space: a byte order mark and its relatives.
_BLANKS = " \t\r\n\f\v\xa0\u200b\u2060\ufeff"
_BLANK = re.compile(f"[{_BLANKS}]*+")

_DECODER = json.JSONDecoder(**STRICT)


def parse_json_answer(text: str) -> Json:
    r"""Parse an answer as JSON; raise ValueError if it is not, or if it has more than one code fence.

    Extensions of JSON are refused: NaN, Infinity, and repeated names, of which parsers take different ones. A byte
    order mark is ignored.

    >>> parse_json_answer('```json\n{"status": "open"}\n```')
    {'status': 'open'}
    >>> parse_json_answer('Here you are: ~~~JSON {"status": "open"} ~~~')
    {'status': 'open'}
    """
    bare = text.strip(_BLANKS)
    answer = _parse(bare)
    if is_nested_deeper(answer, RECORDING_LEVELS):
        raise ValueError("it is nested too deep")
    return answer


def _parse(bare: str) -> Json:
    try:
        answer: Json = _DECODER.decode(bare)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except ValueError:
        # JSON may hold a fence inside of a text, so a fence is looked for only now.
        if (mark := _MARK.search(bare)) is None:
            raise
        return _in_the_fence(bare, mark)
    return answer


def _in_the_fence(text: str, mark: re.Match[str]) -> Json:
    answer, end = _after_mark(text, mark)
    end = _skip(text, end)
    closing = _MARK.match(text, end)
    if closing is None or closing[0][0] != mark[0][0] or len(closing[0]) < len(mark[0]):
        raise ValueError("the code fence does not end after the JSON")
    second = _MARK.search(text, closing.end())
    if second is not None and second[0] in text[second.end() :]:  # an answer that was cut off has not begun another one
        raise ValueError("there is more than one code fence")
    return answer


def _after_mark(text: str, mark: re.Match[str]) -> tuple[Json, int]:
    """Return the JSON behind an opening mark, and the position after it."""
    info = _INFO.match(text, mark.end())
    language = _LANGUAGE.match(text, mark.end())
    begins = [language.end() if language else mark.end(), mark.end(), info.end() if info else mark.end()]
    problem = ValueError("the code fence holds no JSON")
    for begin in begins:
        try:
            answer, end = _DECODER.raw_decode(text, _skip(text, begin))
        except RecursionError:
            raise ValueError("it is nested too deep") from None
        except ValueError as error:
            problem = error
        else:
            return answer, end
    raise problem


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at
