"""How often the verdict errs, how early it stops, and how long it takes: seeded simulations of whole verdicts.

python benchmarks/verdict.py [--runs 500]
"""

import argparse
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from random import Random
from statistics import fmean, median
from typing import Any

from pytest_graysplit.cases.checks.assertions import check_reply
from pytest_graysplit.cases.files import read_cases
from pytest_graysplit.config.policy import Policy
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.evaluation.comparison import PairScores
from pytest_graysplit.evaluation.metrics.text import Lexical
from pytest_graysplit.types import Case, Comparison, FailedExpectation, Reply
from pytest_graysplit.verdict import EarlyStop, RunFacts, Verdict, decide, order_of
from pytest_graysplit.verdict.results import CONTROL, ArmResult, CaseResult, Results

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME / "examples"))

from received import RECEIVED, reply_of  # noqa: E402  # the module of the examples

SEED = 20_261_123
MISS = FailedExpectation(arm="", kind="expect", problem="", hint="", slug="expect-contains")
POLICY = Policy()


def one(
    name: str, shares: tuple[float, float], *, twin: bool = False, cluster: str | None = None, **reply: Any
) -> CaseResult:
    """One case on both arms, with the shares that control and treatment pass; a twin is the control's own model."""
    case = Case(id=name, messages=({"role": "user", "content": "?"},), cluster=cluster)
    arms = tuple(
        ArmResult(
            arm=arm,
            model=CONTROL if twin else arm,
            replies=(Reply(model=arm, outcome="ok", text="x", **reply),),
            misses=() if share == 1 else (MISS,),
            share=float(share),
        )
        for arm, share in zip((CONTROL, "candidate"), shares, strict=True)
    )
    return CaseResult(case=case, request_hash="0", nodeid=name, file="simulated.py", arms=arms, asserted=True)


def decided(cases: Iterable[CaseResult], facts: RunFacts | None = None) -> Verdict:
    """The verdict of a run with these cases."""
    results = Results()
    for case in cases:
        results.add(case.nodeid, (case,))
    return decide(results, "candidate", POLICY, facts or RunFacts())


def verdict_of(pairs: Sequence[tuple[float, float]], *, twin: bool = False) -> str:
    """The verdict of a run with these pairs of pass shares."""
    return decided(one(str(number), pair, twin=twin) for number, pair in enumerate(pairs)).decision


def draw(rng: Random, n: int, better: float, worse: float) -> list[tuple[bool, bool]]:
    """Pairs of which so many are passed by the treatment alone, and by the control alone."""
    pairs = []
    for _ in range(n):
        u = rng.random()
        pairs.append((False, True) if u < better else (True, False) if u < better + worse else (True, True))
    return pairs


def at_the_margin(runs: int) -> None:
    """A treatment that is worse by just the margin must not be promoted more often than 6 times in 100."""
    print(f"\nfalse promotions at the margin of 0.05, {runs} runs each (bound 6%)")
    print("     n   discordant   promote   hold     reject")
    for n in (52, 100, 200, 400):
        for discordant in (0.05, 0.10, 0.20, 0.40):
            rng = Random(f"{SEED} {n} {discordant}")
            better, worse = (discordant - 0.05) / 2, (discordant + 0.05) / 2
            counts = Counter(verdict_of(draw(rng, n, better, worse)) for _ in range(runs))
            row = "   ".join(f"{100 * counts[name] / runs:5.1f}%" for name in ("promote", "hold", "reject"))
            print(f"{n:6}   {discordant:10.2f}   {row}")


def recorded() -> tuple[dict[str, Case], dict[str, list[Reply]]]:
    """The cases of the recorded example, and the control's three answers to each."""
    cases = {
        case.id: case
        for path in sorted((HOME / "examples" / "support-desk").glob("*.graysplit.yaml"))
        for case in read_cases(path, path.name)
    }
    answers: dict[str, list[Reply]] = {name: [] for name in sorted(cases)}
    for line in map(json.loads, RECEIVED.read_text(encoding="utf-8").splitlines()):
        if line["model"] == "qwen2.5-coder-0.5b":
            answers[line["case"]].append(reply_of(line))
    return cases, answers


def against_itself(resamples: int = 200) -> None:
    """The control of the recorded example against its own other answers, cases drawn again: it is never rejected."""
    cases, answers = recorded()
    passed = {name: [holds(cases[name], reply) for reply in replies] for name, replies in answers.items()}
    for twin, title in ((True, "as an A/A run"), (False, "under another name")):
        rng, counts = Random(SEED), Counter[str]()
        for _ in range(resamples):
            drawn = rng.choices(sorted(cases), k=len(cases))
            counts[verdict_of([tuple(rng.sample(passed[name], 2)) for name in drawn], twin=twin)] += 1
        print(f"the recorded control against itself, {title}, {resamples} resamples: {dict(counts)}")


