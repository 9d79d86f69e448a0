"""What is learnt from windows: rows that belong together and windows that wobble raise no alarm, a real change does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from tests.rotation import every_combination

from spark_model_monitor.statistics.drift import NumericDistribution
from spark_model_monitor.statistics.verdicts.baseline_blocks import ColumnBlocks, estimate_between_share
from spark_model_monitor.statistics.verdicts.between_window_variance import (
    NOISE_LEVEL,
    PastWindows,
    ScoreVariance,
    WindowSize,
    estimate_variances,
    judge_change,
)
from spark_model_monitor.statistics.verdicts.multiple_testing import combine_p_values
from spark_model_monitor.statistics.verdicts.window_statistics import (
    FIELDS,
    LEVELS,
    StatisticChange,
    compare_numbers,
)

LEVEL = 1 / 720
NOTHING_FREQUENT = np.empty(0)


def as_distribution(values):
    return NumericDistribution((np.sort(values),))


def compare(reference, window):
    """reference: values, or a distribution that several windows are compared with."""
    if not isinstance(reference, NumericDistribution):
        reference = as_distribution(reference)
    return compare_numbers(reference, as_distribution(window), NOTHING_FREQUENT)


def raw(reference, windows):
    """The raw statistics of windows beside one reference."""
    past = {name: np.full(len(windows), np.nan) for name in FIELDS}
    distribution = as_distribution(reference)
    for index, window in enumerate(windows):
        past["effective"][index] = len(window) * len(reference) / (len(window) + len(reference))
        for change in compare(distribution, window):
            past[change.field][index] = change.score()
    return past


def make_past(scores, effective=900.0, **other_scores):
    """A past of which these scores are known."""
    past = {name: np.full(len(scores), np.nan) for name in FIELDS}
    return {**past, "effective": np.full(len(scores), effective), "location": np.asarray(scores), **other_scores}


def compute_p(reference, window, past):
    effective = len(window) * len(reference) / (len(window) + len(reference))
    windows = PastWindows(past)
    return combine_p_values(
        judge_change(change, windows.variance(change.field, WindowSize(effective)))
        for change in compare(reference, window)
        if change.test != "largest"
    )


def sessions(random, rows):
    return np.repeat(random.standard_normal(rows), random.integers(1, 41, rows))[:rows]


def independent(random, rows):
    return random.standard_normal(rows)


def wobbling(random, rows):
    return random.standard_normal(rows) + random.normal(0, 0.08)


def wandering(random, rows, levels):
    levels.append(0.95 * levels[-1] + random.normal(0, 0.5))
    return random.normal(levels[-1], 1, rows)


@every_combination(law=[sessions, independent, wobbling], rows=[100, 900])
def test_healthy_windows_of_any_size_are_silent(law, rows):
    alarms = 0
    # Each past says something else of how much windows vary
    for seed in range(10):
        random = np.random.default_rng(seed)
        reference = np.concatenate([law(random, 300) for _ in range(30)])
        past = raw(reference, [law(random, 300) for _ in range(32)])
        alarms += sum(compute_p(reference, law(random, rows), past) <= LEVEL for _ in range(8))

    assert alarms <= 1


@pytest.mark.parametrize(("law", "shift"), [(independent, 0.4), (wobbling, 0.9), (sessions, 2.5)])
def test_a_change_that_no_earlier_window_had_is_found(law, shift):
    random = np.random.default_rng(2)
    reference = np.concatenate([law(random, 300) for _ in range(30)])
    past = raw(reference, [law(random, 300) for _ in range(32)])

    assert all(compute_p(reference, law(random, 300) + shift, past) <= LEVEL for _ in range(10))


def test_a_level_that_wanders_is_silent_until_it_is_known():
    alarms = 0
    for seed in range(8):
        random = np.random.default_rng(seed)
        levels = [0.0]
        windows = [wandering(random, 200, levels) for _ in range(41)]
        reference = np.concatenate(windows[:-1])
        alarms += compute_p(reference, windows[-1], raw(reference, windows[8:-1])) <= LEVEL

    assert alarms <= 1


def test_the_factor_is_the_mean_square_of_past_scores():
    # Neighbours differ, so all windows count
    scores = np.tile([2.0, -2.0, -2.0, 2.0], 8)
    variance = estimate_variances(PastWindows(make_past(scores)), WindowSize(900.0))["location"]

    assert variance == ScoreVariance(pytest.approx(4.0), 32.0)
    assert variance.p_value(4.0) == pytest.approx(2 * stats.t.sf(2.0, 32))


def test_a_factor_is_never_below_that_of_independent_rows():
    assert (
        estimate_variances(PastWindows(make_past(np.tile([0.1, -0.1], 16))), WindowSize(900.0))["location"].factor
        == 1.0
    )


def test_fewer_than_eight_windows_say_nothing():
    assert estimate_variances(PastWindows(make_past(np.full(7, 9.0))), WindowSize(900.0)) == {}


def test_scores_of_one_column_that_are_alike_say_together_how_much_each_varies():
    random = np.random.default_rng(3)
    other_scores = {name: random.normal(0, 2, 32) for name in LEVELS[2:]}
    variances = estimate_variances(PastWindows(make_past(random.normal(0, 2, 32), **other_scores)), WindowSize(900.0))

    assert variances["location"].freedom == 64  # at most as much as its own windows say
    factors = [variances[name].factor for name in LEVELS[2:]]
    assert np.std(factors) < 4 * math.sqrt(2 / 32)


def test_no_other_column_counts():
    """Law: what other columns do raises no column's factor."""
    scores = np.random.default_rng(4).normal(size=32)
    alone = PastWindows(make_past(scores)).variance("location", WindowSize(900.0))
    PastWindows(make_past(30 * scores)).variance("location", WindowSize(900.0))

    assert PastWindows(make_past(scores)).variance("location", WindowSize(900.0)) == alone


