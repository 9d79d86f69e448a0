"""Planning: where the metric of each analyzer comes from, and what the scan has to gather for it."""

from __future__ import annotations

import json

import pytest

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.user_checks.check_loading import read_checks
from spark_model_monitor.monitors.user_checks.check_plan import (
    Source,
    choose_source,
    list_conditions,
    plan_checks,
    quote_text,
)


def make_checks(*entries):
    return read_checks(json.dumps([{"assertion": "== 1", **entry} for entry in entries]), "checks.json")


@pytest.mark.parametrize(
    ("entry", "source"),
    [
        pytest.param({"analyzer": "Size"}, Source.STATES, id="Size"),
        pytest.param({"analyzer": "Mean", "column": "a"}, Source.STATES, id="Mean"),
        pytest.param({"analyzer": "Mean", "column": "a", "where": "a > 0"}, Source.SECOND_SCAN, id="Mean of some rows"),
        pytest.param({"analyzer": "Completeness", "column": "a"}, Source.STATES, id="Completeness"),
        pytest.param(
            {"analyzer": "Completeness", "column": "a", "where": "b > 0"},
            Source.PREDICATES,
            id="Completeness of some rows",
        ),
        pytest.param({"analyzer": "Compliance", "expression": "a > 0"}, Source.PREDICATES, id="Compliance"),
        pytest.param({"analyzer": "PatternMatch", "column": "a", "pattern": "x"}, Source.PREDICATES, id="PatternMatch"),
        pytest.param({"analyzer": "Uniqueness", "column": "a"}, Source.FREQUENCIES, id="Uniqueness of a column"),
        pytest.param({"analyzer": "Uniqueness", "columns": ["a", "b"]}, Source.SECOND_SCAN, id="Uniqueness of a pair"),
        pytest.param(
            {"analyzer": "Entropy", "column": "a", "where": "b > 0"}, Source.SECOND_SCAN, id="Entropy of some rows"
        ),
        pytest.param(
            {"analyzer": "ApproxQuantile", "column": "a", "quantile": 0.5}, Source.STATES, id="ApproxQuantile"
        ),
        pytest.param(
            {"analyzer": "ApproxQuantile", "column": "a", "quantile": 0.5, "relative_error": 1e-3},
            Source.SECOND_SCAN,
            id="a quantile more exact than a sketch",
        ),
        pytest.param({"analyzer": "Correlation", "columns": ["a", "b"]}, Source.SECOND_SCAN, id="Correlation"),
        pytest.param({"analyzer": "MinLength", "column": "a"}, Source.SECOND_SCAN, id="MinLength"),
    ],
)
def test_every_analyzer_has_one_source(entry, source):
    [analyzer] = make_checks(entry).analyzers

    assert choose_source(analyzer) == source


def test_conditions_are_counted_once():
    checks = make_checks(
        {"analyzer": "Completeness", "column": "a.b", "where": "day = 1"},
        {"analyzer": "Size", "where": "day = 1"},
        {"analyzer": "Compliance", "instance": "p", "expression": "a > 0"},
        {"analyzer": "Compliance", "instance": "q", "expression": "a > 0"},
    )

    plan = plan_checks(checks, ["a", "a.b", "day"])

    conditions = list(map(list_conditions, checks.analyzers))
    assert conditions == [
        ("(day = 1) AND (`a.b` IS NOT NULL)", "day = 1", None),
        ("day = 1", None, None),
        ("a > 0", None, "(a > 0) IS NOT NULL"),
        ("a > 0", None, "(a > 0) IS NOT NULL"),
    ]
    assert plan.predicates == (
        "(day = 1) AND (`a.b` IS NOT NULL)",
        "day = 1",
        "a > 0",
        "(a > 0) IS NOT NULL",
    )


def test_only_columns_of_grouping_analyzers_are_counted_by_value():
    checks = make_checks(
        {"analyzer": "Uniqueness", "column": "id"},
        {"analyzer": "Histogram", "column": "code"},
        {"analyzer": "Mean", "column": "amount"},
    )

    assert plan_checks(checks, ["id", "code", "amount"]).frequency_columns == {"id", "code"}


def test_all_faults_of_a_plan_are_one_error():
    checks = make_checks(
        {"analyzer": "Mean", "column": "Amount"},
        {"analyzer": "MinLength", "column": "code"},
        {"analyzer": "Uniqueness", "columns": ["id", "cod"]},
    )

    with pytest.raises(BadConfiguration) as raised:
        plan_checks(checks, ["id", "amount", "code"])

    assert str(raised.value).splitlines() == [
        "--checks: Mean is of 'Amount', which is no column of the data; did you mean 'amount'?",
        "--checks: Uniqueness is of 'cod', which is no column of the data; did you mean 'code'?",
        "--checks: MinLength(code) can't be answered from one scan; allow another one by --set allow_second_scan=yes, "
        "or leave it out",
        "--checks: Uniqueness(id, cod) can't be answered from one scan; allow another one by --set allow_second_scan=yes, "
        "or leave it out",
    ]


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        pytest.param(r"\d+", r"r'\d+'", id="a backslash"),
        pytest.param("it's", "concat(r'it', char(39), r's')", id="a quote"),
        pytest.param("", "r''", id="empty"),
    ],
)
def test_a_text_in_sql_is_a_raw_literal(text, sql):
    assert quote_text(text) == sql
