"""The attributions of a run as analysis.json. Pure."""

from __future__ import annotations

from model_monitor.documents.clarify import AttributionReport, Dependence, Explanations, OutputAttributions
from model_monitor.explainability.analysis import AttributionAnalysis, Dependent


def report_of(analysis: AttributionAnalysis) -> AttributionReport:
    """The document of an analysis; features and outputs in their order.

    Source: B3; E5.
    """
    outputs = {
        output.name: OutputAttributions(global_shap_values=dict(output.values), expected_value=output.expected)
        for output in analysis.outputs
    }
    dependence = tuple(map(_dependence, analysis.dependence))
    return AttributionReport(explanations=Explanations(kernel_shap=outputs, pdp=dependence or None))


def _dependence(found: Dependent) -> Dependence:
    return Dependence(
        feature_name=found.feature,
        data_type="numerical" if found.grid.is_numeric else "categorical",
        feature_values=found.grid.values,
        model_predictions=tuple(tuple(answers) for answers in found.answers.tolist()),
        data_distribution=found.grid.shares,
        label_headers=found.outputs,
    )
