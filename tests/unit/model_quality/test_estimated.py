"""Quality before labels: the estimate by hand, its error, its verdicts, and what can't be estimated."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from spark_model_monitor import (
    DataQualityMonitor,
    EstimatedQualityMonitor,
    ModelQualityMonitor,
    OutcomePlan,
    ProblemType,
    merge_runs,
    outcomes,
    read_baseline,
    run_baseline,
    run_monitoring,
)
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.run_description import RunContext
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput
from spark_model_monitor.monitors.model_quality.estimated.estimation import Cells, estimate_two_classes
from spark_model_monitor.monitors.model_quality.estimates import confidence_interval
from spark_model_monitor.reports.history_page.history import read_run_history
from spark_model_monitor.reports.history_page.over_time import create_tracks
from spark_model_monitor.reports.page.svg import describe_track
from spark_model_monitor.statistics.states.scores import ScoreCounts, calibration

from .outcomes_made import BINARY, BY_THRESHOLD, MULTICLASS, SCORED

REFERENCE = ScoreCounts(np.array([0.2, 0.8]), np.array([75, 25]), np.array([25, 75]))
WINDOW = ScoreCounts(np.array([0.2, 0.8]), np.array([40, 0]), np.array([0, 40]))


def rows(count, *, worth=lambda score: score, scores=None, seed=3):
    random = np.random.default_rng(seed)
    if scores is None:
        scores = random.random(count).round(4)
    else:
        scores = scores(random, count)
    label = (random.random(count) < worth(scores)).astype(int)
    return pd.DataFrame({"label": label, "prediction": (scores > 0.5).astype(int), "probability": scores})


def make_baseline(frame, plan=SCORED):
    return run_baseline(outcomes(frame, plan, engine="local"), ModelQualityMonitor(plan))


def estimate_window(frame, baseline, plan=SCORED, **more):
    data = outcomes(frame.drop(columns="label"), plan, label=None, engine="local")
    return run_monitoring(data, EstimatedQualityMonitor(plan, **more), baseline)


def test_an_estimate_is_what_the_scores_were_worth():
    # by hand: of 40 rows below a quarter is positive, 10, of 40 above three quarters, 30
    estimates = estimate_two_classes(WINDOW, REFERENCE, costs={"tp": 8, "fp": -4, "fn": -2, "tn": 1}).estimates

    values = {name: estimate.value for name, estimate in estimates.items()}
    for name in ("accuracy", "precision", "recall", "true_negative_rate", "f1"):
        assert values[name] == pytest.approx(0.75), name
    # pairs of a positive and a negative row: in order 30 * 30, equal 10 * 30 + 30 * 10, of 40 * 40
    assert values["auc"] == pytest.approx((900 + 300) / 1_600)
    # 3/4 of the rows are off by 0.2, the rest by 0.8
    assert values["brier_score"] == pytest.approx(0.75 * 0.04 + 0.25 * 0.64)
    # 30 found, 10 falsely, 10 missed and 30 right, of 80 rows
    assert values["business_value"] == pytest.approx((30 * 8 - 10 * 4 - 10 * 2 + 30) / 80)


def test_expected_rows_are_binned_by_their_tenth_of_the_score():
    """Of 3 rows in the first tenth one is positive, of 4 in the last three."""
    cells = Cells(np.array([0.05, 0.1, 0.95]), np.array([[1, 2, 0], [0, 0, 4]]))

    evidence = cells.evidence(np.array([[0, 1, 0], [0, 0, 3]]))

    rows, hits, scores = (by_bin.sum(axis=1) for by_bin in calibration(evidence.probabilities))
    assert rows.tolist() == [3, *[0] * 8, 4]
    assert hits.tolist() == [1, *[0] * 8, 3]
    assert scores == pytest.approx([0.25, *[0] * 8, 3.8])
    assert evidence.matrix.tolist() == [[2, 1], [1, 3]]


def test_a_metric_of_a_constant_classifier_is_not_estimated():
    assert not [name for name in estimate_two_classes(WINDOW, REFERENCE).estimates if "constant" in name]


def test_the_error_is_that_of_the_labels_and_of_the_baseline():
    # by hand: the accuracy of 80 rows, each right with probability .75, and that of 100 and 100 rows on either side
    of_window = 0.75 * 0.25 / 80
    of_baseline = 2 * 0.25 * 0.75 * 0.25 / 100
    low, high = confidence_interval(estimate_two_classes(WINDOW, REFERENCE).estimates["accuracy"])

    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(of_window + of_baseline), rel=0.12)


@pytest.mark.nightly
def test_realised_metrics_lie_in_the_interval_as_often_as_it_says():
    inside = []
    for seed in range(60):
        reference = rows(1_500, seed=seed)
        later = rows(400, scores=lambda random, n: random.beta(2, 1, n), seed=1_000 + seed)
        table = estimate_window(later, make_baseline(reference)).current.to_pandas()
        real = {
            "auc": roc_auc_score(later["label"], later["probability"]),
            "f1": f1_score(later["label"], later["prediction"]),
            "accuracy": (later["label"] == later["prediction"]).mean(),
        }
        inside += [low <= real[name] <= high for name in real for low, high in [table.loc[name, "interval"]]]

    assert 0.9 <= np.mean(inside) <= 0.99  # 180 of them, three of a window


def test_lower_scores_are_seen_before_their_labels_come():
    reference = rows(5_000, worth=lambda score: np.where(score > 0.5, 0.95, 0.3))
    later = rows(3_000, scores=lambda random, n: random.random(n) / 2)
    findings = estimate_window(later, make_baseline(reference))

    bad = [result.metric for result in findings.results if result.is_violation]
    assert "estimated_accuracy" in bad
    assert findings.violations.violations[0].metric_name.startswith("estimated_")
    assert "Metric estimated_" in findings.violations.violations[0].description
    assert {metric.name for metric in findings.published} >= {
        "estimated_auc",
        "estimated_f1",
        "total_number_of_violations",
    }


def test_a_window_like_the_baseline_is_silent():
    reference = rows(3_000)

    assert sum(estimate_window(rows(800, seed=50 + seed), make_baseline(reference)).count for seed in range(12)) == 0


def test_labels_in_the_window_are_left_alone():
    reference = rows(2_000)
    later = rows(500, seed=9)
    with_labels = run_monitoring(
        outcomes(later, SCORED, label=None, engine="local"), EstimatedQualityMonitor(SCORED), make_baseline(reference)
    )

    assert with_labels.current.state == estimate_window(later, make_baseline(reference)).current.state


def test_predictions_by_the_threshold_are_those_that_are_given():
    reference = rows(2_000)
    later = rows(500, seed=9)
    findings = estimate_window(later, make_baseline(reference))
    above = estimate_window(later.drop(columns="prediction"), make_baseline(reference), BY_THRESHOLD)

    assert above.current.to_pandas().equals(findings.current.to_pandas())


def test_the_document_has_the_calibration_and_what_is_to_be_expected():
    (document,) = estimate_window(rows(400, seed=9), make_baseline(rows(1_000))).current.documents

    assert document.calibration.rows == 1_000
    assert sum(tenth[0] for tenth in document.calibration.tenths) == 1_000
    assert sum(cell for row in document.confusion_matrix.values() for cell in row.values()) == pytest.approx(400)


def test_hours_add_up_to_their_day(tmp_path):
    baseline = make_baseline(rows(1_000))
    later = rows(600, seed=9)
    full_state, first, second = (
        estimate_window(part, baseline).current.state for part in (later, later[:250], later[250:])
    )

    monitor = EstimatedQualityMonitor(SCORED)
    assert monitor.documents(first + second, monitor.metrics(first + second)) == monitor.documents(
        full_state, monitor.metrics(full_state)
    )
    for number, part in enumerate((later[:250], later[250:])):
        estimate_window(part, baseline).write(tmp_path / str(number))
    merge_runs([str(tmp_path / "0"), str(tmp_path / "1")], str(tmp_path / "day"))
    assert (tmp_path / "day" / "estimated_quality.json").is_file()


def test_scores_that_are_no_probabilities_get_a_sentence_instead_of_a_number():
    findings = estimate_window(rows(500, seed=9), make_baseline(rows(2_000, worth=lambda score: 1 - score)))

    assert {result.status for result in findings.results} == {CheckStatus.CANNOT_TELL}
    assert "the scores are no probabilities" in findings.results[0].reason
    assert findings.current.documents[0].metrics == ()
    assert "estimated_auc" not in {metric.name for metric in findings.published}
    assert "the scores are no probabilities" in findings.report().html


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        (rows(30), "the baseline has 30 rows with a score; an estimate takes 100"),
        (rows(500, worth=lambda score: 0 * score), "all labels of the baseline are of one class"),
    ],
    ids=["thirty rows", "one class"],
)
def test_a_baseline_that_says_too_little_gets_a_sentence_instead_of_a_number(reference, sentence):
    assert sentence in estimate_window(rows(500, seed=9), make_baseline(reference)).results[0].reason


def test_thirty_rows_of_a_window_have_a_wide_interval_and_no_alarm():
    findings = estimate_window(rows(30, seed=9), make_baseline(rows(2_000)))
    low, high = findings.current.to_pandas().loc["accuracy", "interval"]

    assert high - low > 0.2
    assert findings.count == 0


def test_a_window_of_one_row_has_no_interval_where_none_can_be_distinguished():
    findings = estimate_window(rows(1, scores=lambda random, count: np.full(count, 0.5)), make_baseline(rows(800)))

    assert findings.current.to_pandas().loc["auc", ["interval", "n"]].tolist() == [
        None,
        0,
    ]  # there are never both classes
    assert findings.count == 0


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (BINARY, "probability_attribute is missing; an estimate is made of scores"),
        (MULTICLASS, "probability_attribute is missing; an estimate is made of scores"),
        (OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True, values=("gain",)), "need labels"),
    ],
)
def test_what_cannot_be_estimated_is_said_before_anything_is_read(plan, message):
    with pytest.raises(BadConfiguration, match=message):
        EstimatedQualityMonitor(plan)


def test_a_cost_of_another_name_is_refused():
    with pytest.raises(BadConfiguration, match="cost_matrix names 'win'; write tp, fp, tn and fn"):
        EstimatedQualityMonitor(SCORED, costs={"win": 1.0})


def test_scores_out_of_range_are_refused_with_their_number():
    with pytest.raises(BadInput, match=r"500 of 500 records were refused \(probability outside 0 to 1: 500\)"):
        estimate_window(rows(500).assign(probability=1.5), make_baseline(rows(500)))


def test_a_baseline_without_scores_says_how_it_is_made():
    frame = rows(500)

    with pytest.raises(BadConfiguration, match="the baseline has no scores; make it anew with --probability-attribute"):
        estimate_window(frame, make_baseline(frame, BINARY))


def test_a_baseline_without_labels_is_of_another_kind(tmp_path):
    run_baseline(rows(500), DataQualityMonitor(), engine="local").write(str(tmp_path / "data"))

    with pytest.raises(BadDocument, match="of a data-quality job; give a constraints.json of a model-quality baseline"):
        read_baseline(str(tmp_path / "data"), EstimatedQualityMonitor(SCORED))


def test_a_baseline_is_one_of_model_quality():
    with pytest.raises(BadConfiguration, match="a baseline of ESTIMATED_QUALITY is one of MODEL_QUALITY, with labels"):
        run_baseline(outcomes(rows(50), SCORED, label=None, engine="local"), EstimatedQualityMonitor(SCORED))


def test_a_baseline_on_the_disk_is_as_good_as_one_at_hand(tmp_path):
    baseline = make_baseline(rows(1_000))
    later = rows(500, seed=9)
    baseline.write(str(tmp_path / "known"))
    read = read_baseline(str(tmp_path / "known"), EstimatedQualityMonitor(SCORED))

    assert estimate_window(later, read).results == estimate_window(later, baseline).results


def test_the_history_has_a_dashed_line_before_the_labels_and_a_full_one_after(tmp_path):
    baseline = make_baseline(rows(1_000))
    for hour in range(3):
        start = datetime(2026, 3, 4, hour, tzinfo=timezone.utc)
        context = RunContext(start, start + timedelta(hours=1), model="churn")
        window = rows(300, seed=20 + hour)
        data = outcomes(window.drop(columns="label"), SCORED, label=None, engine="local")
        run_monitoring(data, EstimatedQualityMonitor(SCORED), baseline, context=context).write(
            tmp_path / f"estimated/{hour}"
        )
        if hour == 0:  # later labels have not come yet
            labelled = outcomes(window, SCORED, engine="local")
            run_monitoring(labelled, ModelQualityMonitor(SCORED), baseline, context=context).write(
                tmp_path / "quality/0"
            )

    history = read_run_history([str(tmp_path)])
    [accuracy] = [track for track in create_tracks(history, {}).tracks if track.title == "accuracy"]

    first = rows(300, seed=20)
    assert accuracy.values == (pytest.approx((first["label"] == first["prediction"]).mean()), None, None)
    assert len(accuracy.expected) == 3
    assert None not in accuracy.expected
    assert "estimated before labels" in describe_track(accuracy, history.labels)
