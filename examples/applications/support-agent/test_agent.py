import pytest
from agent import answer
from shop import Shop

from pytest_graysplit import App

# A ticket, the orders that must be refunded, and a word that the answer must have.
TICKETS = {
    "broken-lamp": ("My lamp from order 1001 arrived broken. I want my money back.", [1001], "refund"),
    "no-light": ("Refund order 1005, the light does not work.", [1005], "refund"),
    "unwanted": ("Order 1001 is not for me. Please give me my money back.", [1001], "refund"),
    "too-late": ("Please refund order 1002, I do not like it any more.", [], "not"),
    "much-too-late": ("I want my money back for order 1006.", [], "not"),
    "not-sent": ("Has order 1003 been sent yet?", [], "warehouse"),
    "arrival": ("When does order 1004 arrive?", [], "friday"),
    "where": ("Where is my order 1003?", [], "warehouse"),
    "what": ("What did I buy with order 1005?", [], "night light"),
    "delivered": ("How long ago was order 1006 delivered?", [], "90"),
    "two-orders": ("Refund orders 1001 and 1005, please.", [1001, 1005], "refund"),
    "unknown": ("When does order 2001 arrive?", [], "no"),
}


@pytest.mark.graysplit(max_cost_usd=0.02)
@pytest.mark.parametrize(("ticket", "refunded", "word"), TICKETS.values(), ids=TICKETS)
def test_support_agent(graysplit_app: App, ticket, refunded, word):
    shop = Shop()  # a shop of its own for each arm: the tools change it
    graysplit_app.output = reply = answer(ticket, shop)
    assert sorted(shop.refunded) == refunded
    assert word in reply.lower()
