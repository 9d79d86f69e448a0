"""constraints.json of the model-quality jobs: a threshold for each metric, and which side of it is a violation.

One of the three members `…_constraints` is there, by the problem's type; users add, change and delete entries in it. `tolerance`
is ours: how the thresholds were made. Driver only, pure.

Source: C5.2, G20.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar

from pydantic import Field

from model_monitor.documents.document import Document, Section
from model_monitor.documents.values import Count, Name, Number, Share, UndefinableNumber


class ComparisonOperator(Enum):
    """When a metric breaks its threshold; exactly at it, it does not."""

    LESS_THAN = "LessThanThreshold"
    GREATER_THAN = "GreaterThanThreshold"

    def is_broken(self, value: float, threshold: float) -> bool:
        """Whether the value is on the wrong side of the threshold."""
        return value < threshold if self is ComparisonOperator.LESS_THAN else value > threshold


class MetricConstraint(Section):
    """threshold: None never is broken, as of a metric that the baseline left undefined."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"threshold"})

    threshold: UndefinableNumber = None
    comparison_operator: ComparisonOperator


class ToleranceNote(Section):
    """How the thresholds were made of the baseline's values; ours.

    rule: `interval`, or what the user asked for. false_alarms: the share of healthy windows in which any metric may break its
    threshold by chance. window_rows: for windows of at least so many rows. metrics: how many thresholds share the false alarms.
    """

    rule: Name
    false_alarms: Share | None = None
    window_rows: Count | None = None
    metrics: Count | None = None


class ModelQualityConstraints(Document):
    """constraints.json of a model-quality job."""

    FILE_NAME: ClassVar[str] = "constraints.json"
    MEANT: ClassVar[str] = "constraints.json of a model-quality baseline"
    FOREIGN: ClassVar[Mapping[str, str]] = {
        "dataset": "a statistics.json",
        "violations": "a constraint_violations.json",
        "features": "the constraints.json of a data-quality job",
        "monitoring_config": "the constraints.json of a data-quality job",
        "pre_training_bias_metrics": "the analysis.json of a bias job",
        "post_training_bias_metrics": "the analysis.json of a bias job",
        "explanations": "the analysis.json of an explainability job",
    }

    version: Number = Field(default=0.0)
    regression_constraints: Mapping[str, MetricConstraint] | None = None
    binary_classification_constraints: Mapping[str, MetricConstraint] | None = None
    multiclass_classification_constraints: Mapping[str, MetricConstraint] | None = None
    tolerance: ToleranceNote | None = None
