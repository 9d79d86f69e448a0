"""analysis.json: the attributions of a model's features, which is also the constraints file that later windows are held against.

Bias metrics and whatever else a file has are kept. Driver only, pure.

Source: B3; C7.3; E6.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from model_monitor.documents.clarify_document import ClarifyDocument
from model_monitor.documents.document import Section
from model_monitor.documents.values import Name, Number


class OutputAttributions(Section):
    """What the features do for one output. expected_value: what the baseline rows get."""

    global_shap_values: Mapping[str, Number]
    expected_value: Number


class Dependence(Section):
    """The partial dependence of the outputs on one feature. error: why there is none."""

    feature_name: Name
    data_type: Name
    feature_values: tuple[Any, ...] | None = None
    model_predictions: tuple[tuple[Number, ...], ...] | None = None
    data_distribution: tuple[Number, ...] | None = None
    label_headers: tuple[Name, ...] | None = None
    error: Name | None = None


class Explanations(Section):
    """What explains a model: by output its attributions, and partial dependence by feature."""

    kernel_shap: Mapping[str, OutputAttributions] | None = None
    pdp: tuple[Dependence, ...] | None = None


class AttributionReport(ClarifyDocument):
    """analysis.json of an explainability job or monitor."""

    FILE_NAME: ClassVar[str] = "analysis.json"
    MEANT: ClassVar[str] = "explainability job's analysis.json"
    FOREIGN: ClassVar[Mapping[str, str]] = {
        "predictor": "an analysis_config.json",
        "violations": "a constraint_violations.json",
        "monitoring_config": "a constraints.json",
        "dataset": "a statistics.json",
    }

    version: Name = "1.0"
    explanations: Explanations

    @property
    def values(self) -> Mapping[str, Mapping[str, float]]:
        """The global values of the features, by output."""
        found = self.explanations.kernel_shap or {}
        return {output: attributions.global_shap_values for output, attributions in found.items()}

    @property
    def shares(self) -> Mapping[str, float]:
        """The share of each feature in all global values, over all outputs."""
        sums: dict[str, float] = {}
        for values in self.values.values():
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + abs(value)
        total = sum(sums.values()) or 1.0
        return {name: value / total for name, value in sums.items()}


class AttributionViolation(Section):
    """One output whose attributions have drifted."""

    label: Name
    metric_name: Name
    constraint_check_type: Name
    description: Name


class AttributionViolations(ClarifyDocument):
    """constraint_violations.json of the explainability monitor; the service leaves it out if there are none."""

    FILE_NAME: ClassVar[str] = "constraint_violations.json"
    MEANT: ClassVar[str] = "explainability monitor's constraint_violations.json"
    FOREIGN: ClassVar[Mapping[str, str]] = {"explanations": "an analysis.json", "checks": "a checks.json"}

    LEFT_OUT_IF_EMPTY: ClassVar[bool] = True

    version: Name = "1.0"
    violations: tuple[AttributionViolation, ...] = ()
