"""Distribution functions of tests and intervals. They are SciPy's, which is imported with the first call: many runs make none,
and importing it takes a while. Pure.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress
from types import ModuleType
from typing import Any

PACKAGE = "scipy.special"


def load_alone() -> None:
    """Load SciPy's functions without the sparse matrices and array types that their package brings: 5 ms instead of 170.

    Only where no other thread may import the package meanwhile. Who imports it afterwards gets all of it.
    """
    if PACKAGE in sys.modules:
        return
    with suppress(ImportError):  # a SciPy whose functions need the package: the first call imports it
        package = ModuleType(PACKAGE)
        package.__path__ = [f"{path}/special" for path in importlib.import_module("scipy").__path__]
        sys.modules[PACKAGE] = package
        try:
            importlib.import_module(f"{PACKAGE}._ufuncs")
        finally:
            del sys.modules[PACKAGE]


def special() -> Any:
    """SciPy's functions of numbers and arrays, imported with the first call."""
    return importlib.import_module(f"{PACKAGE}._ufuncs")


def normal_quantile(share: float) -> float:
    """The number that this share of a standard normal distribution lies below."""
    return float(special().ndtri(share))


def normal_above(value: float) -> float:
    """The share of a standard normal distribution above `value`."""
    return float(special().ndtr(-value))


def student_quantile(degrees_of_freedom: float, share: float) -> float:
    """The number that this share of Student's t distribution lies below."""
    return float(special().stdtrit(degrees_of_freedom, share))


def student_above(value: float, degrees_of_freedom: float) -> float:
    """The share of Student's t distribution above `value`."""
    return float(special().stdtr(degrees_of_freedom, -value))


def chi_square_below(statistic: float, degrees_of_freedom: float) -> float:
    """The share of a chi-square distribution below `statistic`."""
    return float(special().gammainc(degrees_of_freedom / 2, statistic / 2))


def chi_square_above(statistic: float, degrees_of_freedom: float) -> float:
    """The share of a chi-square distribution above `statistic`, as small as it may be."""
    return float(special().gammaincc(degrees_of_freedom / 2, statistic / 2))


def kolmogorov_above(value: float) -> float:
    """The share of Kolmogorov's limiting distribution above `value`."""
    return float(special().kolmogorov(value))
