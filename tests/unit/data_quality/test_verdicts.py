"""Verdicts that allow for chance: silent on healthy windows, three of them, one budget; what was edited is judged as written."""

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.rotation import every_combination

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings, Rows
from spark_model_monitor.monitors.data_quality.baseline.baseline_feature import find_suggested_limits
from spark_model_monitor.monitors.data_quality.baseline.documents import DEFAULT_SETTINGS, suggest_constraints
from spark_model_monitor.monitors.data_quality.distribution.always_new import may_be_rising_keys
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import create_distributions
from spark_model_monitor.monitors.data_quality.evaluation import check_all
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.statistics.states.distinct import DistinctBuilder
from spark_model_monitor.statistics.states.hashing import xxhash64

from .comparisons import compare, make_profile, number_feature, text_feature

INDEPENDENT = replace(DEFAULT_SETTINGS, rows=Rows.INDEPENDENT)


def table(random, rows, *, nulls=0.05, shift=0.0, plans=("basic", "plus", "gold"), shares=(0.7, 0.25, 0.05)):
    """Numbers with nulls, whole numbers as texts, a text with a rare value."""
    charge = np.where(random.random(rows) < nulls, np.nan, random.normal(50 + 10 * shift, 10, rows))
    months = random.poisson(20, rows).astype(str).tolist()
    plan = np.where(random.random(rows) < nulls, None, random.choice(plans, rows, p=shares)).tolist()
    return make_profile(
        number_feature("charge", charge.tolist()), text_feature("months", months), text_feature("plan", plan)
    )


def comparison(baseline, current, settings=DEFAULT_SETTINGS, *, edits=None):
    """edits: applied to the plain constraints before they count."""
    plain = suggest_constraints(baseline, settings).plain()
    if edits:
        edits(plain)
    constraints = Constraints.model_validate(plain)
    distributions = create_distributions(baseline)
    suggested_limits = find_suggested_limits(constraints, distributions)
    return compare(constraints, current, distributions, suggested_limits=suggested_limits)


def results(*profiles, **options):
    return {(result.feature, result.check): result for result in check_all(comparison(*profiles, **options))}


def statuses(outcomes):
    return {result.status for result in outcomes.values()}


def count_violations(outcomes):
    return sum(result.status is CheckStatus.VIOLATED for result in outcomes.values())


@pytest.mark.long
@every_combination(settings=[DEFAULT_SETTINGS, INDEPENDENT], sizes=[(1_000, 1_000), (2_000, 200), (300, 3_000)])
def test_healthy_windows_are_silent(settings, sizes):
    n, m = sizes
    # at a budget of 1/720 two of 60 would be a chance of 1 in 300
    random = np.random.default_rng(11)
    runs = [results(table(random, n), table(random, m), settings=settings) for _ in range(60)]

    assert sum(count_violations(run) > 0 for run in runs) <= 1


def test_the_bare_limits_of_the_service_are_not():
    random = np.random.default_rng(11)
    bare = [
        results(table(random, 1_000), table(random, 1_000), settings=MonitoringSettings(verdicts="none"))
        for _ in range(20)
    ]

    assert sum(count_violations(run) > 0 for run in bare) >= 10


def ten_columns(random, rows, *, nulls=(), new=0.0, texts=0.0):
    """Numbers with 0 to 30 % nulls, or with the shares in `nulls`; texts, whole numbers of which some are none."""
    shares = (*nulls, *(0, 0.001, 0.01, 0.05, 0.1, 0.2, 0.3))[:7]
    columns = []
    for index, share in enumerate(shares):
        is_null = random.random(rows) < share
        values = np.where(is_null, np.nan, random.normal(50, 10, rows))
        columns.append(number_feature(f"x{index}", values.tolist()))
    plan_shares = [0.7, 0.29 - new, 0.01, new]
    plans = random.choice(["basic", "plus", "gold", "new"], rows, p=plan_shares)
    columns.append(text_feature("plan", plans.tolist()))
    codes = random.integers(1, 40, rows).astype(str)
    counts = np.where(random.random(rows) < texts, "n/a", codes)
    columns.append(text_feature("count", counts.tolist()))
    cities = [f"city {number}" for number in random.zipf(1.6, rows).clip(max=90)]
    columns.append(text_feature("city", cities))
    return make_profile(*columns)


