"""How many neighbouring rows count as one: as many as belong together, and one where rows are independent."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from spark_model_monitor.statistics.verdicts.design_effect import (
    COLUMNS_AT_ONCE,
    INDEPENDENT,
    REMOVED_CHANGES,
    DesignEffect,
    ScoredColumn,
    _compute_cumulative_sums,
    _compute_squared_block_sums,
    _estimate_share_of_changes,
    _remove_largest_change,
    combine_design_effects,
    estimate_column_design_effects,
    estimate_neighbour_design_effect,
    find_dependent_columns,
    find_group_estimates,
    is_constant_in_runs,
    limit_flag_design_effect,
    measure_flag_stretches,
)

RUNS = np.full(8, 512)


def in_groups(random, rows, size, correlation):
    """Normal numbers, whose groups of neighbours have an intra-class correlation."""
    of_groups = random.standard_normal(rows // size + 1).repeat(size)[:rows]
    return correlation**0.5 * of_groups + (1 - correlation) ** 0.5 * random.standard_normal(rows)


def design_effect(column, sizes=RUNS):
    [effect] = estimate_column_design_effects([column], sizes)
    return effect


def test_equal_numbers_have_the_middle_of_their_ranks_as_score():
    column = ScoredColumn.from_numbers(np.repeat([1.0, 2.0, 3.0], [30, 40, 30]))

    # Ranks from -0.5 to 0.5: 15, 50 and 85 of 100; their squares less 0.6 * 0.35², their mean
    assert np.unique(column.scores[0]) == pytest.approx([-0.35, 0.0, 0.35])
    assert column.scores[0][[0, 50, 99]] == pytest.approx([-0.35, 0.0, 0.35])
    assert column.scores[1][[0, 50, 99]] == pytest.approx([0.049, -0.0735, 0.049])


@pytest.mark.parametrize("size", [4, 10, 20])
@pytest.mark.parametrize("correlation", [1 / 3, 1.0])
def test_groups_count_by_their_size_and_correlation(size, correlation):  # Kish 1965: 1 + (m - 1) r
    values = in_groups(np.random.default_rng(size), RUNS.sum(), size, correlation)

    for column in (ScoredColumn.from_numbers(values), ScoredColumn.from_flags(values > 0)):
        effect = design_effect(column)
        assert effect.p < 1e-6
    assert design_effect(ScoredColumn.from_numbers(values)).rows == pytest.approx(
        1 + (size - 1) * correlation, rel=0.35
    )


@pytest.mark.parametrize("law", ["uniform", "geometric"])
def test_uneven_groups_count_by_their_mean_square(law):  # Kish 1965: the sum of squared sizes over that of sizes
    random = np.random.default_rng(3)
    sizes = random.geometric(0.1, 8_192)
    if law == "uniform":
        sizes = random.integers(1, 40, 8_192)
    runs = np.full(32, 512)
    level = random.standard_normal(len(sizes))
    values = level.repeat(sizes)[: runs.sum()]

    expected = (sizes**2).sum() / sizes.sum()
    effect = design_effect(ScoredColumn.from_numbers(values), runs)
    assert effect.rows == pytest.approx(expected, rel=0.15)


def test_one_change_on_the_way_is_no_dependence():
    random = np.random.default_rng(6)
    for start in range(20):
        values = random.standard_normal(1_024)
        values[300:] += 3 * (start % 2)
        assert design_effect(ScoredColumn.from_numbers(values), np.array([512, 512])).p > 1e-3


def test_too_few_rows_and_constants_say_nothing():
    assert design_effect(ScoredColumn.from_numbers(np.arange(7.0)), np.array([7])) == INDEPENDENT
    assert estimate_neighbour_design_effect([ScoredColumn.from_numbers(np.arange(6.0))], np.array([6])) == 1.0
    constant = design_effect(ScoredColumn.from_flags(np.zeros(512, bool)), np.array([512]))
    assert (constant.rows, constant.p) == (0.0, 1.0)
    assert estimate_neighbour_design_effect([], np.zeros(0, np.int64)) == 1.0


def generate_columns(random, rows, correlation=0.0):
    """Numbers of several laws, flags, texts and missing values; all are as alike within groups of 20."""
    for kind in range(20):
        values = in_groups(random, rows, 20, correlation)
        if kind % 5 == 0:
            yield ScoredColumn.from_numbers(values)
        elif kind % 5 == 1:
            yield ScoredColumn.from_numbers(np.exp(values).round(1))
        elif kind % 5 == 2:
            yield ScoredColumn.from_texts(np.digitize(values, [-1, 0, 1.5]).astype(np.uint64))
        elif kind % 5 == 3:
            yield ScoredColumn.from_texts((values > 1).astype(np.uint64))
        else:
            yield ScoredColumn.from_flags(values < -1.5)


@pytest.mark.parametrize("rows", [60, 120, 200, 255])
def test_small_windows_of_independent_rows_are_taken_for_grouped_in_less_than_one_of_50(rows):
    random = np.random.default_rng(rows + 13)
    taken = 0
    for _ in range(40):
        effects = estimate_column_design_effects([*generate_columns(random, rows)], np.array([rows]))
        taken += max(combine_design_effects(effects, rows, find_group_estimates(effects))) > 1

    assert taken <= 3  # of 1 in 50 each: more with a chance below 0.01


@pytest.mark.parametrize("rows", [200, 1_000])
def test_windows_of_groups_are_taken_for_grouped(rows):
    random = np.random.default_rng(rows + 14)
    if rows <= 512:
        sizes = np.array([rows])
    else:
        sizes = np.array([512, rows - 512])
    for _ in range(10):
        effects = estimate_column_design_effects([*generate_columns(random, rows, 0.6)], sizes)
        counts = combine_design_effects(effects, rows, find_group_estimates(effects))
        assert sum(count > 3 for count in counts) >= 15


def test_a_column_that_alone_is_dependent_says_nothing_of_others():
    random = np.random.default_rng(15)
    values = [np.sort(random.standard_normal(400)), *random.standard_normal((8, 400))]
    effects = estimate_column_design_effects([*map(ScoredColumn.from_numbers, values)], np.array([400]))

    assert combine_design_effects(effects, 400, find_group_estimates(effects[1:]))[1:] == [1.0] * 8
    assert find_dependent_columns([effect.p for effect in effects]) == [True, *[False] * 8]


def test_where_groups_are_shown_an_uncertain_estimate_is_raised_as_far_as_its_error():
    random = np.random.default_rng(16)
    columns = [ScoredColumn.from_numbers(in_groups(random, 400, 20, 1.0)) for _ in range(4)]
    one_group = np.zeros(400, bool)
    one_group[40:60] = True
    columns += [ScoredColumn.from_flags(one_group), ScoredColumn.from_numbers(random.standard_normal(400))]
    effects = estimate_column_design_effects(columns, np.array([400]))
    counts = combine_design_effects(effects, 400, find_group_estimates(effects))

    assert min(counts[:4]) > 10
    assert counts[4] > 10  # of one group that is missing little can be known
    assert counts[5] < 5


@pytest.mark.parametrize("rows", [200, 1_000, 4_000])
@pytest.mark.parametrize("estimate", [0.8, 1.0, 3.0])
def test_an_estimate_is_raised_by_the_chi_square_variable_of_its_long_groups(rows, estimate):
    """1 in 40 of these are smaller; an estimate below 1 is that of independent rows. SciPy's quantile."""
    freedom = 3 * rows / (2 * 64)  # 64: a long group
    quantile = scipy.stats.chi2.ppf(1 / 40, freedom) / freedom
    [count] = combine_design_effects([DesignEffect(estimate, 1.0)], rows, [1.0, 1e6, 1e6])

    assert count == pytest.approx(1.1 * max(estimate, 1.0) / quantile, rel=0.06)  # 1.1: blocks cut groups


