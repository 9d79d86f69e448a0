"""The image's entry point, in the service's directory layout under a temporary root, and the jobs that it starts."""

import json
import os
import sys
from pathlib import Path

import pytest
from tests.jobs.customers import PEOPLE, capture_hour, write_captures
from tests.programs import run_program
from tests.spark.merging import records
from tests.unit.runs.local_jobs import LocalJobs

pytestmark = pytest.mark.nightly

ROOT = Path(__file__).resolve().parents[2]
CAPTURE_JSON = '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}'


class Container:
    """`container(**variables)` runs the entry point as a process with these variables and nothing else of the service's."""

    def __init__(self, root):
        self.root = root
        self.opt_ml = root / "opt" / "ml"
        self.processing = self.opt_ml / "processing"
        self.processing.mkdir(parents=True)

    def __call__(self, **variables):
        return run_program(
            [sys.executable, "-m", "spark_model_monitor.spark.container"],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT / "lib"),
                "MODEL_MONITOR_CONTAINER_ROOT": str(self.root),
                **variables,
            },
            cwd=self.root,
        )

    def read_message(self):
        return (self.opt_ml / "output" / "message").read_text()

    def read_metrics(self):
        lines = (
            (self.opt_ml / "output" / "metrics" / "cloudwatch" / "cloudwatch_metrics.jsonl").read_text().splitlines()
        )
        return {metric["MetricName"]: metric for metric in map(json.loads, lines)}


@pytest.fixture
def container(tmp_path):
    return Container(tmp_path)


def test_data_quality_from_a_baseline_to_a_monitoring_run(container):
    """C1.1 to C1.6, C9: the SDK's mount points for the baseline, the schedule's for the run, whose violations are a success."""
    data = container.processing / "input" / "baseline_dataset_input"
    data.mkdir(parents=True)
    (data / "people.csv").write_text(PEOPLE)
    environment = {
        "dataset_source": str(data),
        "dataset_format": '{"csv": {"header": true, "output_columns_position": "START"}}',
        "output_path": str(container.processing / "output"),
        "publish_cloudwatch_metrics": "Disabled",
        "categorical_drift_method": "ChiSquared",
        "something_of_the_users_own": "ignored",
    }
    (container.opt_ml / "config").mkdir()
    job_file = container.opt_ml / "config" / "processingjobconfig.json"
    job_file.write_text(json.dumps({"Environment": environment}))
    baseline = container()
    assert baseline.returncode == 0, baseline.stderr
    assert container.read_message() == "Completed: Job completed successfully with no violations.\n"
    constraints = json.loads((container.processing / "output" / "constraints.json").read_text())
    assert constraints["monitoring_config"]["distribution_constraints"]["categorical_drift_method"] == "ChiSquared"

    job_file.unlink()
    write_captures(container.processing / "input_data", capture_hour())
    LocalJobs(container.root).run(
        "monitor",
        MODEL_MONITOR_CONTAINER_ROOT=str(container.root),
        dataset_source=str(container.processing / "input_data"),
        dataset_format=CAPTURE_JSON,
        output_path=str(container.processing / "report"),
        baseline_constraints=str(container.processing / "output" / "constraints.json"),
        baseline_statistics=str(container.processing / "output" / "statistics.json"),
        start_time="2026-01-31T22:00:00Z",
        end_time="2026-01-31T23:00:00Z",
        publish_cloudwatch_metrics="Enabled",
        sagemaker_endpoint_name="endpoint",
        sagemaker_monitoring_schedule_name="hourly",
    )
    metrics = container.read_metrics()
    assert container.read_message().startswith("CompletedWithViolations: ")
    assert metrics["total_number_of_violations"]["Value"] == 1.0
    assert metrics["feature_non_null_age"] == {
        "MetricName": "feature_non_null_age",
        "Timestamp": "2026-01-31T22:00:00Z",
        "Dimensions": [{"Name": "Endpoint", "Value": "endpoint"}, {"Name": "MonitoringSchedule", "Value": "hourly"}],
        "Value": 400.0,
        "Unit": "Count",
    }


def test_ground_truth_is_merged_by_three_variables(container):
    """C1.2, C1.3 and C1.6; what a monitor makes of its output is in tests/unit/runs/test_quality_jobs.py."""
    records.write_captures(container.root, 0, [records.make_capture(1), records.make_capture(2)])
    records.write_labels(container.root, 0, [records.make_label("event-1")])
    output = container.processing / "output"
    merge = container(
        dataset_source=str(container.root / "captures"),
        ground_truth_source=str(container.root / "labels"),
        output_path=str(output),
    )

    assert merge.returncode == 0, merge.stderr
    assert "this container runs the merge job" in merge.stderr
    assert container.read_message() == "Completed: Job completed successfully with no violations.\n"
    assert records.read_truths(output) == {"event-1": "1"}
    assert [*(output / records.BRANCH / records.format_folder(0)).glob("part-00000-*.c000.jsonl")]
    assert {name: metric["Value"] for name, metric in container.read_metrics().items()} == {
        "ground_truth_coverage": 0.5,
        "captures_read": 2,
        "captures_matched": 1,
        "captures_without_label": 1,
        "labels_read": 1,
        "labels_without_capture": 0,
    }


def test_a_wrong_environment_is_reported_where_the_platform_reads_it(container):
    refused = container(dataset_format='{"csv": {"header": true}}', output_path=str(container.processing / "output"))

    assert refused.returncode == 2
    assert container.read_message().startswith("Error: ")
    assert "dataset_source is missing" in container.read_message()
