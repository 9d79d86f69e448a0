"""Measures model quality: every metric of some evidence with its standard deviation, the documents, and suggested
thresholds. Pure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np

from spark_model_monitor.documents.model_quality import (
    BinaryMetrics,
    ComparisonOperator,
    EvaluatedDataset,
    MeasuredMetric,
    MetricConstraint,
    Metrics,
    ModelQualityConstraints,
    ModelQualityStatistics,
    MulticlassMetrics,
    PrecisionRecallCurve,
    RegressionMetrics,
    RocCurve,
    SegmentQuality,
)
from spark_model_monitor.documents.model_quality import Metric as DocumentMetric
from spark_model_monitor.documents.statistics import RowTable
from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.monitors.model_quality.class_labels import sort_classes
from spark_model_monitor.monitors.model_quality.estimates import (
    CONFIDENCE,
    Estimate,
    FractionEstimate,
    Scale,
    Side,
    confidence_interval,
    jackknife_quotient,
)
from spark_model_monitor.monitors.model_quality.evidence import (
    BinaryEvidence,
    ClassEvidence,
    Evidence,
    MulticlassEvidence,
    RegressionEvidence,
    build_evidence,
)
from spark_model_monitor.monitors.model_quality.metrics import METRICS, applicable_metrics
from spark_model_monitor.monitors.model_quality.metrics.ranking import Curve
from spark_model_monitor.statistics.states.outcomes import Outcomes
from spark_model_monitor.statistics.user_choices import ProblemType
from spark_model_monitor.statistics.verdicts.intra_class_correlation import estimate_block_design_effects
from spark_model_monitor.value_class import value_class

_AMOUNT = re.compile(r"(absolute):(\d+(?:\.\d+)?|\.\d+)|(relative):(\d+(?:\.\d+)?|\.\d+) ?%")

WORSE_SIDE = {ComparisonOperator.LESS_THAN: Side.LOW, ComparisonOperator.GREATER_THAN: Side.HIGH}
"""By the operator of a metric's threshold, the direction of worse values."""


class Rule(Enum):
    """How a threshold is computed. INTERVAL and NONE: it is the baseline's value; NONE also writes the service's form of
    the file.
    """

    NONE = "none"
    INTERVAL = "interval"
    ABSOLUTE = "absolute"
    RELATIVE = "relative"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a suggested threshold lies from the baseline's value: a rule and an amount.

    Parameters
    ----------
    rule : Rule
        How the threshold is computed; `Tolerance.parse` reads it from text.
    amount : float, default 0.0
        For ABSOLUTE, in the metric's unit; for RELATIVE, a share (0 to 1) of the baseline's value.

    Examples
    --------
    >>> from spark_model_monitor import Tolerance
    >>> Tolerance.parse("absolute:0.02").amount
    0.02
    """

    rule: Rule
    amount: float = 0.0

    @property
    def is_requested(self) -> bool:
        """Whether a person requested the threshold, by its distance from the baseline's value."""
        return self.rule in (Rule.ABSOLUTE, Rule.RELATIVE)

    @classmethod
    def parse(cls, text: str) -> Tolerance:
        """Parse a tolerance: `none`, `interval`, `absolute:0.02` or `relative:5%`.

        Raises BadConfiguration showing the text and the four forms.
        """
        lowered = text.strip().lower()
        if lowered in (Rule.NONE.value, Rule.INTERVAL.value):
            return cls(Rule(lowered))
        amount = _AMOUNT.fullmatch(lowered)
        if not amount:
            raise BadConfiguration(
                f"tolerance is {text!r}; write none, interval, absolute:0.02 (in the metric's unit) or relative:5%"
            )
        absolute, number, _, percentage = amount.groups()
        # A percentage is relative to the metric's value
        if absolute:
            return cls(Rule.ABSOLUTE, float(number))
        return cls(Rule.RELATIVE, float(percentage) / 100)

    def __str__(self) -> str:
        if self.rule is Rule.ABSOLUTE:
            return f"absolute:{self.amount:g}"
        return f"relative:{self.amount * 100:g}%" if self.rule is Rule.RELATIVE else self.rule.value

    def threshold(self, value: float, operator: ComparisonOperator) -> float:
        """The threshold for later windows, computed from the baseline's value."""
        slack = self.amount
        if self.rule is Rule.RELATIVE:
            slack *= abs(value)
        return value + WORSE_SIDE[operator].value * slack


