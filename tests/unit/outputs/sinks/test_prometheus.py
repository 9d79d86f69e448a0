"""Prometheus: a text file that Prometheus' own parser understands."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from spark_model_monitor.documents.alert_files import AlertStatus
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.errors import SinkFailed
from spark_model_monitor.reports.sinks.prometheus import prometheus

from .conftest import metric


def read_samples(path):
    """Every sample of the file: (name, the labels that are not empty) -> value."""
    return {
        (sample.name, *sorted(f"{name}={value}" for name, value in sample.labels.items() if value)): sample.value
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
    }


RUN = ("analysis_type=DATA_QUALITY", "endpoint=churn")


def test_the_file_has_violations_alert_time_and_every_metric(report, environment, tmp_path):
    spread = {"SampleCount": 2.0, "Sum": 7.0, "Minimum": 3.0, "Maximum": 4.0}
    age = {key: value for key, value in metric("feature_data_age", 0, Endpoint="churn").items() if key != "Value"}
    metrics = (
        metric("feature_completeness_plan", 0.5, Endpoint="churn", MonitoringSchedule="hourly"),
        {**age, "StatisticValues": spread},
    )
    path = tmp_path / "textfiles" / "churn.prom"
    prometheus(report(violations=3, metrics=metrics), str(path), environment())
    samples = read_samples(path)

    schedule = "monitoring_schedule=hourly"
    assert samples[("model_monitor_violations", *RUN, schedule)] == 3
    assert samples[("model_monitor_alert", *RUN, schedule)] == 1
    assert samples[("model_monitor_last_run_timestamp_seconds", *RUN, schedule)] == 1769900700
    name = "metric=feature_completeness_plan"
    statistic = "statistic=value"
    assert samples[("model_monitor_metric", *RUN, name, schedule, statistic)] == 0.5
    for statistic, value in {"sample_count": 2, "sum": 7, "minimum": 3, "maximum": 4}.items():
        labels = (*RUN, "metric=feature_data_age", schedule, f"statistic={statistic}")
        assert samples[("model_monitor_metric", *labels)] == value
    assert samples[("model_monitor_cannot_tell", *RUN, schedule)] == 0
    assert len(samples) == 9


def test_without_violations_the_numbers_are_there_and_0(report, environment, tmp_path):
    prometheus(report(violations=0, status=AlertStatus.OK), str(tmp_path / "a.prom"), environment())
    samples = read_samples(tmp_path / "a.prom")

    assert samples[("model_monitor_violations", *RUN, "monitoring_schedule=hourly")] == 0
    assert samples[("model_monitor_alert", *RUN, "monitoring_schedule=hourly")] == 0


def test_a_run_that_cannot_tell_has_a_number_of_its_own(report, environment, tmp_path):
    unsure = report(violations=0, status=AlertStatus.CANNOT_TELL, outcome=Outcome.CANNOT_TELL)
    prometheus(unsure, str(tmp_path / "a.prom"), environment())
    samples = read_samples(tmp_path / "a.prom")

    assert samples[("model_monitor_cannot_tell", *RUN, "monitoring_schedule=hourly")] == 1
    assert samples[("model_monitor_alert", *RUN, "monitoring_schedule=hourly")] == 0


def test_names_with_quotes_and_backslashes_are_read_back(report, environment, tmp_path):
    name = 'a "b"\\c'
    prometheus(report(metrics=(metric(name, 1.5),)), str(tmp_path / "a.prom"), environment())

    assert [value for key, value in read_samples(tmp_path / "a.prom").items() if f"metric={name}" in key] == [1.5]


def test_signs_that_nobody_sees_are_reported_by_their_numbers(report, environment, tmp_path):
    metrics = (metric("a\nb\x1b[2J\u202e", 1.5, Feature="c\nd"),)
    prometheus(report(metrics=metrics, schedule="x\ny"), str(tmp_path / "a.prom"), environment())

    [key] = [key for key in read_samples(tmp_path / "a.prom") if key[0] == "model_monitor_metric"]
    assert {"metric=a\\nb\\x1b[2J\\u202e", "feature=c\\nd", "monitoring_schedule=x\\ny"} <= set(key)


def test_numbers_that_are_not_finite_are_left_out_and_counted(report, environment, tmp_path, caplog):
    metrics = (metric("a", float("nan")), metric("b", float("inf")), metric("c", 1.0))
    prometheus(report(metrics=metrics), str(tmp_path / "a.prom"), environment())

    assert [key[2] for key in read_samples(tmp_path / "a.prom") if key[0] == "model_monitor_metric"] == [
        "endpoint=churn"
    ]
    assert "left out 2 metrics" in caplog.text


def test_a_file_that_cannot_be_written_is_named(report, environment, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkFailed, match=r"a\.prom: can't be written"):
        prometheus(report(), str(tmp_path / "file" / "a.prom"), environment())
