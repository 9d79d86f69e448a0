"""Distances are those of the drift vectors, and the service's own distance explains what its real runs reported."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.monitors.data_quality.checks.drift.baseline_drift import judge_by_threshold
from spark_model_monitor.statistics.drift import (
    NumericDistribution,
    Ties,
    compare_categorical,
    compare_numeric,
)
from spark_model_monitor.statistics.drift.distances import (
    wasserstein,
)
from spark_model_monitor.statistics.drift.histograms import Histogram, compute_decile_edges, count_decile_cells
from spark_model_monitor.statistics.states import KllBuilder, KllSketch

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "golden" / "drift-vectors.json"

NUMERIC = {
    "linf_simple": "l_infinity_numeric",
    "linf_robust": "l_infinity_numeric_robust",
    "wasserstein_normalised": "wasserstein_normalised",
    "js_divergence_tfdv": "js_divergence",
    "psi_laplace_baseline_deciles": "psi",
    "js_distance_base2_baseline_deciles": "js_distance",
    "hellinger_baseline_deciles": "hellinger",
}
CATEGORICAL = {
    "linf_simple": "l_infinity_categorical",
    "linf_robust": "l_infinity_categorical_robust",
    "js_divergence": "js_divergence",
    "js_distance_base2": "js_distance",
    "psi_laplace": "psi",
    "hellinger": "hellinger",
}
OF_THE_CALIBRATED_METHOD = {"cell_min_p_bonferroni", "difference"}  # a method that we do not have
NOT_OFFERED = {
    "ks_p_asymptotic",
    "total_variation",
    "total_variation_baseline_deciles",
    "js_distance_natural",
    "chi_square_two_sample",
}
"""Distances of the vectors that nothing of ours asks for."""


def vectors(kind: str) -> list[dict[str, Any]]:
    """The cases of one kind; none if the golden folder is not at hand, which the first test reports."""
    if not VECTORS.is_file():
        return []
    return [case for case in json.loads(VECTORS.read_text())["vectors"] if case["kind"] == kind]


def each(kind: str, part: str, keys: set[str] | None = None) -> list[Any]:
    """One parameter for every number of `part`, or for those called `keys`: (case, key, number)."""
    return [
        pytest.param(case, key, expected, id=f"{case['name']}: {key}")
        for case in vectors(kind)
        for key, expected in case[part].items()
        if keys is None or key in keys
    ]


def close(expected: float) -> Any:
    return pytest.approx(expected, rel=1e-9, abs=1e-15)


def make_values(distribution: dict[str, Any]) -> np.ndarray:
    if "values" in distribution:
        return np.array(distribution["values"], dtype=float)
    permutation = distribution["perm"]
    return (np.arange(permutation["n"]) * permutation["mult"] % permutation["mod"]) * permutation.get(
        "scale", 1.0
    ) + permutation.get("add", 0.0)


def make_sketch(values: np.ndarray, k: int = 2048) -> KllSketch:
    builder = KllBuilder(k)
    builder.update(values)
    return builder.state()


def make_distributions(case: dict[str, Any]) -> tuple[NumericDistribution, NumericDistribution]:
    levels = [make_sketch(make_values(case[window]), case["kll_k"]).levels for window in ("baseline", "window")]
    return NumericDistribution(levels[0], deviation=case["baseline_std_population"]), NumericDistribution(levels[1])


def test_all_vectors_are_at_hand_and_each_of_their_numbers_is_compared(golden):
    assert VECTORS.is_relative_to(golden)
    assert [len(vectors(kind)) for kind in ("numeric", "categorical", "proportion")] == [16, 12, 6]
    of_numbers = {key for case in vectors("numeric") for key in case["expected"]}
    of_categories = {key for case in vectors("categorical") for key in case["expected"]}

    assert of_numbers - NOT_OFFERED == {*NUMERIC, "wasserstein", "linf_robust_alpha_0.05"}
    assert of_categories - OF_THE_CALIBRATED_METHOD - NOT_OFFERED == {
        *CATEGORICAL,
        "linf_robust_alpha_0.003",
        "chi_square_deequ_statistic",
        "chi_square_deequ_p",
    }
    assert {key for case in vectors("proportion") for key in case["expected"]} == OF_THE_CALIBRATED_METHOD


@pytest.mark.parametrize(("case", "key", "expected"), each("numeric", "expected", set(NUMERIC)))
def test_numeric_distances_are_those_of_the_vectors(case, key, expected):
    assert compare_numeric(*make_distributions(case), method=NUMERIC[key]).distance == close(expected)


@pytest.mark.parametrize(("case", "key", "expected"), each("numeric", "expected", {"wasserstein"}))
def test_wassersteins_distances_are_those_of_the_vectors(case, key, expected):
    baseline, current = make_distributions(case)

    assert wasserstein(baseline.cdf, current.cdf) == close(expected)


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in vectors("numeric")])
def test_histograms_and_deciles_are_those_of_the_vectors(case):
    distributions = make_distributions(case)
    expected = case["intermediate"]
    histograms = [*map(Histogram.from_numbers, distributions)]
    baseline, current = (window.cdf for window in distributions)

    for histogram, name in zip(histograms, ("hist10_baseline", "hist10_window"), strict=True):
        assert [*histogram.lower, histogram.upper[-1]] == close(expected[name]["edges"])
        assert histogram.counts.tolist() == expected[name]["counts"]
    assert compute_decile_edges(baseline).tolist() == expected["decile_edges"]
    assert [cells.tolist() for cells in count_decile_cells(baseline, current)] == [
        expected["decile_counts_baseline"],
        expected["decile_counts_window"],
    ]
    assert (baseline.total, current.total) == (expected["n"], expected["m"])


@pytest.mark.parametrize(("case", "key", "expected"), each("numeric", "deequ_2_0_7_tie_losing"))
def test_the_services_distance_is_what_deequ_2_0_7_printed(case, key, expected):
    method = {"linf_simple": "Simple", "linf_robust": "Robust"}[key]

    assert compare_numeric(*make_distributions(case), method=method, ties=Ties.LOST).distance == close(expected)


@pytest.mark.parametrize(("case", "key", "expected"), each("categorical", "expected", set(CATEGORICAL)))
def test_categorical_distances_are_those_of_the_vectors(case, key, expected):
    assert compare_categorical(case["baseline"], case["window"], method=CATEGORICAL[key]).distance == close(expected)


@pytest.mark.parametrize(
    ("case", "key", "expected"),
    each("categorical", "expected", {"chi_square_deequ_statistic", "chi_square_deequ_p"}),
)
def test_chi_squared_is_what_deequ_printed(case, key, expected):
    comparison = compare_categorical(case["baseline"], case["window"], method="ChiSquared")

    if key == "chi_square_deequ_statistic":
        distance = comparison.statistic
    else:
        distance = comparison.distance
    assert distance is None if expected == "NaN" else distance == close(expected)


@pytest.fixture(scope="module")
def churn(golden) -> tuple[list[NumericDistribution], list[NumericDistribution]]:
    """The 70 features of the baseline of 2,333 rows and of the run of 1,977 rows, prediction first (G13)."""
    with (golden / "dq-churn" / "input.csv").open(newline="") as file:
        baseline = np.array([list(map(float, row)) for row in list(csv.reader(file))[1:]])
    captured = []
    for line in (golden / "dq-churn" / "run" / "capture.reconstructed.jsonl").read_text().splitlines():
        halves = json.loads(line)["captureData"]
        cells = f"{halves['endpointOutput']['data']},{halves['endpointInput']['data']}".split(",")
        captured.append(list(map(float, cells)))
    return tuple(
        [NumericDistribution(make_sketch(column).levels) for column in rows.T]
        for rows in (baseline, np.array(captured))
    )


def test_no_feature_of_churn_drifts_with_the_services_distance(churn):
    """The real run reported 60 violations, none of drift (G16)."""
    verdicts = [
        judge_by_threshold(compare_numeric(*distributions, ties=Ties.LOST), 0.1, 2333, 1977)
        for distributions in zip(*churn, strict=True)
    ]

    assert len(verdicts) == 70
    assert {verdict.status for verdict in verdicts} == {CheckStatus.PASSED}


def test_labels_against_scores_of_churn_are_far_apart_only_if_all_values_count(churn):
    labels = churn[0][0]
    scores = churn[1][0]

    lost = compare_numeric(labels, scores, method="Simple", ties=Ties.LOST)
    summed = compare_numeric(labels, scores)

    assert (lost.n, lost.m, lost.distance) == (4, 334, 0.5)  # G16
    assert compare_numeric(labels, scores, ties=Ties.LOST).distance == 0.0
    assert summed.distance == pytest.approx(0.8057, abs=5e-5)  # G16
    assert (summed.n, summed.m) == (2333, 1977)


def read_sketches(path: Path) -> dict[str, NumericDistribution]:
    """The sketches that a real statistics.json holds, by feature."""
    return {
        feature["name"]: NumericDistribution(feature["numerical_statistics"]["distribution"]["kll"]["sketch"]["data"])
        for feature in json.loads(path.read_text())["features"]
        if "numerical_statistics" in feature
    }


def test_two_payloads_over_and_over_drift_only_if_all_values_count(golden):
    """The real run on 18 rows flagged no drift, the true distances being 0.65 to 0.95 (G16)."""
    baseline = read_sketches(golden / "dq-cookbook" / "baseline" / "statistics.json")
    current = read_sketches(golden / "dq-cookbook" / "run" / "statistics.json")

    for name in ("a", "b", "c", "d"):
        distributions = baseline[name], current[name]
        assert compare_numeric(*distributions, ties=Ties.LOST).distance == 0.0, name
        assert 0.65 <= compare_numeric(*distributions, method="Simple").distance <= 0.95, name
