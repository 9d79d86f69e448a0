"""DQDL as its guide writes it is read, and what is no DQDL is named by line and column, with what to write."""

import pytest

from spark_model_monitor.documents.dqdl import CompositeRule, OperandKind
from spark_model_monitor.documents.dqdl_parser import parse_rule_set
from spark_model_monitor.documents.rules_file import Expectations
from spark_model_monitor.errors import BadDocument
from spark_model_monitor.running.runs.rule_suggestions import write_dqdl

GUIDE = """
Metadata = { "Version": "1.0" }
DataSources = { "Primary": "orders", "AdditionalDataSources": [ "reference" ] }
countries = [ "US", "CA", NULL ]
column = "Order-Id"
DefaultLabels = [ "team"="sales" ]
# a comment, "with quotes" and [ brackets
Rules = [
    IsComplete $column,
    IsUnique "order-id" labels=["severity"="high"],
    (RowCount "id" > 100) or (IsPrimaryKey "id"),   # the guide's own example
    (Mean "Star_Rating" > 3) and ((Mean "Order_Total" > 500) or (IsComplete "Order_Id")),
    ColumnValues "Country" in $countries,
    ColumnValues "Load_Date" > (now() - 3 days),
    ColumnValues "Customer_ID" between 1 and 2000 where "weightinkgs < 10",
    ColumnValues "First_Name" matches "[a-z\\"]*" with threshold > 0.9 with owner = "me",
    RowCount > avg(last(10)) * 0.6 + 2 * std(last(10)),
    DataFreshness "Order_Date" between 2 days and 5 days,
    ColumnCorrelation of height and weight > -0.8,
    DetectAnomalies "RowCount",
    AggregateMatch "avg(total_sales)" "sum(`other`)" >= 0.1
]
Analyzers = [ DistinctValuesCount "x", AllStatistics "y", ColumnLength of "id" ]
"""


def test_a_file_of_the_guide_is_read():
    # Parameters, labels, conditions and their operands, in the order of the file
    rule_set = parse_rule_set(GUIDE, "rules.dqdl")
    rules = rule_set.rules

    assert len(rules) == 13
    assert rules[0].parameters == ("Order-Id",)
    assert rules[0].labels == {"team": "sales"}
    assert rules[1].labels == {"team": "sales", "severity": "high"}
    assert isinstance(rules[3], CompositeRule)
    assert [part.operator for part in rules[3].parts if isinstance(part, CompositeRule)] == ["or"]
    assert [operand.kind for operand in rules[4].condition.operands] == [OperandKind.TEXT] * 2 + [OperandKind.NULL]
    assert rules[5].condition.operands[0].seconds == -3 * 86400
    assert rules[6].where == ("<", ("column", "weightinkgs"), ("constant", 10))
    assert rules[7].condition.operands[0].text == '[a-z"]*'
    assert rules[7].threshold.operator == ">"
    assert rules[7].labels == {"team": "sales", "owner": "me"}
    assert rules[8].condition.past_runs == 10
    assert [operand.seconds for operand in rules[9].condition.operands] == [2 * 86400, 5 * 86400]
    assert rules[10].parameters == ("height", "weight")
    assert rule_set.past_runs == 100
    assert [rule.type for rule in rule_set.analyzers] == ["DistinctValuesCount", "ColumnLength"]
    assert (rules[2].text, rules[8].line) == ('(RowCount "id" > 100) or (IsPrimaryKey "id")', 17)


