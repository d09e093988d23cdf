"""A number is read as texts write it, and only the number that an answer settles on counts."""

# ruff: noqa: RUF001 - numbers of many scripts

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.cases.checks.number_expectations import check_number
from pytest_graysplit.formatting.number_reading import plain_numbers, quantities
from pytest_graysplit.types import Expect


def problems(number, text, **rest):
    return [failure.problem for failure in check_number(Expect(number=number, **rest), text)]


def values(text, language=None):
    return [float(one.value) for one in quantities(plain_numbers(text), language)]


WRITTEN = [
    (1250.5, ["1,250.50", "1.250,50 €", "1 250,50", "1\u202f250,50", "1\u00a0250,50", "1'250.50", "1\u2019250.50", "1_250.50",
              "$1,250.50", "EUR1,250.50", "1250.5 USD", "£ 1250.50", "+1250.5", "１２５０.５", "共1,250.50元", "1250,5"]),
    (1234567.89, ["1,234,567.89", "1.234.567,89", "12,34,567.89", "1 234 567,89"]),
    (-5, ["-5", "\u22125 °C", "\u20135", "minus 5", "negative 5", "-$5", "$-5", "-5,0"]),
    (120_000, ["1.2e5", "1.2E+05", "1.2×10^5", "1.2 × 10⁵", r"1.2 \times 10^{5}", "120k", "120 thousand", "0,12 Mio.", "12万",
               "1.2 lakh", "120 tausend"]),
    (5_000_000, ["5 million", "$5M", "5 Millionen", "5 mn", "50 lakh"]),
    (2.5e9, ["2.5 billion", "2,5 Milliarden", "$2.5B", "2,5 mil millones", "2500 million"]),
    (60, ["5 dozen"]),
    (0.5, ["1/2", "½", ".5", "0.5", r"\frac{1}{2}", "0,5"]),
    (3.5, ["3 1/2", "3½", "٣٫٥"]),
    (25, ["25%", "25 %", "25 kg", "25°C"]),
    (1024, ["2^10"]),
    (1250, ["1,250", "1.250 €", "€ 1.250", "Das sind 1.250 Stück", "1.250,0", r"\boxed{1{,}250}"]),
    (1.25, ["1.250", "1.250 kg", "1.250 €/l", "Das sind 1,250 kg"]),
    (0.25, ["0,250", "0.250"]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), [(value, text) for value, texts in WRITTEN for text in texts])
def test_number_is_read_in_any_writing(value, text):
    """Separators of several countries, signs, currencies, exponents, fractions and magnitudes."""
    assert values(text) == [value]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("1,2,3", [1, 2, 3]),
        ("1, 250", [1, 250]),
        ("10-12", [10, 12]),
        ("10 minus 5", [10, 5]),
        ("2026-11-30", []),
        ("Nov 30, 2026 and 30. November 2026", []),
        ("30.11.2026 at 12:30", []),
        ("v1.2.3 at 192.168.0.1", []),
        ("1.250.5.6", []),
        ("a@b7.example https://example.invalid/7", []),
        ("1/0", []),
        ("", []),
    ],
)
def test_other_digits_are_left_out(text, read):
    """Lists are several numbers; dates, times, versions and addresses are not numbers."""
    assert values(text) == read


def test_language_and_other_numbers_decide_about_a_separator():
    """One separator before three digits is ambiguous."""
    assert values("1.250", "de") == [1250]
    assert values("1,250", "de") == [1.25]
    assert values("1.250", "en") == values("1.250") == [1.25]
    assert values("1.250 + 0,5") == [1250, 0.5]
    assert values("1,250 + 0,5") == [1.25, 0.5]
    assert values("1.250 + 1.5") == [1.25, 1.5]


SETTLED = [
    (1250.5, "The total is 1,250.50 EUR."),
    (1250.5, "Order 1001: the total is 1,250.50"),
    (1250.5, "There are 3 items, so the total is 1,250.50."),
    (1250.5, "2 × 625.25 = 1,250.50"),
    (1250.5, "We sold 3 lamps on 2026-11-30. **Total: $1,250.50**"),
    (1250.5, "I added 600 and 650.50, so you pay 1,250.50."),
    (1250.5, "1. First, 600.\n2. Then, 650.50.\n\nThe answer is 1250.50"),
    (1250.5, "Final answer: 1250.50. Not 1300."),
    (1250.5, "It is 1,250.50, not 1,300."),
    (1250.5, "It is 1250.5 (that is, 1,250.50)."),
    (1250.5, '{"total": 1250.5, "items": 3}'),
    (1250.5, "The answer is 7, no: \\boxed{1250.5}"),
    (1250.5, "Die Summe für 2 Lampen beträgt 1.250,50 Euro."),
    (72, "48/2 = 24 clips in May.\n48+24 = 72 clips altogether.\n#### 72"),
    (30, "You have 30 days, and the return is free for 30 days."),
    (1001, "Your order is #1001."),
    (2024, "It happened in 2024."),
    (5, "5."),
]


