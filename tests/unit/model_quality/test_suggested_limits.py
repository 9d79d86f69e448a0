"""Suggested limits allow for noise, requested ones decide alone, and constraints.json and statistics.json say which is which."""

import json
import shutil
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from spark_model_monitor import (
    ModelQualityMonitor,
    OutcomePlan,
    ProblemType,
    Tolerance,
    merge_runs,
    outcomes,
    read_baseline,
    run_baseline,
    run_monitoring,
)
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.model_quality import ModelQualityConstraints, ModelQualityStatistics
from spark_model_monitor.documents.run_description import RunContext
from spark_model_monitor.errors import BadDocument
from spark_model_monitor.monitors.model_quality.measurement import BARE, INTERVAL, build_statistics, suggest
from spark_model_monitor.monitors.model_quality.outcome_baseline import ModelBaseline
from spark_model_monitor.monitors.model_quality.quality_checks import check_all
from spark_model_monitor.monitors.protocol import NAMED_COLUMNS, Sample
from spark_model_monitor.reports.history.baselines import read_file_baseline
from spark_model_monitor.reports.history.decisions import promote
from spark_model_monitor.reports.history_page.history import read_run_history
from spark_model_monitor.reports.history_page.over_time import create_hours, create_tracks

from .outcomes_made import BINARY, MULTICLASS, REGRESSION, SCORED, make_outcomes, measure_counts, measured

BUDGET = 1 / 720


def documents(measurement, tolerance=INTERVAL):
    """constraints.json and statistics.json as plain objects, through their text."""
    return tuple(
        json.loads(document.to_json()) for document in (suggest(measurement, tolerance), build_statistics(measurement))
    )


def read_documents(constraints, statistics=None, state=None):
    read = ModelQualityConstraints.from_json(json.dumps(constraints))
    read_statistics = None
    if statistics:
        read_statistics = ModelQualityStatistics.from_json(json.dumps(statistics))
    return ModelBaseline.from_documents(read, read_statistics, state)


def verdicts(window, baseline):
    return {check_result.metric: check_result for check_result in check_all(window, baseline)}


def create_outcomes(right, rows):
    """Outcomes of two classes, half of them positive, so many predicted right."""
    labels = np.arange(rows) % 2
    return make_outcomes(BINARY, labels, np.where(np.arange(rows) < right, labels, 1 - labels))


def measure_accuracy(right, rows):
    labels = np.arange(rows) % 2
    return measured(BINARY, labels, np.where(np.arange(rows) < right, labels, 1 - labels))


@pytest.mark.parametrize(
    ("plan", "rows"),
    [
        pytest.param(SCORED, (["1", "0", "1", "0"], ["1", "1", "1", "0"], [0.9, 0.6, 0.7, 0.1]), id="two classes"),
        pytest.param(MULTICLASS, (["a", "b", "c"], ["a", "b", "b"]), id="many classes"),
        pytest.param(REGRESSION, ([1.0, 2.0, 4.0], [1.5, 2.0, 3.0]), id="numbers"),
    ],
)
def test_the_default_and_the_service_write_the_same_limits(plan, rows):
    ours = suggest(measured(plan, *rows), INTERVAL).plain()
    of_service = suggest(measured(plan, *rows, as_service=True), BARE).plain()

    assert ours.pop("requested_limits") == []
    assert ours == of_service


ALL = {
    *("recall", "precision", "accuracy", "true_positive_rate", "true_negative_rate", "false_positive_rate"),
    *("false_negative_rate", "f0_5", "f1", "f2"),
}


@pytest.mark.parametrize(
    ("edit", "requested"),
    [
        pytest.param({}, set(), id="nothing edited"),
        pytest.param({"requested_limits": None}, set(), id="a file without the list"),
        pytest.param({"recall": 0.7}, {"recall"}, id="another value"),
        pytest.param({"requested_limits": ["recall", "f1"]}, {"recall", "f1"}, id="two are insisted on"),
        pytest.param({"recall": None}, {"recall"}, id="no value: never judged"),
    ],
)
@pytest.mark.parametrize("with_states", [True, False], ids=["states", "documents alone"])
def test_the_two_documents_tell_which_limits_are_suggested(edit, requested, with_states):
    state = make_outcomes(BINARY, "1" * 10 + "0" * 10, "1" * 8 + "0" * 11 + "1")
    constraints, statistics = documents(measure_counts(8, 1, 9, 2))
    for name, value in edit.items():
        if name in ALL:
            constraints["binary_classification_constraints"][name]["threshold"] = value
        elif value is None:
            constraints.pop(name, None)
        else:
            constraints[name] = value

    baseline = read_documents(constraints, statistics, state if with_states else None)

    assert baseline.suggested_limits == ALL - requested


