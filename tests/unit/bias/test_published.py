"""What a platform is told of bias metrics."""

from __future__ import annotations

import math

import pytest

from spark_model_monitor.documents.clarify_files import BiasMetric
from spark_model_monitor.monitors.bias.bias_analysis import BiasAnalysis, GroupAnalysis
from spark_model_monitor.monitors.bias.bias_metrics import FacetCounts
from spark_model_monitor.monitors.bias.choices import Choice
from spark_model_monitor.monitors.bias.monitor import BiasJudgement, BiasMonitor
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.statistics.user_choices import ValueKind


def metric(name, value, error=None):
    return BiasMetric(name=name, description="", value=value, error=error)


def analysis(*metrics):
    positives = Choice("(1.0, 130.2]", "1.0", frozenset(), ValueKind.CONTINUOUS)
    facet = Choice("(40, 80]", "40", frozenset(), ValueKind.CONTINUOUS)
    group = GroupAnalysis(FacetCounts(None), (metric("CI", 0.25),), metrics, facet="age", choice=facet)
    return BiasAnalysis("Target", positives, (group,), 10)


def publish(*metrics):
    sample = Sample(None, analysis(*metrics))
    return BiasJudgement(BiasMonitor(), sample, None).published_metrics((), None)


def test_metrics_have_the_dimensions_of_the_service():
    first, second, total = publish(metric("DI", 0.5))

    assert (first.name, first.value, first.unit) == ("bias_metric_DI", 0.5, "None")
    assert first.dimensions == {
        "BiasStage": "Post-Training",
        "Label": "Target",
        "LabelValue": "1.0",
        "Facet": "age",
        "FacetValue": "40",
    }
    assert (second.name, second.dimensions["BiasStage"]) == ("bias_metric_CI", "Pre-training")
    assert (total.name, total.value) == ("total_number_of_violations", 0)


@pytest.mark.parametrize(("value", "published"), [(math.inf, 2.348543e108), (-math.inf, -2.348543e108)])
def test_infinities_are_the_largest_numbers_that_are_taken(value, published):
    [first, *_] = publish(metric("TE", value))

    assert first.value == pytest.approx(published, rel=1e-6)


def test_an_undefined_metric_is_not_published():
    names = [published.name for published in publish(metric("TE", None, "why"))]

    assert "bias_metric_TE" not in names
