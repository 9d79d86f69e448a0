"""Violations of the service as results of checks: the numbers in their texts, and what changed in words. Pure.

The service's folders have no checks.json, so a text is all that says how far a feature is from its constraint. The
texts of all containers since 2019 are known here. Source: C4.4, C5.3, C7.4.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from spark_model_monitor.documents.check_results import (
    FACET_VALUE,
    LABEL,
    CheckResult,
    CheckStatus,
    Violation,
    Violations,
    format_check,
    format_full_name,
)
from spark_model_monitor.documents.page import format_number

FACET = "facet"  # the member of a bias violation that names the facet

_NUMBER = r"(-?[\d.]+(?:[eE]-?\d+)?|-?Infinity|NaN)"


class Text(NamedTuple):
    """A form of the service's texts. pattern: with the observed number and the threshold as `observed` and `threshold`.

    change: what changed, in words that follow the name. scale: 100 for percentages.
    """

    pattern: re.Pattern[str]
    change: str = ""
    scale: float = 1.0


def _build_pattern(form: str) -> re.Pattern[str]:
    """A regular expression in which OBSERVED and THRESHOLD stand for numbers."""
    for name in ("observed", "threshold"):
        form = form.replace(name.upper(), f"(?P<{name}>{_NUMBER})")
    return re.compile(form)


TEXTS = (
    Text(
        _build_pattern(
            r"Expected data type: (?P<type>\w+), Expected match: THRESHOLD%\. Observed: Only OBSERVED% of data"
        ),
        "has only {observed} % values of data type {type}, the baseline asks for {threshold} %",
        scale=100.0,
    ),
    Text(
        _build_pattern(r"completeness requirement is not met\. Expected: THRESHOLD%\. Observed: Only OBSERVED%\."),
        "has only {observed} % of its values, the baseline asks for {threshold} %",
        scale=100.0,
    ),
    Text(
        _build_pattern(r"distance: OBSERVED exceeds (?:numerical |categorical )?threshold: THRESHOLD"),
        "moved by a distance of {observed}, the limit is {threshold}",
    ),
    Text(
        _build_pattern(r"drift p-value: OBSERVED is below threshold: THRESHOLD"),
        "moved by more than chance: p is {observed}, the limit is {threshold}",
    ),
    Text(
        _build_pattern(r"columns in current dataset: OBSERVED, Number of columns in baseline constraints: THRESHOLD"),
        "of {observed} columns in all, in the baseline {threshold}",
    ),
    Text(_build_pattern(r"Metric \S+ with OBSERVED(?: \+/- \S+)? was \w+ '?THRESHOLD'?")),
    Text(_build_pattern(r"Metric value OBSERVED doesn't meet the baseline constraint requirement THRESHOLD")),
    Text(
        _build_pattern(r"attribution drift OBSERVED exceeds threshold THRESHOLD"),
        "fell to {observed}, the limit is {threshold}",
    ),
    Text(
        _build_pattern(r"Value:? OBSERVED does not meet the constraint requirement"),
        "has a share of {observed}, which is below the baseline's",
    ),
)
"""The first form that fits counts. A form without words is of a metric, whose numbers say it."""


def read_check_results(violations: Violations, names: Collection[str]) -> Iterator[CheckResult]:
    """The violations, and each of the other `names` as passed: the service judges all of them. names: of features or
    metrics with a constraint, as in histories."""
    violated = set()
    for violation in violations.violations:
        check_result = read_check_result(violation)
        violated.add(format_full_name(check_result))
        yield check_result
    for name in names:
        if name not in violated:
            yield CheckResult(feature=name, check="check", status=CheckStatus.PASSED, threshold=None)


def read_check_result(violation: Violation) -> CheckResult:
    """One violation with the numbers of its text, None where the text is of no known form."""
    members: Mapping[str, object] = violation.model_extra or {}
    feature = violation.feature_name
    # Bias names a facet where data quality names a feature
    if feature is None and FACET in members:
        feature = str(members[FACET])
    metric = violation.metric_name and _name_in_files(violation.metric_name)
    check_result = CheckResult(
        feature=feature,
        metric=metric,
        check=violation.constraint_check_type,
        status=CheckStatus.VIOLATED,
        threshold=None,
    )
    # One metric has a violation for each group; without these their names would be equal
    group = {name: str(members[name]) for name in (FACET_VALUE, LABEL) if name in members}
    check_result = check_result.model_copy(update=group)
    for text in TEXTS:
        match = text.pattern.search(violation.description)
        if match is not None:
            return _with_numbers(check_result, text, match)
    # A text of a new container still counts, without numbers
    return check_result.model_copy(update={"change": f"violates its {format_check(check_result)}"})


def _with_numbers(check_result: CheckResult, text: Text, match: re.Match[str]) -> CheckResult:
    groups = match.groupdict()
    observed = _parse_finite(groups["observed"])
    threshold = _parse_finite(groups.get("threshold"))
    # Words keep the text's own units, results have shares
    numbers = {"observed": format_number(observed, 6), "threshold": format_number(threshold, 6)}
    change = text.change.format(**{**groups, **numbers}) or None
    return check_result.model_copy(
        update={
            "observed": None if observed is None else observed / text.scale,
            "threshold": None if threshold is None else threshold / text.scale,
            "change": change,
        }
    )


def _name_in_files(metric: str) -> str:
    """`true_positive_rate` of `truePositiveRate`: violations have other names than statistics.json. Source: G20."""
    return re.sub(r"(?<=[a-z])[A-Z]", lambda capital: f"_{capital[0].lower()}", metric)


def _parse_finite(text: str | None) -> float | None:
    number = float(text) if text is not None else math.nan
    if math.isfinite(number):
        return number
    return None
