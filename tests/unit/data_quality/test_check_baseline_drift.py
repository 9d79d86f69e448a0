"""baseline_drift_check: C4.4, C11.23, C11.31; D2."""

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import DataQualityMonitor, read_baseline, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.monitors.data_quality.baseline.documents import create_statistics
from spark_model_monitor.monitors.data_quality.checks.drift.baseline_drift import judge_by_threshold
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    create_distributions,
    read_distributions,
)
from spark_model_monitor.statistics.drift import DistanceComparison, NumericDistribution, compare_numeric
from spark_model_monitor.statistics.states import ColumnType, DataTypeCounts, FeatureProfile, VectorCounts
from spark_model_monitor.statistics.states.profile import compute_metrics

from .comparisons import collect_outcomes, compare_profiles, make_profile, number_feature, text_feature, texts

SIMPLE = {"distribution_constraints": {"comparison_method": "Simple", "comparison_threshold": 0.25}}
CHI_SQUARED = {"distribution_constraints": {"categorical_drift_method": "ChiSquared", "comparison_threshold": 0.1}}


def drift(baseline, current, **options):
    baseline, current = (texts(f=cells) if isinstance(cells, list) else cells for cells in (baseline, current))
    return collect_outcomes(compare_profiles(baseline, current, **options))["f", "baseline_drift_check"]


def test_a_finding_says_all_that_the_comparison_found():
    comparison = DistanceComparison(
        "ChiSquared", 0.02, 300, 200, "the formula", higher_is_more=False, statistic=9.5, degrees_of_freedom=3
    )

    finding = judge_by_threshold(comparison, 0.05, 310, 205)

    assert (finding.status.value, finding.observed, finding.threshold) == ("violated", 0.02, 0.05)
    assert (finding.n, finding.m, finding.formula, finding.method) == (300, 200, "the formula", "ChiSquared")
    assert (finding.statistic, finding.degrees_of_freedom, finding.reason) == (9.5, 3, None)


@pytest.mark.parametrize(
    ("p", "status"),
    [
        pytest.param(0.0999, CheckStatus.VIOLATED, id="below"),
        pytest.param(0.1, CheckStatus.PASSED, id="exactly at it"),
        pytest.param(1.0, CheckStatus.PASSED, id="above"),
    ],
)
def test_a_p_value_violates_below_its_threshold(p, status):
    comparison = DistanceComparison("Robust", p, 10, 10, "the formula", higher_is_more=False)

    assert judge_by_threshold(comparison, 0.1, 10, 10).status is status


@pytest.mark.parametrize(
    ("baseline_rows", "current_rows", "reason"),
    [
        pytest.param(0, 10, "no data: no rows in the baseline", id="baseline"),
        pytest.param(10, 0, "no data: no rows in the current data", id="current data"),
        pytest.param(0, 0, "no data: no rows in the baseline and the current data", id="both"),
    ],
)
def test_no_row_at_all_is_not_judged(baseline_rows, current_rows, reason):
    baseline = NumericDistribution([[1.0] * baseline_rows])
    current = NumericDistribution([[1.0] * current_rows])
    comparison = compare_numeric(baseline, current)

    finding = judge_by_threshold(comparison, 0.1, baseline_rows, current_rows)

    assert comparison.distance is None
    assert (finding.status.value, finding.reason) == ("not judged", reason)


def test_the_same_constant_passes_and_another_one_violates():
    sevens = NumericDistribution([[7.0] * 200])
    eights = NumericDistribution([[8.0] * 200])

    assert judge_by_threshold(compare_numeric(sevens, sevens), 0.1, 200, 200).status is CheckStatus.PASSED
    assert judge_by_threshold(compare_numeric(sevens, eights), 0.1, 200, 200).status is CheckStatus.VIOLATED


def test_the_same_numbers_pass():
    outcome = drift(["1", "2"], ["2", "1"])

    assert (outcome.status, outcome.observed, outcome.threshold) == (CheckStatus.PASSED, 0.0, 0.1)
    assert (outcome.n, outcome.m) == (2, 2)
    assert outcome.formula == "max(0, max |F_baseline - F_current| - 1.8 * sqrt((n + m) / (n * m)))"


def test_a_distance_exactly_at_the_threshold_passes_and_above_it_is_a_violation_with_the_services_text():
    baseline = ["0", "0", "0", "1"]

    at_threshold = drift(baseline, ["0", "0", "1", "1"], config=SIMPLE)
    above = drift(baseline, ["0", "1", "1", "1"], config=SIMPLE)

    assert (at_threshold.observed, at_threshold.status) == (0.25, CheckStatus.PASSED)
    assert (above.observed, above.status) == (0.5, CheckStatus.VIOLATED)
    assert above.description == "Baseline drift distance: 0.5 exceeds threshold: 0.25"


