"""Distribution functions of tests and intervals. They are SciPy's, which is imported with the first call: many runs make none,
and importing it takes a while. Pure.
"""

from __future__ import annotations


def normal_quantile(share: float) -> float:
    """The number that this share of a standard normal distribution lies below."""
    from scipy.special import ndtri

    return float(ndtri(share))


def normal_above(value: float) -> float:
    """The share of a standard normal distribution above `value`."""
    from scipy.special import ndtr

    return float(ndtr(-value))


def student_quantile(degrees_of_freedom: float, share: float) -> float:
    """The number that this share of Student's t distribution lies below."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees_of_freedom, share))


def chi_square_below(statistic: float, degrees_of_freedom: float) -> float:
    """The share of a chi-square distribution below `statistic`."""
    from scipy.special import gammainc

    return float(gammainc(degrees_of_freedom / 2, statistic / 2))


def chi_square_above(statistic: float, degrees_of_freedom: float) -> float:
    """The share of a chi-square distribution above `statistic`, as small as it may be."""
    from scipy.special import gammaincc

    return float(gammaincc(degrees_of_freedom / 2, statistic / 2))


def kolmogorov_above(value: float) -> float:
    """The share of Kolmogorov's limiting distribution above `value`."""
    from scipy.special import kolmogorov

    return float(kolmogorov(value))
