"""The verdict: compares metrics with their baseline and threshold, in texts that clients parse. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.documents.check_results import BudgetLedger, CheckResult, CheckStatus, Family
from spark_model_monitor.documents.headline import IN_SEGMENT
from spark_model_monitor.documents.json_text import java_double
from spark_model_monitor.documents.model_quality import (
    ComparisonOperator,
    MetricConstraint,
    ModelQualityConstraints,
    ModelQualityStatistics,
)
from spark_model_monitor.errors import BadDocument, BadState, did_you_mean
from spark_model_monitor.monitors import protocol
from spark_model_monitor.monitors.model_quality.estimates import Estimate, can_be_apart, interval_of, p_apart
from spark_model_monitor.monitors.model_quality.evidence import Evidence, RegressionEvidence, evidence_of, shown
from spark_model_monitor.monitors.model_quality.measurement import (
    FALSE_ALARMS,
    MEMBERS,
    WORSE_SIDE,
    Likeness,
    Measured,
    Measurement,
    level_of_each,
    measured_by_segment,
    suggest,
)
from spark_model_monitor.monitors.model_quality.metrics import METRICS
from spark_model_monitor.monitors.protocol import Finding, StoredBaseline
from spark_model_monitor.monitors.segments import told_in, with_segments
from spark_model_monitor.statistics.states import State
from spark_model_monitor.statistics.states.blocks import BLOCKS
from spark_model_monitor.statistics.states.outcomes import Outcomes, ProblemType, class_key
from spark_model_monitor.statistics.verdicts.groups import each_has_a_name
from spark_model_monitor.statistics.verdicts.multiplicity import BUDGET

BROKEN = "Metric {name} with {value}{deviation} was {operator} '{threshold}'"
DEVIATION = " +/- {deviation}"

DISPLAYED: Mapping[str, str] = {
    "true_positive_rate": "truePositiveRate",
    "true_negative_rate": "trueNegativeRate",
    "false_positive_rate": "falsePositiveRate",
    "false_negative_rate": "falseNegativeRate",
    "weighted_recall": "weightedRecall",
    "weighted_precision": "weightedPrecision",
    "weighted_f0_5": "weightedF0_5",  # never displayed by the service
    "weighted_f1": "weightedF1",
    "weighted_f2": "weightedF2",
}
"""Names of metrics in violations, if they differ from the files; a metric that is absent here keeps its name."""

SERVICE_ORDER = (
    *("auc", "precision", "true_positive_rate", "f1", "weighted_f2", "accuracy", "weighted_recall"),
    *("weighted_precision", "weighted_f1", "false_positive_rate", "true_negative_rate", "false_negative_rate"),
    *("recall", "f2"),
)
"""The order of the service's violations, as observed. Source: G20, schema-examples/multiclass*."""


def displayed(metric: str) -> str:
    """The name of a metric in a violation."""
    return DISPLAYED.get(metric, metric)


def broken(metric: str, value: float, standard_deviation: float | None, operator: str, threshold: float) -> str:
    """The text for a metric on the wrong side of its threshold."""
    deviation = "" if standard_deviation is None else DEVIATION.format(deviation=java_double(standard_deviation))
    return BROKEN.format(
        name=displayed(metric),
        value=java_double(value),
        deviation=deviation,
        operator=operator,
        threshold=java_double(threshold),
    )