def test_a_level_far_from_its_mean_moves_the_scores_that_do_not_follow_it_near_its_mean():
    random = np.random.default_rng(5)
    # Only the location has varied so far
    past = make_past(random.normal(0, 6, 32), spread=random.normal(size=32), even=random.normal(size=32))
    variances = estimate_variances(PastWindows(past), WindowSize(900.0))

    assert variances["spread"].factor > 10
    assert variances["even"].factor < 2  # digits don't follow a level
    of_texts = estimate_variances(PastWindows({**past, "even": np.full(32, np.nan)}), WindowSize(900.0))
    assert of_texts["spread"].factor < of_texts["location"].factor / 3


def test_neighbours_that_are_alike_count_as_fewer_windows():
    # The same scores, once as a level that wanders and once in no order
    steps = np.random.default_rng(6).normal(size=32)
    in_order = np.sort(steps) * 5
    shuffled = np.random.default_rng(7).permutation(in_order)
    wanders = estimate_variances(PastWindows(make_past(in_order)), WindowSize(900.0))["location"]
    varies = estimate_variances(PastWindows(make_past(shuffled)), WindowSize(900.0))["location"]

    assert wanders.factor > 1.5 * varies.factor
    assert wanders.freedom < 5 < varies.freedom


def test_levels_grow_with_the_rows_of_a_window_and_groups_of_rows_do_not():
    past = make_past(np.random.default_rng(8).normal(0, 4, 200))

    assert estimate_variances(PastWindows(past), WindowSize(9_000.0))["location"].factor > 100  # ten times as many rows
    assert estimate_variances(PastWindows(past), WindowSize(9_000.0, value_design_effect=16.0))["location"].factor < 40


def test_beside_an_outlier_of_the_past_only_one_much_further_out_is_rare():
    # As far out, and ten times as far
    scores = np.append(np.random.default_rng(9).normal(size=31), 20.0)
    variance = estimate_variances(PastWindows(make_past(scores)), WindowSize(900.0))["location"]

    assert variance.freedom < 6
    assert variance.p_value(20.0) > 1e-3
    assert variance.p_value(200.0) < 1e-4