@pytest.mark.nightly
@pytest.mark.parametrize(("n", "m"), [(1_000, 1_000), (5_000, 1_000), (400, 5_000)])
def test_healthy_windows_of_ten_columns_with_nulls_are_silent(n, m):
    random = np.random.default_rng(64)

    for _ in range(60):
        baseline = ten_columns(random, n)
        window = ten_columns(random, m)
        assert count_violations(results(baseline, window)) == 0


@pytest.mark.parametrize(
    ("faults", "where"),
    [
        pytest.param({"nulls": [0.061]}, ("x0", "completeness_check"), id="6 % nulls where none were"),
        pytest.param({"new": 0.03}, ("plan", "categorical_values_check"), id="3 % of a new value"),
        pytest.param({"texts": 0.03}, ("count", "data_type_check"), id="3 % texts among whole numbers"),
    ],
)
def test_what_is_worse_than_the_baseline_by_more_than_chance_is_found(faults, where):
    random = np.random.default_rng(65)
    baseline = ten_columns(random, 1_000)

    for _ in range(20):
        window = ten_columns(random, 1_000, **faults)
        assert results(baseline, window)[where].is_violation


@pytest.mark.parametrize(
    ("faults", "where"),
    [
        pytest.param({"nulls": 0.2}, ("charge", "completeness_check"), id="nulls"),
        pytest.param(
            {"plans": ("basic", "plus", "new"), "shares": (0.7, 0.25, 0.05)},
            ("plan", "categorical_values_check"),
            id="domain",
        ),
        pytest.param({"shift": 1.0}, ("charge", "baseline_drift_check"), id="drift"),
    ],
)
def test_what_changed_is_found(faults, where):
    random = np.random.default_rng(3)
    outcomes = results(table(random, 2_000), table(random, 1_000, **faults))

    assert outcomes[where].status is CheckStatus.VIOLATED


def test_a_type_that_changes_in_some_rows_is_found_and_a_single_one_is_not():
    baseline = text_feature("items", [str(number % 7) for number in range(2_000)])

    def window(text_count):
        return make_profile(
            text_feature("items", [str(number % 7) for number in range(1_000 - text_count)] + ["2.5"] * text_count)
        )

    check = ("items", "data_type_check")
    assert results(make_profile(baseline), window(1))[check].status is not CheckStatus.VIOLATED
    assert results(make_profile(baseline), window(60))[check].status is CheckStatus.VIOLATED


def test_an_edited_limit_is_judged_as_written():
    random = np.random.default_rng(5)
    profiles = table(random, 1_000), table(random, 1_000)

    def strict(plain):
        plain["features"][0]["completeness"] = 1.0
        plain["features"][2]["string_constraints"]["domains"] = ["basic", "plus"]

    outcomes = results(*profiles, edits=strict)

    assert outcomes["charge", "completeness_check"].status is CheckStatus.VIOLATED
    assert outcomes["plan", "categorical_values_check"].status is CheckStatus.VIOLATED
    assert outcomes["plan", "completeness_check"].status is CheckStatus.PASSED


def test_an_edited_domain_leaves_the_features_other_limits_as_they_are():
    def edit_domain(plain):
        plain["features"][0]["string_constraints"]["domains"] = ["a"]

    baseline = make_profile(text_feature("x", ["a", "b"] * 500))
    window = make_profile(text_feature("x", [*(["a"] * 9), None]))
    outcomes = results(baseline, window, edits=edit_domain)
    assert outcomes["x", "completeness_check"].status is not CheckStatus.VIOLATED

    window = make_profile(text_feature("x", [*(["a"] * 9), "b"]))
    assert results(baseline, window, edits=edit_domain)["x", "categorical_values_check"].status is CheckStatus.VIOLATED