BARE = Tolerance(Rule.NONE)
INTERVAL = Tolerance(Rule.INTERVAL)


DRAWS = 5  # number of samples for a standard deviation. Source: C11.12.
MIN_ROWS = 200  # with fewer rows there is no standard deviation. Source: C5.1.
SEED = 20  # fixed, so that a repeated run writes the same bytes


@value_class
class Measured:
    """One metric of a run.

    standard_deviation: None if it wasn't computed.
    ours: whether the service lacks this metric.
    design_effect: how many rows count as one, if a column names groups.
    """

    name: str
    estimate: Estimate
    standard_deviation: float | None = None
    ours: bool = False
    design_effect: float = 1.0
    rows: int = 0

    @property
    def counted(self) -> str:
        """The number of rows behind the metric, as text."""
        if self.design_effect == 1:
            return f"{self.estimate.n:,} rows"
        return f"{self.rows:,} rows, which count as {max(self.estimate.n, 1):,},"

    @property
    def value(self) -> float | None:
        """The value of the metric, None if undefined."""
        if math.isfinite(self.estimate.value):
            return self.estimate.value
        return None


@value_class
class Measurement:
    """All metrics of a run.

    evidence: the evidence from which they were computed.
    rows: number of rows.
    segments: the measurements of its segments, by cut and segment.
    """

    problem_type: ProblemType
    evidence: Evidence
    rows: int
    metrics: Mapping[str, Measured]
    segments: Mapping[str, Mapping[str, Measurement]] = field(default_factory=dict)


def measure_segments(outcomes: Outcomes, design_effects: DesignEffects) -> dict[str, dict[str, Measurement]]:
    """All metrics of each segment, by cut, without standard deviations. Segments whose classes can't be identified are
    left out. design_effects: of all rows.
    """
    measurements: dict[str, dict[str, Measurement]] = {}
    for cut, segments in outcomes.segments.items():
        measurements[cut] = {}
        for label, rows in segments.items():
            # A segment with few rows may not show which class is positive
            with suppress(BadInput):
                measurements[cut][label] = measure(build_evidence(rows), seed=None, design_effects=design_effects)
    return measurements


@value_class
class DesignEffects:
    """The design effect of each metric if a column names groups: how many rows count as one; and the number of blocks
    behind it.
    """

    rows: Mapping[str, float] = field(default_factory=dict)
    blocks: float = math.inf

    @classmethod
    def of(cls, evidence: Evidence) -> DesignEffects:
        """Estimated from each metric without each block in turn. A metric for which that fails gets the largest design effect
        of all others. Metrics that are computed from sums by block need none.

        Source: D4.21.
        """
        if isinstance(evidence, RegressionEvidence) or not evidence.replicates:
            return cls()
        rows_without_block = np.array(
            [evidence_without_block.rows for evidence_without_block in evidence.replicates], np.float64
        )
        scores = dict[str, Any]()
        squares = list[float]()
        for metric in applicable_metrics(evidence):
            estimate = metric(evidence)
            if isinstance(estimate, FractionEstimate):
                values = np.array(
                    [metric(evidence_without_block).value for evidence_without_block in evidence.replicates]
                )
                # The effect of each block on the metric, multiplied by the number of rows
                scores[metric.name] = (estimate.value - values) * rows_without_block
                squares.append(estimate.variance * evidence.rows**2)
        # A metric may be undefined without some block, such as the only one with positive labels
        is_defined = np.isfinite([*scores.values()]).all(axis=1) & (np.array(squares) > 0)
        sums = np.where(is_defined[:, None], [*scores.values()], 0)
        squared = np.where(is_defined, squares, 0)
        rows = evidence.rows - rows_without_block
        design_effects = estimate_block_design_effects(sums, squared, rows)
        design_effects[~is_defined] = design_effects.max()
        return cls(dict(zip(scores, design_effects.tolist(), strict=True)), float(rows.sum() ** 2 / (rows**2).sum()))


def apply_design_effects(measurement: Measurement, design_effects: DesignEffects) -> Measurement:
    """The measurement, in which each metric has at least the given design effect."""
    metrics = {}
    for name, measured in measurement.metrics.items():
        # Only the part that exceeds the window's own design effect is applied
        remaining_effect = max(design_effects.rows.get(name, 1.0) / measured.design_effect, 1.0)
        reduced_estimate = measured.estimate.reduce_to_groups(remaining_effect, design_effects.blocks)
        metrics[name] = replace(
            measured, estimate=reduced_estimate, design_effect=measured.design_effect * remaining_effect
        )
    segments = {
        cut: {label: apply_design_effects(measured, design_effects) for label, measured in segments_of_cut.items()}
        for cut, segments_of_cut in measurement.segments.items()
    }
    return replace(measurement, metrics=metrics, segments=segments)


