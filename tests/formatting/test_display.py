"""Numbers for people: whole texts at their boundaries, and no value that rounding makes look like another."""

import doctest
import math
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_graysplit.formatting import display
from pytest_graysplit.formatting.display import (
    change,
    count,
    exact_number,
    format_clock,
    format_score,
    format_share,
    listed,
    money,
    percent,
    plural,
    points,
    ratio,
    seconds,
    shortened,
)


def test_docstring_examples_run():
    """The examples are doctests."""
    assert doctest.testmod(display).failed == 0


# --- money


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "unknown"),
        ("0", "$0.0000"),
        ("-0", "$0.0000"),
        ("0.00001", "<$0.0001"),
        ("-0.00001", "-<$0.0001"),
        ("0.00009999", "<$0.0001"),
        ("0.0001", "$0.0001"),
        ("0.93904", "$0.9390"),
        ("-0.93904", "-$0.9390"),
        ("1", "$1.00"),
        ("1234.5", "$1,234.50"),
        ("-1234567.891", "-$1,234,567.89"),
        ("1E-30", "<$0.0001"),
        ("1E+3", "$1,000.00"),
    ],
)
def test_money_writes_whole_texts(amount, text):
    """Four decimals below a dollar, two above, separated thousands, and a word for unknown."""
    assert money(amount and Decimal(amount)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value="-1e12", max_value="1e12"))
@example(Decimal("0.00005"))
@example(Decimal("-0.000049"))
def test_money_writes_zero_only_for_zero(amount):
    """$0 is only for 0, and the sign is that of the amount."""
    text = money(amount)
    shown = Decimal(text.replace("$", "").replace(",", "").replace("<", ""))
    assert (shown == 0) == (amount == 0)
    assert text.startswith("-") == (amount < 0)


# --- rates


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "none"),
        (0, 9, "0.0%"),
        (9, 9, "100.0%"),
        (1, 2000, "0.1%"),
        (1, 2001, "<0.1%"),
        (1999, 2000, ">99.9%"),
        (1998, 2000, "99.9%"),
        (118, 120, "98.3%"),
        (999_999, 1_000_000, ">99.9%"),
    ],
)
def test_percent_writes_whole_texts(part, whole, text):
    """One decimal, and < or > where rounding would show 0% or 100%."""
    assert percent(part, whole) == text


@given(st.integers(1, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@example((1, 2000))
@example((1999, 2000))
@example((10**9 - 1, 10**9))
def test_percent_shows_none_and_all_exactly(data):
    """0.0% is exactly none of them, and 100.0% exactly all of them."""
    part, whole = data
    text = percent(part, whole)
    assert (text == "0.0%") == (part == 0)
    assert (text == "100.0%") == (part == whole)
    assert abs(float(text.strip("<>%")) - 100 * part / whole) <= 0.1


@given(st.floats(0, 1))
def test_format_share_shows_the_ends_exactly(value):
    """The bounds of an interval follow the same rule as the rates."""
    text = format_share(value)
    assert (text == "0.0") == (value == 0)
    assert (text == "100.0") == (value == 1)


@pytest.mark.parametrize(
    ("difference", "text"),
    [(0.0, "0.0"), (-0.0, "0.0"), (-0.025, "-2.5"), (0.004, "+0.4"), (0.0004, "<+0.1"), (-0.0004, ">-0.1"),
     (1, "+100.0"), (-1, "-100.0"), (1e-300, "<+0.1")],
)  # fmt: skip
def test_points_writes_whole_texts(difference, text):
    """One decimal with its sign; a difference is never written as 0."""
    assert points(difference) == text


@given(st.floats(-1, 1))
def test_points_keeps_the_sign(difference):
    """Better, worse and equal are distinct at any size."""
    text = points(difference)
    assert (text == "0.0") == (difference == 0)
    assert ("-" in text) == (difference < 0)
    assert ("+" in text) == (difference > 0)


# --- ratios


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "-100%"), (1e-9, "<-99%"), (0.004, "<-99%"), (0.006, "-99%"), (0.03, "-97%"), (0.5, "-50%"), (0.996, ">-1%"),
     (1, "0%"), (1.002, "<+1%"), (1.01, "+1%"), (1.5, "+50%"), (21, "+2000%")],
)  # fmt: skip
def test_change_writes_whole_texts(value, text):
    """Whole percents; only 0 is -100%, and only an equal value is 0%."""
    assert change(value) == text


@given(st.floats(0, 1e6))
@example(math.nextafter(1, 2))
@example(math.nextafter(1, 0))
def test_change_is_not_hidden_by_rounding(value):
    """0% is exactly equal and -100% exactly 0; the sign shows whether it is cheaper."""
    text = change(value)
    assert (text == "0%") == (value == 1)
    assert (text == "-100%") == (value == 0)
    assert ("+" in text) == (value > 1)
    assert ("-" in text) == (value < 1)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "x0.00"), (0.004, "<x0.01"), (0.005, "x0.01"), (0.69, "x0.69"), (1.0, "x1.00"), (9.994, "x9.99"),
     (9.995, "x10.0"), (12.34, "x12.3"), (1234.5, "x1234.5"), (math.inf, "xinf")],
)  # fmt: skip
def test_ratio_writes_whole_texts(value, text):
    """Two decimals, one from ten on; only 0 is x0.00."""
    assert ratio(value) == text


