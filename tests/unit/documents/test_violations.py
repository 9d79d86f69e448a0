"""constraint_violations.json and checks.json as documents."""

import json

import pytest

from spark_model_monitor.documents.check_results import CheckResult, CheckResults, CheckStatus, Violation, Violations
from spark_model_monitor.errors import BadDocument

VIOLATION = {"feature_name": "Churn", "constraint_check_type": "data_type_check", "description": "Value: 0.8 …! "}


def test_violations_are_written_as_the_service_prints_them():
    violation = Violation(feature_name="d", constraint_check_type="data_type_check", description="é")

    assert Violations(violations=(violation, violation)).to_json() == (
        '{\n  "violations" : [ {\n    "feature_name" : "d",\n    "constraint_check_type" : "data_type_check",\n'
        '    "description" : "é"\n  }, {\n    "feature_name" : "d",\n    "constraint_check_type" : "data_type_check",\n'
        '    "description" : "é"\n  } ]\n}'
    )  # as in dq-cookbook/run, G14


def test_no_violation_is_an_empty_list():
    assert json.loads(Violations().to_json()) == {"violations": []}


def test_what_other_monitors_write_is_preserved():
    content = {
        "version": "1.0",
        "violations": [
            {"constraint_check_type": "LessThanThreshold", "description": "Metric f1 …", "metric_name": "f1"},
            VIOLATION | {"facet": "Sex"},
        ],
    }

    read = Violations.from_json(json.dumps(content))

    assert json.dumps(json.loads(read.to_json())) == json.dumps(content)
    assert [violation.feature_name for violation in read.violations] == [None, "Churn"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"violations": [{"feature_name": "a"}]}, r"violations\[0\].constraint_check_type is missing; .* a text"),
        ({"violations": [VIOLATION | {"description": 7}]}, r"violations\[0\].description is 7; it has to be a text"),
        ({"violations": {}}, "violations is an object; it has to be a list"),
        ({"monitoring_config": {}}, "it is a constraints.json; give a constraint_violations.json"),
        ({"checks": []}, "it is a checks.json"),
    ],
)
def test_a_wrong_file_of_violations_is_reported_what_is_wrong(content, message):
    with pytest.raises(BadDocument, match=message):
        Violations.from_json(json.dumps(content), "old/constraint_violations.json")


def test_an_outcome_has_its_numbers_and_leaves_out_what_there_is_none_of():
    outcome = CheckResult(
        feature="plan",
        check="baseline_drift_check",
        status=CheckStatus.NOT_JUDGED,
        observed=float("nan"),
        threshold=0.1,
        n=0,
        reason="no values in the baseline",
    )

    assert CheckResults(checks=(outcome,)).plain() == {
        "version": 0.0,
        "checks": [
            {
                "feature": "plan",
                "check": "baseline_drift_check",
                "status": "not judged",
                "threshold": 0.1,
                "n": 0,
                "reason": "no values in the baseline",
            }
        ],
    }


def test_a_status_that_there_is_not_is_reported_the_ones_that_are():
    content = {"checks": [{"feature": "a", "check": "b", "status": "failed", "threshold": 0}]}

    with pytest.raises(BadDocument, match=r'checks\[0\].status is "failed"; it has to be one of "violated", "passed"'):
        CheckResults.from_json(json.dumps(content))
