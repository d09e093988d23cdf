"""The semantic metric with the guards: good paraphrases pass, unrelated answers and changed meanings do not."""

import os
import subprocess
import sys

import pytest

from pytest_graysplit.cases.checks.assertions import check_comparison
from pytest_graysplit.evaluation.comparison import PairScores, compare
from pytest_graysplit.evaluation.metrics.semantic import Semantic
from pytest_graysplit.evaluation.metrics.text import Lexical
from pytest_graysplit.types import Case, Reply

METRICS = {"lexical": Lexical(), "semantic": Semantic()}

REVERSED = [
    ("Turn left, then right.", "Turn right, then left."),
    ("First unplug the lamp, then remove the bulb.", "First remove the bulb, then unplug the lamp."),
    ("Open the valve, then close the tap.", "Close the valve, then open the tap."),
    ("Copy A to B.", "Copy B to A."),
    ("Copy the file from the server to the laptop.", "Copy the file from the laptop to the server."),
    ("Enable the flag before you restart.", "Restart before you enable the flag."),
    ("Send the invoice before you ship the parcel.", "Ship the parcel before you send the invoice."),
    ("Call the customer after you refund the order.", "Refund the order after you call the customer."),
    ("Always unplug the lamp before cleaning.", "Never unplug the lamp before cleaning."),
    ("Accept the return and reject the claim.", "Reject the return and accept the claim."),
    ("Enable the alarm.", "Disable the alarm."),
    ("Increase the dose.", "Decrease the dose."),
    ("Turn the lamp on.", "Turn the lamp off."),
    ("Alice sued Bob.", "Bob sued Alice."),
]
NEGATED = [
    ("The request was approved.", "The request was not approved."),
    ("You have 30 days to return it.", "You do not have 30 days to return it."),
    ("You can return the lamp.", "You cannot return the lamp."),
    ("The warranty covers this.", "The warranty does not cover this."),
    ("It isn't covered by the warranty.", "It is covered by the warranty."),
    ("We will refund the shipping.", "We won't refund the shipping."),
    ("Rugs can be returned.", "Rugs can't be returned."),
    ("The lamp is in stock.", "The lamp is not in stock."),
    ("There are fees for this.", "There are no fees for this."),
    ("You need a receipt.", "You don't need a receipt."),
    ("Returns are free.", "Returns are never free."),
    ("Do restart the router.", "Do not restart the router."),
]
NUMBERS = [
    ("It costs 42 euros.", "It costs 24 euros."),
    ("You have 30 days.", "You have 14 days."),
    ("The refund takes 5 to 7 working days.", "The refund takes 5 to 10 working days."),
    ("Shipping is 4.90 EUR.", "Shipping is 9.40 EUR."),
    ("We close at 17:00.", "We close at 18:00."),
    ("The discount is 10%.", "The discount is 20%."),
    ("It is due on March 3, 2026.", "It is due on March 13, 2026."),
    ("You may order two lamps.", "You may order three lamps."),
    ("It was founded in 1998.", "It was founded in 1989."),
    ("The order number is 48213.", "The order number is 48231."),
    ("The warranty lasts two years.", "The warranty lasts three years."),
    ("It weighs 1.5 kg.", "It weighs 15 kg."),
]
PARAPHRASES = [
    ("Paris is the capital of France.", "The capital city of France is Paris."),
    ("You can send the lamp back within 30 days.", "Lamps may be returned for up to 30 days."),
    ("Your refund arrives 5 to 7 working days after we get the parcel.",
     "Once the parcel reaches us, you will have your money back in 5 to 7 working days."),
    ("Shipping to Austria costs 4.90 EUR.", "For deliveries to Austria we charge 4.90 EUR."),
    ("We do not take back rugs unless they are faulty.", "Rugs cannot be returned except when they are defective."),
    ("Support is available from Monday to Friday, 9:00 to 17:00.",
     "You can reach support on weekdays between 9:00 and 17:00."),
    ("I will ask a colleague and get back to you.", "Let me check with a coworker, and I will come back to you."),
    ("The lamp has a warranty of two years.", "There is a 2 year guarantee on the lamp."),
    ("Please send us a photo of the damage.", "Could you send a picture of the damage, please?"),
    ("Your order has been shipped and will arrive tomorrow.", "We have sent your order; it will be there tomorrow."),
    ("You cannot return a used lamp.", "A lamp that has been used can't be sent back."),
    ("Orders above 60 EUR ship for free.", "There is no shipping fee for orders over 60 EUR."),
    ("We are sorry that your lamp arrived broken.", "We apologise that the lamp you received was damaged."),
    ("Delivery takes 2 to 4 working days within the EU.", "Within the EU, parcels are delivered in 2 to 4 working days."),
    ("The label for the return is free.", "You don't pay for the return label."),
    ("Restart the router and wait for one minute.", "Reboot the router, then wait a minute."),
    ("He did not attend the meeting because he was ill.", "Because he was sick, he was absent from the meeting."),
]  # fmt: skip
UNRELATED = [
    ("You can send the lamp back within 30 days.", "Our offices are closed on public holidays."),
    ("Shipping is free above 60 EUR.", "A rug is made to order and cannot be returned."),
    ("Restart the router.", "The capital of France is Paris."),
    ("I will ask a colleague.", "Your refund takes 5 to 7 working days."),
]


