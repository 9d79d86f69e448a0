"""Rules of a person's own: what a file may say, and how faults in it are told before any data is read."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from tests.expectations_schema import schema

from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.row_rules import BadRule, list_columns, parse_rule
from spark_model_monitor.documents.rules_file import Expectations, parse_expectations
from spark_model_monitor.errors import BadDocument

SCHEMA = Path(__file__).parents[3] / "docs" / "static" / "expectations.schema.json"


def read_fault(**content) -> str:
    with pytest.raises(BadDocument) as fault:
        parse_expectations(json.dumps(content), "rules.json")
    return str(fault.value)


def test_the_published_schema_is_that_of_the_models():
    """`python -m tests.expectations_schema` prints it."""
    assert SCHEMA.read_text() == schema() + "\n"


def test_the_schema_takes_what_is_read_and_refuses_what_is_not():
    taken = {
        "features": {
            "age": {"min": 0, "not_null": True, "length": 3},
            "id": [{"unique": True}, {"in": ["a", 1, True]}],
        },
        "row_rules": ["a <= b", {"rule": "a > 0", "level": "warning"}],
        "rows": {"min": 1},
        "columns": "closed",
    }
    validator = jsonschema.Draft202012Validator(json.loads(schema()))

    assert not list(validator.iter_errors(taken))
    assert parse_expectations(json.dumps(taken), "rules.json").features["age"][0].not_null == 1
    assert list(validator.iter_errors({"features": {"age": {"mni": 0}}}))
    assert list(validator.iter_errors({"columns": "shut"}))


def test_rules_that_contradict_are_named():
    assert read_fault(features={"age": [{"min": 5}, {"max": 1}]}).startswith(
        "rules.json: features.age: min is 5 and max is 1"
    )
    assert "features.age: no value of `in`" in read_fault(features={"age": {"in": [-1, "x"], "min": 0}})
    assert "features.plan: no value of `in`" in read_fault(features={"plan": [{"in": ["a"]}, {"in": ["b"]}]})
    assert read_fault(rows={"min": 5, "max": 4}).startswith("rules.json: rows: min is 5 and max is 4")


def test_a_column_without_a_rule_and_a_number_that_is_none_are_named():
    assert "features.age: has no rule; write one" in read_fault(features={"age": {"share": 0.9}})
    fault = r"features\.age\[0\]\.max is a number beyond the largest double; it has to be"
    for number in ("1e400", "1" + 400 * "0"):
        with pytest.raises(BadDocument, match=fault):
            parse_expectations(f'{{"features": {{"age": {{"max": {number}}}}}}}', "rules.json")


def test_rules_that_somebody_allows_exceptions_from_contradict_nothing():
    rules = {"features": {"age": [{"min": 5, "share": 0.5}, {"max": 1, "share": 0.5}]}}

    assert len(parse_expectations(json.dumps(rules), "rules.json").features["age"]) == 2


def test_a_member_that_is_none_is_named_with_the_nearest():
    assert "features.age[0].mni is unknown; did you mean min?" in read_fault(features={"age": {"mni": 5}})


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1", "(", "a{2000}"])
def test_an_expression_beyond_the_bounded_engine_is_refused(pattern):
    """RE2 has neither look-ahead nor references back, which make others take for ever, and bounds repetitions by 1,000."""
    assert "in RE2's syntax" in read_fault(features={"code": {"matches": pattern}})


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("__import__('os').system('x') == 0", "a call"),
        ("len(a) > 3", "a call"),
        ("a.__class__ == 'b'", "a dot in a name"),
        ("a[0] == 1", "brackets"),
        ("(lambda: 1) == 1", "Lambda"),
        ("a ** 99999999 > 1", "BinOp"),
        ("a", "neither true nor false"),
        ("a and b > 1", "neither true nor false"),
        ("a = b ± c", "no number"),
        ("a > ", "no rule"),
        ("(" * 600 + "a", "no rule"),
        ("a > 1 " * 1000, "characters"),
    ],
)
def test_what_is_no_rule_about_a_row_is_refused(rule, message):
    with pytest.raises(BadRule, match=message):
        parse_rule(rule)
    assert "rules.json: row_rules[0].rule is " in read_fault(row_rules=[rule])


def test_names_between_back_quotes_are_columns_whatever_they_hold():
    rule = parse_rule("`Day Mins` >= 0 and `a=b` ≠ 'x=y' or kind is not null or `>>` == '>>'")

    assert set(list_columns(rule)) == {"Day Mins", "a=b", "kind", ">>"}


def test_constraints_have_rules_of_their_own_and_keep_them():
    features = [{"name": "age", "inferred_type": "Integral", "expectations": {"max": 120}}]
    text = json.dumps(
        {"version": 0, "features": features, "expectations": {"rows": {"min": 7}, "row_rules": ["age > 1"]}}
    )
    constraints = Constraints.from_json(text)

    assert constraints.all_expectations.features["age"][0].max == 120
    assert constraints.all_expectations.rows.min == 7
    second_constraints = Constraints.from_json(constraints.to_json())
    assert second_constraints.all_expectations == constraints.all_expectations


def test_constraints_whose_rules_contradict_are_refused():
    features = [{"name": "age", "inferred_type": "Integral", "expectations": {"min": 9, "max": 1}}]

    with pytest.raises(BadDocument, match=r"features\.age: min is 9 and max is 1"):
        Constraints.from_json(json.dumps({"version": 0, "features": features}))


def test_a_changed_rule_has_another_digest_and_another_order_has_not():
    original, reordered, changed = (
        parse_expectations(text, "rules.json").digest
        for text in (
            '{"rows": {"min": 1}, "columns": "open"}',
            '{"columns": "open", "rows": {"min": 1}}',
            '{"columns": "open", "rows": {"min": 2}}',
        )
    )

    assert original == reordered != changed


def test_yaml_says_the_same_as_json():
    yaml = pytest.importorskip("yaml")
    rules = {"features": {"age": {"min": 0, "newer_than": "2026-01-31"}}, "row_rules": ["a = b ± .01"]}

    assert parse_expectations(yaml.safe_dump(rules), "rules.yaml") == parse_expectations(
        json.dumps(rules), "rules.json"
    )
    with pytest.raises(BadDocument, match='the member "age" stands twice'):
        parse_expectations("features:\n  age: {min: 1}\n  age: {max: 1}\n", "rules.yml")
    with pytest.raises(BadDocument, match=r"line [23], column \d+: is no YAML"):
        parse_expectations("features:\n  - [\n", "rules.yml")


def test_nothing_is_expected_by_an_empty_file():
    assert Expectations.from_json("{}").is_empty
    assert not Expectations.from_json('{"rows": {"min": 1}}').is_empty
