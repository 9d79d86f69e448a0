"""What documents and checks say of a profile that lacks a state: nothing where it can't be known, and why."""

from dataclasses import replace

import pytest

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import LACKING
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.statistics.states import (
    ColumnType,
    DataTypeCounts,
    DistinctRegisters,
    FeatureProfile,
    Profile,
    VectorCounts,
)

from .comparisons import collect_outcomes, compare_profiles, make_profile, text_feature

MONITOR = DataQualityMonitor()
CHARGES = ["1", "2.5", "4", None]
PLANS = ["gold", "basic", "gold", None]


def counted(name, cells):
    feature = text_feature(name, cells)
    return feature.of(name, feature.column_type, [*feature.states.values(), DistinctRegisters()])


WHOLE = make_profile(counted("charge", CHARGES), counted("plan", PLANS))


def drop_states(kind):
    """The sum of two profiles of which one has no state of this kind."""
    features = tuple(
        replace(feature, states={name: state for name, state in feature.states.items() if name != kind})
        for feature in WHOLE.features
    )
    return WHOLE + Profile(WHOLE.item_count, features)


def make_documents(profile):
    statistics, constraints = MONITOR.documents(profile, MONITOR.metrics(profile))
    return Statistics.from_json(statistics.to_json()), Constraints.from_json(constraints.to_json())


def members(statistics, feature):
    plain = statistics.feature(feature).plain()
    return set(plain.get("numerical_statistics") or plain["string_statistics"])


OF_NUMBERS = {
    *("common", "mean", "sum", "std_dev", "min", "max"),
    *("approximate_num_distinct_values", "completeness", "distribution"),
}
OF_TEXTS = {"common", "distinct_count", "completeness", "distribution"}


@pytest.mark.parametrize(
    ("kind", "of_numbers", "of_texts"),
    [
        ("moments", {"mean", "sum", "std_dev", "min", "max", "distribution"}, set()),
        ("kll", {"distribution"}, set()),
        ("distinct", {"approximate_num_distinct_values"}, {"distinct_count"}),
        ("frequencies", set(), {"distribution"}),
    ],
)
def test_statistics_leave_out_what_rests_on_a_state_that_is_lacking(kind, of_numbers, of_texts):
    statistics, _ = make_documents(drop_states(kind))

    assert members(statistics, "charge") == OF_NUMBERS - of_numbers
    assert members(statistics, "plan") == OF_TEXTS - of_texts
    assert statistics.feature("charge").common.num_present == 6


def test_constraints_leave_out_what_rests_on_a_state_that_is_lacking():
    def has(kind):
        charge, plan = make_documents(drop_states(kind))[1].features
        return charge.num_constraints is not None, plan.domains is not None

    assert (has("kll"), has("moments"), has("frequencies")) == ((True, True), (False, True), (True, False))


@pytest.mark.parametrize(
    ("kind", "feature"), [("moments", "charge"), ("kll", "charge"), ("frequencies", "plan")], ids=str
)
@pytest.mark.parametrize("side_name", ["baseline", "current data"])
def test_drift_is_not_judged_from_a_state_that_is_lacking(kind, feature, side_name):
    if side_name == "baseline":
        profiles = (drop_states(kind), WHOLE)
    else:
        profiles = (WHOLE, drop_states(kind))

    outcome = collect_outcomes(compare_profiles(*profiles))[feature, "baseline_drift_check"]

    assert outcome.status is CheckStatus.NOT_JUDGED
    assert outcome.reason == f"{side_name}: {LACKING.format(kind=kind)}"


@pytest.mark.parametrize(
    ("kind", "feature", "check"),
    [("frequencies", "plan", "categorical_values_check"), ("moments", "charge", "non_negative_check")],
)
def test_other_checks_are_not_judged_from_a_state_that_is_lacking(kind, feature, check):
    comparison = compare_profiles(WHOLE, drop_states(kind), config={"non_negative_check": "Enabled"})

    outcome = collect_outcomes(comparison)[feature, check]

    assert (outcome.status, outcome.reason) == (CheckStatus.NOT_JUDGED, LACKING.format(kind=kind))


@pytest.mark.parametrize("kind", ["moments", "kll", "distinct", "frequencies"])
def test_cells_are_judged_and_counts_published_whatever_is_lacking(kind):
    comparison = compare_profiles(WHOLE, drop_states(kind))
    outcomes = collect_outcomes(comparison)

    for check in ("completeness_check", "data_type_check"):
        assert outcomes["charge", check].status is CheckStatus.PASSED
    judgement = MONITOR.judge(Sample(comparison.current_profile, {}), None)
    published = judgement.published_metrics(tuple(outcomes.values()), comparison.constraints)
    names = {metric.name for metric in published}
    assert {"feature_non_null_charge", "feature_non_null_plan"} <= names
    assert ("feature_data_charge" in names) == (kind != "moments")
    assert ("feature_estimated_unique_values_plan" in names) == (kind != "distinct")


def test_a_feature_of_vectors_keeps_its_counts_of_cells():
    types = DataTypeCounts(unknown=2)
    counts = VectorCounts(vectors=2, elements=3)
    feature = FeatureProfile.of("embedding", ColumnType.VECTOR, [types, counts])
    lacking = feature + FeatureProfile.of("embedding", ColumnType.VECTOR, [types])

    statistics, _ = make_documents(Profile(4, (lacking,)))

    assert statistics.feature("embedding").common.num_present == 4
    assert statistics.feature("embedding").vector_statistics is None
