"""Rules of a person's own over data: every single row that offends is found, counted and told. Counts are planted, so known."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.data.reading.data_reader import read_data
from spark_model_monitor.documents.alert_files import apply_decisions
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.rules_file import Expectations, parse_expectations
from spark_model_monitor.errors import BadConfiguration, MissingDependency
from spark_model_monitor.monitors.data_quality.baseline.suggested_rules import suggest_candidates

ROWS = 2_000


def people(seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame({"age": random.integers(0, 90, ROWS).astype(float), "plan": random.choice(["a", "b"], ROWS)})


def judged(frame, baseline=None, monitor=None, **rules):
    return run_monitoring(frame, monitor or DataQualityMonitor(), baseline, expectations=rules, engine="local")


def offending(frame, **rules) -> list[int]:
    """How many rows offend, of each rule in its order."""
    results = [finding for finding in judged(frame, **rules).results if finding.check == "expectation_check"]
    return [round((finding.observed or 0) * (finding.m or 0)) for finding in results]


@pytest.fixture(scope="module")
def baseline():
    return run_baseline(people(), DataQualityMonitor(), engine="local")


@pytest.mark.parametrize("value", [-1.0, 900.0, np.inf])
@pytest.mark.parametrize("rows", [1, 10])
def test_each_row_that_must_never_be_is_found(baseline, value, rows):
    window = people(2)
    window.loc[: rows - 1, "age"] = value

    findings = judged(window, baseline, features={"age": {"min": 0, "max": 120}})

    violations = [
        violation
        for violation in findings.violations.violations
        if violation.constraint_check_type == "expectation_check"
    ]
    assert [violation.description for violation in violations] == [
        f"Expectation is not met: {rows} of 2,000 values not from 0 to 120"
    ]
    assert f"age has {rows} of 2,000 values not from 0 to 120" in findings.summary()
    assert f"{rows} of 2,000 values not from 0 to 120" in findings.report().html


@pytest.mark.parametrize("pair", ["True False", "true false", "TRUE FALSE", "t f", "Yes No", "y n", "1 0", "1.0 0.0"])
def test_booleans_are_known_however_they_are_written(pair):
    words = pair.split()
    frame = pd.DataFrame({"a": [*words, None] * 50})
    unclear = frame.replace(words[0], "maybe")
    rules = {"a": {"type": "Boolean"}}

    assert offending(frame, features=rules) == [0]
    assert offending(unclear, features=rules) == [50]


@pytest.mark.parametrize("word", ["True", "true", "TRUE"])
def test_true_in_a_rule_is_the_text_however_it_is_written(word):
    frame = pd.DataFrame({"a": [word, "no"] * 50})

    assert offending(frame, features={"a": {"in": [True]}}) == [50]
    assert offending(frame, row_rules=["a == True"]) == [50]


def test_a_rule_needs_no_baseline_and_takes_no_part_in_the_budget(baseline):
    window = people(2).assign(age=-1.0)
    rules = {"features": {"age": {"min": 0}}}

    assert judged(window, **rules).count == 1
    without = judged(people(2), baseline)
    with_rules = judged(people(2), baseline, **rules)
    assert without.budget == with_rules.budget


def test_numbers_and_texts_of_numbers_are_judged_alike():
    numbers = [1, 2.5, -3, 4e3, None, 7]
    for column in (pd.Series(numbers), pd.Series(["1", "2.5", "-3", "4e3", None, "7"])):
        frame = pd.DataFrame({"x": column})
        rules = [
            {"min": 0},
            {"max": 7},
            {"min": 0, "max": 7},
            {"type": "Integral"},
            {"type": "Fractional"},
            {"in": [1, "2.5"]},
        ]
        rules += [{"not_null": 0.5}, {"max_share_of": {"7": 0.9}}]

        assert offending(frame, features={"x": rules}) == [1, 1, 2, 1, 0, 3, 1, 1]


def test_what_is_no_number_breaks_a_bound_and_what_is_missing_does_not():
    frame = pd.DataFrame({"x": ["1", "n/a", None, "2"]})

    assert offending(frame, features={"x": {"min": 0}}) == [1]


def test_rules_about_texts():
    frame = pd.DataFrame(
        {
            "x": ["AB1", "ab1", "AB12", "é", None, "y" * 400, "true"],
            "t": ["2026-01-01"] * 3 + ["2025-12-31T23:59:59Z", "soon", None, None],
        }
    )
    rules = {
        "x": [
            {"matches": "[A-Z]+[0-9]"},
            {"length": 3},
            {"length": {"max": 399}},
            {"in": ["AB1", True]},
            {"type": "Boolean"},
        ],
        "t": [{"newer_than": "2025-12-31T23:59:59Z"}, {"type": "Time"}],
    }

    assert offending(frame, features=rules) == [5, 4, 1, 4, 5, 2, 1]


def test_the_whole_text_has_to_match():
    assert offending(pd.DataFrame({"x": ["ab", "xab", "abx", "ab\n"]}), features={"x": {"matches": "a|ab"}}) == [3]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("a <= b", [(1, 3)]),
        ("not a > b", [(1, 3)]),
        ("a == 3 or b == 1", [(1, 3)]),
        ("a == 1 or b == 9", [(1, 4)]),  # true whatever the missing one is
        ("a > 0 and b > 0", [(0, 3)]),
        ("b is not null", [(1, 4)]),
        ("0 < a < b", [(2, 3)]),
        ("a + b = 3 ± 1", [(2, 3)]),
        ("a * 2 / b >= -a + 3", [(1, 3)]),
        ("s in ('x', 'y')", [(1, 4)]),
        ("s < t", [(1, 4)]),
        ("s != t", [(0, 4)]),
        ("a < s", [(4, 4)]),  # a number beside a text that is none is true of no comparison
    ],
)
def test_rules_about_a_row_are_three_valued_as_in_sql(rule, expected):
    """Worked out by hand, row by row."""
    frame = pd.DataFrame(
        {"a": [1, 1, 3, 1], "b": [1.0, 4.0, 2.0, None], "s": ["x", "y", "x", "z"], "t": ["y", "z", "z", "a"]}
    )
    results = [finding for finding in judged(frame, row_rules=[rule]).results if finding.check == "expectation_check"]

    assert [(round(finding.observed * finding.m), finding.m) for finding in results] == expected


def test_a_tolerance_is_as_it_is_written():
    """.31 - .30 is above .01 in doubles."""
    assert offending(pd.DataFrame({"a": [0.31, 0.32], "b": [0.30, 0.30]}), row_rules=["a = b ± .01"]) == [1]


def test_every_row_of_a_value_that_is_there_twice_is_counted():
    frame = pd.DataFrame({"id": ["a", "b", "a", None, "c", "a", "b", None], "n": [1.0, 2, 3, 4, 5, 6, 0.0, -0.0]})

    assert offending(frame, features={"id": {"unique": True}, "n": {"unique": True}}) == [5, 2]


def test_a_share_may_offend_where_somebody_says_so():
    frame = pd.DataFrame({"x": [1] * 98 + [-1] * 2})

    assert judged(frame, features={"x": {"min": 0, "share": 0.98}}).count == 0
    assert judged(frame, features={"x": {"min": 0, "share": 0.981}}).count == 1
    assert judged(frame, features={"x": {"not_null": 1.0, "max_share_of": {"1": 0.97}}}).count == 1


def test_rows_and_columns_are_judged():
    assert judged(people(), rows={"min": 2_001}).summary().startswith("The window changed: number of rows")
    assert judged(people(), rows={"min": 2_000, "max": 2_000}).count == 0
    closed = judged(people(), columns="closed", features={"age": {"min": 0}})
    assert [violation.description for violation in closed.violations.violations] == [
        "Expectation is not met: 'plan', of which there is no rule"
    ]
    [extra] = [finding for finding in closed.results if finding.is_violation]
    assert (extra.observed, extra.threshold, extra.limit) == (1, 0, 0)


def test_a_warning_is_a_hint_and_no_violation():
    findings = judged(people(), features={"age": {"max": -1, "level": "warning"}})

    assert findings.count == 0
    assert [hint.description for hint in findings.hints] == ["age: 2,000 of 2,000 values not -1 or less"]


def test_a_column_of_the_baseline_that_is_gone_is_a_violation_and_one_that_never_was_a_sentence(baseline):
    gone = judged(people(2).drop(columns="age"), baseline, features={"age": {"min": 0}})

    assert "Expectation is not met: not in the data" in [
        violation.description for violation in gone.violations.violations
    ]
    with pytest.raises(BadConfiguration, match="features.aeg: there is no column 'aeg'; did you mean 'age'?"):
        judged(people(2), baseline, features={"aeg": {"min": 0}})
    with pytest.raises(BadConfiguration, match="there is no column 'ages'"):
        judged(people(2), baseline, row_rules=["ages > 1"])


def test_a_rule_that_does_not_fit_a_columns_type_is_a_sentence():
    with pytest.raises(BadConfiguration, match="age: length 3 is of texts, and the column is fractional; write min"):
        judged(people(), features={"age": {"length": 3}})
    with pytest.raises(BadConfiguration, match="min 0 is of single values"):
        judged(pd.DataFrame({"v": [[1.0, 2.0]]}), features={"v": {"min": 0}})
    with pytest.raises(BadConfiguration, match="before the end of a window, and the run has none"):
        judged(people(), features={"plan": {"newer_than": "P1D"}})
    with pytest.raises(BadConfiguration, match="'2026-13-01', which is no time; write one such as"):
        judged(people(), features={"plan": {"newer_than": "2026-13-01"}})


def test_a_text_without_quotes_in_a_rule_is_named_with_them():
    with pytest.raises(BadConfiguration, match="there is no column 'DE'; .*; a text stands in quotes, as 'DE'"):
        judged(people(), row_rules=["plan = DE"])


@pytest.mark.parametrize(
    ("rules", "count", "step"),
    [
        ({"row_rules": ["age > 100"]}, "1 rule is broken: age > 100 has", "check what the rule is about at its source"),
        (
            {"row_rules": ["age > 100", "age > 200"]},
            "2 rules are broken: ",
            "check what the rule is about at its source",
        ),
        (
            {"row_rules": ["age < 80"], "features": {"age": {"max": 1}}},
            "1 of 2 features changed, and 1 rule is broken: ",
            "check age at its source",
        ),
    ],
)
def test_a_rule_about_rows_is_no_feature_of_the_headline(baseline, rules, count, step):
    headline = judged(people(2), baseline, **rules).headline()

    assert headline.text.startswith(count)
    assert headline.next_step == step


def test_a_rule_in_dqdl_is_no_feature_of_the_headline(baseline, tmp_path):
    (tmp_path / "rules.dqdl").write_text("Rules = [ RowCount < 5 ]")
    monitor = DataQualityMonitor()
    findings = run_monitoring(people(2), monitor, baseline, expectations=tmp_path / "rules.dqdl", engine="local")

    assert findings.headline().text == "1 rule is broken: RowCount < 5 is not met: RowCount is 2000."


def test_a_file_that_is_edited_between_windows_leaves_another_digest(tmp_path):
    def digest(text):
        (tmp_path / "rules.json").write_text(text)
        findings = run_monitoring(people(), DataQualityMonitor(), None, expectations=str(tmp_path / "rules.json"))
        return json.loads(findings.files()["run.json"])["expectations"]

    assert digest('{"rows": {"min": 1}}') == digest('{ "rows": {"min": 1} }') != digest('{"rows": {"min": 2}}')
    assert "expectations" not in json.loads(run_monitoring(people(), DataQualityMonitor(), None).files()["run.json"])


def test_the_ids_of_the_first_offending_records_are_reported_where_records_have_some():
    frame = people().assign(SageMakerInferenceId=[f"id-{row}" for row in range(ROWS)])
    frame.loc[[3, 500, 1_999], "age"] = -1
    [result] = judged(frame, features={"age": {"min": 0}}).results

    assert result.ids == ("id-3", "id-500", "id-1999")


def test_somebody_who_accepts_a_violation_is_not_reported_of_it_again_but_of_more():
    def result(rows):
        window = people(2)
        window.loc[: rows - 1, "age"] = -1
        return judged(window, features={"age": {"min": 0}}).results

    from spark_model_monitor.documents.alert_files import Decision

    decision = Decision(run_id="r", time="2026-01-01T00:00:00Z", alarms=result(10))
    assert [decided.status for decided in apply_decisions(result(9), [decision])] == [CheckStatus.NOT_JUDGED]
    assert [decided.status for decided in apply_decisions(result(100), [decision])] == [CheckStatus.VIOLATED]


def test_rules_of_constraints_are_judged_and_those_of_the_flag_beside_them(baseline):
    constraints = baseline.constraints
    features = tuple(
        feature.model_copy(
            update={"expectations": Expectations.model_validate({"features": {"x": {"max": 100}}}).features["x"]}
        )
        if feature.name == "age"
        else feature
        for feature in constraints.features
    )
    edited = DataQualityMonitor().stored_baseline(
        constraints.model_copy(update={"features": features}), None, baseline.state
    )

    findings = judged(people(2), edited, features={"age": {"min": 89}})

    assert [finding.component for finding in findings.results if finding.check == "expectation_check"] == [
        "max 100",
        "min 89",
    ]
    with pytest.raises(BadConfiguration, match="min is 200 and max is 100"):
        judged(people(2), edited, features={"age": {"min": 200}})
    service = judged_as_service(edited)
    assert "expectation_check" not in {finding.check for finding in service.results}


def judged_as_service(baseline):
    return run_monitoring(people(2), DataQualityMonitor(as_service=True), baseline, engine="local")


def test_the_service_has_no_expectations(baseline):
    with pytest.raises(BadConfiguration, match="the service has no expectations"):
        judged(people(2), baseline, DataQualityMonitor(as_service=True), rows={"min": 1})


def test_deequs_checks_that_fail_are_violations_or_hints_by_their_level(tmp_path):
    (tmp_path / "checks.json").write_text(
        json.dumps(
            [
                {"analyzer": "Maximum", "column": "age", "assertion": "<= 12"},
                {"analyzer": "Minimum", "column": "age", "assertion": ">= 0"},
                {"analyzer": "Size", "assertion": "< 5", "level": "Warning"},
            ]
        )
    )
    evaluation = run_monitoring(
        people(), DataQualityMonitor(), None, checks=str(tmp_path / "checks.json"), engine="local"
    )

    assert [violation.feature_name for violation in evaluation.violations.violations] == ["Maximum(age) <= 12"]
    assert [hint.description.split(":")[0] for hint in evaluation.hints] == ["Size() < 5"]
    service = run_monitoring(
        people(), DataQualityMonitor(as_service=True), None, checks=str(tmp_path / "checks.json"), engine="local"
    )
    assert service.count == 0


def test_what_a_baseline_suggests_holds_on_it_and_is_nothing_that_only_might():
    from spark_model_monitor.running.runs.rule_suggestions import suggest_expectations

    random = np.random.default_rng(4)
    frame = people().assign(id=[f"k{row}" for row in range(ROWS)], low=random.random(ROWS), twice="x")
    frame["high"] = frame["low"] + random.random(ROWS) * 0.1
    frame["visits"] = random.integers(0, 9, ROWS)
    frame.loc[0, "twice"] = None
    with read_data(frame, engine="local") as data:
        baseline = run_baseline(data, DataQualityMonitor())
        rules = suggest_expectations(data, baseline)

    by_name = {name: feature_rules[0].plain() for name, feature_rules in rules.features.items()}
    assert by_name["id"] == {"not_null": 1.0, "unique": True}
    assert by_name["low"] == {"min": 0.0, "max": 1.0, "not_null": 1.0}
    assert by_name["visits"] == {"min": 0.0, "not_null": 1.0, "type": "Integral"}
    assert sorted(by_name["plan"]["in"]) == ["a", "b"]
    assert "not_null" not in by_name["twice"]
    assert [rule.rule for rule in rules.row_rules] == ["low <= high"]
    assert judged(frame, **json.loads(rules.to_json())).count == 0
    assert "high <= low" not in [
        rule.rule for rule in suggest_candidates(baseline.state, baseline.constraints).row_rules
    ]


def test_an_ordering_is_suggested_of_ranges_that_overlap_and_averages_that_differ():
    columns = {
        "low": [1, 2, 3, 4, 5],
        "high": [2, 3, 4, 5, 6],
        "inner": [3, 3, 4, 4, 4],  # within both
        "far": [10, 11, 12, 13, 14],
        "skewed": [2, 2, 2, 2, 6],  # 2.8 on average, and low 3
    }
    frame = pd.DataFrame(columns).loc[lambda rows: rows.index.repeat(20)]
    baseline = run_baseline(frame, DataQualityMonitor(), engine="local")

    candidates = suggest_candidates(baseline.state, baseline.constraints)

    assert [row_rule.rule for row_rule in candidates.row_rules] == ["low <= high", "skewed <= high"]


def test_yaml_without_its_library_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    (tmp_path / "rules.yaml").write_text("rows: {min: 1}")

    with pytest.raises(MissingDependency, match=r"pip install 'spark-model-monitor\[yaml\]', or write it as JSON"):
        run_monitoring(people(), DataQualityMonitor(), None, expectations=str(tmp_path / "rules.yaml"))


@pytest.mark.parametrize("text", ["NO", "on", "off", "Yes", "y"])
def test_of_yaml_only_true_and_false_are_flags(text):
    content = f"features: {{country: {{in: [{text}, DE], unique: true}}, {text}: {{min: 0}}, true: {{min: 0}}, 010: {{min: 0}}}}"
    rules = parse_expectations(content, "rules.yaml")

    [country] = rules.features["country"]
    assert country.domain == (text, "DE")
    assert country.unique is True
    assert [*rules.features] == ["country", text, "true", "010"]


def test_whole_numbers_beyond_the_exact_doubles_are_judged_and_end_no_run():
    ids = pa.table({"id": pa.array([2**60, 2**60 + 1, -(2**60)], pa.int64())})
    results = judged(ids, features={"id": {"min": 0, "unique": True}}, row_rules=["id > 1"]).results

    assert [result.reason for result in results] == [
        "1 of 3 values not 0 or more",
        None,
        "1 of 3 rows that break it",
    ]
