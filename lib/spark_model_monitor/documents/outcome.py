"""The outcome of a run and of each of its features or metrics: changed, cannot tell, or unchanged. Pure.

Everything that turns results of checks into one word uses these functions: pages, the log, mails, the exit status,
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
    """The members of each key, in their order."""
    groups: dict[Key, list[Member]] = {}
    for member in members:
        groups.setdefault(key(member), []).append(member)
    return groups


class Outcome(Enum):
    """The outcomes from the worst to the best.

    CHANGED: a check is violated.
    CANNOT_TELL: none is, but a change that matters may have gone unseen.
    UNCHANGED: everything else.
    """

    CHANGED = "changed"
    CANNOT_TELL = "cannot tell"
    UNCHANGED = "unchanged"


METRIC_CHANGE = 0.2
"""The change of a metric that matters, if its values lie between 0 and 1, or between -1 and 1."""

RATIO_CHANGE = 0.5
"""The change that matters of a metric without bounds: of errors relative to the baseline's value, of bias as it is."""

ALTERNATIVE = "; or "
"""Between the steps of an advice, of which any one helps; the first is the one to take."""

NEIGHBOURS_ALIKE = "rows that follow each other are alike"
IN_GROUPS = f"; {NEIGHBOURS_ALIKE}: about {{rows:.0f}} count as one"
"""The clause of a reason that says why many rows show little."""

BETWEEN_COLUMNS = ("association_check", "relation_check")  # checks of several columns together, which are not a feature
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
"""What checks look at; those of times have names that begin with one of `PREFIXES_OF_TIMES`, all others look at distributions."""

PREFIXES_OF_TIMES = ("date_", "time_", "single_date_")


class FeatureOutcome(Section):
    """The outcome of a feature or a metric.

    name: as in histories.
    reason: why nobody can tell.
    advice: what to do.
    possible_change: whether a change is seen, which may be chance.
    aspects: what was compared.
    """

    name: Name
    outcome: Outcome
    reason: Name | None = None
    advice: Name | None = None
    possible_change: Flag | None = None
    aspects: tuple[Name, ...] | None = None


def find_aspect(check: str) -> str:
    """What a check looks at."""
    if check.startswith(PREFIXES_OF_TIMES):
        return "times"
    for aspect, checks in CHECKS_BY_ASPECT.items():
        if check in checks:
            return aspect
    return "distribution"


def judge_features(check_results: Iterable[CheckResult]) -> tuple[FeatureOutcome, ...]:
    """The outcome of every feature or metric that was judged, in the order of the results."""
    # What isn't judged, or is of one segment only, says nothing about a whole feature
    counted = (check_result for check_result in check_results if check_result.counts_for_outcome)
    results_by_name = group_by(counted, lambda check_result: check_result.full_name)
    return tuple(_judge_feature(name, own_results) for name, own_results in results_by_name.items())


def judge_run(check_results: Iterable[CheckResult]) -> Outcome | None:
    """The worst outcome of a run's features; None if nothing was judged."""
    outcomes = {feature.outcome for feature in judge_features(check_results)}
    return find_worst_outcome(outcomes)


def find_worst_outcome(outcomes: Iterable[Outcome | None]) -> Outcome | None:
    """The worst of several outcomes; None if none is known."""
    known_outcomes = set(outcomes)
    return next((outcome for outcome in Outcome if outcome in known_outcomes), None)


def find_unsure_features(check_results: Iterable[CheckResult]) -> tuple[FeatureOutcome, ...]:
    """The features or metrics of which nobody can tell whether they changed; first those where a change is seen."""
    unsure = [feature for feature in judge_features(check_results) if feature.outcome is Outcome.CANNOT_TELL]
    # The sort is stable, so within each group the order of the results stays
    return tuple(sorted(unsure, key=lambda feature: not feature.possible_change))


def _judge_feature(name: str, check_results: list[CheckResult]) -> FeatureOutcome:
    aspects = tuple(dict.fromkeys(find_aspect(check_result.check) for check_result in check_results))
    if any(check_result.is_violation for check_result in check_results):
        return FeatureOutcome(name=name, outcome=Outcome.CHANGED, aspects=aspects)
    # another reference than the baseline decides only where the baseline's own comparison does not
    compared_with_baseline = {check_result.check for check_result in check_results if check_result.against is None}
    unsure_results = [
        check_result
        for check_result in check_results
        if check_result.is_unsure and (check_result.against is None or check_result.check not in compared_with_baseline)
    ]
    if not unsure_results:
        return FeatureOutcome(name=name, outcome=Outcome.UNCHANGED, aspects=aspects)
    # The reason of the result that sees a change is worth more than that of one that sees none
    clearest = next(
        (check_result for check_result in unsure_results if check_result.possible_change), unsure_results[0]
    )
    return FeatureOutcome(
        name=name,
        outcome=Outcome.CANNOT_TELL,
        reason=clearest.reason,
        advice=clearest.advice,
        possible_change=clearest.possible_change,
        aspects=aspects,
    )
