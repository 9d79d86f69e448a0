"""A baseline's own bias metrics allow for noise; a value that a person edited, or insists on, and a range decide alone."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

from spark_model_monitor import (
    AnalysisConfig,
    BiasMeasures,
    BiasMonitor,
    Tolerances,
    read_baseline,
    run_baseline,
    run_monitoring,
)
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.clarify_files import BiasReport
from spark_model_monitor.monitors.bias.metric_comparison import compare_with_baseline
from spark_model_monitor.monitors.protocol import Sample

from .test_checks import make_contingency

OTHERS = (200, 50, 100, 150)  # true and false positives, false negatives, true negatives of the rest
BASELINE = make_contingency(OTHERS, (40, 10, 20, 30))  # half of either side is predicted positive: DPPL is 0
LESS = make_contingency(OTHERS, (37, 9, 23, 31))  # .5 - .46: DPPL is .04, by chance


def create_report(state, monitor, **edits):
    """analysis.json of a baseline. edits: values that somebody wrote into it, or the list requested_limits."""
    report = json.loads(monitor.documents(state, monitor.metrics(state))[0].to_json())
    if "requested_limits" in edits:
        report["requested_limits"] = edits.pop("requested_limits")
    for part in ("post_training_bias_metrics", "pre_training_bias_metrics"):
        for metric in report[part]["facets"]["sex"][0]["metrics"]:
            metric["value"] = edits.get(metric["name"], metric["value"])
    return BiasReport.from_json(json.dumps(report))


def verdicts(window, state=BASELINE, with_states=True, copy=None, tolerances=None, **edits):
    monitor = BiasMonitor(tolerances=tolerances or Tolerances())
    baseline_of_run = monitor.stored_baseline(
        create_report(state, monitor, **edits), None, state if with_states else None, copy
    )
    return {
        check_result.metric: check_result
        for check_result in monitor.judge(Sample(window, monitor.metrics(window)), baseline_of_run).results
    }


@pytest.mark.parametrize("with_states", [True, False], ids=["states", "the document alone"])
def test_the_baselines_own_value_is_exceeded_by_chance(with_states):
    check_result = verdicts(LESS, with_states=with_states)["DPPL"]

    assert check_result.status is not CheckStatus.VIOLATED
    assert (check_result.observed, check_result.threshold) == pytest.approx((0.04, 0.0))
    assert check_result.p > 0.1


@pytest.mark.parametrize(
    ("limit", "status"),
    [
        pytest.param(0.03, CheckStatus.VIOLATED, id="a lower one"),
        pytest.param(-0.03, CheckStatus.VIOLATED, id="its distance from 0 counts"),
        pytest.param(0.05, CheckStatus.PASSED, id="a higher one"),
    ],
)
def test_a_value_that_a_person_edited_decides_alone(limit, status):
    check_result = verdicts(LESS, DPPL=limit)["DPPL"]

    assert (check_result.status, check_result.p, check_result.threshold) == (status, None, limit)


def test_an_edited_value_decides_at_exactly_its_value():
    observed = verdicts(LESS)["DPPL"].observed

    assert verdicts(LESS, DPPL=observed)["DPPL"].status is CheckStatus.PASSED
    assert verdicts(LESS, DPPL=observed - 1e-15)["DPPL"].status is CheckStatus.VIOLATED


def test_the_baselines_own_value_decides_alone_if_a_person_insists():
    check_results = verdicts(LESS, requested_limits=["DPPL"])

    assert (check_results["DPPL"].status, check_results["DPPL"].p) == (CheckStatus.VIOLATED, None)
    assert check_results["DI"].p is not None


def test_a_requested_limit_takes_no_part_of_the_budget():
    baseline = make_contingency(OTHERS, (40, 10, 20, 30))
    window = make_contingency(OTHERS, (10, 5, 50, 35))
    tests = {}
    for names in ([], ["DPPL", "DI"]):
        monitor = BiasMonitor()
        baseline_of_run = monitor.stored_baseline(
            create_report(baseline, monitor, requested_limits=names), None, baseline
        )
        tests[len(names)] = next(compare_with_baseline(monitor.metrics(window), baseline_of_run, Tolerances())).tests

    assert tests[0] - tests[2] == 2


def test_a_copy_of_the_run_tells_of_metrics_that_the_states_lack():
    monitor = BiasMonitor()
    copy = create_report(BASELINE, monitor, DPPL=0.01)  # as if its counts had no value
    edited, as_written = (
        monitor.stored_baseline(create_report(BASELINE, monitor, DPPL=value), None, None, copy)
        for value in (0.03, 0.01)
    )

    metrics = monitor.metrics(LESS)
    [of_edited] = [check for check in monitor.judge(Sample(LESS, metrics), edited).results if check.metric == "DPPL"]
    [of_written] = [
        check for check in monitor.judge(Sample(LESS, metrics), as_written).results if check.metric == "DPPL"
    ]
    assert of_edited.p is None
    assert of_written.p is not None


@pytest.mark.parametrize(
    ("low", "status"), [(0.03, CheckStatus.PASSED), (0.041, CheckStatus.VIOLATED)], ids=["within", "a little below"]
)
def test_a_range_decides_alone_whatever_the_interval(low, status):
    monitor = BiasMonitor(tolerances=Tolerances(ranges={"DPPL": (low, 1.0)}))
    reference = monitor.stored_baseline(create_report(BASELINE, monitor), None, BASELINE)
    check_results = monitor.judge(Sample(LESS, monitor.metrics(LESS)), reference).results
    [in_range] = [check_result for check_result in check_results if check_result.check == "bias_range_check"]

    assert in_range.interval[0] < low < in_range.interval[1]
    assert in_range.status is status


CONFIG = AnalysisConfig.from_json(
    """{"label": "y", "label_values_or_threshold": [1], "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
        "methods": {"pre_training_bias": {"methods": "all"}}}"""
)


def people(of_women, of_men):
    """A hundred women and a hundred men, so many of them with a positive label."""
    rows = [("f", int(index < of_women)) for index in range(100)] + [("m", int(index < of_men)) for index in range(100)]
    return pd.DataFrame(rows, columns=["sex", "y"])


@pytest.mark.parametrize("moved", [False, True], ids=["in place", "moved without its runs"])
@pytest.mark.parametrize(("limit", "is_violated"), [(None, False), (0.05, True)], ids=["as written", "edited"])
def test_a_folder_tells_edited_values_wherever_it_lies(tmp_path, moved, limit, is_violated):
    monitor = BiasMonitor(BiasMeasures.of(CONFIG), find_causes=False)
    folder = tmp_path / "baseline"
    run_baseline(people(50, 50), monitor, engine="local").write(str(folder))
    if moved:
        folder = tmp_path / "moved"
        shutil.copytree(tmp_path / "baseline", folder, ignore=shutil.ignore_patterns("_runs", "_current.json"))
    if limit is not None:
        report = json.loads((folder / "analysis.json").read_text())
        [group] = report["pre_training_bias_metrics"]["facets"]["sex"]
        next(metric for metric in group["metrics"] if metric["name"] == "DPL")["value"] = limit
        (folder / "analysis.json").write_text(json.dumps(report))

    findings = run_monitoring(people(45, 51), monitor, read_baseline(str(folder), monitor), engine="local")
    [dpl] = [check_result for check_result in findings.results if check_result.metric == "DPL"]

    assert (dpl.status is CheckStatus.VIOLATED) is is_violated
    assert (dpl.p is None) is is_violated
