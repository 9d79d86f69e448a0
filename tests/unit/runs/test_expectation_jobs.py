"""A rule that is broken by one row of thousands is an exit status, a message, a violation and a page; no baseline is needed."""

import json

import pytest
from tests.servers import http_server
from tests.unit.history.test_accepted_changes import run_command

from .local_jobs import LocalJobs

RULES = "--expectations rules.json"
AGE = '{{"features": {{"age": {}}}}}'.format


@pytest.fixture
def jobs(tmp_path):
    """A folder in which one age of 2,000 is negative."""
    jobs = LocalJobs(tmp_path)
    ages = [20 + row % 60 for row in range(2_000)]
    ages[1_234] = -1
    jobs.write("people.csv", "age\n" + "".join(f"{age}\n" for age in ages))
    return jobs


def monitor(jobs, words, status):
    jobs.run(
        "monitor --dataset-source people.csv --output-path out --fail-on-violations", *words.split(), status=status
    )


def test_one_row_that_breaks_a_rule_is_reported_everywhere(jobs):
    jobs.write("rules.json", AGE('{"min": 0, "max": 120}'))
    with http_server(200) as server:
        monitor(jobs, f"{RULES} --sink webhook:{server.url}", status=4)
        [(_, _, body)] = server.requests
    [violation] = jobs.read_violations("out")

    assert (violation["feature_name"], violation["constraint_check_type"]) == ("age", "expectation_check")
    assert "age" in json.loads(body)["headline"]
    assert (jobs.folder / "out" / "message").read_text().startswith("CompletedWithViolations")
    assert jobs.read("out/run.json")["expectations"]


def test_a_rule_that_is_met_ends_with_0_and_one_of_a_warning_is_a_hint(jobs):
    jobs.write("rules.json", AGE('{"min": -1}'))
    monitor(jobs, RULES, status=0)

    jobs.write("rules.json", AGE('{"min": 0, "level": "warning"}'))
    monitor(jobs, RULES, status=0)
    assert "age" in json.dumps(jobs.read_checks("out")["hints"])


@pytest.mark.parametrize(
    "rules", ['{"features": {"height": {"min": 0}}}', AGE('{"min": 9, "max": 1}'), '{"row_rules": ["open(age)"]}']
)
def test_a_rule_that_can_not_be_meant_ends_before_the_data_is_read(jobs, rules):
    jobs.write("rules.json", rules)

    monitor(jobs, RULES, status=2)
    assert not (jobs.folder / "out" / "statistics.json").exists()


def test_dqdl_compares_with_the_last_runs_of_the_schedule(jobs):
    rules = 'RowCount > avg(last(2)) * 0.6, (IsComplete "age") and (ColumnValues "age" < 80 with threshold > 0.9)'
    jobs.write("rules.dqdl", f"Rules = [ {rules} ]")

    def monitor_hour(hour, rows, status=0):
        """The verdicts on one hour of people with ages, in the folder of its hour."""
        jobs.write("people.csv", "age\n" + "".join(f"{20 + row % 60}\n" for row in range(rows)))
        run_folder = f"reports/2026/03/03/{hour:02d}"
        monitor(jobs, f"--expectations rules.dqdl --output-path {run_folder} --junit {hour}.xml", status)
        return [check["status"] for check in jobs.read_checks(run_folder)["checks"]]

    assert monitor_hour(1, 1_000) == ["not judged", "passed"]
    assert monitor_hour(2, 1_000) == ["not judged", "passed"]
    assert monitor_hour(3, 601) == ["passed", "passed"]
    assert monitor_hour(4, 480, status=4) == ["violated", "passed"]  # less than .6 of (1,000 + 601) / 2
    assert monitor_hour(3, 599, status=4) == ["violated", "passed"]  # a rerun compares with hours 1 and 2
    assert "RowCount &gt; avg(last(2)) * 0.6" in (jobs.folder / "4.xml").read_text()
    assert "avg(last(2))" in (jobs.folder / "reports/2026/03/03/04/report.html").read_text()


def test_an_hour_in_violation_is_no_example_and_one_of_the_last_runs(jobs):
    """Rules of one metric have one value of each run."""
    jobs.write("rules.dqdl", 'Rules = [ DetectAnomalies "Mean" "age", Mean "age" < 1.5 * avg(last(3)) ]')

    def monitor_hour(hour, factor, status=0):
        """What the rules say of an hour whose ages are a factor of those that people have."""
        jobs.write("people.csv", "age\n" + "".join(f"{factor * (20 + (row + hour) % 60)}\n" for row in range(200)))
        run_folder = f"reports/2026/03/03/{hour:02d}"
        monitor(jobs, f"--expectations rules.dqdl --output-path {run_folder}", status)
        checks = jobs.read_checks(run_folder)["checks"]
        return [(check["status"], check.get("reason", "")) for check in checks]

    hours = [monitor_hour(hour, 1) for hour in range(1, 5)]
    monitor_hour(5, 100, status=4)
    anomaly, limit = monitor_hour(6, 100, status=4)

    assert [statuses[0][0] for statuses in hours] == ["not judged"] * 3 + ["passed"]
    assert [statuses[1][0] for statuses in hours] == ["not judged"] * 3 + ["passed"]
    assert (anomaly[0], "in 4 earlier runs" in anomaly[1]) == ("violated", True)
    assert "of these 3 runs, 1 had violations" in limit[1]
    assert run_command("accept", jobs.folder / "reports/2026/03/03/05", "--why", "another unit") == 0
    [(status, _), _] = monitor_hour(7, 100)
    assert status == "passed"


def test_suggested_rules_in_dqdl_are_met_by_their_baseline(jobs):
    lines = "".join(f"{row},{row % 7 / 7},{'ab'[row % 2]},{row if row % 9 else ''}\n" for row in range(300))
    jobs.write("people.csv", f"id,share,kind,gap\n{lines}")
    jobs.run("baseline --dataset-source people.csv --output-path base --suggest-expectations suggested.dqdl")
    text = (jobs.folder / "suggested.dqdl").read_text()

    assert 'IsUnique "id"' in text
    assert 'ColumnValues "kind" in ["a", "b"]' in text
    assert 'ColumnValues "gap" >= 0 where "`gap` is not null"' in text
    monitor(jobs, "--expectations suggested.dqdl", status=0)
    jobs.write("people.csv", f"id,share,kind,gap\n{lines}1,0.5,c,-1\n")
    monitor(jobs, "--expectations suggested.dqdl", status=4)
    assert len(jobs.read_violations("out")) == 3  # a repeated id, another kind, a negative gap
