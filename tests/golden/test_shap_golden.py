"""Attributions of the model of a published run against exact Shapley values and the service's own; without Spark."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spark_model_monitor.monitors.explainability.kernel import Kernel


@pytest.fixture
def adult(golden):
    """The model, its baseline record and the rows that the service explained."""
    model = json.loads((golden / "models" / "ll-adult.json").read_text())
    weights = np.array(model["weights"])
    bias = model["bias"]
    oracle = golden / "bias-oracle" / "adult"
    exact = json.loads((oracle / "exact_shapley_global.json").read_text())
    rows = np.genfromtxt(oracle / "baseline.csv", delimiter=",", skip_header=1)[:, : len(weights)]

    def predict(cells):
        return 1 / (1 + np.exp(-((cells * weights).sum(axis=1) + bias)))[:, None]

    return predict, np.array(exact["baseline"], float), rows, exact


def test_all_coalitions_give_the_exact_values(adult, golden):
    predict, baseline, rows, exact = adult
    expected = np.genfromtxt(golden / "bias-oracle" / "adult" / "exact_shapley.csv", delimiter=",", skip_header=1)
    kernel = Kernel(predict, baseline, 2**14 - 2)

    explained = kernel.explain(rows[:200])

    assert explained.exact == 200
    np.testing.assert_allclose(explained.values[:, 0], expected[:200], atol=1e-9)
    assert kernel.expected == pytest.approx([exact["expected_value"]], abs=1e-9)


@pytest.mark.parametrize(("samples", "tolerance"), [(2076, 2e-4), (100, 2e-3)])
def test_sampled_global_values_are_near_the_exact_ones(adult, samples, tolerance):
    predict, baseline, rows, exact = adult

    values = Kernel(predict, baseline, samples).explain(rows).values[:, 0]

    np.testing.assert_allclose(np.abs(values).mean(axis=0), list(exact["agg"]["mean_abs"].values()), atol=tolerance)


def test_the_services_global_values_are_met(adult, golden):
    predict, baseline, rows, _ = adult
    published = json.loads((golden / "bias-oracle" / "adult" / "aws_shap_analysis.json").read_text())
    service = published["explanations"]["kernel_shap"]["label0"]
    kernel = Kernel(predict, baseline, 100)

    values = kernel.explain(rows).values[:, 0]

    np.testing.assert_allclose(np.abs(values).mean(axis=0), list(service["global_shap_values"].values()), atol=1.5e-3)
    assert kernel.expected == pytest.approx([service["expected_value"]], abs=1e-6)
