"""What is learnt from windows: rows that belong together and windows that wobble raise no alarm, a real change does."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from scipy import stats

from spark_model_monitor.statistics.drift import NumericDistribution
from spark_model_monitor.statistics.states.distinct import unique_with_inverse
from spark_model_monitor.statistics.verdicts import components
from spark_model_monitor.statistics.verdicts.baseline_blocks import BaselineBlocks, estimate_between_shares
from spark_model_monitor.statistics.verdicts.between_window_variance import (
    PooledVariance,
    group_size,
    has_outlier,
    has_serial_correlation,
    overdispersion_factor,
    select_similar_size,
)
from spark_model_monitor.statistics.verdicts.components import Component, Samples
from spark_model_monitor.statistics.verdicts.multiple_testing import combine_p_values
from spark_model_monitor.statistics.verdicts.variance_adjustment import (
    Groups,
    adjust_for_between_window_variance,
    frequent_value_test,
    unseen_category_test,
)
from spark_model_monitor.statistics.verdicts.window_statistics import (
    score_categories,
    score_values,
    without_missing_counts,
)
from spark_model_monitor.statistics.verdicts.window_statistics import score_missing_values as raw_of_missing
from spark_model_monitor.statistics.verdicts.window_statistics import score_numbers as raw_of_numbers


def compare_numbers(baseline, current):
    return components.compare_numbers([(baseline, current)])[0]


LEVEL = 1 / 720


def raw(reference, windows):
    """The raw statistics of windows beside one reference."""
    before, *after = (NumericDistribution((np.sort(sample),)).step_cdf() for sample in (reference, *windows))
    statistics = [raw_of_numbers(window.pool_with(before)) for window in after]
    return {
        name: np.concatenate([window_statistics[name] for window_statistics in statistics]) for name in statistics[0]
    }


def compute_adjusted_p(reference, window, past):
    now = {name: float(values[0]) for name, values in raw(reference, [window]).items()}
    distributions = [NumericDistribution((np.sort(sample),)) for sample in (reference, window)]
    return combine_p_values(
        adjust_for_between_window_variance(component, now, past) for component in compare_numbers(*distributions)
    )


def sessions(random, rows):
    return np.repeat(random.standard_normal(rows), random.integers(1, 41, rows))[:rows]


def independent(random, rows):
    return random.standard_normal(rows)


def wobbling(random, rows):
    return random.standard_normal(rows) + random.normal(0, 0.08)


@pytest.mark.parametrize("law", [sessions, independent, wobbling])
def test_healthy_windows_of_any_size_are_silent(law):
    random = np.random.default_rng(7)
    alarms = 0
    for _ in range(3):
        reference = np.concatenate([law(random, 250) for _ in range(16)])
        past = raw(reference, [law(random, 250) for _ in range(16)])
        alarms += sum(
            compute_adjusted_p(reference, law(random, rows), past) <= LEVEL for rows in (150, 1000) for _ in range(6)
        )

    assert alarms <= 1  # of 36 windows, each with a chance of 1/720


def test_bare_p_values_of_sessions_alarm_in_every_window():
    random = np.random.default_rng(7)
    distributions = [NumericDistribution((np.sort(sessions(random, rows)),)) for rows in (20_000, 1000)]

    assert combine_p_values(compare_numbers(*distributions)) <= LEVEL


@pytest.mark.long
@pytest.mark.parametrize(("law", "shift"), [(independent, 0.3), (wobbling, 0.8)])
def test_a_change_that_no_earlier_window_had_is_found(law, shift):
    random = np.random.default_rng(8)
    reference = np.concatenate([law(random, 500) for _ in range(16)])
    past = raw(reference, [law(random, 500) for _ in range(16)])

    alarms = [compute_adjusted_p(reference, law(random, 1000) + shift, past) <= LEVEL / 20 for _ in range(10)]

    assert sum(alarms) >= 9


def test_the_spread_of_scores_is_that_of_the_windows():
    past = {"location": np.array([2.0, -2.0] * 8), "effective": np.full(16, 100.0)}

    assert overdispersion_factor("location", {"effective": 100.0}, past) == pytest.approx(4.0)
    assert overdispersion_factor("location", {"effective": 300.0}, past) == pytest.approx(
        1 + 3 * 3.0
    )  # of windows, if it is
    assert overdispersion_factor("location", {"effective": 10.0}, past) == pytest.approx(
        4.0
    )  # of groups of rows, if it is


def test_enough_windows_count_by_how_much_they_say():
    """20 of the window's size, and 32 parts with a tenth of its rows: they are weighted by 1 and 1/100, 20.32 in all."""
    z = np.concatenate([[2.0, -2.0] * 10, [3.0] * 32])
    past = {"location": z, "effective": np.repeat([100.0, 10.0], [20, 32])}
    now = {"location": 6.0, "effective": 100.0}
    excess = (20 * 3 + 32 * 8 * 10 / 100) / 20.32

    assert overdispersion_factor("location", now, past) == pytest.approx(1 + excess)
    p = 2 * stats.t.sf(6 / np.sqrt(1 + excess), 19.32)
    assert adjust_for_between_window_variance(
        Component("location", 2 * stats.norm.sf(6), 0.1), now, past
    ).p == pytest.approx(p)