@dataclass(frozen=True, slots=True)
class ModelBaseline(StoredBaseline):
    """What later outcomes are compared with. classes: of the baseline; None if unknown. rows: number in the baseline.

    suggested: the constraints as the baseline's run wrote them. evidence: of its states; None if unavailable, or if
    false positives are not controlled. groups: how many rows of the window count as one, estimated from neighbours.
    segments: by cut and segment the measurement of the baseline's rows. group_column: column of the rows that belong
    together. likeness: the baseline's. named: the share of its rows with a name. rows_by_block: how many have a name in
    each block. source: opens its rows again; None if unknown.
    """

    constraints: ModelQualityConstraints
    classes: frozenset[str] | None = None
    rows: int | None = None
    suggested: ModelQualityConstraints | None = None
    evidence: Evidence | None = None
    groups: float = 1.0
    segments: Mapping[str, Mapping[str, Measurement]] = field(default_factory=dict)
    group_column: str | None = None
    likeness: Likeness = field(default_factory=Likeness)
    named: float = 0.0
    rows_by_block: NDArray[np.float64] = field(default_factory=lambda: np.ones(BLOCKS), repr=False, compare=False)
    source: Callable[[], Dataset] | None = field(default=None, repr=False, compare=False)

    def with_source(self, source: Callable[[], Dataset]) -> ModelBaseline:
        return replace(self, source=source)

    def without(self, excluded: Collection[str]) -> ModelBaseline:
        kept = {
            member: {name: constraint for name, constraint in constraints.items() if name not in excluded}
            for member in MEMBERS.values()
            if (constraints := getattr(self.constraints, member)) is not None
        }
        return replace(self, constraints=self.constraints.model_copy(update=kept))

    def has_fewer_names(self, outcomes: Outcomes) -> bool:
        """Whether the share of rows with a group's name is below half the baseline's, or lower by more than 0.1."""
        return outcomes.share_named < max(self.named / 2, self.named - 0.1)

    def misses_names(self, outcomes: Outcomes) -> bool:
        """The same, or whether each row has a name of its own, unlike the baseline's."""
        if self.group_column is None:
            return False
        return self.has_fewer_names(outcomes) or each_has_a_name(outcomes.rows_by_block, self.rows_by_block)

    def tested(self, problem_type: ProblemType) -> Mapping[str, Estimate]:
        """The baseline's own estimates of the metrics that still have the suggested threshold."""
        note = self.constraints.tolerance
        if self.suggested is None or self.evidence is None or note is None or note.false_alarms is None:
            return {}
        if self.evidence.PROBLEM_TYPE is not problem_type:
            return {}
        own, registry = getattr(self.suggested, MEMBERS[problem_type]) or {}, METRICS[problem_type]
        return {
            name: registry.get(name)(self.evidence)
            .of_groups(self.groups)
            .of_groups(self.likeness.rows.get(name, 1.0), self.likeness.blocks)
            for name, entry in self.of(problem_type).items()
            if entry.threshold is not None and entry == own.get(name)
        }

    def of(self, problem_type: ProblemType) -> Mapping[str, MetricConstraint]:
        """The constraints for a type of problem, by metric.

        Raises BadDocument if the file's are for another type.
        """
        constraints: Mapping[str, MetricConstraint] | None = getattr(self.constraints, MEMBERS[problem_type])
        if constraints is None:
            found = [name for name in MEMBERS.values() if getattr(self.constraints, name) is not None]
            raise BadDocument(
                f"constraints.json has {found[0] if found else 'no constraints'}; a run of problem_type "
                f"{problem_type.value} needs {MEMBERS[problem_type]}"
            )
        return constraints

    @classmethod
    def made_of(
        cls,
        constraints: ModelQualityConstraints,
        statistics: ModelQualityStatistics | None = None,
        outcomes: State | None = None,
        suggested: ModelQualityConstraints | None = None,
    ) -> ModelBaseline:
        """The baseline from documents and states together. Raises BadState if the states are of something else."""
        if outcomes is None:
            classes, rows = None, None
        elif not isinstance(outcomes, Outcomes):
            raise BadState(
                f"the baseline's states are of kind {outcomes.KIND!r}; name a baseline of the model's quality"
            )
        else:
            counts = outcomes.confusion
            classes = counts.labels | (counts.predictions if outcomes.plan.with_predictions else frozenset())
            rows = outcomes.item_count
        if statistics is not None:
            classes, rows = statistics.classes, statistics.dataset.item_count if statistics.dataset else None
        evidence = evidence_of(outcomes) if outcomes is not None and suggested is not None else None
        known = cls(constraints, classes or None, rows, suggested, evidence)
        if outcomes is None:
            return known
        if (group := outcomes.plan.group_column) is not None:
            likeness = Likeness() if evidence is None else Likeness.of(evidence)
            known = replace(known, group_column=group, likeness=likeness)
            known = replace(known, named=outcomes.share_named, rows_by_block=outcomes.rows_by_block)
        return replace(known, segments=measured_by_segment(outcomes)) if constraints.segments else known


UNDEFINED = "the metric is not defined for this window: there is nothing to divide by"
NO_THRESHOLD = "constraints.json has no threshold for it"
NO_SUCH_METRIC = "this run has no metric of this name"
NOT_OF_THE_SERVICE = "the service never reports this metric"
TOO_FEW_ROWS = "it rests on {counted}, fewer than the {needed:,} of min_samples"
WITHIN_ERROR = (
    "the thresholds are for windows of at least {expected:,} rows; this one has {rows:,}, and beyond the threshold it is "
    "by less than the error of so few"
)
MAY_BE_CHANCE = "of {counted} this may be chance: p is {p:.2g}, and a violation needs {level:.2g}"
IN_GROUPS = "; about {rows:.0f} neighbouring rows count as one"
NO_ROWS = "the window has no rows in this segment from which it could be told"
NEVER_ENOUGH = "{counted} can't show it: the worst value may be chance, too"
UNSEEN = "not in the baseline: {classes}"

UNSEEN_CHECK = "unseen_classes"
"""The name in checks.json of the look for classes that the baseline lacks; it is never a violation."""

NEVER_REPORTED = ("f0_5", "weighted_f0_5")
"""Metrics absent from the service's published reports, though four of these should list them (docs/decisions/0018)."""


