"""What a project adds to the plugin: a metric of its own, and what no recording may hold."""

import re

ORDER_NUMBER = re.compile(r"\b\d{5}\b")


def pytest_graysplit_score(metric, control, treatment):
    """Score `metric="order-number"`: the share of the control's order numbers that the treatment found too."""
    if metric != "order-number":
        return None
    wanted = set(ORDER_NUMBER.findall(control.text))
    return len(wanted & set(ORDER_NUMBER.findall(treatment.text))) / len(wanted) if wanted else 0.0


def pytest_graysplit_redact(text):
    """Keep the shop's name out of recordings: what was asked is still told apart by its hash."""
    return text.replace("Lantern & Loom", "the shop")