@pytest.mark.parametrize(("large", "left"), [(32, 32), (31, 43)])
def test_smaller_windows_are_left_aside_where_32_others_are_about_as_large(large, left):
    """A window of 150 beside those of 100, half as large again, and twelve of 20."""
    past = {"effective": np.array([100.0] * large + [20.0] * 12), "ks": np.arange(large + 12.0)}

    similar = select_similar_size({"effective": 150.0}, past)

    assert similar["ks"].tolist() == list(range(left))


def test_a_p_value_is_students_and_never_smaller_than_before():
    past = {"location": np.array([2.0, -2.0] * 8), "effective": np.full(16, 100.0)}
    now = {"location": 6.0, "effective": 100.0}

    bare = Component("location", 2 * stats.norm.sf(6), 0.1)
    assert adjust_for_between_window_variance(bare, now, past).p == pytest.approx(2 * stats.t.sf(3.0, 15))
    # an exact p-value knows more than a score, by 4 here, of rows' own part of the variance, a ninth
    rare = Component("cell", 2 * stats.norm.sf(8), 0.1)
    known = {"cell": np.full(16, 3.0), "cells": np.full(16, 2.0), "effective": np.full(16, 100.0)}
    cell = {"cell": 4.0, "effective": 100.0, "cells": 2.0}
    assert adjust_for_between_window_variance(rare, cell, known).p == pytest.approx(2 * stats.t.sf((4 + 4 / 9) / 3, 15))
    even = Component("location", 0.5, 0.1)
    assert adjust_for_between_window_variance(even, now, past).p == pytest.approx(
        2 * stats.t.sf(stats.norm.isf(0.25) / 2, 15)
    )
    assert adjust_for_between_window_variance(Component("location", 1.0, 0.0), now, past).p == 1.0


def test_where_windows_vary_all_cells_are_rivals_of_the_rarest_as_counts_are_no_more_rows_own():
    past = {
        "cell": np.full(16, 30.0),
        "cells": np.full(16, 2.0),
        "effective": np.full(16, 100.0),
    }  # 900 times the variance
    now = {"cell": 60.0, "effective": 100.0, "cells": 2.0}
    p = 1e-300
    p_value = adjust_for_between_window_variance(Component("cell", 3 * p, 0.1, 10.0, comparisons=3.0), now, past).p
    assert p_value == pytest.approx(
        adjust_for_between_window_variance(Component("cell", 10 * p, 0.1, 10.0), now, past).p, rel=0.01
    )


def columns_with(random, factors, common_fraction=0.0):
    """How 32 windows of columns vary, by such factors of the variance; common_fraction: the share that all have in common."""
    common = random.standard_normal(32)
    return [
        {
            "location": factor**0.5
            * (common_fraction**0.5 * common + (1 - common_fraction) ** 0.5 * random.standard_normal(32)),
            "effective": np.full(32, 100.0),
            "rows": np.full(32, 100.0),
        }
        for factor in factors
    ]


