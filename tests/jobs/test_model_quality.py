"""Model quality: captures and labels to a verdict, and one sentence for each way in which it can't be had."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pandas as pd
import pyarrow as pa
import pytest
from tests.running_jobs import JobProcesses, JobsHere
from tests.unit.records.merged_lines import encode_line, merged

from spark_model_monitor import ErrorModel

ROOT = Path(__file__).resolve().parents[2]
QUALITY = ("--analysis-type", "MODEL_QUALITY")
BINARY = (*QUALITY, "--problem-type", "BinaryClassification")
SCORES = (*BINARY, "--probability-attribute", "0")
WINDOW = ("--start-time", "2022-04-18T00:00:00Z", "--end-time", "2022-04-18T01:00:00Z")


@pytest.fixture(scope="module")
def jobs(spark, tmp_path_factory):
    """Jobs in a folder that all tests of this module share."""
    return JobsHere(tmp_path_factory.mktemp("jobs"))


def read_error(finished, status):
    assert finished.status == status, finished.said
    return finished.said.replace("\n", " ")


def skilled(number):
    """A score that is right for four events of five."""
    if (number % 2) ^ (number % 5 == 0):
        return 0.9
    return 0.1


@pytest.fixture(scope="module")
def baseline(jobs):
    rows = "".join(f"{number % 2},{skilled(number)}\n" for number in range(1_000))
    (jobs.folder / "validation.csv").write_text("churned,score\n" + rows)
    finished = jobs(
        *("baseline", "--dataset-source", "validation.csv", "--dataset-format", "csv", "--output-path", "baseline"),
        *(*BINARY, "--probability-attribute", "score", "--ground-truth-attribute", "churned"),
    )
    assert finished.status == 0, finished.said
    return "baseline"


def hour_below(folder, hour):
    path = folder / "churn" / "AllTraffic" / "2022" / "04" / "18" / hour
    path.mkdir(parents=True)
    return path


@pytest.fixture(scope="module")
def captures(jobs):
    """An hour in which the model is right for one event of two, in no order, and its labels, which came an hour later."""
    lines = []
    labels = []
    for row_number, number in enumerate(Random(1).sample(range(400), 400)):
        record = merged(
            None, f"{0.9 if number % 4 < 2 else 0.1}\n", time=f"2022-04-18T00:{row_number * 60 // 400:02d}:00Z"
        )
        record["eventMetadata"]["eventId"] = f"event-{number}"
        lines.append(encode_line(record))
        truth = {"data": str(number % 2), "encoding": "CSV"}
        labels.append(
            json.dumps({"groundTruthData": truth, "eventMetadata": {"eventId": f"event-{number}"}, "eventVersion": "0"})
        )
    (hour_below(jobs.folder / "captures", "00") / "00-00-000-a.jsonl").write_text("\n".join(lines) + "\n")
    truth = jobs.folder / "labels" / "2022" / "04" / "18" / "00"
    truth.mkdir(parents=True)
    (truth / "labels.jsonl").write_text("\n".join(labels) + "\n")
    return jobs.folder / "captures"


def test_captures_and_labels_become_a_verdict(jobs, baseline, captures):
    """merge, then monitor. By hand: of four events 0 and 1 have the score 0.9, and 1 and 3 are labelled 1."""
    merge = jobs(
        *(
            "merge",
            "--dataset-source",
            "captures",
            "--ground-truth-source",
            "labels",
            "--output-path",
            "merged",
            *WINDOW,
        )
    )
    assert merge.status == 0, merge.said
    finished = JobProcesses(jobs.folder)(
        *("monitor", "--dataset-source", "merged", "--dataset-format", "merged", "--output-path", "report"),
        *(*SCORES, *WINDOW, "--baseline", baseline, "--fail-on-violations"),
    )
    report = jobs.folder / "report"
    statistics = json.loads((report / "statistics.json").read_text())["binary_classification_metrics"]

    assert finished.status == 4, finished.said
    assert statistics["confusion_matrix"] == {"0": {"0": 100, "1": 100}, "1": {"0": 100, "1": 100}}
    assert json.loads((report / "ledger.json").read_text())["records"]["kept"] == 400
    violated = {
        violation["metric_name"]
        for violation in json.loads((report / "constraint_violations.json").read_text())["violations"]
    }
    assert {"accuracy", "auc", "f1"} <= violated
    assert {path.name for path in report.iterdir()} >= {"metrics.json", "checks.json", "constraints.json", "states"}


ESTIMATED = ("--analysis-type", "ESTIMATED_QUALITY", "--problem-type", "BinaryClassification")


def test_captures_without_labels_become_an_estimate(jobs, baseline, captures):
    """By hand: a score of 0.9 was right for four of five in the baseline, and so was one of 0.1; both come 200 times."""
    finished = jobs(
        *("monitor", "--dataset-source", "captures", "--dataset-format", "capture", "--output-path", "estimated"),
        *(*ESTIMATED, *WINDOW, "--probability-attribute", "0", "--cost-matrix", "tp=10,fp=-5", "--baseline", baseline),
    )
    estimated = json.loads((jobs.folder / "estimated" / "estimated_quality.json").read_text())
    values = {metric["name"]: metric["value"] for metric in estimated["metrics"]}

    assert finished.status == 0, finished.said
    assert estimated["confusion_matrix"] == {"0": {"0": 160.0, "1": 40.0}, "1": {"0": 40.0, "1": 160.0}}
    assert values["accuracy"] == pytest.approx(0.8)
    assert values["business_value"] == pytest.approx((160 * 10 - 40 * 5) / 400)
    assert json.loads((jobs.folder / "estimated" / "constraint_violations.json").read_text()) == {"violations": []}


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--baseline", "baseline"], "probability_attribute is missing; an estimate is made of scores"),
        (["--probability-attribute", "0", "--baseline", "nowhere"], "nowhere: there is neither a run of ours"),
        (
            ["--probability-attribute", "0", "--cost-matrix", "win=4"],
            "--cost-matrix is 'win=4'; write what outcomes are worth",
        ),
        (["--probability-attribute", "0", "--compat", "service"], "the service has no ESTIMATED_QUALITY"),
    ],
)
def test_what_can_not_be_estimated_is_one_sentence(jobs, baseline, captures, flags, sentence):
    finished = jobs(
        *("monitor", "--dataset-source", "captures", "--dataset-format", "capture", "--output-path", "none"),
        *(*ESTIMATED, "--inference-attribute", "0", *flags),
    )

    assert sentence in read_error(finished, 2)


def test_a_table_of_predicted_numbers_becomes_an_estimate_of_their_error(jobs):
    """By hand: predictions of a are off by 4, those of b by 20; the baseline has as many of both, the window three of four b."""
    labelled = pd.DataFrame({"kind": ["a", "b"] * 150, "predicted": 50.0, "price": [54.0, 70.0] * 150})
    refused = pd.DataFrame({"kind": ["a"], "predicted": [50.0], "price": ["unknown"]})  # one of 301 is put aside
    pd.concat([labelled, refused]).to_csv(jobs.folder / "priced.csv", index=False)
    today = pd.DataFrame({"kind": ["a", "b", "b", "b"] * 50, "predicted": 50.0})
    today.to_csv(jobs.folder / "today.csv", index=False)
    numbers = ("--problem-type", "Regression", "--dataset-format", "csv", "--inference-attribute", "predicted")
    jobs(
        *("baseline", "--analysis-type", "MODEL_QUALITY", "--dataset-source", "priced.csv", "--output-path", "priced"),
        *(*numbers, "--ground-truth-attribute", "price", "--learn-errors", "errors.skops"),
    )
    rows = {name: pa.Array.from_pandas(values) for name, values in labelled.items()}
    learnt = ErrorModel.learnt(labelled, label="price", prediction="predicted")
    read = ErrorModel.read(str(jobs.folder / "errors.skops"))
    assert read(rows).tolist() == learnt(rows).tolist()
    arguments = ("monitor", "--analysis-type", "ESTIMATED_QUALITY", "--baseline", "priced", *numbers)
    finished = jobs(
        *arguments, "--dataset-source", "today.csv", "--error-model", "errors.skops", "--output-path", "today"
    )

    assert finished.status == 0, finished.said
    metrics = json.loads((jobs.folder / "today" / "estimated_quality.json").read_text())["metrics"]
    values = {metric["name"]: metric["value"] for metric in metrics}
    squared = (4**2 + 3 * 20**2) / 4
    assert values == pytest.approx({"mae": (4 + 3 * 20) / 4, "mse": squared, "rmse": squared**0.5}, rel=0.001)
    without = jobs(*arguments, "--dataset-source", "today.csv", "--output-path", "none")
    assert "error_model is missing; the quality of predicted numbers" in read_error(without, 2)
    captured = jobs(
        *(*arguments, "--dataset-source", "today.csv", "--output-path", "none", "--error-model", "errors.skops"),
        *("--dataset-format", "capture"),
    )
    assert "an estimate of predicted numbers takes a table" in read_error(captured, 2)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (
            ["--problem-type", "BinaryClassification", "--inference-attribute", "predicted"],
            "errors are learnt of predicted numbers in a table",
        ),
        (["--problem-type", "Regression", "--inference-attribute", "other"], "inference_attribute is 'other'"),
        (["--problem-type", "Regression", "--inference-attribute", "predicted"], "to learn errors takes 100"),
    ],
)
def test_what_errors_cannot_be_learnt_from_ends_the_baseline_before_a_file_is_written(jobs, flags, sentence):
    rows = pd.DataFrame({"predicted": [1.0] * 30, "price": [0.0, 1.0] * 15})
    rows.to_csv(jobs.folder / "few.csv", index=False)
    finished = jobs(
        *("baseline", "--analysis-type", "MODEL_QUALITY", "--dataset-source", "few.csv", "--dataset-format", "csv"),
        *("--ground-truth-attribute", "price", "--output-path", "few", "--learn-errors", "few.skops", *flags),
    )

    assert finished.status != 0
    assert sentence in finished.said
    assert not (jobs.folder / "few" / "constraints.json").exists()
    assert not (jobs.folder / "few.skops").exists()


def test_the_containers_variables_alone_are_a_run(jobs, baseline, golden, tmp_path):
    """The environment of a real run, its paths below a folder of ours."""
    environment = json.loads((golden / "schema-examples" / "processing-environment.model-quality-run.json").read_text())
    opt_ml = tmp_path / "opt" / "ml"
    (opt_ml / "config").mkdir(parents=True)
    hour = opt_ml / "processing" / "input_data" / "churn" / "AllTraffic" / "2021" / "10" / "27" / "21"
    hour.mkdir(parents=True)
    (hour / "part-00000.jsonl").write_text(
        "".join(
            encode_line(merged(str(n % 2), f"{skilled(n)}\n", time="2021-10-27T21:30:00Z")) + "\n" for n in range(300)
        )
    )
    placed = {
        name: value.replace("/opt/ml", str(opt_ml)) if value.startswith("/opt/ml") else value
        for name, value in environment.items()
    }
    placed["baseline_constraints"] = str(jobs.folder / baseline / "constraints.json")
    finished = jobs("monitor", MODEL_MONITOR_CONTAINER_ROOT=str(tmp_path), **placed)

    assert finished.status == 0, finished.said
    message = (opt_ml / "output" / "message").read_text().strip()
    assert (
        message
        == "Completed: Job completed successfully with no violations. Cannot tell whether label_given_score changed."
    )
    lines = (opt_ml / "output" / "metrics" / "cloudwatch" / "cloudwatch_metrics.jsonl").read_text().splitlines()
    metrics = {metric["MetricName"]: metric for metric in map(json.loads, lines)}
    assert metrics["accuracy"]["Value"] == pytest.approx(0.8)
    assert metrics["accuracy"]["Timestamp"] == environment["metric_time"]
    assert metrics["accuracy"]["Dimensions"] == [
        {"Name": "Endpoint", "Value": environment["sagemaker_endpoint_name"]},
        {"Name": "MonitoringSchedule", "Value": environment["sagemaker_monitoring_schedule_name"]},
    ]
    assert metrics["total_number_of_violations"]["Value"] == 0.0


def test_what_is_missing_is_reported_all_at_once(jobs):
    text = read_error(
        jobs("baseline", "--dataset-source", ".", "--dataset-format", "csv", "--output-path", "x", *QUALITY), 2
    )

    assert "problem_type is missing; write one of: BinaryClassification, MulticlassClassification, Regression" in text
    assert "inference_attribute and probability_attribute are both missing" in text


@pytest.mark.parametrize(
    ("flags", "status", "sentence"),
    [
        pytest.param(
            ("--dataset-source", "captures", "--dataset-format", "capture"),
            2,
            "captured records have no labels; run the merge job on them",
            id="captures instead of merged records",
        ),
        pytest.param(
            ("--dataset-source", "validation.csv", "--dataset-format", "csv"),
            2,
            "ground_truth_attribute is missing; name the column of the label",
            id="no label named",
        ),
        pytest.param(
            ("--dataset-source", "validation.csv", "--dataset-format", "csv", "--ground-truth-attribute", "churn"),
            2,
            "ground_truth_attribute is 'churn', which is no column of the data; did you mean 'churned'?",
            id="a label that is no column",
        ),
        pytest.param(
            ("--dataset-source", "json-labels", "--dataset-format", "merged"),
            255,
            "2 of 2 records were refused (a JSON label without ground_truth_attribute: 2)",
            id="JSON labels where CSV is expected",
        ),
        pytest.param(
            ("--dataset-source", "percentages", "--dataset-format", "merged"),
            255,
            "1 of 2 records were refused (probability outside 0 to 1: 1)",
            id="a probability of 37",
        ),
        pytest.param(
            ("--dataset-source", "captures", "--dataset-format", "merged"),
            255,
            "400 of 400 records were refused (no label: 400)",
            id="no labels at all",
        ),
    ],
)
def test_what_can_not_be_judged_is_one_sentence(jobs, baseline, captures, flags, status, sentence):
    for name, lines in {
        "json-labels": [merged('{"label": 1}', "0.5", label_encoding="JSON")] * 2,
        "percentages": [merged("1", "0.5"), merged("1", "37")],
    }.items():
        (jobs.folder / name).mkdir(exist_ok=True)
        (jobs.folder / name / "merged.jsonl").write_text("".join(encode_line(record) + "\n" for record in lines))
    finished = jobs("monitor", *flags, "--output-path", "refused", *SCORES, "--baseline", baseline)

    assert sentence in read_error(finished, status)


def test_a_window_in_the_future_has_no_data(jobs, baseline, captures):
    future = ("--start-time", "2031-01-01T00:00:00Z", "--end-time", "2031-01-01T01:00:00Z")
    finished = jobs(
        *("monitor", "--dataset-source", "captures", "--dataset-format", "merged", "--output-path", "x", *SCORES),
        *("--baseline", baseline, *future),
    )

    assert "Job inputs had no data" in read_error(finished, 3)


def test_a_baseline_of_another_kind_is_refused(jobs, baseline):
    finished = jobs(
        *("monitor", "--dataset-source", "validation.csv", "--dataset-format", "csv", "--output-path", "x"),
        *("--baseline", baseline),
    )

    assert "the constraints.json of a model-quality job" in read_error(finished, 255)


def test_a_metric_of_the_users_own_lies_beside_the_others(jobs, baseline):
    (jobs.folder / "money.py").write_text(
        "import numpy as np\n\n\ndef gain(rows):\n    return np.where(rows['label'] == '1', rows['probability'] * 10, -1.0)\n"
    )
    finished = jobs(
        *("baseline", "--dataset-source", "validation.csv", "--dataset-format", "csv", "--output-path", "with-gain"),
        *(
            *BINARY,
            "--probability-attribute",
            "score",
            "--ground-truth-attribute",
            "churned",
            "--metrics",
            "money:gain",
        ),
    )
    assert finished.status == 0, finished.said
    metrics = {
        metric["name"]: metric
        for metric in json.loads((jobs.folder / "with-gain" / "metrics.json").read_text())["metrics"]
    }

    # of ten events five are labelled 1: four of them have 0.9 and one 0.1
    assert metrics["gain"]["value"] == pytest.approx((4 * 9 + 1 - 5) / 10)


def test_hours_are_merged_by_the_command(jobs, baseline):
    command = [sys.executable, "-m", "spark_model_monitor", "merge-states", baseline, baseline, "--output", "twice"]
    finished = subprocess.run(
        command,
        cwd=jobs.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (finished.returncode, finished.stdout) == (0, ""), finished.stderr
    twice = json.loads((jobs.folder / "twice" / "statistics.json").read_text())
    assert twice["dataset"]["item_count"] == 2_000
