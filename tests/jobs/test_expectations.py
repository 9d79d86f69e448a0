"""A rule that is broken by one row of thousands is an exit status, a message, a violation and a page; no baseline is needed."""

from __future__ import annotations

import json

import pytest
from tests.entries import read_checks
from tests.servers import http_server

from spark_model_monitor import cli


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ages = [20 + row % 60 for row in range(2_000)]
    ages[1_234] = -1
    (tmp_path / "people.csv").write_text("age\n" + "".join(f"{age}\n" for age in ages))
    (tmp_path / "rules.json").write_text('{"features": {"age": {"min": 0, "max": 120}}}')
    return tmp_path


def monitored(*words):
    where = ("--output-path", "out", "--engine", "local", "--fail-on-violations")
    with pytest.raises(SystemExit) as ended:
        cli.main(["monitor", "people.csv", *where, *words])
    return ended.value.code


def test_one_row_that_breaks_a_rule_is_reported_everywhere(folder):
    with http_server(200) as server:
        assert monitored("--expectations", "rules.json", "--sink", f"webhook:{server.url}") == 4
        [(_, _, body)] = server.requests

    [violation] = json.loads((folder / "out" / "constraint_violations.json").read_text())["violations"]
    assert (violation["feature_name"], violation["constraint_check_type"]) == ("age", "expectation_check")
    assert "age" in json.loads(body)["headline"]
    assert (folder / "out" / "message").read_text().startswith("CompletedWithViolations")
    assert json.loads((folder / "out" / "run.json").read_text())["expectations"]


def test_a_rule_that_is_met_ends_with_0(folder):
    (folder / "rules.json").write_text('{"features": {"age": {"min": -1}}}')

    assert monitored("--expectations", "rules.json") == 0


def test_a_rule_of_a_warning_is_a_hint(folder):
    (folder / "rules.json").write_text('{"features": {"age": {"min": 0, "level": "warning"}}}')

    assert monitored("--expectations", "rules.json") == 0
    assert "age" in json.dumps(read_checks(folder / "out" / "checks.json")["hints"])


@pytest.mark.parametrize(
    "rules",
    [
        '{"features": {"height": {"min": 0}}}',
        '{"features": {"age": {"min": 9, "max": 1}}}',
        '{"row_rules": ["open(age)"]}',
    ],
)
def test_a_rule_that_can_not_be_meant_ends_before_the_data_is_read(folder, rules, caplog):
    (folder / "rules.json").write_text(rules)

    assert monitored("--expectations", "rules.json") == 2
    assert not (folder / "out" / "statistics.json").exists()


def monitor_hour(folder, hour, rows, rules):
    """One hour of people with ages, into a folder of its hour."""
    lines = "".join(f"{20 + row % 60}\n" for row in range(rows))
    (folder / "people.csv").write_text(f"age\n{lines}")
    (folder / "rules.dqdl").write_text(f"Rules = [ {rules} ]")
    hour_path = f"reports/2026/03/03/{hour:02d}"
    flags = ["--expectations", "rules.dqdl", "--output-path", hour_path, "--junit", str(folder / f"{hour}.xml")]
    with pytest.raises(SystemExit) as ended:
        cli.main(["monitor", "people.csv", *flags, "--engine", "local", "--fail-on-violations"])
    document = read_checks(folder / hour_path / "checks.json")
    return ended.value.code, [check["status"] for check in document["checks"]]


def test_dqdl_compares_with_the_last_runs_of_the_schedule(folder):
    rules = 'RowCount > avg(last(2)) * 0.6, (IsComplete "age") and (ColumnValues "age" < 80 with threshold > 0.9)'

    assert monitor_hour(folder, 1, 1_000, rules) == (0, ["not judged", "passed"])
    assert monitor_hour(folder, 2, 1_000, rules) == (0, ["not judged", "passed"])
    assert monitor_hour(folder, 3, 601, rules) == (0, ["passed", "passed"])
    assert monitor_hour(folder, 4, 480, rules) == (4, ["violated", "passed"])  # less than .6 of (1,000 + 601) / 2
    assert monitor_hour(folder, 3, 599, rules) == (4, ["violated", "passed"])  # a rerun compares with hours 1 and 2
    assert "RowCount &gt; avg(last(2)) * 0.6" in (folder / "4.xml").read_text()
    assert "avg(last(2))" in (folder / "reports" / "2026" / "03" / "03" / "04" / "report.html").read_text()


def test_suggested_rules_in_dqdl_are_met_by_their_baseline(folder):
    lines = "".join(f"{row},{row % 7 / 7},{'ab'[row % 2]},{row if row % 9 else ''}\n" for row in range(300))
    (folder / "people.csv").write_text(f"id,share,kind,gap\n{lines}")
    flags = ["--output-path", "base", "--engine", "local", "--suggest-expectations", "suggested.dqdl"]
    with pytest.raises(SystemExit) as ended:
        cli.main(["baseline", "people.csv", *flags])
    text = (folder / "suggested.dqdl").read_text()

    assert ended.value.code == 0
    assert 'IsUnique "id"' in text
    assert 'ColumnValues "kind" in ["a", "b"]' in text
    assert 'ColumnValues "gap" >= 0 where "`gap` is not null"' in text
    assert monitored("--expectations", "suggested.dqdl") == 0
    (folder / "people.csv").write_text(f"id,share,kind,gap\n{lines}1,0.5,c,-1\n")
    assert monitored("--expectations", "suggested.dqdl") == 4
    violations = json.loads((folder / "out" / "constraint_violations.json").read_text())["violations"]
    assert len(violations) == 3  # a repeated id, another kind, a negative gap
