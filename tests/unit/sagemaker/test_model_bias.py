"""The SDK's bias monitor: what its schedule tells the jobs."""

import json
from pathlib import Path

import pytest

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.integrations.imports.descriptions import read_definition
from spark_model_monitor.integrations.imports.jobs import build_jobs
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.kinds import create_monitor
from spark_model_monitor.sagemaker import BiasAnalysisConfig, BiasConfig, EndpointInput, ModelBiasMonitor
from spark_model_monitor.sagemaker.local_jobs import SCHEDULES


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MODEL_MONITOR_HOME", str(tmp_path / "home"))
    return tmp_path


def scheduled(home):
    """The jobs of a run of a schedule that was given everything."""
    monitor = ModelBiasMonitor()
    monitor.create_monitoring_schedule(
        endpoint_input=EndpointInput("endpoint", "/opt/ml/processing/input/endpoint", inference_attribute="0"),
        ground_truth_input=str(home / "labels"),
        analysis_config=BiasAnalysisConfig(BiasConfig([1], "sex", [0]), headers=["age", "sex", "y"], label="y"),
        constraints=str(home / "analysis.json"),
        output_s3_uri=str(home / "reports"),
        monitor_schedule_name="hourly",
    )
    record = SCHEDULES.read("hourly")
    return monitor, build_jobs(read_definition(record["Definition"]), "hourly", record["CapturePrefix"])


def test_a_run_is_a_merge_and_a_bias_job(home):
    _, jobs = scheduled(home)

    assert [job.job for job in jobs] == ["merge", "monitor"]
    variables = jobs[1].variables
    assert variables["analysis_type"] == "MODEL_BIAS"
    assert variables["inference_attribute"] == "0"
    assert variables["baseline_constraints"] == str(home / "analysis.json")


def test_the_configuration_is_written_where_the_job_reads_it(home):
    _, (_, job) = scheduled(home)
    path = Path(job.variables["MODEL_MONITOR_ANALYSIS_CONFIG"])

    assert json.loads(path.read_text()) == {
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "sex", "value_or_threshold": [0]}],
        "headers": ["age", "sex", "y"],
        "label": "y",
    }


def test_the_job_understands_what_it_is_reported(home):
    _, (_, job) = scheduled(home)

    measures = create_monitor(build_config("monitor", read_sources([], job.variables), in_container=False)).measures()

    assert (measures.label, measures.prediction, measures.config.group_variable) == (-2, -1, None)


def test_a_schedule_can_be_given_another_configuration(home):
    monitor, _ = scheduled(home)
    monitor.update_monitoring_schedule(analysis_config=str(home / "other.json"))

    record = SCHEDULES.read("hourly")
    assert record["Definition"]["ModelBiasAppSpecification"]["ConfigUri"] == str(home / "other.json")


def test_without_a_baseline_a_schedule_needs_a_configuration(home):
    with pytest.raises(BadConfiguration, match="analysis_config is missing"):
        ModelBiasMonitor().create_monitoring_schedule("endpoint", constraints=str(home / "analysis.json"))


def test_an_analysis_has_no_statistics():
    with pytest.raises(NotImplementedError, match="analysis.json is all"):
        ModelBiasMonitor().latest_monitoring_statistics()
