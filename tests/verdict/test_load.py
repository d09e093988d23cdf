"""Warnings about the number of requests in flight, on values, without any relay."""

import random

import pytest
from factories import DEEPSEEK, a_case, a_pair, a_reply, an_error, collected, plain, verdicts_of

from pytest_graysplit.reporting.summary import lines
from pytest_graysplit.verdict.load import warnings

RISES = "latency rises with the number in flight"


def suite(loads, took, tokens=lambda number: 5):
    """Cases of two models, asked in turn; `loads` and `took` are functions of the number of the request."""

    def reply(number, **fields):
        output = tokens(number)
        return a_reply(latency_s=took(number), in_flight=loads(number), tokens=(10, output), **fields)

    return collected(
        *(
            a_pair(a_case(f"case-{n:03}"), reply(2 * n), reply(2 * n + 1, text="x", model=DEEPSEEK))
            for n in range(40)
        )
    )  # fmt: skip


def filling(number):
    """The slots fill up one by one, and then stay full."""
    return min(number + 1, 16)


def test_load_warning_about_a_server_with_a_queue():
    """Every request waits for the earlier ones; the text has the figures of both ends and the remedy."""
    [told] = warnings(suite(filling, lambda number: 0.5 * filling(number)))
    assert told == (
        "latency rises with the number in flight (2.00 s at 1-7, 8.00 s at 9-16): "
        "lower --graysplit-concurrency for a local server"
    )


@pytest.mark.parametrize("seed", range(40))
def test_load_warning_needs_more_than_chance(seed):
    """With any variance, chance decides which answers were the first ones."""
    dice = random.Random(seed)
    took = [dice.lognormvariate(0, 1) for _ in range(80)]
    assert list(warnings(suite(filling, took.__getitem__))) == []


@pytest.mark.parametrize(
    ("loads", "took"),
    [
        (filling, lambda number: 1.0),
        (filling, lambda number: 1.0 + 0.0001 * filling(number)),
        (filling, lambda number: 0.005 * filling(number)),
        (filling, lambda number: 9.0 / filling(number)),
        (lambda number: None, lambda number: number + 1.0),
        (lambda number: 16, lambda number: number + 1.0),
        (lambda number: 1, lambda number: number + 1.0),
        (lambda number: 1 + (number > 1), lambda number: 1.0 + (number > 1)),
        (filling, lambda number: None),
        (filling, lambda number: 0.0),
    ],
    ids=[
        "constant",
        "next-to-constant",
        "busy-client",
        "falls",
        "unknown",
        "full",
        "alone",
        "two-places",
        "untimed",
        "zero",
    ],
)
def test_load_warning_needs_a_rise_and_enough_data(loads, took):
    """Almost no data, or almost no rise, is not worth a warning."""
    assert list(warnings(suite(loads, took))) == []


def test_load_warning_ignores_short_answers_at_the_start():
    """If the time per token stays the same, the length rises."""
    first = {"took": lambda number: 0.5 * filling(number), "tokens": lambda number: 100 * filling(number)}
    assert list(warnings(suite(filling, **first))) == []


def test_load_warning_ignores_failed_calls():
    """A timeout takes its time under any load."""
    failed = [
        a_pair(a_case(f"case-{n}"), an_error(), a_reply("x", DEEPSEEK, outcome="error", latency_s=60.0, in_flight=16))
        for n in range(40)
    ]
    assert list(warnings(collected(*failed))) == []


def test_load_warning_about_different_loads_of_the_models():
    """A control that was recorded alone, and a treatment among sixteen."""
    [told] = warnings(suite(lambda number: 16 if number % 2 else 1, lambda number: 1.0))
    assert told == (
        "the models were asked under different loads, control claude-sonnet-4.5 with 1 in flight and treatment "
        "deepseek-v3.2 with 16 in flight: part of the difference in latency comes from the load, "
        "--graysplit-record=all measures both again"
    )


@pytest.mark.parametrize(("loads", "told"), [(filling, " · up to 16 in flight · "), (lambda number: None, "")])
def test_summary_header_names_the_requests_in_flight(loads, told):
    """The largest number of all replies; nothing if the recordings do not know it."""
    results = suite(loads, lambda number: 1.0)
    header = plain(lines(results, verdicts_of(results), metric="lexical", width=120))[0]
    assert header == f"40 cases · control claude-sonnet-4.5 · replayed 0 of 80 replies{told or ' · '}metric lexical"