def test_without_statistics_and_states_every_limit_applies_as_written():
    constraints, _ = documents(measure_accuracy(900, 1_000))

    check_result = verdicts(measure_accuracy(899, 1_000), read_documents(constraints))["accuracy"]

    assert (check_result.status, check_result.p) == (CheckStatus.VIOLATED, None)


def test_statistics_without_a_number_of_rows_tell_nothing_of_noise():
    constraints, statistics = documents(measure_accuracy(900, 1_000))
    del statistics["dataset"]

    check_result = verdicts(measure_accuracy(899, 1_000), read_documents(constraints, statistics))["accuracy"]

    assert (check_result.status, check_result.p) == (CheckStatus.VIOLATED, None)


def test_a_limit_the_other_way_round_is_a_persons():
    constraints, statistics = documents(measure_counts(8, 1, 9, 2))
    constraints["binary_classification_constraints"]["recall"]["comparison_operator"] = "GreaterThanThreshold"

    assert read_documents(constraints, statistics).suggested_limits == ALL - {"recall"}


def test_a_limit_of_a_metric_that_gets_none_is_a_persons_whatever_its_value():
    window = measured(SCORED, ["1", "0", "1"], ["1", "0", "0"], [0.9, 0.2, 0.4])
    constraints, _ = documents(window)
    limit = {"threshold": window.metrics["log_loss"].value, "comparison_operator": "GreaterThanThreshold"}
    constraints["binary_classification_constraints"]["log_loss"] = limit
    state = make_outcomes(SCORED, ["1", "0", "1"], ["1", "0", "0"], [0.9, 0.2, 0.4])

    assert "log_loss" not in read_documents(constraints, None, state).suggested_limits


def test_a_requested_limit_that_the_file_does_not_have_is_refused():
    constraints, _ = documents(measure_counts(8, 1, 9, 2))
    constraints["requested_limits"] = ["recall", "recal"]

    with pytest.raises(BadDocument, match=r'requested_limits\[1\] is "recal", which has no limit here; it may name re'):
        read_documents(constraints)


@pytest.mark.parametrize("where", ["states", "statistics", "neither"])
@pytest.mark.parametrize(
    ("right", "status"), [(8_500, CheckStatus.PASSED), (8_499, CheckStatus.VIOLATED)], ids=["at it", "one row below"]
)
def test_an_edited_limit_decides_at_exactly_its_value(where, right, status):
    constraints, statistics = documents(measure_accuracy(9_000, 10_000))
    constraints["binary_classification_constraints"]["accuracy"]["threshold"] = 0.85
    state = None
    if where == "states":
        state = create_outcomes(9_000, 10_000)

    baseline = read_documents(constraints, statistics if where == "statistics" else None, state)
    check_result = verdicts(measure_accuracy(right, 10_000), baseline)["accuracy"]

    assert (check_result.status, check_result.p) == (status, None)


@pytest.mark.parametrize("text", ["absolute:0", "absolute:0.02", "relative:5%"])
def test_a_tolerance_in_figures_is_a_persons_limit_even_where_it_is_0(text):
    # five percent of a false positive rate of 0 are 0
    measurement = measure_counts(400, 0, 500, 100)
    constraints, statistics = documents(measurement, Tolerance.parse(text))

    baseline = read_documents(constraints, statistics, make_outcomes(BINARY, ["1", "0"], ["1", "0"]))
    check_result = verdicts(measure_counts(400, 1, 499, 100), baseline)["false_positive_rate"]

    assert set(constraints["requested_limits"]) == ALL
    assert baseline.suggested_limits == frozenset()
    assert check_result.status is (CheckStatus.PASSED if text == "absolute:0.02" else CheckStatus.VIOLATED)


# Documents without states: the file's standard_deviation decides


