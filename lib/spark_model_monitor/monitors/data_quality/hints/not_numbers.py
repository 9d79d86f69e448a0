"""Cells that are no numbers among numbers: a few of another type, other ways to write numbers, and words for missing ones."""

from __future__ import annotations

import re
from collections import Counter

from spark_model_monitor.data.records.missing_values import is_missing_word
from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.monitors.data_quality.hints import FEWEST_VALUES, HINTS, Said, Seen, listed
from spark_model_monitor.statistics.states import ColumnType, FeatureProfile
from spark_model_monitor.statistics.states.profile import LEAST_NUMBERS

COMMAS = "commas for thousands"
NUMBER_FORMS = (
    ("a percent sign", re.compile(r"\A\s*[-+]?[\d.,]+\s*%\s*"), "0.125 or 12.5 for 12.5%"),
    (COMMAS, re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?"), "1234.5 for 1,234.5"),
    ("points for thousands", re.compile(r"[-+]?\d{1,3}(\.\d{3})+,\d+|[-+]?\d{1,3}(\.\d{3}){2,}"), "1234.5 for 1.234,5"),
    ("a sign of currency", re.compile(r"\A(?:[-+]?\s*[$€£¥]\s*[\d.,]+|[\d.,]+\s*([$€£¥]|EUR|USD))"), "12.5 for €12.5"),
)
"""How people write numbers that no program takes for one: what it is, its form, and what to write instead."""

TOTALS = frozenset({"total", "totals", "grand total", "subtotal", "sum", "summe", "gesamt", "mean", "average"})
MOST_NUMBERS = 0.9  # of the cells of a column, as numbers and other forms of numbers


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
        instead = "leave cells empty where a number is missing, or name what stands there by --missing-values"
        yield counts, f"some cells are no numbers, and left out: {listed(counts)}; {instead}"


@HINTS.register("line_of_totals")
def line_of_totals(data: Seen) -> Said:
    """One cell of a column of numbers says that its line has totals, which then count in the other columns.

    Source: M16.
    """
    for feature in data.profile.features:
        if not feature.num_others or feature.frequencies is None:
            continue
        words = [text for text in feature.frequencies.counts if text.strip().lower() in TOTALS]
        if words:
            finding = f"a line of {feature.name!r} has {words[0]!r}, and its numbers count in the other columns"
            yield [feature.name], f"{finding}; take this line off the data"


@HINTS.register("number_forms")
def number_forms(data: Seen) -> Said:
    """Cells of a column are numbers with a percent sign, separators of thousands or a currency, which are texts to a program.

    Source: M16.
    """
    expected = data.expected_types()
    for form, _, instead in NUMBER_FORMS:
        counts = {}
        for feature in data.profile.features:
            expected_type = expected.get(feature.name)
            if expected_type is InferredType.STRING:
                continue
            # Beside a baseline of numbers the guess tells whether the comma is one of decimals
            if form == COMMAS and expected_type is not None:
                continue
            cells = _count_by_form(feature)
            if cells[form]:
                counts[feature.name] = cells[form], cells.total()
        if counts:
            yield counts, f"numbers are written with {form}: {listed(counts)}; write {instead}"


def _count_by_form(feature: FeatureProfile) -> Counter[str]:
    """The counted cells of a text column by form; none unless nearly all of them are numbers in some form."""
    cells: Counter[str] = Counter()
    if feature.column_type is not ColumnType.TEXT or feature.frequencies is None:
        return cells
    for text, count in feature.frequencies.counts.items():
        forms = [form for form, pattern, _ in NUMBER_FORMS if pattern.fullmatch(text)]
        if forms:
            cells[forms[0]] += count
        elif PLAIN_NUMBER.fullmatch(text) or is_missing_word(text):
            cells["plain"] += count
        else:
            cells["text"] += count
    # A column of texts may have a few that look so
    if cells["text"] > (1 - MOST_NUMBERS) * cells.total():
        cells.clear()
    return cells


PLAIN_NUMBER = re.compile(r"\A\s*[-+]? ?(\d+(?:\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*")


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
    # Columns of numbers and such words, and perhaps of other texts
    counts = {}
    words: dict[str, int] = {}
    for feature in data.profile.features:
        words_of_column = _count_missing_words(feature)
        num_words = sum(words_of_column.values())
        if feature.num_numbers + num_words < MOST_NUMBERS * feature.num_present:
            continue
        if num_words >= FEWEST_VALUES and expected.get(feature.name) is not InferredType.STRING:
            counts[feature.name] = num_words, feature.num_present
            words.update(words_of_column)
    if counts:
        named = ", ".join(sorted(words))
        instead = f"leave these cells empty, or write --missing-values '{','.join(sorted(words))}'"
        yield counts, f"words for a missing value, {named}, make texts of numbers: {listed(counts)}; {instead}"


def _count_missing_words(feature: FeatureProfile) -> dict[str, int]:
    """The cells of a text column by such a word; none if fewer than half of its cells are numbers. Only words of our own list
    are shown.
    """
    is_text = feature.column_type is ColumnType.TEXT and not feature.is_numeric
    if not is_text or feature.frequencies is None or feature.num_numbers < LEAST_NUMBERS * feature.num_present:
        return {}
    return {text: count for text, count in feature.frequencies.counts.items() if is_missing_word(text)}


@HINTS.register("nearly_numbers")
def nearly_numbers(data: Seen) -> Said:
    """Most cells of a text column are numbers, and the others are neither words for a missing value nor numbers in another form.

    Source: M16.
    """
    expected = data.expected_types()
    counts = {}
    for feature in data.profile.features:
        if feature.is_numeric or feature.column_type is not ColumnType.TEXT or feature.frequencies is None:
            continue
        if (
            feature.num_numbers < MOST_NUMBERS * feature.num_present
            or expected.get(feature.name) is InferredType.STRING
        ):
            continue
        # Texts that no other hint names
        num_words = sum(_count_missing_words(feature).values())
        num_texts = feature.num_present - feature.num_numbers - num_words
        if num_texts > 0 and not _has_forms(feature):
            counts[feature.name] = num_texts, feature.num_present
    if counts:
        finding = f"most cells are numbers, and some are texts, which make texts of all: {listed(counts)}"
        yield counts, f"{finding}; mend them, or name what stands for a missing value by --missing-values"


def _has_forms(feature: FeatureProfile) -> bool:
    cells = _count_by_form(feature)
    return any(cells[form] for form, _, _ in NUMBER_FORMS)