def test_columns_that_are_alike_say_together_how_much_each_varies():
    """Of 200 columns with 32 windows the variance is known to 2 %, of one to 25 %: a larger window, eight times, shows it."""
    now = {"effective": 800.0, "location": 4.0}
    for factor in (1.0, 2.0):
        pasts = columns_with(np.random.default_rng(1), [factor] * 200)
        alone = np.array([overdispersion_factor("location", now, past) for past in pasts])
        shared = np.array(
            [overdispersion_factor("location", now, past, pooled=PooledVariance(pasts, 800.0)) for past in pasts]
        )

        true = 1 + 8 * (factor - 1)
        assert np.median(abs(shared - true)) < 0.5
        assert np.mean(abs(shared - true)) < np.mean(abs(alone - true)) / 2


def test_a_column_that_varies_more_than_the_others_is_not_made_like_them():
    pasts = columns_with(np.random.default_rng(2), [1.0] * 60 + [4.0])
    now = {"effective": 100.0, "location": 4.0}

    assert overdispersion_factor(
        "location", now, pasts[-1], pooled=PooledVariance(pasts, 100.0)
    ) == overdispersion_factor("location", now, pasts[-1])


def test_columns_that_vary_each_in_its_own_way_or_all_at_once_say_nothing_of_one():
    random = np.random.default_rng(3)
    freedom, _ = PooledVariance(columns_with(random, np.exp(random.normal(0, 1.5, 60))), 100.0).prior("location")
    assert freedom < 8
    freedom, _ = PooledVariance(columns_with(random, [2.0] * 60, common_fraction=1.0), 100.0).prior("location")
    assert freedom < 1
    freedom, _ = PooledVariance(columns_with(random, [2.0] * 60), 100.0).prior("location")
    assert freedom > 100
    assert PooledVariance(columns_with(random, [1.0] * 4), 100.0).prior("location") == (0.0, 1.0)  # four are too few


def test_a_chi_square_statistic_is_held_against_a_noncentral_one():
    past = {"chi2": np.full(20, 40.0), "freedom": np.full(20, 10.0), "effective": np.full(20, 100.0)}
    now = {"chi2": 300.0, "freedom": 10.0, "effective": 100.0}
    random = np.random.default_rng(1)
    noncentral = 30.0 * random.standard_t(19, 400_000) ** 2

    p_value = adjust_for_between_window_variance(Component("chi2", 0.0, 0.5), now, past).p

    assert p_value == pytest.approx(stats.ncx2.sf(300.0, 10, noncentral).mean(), rel=0.05)


@pytest.mark.parametrize(("moving", "groups"), [(1, 1.0), (1, 8.0), (20, 8.0)])
def test_windows_of_which_few_cells_vary_are_no_rarer_than_they_are(moving, groups):
    """One of 20 cells moves by 5 standard deviations of its rows, or all of them do, as where rows come in groups."""
    random = np.random.default_rng(5)
    by = np.where(np.arange(20) < moving, 5.0, 1.0)

    def windows(count):
        squares = (by * random.standard_normal((count, 20))) ** 2
        return {
            "chi2": squares.sum(axis=1),
            "cell": np.sqrt(squares.max(axis=1)),
            **{
                name: np.full(count, value)
                for name, value in (("freedom", 20.0), ("cells", 20.0), ("effective", 100.0))
            },
        }

    past = windows(60)
    later = windows(300)
    p_values = {"chi2": [], "cell": []}
    for index in range(300):
        now = {name: float(values[index]) for name, values in later.items()} | {"rows": 1000.0}
        for name, p_list in p_values.items():
            tests = 20 if name == "cell" else 1
            p_list.append(
                adjust_for_between_window_variance(Component(name, 0.0, 0.5, tests), now, past, Groups(groups)).p
            )

    assert min(map(min, p_values.values())) > 1e-5  # of 300; much less if all of them had to move


def past_missing(missing, rows=512.0):
    """Windows with these numbers of missing values, as many as in a baseline of all of them."""
    counts = np.array(missing, float)
    sizes = np.full(len(counts), rows)
    effective = np.full(len(counts), rows * (1 - 1 / len(counts)))
    return {**raw_of_missing(counts, sizes, counts.sum(), sizes.sum()), "rows": sizes, "effective": effective}