@pytest.mark.parametrize(("number", "text"), SETTLED)
def test_answer_that_settles_on_the_number_passes(number, text):
    """It is the only value, or it alone has the strongest mark of a final answer."""
    assert problems(number, text) == []


@pytest.mark.parametrize(
    "text",
    ["", "I do not know.", "1,250.50 or 1,300", "1,300 or 1,250.50", "The total is 1,300. (Not 1,250.50.)",
     "It is 1,300, not 1,250.50", "1,300 (previously 1,250.50)", "The total is not 1,250.50.", "It cannot be 1,250.50",
     "1,250.50 is wrong", "more than 1,250.50", "at least 1250.5", "1250.5+", "1250.5 or more", "up to 1250.5",
     "between 1,250.50 and 1,300", "The total is between 1,000 and 1,250.50", "1,200 to 1,250.50",
     "The total is 1,300 or 1,250.50", "The total is 1,250.50 or 1,300", "1250.5 million", "1250.50k", "-1250.5", "12,505",
     "125.05", "1.2505", "1250.5.1", "Answer: 1300\nAnswer: 1250.5", "The price was 1,250.50, and it is 1,300 now.",
     "1300 = 1250.5 + 49.5", "Answer: 1300. Some say that it is 1,250.50."],
)  # fmt: skip
def test_wrong_or_undecided_answer_misses(text):
    """A denied number, a bound, a range, an alternative, another magnitude, and several final answers."""
    assert len(problems(1250.5, text)) == 1


@pytest.mark.parametrize(
    ("number", "text"),
    [(5, "5/10"), (30, "30 to 60 days"), (30, "You have 30 or 60 days"), (30, "130"), (30, "30,5"), (1250, "1.250"), (2, "2 dozen"),
     (0.25, "25%"), (1, "1. First\n2. Then 5"), (4, "4 (four) or 5 (five)"), (5, "GPT-5 says 6")],
)  # fmt: skip
def test_part_of_another_number_misses(number, text):
    """Neither digits of another value, nor a label beside a value."""
    assert len(problems(number, text)) == 1


def test_long_answer_is_read_from_its_end():
    """The last numbers decide, but an early one of another value keeps them from being the only one."""
    assert problems(7, f"3 {'7 ' * 600}") != []
    assert problems(7, "7 " * 600) == problems(7, f"{'3 ' * 600} Answer: 7") == []


def test_tolerance_is_exact():
    """The bounds are within it, without an error of rounding."""
    assert problems(0.3, "0.1", tolerance=0.2) == problems(0.3, "0.5", tolerance=0.2) == []
    assert problems(0.3, "0.50001", tolerance=0.2) != []
    assert problems(3.14159, "3.14") != []
    assert problems(10**30, str(10**30)) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("It costs 1,300.", "expected the number 1250.5, found 1300 ('1,300') in 'It costs 1,300.'"),
        ("Free!", "expected the number 1250.5, found no number in 'Free!'"),
        ("Over 1250.5", "expected the number 1250.5, found 1250.5 only as a bound or denied in 'Over 1250.5'"),
        (
            "1, 2 or 3",
            "expected the number 1250.5, found 1, 2 and 3, of which the answer settles on none, in '1, 2 or 3'",
        ),
        ("1e99999", "expected the number 1250.5, found 1E+99999 ('1e99999') in '1e99999'"),
    ],
)
def test_miss_shows_the_number_that_was_read(text, problem):
    """With its writing, if that could be read in another way."""
    assert problems(1250.5, text) == [problem]
    (within,) = problems(7, "Free!", tolerance=0.5)
    assert within.startswith("expected the number 7 (give or take 0.5), ")


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_any_amount_is_read_back(amount):
    """In English and in German."""
    english = f"{amount:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    for text in (english, german, f"It is {english}.", f"Das sind {german} Euro."):
        assert [one.value for one in quantities(plain_numbers(text))] == [Decimal(amount)], text


@given(st.text(alphabet="0123456789.,-+ /^%$€ekx×½\u202f()\n= *", max_size=40))
def test_any_text_can_be_checked(text):
    """No run of digits and signs breaks the reader."""
    problems(1, text)
