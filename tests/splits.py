"""The models, prices and questions that tests of live traffic share."""

import asyncio

from pytest_graysplit import Split, SplitClient, TrafficSplitter

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
KEY = "made-up-key-0123456789"
# The relay bills what the built-in table says, so that both can be held against each other to the last digit.
PRICES = {CONTROL: {"input": "3", "output": "15"}, TREATMENT: {"input": "0.28", "output": "0.42"}}


def halves(treatment=TREATMENT, control=CONTROL, **given):
    """Half of the units meet the treatment."""
    return TrafficSplitter([Split(control, 0.5), Split(treatment, 0.5)], salt="halves", **given)


def unit_in(splitter, arm):
    """A unit that meets the arm."""
    return next(f"user-{number}" for number in range(10_000) if splitter.assign(f"user-{number}").arm == arm)


def user(text):
    """A message as an application has it."""
    return [{"role": "user", "content": text}]


def using(splitter, work, **given):
    """Open a client in a loop of its own, do the work with it, and return what came of it."""

    async def run():
        async with SplitClient(splitter, **given) as client:
            return await work(client)

    return asyncio.run(run())
