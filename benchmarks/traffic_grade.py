"""How often the grade of live traffic errs if it is looked at all the time: seeded simulations of whole grades.

python benchmarks/traffic_grade.py [--runs 25] [--splits 200]
"""

import argparse
import time
from dataclasses import replace
from random import Random

import scipy.stats

from pytest_graysplit import stats
from pytest_graysplit.config.policy import Policy
from pytest_graysplit.traffic.grade.criteria import criteria_of
from pytest_graysplit.traffic.grade.grade import grade
from pytest_graysplit.traffic.grade.grade_rules import FEWEST_UNITS, MISMATCH_E
from pytest_graysplit.traffic.log.gaps import LogGaps
from pytest_graysplit.traffic.sums.snapshot import ArmSums, ClusterSums

SEED = 20_261_123
EVERY, LOOKS = 500, 30
SPLIT_EVERY = 10
CHI_SQUARE = float(scipy.stats.chi2.isf(0.001, 1))  # above it a split of two arms has p < .001
POLICY = Policy()
FAILS = 0.05
NOTHING = ClusterSums()


class Users:
    """Sticky users: a few send most requests (Pareto), some fail more often than others (beta), and each has an arm."""

    def __init__(self, dice: Random, share: float, worse: float, *, truncated: bool) -> None:
        """Take the share of users in the treatment, and how much more often it fails, or is cut off at a limit."""
        self.dice, self.share, self.worse, self.truncated = dice, share, worse, truncated
        self.queue: list[tuple[int, bool, float]] = []
        self.users = 0
        self.sums: tuple[dict[int, ClusterSums], dict[int, ClusterSums]] = ({}, {})

    def request(self) -> None:
        """One request: of a known user, or of a new one, whose number of requests is drawn."""
        dice = self.dice
        if len(self.queue) < 200:
            for _ in range(200):
                treated, calls = dice.random() < self.share, min(100, int(dice.paretovariate(1.3)))
                failing = dice.betavariate(4 * FAILS, 4 * (1 - FAILS)) + (self.worse if treated else 0.0)
                self.queue.extend([(self.users, treated, failing)] * calls)
                self.users += 1
            dice.shuffle(self.queue)
        user, treated, failing = self.queue.pop()
        sums = self.sums[treated].get(user, NOTHING)
        missed = dice.random() < failing
        # A cut-off answer counts in the pass rate and not as an error.
        failed = missed and not (self.truncated and dice.random() < 0.7)
        self.sums[treated][user] = ClusterSums(
            units=1, requests=sums.requests + 1, passed=sums.passed + (not missed), failed=sums.failed + failed
        )

    def arms(self) -> list[ArmSums]:
        """Both arms as a monitor would have summed them up."""
        return [
            ArmSums(
                arm=name, role="control", model=name, basis_points=5_000, units=len(sums), unpriced=1,
                requests=sum(cluster.requests for cluster in sums.values()), clusters=tuple(sums.values()),
            )
            for name, sums in zip(("control", "candidate"), self.sums, strict=True)
        ]  # fmt: skip


def naive(arms: list[ArmSums]) -> str:
    """The same question with bounds for a single look."""
    control, treatment = arms
    found = []
    for column, bound in (("passed", -POLICY.margin), ("failed", POLICY.bounds["errors"])):
        both = [
            stats.clustered_ratio([getattr(c, column) for c in arm.clusters], [c.requests for c in arm.clusters])
            for arm in (treatment, control)
        ]
        if None in both or min(arm.clusters for arm in both) < 30:
            return "collecting"
        compared = stats.share_difference(*both, bound, stats.OneLook())
        low, high = compared.interval[1:]
        good, p = (low > bound, compared.below_p) if column == "passed" else (high <= bound, compared.above_p)
        found.append("reject" if p < 0.0125 else "promote" if good else "hold")
    return "reject" if "reject" in found else "promote" if set(found) == {"promote"} else "hold"


def run(  # noqa: PLR0913 - the truth, and how the grade is looked at
    dice: Random, share: float, worse: float, *, truncated: bool, looks: int = LOOKS, naively: bool = True
) -> dict[str, tuple[str, int]]:
    """One experiment: the first promotion or rejection by each of the two ways, and the treatment's units then."""
    users, first = Users(dice, share, worse, truncated=truncated), {}
    for _ in range(looks):
        for _ in range(EVERY):
            users.request()
        arms = users.arms()
        ways = {}
        if "graded" not in first:
            ways["graded"] = grade(
                arms[0], replace(arms[1], role="treatment"), POLICY, mismatch_e=1.0, gaps=LogGaps()
            ).verdict
        if naively and "naive" not in first:
            ways["naive"] = naive(arms)
        for way, verdict in ways.items():
            if verdict in ("promote", "reject"):
                first[way] = (verdict, min(len(sums) for sums in users.sums))
        if len(first) == 1 + naively:
            break
    return first