def misses(name, control, treatment):
    """Return the misses of a treatment that must reach 0.75, by the same path as a test: score, guards, threshold."""
    case = Case(id="probe", messages=({"role": "user", "content": "?"},), min_similarity=0.75, metric=name)
    replies = [Reply(model=model, outcome="ok", text=text) for model, text in (("a", control), ("b", treatment))]
    score = METRICS[name].score
    scores = PairScores.of(replies[:1], replies[1:], lambda c, t: score(c.text, t.text))
    comparison = compare(case, replies[:1], replies[1:], metric=name, scores=scores)
    return check_comparison(case, comparison, "b")


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(("control", "treatment"), [*REVERSED, *NEGATED, *NUMBERS])
def test_semantic_fails_a_changed_meaning_of_similar_letters(name, control, treatment):
    """A reversed instruction, a flipped negation, a changed number: in either direction."""
    assert misses(name, control, treatment)
    assert misses(name, treatment, control)


@pytest.mark.parametrize(("control", "treatment"), PARAPHRASES)
def test_semantic_passes_a_good_paraphrase(control, treatment):
    """It reaches 0.75 without a flag."""
    assert misses("semantic", control, treatment) == []


@pytest.mark.parametrize(("control", "treatment"), UNRELATED)
def test_semantic_fails_an_unrelated_answer(control, treatment):
    """Answers from the same shop about something else."""
    assert [miss.kind for miss in misses("semantic", control, treatment)] == ["similarity"]


def test_semantic_score_is_a_symmetric_share():
    """1 for equal texts, 0 where one side is blank, from 0 to 1 for any texts."""
    semantic = METRICS["semantic"]
    texts = [
        "You can return it.",
        "用户可以退货",
        "",
        "  ",
        "🙂",
        "x" * 1500,
        "half \ud83d",
        "You can return it. " * 80,
    ]
    for one in texts:
        assert semantic.score(one, one) == 1.0
        for other in texts:
            assert 0.0 <= semantic.score(one, other) == semantic.score(other, one) <= 1.0
    assert semantic.score("You can return it.", "") == 0.0


def test_semantic_reads_a_long_answer_to_its_end():
    """A difference beyond the model's 512 tokens still changes the score."""
    beginning = "Thank you for your mail about the lamp that you ordered from us last week. " * 40
    semantic = METRICS["semantic"]
    ours, theirs = beginning + "You can return it. " * 40, beginning + "Paris is the capital of France. " * 40
    assert semantic.score(ours, theirs) < 0.97


def test_semantic_embeds_each_text_once():
    """A control is compared with many treatments."""
    seen = []

    def embed(text):
        seen.append(text)
        return [1.0, 0.0] if text == "a" else [0.8, 0.6]

    semantic = Semantic(embed)
    assert [semantic.score("a", "b"), semantic.score("b", "a"), semantic.score("a", "c")] == [0.0] * 3
    assert seen == ["a", "b", "c"]


def test_semantic_downloads_nothing():
    """The model loads without a network, and no hub is contacted."""
    environ = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    code = "from pytest_graysplit.evaluation.metrics.semantic import Semantic; print(Semantic().score('a lamp', 'one lamp') > 0.5)"
    run = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert run.stdout == "True\n"
