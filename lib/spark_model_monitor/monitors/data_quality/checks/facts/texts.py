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
    exact_counts,
    register_fact,
    select_clearest,
)
from spark_model_monitor.monitors.data_quality.checks.facts.text_form import are_grown_counters, are_mixed_codes
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

FEWEST_WORDS = 10  # distinct ones
EQUIVALENT_CHECKS = ("categorical_values_check", "code_length_check", "text_form_check", "text_length_check")
"""Checks that detect changes in a free text's content as well as the facts of letters and words do."""


@register_fact("text_length_check", same_as=EQUIVALENT_CHECKS[:-1])
def text_length(feature: FeatureComparison, before: FeatureProfile) -> FactEvidence | None:
    """Texts without a domain have the baseline's mean length. A text longer than 256 bytes counts as 256 bytes.

    Source: D4.9.
    """
    if recognise_dates(before):  # a later month may have a longer name
        return None
    if feature.baseline_feature.growth or are_grown_counters(feature, before):  # later names may be longer
        return None
    if shapes := _get_free_text_shapes(feature, before):
        before_mean, mean = map(_mean_length, shapes)
    else:
        old = exact_counts(before)
        new = exact_counts(feature.current)
        if old is None or new is None or not feature.are_texts or feature.constraints.domains is not None:
            return None
        before_mean, mean = map(_mean_length_of_values, (old, new))
    return compare_means("mean length of the texts", before_mean, mean, feature.baseline_design_effect)


def _mean_length(shapes: TextShapes) -> Mean:
    characters = shapes.characters + LONG * shapes.long
    squares = shapes.characters_squared + LONG**2 * shapes.long
    return Mean.from_whole_numbers(shapes.texts + shapes.long, characters, squares)


def _mean_length_of_values(frequencies: Frequencies) -> Mean:
    characters = sum(len(value) * count for value, count in frequencies.counts.items())
    squares = sum(len(value) ** 2 * count for value, count in frequencies.counts.items())
    return Mean.from_whole_numbers(frequencies.total, characters, squares)


@register_fact("text_letters_check", needs=TextShapes, same_as=EQUIVALENT_CHECKS)
def text_letters(feature: FeatureComparison, before: FeatureProfile) -> FactEvidence | None:
    """Free texts have the baseline's mean share of letters, and its mean share of digits. Hexadecimal numbers and the like have
    some of both.

    Source: D4.9.
    """
    shapes = _get_free_text_shapes(feature, before)
    if shapes is None or feature.baseline_feature.growth or are_grown_counters(feature, before):
        return None
    if are_mixed_codes(before) and shapes[1].letters and shapes[1].digits:
        return None
    return select_clearest(
        _compare_measure(feature, shapes, "letters", "share of letters in the texts", unit=SHARES),
        _compare_measure(feature, shapes, "digits", "share of digits in the texts", unit=SHARES),
    )


@register_fact("text_words_check", needs=TextShapes, same_as=(*EQUIVALENT_CHECKS, "text_letters_check"))
def text_words(feature: FeatureComparison, before: FeatureProfile) -> FactEvidence | None:
    """Free texts have the baseline's mean number of words (separated by blanks), if some texts have more than one word.

    Source: D4.9.
    """
    shapes = _get_free_text_shapes(feature, before)
    if shapes is None or shapes[0].words <= shapes[0].texts:
        return None
    return _compare_measure(feature, shapes, "words", "mean number of words")


def _compare_measure(
    feature: FeatureComparison, shapes: tuple[TextShapes, TextShapes], member: str, quantity: str, unit: int = 1
) -> FactEvidence | None:
    before_mean, mean = (
        Mean.from_whole_numbers(texts.texts, getattr(texts, member), getattr(texts, f"{member}_squared"), unit)
        for texts in shapes
    )
    return compare_means(quantity, before_mean, mean, feature.baseline_design_effect)


