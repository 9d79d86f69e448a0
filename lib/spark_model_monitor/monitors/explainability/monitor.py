"""The explainability monitor: what it explains, its checks, its documents and page, and the metrics that it publishes."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

import numpy as np

from spark_model_monitor.arguments import require_instance
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.documents.analysis_config import name_report
from spark_model_monitor.documents.check_results import LABEL, BudgetLedger, CheckStatus, Results
from spark_model_monitor.documents.clarify_files import (
    AttributionReport,
    AttributionViolation,
    AttributionViolations,
    Dependence,
    Explanations,
    OutputAttributions,
)
from spark_model_monitor.documents.page import Page
from spark_model_monitor.documents.run_description import NO_CONTEXT, AnalysisType, RunContext
from spark_model_monitor.documents.statistics import RowTable, Summary, SummaryRow
from spark_model_monitor.errors import BadState
from spark_model_monitor.monitors.explainability.attribution_checks import CHECKS
from spark_model_monitor.monitors.explainability.attribution_measures import AttributionMeasures
from spark_model_monitor.monitors.explainability.attribution_page import create_page, get_label
from spark_model_monitor.monitors.explainability.attribution_results import (
    AttributionAnalysis,
    AttributionBaseline,
    Tolerances,
    analyse_attributions,
    compare_outputs,
)
from spark_model_monitor.monitors.protocol import (
    Judgement,
    Monitor,
    PublishedMetric,
    Sample,
    ScanRequest,
    ScanResult,
    count_violations,
    reject_rules,
    select_violations,
)
from spark_model_monitor.monitors.user_checks.check_plan import CheckPlan
from spark_model_monitor.statistics.states import State
from spark_model_monitor.statistics.states.attributions import Attributions
from spark_model_monitor.statistics.states.row_counts import read_values
from spark_model_monitor.statistics.verdicts.design_effect import (
    ScoredColumn,
    estimate_neighbour_design_effect,
    estimate_score_design_effects,
)
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

ATTRIBUTIONS = "attributions"
# The metric's name in the service's violations, and the name of the check of all features together
METRIC = "shap"
NDCG = "ndcg"
METHOD = "KernelShap"  # the name in the service's metrics


def _add_design_effects(
    baseline: AttributionBaseline, sample: Sample[Attributions, AttributionAnalysis]
) -> AttributionBaseline:
    """The baseline with the design effects of the sample's rows, by output and feature."""
    columns = [read_values(row_runs.runs, numeric=True) for row_runs in sample.runs]
    attributions_by_column = [attributions for attributions, _ in columns]
    if not columns or not len(attributions_by_column[0]):
        return baseline
    # The runs of rows are the same in all columns
    _, sizes = columns[0]
    # First a test, because without it the estimates for single features exceed 1 by chance
    scored_columns = map(ScoredColumn.from_numbers, attributions_by_column)
    if estimate_neighbour_design_effect([*scored_columns], sizes) == 1:
        return baseline
    # Shape (outputs × features, rows)
    design_effects = estimate_score_design_effects(np.array(attributions_by_column), sizes)
    return replace(baseline, design_effects=design_effects.reshape(len(sample.state.outputs), -1))