def holds(case: Case, reply: Reply) -> bool:
    """Whether an answer holds by itself everything that its case expects."""
    return not check_reply(case, reply, CONTROL, no_reference)


def against_itself_with_a_threshold(runs: int = 500, n: int = 200) -> None:
    """Two control samples and a threshold: the recorded control against its own third answer, cases drawn again.

    Both arms pass by the share of their pair scores that reach the threshold. The threshold is one that about half
    of the recorded pairs reach, which is where most of its noise is.
    """
    cases, answers = recorded()
    lexical = Lexical()
    pairs = {
        (name, *order): PairScores.of(
            [replies[order[0]], replies[order[1]]],
            [replies[order[2]]],
            lambda one, other: lexical.score(one.text, other.text),
        )
        for name, replies in answers.items()
        for order in permutations(range(3))
    }
    scores = [pair.similarity for scored in pairs.values() for pair in scored.within.values() if pair.is_scored]
    threshold = round(median(score for score in scores if score is not None), 2)
    passed = {name: [holds(cases[name], reply) for reply in replies] for name, replies in answers.items()}
    print(f"\nA/A, two control samples, threshold {threshold}, {runs} runs of {n} cases (bound: 0 +- 0.5 points)")
    for held, twin, title in (
        (False, True, "the threshold alone"),
        (False, False, "the threshold alone, under another name"),
        (True, True, "the threshold and what the cases expect"),
    ):
        shares = {
            key: (
                scored.control_share([passed[key[0]][sample] or not held for sample in key[1:3]], threshold),
                scored.treatment_share([passed[key[0]][key[3]] or not held], threshold),
            )
            for key, scored in pairs.items()
        }
        rng, counts, differences = Random(SEED), Counter[str](), []
        for _ in range(runs):
            drawn = rng.choices(sorted(shares), k=n)
            verdict = decided(one(str(number), shares[key], twin=twin) for number, key in enumerate(drawn))
            counts[verdict.decision] += 1
            differences += [row.estimate for row in verdict.rows if row.name == "pass_rate"]
        print(f"  {title}: mean difference {100 * fmean(differences):+.2f} points, {dict(counts)}")


def clustered(runs: int, clusters: int = 10, size: int = 10) -> None:
    """Clusters whose cases all come out alike, no difference: at most 2.5% are rejected, early stop or not."""
    print(f"\n{clusters} clusters of {size} cases, all alike in a cluster, no difference, {runs} runs (bound 2.5%)")
    print("  discordant   rejected   with early stop   promoted")
    for discordant in (0.1, 0.2, 0.4):
        rng, counts, early = Random(f"{SEED} clustered {discordant}"), Counter[str](), 0
        for _ in range(runs):
            ends = draw(rng, clusters, discordant / 2, discordant / 2)
            cases = [
                one(f"{name}-{number}", pair, cluster=f"template {name}")
                for name, pair in enumerate(ends)
                for number in range(size)
            ]
            decision = decided(cases).decision
            counts[decision] += 1
            cases.sort(key=lambda case: order_of(case.key, case.case.cluster))
            stop = EarlyStop(margin=0.05, promote=False, order=[case.nodeid for case in cases], largest=size)
            for case in cases:
                stop.report(case.nodeid, (case,))
            early += bool(stop.stops) or decision == "reject"
        print(
            f"  {discordant:10.2f}   {counts['reject'] / runs:8.1%}   {early / runs:15.1%}   "
            f"{counts['promote'] / runs:8.1%}"
        )


def no_reference(_: str, __: str) -> float:
    """Score nothing: no case of the example holds an answer against a reference."""
    return 0.0


def early(runs: int) -> None:
    """A drop of 40 points stops a run of 100 cases early; a treatment that is as good hardly ever does."""
    print(f"\nearly stop for harm, 100 cases, {runs} runs each")
    for name, better, worse in (
        ("40 points worse", 0.02, 0.42),
        ("as good", 0.05, 0.05),
        ("at the margin", 0.05, 0.10),
    ):
        rng, stops = Random(f"{SEED} {name}"), []
        for _ in range(runs):
            stop = EarlyStop(margin=0.05, promote=False, order=[str(number) for number in range(100)])
            for number, pair in enumerate(draw(rng, 100, better, worse)):
                stop.report(str(number), (one(str(number), pair),))
                if stop.stops:
                    break
            stops.append(stop.stops["candidate"].after if stop.stops else math.inf)
        stops.sort()
        within = sum(after <= 40 for after in stops) / runs
        print(
            f"  {name:16} stopped {sum(map(math.isfinite, stops)) / runs:6.1%}, within 40 cases {within:6.1%}, "
            f"median {stops[runs // 2]:g}, 90% by {stops[int(0.9 * runs)]:g}"
        )


