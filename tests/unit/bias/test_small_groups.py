"""A window with a handful of rows for each of many groups: what is above 0 by chance alone is no bias."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import AnalysisConfig, BiasMeasures, BiasMonitor, run_baseline, run_monitoring

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
