"""The tests of a support desk that asks a model, written in Python; each shows a different fixture or field."""

import pytest

SUMMARISE = "Summarise this customer's message in one sentence of at most 25 words.\n\n"
MAILS = {
    "sum-1": (
        "I ordered the Aurora lamp three weeks ago as a birthday present. It came late, the box was torn and one foot "
        "was scratched. I called twice and nobody rang back. I do not want another one, I want my money."
    ),
    "sum-2": (
        "Your driver left my rug with a neighbour I do not know. It took me two days to find it. The rug is lovely, "
        "but please ring the bell next time."
    ),
    "sum-3": (
        "The dimmer hums at low light. I tried three different bulbs from your list and the hum stays. It is fine at "
        "full brightness. Could you send a new dimmer? The lamp itself is good."
    ),
    "sum-5": "Please stop the paper catalogue. I get two each month, at two addresses, and I only ever order online.",
}

EXTRACT = (
    "Extract order_number, product and problem from the message. "
    "Reply with one JSON object with exactly these three keys and nothing else.\n\nMessage: "
)
ORDERS = {
    "ext-1": "Hi, order 48213, the Aurora table lamp flickers when it is dimmed.",
    "ext-2": "My order no. 50017 contained a Fjord rug with a loose seam.",
    "ext-3": "The glass of the Halo pendant was cracked. It was order 61150.",
}


def prompts(task, texts, *names):
    """Return one parameter per text; its id names the case."""
    return pytest.mark.parametrize("prompt", [pytest.param(task + texts[name], id=name) for name in names])


# Both models have answered before the body runs; the threshold is asserted after it.
@pytest.mark.graysplit(min_similarity=0.3)
@prompts(SUMMARISE, MAILS, "sum-1", "sum-2", "sum-3", "sum-5")
def test_summaries_agree(graysplit, prompt):
    assert graysplit.treatment.text != prompt.removeprefix(SUMMARISE), "that is no summary"


# Runs once per model, so plain asserts give each model its own pass rate.
@pytest.mark.graysplit
@prompts(EXTRACT, ORDERS, "ext-1", "ext-2", "ext-3")
def test_order_number_is_found(graysplit_reply, prompt):
    number = next(word for word in prompt.replace(",", " ").replace(".", " ").split() if word.isdecimal())
    assert number in graysplit_reply.text


# A metric of our own, from conftest.py. The built-in guards still look at the answers.
@pytest.mark.graysplit(metric="order-number", min_similarity=1)
@prompts(EXTRACT, ORDERS, "ext-2", "ext-3")
def test_models_find_the_same_order(graysplit, prompt):
    assert graysplit.treatment.text != prompt


# One test per case of the file, with its expectations; the body may check more.
@pytest.mark.graysplit(cases="policy.yaml")
def test_policy(graysplit):
    assert "language model" not in graysplit.treatment.text


# A prompt that is only known inside the test.
@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        pytest.param("German", "Your refund is on its way.", id="translate-1"),
        pytest.param("French", "The lamp will be delivered tomorrow.", id="translate-2"),
    ],
)
def test_translations(graysplit_relay, language, sentence):
    prompt = f"Translate to {language}, reply with the translation only: {sentence}"
    comparison = graysplit_relay.compare(prompt, max_latency_s=10)
    assert sentence not in comparison.treatment.text