def test_worse_than_a_limit_but_no_more_than_chance_passes_and_says_what_it_would_take():
    # 2 of 100 against 0 of 1,000 are above the level of 1/720/6; about (100/1100)^4 = 6.8e-5 is below
    window = number_feature("x", [1.5, 2.5] * 49 + [None] * 2)
    profiles = make_profile(number_feature("x", [1.5, 2.5] * 500)), make_profile(window)

    result = results(*profiles)["x", "completeness_check"]

    assert result.status is CheckStatus.PASSED
    assert result.reason == "with 100 values this may be chance; 4 that lack it would not be"
    assert result.p == pytest.approx(100 / 1_100 * 99 / 1_099)
    assert result.description is None


def test_the_ledger_adds_up_to_the_budget_and_counts_only_families_that_run():
    random = np.random.default_rng(5)
    baseline = table(random, 500)
    current = table(random, 500)
    monitor = DataQualityMonitor()
    constraints = monitor.constraints(baseline)
    stored_baseline = monitor.stored_baseline(constraints, None, baseline, constraints)

    ledger = monitor.judge(Sample(current, {}), stored_baseline).budget
    # contents: two types, a domain; the most frequent one of both numbers
    # New kinds are tested if the window has some: infinities, negative and far numbers; numbers among the plans, empty ones,
    # and those of another length
    assert {family.family: family.tests for family in ledger.families} == {
        "drift": 3,
        "completeness": 3,
        "contents": 5,
        "new kinds": 0,
    }
    assert math.fsum(family.level for family in ledger.families) == pytest.approx(1 / 720)

    unknown = monitor.judge(Sample(current, {}), replace(stored_baseline, suggested_limits={}, profile=None)).budget
    assert {family.family: family.level for family in unknown.families} == {"drift": pytest.approx(1 / 720)}


def test_nobody_asks_for_a_budget_of_the_service():
    random = np.random.default_rng(5)
    baseline = table(random, 500)
    monitor = DataQualityMonitor(as_service=True)
    constraints = monitor.constraints(baseline)

    assert constraints == suggest_constraints(baseline, MonitoringSettings(verdicts="none"))
    assert (
        monitor.judge(Sample(baseline, {}), monitor.stored_baseline(constraints, None, baseline, constraints)).budget
        is None
    )


def test_without_earlier_windows_only_a_distance_beyond_the_threshold_would_be_seen():
    random = np.random.default_rng(5)
    baseline = table(random, 2_000)
    drift = results(baseline, table(random, 1_000))["charge", "baseline_drift_check"]

    assert drift.status is CheckStatus.PASSED
    assert drift.reason == "no earlier windows: how much this column varies between windows is unknown"
    assert drift.p is None
    small = results(baseline, table(random, 200))["charge", "baseline_drift_check"]
    assert small.status is CheckStatus.CANNOT_TELL
    assert drift.reason in small.reason
    assert small.advice
    # by hand: 0.1 + (1.8 + 0.6408) sqrt(1/1901 + 1/952) = 0.197; 2 Phi^-1(0.5985) = 0.499
    assert drift.smallest_change == pytest.approx(0.499, abs=0.01)


def test_of_a_flag_the_smallest_change_is_one_of_its_share():
    random = np.random.default_rng(5)

    def flags(rows):
        return make_profile(number_feature("x", (random.random(rows) < 0.3).astype(float).tolist(), integral=True))

    outcomes = [
        results(flags(10_000), flags(1_000), settings=settings)["x", "baseline_drift_check"]
        for settings in (DEFAULT_SETTINGS, INDEPENDENT)
    ]

    # by hand: 0.1 + (1.8 + 0.6408) sqrt(1/10000 + 1/1000), and an error of the sketch below 0.001
    assert outcomes[0].smallest_change == pytest.approx(0.181, abs=0.001)
    assert outcomes[0].status is CheckStatus.PASSED  # less than 30 % of the rows
    assert 0.06 < outcomes[1].smallest_change < 0.1


