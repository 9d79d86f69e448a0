"""What DQDL rules say of ten rows: each outcome and metric was worked out by hand from the guide's words."""

import math

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest
from tests.dqdl_examples import DIFFERENCES, SAME_AS_DEEQU, SAME_OUTCOME, make_table

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.data.profiling.uniqueness import ValueCountRequest, count_values
from spark_model_monitor.data.reading.data_reader import read_data
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.dqdl_parser import parse_rule_set
from spark_model_monitor.errors import BadConfiguration


def judge(text, data=None, past=None, section="Rules", alarms=None):
    rule_set = parse_rule_set(f"{section} = [ {text} ]", "rules.dqdl")
    if past is not None:
        object.__setattr__(rule_set, "past_metrics", past)
    object.__setattr__(rule_set, "past_alarms", alarms or {})
    if data is None:
        data = make_table()
    return run_monitoring(data, DataQualityMonitor(), None, expectations=rule_set, engine="local")


def judge_one(text, data=None, past=None):
    [verdict] = judge(text, data, past).results
    return verdict


BY_HAND = [
    ("RowCount = 10", "passed", 10),
    ('RowCount "id" < 10', "violated", 10),
    ('RowCount > 3 where "amount > 3 and flag = true"', "violated", 3),  # rows 4, 6 and 8
    ("RowCount in [9, 10]", "passed", 10),
    ("RowCount in [9, 11]", "violated", 10),
    ("RowCount not in [9, 10]", "violated", 10),
    ("RowCount not in [9, 11]", "passed", 10),
    ("RowCount between 9 and 11", "passed", 10),
    ("RowCount between 10 and 20", "violated", 10),
    ("RowCount not between 10 and 20", "passed", 10),
    ("RowCount >= 100/10", "passed", 10),
    ("RowCount = 20 - 5 - 5", "passed", 10),
    ('RowCount > 2 where "id > 5"', "passed", 4),
    ('Completeness "amount" > 0.8', "passed", 0.9),
    ('Completeness "amount" >= 0.8 where "id < 4"', "violated", 3 / 4),
    ('IsComplete "id"', "passed", 1),
    ('IsComplete "amount"', "violated", 0.9),
    ('IsComplete "amount" where "id > 5"', "passed", 1),
    ('ColumnDataType "code" = "INTEGER"', "violated", 0.8),
    ('ColumnValues "country" = NULL', "violated", 0.1),
    ('ColumnValues "country" in ["a", "b", "c", "x1", NULL, EMPTY]', "violated", 0.9),
    ('ColumnValues "code" matches "[0-9]"', "violated", 0.8),
    ('DataFreshness "ts" < 2 hours', "violated", 0.2),
    ('AggregateMatch "avg(id)" "avg(other)" < 1', "violated", 4.5),
    ("ColumnCount != 10", "violated", 10),
    ('Variance "id" = 8.25', "passed", 8.25),  # (10^2 - 1) / 12
    ('StandardDeviation "id" > 2.8 where "id >= 0"', "passed", math.sqrt(8.25)),
    ('Mean "amount" = 7', "passed", 7),  # (45 - 3) * 1.5 / 9
    ('Mean "other" < 1 where "id < 4"', "violated", 7),
    ('Sum "amount" = 4.5 where "id in (1, 2)"', "passed", 4.5),
    ('Entropy "flag" > 0.69', "passed", math.log(2)),
    ('DistinctValuesCount "flag" = 2', "passed", 2),
    ('DistinctValuesCount "zip" = 3', "passed", 3),  # 12345, 1234, NULL
    ('UniqueValueRatio "country" = 0.5', "violated", 4 / 6),
    ('Uniqueness "country" "flag" > 0.5', "violated", 0.5),  # a·b·c·NULL·a·b·EMPTY·spaces·a·x1 beside even and odd
    ('IsUnique "id" "country"', "passed", 1),
    ('IsPrimaryKey "id" "zip"', "violated", 1),
    ('ColumnCorrelation "id" "other" = -1', "passed", -1),
    ('ColumnNamesMatchPattern "^[a-z]+$"', "passed", 1),
    ('ColumnNamesMatchPattern "^[a-f]"', "violated", 0.5),  # amount, country, code, day, flag
    ('ColumnExists "zip"', "passed", 1),
    ('ColumnDataType "code" = "Double" where "code is not null"', "violated", 8 / 9),
    ('ColumnDataType "country" = "Boolean" with threshold > 0', "violated", 0),
    ('ColumnLength "zip" >= 4 with threshold >= 0.8', "passed", 0.8),  # NULL has the length 0
    ('ColumnLength "country" = 1', "violated", 0.6),
    ('ColumnLength "country" between 0 and 3 where "country is not null"', "violated", 8 / 9),
    ('ColumnValues "id" not between 3 and 5', "violated", 0.9),
    ('ColumnValues "amount" < 5 where "id < 3"', "passed", 1),
    ('ColumnValues "amount" = 3 with threshold > 0.09', "passed", 0.1),
    ('ColumnValues "code" > 6', "violated", 0.1),  # as a number; z is none
    ('ColumnValues "country" = WHITESPACES_ONLY', "violated", 0.1),
    ('ColumnValues "country" != "a"', "violated", 0.7),  # NULL meets it
    ('ColumnValues "country" not in ["a", "b", NULL]', "violated", 0.4),
    ('ColumnValues "country" not matches "[ab]"', "violated", 0.4),  # NULL doesn't
    ('ColumnValues "flag" = "true" with threshold = 0.5', "passed", 0.5),
    ('ColumnValues "day" >= "2026-01-02" with threshold > 0.7', "passed", 0.8),
    ('ColumnValues "day" = "2026-01-03" where "id = 2"', "passed", 1),
    ('ColumnValues "ts" < (now() - 4 hours) with threshold between 0.5 and 0.7', "passed", 0.6),
    ('DataFreshness "ts" between 0 hours and 5 hours with threshold = 0.5', "passed", 0.5),
    ('DataFreshness "day" > 1 days', "violated", 0.9),
    ('AggregateMatch "sum(other)" "avg(other)" = 10', "passed", 10),
    ('Completeness "nope" > 0.1', "violated", None),
    ('Mean "country" > 0', "violated", None),
]


