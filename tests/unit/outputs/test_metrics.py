"""The metrics file of a data-quality run: C9.1 and C9.2."""

import json
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from spark_model_monitor.documents.check_results import CheckResult, CheckStatus
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.monitors.data_quality.feature_numbers import published_metrics
from spark_model_monitor.reports.outputs.cloudwatch_metrics import (
    METRICS_FILE,
    MetricContext,
    create_cloudwatch_metrics,
    encode_metrics,
)
from spark_model_monitor.statistics.states import (
    ColumnType,
    DataTypeCounts,
    DistinctBuilder,
    FeatureProfile,
    MomentsBuilder,
    Profile,
)

CONTEXT = MetricContext(datetime(2019, 11, 26, 3, tzinfo=timezone.utc), endpoint="endpoint_0", schedule="schedule_0")


def numbers(name, values, missing=0):
    moments = MomentsBuilder()
    distinct = DistinctBuilder()
    moments.update(np.array(values, dtype=np.float64), missing=missing)
    distinct.update(np.arange(len(set(values)), dtype=np.uint64) << np.uint64(55))
    types = DataTypeCounts(missing=missing, fractional=len(values))
    return FeatureProfile.of(name, ColumnType.FRACTIONAL, [types, moments.state(), distinct.state()])


TEXTS = FeatureProfile.of(
    "plan", ColumnType.TEXT, [DataTypeCounts(missing=1, integral=2, boolean=3, text=4, unknown=5)]
)


def constraints(*names, config=None, **overrides):
    features = [
        {"name": name, "inferred_type": "String"}
        | ({"monitoring_config_overrides": overrides[name]} if name in overrides else {})
        for name in names
    ]
    return Constraints.model_validate({"features": features, "monitoring_config": config or {}})


def drift(feature, observed, status=CheckStatus.PASSED):
    return CheckResult(feature=feature, check="baseline_drift_check", status=status, observed=observed, threshold=0.1)


def create_lines(profile, outcomes, rules, context):
    return create_cloudwatch_metrics(published_metrics(profile, outcomes, rules), context)


def create_metrics(*features, outcomes=(), rules=None, context=CONTEXT):
    rules = rules or constraints(*[feature.name for feature in features])
    profile = Profile(features[0].data_types.total, features)
    return {metric["MetricName"]: metric for metric in create_lines(profile, outcomes, rules, context)}


def select_values(metrics):
    return {name: metric["Value"] for name, metric in metrics.items() if "Value" in metric}


def test_a_distance_that_cloudwatch_does_not_take_has_no_metric():
    outcomes = [drift("far", 1e109), drift("near", 1e108)]  # C9.2: at most 2.348543e108

    metrics = create_metrics(numbers("far", [1.0]), numbers("near", [1.0]), outcomes=outcomes)

    assert metrics["feature_baseline_drift_near"]["Value"] == 1e108
    assert "feature_baseline_drift_far" not in metrics


def test_a_numeric_feature_has_the_statistics_of_its_numbers():
    metric = create_metrics(numbers("Day Mins", [1.0, 2.5, 2.5], missing=1))["feature_data_Day Mins"]

    assert metric == {
        "MetricName": "feature_data_Day Mins",
        "Timestamp": "2019-11-26T03:00:00Z",
        "Dimensions": [
            {"Name": "Endpoint", "Value": "endpoint_0"},
            {"Name": "MonitoringSchedule", "Value": "schedule_0"},
        ],
        "StatisticValues": {"SampleCount": 3.0, "Sum": 6.0, "Minimum": 1.0, "Maximum": 2.5},
        "Unit": "None",
    }


def test_every_feature_has_its_counts_and_shares():
    metrics = create_metrics(numbers("age", [1.0, 2.5, 2.5], missing=1), outcomes=[drift("age", 0.25)])

    assert select_values(metrics) == {
        "feature_non_null_age": 3.0,
        "feature_null_age": 1.0,
        "feature_completeness_age": 0.75,
        "feature_estimated_unique_values_age": 2.0,
        "feature_fractional_counts_age": 3.0,
        "feature_integral_counts_age": 0.0,
        "feature_string_counts_age": 0.0,
        "feature_boolean_counts_age": 0.0,
        "feature_unknown_counts_age": 1.0,
        "feature_baseline_drift_age": 0.25,
        "total_number_of_violations": 0.0,
    }