def p_of_missing(past, missing, rows=1_000, *, has_counts=True):
    before = int(past["nulls"].sum())
    total = int(past["of"].sum())
    counts = np.array([float(missing)]), np.array([float(rows)])
    raw = raw_of_missing(*counts, before + missing, total + rows)
    now = {name: float(value[0]) for name, value in raw.items()}
    now |= {"rows": float(rows), "effective": total * rows / (total + rows)}
    p = min(1.0, 2 * components.chance_of_more(before, total, missing, rows))
    shown = past if has_counts else without_missing_counts(past)
    return adjust_for_between_window_variance(Component("missing", p, 0.1), now, shown).p


def test_more_missing_values_than_twice_those_of_the_worst_outage_are_found_however_the_share_varies():
    past = past_missing([5] * 13 + [60, 120, 90])

    assert p_of_missing(past, 400) > 0.01  # 40 %, less than twice 120 of 512
    assert p_of_missing(past, 700) == pytest.approx(stats.hypergeom.sf(699, 1_512, 820, 1_000))
    assert p_of_missing(past_missing([5] * 12 + [60, 120, 90]), 700) > 1e-10  # 15 windows are too few


def test_as_many_missing_values_as_in_the_only_outage_are_no_alarm():
    past_counts = past_missing([4, 5, 6, 5] * 8)
    outage = past_missing([4, 5, 6, 5] * 7 + [4, 5, 6, 120])

    assert p_of_missing(past_counts, 230) < 1e-50
    assert p_of_missing(outage, 230) == 1.0


def test_beside_other_references_an_outage_is_as_far_as_its_score_says():
    outage = past_missing([4, 5, 6, 5] * 7 + [4, 5, 6, 120])

    assert p_of_missing(outage, 230, has_counts=False) == 1.0
    assert p_of_missing(outage, 900, has_counts=False) < 1e-6


@pytest.mark.parametrize(("wobble", "share"), [(0.2, 0.02), (0.3, 0.025), (0.3, 0.03), (0.6, 0.045), (1.0, 0.06)])
def test_more_missing_values_are_as_rare_as_their_law_says_if_shares_are_lognormal(wobble, share):
    """The law: Poisson counts of 2,000 rows whose mean, 1 % on average, is lognormal. 64 windows of each history."""
    rows = 2_000
    mean = 0.01
    logs = np.linspace(-9, 9, 4_001)
    means = rows * mean * np.exp(wobble * logs - wobble**2 / 2)
    exact = float(stats.norm.pdf(logs) @ stats.poisson.sf(share * rows - 1, means)) * (logs[1] - logs[0])

    scores = []
    for seed in range(12):
        random = np.random.default_rng([seed, 3])
        shares = mean * np.exp(wobble * random.standard_normal(64) - wobble**2 / 2)
        past = past_missing(random.binomial(rows, np.minimum(shares, 1)), float(rows))
        p = p_of_missing(past, round(share * rows), rows)
        scores.append(stats.t.isf(p / 2, 63))
    assert np.median(scores) <= 1.15 * stats.norm.isf(exact)
    if wobble < 0.6:  # otherwise histories have outliers, beside which only much more is found
        assert np.median(scores) >= 0.85 * stats.norm.isf(exact)


def test_a_window_is_found_beside_an_outlier_if_it_lies_twice_as_far_out():
    normal = stats.norm.ppf((np.arange(32) + 0.5) / 32)
    past = {"location": normal, "effective": np.full(32, 100.0)}
    odd = {**past, "location": np.append(normal[1:], 12.0)}

    def p(past, score):
        bare = Component("location", 2 * stats.norm.sf(score), 0.1)
        return adjust_for_between_window_variance(bare, {"location": score, "effective": 100.0}, past).p

    assert p(past, 9.0) < 1e-8
    assert p(odd, 22.0) == 1.0
    assert p(odd, 25.0) < 1e-8


def test_windows_wander_if_they_vary_more_than_rows_and_neighbours_are_alike():
    rising = 3 * stats.norm.ppf((np.arange(32) + 0.5) / 32)
    mixed = np.random.default_rng(1).permutation(rising)
    as_rows = rising / 3

    def is_wandering(scores):
        return has_serial_correlation("location", {"location": scores, "effective": np.full(len(scores), 100.0)})

    assert is_wandering(rising)
    assert not is_wandering(mixed)
    assert not is_wandering(as_rows)
    assert not is_wandering(rising[8:23])  # fewer than 16 windows
    assert not is_wandering(np.append(rising, np.nan))
    assert not is_wandering(np.zeros(32))