def test_rows_that_are_independent_have_three_verdicts():
    # the level: four sixths of 1/720, beside completeness and contents
    random = np.random.default_rng(9)
    baseline = table(random, 20_000)

    def drift(rows, shift):
        outcomes = results(baseline, table(random, rows, shift=shift), settings=INDEPENDENT)
        return outcomes["charge", "baseline_drift_check"]

    passed = drift(20_000, 0)
    small = drift(20_000, 0.15)
    unsure = drift(52, 0)

    assert passed.status is CheckStatus.PASSED
    assert passed.reason == "rows assumed independent"
    assert passed.distance_low <= passed.distance <= passed.distance_high
    assert small.status is CheckStatus.VIOLATED
    assert small.description.startswith("Baseline drift p-value: ")
    assert small.description.endswith(" is below threshold: 9.25925925925926E-4")
    assert small.adjusted_p < 1e-10
    assert small.component in ("ks", "location", "chi2")
    assert small.effect > 0.02
    assert unsure.status is CheckStatus.CANNOT_TELL
    assert "standard deviations may go unseen; rows assumed independent" in unsure.reason


def test_a_distance_beyond_the_threshold_has_the_services_words():
    random = np.random.default_rng(9)
    outcomes = results(table(random, 5_000), table(random, 1_000, shift=0.5), settings=INDEPENDENT)
    result = outcomes["charge", "baseline_drift_check"]

    assert result.description == f"Baseline drift distance: {result.observed} exceeds threshold: 0.1"
    n = result.n
    m = result.m
    assert result.observed == pytest.approx(result.distance - 1.8 * np.sqrt((n + m) / (n * m)))  # Robust's own


def test_a_feature_that_has_vanished_is_drift_where_rows_are_independent():
    baseline = make_profile(number_feature("x", [1.0, 2.0] * 500))
    gone = make_profile(number_feature("x", [None] * 100))

    result = results(baseline, gone, settings=INDEPENDENT)["x", "baseline_drift_check"]

    assert result.status is CheckStatus.VIOLATED
    assert (result.component, result.distance) == ("missing", None)


def test_values_that_are_missing_more_often_than_by_chance_are_a_violation_where_rows_are_independent():
    """Of 1,000 and of 100 independent rows, 50 each: Fisher's p is far below any level."""
    baseline = make_profile(number_feature("x", [None] * 50 + [1.0, 2.0] * 475))
    window = make_profile(number_feature("x", [None] * 50 + [1.0, 2.0] * 25))

    completeness = results(baseline, window, settings=INDEPENDENT)["x", "completeness_check"]

    assert (completeness.status, completeness.observed, completeness.threshold) == (CheckStatus.VIOLATED, 0.5, 0.95)
    assert completeness.p < 1e-20


def test_a_method_that_somebody_chose_is_judged_by_its_threshold():
    random = np.random.default_rng(5)
    settings = replace(INDEPENDENT, comparison_method="psi", comparison_threshold=0.2)
    result = results(table(random, 2_000), table(random, 1_000), settings=settings)["charge", "baseline_drift_check"]

    assert (result.status, result.p) == (CheckStatus.PASSED, None)


def test_a_threshold_that_somebody_wrote_for_a_feature_is_all_that_counts():
    random = np.random.default_rng(5)
    profiles = table(random, 2_000), table(random, 1_000, shift=0.5)

    def lax(plain):
        plain["features"][0]["monitoring_config_overrides"] = {
            "distribution_constraints": {"comparison_threshold": 0.9}
        }

    outcome = results(*profiles, settings=INDEPENDENT, edits=lax)["charge", "baseline_drift_check"]

    assert (outcome.status, outcome.threshold, outcome.p) == (CheckStatus.PASSED, 0.9, None)


def test_the_limit_of_a_p_value_is_its_share_of_the_budget():
    random = np.random.default_rng(5)
    settings = replace(DEFAULT_SETTINGS, categorical_drift_method="ChiSquared", categorical_comparison_threshold=0.1)
    constraints = suggest_constraints(table(random, 500), settings)

    assert constraints.monitoring.categorical_comparison_threshold == pytest.approx(1 / 720 * 4 / 6 / 3)


def test_of_no_rows_nothing_is_requested():
    [feature] = suggest_constraints(make_profile(text_feature("x", [])), DEFAULT_SETTINGS).plain()["features"]

    assert feature == {"name": "x", "inferred_type": "Unknown"}


