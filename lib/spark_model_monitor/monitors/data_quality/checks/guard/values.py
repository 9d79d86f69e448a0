"""Values differ as before: nearly all are distinct, or more than one is; none is newly frequent, repeated or unseen."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from spark_model_monitor.documents.check_results import NORMAL, STUDENT
from spark_model_monitor.monitors.data_quality.checks.guard import (
    FEWEST_OF_MEAN,
    GROUP,
    GUARDS,
    Evidence,
    exact_counts,
    share_evidence,
    widened_tail,
)
from spark_model_monitor.monitors.data_quality.comparison import Comparison, FeatureComparison
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import new_values
from spark_model_monitor.monitors.data_quality.distribution.window_history import BASELINE, PREVIOUS, count_new_values
from spark_model_monitor.monitors.data_quality.families import CONTENTS, DRIFT
from spark_model_monitor.statistics.date_columns import recognise_dates
from spark_model_monitor.statistics.drift.distributions import Values
from spark_model_monitor.statistics.drift.special_functions import chi_square_above, normal_above, student_above
from spark_model_monitor.statistics.states import FeatureProfile, Frequencies, Repeats, RowRepeats
from spark_model_monitor.statistics.states.profile import once
from spark_model_monitor.statistics.states.surplus import (
    LARGEST_RATIO,
    MOST_BY_NATURE,
    estimate_surplus_rows,
    fraction_of_copies,
)
from spark_model_monitor.statistics.verdicts.between_window_variance import FEWEST_WINDOWS
from spark_model_monitor.statistics.verdicts.components import LEAST_EFFECT, LEAST_RATIO, chance_of_more

LARGEST = 2  # times the baseline: more values repeat in a window that is larger still
UNIQUE = 0.9
LEAST_DROP = 0.2
ESTIMATED = 0.05  # relative standard deviation of an estimated number of distinct values
ALIEN = 0.05  # of a window; of one text, and more than `GROUP` rows
MOST = 0.1  # of the baseline's values repeat: with more repeats, their number depends on the number of rows
CHANCE = 2.0  # the squared distance of nearly all samples of one distribution, in units of 1/n + 1/m
EULER = 0.5772  # the mean of the standard law of the largest of many
SURPLUS = "share of surplus rows"
ESTIMATED_SURPLUS = f"estimated {SURPLUS}"
LEAST_COPIES = 0.01  # the share of rows that are copies in a baseline of which some repeat by nature
SELDOM = 0.05  # the probability that counts of independent new values vary so much


@GUARDS.register("distinct_share_check", same_as=("repeated_rows_check",))
def distinct_share(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of distinct values does not fall if nearly all values differ; other columns have more than one value.

    The share is not judged in a window more than twice as large as the baseline: more of its values repeat by nature.
    Source: D4.9.
    """
    current = feature.current
    n = before.num_present
    m = current.num_present
    old = _different(before)
    new = _different(current)
    if not old or not new or recognise_dates(before):
        return None
    share = min(old / n, 1.0)
    after = min(new / m, 1.0)
    if share < UNIQUE:
        if old > 1:
            return _compare_single_value(feature, before)
        return None
    if m > LARGEST * n or m < FEWEST_OF_MEAN:
        return None
    error = math.hypot(ESTIMATED * share, ESTIMATED * after, 0.5 / math.sqrt(m))
    score = (share - after) / error
    p = normal_above(score)
    return Evidence(
        *("share of different values", after, share, n, m, p, p),
        effect=share - after,
        least_effect=LEAST_DROP,
        test=NORMAL,
        statistic=score,
    )


