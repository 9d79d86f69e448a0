"""Rows that a column says belong together: attributions are put into blocks by their groups, and say less."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from spark_model_monitor import AnalysisConfig, AttributionMeasures, ExplainabilityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.errors import BadConfiguration, BadState
from spark_model_monitor.monitors.explainability.attribution_measures import plan_attributions
from spark_model_monitor.monitors.explainability.attribution_results import (
    Tolerances,
    analyse_attributions,
    compare_outputs,
)
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.statistics.states.attributions import Attributions, AttributionsBuilder
from spark_model_monitor.statistics.states.blocks import replace_keys_by_group
from spark_model_monitor.statistics.states.hashing import hash_texts

MONITOR = ExplainabilityMonitor()
CONFIG = AnalysisConfig.from_json('{"excluded_columns": ["user"], "methods": {"shap": {"baseline": [[0, 0]]}}}')


def make_state(seed, users, size, *, scale=1.0, group_column="user", names=None):
    """Users of some rows each, whose attributions are equal."""
    random = np.random.default_rng(seed)
    values = np.repeat(random.standard_normal((users, 1, 2)) * [3.0 * scale, 1.0], size, axis=0)
    keys = np.repeat(random.integers(0, 2**63, users) if names is None else names, size).astype(np.uint64)
    builder = AttributionsBuilder(
        Attributions(("a", "b"), ("label0",), "mean_abs", "a,b\r\n0,0\r\n", np.zeros(1), group_column=group_column)
    )
    builder.update(values, keys if group_column else np.arange(len(keys), dtype=np.uint64), 0)
    return builder.state()


def make_baseline(baseline):
    return MONITOR.stored_baseline(MONITOR.documents(baseline, analyse_attributions(baseline))[0], None, baseline)


def design_effect(state, baseline):
    [comparison] = compare_outputs(state, analyse_attributions(state), make_baseline(baseline), Tolerances())
    return comparison.design_effect


def checked(state, baseline, monitor=MONITOR):
    return monitor.judge(Sample(state, analyse_attributions(state)), make_baseline(baseline)).results


def test_the_standard_error_is_that_of_so_many_users():
    error = analyse_attributions(make_state(1, 6400, 20)).outputs[0].errors["b"]
    assert error == pytest.approx(np.sqrt(1 - 2 / np.pi) / np.sqrt(6400), rel=0.3)


def test_rows_of_users_count_as_users_and_rows_by_themselves_as_rows():
    baseline = make_state(1, 2000, 20)
    assert design_effect(make_state(2, 640, 20), baseline) == pytest.approx(20, rel=0.5)
    assert design_effect(make_state(2, 10, 20), baseline) == pytest.approx(20, rel=0.5)  # too few: groups are rows
    assert 1 <= design_effect(make_state(2, 6400, 1), baseline) < 1.6
    assert design_effect(make_state(2, 640, 20, group_column=""), make_state(1, 2000, 20, group_column="")) == 1


def test_healthy_windows_are_silent_where_they_alarmed():
    def alarms(group_column):
        baseline = make_state(1, 500, 100, group_column=group_column)
        windows = (make_state(seed, 5, 100, group_column=group_column) for seed in range(2, 8))
        results_by_window = (checked(window, baseline) for window in windows)
        return sum(any(finding.status is CheckStatus.VIOLATED for finding in results) for results in results_by_window)

    assert alarms("") >= 3
    assert alarms("user") == 0


def test_a_change_of_many_users_is_found():
    findings = checked(make_state(3, 400, 20, scale=2.0), make_state(1, 2000, 20))
    assert {finding.feature: finding.status for finding in findings}["a"] is CheckStatus.VIOLATED


@pytest.mark.parametrize("users", [1, 20])
def test_few_users_can_not_be_distinguished(users):
    findings = checked(make_state(3, users, 50, scale=2.0), make_state(1, 2000, 20))

    assert {finding.status for finding in findings} == {CheckStatus.CANNOT_TELL}
    assert "by themselves; at least 100 are asked for" in findings[0].reason


def test_one_user_has_no_interval_whatever_number_of_rows_is_asked_for():
    state = make_state(3, 1, 500)
    monitor = ExplainabilityMonitor(tolerances=Tolerances(min_rows=0))
    reasons = {finding.reason for finding in checked(state, state, monitor) if finding.feature}
    assert reasons == {"one group of rows alone has no interval"}


def test_groups_are_part_of_the_state_where_a_column_names_them():
    named = make_state(1, 20, 3)
    plain = make_state(1, 20, 3, group_column="")

    assert Attributions.from_bytes(named.to_bytes()).group_column == "user"
    assert "group_column" not in plain.payload()[0]
    with pytest.raises(BadState, match="group_column"):
        named + plain


def test_a_row_without_a_name_has_its_own_key():
    keys = replace_keys_by_group(np.array([1, 2, 3], np.uint64), pa.array(["u", None, "u"]))
    [of_user] = hash_texts(pa.array(["u"])).tolist()
    assert keys.tolist() == [of_user, 2, of_user]


def test_a_window_takes_the_column_from_its_baseline_and_needs_it():
    rows = pd.DataFrame({"a": np.arange(40.0), "b": 1.0, "user": np.repeat(["u", "v"], 20)})
    measures = AttributionMeasures.of(CONFIG, lambda frame: frame["a"] + frame["b"])
    named = ExplainabilityMonitor(AttributionMeasures(**{**vars(measures), "group_column": "user"}))
    baseline = run_baseline(rows, named, engine="local")

    assert np.count_nonzero(baseline.state.rows) == 2
    monitor = ExplainabilityMonitor(measures)
    assert run_monitoring(rows, monitor, baseline, engine="local").current.state.group_column == "user"
    with pytest.raises(BadConfiguration, match="--group-column: 'user' is no column; they are a, b"):
        plan_attributions(named.wanted, ("a", "b"))


def make_user_rows(random, users, size=20, scale=1.0):
    """Rows of users, side by side: what moves the answer is nearly the user's."""
    a, b = (np.repeat(random.standard_normal(users), size) for _ in range(2))
    return pd.DataFrame({"a": scale * a + 0.1 * random.standard_normal(users * size), "b": b})


