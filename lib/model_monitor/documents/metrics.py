"""metrics.json: every metric of a model-quality run with its uncertainty, those of the contract and ours. Ours as a file.

Driver only, pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from model_monitor.documents.document import Document, Section
from model_monitor.documents.values import Count, Name, Number, Share, UndefinableNumber


class MeasuredMetric(Section):
    """One metric.

    value: None if it is not defined. standard_deviation: as in statistics.json, of the contract's metrics only. interval: its
    ends, None if there are too few rows for one. method: how the interval was made. n: rows that the value rests on. bound:
    by how much the value may differ from the one without binning; absent where it can't.
    """

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"value", "interval"})

    name: Name
    value: UndefinableNumber = None
    standard_deviation: UndefinableNumber = None
    interval: tuple[Number, Number] | None = None
    method: Name
    n: Count
    bound: UndefinableNumber = None


class Metrics(Document):
    """metrics.json of a model-quality job. confidence: of the intervals, each for itself."""

    FILE_NAME: ClassVar[str] = "metrics.json"
    MEANT: ClassVar[str] = "metrics.json of a model-quality run"
    FOREIGN: ClassVar[Mapping[str, str]] = {
        "dataset": "a statistics.json",
        "violations": "a constraint_violations.json",
        "checks": "a checks.json",
    }

    version: Number = Field(default=0.0)
    problem_type: Name
    item_count: Count
    confidence: Share
    metrics: tuple[MeasuredMetric, ...]

    def scalars(self) -> dict[str, float]:
        """The metrics that are defined, by name."""
        return {metric.name: metric.value for metric in self.metrics if metric.value is not None}
