"""Values differ as before: none is newly frequent, repeated or unseen."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace
from functools import partial

import numpy as np

from spark_model_monitor.documents.check_results import GEOMETRIC, NORMAL, STUDENT
from spark_model_monitor.monitors.data_quality import CONTENTS, DRIFT
from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison, WindowComparison
from spark_model_monitor.monitors.data_quality.checks.facts import (
    FactEvidence,
    compare_shares,
    compute_skewed_tail,
    get_exact_counts,
    has_numbers,
    register_fact,
)
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import find_new_values
from spark_model_monitor.monitors.data_quality.distribution.window_history import PREVIOUS, compare_with_reference
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.date_columns import recognise_dates
from spark_model_monitor.statistics.drift.special_functions import chi_square_survival, student_survival
from spark_model_monitor.statistics.states import FeatureProfile, Frequencies, Repeats, RowRepeats
from spark_model_monitor.statistics.states.hash_samples import EMPTY_LEVEL
from spark_model_monitor.statistics.states.surplus import (
    MAX_NATURAL_FRACTION,
    MAX_NATURAL_RATIO,
    compute_fraction_of_copies,
    estimate_surplus_rows,
)
from spark_model_monitor.statistics.verdicts.between_window_variance import MIN_WINDOWS, NOISE_LEVEL
from spark_model_monitor.statistics.verdicts.components import MIN_EFFECT, MIN_RATIO
from spark_model_monitor.statistics.verdicts.tail_probabilities import compute_standstill, exact_tail, standstill_tail

MAX_SIZE_RATIO = 2  # of the window's rows to the baseline's: in a larger window more values repeat by nature
MAX_REPEATED_SHARE = 0.1  # of the baseline's values; with more repeats, their number depends on the number of rows
EULER = (
    0.5772  # Euler's constant gamma, the mean of the standard Gumbel distribution. More digits would change p-values
)
SURPLUS = "share of surplus rows"
ESTIMATED_SURPLUS = f"estimated {SURPLUS}"
MIN_COPIES = 0.01  # smallest share of copies in a baseline whose rows repeat by nature


@register_fact("frequent_value_check", same_as=("baseline_drift_check", "range_check", "sign_check"))
def frequent_value(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """No single value has a larger share than in the baseline, or in any of its parts; of texts, in columns whose drift is not
    judged. Of a text that gets new values, the largest share of a value is as in the baseline's parts and earlier windows.

    Of more values than are counted, only bounds are known: the window's share is at least the observed share, the baseline's
    at most.
    Source: D4.9.
    """
    baseline = baseline_profile.frequencies
    current = feature.current_profile.frequencies
    if has_numbers(baseline_profile, feature.current_profile):
        return _judge_frequent_number(feature, baseline_profile)
    if baseline_profile.is_numeric or feature.current_profile.is_numeric:
        return None
    if recognise_dates(baseline_profile):
        return None
    if baseline is None or not baseline.total:
        return None
    if current is None or not current.counts:
        return None
    # If the text gets new values, another value may become the most frequent
    if feature.baseline_feature.new_value_counts and current.exact:
        past = feature.baseline_feature.find_past_windows()
        if past is None:
            return None
        return compare_largest_shares(feature, past["largest"], current)
    if baseline.exact and current.exact and feature.settings.perform_comparison:
        return None
    # The text whose share rose most, beyond what the counts' bounds allow
    risen_text = max(
        current.counts,
        key=lambda value: current.counts[value] - _bound_count(baseline, value) * current.total / baseline.total,
    )
    return _judge_one_value(
        "share of one text",
        (_bound_count(baseline, risen_text), baseline.total),
        (current.counts[risen_text], current.total),
        feature.baseline_design_effect,
        least_effect=MIN_EFFECT,
    )


def _judge_one_value(
    quantity: str,
    baseline: tuple[int, int],
    current: tuple[int, int],
    design_effect: float,
    least_effect: float | None = None,
) -> FactEvidence | None:
    """The evidence that the value that rose most is more frequent. Its p-value is multiplied by the number of values that can
    have so large a share (Bonferroni).

    baseline, current, design_effect, least_effect: as for `compare_shares`.
    """
    evidence = compare_shares(quantity, baseline, current, design_effect, least_effect=least_effect, family=CONTENTS)
    if evidence is None:
        return None
    count, total = current
    return replace(evidence, p=min(1.0, evidence.p * total / max(count, 1)), tail=None)


def _judge_frequent_number(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The evidence on the number whose share rose most. Numbers that repeat by nature also repeat in parts of the baseline."""
    # A person's own limit of drift says how far shares may change
    if feature.baseline_feature.has_user_drift_limit:
        return None
    if feature.repeatable_numbers is None:
        return None
    baseline, current = feature.repeatable_numbers
    n = baseline_profile.num_numbers
    m = feature.current_profile.num_numbers
    counts_now = current.counts - feature.current_distribution.sketch_error * m
    counts_before = baseline.counts_at(current.values)
    index = int((counts_now / m - counts_before / n).argmax())
    # A number that occurs once doesn't repeat; the fact is a number that repeats more often than the baseline's
    num_repeats = max(0, int(counts_now[index]) - 1)
    # A window may be within one of the stretches of equal neighbours, as of one day's weekday
    stretch = _find_usual_stretch(feature, max(float(counts_before[index]), 1.0) / n)
    # In a part of the baseline or an earlier window, too, the first row with a value is no repeat
    past = feature.baseline_feature.past_windows
    largest_repeat = np.nanmax(past["largest"] - 1 / past["rows"], initial=0.0)
    share_before = max(float(counts_before[index]) / n, largest_repeat, min(1.0, (stretch - 1) / m))
    rows_of_group = max(feature.rows_of_value, stretch)
    design_effect = feature.limit_design_effect(rows_of_group, partial(np.equal, current.values[index]))
    num_repeats_before = min(n, math.ceil(share_before * n))
    return _judge_one_value("share of one number", (num_repeats_before, n), (num_repeats, m), design_effect)


