"""Files of the service's Clarify container: analysis.json with bias metrics, and with attributions. Driver only, pure.

Each file is also the constraints file with which later windows are compared.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from spark_model_monitor.documents.document import Document, Expected, Name, Number, Section
from spark_model_monitor.documents.json_text import Json


class ClarifyDocument(Document):
    """A file that the service's Clarify container writes."""

    version: Name = "1.0"

    def to_json(self) -> str:
        """The file's text, formatted like Python's json module with indent 4."""
        return json.dumps(self.plain(), indent=4, allow_nan=False)


OF_ONE_JOB = ("pre_training_bias_metrics", "post_training_bias_metrics", "explanations")
"""One analysis.json may contain results of both bias and explainability, and both monitors can read it."""

INFINITIES = {"Infinity": math.inf, "-Infinity": -math.inf}


def _parse_metric_value(value: Json) -> float | None:
    # JSON has no infinity, so the container writes a word
    if isinstance(value, str) and value in INFINITIES:
        return INFINITIES[value]
    # Both null and NaN may mean an undefined metric
    if value is None or value == "NaN":
        return None
    # A boolean is a number in Python, but an error in this file
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise ValueError("no metric value")
    return float(value)


MetricNumber = Annotated[
    float | None,
    BeforeValidator(_parse_metric_value),
    Expected('a number, "Infinity", "-Infinity", or null if it is not defined'),
]


# If the metric is undefined, the file has null and an error next to it
class BiasMetric(Section, nullable=("value",)):
    """One metric of one group. value: None if undefined; then `error` says why."""

    name: Name
    description: Name | None = None
    value: MetricNumber = None
    error: Name | None = None

    def plain(self) -> dict[str, Json]:
        # Infinities are written as the words that were read, because clients know them
        text_by_number = {number: text for text, number in INFINITIES.items()}
        return {name: text_by_number.get(member, member) for name, member in super().plain().items()}


class SegmentMetrics(Section):
    """The metrics of a group within one segment. Not a format of the service: no public file of the service has segments."""

    segmentation: Name
    segment: Name
    metrics: tuple[BiasMetric, ...]


class GroupMetrics(Section):
    """The metrics of one sensitive group. value_or_threshold: the group's values joined by commas, or its interval."""

    value_or_threshold: Name
    metrics: tuple[BiasMetric, ...]
    segments: tuple[SegmentMetrics, ...] | None = None


class BiasPart(Section):
    """The pre-training or post-training metrics of each group, by facet."""

    label: Name
    facets: Mapping[str, tuple[GroupMetrics, ...]]
    label_value_or_threshold: Name


class BiasReport(ClarifyDocument, file="analysis.json", meant="bias job's analysis.json", shared=OF_ONE_JOB):
    """analysis.json of a bias job or monitor. A part that was not requested is absent. requested_limits (not in the service):
    names of metrics whose values in this file are limits that decide alone, even if they equal the baseline's values.
    """

    post_training_bias_metrics: BiasPart | None = None
    pre_training_bias_metrics: BiasPart | None = None
    requested_limits: tuple[Name, ...] | None = None

    @property
    def parts(self) -> tuple[BiasPart, ...]:
        """The parts that exist, in the file's order."""
        return tuple(filter(None, (self.post_training_bias_metrics, self.pre_training_bias_metrics)))


class BiasViolation(Section):
    """One metric that has drifted. facet_value: the configured values or threshold of the sensitive group."""

    facet: Name
    facet_value: Name
    metric_name: Name
    constraint_check_type: Name
    description: Name


# The service writes no file if there is no violation, so clients may treat an existing file as a violation
class BiasViolations(
    ClarifyDocument, file="constraint_violations.json", meant="bias monitor's constraint_violations.json", optional=True
):
    """constraint_violations.json of the bias monitor; the service omits the file if there are no violations."""

    violations: tuple[BiasViolation, ...] = ()


class OutputAttributions(Section):
    """The attributions of all features for one output. expected_value: the output for the baseline rows."""

    global_shap_values: Mapping[str, Number]
    expected_value: Number


class Dependence(Section):
    """The partial dependence of the outputs on one feature. error: the reason why values are missing."""

    feature_name: Name
    data_type: Name
    feature_values: tuple[Any, ...] | None = None
    model_predictions: tuple[tuple[Number, ...], ...] | None = None
    data_distribution: tuple[Number, ...] | None = None
    label_headers: tuple[Name, ...] | None = None
    error: Name | None = None


class Explanations(Section):
    """The explanations of a model: attributions by output, and partial dependence by feature."""

    kernel_shap: Mapping[str, OutputAttributions] | None = None
    pdp: tuple[Dependence, ...] | None = None


class AttributionReport(
    ClarifyDocument, file="analysis.json", meant="explainability job's analysis.json", shared=OF_ONE_JOB
):
    """analysis.json of an explainability job or monitor."""

    explanations: Explanations

    @property
    def values(self) -> Mapping[str, Mapping[str, float]]:
        """The global values of the features, by output."""
        attributions_by_output = self.explanations.kernel_shap or {}
        return {output: attributions.global_shap_values for output, attributions in attributions_by_output.items()}

    @property
    def shares(self) -> Mapping[str, float]:
        """The share of each feature in the sum of absolute global values, over all outputs."""
        # Absolute values, so that opposite effects on two outputs don't cancel out
        sums: dict[str, float] = {}
        for values in self.values.values():
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + abs(value)
        # If no feature has an effect, all shares are 0
        total = sum(sums.values()) or 1.0
        return {name: value / total for name, value in sums.items()}


class AttributionViolation(Section):
    """One output whose attributions have drifted."""

    label: Name
    metric_name: Name
    constraint_check_type: Name
    description: Name


class AttributionViolations(
    ClarifyDocument,
    file="constraint_violations.json",
    meant="explainability monitor's constraint_violations.json",
    optional=True,
):
    """constraint_violations.json of the explainability monitor; the service omits the file if there are no violations."""

    violations: tuple[AttributionViolation, ...] = ()
