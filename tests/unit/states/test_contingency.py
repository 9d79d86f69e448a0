"""The count table of the bias monitor: what it adds up, and the plan that it is counted by."""

from dataclasses import replace

import pytest

from spark_model_monitor.errors import BadState
from spark_model_monitor.statistics.states.contingency import CellKind, ColumnMetadata, Contingency
from spark_model_monitor.statistics.states.contingency_plan import (
    ContingencyPlan,
    Interval,
    Segmentation,
    ValuedColumn,
    parse_number,
)
from spark_model_monitor.statistics.user_choices import ValueKind

PLAN = ContingencyPlan(
    (
        ValuedColumn("sex", ("F", "X")),
        ValuedColumn("age", (40.5,), ValueKind.CONTINUOUS),
        ValuedColumn("flag", (True,)),
    ),
    ValuedColumn("y", (1,)),
    ValuedColumn("p", (1,)),
    "région",
    (Segmentation("ages", "age", ((Interval(1.0, 4.0, True, False), 7), ("x",)), ("young", "x", "rest")),),
    untyped_texts=True,
)


def test_a_plan_comes_back_from_its_text():
    assert ContingencyPlan.from_text(PLAN.text) == PLAN


def test_how_the_flip_test_is_made_is_no_part_of_what_is_counted():
    tested = ContingencyPlan(PLAN.facets, PLAN.label, with_flip_test=True, not_features=("id",), flip_rows=7)

    assert tested.text == ContingencyPlan(PLAN.facets, PLAN.label).text


def test_the_columns_of_a_plan_are_counted_once_each():
    assert PLAN.columns == ("sex", "age", "flag", "y", "p", "région")


@pytest.mark.parametrize(
    ("value", "number"), [(1, 1.0), ("1.5", 1.5), (True, 1.0), ("F", None), ("", None), ("nan", None), ("inf", None)]
)
def test_the_number_that_a_value_is(value, number):
    assert parse_number(value) == number


def test_facts_of_two_parts_bound_the_number_of_distinct_values():
    first = ColumnMetadata({CellKind.INTEGRAL: 10}, 3, 9, 4, 4)
    second = ColumnMetadata({CellKind.INTEGRAL: 5, CellKind.MISSING: 1}, -1, 5, 2, 2)

    assert first + second == ColumnMetadata({CellKind.INTEGRAL: 15, CellKind.MISSING: 1}, -1, 9, 4, 6)
    assert (first + ColumnMetadata({CellKind.INTEGRAL: 5}, 0, 1, 1, None)).at_most is None


def test_numbers_keep_their_type_in_bytes():
    """An interval is shown as `(40, 80]` for integers and `(40.0, 80.0]` for fractions."""
    state = Contingency(({("F", 1, None, None): 3},), (ColumnMetadata({CellKind.INTEGRAL: 3}, 40, 80.0),), "plan")

    [facts] = Contingency.from_bytes(state.to_bytes()).metadata
    assert (type(facts.minimum), type(facts.maximum)) == (int, float)


def test_cells_add_up_by_kind():
    first = Contingency(({("F", 1, None, "a"): 3, ("M", 0, None, "a"): 1},), plan="p")
    second = Contingency(({("F", 1, None, "a"): 2, (None, 0, None, None): 4},), plan="p")

    total = first + second

    assert total.tables == ({("F", 1, None, "a"): 5, ("M", 0, None, "a"): 1, (None, 0, None, None): 4},)
    assert total.rows == 10


def test_tables_of_another_number_are_not_lost_where_they_are_added():
    table = {("F", 1, None, "a"): 3}

    with pytest.raises(ValueError, match="argument 2"):
        Contingency((table, table), plan="p") + Contingency((table,), plan="p")


def test_counts_of_a_column_whose_kind_one_plan_leaves_open_add_up():
    open_plan = ContingencyPlan((ValuedColumn("sex", (1,)),), ValuedColumn("hired", (1,)))
    stated_plan = replace(open_plan, facets=(ValuedColumn("sex", (1,), ValueKind.CATEGORICAL),))
    facts = (ColumnMetadata({CellKind.INTEGRAL: 1}), ColumnMetadata({CellKind.INTEGRAL: 1}))
    of_open, of_stated = (
        Contingency(({(2, 2, None, None): 1},), facts, plan.text) for plan in (open_plan, stated_plan)
    )

    assert of_open + of_stated == of_stated + of_open
    assert (of_open + of_stated).plan == stated_plan.text
    assert ((of_open + of_open) + of_stated) == (of_open + (of_open + of_stated))


def test_counts_of_two_stated_kinds_do_not_add_up():
    plans = [
        ContingencyPlan((ValuedColumn("sex", (1,), kind),), ValuedColumn("hired", (1,)))
        for kind in (ValueKind.CATEGORICAL, ValueKind.CONTINUOUS)
    ]
    facts = (ColumnMetadata({CellKind.INTEGRAL: 1}), ColumnMetadata({CellKind.INTEGRAL: 1}))
    categories, thresholds = (Contingency(({(2, 2, None, None): 1},), facts, plan.text) for plan in plans)

    with pytest.raises(BadState, match="the plan is"):
        categories + thresholds
