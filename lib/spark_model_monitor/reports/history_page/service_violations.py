"""Violations of the service as results of checks, with the numbers in their texts. Reads no files.

The service's folders have no checks.json, so only the text of a violation says how far a feature is from its constraint. This
module knows the texts of all containers since 2019. Source: C4.4, C5.3, C7.4.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from spark_model_monitor.documents.check_results import (
    FACET_VALUE,
    LABEL,
    CheckResult,
    CheckStatus,
    Violation,
    Violations,
)

FACET = "facet"  # the member of a bias violation that names the facet

_NUMBER = r"(-?[\d.]+(?:[eE]-?\d+)?|-?Infinity|NaN)"


def _build_pattern(form: str) -> re.Pattern[str]:
    """A regular expression in which OBSERVED and THRESHOLD stand for numbers, in groups of these names."""
    for name in ("observed", "threshold"):
        form = form.replace(name.upper(), f"(?P<{name}>{_NUMBER})")
    return re.compile(form)


PERCENTAGES = (
    _build_pattern(r"Expected data type: \w+, Expected match: THRESHOLD%\. Observed: Only OBSERVED% of data"),
    _build_pattern(r"completeness requirement is not met\. Expected: THRESHOLD%\. Observed: Only OBSERVED%\."),
)
NUMBERS = (
    _build_pattern(r"distance: OBSERVED exceeds (?:numerical |categorical )?threshold: THRESHOLD"),
    _build_pattern(r"drift p-value: OBSERVED is below threshold: THRESHOLD"),
    _build_pattern(r"columns in current dataset: OBSERVED, Number of columns in baseline constraints: THRESHOLD"),
    _build_pattern(r"Metric \S+ with OBSERVED(?: \+/- \S+)? was \w+ '?THRESHOLD'?"),
    _build_pattern(r"Metric value OBSERVED doesn't meet the baseline constraint requirement THRESHOLD"),
    _build_pattern(r"attribution drift OBSERVED exceeds threshold THRESHOLD"),
    _build_pattern(r"Value:? OBSERVED does not meet the constraint requirement"),
)
"""The forms of the service's texts; the first form that matches counts."""


def read_check_results(violations: Violations, names: Collection[str]) -> Iterator[CheckResult]:
    """The violations, and a passed result for each of the other `names`, because the service judges all of them.

    names: features or metrics with a constraint, named as in histories.
    """
    violated = set()
    for violation in violations.violations:
        check_result = read_check_result(violation)
        violated.add(check_result.full_name)
        yield check_result
    for name in names:
        if name not in violated:
            yield CheckResult(feature=name, check="check", status=CheckStatus.PASSED, threshold=None)


def read_check_result(violation: Violation) -> CheckResult:
    """A violation as a result, with the numbers in its text; they are None if the form of the text is unknown."""
    members: Mapping[str, object] = violation.model_extra or {}
    feature = violation.feature_name
    # A violation of bias names a facet in place of a feature
    if feature is None and FACET in members:
        feature = str(members[FACET])
    # `truePositiveRate` becomes `true_positive_rate`: violations and statistics.json name metrics differently. Source: G20.
    metric = re.sub(r"(?<=[a-z])[A-Z]", lambda capital: f"_{capital[0].lower()}", violation.metric_name or "") or None
    check_result = CheckResult(
        feature=feature,
        metric=metric,
        check=violation.constraint_check_type,
        status=CheckStatus.VIOLATED,
        threshold=None,
    )
    # A metric may have a violation for each group; without these members, the violations would have equal names
    further_members: dict[str, Any] = {name: str(members[name]) for name in (FACET_VALUE, LABEL) if name in members}
    # A text of an unknown form still counts, without numbers. Percentages in texts become shares in results
    for pattern in (*PERCENTAGES, *NUMBERS):
        match = pattern.search(violation.description)
        if match is not None:
            scale = 100.0 if pattern in PERCENTAGES else 1.0
            for name, text in match.groupdict().items():
                number = float(text) / scale
                further_members[name] = number if math.isfinite(number) else None
            break
    return check_result.model_copy(update=further_members)