def test_normal_windows_seldom_have_an_outlier():
    random = np.random.default_rng(10)
    freedoms = [
        estimate_variances(PastWindows(make_past(random.normal(0, 3, 32))), WindowSize(900.0))["location"].freedom
        for _ in range(1_000)
    ]

    assert sum(freedom < 31 for freedom in freedoms) <= stats.binom.ppf(0.999, 1_000, 0.004)


def test_few_groups_of_rows_are_as_rare_as_their_exact_test_says():
    """None of 1,000 rows has a value that an eighth had: no news if 20 rows count as one."""
    change = StatisticChange("value1", -0.125, 0.00625, counts=(2_500, 20_000, 0, 1_000))

    assert judge_change(change).p < 1e-50
    grouped = judge_change(change, ScoreVariance().with_groups(20.0, 1_000))
    assert 0.875**50 < grouped.p < 5 * 0.875**50


def test_a_group_size_is_the_mean_square_of_all_scores():
    random = np.random.default_rng(11)
    reference = np.concatenate([sessions(random, 500) for _ in range(20)])

    assert 12 < PastWindows(raw(reference, [sessions(random, 500) for _ in range(32)])).rows_of_group < 40
    assert PastWindows(raw(reference, [random.permutation(reference)[:500] for _ in range(32)])).rows_of_group == 1.0
    assert math.isnan(PastWindows({name: np.full(8, np.nan) for name in FIELDS}).rows_of_group)


def split(values, sizes, frequent=(), *, are_numbers=True):
    distinct, index = np.unique(values, return_inverse=True)
    return ColumnBlocks(distinct, index, np.array(sizes), np.array(frequent), are_numbers)


def test_a_block_is_scored_as_a_window_beside_the_other_blocks():
    random = np.random.default_rng(12)
    values = random.normal(size=3_200)
    values[:400] += 0.3
    statistics = split(values, [400] * 8).score()

    # The mean scores of ranks don't depend on which side is the window
    first = {change.field: change for change in compare(values[400:], values[:400])}
    for name in ("location", "spread"):
        assert statistics[name][0] == pytest.approx(first[name].score(), abs=1e-9)
    assert statistics["effective"].tolist() == [350.0] * 8
    assert statistics["sixteenth1"][0] < 0 < statistics["sixteenth16"][0]


def test_the_reach_of_a_level_is_how_far_its_halves_lie_apart():
    """By hand: of a range of 7 the means are 1, 2, 3 and 7, 5, 6, of variance 5.6; that within halves is noise of 1/6."""
    values = np.array([1.0, 1, 2, 2, 3, 3, 6, 8, 5, 5, 6, 6])
    reach = pytest.approx(np.full(6, 4 / 7 * (1 - 1 / 6 / 5.6)))
    assert split(values, [2] * 6).measure_reach() == reach
    # The widest range, infinities, and one number
    assert split(values * 1e307 * 2, [2] * 6).measure_reach() == reach
    infinite = np.append(values, [-np.inf, np.inf])
    assert np.isfinite(split(infinite, [2] * 7).measure_reach()).all()
    assert split(np.full(4, 1.7e308), [2] * 2).measure_reach().tolist() == [0.0, 0.0]
    # Means that are equal
    assert split(np.tile([0.0, 1.0], 6), [2] * 6).measure_reach().tolist() == [0.0] * 6


@pytest.mark.parametrize("rows", [8, 15, 60])
def test_independent_rows_reach_nowhere(rows):
    random = np.random.default_rng(14)
    blocks = [split(random.integers(1, 6, 32 * rows).astype(float), [rows] * 32) for _ in range(40)]

    assert np.median([block.measure_reach().max() for block in blocks]) <= 0.005


