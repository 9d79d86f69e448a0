"""The verdicts: violated with its exact text, passed, not judged, cannot tell."""

from __future__ import annotations

import pytest

from spark_model_monitor.documents.check_results import CheckResults, CheckStatus, remove_values
from spark_model_monitor.documents.model_quality import ModelQualityConstraints
from spark_model_monitor.errors import BadDocument
from spark_model_monitor.monitors.model_quality import quality_checks
from spark_model_monitor.monitors.model_quality.measurement import BARE, INTERVAL, suggest
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.monitors.model_quality.outcome_baseline import ModelBaseline
from spark_model_monitor.monitors.model_quality.quality_checks import check_all
from spark_model_monitor.monitors.protocol import NAMED_COLUMNS, Sample

from .outcomes_made import BINARY, MULTICLASS, REGRESSION, make_outcomes, measure_counts, measured


def make_baseline(member="binary_classification_constraints", **thresholds) -> ModelBaseline:
    """A baseline that asks for thresholds: `recall=("<", 0.8)` is broken below 0.8."""
    operators = {"<": "LessThanThreshold", ">": "GreaterThanThreshold"}
    entries = {
        name: {"threshold": threshold, "comparison_operator": operators[sign]}
        for name, (sign, threshold) in thresholds.items()
    }
    return ModelBaseline(ModelQualityConstraints.model_validate({"version": 0.0, member: entries}))


def the_only(outcomes):
    (outcome,) = outcomes
    return outcome


@pytest.mark.parametrize(
    ("name", "constraint", "status"),
    [
        pytest.param("recall", ("<", 0.81), CheckStatus.VIOLATED, id="below"),
        pytest.param("recall", ("<", 0.8), CheckStatus.PASSED, id="exactly at the threshold"),
        pytest.param("recall", ("<", 0.79), CheckStatus.PASSED, id="above"),
        pytest.param("false_positive_rate", (">", 0.09), CheckStatus.VIOLATED, id="above, where more is worse"),
        pytest.param("false_positive_rate", (">", 0.1), CheckStatus.PASSED, id="at it, where more is worse"),
        pytest.param("recall", ("<", None), CheckStatus.NOT_JUDGED, id="no threshold"),
    ],
)
def test_a_metric_breaks_its_threshold_on_the_wrong_side_only(name, constraint, status):
    outcome = the_only(check_all(measure_counts(80, 10, 90, 20), make_baseline(**{name: constraint})))

    assert outcome.status is status


def test_a_threshold_that_is_spelt_otherwise_is_reported():
    baseline = make_baseline(recall=("<", 0.9))
    entry = baseline.constraints.binary_classification_constraints["recall"].plain()
    entry["treshold"] = entry.pop("threshold")
    misspelt = ModelQualityConstraints.model_validate({"binary_classification_constraints": {"recall": entry}})

    window = make_outcomes(BINARY, "1100", "1000")
    monitor = ModelQualityMonitor(BINARY)
    sample = Sample(window, monitor.metrics(window), NAMED_COLUMNS)
    hint, alone = monitor.judge(sample, ModelBaseline(misspelt)).hints

    assert hint.description == (
        "of constraints.json nothing reads: binary_classification_constraints.recall.treshold is unknown; "
        "did you mean threshold?"
    )
    assert alone.hint == "limits_as_written"  # there are neither statistics nor states


def test_a_violation_is_written_as_the_service_writes_it():
    outcomes = check_all(measure_counts(794, 2_128, 276, 120), make_baseline(true_positive_rate=("<", 0.9)))

    (violation,) = ModelQualityMonitor(BINARY).violations(outcomes).plain()["violations"]
    assert list(violation) == ["constraint_check_type", "description", "metric_name"]  # G20
    assert violation["constraint_check_type"] == "LessThanThreshold"
    assert violation["metric_name"] == "truePositiveRate"
    deviation = violation["description"].removeprefix("Metric truePositiveRate with 0.8687089715536105 +/- ")
    assert deviation.endswith(" was LessThanThreshold '0.9'")
    assert 0 < float(deviation.split(" ")[0]) < 0.03


def test_below_200_rows_a_violation_has_no_deviation():
    (violation,) = (
        ModelQualityMonitor(BINARY)
        .violations(check_all(measure_counts(1, 0, 0, 3), make_baseline(f2=("<", 0.5))))
        .violations
    )

    assert violation.description == "Metric f2 with 0.29411764705882354 was LessThanThreshold '0.5'"


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("false_negative_rate", "Metric falseNegativeRate with 6.0E-4 +/- 1.0 was GreaterThanThreshold '1.0E7'"),
        ("weighted_f0_5", "Metric weightedF0_5 with 6.0E-4 +/- 1.0 was GreaterThanThreshold '1.0E7'"),
        ("profit", "Metric profit with 6.0E-4 +/- 1.0 was GreaterThanThreshold '1.0E7'"),
    ],
)
def test_numbers_in_texts_are_those_of_java(metric, expected):
    assert quality_checks.format_violation_text(metric, 6e-4, 1.0, "GreaterThanThreshold", 1e7) == expected


