"""The relay: one door to the network, with limits, deadlines, retries, and a reader that a 200 does not fool."""
