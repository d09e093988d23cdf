"""The models, prices and questions that tests of live traffic share."""

import asyncio

from pytest_graysplit import Split, SplitClient, TrafficSplitter

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
KEY = "made-up-key-0123456789"
# The prices of the built-in table, which the relay bills too, so that both sums are equal to the last digit.
PRICES = {CONTROL: {"input": "3", "output": "15"}, TREATMENT: {"input": "0.28", "output": "0.42"}}


def halves(treatment=TREATMENT, control=CONTROL, **given):
    """Build a splitter that gives the treatment half of the units."""
    return TrafficSplitter([Split(control, 0.5), Split(treatment, 0.5)], salt="halves", **given)


def unit_in(splitter, arm):
    """Return a unit of the arm."""
    return next(f"user-{number}" for number in range(10_000) if splitter.assign(f"user-{number}").arm == arm)


def user(text):
    """Return the messages of a request with one text."""
    return [{"role": "user", "content": text}]


def using(splitter, work, **given):
    """Open a client in its own event loop, do the work with it, and return the result."""

    async def run():
        async with SplitClient(splitter, **given) as client:
            return await work(client)

    return asyncio.run(run())
