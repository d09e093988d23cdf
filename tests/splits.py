"""Models, prices and prompts for tests of live traffic."""

import asyncio

from pytest_graysplit import Split, SplitClient, TrafficSplitter

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
KEY = "made-up-key-0123456789"
# The relay bills the built-in prices, so that both sums can be compared to the last digit.
PRICES = {CONTROL: {"input": "3", "output": "15"}, TREATMENT: {"input": "0.28", "output": "0.42"}}


def halves(treatment=TREATMENT, control=CONTROL, **given):
    """Return a splitter with half of the units per arm."""
    return TrafficSplitter([Split(control, 0.5), Split(treatment, 0.5)], salt="halves", **given)


def unit_in(splitter, arm):
    """Return a unit of the arm."""
    return next(f"user-{number}" for number in range(10_000) if splitter.assign(f"user-{number}").arm == arm)


def user(text):
    """Return a message of a user."""
    return [{"role": "user", "content": text}]


def using(splitter, work, **given):
    """Open a client in its own event loop, run the work with it, and return the result."""

    async def run():
        async with SplitClient(splitter, **given) as client:
            return await work(client)

    return asyncio.run(run())
