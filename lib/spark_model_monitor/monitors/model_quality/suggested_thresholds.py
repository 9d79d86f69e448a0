"""Which limits of constraints.json a model-quality baseline suggested. Pure.

A limit that equals the baseline's own value allows for noise; any other one decides alone
(`documents/requested_limits.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from spark_model_monitor.documents.model_quality import MetricConstraint, ModelQualityConstraints
from spark_model_monitor.documents.requested_limits import is_suggested
from spark_model_monitor.monitors.model_quality.measurement import CONSTRAINED, MEMBERS
from spark_model_monitor.monitors.model_quality.metrics import METRICS
from spark_model_monitor.statistics.states.outcomes import ProblemType


def find_suggested_limits(
    constraints: ModelQualityConstraints, baseline_values: Mapping[str, Collection[float]]
) -> frozenset[str]:
    """The metrics whose limit is a suggested one. baseline_values: by metric, of statistics.json and of the states."""
    problem_type = problem_type_of_limits(constraints)
    if problem_type is None:
        return frozenset()
    limits: Mapping[str, MetricConstraint] = getattr(constraints, MEMBERS[problem_type])
    names = set()
    for name, limit in limits.items():
        # The side on which a suggested limit is broken
        operator = None
        if name in CONSTRAINED[problem_type]:
            operator = METRICS[problem_type].get(name).facts["operator"]
        # A person who turned the operator around wrote a limit of their own
        if limit.threshold is None or limit.comparison_operator is not operator:
            continue
        # Any other limit than the observed values is a person's
        if is_suggested(name, limit.threshold, baseline_values.get(name, ()), constraints.requested_limits or ()):
            names.add(name)
    return frozenset(names)


def problem_type_of_limits(constraints: ModelQualityConstraints) -> ProblemType | None:
    """The type of problem that the file has limits for; None if it has none."""
    members = (problem_type for problem_type, member in MEMBERS.items() if getattr(constraints, member) is not None)
    return next(members, None)