@pytest.mark.parametrize(("rule", "status", "metric"), BY_HAND)
def test_a_rule_is_judged_as_the_guide_says(rule, status, metric):
    verdict = judge_one(rule)

    assert verdict.status.value == status
    assert verdict.observed == (metric and pytest.approx(metric, rel=1e-12))


def test_there_are_more_than_sixty_rules_with_an_outcome_from_elsewhere():
    assert (
        len({*SAME_AS_DEEQU, *SAME_OUTCOME, *(rule for rule, *_ in DIFFERENCES), *(rule for rule, *_ in BY_HAND)}) > 120
    )


@pytest.mark.parametrize(("rule", "status", "metric", "_"), DIFFERENCES)
def test_where_deequ_contradicts_the_guide_the_guide_wins(rule, status, metric, _):
    verdict = judge_one(rule)

    assert (verdict.status.value, verdict.observed) == (status, metric)


def test_cells_of_csv_are_judged_like_those_of_types(tmp_path):
    """What a file of texts can say: its numbers, and its empty cells, which are missing."""
    rules = [rule for rule, *_ in BY_HAND if not any(word in rule for word in ("country", "flag", '"ts"'))]
    pa.csv.write_csv(make_table(), tmp_path / "rows.csv", pa.csv.WriteOptions(quoting_style="none"))

    typed = judge(", ".join(rules)).results
    texts = judge(", ".join(rules), str(tmp_path / "rows.csv")).results

    for of_text, of_type in zip(texts, typed, strict=True):
        assert (of_text.feature, of_text.status, of_text.observed) == (
            of_type.feature,
            of_type.status,
            of_type.observed,
        )


