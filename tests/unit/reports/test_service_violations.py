"""The texts of the service's violations, of every container, as numbers and words."""

import json

import pytest

from spark_model_monitor.documents.change_description import describe_change
from spark_model_monitor.documents.check_results import Violation, Violations
from spark_model_monitor.reports.history_page.past_run import read_run
from spark_model_monitor.reports.history_page.service_violations import read_check_result, read_check_results

TYPES = (
    "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. "
    "Observed: Only 99.5% of data is Integral."
)
COMPLETENESS = "Data completeness requirement is not met. Expected: 100.0%. Observed: Only 97.84946236559139%."


@pytest.mark.parametrize(
    ("check", "description", "observed", "threshold"),
    [
        ("data_type_check", TYPES, 0.995, 1.0),
        ("completeness_check", COMPLETENESS, 0.9784946236559139, 1.0),
        ("completeness_check", "Value: 0.9 does not meet the constraint requirement! ", 0.9, None),
        ("baseline_drift_check", "Baseline drift distance: 0.27 exceeds threshold: 0.1", 0.27, 0.1),
        ("baseline_drift_check", "Numerical distance: 0.27 exceeds numerical threshold: 0", 0.27, 0.0),
        ("baseline_drift_check", "Baseline drift p-value: 6.0E-4 is below threshold: 0.1", 6e-4, 0.1),
        ("feature_attribution_drift_check", "Feature attribution drift 0.76 exceeds threshold 0.9", 0.76, 0.9),
        ("bias_drift_check", "Metric value -Infinity doesn't meet the baseline constraint requirement 0.2", None, 0.2),
        ("another_check", "Some text of a later container.", None, None),
    ],
)
def test_a_text_has_its_numbers_and_words_with_a_verb(check, description, observed, threshold):
    violation = Violation(feature_name="fare", constraint_check_type=check, description=description)

    check_result = read_check_result(violation)

    assert check_result.observed == pytest.approx(observed)
    assert check_result.threshold == threshold
    assert describe_change(check_result).startswith("violates ")


def test_metrics_have_the_names_of_the_statistics():
    text = "Metric truePositiveRate with 0.11 +/- 0.002 was LessThanThreshold '0.57'"
    violation = Violation(constraint_check_type="LessThanThreshold", description=text, metric_name="truePositiveRate")

    check_result = read_check_result(violation)

    assert (check_result.metric, check_result.observed, check_result.threshold) == ("true_positive_rate", 0.11, 0.57)


def test_a_bias_violation_is_of_its_group():
    text = '{"violations": [{"facet": "Sex", "facet_value": "0", "metric_name": "DI", "constraint_check_type": "b", '
    violations = Violations.from_json(text + '"description": "Metric value 1.0 does"}]}')

    assert [check_result.full_name for check_result in read_check_results(violations, ())] == ["DI (Sex=0)"]


def test_every_text_that_was_published_is_understood(golden):
    """All but the exit messages of jobs and the errors of metrics, which have no numbers."""
    for line in (golden / "messages.jsonl").read_text().splitlines():
        message = json.loads(line)
        if message["check"] in ("exit_message", "bias metric error"):
            continue
        violation = Violation(constraint_check_type=message["check"], description=message["description"])
        is_infinite = "value Infinity" in message["description"]
        assert (read_check_result(violation).observed is None) == is_infinite, message["description"]


def test_a_folder_of_the_service_counts_all_features_and_is_named_by_the_end_of_its_window(tmp_path):
    folder = tmp_path / "2026" / "03" / "04" / "10"
    folder.mkdir(parents=True)
    numbers = {"numerical_statistics": {"common": {"num_present": 9, "num_missing": 0}, "mean": 1.0}}
    features = [{"name": name, "inferred_type": "Integral", **numbers} for name in ("fare", "tip", "toll")]
    (folder / "statistics.json").write_text(json.dumps({"dataset": {"item_count": 9}, "features": features}))
    violation = {"feature_name": "fare", "constraint_check_type": "data_type_check", "description": TYPES}
    (folder / "constraint_violations.json").write_text(json.dumps({"violations": [violation]}))

    run = read_run(str(folder))

    assert (run.identity.start.hour, run.identity.end.hour) == (9, 10)
    statuses = {check_result.feature: check_result.status.value for check_result in run.create_check_results()}
    assert statuses == {"fare": "violated", "tip": "passed", "toll": "passed"}


def test_a_model_quality_run_of_the_service_says_its_window_itself(tmp_path):
    folder = tmp_path / "2026" / "03" / "04" / "10"
    folder.mkdir(parents=True)
    dataset = {"item_count": 9, "start_time": "2026-03-03T10:00:00Z", "end_time": "2026-03-04T10:00:00Z"}
    metrics = {"mae": {"value": 4.0}, "rmse": {"value": 5.0}, "accuracy_best_constant_classifier": {"value": 0.5}}
    (folder / "statistics.json").write_text(json.dumps({"dataset": dataset, "regression_metrics": metrics}))
    text = "Metric mae with 4.0 +/- 0.1 was GreaterThanThreshold '3.5'"
    violation = {"metric_name": "mae", "constraint_check_type": "GreaterThanThreshold", "description": text}
    (folder / "constraint_violations.json").write_text(json.dumps({"violations": [violation]}))

    run = read_run(str(folder))

    assert (run.identity.end - run.identity.start).days == 1
    assert run.get_number("threshold", "mae") == 3.5
    assert [check_result.metric for check_result in run.create_check_results()] == ["mae", "rmse"]