def test_an_undefined_metric_never_violates():
    outcome = the_only(check_all(measure_counts(0, 1, 5, 0), make_baseline(recall=("<", 0.9))))

    assert outcome.status is CheckStatus.CANNOT_TELL
    assert outcome.reason.startswith("the metric is not defined for this window")
    assert (outcome.observed, outcome.interval, outcome.description) == (None, None, None)


def test_a_metric_that_the_run_has_not_is_not_judged_and_the_nearest_is_named():
    outcome = the_only(check_all(measure_counts(1, 1, 1, 1), make_baseline(acuracy=("<", 0.9))))

    assert outcome.status is CheckStatus.NOT_JUDGED
    assert outcome.reason == "this run has no metric of this name; did you mean 'accuracy'?"


def test_metrics_of_ours_can_be_constrained():
    measurement = measured(REGRESSION, [1.0, 2.0], [2.0, 2.0])

    outcome = the_only(check_all(measurement, make_baseline("regression_constraints", wape=(">", 0.1))))

    assert outcome.description == "Metric wape with 0.3333333333333333 was GreaterThanThreshold '0.1'"


def test_too_few_rows_cannot_tell():
    measurement = measure_counts(1, 0, 99, 3)
    baseline = make_baseline(recall=("<", 0.9), accuracy=("<", 0.99))

    recall, accuracy = check_all(measurement, baseline, min_samples=5)

    assert recall.status is CheckStatus.CANNOT_TELL
    assert recall.reason == "it rests on 4 rows, fewer than the 5 of min_samples"
    assert accuracy.status is CheckStatus.VIOLATED  # it rests on all 103
    assert [
        violation.metric_name for violation in ModelQualityMonitor(BINARY).violations((recall, accuracy)).violations
    ] == ["accuracy"]
    assert [outcome.status for outcome in check_all(measurement, baseline, min_samples=4)] == [CheckStatus.VIOLATED] * 2


def test_thresholds_of_the_user_are_kept_to_the_letter():
    outcome = the_only(check_all(measure_counts(7, 0, 90, 3), make_baseline(recall=("<", 0.75))))

    assert outcome.status is CheckStatus.VIOLATED


def test_the_service_judges_by_the_value_alone_in_its_order_and_never_f0_5():
    names = ("recall", "precision", "accuracy", "f0_5", "f1", "f2")
    baseline = make_baseline(**dict.fromkeys(names, ("<", 1.0)))

    outcomes = check_all(measure_counts(7, 1, 90, 3), baseline, as_service=True)

    violated = [outcome.metric for outcome in outcomes if outcome.status is CheckStatus.VIOLATED]
    assert violated == ["precision", "f1", "accuracy", "recall", "f2"]  # G20: the order seen
    (untold,) = [outcome for outcome in outcomes if outcome.status is not CheckStatus.VIOLATED]
    assert (untold.metric, untold.reason) == ("f0_5", "the service never reports this metric")


def test_classes_that_the_baseline_had_not_are_named_and_are_no_violation():
    measurement = measured(MULTICLASS, ["a", "b", "c", "a"], ["a", "b", "a", "1.0"])
    baseline = ModelBaseline(
        suggest(measured(MULTICLASS, ["a", "b", "1"], ["a", "b", "1"]), BARE).model_copy(
            update={"multiclass_classification_constraints": {}}
        ),
        classes=frozenset({"a", "b", "1"}),
        rows=3,
    )

    outcome = the_only(check_all(measurement, baseline))

    assert (outcome.check, outcome.status) == ("unseen_classes", CheckStatus.NOT_JUDGED)
    assert outcome.values == ("c",)
    assert outcome.reason == "1 labels and predictions are of classes that the baseline lacks"
    assert remove_values(outcome).values is None
    assert ModelQualityMonitor(BINARY).violations((outcome,)).violations == ()


def test_constraints_of_another_problem_are_refused():
    with pytest.raises(
        BadDocument, match="has regression_constraints; a run of problem_type BinaryClassification needs"
    ):
        check_all(measure_counts(1, 1, 1, 1), make_baseline("regression_constraints", mae=(">", 1.0)))


def test_outcomes_are_a_document_that_is_read_as_it_was_written():
    measurement = measure_counts(80, 10, 90, 20)
    baseline = ModelBaseline(suggest(measurement, INTERVAL), rows=200)
    document = CheckResults(checks=check_all(measurement, baseline))

    read = CheckResults.from_json(document.to_json())

    assert read == document
    first = read.plain()["checks"][0]
    decision = ["metric", "check", "status", "decided_by", "limit"]
    assert list(first) == [*decision, "observed", "interval", "threshold", "n", "m"]
    assert (first["metric"], first["check"], first["status"], first["n"], first["m"]) == (
        *("recall", "LessThanThreshold", "passed"),
        *(200, 100),
    )
