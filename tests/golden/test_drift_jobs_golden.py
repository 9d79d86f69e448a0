"""The drift vectors through baselining and monitoring: each distance that can be chosen gives each vector's number.

Every vector is a feature for each method, chosen by an override of its own, so that one scan of each side makes them all.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.entries import read_checks

from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.reports.history.baselines import read_run_baseline
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.statistics.drift import CATEGORICAL_METHODS, NUMERIC_METHODS

from .test_drift_golden import close, make_sketch, make_values, vectors

NUMERIC = {
    "Simple": "linf_simple",
    "Robust": "linf_robust",
    "js_divergence": "js_divergence_tfdv",
    "js_distance": "js_distance_base2_baseline_deciles",
    "psi": "psi_laplace_baseline_deciles",
    "hellinger": "hellinger_baseline_deciles",
    "wasserstein_normalised": "wasserstein_normalised",
}
CATEGORICAL = {
    "Simple": "linf_simple",
    "LInfinity": "linf_robust",
    "ChiSquared": "chi_square_deequ_p",
    "js_divergence": "js_divergence",
    "js_distance": "js_distance_base2",
    "psi": "psi_laplace",
    "hellinger": "hellinger",
}
"""What the vectors call the number of each method."""

SKETCH_SIZE = 2048  # of every scan


class Case(NamedTuple):
    """One vector, compared by one method."""

    vector: dict[str, Any]
    method: str
    member: str
    key: str

    @property
    def column(self) -> str:
        return f"{self.vector['kind']} {self.vector['name']}"

    @property
    def feature(self) -> str:
        return f"{self.column} by {self.method}"

    @property
    def is_resampled(self) -> bool:
        return self.vector.get("kll_k", SKETCH_SIZE) != SKETCH_SIZE

    def make_cells(self, window: str) -> list[float] | list[str]:
        """Values with the distribution of this side, in an order that keeps it.

        A vector of a smaller sketch becomes that sketch's items, each as often as it counts, the heaviest first: what a larger
        sketch compacts of them are pairs of equal values.
        """
        counted = self.vector[window]
        if self.vector["kind"] == "categorical":
            return [value for value, count in counted.items() for _ in range(count)]
        if not self.is_resampled:
            return make_values(counted).tolist()
        levels = list(enumerate(make_sketch(make_values(counted), self.vector["kll_k"]).levels))
        return np.concatenate([np.repeat(level, 1 << height) for height, level in reversed(levels)]).tolist()

    def compute_expected_number(self) -> float | None:
        """The vector's number; None where it is not computable."""
        numbers = self.vector["expected"]
        if self.method == "wasserstein_normalised" and self.is_resampled:  # such items have a deviation of their own
            return float(numbers["wasserstein"] / np.std(self.make_cells("baseline")))
        if numbers[self.key] == "NaN":
            return None
        return numbers[self.key]


CASES = [
    Case(vector, method, member, key)
    for kind, member, keys in (
        ("numeric", "comparison_method", NUMERIC),
        ("categorical", "categorical_drift_method", CATEGORICAL),
    )
    for vector in vectors(kind)
    for method, key in keys.items()
]


@pytest.fixture(scope="module")
def report(golden, spark, tmp_path_factory):
    """The folder of a monitoring run of all windows against a baseline of all baselines."""
    folder = tmp_path_factory.mktemp("vectors")

    def make_frame(window: str) -> Any:
        columns = {case.column: case.make_cells(window) for case in CASES}
        rows = max(map(len, columns.values()))
        padded = {name: [*cells, *[None] * (rows - len(cells))] for name, cells in columns.items()}
        pq.write_table(pa.table(padded), folder / f"{window}.parquet")
        frame = spark.read.parquet(str(folder / f"{window}.parquet")).coalesce(
            1
        )  # sketches go by the order of the rows
        return frame.selectExpr(*[f"`{case.column}` as `{case.feature}`" for case in CASES])

    run_baseline(make_frame("baseline"), DataQualityMonitor()).write(str(folder / "baseline"))
    suggested = folder / "baseline" / "constraints.json"
    constraints = json.loads(suggested.read_text())
    for feature, case in zip(constraints["features"], CASES, strict=True):
        feature["monitoring_config_overrides"] = {"distribution_constraints": {case.member: case.method}}
    suggested.write_text(json.dumps(constraints))
    baseline = read_run_baseline(str(folder / "baseline"))
    run_monitoring(make_frame("window"), DataQualityMonitor(), baseline).write(str(folder / "report"))
    return folder / "report"


@pytest.fixture(scope="module")
def checks(report):
    """The drift checks of checks.json by feature."""
    content = read_checks(report / "checks.json")["checks"]
    return {check["feature"]: check for check in content if check["check"] == "baseline_drift_check"}


@pytest.fixture(scope="module")
def violations(report):
    """The texts of the drift violations by feature."""
    content = json.loads((report / "constraint_violations.json").read_text())["violations"]
    return {
        violation["feature_name"]: violation["description"]
        for violation in content
        if violation["constraint_check_type"] == "baseline_drift_check"
    }


def test_every_method_is_tried_on_every_vector():
    assert set(NUMERIC) == set(NUMERIC_METHODS)
    assert set(CATEGORICAL) == set(CATEGORICAL_METHODS)
    assert len(CASES) in (0, 16 * 7 + 12 * 7)  # none without the golden folder


@pytest.mark.parametrize("case", [pytest.param(case, id=case.feature) for case in CASES])
def test_the_job_gives_the_number_of_the_vector(case, checks, violations):
    check = checks[case.feature]
    expected = case.compute_expected_number()

    if expected is None:
        assert (check["status"], check.get("observed")) == ("not judged", None)
        return
    assert check["observed"] == close(expected)
    limit = {"js_divergence": 0.3, "psi": 0.2}.get(case.method, 0.1)  # docs/drift.md
    assert check["threshold"] == limit
    if case.method == "ChiSquared":
        drifted = expected < limit
    else:
        drifted = expected > limit
    assert check["status"] == ("violated" if drifted else "passed")
    assert (case.feature in violations) is drifted
    if drifted:
        assert violations[case.feature] == check["description"]
        assert violations[case.feature].endswith(f"threshold: {limit}")
