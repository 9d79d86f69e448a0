"""Bias by segment: what is judged of each, within the run's one budget."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import AnalysisConfig, BiasMeasures, BiasMonitor, Tolerances, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.headline import write_headline
from spark_model_monitor.documents.page import Highlight, PageTable
from spark_model_monitor.monitors.bias.bias_baseline import BiasBaseline
from spark_model_monitor.monitors.bias.metric_comparison import compare_with_baseline

PLANS = [f"plan {number}" for number in range(8)]
CONFIG = {
    "label": "hired",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
    "methods": {"pre_training_bias": {"methods": ["DPL", "KL"]}},
}
CUT = {"segment_config": [{"name_or_index": "plan", "segments": [[plan] for plan in PLANS[:-1]]}]}
BY_VALUE = {"segment_config": [{"name_or_index": "plan", "segments": []}]}


def make_monitor(cut=CUT, **tolerances):
    measures = BiasMeasures.of(AnalysisConfig.from_json(json.dumps(CONFIG | cut)))
    return BiasMonitor(measures, Tolerances(**tolerances), find_causes=False)


def people(rows, seed, broken="", by=0.9):
    """Of the women in the broken plan hardly any is hired; in `all` of the plans likewise."""
    random = np.random.default_rng(seed)
    plan = random.choice(PLANS, rows)
    sex = random.choice(["f", "m"], rows)
    hired = random.random(rows) < 0.4
    lost = (sex == "f") & ((plan == broken) | (broken == "all")) & (random.random(rows) < by)
    return pd.DataFrame({"sex": sex, "plan": plan, "hired": (hired & ~lost).astype(int)})


@pytest.fixture(scope="module")
def baseline():
    return run_baseline(people(8_000, 1), make_monitor(), engine="local")


def judged(baseline, window, **tolerances):
    return run_monitoring(window, make_monitor(**tolerances), baseline, engine="local")


def test_bias_in_one_segment_is_one_violation_that_names_it(baseline):
    findings = judged(baseline, people(4_000, 2, "plan 3"))
    broken = [finding for finding in findings.results if finding.status is CheckStatus.VIOLATED]

    assert {(finding.metric, finding.segment, finding.where) for finding in broken} == {
        ("DPL", "plan=plan 3", "in one segment of plan"),
        ("KL", "plan=plan 3", "in one segment of plan"),
    }
    assert write_headline(findings.results).text.endswith("in plan=plan 3.")
    violations = make_monitor().violations(findings.results).violations
    assert [violation.description.endswith(", in plan=plan 3") for violation in violations] == [True, True]


def test_without_segments_each_value_is_one():
    before = people(8_000, 1)
    now = people(4_000, 2, "plan 3")
    before.loc[before.index[:500], "plan"] = None
    baseline = run_baseline(before, make_monitor(BY_VALUE), engine="local")
    results = run_monitoring(now, make_monitor(BY_VALUE), baseline, engine="local").results
    [group] = baseline.constraints.pre_training_bias_metrics.facets["sex"]

    assert [segment.segment for segment in group.segments] == ["(missing)", *PLANS]
    assert {finding.segment for finding in results if finding.is_violation} == {"plan=plan 3"}


def test_of_many_values_the_most_frequent_are_segments():
    data = people(4_000, 1).assign(plan=[f"p{row % 60 if row % 60 < 50 or row < 2_000 else 0}" for row in range(4_000)])
    baseline = run_baseline(data, make_monitor(BY_VALUE), engine="local")
    [group] = baseline.constraints.pre_training_bias_metrics.facets["sex"]

    assert {segment.segment for segment in group.segments} == {f"p{number}" for number in range(50)}


def test_bias_of_all_rows_is_a_violation_of_the_whole(baseline):
    results = judged(baseline, people(4_000, 2, "all")).results
    broken = [finding for finding in results if finding.metric == "DPL" and finding.status is CheckStatus.VIOLATED]
    other_reasons = {
        finding.reason for finding in results if finding.metric == "DPL" and finding.where and finding not in broken
    }

    assert [finding.segment for finding in broken] == [None]
    assert other_reasons == {"DPL is violated, and this is the same change"}


def test_six_healthy_windows_are_silent_in_all_segments(baseline):
    for seed in range(6):
        assert not any(finding.is_violation for finding in judged(baseline, people(1_000, 10 + seed)).results)


def test_the_segments_have_half_of_the_budget(baseline):
    monitor = make_monitor()
    analysis = monitor.metrics(baseline.state)
    bias_baseline = BiasBaseline(baseline.constraints, analysis.groups)
    cut, uncut_findings = (
        [*compare_with_baseline(analysis, reference, monitor.tolerances)]
        for reference in (bias_baseline, replace(bias_baseline, groups=()))
    )
    tests = {finding.group.segment is None: finding.tests for finding in cut}

    assert tests == {True: 2 * 2, False: 2 * 2 * len(PLANS)}
    assert {finding.tests for finding in uncut_findings} == {*tests.values()}
    uncut = run_baseline(people(8_000, 1), make_monitor({}), engine="local")
    metrics = make_monitor({}).metrics(uncut.state)
    alone = compare_with_baseline(metrics, BiasBaseline(uncut.constraints, metrics.groups), monitor.tolerances)
    assert {finding.tests for finding in alone} == {2}


def test_the_service_judges_no_segments(baseline):
    assert not any(finding.where for finding in judged(baseline, people(4_000, 2), with_intervals=False).results)


def test_the_page_has_the_verdict_of_each_segment(baseline):
    findings = judged(baseline, people(4_000, 2, "plan 3"))
    page = findings.judgement.page(findings.results)
    tables = [block for section in page.sections for block in section.blocks if isinstance(block, PageTable)]
    [segment_table] = [table for table in tables if table.caption.startswith("Segment plan 3 of plan")]

    assert {line.mark for line in segment_table.lines} == {Highlight.BAD}
