"""The JSON form of checks: what it says, and every fault in it before any data is read."""

import json
import math
import re

import pyarrow as pa
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline
from spark_model_monitor.errors import BadConfiguration, NeedsSpark
from spark_model_monitor.monitors.user_checks.check_loading import (
    FORMS,
    Assertion,
    JsonCheck,
    Level,
    read_checks,
    reason_spark_is_needed,
)
from spark_model_monitor.monitors.user_checks.check_plan import Analyzer


@pytest.mark.parametrize(
    ("assertion", "metric", "holds"),
    [
        pytest.param(">= 0.95", 0.95, True, id="exactly at the bound"),
        pytest.param("> 0.95", 0.95, False, id="exactly at an open bound"),
        pytest.param("== 1", 1.0, True, id="a whole number"),
        pytest.param("!= -1e3", -1000.0, False, id="negative, with exponent"),
        pytest.param(">= 0.2 and <= 0.8", 0.5, True, id="inside"),
        pytest.param(">= 0.2 and <= 0.8", 0.9, False, id="above"),
        pytest.param("<= 0.8", math.nan, False, id="NaN is not below"),
        pytest.param("< .5", 0.4, True, id="no digit before the point"),
    ],
)
def test_an_assertion_compares_a_metric_with_numbers(assertion, metric, holds):
    assert Assertion.of(assertion).holds(metric) is holds


@pytest.mark.parametrize(
    "text", ["", "0.95", "=> 0.95", ">= 95 %", ">= a", ">= 0.2 or <= 0.1", ">= 0.2 and", "lambda x: x > 1"]
)
def test_what_is_no_comparison_is_no_assertion(text):
    with pytest.raises(ValueError, match="is no comparison"):
        Assertion.of(text)


def test_a_list_of_checks_is_read_with_its_defaults():
    text = """[
      {"analyzer": "Completeness", "column": "a.b", "where": null, "assertion": ">= 0.95", "level": "Warning", "hint": "why"},
      {"analyzer": "Compliance", "expression": "amount > 0", "assertion": "== 1.0"},
      {"analyzer": "Uniqueness", "columns": ["id", "day"], "assertion": "== 1"},
      {"analyzer": "Uniqueness", "column": "id", "assertion": "== 1"},
      {"analyzer": "ApproxQuantile", "column": "x", "quantile": 0, "assertion": "< 5"},
      {"analyzer": "DataType", "column": "x", "type": "Integral", "assertion": "== 1", "where": "x > 0"}
    ]"""

    first, *other_checks = read_checks(text, "checks.json").checks

    assert first == JsonCheck(
        Analyzer("Completeness", ("a.b",)), Assertion.of(">= 0.95"), level=Level.WARNING, hint="why"
    )
    assert [check.analyzer for check in other_checks] == [
        Analyzer("Compliance", instance="amount > 0", expression="amount > 0"),
        Analyzer("Uniqueness", ("id", "day")),
        Analyzer("Uniqueness", ("id",)),
        Analyzer("ApproxQuantile", ("x",), quantile=0.0, relative_error=0.01),
        Analyzer("DataType", ("x",), where="x > 0"),
    ]
    assert [str(check) for check in other_checks[:2]] == [
        "Compliance(amount > 0) == 1.0",
        "Uniqueness(id, day) == 1",
    ]


def test_all_faults_of_a_file_are_one_error_with_a_line_each():
    text = json.dumps(
        [
            {"analyzer": "Completness", "column": "a", "assertion": ">= 1"},
            {"analyzer": "Mean", "colum": "a", "assertion": ">= 1"},
            {"analyzer": "Mean", "column": "a", "assertion": "0.95"},
            {"analyzer": "Size", "assertion": "> 0", "level": "error"},
            {"analyzer": "DataType", "column": "a", "type": "Integer", "assertion": "== 1"},
            {"analyzer": "ApproxQuantile", "column": "a", "quantile": 50, "assertion": "> 0"},
            {"analyzer": "Correlation", "columns": ["a"], "assertion": "> 0"},
            "Completeness",
        ]
    )

    with pytest.raises(BadConfiguration) as raised:
        read_checks(text, "checks.json")

    assert str(raised.value).splitlines() == [
        "checks.json[0].analyzer is 'Completness', which is none that a JSON list can ask for; "
        "did you mean 'Completeness'?",
        "checks.json[1].colum is no member of Mean; did you mean 'column'?",
        "checks.json[1] has no 'column', which Mean needs",
        "checks.json[2].assertion is '0.95'; it has to be a comparison with a number by one of >= <= == != > <, "
        "as in '>= 0.95', or several joined by and",
        "checks.json[3].level is 'error'; it has to be 'Error' or 'Warning'",
        "checks.json[4].type is 'Integer'; it has to be one of Unknown, Fractional, Integral, Boolean, String",
        "checks.json[5].quantile is 50; it has to be a number from 0 to 1 (the median is 0.5)",
        "checks.json[6].columns are 1; Correlation is of two columns",
        "checks.json[7] is 'Completeness'; it has to be an object with analyzer and assertion",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param("[" * 99_999, "checks.json is no JSON", id="lists in lists"),
        pytest.param("[{]", "checks.json is no JSON: .* line 1 column 3", id="no JSON"),
        pytest.param("{}", "checks.json holds no list of checks", id="an object"),
        pytest.param("[]", "checks.json holds no list of checks", id="an empty list"),
    ],
)
def test_a_file_without_a_list_of_checks_is_refused(text, fault):
    with pytest.raises(BadConfiguration, match=fault):
        read_checks(text, "checks.json")


