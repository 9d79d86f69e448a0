"""The monitoring job against what the service reported for the same traffic, with --compat service."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="module")
def run(make_jobs, tmp_path_factory):
    """`run(job, *flags)` runs a job as the service would; it has to end well."""
    jobs = make_jobs(tmp_path_factory.mktemp("jobs"))

    def running(job, *flags):
        finished = jobs(job, "--compat", "service", *flags)
        assert finished.status == 0, finished.said

    return running


def violations_in(path):
    """The violations as a set: the service's order is not deterministic (G17)."""
    violations = json.loads(path.read_text())["violations"]
    return {
        (violation["feature_name"], violation["constraint_check_type"], violation["description"])
        for violation in violations
    }


@pytest.fixture(scope="module")
def churn(run, golden, tmp_path_factory):
    """The outputs of a baselining and a monitoring run over the published churn traffic."""
    folder = tmp_path_factory.mktemp("churn")
    case = golden / "dq-churn"
    run(
        "baseline",
        *("--dataset-source", case / "input.csv", "--dataset-format", "csv", "--output-path", folder / "baseline"),
    )
    run(
        "monitor",
        *(
            "--dataset-source",
            case / "run" / "capture.reconstructed.jsonl",
            "--dataset-format",
            '{"sagemakerCaptureJson": {}}',
        ),
        *("--baseline-constraints", folder / "baseline" / "constraints.json"),
        *("--baseline-statistics", folder / "baseline" / "statistics.json"),
        *("--output-path", folder / "report"),
    )
    return folder


def test_churn_has_the_sixty_violations_of_the_service(golden, churn):
    run = golden / "dq-churn" / "run"
    violations = violations_in(churn / "report" / "constraint_violations.json")

    assert len(violations) == 60
    assert violations == violations_in(run / "expected-violations.derived.json")
    assert violations_in(run / "violations.first10.as-displayed.json") <= violations


def test_churn_ends_with_the_message_of_the_service(churn):
    message = (churn / "report" / "message").read_text()

    assert message == "CompletedWithViolations: Job completed successfully with 60 violations.\n"


def test_churn_counts_every_record(churn):
    ledger = json.loads((churn / "report" / "ledger.json").read_text())["records"]

    assert (ledger["read"], ledger["kept"], ledger["quarantined"]) == (1_977, 1_977, {})


def test_the_cookbooks_run_is_the_services(run, golden, tmp_path):
    case = golden / "dq-cookbook"
    run(
        "monitor",
        *("--dataset-source", case / "run" / "capture.reconstructed.jsonl", "--dataset-format", "capture"),
        *("--baseline-constraints", case / "run" / "baseline-constraints-used.json"),
        *("--baseline-statistics", case / "baseline" / "statistics.json"),
        *("--output-path", tmp_path),
    )
    theirs = json.loads((case / "run" / "statistics.json").read_text())
    ours = json.loads((tmp_path / "statistics.json").read_text())

    assert violations_in(tmp_path / "constraint_violations.json") == violations_in(
        case / "run" / "constraint_violations.json"
    )
    assert ours["dataset"] == theirs["dataset"]
    for mine, theirs_feature in zip(ours["features"], theirs["features"], strict=True):
        assert (mine["name"], mine["inferred_type"]) == (theirs_feature["name"], theirs_feature["inferred_type"])
        mine = mine["numerical_statistics"]
        theirs_feature = theirs_feature["numerical_statistics"]
        same = ("common", "min", "max", "distribution")
        assert {name: mine[name] for name in same} == {name: theirs_feature[name] for name in same}
        # the service added this run's sums in another order, which shows in the last digit
        assert mine["sum"] == pytest.approx(theirs_feature["sum"], rel=1e-14)
        assert mine["mean"] == pytest.approx(theirs_feature["mean"], rel=1e-14)
        assert mine["std_dev"] == pytest.approx(theirs_feature["std_dev"], rel=1e-12)
