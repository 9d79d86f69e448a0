"""analysis.json: the bias metrics of a data set, which is also the constraints file that later windows are held against.

Written as the service's container writes it: Python's `json.dumps` with an indent of 4; infinities are texts. Attributions
(`explanations`) and whatever else a file has are kept. Driver only, pure.

Source: B3; C7.3, C7.4; G21, G22 and G23.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

from model_monitor.documents.clarify_document import ClarifyDocument
from model_monitor.documents.document import Section
from model_monitor.documents.values import Expected, Name

INFINITIES = {"Infinity": math.inf, "-Infinity": -math.inf}


def _metric_value(value: Any) -> float | None:
    if isinstance(value, str) and value in INFINITIES:
        return INFINITIES[value]
    if value is None or value == "NaN":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise ValueError("no metric value")
    return float(value)


MetricNumber = Annotated[
    float | None,
    BeforeValidator(_metric_value),
    Expected('a number, "Infinity", "-Infinity", or null if it is not defined'),
]


class BiasMetric(Section):
    """One metric of one group. value: None where it is undefined; then error says why."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"value"})

    name: Name
    description: Name | None = None
    value: MetricNumber = None
    error: Name | None = None

    def plain(self) -> dict[str, Any]:
        texts = {number: text for text, number in INFINITIES.items()}
        return {name: texts.get(member, member) for name, member in super().plain().items()}


class SegmentMetrics(Section):
    """The metrics of a group within one segment. Ours: no file of the service with segments is public."""

    segmentation: Name
    segment: Name
    metrics: tuple[BiasMetric, ...]


class GroupMetrics(Section):
    """The metrics of one sensitive group. value_or_threshold: its values joined by commas, or its interval."""

    value_or_threshold: Name
    metrics: tuple[BiasMetric, ...]
    segments: tuple[SegmentMetrics, ...] | None = None


class BiasPart(Section):
    """The metrics before, or after, training: by facet, each with its groups."""

    label: Name
    facets: Mapping[str, tuple[GroupMetrics, ...]]
    label_value_or_threshold: Name


class BiasReport(ClarifyDocument):
    """analysis.json of a bias job or monitor. A part that was not asked for is absent."""

    FILE_NAME: ClassVar[str] = "analysis.json"
    MEANT: ClassVar[str] = "bias job's analysis.json"
    FOREIGN: ClassVar[Mapping[str, str]] = {
        "facet": "an analysis_config.json",
        "violations": "a constraint_violations.json",
        "monitoring_config": "a constraints.json",
        "dataset": "a statistics.json",
    }

    version: Name = "1.0"
    post_training_bias_metrics: BiasPart | None = None
    pre_training_bias_metrics: BiasPart | None = None

    @property
    def parts(self) -> tuple[BiasPart, ...]:
        """The parts that are there, in the order of the file."""
        return tuple(part for part in (self.post_training_bias_metrics, self.pre_training_bias_metrics) if part)


class BiasViolation(Section):
    """One metric that has drifted. facet_value: the configured values or threshold of the sensitive group."""

    facet: Name
    facet_value: Name
    metric_name: Name
    constraint_check_type: Name
    description: Name


class BiasViolations(ClarifyDocument):
    """constraint_violations.json of the bias monitor; the service leaves it out if there are none."""

    FILE_NAME: ClassVar[str] = "constraint_violations.json"
    MEANT: ClassVar[str] = "bias monitor's constraint_violations.json"
    FOREIGN: ClassVar[Mapping[str, str]] = {
        "pre_training_bias_metrics": "an analysis.json",
        "facet": "an analysis_config.json",
        "checks": "a checks.json",
    }

    LEFT_OUT_IF_EMPTY: ClassVar[bool] = True

    version: Name = "1.0"
    violations: tuple[BiasViolation, ...] = ()