DAYS = [f"2026-03-{day:02d}" for day in range(1, 11)] * 10


def whole_numbers(name, values):
    feature = number_feature(name, [float(value) for value in values], integral=True)
    distinct = DistinctBuilder()
    distinct.update(xxhash64(np.array(values, dtype=float)))
    return replace(feature, states={**feature.states, "distinct": distinct.state()})


@pytest.mark.parametrize(
    ("feature", "reason"),
    [
        pytest.param(text_feature("x", [f"o-{n}" for n in range(100)]), "most of its values occur once", id="keys"),
        pytest.param(text_feature("x", DAYS), "its values are dates or times", id="dates"),
        pytest.param(whole_numbers("x", range(1, 101)), "its values number the rows", id="row numbers"),
        pytest.param(whole_numbers("x", range(500, 700, 2)), "its values number the rows", id="every second row"),
        pytest.param(whole_numbers("x", range(10_000)), "its values number the rows", id="more than a sketch holds"),
        pytest.param(
            number_feature("x", [float(n) if n % 3 else None for n in range(100)]),
            "its values number the rows",
            id="row numbers of pandas, where one is missing",
        ),
        pytest.param(
            whole_numbers("x", range(1_770_000_000, 1_770_900_000, 700)), "its values are times", id="seconds"
        ),
        pytest.param(
            number_feature("x", [1.77e12 + 0.5 * n for n in range(100)]), "its values are times", id="milliseconds"
        ),
    ],
)
def test_what_is_new_by_nature_has_no_domain_and_no_drift(feature, reason):
    baseline = make_profile(feature)
    constraints = suggest_constraints(baseline, DEFAULT_SETTINGS)
    drift = results(baseline, baseline)["x", "baseline_drift_check"]

    assert constraints.features[0].domains is None
    assert drift.status is CheckStatus.NOT_JUDGED
    assert drift.reason.startswith(reason)


@pytest.mark.parametrize(
    "feature",
    [
        pytest.param(text_feature("x", ["a", "b", "c", "d"] * 25), id="texts"),
        pytest.param(text_feature("x", [*(["2026-03-01"] * 50), *(["never"] * 50)]), id="not only dates"),
        pytest.param(whole_numbers("x", [1, 2, 3, 4] * 25), id="counts"),
        pytest.param(whole_numbers("x", range(0, 10_000, 100)), id="far apart"),
        pytest.param(whole_numbers("x", range(10)), id="too few to tell"),
        pytest.param(whole_numbers("x", [0, *range(0, 995, 5)]), id="not many more, and the least of them repeats"),
        pytest.param(whole_numbers("x", range(10**9, 10**11, 10**9)), id="not all of them in the years of today"),
        pytest.param(number_feature("x", [n + 0.5 for n in range(100)]), id="fractions"),
        pytest.param(whole_numbers("x", np.random.default_rng(1).integers(0, 250, 100)), id="drawn from not many more"),
    ],
)
def test_what_only_looks_like_it_is_compared(feature):
    baseline = make_profile(feature)

    assert results(baseline, baseline)["x", "baseline_drift_check"].status is not CheckStatus.NOT_JUDGED


@pytest.mark.parametrize(
    ("values", "are_keys"),
    [
        pytest.param(range(100), True, id="numbers of rows"),
        pytest.param(range(1_000, 1_100), True, id="numbers of later rows"),
        pytest.param(
            [*range(90), *[90] * 10], True, id="the last in a tenth of the rows"
        ),  # 0.09 from even at the 90th
        pytest.param([number**2 for number in range(100)], False, id="uneven"),
        pytest.param([7], False, id="one row"),
    ],
)
def test_evenly_spread_different_numbers_may_be_keys(values, are_keys):
    assert may_be_rising_keys(whole_numbers("x", values)) == are_keys


def test_the_suggested_data_set_itself_is_silent():
    random = np.random.default_rng(5)
    baseline = table(random, 30)

    assert CheckStatus.VIOLATED not in statuses(results(baseline, baseline))
    assert CheckStatus.VIOLATED not in statuses(results(baseline, baseline, settings=INDEPENDENT))