@pytest.mark.parametrize("analyzer", FORMS)
def test_every_analyzer_names_the_members_it_misses(analyzer):
    with pytest.raises(BadConfiguration) as raised:
        read_checks(json.dumps([{"analyzer": analyzer}]), "checks.json")

    for member in (*FORMS[analyzer].required, "assertion"):
        assert f"checks.json[0] has no '{member}', which {analyzer} needs" in str(raised.value)


def checks_file(folder, *entries):
    path = folder / "checks.json"
    path.write_text(json.dumps([{**entry, "assertion": ">= 0"} for entry in entries]), encoding="utf-8")
    return str(path)


AMOUNTS = pa.table({"amount": [1.0, 2.0, 2.0, 5.0]})
OF_STATES = {"analyzer": "Mean", "column": "amount"}


@pytest.mark.parametrize(
    ("entry", "analyzer"),
    [
        ({"analyzer": "Size", "where": "amount > 1"}, "Size() where amount > 1"),
        ({"analyzer": "Compliance", "expression": "amount > 1"}, "Compliance(amount > 1)"),
        ({"analyzer": "PatternMatch", "column": "amount", "pattern": "1"}, "PatternMatch(amount, 1)"),
    ],
)
def test_without_spark_a_check_in_sql_is_one_sentence_before_data_is_read(tmp_path, entry, analyzer):
    path = checks_file(tmp_path, OF_STATES, entry)

    with pytest.raises(NeedsSpark, match=re.escape(f"--checks: {analyzer} needs Spark; write --engine spark")):
        run_baseline(AMOUNTS, DataQualityMonitor(), engine="local", checks=path)
    assert reason_spark_is_needed(path) == f"of --checks {analyzer} takes more than states"


def test_without_spark_checks_of_a_function_are_one_sentence():
    with pytest.raises(NeedsSpark, match="--checks my_checks:amounts: a function, .* needs Spark"):
        run_baseline(AMOUNTS, DataQualityMonitor(), engine="local", checks="my_checks:amounts")
    for reference in ("statistics:mean", "__main__:checks"):
        assert reason_spark_is_needed(reference) == "--checks are a function's, of Deequ"


def test_a_module_of_checks_that_is_not_there_is_said_before_spark_starts():
    with pytest.raises(BadConfiguration, match="--checks: the module 'my_checks' can't be imported"):
        reason_spark_is_needed("my_checks:amounts")


def test_checks_that_states_answer_need_no_spark(tmp_path):
    path = checks_file(tmp_path, OF_STATES, {"analyzer": "Uniqueness", "column": "amount"}, {"analyzer": "Size"})

    results = run_baseline(AMOUNTS, DataQualityMonitor(), engine="local", checks=path).checks

    assert reason_spark_is_needed(path) is None
    assert [(constraint.metric, constraint.served_by) for constraint in results.constraints] == [
        (2.5, "states"),
        (0.5, "exact frequencies"),
        (4.0, "states"),
    ]


def test_without_spark_values_that_were_not_counted_apart_fail_their_own_check(tmp_path):
    path = checks_file(tmp_path, {"analyzer": "Uniqueness", "column": "amount"}, OF_STATES)
    table = pa.table({"amount": pa.array(range(5000), pa.float64())})

    refused, mean = run_baseline(table, DataQualityMonitor(), engine="local", checks=path).checks.constraints

    assert refused.constraint_message.endswith(
        "too many to count apart; allow another scan by --set allow_second_scan=yes"
    )
    assert mean.metric == 2499.5


@pytest.mark.parametrize("level", ["Error", "Warning"])
def test_a_baseline_warns_of_a_check_that_fails_whatever_its_level(tmp_path, caplog, level):
    path = tmp_path / "checks.json"
    path.write_text(json.dumps([{"analyzer": "Size", "assertion": ">= 100", "level": level}]))
    run_baseline(AMOUNTS, DataQualityMonitor(), engine="local", checks=str(path))

    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warned == ["Size() >= 100: Value: 4.0 does not meet the constraint requirement!"]