def test_the_scores_of_texts_are_their_most_frequent_values():
    """Found in a sample of a long column, too; centred, so that each row of scores adds up to 0."""
    shares = {"c": 0.5, "a": 0.3, "d": 0.15, "b": 0.05}
    for rows in (200, 200_000):
        values = np.repeat([*shares], [round(share * rows) for share in shares.values()])
        np.random.default_rng(17).shuffle(values)
        scores = ScoredColumn.from_texts(values).scores

        for text, scores_of_text in zip(shares, scores, strict=False):
            assert scores_of_text.tolist() == pytest.approx(((values == text) - shares[text]).tolist(), abs=1e-6)


def test_columns_together_are_as_each_alone():
    columns = [*generate_columns(np.random.default_rng(3), 4_096, 0.2)]

    assert len(columns) > COLUMNS_AT_ONCE
    assert estimate_column_design_effects(columns, RUNS) == [design_effect(column) for column in columns]


def test_only_sorted_values_that_repeat_are_constant_in_runs():
    assert is_constant_in_runs(np.repeat([3, 1, 2], 5))
    assert not is_constant_in_runs(np.repeat([3, 1, 3], 5))
    assert not is_constant_in_runs(np.arange(9))
    assert not is_constant_in_runs(np.ones(9))
    assert is_constant_in_runs(np.repeat([3, 1, 2], 2))
    assert not is_constant_in_runs(np.array([3, 3, 1, 2]))  # most values do not repeat


