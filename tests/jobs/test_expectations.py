"""A rule that is broken by one row of thousands is an exit status, a message, a violation and a page; no baseline is needed."""

from __future__ import annotations

import json

import pytest
from tests.servers import http_server

from spark_model_monitor import cli


@pytest.fixture
def there(tmp_path, monkeypatch):
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


def test_one_row_that_breaks_a_rule_is_reported_everywhere(there):
    with http_server(200) as server:
        assert monitored("--expectations", "rules.json", "--sink", f"webhook:{server.url}") == 4
        [(_, _, body)] = server.requests

    [violation] = json.loads((there / "out" / "constraint_violations.json").read_text())["violations"]
    assert (violation["feature_name"], violation["constraint_check_type"]) == ("age", "expectation_check")
    assert "age" in json.loads(body)["headline"]
    assert (there / "out" / "message").read_text().startswith("CompletedWithViolations")
    assert json.loads((there / "out" / "run.json").read_text())["expectations"]


def test_a_rule_that_is_met_ends_with_0(there):
    (there / "rules.json").write_text('{"features": {"age": {"min": -1}}}')

    assert monitored("--expectations", "rules.json") == 0


def test_a_rule_of_a_warning_is_a_hint(there):
    (there / "rules.json").write_text('{"features": {"age": {"min": 0, "level": "warning"}}}')

    assert monitored("--expectations", "rules.json") == 0
    assert "age" in json.dumps(json.loads((there / "out" / "checks.json").read_text())["hints"])


@pytest.mark.parametrize(
    "rules",
    [
        '{"features": {"height": {"min": 0}}}',
        '{"features": {"age": {"min": 9, "max": 1}}}',
        '{"row_rules": ["open(age)"]}',
    ],
)
def test_a_rule_that_can_not_be_meant_ends_before_the_data_is_read(there, rules, caplog):
    (there / "rules.json").write_text(rules)

    assert monitored("--expectations", "rules.json") == 2
    assert not (there / "out" / "statistics.json").exists()
