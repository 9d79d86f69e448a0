"""Accepted alarms: the same alarm stays silent, and a larger or another one does not."""

import json
from datetime import datetime, timezone

import numpy as np
import pytest
from tests.unit.data_quality.comparisons import make_profile, number_feature

from spark_model_monitor.data.reading.ledger import Ledger
from spark_model_monitor.documents.alert_files import Decision, apply_decisions
from spark_model_monitor.documents.check_results import CheckResult, CheckStatus
from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.reports.history.decisions import accept, read_decisions
from spark_model_monitor.reports.history.history_file import WindowEntry, read_history, write_history
from spark_model_monitor.reports.outputs.run_files import publish
from spark_model_monitor.running.runs.results import Baseline, Findings
from spark_model_monitor.statistics.verdicts.window_statistics import FIELDS

NOW = datetime(2026, 3, 5, 9, 30, tzinfo=timezone.utc)
MONITOR = DataQualityMonitor()
HOUR = "2026-03-04T20:00:00Z"


def state(shift, missing=0):
    values = (np.random.default_rng(1).standard_normal(1000) + shift).tolist()
    return make_profile(number_feature("age", [*values, *[None] * missing]), number_feature("fare", values))


def findings(shift, missing=0):
    before = state(0)
    after = state(shift, missing)
    stored_baseline = MONITOR.stored_baseline(MONITOR.constraints(before), None, before)
    metrics = MONITOR.metrics(after)
    current = Baseline(MONITOR, after, metrics, Ledger((), read=1000, kept=1000))
    judgement = MONITOR.judge(current.sample(), stored_baseline)
    results = judgement.results
    return Findings(MONITOR.violations(results), results, current, stored_baseline.constraints, judgement=judgement)


@pytest.fixture
def run_path(tmp_path):
    """An hour whose two columns have drifted, and which the history has."""
    path = str(tmp_path / "2026/03/04/20")
    run = publish(findings(2.0).files(), path)
    raw = dict.fromkeys(FIELDS, 1.0)
    entry = WindowEntry(HOUR, HOUR, run.run_id, f"2026/03/04/20/_runs/{run.run_id}", "b", True)
    write_history(read_history(path).with_window(entry, [("baseline", name, raw) for name in ("age", "fare")]))
    return path


def violated(results):
    return [(finding.feature, finding.check) for finding in results if finding.status is CheckStatus.VIOLATED]


def test_a_decision_is_a_file_above_the_hours_and_the_window_is_no_alarm_and_no_example(run_path, tmp_path):
    decision = accept(run_path, now=NOW, by="anna", why="prices rose")

    [file] = (tmp_path / "_decisions").iterdir()
    assert file.name == f"20260305T093000Z-{decision.run_id}.json"
    stored_decision = json.loads(file.read_text())
    assert (stored_decision["window"], stored_decision["by"], stored_decision["why"], stored_decision["time"]) == (
        HOUR,
        "anna",
        "prices rose",
        "2026-03-05T09:30:00Z",
    )
    assert [alarm["feature"] for alarm in stored_decision["alarms"]] == ["age", "fare"]
    assert [window.alarmed for window in read_history(run_path).entries] == [False]
    assert set(read_history(run_path).select_statistics("baseline")) == set()
    assert read_decisions(run_path) == [decision]


def test_only_the_features_that_are_named_are_fine(run_path):
    accept(run_path, ["fare"], now=NOW)

    outcomes = {row["feature"]: row["outcome"] for row in read_history(run_path).table.to_pylist()}
    assert outcomes == {"age": None, "fare": "accepted"}
    assert violated(apply_decisions(findings(2.0).results, read_decisions(run_path))) == [
        ("age", "baseline_drift_check")
    ]


def test_the_same_alarm_stays_silent_with_its_reason_and_others_do_not(run_path):
    accept(run_path, now=NOW, by="anna", why="prices rose")
    decisions = read_decisions(run_path)

    silent = apply_decisions(findings(2.0).results, decisions)
    assert violated(silent) == []
    [age] = [finding for finding in silent if (finding.feature, finding.check) == ("age", "baseline_drift_check")]
    assert (age.status, age.description) == (CheckStatus.NOT_JUDGED, None)
    assert age.reason == "accepted at 2026-03-05T09:30:00Z by anna: prices rose"
    assert violated(apply_decisions(findings(1.0).results, decisions)) == []  # smaller
    assert len(violated(apply_decisions(findings(3.5).results, decisions))) == 2  # larger
    assert len(violated(apply_decisions(findings(-2.0).results, decisions))) == 2  # the other way
    assert ("age", "completeness_check") in violated(apply_decisions(findings(2.0, missing=100).results, decisions))


@pytest.mark.parametrize(("observed", "silent"), [(0.90, True), (0.95, True), (0.875, True), (0.87, False)])
def test_a_share_is_the_same_within_what_chance_does_to_both_windows(observed, silent):
    def share(observed):
        return CheckResult(
            feature="x", check="completeness_check", status="violated", observed=observed, threshold=0.99, m=1000
        )

    decision = Decision(run_id="r", time="t", alarms=(share(0.90),))

    assert decision.covers(share(observed)) is silent
    # The farthest that is two standard errors of the difference away
    share_then, share_now = 0.9, 0.8725
    error = np.sqrt((share_then * (1 - share_then) + share_now * (1 - share_now)) / 1000)
    assert share_then - share_now == pytest.approx(1.96 * error, abs=1e-3)


@pytest.mark.parametrize(("rows", "silent"), [(200, True), (230, True), (151, True), (149, False), (600, False)])
def test_a_number_of_rows_is_the_same_by_a_quarter_of_the_change(rows, silent):
    def make_result(rows):
        return CheckResult(
            feature="Number of rows", check="row_count_check", status="violated", observed=rows, threshold=400
        )

    # 200 fewer than usual, and 50 more of them
    decision = Decision(run_id="r", time="2026-03-05T09:30:00Z", alarms=(make_result(200),))
    assert decision.covers(make_result(rows)) is silent


def test_what_can_not_be_accepted_is_a_sentence(run_path, tmp_path):
    with pytest.raises(BadInput, match="no monitoring run was published here"):
        accept(str(tmp_path / "nothing"), now=NOW)
    with pytest.raises(BadConfiguration, match="has no violation of 'name'; its violations are of 'age', 'fare'"):
        accept(run_path, ["name"], now=NOW)
    with pytest.raises(BadConfiguration, match="has no violation of 'Age'; did you mean 'age'"):
        accept(run_path, ["Age"], now=NOW)
    healthy = str(tmp_path / "2026/03/04/21")
    publish(findings(0.0).files(), healthy)
    with pytest.raises(BadConfiguration, match="has no violation$"):
        accept(healthy, now=NOW)


def test_a_damaged_decision_does_not_count(run_path, tmp_path, caplog):
    accept(run_path, now=NOW)
    [file] = (tmp_path / "_decisions").iterdir()
    file.write_text("{")

    assert read_decisions(run_path) == []
    assert "the decision does not count" in caplog.text


@pytest.mark.parametrize(
    ("component", "silent"), [("location", True), ("sixteenth", True), ("missing", False), ("unseen", False)]
)
def test_which_test_of_the_values_saw_it_first_is_no_other_alarm(component, silent):
    def drift(component):
        return CheckResult(
            feature="x",
            check="baseline_drift_check",
            status="violated",
            threshold=0.1,
            component=component,
            distance=0.15,
            distance_low=0.08,
            distance_high=0.21,
        )

    assert Decision(run_id="r", time="t", alarms=(drift("location"),)).covers(drift(component)) is silent
