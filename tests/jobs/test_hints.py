"""What jobs say of data that looks wrong and breaks no constraint, and how they say that columns were matched."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from tests.running_jobs import JobsHere

ROWS = 400


@pytest.fixture(scope="module")
def people():
    """A model's score, then the customer's age, charge and plan."""
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "score": rng.random(ROWS).round(4),
            "age": rng.integers(18, 90, ROWS),
            "charge": rng.lognormal(5, 0.4, ROWS).round(2),
            "plan": rng.choice(["basic", "gold"], ROWS),
        }
    )


@pytest.fixture(scope="module")
def jobs(spark, people, tmp_path_factory):
    """Jobs in a folder that has a baseline of those customers, and hours of captures of them."""
    folder = tmp_path_factory.mktemp("jobs")
    people.to_csv(folder / "people.csv", index=False)
    columns = ["score", "age", "charge", "plan"]
    captured(folder / "healthy", [",".join(map(str, row)) for row in people[columns].to_numpy()])
    swapped = people[["score", "charge", "age", "plan"]]
    captured(folder / "swapped", [",".join(map(str, row)) for row in swapped.to_numpy()])
    captured(folder / "objects", [json.dumps(row) for row in swapped.to_dict("records")], encoding="JSON")
    run = JobsHere(folder)
    finished = run(*baseline_flags("people.csv"), "--output-path", "baseline")
    assert finished.status == 0, finished.said
    assert "WARNING" not in finished.said
    return run


def captured(folder, rows, encoding="CSV"):
    folder.mkdir()
    records = [{"captureData": {"endpointInput": {"data": row, "encoding": encoding}}} for row in rows]
    (folder / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def baseline_flags(source, dataset_format="csv"):
    return "baseline", "--dataset-source", source, "--dataset-format", dataset_format


def monitored(jobs, source, *flags, dataset_format="csv"):
    """The monitoring job over a source of the folder: what it said, and its output."""
    source_flags = ("--dataset-source", source, "--dataset-format", dataset_format, "--output-path", f"{source}-report")
    finished = jobs("monitor", *source_flags, "--baseline", "baseline", *flags)
    assert finished.status == 0, finished.said
    return finished.said, jobs.folder / f"{source}-report"


def hints_in(report):
    return json.loads((report / "checks.json").read_text()).get("hints", [])


def warnings_in(log_text):
    return [line for line in log_text.splitlines() if line.startswith("WARNING")]


def matched_in(report):
    return json.loads((report / "ledger.json").read_text()).get("columns_matched_by")


def test_two_columns_of_captures_that_changed_places_are_named(jobs):
    log_text, report = monitored(jobs, "swapped", dataset_format="capture")

    sentence = (
        "columns 2 ('age') and 3 ('charge') look swapped: the values of each fit the baseline of the other and not their own; "
        "write the columns in the baseline's order"
    )
    assert warnings_in(log_text) == [f"WARNING {sentence}"]
    assert hints_in(report) == [
        {"hint": "swapped_columns", "features": ["age", "charge"], "description": sentence},
    ]
    violations = json.loads((report / "constraint_violations.json").read_text())["violations"]
    assert {violation["constraint_check_type"] for violation in violations} == {
        "baseline_drift_check",
        "data_type_check",
        "distinct_share_check",  # ages repeat themselves where charges did not
    }


def test_where_the_service_is_replayed_nothing_of_it_is_stated(jobs):
    log_text, report = monitored(jobs, "swapped", "--compat", "service", dataset_format="capture")

    assert warnings_in(log_text) == []
    assert "hints" not in json.loads((report / "checks.json").read_text())


def test_members_of_json_are_found_by_name_wherever_they_stand(jobs):
    log_text, report = monitored(jobs, "objects", dataset_format="capture")

    assert json.loads((report / "constraint_violations.json").read_text()) == {"violations": []}
    assert hints_in(report) == [] == warnings_in(log_text)


@pytest.mark.parametrize(
    ("source", "dataset_format", "matched_by"),
    [
        ("healthy", "capture", "position"),
        ("objects", "capture", "name, else position"),
        ("people.csv", "csv", "name"),
        ("renamed.csv", "csv", "name"),
        ("people.parquet", "parquet", "name"),
        ("bare.csv", "csv-without-header", "position"),
    ],
)
def test_the_ledger_and_the_log_say_how_columns_were_matched(jobs, people, source, dataset_format, matched_by):
    people.rename(columns={"age": "years"}).to_csv(jobs.folder / "renamed.csv", index=False)
    people.to_csv(jobs.folder / "bare.csv", index=False, header=False)
    people.to_parquet(jobs.folder / "people.parquet")
    log_text, report = monitored(jobs, source, dataset_format=dataset_format)

    assert matched_in(report) == matched_by
    assert f"INFO {ROWS} records: columns matched with the baseline's by {matched_by}\n" in log_text


def test_without_names_in_the_baseline_columns_are_matched_by_position(jobs, people):
    people.to_csv(jobs.folder / "unnamed.csv", index=False, header=False)
    jobs(*baseline_flags("unnamed.csv", "csv-without-header"), "--output-path", "unnamed")
    _, report = monitored(jobs, "unnamed.csv", "--baseline", "unnamed", dataset_format="csv-without-header")

    assert matched_in(report) == "position"


def test_a_baseline_is_matched_with_nothing(jobs):
    assert "columns_matched_by" not in json.loads((jobs.folder / "baseline" / "ledger.json").read_text())


def test_captures_with_another_number_of_columns_are_matched_with_nothing(jobs, people):
    captured(jobs.folder / "narrow", [f"{score},{age}" for score, age in zip(people.score, people.age, strict=True)])
    _, report = monitored(jobs, "narrow", dataset_format="capture")

    assert matched_in(report) is None


def test_decimal_commas_and_dates_are_said_by_the_baselining_job(jobs, people):
    days = pd.to_datetime("2026-03-01") + pd.to_timedelta(people["age"] % 9, "D")
    texts = people.assign(charge=people["charge"].map("{:.2f}".format).str.replace(".", ","), day=days.dt.date)
    texts.to_csv(jobs.folder / "texts.csv", index=False)
    finished = jobs(*baseline_flags("texts.csv"), "--output-path", "texts")

    assert warnings_in(finished.said) == [
        "WARNING dates are texts here: 'day' (400 of 400) as YYYY-MM-DD; windows are checked for that form and for odd days; "
        "write numbers, such as the weekday, to have drift judged",
        "WARNING decimal commas make texts of numbers: 'charge' (400 of 400); write 1.5 for 1,5 "
        "(pandas: read_csv with decimal=',', then to_csv)",
    ]


def test_whole_numbers_that_pandas_wrote_as_fractions_are_said_by_the_monitoring_job(jobs, people):
    people.assign(age=people["age"].where(people.index % 10 > 0)).to_csv(jobs.folder / "floats.csv", index=False)
    log_text, report = monitored(jobs, "floats.csv")

    [hint] = hints_in(report)
    assert (hint["hint"], hint["features"]) == ("whole_fractions", ["age"])
    assert warnings_in(log_text) == [
        "WARNING whole numbers are written as fractions, where the baseline has integers: 'age' (360 of 360); write 81 for "
        "81.0 (pandas: astype('Int64'))"
    ]


@pytest.mark.parametrize("job", ["baseline", "monitor"])
def test_a_header_that_is_a_record_is_said_without_its_values(jobs, people, job):
    (jobs.folder / "headless.csv").write_text("0.5512,44,152.97,gold\n" + people.to_csv(index=False, header=False))
    if job == "baseline":
        finished = jobs(*baseline_flags("headless.csv"), "--output-path", "headless")
        log_text = finished.said
    else:
        log_text, report = monitored(jobs, "headless.csv")
        assert [hint["hint"] for hint in hints_in(report)] == ["header_is_data"]

    sentence = (
        "WARNING the first row of the CSV looks like a record, not like the names of 4 columns; "
        "write --dataset-format csv-without-header, or a header line"
    )
    assert warnings_in(log_text) == [sentence]
    assert "152.97" not in log_text


def test_a_header_without_the_features_left_out_is_looked_at(jobs, people):
    (jobs.folder / "fewer.csv").write_text("no value,44,152.97,gold\n" + people.to_csv(index=False, header=False))
    source = baseline_flags("fewer.csv")
    baseline_job = jobs(*source, "--output-path", "whole")
    fewer = jobs(*source, "--output-path", "fewer", "--exclude-features-attribute", "0")

    assert warnings_in(baseline_job.said) == []
    assert "not like the names of 3 columns" in fewer.said


def test_healthy_data_has_no_hint(jobs):
    for source, dataset_format in (("healthy", "capture"), ("people.csv", "csv")):
        log_text, report = monitored(jobs, source, dataset_format=dataset_format)

        assert hints_in(report) == [] == warnings_in(log_text)
