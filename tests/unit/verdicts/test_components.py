"""The tests of one column: silent where nothing changed, loud where something did. Counts of windows have binomial bounds."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from spark_model_monitor.documents import alert_files
from spark_model_monitor.statistics.drift import NumericDistribution
from spark_model_monitor.statistics.drift.distributions import compute_rank_scores
from spark_model_monitor.statistics.states import Moments
from spark_model_monitor.statistics.states.kll import KllBuilder
from spark_model_monitor.statistics.verdicts import components
from spark_model_monitor.statistics.verdicts.components import (
    COLUMN_TESTS,
    Component,
    compare_missing_values,
    least_gap,
)
from spark_model_monitor.statistics.verdicts.multiple_testing import adjust_p_values, allocate_budget, combine_p_values
from spark_model_monitor.statistics.verdicts.window_statistics import FIELDS


def compare_categories(baseline, current):
    return components.compare_categories([(baseline, current)])[0]


def compare_numbers(baseline, current):
    return components.compare_numbers([(baseline, current)])[0]


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


def texts(values):
    distinct, counts = np.unique(values, return_counts=True)
    return dict(zip(map(str, distinct.tolist()), counts.tolist(), strict=True))


def component(components, name):
    return next(candidate for candidate in components if candidate.name == name)


@pytest.mark.nightly
@pytest.mark.parametrize("law", NUMBERS)
@pytest.mark.parametrize(("n", "m"), [(5_000, 200), (500, 500)])
def test_healthy_windows_of_numbers_are_as_rarely_unlikely_as_they_should(law, n, m):
    random = np.random.default_rng(7)
    draw = NUMBERS[law]
    p = [combine_p_values(compare_numbers(numbers(draw(random, n)), numbers(draw(random, m)))) for _ in range(WINDOWS)]

    for level in (0.1, 0.01):
        assert sum(p_value <= level for p_value in p) <= stats.binom.ppf(0.999, WINDOWS, level)


def test_healthy_windows_of_texts_are_as_rarely_unlikely_as_they_should():
    random = np.random.default_rng(7)
    shares = 1 / np.arange(1, 41) ** 1.1
    draws = [[texts(random.choice(40, rows, p=shares / shares.sum())) for rows in (4_000, 300)] for _ in range(WINDOWS)]
    p = [combine_p_values(compare_categories(*distributions)) for distributions in draws]

    for level in (0.1, 0.01):
        assert sum(p_value <= level for p_value in p) <= stats.binom.ppf(0.999, WINDOWS, level)


def test_constants_never_differ_from_themselves():
    assert combine_p_values(compare_numbers(numbers([3.0] * 500), numbers([3.0] * 70))) >= 0.75
    assert combine_p_values(compare_categories({"x": 500}, {"x": 70})) >= 0.75


def test_a_constant_that_changes_is_certain():
    assert combine_p_values(compare_numbers(numbers([3.0] * 500), numbers([4.0] * 70))) < 1e-12
    assert combine_p_values(compare_categories({"x": 500}, {"y": 70})) < 1e-12


@pytest.mark.parametrize(
    ("component_name", "change"),
    [
        pytest.param("location", lambda values, random: values + 0.5, id="half a deviation"),
        pytest.param("spread", lambda values, random: values * 1.5, id="half as much again"),
        pytest.param("ks", lambda values, random: values + 0.5, id="a gap"),
        pytest.param(
            "cell", lambda values, random: np.where(random.random(len(values)) < 0.02, -9.0, values), id="a sentinel"
        ),
        pytest.param(
            "range", lambda values, random: np.where(random.random(len(values)) < 0.05, 1e3, values), id="outside"
        ),
    ],
)
def test_each_change_has_the_component_that_sees_it(component_name, change):
    random = np.random.default_rng(3)
    for _ in range(20):
        baseline = numbers(random.normal(size=20_000))
        components_found = compare_numbers(baseline, numbers(change(random.normal(size=1_000), random)))

        assert component(components_found, component_name).p < 1e-6
        assert combine_p_values(components_found) < 1e-5


def test_what_is_significant_and_small_is_no_alarm():
    # 1 % of a deviation is beyond doubt in a million rows, and moves no share by 0.02
    quantiles = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    distributions = NumericDistribution((quantiles,)), NumericDistribution((quantiles + 0.01,))

    assert combine_p_values(compare_numbers(*distributions)) >= 0.75


def test_a_rare_category_that_doubles_counts_and_one_that_moves_a_little_does_not():
    assert component(compare_categories({"a": 99_500, "b": 500}, {"a": 98_500, "b": 1_500}), "cell").p < 1e-20
    assert component(compare_categories({"a": 99_500, "b": 500}, {"a": 99_300, "b": 700}), "cell").p == 1


def test_the_chi_square_is_scipys_where_no_cell_is_rare():
    # 2,000 a side in two cells: the guard for rare cells is all that differs, and widens it
    chosen = component(compare_categories({"a": 1_000, "b": 1_000}, {"a": 1_120, "b": 880}), "chi2")
    scipys = stats.chi2_contingency([[1_000, 1_000], [1_120, 880]], correction=False).pvalue

    assert scipys < chosen.p < 1.5 * scipys


def test_the_cell_test_is_fishers():
    chosen = component(compare_categories({"a": 950, "b": 50}, {"a": 80, "b": 20}), "cell")

    assert chosen.p == pytest.approx(2 * stats.hypergeom.sf(19, 1_100, 70, 100))
    assert chosen.effect == pytest.approx(0.15)


def test_cells_that_no_window_could_make_unlikely_are_no_tests():
    # of 40 texts that are there once or twice none is as rare as 30 of 100 that the baseline hasn't: of 42 cells two are tests
    rare = {f"r{number}": 1 + number % 2 for number in range(40)}
    chosen = component(compare_categories({"a": 1_000, **rare}, {"a": 70, "new": 30}), "cell")

    assert chosen.tests == 2
    assert chosen.p == pytest.approx(2 * 2 * stats.hypergeom.sf(29, 1_160, 30, 100), rel=1e-6)


def test_scores_have_nearly_the_power_of_those_that_are_best_for_normal_values():
    # correlations with normal scores and their squares, squared, are relative efficiencies (Hajek and Sidak 1967)
    ranks = (np.arange(100_000) + 0.5) / 100_000
    normal = stats.norm.ppf(ranks)
    for name, best, minimum in (("location", normal, 0.99), ("spread", normal**2, 0.96)):
        assert np.corrcoef(compute_rank_scores(ranks)[name], best)[0, 1] ** 2 > minimum


def test_a_twentieth_of_a_deviation_is_just_worth_a_word():
    quantiles = stats.norm.ppf((np.arange(400_000) + 0.5) / 400_000)
    for name, changed in (("location", quantiles + 0.05), ("spread", quantiles * 1.05)):
        chosen = component(compare_numbers(NumericDistribution((quantiles,)), NumericDistribution((changed,))), name)
        assert chosen.effect == pytest.approx(0.02, rel=0.02)


def test_what_one_tail_has_more_of_is_a_cell_of_its_own():
    random = np.random.default_rng(4)
    window = random.normal(size=1_000)
    window[:25] = stats.norm.isf(random.random(25) * 0.01)  # 1 % more 2.5 %, which no quantile's own cell has
    components_found = compare_numbers(numbers(random.normal(size=20_000)), numbers(window))

    assert components_found[-1].p < 1e-6 < component(components_found, "cell").p


def test_a_window_that_is_known_to_the_row_lacks_none_of_its_rows_because_of_the_baselines_sketch():
    random = np.random.default_rng(4)
    baseline = random.normal(size=20_000)
    window = random.normal(size=200)
    window[:9] = stats.norm.isf(random.random(9) * 0.01)
    for_certain = compare_numbers(NumericDistribution((np.sort(baseline),)), numbers(window))[-1].p
    tail_p = compare_numbers(numbers(baseline), numbers(window))[-1].p

    assert for_certain < tail_p < 2.5 * for_certain  # one row of ten less is four times as likely


@pytest.mark.parametrize(("rows", "limit"), [(1_000, 1e-3), (1_000, 1e-9), (20_000, 1e-6)])
def test_the_chance_of_a_cell_as_rare_as_the_rarest_one_is_that_of_the_counts_it_can_have(rows, limit):
    totals = np.array([3.0, 20.0, 200.0, 1_010.0])
    population = 21_000
    tails = [
        stats.hypergeom.sf(np.arange(-1, min(total, rows)), population, total, rows) for total in totals.astype(int)
    ]
    possible = [tail[tail <= limit].max(initial=0.0) for tail in tails]  # by all counts there are

    attainable = components.find_largest_attainable_tails(totals, np.full(4, rows), np.full(4, population), limit)
    assert attainable == pytest.approx(np.array(possible), rel=1e-9, abs=0)


@pytest.mark.parametrize(
    ("before", "after"), [((5, 30, 128), (9, 12, 30)), ((4, 234, 39), (9, 48, 12)), ((13, 88, 130), (24, 39, 58))]
)
def test_the_count_that_is_there_is_one_that_is_as_rare_whatever_its_last_digit(before, after):
    n = sum(before)
    m = sum(after)
    totals = [*map(sum, zip(before, after, strict=True))]

    def tails(total, rows):  # in whole numbers
        way_counts = [math.comb(total, k) * math.comb(n + m - total, rows - k) for k in range(min(total, rows) + 1)]
        return {k: Fraction(sum(way_counts[k:]), math.comb(n + m, rows)) for k in range(len(way_counts))}

    # By all tables with these totals: the rarest count, and as rare ones of every other cell and side
    of_sides = [[tails(total, rows) for total in totals] for rows in (n, m)]
    smallest_chance = min(
        tail[count]
        for table_tails, counts in zip(of_sides, (before, after), strict=True)
        for tail, count in zip(table_tails, counts, strict=True)
    )
    expected = sum(
        max((chance for chance in tail.values() if chance <= smallest_chance), default=0)
        for table_tails in of_sides
        for tail in table_tails
    )

    tables = ({str(cell): float(count) for cell, count in enumerate(counts)} for counts in (before, after))
    assert component(compare_categories(*tables), "cell").p == pytest.approx(float(expected))


def test_cells_of_few_rows_cost_no_more_terms_than_they_have(monkeypatch):
    sizes = []
    terms = np.cumprod
    monkeypatch.setattr(np, "cumprod", lambda ratios, **options: sizes.append(ratios.size) or terms(ratios, **options))
    totals = np.append(np.arange(1.0, 1_001), 400_000.0)

    assert (
        components.find_largest_attainable_tails(totals, np.full(1_001, 1e5), np.full(1_001, 1.1e6), 1e-6)[:-1].max()
        > 0
    )
    assert max(sizes) < 150_000  # not a row of thousands for each


@pytest.mark.parametrize("skewness", [1e-7, 0.05, 0.16, 0.3])
@pytest.mark.parametrize("z", [0.5, 3.0, 4.5])
def test_the_tail_of_a_skewed_mean_is_that_of_a_gamma_distribution(skewness, z):
    shape = 4 / skewness**2
    if skewness < 1e-6:
        gamma = stats.norm.sf(z)
    else:
        gamma = stats.gamma.sf(shape + z * math.sqrt(shape), shape)
    assert components._gamma_tail(z, skewness) == pytest.approx(gamma, rel=0.06)


def test_missing_values_are_a_component_if_there_are_any():
    assert compare_missing_values((0, 100), (0, 50)) == ()
    (more,) = compare_missing_values((50, 1_000), (20, 100))
    p_of_more = 2 * stats.hypergeom.sf(19, 1_100, 70, 100)
    assert more.p == pytest.approx(p_of_more)
    assert more.effect == pytest.approx(0.15)
    assert more.direction == "up"

    (fewer,) = compare_missing_values((120, 1_000), (3, 100))
    p_of_fewer = 2 * stats.hypergeom.cdf(3, 1_100, 123, 100)
    assert fewer.p == pytest.approx(p_of_fewer)
    assert fewer.effect == pytest.approx(0.09)
    assert fewer.direction == "down"

    (same,) = compare_missing_values((100, 1_000), (10, 100))
    assert same.p == 1.0


@pytest.mark.parametrize(
    ("baseline", "window", "is_tested"),
    [
        pytest.param((3_000, 100_000), (140, 10_000), True, id="less than half"),
        pytest.param((3_000, 100_000), (200, 10_000), False, id="one point fewer"),
        pytest.param((15_000, 100_000), (1_200, 10_000), True, id="three points fewer"),
        pytest.param((3_000, 100_000), (400, 10_000), False, id="one point more"),
        pytest.param((3_000, 100_000), (610, 10_000), True, id="twice as many"),
    ],
)
def test_missing_values_are_tested_from_the_least_effect_on(baseline, window, is_tested):
    (missing_test,) = compare_missing_values(baseline, window)
    has_p_value = missing_test.p < 1
    assert has_p_value is is_tested


def test_infinities_are_values_beyond_all_others():
    baseline = NumericDistribution((np.arange(1_000.0),))
    window = NumericDistribution((np.arange(0.0, 1_000, 20),), positive_infinite=30)

    assert component(compare_numbers(baseline, window), "range").p < 1e-20


def test_components_are_combined_by_cauchys_rule():
    # one p alone is itself; of two equal ones the mean is the same
    assert combine_p_values([Component("a", 0.01, 1.0)]) == pytest.approx(0.01)
    assert combine_p_values([Component("a", 0.01, 1.0), Component("b", 0.01, 1.0)]) == pytest.approx(0.01)
    assert combine_p_values([Component("a", 1e-200, 1.0), Component("b", 1.0, 0.0)]) == pytest.approx(2e-200)
    assert combine_p_values([Component("location", 1e-200, 1.0), Component("ks", 1.0, 0.0)]) == pytest.approx(
        4 / 3 * 1e-200
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


def test_columns_together_are_tested_as_each_alone():
    random = np.random.default_rng(5)
    distributions = [
        (numbers(random.normal(size=n)), numbers(random.normal(moved, size=m)))
        for n, m, moved in ((500, 70, 0), (3_000, 1, 1), (40, 900, 0.5), (9_000, 5_000, 0.1))
    ]
    distributions.append((numbers([3.0] * 9), numbers([3.0] * 4)))  # has no tails
    counts = [({"x": 500}, {"x": 70}), ({str(number): number + 1 for number in range(90)}, {"7": 30, "new": 4})]

    assert components.compare_numbers(distributions) == [compare_numbers(*pair) for pair in distributions]
    assert components.compare_categories(counts) == [compare_categories(*pair) for pair in counts]


def test_the_least_gap_is_the_one_from_which_d_or_twice_the_share_is_reached():
    random = np.random.default_rng(3)
    reached = 0
    for before, now, half, error in random.random((2_000, 4)) * (0.1, 0.1, 0.01, 0.02):
        gap = abs(now - before)
        by_ratio = (max(before, now) + half) / (min(before, now) + half) >= 2
        counts = gap + error >= 0.02 or by_ratio
        assert (gap >= least_gap(before, now, half, error)) == counts
        reached += counts

    assert 200 < reached < 1_900


def test_every_test_of_a_column_stands_in_the_table():
    random = np.random.default_rng(3)
    of_numbers_and_texts = [
        *compare_numbers(numbers(random.normal(size=500)), numbers(random.normal(size=60))),
        *compare_categories({"a": 300, "b": 200}, {"a": 30, "c": 30}),
        *components.compare_missing_values((10, 500), (5, 60)),
    ]
    computed = {test.name for test in of_numbers_and_texts}

    # Past windows have a test of their own for values that the baseline lacks
    assert computed | {"unseen"} == {*COLUMN_TESTS}
    assert {name for name, test in COLUMN_TESTS.items() if test.is_of_values} == alert_files.TESTS_OF_VALUES
    assert {*COLUMN_TESTS} - {"range"} <= {*FIELDS}


def test_a_column_of_numbers_has_as_many_components_as_the_table_says():
    random = np.random.default_rng(3)
    names = [test.name for test in compare_numbers(numbers(random.normal(size=500)), numbers(random.normal(size=60)))]

    assert {name: names.count(name) for name in COLUMN_TESTS} == {
        name: test.times_per_number for name, test in COLUMN_TESTS.items()
    }
