"""Summarises the results of a run: its changes, and what is unsure, accepted or not compared. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from spark_model_monitor.documents.alarms import group_by_cause
from spark_model_monitor.documents.check_results import (
    DRIFT,
    EXPECTATION,
    LABEL,
    WINDOW_NAME,
    WITHIN_LIMIT,
    CheckResult,
    Hint,
    name_cause,
)
from spark_model_monitor.documents.outcome import BETWEEN_COLUMNS, CHECKS_OF_ROWS, FeatureOutcome, find_unsure_features
from spark_model_monitor.documents.page import shorten_name
from spark_model_monitor.value_class import value_class

RELATIONS = "Relations"
TIMES = "Times"
REQUEST = "request_check"
"""The check for something that a person asked for and this run can't do. Its results have one of these names as their
feature.
"""

WINDOW_SUBJECTS = (
    *(WINDOW_NAME, "Missing columns", "Extra columns", "Repeated rows", "Number of rows", "Newest row"),
    *(RELATIONS, TIMES),
)
"""The subjects of results about the data set or the window, which have no feature."""

WINDOW_CHECKS = frozenset({*CHECKS_OF_ROWS, EXPECTATION, REQUEST})
"""The checks with such results. In a result of another check, the same name is that of a feature."""

DATE_VALUE = "date_value_check"  # every column of dates has a result of this check
HOURS = "time_of_day_check"
CONCEPT_DRIFT = "concept_drift_check"
FEWER_MISSING = "fewer_missing"  # name of a hint
DEEQU_METRICS = "DEEQU_METRICS"
KINDS = {
    "DATA_QUALITY": "data quality",
    "MODEL_QUALITY": "model quality",
    "MODEL_BIAS": "bias",
    "MODEL_EXPLAINABILITY": "feature attribution",
    "ESTIMATED_QUALITY": "estimated model quality",
    DEEQU_METRICS: "metrics of Deequ, imported and not judged",
}
"""The names of the monitors on pages."""


@value_class(slots=False)
class RunChanges:
    """A summary of the results of a run.

    results: the results of all checks.
    hints: hints about its data.
    are_violations_alone: whether only violations are known, and not what else was compared.
    """

    results: Sequence[CheckResult]
    hints: Sequence[Hint] = ()
    are_violations_alone: bool = False

    @cached_property
    def unit(self) -> str:
        """The noun for what is compared, in the singular."""
        if any((check_result.model_extra or {}).get(LABEL) is not None for check_result in self.results):
            return "attribution"
        if any(check_result.metric for check_result in self.results):
            # Results of bias metrics have a facet as their feature
            if any(check_result.feature for check_result in self.results):
                return "bias metric"
            return "metric"
        return "feature"

    @cached_property
    def changed_results(self) -> list[CheckResult]:
        """One result for each change, the largest change first."""
        changes = []
        if self.unit == "attribution":
            # Changes of attributions are reported although they aren't violations
            changes = [change for change in self.results if change.is_violated and change.change]
            changes.sort(key=lambda change: -abs(change.observed or 0.0))
        if not changes:
            # Results of checks in BESIDE may have the status `violated` without counting as violations
            for violations in group_by_cause(self.results):
                changes += [violation for violation in violations if violation.is_violation]
        return _select_first_by_key(change for change in changes if not is_about_window(change))

    @cached_property
    def changed_features(self) -> list[CheckResult]:
        """The changes of features or metrics, without rules about rows."""
        return [change for change in self.changed_results if not change.is_rule_of_rows]

    @cached_property
    def judged_results(self) -> list[CheckResult]:
        """The results that count as checked; for attributions only those of features."""
        judged_results = [
            check_result
            for check_result in self.results
            if check_result.is_judged and not is_about_window(check_result)
        ]
        if self.unit != "attribution":
            return judged_results
        # An attribution also has metrics of the model, which count only if nothing else was judged
        return [check_result for check_result in judged_results if not check_result.metric] or judged_results

    @cached_property
    def accepted(self) -> list[CheckResult]:
        return find_accepted(self.results)

    @cached_property
    def not_compared(self) -> list[CheckResult]:
        return find_not_compared(self.results, self.changed_results)

    @cached_property
    def num_compared(self) -> int:
        """The number of features or metrics that were compared, each counted once."""
        # A rule that holds and a relation of columns don't count
        names = {identify_change(change) for change in self.changed_features if change.check not in BETWEEN_COLUMNS}
        for check_result in self.judged_results:
            if check_result.check not in (*BETWEEN_COLUMNS, EXPECTATION):
                names.add(identify_change(check_result))
        # A feature whose values weren't compared, or whose change was accepted, must not count as unchanged
        names -= set(map(identify_change, self.not_compared))
        names -= set(map(identify_change, self.accepted)).difference(map(identify_change, self.changed_results))
        return len(names)

    @cached_property
    def unsure_features(self) -> list[FeatureOutcome]:
        """The features whose outcome is `cannot tell`; metrics that are the same in other units count once."""
        features = find_unsure_features(self.results)
        names = {feature.name for feature in features}
        # A metric is left out only if the metric that it repeats is in the list
        repeated_names = {check_result.full_name for check_result in self.results if check_result.same_as in names}
        return [feature for feature in features if feature.name not in repeated_names]

    @cached_property
    def moved_names(self) -> list[str]:
        """The features that changed beyond chance but within a person's own limit."""
        beginning, _, _ = WITHIN_LIMIT.partition("{")
        moved = (check_result for check_result in self.results if (check_result.reason or "").startswith(beginning))
        return [*dict.fromkeys(map(identify_change, moved))]

    @cached_property
    def fewer_missing(self) -> list[str]:
        """Features that no check found changed but that have fewer missing values."""
        unchanged_names = set(map(identify_change, self.judged_results))
        unchanged_names -= set(map(identify_change, (*self.changed_results, *self.not_compared)))
        names: dict[str, None] = {}
        for hint in self.hints:
            if hint.hint == FEWER_MISSING:
                names |= dict.fromkeys(map(shorten_name, hint.features))
        return [name for name in names if name in unchanged_names]


