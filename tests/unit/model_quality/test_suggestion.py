"""Thresholds: the service's values, those at a distance, and the law that a data set keeps its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.model_quality import ComparisonOperator, ModelQualityConstraints
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.model_quality.measurement import BARE, INTERVAL, Rule, Tolerance, suggest
from spark_model_monitor.monitors.model_quality.outcome_baseline import ModelBaseline
from spark_model_monitor.monitors.model_quality.quality_checks import check_all

from .outcomes_made import MULTICLASS, REGRESSION, SCORED, measure_counts, measured

TOLERANCES = [BARE, INTERVAL, Tolerance(Rule.ABSOLUTE, 0.02), Tolerance(Rule.RELATIVE, 0.05)]


@pytest.mark.parametrize(
    ("text", "tolerance"),
    [
        ("none", BARE),
        ("interval", INTERVAL),
        ("absolute:0.02", Tolerance(Rule.ABSOLUTE, 0.02)),
        (" Relative:5 % ", Tolerance(Rule.RELATIVE, 0.05)),
        ("relative:.5%", Tolerance(Rule.RELATIVE, 0.005)),
    ],
)
def test_a_tolerance_is_read_as_it_is_written(text, tolerance):
    assert Tolerance.parse(text) == tolerance
    assert Tolerance.parse(str(tolerance)) == tolerance


@pytest.mark.parametrize("text", ["", "5%", "relative:5", "relative:0.05", "absolute:5%", "absolute:-1", "bare"])
def test_what_is_no_tolerance_is_refused_with_the_forms(text):
    with pytest.raises(BadConfiguration, match="write none, interval, absolute:0.02 .* or relative:5%"):
        Tolerance.parse(text)


def test_binary_constraints_stand_in_the_order_of_the_service():
    constraints = suggest(measured(SCORED, ["1", "0"], ["1", "0"], [0.9, 0.1]), BARE).binary_classification_constraints

    # G20
    assert list(constraints) == [
        *("recall", "precision", "accuracy", "true_positive_rate", "true_negative_rate", "false_positive_rate"),
        *("false_negative_rate", "auc", "f0_5", "f1", "f2"),
    ]
    greater = [
        name for name, entry in constraints.items() if entry.comparison_operator is ComparisonOperator.GREATER_THAN
    ]
    assert greater == ["false_positive_rate", "false_negative_rate"]


def test_without_probabilities_there_is_no_auc():
    assert "auc" not in suggest(measure_counts(5, 1, 5, 1), BARE).binary_classification_constraints


def test_constraints_of_the_other_problems_stand_in_the_order_of_the_service():
    constraints = suggest(measured(MULTICLASS, ["a", "b"], ["a", "b"]), BARE).multiclass_classification_constraints
    numbers = suggest(measured(REGRESSION, [1.0, 2.0], [1.0, 2.5]), BARE).regression_constraints

    assert list(constraints) == [
        *("accuracy", "weighted_recall", "weighted_precision", "weighted_f0_5", "weighted_f1", "weighted_f2")
    ]
    assert {entry.comparison_operator.value for entry in constraints.values()} == {"LessThanThreshold"}
    assert [(name, entry.comparison_operator.value) for name, entry in numbers.items()] == [
        ("mae", "GreaterThanThreshold"),
        ("mse", "GreaterThanThreshold"),
        ("rmse", "GreaterThanThreshold"),
        ("r2", "LessThanThreshold"),
    ]


def test_the_rule_of_the_service_is_the_bare_value_without_members_of_ours():
    constraints = suggest(measure_counts(16, 0, 173, 12), BARE)

    assert constraints.binary_classification_constraints["recall"].threshold == 16 / 28
    assert list(constraints.plain()) == ["version", "binary_classification_constraints"]


@pytest.mark.parametrize(
    ("tolerance", "recall", "false_positive_rate"),
    [(Tolerance(Rule.ABSOLUTE, 0.02), 0.78, 0.12), (Tolerance(Rule.RELATIVE, 0.05), 0.76, 0.105)],
)
def test_a_slack_lies_on_the_worse_side(tolerance, recall, false_positive_rate):
    constraints = suggest(measure_counts(80, 10, 90, 20), tolerance).binary_classification_constraints

    assert constraints["recall"].threshold == pytest.approx(recall)  # 0.8
    assert constraints["false_positive_rate"].threshold == pytest.approx(false_positive_rate)  # 0.1


def test_a_relative_slack_of_a_negative_r2_lies_below_it():
    constraints = suggest(measured(REGRESSION, [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]), Tolerance(Rule.RELATIVE, 0.1))

    assert constraints.regression_constraints["r2"].threshold == pytest.approx(-3.3)  # 1 - 8/2 = -3


def test_a_metric_that_is_not_defined_has_no_threshold():
    constraints = suggest(measure_counts(5, 0, 0, 1), INTERVAL)

    assert constraints.plain()["binary_classification_constraints"]["false_positive_rate"] == {
        "threshold": None,
        "comparison_operator": "GreaterThanThreshold",
    }


@st.composite
def measurements(draw):
    rows = draw(st.integers(1, 40))

    def column(values):
        return draw(st.lists(values, min_size=rows, max_size=rows))

    kind = draw(st.sampled_from(["binary", "multiclass", "regression"]))
    if kind == "regression":
        numbers = st.floats(-1e9, 1e9)
        return measured(REGRESSION, column(numbers), column(numbers))
    if kind == "multiclass":
        return measured(MULTICLASS, ["a", *column(st.sampled_from("abc"))], ["a", *column(st.sampled_from("abcd"))])
    classes = st.sampled_from("01")
    return measured(SCORED, column(classes), column(classes), column(st.floats(0, 1)))


@pytest.mark.long
@given(measurements(), st.sampled_from(TOLERANCES))
def test_a_data_set_keeps_the_thresholds_suggested_from_it(measurement, tolerance):
    written = suggest(measurement, tolerance).to_json()
    baseline = ModelBaseline(ModelQualityConstraints.from_json(written))

    statuses = {outcome.status for outcome in check_all(measurement, baseline)}

    assert statuses <= {CheckStatus.PASSED, CheckStatus.NOT_JUDGED}
