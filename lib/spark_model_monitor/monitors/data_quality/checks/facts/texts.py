"""text_length_check, text_letters_check, text_words_check and text_new_words_check: free texts keep their length and
content. code_length_check and empty_text_check: codes keep their length, and texts don't suddenly become empty.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.checks.facts import (
    FactEvidence,
    Mean,
    compare_means,
    compare_shares,
    get_exact_counts,
    register_fact,
    select_clearest,
)
from spark_model_monitor.monitors.data_quality.checks.facts.text_form import (
    are_grown_counters,
    are_mixed_codes,
    estimate_group_size,
)
from spark_model_monitor.monitors.data_quality.distribution.always_new import has_whole_numbers
from spark_model_monitor.statistics.date_columns import recognise_dates
from spark_model_monitor.statistics.states import (
    ColumnType,
    FeatureProfile,
    Frequencies,
    TextLengths,
    TextShapes,
    Words,
)
from spark_model_monitor.statistics.states.ends import LONG, SHARES

MIN_WORDS = 10  # fewest distinct words of a baseline
CHECKS_OF_CODES = ("categorical_values_check", "code_length_check", "text_form_check")
EQUIVALENT_CHECKS = (*CHECKS_OF_CODES, "text_length_check")
"""Checks that detect changes in a free text's content as well as the facts of letters and words do."""


