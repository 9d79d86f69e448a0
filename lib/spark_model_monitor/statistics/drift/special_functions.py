"""Distribution functions for tests and intervals, in Python and numpy; SciPy, which the tests use, takes 140 MB. Pure.

A tail has a relative error of about 1e-14, however small it is, plus the rounding of its exponent: 1e-16 of its log.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

_NORMAL = NormalDist()
_ROOT = math.sqrt(0.5)
_ROOT_OF_PI = math.sqrt(math.pi)
_NEGLIGIBLE = 1e-17  # a term this small relative to its sum changes nothing
_ODD_EXPONENTS = tuple(-odd * odd * math.pi**2 for odd in (1, 3, 5, 7))
_LIKE_NORMAL = 1e15  # degrees of freedom from which the t distribution is normal
_SMALL = 20.0  # below it, powers and gamma functions are multiplied directly
# the range in which the sum of incomplete gamma functions has all digits
_MIN_A = 10.0
_MAX_LOG = 1.0
_SINH_COEFFICIENTS = (
    -1 / 48,
    1 / 2560,
    -61 / 7741440,
    1261 / 7431782400,
    -79 / 20761804800,
    66643 / 761775532277760,
    -2.044523359411974e-12,
    4.833351797967704e-14,
    -1.152434101767386e-15,
)
"""The coefficients of (sinh(τ/2) / (τ/2))^(-1/2) in powers of τ², from the first on."""

MAX_EXACT_DEVIATION = 1000.0
"""Above this standard deviation, a count's tail is taken as normal; the error is below 3 % at five deviations."""

TAIL_DEVIATIONS = 10
MIN_TAIL_COUNTS = 40
"""A tail is summed over this many standard deviations and at least this many counts, for all digits of a double."""


def normal_quantile(share: float) -> float:
    """The quantile of the standard normal distribution; infinite for 0 and 1.

    Source: Wichura 1988, "Algorithm AS 241: The percentage points of the normal distribution".
    """
    if 0 < share < 1:
        return _NORMAL.inv_cdf(share)
    if share in (0, 1):
        return math.copysign(math.inf, share - 0.5)
    return math.nan


def normal_survival(value: float) -> float:
    """The share of a standard normal distribution above `value`.

    >>> round(normal_survival(1.96), 4)
    0.025
    """
    return math.erfc(value * _ROOT) / 2


def student_survival(value: float, degrees_of_freedom: float) -> float:
    """The share of Student's t distribution above `value`.

    >>> round(student_survival(2.0, 10), 4)
    0.0367
    """
    if not 0 < degrees_of_freedom < _LIKE_NORMAL:
        if degrees_of_freedom > 0:
            return normal_survival(value)
        return math.nan
    if value < 0:
        return 1 - student_survival(-value, degrees_of_freedom)
    # The square of a huge value overflows a double
    root = value / math.sqrt(degrees_of_freedom)
    return _compute_student_tail(
        degrees_of_freedom / 2, math.log1p(root * root) if root < 1e100 else 2 * math.log(root)
    )


def student_quantile(degrees_of_freedom: float, share: float) -> float:
    """The quantile of Student's t distribution.

    Found by secants on the scale of normal scores, whose tails are close to those of the quantile itself.
    """
    tail = min(share, 1 - share)
    if not (0 < degrees_of_freedom < _LIKE_NORMAL and 0 < tail < 0.5):
        if degrees_of_freedom > 0:
            return normal_quantile(share)
        return math.nan
    # Secant method for the score with the wanted tail
    a = degrees_of_freedom / 2
    target_score = -normal_quantile(tail)
    score = target_score
    step = 0.0
    error = 0.0
    for _ in range(40):
        last_error = error
        error = target_score + normal_quantile(_compute_student_tail(a, score * score / degrees_of_freedom))
        if step and last_error != error:
            step = step * error / (last_error - error)
        else:
            step = error
        score += step
        if abs(step) <= 1e-15 * score:
            break
    # Back from the scale of scores
    log = score * score / degrees_of_freedom
    quantile = math.sqrt(degrees_of_freedom * -math.expm1(-log)) * (math.exp(log / 2) if log < 1400 else math.inf)
    return quantile if share > 0.5 else -quantile


def chi_square_cdf(statistic: float, degrees_of_freedom: int) -> float:
    """The share of a chi-square distribution below `statistic`."""
    a = degrees_of_freedom / 2
    x = statistic / 2
    if x >= a:
        return 1 - chi_square_survival(statistic, degrees_of_freedom)
    # Each term from the one before
    term = total = _compute_poisson_term(a, x)
    while term > total * _NEGLIGIBLE:  # DLMF 8.11.4
        a += 1
        term *= x / a
        total += term
    return total


def chi_square_survival(statistic: float, degrees_of_freedom: int) -> float:
    """The share of a chi-square distribution above `statistic`, accurate however small.

    >>> round(chi_square_survival(3.84, 1), 4)
    0.05
    """
    a = degrees_of_freedom / 2
    x = statistic / 2
    if not x >= a:
        return 1 - chi_square_cdf(statistic, degrees_of_freedom)
    total = 0.0
    if degrees_of_freedom % 2:
        total = math.erfc(math.sqrt(x))
    term = _compute_poisson_term(a, x) * a / x
    while a >= 1 and term > total * _NEGLIGIBLE:  # DLMF 8.8.2: down to the parameter 1/2, or 0
        total += term
        a -= 1
        term *= a / x
    return total