def test_beside_windows_that_wander_one_is_found_that_lies_twice_as_far_out():
    rising = 3 * stats.norm.ppf((np.arange(32) + 0.5) / 32)  # up to 6.4
    past = {"location": rising, "effective": np.full(32, 100.0)}

    def p(score):
        bare = Component("location", 2 * stats.norm.sf(score), 0.1)
        return adjust_for_between_window_variance(bare, {"location": score, "effective": 100.0}, past).p

    assert p(12.0) == 1.0
    assert p(13.5) < 1e-3


@pytest.mark.parametrize(("freedom", "name"), [(1, "location"), (10, "chi2")])
def test_normal_windows_seldom_have_an_outlier(freedom, name):
    random = np.random.default_rng(6)
    outlier_count = 0
    for _ in range(400):
        squares = random.chisquare(freedom, 32)
        past = {name: squares if name == "chi2" else np.sqrt(squares), "effective": np.full(32, 100.0)}
        outlier_count += has_outlier(name, past | {"freedom": np.full(32, 10.0)})
    assert outlier_count <= 20  # 5 %


@pytest.mark.parametrize("mean", [2, 6])
def test_few_rows_of_a_flag_make_no_outlier(mean):
    """Counts take few values, so that most scores are alike, and any other seems far out."""
    outliers = 0
    for seed in range(200):
        counts = np.random.default_rng(seed).poisson(mean, 32).astype(float)
        rows = np.full(32, 100.0 * mean)
        scores = score_values(np.array([counts.sum()]), counts[:, None], rows, rows.sum())["value1"]
        outliers += has_outlier("value1", {"value1": scores, "effective": rows})
    assert outliers <= 10  # 5 %

    scores[0] = 20.0
    assert has_outlier("value1", {"value1": scores, "effective": rows})


def test_a_value_is_tested_by_its_own_dispersion():
    """Of two frequent values the first varies by ten times what rows explain, the second by nothing more."""
    samples = Samples(16_000, 1_000)
    scores = np.tile([1.0, -1.0], 8)
    past = {"value1": 10**0.5 * scores, "value2": scores, "effective": np.full(16, 941.0)}
    before = np.array([6_400.0, 2_240.0])

    def p(after):
        after = np.array(after)
        raw = score_values(before + after, after[None, :], np.array([1_000.0]), 17_000.0)
        now = {name: float(value[0]) for name, value in raw.items()} | {"effective": 941.0, "rows": 1_000.0}
        return frequent_value_test(before, after, samples, now, past, Groups(), None).p

    assert p([480.0, 140.0]) > 0.01  # 40 % become 48 %: five standard deviations of rows, 1.6 of windows
    assert p([400.0, 60.0]) < 1e-10  # 14 % become 6 %
    assert p([400.0, 140.0]) == 1.0


def test_scores_of_a_cell_are_about_normal():
    random = np.random.default_rng(2)
    for share in (0.003, 0.1, 0.5):
        counts = random.binomial(1000, share, 4000).astype(float)
        totals = random.binomial(20_000, share) + counts.mean()
        scores = raw_of_missing(counts, np.full(4000, 1000.0), totals, 21_000.0)["missing"]
        assert np.mean(scores**2) == pytest.approx(1, abs=0.25)
        assert np.mean(scores > 3.3) < 0.005


def test_two_categories_that_stay_as_they_are_vary_as_independent_rows_do():
    counts = np.random.default_rng(3).binomial(512, 0.3, 20_000).astype(float)
    windows = np.stack((counts, 512 - counts), axis=1)
    scores = score_categories(windows.sum(axis=0), windows)
    assert np.mean(scores["cell"] ** 2) == pytest.approx(1, abs=0.02)  # the larger score of both is 2 % too large


def test_a_new_category_is_seen_and_a_wobbling_one_is_not():
    counts = np.array([[0.0, 100.0]] * 10)
    past = score_categories(counts.sum(axis=0), counts)
    new = {"unseen": 0.05, "rows": 1000.0}

    assert past["unseen"].tolist() == [0.0] * 10
    assert unseen_category_test(new, past, 0.05).p < 1e-6
    assert unseen_category_test(new, {"unseen": np.full(10, 0.04)}, 0.05).p > 0.1
    assert unseen_category_test({"unseen": 0.01, "rows": 1000.0}, past, 0.05).p == 1.0  # too few to be worth a word
    assert unseen_category_test(new, past, 0.05, unseen_share=0.0).p == 1.0  # others have them