def test_as_the_service_a_flag_looks_unchanged_because_ties_are_lost():
    outcome = drift(["0"] * 900 + ["1"] * 100, ["0"] * 100 + ["1"] * 900, as_service=True)

    assert (outcome.observed, outcome.n, outcome.m) == (0.0, 2, 2)  # G16


def chosen(**drift_constraints):
    """The settings of a file in which nothing but these stands about distributions."""
    return {"distribution_constraints": drift_constraints}


@pytest.mark.parametrize("as_service", [False, True])
@pytest.mark.parametrize(
    ("method", "limit", "expected"),
    [  # a flag from 10 % to 90 %: scipy's numbers and numpy's formulas; 3.3 is 2 * 80/102 * ln(91/11), by hand
        ("js_divergence", 0.3, 0.5310044064107188),
        ("js_distance", 0.1, 0.7287004915675018),
        ("psi", 0.2, 3.3144536999505565),
        ("hellinger", 0.1, 0.6324555320336758),
        ("wasserstein_normalised", 0.1, 0.8 / 0.3),
    ],
)
def test_numbers_are_compared_by_one_of_ours_if_it_is_chosen(method, limit, expected, as_service):
    baseline = ["0"] * 90 + ["1"] * 10
    current = ["0"] * 10 + ["1"] * 90

    outcome = drift(baseline, current, config=chosen(comparison_method=method), as_service=as_service)

    assert outcome.status is CheckStatus.VIOLATED
    assert (outcome.observed, outcome.threshold) == (pytest.approx(expected, rel=1e-9), limit)
    assert outcome.description == f"Baseline drift distance: {outcome.observed} exceeds threshold: {limit}"
    assert (outcome.n, outcome.m) == (100, 100)


@pytest.mark.parametrize(
    ("method", "limit", "expected", "status"),
    [  # shares .5 and .5 against .9 and .1
        ("js_divergence", 0.3, 0.14679310243605212, CheckStatus.PASSED),
        ("js_distance", 0.1, 0.3831358798599423, CheckStatus.VIOLATED),
        ("psi", 0.2, 0.8286134249876391, CheckStatus.VIOLATED),
        ("hellinger", 0.1, 0.32491969623290634, CheckStatus.VIOLATED),
    ],
)
def test_texts_are_compared_by_one_of_ours_if_it_is_chosen(method, limit, expected, status):
    config = chosen(categorical_drift_method=method)

    outcome = drift(["a", "b"] * 50, ["a"] * 90 + ["b"] * 10, config=config)

    assert (outcome.status, outcome.threshold) == (status, limit)
    assert outcome.observed == pytest.approx(expected, rel=1e-9)


def test_texts_beside_a_distance_of_numbers_go_by_their_own_method():
    config = chosen(comparison_method="wasserstein_normalised", comparison_threshold=2.5)

    outcome = drift(["a", "b"] * 500, ["a"] * 900 + ["b"] * 100, config=config)

    assert outcome.observed == pytest.approx(0.4 - 1.8 * (2000 / 1_000_000) ** 0.5)  # LInfinity, D3.2
    assert outcome.threshold == 0.1


def test_an_override_chooses_for_one_feature():
    baseline = texts(f=["0", "1"] * 50, g=["0", "1"] * 50)
    current = texts(f=["0"] * 100, g=["0"] * 100)
    override = {"monitoring_config_overrides": chosen(comparison_method="hellinger", comparison_threshold=0.9)}

    outcomes = collect_outcomes(compare_profiles(baseline, current, features={"g": override}))

    assert outcomes["f", "baseline_drift_check"].formula.startswith("max(0, max |F_baseline")
    # sqrt(1 - sqrt(.5)), by hand
    assert outcomes["g", "baseline_drift_check"].observed == pytest.approx((1 - 0.5**0.5) ** 0.5)
    assert outcomes["g", "baseline_drift_check"].threshold == 0.9


def test_numbers_that_are_all_infinite_have_no_wasserstein_distance():
    infinite = make_profile(number_feature("f", [float("inf"), float("inf")]))

    outcome = drift(infinite, infinite, config=chosen(comparison_method="wasserstein_normalised"))

    assert outcome.status is CheckStatus.NOT_JUDGED
    assert outcome.reason.startswith("the baseline has no finite values to compare")


