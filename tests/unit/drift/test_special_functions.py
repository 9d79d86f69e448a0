"""SciPy's functions, loaded without its package."""

from __future__ import annotations

from tests.programs import printed_by

NAMES = ("gammainc", "gammaincc", "gammaln", "kolmogorov", "ndtr", "ndtri", "stdtr", "stdtrit")


def test_functions_that_are_loaded_alone_are_those_of_the_package():
    program = f"""
        import sys
        from model_monitor.statistics.drift import special_functions
        special_functions.load_alone()
        from scipy.special._ufuncs import {", ".join(NAMES)}
        print("scipy.special" in sys.modules, special_functions.normal_above(0.0))
        import scipy.special
        print(all(getattr(scipy.special, name) is globals()[name] for name in {NAMES!r}), scipy.special.logsumexp([0.0]))
    """

    assert printed_by(program) == "False 0.5\nTrue 0.0\n"
