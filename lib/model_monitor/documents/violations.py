"""constraint_violations.json: what a monitoring run found that breaks the baseline's constraints.

Files of every generation are read, the obsolete texts of 2019 included, and those of the other monitors, whose own
members (`facet`, `facet_value`) are kept. Driver only, pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from model_monitor.documents.document import Document, Section
from model_monitor.documents.values import Name


class Violation(Section):
    """One constraint that is not met.

    feature_name: None in files of monitors that name a metric instead. description: the sentence that clients parse.
    metric_name: of model quality, bias and explainability.
    """

    feature_name: Name | None = None
    constraint_check_type: Name
    description: Name
    metric_name: Name | None = None


class Violations(Document):
    """constraint_violations.json; without violations an empty list (C4.3, C11.7)."""

    FILE_NAME: ClassVar[str] = "constraint_violations.json"
    MEANT: ClassVar[str] = "constraint_violations.json of a monitoring run"
    FOREIGN: ClassVar[Mapping[str, str]] = {
        "monitoring_config": "a constraints.json",
        "dataset": "a statistics.json",
        "checks": "a checks.json",
    }

    violations: tuple[Violation, ...] = ()