def test_integral_against_fractional_is_compared():
    assert drift(["1", "2"], ["1.0", "2.0"]).observed == 0.0


@pytest.mark.parametrize(("baseline", "current"), [(["1", "2"], ["x"]), (["x"], ["1", "2"])])
def test_numbers_against_texts_are_not_judged(baseline, current):
    outcome = drift(baseline, current)

    assert outcome.status is CheckStatus.NOT_JUDGED
    assert "String" in outcome.reason
    assert "Integral" in outcome.reason


def test_categories_have_a_threshold_of_their_own():
    config = {"distribution_constraints": {"comparison_threshold": 0.9, "categorical_comparison_threshold": 0.2}}
    outcome = drift(["a", "b"] * 500, ["a"] * 900 + ["b"] * 100, config=config)

    assert outcome.observed == pytest.approx(0.4 - 1.8 * (2000 / 1_000_000) ** 0.5)  # D3.2
    assert outcome.description == f"Baseline drift distance: {outcome.observed} exceeds threshold: 0.2"


def test_a_p_value_below_the_threshold_is_a_violation_with_a_text_of_its_own():
    outcome = drift(["a", "b"] * 500, ["a"] * 65 + ["b"] * 35, config=CHI_SQUARED)

    # 15²/50 + 15²/50 = 9 at one degree of freedom, P(χ² > 9) = 0.0027 by any table
    assert (outcome.statistic, outcome.degrees_of_freedom) == (9.0, 1)
    assert outcome.observed == pytest.approx(0.0026997960632601965, rel=1e-9)
    assert outcome.description == f"Baseline drift p-value: {outcome.observed} is below threshold: 0.1"


def test_a_p_value_that_is_not_computable_is_not_judged():
    outcome = drift(["a", "b"] * 500, ["a", "b"], config=CHI_SQUARED)

    assert (outcome.status, outcome.observed) == (CheckStatus.NOT_JUDGED, None)
    assert outcome.reason.startswith("fewer than two categories")


def test_a_p_value_above_the_threshold_passes():
    outcome = drift(["a", "b"] * 500, ["a", "b"] * 50, config=CHI_SQUARED)

    assert (outcome.status, outcome.observed) == (CheckStatus.PASSED, 1.0)


def test_missing_on_both_sides_is_healthy():
    outcome = drift([None], [None, None])

    assert (outcome.status, outcome.reason) == (CheckStatus.PASSED, "all values are missing on both sides")


@pytest.mark.parametrize("values", [["1", "2"], ["x", "y"]], ids=["numbers", "texts"])
def test_missing_on_one_side_is_not_judged(values):
    assert drift(values, [None]).reason == "no values in the current data"
    assert drift([None], values).reason == "no values in the baseline"


def test_no_rows_is_no_distance():
    assert drift(["1"], []).reason == "no data: no rows in the current data"


def test_a_comparison_that_is_switched_off_is_not_made():
    outcome = drift(["1"], ["9"], config={"distribution_constraints": {"perform_comparison": "Disabled"}})

    assert (outcome.status, outcome.observed) == (CheckStatus.NOT_JUDGED, None)
    assert outcome.reason == "perform_comparison is Disabled"


def test_an_absent_feature_is_not_judged():
    assert drift(["1"], texts(other=["1"])).status is CheckStatus.NOT_JUDGED


def test_infinities_are_compared_where_they_were_counted():
    baseline = make_profile(number_feature("f", [0.0, float("inf")]))
    current = make_profile(number_feature("f", [0.0, float("-inf")]))

    assert drift(baseline, baseline, config=SIMPLE).observed == 0.0
    assert drift(baseline, current, config=SIMPLE).observed == 0.5


@pytest.mark.parametrize("side_name", ["baseline", "current data"])
def test_counts_that_are_not_exact_are_not_judged(side_name):
    profile = make_profile(text_feature("f", ["a", "b", "c"], limit=2))
    if side_name == "baseline":
        pair = [profile, ["a"]]
    else:
        pair = [["a"], profile]

    outcome = drift(*pair)

    assert outcome.status is CheckStatus.NOT_JUDGED
    assert outcome.reason == f"{side_name}: it has more than 2 distinct values, so their counts are not exact"


def test_lists_are_not_compared():
    lists = make_profile(
        FeatureProfile.of("f", ColumnType.VECTOR, [DataTypeCounts(unknown=1), VectorCounts(vectors=1)])
    )

    assert drift(lists, lists).reason == "baseline: its values are neither numbers nor texts, and were not counted"


def written(profile, **options):
    """The statistics.json of a profile, read again."""
    return Statistics.from_json(create_statistics(profile, compute_metrics(profile), **options).to_json())