def test_a_window_s_rows_beyond_all_others_are_counted_and_those_further_than_half_their_width():
    """By hand: the others of the first reach from 1 to 10, those of the second from 0 to 2, those of the third from 0 to 10."""
    windows = [[0.0, 1.0, 2.0], [1.0, 2.0, 10.0, 10.0], [1.0]]

    statistics = compute_part_statistics(np.concatenate(windows), np.array([3, 4, 1]))

    assert statistics["beyond"].tolist() == [1 / 3, 0.5, 0.0]
    assert statistics["far"].tolist() == [0.0, 0.5, 0.0]
    for index, window in enumerate(windows):
        other_values = np.concatenate([*windows[:index], *windows[index + 1 :]])
        for name, expected in raw(other_values, [np.array(window)]).items():
            assert statistics[name][index] == pytest.approx(expected[0]), name


def test_the_rows_beyond_what_the_others_have_are_ranked():
    single = {"chi2": np.full(20, 9.0), "freedom": np.full(20, 9.0)}
    past = {"beyond": np.zeros(20), "far": np.zeros(20), **single}
    now = {"beyond": 0.01, "far": 0.0, "rows": 1000.0, "effective": 900.0}

    assert adjust_for_between_window_variance(Component("range", 1e-9, 0.01), now, past).p == pytest.approx(1 / 21)
    assert (
        adjust_for_between_window_variance(Component("range", 1e-9, 0.01), {**now, "far": 0.01}, past).p == 1e-9
    )  # 11 ** -20 is less
    # parts differ as rows in groups of five do: ten rows are two, which lie in a window of a tenth of all with 2 x 0.1 x 0.1
    grouped = {**past, "chi2": np.full(20, 45.0)}
    assert adjust_for_between_window_variance(
        Component("range", 1e-9, 0.01), {**now, "far": 0.01}, grouped
    ).p == pytest.approx(0.02)


def test_rows_stand_alone_and_sessions_do_not():
    random = np.random.default_rng(3)
    assert group_size(raw_of_parts(random.standard_normal(16_384))) == 1
    assert group_size(raw_of_parts(np.repeat(random.standard_normal(8_192), 2))) == pytest.approx(2, abs=0.3)
    assert np.isnan(group_size(raw_of_parts(np.ones(16_384))))  # nothing tells


