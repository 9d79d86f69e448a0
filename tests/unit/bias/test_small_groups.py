"""A window with a handful of rows for each of many groups: what is above 0 by chance alone is no bias."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import AnalysisConfig, BiasMeasures, BiasMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.headline import write_headline

CONFIG = AnalysisConfig.from_json(
    """{"label": "label", "label_values_or_threshold": [1], "facet": [{"name_or_index": "group"}],
        "methods": {"pre_training_bias": {"methods": "all"}}}"""
)
MONITOR = BiasMonitor(BiasMeasures.of(CONFIG))


def make_rows(random, rows, less=0.0):
    """Twelve groups that have the label in half of their rows, the first one in fewer."""
    group = random.integers(0, 12, rows)
    label = random.random(rows) < np.where(group == 0, 0.5 - less, 0.5)
    return pd.DataFrame({"group": [f"g{number}" for number in group], "label": label.astype(int)})


@pytest.fixture(scope="module")
def baseline():
    return run_baseline(make_rows(np.random.default_rng(1), 5000), MONITOR, engine="local")


def violated(baseline, rows):
    findings = run_monitoring(rows, MONITOR, baseline, engine="local").results
    return {
        (finding.metric, dict(finding.model_extra)["facet_value"])
        for finding in findings
        if finding.status.value == "violated"
    }


@pytest.mark.parametrize("rows", [50, 100])
def test_few_rows_of_many_groups_are_silent(baseline, rows):
    random = np.random.default_rng(2)
    assert [violated(baseline, make_rows(random, rows)) for _ in range(4)] == [set()] * 4


def test_a_group_that_is_worse_off_is_found(baseline):
    violations = violated(baseline, make_rows(np.random.default_rng(3), 2000, less=0.35))
    assert {("DPL", "g0"), ("JS", "g0")} <= violations


def test_a_metric_of_all_rows_is_one_change_whatever_the_number_of_groups():
    config = {
        "label": "label",
        "label_values_or_threshold": [1],
        "predicted_label": "called",
        "facet": [{"name_or_index": "group"}],
        "methods": {"post_training_bias": {"methods": ["DPPL", "GE"]}},
    }
    monitor = BiasMonitor(BiasMeasures.of(AnalysisConfig.from_json(json.dumps(config))), find_causes=False)
    random = np.random.default_rng(4)

    def make_calls(rows, wrong):
        table = make_rows(random, rows)
        return table.assign(called=np.where(random.random(rows) < wrong, 1 - table["label"], table["label"]))

    called = run_baseline(make_calls(20_000, 0.1), monitor, engine="local")
    healthy, reversed_calls = (
        run_monitoring(make_calls(10_000, wrong), monitor, called, engine="local") for wrong in (0.1, 0.9)
    )
    assert write_headline(healthy.results).text == "No change seen in 13 bias metrics."
    assert write_headline(reversed_calls.results).text.startswith("1 of 13 bias metrics changed: GE is ")
    # A summary has it once, and the document once for each group, as the service does
    assert [row.part for row in reversed_calls.judgement.summary().rows if row.name == "GE"] == [""]
    assert {violation.metric_name for violation in reversed_calls.violations.violations} == {"GE"}
    assert len(reversed_calls.violations.violations) == 12
