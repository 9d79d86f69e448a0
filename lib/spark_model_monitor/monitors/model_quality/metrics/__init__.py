"""The metrics of model quality: each a registered function from the evidence of a scan to an estimate. Pure.

Registered for a type of problem, under its name in statistics.json or metrics.json. A metric that is not defined is NaN. A new
file in this folder is found by being there.
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
    """Decorator that enters a metric of a type of problem.

    operator: which side of a threshold is worse.
    family: a name that metrics share which tell the same (recall and the false negative rate); by default its own.
    ours: whether the service lacks it.
    requires: a function of the evidence that is false where the metric can't be; None if it always can.
    """
    return registry.register(name, operator=operator, family=family or name, ours=ours, requires=requires)


def applicable_metrics(evidence: Evidence) -> list[RegistryEntry[Metric]]:
    """Those that the evidence is enough for."""
    applicable = []
    for metric in METRICS[evidence.PROBLEM_TYPE].values():
        requirement = metric.facts.get("requires")
        if requirement is None or requirement(evidence):
            applicable.append(metric)
    return applicable


import_all(sys.modules[__name__])