def test_the_counts_of_a_text_feature_are_those_of_its_cells():
    values = select_values(create_metrics(TEXTS))

    counts = {kind: values[f"feature_{kind}_counts_plan"] for kind in ("integral", "boolean", "string", "unknown")}
    assert counts == {"integral": 2.0, "boolean": 3.0, "string": 4.0, "unknown": 6.0}
    assert values["feature_non_null_plan"] == 14.0


def test_a_text_feature_has_no_numbers_and_without_a_distance_no_drift():
    metrics = create_metrics(TEXTS, outcomes=[drift("plan", None, CheckStatus.NOT_JUDGED)])

    assert "feature_data_plan" not in metrics
    assert "feature_baseline_drift_plan" not in metrics


def test_violations_are_counted_whatever_their_check():
    outcomes = [drift("plan", 0.2, CheckStatus.VIOLATED), drift("age", 0.3, CheckStatus.VIOLATED), drift("x", 0.0)]

    assert create_metrics(TEXTS, outcomes=outcomes)["total_number_of_violations"]["Value"] == 2.0


def test_emit_metrics_switched_off_for_a_feature_leaves_the_others():
    rules = constraints("age", "plan", plan={"emit_metrics": "Disabled"})
    metrics = create_metrics(numbers("age", [1.0]), TEXTS, rules=rules)

    assert "feature_non_null_age" in metrics
    assert not [name for name in metrics if name.endswith("_plan")]
    assert "total_number_of_violations" in metrics


def test_emit_metrics_switched_off_for_the_file_leaves_those_of_features_that_switch_it_on():
    rules = constraints("age", "plan", config={"emit_metrics": "Disabled"}, plan={"emit_metrics": "Enabled"})
    metrics = create_metrics(numbers("age", [1.0]), TEXTS, rules=rules)

    assert metrics
    assert all(name.endswith("_plan") for name in metrics)


def test_a_feature_that_the_constraints_do_not_have_goes_by_the_files_setting():
    on = constraints("other")
    off = constraints("other", config={"emit_metrics": "Disabled"})

    assert "feature_null_plan" in create_metrics(TEXTS, rules=on)
    assert create_metrics(TEXTS, rules=off) == {}


@pytest.mark.parametrize(
    "values", [[1.0, 1e200], [float("inf")], [float("nan")], []], ids=["large", "inf", "nan", "none"]
)
def test_numbers_that_cloudwatch_does_not_take_are_left_out(values):
    assert "feature_data_x" not in create_metrics(numbers("x", values))


def test_a_feature_without_rows_has_no_completeness():
    metrics = create_metrics(numbers("x", []))

    assert "feature_completeness_x" not in metrics
    assert metrics["feature_non_null_x"]["Value"] == 0.0


def test_batch_transform_has_no_endpoint():
    context = MetricContext(CONTEXT.time, schedule="nightly")

    metric = create_metrics(TEXTS, context=context)["feature_null_plan"]

    assert metric["Dimensions"] == [{"Name": "MonitoringSchedule", "Value": "nightly"}]


def test_times_are_utc():
    context = MetricContext(datetime(2021, 5, 7, 0, 30, tzinfo=timezone(timedelta(hours=2))))

    assert create_metrics(TEXTS, context=context)["feature_null_plan"]["Timestamp"] == "2021-05-06T22:30:00Z"


def test_the_file_is_one_json_object_per_line_with_a_value_or_statistics_and_never_both():
    metrics = create_lines(Profile(3, (numbers("Город", [1.0]), TEXTS)), [], constraints("plan"), CONTEXT)

    lines = encode_metrics(metrics).decode().splitlines()

    assert METRICS_FILE == "cloudwatch_metrics.jsonl"
    assert [json.loads(line) for line in lines] == metrics
    assert all(("Value" in metric) != ("StatisticValues" in metric) for metric in metrics)
    assert encode_metrics([]) == b""
