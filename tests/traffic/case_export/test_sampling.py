"""The sample contains every kind of prompt, in proportion."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.traffic.case_export.sampling import Prompt, allocate, draw, key_of


def user(text):
    return [{"role": "user", "content": text}]


def prompt(text, **outcomes):
    counts = Counter({("control", outcome): count for outcome, count in (outcomes or {"ok": 1}).items()})
    return Prompt(key=key_of(user(text)), messages=user(text), params={}, unit=None, outcomes=counts)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Where is order 12?", "where is\n order 9999?", True),
        ("Where is order 12?", "Where is order?", False),
        ("Straße", "STRASSE", True),
        ("Where's it?", "Wheres it?", False),
    ],
)
def test_key_ignores_case_space_and_digits(one, other, same):
    """Prompts with the same words are one prompt."""
    assert (key_of(user(one)) == key_of(user(other))) is same


@given(st.dictionaries(st.integers(0, 99), st.integers(1, 500), min_size=1, max_size=30), st.integers(1, 3000))
def test_allocate_is_proportional(sizes, total):
    """The shares add up, do not exceed the sizes, are at least one if possible, and are within one case of the exact
    share.
    """
    everything = sum(sizes.values())
    total = min(total, everything)
    taken = allocate(sizes, total)
    assert sum(taken.values()) == total
    assert all(0 <= taken[stratum] <= size for stratum, size in sizes.items())
    if total >= len(sizes):
        assert min(taken.values()) >= 1
    else:
        assert all(abs(taken[stratum] - size * total / everything) < 1 for stratum, size in sizes.items())


def test_draw_includes_rare_strata():
    """One failed prompt among a thousand good ones of its length, and one in another script."""
    prompts = [
        prompt(f"Tell me about {chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{'x' * (n // 676)} now") for n in range(1000)
    ]
    rare = [prompt("Tell me what failed", error=1), prompt("请解释一下微服务的优点")]
    chosen = draw([*prompts, *rare], 20, seed=0).prompts
    assert len(chosen) == 20
    assert [one.messages[0]["content"] for one in chosen[-2:]] == [one.messages[0]["content"] for one in rare]


def test_prompt_failures_need_a_tenth_of_an_arms_requests():
    """A single failure of a frequent prompt does not count; a prompt that fails only on the treatment does."""
    often = prompt("Hi", ok=99, error=1)
    assert often.failures == ()
    often.outcomes["treatment", "refusal"] = 2
    often.outcomes["treatment", "ok"] = 18
    assert often.failures == ("refusal",)
    assert often.asked == 120
