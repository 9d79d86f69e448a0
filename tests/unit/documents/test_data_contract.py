"""Data contracts: which rules their parts are, which parts can't be evaluated, and what a run does then."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from jobs import baseline, monitor
from spark_model_monitor.documents.data_contract import parse_contract
from spark_model_monitor.errors import BadDocument

PRESENT = 'where "`a` is not null"'


def make_contract(column=None, quality=(), tables=("orders",)):
    """A contract for tables with the column `a`."""
    schema = {"logicalType": "object", "properties": [{"name": "a", **(column or {})}], "quality": list(quality)}
    head = {"kind": "DataContract", "apiVersion": "v3.1.0", "id": "x", "version": "1", "status": "active"}
    return yaml.safe_dump({**head, "schema": [{"name": name, **schema} for name in tables]}).encode()


def translate(*arguments, **options):
    rule_set = parse_contract(make_contract(*arguments), "x.odcs.yaml", **options)
    return [rule.text for rule in rule_set.rules], {rule.text: rule.reason for rule in rule_set.skipped}


@pytest.mark.parametrize(
    ("column", "rule"),
    [
        ({"required": True}, 'IsComplete "a"'),
        ({"unique": True}, 'IsUnique "a"'),
        ({"primaryKey": True}, 'IsPrimaryKey "a"'),
        ({"logicalType": "integer"}, f'ColumnDataType "a" = "Long" {PRESENT}'),
        ({"logicalTypeOptions": {"minimum": 0}}, f'ColumnValues "a" >= 0 {PRESENT}'),
        ({"logicalTypeOptions": {"exclusiveMaximum": 1e-7}}, f'ColumnValues "a" < 0.0000001 {PRESENT}'),
        ({"logicalTypeOptions": {"minimum": 3, "exclusiveMinimum": True}}, f'ColumnValues "a" > 3 {PRESENT}'),
        ({"logicalTypeOptions": {"minimum": "2026-01-01"}}, f'ColumnValues "a" >= "2026-01-01" {PRESENT}'),
        ({"logicalTypeOptions": {"maxLength": 4}}, f'ColumnLength "a" <= 4 {PRESENT}'),
        (
            {"logicalTypeOptions": {"pattern": r"^\d"}},
            rf'ColumnValues "a" matches "(?s:.*)(?:^\\d)(?s:.*)" {PRESENT}',
        ),
        ({"enum": [{"value": "x"}, {"value": 'say "y"'}]}, rf'ColumnValues "a" in ["x", "say \"y\""] {PRESENT}'),
        ({"physicalName": "b", "required": True}, 'IsComplete "b"'),
    ],
)
def test_what_a_schema_says_of_a_column_is_a_rule(column, rule):
    rules, skipped = translate(column)
    assert rule in rules
    assert skipped == {}


VALUES = {"arguments": {"validValues": ["x", "y"]}}


@pytest.mark.parametrize(
    ("quality", "rule"),
    [
        ({"metric": "nullValues", "mustBe": 0}, 'ColumnValues "a" not in [NULL]'),
        ({"metric": "nullValues", "mustBeLessThan": 9}, 'RowCount < 9 where "`a` is null"'),
        (
            {"metric": "nullValues", "unit": "percent", "mustBeLessOrEqualTo": 5},
            'ColumnValues "a" not in [NULL] with threshold >= 0.95',
        ),
        (
            {"metric": "missingValues", "mustBe": 0, "arguments": {"missingValues": [None, "N/A"]}},
            'ColumnValues "a" not in [NULL, "N/A"]',
        ),
        ({"metric": "invalidValues", "mustBe": 0, **VALUES}, f'ColumnValues "a" in ["x", "y"] {PRESENT}'),
        (
            {"metric": "invalidValues", "mustBeLessThan": 3, **VALUES},
            "RowCount < 3 where \"`a` is not null and not (`a` in ('x', 'y'))\"",
        ),
        (
            {"metric": "invalidValues", "unit": "percent", "mustBeLessThan": 3, **VALUES},
            f'ColumnValues "a" in ["x", "y"] {PRESENT} with threshold > 0.97',
        ),
        ({"metric": "duplicateValues", "mustBeLessThan": 1}, 'IsUnique "a"'),
    ],
)
def test_a_quality_rule_of_a_column_is_a_rule(quality, rule):
    rules, skipped = translate({"quality": [quality]})
    assert rules == ['ColumnExists "a"', rule]
    assert skipped == {}


def test_a_quality_rule_of_a_table_is_a_rule():
    # Both ends belong to a range
    between = {"metric": "rowCount", "mustBeBetween": [1, 9]}
    outside = {"metric": "rowCount", "mustNotBeBetween": [20, 30]}
    unique = {"metric": "duplicateValues", "mustBe": 0, "arguments": {"properties": ["a", "b"]}}

    assert translate({}, [between, outside, unique])[0][1:] == [
        "(RowCount >= 1) and (RowCount <= 9)",
        "(RowCount < 20) or (RowCount > 30)",
        'IsUnique "a" "b"',
    ]


@pytest.mark.parametrize(
    ("column", "name", "reason"),
    [
        ({"quality": [{"type": "sql", "query": "SELECT 1", "mustBe": 1}]}, "a: quality[0] (sql)", "type sql"),
        ({"quality": [{"type": "custom", "name": "soda", "engine": "soda"}]}, "a: quality[0] (soda)", "type custom"),
        ({"quality": [{"metric": "nullValues"}]}, "a: quality[0] (nullValues)", "compares with nothing"),
        ({"quality": [{"metric": "duplicateValues", "mustBe": 3}]}, "a: quality[0] (duplicateValues)", "not counted"),
        ({"logicalType": "array", "items": {"logicalType": "string"}}, "a: nested properties", "no single values"),
        ({"logicalTypeOptions": {"multipleOf": 5}}, "a: logicalTypeOptions.multipleOf", "not evaluated"),
        ({"logicalTypeOptions": {"pattern": "(?=x)"}}, "a: logicalTypeOptions.pattern", "look-around"),
        ({"relationships": [{"to": "b.id"}]}, "a: relationship to b.id", "second data set"),
    ],
)
def test_what_can_not_be_evaluated_is_named_and_skipped_only_if_allowed(column, name, reason):
    with pytest.raises(BadDocument) as caught:
        translate(column)
    assert f"x.odcs.yaml: {name}: " in str(caught.value)
    assert "--skip-unsupported" in str(caught.value)
    assert reason in translate(column, skip_unsupported=True)[1][name]


def test_one_of_several_tables_is_named():
    content = make_contract({}, (), ("orders", "items"))
    with pytest.raises(BadDocument, match=r"its tables are orders, items; name one: x\.odcs\.yaml#TABLE"):
        parse_contract(content, "x.odcs.yaml")
    assert parse_contract(content, "x.odcs.yaml", "items").rules


@pytest.mark.parametrize("content", [b"[1]", b"kind: [", b"schema: {a: 1}", b"unknown: 1"])
def test_what_is_no_contract_is_reported_with_its_file(content):
    with pytest.raises(BadDocument, match=r"x\.odcs\.yaml: "):
        parse_contract(content, "x.odcs.yaml")


SQL_RULE = {"type": "sql", "name": "total", "query": "SELECT 1", "mustBe": 1}
RULE_FILES = {
    "rules.odcs.yaml": make_contract({"logicalTypeOptions": {"maximum": 120}, "required": True}, [SQL_RULE]).decode(),
    "rules.dqdl": 'Rules = [ IsComplete "a", ColumnValues "a" <= 120, ColumnExists "a", CustomSql "SELECT 1" = 1 ]',
}


@pytest.fixture
def run_rules(tmp_path, monkeypatch):
    """Runs the rules of a file, of which one can't be evaluated, over hundred values: `run_rules(file, value, *flags)`."""
    monkeypatch.chdir(tmp_path)
    for name, content in RULE_FILES.items():
        Path(name).write_text(content)

    def run(name, value, *flags):
        pd.DataFrame({"a": [value] * 100}).to_csv("hour.csv", index=False)
        words = ["hour.csv", "--expectations", name, "--fail-on-violations", "--output-path", "out", *flags]
        return monitor.main([*words, "--engine", "local"])

    return run


