"""Which values of a column are chosen as positive labels or as sensitive groups; whether a column is categorical or
continuous; and reasons why a choice or a metric is missing. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from enum import Enum

from spark_model_monitor.errors import BadInput
from spark_model_monitor.statistics.states.contingency import CellKind, CellMatch, ColumnMetadata, Key
from spark_model_monitor.statistics.states.contingency_plan import (
    ValuedColumn,
    join_texts,
    normalize_code,
    parse_number,
)
from spark_model_monitor.statistics.user_choices import ValueKind
from spark_model_monitor.value_class import value_class

NO_THRESHOLD = "Threshold values must be provided for continuous features"
NOT_A_THRESHOLD = "Facet/label value provided must be a single numeric threshold for continuous data"
NO_POSITIVE_PREDICTION = (
    "No Label values are present in the predicted Label Column,"
    "Positive Predicted Index Series contains all False values"
)  # fmt: skip
LABEL_TYPES_DIFFER = "Predicted Label Column series datatype is not the same as Label Column series"
NO_GROUP_VARIABLE = "Group variable is empty or not provided"
NO_POSITIVE_LABEL = "No positive labels in set"
NO_NEGATIVE_LABEL = "No negative labels in set"


# The kind of a column, categorical or continuous, is inferred from its values as in Clarify


MIN_CONTINUOUS_SHARE = 0.05  # an integer column is continuous if at least this share of its present values is distinct


class PandasType(Enum):
    """The type that pandas would infer for a column."""

    INTEGER = "integer"
    FLOATING = "floating"
    BOOLEAN = "boolean"
    TEXT = "text"
    OTHER = "other"


def value_type(metadata: ColumnMetadata) -> PandasType:
    """The type of a column's values. Integers with a missing value are floating, and so is a column without values."""
    kinds = _find_kinds(metadata) - {CellKind.MISSING}
    # pandas reads such a column of integers as floating, and the service follows pandas
    if kinds == {CellKind.INTEGRAL} and not metadata.missing:
        return PandasType.INTEGER
    if kinds <= {CellKind.INTEGRAL, CellKind.FRACTIONAL}:
        return PandasType.FLOATING
    if kinds == {CellKind.BOOLEAN}:
        return PandasType.BOOLEAN
    if kinds == {CellKind.OTHER}:
        return PandasType.OTHER
    return PandasType.TEXT


def choose_kind(column: ValuedColumn, metadata: ColumnMetadata) -> ValueKind:
    """Whether the column's values are categories or continuous numbers.

    Raises BadInput if this depends on the number of distinct values and only bounds of that number are known, as in
    merged runs.
    """
    at_least, at_most = _kind_bounds(column, metadata)
    if at_least is not at_most:
        maximum = metadata.at_most or metadata.present
        raise BadInput(
            f"column {column.name!r} has between {metadata.at_least:,} and {maximum:,} distinct values in "
            f"{metadata.present:,} rows, so it isn't known whether they are categories; write --set "
            f"column_types={column.name}=categorical or {column.name}=continuous"
        )
    return at_least


def depends_on_distinct_values(column: ValuedColumn, metadata: ColumnMetadata) -> bool:
    """Whether the kind of the column depends on its number of distinct values, which is not yet known well enough."""
    at_least, at_most = _kind_bounds(column, metadata)
    return at_least is not at_most


def _kind_bounds(column: ValuedColumn, metadata: ColumnMetadata) -> tuple[ValueKind, ValueKind]:
    """The kind of the column for the smallest and for the largest possible number of distinct values."""
    if column.taken_as is not None:
        return column.taken_as, column.taken_as
    kind = value_type(metadata)
    are_integers = kind is PandasType.INTEGER or (
        kind is PandasType.TEXT and _find_kinds(metadata) == {CellKind.INTEGER_TEXT}
    )
    shares = (0.0, 0.0)
    # Several configured values are always categories, but a single one may be a threshold
    if len(column.values) <= 1:
        if kind is PandasType.FLOATING:
            shares = (1.0, 1.0)
        elif are_integers:
            shares = _share_bounds(metadata)
    low, high = (ValueKind.CONTINUOUS if share >= MIN_CONTINUOUS_SHARE else ValueKind.CATEGORICAL for share in shares)
    return low, high


def _find_kinds(metadata: ColumnMetadata) -> Set[CellKind]:
    return {kind for kind, count in metadata.kinds.items() if count}


def _share_bounds(metadata: ColumnMetadata) -> tuple[float, float]:
    """Bounds of the share of distinct values among the present ones; 0 without present values.

    There can't be more distinct integers than between minimum and maximum; this isn't used for texts, which may have leading
    zeros.
    """
    present = metadata.present
    if not present:
        return 0.0, 0.0
    # Without an upper bound, all present values may be distinct
    upper_bound = present
    if metadata.at_most is not None:
        upper_bound = min(present, metadata.at_most)
    if _find_kinds(metadata) == {CellKind.INTEGRAL} and metadata.minimum is not None and metadata.maximum is not None:
        upper_bound = min(upper_bound, int(metadata.maximum) - int(metadata.minimum) + 1)
    return metadata.at_least / present, max(upper_bound, metadata.at_least) / present


# Choice of values: the positive labels, the sensitive groups of a facet


MISSING_SHOWN = "nan"  # name of the group of missing values in a facet without configured values


