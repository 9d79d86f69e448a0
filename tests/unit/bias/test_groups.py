"""Rows that a column says belong together: they say less than so many rows by themselves, wherever they lie."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import AnalysisConfig, BiasMeasures, BiasMonitor, Tolerances, run_baseline, run_monitoring
from spark_model_monitor.errors import BadConfiguration, BadState
from spark_model_monitor.monitors.bias.bias_metrics import FlipTest
from spark_model_monitor.monitors.bias.intervals import (
    compute_intervals,
    estimate_design_effects,
    estimate_spreads,
    fewest_groups,
)
from spark_model_monitor.monitors.bias.metric_comparison import compare_with_baseline
from spark_model_monitor.statistics.states.contingency import Contingency

CONFIG = AnalysisConfig.from_json(
    """{"label": "label", "label_values_or_threshold": [1], "predicted_label": "predicted", "group_variable": "sub",
        "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
        "methods": {"pre_training_bias": {"methods": ["DPL", "KS", "CDDL"]},
                    "post_training_bias": {"methods": ["AD", "DI", "DPPL"]}}}"""
)
MEASURES = replace(BiasMeasures.of(CONFIG), column_types={}, with_flip_test=False)
NAMED = BiasMonitor(replace(MEASURES, group_column="user"), find_causes=False)
NAMES = ["AD", "CDDL", "DI", "DPL", "DPPL", "KS"]


def make_user_rows(seed, users, *, less=0.0, size=10):
    """Scattered rows of users, each the same ten times."""
    random = np.random.default_rng(seed)
    sex = random.choice(["f", "m"], users)
    label = random.random(users) < np.where(sex == "f", 0.5 - less, 0.5)
    rows = pd.DataFrame(
        {
            "sex": sex,
            "label": label.astype(int),
            "predicted": (label ^ (random.random(users) < 0.2)).astype(int),
            "sub": random.choice(["x", "y"], users),
            "user": random.integers(0, 2**40, users),
        }
    )
    order = np.random.default_rng(seed).permutation(users * size) // size
    return rows.iloc[order].reset_index(drop=True)


@pytest.fixture(scope="module")
def baseline():
    return run_baseline(make_user_rows(1, 1000), NAMED, engine="local")


def statuses(baseline, rows, monitor=NAMED):
    findings = run_monitoring(rows, monitor, baseline, engine="local").results
    return {finding.metric: finding.status.value for finding in findings}


def compute_counts(rows, monitor=NAMED):
    state = run_baseline(rows, monitor, engine="local").state
    return monitor.metrics(state).groups[0].counts


def test_healthy_windows_are_silent_where_they_alarmed(baseline):
    monitor = BiasMonitor(MEASURES, find_causes=False)
    by_rows = run_baseline(make_user_rows(1, 1000), monitor, engine="local")
    windows = [make_user_rows(seed, 40, size=40) for seed in range(2, 7)]

    assert sum("violated" in statuses(by_rows, rows, monitor).values() for rows in windows) >= 3
    assert not any("violated" in statuses(baseline, rows, monitor).values() for rows in windows)


def side_by_side(rows):
    return rows.sort_values("user", ignore_index=True)


@pytest.fixture(scope="module")
def make_unnamed_groups():
    """A monitor without a column that names groups, and its baseline of scattered rows."""
    monitor = BiasMonitor(MEASURES, find_causes=False)
    return monitor, run_baseline(make_user_rows(1, 1000), monitor, engine="local")


def test_neighbours_tell_where_no_column_names_groups(make_unnamed_groups):
    monitor, baseline = make_unnamed_groups
    windows = [side_by_side(make_user_rows(seed, 40, size=40)) for seed in range(2, 5)]
    lost = run_monitoring(side_by_side(make_user_rows(3, 400, less=0.45)), monitor, baseline, engine="local")

    assert not any("violated" in statuses(baseline, rows, monitor).values() for rows in windows)
    assert all(8 <= lost.baseline.design_effects["sex"][name] <= 16 for name in NAMES)
    assert "DPL" in {finding.metric for finding in lost.results if finding.is_violation}


def test_a_value_of_few_users_is_as_uncertain_as_they_are_few(make_unnamed_groups):
    monitor, baseline = make_unnamed_groups
    evaluation = run_monitoring(side_by_side(make_user_rows(4, 60)), monitor, baseline, engine="local")
    [compared, *_] = compare_with_baseline(evaluation.current.metrics, evaluation.baseline, Tolerances())

    maximum = max(evaluation.baseline.design_effects["sex"].values())
    assert 8 <= maximum <= 20
    assert compared.freedom <= min(compared.group.rows) / maximum


def test_what_neighbours_have_in_common_in_one_facet_says_nothing_of_another():
    facets = {"name_or_index": "sex"}, {"name_or_index": "age", "value_or_threshold": [40]}
    config = CONFIG.model_copy(update={"facet": None})
    config = AnalysisConfig.from_json(
        json.dumps(json.loads(config.model_dump_json(exclude_none=True)) | {"facet": facets})
    )
    monitor = BiasMonitor(replace(MEASURES, config=config), find_causes=False)
    first, later = (make_user_rows(seed, 400, size=1).assign(age=np.arange(400) % 61) for seed in (1, 2))

    design_effects = run_monitoring(
        later, monitor, run_baseline(first, monitor, engine="local"), engine="local"
    ).baseline.design_effects

    assert design_effects.keys() == {"age"}
    assert max(design_effects["age"].values()) > 1


def test_a_named_column_wins_over_neighbours(baseline):
    evaluation = run_monitoring(side_by_side(make_user_rows(3, 40)), NAMED, baseline, engine="local")
    assert not evaluation.baseline.design_effects


def test_rows_by_themselves_and_sorted_ones_count_as_rows(make_unnamed_groups):
    monitor, baseline = make_unnamed_groups
    alone = make_user_rows(2, 400, size=1)
    for rows in (alone, alone.sort_values(["sex", "label"]), alone.sort_values(["label", "sex"])):
        assert not run_monitoring(rows, monitor, baseline, engine="local").baseline.design_effects


def test_as_the_service_nobody_asks_neighbours():
    monitor = BiasMonitor(replace(MEASURES, as_service=True))
    baseline = run_baseline(make_user_rows(1, 100), monitor, engine="local")
    assert not run_monitoring(side_by_side(make_user_rows(2, 40)), monitor, baseline, engine="local").current.runs


def test_what_changed_is_found(baseline):
    changed = statuses(baseline, make_user_rows(3, 400, less=0.4))
    assert {name for name, status in changed.items() if status == "violated"} >= {"DPL", "KS", "CDDL"}


def test_ten_equal_rows_count_as_one_and_rows_by_themselves_as_rows():
    equal_rows, alone = (
        estimate_design_effects(compute_counts(rows), NAMES)
        for rows in (make_user_rows(4, 2000), make_user_rows(4, 2000, size=1))
    )

    assert [round(equal_rows[name] / 10, 0) for name in NAMES] == [1] * len(NAMES)
    assert all(1 <= alone[name] < 1.6 for name in NAMES)
    assert equal_rows["DI"] == equal_rows["DPPL"]  # of the same two shares


def test_flips_of_so_few_rows_are_as_many_as_count():
    counts = replace(compute_counts(make_user_rows(5, 20)), flips=FlipTest(np.asarray(5.0), np.asarray(2.0), 7, 9, 9))
    for design_effect in (1.7, 5.0):
        assert compute_intervals(counts, {"FT": design_effect})["FT"] is not None
        assert estimate_spreads(counts, {"FT": design_effect})["FT"] is not None
    assert estimate_design_effects(counts, ["AD", "DPL", "FT"])["FT"] == max(
        estimate_design_effects(counts, ["AD", "DPL"]).values()
    )


def test_the_reason_says_how_many(baseline):
    findings = run_monitoring(make_user_rows(5, 50), NAMED, baseline, engine="local").results
    [reason] = [finding.reason for finding in findings if finding.metric == "DPL"]
    assert 5 <= float(reason.split(": about ")[1].split()[0]) <= 20


def test_a_group_that_crosses_parts_is_one():
    rows = make_user_rows(6, 100)
    parts = [run_baseline(part, NAMED, engine="local").state for part in (rows[:300], rows[300:])]

    assert (parts[0] + parts[1]).tables == run_baseline(rows, NAMED, engine="local").state.tables


def test_rows_without_a_name_are_by_themselves():
    rows = make_user_rows(7, 100).assign(user=None)
    counts = compute_counts(rows)
    by_rows = compute_counts(rows, BiasMonitor(MEASURES))

    assert estimate_design_effects(counts, NAMES) == dict.fromkeys(NAMES, 1.0)
    assert fewest_groups(counts) == min(int(by_rows.d.rows), int(by_rows.a.rows))


def test_a_window_in_which_nobody_has_a_name_counts_as_its_baseline(baseline):
    windows = [make_user_rows(seed, 40, size=40).assign(user=None) for seed in range(2, 7)]
    assert not any("violated" in statuses(baseline, rows).values() for rows in windows)


def test_one_group_says_nothing(baseline):
    rows = make_user_rows(8, 100, less=0.5).assign(user=1)

    assert estimate_design_effects(compute_counts(rows), ["DPL"]) == {"DPL": pytest.approx(1000, rel=0.1)}
    assert "violated" not in statuses(baseline, rows).values()


def test_a_window_without_the_column_is_reported(baseline):
    with pytest.raises(BadConfiguration, match="--group-column: 'user' is no column; they are sex"):
        run_monitoring(make_user_rows(9, 10).drop(columns="user"), NAMED, baseline, engine="local")


def test_only_a_plan_of_groups_names_them():
    plain, named = (
        json.loads(run_baseline(make_user_rows(1, 20), monitor, engine="local").state.plan)
        for monitor in (BiasMonitor(MEASURES), NAMED)
    )
    assert named == plain | {"group_column": "user"}


def test_a_block_that_is_none_is_refused(baseline):
    read = Contingency.from_bytes(baseline.state.to_bytes())
    assert read.tables == baseline.state.tables
    wrong = replace(
        read, tables=tuple({(*cell[:-1], 64): rows for cell, rows in table.items()} for table in read.tables)
    )
    with pytest.raises(BadState, match="not those of their plan"):
        NAMED.metrics(wrong)
