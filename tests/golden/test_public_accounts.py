"""What the service reported in public accounts, reported here for the same traffic with --compat service.

Each account is OWNER/NAME of a public repository whose notebook shows the report. Nothing of them is copied: what is here are
counts and percentages that they print, and the traffic is the golden case's or made up with the same counts.
"""

from __future__ import annotations

import json
from collections import Counter

import pytest

CHURN_ACCOUNTS = {
    # Repository, with the year of its container: records, those of them with fractions in 59 flags, the percentage printed
    "vishnumram1234/Sagemaker_R (2020)": (90, 1, "98.88888888888889"),
    "seigenbrode/sagemaker-model-monitor (2021)": (120, 1, "99.16666666666667"),
    "elthonf/sagemaker_monitoring (2021)": (180, 1, "99.44444444444444"),
    "derekxueyonghai/sagemaker-model-monitoring (2023)": (320, 1, "99.6875"),
    "03sarath/aws-model-monitoring-v2 (2022)": (1_977, 7, "99.64592817400101"),
    "sameer-goel/sagemaker (2020)": (3_539, 10, "99.71743430347556"),
    "alitak-aws/SageMaker-ModelMonitoring (2021)": (6_721, 20, "99.70242523434013"),
}
SHORT_ROWS = "skumbarusd/AAI-540_MLOps_Group4 (June 2026)"
CONFUSION_MATRIX = "carson-edmonds/AAI-540_Final_Project (June 2024)"


@pytest.fixture(name="run", scope="module")
def run_as_service(make_jobs, tmp_path_factory):
    """`run(job, *flags)` runs a job as the service would; it has to end well."""
    jobs = make_jobs(tmp_path_factory.mktemp("jobs"))

    def running(job, *flags):
        finished = jobs(job, "--compat", "service", *flags)
        assert finished.status == 0, finished.said

    return running


def read_violations(folder):
    return json.loads((folder / "constraint_violations.json").read_text())["violations"]


@pytest.fixture(name="churn_baseline", scope="module")
def make_churn_baseline(run, golden, tmp_path_factory):
    folder = tmp_path_factory.mktemp("churn")
    source = golden / "dq-churn" / "input.csv"
    run("baseline", "--dataset-source", source, "--dataset-format", "csv", "--output-path", folder)
    return folder


@pytest.mark.parametrize(
    ("records", "with_fractions", "percentage"), CHURN_ACCOUNTS.values(), ids=map(str, CHURN_ACCOUNTS)
)
def test_the_sixty_violations_of_an_account_with_churn(
    run, golden, churn_baseline, tmp_path, records, with_fractions, percentage
):
    """Of the workshop's traffic, the first row has fractions where the baseline has flags, and comes round again and again."""
    captures = (golden / "dq-churn" / "run" / "capture.reconstructed.jsonl").read_text().splitlines(keepends=True)
    first, *later = captures
    plain = [line for line in later if '"data":"186,0.1,' not in line]
    lines = [first] * with_fractions + (plain * 4)[: records - with_fractions]
    assert len(lines) == records
    (tmp_path / "captures.jsonl").write_text("".join(lines))

    run(
        *("monitor", "--dataset-source", tmp_path / "captures.jsonl", "--dataset-format", "capture"),
        *("--baseline", churn_baseline, "--output-path", tmp_path / "report"),
    )

    violations = read_violations(tmp_path / "report")
    text = (
        "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. "
        "Observed: Only {}% of data is Integral."
    )
    assert Counter(violation["description"] for violation in violations) == {
        text.format(percentage): 59,
        text.format("0.0"): 1,
    }
    assert [violation["feature_name"] for violation in violations if "Only 0.0%" in violation["description"]] == [
        "Churn"
    ]


