"""The SDK's explainability monitor: what its schedule tells the jobs."""

import json
from pathlib import Path

import pytest

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.integrations.imports.descriptions import read_definition
from spark_model_monitor.integrations.imports.jobs import build_jobs
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.kinds import create_monitor
from spark_model_monitor.sagemaker import (
    EndpointInput,
    ExplainabilityAnalysisConfig,
    ModelConfig,
    ModelExplainabilityMonitor,
    SHAPConfig,
)
from spark_model_monitor.sagemaker.local_jobs import SCHEDULES


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MODEL_MONITOR_HOME", str(tmp_path / "home"))
    return tmp_path


def config_of_model(home, name):
    shap = SHAPConfig(baseline=[[1, 2]], num_samples=50, agg_method="mean_sq", save_local_shap_values=False)
    model = ModelConfig(str(home / name), 1, "ml.m5.xlarge", content_type="text/csv")
    return ExplainabilityAnalysisConfig(shap, model, headers=["age", "income"], label_headers=["buys"])


def build_job(name="hourly"):
    record = SCHEDULES.read(name)
    [job] = build_jobs(read_definition(record["Definition"]), name, record["CapturePrefix"])
    return job


def scheduled(home):
    monitor = ModelExplainabilityMonitor(env={"MODEL_MONITOR_COMPAT": "none"})
    monitor.create_monitoring_schedule(
        endpoint_input=EndpointInput("endpoint", "/opt/ml/processing/input/endpoint", inference_attribute="0"),
        analysis_config=config_of_model(home, "churn.json"),
        constraints=str(home / "analysis.json"),
        output_s3_uri=str(home / "reports"),
        monitor_schedule_name="hourly",
    )
    return monitor


def test_a_run_is_one_job_over_the_captures_with_the_model_of_the_configuration(home):
    scheduled(home)
    job = build_job()

    assert job.job == "monitor"
    assert job.variables["analysis_type"] == "MODEL_EXPLAINABILITY"
    assert job.variables["dataset_format"] == '{"sagemakerCaptureJson": {}}'
    assert job.variables["MODEL_MONITOR_MODEL"] == str(home / "churn.json")
    assert job.variables["MODEL_MONITOR_COMPAT"] == "none"
    assert not job.missing


def test_the_job_understands_the_configuration_that_the_sdk_writes(home):
    scheduled(home)
    variables = build_job().variables
    written = json.loads(Path(variables["MODEL_MONITOR_ANALYSIS_CONFIG"]).read_text())

    measures = create_monitor(build_config("monitor", read_sources([], variables), in_container=False)).measures()

    assert written["headers"] == ["age", "income"]
    assert written["predictor"]["label_headers"] == ["buys"]
    assert (measures.shap.num_samples, measures.aggregation.value, measures.model.flavour) == (50, "mean_sq", "xgboost")


def test_a_schedule_that_gets_another_configuration_gets_its_model_and_goes_on_publishing(home):
    monitor = scheduled(home)
    monitor.update_monitoring_schedule(analysis_config=config_of_model(home, "other.ubj"))

    variables = build_job().variables
    assert variables["MODEL_MONITOR_MODEL"] == str(home / "other.ubj")
    assert variables["publish_cloudwatch_metrics"] == "Enabled"


def test_without_a_baseline_a_schedule_needs_a_configuration(home):
    with pytest.raises(BadConfiguration, match="analysis_config is missing"):
        ModelExplainabilityMonitor().create_monitoring_schedule("endpoint", constraints=str(home / "analysis.json"))


def test_an_imported_schedule_names_its_model_as_what_is_to_be_filled_in(home):
    monitor = ModelExplainabilityMonitor()
    config_path = home / "analysis_config.json"
    monitor.create_monitoring_schedule("churn", str(config_path), constraints=str(home / "analysis.json"))

    assert "module:function" in build_job(monitor.monitoring_schedule_name).missing["MODEL_MONITOR_MODEL"]