@register_fact("text_length_check", same_as=CHECKS_OF_CODES)
def text_length(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """Texts without a domain have the baseline's mean length. A text longer than 256 bytes counts as 256 bytes.

    Source: D4.9.
    """
    if recognise_dates(baseline_profile):  # a later month may have a longer name
        return None
    if feature.baseline_feature.new_value_counts:  # later names may be longer
        return None
    if are_grown_counters(feature, baseline_profile):
        return None
    shapes = _get_free_text_shapes(feature, baseline_profile)
    if shapes is not None:
        shapes_before, shapes_now = shapes
        mean_before = _create_text_length_mean(shapes_before)
        mean_now = _create_text_length_mean(shapes_now)
    else:
        # Few distinct texts, each of which was counted
        counts_before = get_exact_counts(baseline_profile)
        counts = get_exact_counts(feature.current_profile)
        if counts_before is None or counts is None:
            return None
        if not feature.are_texts or feature.constraints.domains is not None:
            return None
        mean_before = _create_value_length_mean(counts_before)
        mean_now = _create_value_length_mean(counts)
    return compare_means("mean length of the texts", mean_before, mean_now, feature.baseline_design_effect)


def _create_text_length_mean(shapes: TextShapes) -> Mean:
    characters = shapes.characters + LONG * shapes.long
    squares = shapes.characters_squared + LONG**2 * shapes.long
    return Mean.from_whole_numbers(shapes.texts + shapes.long, characters, squares)


def _create_value_length_mean(frequencies: Frequencies) -> Mean:
    characters = sum(len(value) * count for value, count in frequencies.counts.items())
    squares = sum(len(value) ** 2 * count for value, count in frequencies.counts.items())
    return Mean.from_whole_numbers(frequencies.total, characters, squares)


@register_fact("text_letters_check", needs=TextShapes, same_as=EQUIVALENT_CHECKS)
def text_letters(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """Free texts have the baseline's mean share of letters, and its mean share of digits; not hexadecimal numbers and the like.

    Source: D4.9.
    """
    shapes = _get_free_text_shapes(feature, baseline_profile)
    if shapes is None or feature.baseline_feature.new_value_counts or are_grown_counters(feature, baseline_profile):
        return None
    # In codes that mix letters and digits, these shares differ from window to window
    if are_mixed_codes(baseline_profile):
        return None
    return select_clearest(
        _compare_measure(feature, shapes, "letters", "share of letters in the texts", unit=SHARES),
        _compare_measure(feature, shapes, "digits", "share of digits in the texts", unit=SHARES),
    )


@register_fact("text_words_check", needs=TextShapes, same_as=(*EQUIVALENT_CHECKS, "text_letters_check"))
def text_words(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """Free texts have the baseline's mean number of words (separated by blanks), if some texts have more than one word.

    Source: D4.9.
    """
    shapes = _get_free_text_shapes(feature, baseline_profile)
    if shapes is None or shapes[0].words <= shapes[0].texts:  # one word each
        return None
    return _compare_measure(feature, shapes, "words", "mean number of words")


def _compare_measure(
    feature: FeatureComparison, shapes: tuple[TextShapes, TextShapes], member: str, quantity: str, unit: int = 1
) -> FactEvidence | None:
    """The evidence on the mean of a member of the texts' shapes. unit: the member counts in units of 1 / `unit`."""
    mean_before, mean_now = (
        Mean.from_whole_numbers(texts.texts, getattr(texts, member), getattr(texts, f"{member}_squared"), unit)
        for texts in shapes
    )
    return compare_means(quantity, mean_before, mean_now, feature.baseline_design_effect)


@register_fact("text_new_words_check", needs=Words, same_as=(*EQUIVALENT_CHECKS, "text_letters_check"))
def new_words(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The share of words that the baseline never had is not above the share of rare words by chance; a text's words are a group.

    Source: D4.9; Good 1953, "The population frequencies of species".
    """
    words_before = baseline_profile.state(Words)
    words = feature.current_profile.state(Words)
    shapes = _get_free_text_shapes(feature, baseline_profile)
    if words_before is None or words is None or shapes is None:
        return None
    if words_before.different < MIN_WORDS:
        return None
    # The words of a text count as one observation; each level of sampling keeps a half of them
    shapes_before, _ = shapes
    design_effect = feature.baseline_design_effect
    words_of_text = shapes_before.words / max(shapes_before.texts, 1) * design_effect
    sampled_words_of_text = words_of_text / 2 ** max(words_before.level, words.level)
    # The baseline's share of rare words is the share of new words to expect by chance
    rare, unknown = words_before.count_new_words(words, 2 * design_effect - 1)
    return compare_shares("share of words that the baseline never had", rare, unknown, max(1.0, sampled_words_of_text))


@register_fact("code_length_check", needs=TextLengths, same_as=("categorical_values_check", "data_type_check"))
def code_length(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """No text has a different length if all of the baseline's texts, such as codes, have one; empty_text_check has empty texts.
    Whole numbers in a column of numbers are as long as their digits.

    Numbers are codes if they are padded with zeros, as in 00501. Counters in codes that aren't padded may get a digit more.
    Source: D4.9.
    """
    lengths = _get_text_lengths(feature, baseline_profile)
    if lengths is None:
        return None
    lengths_before, lengths_now = lengths
    # All texts of the baseline need one length
    if len(lengths_before.counts) != 1:
        return None
    (length,) = lengths_before.counts
    # Only numbers with zeros before their digits are codes: the smallest one has fewer digits than the length
    moments = baseline_profile.moments
    is_padded = (
        moments is not None
        and baseline_profile.inferred_type == "Integral"
        and 0 <= moments.minimum < 10 ** (length - 1)
    )
    if not length:
        return None
    if baseline_profile.is_numeric and (length == 1 or not is_padded):
        return None
    if are_grown_counters(feature, baseline_profile):
        return None
    # Empty texts have a check of their own
    total = feature.current_profile.num_present
    other_lengths = total - lengths_now.counts.get(length, 0) - lengths_now.counts.get(0, 0)
    group = estimate_group_size(feature, lambda text: len(text) not in (0, length))
    counts_before = (0, baseline_profile.num_present)
    return compare_shares("share of texts of another length", counts_before, (other_lengths, total), group)


@register_fact("empty_text_check", needs=TextLengths, same_as=("categorical_values_check",))
def empty_text(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The share of empty texts is not above the baseline's; if that is 0, empty texts are a new kind of value.

    Source: D4.9.
    """
    lengths = _get_text_lengths(feature, baseline_profile)
    if lengths is None or baseline_profile.is_numeric:
        return None
    lengths_before, lengths_now = lengths
    baseline = (lengths_before.counts.get(0, 0), baseline_profile.num_present)
    current = (lengths_now.counts.get(0, 0), feature.current_profile.num_present)
    return compare_shares("share of empty texts", baseline, current, feature.baseline_design_effect)


def _get_text_lengths(
    feature: FeatureComparison, baseline_profile: FeatureProfile
) -> tuple[TextLengths, TextLengths] | None:
    """The text lengths of baseline and window; None if a side's lengths are unknown, or if values are dates."""
    lengths_before = baseline_profile.state(TextLengths)
    lengths_now = feature.current_profile.state(TextLengths)
    are_texts = feature.are_texts
    # Codes that were texts may have become numbers, which lost the zeros before their digits
    if baseline_profile.is_numeric and feature.current_profile.column_type in (
        ColumnType.INTEGRAL,
        ColumnType.FRACTIONAL,
    ):
        lengths_now = _measure_digits(feature.current_profile)
        are_texts = baseline_profile.is_written_as_text
    if lengths_before is None or lengths_now is None:
        return None
    if not are_texts or recognise_dates(baseline_profile):
        return None
    return lengths_before, lengths_now


def _measure_digits(current: FeatureProfile) -> TextLengths | None:
    """The lengths of whole numbers, written as texts; None for other numbers."""
    if current.kll is None or not has_whole_numbers(current):
        return None
    # The sketch of the numbers stands for their texts
    values, cumulative = current.kll.step_cdf()
    lengths: Counter[int] = Counter()
    counts = np.diff(cumulative, prepend=0).tolist()
    for value, count in zip(values.tolist(), counts, strict=True):
        lengths[len(f"{value:.0f}")] += count
    return TextLengths(lengths)


def _get_free_text_shapes(
    feature: FeatureComparison, baseline_profile: FeatureProfile
) -> tuple[TextShapes, TextShapes] | None:
    """The shapes of texts without a domain, in baseline and window; None if unknown, or if values are dates or numbers."""
    shapes_before = baseline_profile.state(TextShapes)
    shapes_now = feature.current_profile.state(TextShapes)
    if not feature.are_texts or feature.constraints.domains is not None:
        return None
    if baseline_profile.is_numeric or recognise_dates(baseline_profile):
        return None
    if shapes_before is None or shapes_now is None:
        return None
    # A side without any texts has no means
    if not shapes_before.texts + shapes_before.long or not shapes_now.texts + shapes_now.long:
        return None
    return shapes_before, shapes_now