def test_neighbouring_parts_stand_for_windows_that_are_as_long_as_this_one():
    values = np.random.default_rng(13).normal(size=1_600)
    parts = split(values, [50] * 32).score()
    past = {name: np.append(parts.get(name, np.full(32, np.nan)), 2.0) for name in FIELDS}
    past["rows"][-1] = 200.0
    past["effective"][-1] = 200 * 1_600 / 1_800  # a window beside the whole

    joined = PastWindows(past).join_parts(1_600, 200)
    longer_parts = split(values, [200] * 8).score()
    for name in ("rows", "effective", "location", "spread"):
        assert joined[name][:-1] == pytest.approx(longer_parts[name])
        assert joined[name][-1] == past[name][-1]
    # Parts of a sample of the rows lie apart, and fewer windows than 8 say nothing
    assert PastWindows(past).join_parts(16_000, 200)["rows"].tolist() == past["rows"].tolist()
    assert PastWindows(past).join_parts(1_600, 900)["rows"].tolist() == joined["rows"].tolist()


@pytest.mark.parametrize("effective", [900.0, 2_700.0])
def test_of_many_scores_some_vary_by_chance_and_widen_nothing(effective):
    random = np.random.default_rng(14)
    past = make_past(random.normal(0, 1.25, 16), **{name: random.normal(size=16) for name in LEVELS[1:]})
    past["location"] *= 1.25 / past["location"].std()
    variances = estimate_variances(PastWindows(past), WindowSize(effective))

    assert max(variance.factor for variance in variances.values()) < 1.1


def test_scores_that_are_the_same_say_no_more_than_one_of_them():
    random = np.random.default_rng(15)
    scores = random.normal(size=16)
    # As those of a flag
    same = PastWindows(make_past(scores, value1=-scores, value2=scores, spread=scores)).dispersion(900.0)
    different = {name: random.normal(size=16) for name in LEVELS[1:]}
    independent = PastWindows(make_past(scores, **different)).dispersion(900.0)

    assert same.freedom < 1.1 * 16
    assert independent.freedom > 0.7 * 16 * len(LEVELS)


def test_a_level_that_one_of_many_columns_has_is_judged_among_them():
    random = np.random.default_rng(16)
    # Beyond the chance of one column, and not of one of many
    scores = random.normal(size=16)
    scores *= 1.4 / scores.std()
    past = PastWindows(make_past(scores, **{name: random.normal(size=16) for name in LEVELS[2:]}))
    alone, among_others = (
        past.variance("location", WindowSize(2_700.0, level_varies=level_varies)) for level_varies in (None, False)
    )

    assert past.dispersion(2_700.0).compute_p(1.0) < NOISE_LEVEL
    assert among_others.factor < alone.factor / 2


def test_blocks_count_what_no_other_block_has():
    # 2 of 10 rows have a value of their own
    texts = np.repeat([1, 2, 1, 3, 1, 2], [5, 5, 8, 2, 5, 5])
    assert split(texts, [10, 10, 10], are_numbers=False).score()["unseen"].tolist() == [0.0, 0.2, 0.0]
    assert split(np.tile(np.arange(10), 3), [10, 10, 10]).score()["largest"].tolist() == [0.1, 0.1, 0.1]


def between_share(values, sizes):
    return estimate_between_share(values, sizes)


def test_sorted_rows_differ_between_parts_and_sessions_do_not():
    random = np.random.default_rng(3)
    ordered = np.sort(random.random(16_384))
    grouped = sessions(random, 16_384)

    sizes = np.full(32, 512)

    assert between_share(ordered, sizes) > 0.9
    assert between_share(grouped, sizes) < 0.05
    assert between_share(np.ones(90), np.full(9, 10)) == 0.0
    assert between_share(np.arange(9.0), np.ones(9, dtype=int)) == 0.0  # halves of a single row tell nothing


def test_the_variance_between_parts_is_that_of_their_means_less_that_of_their_halves():
    """Means 1, 5, 3 and halves that are 0, 2 and 4 apart, a part of one row left aside: (4 - (0 + 4 + 16) / 12) / 4."""
    values = np.array([1.0, 1.0, 4.0, 6.0, 7.0, 1.0, 5.0])

    assert between_share(values, np.array([2, 2, 1, 2])) == pytest.approx((4 - 20 / 12) / values.var())