@value_class(slots=False)
class AttributionJudgement(Judgement[AttributionBaseline]):
    """The results of an explainability monitor for a sample."""

    monitor: ExplainabilityMonitor
    sample: Sample[Attributions, AttributionAnalysis]
    baseline: AttributionBaseline | None

    @cached_property
    def results(self) -> Results:
        """The result of every check of every output."""
        if self.baseline is None:
            return ()
        sample = self.sample
        check_results = []
        for output in compare_outputs(sample.state, sample.metrics, self.baseline, self.monitor.tolerances):
            label = {LABEL: output.current.name}
            for check in CHECKS.values():
                for feature, finding in check(output):
                    # A result about all features together is about their ranking, which is measured by NDCG
                    metric = None if feature else NDCG
                    check_results.append(finding.result(check.name, feature=feature, metric=metric, **label))
        # Single features often lack a verdict, so there is no warning about them; checks.json has the reasons
        statuses = [check_result.status for check_result in check_results if check_result.feature is None]
        unjudged = statuses.count(CheckStatus.NOT_JUDGED) + statuses.count(CheckStatus.CANNOT_TELL)
        if unjudged:
            log.warning("%d of %d rankings could not be judged; checks.json says why", unjudged, len(statuses))
        return tuple(check_results)

    @property
    def budget(self) -> BudgetLedger | None:
        """How the false-alarm budget is divided among the changes; None if changes are not judged. Source: E6.2."""
        tolerances = self.monitor.tolerances
        if self.baseline is None or not tolerances.with_changes:
            return None
        state = self.sample.state
        return BudgetLedger.with_one_family(ATTRIBUTIONS, tolerances.budget, len(state.outputs) * len(state.features))

    def page(self, results: Results, /, *, hide_values: bool = False) -> Page:
        page = create_page(self.sample.metrics, results, self.baseline)
        return name_report(page, self.monitor.wanted.config) if self.monitor.wanted else page

    def published_metrics(self, results: Results, constraints: AttributionReport) -> tuple[PublishedMetric, ...]:
        """Every global value as `feature_<name>`, the expected values, each output's NDCG, and the number of violations."""
        metrics = []
        for output in self.sample.metrics.outputs:
            # The names that the service uses, so that existing dashboards and alarms work
            dimensions = {"ExplainabilityMethod": METHOD, "Label": output.name}
            feature_dimensions = {**dimensions, "ValueType": "GlobalShapValues"}
            expected_value_dimensions = {**dimensions, "ValueType": "ExpectedValue"}
            for name, value in output.values.items():
                metrics.append(PublishedMetric(f"feature_{name}", value, dimensions=feature_dimensions))
            metrics.append(PublishedMetric("ExpectedValue", output.expected, dimensions=expected_value_dimensions))
        metrics.extend(
            PublishedMetric(check_result.metric, check_result.observed, dimensions={"Label": get_label(check_result)})
            for check_result in results
            if check_result.metric is not None and check_result.observed is not None
        )
        return (*metrics, count_violations(results))

    @property
    def files(self) -> Mapping[str, bytes]:
        return self.sample.metrics.files

    def summary(self, *, hide_values: bool = False) -> Summary:
        rows = (
            SummaryRow(name, output.name, "attribution", value=value)
            for output in self.sample.metrics.outputs
            for name, value in output.values.items()
        )
        return Summary(tuple(rows))


