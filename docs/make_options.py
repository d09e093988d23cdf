"""Write the table of docs/options.md from the options of the package: `python docs/make_options.py`."""  # noqa: INP001

from __future__ import annotations

import re
from pathlib import Path

from pytest_graysplit.config.options import OPTIONS

PAGE = Path(__file__).with_name("options.md")
BEGIN, END = "<!-- The table is written by docs/make_options.py. -->\n", "<!-- End of the table. -->\n"
BAR = r"\|"  # a bar inside a cell of a table
# What the page adds to the help text of an option.
DETAILS = {
    "control": "a model, or the name of an [arm](arms.md)",
    "treatment": "a model, or the name of an [arm](arms.md); "
    "`--graysplit-treatment=A --graysplit-treatment=B` compares A and B with the control",
    "base-url": "`HOLYSHEEP_API_KEY`, `OPENAI_API_KEY` and `OPENROUTER_API_KEY` have an address of their own, "
    "`GRAYSPLIT_API_KEY` has none: [the relay](relay.md)",
    "record": "a relay on this machine needs no key: [modes](recordings.md#modes)",
    "recordings": "[where they are](recordings.md#where-they-are)",
    "min-similarity": "[how `auto` works](metrics.md#a-fixed-threshold-often-fails-a-model-against-itself)",
    "metric": "`lexical`, `exact`, `json`, `semantic`, `judge`, or your own: [which to choose](metrics.md)",
    "max-latency": "[row `latency_budget`](verdict.md#the-rows)",
    "samples": "[several replies](verdict.md#several-replies-and-clusters)",
    "control-samples": "with two, the control must reach the threshold against itself too",
    "param": "for one model only: [arms](arms.md)",
    "concurrency": "recovers after a 429: [how many requests are in flight](relay.md#how-many-requests-are-in-flight)",
    "retries": "only requests that may succeed on another attempt are retried",
    "max-cost": "[a cap](costs.md#a-cap)",
    "gate": "a bug in a test, and a run without any reply, fail under every gate: "
    "[what fails the session](verdict.md#what-fails-the-session)",
    "margin": "a share, from 0 to 1: [the verdict](verdict.md)",
    "looks": "[planned looks](verdict.md#planned-looks)",
    "on-hold": "[what fails the session](verdict.md#what-fails-the-session)",
    "early-stop": "[stopping early](verdict.md#stopping-early)",
    "json": "[its keys](json.md)",
    "dashboard": "needs the extra `dashboard`: [the live page](dashboard.md)",
}


def with_code(text: str) -> str:
    """Return a help text with options and names of folders as code."""
    return re.sub(r"(__\w+__|--graysplit-[\w=-]+)", r"`\1`", text)


def table() -> str:
    """Return a row for each option: how it is written, its help text, and the details."""
    lines = ["| option | meaning | details |", "|---|---|---|"]
    for option in OPTIONS:
        cells = (f"`{option.flag} {option.metavar}`", with_code(option.help), DETAILS.get(option.name, ""))
        lines.append(f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |")
    return "\n".join([*lines, ""])


def with_table(page: str) -> str:
    """Return the text of the page with the table that the options give."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
