"""The explainability monitor: binds what to explain, what it says and what it asks of later data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from model_monitor.documents.check_results import BudgetLedger, CheckResult, Summary
from model_monitor.documents.clarify import AttributionReport, AttributionViolations
from model_monitor.documents.document import Document
from model_monitor.documents.page import Page
from model_monitor.documents.tables import Table
from model_monitor.errors import BadState
from model_monitor.explainability.analysis import AttributionAnalysis, analysis_of
from model_monitor.explainability.baseline import AttributionBaseline
from model_monitor.explainability.comparison import Tolerances
from model_monitor.explainability.evaluation import check_all, ledger_of, violations_of
from model_monitor.explainability.measures import AttributionMeasures
from model_monitor.explainability.page import TITLE, page_of
from model_monitor.explainability.published import published_metrics, summary_of
from model_monitor.explainability.report import report_of
from model_monitor.runs.protocol import TOLD, Layout, PublishedMetric
from model_monitor.statistics.states import Attributions, State


@dataclass(frozen=True)
class ExplainabilityMonitor:
    """Watches which features move a model's answers, by how much, and whether that changes.

    Parameters
    ----------
    wanted : AttributionMeasures, optional
        What is explained, and how. Without it the monitor can't scan; it says what attributions that are there mean.
    tolerances : Tolerances, optional
        How attributions are judged.

    Examples
    --------
    >>> import pandas as pd
    >>> from model_monitor import AnalysisConfig, AttributionMeasures, ExplainabilityMonitor, run_baseline
    >>> config = AnalysisConfig.from_json('{"methods": {"shap": {"baseline": [[0, 0]]}}}')
    >>> rows = pd.DataFrame({"age": [1.0, 3.0], "income": [2.0, 2.0]})
    >>> measures = AttributionMeasures.of(config, lambda frame: 2 * frame["age"] + frame["income"])
    >>> baseline = run_baseline(rows, ExplainabilityMonitor(measures))
    >>> baseline.to_pandas()["value"].to_dict()
    {'age': 4.0, 'income': 2.0}
    """

    STATE: ClassVar[type[State]] = Attributions
    CONSTRAINTS: ClassVar[type[Document]] = AttributionReport
    STATISTICS: ClassVar[type[Document] | None] = None

    wanted: AttributionMeasures | None = None
    tolerances: Tolerances = field(default_factory=Tolerances)

    def measures(self) -> AttributionMeasures:
        if self.wanted is None:
            raise ValueError("an explainability monitor without measures has nothing to scan for")
        return self.wanted

    def metrics(self, state: Attributions) -> AttributionAnalysis:
        return analysis_of(state)

    def documents(self, state: Attributions, analysis: AttributionAnalysis) -> tuple[AttributionReport]:
        return (report_of(analysis),)

    def files(self, analysis: AttributionAnalysis) -> Mapping[str, bytes]:
        return analysis.files

    def known(
        self,
        constraints: AttributionReport,
        statistics: None,
        state: State | None,
        suggested: AttributionReport | None = None,
    ) -> AttributionBaseline:
        if state is not None and not isinstance(state, Attributions):
            raise BadState(f"the baseline's states are of kind {state.KIND!r}; name a baseline of explainability")
        return AttributionBaseline(constraints, state)

    def check(
        self, state: Attributions, analysis: AttributionAnalysis, known: AttributionBaseline, _: Layout = TOLD
    ) -> tuple[CheckResult, ...]:
        return check_all(state, analysis, known, self.tolerances)

    def budget(self, state: Attributions, known: AttributionBaseline) -> BudgetLedger | None:
        return ledger_of(state, self.tolerances)

    def violations(self, results: tuple[CheckResult, ...]) -> AttributionViolations:
        return violations_of(results)

    def published(
        self,
        state: Attributions,
        analysis: AttributionAnalysis,
        results: tuple[CheckResult, ...],
        constraints: AttributionReport,
    ) -> tuple[PublishedMetric, ...]:
        return tuple(published_metrics(analysis, results))

    def page(
        self,
        analysis: AttributionAnalysis,
        results: tuple[CheckResult, ...],
        state: Attributions,
        known: AttributionBaseline | None,
    ) -> Page:
        asked = self.wanted.config.methods if self.wanted else None
        if asked is None or asked.report is None:
            return page_of(analysis, results, known)
        return page_of(analysis, results, known, title=asked.report.title or TITLE, name=asked.report.name)

    def summary(self, state: Attributions, analysis: AttributionAnalysis, *_: object) -> Summary:
        return summary_of(analysis)

    def table(self, documents: tuple[AttributionReport]) -> Table:
        rows = tuple(
            {"feature": feature, "label": output, "value": value}
            for output, values in documents[0].values.items()
            for feature, value in values.items()
        )
        return Table("attributions", "feature", rows)