@pytest.mark.parametrize(
    ("rule", "status", "reason"),
    [
        (
            '(IsComplete "id") and (IsUnique "country")',
            "violated",
            'IsUnique "country": IsUnique "country" is 0.444444',
        ),
        ('(IsComplete "amount") or (RowCount > 1)', "passed", None),
        ('(IsComplete "amount") or (RowCount > 11)', "violated", 'IsComplete "amount": 1 of 10 rows'),
        ("(RowCount > last()) and (RowCount > 1)", "not judged", "RowCount > last(): it compares with 1 earlier runs"),
        ("(RowCount > last()) or (RowCount > 1)", "passed", None),
        ("(RowCount > last()) and (RowCount > 11)", "violated", "RowCount > 11: RowCount is 10"),
        ("(RowCount > last()) or (RowCount > 11)", "not judged", "RowCount > last(): "),
        ('((RowCount > 11) or (IsComplete "zip")) and (ColumnCount > 1)', "violated", "(RowCount > 11) or"),
    ],
)
def test_a_composite_rule_names_the_part_that_failed(rule, status, reason):
    verdict = judge_one(rule)

    assert verdict.status.value == status
    assert (verdict.reason is None) == (reason is None)
    assert (reason or "") in (verdict.reason or "")


PAST = {"RowCount": (8.0, 9.0, 16.0), 'Minimum "id"': (0.0, 0.0), 'Mean "id"': (4.4, 4.5, 4.6, 4.5)}


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        ("RowCount > avg(last(3)) * 0.9", "passed"),  # 11 * 0.9 = 9.9
        ("RowCount > avg(last(3)) * 0.6", "passed"),
        ("RowCount >= last(3)", "violated"),  # the newest, 16
        ("RowCount between min(last(3)) - 1 and max(last(3)) + 1", "passed"),
        ("RowCount > median(last(3))", "passed"),
        ("RowCount < index(last(3), 1) + 1", "violated"),  # 9 + 1
        ("RowCount > index(last(3), 2)", "passed"),  # 8, the oldest
        ("RowCount > index(last(3), 3)", "not judged"),  # there is no such run
        ("RowCount != 1 / (last() - 16)", "not judged"),  # it divides by 0
        ("RowCount > percentile(last(3), 0.5)", "passed"),
        ("RowCount < sum(last(2)) - std(last(2))", "passed"),  # 25 - 3.5
        ("RowCount = abs(0 - 10)", "passed"),
        ("RowCount > avg(last(4))", "not judged"),
        ('Completeness "id" > last()', "not judged"),
        ('ColumnValues "id" >= min(last(2))', "passed"),
        ('ColumnValues "id" > min(last(2))', "violated"),
        ('DetectAnomalies "RowCount"', "passed"),
        ('DetectAnomalies "Mean" "id"', "passed"),
        ('DetectAnomalies "Mean" "other"', "not judged"),
    ],
)
def test_earlier_runs_are_what_last_means(rule, status):
    assert judge_one(rule, past=PAST).status.value == status


@pytest.mark.parametrize(
    ("mean", "status"), [(5.02, "passed"), (5.05, "violated"), (3.98, "passed"), (3.95, "violated")]
)
def test_an_anomaly_is_outside_of_the_prediction_interval_of_earlier_runs(mean, status):
    """Of mean 4.5 and deviation .0816 in four runs; Student's 5.841 at 99 % reaches 5.841 · .0816 · √1.25 = .533."""
    past = {'Mean "x"': (4.4, 4.5, 4.6, 4.5)}

    assert judge_one('DetectAnomalies "Mean" "x"', pd.DataFrame({"x": [mean] * 3}), past).status.value == status


PAST_ROWS = {"RowCount": (9.0, 11.0, 10.0, 10.0, 1000.0)}
PAST_ALARMS = {"RowCount": ("", "", "", "", "the window of 04:00")}


def test_a_run_with_violations_is_no_example_of_what_is_normal():
    rows = pd.DataFrame({"x": range(1000)})
    [verdict] = judge('DetectAnomalies "RowCount"', rows, PAST_ROWS, alarms=PAST_ALARMS).results
    [accepted] = judge('DetectAnomalies "RowCount"', rows, PAST_ROWS).results

    assert verdict.status is CheckStatus.VIOLATED
    assert verdict.reason == "RowCount is 1000; it was 10 on average in 4 earlier runs"
    assert accepted.status is CheckStatus.PASSED


def test_the_last_runs_stay_the_last_and_the_sentence_names_one_with_violations():
    [verdict] = judge("RowCount > avg(last(2))", None, PAST_ROWS, alarms=PAST_ALARMS).results

    assert verdict.status is CheckStatus.VIOLATED
    words = "of these 2 runs, 1 had violations, the last of them the window of 04:00"
    assert verdict.reason == f"RowCount is 10; {words}"


