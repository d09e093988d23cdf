"""The time of all guards for pairs of short answers, for the recorded answers, and for long and hostile answers.

    python benchmarks/guards.py

Exits with 1 if two answers of 100 KB take more than 0.2 s together.
"""

import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import product
from pathlib import Path

from pytest_graysplit.evaluation.metrics import guards
from pytest_graysplit.evaluation.metrics.guards.parsed_text import parse
from pytest_graysplit.evaluation.metrics.guards.quantities.reading import numerals, reader

RECEIVED = Path(__file__).resolve().parent.parent / "examples" / "support-desk" / "answers-as-received.jsonl"
BOUND_S = 0.2
SIZE = 100_000

CONTROL = (
    "Thank you for your message about the order that you placed last week. The lamp can be returned within 30 days of"
    " delivery if it is unused and in its original packaging. We send you a free return label by e-mail, and you can"
    " hand the parcel in at any post office near you. Once the parcel has arrived at our warehouse, a refund takes 5"
    " to 7 working days and goes back to the card that you paid with. Please keep the receipt of the post office until"
    " then. If the lamp is faulty, the warranty of 2 years covers a repair or a new lamp free of charge."
)
TREATMENT = (
    "Thanks for getting in touch about your recent order. An unused lamp in the original packaging can be sent back to"
    " us within 30 days after delivery. You will receive a free label for the return by e-mail and can take the parcel"
    " to any post office. As soon as our warehouse has received the parcel we refund you within 5 to 7 working days to"
    " the card you used for the payment, so please keep the receipt. A faulty lamp is covered by the warranty of 2"
    " years, and we either repair it or send you a new one at no cost."
)
PAIRS = {
    "100 words, the same quantities": (CONTROL, TREATMENT),
    "100 words, other quantities": (CONTROL, TREATMENT.replace("30", "14").replace("5 to 7", "10")),
    "one sentence": ("You can return it within 30 days.", "You can send it back for 30 days."),
    "one sentence, another number": ("You can return it within 30 days.", "You can return it within 13 days."),
}
PIECES = {
    "prose": (f"{CONTROL} ", f"{TREATMENT} "),
    "digits": ("9", "8"),
    "numbers": ("9 ", "8 "),
    "lists of digits": ("1,", "2,"),
    "fractions": ("1/", "2/"),
    "dates": ("2026-03-01 ", "2026-01-03 "),
    "number words": ("two ", "three "),
    "commas": (",", ";"),
    "one word": ("word ", "other "),
    "one letter": ("a", "b"),
    "brackets": ("[", "{"),
    "hyphens": ("a-", "1-"),
    "addresses": ("a@b.de ", "c@b.de "),
    "codes": ("AB-12 ", "AB-13 "),
    "comparisons": ("a<b ", "a>b "),
    "backticks": ("`a", "`b"),
    "Chinese numerals": ("\u4e09", "\u56db"),
    "Chinese prose": ("\u9000\u8d27\u671f\u9650\u4e3a30\u5929\u3002", "\u9000\u8d27\u671f\u9650\u4e3a13\u5929\u3002"),
}


def forget() -> None:
    """Forget the texts that were read, so that the next call reads them again."""
    for each in (parse, numerals.plain, reader.read):
        each.cache_clear()


def best(call: Callable[[], object], *, times: int, rounds: int = 5) -> float:
    """The least time of a call in seconds, texts not read before."""
    found = []
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(times):
            forget()
            call()
        found.append((time.process_time() - started) / times)
    return min(found)


def recorded() -> list[tuple[str, str]]:
    """The recorded answers of the two models to the same prompts, in pairs."""
    said: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for line in map(json.loads, RECEIVED.read_text(encoding="utf-8").splitlines()):
        said[line["case"]][line["model"]].append(line["response"]["choices"][0]["message"]["content"] or "")
    return [pair for models in said.values() for pair in product(*models.values())]


def long_answers() -> dict[str, tuple[str, str]]:
    """Two answers of 100 KB of each kind."""
    return {
        name: (ours * (SIZE // len(ours.encode())), theirs * (SIZE // len(theirs.encode())))
        for name, (ours, theirs) in PIECES.items()
    }


if __name__ == "__main__":
    print(f"load {os.getloadavg()[0]:.2f}")
    for name, pair in PAIRS.items():
        print(f"{name:32} {1e6 * best(lambda pair=pair: guards.flags(*pair), times=100):8.0f} \u00b5s")
    answers = recorded()
    total = best(lambda: [guards.flags(*pair) for pair in answers], times=1)
    print(f"{'recorded answers, a pair':32} {1e6 * total / len(answers):8.0f} \u00b5s")
    slow = []
    for name, pair in long_answers().items():
        seconds = best(lambda pair=pair: guards.flags(*pair), times=1, rounds=2)
        slow += [name] if seconds > BOUND_S else []
        print(f"100 KB: {name:24} {1000 * seconds:8.1f} ms")
    if slow:
        sys.exit(f"above {BOUND_S} s: {', '.join(slow)}")
