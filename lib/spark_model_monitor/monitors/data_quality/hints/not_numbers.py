"""Cells that are no numbers among numbers: a few of another type, other ways to write numbers, and words for missing ones."""

from __future__ import annotations

from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.monitors.data_quality.hints import FEWEST_VALUES, HINTS, Said, Seen, listed
from spark_model_monitor.statistics.states import ColumnType, FeatureProfile
from spark_model_monitor.statistics.states.profile import LEAST_NUMBERS

MISSING_WORDS = frozenset(
    {"#n/a", "#n/a n/a", "#na", "<na>", "n/a", "na", "null", "nan", "-nan", "none"}
    | {"-1.#ind", "-1.#qnan", "1.#ind", "1.#qnan"}
)
"""What pandas' read_csv takes for a missing number (its na_values), in lower case."""


@HINTS.register("not_numbers")
def not_numbers(data: Seen) -> Said:
    """A few cells of a column of numbers are no numbers; they are left out of what compares numbers.

    Source: M16, C11.34.
    """
    counts = {
        feature.name: (feature.num_others, feature.num_present)
        for feature in data.profile.features
        if feature.num_others
    }
    if counts:
        instead = "leave cells empty where a number is missing"
        yield counts, f"some cells are no numbers, and left out: {listed(counts)}; {instead}"


@HINTS.register("other_numbers")
def other_numbers(data: Seen) -> Said:
    """Some numbers of a column are written in a way that pandas reads and the service takes for text, such as `.5`.

    With a baseline, columns that are written so there are left out.
    Source: M16, C11.34.
    """
    baseline_counts = {}
    baseline = data.compared.baseline.profile if data.compared is not None else None
    if baseline is not None:
        baseline_counts = {feature.name: _count_other_numbers(feature) for feature in baseline.features}
    # Columns that are written so, and not in the baseline
    counts = {}
    for feature in data.profile.features:
        other_numbers = _count_other_numbers(feature)
        if other_numbers and not baseline_counts.get(feature.name):
            counts[feature.name] = other_numbers, feature.num_present
    if counts:
        finding = f"numbers are written in a way that the service takes for text, such as .5 or inf: {listed(counts)}"
        yield counts, f"{finding}; they count as numbers here, and not with --compat service"


def _count_other_numbers(feature: FeatureProfile) -> int:
    """The numbers of a column of numbers that are texts by the service's rules."""
    if not feature.is_numeric or feature.column_type is not ColumnType.TEXT:
        return 0
    types = feature.data_types
    return feature.num_numbers - types.integral - types.fractional


@HINTS.register("missing_in_words")
def missing_in_words(data: Seen) -> Said:
    """A text column would be one of numbers if words such as `NA` were missing values.

    Source: M16.
    """
    expected = data.expected_types()
    # Columns whose texts are such words alone
    counts = {}
    for feature in data.profile.features:
        words = _count_missing_words(feature)
        texts = feature.num_present - feature.num_numbers
        if words >= FEWEST_VALUES and words == texts and expected.get(feature.name) is not InferredType.STRING:
            counts[feature.name] = words, feature.num_present
    if counts:
        finding = f"words such as NA make texts of numbers: {listed(counts)}"
        yield counts, f"{finding}; leave these cells empty (pandas: read_csv and to_csv do so)"


def _count_missing_words(feature: FeatureProfile) -> int:
    """The cells of a text column with such words; 0 if fewer than half of its cells are numbers."""
    is_text = feature.column_type is ColumnType.TEXT and not feature.is_numeric
    if not is_text or feature.frequencies is None or feature.num_numbers < LEAST_NUMBERS * feature.num_present:
        return 0
    return sum(count for text, count in feature.frequencies.counts.items() if text.lower() in MISSING_WORDS)
