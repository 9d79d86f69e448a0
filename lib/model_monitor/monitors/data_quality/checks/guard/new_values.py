"""new_values_check: a catalog that grows has no more new values than usual."""

from __future__ import annotations

import numpy as np

from model_monitor.monitors.data_quality.checks.guard import GUARDS, Evidence, exact_counts
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.monitors.data_quality.distributions import PREVIOUS, growth_of, new_values
from model_monitor.statistics.drift.special_functions import chi_square_above
from model_monitor.statistics.states import FeatureProfile
from model_monitor.statistics.verdicts.components import LEAST_RATIO, chance_of_more

SELDOM = 0.05  # how seldom numbers of new values that come by themselves vary so much


@GUARDS.register("new_values_check")
def new_values_check(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The number of new values, which neither the baseline nor the last eight windows have, is as usual: as in the same number of
    rows of the baseline's second half and of earlier windows. Before there are eight windows, the age of the baseline is unknown,
    and taken as up to the baseline's own length, unless most rows have new values.

    Source: D4.20.
    """
    counts, growth = exact_counts(feature.current), feature.growth
    if growth is None or counts is None or not counts.total:
        return None
    of_parts, rows_of_parts = growth[0], np.full(len(growth[0]), before.num_present / 2 / len(growth[0]))
    of_windows, rows_of_windows = growth_of(feature.whole.history.get(PREVIOUS), feature.constraints.name) or ((), ())
    new, rows = np.concatenate((of_parts, of_windows)), np.concatenate((rows_of_parts, rows_of_windows))
    earlier = feature.references.get(PREVIOUS)
    new_ones = new_values(feature.now, feature.baseline, earlier)
    is_known = earlier is not None or 2 * sum(counts.counts[value] for value in new_ones) > counts.total
    found, since = len(new_ones), 0 if is_known else before.num_present
    expected = rows * (new.sum() / rows.sum())
    squares = float(((new - expected) ** 2 / expected).sum()) if new.any() else 0.0
    freedom = len(new) - 1
    scatter = max(1.0, squares / freedom) if chi_square_above(squares, freedom) < SELDOM else 1.0
    usual = counts.total * float(new.sum() / rows.sum())
    numbers = -(-new.sum() // scatter), rows.sum() / scatter, found / scatter, (counts.total + since) / scatter
    p = chance_of_more(*map(int, numbers))
    is_large = found >= LEAST_RATIO * usual
    return Evidence("number of new values", float(found), usual, before.num_present, counts.total, p, p, is_large, True)