def kolmogorov_survival(value: float) -> float:
    """The share of Kolmogorov's limiting distribution above `value`.

    Source: Feller 1948, "On the Kolmogorov-Smirnov limit theorems for empirical distributions".

    >>> round(kolmogorov_survival(1.3581), 4)
    0.05
    """
    if value <= 0.04:
        return 1.0
    square = value * value
    if value < 1:
        terms = math.fsum([math.exp(exponent / (8 * square)) for exponent in _ODD_EXPONENTS])
        return 1 - math.sqrt(2 * math.pi) / value * terms
    first, second, third, fourth = (math.exp(factor * square) for factor in (-2, -8, -18, -32))
    return 2 * math.fsum((first, -second, third, -fourth))


def _compute_poisson_term(a: float, x: float) -> float:
    """x^a · e^-x / Γ(a + 1), without a difference of large logarithms. Source: Loader 2000, "Fast and accurate computation"."""
    if not 0 < x < math.inf:
        return 0.0 * x
    if a < _SMALL:
        half = math.exp(-x / 2)
        return half * x**a / math.gamma(a + 1) * half if half else 0.0
    relative_change = (x - a) / a
    if abs(relative_change) < 0.5:
        log = math.log1p(relative_change)
    else:
        log = math.log(x / a)
    return math.exp(a * (log - relative_change) - _compute_stirling_remainder(a)) / math.sqrt(2 * math.pi * a)


def _compute_stirling_remainder(a: float) -> float:
    """log Γ(a) minus Stirling's (a - 1/2) log(a) - a + log(2π)/2; a: 8 or more."""
    z = 1 / (a * a)
    return (((((-691 / 360360 * z + 1 / 1188) * z - 1 / 1680) * z + 1 / 1260) * z - 1 / 360) * z + 1 / 12) / a


def _compute_student_tail(a: float, log: float) -> float:
    """Half of the incomplete beta function I_x(a, 1/2). log: -log(x).

    The value for a is that for a + 1 plus a positive term (DLMF 8.17.20). For large a it is a sum of incomplete gamma
    functions of 1/2, 5/2, …. Source: DiDonato and Morris 1992, "Algorithm 708", 9.
    """
    if not log:
        return 0.5
    x = math.exp(-log)
    # Raise a until the sum over gamma functions has all digits, or nothing is left to add
    total = 0.0
    term = math.exp(-a * log) * math.sqrt(-math.expm1(-log)) * _compute_gamma_ratio(a) / a
    while a < _MIN_A or log > _MAX_LOG:
        total += term
        term *= x * (a + 0.5) / (a + 1)
        a += 1
        if term <= total * _NEGLIGIBLE:
            return total / 2 / _ROOT_OF_PI
    # The incomplete gamma functions of 1/2, 5/2, …, each from the one before
    t = a - 0.25
    u = t * log
    gamma = _ROOT_OF_PI * math.erfc(math.sqrt(u))
    s = 0.5
    power = math.sqrt(u) * math.exp(-u)
    series = gamma
    scale = 1.0
    for coefficient in _SINH_COEFFICIENTS:
        for _ in range(2):
            gamma = s * gamma + power
            s = s + 1
            power = power * u
        scale /= t * t
        series += (more := coefficient * gamma * scale)
        if abs(more) <= series * _NEGLIGIBLE:
            break
    return (total + series / math.sqrt(t) * _compute_gamma_ratio(a)) / 2 / _ROOT_OF_PI


def _compute_gamma_ratio(a: float) -> float:
    """Γ(a + 1/2) / Γ(a)."""
    if a < 100:
        return math.gamma(a + 0.5) / math.gamma(a)
    series = 0.0
    for c in (869 / 4194304, -399 / 262144, -21 / 32768, 5 / 1024, 1 / 128, -1 / 8):
        series = (series + c) / a
    return math.sqrt(a) * (1 + series)


@lru_cache(2**14)  # columns and windows repeat the same calls; bounded, so that a stream doesn't fill the memory
def hypergeometric_tail(lacking: int, rows: int, x: int, m: int) -> float:
    """The probability of at least x missing values among the window's m rows, if all rows are exchangeable; 1 up to the
    expected number. lacking, rows: the number of missing values among the other rows, and of all other rows.

    Model: t missing values of N rows, m of which are the window's. Their number x in the window is hypergeometric.
    """
    t = lacking + x
    num_rows = rows + m
    expected = t * m / max(num_rows, 1)
    if x <= expected:
        return 1.0
    deviation = math.sqrt(expected * (1 - m / num_rows) * (num_rows - t) / max(num_rows - 1, 1))
    if deviation > MAX_EXACT_DEVIATION:  # continuity correction: half a count
        return normal_survival((x - 0.5 - expected) / deviation)
    # Each term over the one before: (t - k) (m - k) / (k + 1) / (N - m - t + k + 1)
    k = x + np.arange(min(t - x, m - x, int(TAIL_DEVIATIONS * deviation) + MIN_TAIL_COUNTS))
    terms = np.cumprod((t - k) * (m - k) / ((k + 1) * (num_rows - m - t + k + 1.0)))
    # The first term, C(t, x) C(N - t, m - x) / C(N, m)
    first_term = _compute_log_choose(t, x) + _compute_log_choose(num_rows - t, m - x) - _compute_log_choose(num_rows, m)
    return min(1.0, math.exp(first_term) * (1 + float(terms.sum())))


def _compute_log_choose(n: int, k: int) -> float:
    """The logarithm of C(n, k)."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