def baseline_from_file(right, rows, deviation):
    """A baseline of the service's two files, whose accuracy has this standard deviation."""
    constraints, statistics = documents(measure_accuracy(right, rows), BARE)
    statistics["binary_classification_metrics"]["accuracy"]["standard_deviation"] = deviation
    return read_documents(constraints, statistics)


def test_the_deviation_of_the_file_says_how_many_rows_count():
    # .9 · .1 / rows is the variance of an accuracy of .9; five squares of the deviation are that of 2,500 rows
    deviation = (0.9 * 0.1 / 2_500.5 / 5) ** 0.5
    window = measure_accuracy(870, 1_000)

    small_window = verdicts(window, baseline_from_file(9_000, 10_000, deviation))["accuracy"]
    all_rows = verdicts(window, baseline_from_file(9_000, 10_000, 1e-6))["accuracy"]

    assert small_window.p == pytest.approx(stats.hypergeom.sf(129, 3_500, 130 + 250, 1_000), rel=1e-6)
    assert all_rows.p == pytest.approx(stats.hypergeom.sf(129, 11_000, 130 + 1_000, 1_000), rel=1e-6)


@pytest.mark.parametrize(
    ("deviation", "right", "status"),
    [
        pytest.param(0.0015, 890, CheckStatus.PASSED, id="by chance"),
        pytest.param(0.0015, 840, CheckStatus.VIOLATED, id="by more than chance"),
        pytest.param(0.03, 840, CheckStatus.CANNOT_TELL, id="a baseline that is hardly known"),
        pytest.param(None, 890, CheckStatus.PASSED, id="no deviation: its rows count, and this is chance"),
        pytest.param(None, 840, CheckStatus.VIOLATED, id="no deviation: more than chance"),
    ],
)
def test_a_file_of_the_service_without_states_is_judged_by_its_deviation(deviation, right, status):
    assert (
        verdicts(measure_accuracy(right, 1_000), baseline_from_file(9_000, 10_000, deviation))["accuracy"].status
        is status
    )


@pytest.mark.parametrize(
    ("right", "status"),
    [
        pytest.param(885, CheckStatus.PASSED, id="1.5 standard errors: chance"),
        pytest.param(870, CheckStatus.CANNOT_TELL, id="3 standard errors: rarely chance"),
        pytest.param(840, CheckStatus.VIOLATED, id="6 standard errors"),
    ],
)
def test_a_metric_far_beyond_its_limit_is_not_unchanged_because_an_alarm_needs_more(right, status):
    check_result = verdicts(measure_accuracy(right, 1_000), baseline_from_file(9_000, 10_000, None))["accuracy"]

    assert check_result.status is status


def test_a_mean_error_has_the_larger_of_the_files_error_and_that_of_so_many_rows():
    random = np.random.default_rng(1)
    labels = random.normal(0, 3, 1_000)
    constraints, statistics = documents(measured(REGRESSION, labels, labels + random.normal(0, 1, 1_000)), BARE)
    window = measured(REGRESSION, labels, labels + random.normal(0, 1.3, 1_000))
    reported = statistics["regression_metrics"]["mae"]
    error = window.metrics["mae"].estimate

    check_results = {}
    for deviation in (1e-6, 0.02):
        reported["standard_deviation"] = deviation
        check_results[deviation] = verdicts(window, read_documents(constraints, statistics))["mae"]

    difference = error.value - reported["value"]
    as_the_window = difference / (error.standard_error * 2**0.5)
    wider = difference / (5**0.5 * 0.02 * 2**0.5)  # the larger variance counts for both
    assert check_results[1e-6].p == pytest.approx(stats.t.sf(as_the_window, error.freedom))
    assert check_results[0.02].p == pytest.approx(stats.t.sf(wider, error.freedom))
    assert check_results[1e-6].status is CheckStatus.VIOLATED
    assert check_results[0.02].level < check_results[0.02].p < 0.05 / 4  # four errors share one in twenty
    assert check_results[0.02].status is CheckStatus.CANNOT_TELL


# Folders of baselines


PLAN = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True)


def draw_rows(random, rows, worse=0.0):
    """Rows of one population, or of a model that got worse."""
    positive = random.random(rows) < 0.3
    middle = np.where(positive, 0.65 - worse, 0.35 + worse)
    score = np.round(np.clip(middle + random.normal(0, 0.2, rows), 0, 1) * 20) / 20
    return pd.DataFrame({"label": positive.astype(int), "prediction": (score > 0.5).astype(int), "score": score})


