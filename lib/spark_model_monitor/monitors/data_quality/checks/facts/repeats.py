"""Values differ as before: none is newly frequent, repeated or unseen."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from spark_model_monitor.documents.check_results import GEOMETRIC, NORMAL, STUDENT
from spark_model_monitor.monitors.data_quality import CONTENTS, DRIFT
from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison, WindowComparison
from spark_model_monitor.monitors.data_quality.checks.facts import (
    FactEvidence,
    compare_shares,
    estimate_rows_of_value,
    exact_counts,
    has_numbers,
    register_fact,
    widened_tail,
)
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import find_new_values
from spark_model_monitor.monitors.data_quality.distribution.window_history import BASELINE, PREVIOUS
from spark_model_monitor.statistics.date_columns import recognise_dates
from spark_model_monitor.statistics.drift.distributions import Values
from spark_model_monitor.statistics.drift.special_functions import chi_square_above, student_above
from spark_model_monitor.statistics.states import FeatureProfile, Frequencies, Repeats, RowRepeats
from spark_model_monitor.statistics.states.hash_samples import LEVEL_OF_NONE
from spark_model_monitor.statistics.states.surplus import (
    LARGEST_RATIO,
    MAX_BY_NATURE,
    compute_fraction_of_copies,
    estimate_surplus_rows,
)
from spark_model_monitor.statistics.verdicts.between_window_variance import MIN_WINDOWS, NOISE_LEVEL
from spark_model_monitor.statistics.verdicts.components import MIN_EFFECT, MIN_RATIO
from spark_model_monitor.statistics.verdicts.facts import compute_standstill, exact_tail, standstill_tail

MAX_SIZE_RATIO = 2  # times the baseline: more values repeat in a window that is larger still
MAX_REPEATED_SHARE = (
    0.1  # of the baseline's values repeat: with more repeats, their number depends on the number of rows
)
MAX_CHANCE_DISTANCE = 2.0  # the squared distance of nearly all samples of one distribution, in units of 1/n + 1/m
EULER = 0.5772  # the mean of the standard law of the largest of many
SURPLUS = "share of surplus rows"
ESTIMATED_SURPLUS = f"estimated {SURPLUS}"
MIN_COPIES = 0.01  # the share of rows that are copies in a baseline of which some repeat by nature


@register_fact("frequent_value_check", same_as=("baseline_drift_check", "range_check", "sign_check"))
def frequent_value(feature: FeatureComparison, before: FeatureProfile) -> FactEvidence | None:
    """No single value has a larger share than in the baseline, or in any of its parts; of texts, in columns whose drift is not
    judged. Of a text that gets new values, the largest share of a value is as in the baseline's parts and earlier windows.

    Of more values than are counted, only bounds are known: the window's share is at least the observed share, the baseline's
    at most.
    Source: D4.9.
    """
    old = before.frequencies
    new = feature.current.frequencies
    if has_numbers(before, feature.current):
        return _judge_frequent_number(feature, before)
    if before.is_numeric or feature.current.is_numeric or recognise_dates(before):
        return None
    if old is None or new is None or not old.total or not new.counts:
        return None
    # Where new values come, another one may be the most frequent
    if feature.baseline_feature.growth and new.exact:
        past = feature.baseline_feature.past()
        if past is None:
            return None
        return compare_largest_shares(feature, past["largest"], new)
    if old.exact and new.exact and feature.settings.perform_comparison:
        return None
    # The text whose share rose most, beyond what the counts' bounds allow
    risen_text = max(new.counts, key=lambda value: new.counts[value] - _bound_count(old, value) * new.total / old.total)
    count = new.counts[risen_text]
    evidence = _judge_one_value(
        "share of one text",
        (_bound_count(old, risen_text), old.total),
        (count, new.total),
        feature.baseline_design_effect,
    )
    if evidence is not None:
        evidence.least_effect = MIN_EFFECT
    return evidence


def _judge_one_value(
    quantity: str, baseline: tuple[int, int], current: tuple[int, int], design_effect: float
) -> FactEvidence | None:
    """Whether the value that rose most is more frequent: any of those that may have so large a share could be."""
    evidence = compare_shares(quantity, baseline, current, design_effect)
    if evidence is not None:
        evidence.p = min(1.0, evidence.p * current[1] / max(current[0], 1))
        evidence.tail = None
        evidence.family = CONTENTS
    return evidence


def _judge_frequent_number(feature: FeatureComparison, before: FeatureProfile) -> FactEvidence | None:
    """The number whose share rose most. Numbers that repeat by nature do so in parts of the baseline, too."""
    if feature.finite_numbers is None or feature.has_new_numbers:
        return None
    old, new = feature.finite_numbers
    # A person's own limit of drift says how far shares may change
    if feature.baseline_feature.has_own_drift_limit:
        return None
    n = before.num_numbers
    m = feature.current.num_numbers
    counts_now = new.counts - feature.now.sketch_error * m
    counts_before = old.counts_at(new.values)
    index = int((counts_now / m - counts_before / n).argmax())
    # Each value occurs once; what repeats more often than those of the baseline is a fact
    repeats = max(0, int(counts_now[index]) - 1)
    usual_share = max(float(counts_before[index]) / n, feature.baseline_feature.largest_repeat)
    groups = feature.limit_groups(estimate_rows_of_value(feature, before), partial(np.equal, new.values[index]))
    return _judge_one_value("share of one number", (min(n, math.ceil(usual_share * n)), n), (repeats, m), groups)


@register_fact(
    "standstill_check", same_as=("baseline_drift_check", "frequent_value_check", "range_check", "sign_check")
)
def standstill(feature: FeatureComparison, before: FeatureProfile) -> FactEvidence | None:
    """No number stands still for longer than anywhere in the baseline, if its share grew, too: a fiftieth of the window's rows at
    least. A frequent number does so more easily than a rare one.

    Source: D4.9.
    """
    past = feature.baseline_feature.past()
    stretch = feature.comparison.standstills.get(feature.name)
    if past is None or stretch is None or feature.finite_numbers is None or np.isnan(past["standstill"]).all():
        return None
    old, new = feature.finite_numbers
    if feature.has_new_numbers:
        return None
    n = before.num_numbers
    m = feature.current.num_numbers
    number = np.array([stretch.value])
    if feature.are_rounded:
        number = new.values[[np.abs(new.values - stretch.value).argmin()]]
    share_before = max(old.counts_at(number)[0], 1.0) / n
    share = new.counts_at(number)[0] / m
    # The baseline's longest stretch, and the rows that it was found in
    longest = feature.baseline_feature.largest_in_parts["standstill"]
    rows = int(past["rows"][~np.isnan(past["standstill"])].sum())
    # Where all numbers stand still for a while, as those of users, none does so alone
    lengths = np.array([stretch.length / stretch.usual_length])
    now = float(compute_standstill(lengths, np.array([share_before]), rows)[0])
    # As many rows of this number as stand still as rarely as the baseline's rarest stretch
    usual_length = 0.0
    if now:
        usual_length = longest * stretch.length / now
    p = 1.0
    if share > MIN_RATIO * share_before:
        p = standstill_tail(now, m, longest, rows)
    return FactEvidence(
        *("rows for which one number stands still", float(stretch.length), usual_length, n, m, p),
        effect=stretch.length / m,
        least_effect=MIN_EFFECT,
        test=GEOMETRIC,
        statistic=now,
    )


def compare_largest_shares(feature: FeatureComparison, largest: Values, new: Frequencies) -> FactEvidence | None:
    """The largest share of a value in the window, compared with those in parts of the baseline and in earlier windows,
    whichever values these were. In place of the column's drift, whose level it has.

    Model: its logit is normal, or has the law of the largest of many where the value is none of the few new ones.
    Source: D4.20; Gumbel 1958, "Statistics of extremes".
    """
    largest = largest[~np.isnan(largest)]
    windows = len(largest)
    if windows < MIN_WINDOWS:
        return None
    value = max(new.counts, key=new.counts.__getitem__)
    share = new.counts[value] / new.total
    # Logits, in which shares near 0 and 1 vary as others do; half a row keeps them finite
    half_a_row = 0.5 / new.total
    shares = np.append(largest, share).clip(half_a_row, 1 - half_a_row)
    logits = np.log(shares / (1 - shares))
    past_logits = logits[:-1]
    deviation = float(past_logits.std(ddof=1)) * math.sqrt(1 + 1 / windows)
    score = float(logits[-1] - past_logits.mean()) / max(deviation, half_a_row)
    # A new value is the largest one as seldom as new ones are; any other may be the largest of many
    p = student_above(score, windows - 1)
    new_ones = find_new_values(feature.now, feature.baseline, feature.baseline_feature.references.get(PREVIOUS))
    if value in new_ones:
        p *= len(new_ones) / len(new.counts)
    elif score > 0:
        gumbel_score = math.pi / math.sqrt(6) * score + EULER
        p = max(p, -math.expm1(-math.exp(-gumbel_score)))
    expected = float(largest.mean())
    return FactEvidence(
        *("share of one text", share, expected, feature.baseline.present, new.total, p),
        effect=share - expected,
        least_effect=MIN_EFFECT,
        test=STUDENT,
        statistic=score,
        family=DRIFT,
    )


def _bound_count(frequencies: Frequencies, value: str) -> int:
    return frequencies.counts.get(value, 0) + frequencies.bound


@register_fact(
    "repeated_value_check",
    same_as=(
        "frequent_value_check",
        "repeated_rows_check",
        "text_length_check",
        "time_of_day_check",
        "time_precision_check",
    ),
)
def repeated_value(feature: FeatureComparison, before: FeatureProfile) -> FactEvidence | None:
    """The share of distinct values that occur more than once is not above the baseline's, if nearly all occur once there.
    Dates repeat in a shorter window.

    Source: D4.9.
    """
    if recognise_dates(before):
        return None
    # More repeats than a state keeps are counted by the estimate of different values
    quantity = "share of values that repeat"
    old = before.state(Repeats)
    new = feature.current.state(Repeats)
    distinct = feature.current.distinct
    if old is None or new is None or distinct is None or new.level < LEVEL_OF_NONE:
        return _compare_repeats(quantity, old, new)
    rows = feature.current.num_present
    baseline = _resize_baseline(old, rows / max(before.num_present, 1))
    repeated = max(0, rows - distinct.estimate())
    return compare_shares(quantity, baseline, (repeated, rows))


def repeated_rows(comparison: WindowComparison) -> FactEvidence | None:
    """No rows are copies of others, beyond those that repeat by nature; both sides must have the same columns.

    By nature, rows of a few columns repeat, and retries come twice. Drifted columns have other twins than the baseline's.
    Source: D4.9.
    """
    states = find_row_repeats(comparison)
    before = comparison.baseline.profile
    if states is None or before is None:
        return None
    rows = (before.item_count, comparison.current.item_count)
    surplus = estimate_surplus_rows(*states, rows, _sum_squared_distances(comparison))
    if surplus is None:
        return None
    p = widened_tail(surplus.deviations, surplus.repeated)
    quantity = ESTIMATED_SURPLUS
    observed = surplus.current
    baseline, current = states
    if compute_fraction_of_copies(baseline.counts) < MIN_COPIES:
        # No row repeats by nature, so all kinds of the window's rows count, not only those that the baseline kept
        observed = compute_fraction_of_copies(current.counts)
        quantity = SURPLUS
        if current.level:
            quantity = ESTIMATED_SURPLUS
    evidence = FactEvidence(
        quantity,
        observed,
        surplus.baseline,
        *rows,
        p,
        effect=surplus.excess,
        least_effect=surplus.least_excess,
        test=NORMAL,
        statistic=surplus.deviations,
    )

    # A few copies, where hardly any row repeats, show in the number of kinds of rows that do
    by_kind = _compare_repeats(quantity, *states)
    if by_kind is None or not by_kind.is_large or by_kind.p >= p:
        return evidence
    by_kind.observed = observed
    by_kind.expected = surplus.baseline
    return by_kind


def find_row_repeats(comparison: WindowComparison) -> tuple[RowRepeats, RowRepeats] | None:
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


def _sum_squared_distances(comparison: WindowComparison) -> float:
    """The sum of the squared distances from the baseline, beyond chance, of the columns whose drift is judged."""
    calibration = comparison.calibration
    squared = 0.0
    for (reference, _), column in calibration.columns.items() if calibration is not None else ():
        if reference == BASELINE and column.samples is not None and column.distance is not None:
            squared += max(0.0, column.distance**2 - MAX_CHANCE_DISTANCE / column.samples.effective)
    return squared


def _compare_repeats(quantity: str, old: Repeats | None, new: Repeats | None) -> FactEvidence | None:
    """A larger window naturally has more repeats; one above twice the baseline's size is not judged."""
    if old is None or new is None or not old.different or not new.different:
        return None
    baseline = _resize_baseline(old, new.different * 2.0**new.level / (old.different * 2.0**old.level))
    evidence = compare_shares(quantity, baseline, (new.repeated, new.different))
    if evidence is None:
        return None
    evidence.family = CONTENTS  # repeats are no values
    if old.repeated:
        most_by_nature = min(MAX_BY_NATURE, LARGEST_RATIO * evidence.expected)
        evidence.least_effect = max(most_by_nature, MIN_RATIO * evidence.expected) - evidence.expected
    return evidence


