"""The verdict: each metric of a run against the threshold that constraints.json has for it. Pure.

    results = check_all(measurement, known, min_samples=100)
    violations_of(results)

Beside violated, passed and not judged there is a third verdict, "cannot tell": too few rows for the metric, or it is beyond a
suggested threshold by what chance may do. Beside the baseline's states the window's own test says so; without them its own error,
if it is smaller than the windows that the thresholds are for.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from model_monitor.documents.check_results import BudgetLedger, CheckResult, CheckStatus, Family, Violation, Violations
from model_monitor.documents.constraints import Rows
from model_monitor.documents.model_quality import ComparisonOperator, MetricConstraint, ToleranceNote
from model_monitor.model_quality import messages
from model_monitor.model_quality.baseline import ModelBaseline
from model_monitor.model_quality.estimates import can_be_apart, chance_apart, interval_of
from model_monitor.model_quality.evidence import RegressionEvidence
from model_monitor.model_quality.labels import shown
from model_monitor.model_quality.measurement import Measured, Measurement
from model_monitor.model_quality.metrics import METRICS
from model_monitor.model_quality.tolerance import FALSE_ALARMS, level_of_each, worse_side
from model_monitor.runs.judging import Finding, violated
from model_monitor.statistics.states.outcomes import ProblemType, class_key
from model_monitor.statistics.verdicts.multiplicity import BUDGET

UNDEFINED = "the metric is not defined for this window: there is nothing to divide by"
NO_THRESHOLD = "constraints.json has no threshold for it"
NO_SUCH_METRIC = "this run has no metric of this name"
NOT_OF_THE_SERVICE = "the service never reports this metric"
TOO_FEW_ROWS = "it rests on {rows:,} rows, fewer than the {needed:,} of min_samples"
WITHIN_ERROR = (
    "the thresholds are for windows of at least {expected:,} rows; this one has {rows:,}, and beyond the threshold it is "
    "by less than the error of so few"
)
MAY_BE_CHANCE = "of {rows:,} rows this may be chance: p is {p:.2g}, and a violation needs {level:.2g}"
NEVER_ENOUGH = "{rows:,} rows can't show it: the worst value may be chance, too"
UNSEEN = "not in the baseline: {classes}"

UNSEEN_CHECK = "unseen_classes"
"""What checks.json calls the look for classes that the baseline had not; it never is a violation."""

NEVER_REPORTED = ("f0_5", "weighted_f0_5")
"""Metrics that are in none of the service's published reports, though four of these had to list them (docs/decisions/0018)."""


def check_all(
    measurement: Measurement,
    known: ModelBaseline,
    *,
    budget: float = BUDGET,
    min_samples: int = 0,
    as_service: bool = False,
    hide_values: bool = False,
) -> tuple[CheckResult, ...]:
    """The result of every constraint, in the order of constraints.json.

    budget: the share of healthy windows in which any may be violated. min_samples: rows that a metric has to rest on to be
    judged. as_service: judge as the service does, by the value alone.
    hide_values: name no class.

    Raises BadDocument if the constraints are of another type of problem.
    """
    judge = _Judge(measurement, known, budget, min_samples, as_service)
    results = [judge.result(name, entry) for name, entry in known.of(measurement.problem_type).items()]
    if as_service:
        order = {name: place for place, name in enumerate(messages.SERVICE_ORDER)}
        results.sort(key=lambda result: order.get(result.metric or "", len(order)))
    return (*results, *_unseen(measurement, known, hide_values=hide_values))


def violations_of(results: Iterable[CheckResult]) -> Violations:
    """The violations among the results, in their order.

    Source: C5.3, G20.
    """
    return Violations(
        violations=tuple(
            Violation(
                constraint_check_type=result.check,
                description=result.description or "",
                metric_name=messages.displayed(result.metric or ""),
            )
            for result in violated(results)
        )
    )


MODEL_QUALITY = "model quality"


def ledger_of(known: ModelBaseline, problem_type: ProblemType, budget: float) -> BudgetLedger | None:
    """How the metrics share the budget; None where chance is not allowed for. Metrics that tell the same are one test.

    Source: D4.6.
    """
    registry = METRICS[problem_type]
    tests = {registry.get(name).facts["family"] for name in known.tested(problem_type)}
    if not tests:
        return None
    family = Family(family=MODEL_QUALITY, level=budget, tests=len(tests))
    return BudgetLedger(false_alarm_budget=budget, rows=Rows.INDEPENDENT.value, families=(family,))


