"""One outcome of a run and of each of its features, by statuses of checks."""

import pytest

from spark_model_monitor.documents.check_results import IN_SEGMENT, CheckResult, CheckStatus
from spark_model_monitor.documents.outcome import (
    Outcome,
    find_unsure_features,
    find_worst_outcome,
    judge_features,
    judge_run,
)

DRIFT = "baseline_drift_check"


def result(status, feature="age", check=DRIFT, **members):
    return CheckResult(feature=feature, check=check, status=CheckStatus(status), threshold=0.1, **members)


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        (["passed", "violated", "cannot tell"], Outcome.CHANGED),
        (["passed", "cannot tell", "not judged"], Outcome.CANNOT_TELL),
        (["passed", "not judged"], Outcome.UNCHANGED),
        (["not judged"], None),
        ([], None),
    ],
)
def test_the_worst_check_decides(statuses, outcome):
    checks = ["a_check", "b_check", "c_check"]
    check_results = [result(status, check=check) for status, check in zip(statuses, checks, strict=False)]

    assert judge_run(check_results) is outcome
    assert [feature.outcome for feature in judge_features(check_results)] == ([outcome] if outcome else [])


def test_each_feature_has_its_own_outcome_with_reason_and_advice():
    check_results = [
        result("passed", "age"),
        result("cannot tell", "sex", reason="few rows", advice="more rows"),
        result("violated", "plan"),
        result("not judged", "id"),
    ]

    assert [
        (feature.name, feature.outcome.value, feature.reason, feature.advice)
        for feature in judge_features(check_results)
    ] == [
        ("age", "unchanged", None, None),
        ("sex", "cannot tell", "few rows", "more rows"),
        ("plan", "changed", None, None),
    ]
    assert [feature.name for feature in find_unsure_features(check_results)] == ["sex"]
    assert judge_run(check_results) is Outcome.CHANGED


def test_another_reference_decides_only_where_the_baseline_does_not():
    other_reference = result("cannot tell", against="previous:8")

    assert judge_run([result("passed"), other_reference]) is Outcome.UNCHANGED
    assert judge_run([result("not judged"), other_reference]) is Outcome.CANNOT_TELL
    assert judge_run([result("passed"), result("violated", against="previous:8")]) is Outcome.CHANGED


def test_a_small_segment_says_nothing_of_its_feature_but_a_change_in_it_does():
    in_segment = {"check": "segment_drift_check", "segment": "plan=gold"}

    assert judge_run([result("passed"), result("cannot tell", **in_segment)]) is Outcome.UNCHANGED
    assert judge_run([result("passed"), result("violated", **in_segment)]) is Outcome.CHANGED
    assert judge_run([result("passed"), result("cannot tell", where=f"{IN_SEGMENT}plan")]) is Outcome.UNCHANGED


def test_what_only_stands_beside_the_verdict_takes_no_part():
    assert judge_run([result("passed"), result("violated", check="attribution_change_check")]) is Outcome.UNCHANGED


def test_metrics_of_groups_are_named_as_in_histories():
    members = {"metric": "DPL", "facet_value": "F"}

    assert [feature.name for feature in judge_features([result("passed", "sex", **members)])] == ["DPL (sex=F)"]


def test_the_worst_of_several_runs():
    assert find_worst_outcome([Outcome.UNCHANGED, None, Outcome.CANNOT_TELL]) is Outcome.CANNOT_TELL
    assert find_worst_outcome([None]) is None
