"""How columns are taken: Clarify's rule, its traps, and what merged counts leave open."""

from __future__ import annotations

import pytest

from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.bias.choices import PandasType, choose_kind, depends_on_distinct_values, value_type
from spark_model_monitor.statistics.states.contingency import CellKind, ColumnMetadata
from spark_model_monitor.statistics.states.contingency_plan import ValuedColumn
from spark_model_monitor.statistics.user_choices import ValueKind

MISSING, INTEGRAL, FRACTIONAL, BOOLEAN, TEXT, INTEGER_TEXT, OTHER = CellKind


def facts(kinds, *, distinct=1, minimum=None, maximum=None):
    return ColumnMetadata(kinds, minimum, maximum, distinct, distinct)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ({INTEGRAL: 5}, PandasType.INTEGER),
        ({INTEGRAL: 5, MISSING: 1}, PandasType.FLOATING),
        ({INTEGRAL: 5, FRACTIONAL: 1}, PandasType.FLOATING),
        ({MISSING: 5}, PandasType.FLOATING),
        ({BOOLEAN: 5}, PandasType.BOOLEAN),
        ({TEXT: 1, INTEGRAL: 5}, PandasType.TEXT),
        ({INTEGER_TEXT: 5}, PandasType.TEXT),
        ({OTHER: 5}, PandasType.OTHER),
    ],
    ids=lambda value: value.name if isinstance(value, PandasType) else "+".join(kind.name for kind in value),
)
def test_the_type_of_values_is_that_of_pandas(kinds, expected):
    assert value_type(facts(kinds)) is expected


@pytest.mark.parametrize(
    ("values", "metadata", "expected"),
    [
        pytest.param((1,), facts({INTEGRAL: 41}, distinct=2), "categorical", id="2 of 41 integers are 4.9 %"),
        pytest.param((1,), facts({INTEGRAL: 40}, distinct=2), "continuous", id="2 of 40 integers are 5 %"),
        pytest.param((1, 2), facts({INTEGRAL: 40}, distinct=40), "categorical", id="several values are categories"),
        pytest.param((0.5,), facts({FRACTIONAL: 1000}, distinct=2), "continuous", id="fractions always are continuous"),
        pytest.param(("1",), facts({INTEGER_TEXT: 10}, distinct=5), "continuous", id="texts of many integers"),
        pytest.param(("1",), facts({INTEGER_TEXT: 10, TEXT: 1}, distinct=9), "categorical", id="texts of other things"),
        pytest.param(("1",), facts({INTEGER_TEXT: 10, MISSING: 1}, distinct=9), "categorical", id="texts, one missing"),
        pytest.param((True,), facts({BOOLEAN: 3}, distinct=2), "categorical", id="booleans"),
        pytest.param((), facts({OTHER: 3}, distinct=3), "categorical", id="dates"),
    ],
)
def test_a_column_is_taken_as_clarify_takes_it(values, metadata, expected):
    assert choose_kind(ValuedColumn("x", values), metadata).value == expected


def test_what_is_said_of_a_column_counts():
    column = ValuedColumn("y", (1,), ValueKind.CATEGORICAL)

    assert choose_kind(column, facts({INTEGRAL: 20}, distinct=2)) is ValueKind.CATEGORICAL
    assert not depends_on_distinct_values(column, ColumnMetadata({INTEGRAL: 20}, 0, 1, 1, None))


@pytest.mark.parametrize(
    ("rows", "maximum", "open_"),
    [
        pytest.param(1000, 40, False, id="41 integers at most are less than 5 % of 1,000"),
        pytest.param(1000, 49, True, id="50 could be 5 %"),
        pytest.param(30, 1, True, id="of 30 rows, 1 would be less than 5 % and 2 more"),
    ],
)
def test_the_range_of_integers_settles_most_columns(rows, maximum, open_):
    column = ValuedColumn("x", (1,))
    metadata = ColumnMetadata({INTEGRAL: rows}, 0, maximum, 1, None)

    assert depends_on_distinct_values(column, metadata) is open_
    if not open_:
        assert choose_kind(column, metadata) is ValueKind.CATEGORICAL


def test_merged_counts_that_leave_it_open_are_refused_with_the_remedy():
    merged = facts({INTEGRAL: 100}, distinct=4, minimum=0, maximum=900) + facts(
        {INTEGRAL: 100}, distinct=9, minimum=0, maximum=900
    )

    with pytest.raises(
        BadInput, match="between 9 and 13 distinct values in 200 rows.*--set column_types=x=categorical"
    ):
        choose_kind(ValuedColumn("x", (1,)), merged)