def check_all(
    measurement: Measurement,
    known: ModelBaseline,
    *,
    budget: float = BUDGET,
    beside: int = 0,
    min_samples: int = 0,
    as_service: bool = False,
    hide_values: bool = False,
) -> tuple[CheckResult, ...]:
    """The result of every constraint, in the order of constraints.json.

    budget: the share of healthy windows that may violate any of them. beside: number of other checks that share it.
    min_samples: rows needed to judge a metric. as_service: judge by value alone. hide_values: name no class.

    Raises BadDocument if the constraints are for another type of problem.
    """
    level = level_of(ledger_of(known, measurement.problem_type, budget, beside))
    judge = _Judge(measurement, known, level, min_samples, as_service)
    results = [judge.result(name, entry) for name, entry in known.of(measurement.problem_type).items()]
    if as_service:
        order = {name: place for place, name in enumerate(SERVICE_ORDER)}
        results.sort(key=lambda result: order.get(result.metric or "", len(order)))
    return (*results, *_unseen(measurement, known, hide_values=hide_values))


def check_segments(
    measurement: Measurement,
    known: ModelBaseline,
    whole: Sequence[CheckResult],
    ledger: BudgetLedger | None,
    *,
    min_samples: int = 0,
    hide_values: bool = False,
) -> Iterator[CheckResult]:
    """The results of all rows, violations with their clearest segment, if any; then every metric that still has the
    suggested threshold, in every segment of the baseline, with a threshold suggested from the segment's own rows.

    whole: the results of all rows.

    Source: D4.6, D4.13.
    """
    if ledger is None or len(ledger.families) < 2:
        yield from whole
        return
    level, problem = level_of(ledger, -1), measurement.problem_type
    found: dict[Hashable, dict[tuple[str, str], CheckResult]] = {}
    for cut, label, before in ((cut, *each) for cut, of_cut in known.segments.items() for each in of_cut.items()):
        now = measurement.segments.get(cut, {}).get(label)
        constraints = suggest(before, window_rows=now.rows if now is not None else None)
        own = ModelBaseline(constraints, None, before.rows, constraints, before.evidence, known.groups)
        own = replace(own, likeness=known.likeness)
        judge = None if now is None else _Judge(now, own, level, min_samples, as_service=False)
        for name in known.tested(problem):
            entry = own.of(problem)[name]
            finding = Finding.not_judged(entry.threshold, NO_ROWS)
            result = (
                judge.result(name, entry) if judge else finding.result(entry.comparison_operator.value, metric=name)
            )
            told = told_in(result, f"{IN_SEGMENT}{cut}", None if hide_values else label)
            found.setdefault(name, {})[cut, label] = told
    yield from with_segments(whole, found, lambda each: each.metric or "", hide_values=hide_values)


violations_of = partial(protocol.violations_of, displayed=displayed)
"""The violations among the results, in their order. Source: C5.3, G20."""

MODEL_QUALITY, SEGMENTS = "model quality", "segments"


def ledger_of(known: ModelBaseline, problem_type: ProblemType, budget: float, beside: int = 0) -> BudgetLedger | None:
    """How the metrics share the budget; None if false positives are not controlled. Equivalent metrics are one test.

    beside: number of tests that are not of metrics.

    Source: D4.6.
    """
    registry = METRICS[problem_type]
    tests = {registry.get(name).facts["family"] for name in known.tested(problem_type)}
    if not len(tests) + beside:
        return None
    ledger = BudgetLedger.of_one(MODEL_QUALITY, budget, len(tests) + beside)
    if not tests or not (segments := sum(map(len, known.segments.values()))):
        return ledger
    tested = {MODEL_QUALITY: len(tests) + beside, SEGMENTS: len(tests) * segments}
    families = tuple(Family(family=name, level=budget / 2, tests=count) for name, count in tested.items())
    return ledger.model_copy(update={"families": families})


def level_of(ledger: BudgetLedger | None, family: int = 0) -> float:
    """The level of each test."""
    return ledger.families[family].level / ledger.families[family].tests if ledger is not None else 0.0


