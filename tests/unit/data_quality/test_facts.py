"""Facts, which no limit of constraints.json is about: planted faults are found, healthy windows are silent."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.at_hand import defer_to_night

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings, Rows
from spark_model_monitor.monitors.data_quality.baseline.baseline_feature import find_suggested_limits
from spark_model_monitor.monitors.data_quality.baseline.documents import DEFAULT_SETTINGS, suggest_constraints
from spark_model_monitor.monitors.data_quality.budget import calibrate
from spark_model_monitor.monitors.data_quality.checks.facts import (
    FACTS,
    Mean,
    compare_means,
    compare_shares,
    compute_skewed_tail,
    count_beyond,
)
from spark_model_monitor.monitors.data_quality.checks.facts.vector_checks import _test_hotelling, compare_mean_vectors
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import create_distributions
from spark_model_monitor.monitors.data_quality.evaluation import check_all
from spark_model_monitor.statistics.states import ColumnType, DataTypeCounts, FeatureProfile, VectorCounts
from spark_model_monitor.statistics.states.distinct import DistinctBuilder
from spark_model_monitor.statistics.states.hashing import xxhash64
from spark_model_monitor.statistics.states.vectors import SEVERAL, TOO_LONG, VectorMoments, VectorMomentsBuilder
from spark_model_monitor.statistics.verdicts.multiple_testing import BUDGET

from .comparisons import compare, make_profile, number_feature, text_feature

INDEPENDENT = replace(DEFAULT_SETTINGS, rows=Rows.INDEPENDENT)
BOTH = pytest.mark.parametrize("settings", [DEFAULT_SETTINGS, INDEPENDENT], ids=["clustered", "independent"])


def ages(random, rows):
    return random.integers(0, 90, rows).astype(float)


def age(values):
    return number_feature("age", values.tolist(), integral=True)


def replaced(values, share, by):
    values = values.copy()
    values[: int(len(values) * share)] = by
    return values


def orders(random, rows, *, order_count=10_000, new=0.0):
    names = [f"order {number}" for number in random.integers(0, order_count, rows)]
    names[: int(rows * new)] = ["n/a"] * int(rows * new)
    return text_feature("order", names)


def ids(random, rows, *, length=12, id_count=10**12):
    return text_feature("id", [f"{number:0{length}d}x" for number in random.integers(0, id_count, rows)])


def notes(random, rows, *, longest=30):
    return text_feature("note", ["x" * size + str(n) for n, size in enumerate(random.integers(1, longest, rows))])


def vectors(rows, *other_lengths):
    lengths = np.array([4] * rows + list(other_lengths))
    none = np.zeros(len(lengths), dtype=np.int64)
    counts = VectorCounts.of(lengths, none, none)
    return FeatureProfile.of("embedding", ColumnType.VECTOR, [DataTypeCounts(unknown=len(lengths)), counts])


def flags(random, rows, share=0.3):
    values = (random.random(rows) < share).astype(float)
    distinct = DistinctBuilder()
    distinct.update(xxhash64(values))
    feature = number_feature("flag", values.tolist(), integral=True)
    return replace(feature, states={**feature.states, "distinct": distinct.state()})


def table(random, rows, **faults):
    """Healthy columns of all kinds but for the faults, features by name."""
    columns = {
        "age": age(ages(random, rows)),
        "charge": number_feature("charge", random.normal(50, 10, rows).tolist()),
        "wait": number_feature("wait", random.lognormal(0, 1.5, rows).tolist()),
        "near": number_feature("near", random.normal(3.3, 1, rows).tolist()),
        "flag": flags(random, rows),
        "order": orders(random, rows),
        "id": ids(random, min(rows, 4_000)),
        "note": notes(random, min(rows, 4_000)),
        "embedding": vectors(rows),
    }
    return make_profile(*{**columns, **faults}.values())


def results(baseline, current, settings=DEFAULT_SETTINGS, *, before=True, **options):
    constraints = suggest_constraints(baseline, settings)
    stored_baseline = baseline if before else None
    distributions = create_distributions(baseline)
    options["suggested_limits"] = find_suggested_limits(constraints, distributions)
    comparison = compare(constraints, current, distributions, profile=stored_baseline, **options)
    return {(outcome.feature, outcome.check): outcome for outcome in check_all(comparison) if outcome.check in FACTS}


def alarms(outcomes):
    return {key for key, result in outcomes.items() if result.status is CheckStatus.VIOLATED}


@pytest.mark.long
@pytest.mark.parametrize(
    ("settings", "n"),
    [
        (INDEPENDENT, 2_000),
        defer_to_night(DEFAULT_SETTINGS, 2_000),
        *(defer_to_night(settings, 10_000) for settings in (DEFAULT_SETTINGS, INDEPENDENT)),
    ],
)
def test_forty_healthy_windows_are_silent(settings, n):
    random = np.random.default_rng(24)
    baselines = [table(random, n) for _ in range(4)]

    assert [alarms(results(baselines[seed % 4], table(random, 2_000), settings)) for seed in range(40)] == [set()] * 40


MONITOR = DataQualityMonitor(find_causes=False)


def find_facts(baseline, window):
    """Violated facts of a table that a baseline was made of, whose parts show how its rows belong together."""
    findings = run_monitoring(pd.DataFrame(window), MONITOR, baseline, engine="local")
    return {
        (finding.feature, finding.check)
        for finding in findings.results
        if finding.check in FACTS and finding.is_violation
    }


@pytest.mark.long
def test_forty_healthy_windows_of_sessions_are_silent():
    """Rows come in sessions of 1 to 40 equal ones."""
    random = np.random.default_rng(24)

    def sessions(rows):
        sizes = random.integers(1, 41, rows // 20)
        texts = [f"{'visit' * random.integers(1, 9)} {number}" for number in random.integers(0, 10**9, len(sizes))]
        values = {
            "near": random.normal(3.3, 1, len(sizes)),
            "wait": random.lognormal(0, 1.5, len(sizes)),
            "heavy": random.pareto(1.0, len(sizes)),
            "rare": (random.random(len(sizes)) < 0.02).astype(float),
            "visit": texts,
        }
        return pd.DataFrame({name: np.repeat(column, sizes) for name, column in values.items()})

    baseline = run_baseline(sessions(8_000), MONITOR, engine="local")

    assert [find_facts(baseline, sessions(2_000)) for _ in range(40)] == [set()] * 40


@BOTH
@pytest.mark.parametrize(
    ("fault", "where"),
    [
        pytest.param(
            lambda random: {"age": age(replaced(ages(random, 2_000), 0.02, np.inf))},
            ("age", "infinity_check"),
            id="2 % infinities",
        ),
        pytest.param(
            lambda random: {"age": age(replaced(ages(random, 2_000), 0.02, -1.0))},
            ("age", "sign_check"),
            id="2 % of -1",
        ),
        pytest.param(
            lambda random: {"order": orders(random, 2_000, new=0.08)},
            ("order", "frequent_value_check"),
            id="8 % of a new text",
        ),
        pytest.param(
            lambda random: {"embedding": vectors(0, *[3] * 2_000)}, ("embedding", "vector_length_check"), id="3 of 4"
        ),
        pytest.param(
            lambda random: {"embedding": vectors(1_900, *[3] * 100)},
            ("embedding", "vector_length_check"),
            id="some of 3",
        ),
        pytest.param(
            lambda random: {"order": text_feature("order", random.integers(0, 10_000, 2_000).astype(str).tolist())},
            ("order", "number_share_check"),
            id="numbers in place of texts",
        ),
        pytest.param(
            lambda random: {"id": ids(random, 2_000, length=6, id_count=10**6)},
            ("id", "code_length_check"),
            id="shorter",
        ),
        pytest.param(
            lambda random: {"note": notes(random, 2_000, longest=9)}, ("note", "text_length_check"), id="shorter notes"
        ),
    ],
)
def test_what_is_planted_is_found_and_nothing_else(settings, fault, where):
    random = np.random.default_rng(7)
    outcomes = results(table(random, 10_000), table(random, 2_000, **fault(random)), settings)

    assert alarms(outcomes) == {where}
    assert outcomes[where].p < 1e-4


@pytest.mark.parametrize(("share", "is_reported"), [(0.316, False), (0.33, True)])
def test_a_frequent_text_is_reported_if_its_share_rises_by_two_points(share, is_reported):
    """The smallest change of a share that is reported, whatever the share was. Source: D4.1."""
    random = np.random.default_rng(8)
    baseline, window = (make_profile(orders(random, 50_000, new=new)) for new in (0.3, share))
    # Independent rows, of which so many show any change
    finding = results(baseline, window, INDEPENDENT)["order", "frequent_value_check"]

    assert finding.p < 1e-4
    assert (finding.status is CheckStatus.VIOLATED) is is_reported


OF_A_HUNDRED_COLUMNS = BUDGET / 3 / 700
"""The level of one test of the contents where a hundred columns have seven each."""


def with_cells(cells, new, count=10):
    return [new] * count + list(cells)[count:]


def codes(random, rows):
    return [f"C{number:05d}" for number in random.integers(0, 99_999, rows)]


def postcodes(random, rows):
    return [f"{number:05d}" for number in random.integers(501, 99_999, rows)]


KINDS = {
    "negative, from 0": (ages, lambda cells: replaced(cells, 0.005, -1.0), "sign_check"),
    "negative, from near 0": (
        lambda random, rows: random.lognormal(3, 1, rows),
        lambda cells: replaced(cells, 0.005, -1.0),
        "sign_check",
    ),
    "infinite": (ages, lambda cells: replaced(cells, 0.005, np.inf), "infinity_check"),
    "half a range beyond": (ages, lambda cells: replaced(cells, 0.005, 134.0), "range_check"),
    "half a range beyond, far from 0": (
        lambda random, rows: 1_000 + ages(random, rows),
        lambda cells: replaced(cells, 0.005, 1_134.0),
        "range_check",
    ),
    "empty": (codes, lambda cells: with_cells(cells, ""), "empty_text_check"),
    "another length": (codes, lambda cells: with_cells(cells, "C123"), "code_length_check"),
    "without its zeros": (postcodes, lambda cells: with_cells(cells, "501"), "code_length_check"),
    "a number": (codes, lambda cells: with_cells(cells, "123456"), "number_share_check"),
    "a text": (postcodes, lambda cells: with_cells(cells, "ABCDE"), "text_share_check"),
}


def make_feature(name, cells):
    if isinstance(cells, list):
        return text_feature(name, cells)
    return number_feature(name, cells.tolist())


@pytest.mark.parametrize(("drawn", "planted", "check"), KINDS.values(), ids=KINDS)
def test_ten_of_2000_of_a_kind_that_10000_rows_had_not_are_found_among_a_hundred_columns(drawn, planted, check):
    random = np.random.default_rng(7)
    before = drawn(random, 10_000)
    healthy = drawn(random, 2_000)
    baseline = make_profile(make_feature("x", before))
    window_rows = replace(
        DEFAULT_SETTINGS, datatype_check_threshold=0.98
    )  # as for small windows: types leave room for 40

    outcome = results(baseline, make_profile(make_feature("x", planted(healthy))), window_rows)["x", check]
    assert outcome.status is CheckStatus.VIOLATED
    # (10,000 over 0) (2,000 over 10) / (12,000 over 10), by hand: the product of (2,000 - i) / (12,000 - i)
    by_hand = math.prod((2_000 - i) / (12_000 - i) for i in range(10))
    if check in ("sign_check", "range_check"):  # so far outside they are rarer still
        assert outcome.p < by_hand
    else:
        assert outcome.p == pytest.approx(by_hand)
    assert outcome.p < OF_A_HUNDRED_COLUMNS
    assert (
        results(baseline, make_profile(make_feature("x", healthy)), window_rows)["x", check].status
        is CheckStatus.PASSED
    )


@BOTH
@pytest.mark.parametrize("rows", [400, 2_000, 30_000])
def test_the_fewest_that_are_printed_are_a_violation_and_one_less_is_none(settings, rows):
    random = np.random.default_rng(7)
    baseline = make_profile(age(ages(random, 10_000)))
    healthy = ages(random, rows)

    def judge_count(count, check, value):
        window = np.concatenate((np.full(count, value), healthy[count:]))
        return results(baseline, make_profile(age(window)), settings)["age", check]

    for check, value in (("sign_check", -1.0), ("infinity_check", np.inf)):
        fewest = judge_count(1, check, value).fewest
        assert 1 < fewest < 60
        assert judge_count(fewest, check, value).status is CheckStatus.VIOLATED
        assert judge_count(fewest - 1, check, value).status is CheckStatus.PASSED


def test_of_a_large_window_the_ends_count_what_the_sketch_cannot():
    values = np.random.default_rng(7).random(300_000)
    values[:30] = -1.0
    window = number_feature("x", values.tolist())
    without = {kind: state for kind, state in window.states.items() if kind != "ends"}

    assert count_beyond(window, below=0.0) == (30, 300_000)
    assert count_beyond(replace(window, states=without), below=0.0) == (1, 300_000)  # by the sketch, and the minimum


@pytest.mark.parametrize(
    "law",
    [
        lambda random, rows: random.pareto(0.8, rows),
        defer_to_night(lambda random, rows: random.standard_cauchy(rows)),
        defer_to_night(lambda random, rows: random.lognormal(0, 3, rows)),
    ],
    ids=["Pareto 0.8", "Cauchy", "lognormal 3"],
)
def test_heavy_tails_are_silent_also_in_sessions(law):
    random = np.random.default_rng(11)

    def draw(rows, size):
        return pd.DataFrame({"x": np.repeat(law(random, rows // size), size)})

    for size in (1, 20):
        baselines = [run_baseline(draw(4_000, size), MONITOR, engine="local") for _ in range(4)]
        assert [find_facts(baselines[number % 4], draw(1_000, size)) for number in range(40)] == [set()] * 40


@BOTH
def test_keys_that_became_one_number_are_found(settings):
    random = np.random.default_rng(7)
    outcomes = results(table(random, 10_000), table(random, 2_000, id=text_feature("id", ["000"] * 2_000)), settings)

    assert ("id", "number_share_check") in alarms(outcomes)


@pytest.mark.parametrize("id_count", [300, 1_000, 1_700])
def test_ids_that_come_again_are_found_however_many_there_are(id_count):
    random = np.random.default_rng(7)

    def draw(id_count, rows):
        keys = random.integers(0, 2**40, id_count)
        row = np.arange(rows) % id_count
        texts = [f"{key:012x}" for key in keys[random.permutation(row)]]
        return pd.DataFrame({"id": texts, "x": random.normal(size=rows)})

    baseline = run_baseline(draw(10_000, 10_000), MONITOR, engine="local")

    assert ("id", "repeated_value_check") in find_facts(baseline, draw(id_count, 2_000))
    assert not find_facts(baseline, draw(2_000, 2_000))


def test_far_numbers_are_no_second_violation_beside_drift():
    random = np.random.default_rng(7)
    outcomes = results(table(random, 10_000), table(random, 2_000, age=age(100 * ages(random, 2_000))))

    assert not alarms(outcomes)
    assert outcomes["age", "range_check"].reason == "baseline_drift_check is violated, and this is the same change"


def test_a_violation_says_what_was_and_what_is():
    baseline = make_profile(age(ages(np.random.default_rng(7), 1_000)))
    window = make_profile(age(replaced(np.arange(1_000) % 90.0, 0.25, -np.inf)))
    outcome = results(baseline, window)["age", "infinity_check"]

    assert outcome.description == "Share of infinities is not the baseline's. Observed: 0.25, in the baseline: 0.0"
    assert (outcome.observed, outcome.threshold, outcome.n, outcome.m) == (0.25, 0.0, 1_000, 1_000)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"settings": MonitoringSettings(verdicts="none")}, id="no verdicts"),
        pytest.param({"as_service": True}, id="as the service"),
        pytest.param({"before": False}, id="no states of the baseline"),
    ],
)
def test_elsewhere_there_is_no_guard(options):
    random = np.random.default_rng(7)

    assert results(table(random, 500), table(random, 500), **options) == {}


def test_its_tests_share_the_level_of_the_contents():
    random = np.random.default_rng(7)
    baseline = make_profile(age(ages(random, 500)))
    # A window like it
    constraints = suggest_constraints(baseline, DEFAULT_SETTINGS)
    distributions = create_distributions(baseline)
    suggested_limits = find_suggested_limits(constraints, distributions)
    comparison = compare(constraints, baseline, distributions, suggested_limits=suggested_limits, profile=baseline)

    # It has no value of a new kind
    asking = {check for _, check in results(baseline, baseline)}
    of_new_kinds = {"infinity_check", "sign_check", "range_check"}
    assert asking >= {*of_new_kinds, "frequent_value_check"}
    of_the_type = 1
    num_tests = {family.family: family.tests for family in calibrate(comparison).ledger.families}
    assert num_tests["contents"] == of_the_type + len(asking - of_new_kinds)
    assert num_tests["new kinds"] == 0


def test_a_share_is_large_by_two_points_or_twice():
    assert compare_shares("x", (100, 1_000), (121, 1_000)).is_large
    assert not compare_shares("x", (100, 1_000), (119, 1_000)).is_large
    assert compare_shares("x", (9, 10_000), (20, 10_000)).is_large  # 2 x (9 + 0.5) = 19
    assert not compare_shares("x", (9, 10_000), (18, 10_000)).is_large


def test_groups_count_as_one_row_each():
    # 80 of 800 rows are two groups of twenty, against none of twenty: 20/40 x 19/39
    assert compare_shares("x", (0, 800), (80, 800), 40.0).p == pytest.approx(20 / 40 * 19 / 39)
    assert compare_shares("x", (0, 800), (39, 800), 40.0).p == 1.0


def test_a_mean_is_apart_by_half_a_deviation():
    def evidence(mean, count=4_000, design_effect=1.0):
        return compare_means("x", Mean(4_000, 10.0, 4.0), Mean(count, mean, 4.0), design_effect)

    assert evidence(11.0).is_large
    assert not evidence(10.99).is_large
    assert evidence(12.0).p < evidence(12.0, design_effect=40.0).p < 1e-4 < evidence(11.0, design_effect=40.0).p
    assert evidence(11.0, 29).p == 1.0
    assert evidence(11.0, 1_199, 40.0).p == 1.0
    assert compare_means("x", Mean(100, 36.0, 0.0), Mean(100, 32.0, 0.0)).p == 0.0
    assert compare_means("x", Mean(100, 36.0, 0.0), Mean(100, 36.0, 0.0)).p == 1.0


def test_a_difference_of_means_that_rounding_explains_is_none():
    last_digit = math.nextafter(0.1, 1.0)
    evidence = compare_means("x", Mean(4_000, 0.1, 0.0), Mean(1_000, last_digit, 0.0))

    assert (evidence.p, evidence.is_large) == (1.0, False)
    # 24 bits of a number have a relative error of 6e-8
    assert compare_means("x", Mean(4_000, 0.1, 0.0), Mean(1_000, float(np.float32(0.1)), 0.0)).p == 1.0
    assert compare_means("x", Mean(4_000, 0.1, 0.0), Mean(1_000, 0.1001, 0.0)).p == 0.0


@pytest.mark.parametrize("rows", [1, 3, 700, 1_500, 99_999])
def test_a_mean_from_whole_numbers_is_exact(rows):
    # 142 thousandths in every text; 0.1 and 0.3, in tenths, have the mean 0.2 and the variance 0.01
    assert Mean.from_whole_numbers(rows, 142 * rows, 142**2 * rows, unit=1_000) == Mean(rows, 0.142, 0.0)
    assert Mean.from_whole_numbers(2 * rows, 4 * rows, 10 * rows, unit=10) == Mean(2 * rows, 0.2, 0.01)


@pytest.mark.parametrize(("n", "m", "components"), [(30, 30, 5), (12, 20, 3), (200, 400, 20)])
@pytest.mark.parametrize("distance", [0.5, 0.9])
def test_the_chance_of_a_distance_of_means_is_hotellings(n, m, components, distance):
    """The exact one is F's tail; ours is nearly chi-square. Source: Hotelling 1931, Bartlett 1938."""
    freedom = n + m - 2
    shifts = np.full(components, distance / math.sqrt(components))
    products = np.eye(components) * freedom
    residual = freedom - components + 1
    squared = n * m / (n + m) * distance**2
    exact = stats.f.sf(squared * residual / (components * freedom), components, residual)

    p, measured = _test_hotelling(shifts, products, np.ones(components), n, m, freedom)

    assert p == pytest.approx(compute_skewed_tail(stats.norm.isf(exact), min(n, m)), rel=0.01)
    assert measured == pytest.approx(distance)


