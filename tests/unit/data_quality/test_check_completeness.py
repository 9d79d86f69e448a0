"""completeness_check: C4.4, the text of 2019 (C11.2)."""

from spark_model_monitor.documents.check_results import CheckStatus

from .comparisons import collect_outcomes, compare_profiles, make_profile, number_feature, texts

BASELINE = texts(age=["1", "2", "3", None])


def completeness(current, **options):
    return collect_outcomes(compare_profiles(BASELINE, current, **options)).get(("age", "completeness_check"))


def test_completeness_exactly_at_the_baselines_passes():
    outcome = completeness(texts(age=["1", "5", "9", None]))

    assert (outcome.status, outcome.observed, outcome.threshold, outcome.m) == (CheckStatus.PASSED, 0.75, 0.75, 4)
    assert outcome.description is None


def test_completeness_above_the_baselines_passes():
    assert completeness(texts(age=["1"])).status is CheckStatus.PASSED


def test_completeness_below_the_baselines_is_a_violation_with_the_services_text():
    outcome = completeness(texts(age=["1", None, None]))

    assert outcome.status is CheckStatus.VIOLATED
    assert outcome.description == "Value: 0.3333333333333333 does not meet the constraint requirement! "
    assert outcome.observed == 1 / 3


def test_a_feature_without_a_single_value_has_a_share_of_nought():
    # the text is that of congestion_surcharge in schema-examples, a container of 2019
    assert completeness(texts(age=[None])).description == "Value: 0.0 does not meet the constraint requirement! "


def test_nan_is_missing():
    assert completeness(make_profile(number_feature("age", [1.0, float("nan")]))).observed == 0.5


def test_completeness_that_is_not_asked_for_is_not_checked():
    assert completeness(texts(age=[None]), features={"age": {"completeness": None}}) is None


def test_completeness_of_no_rows_is_not_judged():
    outcome = completeness(texts(age=[]))

    assert (outcome.status, outcome.reason) == (CheckStatus.NOT_JUDGED, "the current data has no rows")


def test_completeness_of_an_absent_feature_is_not_judged():
    assert completeness(texts(Age=["1"])).status is CheckStatus.NOT_JUDGED
