"""The common base of the monitors of measured and of estimated metrics, which have the same limits and baseline."""

from __future__ import annotations

from typing import Any

from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.outcome_tables import OutcomeDataset, outcomes
from spark_model_monitor.documents.check_results import Results, Violations
from spark_model_monitor.documents.model_quality import ModelQualityConstraints, ModelQualityStatistics
from spark_model_monitor.documents.statistics import Summary, SummaryRow
from spark_model_monitor.monitors.model_quality.estimates import confidence_interval
from spark_model_monitor.monitors.model_quality.measurement import Measurement
from spark_model_monitor.monitors.model_quality.outcome_baseline import ModelBaseline
from spark_model_monitor.monitors.model_quality.quality_checks import DISPLAYED
from spark_model_monitor.monitors.protocol import (
    Judgement,
    MeasuresT,
    MetricsT,
    Monitor,
    PublishedMetric,
    Sample,
    StateT,
    count_violations,
    create_violations,
)
from spark_model_monitor.statistics.states import State
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan


class MetricJudgement(Judgement[ModelBaseline]):
    """The results of a monitor of metrics for a sample, either measured or estimated."""

    monitor: Any
    sample: Sample

    @property
    def measurement(self) -> Measurement:
        """The metrics that are judged."""
        measurement: Measurement = self.sample.metrics
        return measurement

    def published_metrics(
        self, check_results: Results, constraints: ModelQualityConstraints
    ) -> tuple[PublishedMetric, ...]:
        """The defined metrics, with their names in statistics.json and metrics.json; estimates have a prefix."""
        values = {name: measured.value for name, measured in self.measurement.metrics.items()}
        defined = (PublishedMetric(name, value) for name, value in values.items() if value is not None)
        return (*defined, count_violations(check_results))

    def summary(self, *, hide_values: bool = False) -> Summary:
        """The metrics for a history, including those of segments. The names of segments are values of the data; if values are
        hidden, segments have numbers instead, in the order of the baseline.
        """
        hide = hide_values or self.monitor.hide_values
        rows = []
        for name, measured in self.measurement.metrics.items():
            low, high = confidence_interval(measured.estimate) or (None, None)
            rows.append(SummaryRow(name, value=measured.value, low=low, high=high))
        baseline_segments = self.baseline.segments if self.baseline is not None else {}
        for cut, segments in self.measurement.segments.items():
            # A segment gets the same number in every window
            labels = list(dict.fromkeys((*baseline_segments.get(cut, ()), *segments)))
            for label, segment in segments.items():
                part = f"segment {labels.index(label) + 1} of {cut}" if hide else label
                rows += [SummaryRow(name, part, value=measured.value) for name, measured in segment.metrics.items()]
        return Summary(tuple(rows))


class MetricMonitor(Monitor[StateT, MetricsT, ModelBaseline, MeasuresT]):
    """A monitor of metrics, either measured or estimated."""

    __slots__ = ()

    CONSTRAINTS = ModelQualityConstraints
    STATISTICS = ModelQualityStatistics
    FINDS_STATISTICS = True

    plan: OutcomePlan
    as_service: bool = False

    def read_outcomes(self, data: Dataset, **columns: Any) -> OutcomeDataset:
        """The outcomes of a data set. A data set that was not prepared must have the column names of `outcomes`."""
        if isinstance(data, OutcomeDataset):
            return data
        return outcomes(data, self.plan, **columns)

    def stored_baseline(
        self,
        constraints: ModelQualityConstraints,
        statistics: ModelQualityStatistics | None,
        state: State | None,
        suggested: ModelQualityConstraints | None = None,
    ) -> ModelBaseline:
        return ModelBaseline.from_documents(constraints, statistics, state, as_service=self.as_service)

    def violations(self, check_results: Results) -> Violations:
        """The violations among the results, in their order. Source: C5.3, G20."""
        return create_violations(check_results, displayed_names=DISPLAYED)