def measure(evidence: Evidence, *, seed: int | None = SEED, design_effects: DesignEffects | None = None) -> Measurement:
    """Every metric that the evidence allows: the service's, those that only this package has, and the user's own.

    seed: for the samples from which standard deviations are computed (C5.1, C11.12); None for no standard deviations.
    design_effects: by default estimated from the evidence.
    """
    design_effects = design_effects or DesignEffects.of(evidence)
    metrics = {}
    draws = list[Evidence]()
    # The service's `standard_deviation`: of the metric in five samples of 80 % of the rows
    if seed is not None and evidence.rows >= MIN_ROWS:
        random = np.random.default_rng(seed)
        draws = [evidence.resample(random) for _ in range(DRAWS)]
    for metric in applicable_metrics(evidence):
        ours = metric.facts.get("ours", False)
        estimate = metric(evidence)
        deviation = None
        # Only the service's metrics have a standard deviation
        values = [metric(draw).value for draw in draws if not ours]
        if values and all(map(math.isfinite, values)):
            deviation = float(np.std(values))
        rows = design_effects.rows.get(metric.name, 1.0)
        reduced_estimate = estimate.reduce_to_groups(rows, design_effects.blocks)
        metrics[metric.name] = Measured(metric.name, reduced_estimate, deviation, ours, rows, estimate.n)
    # The user's own metrics: the mean over the rows that have a value
    for name in (name.removesuffix(".sum") for name in evidence.values.names[::2]):
        sums = evidence.values.of(f"{name}.sum")
        estimate = jackknife_quotient(sums, evidence.values.of(f"{name}.rows"), scale=Scale.LINEAR)
        metrics[name] = Measured(name, estimate, ours=True)
    return Measurement(evidence.PROBLEM_TYPE, evidence, evidence.rows, metrics)


# A measurement as documents: statistics.json in the service's form, and metrics.json with everything that is known


CURVE_POINTS = 1000  # approximate number of points to which a long curve is reduced. Source: G20; MLlib's default.


def build_statistics(measurement: Measurement, *, as_service: bool = False) -> ModelQualityStatistics:
    """The statistics of a measurement, with the service's metrics only.

    Source: C5.1, G20.
    """
    dataset = EvaluatedDataset(item_count=measurement.rows)
    evidence = measurement.evidence
    members: dict[str, Any] = {
        name: DocumentMetric(value=measured.value, standard_deviation=measured.standard_deviation)
        for name, measured in measurement.metrics.items()
        if not measured.ours
    }
    if isinstance(evidence, BinaryEvidence):
        members |= {"confusion_matrix": _confusion_matrix(evidence, labels_first=as_service), **_curves(evidence)}
        return ModelQualityStatistics(dataset=dataset, binary_classification_metrics=BinaryMetrics(**members))
    if isinstance(evidence, MulticlassEvidence):
        members["confusion_matrix"] = _confusion_matrix(evidence, labels_first=as_service)
        return ModelQualityStatistics(dataset=dataset, multiclass_classification_metrics=MulticlassMetrics(**members))
    return ModelQualityStatistics(dataset=dataset, regression_metrics=RegressionMetrics(**members))


def build_metrics(measurement: Measurement, *, hide_values: bool = False) -> Metrics:
    """Every metric of a measurement with its interval, the service's metrics first. hide_values: whether to leave
    segments out.
    """
    segments = tuple(
        SegmentQuality(cut=cut, segment=label, item_count=segment.rows, metrics=_sort_metrics(segment))
        for cut, segments_of_cut in measurement.segments.items()
        for label, segment in segments_of_cut.items()
    )
    return Metrics(
        problem_type=measurement.problem_type.value,
        item_count=measurement.rows,
        confidence=CONFIDENCE,
        metrics=_sort_metrics(measurement),
        segments=None if hide_values else segments or None,
    )


