"""Comparators and thresholds that are told, through the monitoring job."""

from __future__ import annotations

import json

import pytest
from tests.running_jobs import JobsHere

JS = {"against": "baseline", "distance": "js_divergence", "threshold": 0.3}
HIGH = "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH"


@pytest.fixture(scope="module")
def jobs(spark, tmp_path_factory):
    """Jobs in a folder with a baseline of two columns whose constraints ask for a comparator, and later data."""
    folder = tmp_path_factory.mktemp("comparators")
    run = JobsHere(folder)
    (folder / "data.csv").write_text("plan,age\n" + "".join(f"{'ab'[row % 2]},{row % 10}\n" for row in range(200)))
    (folder / "later.csv").write_text("plan,age\n" + "".join(f"a,{row % 10 + 100}\n" for row in range(200)))
    source = ("--dataset-source", "data.csv", "--dataset-format", "csv")
    assert run("baseline", *source, "--output-path", "baseline").status == 0
    constraints = json.loads((folder / "baseline" / "constraints.json").read_text())
    constraints["monitoring_config"]["distribution_constraints"]["comparators"] = [JS]
    (folder / "baseline" / "constraints.json").write_text(json.dumps(constraints))
    return run


def monitored(jobs, *flags):
    """The violations by feature and check, and what was said."""
    source = ("--dataset-source", "later.csv", "--dataset-format", "csv", "--baseline", "baseline")
    finished = jobs("monitor", *source, "--output-path", "report", *flags)
    assert finished.status == 0, finished.said
    violations = json.loads((jobs.folder / "report" / "constraint_violations.json").read_text())["violations"]
    return {
        (violation["feature_name"], violation["constraint_check_type"]): violation["description"]
        for violation in violations
    }


def test_comparators_are_judged_in_place_of_drift_and_leave_their_measurements(jobs):
    violations = monitored(jobs)
    checks = json.loads((jobs.folder / "report" / "checks.json").read_text())["checks"]

    # half of one side is gone: 1.5 - 0.75·log2(3) bits, by hand
    assert violations == {
        ("plan", HIGH): "The approximate Jensen-Shannon divergence between serving and training is 0.311278 (up to six "
        "significant digits), above the threshold 0.3.",
        (
            "age",
            HIGH,
        ): "The approximate Jensen-Shannon divergence between serving and training is 1 (up to six significant "
        "digits), above the threshold 0.3.",
    }
    [plan] = [check for check in checks if check["check"] == HIGH and check["feature"] == "plan"]
    assert (plan["against"], plan["method"], plan["threshold"]) == ("baseline", "js_divergence", 0.3)
    assert not [check for check in checks if check["check"] == "baseline_drift_check"]


def test_thresholds_are_reported_by_feature_and_by_file(jobs):
    (jobs.folder / "thresholds.json").write_text(json.dumps({"plan": {HIGH: 0.9}, "age": {HIGH: 0.2}}))

    assert set(monitored(jobs, "--threshold", "plan=0.4", "--threshold", "age=1")) == set()
    assert set(monitored(jobs, "--thresholds", "thresholds.json")) == {("age", HIGH)}
    assert set(monitored(jobs, "--thresholds", "thresholds.json", "--threshold", "age=1,plan=0.1")) == {("plan", HIGH)}


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--threshold", "plan"], "--threshold is 'plan'; write FEATURE=NUMBER, such as plan=0.3"),
        (["--threshold", "plan=much"], "--threshold is 'plan=much'; write FEATURE=NUMBER"),
        (["--threshold", "plan=-1"], "--threshold: plan: baseline_drift_check is -1.0; write a number, 0 or more"),
        (["--threshold", "plam=0.1"], "no feature 'plam' among its 2; did you mean 'plan'"),
        (["--thresholds", "nowhere.json"], "--thresholds: nowhere.json"),
    ],
)
def test_a_threshold_that_is_none_stops_the_job_before_it_reads(jobs, flags, sentence):
    source = ("--dataset-source", "nowhere.csv", "--dataset-format", "csv", "--baseline", "baseline")
    finished = jobs("monitor", *source, "--output-path", "refused", *flags)

    assert finished.status == 2, finished.said
    assert sentence in finished.said