@pytest.mark.parametrize("cells", [["1", "2", "2.5"], ["x", "y", "x"], [None, None]])
def test_statistics_serve_as_well_as_the_states_they_were_made_of(cells):
    baseline = texts(f=cells)
    current = ["2", "x", None]

    assert drift(baseline, current, distributions=read_distributions(written(baseline))) == drift(baseline, current)


def test_statistics_without_sketches_leave_drift_unjudged_unless_states_are_given():
    baseline = texts(f=["1", "2"])
    without = read_distributions(written(baseline, with_sketches=False))

    outcome = drift(baseline, ["1"], distributions=without)

    assert outcome.status is CheckStatus.NOT_JUDGED
    assert outcome.reason == (
        "baseline: statistics.json holds no sketch of it; give the states/ folder with it, "
        "or make the baseline again with --set with_sketches=yes"
    )
    assert drift(baseline, ["1"], distributions=without | create_distributions(baseline)).status is CheckStatus.PASSED


def test_statistics_do_not_hold_infinities_and_say_so():
    baseline = make_profile(number_feature("f", [1.0, 2.0, float("inf")]))

    outcome = drift(baseline, baseline, distributions=read_distributions(written(baseline)))

    assert outcome.status is CheckStatus.NOT_JUDGED
    assert outcome.reason.startswith("baseline: 1 of its 3 values are in no sketch of statistics.json")


def test_statistics_of_many_texts_list_none_of_them():
    baseline = texts(f=["x", "y"])
    unlisted = read_distributions(written(baseline, max_domain_size=1))

    assert "does not list its values" in drift(baseline, ["x"], distributions=unlisted).reason


def test_statistics_of_another_baseline_or_none_leave_drift_unjudged():
    unrelated = create_distributions(texts(g=["1"]))

    assert drift(["1"], ["1"], distributions=unrelated).reason == (
        "baseline: it has no feature of this name; is it that of these constraints?"
    )
    assert drift(["1"], ["1"], distributions={}).reason == "baseline: neither statistics nor states of it were given"


def test_of_a_baseline_without_statistics_the_next_step_names_them(tmp_path):
    """Not a baseline made again: what it has is right, and lies somewhere."""
    constraints = run_baseline(pd.DataFrame({"age": [18, 41, 33] * 40}), DataQualityMonitor()).files()[
        "constraints.json"
    ]
    (tmp_path / "constraints.json").write_bytes(constraints)
    baseline = read_baseline(tmp_path)
    findings = run_monitoring(pd.DataFrame({"age": [18, 41, 33] * 40}), DataQualityMonitor(), baseline)

    assert findings.headline().next_step.startswith("put the baseline's statistics.json beside constraints.json")


def test_statistics_with_nothing_but_names_leave_drift_unjudged():
    text = '{"dataset": {"item_count": 3}, "features": [{"name": "f", "inferred_type": "Integral"}]}'

    outcome = drift(["1"], ["1"], distributions=read_distributions(Statistics.from_json(text)))

    assert outcome.reason == "baseline: statistics.json says nothing of its values"


def draw_codes(random, rows, codes, varying=0.0):
    """Codes with even shares, or with other shares in each window."""
    weights = random.lognormal(0, varying, codes)
    names = [f"{'ABC'[code % 3]}{code:04d}" for code in random.choice(codes, rows, p=weights / weights.sum())]
    return pd.DataFrame({"code": names, "x": random.normal(size=rows)})


@pytest.mark.parametrize(("rows", "varying"), [(400, 0.0), (2_400, 0.0), (2_400, 0.3), (2_400, 0.5)])
def test_most_of_many_codes_that_disappear_are_drift_and_shares_that_vary_are_none(rows, varying):
    random = np.random.default_rng([7, rows])
    windows = [draw_codes(random, 1_500, 1_000, varying) for _ in range(5)]
    baseline = run_baseline(pd.concat(windows, ignore_index=True), DataQualityMonitor(), engine="local")

    def find_violated(window):
        findings = run_monitoring(window.reset_index(drop=True), DataQualityMonitor(), baseline, engine="local")
        return {finding.feature for finding in findings.results if finding.is_violation}

    for _ in range(4):
        assert find_violated(draw_codes(random, rows, 1_000, varying)) == set()
    assert find_violated(draw_codes(random, rows, 200, varying)) == {"code"}
    remaining = draw_codes(random, 3 * rows, 1_000, varying)
    assert find_violated(remaining[remaining["code"].str.startswith("A")]) == {"code"}