def monitored(folder, rows):
    monitor = ModelQualityMonitor(PLAN, find_causes=False)
    window = outcomes(rows, PLAN, label="label", prediction="prediction", probability="score")
    return run_monitoring(window, monitor, read_baseline(folder, monitor), engine="local")


def written(folder, rows, monitor=None, **edits):
    """A baseline's folder. edits: thresholds that somebody wrote into its constraints.json."""
    monitor = monitor or ModelQualityMonitor(PLAN, find_causes=False)
    data = outcomes(rows, PLAN, label="label", prediction="prediction", probability="score")
    run_baseline(data, monitor, engine="local").write(str(folder))
    path = folder / "constraints.json"
    constraints = json.loads(path.read_text())
    for name, threshold in edits.items():
        constraints["binary_classification_constraints"][name]["threshold"] = threshold
    if edits:
        path.write_text(json.dumps(constraints))
    return folder


@pytest.mark.long
def test_a_baseline_can_be_moved_without_its_runs_and_its_states(tmp_path):
    random = np.random.default_rng(7)
    folder = written(tmp_path / "baseline", draw_rows(random, 2_000))
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("constraints.json", "statistics.json"):
        shutil.copy(folder / name, moved / name)
    window = draw_rows(random, 2_000)
    worse = draw_rows(random, 2_000, worse=0.1)

    for baseline_folder in (folder, moved):
        assert not [
            check_result
            for check_result in monitored(str(baseline_folder), window).results
            if check_result.is_violation
        ]
        findings = monitored(str(baseline_folder), worse)
        violated = {metric.metric for metric in findings.results if metric.is_violation}
        assert violated >= {"accuracy", "recall", "auc"}


def test_a_merge_keeps_the_edits_and_its_other_limits_are_suggested(tmp_path):
    random = np.random.default_rng(8)
    first, second = (draw_rows(random, 1_000) for _ in range(2))
    folders = [written(tmp_path / "first", first, recall=0.5), written(tmp_path / "second", second)]

    merge_runs([str(folder) for folder in folders], str(tmp_path / "both"))
    reference = read_baseline(str(tmp_path / "both"), ModelQualityMonitor(PLAN))

    assert reference.constraints.binary_classification_constraints["recall"].threshold == 0.5
    assert reference.constraints.requested_limits == ()
    assert reference.suggested_limits == (ALL | {"auc"}) - {"recall"}


def test_a_promoted_baseline_keeps_its_edits_and_its_other_limits_are_suggested(tmp_path):
    folder = written(tmp_path / "first", draw_rows(np.random.default_rng(9), 500), recall=0.5)

    promote(str(folder), "1", str(tmp_path / "baselines"), datetime(2026, 3, 4, tzinfo=timezone.utc))
    reference = read_baseline(str(tmp_path / "baselines"), ModelQualityMonitor(PLAN))

    assert reference.constraints.binary_classification_constraints["recall"].threshold == 0.5
    assert reference.suggested_limits == (ALL | {"auc"}) - {"recall"}


def test_statistics_beside_the_constraints_are_found_without_being_named(tmp_path):
    folder = written(tmp_path / "first", draw_rows(np.random.default_rng(9), 500))
    monitor = ModelQualityMonitor(PLAN)
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(folder / "constraints.json", alone / "constraints.json")

    with_statistics = read_file_baseline(str(folder / "constraints.json"), None, monitor)
    lacking = read_file_baseline(str(alone / "constraints.json"), None, monitor)

    assert with_statistics.suggested_limits == ALL | {"auc"}
    assert lacking.suggested_limits == frozenset()
    window = make_outcomes(PLAN, ["1"], ["1"], [0.9])
    hints = monitor.judge(Sample(window, monitor.metrics(window), NAMED_COLUMNS), lacking).hints
    assert [hint.hint for hint in hints] == ["limits_as_written"]


# Healthy windows and drops, by generators; benchmarks/false_alarms.py has more of both


def two_classes(random, rows):
    truth = random.random(rows) < 0.2
    return truth.astype(int), None, 1 / (1 + np.exp(-random.normal(np.where(truth, 0.5, -1.5), 1.2)))


def numbers(random, rows):
    labels = random.normal(10, 3, rows)
    return labels, labels + random.standard_t(6, rows)


