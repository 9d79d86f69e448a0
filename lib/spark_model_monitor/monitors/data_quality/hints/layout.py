"""The layout of data and constraints: a header that is a record, shifted columns, unknown segments, unknown members."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from spark_model_monitor.documents.check_results import Hint
from spark_model_monitor.documents.page import list_names
from spark_model_monitor.monitors.data_quality.distribution.always_new import NUMBERED, explain_always_new
from spark_model_monitor.monitors.data_quality.hints import HintSentences, ObservedData, list_quoted, register_hint
from spark_model_monitor.monitors.data_quality.label_column import find_absent_columns
from spark_model_monitor.statistics.states import FeatureProfile, Profile
from spark_model_monitor.statistics.text_forms import PLAIN_NUMBER

NO_COUNTER = re.compile(r"-.*|[^.eE\n]*[.eE].*")  # a negative number or a fraction; others number columns, or are years
MIN_NUMBERS = 3  # fewest numbers in a header; fewer may be in no order by chance

MAX_CATEGORIES = 100
"""With more distinct values, or few rows for each, a text column's first value may be unique to that row."""
ROWS_FOR_EACH = 5


@register_hint("header_is_data")
def header_is_data(data: ObservedData) -> HintSentences:
    """Every cell of the header looks like the values of its column, and some cells are unlikely names.

    Unlikely names are a text that is a value of its own column, beside another such text or a fraction; or numbers in no order
    (levels and lags have an order) with a fraction or a negative number. The hint names no column: the names are record values.
    Source: M16.
    """
    header = data.layout.header
    features = data.features
    if len(header) != len(features) or not all(map(_may_be_value, header, features)):
        return
    pairs = list(zip(header, features, strict=True))
    values = sum(cell in (feature.exact_domain or {}) for cell, feature in pairs if not feature.is_numeric)
    numbers = [cell for cell, feature in pairs if feature.is_numeric and PLAIN_NUMBER.fullmatch(cell)]
    if values + _rate_certainty(numbers) >= 2:
        finding = f"the first row of the CSV looks like a record, not like the names of {len(header):,} columns"
        yield (), f"{finding}; write --dataset-format csv-without-header, or a header line"


def _may_be_value(cell: str, feature: FeatureProfile) -> bool:
    """Whether a cell of the header may be one of the column's values; an empty cell has become `_c0` or the like."""
    if cell.startswith("_c"):
        return True
    if feature.is_numeric:
        moments = feature.moments
        if moments is None or not moments.count or not PLAIN_NUMBER.fullmatch(cell):
            return False
        width = moments.maximum - moments.minimum
        return moments.minimum - width <= float(cell) <= moments.maximum + width
    domain = feature.exact_domain or {}
    is_small = 0 < len(domain) <= MAX_CATEGORIES and feature.num_present >= ROWS_FOR_EACH * len(domain)
    return cell in domain or not is_small


def _rate_certainty(numbers: Sequence[str]) -> int:
    """How certain it is that numbers in a header are values: 2 for certain, 1 with other evidence, 0 if they may be names."""
    if not any(map(NO_COUNTER.fullmatch, numbers)):
        return 0
    in_order = sorted(map(float, numbers))
    is_sorted = [*map(float, numbers)] in (in_order, in_order[::-1])
    if is_sorted or len(numbers) < MIN_NUMBERS:
        return 1
    return 2


@register_hint("index_column")
def index_column(data: ObservedData) -> HintSentences:
    """The first column of a header has no name, and numbers the rows, as the index does that pandas writes.

    Source: M16.
    """
    first_two = data.features[:2]
    names = [feature.name for feature in first_two]
    # Without a header, all columns have such names
    if names[:1] == ["_c0"] and names[1:] != ["_c1"] and explain_always_new(first_two[0]) == NUMBERED:
        finding = "the first column has no name and numbers the rows, as the index does that pandas writes"
        yield names[:1], f"{finding}; leave it out by to_csv(…, index=False)"


@register_hint("column_roles")
def column_roles(data: ObservedData) -> HintSentences:
    """Captures have columns that the baseline lacks, or the baseline one that no capture has."""
    compared = data.comparison
    if compared is None or compared.baseline.roles is None:
        return
    roles = compared.baseline.roles
    # The role that each column was given
    sentences = []
    columns = list(compared.new_columns)
    if roles.absent_label is not None:
        columns.insert(0, roles.absent_label)
        sentences.append(f"{roles.absent_label!r} is in the baseline and never in traffic: taken for the label")
    answers = [repr(name) for name in roles.answers if name in compared.new_columns]
    inputs = [repr(name) for name in roles.inputs if name in compared.new_columns]
    if answers:
        sentences.append(f"answers that the baseline lacks, not compared yet: {list_names(answers)}")
    if inputs:
        sentences.append(f"inputs that the baseline lacks, not compared yet: {list_names(inputs)}")
    if sentences:
        yield columns, "; ".join(sentences)
    # If several columns are missing, one of them may be the label
    absent_names = find_absent_columns(compared.baseline, compared.current_profile.by_name)
    if absent_names and roles.label is None and not compared.baseline.has_given_label and (answers or inputs):
        yield (
            absent_names,
            f"no record has {list_quoted(absent_names)}; if one is the label, write --label and its name",
        )


@register_hint("segments")
def segments(data: ObservedData) -> HintSentences:
    """Rows can't be cut into the baseline's segments, or most rows are in none of them; in a baseline, some rows are in none.

    Source: D4.13.
    """
    compared = data.comparison
    first: Profile | None = data.profile
    if compared is not None:
        first = compared.baseline.profile
    if first is not None and first.features and "segments" in first.features[0].states:
        from spark_model_monitor.monitors.segment_reports import write_segment_hints

        baseline = None
        if compared is not None:
            baseline = _count_rows_by_segment(first)
        hints = write_segment_hints(baseline, _count_rows_by_segment(data.profile))
        yield from ((hint.features, hint.description) for hint in hints)


@register_hint("unknown_members")
def unknown_members(data: ObservedData) -> HintSentences:
    """`constraints.json` has members that no check reads; each is named with the nearest known member.

    Source: C4.2.
    """
    if data.comparison is None:
        return
    for hint in Hint.from_unread_members(data.comparison.constraints):
        yield hint.features, hint.description


def _count_rows_by_segment(profile: Profile) -> Mapping[str, Mapping[str, int]]:
    segmented = None
    if profile.features:
        segmented = profile.features[0].states.get("segments")
    return {
        cut: {label: feature.data_types.total for label, feature in segments.items()}
        for cut, segments in getattr(segmented, "cuts", {}).items()
    }
