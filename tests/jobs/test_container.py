"""The image's entry point as a process, once for each job, in the service's directory layout under a temporary root."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from tests.running_jobs import JobsHere

pytestmark = pytest.mark.rest

ROOT = Path(__file__).resolve().parents[2]
CAPTURE_JSON = '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}'
MERGED_JSON = '{"sagemakerMergeJson":{"captureIndexNames":["endpointOutput"]}}'
HOUR = {"start_time": "2026-01-31T22:00:00Z", "end_time": "2026-01-31T23:00:00Z"}


@pytest.fixture
def container(spark, tmp_path):
    """`container(**variables)` runs the entry point with these variables and nothing else of the service's.

    `container.job(name, **variables)` is the job that it starts, in the tests' session.
    """

    def running(**variables):
        return subprocess.run(
            [sys.executable, "-m", "spark_model_monitor.spark.container"],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT / "lib"),
                "MODEL_MONITOR_CONTAINER_ROOT": str(tmp_path),
                **variables,
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    running.job = partial(JobsHere(tmp_path), MODEL_MONITOR_CONTAINER_ROOT=str(tmp_path))
    running.processing = tmp_path / "opt" / "ml" / "processing"
    running.message = tmp_path / "opt" / "ml" / "output" / "message"
    running.processing.mkdir(parents=True)
    return running


def captured(number, age, score):
    """One captured request: the model's score, and the customer's age and plan."""
    halves = {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": f"{age},a", "encoding": "CSV"},
        "endpointOutput": {"observedContentType": "text/csv", "mode": "OUTPUT", "data": f"{score}", "encoding": "CSV"},
    }
    metadata = {"eventId": f"event-{number}", "inferenceTime": "2026-01-31T22:10:00Z"}
    return json.dumps({"captureData": halves, "eventMetadata": metadata, "eventVersion": "0"}) + "\n"


def label(number, value):
    data = {"data": str(value), "encoding": "CSV"}
    record = {"groundTruthData": data, "eventMetadata": {"eventId": f"event-{number}"}, "eventVersion": "0"}
    return json.dumps(record) + "\n"


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def documents(folder):
    return {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}


def test_data_quality_from_a_baseline_to_a_monitoring_run(container):
    """Contract 1.1, 1.3 and 1.6: the SDK's mount points for the baseline, the schedule's for the run."""
    data = container.processing / "input" / "baseline_dataset_input"
    put(data / "people.csv", "score,age,plan\n" + "".join(f"0.25,{20 + row % 50},a\n" for row in range(300)))
    baseline = container(
        dataset_source=str(data),
        dataset_format='{"csv": {"header": true, "output_columns_position": "START"}}',
        output_path=str(container.processing / "output"),
        publish_cloudwatch_metrics="Disabled",
    )
    assert baseline.returncode == 0, baseline.stderr
    assert container.message.read_text() == "Completed: Job completed successfully with no violations.\n"
    assert {"statistics.json", "constraints.json"} <= set(documents(container.processing / "output"))

    hour = container.processing / "input_data" / "endpoint" / "AllTraffic" / "2026" / "01" / "31" / "22"
    put(hour / "10-00-000-a.jsonl", "".join(captured(row, 20 + row % 50, 0.25) for row in range(200)))
    report = container.processing / "report"
    monitor = container.job(
        "monitor",
        dataset_source=str(container.processing / "input_data"),
        dataset_format=CAPTURE_JSON,
        output_path=str(report),
        baseline_constraints=str(container.processing / "output" / "constraints.json"),
        baseline_statistics=str(container.processing / "output" / "statistics.json"),
        **HOUR,
    )
    assert monitor.status == 0, monitor.said
    assert documents(report)["constraint_violations.json"] == {"violations": []}


def test_ground_truth_is_merged_and_the_models_quality_watched(container):
    """Contract 1.2 and 5.4: three variables are the merger's whole environment; its output feeds the monitor."""
    folder = container.processing
    put(
        folder / "labelled" / "a.csv", "p,y\n" + "".join(f"{row % 10 / 10},{int(row % 10 > 5)}\n" for row in range(300))
    )
    quality = {"analysis_type": "MODEL_QUALITY", "problem_type": "BinaryClassification"}
    baseline = container.job(
        "baseline",
        dataset_source=str(folder / "labelled"),
        dataset_format='{"csv": {"header": true}}',
        output_path=str(folder / "baseline"),
        probability_attribute="p",
        ground_truth_attribute="y",
        probability_threshold_attribute="0.5",
        **quality,
    )
    assert baseline.status == 0, baseline.said

    hour = Path("2026") / "01" / "31" / "22"
    captures = "".join(captured(row, 40, row % 10 / 10) for row in range(300))
    put(folder / "input_data" / "endpoint" / "AllTraffic" / hour / "10-00-000-a.jsonl", captures)
    put(folder / "groundtruth" / hour / "a.jsonl", "".join(label(row, int(row % 10 <= 5)) for row in range(300)))
    merge = container(
        dataset_source=str(folder / "input_data"),
        ground_truth_source=str(folder / "groundtruth"),
        output_path=str(folder / "output"),
    )
    assert merge.returncode == 0, merge.stderr
    assert "this container runs the merge job" in merge.stderr

    monitor = container(
        dataset_source=str(folder / "output"),
        dataset_format=MERGED_JSON,
        output_path=str(folder / "report"),
        baseline_constraints=str(folder / "baseline" / "constraints.json"),
        probability_attribute="0",
        probability_threshold_attribute="0.5",
        **HOUR,
        **quality,
    )
    assert monitor.returncode == 0, monitor.stderr
    assert "this container runs the monitor job" in monitor.stderr
    assert container.message.read_text().startswith("CompletedWithViolations: ")
    violations = documents(folder / "report")["constraint_violations.json"]["violations"]
    assert "accuracy" in {violation["metric_name"] for violation in violations}, "every label is the wrong way round"


def test_a_wrong_environment_is_reported_where_the_platform_reads_it(container):
    refused = container(dataset_format='{"csv": {"header": true}}', output_path=str(container.processing / "output"))

    assert refused.returncode == 2
    assert container.message.read_text().startswith("Error: ")
    assert "dataset_source is missing" in container.message.read_text()