class _Judge:
    """Judges the metrics of one run."""

    def __init__(
        self, measurement: Measurement, known: ModelBaseline, budget: float, min_samples: int, as_service: bool
    ) -> None:
        self._measurement = measurement
        self._tolerance: ToleranceNote | None = None if as_service else known.constraints.tolerance
        self._tested = known.tested(measurement.problem_type)
        ledger = ledger_of(known, measurement.problem_type, budget)
        self._level = ledger.families[0].level / ledger.families[0].tests if ledger is not None else 0.0
        self._baseline_rows = known.rows
        self._min_samples = min_samples
        self._as_service = as_service

    def result(self, name: str, constraint: MetricConstraint) -> CheckResult:
        """What became of one constraint, with the numbers it rests on."""
        measured = self._measurement.metrics.get(name)
        p = self._p(name, measured, constraint)
        status, reason = self._verdict(name, measured, constraint, p)
        value = measured.value if measured is not None else None
        description = None
        if status is CheckStatus.VIOLATED and measured is not None and value is not None:
            assert constraint.threshold is not None  # without one nothing is violated
            operator = constraint.comparison_operator.value
            description = messages.broken(name, value, measured.standard_deviation, operator, constraint.threshold)
        finding = Finding(
            status,
            constraint.threshold,
            value,
            interval=interval_of(measured.estimate) if measured is not None else None,
            n=self._baseline_rows,
            m=measured.estimate.n if measured is not None else None,
            p=p,
            reason=reason,
            description=description,
        )
        known = METRICS[self._measurement.problem_type]
        family = known.get(name).facts["family"] if name in known else name
        same_as = family if family != name else None
        return finding.result(constraint.comparison_operator.value, metric=name, same_as=same_as)

    def _verdict(
        self, name: str, measured: Measured | None, constraint: MetricConstraint, p: float | None
    ) -> tuple[CheckStatus, str | None]:
        if measured is None:
            return CheckStatus.NOT_JUDGED, self._no_such(name)
        if constraint.threshold is None:
            return CheckStatus.NOT_JUDGED, NO_THRESHOLD
        if measured.value is None:
            return CheckStatus.NOT_JUDGED, UNDEFINED
        if self._as_service and name in NEVER_REPORTED:
            return CheckStatus.NOT_JUDGED, NOT_OF_THE_SERVICE
        if measured.estimate.n < self._min_samples:
            return CheckStatus.CANNOT_TELL, TOO_FEW_ROWS.format(rows=measured.estimate.n, needed=self._min_samples)
        rows, side = measured.estimate.n, worse_side(constraint.comparison_operator)
        if not constraint.comparison_operator.is_broken(measured.value, constraint.threshold):
            if p is not None and not can_be_apart(self._tested[name], measured.estimate, side, self._level):
                return CheckStatus.CANNOT_TELL, NEVER_ENOUGH.format(rows=rows)
            return CheckStatus.PASSED, None
        if p is not None and p > self._level:
            return CheckStatus.CANNOT_TELL, MAY_BE_CHANCE.format(rows=rows, p=p, level=self._level)
        if p is None and self._is_within_error(measured, constraint.comparison_operator, constraint.threshold):
            expected = self._tolerance.window_rows if self._tolerance else None
            return CheckStatus.CANNOT_TELL, WITHIN_ERROR.format(expected=expected, rows=self._measurement.rows)
        return CheckStatus.VIOLATED, None

    def _p(self, name: str, measured: Measured | None, constraint: MetricConstraint) -> float | None:
        """How likely so bad a value is by chance; None if the threshold is not a suggested one."""
        if measured is None or measured.value is None or name not in self._tested:
            return None
        return chance_apart(self._tested[name], measured.estimate, worse_side(constraint.comparison_operator))

    def _is_within_error(self, measured: Measured, operator: ComparisonOperator, threshold: float) -> bool:
        """Whether a window smaller than expected may be beyond the threshold by chance.

        The better end of the metric's own interval is not beyond it. That is no less strict than the thresholds are: the error
        of the baseline is in them.
        """
        tolerance = self._tolerance
        if tolerance is None or not tolerance.window_rows or self._measurement.rows >= tolerance.window_rows:
            return False
        level = level_of_each(tolerance.false_alarms or FALSE_ALARMS, tolerance.metrics or 1)
        better = worse_side(operator).opposite
        end = measured.estimate.end(better, level)
        return end is None or not operator.is_broken(end, threshold)

    def _no_such(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._measurement.metrics, n=1)
        return f"{NO_SUCH_METRIC}; did you mean {near[0]!r}?" if near else NO_SUCH_METRIC


def _unseen(measurement: Measurement, known: ModelBaseline, *, hide_values: bool) -> Iterator[CheckResult]:
    """The classes of this run that the baseline had not, if there are any: metrics of the two are not alike."""
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
        yield replace(finding, n=known.rows, m=measurement.rows).result(UNSEEN_CHECK, metric="confusion_matrix")