def _find_usual_stretch(feature: FeatureComparison, share: float) -> float:
    """For how many rows a number with this share of the baseline stands still there, in a stretch as rare as the rarest one."""
    # The length is proportional to what `compute_standstill` returns
    row = float(compute_standstill(1, share, _count_block_rows(feature)))
    if row:
        return feature.baseline_feature.rarest_standstill / row
    return 0.0


def _count_block_rows(feature: FeatureComparison) -> int:
    """The number of the baseline's rows among which its rarest stretch of equal neighbours was found."""
    past = feature.baseline_feature.past_windows
    return int(past["rows"][~np.isnan(past["standstill"])].sum())


@register_fact(
    "standstill_check", same_as=("baseline_drift_check", "frequent_value_check", "range_check", "sign_check")
)
def standstill_check(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """No number stands still for longer than anywhere in the baseline, if its share grew, too: a fiftieth of the window's rows at
    least. A frequent number does so more easily than a rare one.

    Source: D4.9.
    """
    past = feature.baseline_feature.find_past_windows()
    stretch = feature.comparison.standstills.get(feature.name)
    if past is None or stretch is None or np.isnan(past["standstill"]).all():
        return None
    if feature.repeatable_numbers is None:
        return None
    baseline, current = feature.repeatable_numbers
    n = baseline_profile.num_numbers
    m = feature.current_profile.num_numbers
    repeated_number = np.array([stretch.value])
    if feature.are_rounded:
        repeated_number = current.values[[np.abs(current.values - stretch.value).argmin()]]
    share_before = max(baseline.counts_at(repeated_number)[0], 1.0) / n
    share = current.counts_at(repeated_number)[0] / m
    baseline_standstill = feature.baseline_feature.rarest_standstill
    baseline_rows = _count_block_rows(feature)
    # Relative to the usual length: if all numbers stand still for a while, as in rows of one user, none stands out
    standstill = float(compute_standstill(stretch.length / stretch.usual_length, share_before, baseline_rows))
    expected_length = _find_usual_stretch(feature, share_before) * stretch.usual_length
    # A number that is as frequent as before may stand still by another order of the rows
    p = 1.0
    if share > MIN_RATIO * share_before:
        p = standstill_tail(standstill, m, baseline_standstill, baseline_rows)
    return FactEvidence(
        "rows for which one number stands still",
        float(stretch.length),
        expected_length,
        n,
        m,
        p,
        effect=stretch.length / m,
        least_effect=MIN_EFFECT,
        test=GEOMETRIC,
        statistic=standstill,
    )


def compare_largest_shares(feature: FeatureComparison, largest: Doubles, current: Frequencies) -> FactEvidence | None:
    """The largest share of a value in the window, compared with the largest shares in parts of the baseline and in earlier
    windows, whichever values have them. This test replaces the column's test of drift, and has its level.

    Model: the logit of the largest share is normal. If the value isn't new, the logit of the largest of many shares follows
    a Gumbel distribution.
    Source: D4.20; Gumbel 1958, "Statistics of extremes".
    """
    largest = largest[~np.isnan(largest)]
    windows = len(largest)
    if windows < MIN_WINDOWS:
        return None
    value = max(current.counts, key=current.counts.__getitem__)
    share = current.counts[value] / current.total
    # Logits, in which shares near 0 and 1 vary as others do; half a row keeps them finite
    half_a_row = 0.5 / current.total
    shares = np.append(largest, share).clip(half_a_row, 1 - half_a_row)
    logits = np.log(shares / (1 - shares))
    past_logits = logits[:-1]
    deviation = float(past_logits.std(ddof=1)) * math.sqrt(1 + 1 / windows)
    # Equal shares deviate by 0, so a small bound keeps the score finite
    score = float(logits[-1] - past_logits.mean()) / max(deviation, half_a_row)
    # By chance, a new value is the most frequent only as often as values are new; another value is the largest of many
    p = student_survival(score, windows - 1)
    new_values = find_new_values(
        feature.current_distribution, feature.baseline_distribution, feature.baseline_feature.references.get(PREVIOUS)
    )
    if value in new_values:
        p *= len(new_values) / len(current.counts)
    elif score > 0:
        # Standard Gumbel: mean gamma, standard deviation pi / sqrt(6), upper tail 1 - exp(-exp(-x))
        gumbel_score = math.pi / math.sqrt(6) * score + EULER
        p = max(p, -math.expm1(-math.exp(-gumbel_score)))
    expected = float(largest.mean())
    return FactEvidence(
        "share of one text",
        share,
        expected,
        feature.baseline_distribution.present,
        current.total,
        p,
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
def repeated_value(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The share of distinct values that occur more than once is not above the baseline's, if nearly all occur once there.
    Dates repeat in a shorter window.

    Source: D4.9.
    """
    if recognise_dates(baseline_profile):
        return None
    # If a state can't keep all repeats, the estimated number of distinct values counts them
    quantity = "share of values that repeat"
    baseline = baseline_profile.state(Repeats)
    current = feature.current_profile.state(Repeats)
    distinct = feature.current_profile.distinct
    if baseline is None or current is None or distinct is None or current.level < EMPTY_LEVEL:
        return _compare_repeats(quantity, baseline, current)
    rows = feature.current_profile.num_present
    counts_before = _resize_baseline(baseline, rows / max(baseline_profile.num_present, 1))
    if counts_before is None:
        return None
    num_repeated = max(0, rows - distinct.estimate())
    return compare_shares(quantity, counts_before, (num_repeated, rows))


def compare_repeated_rows(comparison: WindowComparison) -> FactEvidence | None:
    """No rows are copies of others, beyond those that repeat by nature; both sides must have the same columns.

    By nature, rows of a few columns repeat, and retries come twice. If columns changed, such as a day's mix, other rows repeat.
    Source: D4.9.
    """
    states = find_row_repeats(comparison)
    before = comparison.baseline.profile
    if states is None or before is None:
        return None
    rows = (before.item_count, comparison.current_profile.item_count)
    drift = 0.0
    for feature in comparison.features:
        changes = compare_with_reference(feature.baseline_distribution, feature.current_distribution)
        if "mix" in changes:
            drift += changes["mix"].difference
    surplus = estimate_surplus_rows(*states, rows, drift)
    if surplus is None:
        return None
    p = compute_skewed_tail(surplus.deviations, surplus.repeated)
    quantity = ESTIMATED_SURPLUS
    observed = surplus.current
    baseline, current = states
    if compute_fraction_of_copies(baseline.counts) < MIN_COPIES:
        # No row repeats by nature, so all distinct rows of the window count, not only those that the baseline sampled
        observed = compute_fraction_of_copies(current.counts)
        if not current.level:
            quantity = SURPLUS
    evidence = FactEvidence(
        quantity,
        observed,
        surplus.baseline,
        *rows,
        p,
        effect=surplus.excess,
        least_effect=surplus.min_excess,
        test=NORMAL,
        statistic=surplus.deviations,
    )

    # If hardly any row repeats, a few copies show more clearly in the number of distinct rows that repeat
    distinct_evidence = _compare_repeats(quantity, *states)
    if distinct_evidence is None or not distinct_evidence.is_large or distinct_evidence.p >= p:
        return evidence
    return replace(distinct_evidence, observed=observed, expected=surplus.baseline)


def find_row_repeats(comparison: WindowComparison) -> tuple[RowRepeats, RowRepeats] | None:
    """The counts of equal rows in the baseline and in the window; None if one is unknown, or if their columns differ."""
    before = comparison.baseline.profile
    now = comparison.current_profile
    if before is None or not before.features:
        return None
    if [feature.name for feature in before.features] != [feature.name for feature in now.features]:
        return None
    baseline = before.features[0].state(RowRepeats)
    current = now.features[0].state(RowRepeats)
    if baseline and current and baseline.different and current.different:
        return baseline, current
    return None


def _compare_repeats(quantity: str, baseline: Repeats | None, current: Repeats | None) -> FactEvidence | None:
    """The evidence on the share of distinct values that repeat. A larger window naturally has more repeats; a window of more
    than twice the baseline's size is not judged.
    """
    if baseline is None or not baseline.different:
        return None
    if current is None or not current.different:
        return None
    counts_before = _resize_baseline(
        baseline,
        current.different * 2.0**current.level / (baseline.different * 2.0**baseline.level),
    )
    if counts_before is None:
        return None
    least_effect = None
    if baseline.repeated:
        num_repeated, num_distinct = counts_before
        expected = num_repeated / num_distinct
        max_natural_fraction = min(MAX_NATURAL_FRACTION, MAX_NATURAL_RATIO * expected)
        least_effect = max(max_natural_fraction, MIN_RATIO * expected) - expected
    counts_now = (current.repeated, current.different)
    # A repeat isn't a new kind of value
    return compare_shares(quantity, counts_before, counts_now, least_effect=least_effect, family=CONTENTS)


def _resize_baseline(baseline: Repeats, size_ratio: float) -> tuple[int, int] | None:
    """The numbers of repeated and of distinct values in `size_ratio` times as many rows of the baseline; None if unknown.

    Model: rows are a random sample, so a value of c rows is in it with probability 1 - (1 - size_ratio)^c.
    Source: Heck, van Belle and Simberloff 1975, "Explicit calculation of the rarefaction
    diversity measurement".
    """
    num_repeated = baseline.repeated
    num_distinct = baseline.different
    if size_ratio > 1:
        num_repeated = min(num_distinct, math.ceil((num_repeated + 1) * size_ratio))
    elif num_repeated:
        # In fewer rows, frequent values are more of the distinct ones. Copies that come together stay as many as before
        prob_present = 1 - (1 - size_ratio) ** baseline.counts
        prob_single = size_ratio * baseline.counts * (1 - size_ratio) ** (baseline.counts - 1)
        share = 1 - prob_single.sum() / prob_present.sum()
        num_distinct = round(num_repeated / max(share, num_repeated / num_distinct))
    if size_ratio > MAX_SIZE_RATIO or baseline.repeated > MAX_REPEATED_SHARE * num_distinct:
        return None
    return num_repeated, num_distinct


@register_fact("new_values_check")
def new_values_check(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The number of new values, which neither the baseline nor the last eight windows have, is as usual: as in the same number
    of rows of the baseline's second half and of earlier windows.

    Model: a distinct value is new with the same probability in the window and in its history (Fisher's exact test, with an
    overdispersion). Before there are eight windows, the age of the baseline is unknown: values that came into use after it may
    have come in the window's rows, or in rows between both that nobody saw.
    Source: D4.20.
    """
    current_counts = get_exact_counts(feature.current_profile)
    baseline_new_value_counts = feature.baseline_feature.new_value_counts
    if baseline_new_value_counts is None or recognise_dates(baseline_profile):
        return None
    if current_counts is None or not current_counts.total:
        return None
    num_rows = current_counts.total
    past_counts, past_rows = _count_past_new_values(feature, baseline_new_value_counts[0], baseline_profile.num_present)
    # Windows before the last eight may have had these values already
    previous_windows = feature.baseline_feature.references.get(PREVIOUS)
    new_values = find_new_values(feature.current_distribution, feature.baseline_distribution, previous_windows)
    num_new = len(new_values)
    num_rows_at_risk = num_rows
    if previous_windows is None:
        num_rows_at_risk += _estimate_unseen_rows(current_counts, new_values, baseline_profile)
    # Each distinct value is new or not, so numbers of rows are converted into numbers of distinct values
    rate = float(past_counts.sum() / past_rows.sum())
    values_per_row = max(len(current_counts.counts) / num_rows, rate)
    num_values_in_history = past_rows.sum() * values_per_row
    num_values_at_risk = num_rows_at_risk * values_per_row
    overdispersion = _estimate_overdispersion(past_counts, past_rows)
    expected = num_rows * rate
    p = exact_tail(num_new, int(num_values_at_risk), int(past_counts.sum()), int(num_values_in_history), overdispersion)
    return FactEvidence(
        "number of new values",
        float(num_new),
        expected,
        baseline_profile.num_present,
        num_rows,
        p,
        effect=num_new - expected,
        least_effect=(MIN_RATIO - 1) * expected,
        statistic=float(num_new),
    )


def _estimate_unseen_rows(
    current_counts: Frequencies, new_values: Collection[str], baseline_profile: FeatureProfile
) -> int:
    """How many rows came between the baseline and the window: taken to be as many as the baseline's. None if values come and
    go: then most of the window's rows have new values, and it has more than half as many values as the baseline.
    """
    num_new_rows = sum(current_counts.counts[value] for value in new_values)
    if 2 * num_new_rows > current_counts.total and 2 * len(current_counts.counts) > _count_values(baseline_profile):
        return 0
    return baseline_profile.num_present


def _count_values(profile: FeatureProfile) -> int:
    """The number of distinct values, estimated if they weren't all counted; 0 if unknown."""
    counts = get_exact_counts(profile)
    if counts is not None:
        return len(counts.counts)
    if profile.distinct is None:
        return 0
    return profile.distinct.estimate()


def _count_past_new_values(
    feature: FeatureComparison, counts_in_parts: Doubles, baseline_rows: int
) -> tuple[Doubles, Doubles]:
    """The counts of new values in parts of the baseline's second half and in earlier windows, and the rows of each."""
    rows_of_parts = np.full(len(counts_in_parts), baseline_rows / 2 / len(counts_in_parts))
    # Earlier windows add theirs, once enough of them are known
    in_windows = feature.comparison.baseline.get_variation(PREVIOUS).count_new_values(feature.name)
    if in_windows is None:
        return counts_in_parts, rows_of_parts
    counts_in_windows, rows_of_windows = in_windows
    return np.concatenate((counts_in_parts, counts_in_windows)), np.concatenate((rows_of_parts, rows_of_windows))


def _estimate_overdispersion(counts: Doubles, rows: Doubles) -> float:
    """Chi-square of the counts over its degrees of freedom, if it is beyond chance; otherwise 1."""
    expected = rows * (counts.sum() / rows.sum())
    chi_square = 0.0
    if counts.any():
        chi_square = float(((counts - expected) ** 2 / expected).sum())
    degrees_of_freedom = len(counts) - 1
    if chi_square_survival(chi_square, degrees_of_freedom) < NOISE_LEVEL:
        return max(1.0, chi_square / degrees_of_freedom)
    return 1.0
