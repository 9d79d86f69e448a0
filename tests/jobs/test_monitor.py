"""The monitoring job: what it leaves, its exit status and message for each outcome."""

from __future__ import annotations

import json

import pytest
from tests.running_jobs import JobProcesses, JobsHere

from spark_model_monitor.monitors.data_quality.checks.guard import GUARDS


@pytest.fixture(scope="module")
def jobs(spark, tmp_path_factory):
    """Jobs in a folder that all tests of this module share."""
    return JobsHere(tmp_path_factory.mktemp("jobs"))


def captured(number, age, plan="basic", time="2026-01-31T22:10:00Z"):
    """One captured request: the model's score, then the customer's age and plan."""
    halves = {
        "endpointInput": {
            "observedContentType": "text/csv",
            "mode": "INPUT",
            "data": f"{age},{plan}",
            "encoding": "CSV",
        },
        "endpointOutput": {"observedContentType": "text/csv", "mode": "OUTPUT", "data": "0.25\n", "encoding": "CSV"},
    }
    metadata = {"eventId": f"event-{number}", "inferenceTime": time}
    return json.dumps({"captureData": halves, "eventMetadata": metadata, "eventVersion": "0"}) + "\n"


@pytest.fixture(scope="module")
def baseline(jobs):
    """A baseline of 500 customers, and the captures of one hour in which the plan is another for one in ten."""
    (jobs.folder / "people.csv").write_text(
        "score,age,plan\n" + "".join(f"0.25,{20 + row % 50},basic\n" for row in range(500))
    )
    hour = jobs.folder / "captures" / "endpoint" / "AllTraffic" / "2026" / "01" / "31" / "22"
    hour.mkdir(parents=True)
    (hour / "10-00-000-a.jsonl").write_text(
        "".join(captured(row, 20 + row % 50, "basic" if row % 10 else "gold") for row in range(400))
    )
    finished = jobs(
        "baseline", "--dataset-source", "people.csv", "--dataset-format", "csv", "--output-path", "baseline"
    )
    assert finished.status == 0, finished.said
    return "baseline"


LATER = ("--start-time", "2027-01-01T00:00:00Z", "--end-time", "2027-01-01T01:00:00Z")
WINDOW = ("--start-time", "2026-01-31T22:00:00Z", "--end-time", "2026-01-31T23:00:00Z")


def monitor_flags(*flags, source="captures"):
    return ("monitor", "--dataset-source", source, "--dataset-format", "capture", *flags)


def test_violations_are_a_success_unless_they_are_to_fail(jobs, baseline):
    flags = monitor_flags("--baseline", baseline, "--output-path", "report", "--fail-on-violations", *WINDOW)
    finished = JobProcesses(jobs.folder)(*flags)
    report = jobs.folder / "report"

    assert finished.status == 4, finished.said
    assert (
        report / "message"
    ).read_text() == "CompletedWithViolations: Job completed successfully with 1 violations.\n"
    [violation] = json.loads((report / "constraint_violations.json").read_text())["violations"]
    assert violation == {
        "feature_name": "plan",
        "constraint_check_type": "categorical_values_check",
        "description": "Value: 0.9 does not meet the constraint requirement! ",
    }
    checks = json.loads((report / "checks.json").read_text())["checks"]
    assert {check["feature"] for check in checks} >= {"score", "age", "plan"}
    assert json.loads((report / "ledger.json").read_text())["records"]["kept"] == 400


def test_the_containers_variables_and_folders_are_all_that_it_needs(jobs, baseline):
    """Contract 1.1 to 1.6 and 9: a drop-in for the service's monitoring run; violations are a success there."""
    opt_ml = jobs.folder / "container" / "opt" / "ml"
    opt_ml.mkdir(parents=True)
    finished = jobs(
        "monitor",
        MODEL_MONITOR_CONTAINER_ROOT=str(jobs.folder / "container"),
        dataset_source=str(jobs.folder / "captures"),
        dataset_format='{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}',
        output_path=str(opt_ml / "processing" / "output"),
        baseline_constraints=str(jobs.folder / "baseline" / "constraints.json"),
        baseline_statistics=str(jobs.folder / "baseline" / "statistics.json"),
        start_time="2026-01-31T22:00:00Z",
        end_time="2026-01-31T23:00:00Z",
        publish_cloudwatch_metrics="Enabled",
        sagemaker_endpoint_name="endpoint",
        sagemaker_monitoring_schedule_name="hourly",
    )

    assert finished.status == 0, finished.said
    assert (opt_ml / "output" / "message").read_text().startswith("CompletedWithViolations: ")
    lines = (opt_ml / "output" / "metrics" / "cloudwatch" / "cloudwatch_metrics.jsonl").read_text().splitlines()
    metrics = {metric["MetricName"]: metric for metric in map(json.loads, lines)}
    assert metrics["total_number_of_violations"]["Value"] == 1.0
    assert metrics["feature_non_null_age"] == {
        "MetricName": "feature_non_null_age",
        "Timestamp": "2026-01-31T22:00:00Z",
        "Dimensions": [{"Name": "Endpoint", "Value": "endpoint"}, {"Name": "MonitoringSchedule", "Value": "hourly"}],
        "Value": 400.0,
        "Unit": "Count",
    }


