"""checks.json: the result of every check of a monitoring run, with its numbers, whether it was violated or not.

Ours; the service writes the violations only. Driver only, pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar

from pydantic import Field

from model_monitor.documents.document import Document, Section
from model_monitor.documents.values import Count, Name, Number, UndefinableNumber


class CheckStatus(Enum):
    """What became of a check."""

    VIOLATED = "violated"
    PASSED = "passed"
    NOT_JUDGED = "not judged"
    CANNOT_TELL = "cannot tell"
    """There are too few rows to tell; model quality only."""


class CheckResult(Section):
    """One check of one feature or metric.

    feature: its name, or what violations of the whole data set are called. metric: its name in statistics.json, where a
    metric was checked. check: its `constraint_check_type`. observed: the share, distance, p-value or number that was held
    against `threshold`; None if there is none. interval: its ends, if it has one. threshold: None where the baseline left it
    undefined. n, m: how many values of the baseline and of the current data it was made from. formula: how. method: of drift, as
    constraints.json calls it. ties: `lost` if equal values were counted once, as the service did. statistic,
    degrees_of_freedom: of a test that has them. reason: why the check is not judged, or what else has to be known of its
    status. description: the violation's text, None unless violated.
    """

    feature: Name | None = None
    metric: Name | None = None
    check: Name
    status: CheckStatus
    observed: UndefinableNumber = None
    interval: tuple[Number, Number] | None = None
    threshold: UndefinableNumber
    n: Count | None = None
    m: Count | None = None
    formula: Name | None = None
    method: Name | None = None
    ties: Name | None = None
    statistic: UndefinableNumber = None
    degrees_of_freedom: Count | None = None
    reason: Name | None = None
    description: Name | None = None


class Hint(Section):
    """What looks wrong with the data and breaks no constraint. hint: the rule's name. features: those it is about, if any."""

    hint: Name
    features: tuple[Name, ...]
    description: Name


class CheckResults(Document):
    """checks.json; the data set's own checks first, then by feature in the order of constraints.json, then by check.

    hints: None if there are none.
    """

    FILE_NAME: ClassVar[str] = "checks.json"
    MEANT: ClassVar[str] = "checks.json of a monitoring run"
    FOREIGN: ClassVar[Mapping[str, str]] = {
        "violations": "a constraint_violations.json",
        "monitoring_config": "a constraints.json",
        "dataset": "a statistics.json",
    }

    version: Number = Field(default=0.0)
    checks: tuple[CheckResult, ...]
    hints: tuple[Hint, ...] | None = None
