"""The shop that the agent works for: its orders, and the two tools that act on them."""

import json

ORDERS = {
    1001: ("Aurora table lamp", "delivered 4 days ago"),
    1002: ("Halo pendant", "delivered 45 days ago"),
    1003: ("Fjord floor lamp", "in the warehouse"),
    1004: ("Dimmer D2", "on its way, arrives on Friday"),
    1005: ("Luna night light", "delivered 12 days ago"),
    1006: ("Aurora shade", "delivered 90 days ago"),
}
REFUNDABLE = {1001, 1005}


class Shop:
    """The orders of one test, and the refunds that were made in it."""

    def __init__(self):
        self.refunded = []

    def call(self, tool, arguments):
        """Run a tool as the model asked for it; an error is a result that the model can read."""
        try:
            number = json.loads(arguments)["order"]
            item, status = ORDERS[number]
        except (ValueError, KeyError, TypeError):
            return "There is no such order."
        if tool == "find_order":
            return f"Order {number}: {item}, {status}."
        if number not in REFUNDABLE:
            return f"Not refunded: order {number} was delivered more than 30 days ago, or not yet."
        self.refunded.append(number)
        return f"Order {number} was refunded, the money arrives within 5 days."
