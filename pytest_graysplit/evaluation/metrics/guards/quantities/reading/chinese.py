"""Numbers in Chinese characters, written in figures: "三十天" is "30天"."""

from __future__ import annotations

import re
from functools import cache

_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"\u3007": 0, "两": 2, "兩": 2}
_TENS = {"十": 10, "百": 100, "千": 1000}
_LARGE = {"万": 10_000, "萬": 10_000, "亿": 100_000_000, "億": 100_000_000}
_NUMERALS = "".join((*_DIGITS, *_TENS, *_LARGE))
# The words that a numeral counts. Without one of them "一" is rather a part of a word ("一起", "统一").
MEASURES = (
    "天日月年周週星期个個小时小時分钟分鐘秒元块塊欧美英日镑公斤克毫升米里厘吨次件位人名岁歲倍折点點号號度台本"
    "张張把条條层層章节页页步种種項项瓶盒片粒颗杯份双套间間家所辆輛只隻晚夜工季届期集"
)
# "一个" and "一些" are articles.
_ARTICLES = frozenset(("一个", "一個", "一些", "一种", "一種", "一样", "一定", "一点", "一次性", "一切", "一日三餐"))
_HUNDREDTHS, _PART, _HALF = "百分之", "分之", "半"


def with_figures(text: str) -> str:
    """Return the text with its Chinese numerals in figures; other texts stay as they are.

    >>> with_figures("三十天内,二十万元,百分之五十")
    '30天内,200000元,50%'
    """
    return _numerals().sub(_replaced, text) if _any_numeral().search(text) else text


def _replaced(match: re.Match[str]) -> str:
    if match["percent"]:
        return f"{_value(match['percent'])}%"
    if match["part"]:
        below, _, above = match["part"].partition(_PART)
        return f"{_value(above)}/{_value(below)}"
    if match["half"]:
        return f"0.5{match['half'][1:]}"
    numeral, following = match["numeral"], match.string[match.end() : match.end() + 2]
    if (numeral + following)[:2] in _ARTICLES or (len(numeral) == 1 and following[:1] not in MEASURES):
        return match[0]
    if all(character in _LARGE for character in numeral):  # "1.2万": the number before it is multiplied
        return match[0]
    value = _value(numeral)
    halved = match["and_half"]
    return f"{value + 0.5 if halved else value}{halved.replace(_HALF, '') if halved else ''}"


def _value(numeral: str) -> int | float:
    """Return the number of the characters; "二〇二六" is read digit by digit."""
    if numeral.replace(".", "").isascii():
        return float(numeral)
    if not any(character in _TENS or character in _LARGE for character in numeral):
        return int("".join(str(_DIGITS[character]) for character in numeral)[:15])
    total = section = digit = 0
    last = 1
    for character in numeral:
        if character in _DIGITS:
            digit, last = _DIGITS[character], 1 if character in "零〇" else last
        elif character in _TENS:
            last = _TENS[character]
            section, digit = section + last * (digit or 1), 0
        else:
            last = _LARGE[character]
            total, section, digit = (total + section + digit) * last, 0, 0
    # "三万五" is 35000: a last digit without its place has the next smaller one.
    place = last // 10 if digit and last >= 100 else 1
    return total + section + digit * place


@cache
def _any_numeral() -> re.Pattern[str]:
    return re.compile(f"[{_NUMERALS}{_HALF}]")


@cache
def _numerals() -> re.Pattern[str]:
    numeral = f"[{_NUMERALS}]{{1,24}}"
    return re.compile(
        rf"{_HUNDREDTHS}(?P<percent>{numeral}|[0-9.]{{1,15}})"
        rf"|(?P<part>[{_NUMERALS}]{{1,4}}{_PART}[{_NUMERALS}]{{1,4}})"
        r"|(?P<half>半(?:小时|小時|个小时|个月|天|年|价|公斤))"
        rf"|(?<![0-9])(?P<numeral>{numeral})(?P<and_half>个半)?"
    )