def list_baselines(plan, rows):
    """What a run may know of one baseline: its states, its two files, and its limits without our list."""
    state = make_outcomes(plan, *rows)
    monitor = ModelQualityMonitor(plan)
    statistics, constraints, _ = monitor.documents(state, monitor.metrics(state))
    without_list = constraints.model_copy(update={"requested_limits": None})
    return {
        "states": ModelBaseline.from_documents(constraints, None, state),
        "files": ModelBaseline.from_documents(constraints, statistics),
        "no list": ModelBaseline.from_documents(without_list, statistics, state),
        "bare": ModelBaseline.from_documents(constraints),
    }


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("plan", "sample"),
    [
        (OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True, with_predictions=False), two_classes),
        (REGRESSION, numbers),
    ],
    ids=["classes", "numbers"],
)
@pytest.mark.parametrize("window_rows", [200, 1_000, 5_000])
def test_healthy_windows_alarm_within_the_budget_whatever_is_known_of_the_baseline(plan, sample, window_rows):
    random = np.random.default_rng(31)
    alarms = dict.fromkeys(("states", "files", "no list", "bare"), 0)
    for _ in range(200):
        baselines = list_baselines(plan, sample(random, 1_000))
        window = measured(plan, *sample(random, window_rows))
        for name, baseline in baselines.items():
            check_results = check_all(window, baseline)
            alarms[name] += any(check_result.status is CheckStatus.VIOLATED for check_result in check_results)

    # At 1/720, 2 or more of 200 have a chance of 3 %
    assert max(alarms["states"], alarms["files"], alarms["no list"]) <= 1
    assert alarms["bare"] > 80


def test_a_model_that_got_much_worse_is_found_in_every_window():
    random = np.random.default_rng(32)
    plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True, with_predictions=False)
    baselines = list_baselines(plan, two_classes(random, 1_000))

    for _ in range(30):
        truth, _, scores = two_classes(random, 400)
        window = measured(plan, random.permutation(truth), None, scores)
        for name in ("states", "files"):
            assert verdicts(window, baselines[name])["auc"].status is CheckStatus.VIOLATED


def test_replays_of_the_service_test_nothing():
    state = create_outcomes(900, 1_000)
    monitor = replace(ModelQualityMonitor(BINARY), as_service=True)
    statistics, constraints, _ = monitor.documents(state, monitor.metrics(state))

    reference = monitor.stored_baseline(constraints, statistics, state)

    assert (reference.suggested_limits, reference.evidence, reference.reported) == (frozenset(), None, {})


# The history's lines


@pytest.mark.parametrize(
    ("edits", "note", "has_limit"),
    [
        pytest.param({}, "baseline 0.85", False, id="a suggested limit, which healthy windows exceed by chance"),
        pytest.param({"recall": 0.8}, "threshold 0.8", True, id="a limit that a person wrote"),
    ],
)
def test_the_history_calls_a_line_a_threshold_if_it_separates_the_violated_windows(tmp_path, edits, note, has_limit):
    plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION)
    monitor = ModelQualityMonitor(plan, find_causes=False)

    def rows(right):
        label = np.arange(1_000) % 2
        return outcomes(pd.DataFrame({"label": label, "prediction": label ^ (np.arange(1_000) >= right)}), plan)

    # A baseline, perhaps edited
    baseline = run_baseline(rows(850), monitor, engine="local")
    plain = baseline.constraints.plain()
    for name, threshold in edits.items():
        plain["binary_classification_constraints"][name]["threshold"] = threshold
    constraints = ModelQualityConstraints.from_json(json.dumps(plain))
    reference = monitor.stored_baseline(constraints, None, baseline.state)

    # Three hours, of which the last one is worse
    for hour, right in enumerate((860, 845, 700)):
        start = datetime(2026, 3, 4, hour, tzinfo=timezone.utc)
        context = RunContext(start, start + timedelta(hours=1))
        findings = run_monitoring(rows(right), monitor, reference, context=context, engine="local")
        findings.write(tmp_path / str(hour))

    history = read_run_history([str(tmp_path)])
    [series] = history.series
    bars = create_hours(series, series.names.index("recall"), history.labels)
    [track] = [track for track in create_tracks(history, {}).tracks if track.title == "recall"]

    assert bars.are_violated == (False, False, True)
    assert (bars.limit is not None) is has_limit
    assert track.note == note
