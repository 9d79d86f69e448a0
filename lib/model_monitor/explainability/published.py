"""The attributions of a run as a platform is told of them. Pure.

Source: C9.2; E6.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from model_monitor.documents.check_results import LABEL, CheckResult, Summary, SummaryRow
from model_monitor.explainability.analysis import AttributionAnalysis
from model_monitor.runs.judging import violated
from model_monitor.runs.protocol import PublishedMetric

METHOD = "KernelShap"


def published_metrics(analysis: AttributionAnalysis, results: Iterable[CheckResult]) -> Iterator[PublishedMetric]:
    """Every global value as `feature_<name>`, the expected values, each output's gain, and the number of violations."""
    found = list(results)
    for output in analysis.outputs:
        whose = {"ExplainabilityMethod": METHOD, "Label": output.name}
        for name, value in output.values.items():
            yield PublishedMetric(f"feature_{name}", value, dimensions={**whose, "ValueType": "GlobalShapValues"})
        yield PublishedMetric("ExpectedValue", output.expected, dimensions={**whose, "ValueType": "ExpectedValue"})
    for result in found:
        if result.metric is not None and result.observed is not None:
            yield PublishedMetric(
                result.metric, result.observed, dimensions={"Label": (result.model_extra or {})[LABEL]}
            )
    yield PublishedMetric("total_number_of_violations", len(list(violated(found))), "Count")


def summary_of(analysis: AttributionAnalysis) -> Summary:
    """A row for each feature and output."""
    return Summary(
        tuple(
            SummaryRow(name, output.name, "attribution", value=value)
            for output in analysis.outputs
            for name, value in output.values.items()
        )
    )
