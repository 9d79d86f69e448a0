"""Distribution functions of tests and intervals. They are SciPy's, which is imported with the first call: many runs make none,
and importing it takes a while. Pure.
"""

from __future__ import annotations


def normal_quantile(share: float) -> float:
    """The number that this share of a standard normal distribution lies below."""
    from scipy.special import ndtri

    return float(ndtri(share))


def student_quantile(degrees_of_freedom: float, share: float) -> float:
    """The number that this share of Student's t distribution lies below."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees_of_freedom, share))


def chi_square_below(statistic: float, degrees_of_freedom: float) -> float:
    """The share of a chi-square distribution below `statistic`."""
    from scipy.special import gammainc

    return float(gammainc(degrees_of_freedom / 2, statistic / 2))