def raw_of_parts(values):
    """The raw statistics of 32 stretches, of the numbers rounded to tenths."""
    return compute_part_statistics(np.round(values, 1), np.full(32, len(values) // 32))


def test_windows_of_texts_differ_by_the_mean_score_of_their_rows_in_the_order_of_frequency():
    """Row by row: D4.1's scores of the mid-ranks, and the two-sample statistic of their means."""
    windows = np.array([[40.0, 30, 8, 2], [25, 30, 20, 5], [35, 10, 15, 10]])
    category_counts = windows.sum(axis=0)  # the most frequent category first
    category = np.repeat(np.arange(4), category_counts.astype(int))

    # The windows' rows, each with its scores
    window = np.concatenate([np.repeat(np.arange(3), windows[:, kind].astype(int)) for kind in range(4)])
    middle_ranks = scipy.stats.rankdata(category) - 0.5
    centred = 2 * middle_ranks / len(category) - 1
    row_scores = {"location": centred + 0.9 * centred**7, "spread": centred**2 + 2.64 * centred**14}

    # One window's rows compared with all others
    statistics = score_categories(category_counts, windows)
    for name, scores in row_scores.items():
        for number in range(3):
            inside = scores[window == number]
            outside = scores[window != number]
            deviation = scores.std(ddof=1) * np.sqrt(1 / len(inside) + 1 / len(outside))
            expected = (inside.mean() - outside.mean()) / deviation
            assert statistics[name][number] == pytest.approx(expected)


def compute_part_statistics(values, sizes):
    """The raw statistics of parts of these sizes, each beside the others."""
    raw = BaselineBlocks([unique_with_inverse(values)], sizes[None, :], are_numbers=True).raw()
    return {name: values[0] for name, values in raw.items()}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sign", [1, -1])
def test_values_beyond_all_other_parts_are_counted_one_by_one_among_many_values(seed, sign):
    random = np.random.default_rng(seed)
    values = random.permutation(16_384).astype(float)
    values[5 * 512 : 5 * 512 + 20] += 20_000
    values *= sign
    parts = values.reshape(32, 512)

    expected = []
    for number, part in enumerate(parts):
        other_parts = np.delete(parts, number, axis=0)
        expected.append(max(np.mean(part > other_parts.max()), np.mean(part < other_parts.min())))

    assert max(expected) >= 20 / 512
    assert compute_part_statistics(values, np.full(32, 512))["beyond"].tolist() == expected


def between_share(values, sizes):
    return estimate_between_shares([values], sizes[None, :])[0]


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


def test_columns_together_say_what_each_says_alone():
    """Of numbers that are many, few, one or infinite, and of texts: to the last bit, whatever other columns there are."""
    random = np.random.default_rng(11)
    sizes = np.array([[40, 41, 3, 99], [50, 2, 70, 61], [60, 60, 60, 60]])
    for are_numbers in (True, False):
        columns = [
            random.normal(size=count).round(digits) for digits, count in zip((9, 1, 0), sizes.sum(axis=1), strict=True)
        ]
        columns[1][:2], columns[2][5:] = (-np.inf, np.inf), 1.0
        columns += [random.normal(size=700)]
        column_sizes = np.vstack((sizes, [[100, 200, 300, 100]]))
        columns_with_inverse = [
            unique_with_inverse(column if are_numbers else (10 * column.clip(-3, 3)).astype(np.int64))
            for column in columns
        ]
        # All columns in one, and each in blocks of its own
        joint_blocks = BaselineBlocks(columns_with_inverse, column_sizes, are_numbers=are_numbers)
        alone = [
            BaselineBlocks([column], column_sizes[index : index + 1], are_numbers=are_numbers)
            for index, column in enumerate(columns_with_inverse)
        ]
        for name, joint_values in joint_blocks.raw().items():
            assert joint_values.tolist() == [block.raw()[name][0].tolist() for block in alone], name
        shares = [share for share, _ in joint_blocks.iterate_between_shares(5)]
        assert shares == [next(block.iterate_between_shares(5))[0] for block in alone]


def test_a_text_of_many_values_leads_nowhere_while_nothing_changes():
    """Values are put in order by how frequent they are: by one side's counts alone that side would have the frequent ones."""
    random = np.random.default_rng(20)
    shares = random.lognormal(size=2_000)
    before = random.multinomial(30_000, shares / shares.sum())
    windows = random.multinomial(500, shares / shares.sum(), size=100).astype(float)
    for name in ("location", "spread"):
        scores = [
            score_categories(before + window_counts, window_counts[None, :])[name][0] for window_counts in windows
        ]
        assert (
            abs(np.mean(scores)) < 4 * (1 / 100 + 500 / 30_000) ** 0.5
        )  # of the windows, and of the baseline that they share


def test_windows_of_one_value_each_are_distinguished():
    """As hours of the day are: a window doesn't move the place of its value to the front."""
    before = np.random.default_rng(1).multinomial(20_000, np.full(24, 1 / 24))
    windows = 300 * np.eye(24)
    scores = [
        score_categories(before + window_counts, window_counts[None, :])["location"][0] for window_counts in windows
    ]
    assert np.std(scores) > 5


def test_columns_of_one_value_tell_nothing_of_how_much_others_vary():
    random = np.random.default_rng(4)
    pasts = [
        {
            "rows": np.full(32, 100.0),
            "effective": np.full(32, 90.0),
            "freedom": np.full(32, 9.0),
            "chi2": random.chisquare(9, 32),
        }
        for _ in range(8)
    ]
    constant = {**pasts[0], "freedom": np.zeros(32), "chi2": np.full(32, 1e-30)}

    assert PooledVariance([*pasts, constant], 90.0).prior("chi2") == PooledVariance(pasts, 90.0).prior("chi2")
    assert PooledVariance(pasts, 90.0).prior("chi2")[0] > 0
