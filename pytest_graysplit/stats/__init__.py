"""Statistics of a comparison: intervals, tests, sequential evidence and sample sizes, without numpy or scipy.

scipy and statsmodels are oracles in the tests and not dependencies: importing scipy takes about a second. A p-value is
one-sided unless its name says McNemar. It belongs to the hypothesis "at most the bound", and one minus it to "at least
the bound". Without evidence it is 0.5, so neither direction is claimed. Invalid arguments raise ValueError with a
sentence.
"""

from pytest_graysplit.stats.bootstrap import quantile_ratio
from pytest_graysplit.stats.distributions import t_quantile
from pytest_graysplit.stats.interval import Interval
from pytest_graysplit.stats.judge_accuracy import JudgeAccuracy, cohen_kappa
from pytest_graysplit.stats.judge_errors import Corrected, JudgedCase
from pytest_graysplit.stats.looks import OneLook, needed_units
from pytest_graysplit.stats.means import clustered_tails, t_interval, t_p
from pytest_graysplit.stats.multiplicity import holm
from pytest_graysplit.stats.noise import conformal_deficit, conformal_miss_range, conformal_threshold
from pytest_graysplit.stats.order_statistics import binomial_budget_p, quantile, rises_p, smallest_n_for_quantile
from pytest_graysplit.stats.ordinal import ordinal_tango, ordinal_tango_p
from pytest_graysplit.stats.own_quantile import fewest_for_quantile, own_quantile
from pytest_graysplit.stats.paired import mcnemar_midp, tango, tango_p
from pytest_graysplit.stats.planned import planned_z
from pytest_graysplit.stats.power import certifiable_n, detectable_drop, needed_n, power, rejection_power
from pytest_graysplit.stats.proportions import clopper_pearson, wilson
from pytest_graysplit.stats.ratios import (
    cost_per_pass_ratio,
    cost_per_pass_ratio_p,
    log_ratio,
    log_ratio_p,
    ratio_of_sums,
    ratio_of_sums_p,
)
from pytest_graysplit.stats.retention import retention, retention_p
from pytest_graysplit.stats.sequential import EProcess, anytime_p, harm_e_values, sample_ratio_e
from pytest_graysplit.stats.unpaired import (
    ClusteredRatio,
    Compared,
    clustered_ratio,
    geometric_ratio,
    mean_difference,
    quantile_ratio_of,
    ratio_of_ratios,
    share_difference,
)

__all__ = [
    "ClusteredRatio",
    "Compared",
    "Corrected",
    "EProcess",
    "Interval",
    "JudgeAccuracy",
    "JudgedCase",
    "OneLook",
    "anytime_p",
    "binomial_budget_p",
    "certifiable_n",
    "clopper_pearson",
    "clustered_ratio",
    "clustered_tails",
    "cohen_kappa",
    "conformal_deficit",
    "conformal_miss_range",
    "conformal_threshold",
    "cost_per_pass_ratio",
    "cost_per_pass_ratio_p",
    "detectable_drop",
    "fewest_for_quantile",
    "geometric_ratio",
    "harm_e_values",
    "holm",
    "log_ratio",
    "log_ratio_p",
    "mcnemar_midp",
    "mean_difference",
    "needed_n",
    "needed_units",
    "ordinal_tango",
    "ordinal_tango_p",
    "own_quantile",
    "planned_z",
    "power",
    "quantile",
    "quantile_ratio",
    "quantile_ratio_of",
    "ratio_of_ratios",
    "ratio_of_sums",
    "ratio_of_sums_p",
    "rejection_power",
    "retention",
    "retention_p",
    "rises_p",
    "sample_ratio_e",
    "share_difference",
    "smallest_n_for_quantile",
    "t_interval",
    "t_p",
    "t_quantile",
    "tango",
    "tango_p",
    "wilson",
]
