"""The statistics of the verdict: pure functions, without numpy or scipy.

scipy and statsmodels are the oracles in the tests, not dependencies: importing scipy alone takes about a second.
"""

from pytest_graysplit.stats.interval import Interval
from pytest_graysplit.stats.means import (
    clustered_se,
    cost_per_pass_ratio,
    cost_per_pass_ratio_p,
    log_ratio,
    log_ratio_p,
    ratio_of_sums,
    t_interval,
    t_p,
)
from pytest_graysplit.stats.noise import conformal_threshold, randomisation_p
from pytest_graysplit.stats.planning import certifiable_n, holm, required_n, smallest_n_for_quantile
from pytest_graysplit.stats.proportions import (
    binomial_budget_p,
    clopper_pearson,
    mcnemar_exact,
    mcnemar_midp,
    sample_ratio_p,
    tango,
    tango_p,
    wilson,
)
from pytest_graysplit.stats.quantiles import QuantileRatio, quantile, quantile_ratio
from pytest_graysplit.stats.sequential import EProcess, harm_e_values, promote_e_values
from pytest_graysplit.stats.special import t_quantile

__all__ = [
    "EProcess",
    "Interval",
    "QuantileRatio",
    "binomial_budget_p",
    "certifiable_n",
    "clopper_pearson",
    "clustered_se",
    "conformal_threshold",
    "cost_per_pass_ratio",
    "cost_per_pass_ratio_p",
    "harm_e_values",
    "holm",
    "log_ratio",
    "log_ratio_p",
    "mcnemar_exact",
    "mcnemar_midp",
    "promote_e_values",
    "quantile",
    "quantile_ratio",
    "randomisation_p",
    "ratio_of_sums",
    "required_n",
    "sample_ratio_p",
    "smallest_n_for_quantile",
    "t_interval",
    "t_p",
    "t_quantile",
    "tango",
    "tango_p",
    "wilson",
]
