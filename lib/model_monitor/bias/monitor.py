"""The bias monitor: binds what to count, what it says and what it asks of later data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from model_monitor.bias.analysis import ALL_METHODS, BiasAnalysis, analysis_of
from model_monitor.bias.baseline import BiasBaseline
from model_monitor.bias.comparison import Tolerances
from model_monitor.bias.evaluation import check_all, violations_of
from model_monitor.bias.measures import BiasMeasures
from model_monitor.bias.page import TITLE, page_of
from model_monitor.bias.published import published_metrics, summary_of
from model_monitor.bias.report import report_of
from model_monitor.bias.tables import table_of
from model_monitor.documents.check_results import CheckResult, Summary
from model_monitor.documents.clarify import BiasReport, BiasViolations
from model_monitor.documents.document import Document
from model_monitor.documents.page import Page
from model_monitor.documents.tables import Table
from model_monitor.errors import BadState
from model_monitor.runs.protocol import TOLD, Layout, PublishedMetric
from model_monitor.statistics.states import Contingency, State
from model_monitor.statistics.states.contingency import ContingencyPlan


@dataclass(frozen=True)
class BiasMonitor:
    """Watches how a model, and the data it learns from, treat a sensitive group beside the rest.

    Parameters
    ----------
    wanted : BiasMeasures, optional
        What is counted, and which metrics are made of it. Without it the monitor can't scan; it makes all metrics of counts
        that are there.
    tolerances : Tolerances, optional
        How the metrics are judged.

    Examples
    --------
    >>> import pandas as pd
    >>> from model_monitor import AnalysisConfig, BiasMeasures, BiasMonitor, run_baseline
    >>> facet = '{"name_or_index": "sex", "value_or_threshold": ["f"]}'
    >>> text = '{"label": "hired", "label_values_or_threshold": [1], "facet": [%s]}' % facet
    >>> config = AnalysisConfig.from_json(text)
    >>> people = pd.DataFrame({"sex": ["f", "f", "m", "m"], "hired": [0, 1, 1, 1]})
    >>> baseline = run_baseline(people, BiasMonitor(BiasMeasures.of(config)))
    >>> float(baseline.to_pandas().loc["CI", "value"])
    0.0
    """

    STATE: ClassVar[type[State]] = Contingency
    CONSTRAINTS: ClassVar[type[Document]] = BiasReport
    STATISTICS: ClassVar[type[Document] | None] = None

    wanted: BiasMeasures | None = None
    tolerances: Tolerances = field(default_factory=Tolerances)

    def measures(self) -> BiasMeasures:
        if self.wanted is None:
            raise ValueError("a bias monitor without measures has nothing to scan for")
        return self.wanted

    def metrics(self, counts: Contingency) -> BiasAnalysis:
        methods = self.wanted.methods if self.wanted else ALL_METHODS
        plan = ContingencyPlan.from_text(counts.plan)
        counts.require_of(facets=len(plan.facets), columns=len(plan.valued), segmentations=len(plan.segmentations))
        return analysis_of(counts, plan, methods)

    def documents(self, counts: Contingency, analysis: BiasAnalysis) -> tuple[BiasReport]:
        return (report_of(analysis),)

    def known(
        self, constraints: BiasReport, statistics: None, state: State | None, suggested: BiasReport | None = None
    ) -> BiasBaseline:
        if state is not None and not isinstance(state, Contingency):
            raise BadState(f"the baseline's states are of kind {state.KIND!r}; name a baseline of bias")
        groups = self.metrics(state).groups if state is not None and self.tolerances.with_intervals else ()
        return BiasBaseline(constraints, tuple(groups))

    def check(
        self, counts: Contingency, analysis: BiasAnalysis, known: BiasBaseline, _: Layout = TOLD
    ) -> tuple[CheckResult, ...]:
        return check_all(analysis, known, self.tolerances)

    def violations(self, results: tuple[CheckResult, ...]) -> BiasViolations:
        return violations_of(results)

    def published(
        self,
        counts: Contingency,
        analysis: BiasAnalysis,
        results: tuple[CheckResult, ...],
        constraints: BiasReport,
    ) -> tuple[PublishedMetric, ...]:
        return tuple(published_metrics(analysis, results))

    def page(self, analysis: BiasAnalysis, results: tuple[CheckResult, ...], *_: object) -> Page:
        asked = self.wanted.config.methods if self.wanted else None
        if asked is None or asked.report is None:
            return page_of(analysis, results)
        return page_of(analysis, results, title=asked.report.title or TITLE, name=asked.report.name)

    def summary(self, counts: Contingency, analysis: BiasAnalysis, *_: object) -> Summary:
        return summary_of(analysis)

    def table(self, documents: tuple[BiasReport]) -> Table:
        return table_of(documents[0])