@pytest.mark.parametrize(
    ("lengths", "other_count"),
    [
        ([4] * 10, 0),
        ([4] * 8 + [3, 3], 2),
        ([4] * 8 + [5, 5], 2),
        ([4] * 8 + [3, 1], 2),  # at least 4 / 3 of them
        ([4] * 8 + [3, 5], 2),
        ([2, 3], 2),
    ],
)
def test_of_vectors_the_fewest_that_may_differ_are_reported(lengths, other_count):
    outcome = results(make_profile(vectors(500)), make_profile(vectors(0, *lengths)))[
        "embedding", "vector_length_check"
    ]

    assert outcome.observed == other_count / len(lengths)


@pytest.mark.parametrize(
    ("feature", "check"),
    [
        pytest.param(vectors(5, 3, 5), "vector_length_check", id="lengths that differ"),
        pytest.param(number_feature("x", [-1.0, 2.0] * 50), "sign_check", id="negative numbers"),
        pytest.param(number_feature("x", [2.0] * 50), "range_check", id="one number"),
        pytest.param(text_feature("x", ["a", "b"] * 50), "text_length_check", id="a domain"),
        pytest.param(text_feature("x", ["a", "b"] * 50), "frequent_value_check", id="compared by drift"),
        pytest.param(
            text_feature("x", [f"2026-{n // 28 + 1:02d}-{n % 28 + 1:02d}" for n in range(300)]),
            "repeated_value_check",
            id="dates",
        ),
    ],
)
def test_what_a_guard_has_nothing_to_ask_of_is_left_out(feature, check):
    assert (feature.name, check) not in results(make_profile(feature), make_profile(feature))