def table(runs: int, portions: list[float]) -> None:
    """Print, for each split and truth, how many runs were ever promoted and rejected, and the median units of it."""
    print(f"{runs} runs each, looked at every {EVERY} requests up to {EVERY * LOOKS}; the first decision counts")
    print("treatment  truth                             way      promoted  rejected  median units of the smaller arm")
    for share in portions:
        for name, worse, truncated in (
            ("as good", 0.0, False),
            ("errors at their bound (+2)", 0.02, False),
            ("pass rate at its margin (-5)", 0.05, True),
            ("errors worse by 3 bounds (+6)", 0.06, False),
            ("pass rate by 3 margins (-15)", 0.15, True),
        ):
            dice = Random(f"{SEED} {share} {name}")
            lives = [run(dice, share, worse, truncated=truncated) for _ in range(runs)]
            for way in ("graded", "naive"):
                ends = [life[way] for life in lives if way in life]
                units = sorted(number for _, number in ends)
                shares = [sum(verdict == wanted for verdict, _ in ends) / runs for wanted in ("promote", "reject")]
                median = units[runs // 2] if len(units) > runs // 2 else "-"
                print(f"{share:9.0%}  {name:32}  {way:7}  {shares[0]:8.1%}  {shares[1]:8.1%}  {median}", flush=True)


def split_of(dice: Random, share: float, units: int, every: int) -> dict[str, int]:
    """One experiment declared as halves: after how many units each way called it broken, if it ever did."""
    found, first = {}, 0
    for number in range(1, units + 1):
        first += dice.random() < share
        if number % every:
            continue
        counts = [first, number - first]
        if "e-value" not in found and stats.sample_ratio_e(counts, [1, 1]) >= MISMATCH_E:
            found["e-value"] = number
        if "chi-square" not in found and (2 * first - number) ** 2 / number > CHI_SQUARE:
            found["chi-square"] = number
    return found


def ratios(runs: int) -> None:
    """Print how often a correct split is called broken at any look, and after how many units a broken one is."""
    print(f"{runs} lives of a split in halves, looked at every {SPLIT_EVERY} units; the first alarm counts")
    print("truth   units   way         called broken  median units of it")
    for share, units in ((0.5, 2_000), (0.5, 20_000), (0.45, 20_000), (0.48, 20_000)):
        dice = Random(f"{SEED} {share} {units}")
        lives = [split_of(dice, share, units, SPLIT_EVERY) for _ in range(runs)]
        for way in ("e-value", "chi-square"):
            after = sorted(life[way] for life in lives if way in life)
            median = f"{after[runs // 2]:,}" if len(after) > runs // 2 else "-"
            print(f"{share:5.0%}  {units:6,}  {way:10}  {len(after) / runs:13.2%}  {median}", flush=True)


def asking(runs: int) -> None:
    """Print how often the interval of requests per unit ever misses the truth, which is that the arms are equal."""
    print(f"{runs} lives each, looked at every {EVERY} requests up to {EVERY * LOOKS}: requests per unit of like units")
    for share in (0.1, 0.5):
        dice, missed = Random(f"{SEED} asking {share}"), 0
        for _ in range(runs):
            users = Users(dice, share, 0.0, truncated=False)
            rows = []
            for _ in range(LOOKS):
                for _ in range(EVERY):
                    users.request()
                rows += [row for row in criteria_of(*users.arms(), POLICY) if row.name == "requests_per_unit"]
            missed += any(not row.low <= 1 <= row.high for row in rows if row.n >= FEWEST_UNITS)
        print(f"{share:5.0%} in the treatment: the truth was left out at some look in {missed / runs:.1%}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=25)
    parser.add_argument("--splits", type=int, default=200, help="lives of a split for the check of its weights")
    parser.add_argument("--share", type=float, action="append", help="of the users in the treatment; 0.1 and 0.5")
    asked = parser.parse_args()
    started = time.perf_counter()
    table(asked.runs, asked.share or [0.1, 0.5])
    print()
    ratios(asked.splits)
    print()
    asking(asked.runs)
    print(f"{time.perf_counter() - started:.0f} s")