@dataclass(frozen=True)
class ExplainabilityMonitor(Monitor[Attributions, AttributionAnalysis, AttributionBaseline, AttributionMeasures]):
    """Monitors explainability: which features move a model's output, by how much, and whether that changes.

    Parameters
    ----------
    wanted : AttributionMeasures, optional
        What to explain, and how. Without it, the monitor can't scan; it interprets existing attributions.
    tolerances : Tolerances, optional
        How attributions are judged.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import AnalysisConfig, AttributionMeasures, ExplainabilityMonitor, run_baseline
    >>> config = AnalysisConfig.from_json('{"methods": {"shap": {"baseline": [[0, 0]]}}}')
    >>> rows = pd.DataFrame({"age": [1.0, 3.0], "income": [2.0, 2.0]})
    >>> measures = AttributionMeasures.of(config, lambda frame: 2 * frame["age"] + frame["income"])
    >>> baseline = run_baseline(rows, ExplainabilityMonitor(measures))
    >>> baseline.to_pandas()["value"].to_dict()
    {'age': 4.0, 'income': 2.0}
    """

    ANALYSIS_TYPE = AnalysisType.MODEL_EXPLAINABILITY
    NAMESPACE = "explainability-metrics"
    STATE = Attributions
    CONSTRAINTS = AttributionReport

    wanted: AttributionMeasures | None = None
    tolerances: Tolerances = field(default_factory=Tolerances)

    def measures(self) -> AttributionMeasures:
        require_instance("wanted", self.wanted, AttributionMeasures, "AttributionMeasures.of(config, model)")
        return cast("AttributionMeasures", self.wanted)

    def plan_scan(self, request: ScanRequest[AttributionBaseline]) -> AttributionMeasures:
        """The measures with the baseline's group column, and the columns of its model."""
        reject_rules(self, request.rules)
        baseline = request.baseline
        measures = self._add_features_of_model(baseline)
        # Without intervals, similar neighbours don't matter
        if baseline is None or baseline.state is None or not self.tolerances.with_changes:
            return measures
        # Similar rows are found by named groups, or else by runs of neighbouring rows
        group_column = baseline.state.group_column or None
        return replace(measures, group_column=group_column, with_runs=group_column is None)

    def _add_features_of_model(self, baseline: AttributionBaseline | None) -> AttributionMeasures:
        """The measures with the columns that the model got at the baseline, if these are known."""
        measures = self.measures()
        if baseline is None or baseline.state is None:
            return measures
        # The baseline rows have a column for each feature, explained or not
        features = tuple(next(csv.reader(io.StringIO(baseline.state.baseline)), ()))
        return replace(measures, model=replace(measures.model, features=features))

    def scan(self, measures: AttributionMeasures, dataset: Dataset, checks: CheckPlan | None) -> ScanResult:
        from spark_model_monitor.monitors.explainability.attribution_scan import scan_attributions

        return scan_attributions(measures, dataset)

    def reject_unusable(
        self, scanned: ScanResult, dataset: Dataset, baseline: AttributionBaseline | None
    ) -> Dataset | None:
        """The data set without the records for which the model has no finite answer."""
        if not scanned.rows.count_refused(Refusal.IN_UNANSWERED_BATCH):
            return None
        # Imported here, because it is needed only if records are refused
        from spark_model_monitor.monitors.explainability.attribution_scan import quarantine_unanswered

        return quarantine_unanswered(self._add_features_of_model(baseline), dataset)

    def metrics(self, state: Attributions) -> AttributionAnalysis:
        return analyse_attributions(state)

    def documents(
        self, state: Attributions, analysis: AttributionAnalysis, context: RunContext = NO_CONTEXT
    ) -> tuple[AttributionReport]:
        """analysis.json; features and outputs are in their original order. Source: B3; E5."""
        outputs = {
            output.name: OutputAttributions(global_shap_values=dict(output.values), expected_value=output.expected)
            for output in analysis.outputs
            if output.values
        }
        dependence = tuple(
            Dependence(
                feature_name=dependent.feature,
                data_type="numerical" if dependent.grid.is_numeric else "categorical",
                feature_values=dependent.grid.values,
                model_predictions=tuple(map(tuple, dependent.answers.tolist())),
                data_distribution=dependent.grid.shares,
                label_headers=dependent.outputs,
            )
            for dependent in analysis.dependence
        )
        return (AttributionReport(explanations=Explanations(kernel_shap=outputs or None, pdp=dependence or None)),)

    def stored_baseline(
        self, constraints: AttributionReport, _: None, state: State | None, suggested: object = None
    ) -> AttributionBaseline:
        if state is not None and not isinstance(state, Attributions):
            raise BadState(f"the baseline's states are of kind {state.KIND!r}; name a baseline of explainability")
        return AttributionBaseline(constraints, state)

    def judge(
        self, sample: Sample[Attributions, AttributionAnalysis], baseline: AttributionBaseline | None
    ) -> AttributionJudgement:
        if baseline is not None:
            baseline = _add_design_effects(baseline, sample)
        return AttributionJudgement(self, sample.without_runs(), baseline)

    def violations(self, results: Results) -> AttributionViolations:
        violations = (
            AttributionViolation(
                label=get_label(result),
                metric_name=METRIC,
                constraint_check_type=result.check,
                description=result.description or "",
            )
            for result in select_violations(results)
        )
        return AttributionViolations(version="1.0", violations=tuple(violations))

    def table(self, documents: tuple[AttributionReport]) -> RowTable:
        rows = tuple(
            {"feature": feature, "label": output, "value": value}
            for output, values in documents[0].values.items()
            for feature, value in values.items()
        )
        return RowTable("attributions", "feature", rows)