def _compare_single_value(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The rows of the most frequent value, if the window has no other."""
    current = feature.current
    n = before.num_present
    m = current.num_present
    if _is_constant(current):
        often = _most_frequent(before)
    else:
        often = n
    evidence = share_evidence("share of the most frequent value", (min(often, n), n), (m if often < n else 0, m))
    if evidence is not None:
        evidence.share = None
        if feature.has_independent_rows:  # the other values vanished, however few they were
            evidence.least_effect = 0.0
    return evidence  # a window with another value has no single value


def _is_constant(feature: FeatureProfile) -> bool:
    if feature.is_numeric:
        moments = feature.moments
        return moments is not None and moments.count == moments.present and moments.minimum == moments.maximum
    counts = exact_counts(feature)
    return counts is not None and len(counts.counts) == 1


@once
def _different(feature: FeatureProfile) -> int:
    """The number of distinct values; 0 if unknown."""
    counts = exact_counts(feature)
    if counts is not None:
        return len(counts.counts)
    if feature.is_numeric and feature.kll is not None and not feature.kll.error:
        return len(feature.kll.step_cdf()[0])
    if feature.distinct is not None:
        return feature.distinct.estimate()
    return 0


@once
def _most_frequent(feature: FeatureProfile) -> int:
    """The largest possible number of rows with one value."""
    if feature.is_numeric and feature.kll is not None:
        weights = np.diff(feature.kll.step_cdf()[1], prepend=0)
        return int(weights.max() + feature.kll.error * feature.num_present)
    if feature.frequencies:
        return max(feature.frequencies.counts.values(), default=0) + feature.frequencies.bound
    return 0


@GUARDS.register("frequent_value_check", needs=Frequencies)
def frequent_value(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """No single text has a larger share than in the baseline; for columns whose drift is not judged. Of a text that gets new
    values, the largest share of a value is as in the baseline's parts and earlier windows.

    Above 4,096 values, only bounds are known: the window's share is at least the observed share, the baseline's at most.
    Source: D4.9.
    """
    old = before.frequencies
    new = feature.current.frequencies
    if before.is_numeric or feature.current.is_numeric or recognise_dates(before):
        return None
    if old is None or new is None or not old.total or not new.counts:
        return None
    if feature.known.growth and new.exact:
        past = feature.known.past(BASELINE)
        if past is None:
            return None
        return compare_largest_shares(feature, past["far"], new)
    if old.exact and new.exact and feature.settings.perform_comparison:
        return None
    most = max(new.counts, key=lambda value: new.counts[value] - _at_most(old, value) * new.total / old.total)
    count = new.counts[most]
    sides = (_at_most(old, most), old.total), (count, new.total)
    found = share_evidence("share of one text", *sides, alien=ALIEN if count > GROUP else math.inf)
    if found is None:
        return None
    tried = 1 / LEAST_EFFECT  # texts that may have so large a share
    return replace(found, p=found.p * tried, grouped_p=found.grouped_p * tried, least_effect=LEAST_EFFECT, share=None)


def compare_largest_shares(feature: FeatureComparison, largest: Values, new: Frequencies) -> Evidence | None:
    """The largest share of a value in the window, compared with those in parts of the baseline and in earlier windows,
    whichever values these were. In place of the column's drift, whose level it has.

    Model: its logit is normal, or has the law of the largest of many where the value is none of the few new ones.
    Source: D4.20; Gumbel 1958, "Statistics of extremes".
    """
    largest = largest[~np.isnan(largest)]
    windows = len(largest)
    if windows < FEWEST_WINDOWS:
        return None
    value = max(new.counts, key=new.counts.__getitem__)
    share = new.counts[value] / new.total
    half_a_row = 0.5 / new.total
    shares = np.append(largest, share).clip(half_a_row, 1 - half_a_row)
    logits = np.log(shares / (1 - shares))
    deviation = max(float(logits[:-1].std(ddof=1)) * math.sqrt(1 + 1 / windows), half_a_row)
    score = float(logits[-1] - logits[:-1].mean()) / deviation
    p = student_above(score, windows - 1)
    new_ones = new_values(feature.now, feature.baseline, feature.known.references.get(PREVIOUS))
    if value in new_ones:  # which is the largest one as seldom as new ones are
        p *= len(new_ones) / len(new.counts)
    else:
        p = max(p, -math.expm1(-math.exp(-math.pi / math.sqrt(6) * score - EULER)))
    expected = float(largest.mean())
    return Evidence(
        *("share of one text", share, expected, feature.baseline.present, new.total, p, p),
        effect=share - expected,
        least_effect=LEAST_EFFECT,
        is_alien=True,
        test=STUDENT,
        statistic=score,
        family=DRIFT,
    )


def _at_most(frequencies: Frequencies, value: str) -> int:
    return frequencies.counts.get(value, 0) + frequencies.bound


@GUARDS.register(
    "repeated_value_check", same_as=("distinct_share_check", "frequent_value_check", "repeated_rows_check")
)
def repeated_value(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of distinct values that occur more than once is not above the baseline's, if nearly all occur once there.
    Dates repeat in a shorter window.

    Source: D4.9.
    """
    if recognise_dates(before):
        return None
    return _compare_repeats("share of values that repeat", before.state(Repeats), feature.current.state(Repeats))


def repeated_rows(comparison: Comparison) -> Evidence | None:
    """No rows are copies of others, beyond those that repeat by nature; both sides must have the same columns.

    By nature, rows of a few columns repeat, and retries come twice. Drifted columns have other twins than the baseline's.
    Source: D4.9.
    """
    states = find_row_repeats(comparison)
    before = comparison.baseline.profile
    if states is None or before is None:
        return None
    rows = before.item_count, comparison.current.item_count
    surplus = estimate_surplus_rows(*states, rows, _squared_distances(comparison))
    if surplus is None:
        return None
    p = widened_tail(surplus.deviations, surplus.repeated)
    quantity = ESTIMATED_SURPLUS
    observed = surplus.current
    baseline, current = states
    if fraction_of_copies(baseline.counts) < LEAST_COPIES:
        # No row repeats by nature, so all kinds of the window's rows count, not only those that the baseline kept
        observed = fraction_of_copies(current.counts)
        quantity = ESTIMATED_SURPLUS if current.level else SURPLUS
    evidence = Evidence(
        quantity,
        observed,
        surplus.baseline,
        *rows,
        p,
        p,
        effect=surplus.excess,
        least_effect=surplus.least_excess,
        test=NORMAL,
        statistic=surplus.deviations,
    )

    # A few copies, where hardly any row repeats, show in the number of kinds of rows that do
    by_kind = _compare_repeats(quantity, *states)
    if by_kind is None or not by_kind.is_large or by_kind.p >= p or not (by_kind.is_alien or by_kind.grouped_p < p):
        return evidence
    return replace(by_kind, observed=observed, expected=surplus.baseline)


def find_row_repeats(comparison: Comparison) -> tuple[RowRepeats, RowRepeats] | None:
    """The kinds of rows of the baseline and the window, if both are known and have the same columns."""
    before = comparison.baseline.profile
    now = comparison.current
    if before is None or [feature.name for feature in before.features] != [feature.name for feature in now.features]:
        return None
    states = [profile.features[0].state(RowRepeats) for profile in (before, now) if profile.features]
    first, last = states or (None, None)
    if first and last and first.different and last.different:
        return (first, last)
    return None


def _squared_distances(comparison: Comparison) -> float:
    """The sum of the squared distances from the baseline, beyond chance, of the columns whose drift is judged."""
    calibration = comparison.calibration
    squared = 0.0
    for (reference, _), column in calibration.columns.items() if calibration is not None else ():
        if reference == BASELINE and column.samples is not None and column.distance is not None:
            squared += max(0.0, column.distance**2 - CHANCE / column.samples.effective)
    return squared


def _compare_repeats(what: str, old: Repeats | None, new: Repeats | None) -> Evidence | None:
    """A larger window naturally has more repeats; one above twice the baseline's size is not judged."""
    if old is None or new is None or not old.different or not new.different:
        return None
    larger = new.different * 2.0**new.level / (old.different * 2.0**old.level)
    if old.repeated > MOST * old.different or larger > LARGEST:
        return None
    if larger <= 1:
        repeated = old.repeated
    else:
        repeated = min(old.different, math.ceil((old.repeated + 1) * larger))
    sides = (repeated, old.different), (new.repeated, new.different)
    evidence = share_evidence(what, *sides, alien=ALIEN, is_kind=True)
    if evidence is not None:
        evidence.family = CONTENTS  # repeats are no values
    if evidence is not None and old.repeated:
        most_by_nature = min(MOST_BY_NATURE, LARGEST_RATIO * evidence.expected)
        evidence.least_effect = max(most_by_nature, LEAST_RATIO * evidence.expected) - evidence.expected
    return evidence


@GUARDS.register("new_values_check")
def new_values_check(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The number of new values, which neither the baseline nor the last eight windows have, is as usual: as in the same number
    of rows of the baseline's second half and of earlier windows. Before there are eight windows, the age of the baseline is
    unknown, and taken as up to the baseline's own length, unless most rows have new values.

    Source: D4.20.
    """
    counts = exact_counts(feature.current)
    growth = feature.known.growth
    if growth is None or counts is None or not counts.total:
        return None
    if recognise_dates(before):
        return None
    of_parts = growth[0]
    rows_of_parts = np.full(len(growth[0]), before.num_present / 2 / len(growth[0]))
    of_windows, rows_of_windows = count_new_values(feature.whole.baseline.history.get(PREVIOUS), feature.name) or (
        (),
        (),
    )
    new = np.concatenate((of_parts, of_windows))
    rows = np.concatenate((rows_of_parts, rows_of_windows))
    earlier = feature.known.references.get(PREVIOUS)
    new_ones = new_values(feature.now, feature.baseline, earlier)
    values_now = len(counts.counts)
    values_before = _different(before)
    are_most_new = 2 * sum(counts.counts[value] for value in new_ones) > counts.total and 2 * values_now > values_before
    is_known = (
        earlier is not None or are_most_new
    )  # unless values come and go, so that a window has few of the baseline's
    found = len(new_ones)
    since = 0 if is_known else before.num_present
    expected = rows * (new.sum() / rows.sum())
    if new.any():
        squares = float(((new - expected) ** 2 / expected).sum())
    else:
        squares = 0.0
    freedom = len(new) - 1
    if chi_square_above(squares, freedom) < SELDOM:
        scatter = max(1.0, squares / freedom)
    else:
        scatter = 1.0
    usual = counts.total * float(new.sum() / rows.sum())
    # Of the values that so many rows have, each is new or not: all at once are new more seldom than as many of more values
    values_per_row = max(values_now / counts.total, new.sum() / rows.sum())
    values_in_past = rows.sum() * values_per_row
    values_since = (counts.total + since) * values_per_row
    numbers = -(-new.sum() // scatter), values_in_past / scatter, found / scatter, values_since / scatter
    p = chance_of_more(*map(int, numbers))
    return Evidence(
        *("number of new values", float(found), usual, before.num_present, counts.total, p, p),
        effect=found - usual,
        least_effect=(LEAST_RATIO - 1) * usual,
        is_alien=True,
        statistic=float(found),
    )
