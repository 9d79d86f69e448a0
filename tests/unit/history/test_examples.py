"""Windows that show what is normal: healthy ones are silent, and a change that lasts is found and never learnt."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.outcome import find_unsure_features
from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.monitors.data_quality.checks.drift.seasonal_drift import find_lost_examples
from spark_model_monitor.reports.history.baseline_extension import extend_baseline
from spark_model_monitor.reports.history.history_file import MAX_EXAMPLES, WindowEntry, WindowHistory

MONITOR = DataQualityMonitor(find_causes=False)
START = datetime(2026, 1, 5, tzinfo=timezone.utc)
# rows of a day, days of the baseline, and windows in which a step has to be found
ROWS = 1_000
DAYS = 16
AFTER = 24


def draw_rows(random, wobble):
    return random.normal(random.normal(0, wobble), 1, ROWS)


def as_table(values, random):
    return pa.table({"x": values, "y": random.normal(size=len(values))})


def watch(wobble, step, seed, *, is_shuffled=False):
    """Whether each window alarmed. A step begins once there are as many windows as examples."""
    random = np.random.default_rng([seed, 17])
    rows = np.concatenate([draw_rows(random, wobble) for _ in range(DAYS)])
    if is_shuffled:
        rows = random.permutation(rows)
    baseline = run_baseline(as_table(rows, random), MONITOR, engine="local")
    reference = MONITOR.stored_baseline(baseline.constraints, None, baseline.state, baseline.constraints)
    reference = reference.with_block_variation(baseline.variation)
    history = WindowHistory("")
    for number in range(MAX_EXAMPLES + AFTER):
        end = format_moment(START + timedelta(days=number + 1))
        values = draw_rows(random, wobble)
        if number >= MAX_EXAMPLES:
            values = values + step
        with_history = extend_baseline(history, reference, end, "b")
        findings = run_monitoring(as_table(values, random), MONITOR, with_history, engine="local")
        # What the window leaves
        violated = find_lost_examples(findings.results)
        unsure = {feature.name for feature in find_unsure_features(findings.results)}
        raw = findings.baseline.raw_statistics(findings.current.state, violated, None, unsure)
        history = history.with_window(WindowEntry(end, end, "0", end, "b", findings.count > 0), raw)
        yield findings.count > 0


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("wobble", "step", "is_shuffled", "learning"),
    [
        pytest.param(0.0, 0.15, False, 0, id="steady"),
        pytest.param(0.06, 0.35, False, 0, id="windows vary"),
        pytest.param(0.06, 0.35, True, 16, id="windows vary, which a baseline in no order doesn't show"),
    ],
)
def test_a_step_that_lasts_is_found_and_healthy_windows_are_silent(wobble, step, is_shuffled, learning):
    found_steps = alarms = 0
    seeds = range(3)
    for seed in seeds:
        windows = [*watch(wobble, step, seed, is_shuffled=is_shuffled)]
        alarms += sum(windows[learning:MAX_EXAMPLES])
        found_steps += any(windows[MAX_EXAMPLES:])

    assert found_steps == len(seeds)
    assert alarms <= 2  # of 96
