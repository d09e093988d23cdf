"""Every kind of prompt is in the sample, in its share."""

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
def test_prompts_that_differ_in_case_space_and_digits_are_one(one, other, same):
    """How often and by whom something is asked says little; which words are asked says all."""
    assert (key_of(user(one)) == key_of(user(other))) is same


@given(st.dictionaries(st.integers(0, 99), st.integers(1, 500), min_size=1, max_size=30), st.integers(1, 3000))
def test_a_sample_is_shared_out_fairly(sizes, total):
    """It adds up, takes no more than there is, one of each where it can, and is never a whole case off its share."""
    everything = sum(sizes.values())
    total = min(total, everything)
    taken = allocate(sizes, total)
    assert sum(taken.values()) == total
    assert all(0 <= taken[stratum] <= size for stratum, size in sizes.items())
    if total >= len(sizes):
        assert min(taken.values()) >= 1
    else:
        assert all(abs(taken[stratum] - size * total / everything) < 1 for stratum, size in sizes.items())


def test_a_rare_kind_is_in_a_small_sample():
    """One failed prompt among a thousand good ones of its length, and one in another script."""
    prompts = [
        prompt(f"Tell me about {chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{'x' * (n // 676)} now") for n in range(1000)
    ]
    rare = [prompt("Tell me what failed", error=1), prompt("请解释一下微服务的优点")]
    chosen = draw([*prompts, *rare], 20, seed=0).prompts
    assert len(chosen) == 20
    assert [one.messages[0]["content"] for one in chosen[-2:]] == [one.messages[0]["content"] for one in rare]


def test_trouble_is_what_an_arm_met_in_one_of_ten_requests():
    """A prompt that is asked all the time has failed once; one that fails on the treatment alone is in trouble."""
    often = prompt("Hi", ok=99, error=1)
    assert often.troubles == ()
    often.outcomes["treatment", "refusal"] = 2
    often.outcomes["treatment", "ok"] = 18
    assert often.troubles == ("refusal",)
    assert often.asked == 120
