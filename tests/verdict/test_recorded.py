"""The verdict on real answers: the recordings of the example, of two small open models."""

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from factories import a_case, a_miss, a_pair, a_reply, collected

from pytest_graysplit.cases.checks.assertions import check_reply
from pytest_graysplit.cases.files import read_cases
from pytest_graysplit.config.policy import Policy
from pytest_graysplit.replies.relay.failures import RawResponse
from pytest_graysplit.replies.relay.response import read_response
from pytest_graysplit.verdict import RunFacts, decide

DESK = Path(__file__).resolve().parents[2] / "examples" / "support-desk"
STRONGER, WEAKER = "qwen2.5-coder-0.5b", "smollm2-135m"


@pytest.fixture(scope="module")
def passed():
    """Whether each recorded answer passed its case: by case, model and sample."""
    cases = {case.id: case for path in DESK.glob("*.graysplit.yaml") for case in read_cases(path, path.name)}
    table = {}
    for line in map(json.loads, (DESK / "answers-as-received.jsonl").read_text(encoding="utf-8").splitlines()):
        answer = RawResponse(status=200, headers={}, body=json.dumps(line["response"]).encode())
        reply = read_response(answer, model=line["model"], sent=line["request"], is_refusal=lambda _: False, redact=str)
        misses = check_reply(cases[line["case"]], reply, "control", lambda reference, text: 0.0)
        table[line["case"], line["model"], line["sample"]] = not misses
    return table


def verdict(pairs, model):
    """The verdict of a run with these pairs of passes, of the stronger model and another."""
    return decide(
        collected(
            *(
                a_pair(
                    a_case(f"case-{number:03}"),
                    a_reply(model=STRONGER),
                    a_reply(model=model),
                    control_misses=[] if control else [a_miss("control")],
                    misses=[] if treatment else [a_miss()],
                )
                for number, (control, treatment) in enumerate(pairs)
            )
        ),
        model,
        Policy(),
        RunFacts(),
    )


def paired(passed, names, model, control_sample=0, sample=0):
    return [(passed[name, STRONGER, control_sample], passed[name, model, sample]) for name in names]


def names_of(passed):
    return sorted({case for case, _, _ in passed})


@pytest.mark.parametrize("sample", [0, 1])
def test_recorded_weaker_model_is_rejected(passed, sample):
    """With either of its samples, against the control's first and second."""
    for control_sample in range(2):
        pairs = paired(passed, names_of(passed), WEAKER, control_sample, sample)
        assert verdict(pairs, WEAKER).decision == "reject"


def test_recorded_weaker_model_is_never_promoted(passed):
    """Against the control's worst sample, forty cases may hold."""
    for sample in range(2):
        for control_sample in range(3):
            pairs = paired(passed, names_of(passed), WEAKER, control_sample, sample)
            assert verdict(pairs, WEAKER).decision != "promote"


def test_recorded_eight_cases_hold_with_a_number(passed):
    """Too few to reject, and the reason names the number that is needed."""
    decided = verdict(paired(passed, names_of(passed)[:8], WEAKER), WEAKER)
    assert decided.decision == "hold"
    assert decided.needed >= 30
    assert "more cases are needed" in " ".join(decided.reasons)


@pytest.mark.no_cover
def test_recorded_model_is_never_rejected_against_itself(passed):
    """Two hundred resamples of the cases, each with two different samples of the control in either role."""
    dice, names, decisions = Random(1), names_of(passed), Counter()
    for _ in range(200):
        pairs = []
        for name in dice.choices(names, k=len(names)):
            control, treatment = dice.sample(range(3), 2)
            pairs += paired(passed, [name], STRONGER, control, treatment)
        decisions[verdict(pairs, STRONGER).decision] += 1
    assert decisions["reject"] == 0
    assert decisions["hold"] > decisions["promote"]
