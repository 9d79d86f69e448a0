"""Which limits of constraints.json a model-quality baseline suggested, and what earlier releases suggested. Pure.

A limit that equals the baseline's own value allows for noise; any other one decides alone
(`documents/requested_limits.py`). Limits of earlier releases had a margin for noise, which is computed again, or read
from the copy in the baseline's run.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from spark_model_monitor.documents.model_quality import MetricConstraint, ModelQualityConstraints, ToleranceNote
from spark_model_monitor.documents.requested_limits import is_suggested
from spark_model_monitor.monitors.model_quality.estimates import Estimate
from spark_model_monitor.monitors.model_quality.measurement import CONSTRAINED, MEMBERS, WORSE_SIDE
from spark_model_monitor.monitors.model_quality.metrics import METRICS
from spark_model_monitor.statistics.states.outcomes import ProblemType


def find_suggested_limits(
    constraints: ModelQualityConstraints,
    baseline_values: Mapping[str, Collection[float]],
    estimates: Mapping[str, Estimate],
    rows: int | None,
    copy: ModelQualityConstraints | None = None,
) -> frozenset[str]:
    """The metrics whose limit is a suggested one.

    baseline_values: by metric, of statistics.json and of the states. estimates: of the states; none if these are
    unknown. rows: of the baseline. copy: the constraints as the baseline's run wrote them. The last three are needed only
    for files of earlier releases.
    """
    problem_type = problem_type_of_limits(constraints)
    if problem_type is None or _is_rule_of_a_person(constraints):
        return frozenset()
    limits: Mapping[str, MetricConstraint] = getattr(constraints, MEMBERS[problem_type])
    is_of_earlier_release = constraints.requested_limits is None
    if is_of_earlier_release:
        limits_in_copy = _limits_in_copy(copy, problem_type)
    else:
        limits_in_copy = {}

    names = set()
    for name, limit in limits.items():
        operator = None
        if name in CONSTRAINED[problem_type]:
            operator = METRICS[problem_type].get(name).facts["operator"]
        # A person who turned the operator around wrote a limit of their own
        if limit.threshold is None or limit.comparison_operator is not operator:
            continue
        suggestions = list(baseline_values.get(name, ()))
        if is_of_earlier_release:
            if name in limits_in_copy:
                suggestions.append(limits_in_copy[name])
            if name in estimates and _has_earlier_margin(limit, constraints.tolerance, estimates[name], rows):
                suggestions.append(limit.threshold)
        if is_suggested(name, limit.threshold, suggestions, constraints.requested_limits or ()):
            names.add(name)
    return frozenset(names)


def problem_type_of_limits(constraints: ModelQualityConstraints) -> ProblemType | None:
    """The type of problem that the file has limits for; None if it has none."""
    members = (problem_type for problem_type, member in MEMBERS.items() if getattr(constraints, member) is not None)
    return next(members, None)


# Earlier releases


SAFETY_FACTOR = 2  # of their thresholds: errors are estimated, and heavy tails make their estimates too small
NEARLY_EQUAL = 1e-9  # of a margin that another machine's logarithms were used for


def level_of_one_metric(note: ToleranceNote) -> float:
    """How often one of several metrics was allowed to violate its threshold by chance, by Bonferroni's inequality.

    Source: Dunn 1961, "Multiple comparisons among means".
    """
    return (note.false_alarms or 0.0) / SAFETY_FACTOR / (note.metrics or 1)


def _is_rule_of_a_person(constraints: ModelQualityConstraints) -> bool:
    note = constraints.tolerance
    return constraints.requested_limits is None and note is not None and note.false_alarms is None


def _limits_in_copy(copy: ModelQualityConstraints | None, problem_type: ProblemType) -> dict[str, float]:
    """The limits that an earlier release suggested, as the copy in its run says; empty if it suggested none."""
    if copy is None or copy.requested_limits is not None or _is_rule_of_a_person(copy):
        return {}
    limits: Mapping[str, MetricConstraint] = getattr(copy, MEMBERS[problem_type]) or {}
    return {name: limit.threshold for name, limit in limits.items() if limit.threshold is not None}


def _has_earlier_margin(
    limit: MetricConstraint, note: ToleranceNote | None, estimate: Estimate, rows: int | None
) -> bool:
    """Whether it is the limit that healthy windows of the note's size kept, as releases up to 0.1 suggested it."""
    if note is None or not note.window_rows or not rows or limit.threshold is None:
        return False
    side = WORSE_SIDE[limit.comparison_operator]
    margin = estimate.limit(side, level_of_one_metric(note), note.window_rows / rows)
    return margin is not None and math.isclose(margin, limit.threshold, rel_tol=NEARLY_EQUAL)