@value_class
class Choice:
    """Chosen values of a column.

    shown: the name in analysis.json, `F,X` or `(40, 75]`.
    configured: the configured values, by which later runs are matched; the other end of their interval may differ.
    kind: the kind of the column.
    error: the reason why nothing can be chosen, None if there is a choice.
    reason_empty: the reason why no row has the configured values, or some of them; None if each has rows, or if this wasn't
        examined.
    """

    shown: str
    configured: str
    keys: frozenset[Key]
    kind: ValueKind
    error: str | None = None
    reason_empty: str | None = None


def choose_positives(column: ValuedColumn, metadata: ColumnMetadata, keys: Collection[Key]) -> Choice:
    """The positive values of a label or prediction. keys: the keys of the column's counts."""
    configured = join_texts(column.values)
    if choose_kind(column, metadata) is ValueKind.CATEGORICAL:
        cell_match = CellMatch.SAME_TEXT
        # Among the integers of a CSV file, a code such as `01` matches only as text
        if value_type(metadata) not in (PandasType.TEXT, PandasType.OTHER):
            cell_match |= CellMatch.SAME_NUMBER
        return Choice(configured, configured, _select_matching(cell_match, keys), ValueKind.CATEGORICAL)
    threshold = column.threshold
    if threshold is None:
        error = NOT_A_THRESHOLD if column.values else NO_THRESHOLD
        return Choice(configured, configured, frozenset(), ValueKind.CONTINUOUS, error)
    shown = _format_interval(column, metadata, threshold)
    return Choice(shown, configured, _select_matching(CellMatch.ABOVE, keys), ValueKind.CONTINUOUS)


def choose_groups_of_facet(column: ValuedColumn, metadata: ColumnMetadata, keys: Collection[Key]) -> tuple[Choice, ...]:
    """The sensitive groups of a facet: one group for configured values or a threshold, otherwise one for each value, sorted
    by value.

    Different texts of one value (`1` and `01` for integers) form one group. Missing values become an entry without rows.
    """
    if column.values or choose_kind(column, metadata) is ValueKind.CONTINUOUS:
        return (choose_positives(column, metadata, keys),)
    kind = value_type(metadata)
    values: dict[str, set[Key]] = {}
    for key in keys:
        if key is not None:
            # `1` and `01` have the same canonical text, so both keys belong to the group
            values.setdefault(_canonical(str(key), kind), set()).add(key)
    choices = [
        Choice(value, value, frozenset(values[value]), ValueKind.CATEGORICAL) for value in sorted(values, key=_by_value)
    ]
    if None in keys:
        choices.append(Choice(MISSING_SHOWN, MISSING_SHOWN, frozenset(), ValueKind.CATEGORICAL))
    return tuple(choices)


def _select_matching(cell_match: CellMatch, keys: Collection[Key]) -> frozenset[Key]:
    return frozenset(key for key in keys if isinstance(key, int) and key & cell_match)


def _format_interval(column: ValuedColumn, metadata: ColumnMetadata, threshold: float) -> str:
    """The interval from the threshold to the maximum, such as `(40, 80]`; reversed if the threshold is larger, empty if
    they are equal.
    """
    # A column without values has no maximum
    if metadata.maximum is None:
        return f"({column.values[0]}, {MISSING_SHOWN}]"
    if threshold == metadata.maximum:
        return ""
    numbers = column.values[0], metadata.maximum
    # In the service's format: `(40, 80]` for integers, otherwise `(40.0, 80.0]`
    are_integers = value_type(metadata) is not PandasType.FLOATING and all(
        isinstance(number, int) for number in numbers
    )
    as_written: Callable[[float], int | float] = int if are_integers else float
    low, high = sorted((as_written(threshold), as_written(metadata.maximum)))
    return f"({low}, {high}]"


def _canonical(text: str, kind: PandasType) -> str:
    if kind is PandasType.INTEGER:
        return str(int(text))
    if kind is PandasType.FLOATING:
        return str(float(text))
    if kind is PandasType.BOOLEAN:
        return str(text.lower() == "true")
    return text


def _by_value(text: str) -> tuple[bool, float, str]:
    """A sort key: numbers by size, then texts."""
    number = parse_number(text)
    return number is None, number or 0.0, text


# Configured values that no row has, and whether the data has a value that is nearly equal. Values of the data are never part
# of a message


def _strip_zeros(text: str) -> str:
    if not text.isdigit():
        return text
    return text.lstrip("0") or "0"


DIFFERENCES: Mapping[str, Callable[[str], str]] = {
    "by blanks alone": str.strip,
    "by case alone": str.casefold,
    "by case and blanks alone": lambda text: text.strip().casefold(),
    "by leading zeros alone": _strip_zeros,
}
"""The ways in which texts may differ, the nearest first, each with a function that removes the difference."""


def describe_unmatched(column: ValuedColumn, texts: Iterable[str], *, is_empty: bool = False) -> Iterator[str]:
    """Sentences about the configured values of a column that are not among `texts`, the distinct values of the data.
    is_empty: whether no row has any of the configured values.
    """
    texts = frozenset(texts)
    codes = set(map(normalize_code, texts))
    for value in column.values:
        if not is_empty and normalize_code(value) in codes:
            continue
        sentence = f"no row has the configured value {value!r}"
        difference = _find_nearest_difference(str(value), texts)
        if difference is not None:
            sentence += f"; a value of the data differs from it {difference}: write the value as the data has it"
        yield sentence


def _find_nearest_difference(value: str, texts: Iterable[str]) -> str | None:
    """How the nearest text differs from `value`; None if all texts differ by more than case, blanks and leading zeros."""
    for difference, simplify in DIFFERENCES.items():
        if simplify(value) in map(simplify, texts):
            return difference
    return None
