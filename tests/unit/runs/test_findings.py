"""What findings give to a test, a build, and a notebook. Without a JVM."""

from __future__ import annotations

import pickle

import pandas as pd
import pytest

from spark_model_monitor.documents.analysis_config import AnalysisConfig
from spark_model_monitor.errors import BadConfiguration, ViolationsFound
from spark_model_monitor.monitors.bias.bias_measures import BiasMeasures
from spark_model_monitor.monitors.bias.monitor import BiasMonitor
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.states.outcomes import ProblemType

ORDERS = pd.DataFrame({"country": ["DE", "FR", "DE"] * 20, "items": [1, 2, 3] * 20})


def monitor_frame(later: pd.DataFrame):
    baseline = run_baseline(ORDERS, DataQualityMonitor(), engine="local")
    return run_monitoring(later, DataQualityMonitor(), baseline, engine="local")


def test_a_gate_lets_healthy_data_pass():
    monitor_frame(ORDERS).raise_for_violations()


def test_a_gate_stops_with_a_line_for_each_alarm():
    findings = monitor_frame(ORDERS.replace("FR", "ES"))

    with pytest.raises(ViolationsFound) as caught:
        findings.raise_for_violations()

    first, *lines = str(caught.value).splitlines()
    assert first == f"60 records, {findings.count} violation{'s' * (findings.count > 1)}:"
    assert lines == ["  country has the value ES that was not there before in 33.3 % of the records"]
    assert caught.value.exit_status == 4


def test_a_gate_that_stops_what_cannot_tell_stops_a_run_that_judged_nothing():
    findings = run_monitoring(ORDERS, DataQualityMonitor(), None, engine="local")

    findings.raise_for_violations()
    with pytest.raises(ViolationsFound, match="cannot tell: Nothing was checked: there is no baseline"):
        findings.raise_for_violations(cannot_tell=True)

    # Rules are judged without a baseline
    rules = {"row_rules": ["items < 9"]}
    judged = run_monitoring(ORDERS, DataQualityMonitor(), None, expectations=rules, engine="local")
    judged.raise_for_violations(cannot_tell=True)


def test_bias_says_of_which_group_a_row_is():
    facet = '{"name_or_index": "sex", "value_or_threshold": ["f"]}'
    config = AnalysisConfig.from_json(f'{{"label": "paid", "label_values_or_threshold": [1], "facet": [{facet}]}}')
    data = pd.DataFrame({"sex": ["f", "m"] * 50, "paid": [1, 0, 1, 1] * 25})
    monitor = BiasMonitor(BiasMeasures.of(config))
    baseline = run_baseline(data, monitor, engine="local")

    table = run_monitoring(data, monitor, baseline, engine="local").to_pandas()

    assert set(table["facet_value"]) == {"f"}
    named = ["feature", "facet_value", "metric"]
    assert table[named].values.tolist() == baseline.to_pandas().reset_index()[named].values.tolist()


def test_the_tables_of_a_baseline_and_of_findings_name_alike():
    answers = pd.DataFrame({"label": [1, 0] * 50, "prediction": [1, 0, 0, 0] * 25})
    plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION)
    monitor = ModelQualityMonitor(plan)
    baseline = run_baseline(answers, monitor, engine="local")
    checked = run_monitoring(answers, monitor, baseline, engine="local").to_pandas()
    assert set(checked["metric"]) <= set(baseline.to_pandas().reset_index()["metric"])

    baseline = run_baseline(answers, DataQualityMonitor(), engine="local")
    checked = run_monitoring(answers, DataQualityMonitor(), baseline, engine="local").to_pandas()
    assert set(baseline.to_pandas().reset_index()["feature"]) < set(checked["feature"])  # the others are of all columns


def test_findings_come_back_from_a_pool_of_processes():
    frame = pd.DataFrame({"amount": [number % 50 / 7 for number in range(400)], "plan": ["a", "b"] * 200})
    baseline = run_baseline(frame, DataQualityMonitor(), engine="local")
    later = frame.head(200).replace({"plan": {"a": "c"}})
    later.loc[:20, "amount"] = 1e6

    findings = run_monitoring(later, DataQualityMonitor(), baseline, engine="local")

    copied = pickle.loads(pickle.dumps(findings))
    assert copied.violations == findings.violations
    assert copied.report().html == findings.report().html


def run_beside_baseline(data, monitor):
    return run_monitoring(data, monitor, run_baseline(data, DataQualityMonitor(), engine="local"))


@pytest.mark.parametrize(
    "run", [run_baseline, run_beside_baseline, lambda data, monitor: run_monitoring(data, monitor, None)]
)
def test_a_monitor_that_is_a_class_is_reported_as_such(run):
    with pytest.raises(BadConfiguration, match=r"monitor is DataQualityMonitor; write .*DataQualityMonitor\(\)"):
        run(pd.DataFrame({"a": [1]}), DataQualityMonitor)
