"""The outcome of a run and of each of its features or metrics: changed, cannot tell, or unchanged. Pure.

All code that summarises results of checks in one word uses these functions: pages, the log, mails, the exit status,
alerts, histories, fleets and files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from spark_model_monitor.documents.document import Flag, Name, Section

if TYPE_CHECKING:
    from spark_model_monitor.documents.check_results import CheckResult


Key = TypeVar("Key")
Member = TypeVar("Member")


def group_by(members: Iterable[Member], key: Callable[[Member], Key]) -> dict[Key, list[Member]]:
    """The members by key, in their order."""
    groups: dict[Key, list[Member]] = {}
    for member in members:
        groups.setdefault(key(member), []).append(member)
    return groups


class Outcome(Enum):
    """The outcomes from worst to best.

    CHANGED: a check is violated.
    CANNOT_TELL: no check is violated, but a change that matters may have been missed.
    UNCHANGED: none of these.
    """

    CHANGED = "changed"
    CANNOT_TELL = "cannot tell"
    UNCHANGED = "unchanged"


METRIC_CHANGE = 0.2
"""The change that matters of a metric with values from 0 to 1, or from -1 to 1."""

RATIO_CHANGE = 0.5
"""The change that matters of a metric without bounds: for errors, relative to the baseline's value; for bias, absolute."""

ALTERNATIVE = "; or "
"""Separates alternative steps in an advice; the first one is preferred."""

NEIGHBOURS_ALIKE = "rows that follow each other are alike"
IN_GROUPS = f"; {NEIGHBOURS_ALIKE}: about {{rows:.0f}} count as one"
"""A clause of a reason: similar neighbouring rows are the cause of a large uncertainty in spite of many rows."""

# Checks of several columns together, whose subject is no single feature
BETWEEN_COLUMNS = ("association_check", "relation_check")
CHECKS_OF_ROWS = (
    "row_count_check",
    "freshness_check",
    "repeated_rows_check",
    "missing_column_check",
    "extra_column_check",
)
CHECKS_OF_NEW_VALUES = ("categorical_values_check", "new_values_check", "code_length_check", "text_form_check")
CHECKS_BY_ASPECT = {
    "missing": ("completeness_check",),
    "type": ("data_type_check", "number_share_check", "text_share_check"),
    "range": ("range_check", "sign_check", "non_negative_check", "infinity_check"),
    "new values": CHECKS_OF_NEW_VALUES,
    "relations": BETWEEN_COLUMNS,
    "segments": ("segment_drift_check",),
    "rows": CHECKS_OF_ROWS,
}
"""What checks examine. Checks of times have names with one of `PREFIXES_OF_TIMES`; all other checks examine distributions."""

PREFIXES_OF_TIMES = ("date_", "time_", "single_date_")


class FeatureOutcome(Section):
    """The outcome of a feature or a metric.

    name: its name in histories.
    reason: why the checks can't tell.
    advice: what to do then.
    possible_change: whether there is a change that may be chance.
    aspects: what was compared.
    """

    name: Name
    outcome: Outcome
    reason: Name | None = None
    advice: Name | None = None
    possible_change: Flag | None = None
    aspects: tuple[Name, ...] | None = None


def find_aspect(check: str) -> str:
    """What a check examines."""
    if check.startswith(PREFIXES_OF_TIMES):
        return "times"
    for aspect, checks in CHECKS_BY_ASPECT.items():
        if check in checks:
            return aspect
    return "distribution"


def judge_features(check_results: Iterable[CheckResult]) -> tuple[FeatureOutcome, ...]:
    """The outcome of every feature or metric that was judged, in the order of the results."""
    # A result that isn't judged, or is about a single segment, says nothing about a whole feature
    counted_results = (check_result for check_result in check_results if check_result.counts_for_outcome)
    results_by_name = group_by(counted_results, lambda check_result: check_result.full_name)
    return tuple(_judge_feature(name, feature_results) for name, feature_results in results_by_name.items())


def judge_run(check_results: Iterable[CheckResult]) -> Outcome | None:
    """The worst outcome of a run's features; None if nothing was judged."""
    return find_worst_outcome(feature.outcome for feature in judge_features(check_results))


def find_worst_outcome(outcomes: Iterable[Outcome | None]) -> Outcome | None:
    """The worst of several outcomes; None if there is none."""
    known_outcomes = set(outcomes)
    return next((outcome for outcome in Outcome if outcome in known_outcomes), None)


def find_unsure_features(check_results: Iterable[CheckResult]) -> tuple[FeatureOutcome, ...]:
    """The features or metrics whose outcome is `cannot tell`; those with a possible change come first."""
    features = [feature for feature in judge_features(check_results) if feature.outcome is Outcome.CANNOT_TELL]
    # The sort is stable, so the order of the results is kept within each group
    return tuple(sorted(features, key=lambda feature: not feature.possible_change))


def _judge_feature(name: str, check_results: list[CheckResult]) -> FeatureOutcome:
    aspects = tuple(dict.fromkeys(find_aspect(check_result.check) for check_result in check_results))
    if any(check_result.is_violation for check_result in check_results):
        return FeatureOutcome(name=name, outcome=Outcome.CHANGED, aspects=aspects)
    # A reference other than the baseline counts only if there is no result of the check for the baseline itself
    compared_with_baseline = {check_result.check for check_result in check_results if check_result.against is None}
    unsure_results = [
        check_result
        for check_result in check_results
        if check_result.is_unsure and (check_result.against is None or check_result.check not in compared_with_baseline)
    ]
    if not unsure_results:
        return FeatureOutcome(name=name, outcome=Outcome.UNCHANGED, aspects=aspects)
    # Prefer the reason of a result with a possible change
    clearest = max(unsure_results, key=lambda check_result: bool(check_result.possible_change))
    return FeatureOutcome(
        name=name,
        outcome=Outcome.CANNOT_TELL,
        reason=clearest.reason,
        advice=clearest.advice,
        possible_change=clearest.possible_change,
        aspects=aspects,
    )
