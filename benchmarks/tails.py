"""Tails and quantiles beside SciPy's, and beside what the tests of a column take: python benchmarks/tails.py [--quick]

Each pair in turns, core seconds of the fastest round. The mark: the tests of a column take no longer than with SciPy's functions.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
from performance import note
from scipy import special

from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.monitors.data_quality.distribution.column_tests import ColumnRequest, compute_column_tests
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import FeatureDistribution
from spark_model_monitor.statistics.drift import special_functions as ours
from spark_model_monitor.statistics.verdicts import components

MARK = 1.1
COLUMNS = 20  # whose tests are made together
ROUNDS = 3 if "--quick" in sys.argv else 15

COUNTS = np.random.default_rng(0).poisson(300.0, 6 * 100).astype(float)
PAIRS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "normal tail": (lambda: ours.normal_survival(2.5), lambda: float(special.ndtr(-2.5))),
    "normal quantile": (lambda: ours.normal_quantile(0.01), lambda: float(special.ndtri(0.01))),
    "Student's tail, 30": (lambda: ours.student_survival(2.5, 30), lambda: float(special.stdtr(30, -2.5))),
    "Student's quantile, 30": (lambda: ours.student_quantile(30, 0.01), lambda: float(special.stdtrit(30, 0.01))),
    "chi-square tail, 10": (lambda: ours.chi_square_survival(20, 10), lambda: float(special.gammaincc(5, 10))),
    "chi-square tail, 100": (lambda: ours.chi_square_survival(130, 100), lambda: float(special.gammaincc(50, 65))),
    "Kolmogorov's tail": (lambda: ours.kolmogorov_survival(1.5), lambda: float(special.kolmogorov(1.5))),
    "log-gamma of 600": (lambda: ours.log_gamma(COUNTS), lambda: special.gammaln(COUNTS)),
}
OF_SCIPY = {
    "log_gamma": special.gammaln,
    "normal_survival": lambda value: float(special.ndtr(-value)),
    "normal_quantile": lambda share: float(special.ndtri(share)),
    "chi_square_survival": lambda statistic, freedom: float(special.gammaincc(freedom / 2, statistic / 2)),
    "kolmogorov_survival": lambda value: float(special.kolmogorov(value)),
}


def tested(cells: int) -> Callable[[], Any]:
    """The tests of `COLUMNS` columns of so many categories that have changed a little."""
    random = np.random.default_rng(cells)
    names = [f"v{number}" for number in range(cells)]
    shares = random.dirichlet(np.ones(cells))
    before, after = (
        FeatureDistribution(InferredType.STRING, n, n, None, dict(zip(names, counts.tolist(), strict=True)))
        for n, counts in ((n, random.multinomial(n, shares)) for n in (20_000, 5_000))
    )

    def run() -> None:
        for _ in range(COLUMNS):
            compute_column_tests(ColumnRequest(before, after, is_tested=True))

    return run


def with_scipy(run: Callable[[], Any]) -> Callable[[], Any]:
    def ran() -> Any:
        with mock.patch.object(components, "normal_survival", OF_SCIPY["normal_survival"]):
            run()

    return ran


def seconds(run: Callable[[], Any], times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        run()
    return (time.process_time() - start) / times


def compare_times(
    name: str, run_ours: Callable[[], Any], run_theirs: Callable[[], Any], times: int, calls: int = 1
) -> float:
    rounds = [(seconds(run_ours, times), seconds(run_theirs, times)) for _ in range(ROUNDS)]
    mine, theirs = (min(seconds) / calls * 1e6 for seconds in zip(*rounds, strict=True))
    if name.startswith("the tests"):
        note(name, "SciPy", mine, theirs, MARK, "µs")
    print(f"| {name} | {mine:.2f} | {theirs:.2f} | {mine / theirs:.2f} |", flush=True)
    return mine / theirs


if __name__ == "__main__":
    print("| µs of a core | ours | SciPy's | ratio |\n|---|---|---|---|")
    for name, (mine, theirs) in PAIRS.items():
        compare_times(name, mine, theirs, 2_000)
    ratios = [
        compare_times(
            f"the tests of a column of {cells} categories", tested(cells), with_scipy(tested(cells)), 5, COLUMNS
        )
        for cells in (2, 20, 200, 2_000)
    ]
    print(
        f"the tests of a column, made for {COLUMNS} together: at most {max(ratios):.2f} times SciPy's, wanted at most {MARK}"
    )
    sys.exit(max(ratios) > MARK)