BROKEN = {
    "": "rules.dqdl: has no rule; write Rules = ",
    "Rules = []": "has no rule",
    "Rules [": "line 1, column 7: found [, expected = after Rules",
    'IsComplete "id"': 'found "id", expected = after IsComplete; rules stand in Rules = [ … ]',
    'rules = [ IsComplete "id" ]': "line 1, column 1: found rules, expected Rules",
    "Rules = IsComplete": "line 1, column 9: found IsComplete, expected [ before the rules",
    'Rules = [\n  IsComplete "id"': "line 2, column 18: found the end of the file, expected , and another one, or ]",
    'Rules = [\n  IsComplete "id\n]': "line 2, column 14: found a text without an end; close it by a double quote",
    'Rules = [ IsComplete "id" IsUnique "id" ]': "line 1, column 27: found IsUnique, expected ,",
    "Rules = [ IsComplete 'id' ]": "line 1, column 22: found ', which is no part of DQDL; texts stand in double quotes",
    'Rules = [ IsComplete "id", ]': "column 28: found ], expected a rule",
    'Rules = [ (IsComplete "id" ]': "expected ) after the rule",
    'Rules = [ Completeness "id" > ]': "column 31: found ], expected a number, a text in double quotes",
    'Rules = [ Completeness "id" 0.9 ]': "found 0.9, expected ,",
    'Rules = [ Completeness "id" between 1 ]': "found ], expected and, with the upper end of between",
    'Rules = [ ColumnValues "id" in "a" ]': 'found "a", expected [ before the values of in',
    'Rules = [ ColumnValues "id" in [] ]': "expected at least one value in the list",
    'Rules = [ ColumnValues "id" not > 3 ]': "found >, expected between, in or matches after not",
    'Rules = [ ColumnValues "id" matches 3 ]': "expected a regular expression in double quotes",
    'Rules = [ ColumnValues "id" in $ids ]': "column 33: there is no variable ids; write it above the rules",
    'ids = ["a"]\nRules = [ ColumnValues "id" in $idz ]': "there is no variable idz; did you mean 'ids'?",
    'Rules = [ IsComplete "id" ]\nRules = [ IsUnique "id" ]': "line 2, column 1: found Rules, expected Rules only once",
    "Rules = [ RowCount > average(last(3)) ]": "there is no function average; ",
    "Rules = [ RowCount > last(x) ]": "found x, expected a number",
    "Rules = [ RowCount > avg(last(0)) ]": "expected last with a whole number of runs",
    "Rules = [ RowCount > percentile(last(3)) ]": "expected percentile of 2 argument(s)",
    'Rules = [ ColumnValues "d" > (now() - 3) ]': "expected a duration, such as 3 days",
    'Rules = [ IsComplete "a" where "b like \'x%\'" ]': "column 32: found \"b like 'x%'\": it has like, which is not evaluated",
    'Rules = [ IsComplete "a" where "upper(b) = 1" ]': "it has a call of 'upper'",
    'Rules = [ IsComplete "a" labels=[team] ]': 'expected a label such as "team"="sales"',
    "Rules = [ RowCount > 1 with threshold ]": "expected a comparison",
    'Rules = [\n\n IsComplet "id" ]': "line 3: there is no rule type IsComplet; did you mean 'IsComplete'?",
    "Rules = [ Mean > 3 ]": "line 1: Mean has 0 parameters; write 1, in double quotes",
    'Rules = [ ColumnCorrelation "a" > 3 ]': "ColumnCorrelation has 1 parameters; write 2",
    'Rules = [ Completeness "a" ]': "Completeness has no condition; write one",
    'Rules = [ IsUnique "a" > 3 ]': "IsUnique takes no condition; leave out >",
    'Rules = [ Mean "a" > "high" ]': "Mean is compared with a text; write a number",
    'Rules = [ DataFreshness "a" < 3 ]': "DataFreshness is compared with a number; write a duration",
    'Rules = [ ColumnValues "a" > "high" ]': "> compares with 'high'; write a number or a date such as 2026-01-31",
    'Rules = [ ColumnValues "a" > NULL ]': "> compares with NULL; write a number or a date",
    'Rules = [ ColumnValues "a" between 20 and 10 ]': "is between ends of which the first is not below the second",
    'Rules = [ ColumnValues "a" not between 5 and 5 ]': "is not between ends of which the first is not below the second",
    'Rules = [ ColumnValues "a" between "2026-02-01" and "2026-01-01" ]': "the first is not below the second; write a lower one",
    'Rules = [ DataFreshness "a" between 2 days and 3 hours ]': "the first is not below the second; write a lower one",
    'Rules = [ ColumnValues "a" matches "(?=x)" ]': "is no regular expression in RE2's syntax",
    'Rules = [ ColumnDataType "a" = "Text" ]': "ColumnDataType has = 'Text'; write = and one of boolean, date",
    'Rules = [ Mean "a" > 3 with threshold > 0.5 ]': "Mean takes no threshold; ColumnDataType, ",
    'Rules = [ ColumnValues "a" > 3 with threshold > "x" ]': "a threshold is compared with a number from 0 to 1",
    'Rules = [ ColumnValues "a" in [avg(last(3))] ]': "in compares each row with earlier runs",
    'Rules = [ ColumnExists "a" where "b > 1" ]': "ColumnExists takes no where; leave it out",
    'Rules = [ CustomSql "select 1" > 0 ]': "CustomSql is not evaluated: SQL needs another scan; write ColumnValues",
    'Rules = [ ReferentialIntegrity "a" "b.c" = 1 ]': "it compares with a second data set",
    'Rules = [ FileFreshness "s3://x" > 3 hours ]': "it is about files",
    'Rules = [ AggregateMatch "sum(a)" "sum(reference.a)" > 1 ]': "it compares with a second data set",
    'Rules = [ AggregateMatch "max(a)" "sum(b)" > 1 ]': "write sum(column) or avg(column)",
    'Rules = [ DetectAnomalies "IsComplete" "a" ]': "DetectAnomalies is of 'IsComplete'; it takes RowCount",
    "Rules = [ RowCount ] Analyzers = [ RowCount ]": "RowCount has no condition; write one, such as > 0",
    'Analyzers = [ Mean "a" > 3 ]': "Mean has a condition among the analyzers; move it to Rules",
}


