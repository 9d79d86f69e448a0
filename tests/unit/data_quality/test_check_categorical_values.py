"""categorical_values_check: C4.4."""

import numpy as np
import pytest

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.statistics.states import ColumnType, DataTypeCounts, FeatureProfile, FrequenciesBuilder

from .comparisons import collect_outcomes, compare_profiles, make_profile, number_feature, text_feature, texts

BASELINE = texts(plan=["basic", "gold", "basic"])


def values(current, baseline=BASELINE, **options):
    if isinstance(current, list):
        current = texts(plan=current)
    return collect_outcomes(compare_profiles(baseline, current, **options)).get(("plan", "categorical_values_check"))


def test_known_values_pass():
    outcome = values(["gold", "gold", None])

    assert (outcome.status, outcome.observed, outcome.m) == (CheckStatus.PASSED, 1.0, 2)


def test_unknown_values_are_a_violation_with_the_services_text_which_does_not_show_them():
    outcome = values(["gold", "platinum", "basic"])

    assert outcome.status is CheckStatus.VIOLATED
    assert outcome.description == "Value: 0.6666666666666666 does not meet the constraint requirement! "
    assert "platinum" not in str(outcome.plain())


def test_small_shares_are_printed_as_java_prints_them():
    config = {"domain_content_threshold": 0.5}

    assert values(["gold"] + ["x"] * 9_999, config=config).description == (
        "Value: 1.0E-4 does not meet the constraint requirement! "
    )


def test_a_share_exactly_at_the_threshold_passes():
    half = {"domain_content_threshold": 0.5}

    assert values(["gold", "x"], config=half).status is CheckStatus.PASSED
    assert values(["gold", "x", "x"], config=half).status is CheckStatus.VIOLATED


def test_a_feature_without_domains_is_not_checked():
    assert values(["x"], features={"plan": {"string_constraints": None}}) is None


def test_an_absent_feature_is_not_judged():
    assert values(texts(other=["gold"])).status is CheckStatus.NOT_JUDGED


def test_a_feature_without_a_value_is_not_judged():
    assert values([None]).reason == "no value is present in the current data"


def test_the_empty_text_is_a_value():
    assert values([""]).status is CheckStatus.VIOLATED
    assert values([""], baseline=texts(plan=[""])).status is CheckStatus.PASSED


def test_numbers_are_in_a_domain_as_texts_if_they_were_read_as_texts():
    baseline = texts(plan=["1", "2", "A"])

    assert values(["1", "2"], baseline=baseline).observed == 1.0


def test_a_numeric_column_is_in_no_domain_of_words_and_not_judged_in_one_with_numbers():
    column = make_profile(number_feature("plan", [1.0, 2.0]))

    assert values(column).observed == 0.0
    assert values(column, baseline=texts(plan=["1", "A"])).status is CheckStatus.NOT_JUDGED


def test_long_values_are_compared_as_the_baseline_cut_them():
    first = "x" * 999 + "1"
    second = "x" * 999 + "2"
    baseline = texts(plan=[first])

    assert values([first], baseline=baseline).observed == 1.0
    assert values([second], baseline=baseline).observed == 0.0
    full = {"plan": {"string_constraints": {"domains": [first]}}}  # as the service writes it
    assert values([first], baseline=baseline, features=full).observed == 1.0


FLOOD = make_profile(text_feature("plan", ["gold"] * 6 + [f"new {n}" for n in range(10)], limit=4))
"""16 values, 11 distinct, of which 4 can be counted apart: gold is kept with 5 of its 6, and counts are 1 too small at most."""


def test_more_values_than_can_be_counted_are_a_violation_where_every_value_has_to_be_recognised():
    outcome = values(FLOOD)

    assert outcome.status is CheckStatus.VIOLATED
    assert outcome.observed == (5 + 1 + 1) / 16  # basic may have been dropped once, too
    assert "at most" in outcome.reason


def test_counts_that_were_given_up_still_tell_that_there_are_unknown_values():
    # as the scan gives up counting a column of many different numbers
    frequencies = FrequenciesBuilder(limit=4)
    frequencies.update([str(number) for number in range(10)], np.ones(10, dtype=np.int64))
    frequencies.give_up()
    states = [DataTypeCounts(integral=10), frequencies.state()]
    numbers = make_profile(FeatureProfile.of("plan", ColumnType.TEXT, states))

    outcome = values(numbers)

    assert outcome.status is CheckStatus.VIOLATED
    assert outcome.observed == 1 - 3 / 10  # above the limit there are 5 distinct values, and the domain has 2


@pytest.mark.parametrize(("threshold", "status"), [(0.0, CheckStatus.PASSED), (0.4, CheckStatus.NOT_JUDGED)])
def test_a_share_that_is_known_within_bounds_is_judged_if_they_agree(threshold, status):
    outcome = values(FLOOD, config={"domain_content_threshold": threshold})

    assert outcome.status is status
    assert "more distinct values than can be counted exactly" in outcome.reason