def is_beyond_threshold(metric: CheckResult) -> bool:
    """Whether a metric of all rows is on the wrong side of its threshold, by any amount."""
    if metric.observed is None or metric.threshold is None or metric.where:
        return False
    if metric.check == "LessThanThreshold":
        return metric.observed < metric.threshold
    return metric.check == "GreaterThanThreshold" and metric.observed > metric.threshold


def find_not_compared(check_results: Iterable[CheckResult], changes: Sequence[CheckResult] = ()) -> list[CheckResult]:
    """One drift result for each feature whose values weren't compared with any reference, such as keys. Changed features are
    left out, and columns of dates, which have checks of their own."""
    unjudged_by_name: dict[str, CheckResult] = {}
    compared_names = {identify_change(change) for change in changes if change.check not in BETWEEN_COLUMNS}
    for check_result in check_results:
        if check_result.check in (DATE_VALUE, DRIFT) and check_result.is_judged:
            compared_names.add(identify_change(check_result))
        elif check_result.check == DRIFT and not check_result.accepted:
            unjudged_by_name.setdefault(identify_change(check_result), check_result)
    return [check_result for name, check_result in unjudged_by_name.items() if name not in compared_names]


def find_accepted(check_results: Iterable[CheckResult]) -> list[CheckResult]:
    """One result for each change that a person accepted."""
    return _select_first_by_key(check_result for check_result in check_results if check_result.accepted)


def describe_drift_type(results: Iterable[CheckResult]) -> str | None:
    """Covariate shift or concept drift, in words; None unless there are both labels and scores."""
    for check_result in results:
        if check_result.check == CONCEPT_DRIFT and check_result.reason:
            return check_result.reason
    return None


def _select_first_by_key(results: Iterable[CheckResult]) -> list[CheckResult]:
    """The first result of each feature, and of each set of equivalent metrics."""
    first_by_key: dict[str, CheckResult] = {}
    for check_result in results:
        first_by_key.setdefault(identify_change(check_result), check_result)
    return list(first_by_key.values())


def is_about_window(check_result: CheckResult) -> bool:
    """Whether a result is about the data set or the window, not about a feature with the same name."""
    subject = format_subject(check_result)
    return subject == WINDOW_NAME or (subject in WINDOW_SUBJECTS and check_result.check in WINDOW_CHECKS)


def identify_change(result: CheckResult) -> str:
    # Metrics that are the same in other units count as one
    if result.metric:
        return name_cause(result)
    return format_subject(result)


def format_subject(result: CheckResult) -> str:
    name, part = result.subject
    subject = name or part or WINDOW_NAME
    if part and result.metric:
        subject = f"{name} of {part}"
    return shorten_name(subject)