@pytest.mark.parametrize("seed", range(40))
def test_flags_in_groups_have_no_larger_design_effect_than_their_limit(seed):
    """Groups of 1 to 40 rows, flagged wholly or in part: the squared numbers of flags of groups, over all flags."""
    random = np.random.default_rng([seed, 17])
    runs = random.integers(50, 512, 4)
    group = np.repeat(np.arange(runs.sum()), random.integers(1, 41, runs.sum()))[: runs.sum()]
    in_flagged_group = (random.random(runs.sum()) < random.uniform(0.1, 0.3))[group]
    flags = in_flagged_group & (random.random(len(group)) < 0.2 + seed % 5 / 5)
    flags[0] = True
    # A group that lies in two runs is a group in each
    run = np.repeat(np.arange(4), runs)
    flagged_by_group = np.unique(group[flags] * 4 + run[flags], return_counts=True)[1]
    assert limit_flag_design_effect(flags, runs, 20) >= (flagged_by_group**2).sum() / flags.sum()


def test_a_group_at_the_end_of_a_run_lies_in_no_three_blocks():
    flags = np.zeros(1_300, bool)
    flags[[*range(60, 130), *range(200, 1_000, 50)]] = True  # blocks of 64, 64 and 2 rows would have 4, 64 and 2
    scattered = 16

    limit = limit_flag_design_effect(flags, np.array([130, 1_170]), 30)
    assert limit >= (70**2 + scattered) / (70 + scattered)


def test_scattered_flags_are_in_no_large_groups():
    random = np.random.default_rng(18)
    sizes = np.array([1_000])
    scattered = random.random(1_000) < 0.03

    # Of 15 blocks of 64 rows each has 2 on average, whose squares have a mean of 2 + 2²
    assert 2 < limit_flag_design_effect(scattered, sizes, 26) < 2 * 3 * 1.5
    assert limit_flag_design_effect(scattered, sizes, 129) == np.inf  # no block is as long as two such groups
    assert limit_flag_design_effect(np.zeros(1_000, bool), sizes, 26) == np.inf


@pytest.mark.parametrize("first", [0, 200, 506])
@pytest.mark.parametrize("rows", [1, 6, 30])
def test_few_flags_in_one_place_may_be_the_rest_of_a_group(first, rows):
    flags = np.zeros(1_000, bool)
    flags[first : first + rows] = True
    assert limit_flag_design_effect(flags, np.array([512, 488]), 26) == np.inf


def test_where_groups_are_shown_flags_that_are_in_none_have_their_own_estimate():
    random = np.random.default_rng(19)
    columns = [ScoredColumn.from_numbers(in_groups(random, 1_000, 26, 1.0)) for _ in range(4)]
    columns.append(ScoredColumn.from_flags(random.random(1_000) < 0.03))
    effects = estimate_column_design_effects(columns, np.array([1_000]))
    estimates = find_group_estimates(effects)
    unlimited = combine_design_effects(effects, 1_000, estimates)
    limited = combine_design_effects(effects, 1_000, estimates, [*[np.inf] * 4, 6.0])

    assert limited[:4] == unlimited[:4]
    assert unlimited[4] > 15
    assert 1 <= limited[4] < 4
    assert combine_design_effects(effects, 1_000, estimates, [*[np.inf] * 4, 40.0]) == unlimited


@pytest.mark.parametrize(("rows", "block_size"), [(128, 16), (512, 16), (512, 64), (2_048, 64)])
def test_what_the_largest_changes_of_independent_rows_explain_is_known_to_a_third(rows, block_size):
    scores = np.random.default_rng(rows + block_size).standard_normal((2_000, rows))
    run_sizes = np.array([rows])
    sums = _compute_cumulative_sums(scores, run_sizes)
    squares_before, *_ = _compute_squared_block_sums(sums, run_sizes, block_size)
    for _ in range(REMOVED_CHANGES):
        _remove_largest_change(sums, run_sizes)
    squares_after, *_ = _compute_squared_block_sums(sums, run_sizes, block_size)

    explained = 1 - squares_after.sum() / squares_before.sum()
    assert _estimate_share_of_changes(block_size, rows) == pytest.approx(explained, rel=1 / 3)


def test_a_flagged_row_is_in_a_stretch_that_ends_with_its_run():
    """By hand: stretches of 2, 1 and 3 flagged rows, (4 + 1 + 9) / 6."""
    flags = np.array([True, True, False, True, True, True, True])

    assert measure_flag_stretches(flags, np.array([4, 3])) == pytest.approx(14 / 6)
    assert measure_flag_stretches(~flags & flags, np.array([4, 3])) == 1
