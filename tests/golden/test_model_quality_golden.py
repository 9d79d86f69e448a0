"""Model quality against what the real service wrote: numbers as displayed, texts to the last digit. Pure, no Spark.

Standard deviations are random in the service too (G20): of them presence and magnitude count.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor.documents.model_quality import ModelQualityConstraints
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.statistics.states.outcome_builder import OutcomeBuilder
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.user_choices import ProblemType

CHURN = "mq-churn-binary"
WEATHER = "mq-weather-regression"
NO_PROBABILITY = "mq-binary-114rows-no-probability"
DISPLAYED_DIGITS = 6

BINARY = OutcomePlan(ProblemType.BINARY_CLASSIFICATION)
SCORED = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True)
BY_THRESHOLD = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True, with_predictions=False)
REGRESSION = OutcomePlan(ProblemType.REGRESSION)


def replay(plan: OutcomePlan, labels, predictions=None, scores=None):
    """A monitor as the service, and the state of the rows."""
    monitor = ModelQualityMonitor(plan, as_service=True)
    builder = OutcomeBuilder(monitor.measures())
    builder.update(labels, predictions, scores)
    return monitor, builder.state()


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def texts(rows, name):
    return pa.array([row[name] for row in rows])


def numbers(rows, name):
    return np.array([float(row[name]) for row in rows])


@pytest.fixture(scope="module")
def baselines(golden):
    """Monitor and state of each baseline."""
    churn = read_rows(golden / CHURN / "input.csv")
    weather = read_rows(golden / WEATHER / "input.csv")
    plain = read_rows(golden / NO_PROBABILITY / "input.csv")
    return {
        CHURN: replay(SCORED, texts(churn, "label"), texts(churn, "prediction"), numbers(churn, "probability")),
        WEATHER: replay(REGRESSION, numbers(weather, "label"), numbers(weather, "prediction")),
        NO_PROBABILITY: replay(BINARY, texts(plain, "labels"), texts(plain, "prediction")),
    }


@pytest.fixture(scope="module")
def window(golden):
    """Monitor and state of the churn run: 3,318 captures, each with the label of its inferenceId."""
    folder = golden / CHURN / "run1-goldmermaid"
    labels = {}
    for line in (folder / "ground-truth.reconstructed.jsonl").read_text().splitlines():
        record = json.loads(line)
        labels[record["eventMetadata"]["eventId"]] = record["groundTruthData"]["data"]
    captures = [json.loads(line) for line in (folder / "capture.reconstructed.jsonl").read_text().splitlines()]
    scores = [float(capture["captureData"]["endpointOutput"]["data"]) for capture in captures]
    joined = [labels[capture["eventMetadata"]["inferenceId"]] for capture in captures]
    return replay(BY_THRESHOLD, pa.array(joined), None, np.array(scores))


FOLDERS = {CHURN: f"{CHURN}/run1-goldmermaid", WEATHER: WEATHER, NO_PROBABILITY: NO_PROBABILITY}

every_baseline = pytest.mark.parametrize("case", FOLDERS)


@every_baseline
def test_every_displayed_metric_of_the_baseline_is_ours(golden, baselines, case):
    monitor, state = baselines[case]
    statistics = monitor.documents(state, monitor.metrics(state))[0].plain()
    (metrics,) = (member for name, member in statistics.items() if name.endswith("_metrics"))
    displayed = json.loads((golden / FOLDERS[case] / "baseline-metrics.as-displayed.json").read_text())

    compared = 0
    for path, shown in displayed.items():
        name, member = path.split(".", 1)
        if member == "value":
            assert metrics[name]["value"] == pytest.approx(float(shown), rel=10**-DISPLAYED_DIGITS * 5), path
        elif member.startswith("standard_dev"):
            deviation = metrics[name]["standard_deviation"]
            assert (deviation is None) == (shown == "None"), path
            if deviation:
                assert 0.1 < deviation / float(shown) < 10, path
        elif name == "confusion_matrix":
            label, prediction = member.split(".")
            assert metrics[name][label][prediction] == int(shown), path
        else:  # a curve, displayed in part
            (curve,) = (points for points_of, points in metrics[name].items() if points_of.startswith(member[:7]))
            beginning = [float(point) for point in re.findall(r"\d+\.\d+", shown)[:-1]]  # the last one may be cut
            assert len(beginning) > 1
            assert curve[: len(beginning)] == beginning, path
        compared += 1
    assert compared == len(displayed)


@every_baseline
def test_every_displayed_threshold_is_ours_in_the_same_order(golden, baselines, case):
    monitor, state = baselines[case]
    constraints = monitor.documents(state, monitor.metrics(state))[1].plain()
    (suggested,) = (member for name, member in constraints.items() if name.endswith("_constraints"))
    displayed = json.loads((golden / FOLDERS[case] / "baseline-constraints.as-displayed.json").read_text())

    assert list(suggested) == list(displayed)
    for name, entry in displayed.items():
        assert suggested[name]["threshold"] == pytest.approx(entry["threshold"], rel=10**-DISPLAYED_DIGITS * 5), name
        assert suggested[name]["comparison_operator"] == entry["comparison_operator"]


def without_deviation(text: str) -> str:
    return re.sub(r" \+/- \S+", "", text)


def test_the_churn_run_finds_the_violations_of_the_service_in_its_order_to_the_last_digit(golden, baselines, window):
    baseline, state = baselines[CHURN]
    statistics, constraints, _ = baseline.documents(state, baseline.metrics(state))
    monitor, outcomes = window
    checked = monitor.judge(
        Sample(outcomes, monitor.metrics(outcomes)), monitor.stored_baseline(constraints, statistics, None)
    ).results
    violations = monitor.violations(checked).plain()["violations"]
    path = golden / CHURN / "run1-goldmermaid" / "violations.as-displayed.json"
    displayed = json.loads(path.read_text())

    assert [violation["metric_name"] for violation in violations] == [
        violation["metric_name"] for violation in displayed
    ]
    for ours, theirs in zip(violations, displayed, strict=True):
        assert ours["constraint_check_type"] == theirs["constraint_check_type"]
        assert " +/- " in ours["description"]
        if ours["metric_name"] != "auc":
            assert without_deviation(ours["description"]) == without_deviation(theirs["description"])


def test_the_churn_runs_area_is_that_of_the_service_but_for_the_last_digit(window):
    # the run had several partitions, over which MLlib adds in another order; the replay is that of one
    monitor, outcomes = window

    assert monitor.metrics(outcomes).metrics["auc"].value == pytest.approx(0.5138258810079481, abs=2e-16)


def test_the_thresholds_of_the_churn_baseline_are_those_in_the_published_texts(golden, baselines):
    monitor, state = baselines[CHURN]
    suggested = monitor.documents(state, monitor.metrics(state))[1].binary_classification_constraints
    names = {"truePositiveRate": "true_positive_rate", "falsePositiveRate": "false_positive_rate"}
    names |= {"trueNegativeRate": "true_negative_rate", "falseNegativeRate": "false_negative_rate"}

    for run in ("run1-goldmermaid", "run2-rjEks"):
        for violation in json.loads((golden / CHURN / run / "violations.as-displayed.json").read_text()):
            threshold = float(violation["description"].split("'")[1])
            metric = violation["metric_name"]
            assert suggested[names.get(metric, metric)].threshold == threshold, metric


def test_the_published_run_of_114_rows_says_that_precision_without_a_hit_is_0_and_nothing_of_f0_5(golden, baselines):
    # the run's rows are not published, so its other numbers can't be recomputed
    _, state = baselines[NO_PROBABILITY]
    displayed = json.loads((golden / NO_PROBABILITY / "violations.as-displayed.json").read_text())

    assert state.item_count == 114
    assert "f0_5" not in {violation["metric_name"] for violation in displayed}
    precision = next(violation for violation in displayed if violation["metric_name"] == "precision")
    assert precision["description"].startswith("Metric precision with 0.0 ")


def test_the_constraints_of_a_multiclass_run_are_written_back_as_they_were(golden):
    text = (golden / "schema-examples" / "multiclass.run-constraints.json").read_text()

    constraints = ModelQualityConstraints.from_json(text)

    assert constraints.to_json() == text.removesuffix("\n")
    assert not [*constraints.unknown_members()]


@pytest.mark.parametrize("case", [CHURN, NO_PROBABILITY])
def test_published_metrics_have_the_names_of_the_service(golden, baselines, case):
    monitor, state = baselines[case]
    measurement = monitor.metrics(state)
    statistics, constraints, _ = monitor.documents(state, measurement)
    judgement = monitor.judge(Sample(state, measurement), monitor.stored_baseline(constraints, statistics, None))
    published = {metric.name for metric in judgement.published_metrics(judgement.results, constraints)}
    names = set((golden / FOLDERS[case] / "cloudwatch-metric-names.txt").read_text().split())

    # the run of the second case had probabilities, its baseline none
    assert names - published <= ({"auc", "au_prc"} if case == NO_PROBABILITY else set())
