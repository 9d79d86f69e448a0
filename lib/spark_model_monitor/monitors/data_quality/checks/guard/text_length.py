"""text_length_check, text_letters_check, text_words_check and text_new_words_check: free texts keep their length and
content. code_length_check and empty_text_check: codes keep their length, and texts don't suddenly become empty.
"""

from __future__ import annotations

from dataclasses import replace

from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.checks.guard import (
    GROUP,
    GUARDS,
    GuardEvidence,
    Mean,
    exact_counts,
    mean_evidence,
    share_evidence,
)
from spark_model_monitor.monitors.data_quality.checks.guard.text_form import are_grown_counters, are_mixed_codes
from spark_model_monitor.statistics.date_columns import recognise_dates
from spark_model_monitor.statistics.states import FeatureProfile, Frequencies, TextLengths, TextShapes, Words
from spark_model_monitor.statistics.states.ends import LONG, SHARES
from spark_model_monitor.statistics.verdicts.components import chance_of_more

FEWEST_WORDS = 10  # distinct ones
EMPTY_ALIEN = 0.01
EQUIVALENT_CHECKS = ("categorical_values_check", "code_length_check", "text_form_check", "text_length_check")
"""Checks that detect changes in a free text's content as well as the guards of letters and words do."""


@GUARDS.register("text_length_check", same_as=("categorical_values_check", "code_length_check", "text_form_check"))
def text_length(feature: FeatureComparison, before: FeatureProfile) -> GuardEvidence | None:
    """Texts without a domain have the baseline's mean length. A text longer than 256 bytes counts as 256 bytes.

    With a baseline from an earlier release, the check needs values that are counted one by one.
    Source: D4.9.
    """
    quantity = "mean length of the texts"
    if recognise_dates(before):  # a later month may have a longer name
        return None
    if feature.baseline_feature.growth or are_grown_counters(feature, before):  # later names may be longer
        return None
    if shapes := _get_free_text_shapes(feature, before):
        return mean_evidence(quantity, _mean_length(shapes[0]), _mean_length(shapes[1]))
    old = exact_counts(before)
    new = exact_counts(feature.current)
    if old is None or new is None or not feature.are_texts or feature.constraints.domains is not None:
        return None
    return mean_evidence(quantity, _mean_length_of_values(old), _mean_length_of_values(new))


def _mean_length(shapes: TextShapes) -> Mean:
    characters = shapes.characters + LONG * shapes.long
    squares = shapes.characters_squared + LONG**2 * shapes.long
    return Mean.from_whole_numbers(shapes.texts + shapes.long, characters, squares)


def _mean_length_of_values(frequencies: Frequencies) -> Mean:
    characters = sum(len(value) * count for value, count in frequencies.counts.items())
    squares = sum(len(value) ** 2 * count for value, count in frequencies.counts.items())
    return Mean.from_whole_numbers(frequencies.total, characters, squares)


@GUARDS.register("text_letters_check", needs=TextShapes, same_as=EQUIVALENT_CHECKS)
def text_letters(feature: FeatureComparison, before: FeatureProfile) -> GuardEvidence | None:
    """Free texts have the baseline's mean share of letters, and its mean share of digits. Hexadecimal numbers and the like have
    some of both.

    Source: D4.9.
    """
    if feature.baseline_feature.growth or are_grown_counters(feature, before):
        return None
    shapes = _get_free_text_shapes(feature, before)
    if shapes is None:
        return None
    old, new = shapes
    if are_mixed_codes(before) and new.letters and new.digits:
        return None
    letters = mean_evidence("share of letters in the texts", _mean_letters(old), _mean_letters(new))
    digits = mean_evidence("share of digits in the texts", _mean_digits(old), _mean_digits(new))
    if letters is None or digits is None:
        return None
    clearest = min(letters, digits, key=lambda evidence: (not evidence.is_large, evidence.p))
    return replace(clearest, p=2 * clearest.p, grouped_p=2 * clearest.grouped_p)


def _mean_letters(shapes: TextShapes) -> Mean:
    return Mean.from_whole_numbers(shapes.texts, shapes.letters, shapes.letters_squared, unit=SHARES)


def _mean_digits(shapes: TextShapes) -> Mean:
    return Mean.from_whole_numbers(shapes.texts, shapes.digits, shapes.digits_squared, unit=SHARES)


