"""Extensions of this project: a metric of its own, and a text to keep out of recordings."""

import re

ORDER_NUMBER = re.compile(r"\b\d{5}\b")


def pytest_graysplit_score(metric, control, treatment):
    """Score `metric="order-number"`: the share of the control's order numbers that the treatment found too."""
    if metric != "order-number":
        return None
    wanted = set(ORDER_NUMBER.findall(control.text))
    return len(wanted & set(ORDER_NUMBER.findall(treatment.text))) / len(wanted) if wanted else 0.0


def pytest_graysplit_redact(text):
    """Keep the shop's name out of recordings; the hash of a request still identifies it."""
    return text.replace("Lantern & Loom", "the shop")
