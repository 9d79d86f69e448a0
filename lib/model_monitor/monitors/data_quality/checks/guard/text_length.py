"""text_length_check, code_length_check and empty_text_check: texts are as long as they were, and none is empty all at once."""

from __future__ import annotations

import numpy as np

from model_monitor.monitors.data_quality.checks.guard import GUARDS, Evidence, Mean, exact_counts, of_means, of_share
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.statistics.states import FeatureProfile, Frequencies, TextLengths

EMPTY_ALIEN = 0.01


@GUARDS.register("text_length_check", same_as=("code_length_check",))
def text_length(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The mean length of a text without a domain is the baseline's, as far as its values are counted one by one.

    Of texts longer than 256 bytes so much is counted.
    Source: D4.9.
    """
    old, new = exact_counts(before), exact_counts(feature.current)
    if old is None or new is None or not feature.are_texts or feature.constraints.domains is not None:
        return None
    return of_means("mean length of the texts", _length(old), _length(new))


@GUARDS.register("code_length_check", same_as=("categorical_values_check", "data_type_check"))
def code_length(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """No text has another length where all of the baseline's have the same, as codes do; empty ones are empty_text_check's.

    Numbers are codes if zeros fill them up, as in 00501.
    Source: D4.9.
    """
    sides = _lengths(feature, before)
    if not sides or len(sides[0].counts) != 1:
        return None
    (length,), moments = sides[0].counts, before.moments
    is_filled_up = moments is not None and moments.maximum >= 0 and abs(moments.minimum) < 10.0 ** (length - 1)
    if not length or (before.is_numeric and (length == 1 or not is_filled_up)):
        return None
    old, new = before.num_present, feature.current.num_present
    others = new - sides[1].counts.get(length, 0) - sides[1].counts.get(0, 0)
    return of_share("share of texts of another length", (0, old), (others, new), is_kind=True)


@GUARDS.register("empty_text_check", same_as=("categorical_values_check",))
def empty_text(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of empty texts is not above the baseline's; where it had none, they are a kind of their own.

    Source: D4.9.
    """
    sides = _lengths(feature, before)
    if not sides or before.is_numeric:
        return None
    present = before.num_present, feature.current.num_present
    counts = ((each.counts.get(0, 0), total) for each, total in zip(sides, present, strict=True))
    return of_share("share of empty texts", *counts, alien=EMPTY_ALIEN, is_kind=True)


def _lengths(feature: FeatureComparison, before: FeatureProfile) -> tuple[TextLengths, TextLengths] | None:
    """How long the texts of both sides are; None if a side has none, or nobody knows."""
    old, new = before.state(TextLengths), feature.current.state(TextLengths)
    return (old, new) if old is not None and new is not None and feature.are_texts else None


def _length(frequencies: Frequencies) -> Mean:
    lengths = np.array([len(value) for value in frequencies.counts], dtype=float)
    weights = np.array(list(frequencies.counts.values()), dtype=float)
    mean = float(np.average(lengths, weights=weights))
    return Mean(frequencies.total, mean, float(np.average((lengths - mean) ** 2, weights=weights)))
