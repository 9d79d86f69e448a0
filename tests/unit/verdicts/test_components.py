"""The tests of one column: silent where nothing changed, loud where something did. Counts of windows have binomial bounds."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from scipy import stats

from spark_model_monitor.documents import alert_files
from spark_model_monitor.statistics.drift import NumericDistribution
from spark_model_monitor.statistics.drift.distributions import StepCdf, compute_rank_scores, count_decimals, find_digits
from spark_model_monitor.statistics.states import Moments
from spark_model_monitor.statistics.states.kll import KllBuilder
from spark_model_monitor.statistics.verdicts import window_statistics
from spark_model_monitor.statistics.verdicts.between_window_variance import judge_change, judge_largest, judge_unseen
from spark_model_monitor.statistics.verdicts.components import COLUMN_TESTS, MIN_EFFECT, Component
from spark_model_monitor.statistics.verdicts.multiple_testing import adjust_p_values, allocate_budget, combine_p_values
from spark_model_monitor.statistics.verdicts.window_statistics import (
    FIELDS,
    compare_missing_values,
    count_cells,
    score_counts,
)

WINDOWS = 400

NUMBERS = {
    "normal": lambda random, rows: random.normal(size=rows),
    "lognormal": lambda random, rows: random.lognormal(size=rows),
    "80 % zeros": lambda random, rows: np.where(random.random(rows) < 0.8, 0.0, random.lognormal(size=rows)),
    "counts": lambda random, rows: random.poisson(3, rows).astype(float),
    "a flag": lambda random, rows: (random.random(rows) < 0.1).astype(float),
    "heavy tails": lambda random, rows: random.standard_t(2, rows),
}


def numbers(values):
    builder = KllBuilder()
    builder.update(np.asarray(values, dtype=float))
    moments = Moments(count=len(values), minimum=float(min(values)), maximum=float(max(values)), m2=0.0)
    return NumericDistribution.of(builder.state(), moments)


def find_frequent(values):
    distinct, counts = np.unique(values, return_counts=True)
    is_frequent = counts >= MIN_EFFECT * len(values)
    return distinct[is_frequent][np.argsort(-counts[is_frequent], kind="stable")][:8]


def compare_numbers(baseline, window):
    return window_statistics.compare_numbers(numbers(baseline), numbers(window), find_frequent(baseline))


def judge_numbers(baseline, window):
    """The smallest p-value of each test of independent rows."""
    p_values = {}
    for change in compare_numbers(baseline, window):
        if change.test != "largest":
            p_values[change.test] = min(judge_change(change).p, p_values.get(change.test, 1.0))
    return p_values


def column_p_value(baseline, window):
    return combine_p_values(
        judge_change(change) for change in compare_numbers(baseline, window) if change.test != "largest"
    )


@pytest.mark.nightly
@pytest.mark.parametrize("law", NUMBERS)
@pytest.mark.parametrize(("n", "m"), [(5_000, 200), (500, 500)])
def test_healthy_windows_of_numbers_are_as_rarely_unlikely_as_they_should(law, n, m):
    random = np.random.default_rng(1)
    draw = NUMBERS[law]
    p_values = np.array([column_p_value(draw(random, n), draw(random, m)) for _ in range(WINDOWS)])

    for level in (0.05, 0.01):
        assert (p_values <= level).sum() <= stats.binom.ppf(0.999, WINDOWS, level)


def test_constants_never_differ_from_themselves():
    assert set(judge_numbers([3.0] * 500, [3.0] * 40).values()) == {1.0}


def test_a_constant_that_changes_is_certain():
    assert column_p_value([3.0] * 500, [4.0] * 40) < 1e-20


@pytest.mark.parametrize(
    ("test", "change"),
    [
        ("location", lambda x, random: x + 0.5),
        ("spread", lambda x, random: x * 1.7),
        ("sixteenth", lambda x, random: np.where(random.random(len(x)) < 0.08, random.uniform(0.4, 0.5, len(x)), x)),
        ("tail", lambda x, random: np.where(random.random(len(x)) < 0.04, x + 6, x)),
        ("even", lambda x, random: np.round(x * 5) / 5),
        ("round", np.round),
    ],
)
def test_each_change_has_the_test_that_sees_it(test, change):
    random = np.random.default_rng(2)
    # Of a tenth's resolution where digits change
    baseline = random.normal(size=5_000).round(1 if test in ("even", "round") else 9)
    window = random.normal(size=1_000).round(1 if test in ("even", "round") else 9)

    assert min(judge_numbers(baseline, window).values()) > 1e-4
    changed = judge_numbers(baseline, change(window, random) if test != "round" else window.round())
    assert changed[test] < 1e-5


def test_a_value_that_vanishes_is_seen_by_its_own_test():
    # Its rows have the next value instead
    baseline = np.tile([0.0, 1.0, 2.0, 3.0, 4.0], 400)
    window = np.tile([0.0, 1.0, 2.0, 4.0, 4.0], 40)

    assert judge_numbers(baseline, window)["value"] < 1e-6


def test_a_value_that_was_never_so_frequent_is_found_beside_all_past_windows():
    random = np.random.default_rng(3)
    baseline = random.normal(size=20_000)
    window = np.append(random.normal(size=920), np.full(80, 0.5))
    # Beside 32 windows that had none, one that had such a value, and rows that are one group
    [largest] = [change for change in compare_numbers(baseline, window) if change.test == "largest"]

    assert judge_largest(largest, 921, np.full(32, 0.001), 1.0).p < 1e-20
    assert judge_largest(largest, 921, np.append(np.full(31, 0.001), 0.07), 1.0).p == 1.0  # one window had such a value
    assert judge_largest(largest, 921, np.full(32, 0.001), 80.0).p > 1e-3  # all of them are one group of rows


def test_what_is_significant_and_small_is_no_alarm():
    random = np.random.default_rng(4)
    baseline = random.normal(size=200_000)

    assert column_p_value(baseline, random.normal(0.03, 1, 200_000)) > 0.1


def test_a_twentieth_of_a_deviation_is_just_worth_a_word():
    random = np.random.default_rng(6)
    [location, *_] = compare_numbers(random.normal(size=300_000), random.normal(0.05, 1, 300_000))

    assert COLUMN_TESTS["location"].effect_of_score * location.difference == pytest.approx(MIN_EFFECT, rel=0.15)


def test_scores_have_nearly_the_power_of_those_that_are_best_for_normal_values():
    u = (np.arange(100_000) + 0.5) / 100_000
    z = stats.norm.ppf(u)
    scores = compute_rank_scores(u)

    assert np.corrcoef(scores["location"], z)[0, 1] ** 2 == pytest.approx(0.996, abs=5e-4)
    assert np.corrcoef(scores["spread"], z**2)[0, 1] ** 2 == pytest.approx(0.965, abs=5e-4)


def test_cells_are_the_references_sixteenths_its_tails_and_its_frequent_values():
    # 8 values each; one and two beyond the outer 64ths; 500 is not there
    values = np.arange(1.0, 129.0)
    names, [widths] = count_cells(np.ones((1, 128)), np.arange(1, 129), values, np.array([5.0, 500.0]))
    widths = dict(zip(names, widths.tolist(), strict=True))

    assert widths == {**{f"sixteenth{k}": 8 for k in range(1, 17)}, "tail1": 1, "tail2": 2, "value1": 1, "value2": 0}


def test_a_number_that_is_too_large_to_be_scaled_counts_without_a_warning():
    counts, rows = StepCdf(np.array([0.2, 0.3, 1e308]), np.array([1, 2, 3])).count_digits(1, is_exact=True)

    assert (counts.tolist(), rows) == ([1, 0], 2)


def test_digits_are_those_that_the_reference_has():
    assert [count_decimals(np.array(values)) for values in ([1.0, 20.0], [0.5, 1.25], [math.pi])] == [0, 2, 6]
    # 0.2, 1.0 and what is no multiple of a tenth
    even, is_round = find_digits(np.array([0.2, 0.3, 1.0, 0.25, math.inf]), 1)
    assert (even.tolist(), is_round.tolist()) == ([True, False, True, False, False], [False, False, True, False, False])


def test_a_sketch_shows_the_digits_of_as_many_values_as_it_keeps():
    random = np.random.default_rng(7)
    digits = {
        change.field: change
        for change in compare_numbers(random.integers(0, 10**6, 50_000), random.integers(0, 10**6, 900))
    }
    before, n, _, m = digits["even"].counts

    # The window is small enough to be known to the row

    assert m == 900
    assert n < 50_000
    assert before / n == pytest.approx(0.5, abs=4 * math.sqrt(0.25 / n))


@pytest.mark.parametrize(
    ("baseline", "window", "is_tested"),
    [((0, 1_000), (3, 1_000), True), ((100, 1_000), (102, 1_000), False), ((100, 1_000), (150, 1_000), True)],
)
def test_missing_values_are_tested_from_the_least_effect_on(baseline, window, is_tested):
    test = judge_change(compare_missing_values(baseline, window))

    assert (test.p < 1) == is_tested
    assert test.direction == "up"


def test_missing_values_have_fishers_p_value():
    test = judge_change(compare_missing_values((10, 500), (12, 60)))

    assert test.p == pytest.approx(2 * stats.hypergeom.sf(11, 560, 22, 60), rel=1e-6)


def test_scores_of_a_count_are_about_normal():
    random = np.random.default_rng(8)
    counts = random.hypergeometric(440, 3_960, 400, 5_000)[:, None].astype(float)
    scores = score_counts(np.array([440.0]), counts, np.full((5_000, 1), 400.0), 4_400.0)

    assert abs(scores.mean()) < 0.1
    assert scores.std() == pytest.approx(1, abs=0.05)


def test_scores_of_a_count_vary_as_much_as_rows_are_grouped():
    random = np.random.default_rng(8)
    groups = random.hypergeometric(440, 3_960, 20, 20_000)[:, None]
    totals = np.array([440.0])
    sizes = np.full((20_000, 1), 20.0)
    # Rows of 25 to a group
    scores = score_counts(25 * totals, 25.0 * groups, 25 * sizes, 110_000.0)

    squares = scores**2
    assert squares.mean() == pytest.approx(25, rel=0.05)


def test_one_row_in_a_cell_that_was_empty_is_no_large_score():
    capped = np.minimum(np.random.default_rng(8).normal(size=20_000), 1.0)
    window = np.append(capped[:199], 2.0)

    changes = compare_numbers(capped, window)
    assert max(abs(change.score()) for change in changes) < 4
    assert score_counts(np.array([1.0]), np.ones((1, 1)), np.full((1, 1), 200.0), 100_200.0) == pytest.approx(
        1, abs=0.01
    )


def test_as_many_new_values_as_the_past_had_are_no_change():
    # None, as many, and too few to matter
    assert judge_unseen(0, 9_000, 0.1, 1_000, np.zeros(32), 1.0).p < 1e-20
    assert judge_unseen(0, 9_000, 0.1, 1_000, np.full(32, 0.1), 1.0).p > 0.3
    assert judge_unseen(0, 9_000, 0.01, 1_000, np.zeros(32), 1.0).p == 1.0  # below the least effect


@pytest.mark.parametrize(("baseline_rows", "rows", "names"), [(40, 20, 300), (200, 5, 3_000), (1_000, 200, 2_000)])
def test_new_names_are_as_rare_as_the_baselines_single_ones(baseline_rows, rows, names):
    random = np.random.default_rng(names)
    p_values = []
    for _ in range(WINDOWS):
        known_names, counts = np.unique(random.integers(names, size=baseline_rows), return_counts=True)
        unseen = float((~np.isin(random.integers(names, size=rows), known_names)).mean())
        seen_once = int((counts == 1).sum())
        p_values.append(judge_unseen(seen_once, baseline_rows, unseen, rows, np.empty(0), 1.0).p)
    num_rare = sum(p <= 0.01 for p in p_values)
    assert stats.binom.sf(num_rare - 1, WINDOWS, 0.01) > 1e-3

    # Names that are all new, where the baseline has few of them
    assert judge_unseen(2, baseline_rows, 1.0, rows, np.empty(0), 1.0).p <= 1e-6


def test_components_are_combined_by_cauchys_rule():
    tiny = partial(pytest.approx, rel=1e-9, abs=0)
    # one p alone is itself; of two equal ones the mean is the same
    assert combine_p_values([Component("location", 0.01, 1.0)]) == pytest.approx(0.01)
    assert combine_p_values([Component("location", 0.01, 1.0), Component("spread", 0.01, 1.0)]) == pytest.approx(0.01)
    assert combine_p_values([Component("location", 1e-200, 1.0), Component("spread", 1.0, 0.0)]) == tiny(2e-200)
    assert combine_p_values([Component("location", 1e-200, 1.0), Component("unseen", 1.0, 0.0)]) == tiny(
        3.5 / 3 * 1e-200
    )
    assert combine_p_values([]) == 1.0


def test_adjusted_p_values_are_scipys():
    p_values = [0.01, 0.5, 0.02, 0.9, 0.02, 0.0]

    assert adjust_p_values(p_values) == pytest.approx(stats.false_discovery_control(p_values))
    assert adjust_p_values([]) == []


def test_the_shares_of_a_budget_add_up_to_it():
    ledger = allocate_budget(1 / 720, ("drift", "completeness", "contents"))

    assert math.fsum(ledger.values()) == pytest.approx(1 / 720, rel=1e-12)
    assert ledger == {name: pytest.approx(part / 6 / 720) for name, part in zip(ledger, (4, 1, 1), strict=True)}
    assert len(set(allocate_budget(1 / 720, ("completeness", "contents")).values())) == 1


def test_every_test_of_a_column_stands_in_the_table():
    baseline = np.random.default_rng(9).poisson(3, 500).astype(float)
    changes = [*compare_numbers(baseline, baseline), compare_missing_values((1, 9), (1, 9))]

    assert {change.test for change in changes} | {"unseen", "mix"} == set(COLUMN_TESTS)
    assert {change.field for change in changes} <= set(FIELDS)
    assert set(COLUMN_TESTS) - {"missing", "unseen"} == alert_files.TESTS_OF_VALUES


# Mean scores of few rows


def draw_rare_counts(random, rows):
    return random.poisson(0.05, rows).astype(float)


def judge_means(baseline, window):
    p_values = {}
    for change in compare_numbers(baseline, window):
        if change.field in ("location", "spread"):
            p_values[change.field] = judge_change(change).p
    return p_values


@pytest.mark.parametrize("rows", [1, 2, 5, 20])
@pytest.mark.parametrize("column", ["normal", "counts", "rare counts", "heavy tails"])
def test_few_healthy_rows_have_no_rare_mean_scores(column, rows):
    draw = NUMBERS.get(column, draw_rare_counts)
    random = np.random.default_rng(rows)
    p_values = []
    for _ in range(WINDOWS // 4):
        baseline = draw(random, 1_000)
        window = draw(random, rows)
        p_values += judge_means(baseline, window).values()
    num_rare = sum(p <= 1e-3 for p in p_values)
    assert stats.binom.sf(num_rare - 1, len(p_values), 1e-3) > 1e-3


@pytest.mark.parametrize(("events", "rows"), [(1, 1), (2, 2), (3, 10), (5, 40)])
def test_mean_scores_of_few_flags_are_as_rare_as_their_binomial_count(events, rows):
    baseline = np.repeat([0.0, 1.0], [980, 20])
    window = np.repeat([0.0, 1.0], [rows - events, events])
    share = (20 + events) / (1_000 + rows)
    # The normal score of that tail, wider by the share of all rows that the window has
    score = stats.norm.isf(stats.binom.sf(events - 1, rows, share))
    score /= math.sqrt(1 - rows / (1_000 + rows))
    expected = 2 * stats.norm.sf(score)

    p_values = judge_means(baseline, window)
    assert p_values["location"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("rows", "deviations"), [(5, 4.0), (20, 2.0), (40, 1.5)])
def test_few_rows_that_moved_are_found_by_their_mean_score(rows, deviations):
    random = np.random.default_rng(rows)
    baseline = random.normal(size=2_000)
    window = random.normal(deviations, 1, rows)
    p_values = judge_means(baseline, window)
    assert p_values["location"] <= 1e-5
