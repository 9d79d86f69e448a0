"""Columns that only the data or only the baseline has, through the monitoring job."""

from __future__ import annotations

import json

import pytest
from tests.running_jobs import JobsHere

ROWS = [(number % 7, "basic" if number % 3 else "gold", number / 4) for number in range(60)]
NAMES = ("age", "plan", "charge")
MISSING = "missing_column_check"
EXTRA = "extra_column_check"
ONE_MORE = {
    "feature_name": "Extra columns",
    "constraint_check_type": EXTRA,
    "description": "There are extra columns in current dataset. Number of columns in current dataset: 4, "
    "Number of columns in baseline constraints: 3",
}


@pytest.fixture(scope="module")
def monitored(spark, tmp_path_factory):
    """`monitored(rows, *flags)` monitors rows, each a dictionary: the violations and the run's folder."""
    folder = tmp_path_factory.mktemp("columns")
    jobs = JobsHere(folder)
    write_csv(folder / "baseline.csv", [dict(zip(NAMES, row, strict=True)) for row in ROWS])
    source = ("--dataset-source", "baseline.csv", "--dataset-format", "csv")
    assert jobs("baseline", *source, "--output-path", "baseline").status == 0

    def monitoring(rows, *flags, dataset_format="csv"):
        (write_csv if dataset_format == "csv" else write_captures)(folder / "later", rows)
        source = ("--dataset-source", "later", "--dataset-format", dataset_format)
        finished = jobs("monitor", *source, "--baseline", "baseline", "--output-path", "report", *flags)
        assert finished.status == 0, finished.said
        return json.loads((folder / "report" / "constraint_violations.json").read_text())[
            "violations"
        ], folder / "report"

    return monitoring


def write_csv(path, rows):
    path.write_text("\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]) + "\n")


def write_captures(path, rows):
    records = [{"captureData": {"endpointInput": {"data": json.dumps(row), "encoding": "JSON"}}} for row in rows]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def later(*names, **cells):
    """The baseline's rows with these columns, in this order; cells: of which column one is, or what stands in it."""
    records = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
    return [{name: row.get(cells.get(name, name), cells.get(name)) for name in names} for row in records]


def test_a_column_dropped_and_one_added_are_two_violations_and_the_others_are_judged(monitored):
    violations, report = monitored(later("city", "age", "plan", city="x", plan="age"))

    assert [(violation["feature_name"], violation["constraint_check_type"]) for violation in violations] == [
        ("city", EXTRA),
        ("charge", MISSING),
        ("plan", "categorical_values_check"),
    ]
    assert violations[1]["description"] == (
        "There are missing columns in current dataset. Number of columns in current dataset: 3, "
        "Number of columns in baseline constraints: 3"
    )
    assert json.loads((report / "ledger.json").read_text())["columns_matched_by"] == "name"


@pytest.mark.parametrize("dataset_format", ["csv", "capture"])
def test_a_column_added_is_one_violation_in_files_and_in_captures_of_objects(monitored, dataset_format):
    violations, report = monitored(
        later("age", "more", "plan", "charge", more="7", plan="age"), dataset_format=dataset_format
    )
    checks = {
        (check["feature"], check["check"]): check
        for check in json.loads((report / "checks.json").read_text())["checks"]
    }

    assert [violation["feature_name"] for violation in violations] == ["more", "plan"]
    assert violations[0] == {**ONE_MORE, "feature_name": "more"}
    assert checks["charge", "completeness_check"]["status"] == "cannot tell"  # of so few rows
    assert checks["charge", "baseline_drift_check"]["status"] == "cannot tell"  # it has 60 rows


@pytest.mark.parametrize("flags", [("--columns", "exact"), ("--compat", "service")], ids=" ".join)
@pytest.mark.parametrize("dataset_format", ["csv", "capture"])
def test_exact_columns_are_one_violation_and_nothing_else_is_judged(monitored, flags, dataset_format):
    violations, report = monitored(
        later("age", "more", "plan", "charge", more="7", plan="age"), *flags, dataset_format=dataset_format
    )
    checks = json.loads((report / "checks.json").read_text())["checks"]

    assert violations == [ONE_MORE]
    assert {check["status"] for check in checks if check["feature"] in NAMES} == {"not judged"}


def test_a_member_that_no_record_of_a_capture_has_is_a_missing_value(monitored):
    violations, _ = monitored(later("age", "tariff", "charge", tariff="plan"), dataset_format="capture")

    assert [(violation["feature_name"], violation["constraint_check_type"]) for violation in violations] == [
        ("tariff", EXTRA),
        ("plan", "completeness_check"),
    ]


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--columns", "exakt"], "columns is 'exakt'; did you mean exact? it is one of: name, exact"),
        (["--columns", "name", "--compat", "service"], "compat is 'service', which means exact; leave one of them out"),
    ],
)
def test_a_bad_value_is_reported_before_anything_is_read(spark, tmp_path, flags, sentence):
    source = (
        "--dataset-source",
        "nowhere",
        "--dataset-format",
        "csv",
        "--baseline",
        "nowhere",
        "--output-path",
        "report",
    )
    finished = JobsHere(tmp_path)("monitor", *source, *flags)

    assert finished.status == 2
    assert sentence in finished.said
