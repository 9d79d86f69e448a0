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
from spark_model_monitor.monitors.bias.comparison import BiasBaseline, compare_with_baseline

PLANS = [f"plan {place}" for place in range(8)]
CONFIG = {
    "label": "hired",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
    "methods": {"pre_training_bias": {"methods": ["DPL", "KL"]}},
}
CUT = {"segment_config": [{"name_or_index": "plan", "segments": [[plan] for plan in PLANS[:-1]]}]}
BY_VALUE = {"segment_config": [{"name_or_index": "plan", "segments": []}]}


def monitor_of(cut=CUT, **tolerances):
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
    return run_baseline(people(8_000, 1), monitor_of(), engine="local")


def judged(baseline, window, **tolerances):
    return run_monitoring(window, monitor_of(**tolerances), baseline, engine="local")


def test_bias_in_one_segment_is_one_violation_that_names_it(baseline):
    findings = judged(baseline, people(4_000, 2, "plan 3"))
    broken = [each for each in findings.results if each.status is CheckStatus.VIOLATED]

    assert {(each.metric, each.segment, each.where) for each in broken} == {
        ("DPL", "plan=plan 3", "in one segment of plan"),
        ("KL", "plan=plan 3", "in one segment of plan"),
    }
    assert write_headline(findings.results).text.endswith("in plan=plan 3.")
    told = monitor_of().violations(findings.results).violations
    assert [each.description.endswith(", in plan=plan 3") for each in told] == [True, True]


def test_without_segments_each_value_is_one():
    before = people(8_000, 1)
    now = people(4_000, 2, "plan 3")
    before.loc[before.index[:500], "plan"] = None
    found = run_baseline(before, monitor_of(BY_VALUE), engine="local")
    results = run_monitoring(now, monitor_of(BY_VALUE), found, engine="local").results
    [group] = found.constraints.pre_training_bias_metrics.facets["sex"]

    assert [each.segment for each in group.segments] == ["(missing)", *PLANS]
    assert {each.segment for each in results if each.is_violation} == {"plan=plan 3"}


def test_of_many_values_the_most_frequent_are_segments():
    data = people(4_000, 1).assign(plan=[f"p{row % 60 if row % 60 < 50 or row < 2_000 else 0}" for row in range(4_000)])
    found = run_baseline(data, monitor_of(BY_VALUE), engine="local")
    [group] = found.constraints.pre_training_bias_metrics.facets["sex"]

    assert {each.segment for each in group.segments} == {f"p{place}" for place in range(50)}


def test_bias_of_all_rows_is_a_violation_of_the_whole(baseline):
    results = judged(baseline, people(4_000, 2, "all")).results
    broken = [each for each in results if each.metric == "DPL" and each.status is CheckStatus.VIOLATED]
    beside = {each.reason for each in results if each.metric == "DPL" and each.where and each not in broken}

    assert [each.segment for each in broken] == [None]
    assert beside == {"DPL is violated, and this is the same change"}


def test_six_healthy_windows_are_silent_in_all_segments(baseline):
    for seed in range(6):
        assert not any(each.is_violation for each in judged(baseline, people(1_000, 10 + seed)).results)


def test_the_segments_have_half_of_the_budget(baseline):
    monitor = monitor_of()
    analysis = monitor.metrics(baseline.state)
    known = BiasBaseline(baseline.constraints, analysis.groups)
    cut, whole = (
        [*compare_with_baseline(analysis, each, monitor.tolerances)] for each in (known, replace(known, groups=()))
    )
    tests = {each.segment is None: each.tests for each in cut}

    assert tests == {True: 2 * 2, False: 2 * 2 * len(PLANS)}
    assert {each.tests for each in whole} == {*tests.values()}
    uncut = run_baseline(people(8_000, 1), monitor_of({}), engine="local")
    found = monitor_of({}).metrics(uncut.state)
    alone = compare_with_baseline(found, BiasBaseline(uncut.constraints, found.groups), monitor.tolerances)
    assert {each.tests for each in alone} == {2}


@pytest.mark.parametrize("by", [0.3, 0.6, 0.9])
def test_the_chance_of_a_metric_says_what_its_ends_say(baseline, by):
    monitor = monitor_of()
    before = BiasBaseline(baseline.constraints, monitor.metrics(baseline.state).groups)
    now = monitor.metrics(run_baseline(people(4_000, 3, "all", by), monitor, engine="local").state)
    for each in compare_with_baseline(now, before, monitor.tolerances):
        low, high = each.beyond_noise
        level = each.tolerances.false_alarm_budget / each.tests
        assert (each.chance < level) == (low > abs(each.baseline) or high < -abs(each.baseline))


def test_the_service_judges_no_segments(baseline):
    assert not any(each.where for each in judged(baseline, people(4_000, 2), with_intervals=False).results)


def test_the_page_has_the_verdict_of_each_segment(baseline):
    findings = judged(baseline, people(4_000, 2, "plan 3"))
    page = findings.judgement.page(findings.results)
    tables = [block for section in page.sections for block in section.blocks if isinstance(block, PageTable)]
    [found] = [table for table in tables if table.caption.startswith("Segment plan 3 of plan")]

    assert {line.mark for line in found.lines} == {Highlight.BAD}