def test_near_zero_a_tail_may_go_on_and_zero_itself_is_an_end():
    def judge_share(baseline, share):
        window = replaced(np.resize(baseline, 2_000), share, -1.0)
        profiles = (make_profile(number_feature("x", values.tolist())) for values in (baseline, window))
        return results(*profiles)["x", "sign_check"].status

    normal = np.abs(np.random.default_rng(7).normal(3.3, 1, 1_000)) + 0.01
    assert judge_share(normal, 0.0005) is CheckStatus.PASSED  # one, and the tail reaches nearly as far
    assert judge_share(normal + 10, 0.02) is CheckStatus.VIOLATED
    assert judge_share(np.maximum(normal - 2, 0), 0.02) is CheckStatus.VIOLATED
    assert judge_share(normal, 0.9) is CheckStatus.VIOLATED


def embeddings(random, rows, *, width=40, groups=1, change=lambda vectors: vectors):
    """A few topics make most of what vectors are; rows of one group lie near each other."""
    topics = np.random.default_rng(width).normal(size=(5, width))
    drawn = np.repeat(random.normal(size=(-(-rows // groups), 5)), groups, axis=0)[:rows]
    vector_list = change(drawn @ topics + random.normal(size=(rows, width)) + np.linspace(0, 2, width))
    builder = VectorMomentsBuilder()
    builder.update(vector_list.ravel(), np.full(rows, vector_list.shape[1], np.int32))
    return replace_states(vectors(rows), builder.state())


def replace_states(feature, *states):
    return FeatureProfile.of(feature.name, feature.column_type, [*feature.states.values(), *states])


def judge_components(baseline, current):
    return results(make_profile(baseline), make_profile(current))["embedding", "vector_components_check"]


@pytest.mark.parametrize("groups", [1, 8], ids=["rows by themselves", "groups of 8"])
def test_forty_healthy_windows_of_embeddings_are_silent(groups):
    random = np.random.default_rng(8)
    baseline = embeddings(random, 5_000, groups=groups)

    outcomes = [judge_components(baseline, embeddings(random, 300, groups=groups)) for _ in range(40)]
    assert {outcome.status for outcome in outcomes} == {CheckStatus.PASSED}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda vectors: -vectors, "mean", id="signs"),
        pytest.param(lambda vectors: vectors[:, ::-1], "mean", id="places"),
        pytest.param(lambda vectors: np.where(np.arange(40) == 6, 0.0, vectors), "component 7 is", id="one is zero"),
        pytest.param(lambda vectors: vectors + 0.3, "distance of the mean vector", id="all moved a little"),
    ],
)
def test_components_that_changed_are_found_at_once(change, message):
    random = np.random.default_rng(8)
    outcome = judge_components(embeddings(random, 5_000), embeddings(random, 300, change=change))

    assert outcome.status is CheckStatus.VIOLATED
    assert message in (outcome.description or "").lower()


@pytest.mark.parametrize(("now", "p"), [(7.0, 1), (8.0, 0)])
def test_a_component_without_spread_changes_by_any_difference(now, p):
    def make_moments(constant):
        feature = embeddings(
            np.random.default_rng(8), 500, width=2, change=lambda drawn: drawn * [1, 0] + [0, constant]
        )
        return feature.state(VectorMoments)

    assert compare_mean_vectors("", make_moments(7.0), make_moments(now)).p == pytest.approx(p)


def test_rows_that_stand_alone_count_for_as_many_as_they_are():
    """What neighbours have in common by chance takes little of the evidence that there is without looking at them."""
    random = np.random.default_rng(8)
    lost = []

    def make_moments(rows, by):
        feature = embeddings(random, rows, width=20, change=lambda drawn: random.normal(by, 1, drawn.shape))
        state = feature.state(VectorMoments)
        return state, replace(state, stretches=np.zeros_like(state.stretches))

    before = make_moments(10_000, 0.0)
    for _ in range(40):
        p, alone = (compare_mean_vectors("", *states).p for states in zip(before, make_moments(500, 0.07), strict=True))
        lost.append(math.log10(p / alone))

    assert 0 <= np.mean(lost) < 0.2


@pytest.mark.parametrize("num_gaps", [12, 299, 300])
def test_vectors_with_missing_elements_are_found_where_the_baseline_had_none(num_gaps):
    random = np.random.default_rng(8)
    gaps = embeddings(random, 300, change=lambda drawn: np.where((np.arange(300) < num_gaps)[:, None], np.nan, drawn))
    outcome = results(make_profile(embeddings(random, 5_000)), make_profile(gaps))["embedding", "vector_gaps_check"]

    assert (outcome.status, outcome.observed, outcome.threshold) == (CheckStatus.VIOLATED, num_gaps / 300, 0.0)


def test_vectors_of_another_length_are_the_length_checks():
    random = np.random.default_rng(8)
    outcomes = results(make_profile(embeddings(random, 500)), make_profile(embeddings(random, 500, width=30)))

    assert ("embedding", "vector_components_check") not in outcomes


@pytest.mark.parametrize(
    ("width", "reason"), [(SEVERAL, "several lengths"), (TOO_LONG, "more than 4,096 components")], ids=["mixed", "long"]
)
def test_vectors_that_nobody_looks_into_are_not_judged(width, reason):
    baseline, current = (replace_states(vectors(500), VectorMoments(width)) for _ in range(2))
    outcome = judge_components(baseline, current)

    assert outcome.status is CheckStatus.NOT_JUDGED
    assert reason in (outcome.reason or "")