@pytest.mark.parametrize("name", RULE_FILES)
def test_a_broken_rule_ends_with_4_and_a_skipped_one_is_never_a_plain_green(run_rules, name):
    assert run_rules(name, 120) == 2
    assert run_rules(name, 121, "--skip-unsupported") == 4
    assert run_rules(name, 120, "--skip-unsupported") == 0
    assert Path("out/message").read_text().endswith("3 rules hold, 1 was not checked.\n")
    checks = json.loads(Path("out/checks.json").read_text())
    assert checks["outcome"] == "cannot tell"
    [skipped] = [check for check in checks["checks"] if check.get("status") == "cannot tell"]
    assert skipped["reason"].startswith("not checked: ")
    assert run_rules(name, 120, "--skip-unsupported", "--fail-on", "cannot-tell") == 5


def test_a_suggested_contract_holds_for_its_baseline_and_not_for_other_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plans = pd.DataFrame({"id": range(200), "plan": ["basic", "gold"] * 100, "price": [1.5, 2.5] * 100})
    plans.to_csv("plans.csv", index=False)
    plans.replace("gold", "silver").to_csv("later.csv", index=False)
    words = ["--engine", "local", "--output-path"]
    assert baseline.main(["plans.csv", "--suggest-expectations", "plans.odcs.yaml", *words, "first"]) == 0

    ends_by_file = {
        name: monitor.main([name, "--expectations", "plans.odcs.yaml", "--fail-on-violations", *words, "out"])
        for name in ("plans.csv", "later.csv")
    }
    assert ends_by_file == {"plans.csv": 0, "later.csv": 4}
