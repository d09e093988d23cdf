"""The pairs that each metric passes at a threshold of 0.75, with the guards and without.

    python benchmarks/metrics.py stsb-en-test.csv

The file is the test set of the STS Benchmark (sentence, sentence, human score 0 to 5), which is not part of this
project; the recorded answers are those of the example.
"""

import csv
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import combinations, product
from pathlib import Path

from rapidfuzz.fuzz import ratio

from pytest_graysplit.evaluation.metrics import guards
from pytest_graysplit.evaluation.metrics.semantic import Semantic
from pytest_graysplit.evaluation.metrics.text import Lexical

RECEIVED = Path(__file__).resolve().parent.parent / "examples" / "support-desk" / "answers-as-received.jsonl"
THRESHOLD = 0.75
CONTROL = "qwen2.5-coder-0.5b"
LONG = 40
SCORERS: dict[str, Callable[[str, str], float]] = {
    "rapidfuzz ratio": lambda one, other: ratio(one, other) / 100,
    "lexical": Lexical().score,
    "semantic": Semantic().score,
}

Pair = tuple[str, str]


def sentences(path: Path) -> dict[str, list[Pair]]:
    """The pairs of STS-B that people found to say the same (4.5 and more), and nothing in common (1 and less)."""
    rows = [(one, other, float(score)) for one, other, score in csv.reader(path.open(encoding="utf-8"))]
    return {
        "STS-B, the same (4.5 and more)": [(one, other) for one, other, score in rows if score >= 4.5],
        "STS-B, unrelated (1 and less)": [(one, other) for one, other, score in rows if score <= 1],
    }


def answers() -> dict[str, list[Pair]]:
    """The recorded answers of more than 40 characters, in pairs of three kinds."""
    said: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for line in map(json.loads, RECEIVED.read_text(encoding="utf-8").splitlines()):
        text = line["response"]["choices"][0]["message"]["content"] or ""
        if len(text) > LONG:
            said[line["case"]][line["model"]].append(text)
    first = [models[CONTROL][0] for _, models in sorted(said.items()) if models[CONTROL]]
    others = ((models[CONTROL], [text for name, texts in models.items() if name != CONTROL for text in texts])
              for models in said.values())  # fmt: skip
    return {
        "control with itself": [pair for models in said.values() for pair in combinations(models[CONTROL], 2)],
        "control with the other model": [pair for ours, theirs in others for pair in product(ours, theirs)],
        "control, other prompts": list(zip(first, first[1:] + first[:1], strict=True)),
    }


def passing(score: Callable[[str, str], float], pairs: Iterable[Pair], *, guarded: bool) -> float:
    """The share of pairs that reach the threshold, and that no guard vetoes."""
    kept = [score(*pair) >= THRESHOLD and not (guarded and guards.flags(*pair)) for pair in pairs]
    return sum(kept) / len(kept)


if __name__ == "__main__":
    kinds = {**sentences(Path(sys.argv[1])), **answers()}
    print(f"share of pairs that pass at {THRESHOLD}, and with guards")
    for name, score in SCORERS.items():
        started, number = time.perf_counter(), sum(map(len, kinds.values()))
        for kind, pairs in kinds.items():
            plain, guarded = (passing(score, pairs, guarded=each) for each in (False, True))
            print(f"{name:16} {kind:32} {len(pairs):4} pairs   {plain:6.1%}   {guarded:6.1%}")
        print(f"{name:16} {1000 * (time.perf_counter() - started) / (2 * number):.2f} ms a pair, both columns")
