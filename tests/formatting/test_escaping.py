"""Escapes of foreign text, at every place where text leaves the package."""

import doctest
import json
import re
import unicodedata

import pytest
from factories import DEEPSEEK, a_case, a_miss, a_pair, a_reply, collected, plain, verdicts_of
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit import cli
from pytest_graysplit.cli.recordings import Line
from pytest_graysplit.errors import RelayError, UsageError
from pytest_graysplit.formatting import escaping
from pytest_graysplit.formatting.escaping import on_one_line, unhidden, visible, visible_json
from pytest_graysplit.reporting import summary
from pytest_graysplit.reporting.dashboard.snapshot_cache import as_text
from pytest_graysplit.reporting.failure import failure
from pytest_graysplit.reporting.json_report import chunks

# One of each kind: CSI, CSI of one byte, OSC, a bell, a backspace, directions, line ends, invisible characters, half
# pairs.
HOSTILE = (
    "\x1b[2J", "\x9b31m", "\x1b]0;title\x07", "\x9d0;title\x9c", "a\x08b", "\x00", "\x7f", "\r", "\x0b", "\x0c", "\x85",
    "\u2028", "\u2029", "\u202a", "\u202e", "\u2066", "\u2069", "\u200e", "\u200f", "\u061c", "\u200b", "\u200c",
    "\u200d", "\u2060", "\ufeff", "\xad", "\u3164", "\u180e", "\U000e0041", "x\ufe0f\ufe01", "\ud800", "\ufffe",
)  # fmt: skip
COMMANDS = (
    "::error::no", "  ::set-output name=a::b", "\t::stop-commands::x", "\u3000::add-mask::x", "ok\n::error::no",
    "ok\r\n::error::no", "##[error]no", "ok ##vso[task.complete]", "##teamcity[testFailed]", ":: error",
)  # fmt: skip
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
COMMAND = re.compile(r"^\s*::|##(?:\[|\w+\[)", re.MULTILINE)


def is_harmless(text):
    return not OBEYED.search(text) and not COMMAND.search(text)


def test_docstring_examples_run():
    """The examples are doctests."""
    assert doctest.testmod(escaping).failed == 0


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_visible_escapes_control_and_invisible_characters(text):
    """They are written as their codes in ASCII; the letters around them stay."""
    shown = visible(f"before{text}after")
    assert shown.isprintable()
    assert "\\" in shown
    assert shown.startswith("before")
    assert shown.endswith("after")
    assert "\\" in unhidden(f"before{text}after")


@pytest.mark.parametrize("text", COMMANDS, ids=ascii)
def test_visible_escapes_commands_of_ci_runners(text):
    """Runners trim lines, and some look into the middle of them."""
    assert COMMAND.search(text)
    assert not COMMAND.search(visible(text))


@pytest.mark.parametrize(
    "text",
    [
        "Zürich: 30 € · 50 % »ja«", "tests/test_x.py::test_y[::1]", "std::vector<int> a; # heading", "## heading\n### more",
        "می‌خواهم", "👨‍👩‍👧 ❤️ 👍🏽 1️⃣", "क्‍ष", "line\n\tindented\n", "a\xa0b\u202fc\u3000d", "e\u0301", r"\x1b is ESC", "",
    ],
)  # fmt: skip
def test_visible_keeps_ordinary_text(text):
    """Also in scripts that join letters by invisible characters, and with the spaces of French and Japanese."""
    assert visible(text) == text
    assert visible_json(text) == text


def test_visible_leaves_no_other_control_character():
    """The categories of Unicode decide, so that characters of later versions are included."""
    seen = {*"\t\n", *map(chr, range(0x600, 0x606)), *"\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"}
    seen |= set(map(chr, range(0x13430, 0x13440)))  # they stack hieroglyphs
    unseen = [
        char for char in map(chr, range(0x110000)) if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]
    assert {char for char in unseen if visible(f"a{char}b") == f"a{char}b"} <= seen


@given(st.text(st.one_of(st.characters(), st.sampled_from("\r\n:# \x1b[\u202e\u200d\ufe0fa"))))
def test_visible_is_idempotent(text):
    """Messages are built from texts that are escaped already."""
    shown = visible(text)
    assert visible(shown) == shown
    assert is_harmless(re.sub("[\u200c\u200d]", "", shown))
    assert "\n" not in on_one_line(text)


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_visible_json_keeps_the_meaning(value):
    """A reader of the report gets every text as the model wrote it."""
    text = visible_json(json.dumps(value, ensure_ascii=False, indent=1))
    assert json.loads(text) == value
    assert text.encode()
    assert visible(text) == text


# --- the doors

EVERYTHING = "".join(f"{text} x\n" for text in (*HOSTILE, *COMMANDS)) + "::error::end"


def failure_text():
    case = a_case(min_similarity=0.9)
    control, treatment = (
        a_reply(f"{EVERYTHING} {one}", model, served_model=EVERYTHING) for one, model in (("1", "gpt"), ("2", DEEPSEEK))
    )
    result = a_pair(case, control, treatment, misses=[a_miss(problem=EVERYTHING)], score=lambda *_: 0.5)
    return failure(result)


def page_json():
    return json.loads(as_text({"text": EVERYTHING, EVERYTHING: [EVERYTHING]}))


OUTPUTS = {
    "a failed test": failure_text,
    "a message": lambda: str(RelayError(EVERYTHING, hint=EVERYTHING, slug="x")),
    "a message's parts": lambda: UsageError(EVERYTHING, hint="", slug="x").problem,
}


@pytest.mark.parametrize("door", OUTPUTS)
def test_outputs_contain_nothing_harmful(door):
    """The terminal and JUnit XML are written from these texts."""
    text = OUTPUTS[door]()
    assert is_harmless(text)
    assert "\\x1b[2J" in text


def test_command_prints_nothing_harmful(capsys):
    """`graysplit recordings check` quotes files that others have edited."""
    cli._print(Line(EVERYTHING))
    assert is_harmless(capsys.readouterr().out)


def test_page_gets_no_control_characters():
    """Values and names alike; a browser runs no commands of CI."""
    page = page_json()
    assert not any(OBEYED.search(text) for text in (page["text"], *page, *(value[0] for value in page.values())))


def test_served_model_cannot_forge_a_summary_line():
    """A served model with a newline in its name would write a verdict of its own."""
    served = "x\n  verdict       PROMOTE: all is well"
    results = collected(a_pair(a_case(), a_reply(), a_reply(model=DEEPSEEK, served_model=served)))
    shown = plain(summary.lines(results, verdicts_of(results), metric="lexical", width=100))
    assert not any(line.strip().startswith("verdict       PROMOTE") for line in shown)
    (noted,) = (reason for verdict in verdicts_of(results) for reason in verdict.reasons if "answered" in reason)
    assert "x\\n  verdict" in noted
    assert "\n" not in noted


def test_json_report_keeps_the_true_text():
    """The file does not harm a terminal either."""
    results = collected(a_pair(a_case(), a_reply(EVERYTHING), a_reply(EVERYTHING, DEEPSEEK)))
    text = "".join(chunks(results, verdicts_of(results), {"id": "x"}))
    assert is_harmless(text)
    (case,) = json.loads(text)["cases"]
    assert case["replies"]["control"][0]["text"] == EVERYTHING
