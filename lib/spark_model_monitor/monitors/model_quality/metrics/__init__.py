"""The metrics of model quality: each is a registered function that computes an estimate from the evidence of a scan. Pure.

A metric is registered for a problem type, under its name in statistics.json or metrics.json. The value of an undefined metric
is NaN. A new file in this folder is imported automatically.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from spark_model_monitor.documents.model_quality import ComparisonOperator
from spark_model_monitor.monitors.model_quality.estimates import Estimate
from spark_model_monitor.monitors.model_quality.evidence import Evidence
from spark_model_monitor.registry import Registry, RegistryEntry, import_all
from spark_model_monitor.statistics.user_choices import ProblemType

Metric = Callable[[Any], Estimate]
Condition = Callable[[Any], bool]

BINARY: Registry[Metric] = Registry("binary metric")
MULTICLASS: Registry[Metric] = Registry("multiclass metric")
REGRESSION: Registry[Metric] = Registry("regression metric")

METRICS: Mapping[ProblemType, Registry[Metric]] = {
    ProblemType.BINARY_CLASSIFICATION: BINARY,
    ProblemType.MULTICLASS_CLASSIFICATION: MULTICLASS,
    ProblemType.REGRESSION: REGRESSION,
}


def register_metric(
    registry: Registry[Metric],
    name: str,
    *,
    operator: ComparisonOperator,
    family: str | None = None,
    ours: bool = False,
    requires: Condition | None = None,
) -> Callable[[Metric], Metric]:
    """Decorator that registers a metric for a problem type.

    operator: on which side of a threshold the metric is worse.
    family: a common name for equivalent metrics (recall and the false negative rate); by default the metric's own name.
    ours: whether the service lacks it.
    requires: a function that says whether the evidence allows this metric; None if it always does.
    """
    return registry.register(name, operator=operator, family=family or name, ours=ours, requires=requires)


def applicable_metrics(evidence: Evidence) -> list[RegistryEntry[Metric]]:
    """The metrics that the evidence allows."""
    applicable = []
    for metric in METRICS[evidence.PROBLEM_TYPE].values():
        requirement = metric.facts.get("requires")
        if requirement is None or requirement(evidence):
            applicable.append(metric)
    return applicable


import_all(sys.modules[__name__])
