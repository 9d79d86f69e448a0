"""The drift vectors through baselining and monitoring: each distance that can be chosen gives each vector's number.

Every vector is a feature, whose overrides choose a method; the windows are compared once by each.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
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
def reports(golden, engine_name, tmp_path_factory):
    """By method, the folder of a monitoring run of all windows against a baseline of all baselines."""
    folder = tmp_path_factory.mktemp("vectors")
    run_baseline(make_table("baseline"), DataQualityMonitor(), engine=engine_name).write(str(folder / "baseline"))
    suggested = folder / "baseline" / "constraints.json"
    constraints = json.loads(suggested.read_text())
    window = make_table("window")
    reports = {}
    for method in {case.method for case in CASES}:
        members = {case.column: case.member for case in CASES if case.method == method}
        for feature in constraints["features"]:
            feature.pop("monitoring_config_overrides", None)
            if feature["name"] in members:
                override = {members[feature["name"]]: method}
                feature["monitoring_config_overrides"] = {"distribution_constraints": override}
        suggested.write_text(json.dumps(constraints))
        baseline = read_run_baseline(str(folder / "baseline"))
        reports[method] = folder / method
        run_monitoring(window, DataQualityMonitor(), baseline, engine=engine_name).write(str(reports[method]))
    return reports


def make_table(window):
    """A column of each vector, filled with nulls to the longest."""
    cases_by_column = {case.column: case for case in CASES}
    cells_by_column = {name: case.make_cells(window) for name, case in cases_by_column.items()}
    rows = max(map(len, cells_by_column.values()))
    return pa.table({name: [*cells, *[None] * (rows - len(cells))] for name, cells in cells_by_column.items()})


@pytest.fixture(scope="module")
def checks(reports):
    """The drift checks of checks.json by method and feature."""
    return {
        (method, check["feature"]): check
        for method, report in reports.items()
        for check in read_checks(report / "checks.json")["checks"]
        if check["check"] == "baseline_drift_check"
    }


@pytest.fixture(scope="module")
def violations(reports):
    """The texts of the drift violations by method and feature."""
    return {
        (method, violation["feature_name"]): violation["description"]
        for method, report in reports.items()
        for violation in json.loads((report / "constraint_violations.json").read_text())["violations"]
        if violation["constraint_check_type"] == "baseline_drift_check"
    }


def test_every_method_is_tried_on_every_vector():
    assert set(NUMERIC) == set(NUMERIC_METHODS)
    assert set(CATEGORICAL) == set(CATEGORICAL_METHODS)
    assert len(CASES) in (0, 16 * 7 + 12 * 7)  # none without the golden folder


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.column} by {case.method}") for case in CASES])
def test_the_job_gives_the_number_of_the_vector(case, checks, violations):
    name = (case.method, case.column)
    check = checks[name]
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
    assert (name in violations) is drifted
    if drifted:
        assert violations[name] == check["description"]
        assert violations[name].endswith(f"threshold: {limit}")