@GUARDS.register("text_words_check", needs=TextShapes, same_as=(*EQUIVALENT_CHECKS, "text_letters_check"))
def text_words(feature: FeatureComparison, before: FeatureProfile) -> GuardEvidence | None:
    """Free texts have the baseline's mean number of words (separated by blanks), if some texts have more than one word.

    Source: D4.9.
    """
    shapes = _get_free_text_shapes(feature, before)
    if shapes is None or shapes[0].words <= shapes[0].texts:
        return None
    old, new = map(_mean_words, shapes)
    return mean_evidence("mean number of words", old, new)


def _mean_words(shapes: TextShapes) -> Mean:
    return Mean.from_whole_numbers(shapes.texts, shapes.words, shapes.words_squared)


@GUARDS.register("text_new_words_check", needs=Words, same_as=(*EQUIVALENT_CHECKS, "text_letters_check"))
def new_words(feature: FeatureComparison, before: FeatureProfile) -> GuardEvidence | None:
    """The share of words that the baseline never had is not above the share of rare words by chance; a text's words are a group.

    Source: D4.9; Good 1953, "The population frequencies of species".
    """
    old = before.state(Words)
    new = feature.current.state(Words)
    if old is None or new is None or old.different < FEWEST_WORDS or _get_free_text_shapes(feature, before) is None:
        return None
    # b of n words of the baseline are rare, w of m words of the window are new
    (b, n), (w, m) = old.count_new_words(new)
    group = max(1, GROUP >> max(old.level, new.level))  # of the words kept by sampling
    evidence = share_evidence("share of words that the baseline never had", (b, n), (w, m))
    if evidence is None:
        return None
    # The words of a text come together, so groups of them are what counts
    p = 1.0
    if min(n, m) >= group:
        p = chance_of_more(-(-b // group), n // group, w // group, m // group)
    return replace(evidence, p=p, grouped_p=p, share=None)


@GUARDS.register("code_length_check", needs=TextLengths, same_as=("categorical_values_check", "data_type_check"))
def code_length(feature: FeatureComparison, before: FeatureProfile) -> GuardEvidence | None:
    """No text has a different length if all of the baseline's texts, such as codes, have one; empty_text_check has empty texts.

    Numbers are codes if they are padded with zeros, as in 00501. Counters in codes that aren't padded may get a digit more.
    Source: D4.9.
    """
    lengths = _get_text_lengths(feature, before)
    if lengths is None or len(lengths[0].counts) != 1:
        return None
    # The one length of all texts; numbers have one if they are padded with zeros
    (length,) = lengths[0].counts
    moments = before.moments
    is_padded = moments is not None and moments.maximum >= 0 and abs(moments.minimum) < 10.0 ** (length - 1)
    if not length or (before.is_numeric and (length == 1 or not is_padded)):
        return None
    if are_grown_counters(feature, before):
        return None
    # Empty texts have a check of their own
    total = feature.current.num_present
    current = lengths[1].counts
    other_lengths = total - current.get(length, 0) - current.get(0, 0)
    return share_evidence(
        "share of texts of another length", (0, before.num_present), (other_lengths, total), is_kind=True
    )


@GUARDS.register("empty_text_check", needs=TextLengths, same_as=("categorical_values_check",))
def empty_text(feature: FeatureComparison, before: FeatureProfile) -> GuardEvidence | None:
    """The share of empty texts is not above the baseline's; if that is 0, empty texts are a new kind of value.

    Source: D4.9.
    """
    lengths = _get_text_lengths(feature, before)
    if lengths is None or before.is_numeric:
        return None
    baseline = (lengths[0].counts.get(0, 0), before.num_present)
    current = (lengths[1].counts.get(0, 0), feature.current.num_present)
    return share_evidence("share of empty texts", baseline, current, alien=EMPTY_ALIEN, is_kind=True)


def _get_text_lengths(feature: FeatureComparison, before: FeatureProfile) -> tuple[TextLengths, TextLengths] | None:
    """The text lengths of both sides; None if a side has none, they are unknown, or values are dates."""
    old = before.state(TextLengths)
    new = feature.current.state(TextLengths)
    if recognise_dates(before):
        return None
    if old is None or new is None or not feature.are_texts:
        return None
    return old, new


def _get_free_text_shapes(feature: FeatureComparison, before: FeatureProfile) -> tuple[TextShapes, TextShapes] | None:
    """The characters of texts without a domain, on both sides; None where values are dates or numbers, or they are unknown."""
    old = before.state(TextShapes)
    new = feature.current.state(TextShapes)
    if old is None or new is None or not old.texts + old.long or not new.texts + new.long or before.is_numeric:
        return None
    if not feature.are_texts or feature.constraints.domains is not None:
        return None
    if recognise_dates(before):
        return None
    return old, new
