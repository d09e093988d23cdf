"""Detection of replies that decline as a whole."""

import pytest

from pytest_graysplit.replies.refusals import is_refusal

REFUSALS = [
    "I'm sorry, but I can't assist with that.",
    "I\u2019m sorry, but I can\u2019t assist with that request.",
    "Sorry, I can't help with that.",
    "I cannot fulfill this request.",
    "I can't comply with your request.",
    "I won't help with that.",
    "I must decline.",
    "I'm unable to assist with that request. Is there anything else?",
    "Unfortunately, I am not able to help you with this.",
    "As an AI language model, I cannot answer that question.",
    "I'm sorry to hear about the broken lamp, but I can't assist with that.",
    "Es tut mir leid, aber dabei kann ich nicht helfen.",
    "Das kann ich leider nicht beantworten.",
    "Tut mir leid, ich kann diese Anfrage nicht bearbeiten.",
    "Leider kann ich Ihnen dabei nicht weiterhelfen.",
    "Je suis désolé, mais je ne peux pas vous aider avec cette demande.",
    "Désolé, je ne peux pas répondre à cette question.",
    "Lo siento, pero no puedo ayudarte con eso.",
    "Lo siento, no puedo cumplir con esa solicitud.",
    "I apologize, but I cannot provide that information.",
    "I'm really sorry, but I'm not able to help with that.",
    "I can\u2019t help with this kind of request.",
    "> I cannot assist with that.",
    "I'm sorry, I can't do that.",
    "Sorry, but I am unable to discuss this topic.",
]
ANSWERS = [
    "I'm sorry to hear that. You can return it within 30 days.",
    "I cannot find the order number in your mail, could you send it?",
    "I'm sorry, but I can't find your order.",
    "I am sorry, we cannot ship to Canada.",
    "Unfortunately we cannot accept returns of rugs.",
    "I can help with that!",
    "Sorry for the delay. We ship today.",
    "I can't wait to help you!",
    "I don't know, I will ask a colleague.",
    "I'm sorry for your mistake, but as a local, I'm unable to answer questions about local customs.",
    "I cannot do that without your order number, please send it.",
    "I can't help falling in love",
    "Unfortunately, that is not possible.",
    "Ich kann Ihnen helfen.",
    "Leider ist die Lampe nicht lieferbar.",
    "I'm sorry, but I can't process this return without the receipt.",
    "We cannot complete this request until you confirm your address.",
    "No, you cannot return it.",
    "I can't answer that question for you until Monday",
    "We can't help you with that until you pay.",
    "I can't believe it is that cheap.",
    "",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_refusal_is_a_reply_that_declines(text):
    """The usual wordings in four languages are recognised, with plain and typographic apostrophes."""
    assert is_refusal(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_refusal_is_not_a_reply_that_answers(text):
    """Regret, a question back and a refusal of one thing are answers; a false alarm would cost a pass."""
    assert not is_refusal(text)


def test_refusal_is_not_a_long_reply():
    """A long reply that opens with a refusal usually goes on to help."""
    assert not is_refusal("I can't help with that. " + "Here is what you can do instead. " * 20)