def test_features_can_be_left_out_by_name_or_index(jobs, baseline):
    flags = ("--baseline", baseline, "--output-path", "without", "--exclude-features-attribute", "plan,0", *WINDOW)
    finished = jobs(*monitor_flags(*flags))

    assert finished.status == 0, finished.said
    assert json.loads((jobs.folder / "without" / "constraint_violations.json").read_text()) == {"violations": []}
    checks = json.loads((jobs.folder / "without" / "checks.json").read_text())["checks"]
    assert {check["feature"] for check in checks} == {"Missing columns", "Extra columns", "age"}


@pytest.mark.parametrize(
    ("flags", "status", "sentence"),
    [
        pytest.param(["--output-path", "o1"], 2, "no baseline is named; write --baseline PATH", id="no baseline"),
        pytest.param(
            ["--output-path", "o2", "--baseline", "nowhere"],
            2,
            "there is neither a run of ours nor a constraints.json",
            id="no run",
        ),
        pytest.param(
            ["--output-path", "o3", "--baseline", "baseline", "--start-time", "2026-02-01T00:00:00Z"],
            2,
            "end_time is missing",
            id="half a window",
        ),
        pytest.param(
            [
                "--output-path",
                "o4",
                "--baseline",
                "baseline",
                "--start-time",
                "2027-01-01T00:00:00Z",
                "--end-time",
                "2027-01-01T01:00:00Z",
            ],
            3,
            "Job inputs had no data",
            id="an empty window",
        ),
    ],
)
def test_a_failure_is_one_sentence_and_its_exit_status(jobs, baseline, flags, status, sentence):
    finished = jobs(*monitor_flags(*flags))

    assert finished.status == status, finished.said
    assert sentence in finished.said
    assert "Traceback" not in finished.said
    assert (jobs.folder / flags[1] / "message").read_text().startswith("Error: ")
    assert not (jobs.folder / flags[1] / "constraint_violations.json").exists()


def test_the_previous_run_is_a_baseline_and_the_first_run_needs_none(jobs, baseline):
    flags = monitor_flags("--baseline", "previous", "--output-path", "rolling", "--omit-empty-violations")
    first = jobs(*flags)
    second = jobs(*flags)

    assert (first.status, second.status) == (0, 0), first.said + second.said
    assert "there is no earlier run at rolling" in first.said
    assert "no earlier run" not in second.said
    assert not (jobs.folder / "rolling" / "constraint_violations.json").exists()


def test_flags_of_the_baseline_decide_how_chance_is_allowed_for_and_a_limit_that_somebody_insists_on_decides_alone(
    jobs, baseline
):
    flags = ("--dataset-source", "people.csv", "--dataset-format", "csv", "--output-path", "careful")
    baseline_job = jobs("baseline", *flags, "--rows", "independent", "--false-alarm-budget", "0.01")
    assert baseline_job.status == 0, baseline_job.said
    path = jobs.folder / "careful" / "constraints.json"
    constraints = json.loads(path.read_text())
    monitoring_config = {
        name: constraints["monitoring_config"][name] for name in ("verdicts", "false_alarm_budget", "rows")
    }
    assert monitoring_config == {"verdicts": "calibrated", "false_alarm_budget": 0.01, "rows": "independent"}

    def statuses():
        done = jobs(*monitor_flags("--baseline", "careful", "--output-path", "careful-report", *WINDOW))
        assert done.status == 0, done.said
        report = json.loads((jobs.folder / "careful-report" / "checks.json").read_text())
        ledger = {family["family"]: family for family in report["budget"]["families"]}
        contents = ledger["contents"]["level"] / ledger["contents"]["tests"]
        guards = [check for check in report["checks"] if check["check"] in {*GUARDS, "repeated_rows_check"}]
        num_guards = sum(guard.get("level", contents) == contents for guard in guards)
        families = {name: family["tests"] for name, family in ledger.items() if name != "new kinds"}
        families["contents"] -= num_guards
        return families, {(check["feature"], check["check"]): check for check in report["checks"]}

    families, suggested = statuses()
    constraints["monitoring_config"]["requested_limits"] = ["completeness"]
    path.write_text(json.dumps(constraints))
    fewer_families, insisted = statuses()

    # Beside the guards, contents have the limits of three columns
    assert families == {"drift": 3, "completeness": 3, "contents": 3}
    assert fewer_families == {"drift": 3, "contents": 3}
    assert "rows assumed independent" in suggested["age", "baseline_drift_check"]["reason"]
    drift = suggested["plan", "baseline_drift_check"]
    assert drift["reason"] == "categorical_values_check is violated, and this is the same change"
    assert drift["adjusted_p"] < 1e-8
    assert suggested["plan", "completeness_check"]["threshold"] == 1  # as observed
    assert insisted["plan", "completeness_check"]["threshold"] == 1


def test_a_budget_that_is_no_share_stops_the_job_before_it_reads(jobs, baseline):
    flags = ("--dataset-source", "people.csv", "--dataset-format", "csv", "--output-path", "careless")
    done = jobs("baseline", *flags, "--false-alarm-budget", "0")

    assert done.status != 0
    assert "--false-alarm-budget is '0'; it has to be above 0 and below 1" in done.said
    assert "Traceback" not in done.said