@register_fact("text_new_words_check", needs=Words, same_as=(*EQUIVALENT_CHECKS, "text_letters_check"))
def new_words(feature: FeatureComparison, before: FeatureProfile) -> FactEvidence | None:
    """The share of words that the baseline never had is not above the share of rare words by chance; a text's words are a group.

    Source: D4.9; Good 1953, "The population frequencies of species".
    """
    old = before.state(Words)
    new = feature.current.state(Words)
    shapes = _get_free_text_shapes(feature, before)
    if old is None or new is None or old.different < FEWEST_WORDS or shapes is None:
        return None
    # Some of the baseline's words are rare, some of the window's new; of the words of a text sampling keeps a part
    repeats = feature.baseline_design_effect
    words_of_text = shapes[0].words / max(shapes[0].texts, 1) * repeats
    group = max(1.0, words_of_text / 2 ** max(old.level, new.level))
    rare, unknown = old.count_new_words(new, 2 * repeats - 1)
    return compare_shares("share of words that the baseline never had", rare, unknown, group)


@register_fact("code_length_check", needs=TextLengths, same_as=("categorical_values_check", "data_type_check"))
def code_length(feature: FeatureComparison, before: FeatureProfile) -> FactEvidence | None:
    """No text has a different length if all of the baseline's texts, such as codes, have one; empty_text_check has empty texts.
    Whole numbers in a column of numbers are as long as their digits.

    Numbers are codes if they are padded with zeros, as in 00501. Counters in codes that aren't padded may get a digit more.
    Source: D4.9.
    """
    lengths = _get_text_lengths(feature, before)
    if lengths is None or len(lengths[0].counts) != 1:
        return None
    # The one length of all texts; of numbers nothing else of their text counts than zeros before other digits
    (length,) = lengths[0].counts
    moments = before.moments
    is_padded = moments is not None and before.inferred_type == "Integral" and 0 <= moments.minimum < 10 ** (length - 1)
    if not length or (before.is_numeric and (length == 1 or not is_padded)):
        return None
    if are_grown_counters(feature, before):
        return None
    # Empty texts have a check of their own
    total = feature.current.num_present
    current = lengths[1].counts
    other_lengths = total - current.get(length, 0) - current.get(0, 0)
    return compare_shares("share of texts of another length", (0, before.num_present), (other_lengths, total))


@register_fact("empty_text_check", needs=TextLengths, same_as=("categorical_values_check",))
def empty_text(feature: FeatureComparison, before: FeatureProfile) -> FactEvidence | None:
    """The share of empty texts is not above the baseline's; if that is 0, empty texts are a new kind of value.

    Source: D4.9.
    """
    lengths = _get_text_lengths(feature, before)
    if lengths is None or before.is_numeric:
        return None
    baseline = (lengths[0].counts.get(0, 0), before.num_present)
    current = (lengths[1].counts.get(0, 0), feature.current.num_present)
    return compare_shares("share of empty texts", baseline, current, feature.baseline_design_effect)


def _get_text_lengths(feature: FeatureComparison, before: FeatureProfile) -> tuple[TextLengths, TextLengths] | None:
    """The text lengths of both sides; None if a side has none, they are unknown, or values are dates."""
    old = before.state(TextLengths)
    new = feature.current.state(TextLengths)
    are_texts = feature.are_texts
    # Codes may have become numbers
    if before.is_numeric and feature.current.column_type in (ColumnType.INTEGRAL, ColumnType.FRACTIONAL):
        new = _measure_digits(feature.current)
        are_texts = before.column_type is ColumnType.TEXT
    if old is None or new is None or not are_texts or recognise_dates(before):
        return None
    return old, new


def _measure_digits(current: FeatureProfile) -> TextLengths | None:
    """The lengths of whole numbers as texts; None of other numbers."""
    if current.kll is None or not has_whole_numbers(current):
        return None
    values, cumulative = current.kll.step_cdf()
    lengths: Counter[int] = Counter()
    counts = np.diff(cumulative, prepend=0).tolist()
    for value, count in zip(values.tolist(), counts, strict=True):
        lengths[len(f"{value:.0f}")] += count
    return TextLengths(lengths)


def _get_free_text_shapes(feature: FeatureComparison, before: FeatureProfile) -> tuple[TextShapes, TextShapes] | None:
    """The characters of texts without a domain, on both sides; None where values are dates or numbers, or they are unknown."""
    old = before.state(TextShapes)
    new = feature.current.state(TextShapes)
    if old is None or new is None or not old.texts + old.long or not new.texts + new.long or before.is_numeric:
        return None
    if not feature.are_texts or feature.constraints.domains is not None or recognise_dates(before):
        return None
    return old, new