def _sort_metrics(measurement: Measurement) -> tuple[MeasuredMetric, ...]:
    return tuple(
        MeasuredMetric(
            name=measured.name,
            value=measured.value,
            standard_deviation=measured.standard_deviation,
            interval=confidence_interval(measured.estimate),
            method=measured.estimate.method,
            n=measured.estimate.n,
            bound=measured.estimate.bound,
        )
        for measured in sorted(measurement.metrics.values(), key=lambda measured: measured.ours)
    )


def build_table(metrics: Iterable[MeasuredMetric], *columns: str) -> RowTable:
    """The metrics as a table for users."""
    rows = ({"metric": metric.name, **{name: getattr(metric, name) for name in columns}} for metric in metrics)
    return RowTable("metrics", "metric", tuple(rows))


def _confusion_matrix(evidence: ClassEvidence, *, labels_first: bool) -> dict[str, dict[str, int]]:
    """Number of rows by label, then by prediction, with classes in sort order, including zeros.

    labels_first: whether classes that are only predicted come after those among the labels, as in the service's files.
    """
    indexes = sort_classes(evidence.classes)
    if labels_first:
        label_rows = evidence.matrix.sum(axis=1)
        indexes.sort(key=lambda index: not label_rows[index])  # the sort is stable, so each part stays in sort order
    names = [evidence.classes[index] for index in indexes]
    counts = evidence.matrix[np.ix_(indexes, indexes)].tolist()
    return {label: dict(zip(names, row, strict=True)) for label, row in zip(names, counts, strict=True)}


def _curves(evidence: BinaryEvidence) -> dict[str, RocCurve | PrecisionRecallCurve]:
    """Both curves, if there are probabilities; even if all rows have the same class, as in the service."""
    if evidence.scores is None:
        return {}
    curve = Curve.of(evidence.scores)
    if not len(curve.true_positives):
        return {}
    thinned_curve = curve.thin(CURVE_POINTS)
    false_positive_rates, true_positive_rates = thinned_curve.roc()
    recalls, precisions = thinned_curve.precision_recall()
    return {
        "receiver_operating_characteristic_curve": RocCurve(
            false_positive_rates=tuple(false_positive_rates.tolist()),
            true_positive_rates=tuple(true_positive_rates.tolist()),
        ),
        "precision_recall_curve": PrecisionRecallCurve(
            precisions=tuple(precisions.tolist()), recalls=tuple(recalls.tolist())
        ),
    }


# A measurement as constraints.json: a threshold for each of the service's metrics


CONSTRAINED: Mapping[ProblemType, tuple[str, ...]] = {
    ProblemType.REGRESSION: ("mae", "mse", "rmse", "r2"),
    ProblemType.BINARY_CLASSIFICATION: (
        *("recall", "precision", "accuracy", "true_positive_rate", "true_negative_rate"),
        *("false_positive_rate", "false_negative_rate", "auc", "f0_5", "f1", "f2"),
    ),
    ProblemType.MULTICLASS_CLASSIFICATION: (
        *("accuracy", "weighted_recall", "weighted_precision", "weighted_f0_5", "weighted_f1", "weighted_f2"),
    ),
}
"""The metrics that get a threshold, in the file's order. Source: G20."""

MEMBERS: Mapping[ProblemType, str] = {
    ProblemType.REGRESSION: "regression_constraints",
    ProblemType.BINARY_CLASSIFICATION: "binary_classification_constraints",
    ProblemType.MULTICLASS_CLASSIFICATION: "multiclass_classification_constraints",
}
"""By problem type, the member of the file with the constraints."""


def suggest(measurement: Measurement, tolerance: Tolerance = INTERVAL) -> ModelQualityConstraints:
    """The baseline's values as limits for later windows, or limits at the distance that a person requested. The limit of an
    undefined metric is null, which is never violated.
    """
    registry = METRICS[measurement.problem_type]
    constraints: dict[str, MetricConstraint] = {}
    for name in CONSTRAINED[measurement.problem_type]:
        if name in measurement.metrics:
            operator = registry.get(name).facts["operator"]
            value = measurement.metrics[name].value
            threshold = None
            if value is not None:
                threshold = tolerance.threshold(value, operator)
            constraints[name] = MetricConstraint(threshold=threshold, comparison_operator=operator)
    members: dict[str, Any] = {MEMBERS[measurement.problem_type]: constraints}
    if tolerance.rule is not Rule.NONE:
        members["requested_limits"] = tuple(constraints) if tolerance.is_requested else ()
    return ModelQualityConstraints(**members)
