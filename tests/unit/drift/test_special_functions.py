"""Distribution functions beside SciPy's, beside closed forms where SciPy's are worse than 1e-13, and their laws."""

from __future__ import annotations

import decimal
import math
from itertools import product

import numpy as np
import pytest
from scipy import special

from spark_model_monitor.statistics.drift import special_functions as ours

DEGREES = (0.3, 1.0, 1.5, 2.0, 3.0, 7.0, 7.37, 15.0, 19.0, 20.0, 21.0, 31.0, 63.0, 99.5, 200.3, 1e3, 1e4, 1e6)
CELLS = (1, 2, 3, 4, 5, 9, 10, 19, 39, 40, 41, 42, 43, 80, 199)
SHARES = tuple(10.0**-exponent for exponent in (0.31, 0.5, 1, 2, 3, 5, 8, 12, 30, 100, 250))


def close(actual: float, expected: float, within: float = 1e-13) -> bool:
    """Beside the rounding of an exponent, which is of both."""
    return abs(actual - expected) <= expected * (within + 1e-15 * abs(math.log(expected)))


def far_apart(function, peer, cases):
    """The cases in which a tail is not its peer's; tails that are no doubles with all digits are left out."""
    expected = {case: float(peer(*case)) for case in cases}
    return [case for case, tail in expected.items() if tail > 1e-300 and not close(function(*case), tail)]


def test_tails_of_students_distribution_are_scipys():
    values = (-30.0, -1.0, 0.0, 1e-8, 1e-3, 0.1, 0.5, 1.0, 1.7, 2.5, 4.0, 6.0, 9.0, 15.0, 30.0, 100.0, 1e4, 1e20)

    assert far_apart(ours.student_survival, lambda t, n: special.stdtr(n, -t), [*product(values, DEGREES)]) == []


def test_both_tails_of_the_chi_square_distribution_are_scipys():
    ratios = (0.0, 1e-6, 0.01, 0.3, 0.8, 0.95, 1.0, 1.01, 1.05, 1.2, 1.5, 2.0, 4.0, 10.0, 50.0)
    cases = [(ratio * freedom, freedom) for ratio, freedom in product(ratios, CELLS)]

    assert far_apart(ours.chi_square_survival, lambda x, n: special.gammaincc(n / 2, x / 2), cases) == []
    assert far_apart(ours.chi_square_cdf, lambda x, n: special.gammainc(n / 2, x / 2), cases) == []


@pytest.mark.parametrize("freedom", [500, 2_000, 20_000])
def test_the_chi_square_tails_of_many_cells_are_sums_of_poisson_terms(freedom):
    """SciPy's are off by up to 1e-12 there. P(X > x) is P(N < freedom / 2) of a Poisson number N of mean x / 2."""
    with decimal.localcontext(decimal.Context(prec=60)):
        for deviations in (-8, -2, 0, 2, 8, 20):
            statistic = freedom + deviations * math.sqrt(2 * freedom)
            mean = decimal.Decimal(statistic) / 2
            term = exact = (-mean).exp()
            for k in range(1, freedom // 2):
                term *= mean / k
                exact += term
            assert close(ours.chi_square_survival(statistic, freedom), float(exact))
            assert close(ours.chi_square_cdf(statistic, freedom), float(1 - exact))


def test_normal_tails_and_quantiles_are_scipys_from_one_end_to_the_other():
    values = np.linspace(-37, 37, 500)
    shares = np.concatenate((np.logspace(-300, -0.31, 400), 1 - np.logspace(-15, -1, 100))).tolist()

    assert far_apart(ours.normal_survival, lambda z: special.ndtr(-z), [(z,) for z in values.tolist()]) == []
    np.testing.assert_allclose([*map(ours.normal_quantile, shares)], special.ndtri(shares), rtol=2e-14)


def test_kolmogorovs_tail_is_scipys():
    # Both series that the tail is computed by
    low = np.linspace(0, 1.2, 241)
    high = np.linspace(1.2, 18, 100)
    values = np.concatenate((low, high))

    assert far_apart(ours.kolmogorov_survival, special.kolmogorov, [(value,) for value in values.tolist()]) == []


def test_quantiles_of_students_distribution_are_scipys_where_those_are_exact():
    """SciPy's lose digits below 1e-5, and all of them far out: stdtr(20, stdtrit(20, 1e-250)) is 6e-256."""
    for freedom, share in product(DEGREES, [share for share in SHARES if share > 1e-4]):
        expected = special.stdtrit(freedom, share)
        if abs(special.stdtr(freedom, expected) / share - 1) < 1e-13:
            assert ours.student_quantile(freedom, share) == pytest.approx(expected, rel=1e-12)


def test_the_tail_beyond_a_quantile_of_students_distribution_is_what_was_asked_for():
    for freedom, share in product(DEGREES, SHARES):
        quantile = ours.student_quantile(freedom, share)
        if math.isfinite(quantile):
            assert ours.student_survival(-quantile, freedom) == pytest.approx(share, rel=1e-12)
            assert share < 0.01 or ours.student_quantile(freedom, 1 - share) == pytest.approx(-quantile, rel=1e-11)


@pytest.mark.parametrize("share", SHARES)
def test_quantiles_of_one_and_two_degrees_of_freedom_have_closed_forms(share):
    """The tangent, and (2p - 1) / sqrt(2p(1 - p))."""
    of_one = 1 / math.tan(math.pi * share)
    of_two = (1 - 2 * share) / math.sqrt(2 * share * (1 - share))

    assert ours.student_quantile(1, share) == pytest.approx(-of_one, rel=1e-12)
    assert ours.student_quantile(2, share) == pytest.approx(-of_two, rel=1e-12)


def test_at_the_ends_there_is_no_tail_and_no_finite_quantile():
    inf = math.inf
    for tail in (
        ours.normal_survival,
        lambda t: ours.student_survival(t, 5),
        lambda x: ours.chi_square_survival(x, 50),
    ):
        assert tail(inf) == 0.0
        assert math.isnan(tail(math.nan))
    assert [ours.normal_quantile(share) for share in (0, 0.5, 1)] == [-inf, 0, inf]
    assert [ours.student_quantile(5, share) for share in (0, 0.5, 1)] == [-inf, 0, inf]
    assert ours.student_survival(2.0, inf) == ours.student_survival(2.0, 1e18) == ours.normal_survival(2.0)
    assert ours.student_quantile(inf, 0.1) == ours.normal_quantile(0.1)
    assert all(math.isnan(quantile) for quantile in (ours.student_survival(2.0, 0.0), ours.student_quantile(-1.0, 0.1)))
    assert math.isnan(ours.normal_quantile(1.5))
    assert math.isnan(ours.student_quantile(5, 1.5))
