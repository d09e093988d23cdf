"""How a reply is obtained: from a recording or from the relay, within the budget, with its price."""