def test_short_rows_of_an_account_have_missing_values(run, tmp_path):
    """Of 303 requests three have 21 of 30 cells, some without a point: 9 columns are incomplete, 9 of another type."""
    numbers = [f"{index % 7}.5" for index in range(30)]
    names = ",".join(f"c{index}" for index in range(31))
    rows = [",".join(["1.0", *numbers[row % 7 :], *numbers[: row % 7]]) for row in range(50)]
    (tmp_path / "training.csv").write_text("\n".join([names, *rows, ""]))
    # The requests of the notebook that sends them, by which of their cells are whole numbers
    without_fraction = {9, 10, 11, 12, 16, 17, 18, 19, 20}
    short = ",".join("3" if index in without_fraction else "0.5" for index in range(21))
    lines = [
        json.dumps(
            {
                "captureData": {
                    "endpointInput": {"data": data, "encoding": "CSV", "mode": "INPUT"},
                    "endpointOutput": {"data": "2.0", "encoding": "CSV", "mode": "OUTPUT"},
                },
                "eventMetadata": {"eventId": str(number)},
                "eventVersion": "0",
            }
        )
        for number, data in enumerate([short] * 3 + [",".join(numbers)] * 300)
    ]
    (tmp_path / "captures.jsonl").write_text("\n".join(lines))
    run("baseline", "--dataset-source", tmp_path / "training.csv", "--output-path", tmp_path / "baseline")

    run(
        *("monitor", "--dataset-source", tmp_path / "captures.jsonl", "--dataset-format", "capture"),
        *("--baseline", tmp_path / "baseline", "--output-path", tmp_path / "report"),
    )

    described = {
        (violation["feature_name"], violation["description"])
        for violation in read_violations(tmp_path / "report")
        if violation["constraint_check_type"] != "baseline_drift_check"
    }
    # Captures are matched by position, the prediction first
    of_another_type = (
        "Data type match requirement is not met. Expected data type: Fractional, Expected match: 100.0%. "
        "Observed: Only 99.00990099009901% of data is Fractional."
    )
    incomplete = "Data completeness requirement is not met. Expected: 100.0%. Observed: Only 99.00990099009901%."
    assert described == {
        *((f"c{index + 1}", of_another_type) for index in without_fraction),
        *((f"c{index}", incomplete) for index in range(22, 31)),
    }
    ledger = json.loads((tmp_path / "report" / "ledger.json").read_text())["records"]
    assert (ledger["read"], ledger["kept"], ledger["quarantined"]) == (303, 303, {})


def test_the_baseline_of_an_account_by_its_confusion_matrix(run, tmp_path):
    rows = ["0,0"] * 177 + ["1,0"] + ["0,1"] * 9
    (tmp_path / "answers.csv").write_text("\n".join(["prediction,label", *rows, ""]))

    run(
        *("baseline", "--analysis-type", "MODEL_QUALITY", "--problem-type", "BinaryClassification"),
        *("--inference-attribute", "prediction", "--ground-truth-attribute", "label"),
        *("--dataset-source", tmp_path / "answers.csv", "--output-path", tmp_path / "baseline"),
        *("--set", "metric_time=2024-06-01T00:00:00Z"),  # else statistics.json has the time of the run
    )

    constraints = json.loads((tmp_path / "baseline" / "constraints.json").read_text())
    thresholds = {
        metric: (round(limit["threshold"], 6), limit["comparison_operator"])
        for metric, limit in constraints["binary_classification_constraints"].items()
    }
    less = "LessThanThreshold"
    greater = "GreaterThanThreshold"
    assert thresholds == {
        "recall": (0.0, less),
        "precision": (0.0, less),
        "accuracy": (0.946524, less),
        "true_positive_rate": (0.0, less),
        "true_negative_rate": (0.994382, less),
        "false_positive_rate": (0.005618, greater),
        "false_negative_rate": (1.0, greater),
        "f0_5": (0.0, less),
        "f1": (0.0, less),
        "f2": (0.0, less),
    }
    statistics = json.loads((tmp_path / "baseline" / "statistics.json").read_text())["binary_classification_metrics"]
    assert statistics["accuracy_best_constant_classifier"]["value"] == pytest.approx(0.951872, abs=1e-6)
    # Below 200 rows
    assert statistics["accuracy"]["standard_deviation"] is None
