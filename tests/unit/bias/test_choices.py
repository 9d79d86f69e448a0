"""What of a column is chosen: values, thresholds, every value on its own."""

from __future__ import annotations

import pytest

from spark_model_monitor.monitors.bias import choices
from spark_model_monitor.monitors.bias.bias_analysis import choose_groups
from spark_model_monitor.statistics.states.contingency_plan import ContingencyPlan, ValuedColumn
from spark_model_monitor.statistics.user_choices import ValueKind

from .counting import counted


def list_groups(cells, *values, untyped=True, taken_as=None):
    """(shown, rows in the group) of each group of a facet with these cells."""
    facet = ValuedColumn("facet", values, taken_as)
    plan = ContingencyPlan((facet,), ValuedColumn("y", ("yes",)), untyped_texts=untyped)
    state = counted([{"facet": cell, "y": "yes"} for cell in cells], plan)
    [choices] = choose_groups(state, plan).groups
    return [(c.shown, sum(rows for cell, rows in state.tables[0].items() if cell[0] in c.keys)) for c in choices]


@pytest.mark.parametrize(
    ("cells", "values", "expected"),
    [
        pytest.param(["F", "M", "F", None], ["F"], [("F", 2)], id="a text"),
        pytest.param(["F", "M", "X"], ["F", "X"], [("F,X", 2)], id="several"),
        pytest.param(["0", "1"] * 50, ["1"], [("1", 50)], id="the text of a number"),
        pytest.param(["0", "1"] * 50, [1.0], [("1.0", 50)], id="a fraction that is whole"),
        pytest.param(["00", "01"] * 50, [1], [("1", 50)], id="padded integers"),
        pytest.param(["True", "false", "true"], [True], [("True", 2)], id="booleans however they are written"),
        pytest.param(["True", "False"], ["False"], [("False", 1)], id="the text of false is false"),
        pytest.param(["True", "False"], [1], [("1", 1)], id="1 is true"),
        pytest.param(["F", "M"], ["f"], [("f", 0)], id="texts by letter"),
        pytest.param(["1", "F"], [1], [("1", 1)], id="a number among texts"),
        pytest.param(
            ["20", "41", "80", None], [40], [("(40.0, 80.0]", 2)], id="integers with a missing one are fractions"
        ),
        pytest.param([str(age) for age in range(20, 81)], [40], [("(40, 80]", 40)], id="a threshold of integers"),
        pytest.param(["1.5", "2.5", "9"], [2.5], [("(2.5, 9.0]", 1)], id="a threshold of fractions"),
        pytest.param(["1.5", "9.0"], [9], [("", 0)], id="a threshold at the maximum"),
        pytest.param(["1.5", "9.0"], [20], [("(9.0, 20.0]", 0)], id="a threshold above the maximum"),
        pytest.param(["1.5", "9.0"], [], [("", 0)], id="no threshold"),
        pytest.param(["1.5", "9.0"], ["old"], [("old", 0)], id="a threshold that is no number"),
        pytest.param(["b", "a", None], [], [("a", 1), ("b", 1), ("nan", 0)], id="every value on its own"),
        pytest.param(["10", "9", "010"] * 50, [], [("9", 50), ("10", 100)], id="every integer on its own, by size"),
        pytest.param(["true", "True", "False"], [], [("False", 1), ("True", 2)], id="every boolean on its own"),
    ],
)
def test_groups_of_a_facet(cells, values, expected):
    assert list_groups(cells, *values) == expected


def test_texts_by_their_type_are_compared_as_texts():
    assert list_groups(["1", "01"] * 50, 1, untyped=False) == [("1", 50)]


def test_a_column_can_be_said_to_be_categorical():
    assert list_groups(["0", "1"] * 10, 1, taken_as=ValueKind.CATEGORICAL) == [("1", 10)]
    assert list_groups(["0", "1"] * 10, 1) == [("", 0)]


def predicted(labels, predictions, values):
    plan = ContingencyPlan(
        (ValuedColumn("facet", ("F",)),), ValuedColumn("y", values), ValuedColumn("p", values), untyped_texts=True
    )
    rows = [{"facet": "F", "y": y, "p": p} for y, p in zip(labels, predictions, strict=True)]
    return choose_groups(counted(rows, plan), plan)


def test_labels_and_predictions_of_different_kinds_have_no_post_training_metrics():
    chosen = predicted(["0", "1"] * 50, ["0.5", "1.5"] * 50, (1,))

    assert chosen.error_of_predictions == choices.LABEL_TYPES_DIFFER


def test_no_positive_prediction_is_reported():
    assert predicted(["0", "1"] * 50, ["0", "0"] * 50, (1,)).error_of_predictions == choices.NO_POSITIVE_PREDICTION
    assert predicted(["0", "1"] * 50, ["0", "1"] * 50, (1,)).error_of_predictions is None
