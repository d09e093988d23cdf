"""Numbers for people: whole texts at their boundaries, and no value that looks like another one by rounding."""

import doctest
import math
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_graysplit.formatting import display
from pytest_graysplit.formatting.display import (
    change,
    clock,
    count,
    exact_number,
    listed,
    money,
    percent,
    plural,
    points,
    ratio,
    score,
    seconds,
    share,
    shortened,
)


def test_the_examples_in_the_docstrings_are_true():
    """What the module says of itself is run."""
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
def test_money_in_whole(amount, text):
    """Four decimals below a dollar, two above, thousands apart, and unknown is said in words."""
    assert money(amount and Decimal(amount)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value="-1e12", max_value="1e12"))
@example(Decimal("0.00005"))
@example(Decimal("-0.000049"))
def test_no_amount_is_written_as_nothing_unless_it_is_nothing(amount):
    """$0 is for $0; the sign is the sign of the amount."""
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
def test_a_rate_in_whole(part, whole, text):
    """One decimal, and < or > where rounding would claim none or all."""
    assert percent(part, whole) == text


@given(st.integers(1, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@example((1, 2000))
@example((1999, 2000))
@example((10**9 - 1, 10**9))
def test_no_rate_claims_all_or_none_by_rounding(data):
    """0.0% is exactly none of them and 100.0% exactly all of them."""
    part, whole = data
    text = percent(part, whole)
    assert (text == "0.0%") == (part == 0)
    assert (text == "100.0%") == (part == whole)
    assert abs(float(text.strip("<>%")) - 100 * part / whole) <= 0.1


@given(st.floats(0, 1))
def test_no_bound_claims_an_end_by_rounding(value):
    """The bounds of an interval keep to the same rule as the rates."""
    text = share(value)
    assert (text == "0.0") == (value == 0)
    assert (text == "100.0") == (value == 1)


@pytest.mark.parametrize(
    ("difference", "text"),
    [(0.0, "0.0"), (-0.0, "0.0"), (-0.025, "-2.5"), (0.004, "+0.4"), (0.0004, "<+0.1"), (-0.0004, ">-0.1"),
     (1, "+100.0"), (-1, "-100.0"), (1e-300, "<+0.1")],
)  # fmt: skip
def test_points_in_whole(difference, text):
    """One decimal with its sign; a difference is never written as none."""
    assert points(difference) == text


@given(st.floats(-1, 1))
def test_points_keep_the_side_of_zero(difference):
    """Better, worse and the same are told apart, whatever the size."""
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
def test_a_change_in_whole(value, text):
    """Whole percents; -100% is nothing at all, and 0% is the same."""
    assert change(value) == text


@given(st.floats(0, 1e6))
@example(math.nextafter(1, 2))
@example(math.nextafter(1, 0))
def test_no_change_is_hidden_by_rounding(value):
    """0% is exactly the same and -100% exactly nothing; the sign tells cheaper from dearer."""
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
def test_a_ratio_in_whole(value, text):
    """Two decimals, one from ten on; nothing but nothing is x0.00."""
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
def test_a_duration_in_whole(duration_s, text):
    """Three figures at every size, and a dash where nothing was measured."""
    assert seconds(duration_s) == text


@given(st.floats(0, 1e5))
def test_a_duration_is_close_to_what_is_written(duration_s):
    """No text is off by more than a twentieth, and none says 0."""
    number, unit = seconds(duration_s).removeprefix("<").split(" ")
    shown = float(number) * {"s": 1, "ms": 0.001}[unit]
    assert shown > 0
    assert abs(shown - duration_s) <= max(0.001, duration_s / 20)


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [(0, "0 s"), (0.2, "1 s"), (8, "8 s"), (59, "59 s"), (59.5, "1:00"), (60, "1:00"), (125, "2:05"), (3600, "60:00")],
)
def test_a_time_left_in_whole(duration_s, text):
    """Rounded up, so that it never says 0 s while something is left."""
    assert clock(duration_s) == text


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
def test_a_count_in_whole(number, text):
    """The unit changes before rounding would write a thousand of the smaller one."""
    assert count(number) == text


@given(st.integers(0, 999_949_999_999))
def test_a_count_never_has_five_figures(number):
    """A column of counts stays narrow, and close to what was counted."""
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
def test_a_score_in_whole(value, against, text):
    """Two decimals, or as many as it takes to be told from 0, from 1 and from its threshold."""
    assert score(value, against=against) == text


@given(st.floats(0, 1), st.floats(0, 1))
@example(math.nextafter(0.75, 0), 0.75)
@example(0.751234, 0.7512344)
@example(5e-324, 0.0)
@example(math.nextafter(1, 0), 1.0)
def test_a_score_is_never_written_as_a_threshold_it_does_not_have(value, threshold):
    """Below stays below for the reader, however close; and what reaches the threshold reads so."""
    text = score(value, against=threshold)
    assert (float(text) == float(exact_number(threshold))) == (value == threshold)
    assert (float(text) < float(exact_number(threshold))) == (value < threshold)
    assert (float(text) == 1) == (value == 1)
    assert (float(text) == 0) == (value == 0)


def test_a_score_that_is_no_number_is_written_so():
    """A metric of the user's may return anything; writing it does not fail."""
    assert score(math.nan, against=0.75) == "nan"


@given(st.floats(0, 1))
def test_a_threshold_is_written_with_all_its_digits(value):
    """What was given can be read back."""
    assert float(exact_number(value)) == value


# --- words


@pytest.mark.parametrize(
    ("number", "nouns", "text"),
    [(0, None, "0 cases"), (1, None, "1 case"), (2, None, "2 cases"), (1200, None, "1,200 cases"),
     (2, "boxes", "2 boxes")],
)  # fmt: skip
def test_a_count_agrees_with_its_noun(number, nouns, text):
    """One case, two cases, and irregular ones as given."""
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
def test_a_text_is_put_on_one_line(text, width, line):
    """White space is one blank, and what does not fit ends in three dots."""
    assert shortened(text, width) == line


@given(st.text(), st.integers(3, 100))
def test_a_shortened_text_fits(text, width):
    """However long or strange, it is one line that is not wider."""
    line = shortened(text, width)
    assert len(line) <= width
    assert line.splitlines() in ([], [line])


@pytest.mark.parametrize(("names", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_names_are_joined_as_in_a_sentence(names, text):
    """Commas, and the last with and."""
    assert listed(names) == text