def _resize_baseline(old: Repeats, size: float) -> tuple[int, int]:
    """How many kinds repeat, of how many, in `size` times as many rows of the baseline; none of none if that is unknown.

    Model: rows are a random sample. Source: Heck, van Belle and Simberloff 1975, "Explicit calculation of the rarefaction
    diversity measurement".
    """
    repeated = old.repeated
    different = old.different
    if size > 1:
        repeated = min(different, math.ceil((repeated + 1) * size))
    elif repeated:
        # Values of many rows are more of the different ones in fewer rows; copies that come together as many as before
        present = 1 - (1 - size) ** old.counts
        single = size * old.counts * (1 - size) ** (old.counts - 1)
        share = 1 - single.sum() / present.sum()
        different = round(repeated / max(share, repeated / different))
    if size > MAX_SIZE_RATIO or old.repeated > MAX_REPEATED_SHARE * different:
        return 0, 0
    return repeated, different


@register_fact("new_values_check")
def new_values_check(feature: FeatureComparison, before: FeatureProfile) -> FactEvidence | None:
    """The number of new values, which neither the baseline nor the last eight windows have, is as usual: as in the same number
    of rows of the baseline's second half and of earlier windows. Before there are eight windows, the age of the baseline is
    unknown, and taken as up to the baseline's own length, unless most rows have new values.

    Source: D4.20.
    """
    counts = exact_counts(feature.current)
    growth = feature.baseline_feature.growth
    if growth is None or counts is None or not counts.total:
        return None
    if recognise_dates(before):
        return None
    # New values so far: in parts of the baseline's second half, and in earlier windows
    new = growth[0]
    rows = np.full(len(new), before.num_present / 2 / len(new))
    new_value_counts = feature.comparison.baseline.get_variation(PREVIOUS).count_new_values(feature.name)
    if new_value_counts is not None:
        new_in_windows, rows_of_windows = new_value_counts
        new = np.concatenate((new, new_in_windows))
        rows = np.concatenate((rows, rows_of_windows))
    # New values now, which windows before the first eight may have brought
    earlier = feature.baseline_feature.references.get(PREVIOUS)
    new_ones = find_new_values(feature.now, feature.baseline, earlier)
    values_now = len(counts.counts)
    counts_before = exact_counts(before)
    values_before = 0
    if counts_before is not None:
        values_before = len(counts_before.counts)
    elif before.distinct is not None:
        values_before = before.distinct.estimate()
    new_rows = sum(counts.counts[value] for value in new_ones)
    are_most_new = 2 * new_rows > counts.total and 2 * values_now > values_before
    num_new = len(new_ones)
    # Rows since the baseline that nobody saw: up to its length, unless windows were seen or most rows are new now, which they
    # also are where values come and go, so that a window has few of the baseline's
    rows_since = before.num_present
    if earlier is not None or are_most_new:
        rows_since = 0
    # How much more these numbers vary than independent ones, if by more than chance
    expected = rows * (new.sum() / rows.sum())
    squares = 0.0
    if new.any():
        squares = float(((new - expected) ** 2 / expected).sum())
    freedom = len(new) - 1
    scatter = 1.0
    if chi_square_above(squares, freedom) < NOISE_LEVEL:
        scatter = max(1.0, squares / freedom)
    expected_new = counts.total * float(new.sum() / rows.sum())
    # Of the values that so many rows have, each is new or not: all at once are new more seldom than as many of more values
    values_per_row = max(values_now / counts.total, new.sum() / rows.sum())
    values_in_past = rows.sum() * values_per_row
    values_since = (counts.total + rows_since) * values_per_row
    p = exact_tail(num_new, int(values_since), int(new.sum()), int(values_in_past), scatter)
    return FactEvidence(
        *("number of new values", float(num_new), expected_new, before.num_present, counts.total, p),
        effect=num_new - expected_new,
        least_effect=(MIN_RATIO - 1) * expected_new,
        statistic=float(num_new),
    )