@pytest.fixture(scope="module")
def make_unnamed_groups():
    """A monitor without a column that names groups, and its baseline of scattered rows."""
    config = AnalysisConfig.from_json('{"methods": {"shap": {"baseline": [[0, 0]]}}}')
    monitor = ExplainabilityMonitor(AttributionMeasures.of(config, lambda rows: 3 * rows["a"] + rows["b"] * rows["a"]))
    rows = make_user_rows(np.random.default_rng(1), 1000).sample(frac=1, random_state=1)
    return monitor, run_baseline(rows, monitor, engine="local")


def test_neighbours_tell_where_no_column_names_groups(make_unnamed_groups):
    monitor, baseline = make_unnamed_groups
    random = np.random.default_rng(2)
    healthy = [run_monitoring(make_user_rows(random, 160), monitor, baseline, engine="local") for _ in range(3)]
    evaluation = run_monitoring(make_user_rows(random, 10), monitor, baseline, engine="local")
    stretched = run_monitoring(make_user_rows(random, 200, scale=2.5), monitor, baseline, engine="local")

    for window_evaluation in (*healthy, evaluation):
        assert not any(result.status is CheckStatus.VIOLATED for result in window_evaluation.results)
    assert all(10 <= rows <= 40 for rows in healthy[0].baseline.design_effects.ravel())
    assert "by themselves; at least 100" in evaluation.results[0].reason
    assert CheckStatus.VIOLATED in {result.status for result in stretched.results if result.feature == "a"}


def test_rows_by_themselves_and_those_of_named_groups_ask_no_neighbours(make_unnamed_groups):
    monitor, baseline = make_unnamed_groups
    alone = make_user_rows(np.random.default_rng(3), 400, 1)
    named = ExplainabilityMonitor(
        replace(AttributionMeasures.of(CONFIG, lambda rows: rows["a"] + rows["b"]), group_column="user")
    )
    rows = make_user_rows(np.random.default_rng(4), 20).assign(user=np.repeat(np.arange(20), 20))
    by_name = run_monitoring(rows, named, run_baseline(rows, named, engine="local"), engine="local")

    assert run_monitoring(alone, monitor, baseline, engine="local").baseline.design_effects is None
    assert by_name.baseline.design_effects is None
    assert not by_name.current.runs