def speed(cases: int = 2_000) -> None:
    """All rows of 2,000 cases with latencies, prices and two control samples."""
    rng, results = Random(SEED), Results()
    for number in range(cases):
        fields = {"latency_s": rng.lognormvariate(0, 0.5), "cost_usd": Decimal("0.001")}
        result = one(str(number), (rng.random() < 0.95, rng.random() < 0.94), **fields)
        control, treatment = (arm.replies[0] for arm in result.arms)
        comparison = Comparison(
            case=result.case, control=control, treatment=treatment, similarity=rng.random(), threshold=None,
            metric="lexical", self_similarity=rng.random(),
        )  # fmt: skip
        results.add(str(number), (CaseResult(case=result.case, request_hash="0", nodeid=str(number),
                                             file="simulated.py", arms=result.arms,
                                             comparison=comparison),))  # fmt: skip
    started = time.perf_counter()
    decided = decide(results, "candidate", POLICY, RunFacts())
    took_s = time.perf_counter() - started
    heavy = {"numpy", "scipy"} & set(sys.modules)
    print(
        f"{cases} cases, {len(decided.rows)} rows: {took_s:.2f} s (bound 0.5); "
        f"imported of numpy and scipy: {sorted(heavy) or 'none'}"
    )


def grown(rng: Random, suite: Results, cases: int, discordant: float) -> None:
    """Add cases at the margin of 0.05 to a suite until it has so many."""
    have = len(suite.rows)
    for number, pair in enumerate(draw(rng, cases - have, (discordant - 0.05) / 2, (discordant + 0.05) / 2), have):
        suite.add(str(number), (one(str(number), pair),))


def as_advised(rng: Random, discordant: float, looks: tuple[int, ...], most: int) -> str:
    """The last verdict of an owner who adds as many cases as the smaller number of a hold says, up to the most.

    Planned looks are kept: the next one that has so many cases, else the last. Without them cases are added at once.
    """
    suite, policy, cases = Results(), Policy(looks=looks), 60
    while True:
        grown(rng, suite, cases, discordant)
        decided = decide(suite, "candidate", policy, RunFacts())
        if decided.decision != "hold" or cases == most:
            return decided.decision
        wanted = max(cases + 1, min(decided.needed or most, decided.needed_if_equal or most))
        cases = next((look for look in looks if look >= wanted), most) if looks else min(wanted, most)


def following_the_advice(runs: int) -> None:
    """Cases added as advised: in planned looks at most 6 in 100 treatments at the margin may be promoted by it."""
    print(f"\nfalse promotions at the margin of 0.05 where cases are added as advised, {runs} runs each (bound 6%)")
    print("                       discordant   promote   hold     reject")
    planned = (60, 120, 240)
    for looks, discordant in ((planned, 0.05), (planned, 0.10), (planned, 0.20), ((), 0.05)):
        rng = Random(f"{SEED} advised {discordant}")
        counts = Counter(as_advised(rng, discordant, looks, planned[-1]) for _ in range(runs))
        row = "   ".join(f"{100 * counts[name] / runs:5.1f}%" for name in ("promote", "hold", "reject"))
        print(f"{'looks 60, 120, 240' if looks else 'unplanned':21}   {discordant:10.2f}   {row}")


def early_promotion(runs: int, n: int = 200) -> None:
    """Stopping early for both: at most 6 of 100 treatments at the margin are promoted, on the way or at the end."""
    print(f"\nfalse promotions at the margin with an early stop for both, {n} cases, {runs} runs each (bound 6%)")
    print("  discordant   on the way   at the end   together")
    policy, order = Settings(early_stop="both").policy, [str(number) for number in range(n)]
    for discordant in (0.05, 0.10, 0.20):
        rng, early, late = Random(f"{SEED} both {discordant}"), 0, 0
        for _ in range(runs):
            stop, suite = EarlyStop(margin=0.05, promote=True, order=order), Results()
            grown(rng, suite, n, discordant)
            for nodeid in order:
                stop.report(nodeid, suite.of(nodeid))
                if stop.stops:
                    break
            side = stop.stops["candidate"].side if stop.stops else ""
            early += side == "promote"
            late += not side and decide(suite, "candidate", policy, RunFacts()).decision == "promote"
        shares = "   ".join(f"{100 * count / runs:9.1f}%" for count in (early, late, early + late))
        print(f"  {discordant:10.2f}   {shares}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500, help="simulated runs per line (500)")
    runs = parser.parse_args().runs
    speed()
    against_itself()
    against_itself_with_a_threshold(min(runs, 500))
    clustered(runs)
    early(runs)
    at_the_margin(runs)
    following_the_advice(runs // 2)
    early_promotion(runs // 2)