# --- durations


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [
        (None, "-"),
        (0.0, "<1 ms"),
        (0.0005, "<1 ms"),
        (0.00099, "<1 ms"),
        (0.001, "1 ms"),
        (0.012, "12 ms"),
        (0.0994, "99 ms"),
        (0.0995, "0.10 s"),
        (0.42, "0.42 s"),
        (9.994, "9.99 s"),
        (9.995, "10.0 s"),
        (12.34, "12.3 s"),
        (99.94, "99.9 s"),
        (99.95, "100 s"),
        (340, "340 s"),
    ],
)
def test_seconds_writes_whole_texts(duration_s, text):
    """Three digits at every size, and a dash without a measurement."""
    assert seconds(duration_s) == text


@given(st.floats(0, 1e5))
def test_seconds_is_close_to_the_duration(duration_s):
    """No text is off by more than a twentieth, and none says 0."""
    number, unit = seconds(duration_s).removeprefix("<").split(" ")
    shown = float(number) * {"s": 1, "ms": 0.001}[unit]
    assert shown > 0
    assert abs(shown - duration_s) <= max(0.001, duration_s / 20)


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [(0, "0 s"), (0.2, "1 s"), (8, "8 s"), (59, "59 s"), (59.5, "1:00"), (60, "1:00"), (125, "2:05"), (3600, "60:00")],
)
def test_format_clock_rounds_up(duration_s, text):
    """A text of 0 s means that no time remains."""
    assert format_clock(duration_s) == text


# --- counts


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (940, "940"),
        (999, "999"),
        (1000, "1.0k"),
        (12_400, "12.4k"),
        (999_949, "999.9k"),
        (999_950, "1.0M"),
        (1_200_000, "1.2M"),
        (999_949_999, "999.9M"),
        (999_950_000, "1.0G"),
        (12_345_678_901, "12.3G"),
    ],
)
def test_count_writes_whole_texts(number, text):
    """The unit changes before rounding would write a thousand of the smaller one."""
    assert count(number) == text


@given(st.integers(0, 999_949_999_999))
def test_count_has_at_most_four_digits(number):
    """A column of counts stays narrow, and close to the numbers."""
    text = count(number)
    assert len(text) <= 6
    units = {"k": 1e3, "M": 1e6, "G": 1e9}
    shown = float(text.rstrip("kMG")) * units.get(text[-1], 1)
    assert abs(shown - number) <= max(0, number / 19)


# --- similarities


@pytest.mark.parametrize(
    ("value", "against", "text"),
    [
        (0.41, None, "0.41"),
        (0.41, 0.75, "0.41"),
        (0.75, 0.75, "0.75"),
        (0.625, 0.625, "0.625"),
        (0.7496, 0.75, "0.7496"),
        (0.7500001, 0.75, "0.7500001"),
        (0.0, None, "0.00"),
        (1.0, None, "1.00"),
        (0.996, None, "0.996"),
        (0.004, None, "0.004"),
        (0.99999, 0.99999, "0.99999"),
        (math.nextafter(0.75, 0), 0.75, "0.7499999999999999"),
    ],
)
def test_format_score_writes_whole_texts(value, against, text):
    """Two decimals, or as many as distinguish it from 0, from 1 and from its threshold."""
    assert format_score(value, against=against) == text


@given(st.floats(0, 1), st.floats(0, 1))
@example(math.nextafter(0.75, 0), 0.75)
@example(0.751234, 0.7512344)
@example(5e-324, 0.0)
@example(math.nextafter(1, 0), 1.0)
def test_format_score_keeps_the_side_of_the_threshold(value, threshold):
    """A score below the threshold reads as below it, and others do not."""
    text = format_score(value, against=threshold)
    assert (float(text) == float(exact_number(threshold))) == (value == threshold)
    assert (float(text) < float(exact_number(threshold))) == (value < threshold)
    assert (float(text) == 1) == (value == 1)
    assert (float(text) == 0) == (value == 0)


def test_format_score_accepts_nan():
    """A metric of the user may return anything, and writing it does not fail."""
    assert format_score(math.nan, against=0.75) == "nan"


@given(st.floats(0, 1))
def test_exact_number_keeps_all_digits(value):
    """The text can be parsed to the same number."""
    assert float(exact_number(value)) == value


# --- words


@pytest.mark.parametrize(
    ("number", "nouns", "text"),
    [(0, None, "0 cases"), (1, None, "1 case"), (2, None, "2 cases"), (1200, None, "1,200 cases"),
     (2, "boxes", "2 boxes")],
)  # fmt: skip
def test_plural_agrees_with_its_noun(number, nouns, text):
    """One case, two cases, and irregular nouns as given."""
    assert plural(number, "case", nouns) == text


@pytest.mark.parametrize(
    ("text", "width", "line"),
    [
        ("short", 5, "short"),
        ("two\n  lines\tand tabs", 80, "two lines and tabs"),
        ("one two three", 10, "one two..."),
        ("one two three", 3, "..."),
        ("", 4, ""),
    ],
)
def test_shortened_writes_one_line(text, width, line):
    """White space becomes one blank, and a cut text ends in three dots."""
    assert shortened(text, width) == line


@given(st.text(), st.integers(3, 100))
def test_shortened_fits_the_width(text, width):
    """Any text becomes one line that is not wider."""
    line = shortened(text, width)
    assert len(line) <= width
    assert line.splitlines() in ([], [line])


@pytest.mark.parametrize(("names", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_listed_joins_names_as_in_a_sentence(names, text):
    """Commas, and "and" before the last name."""
    assert listed(names) == text
