"""Jobs of model quality and of its estimates: from captures and labels to a verdict, by hand."""

import json
import shutil
from random import Random

import pytest
from tests.unit.records.merged_lines import encode_line, merged

from spark_model_monitor import cli

from .local_jobs import LocalJobs

BINARY = "--problem-type BinaryClassification"
QUALITY = f"--analysis-type MODEL_QUALITY {BINARY}"
HOUR = "--start-time 2022-04-18T00:00:00Z --end-time 2022-04-18T01:00:00Z"
BASELINE = (
    f"baseline {QUALITY} --dataset-source validation.csv --probability-attribute score --ground-truth-attribute churned"
)


def find_score(number):
    """One that is right for four events of five."""
    if (number % 2) ^ (number % 5 == 0):
        return 0.9
    return 0.1


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """A folder with a baseline, and an hour in which the model is right for one event of two, in no order, with its labels."""
    jobs = LocalJobs(tmp_path_factory.mktemp("quality"))
    rows = "".join(f"{number % 2},{find_score(number)}\n" for number in range(1_000))
    jobs.write("validation.csv", f"churned,score\n{rows}")
    captures = []
    labels = []
    for minute, number in enumerate(Random(1).sample(range(400), 400)):
        score = 0.9 if number % 4 < 2 else 0.1
        record = merged(None, f"{score}\n", time=f"2022-04-18T00:{minute * 60 // 400:02d}:00Z")
        event = {"eventId": f"event-{number}"}
        record["eventMetadata"] |= event
        captures.append(encode_line(record) + "\n")
        truth = {"data": str(number % 2), "encoding": "CSV"}
        labels.append(json.dumps({"groundTruthData": truth, "eventMetadata": event, "eventVersion": "0"}) + "\n")
    jobs.write("captures/churn/AllTraffic/2022/04/18/00/00-00-000-a.jsonl", "".join(captures))
    jobs.write("labels/2022/04/18/00/labels.jsonl", "".join(labels))
    jobs.run(f"{BASELINE} --output-path baseline")
    return jobs


def test_captures_and_labels_become_a_verdict(jobs):
    """merge, then monitor. By hand: of four events 0 and 1 have the score 0.9, and 1 and 3 are labelled 1."""
    jobs.run(f"merge --dataset-source captures --ground-truth-source labels --output-path merged {HOUR}")
    words = "--dataset-source merged --dataset-format merged --probability-attribute 0 --output-path report"
    jobs.run(f"monitor {QUALITY} {HOUR} {words} --baseline baseline --fail-on-violations", status=4)
    metrics = jobs.read("report/statistics.json")["binary_classification_metrics"]

    assert metrics["confusion_matrix"] == {"0": {"0": 100, "1": 100}, "1": {"0": 100, "1": 100}}
    assert jobs.read("report/ledger.json")["records"]["kept"] == 400
    violated = {violation["metric_name"] for violation in jobs.read_violations("report")}
    assert {"accuracy", "auc", "f1"} <= violated
    names = {path.name for path in (jobs.folder / "report").iterdir()}
    assert names >= {"metrics.json", "checks.json", "constraints.json", "states"}


def test_captures_without_labels_become_an_estimate(jobs):
    """By hand: a score of 0.9 was right for four of five in the baseline, and so was one of 0.1; both come 200 times."""
    estimate = (
        f"monitor --analysis-type ESTIMATED_QUALITY {BINARY} --dataset-source captures --dataset-format capture {HOUR}"
    )
    words = "--probability-attribute 0 --set cost_matrix=tp=10,fp=-5 --baseline baseline --output-path estimated"
    jobs.run(f"{estimate} {words}")
    document = jobs.read("estimated/estimated_quality.json")
    values = {metric["name"]: metric["value"] for metric in document["metrics"]}

    assert document["confusion_matrix"] == {"0": {"0": 160.0, "1": 40.0}, "1": {"0": 40.0, "1": 160.0}}
    assert values["accuracy"] == pytest.approx(0.8)
    assert values["business_value"] == pytest.approx((160 * 10 - 40 * 5) / 400)
    assert jobs.read_violations("estimated") == []


def test_the_containers_variables_alone_are_a_run(jobs, golden, tmp_path):
    """The environment of a real run, its paths below a folder of ours."""
    environment = json.loads((golden / "schema-examples" / "processing-environment.model-quality-run.json").read_text())
    opt_ml = tmp_path / "opt" / "ml"
    (opt_ml / "config").mkdir(parents=True)
    # An hour of its records
    records = [merged(str(n % 2), f"{find_score(n)}\n", time="2021-10-27T21:30:00Z") for n in range(300)]
    hour = opt_ml / "processing" / "input_data" / "churn" / "AllTraffic" / "2021" / "10" / "27" / "21"
    hour.mkdir(parents=True)
    (hour / "part-00000.jsonl").write_text("".join(encode_line(record) + "\n" for record in records))
    variables = {name: value.replace("/opt/ml/", f"{opt_ml}/") for name, value in environment.items()}
    variables["baseline_constraints"] = str(jobs.folder / "baseline" / "constraints.json")

    # What the platform reads of the run
    jobs.run("monitor", MODEL_MONITOR_CONTAINER_ROOT=str(tmp_path), **variables)
    message = (opt_ml / "output" / "message").read_text()
    lines = (opt_ml / "output" / "metrics" / "cloudwatch" / "cloudwatch_metrics.jsonl").read_text().splitlines()
    metrics = {metric["MetricName"]: metric for metric in map(json.loads, lines)}

    completed = "Completed: Job completed successfully with no violations."
    assert message == f"{completed} Cannot tell whether label_given_score changed.\n"
    assert metrics["accuracy"]["Value"] == pytest.approx(0.8)
    assert metrics["accuracy"]["Timestamp"] == environment["metric_time"]
    assert metrics["accuracy"]["Dimensions"] == [
        {"Name": "Endpoint", "Value": environment["sagemaker_endpoint_name"]},
        {"Name": "MonitoringSchedule", "Value": environment["sagemaker_monitoring_schedule_name"]},
    ]
    assert metrics["total_number_of_violations"]["Value"] == 0.0


def test_a_metric_of_the_users_own_lies_beside_the_others(jobs):
    gain = "np.where(rows['label'] == '1', rows['probability'] * 10, -1.0)"
    jobs.write("money.py", f"import numpy as np\n\n\ndef gain(rows):\n    return {gain}\n")

    jobs.run(f"{BASELINE} --metrics money:gain --output-path with-gain")

    metrics = {metric["name"]: metric for metric in jobs.read("with-gain/metrics.json")["metrics"]}
    # Of ten events five are labelled 1: four of them have 0.9 and one 0.1
    assert metrics["gain"]["value"] == pytest.approx((4 * 9 + 1 - 5) / 10)


def test_hours_are_merged_by_the_command(jobs, monkeypatch):
    monkeypatch.chdir(jobs.folder)
    shutil.copytree("baseline", "copy")

    assert cli.main(["merge-states", "baseline", "copy", "--output", "twice"]) == 0
    assert jobs.read("twice/statistics.json")["dataset"]["item_count"] == 2_000