def test_rows_that_break_a_rule_are_named_by_their_ids():
    rows = pd.DataFrame({"SageMakerInferenceId": list("pqrs"), "x": [1.0, -2.0, 3.0, -4.0], "y": [1, 1, 0, 0]})
    verdict = judge_one('(ColumnValues "x" > 0 where "y = 1") and (IsComplete "x")', rows)

    assert verdict.ids == ("q",)
    assert verdict.status is CheckStatus.VIOLATED


def test_labels_and_metrics_are_in_the_result():
    text = 'DefaultLabels = ["team"="sales"]\nRules = [ RowCount > 99 labels=["severity"="high"] with owner = "me" ]'
    findings = run_monitoring(
        make_table(), DataQualityMonitor(), None, expectations=parse_rule_set(text, "r.dqdl"), engine="local"
    )

    [verdict] = findings.results
    assert verdict.labels == {"team": "sales", "severity": "high", "owner": "me"}
    assert verdict.metrics == {"RowCount": 10.0}
    [violation] = findings.violations.violations
    assert violation.constraint_check_type == "expectation_check"
    assert "RowCount is 10" in violation.description
    assert "RowCount &gt; 99" in findings.report().html


def test_an_analyzer_is_measured_and_not_judged():
    [verdict] = judge('Mean "id"', section="Analyzers").results

    assert (verdict.status.value, verdict.observed) == ("not judged", 4.5)
    [verdict] = judge('ColumnLength "zip"', section="Analyzers").results
    assert verdict.metrics == {'MinimumLength "zip"': 0.0, 'MaximumLength "zip"': 5.0}


def test_a_rule_needs_numbers_and_says_how_many_values_are_none():
    verdict = judge_one('Mean "x" > 0', pd.DataFrame({"x": ["1", "n/a", None, "3"]}))

    assert (verdict.status.value, verdict.reason) == ("violated", "1 values are no numbers")


def test_a_missing_column_breaks_a_rule_and_the_nearest_name_is_said():
    assert "there is no column 'amuont'; did you mean 'amount'?" in judge_one('Mean "amuont" > 0').reason


def test_rules_of_the_guide_and_of_ours_are_not_the_same_file(tmp_path):
    (tmp_path / "rules.dqdl").write_text('{"rows": 3}')

    with pytest.raises(BadConfiguration, match="--expectations: .*line 1, column 1: found {, expected Rules"):
        run_monitoring(
            make_table(), DataQualityMonitor(), None, expectations=str(tmp_path / "rules.dqdl"), engine="local"
        )


@pytest.mark.parametrize("pass_bytes", [2**28, 16 * 40])  # a single pass, and many
def test_values_of_columns_together_are_counted_exactly(pass_bytes):
    frame = pd.DataFrame({"a": ["x", "x:1", None, None, "x"] * 20, "b": ["1:y", "y", None, "y", "1:y"] * 20})
    [pairs, single] = count_values(
        read_data(frame, engine="local"), [ValueCountRequest((0, 1)), ValueCountRequest((1,))], 100, pass_bytes
    )

    assert (pairs.rows, pairs.distinct, pairs.num_singletons) == (80, 3, 0)  # a row without any value doesn't count
    assert pairs.entropy == pytest.approx(-(0.5 * math.log(0.5) + 2 * 0.25 * math.log(0.25)))
    assert (single.rows, single.distinct) == (80, 2)


def test_violated_rules_stand_beside_those_of_a_baseline():
    rows = make_table()
    baseline = run_baseline(pa.concat_tables([rows] * 30), DataQualityMonitor(), engine="local")
    rule_set = parse_rule_set('Rules = [ ColumnValues "id" > 3, (RowCount > 1) and (IsUnique "zip") ]', "rules.dqdl")
    findings = run_monitoring(rows, DataQualityMonitor(), baseline, expectations=rule_set, engine="local")

    expectations = [check for check in findings.results if check.check == "expectation_check"]
    assert [check.status.value for check in expectations] == ["violated", "violated"]
    assert "4 of 10 rows don't meet it" in findings.summary()