TAKEN = (
    'ColumnValues "a" between 10 - 9 and 10 - 5',
    "RowCount between last() and 5",
    'Mean "a" not between -2 and -1',
    'ColumnValues "a" between "2026-01-01T10:00+05:00" and "2026-01-01T08:00Z"',
)


@pytest.mark.parametrize("rule", [*TAKEN, 'ColumnValues "a" between "2026-01-01" and now()'])
def test_ends_that_may_have_values_between_them_are_taken(rule):
    # Formulas, earlier runs and times are known when a run begins
    assert [taken.text for taken in parse_rule_set(f"Rules = [ {rule} ]", "").rules] == [rule]


@pytest.mark.parametrize(("text", "sentence"), BROKEN.items())
def test_a_broken_file_is_named_by_its_place_and_what_to_write(text, sentence):
    with pytest.raises(BadDocument) as error:
        parse_rule_set(text, "rules.dqdl")

    assert sentence in str(error.value)
    assert str(error.value).startswith("rules.dqdl: ")


def test_all_rules_that_cannot_be_evaluated_are_named_together():
    text = 'Rules = [\n Mean > 3,\n CustomSql "select 1",\n IsComplete "id"\n]'

    with pytest.raises(BadDocument) as error:
        parse_rule_set(text, "rules.dqdl")

    *faults, remark = str(error.value).splitlines()
    assert [line.split(": ")[1] for line in faults] == ["line 2", "line 3"]
    assert remark.startswith("--skip-unsupported")


@pytest.mark.parametrize("text", ["Rules = [" + "(" * 100_000, b"\xff\xfe", "Rules = [ RowCount > " + "(" * 9000])
def test_bytes_of_no_sense_are_an_error_of_ours(text):
    with pytest.raises(BadDocument):
        parse_rule_set(text, "rules.dqdl")


@pytest.mark.parametrize(
    ("condition", "like"),
    [
        ("a BETWEEN 1 AND 3 and b IS NOT NULL", "(1 <= a and a <= 3) and b is not null"),
        ("`x y` not between 1 and 3", "not (1 <= `x y` and `x y` <= 3)"),
        ("a <> 'AND' OR b IN ('x', 'y') AND c = true", "a != 'AND' or b in ('x', 'y') and c == True"),
        ("NOT a = 1", "not a == 1"),
    ],
)
def test_a_condition_in_sql_is_a_rule_about_rows(condition, like):
    from spark_model_monitor.documents.row_rules import parse_rule, parse_sql_condition

    assert parse_sql_condition(condition) == parse_rule(like)


def test_suggested_rules_are_written_as_dqdl():
    # A column that is complete, and one with missing values, whose rules have to leave them out
    suggested = Expectations.model_validate(
        {
            "features": {
                "age": {"not_null": 1.0, "type": "Integral", "min": 0.0},
                'a "b"': {"in": ["x", 'y"'], "unique": True, "max": 1.0},
            },
            "row_rules": ["start <= end"],
        }
    )

    assert write_dqdl(suggested).splitlines() == [
        "# start <= end: DQDL has no rule about two columns of a row",
        "Rules = [",
        '    IsComplete "age",',
        '    ColumnDataType "age" = "Long",',
        '    ColumnValues "age" >= 0,',
        r'    ColumnValues "a \"b\"" <= 1 where "`a \"b\"` is not null",',
        r'    ColumnValues "a \"b\"" in ["x", "y\""] where "`a \"b\"` is not null",',
        r'    IsUnique "a \"b\""',
        "]",
    ]
    assert len(parse_rule_set(write_dqdl(suggested), "rules.dqdl").rules) == 6
