"""text_length_check, text_letters_check, text_words_check and text_new_words_check: free texts keep their length and
content. code_length_check and empty_text_check: codes keep their length, and texts don't suddenly become empty.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spark_model_monitor.monitors.data_quality.checks.guard import (
    GROUP,
    GUARDS,
    Evidence,
    Mean,
    exact_counts,
    of_means,
    of_share,
)
from spark_model_monitor.monitors.data_quality.comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.distributions import has_dates
from spark_model_monitor.statistics.states import FeatureProfile, Frequencies, TextLengths, TextShapes, Words
from spark_model_monitor.statistics.states.ends import LONG
from spark_model_monitor.statistics.verdicts.components import chance_of_more

FEWEST_WORDS = 10  # distinct ones
EMPTY_ALIEN = 0.01
SAME = ("categorical_values_check", "code_length_check", "text_length_check")
"""Checks that detect changes in a free text's content as well as the guards of letters and words do."""


@GUARDS.register("text_length_check", same_as=("categorical_values_check", "code_length_check"))
def text_length(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """Texts without a domain have the baseline's mean length. A text longer than 256 bytes counts as 256 bytes.

    With a baseline from an earlier release, the check needs values that are counted one by one.
    Source: D4.9.
    """
    what = "mean length of the texts"
    if feature.growth:  # later names may be longer
        return None
    if shapes := _shapes(feature, before):
        characters = ((each.characters, each.characters_squared) for each in shapes)
        means = (
            _mean(each.texts + each.long, total + LONG * each.long, squared + LONG**2 * each.long)
            for each, (total, squared) in zip(shapes, characters, strict=True)
        )
        return of_means(what, *means)
    old, new = exact_counts(before), exact_counts(feature.current)
    if old is None or new is None or not feature.are_texts or feature.constraints.domains is not None:
        return None
    return of_means(what, _length(old), _length(new))


@GUARDS.register("text_letters_check", needs=TextShapes, same_as=SAME)
def text_letters(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """Free texts have the baseline's mean share of letters, and its mean share of digits.

    Source: D4.9.
    """
    if feature.growth or not (shapes := _shapes(feature, before)):
        return None
    letters = (_mean(each.texts, each.letters / 1e3, each.letters_squared / 1e6) for each in shapes)
    digits = (_mean(each.texts, each.digits / 1e3, each.digits_squared / 1e6) for each in shapes)
    both = of_means("share of letters in the texts", *letters), of_means("share of digits in the texts", *digits)
    found = min((each for each in both if each), key=lambda each: (not each.is_large, each.p), default=None)
    return found and replace(found, p=2 * found.p, grouped_p=2 * found.grouped_p)


@GUARDS.register("text_words_check", needs=TextShapes, same_as=(*SAME, "text_letters_check"))
def text_words(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """Free texts have the baseline's mean number of words (separated by blanks), if some texts have more than one word.

    Source: D4.9.
    """
    shapes = _shapes(feature, before)
    if not shapes or shapes[0].words <= shapes[0].texts:
        return None
    means = (_mean(each.texts, each.words, each.words_squared) for each in shapes)
    return of_means("mean number of words", *means)


@GUARDS.register("text_new_words_check", needs=Words, same_as=(*SAME, "text_letters_check"))
def new_words(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of words that the baseline never had is not above the share of rare words by chance; a text's words are a group.

    Source: D4.9; Good 1953, "The population frequencies of species".
    """
    old, new = before.state(Words), feature.current.state(Words)
    if old is None or new is None or not _shapes(feature, before) or old.different < FEWEST_WORDS:
        return None
    (b, n), (w, m) = old.new_in(new)
    group = max(1, GROUP >> max(old.level, new.level))  # of the words kept by sampling
    found = of_share("share of words that the baseline never had", (b, n), (w, m))
    p = chance_of_more(-(-b // group), n // group, w // group, m // group) if min(n, m) >= group else 1.0
    return found and replace(found, p=p, grouped_p=p, share=None)


@GUARDS.register("code_length_check", needs=TextLengths, same_as=("categorical_values_check", "data_type_check"))
def code_length(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """No text has a different length if all of the baseline's texts, such as codes, have one; empty_text_check has empty texts.

    Numbers are codes if they are padded with zeros, as in 00501.
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


@GUARDS.register("empty_text_check", needs=TextLengths, same_as=("categorical_values_check",))
def empty_text(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of empty texts is not above the baseline's; if that is 0, empty texts are a new kind of value.

    Source: D4.9.
    """
    sides = _lengths(feature, before)
    if not sides or before.is_numeric:
        return None
    present = before.num_present, feature.current.num_present
    counts = ((each.counts.get(0, 0), total) for each, total in zip(sides, present, strict=True))
    return of_share("share of empty texts", *counts, alien=EMPTY_ALIEN, is_kind=True)


def _lengths(feature: FeatureComparison, before: FeatureProfile) -> tuple[TextLengths, TextLengths] | None:
    """The text lengths of both sides; None if a side has none, or they are unknown."""
    old, new = before.state(TextLengths), feature.current.state(TextLengths)
    return (old, new) if old is not None and new is not None and feature.are_texts else None


def _shapes(feature: FeatureComparison, before: FeatureProfile) -> tuple[TextShapes, TextShapes] | None:
    """The characters of texts without a domain, on both sides; None where values are dates, or they are unknown."""
    old, new = before.state(TextShapes), feature.current.state(TextShapes)
    if old is None or new is None or not old.texts + old.long or not new.texts + new.long:
        return None
    return None if not feature.are_texts or feature.constraints.domains is not None or has_dates(before) else (old, new)


def _mean(count: int, total: float, squared: float) -> Mean:
    mean = total / count if count else 0.0
    return Mean(count, mean, max(0.0, squared / count - mean * mean) if count else 0.0)


def _length(frequencies: Frequencies) -> Mean:
    lengths = np.array([len(value) for value in frequencies.counts], dtype=float)
    weights = np.array(list(frequencies.counts.values()), dtype=float)
    mean = float(np.average(lengths, weights=weights))
    return Mean(frequencies.total, mean, float(np.average((lengths - mean) ** 2, weights=weights)))