@dataclass(frozen=True)
class _Judge:
    """Judges the metrics of one run. level: of each test."""

    measurement: Measurement
    known: ModelBaseline
    level: float
    min_samples: int
    as_service: bool

    @cached_property
    def tested(self) -> Mapping[str, Estimate]:
        return self.known.tested(self.measurement.problem_type)

    def result(self, name: str, constraint: MetricConstraint) -> CheckResult:
        """The result of one constraint, with the numbers behind it."""
        measured = self.measurement.metrics.get(name)
        p = self._p(name, measured, constraint)
        status, reason = self._verdict(name, measured, constraint, p)
        value = measured.value if measured is not None else None
        description = None
        if status is CheckStatus.VIOLATED and measured is not None and value is not None:
            assert constraint.threshold is not None  # without a threshold nothing is violated
            operator = constraint.comparison_operator.value
            description = broken(name, value, measured.standard_deviation, operator, constraint.threshold)
        of_groups = name in self.known.likeness.rows and name in self.tested
        finding = Finding(
            status,
            constraint.threshold,
            value,
            interval=interval_of(measured.estimate) if measured is not None else None,
            n=self.tested[name].n if of_groups else self.known.rows,
            m=measured.estimate.n if measured is not None else None,
            p=p,
            reason=reason,
            description=description,
        )
        metrics = METRICS[self.measurement.problem_type]
        family = metrics.get(name).facts["family"] if name in metrics else name
        same_as = family if family != name else None
        return finding.result(constraint.comparison_operator.value, metric=name, same_as=same_as)

    def _verdict(
        self, name: str, measured: Measured | None, constraint: MetricConstraint, p: float | None
    ) -> tuple[CheckStatus, str | None]:
        if measured is None:
            hint = did_you_mean(name, self.measurement.metrics, "")
            return CheckStatus.NOT_JUDGED, f"{NO_SUCH_METRIC}; {hint}" if hint else NO_SUCH_METRIC
        if constraint.threshold is None:
            return CheckStatus.NOT_JUDGED, NO_THRESHOLD
        if measured.value is None:
            return CheckStatus.NOT_JUDGED, UNDEFINED
        if self.as_service and name in NEVER_REPORTED:
            return CheckStatus.NOT_JUDGED, NOT_OF_THE_SERVICE
        counted, side = measured.counted, WORSE_SIDE[constraint.comparison_operator]
        if measured.estimate.n < self.min_samples:
            return CheckStatus.CANNOT_TELL, TOO_FEW_ROWS.format(counted=counted.rstrip(","), needed=self.min_samples)
        if not constraint.comparison_operator.is_broken(measured.value, constraint.threshold):
            if p is not None and not can_be_apart(
                self.tested[name], measured.estimate.of_groups(self.known.groups), side, self.level
            ):
                return CheckStatus.CANNOT_TELL, NEVER_ENOUGH.format(counted=counted)
            return CheckStatus.PASSED, None
        if p is not None and p > self.level:
            told = IN_GROUPS.format(rows=self.known.groups) if self.known.groups > 1 else ""
            return CheckStatus.CANNOT_TELL, MAY_BE_CHANCE.format(counted=counted, p=p, level=self.level) + told
        if p is None and self._is_within_error(measured, constraint.comparison_operator, constraint.threshold):
            note = self.known.constraints.tolerance
            expected = note.window_rows if note else None
            return CheckStatus.CANNOT_TELL, WITHIN_ERROR.format(expected=expected, rows=self.measurement.rows)
        return CheckStatus.VIOLATED, None

    def _p(self, name: str, measured: Measured | None, constraint: MetricConstraint) -> float | None:
        """The probability of a value this bad in a healthy window; None if the threshold is not a suggested one."""
        if measured is None or measured.value is None or name not in self.tested:
            return None
        window = measured.estimate.of_groups(self.known.groups)
        return p_apart(self.tested[name], window, WORSE_SIDE[constraint.comparison_operator])

    def _is_within_error(self, measured: Measured, operator: ComparisonOperator, threshold: float) -> bool:
        """Whether a window that is smaller than expected may be beyond the threshold by noise alone.

        True if the better end of the metric's own interval is not beyond it. That is no less strict than the
        thresholds, which include the error of the baseline.
        """
        tolerance = None if self.as_service else self.known.constraints.tolerance
        if tolerance is None or not tolerance.window_rows or self.measurement.rows >= tolerance.window_rows:
            return False
        level = level_of_each(tolerance.false_alarms or FALSE_ALARMS, tolerance.metrics or 1)
        better = WORSE_SIDE[operator].opposite
        end = measured.estimate.end(better, level)
        return end is None or not operator.is_broken(end, threshold)


def _unseen(measurement: Measurement, known: ModelBaseline, *, hide_values: bool) -> Iterator[CheckResult]:
    """The classes of this run that the baseline lacks, if any: their metrics can't be compared."""
    evidence = measurement.evidence
    if isinstance(evidence, RegressionEvidence) or known.classes is None:
        return
    before = {class_key(name) for name in known.classes}
    occurred = (evidence.matrix.sum(axis=0) + evidence.matrix.sum(axis=1)) > 0
    unseen = [
        name for name, there in zip(evidence.classes, occurred, strict=True) if there and class_key(name) not in before
    ]
    if unseen:
        told = f"{len(unseen)} of the classes" if hide_values else shown(unseen)
        finding = Finding.not_judged(None, UNSEEN.format(classes=told))
        yield finding.but(n=known.rows, m=measurement.rows).result(UNSEEN_CHECK, metric="confusion_matrix")
