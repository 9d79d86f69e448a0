"""The baseline of model quality: its limits, which of them are suggested, and its own estimates. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, replace

import numpy as np

from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.documents.document import is_suggested
from spark_model_monitor.documents.model_quality import (
    Metric,
    MetricConstraint,
    ModelQualityConstraints,
    ModelQualityStatistics,
)
from spark_model_monitor.errors import BadDocument, BadState
from spark_model_monitor.monitors.model_quality.estimates import Estimate, estimate_from_deviation
from spark_model_monitor.monitors.model_quality.evidence import Evidence, build_evidence
from spark_model_monitor.monitors.model_quality.measurement import (
    CONSTRAINED,
    MEMBERS,
    DesignEffects,
    Measurement,
    measure,
    measure_segments,
)
from spark_model_monitor.monitors.model_quality.metrics import METRICS
from spark_model_monitor.monitors.protocol import StoredBaseline
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.states import State
from spark_model_monitor.statistics.states.blocks import BLOCKS
from spark_model_monitor.statistics.states.outcomes import Outcomes
from spark_model_monitor.statistics.user_choices import ProblemType
from spark_model_monitor.statistics.verdicts.intra_class_correlation import has_one_row_per_name
from spark_model_monitor.value_class import value_class

WINDOWS_JUDGED = 8
"""The number of windows that are judged together, including the current one."""


@value_class
class GroupNames:
    """The names of groups in the rows of a baseline.

    column: the column that names the groups; None without one.
    share: the share of rows with a name.
    rows_by_block: the number of rows with a name in each block.
    """

    column: str | None = None
    share: float = 0.0
    rows_by_block: Doubles = field(default_factory=lambda: np.ones(BLOCKS), repr=False, compare=False)


@value_class
class ModelBaseline(StoredBaseline):
    """The baseline with which later outcomes are compared.

    measurement: computed from its states; None if these are unavailable, or if the run doesn't allow for chance.
    classes: the classes of the baseline; None if unknown.
    rows: number of rows in the baseline.
    suggested_limits: the metrics whose limit allows for chance; all other limits decide alone.
    reported: the metrics in statistics.json, empty without one.
    groups: the design effect estimated from neighbours: how many rows of the window count as one.
    segments: the measurement of the baseline's rows in each segment, by cut.
    design_effects: the design effects of the baseline's metrics.
    names_of_groups: the names of groups in its rows.
    source: opens its rows again; None if that isn't possible.
    earlier: the outcomes of the windows that are judged together with the next one.
    """

    constraints: ModelQualityConstraints
    measurement: Measurement | None = None
    classes: frozenset[str] | None = None
    rows: int | None = None
    suggested_limits: frozenset[str] = frozenset()
    reported: Mapping[str, Metric] = field(default_factory=dict)
    groups: float = 1.0
    segments: Mapping[str, Mapping[str, Measurement]] = field(default_factory=dict)
    design_effects: DesignEffects = field(default_factory=DesignEffects)
    names_of_groups: GroupNames = field(default_factory=GroupNames)
    source: Callable[[], Dataset] | None = field(default=None, repr=False, compare=False)
    earlier: tuple[Outcomes, ...] = field(default=(), repr=False, compare=False)

    @property
    def group_column(self) -> str | None:
        """The column that names groups of rows."""
        return self.names_of_groups.column

    @property
    def evidence(self) -> Evidence | None:
        """The evidence from which its metrics were computed; None if unavailable."""
        if self.measurement is None:
            return None
        return self.measurement.evidence

    @property
    def estimates(self) -> Mapping[str, Estimate]:
        """Its own estimates of the metrics that get a limit."""
        measurement = self.measurement
        # Without limits for this problem type, there is nothing to test
        if measurement is None or measurement.problem_type is not problem_type_of_limits(self.constraints):
            return {}
        constrained = CONSTRAINED[measurement.problem_type]
        return {name: measured.estimate for name, measured in measurement.metrics.items() if name in constrained}

    def with_earlier(self, states: Sequence[State]) -> ModelBaseline:
        return replace(self, earlier=tuple(state for state in states if isinstance(state, Outcomes)))

    def drop_features(self, excluded: Collection[str]) -> ModelBaseline:
        remaining_constraints = {}
        for member in MEMBERS.values():
            constraints = getattr(self.constraints, member)
            if constraints is not None:
                remaining = {name: constraint for name, constraint in constraints.items() if name not in excluded}
                remaining_constraints[member] = remaining
        return replace(self, constraints=self.constraints.model_copy(update=remaining_constraints))

    def has_fewer_names(self, outcomes: Outcomes) -> bool:
        """Whether the share of rows with a group's name is below half the baseline's, or lower by more than 0.1."""
        share = self.names_of_groups.share
        return outcomes.share_in_groups < max(share / 2, share - 0.1)

    def misses_names(self, outcomes: Outcomes) -> bool:
        """Whether the window has clearly fewer names of groups, or, unlike the baseline, a separate name for each row."""
        # If the baseline has no named groups, none can be missing
        if self.group_column is None:
            return False
        rows_by_block = self.names_of_groups.rows_by_block
        return self.has_fewer_names(outcomes) or has_one_row_per_name(outcomes.rows_by_block, rows_by_block)

    def tested_metrics(self, problem_type: ProblemType) -> list[str]:
        """The metrics with a suggested limit and a known error in the baseline.

        Raises BadDocument if the file's limits are for another problem type.
        """
        known_metrics = set(self.estimates)
        # The errors of the values in the file follow from the number of rows
        if self.rows:
            known_metrics |= {name for name, metric in self.reported.items() if metric.value is not None}
        return [name for name in self.limits(problem_type) if name in self.suggested_limits & known_metrics]

    def baseline_estimates(self, measurement: Measurement) -> dict[str, Estimate]:
        """The baseline's estimates of the tested metrics that the window has. If the baseline has no states, its rows are
        assumed to vary like the window's, or more if its file says so.
        """
        growth = (self.rows or 0) / max(measurement.rows, 1)
        estimates: dict[str, Estimate] = {}
        for name in self.tested_metrics(measurement.problem_type):
            # The baseline's states are the best source; its file has only value and deviation
            if name in self.estimates:
                estimates[name] = self.estimates[name].reduce_to_groups(self.groups)
                continue
            metric = self.reported[name]
            measured = measurement.metrics.get(name)
            if measured is None or metric.value is None:
                continue
            window = measured.estimate.reduce_to_groups(self.groups)
            # Unknown below 200 rows, or if the metric is undefined in a sample
            deviation = metric.standard_deviation or 0.0
            estimates[name] = estimate_from_deviation(window, metric.value, deviation, growth)
        return estimates

    def limits(self, problem_type: ProblemType) -> Mapping[str, MetricConstraint]:
        """The constraints for a problem type, by metric.

        Raises BadDocument if the file's constraints are for another type.
        """
        constraints: Mapping[str, MetricConstraint] | None = getattr(self.constraints, MEMBERS[problem_type])
        if constraints is None:
            # Say which constraints the file has instead
            present_member = "no constraints"
            type_of_limits = problem_type_of_limits(self.constraints)
            if type_of_limits is not None:
                present_member = MEMBERS[type_of_limits]
            needed_member = f"a run of problem_type {problem_type.value} needs {MEMBERS[problem_type]}"
            raise BadDocument(f"constraints.json has {present_member}; {needed_member}")
        return constraints

    @classmethod
    def from_documents(
        cls,
        constraints: ModelQualityConstraints,
        statistics: ModelQualityStatistics | None = None,
        outcomes: State | None = None,
        *,
        as_service: bool = False,
    ) -> ModelBaseline:
        """The baseline from documents and states. as_service: whether all limits decide alone.

        Raises BadState if the states are of another kind.
        """
        baseline = cls(constraints)
        if outcomes is not None:
            if not isinstance(outcomes, Outcomes):
                raise BadState(
                    f"the baseline's states are of kind {outcomes.KIND!r}; name a baseline of the model's quality"
                )
            baseline = baseline._with_states(outcomes, as_service=as_service)
        if statistics is not None:
            rows = None
            if statistics.dataset:
                rows = statistics.dataset.item_count
            # These values are for tests, which the service doesn't have
            reported: dict[str, Metric] = {}
            if not as_service:
                reported = dict(statistics.scalars())
            baseline = replace(baseline, classes=statistics.classes or None, rows=rows, reported=reported)
        # In the service all limits decide by value, so it doesn't matter who set them
        if as_service:
            return baseline
        return replace(baseline, suggested_limits=baseline._find_suggested_limits())

    def _with_states(self, outcomes: Outcomes, *, as_service: bool) -> ModelBaseline:
        classes = outcomes.confusion.labels
        if outcomes.plan.with_predictions:
            classes |= outcomes.confusion.predictions
        baseline = replace(self, classes=classes or None, rows=outcomes.item_count)
        if not as_service:
            evidence = build_evidence(outcomes)
            design_effects = DesignEffects.of(evidence)
            measurement = measure(evidence, seed=None, design_effects=design_effects)
            baseline = replace(baseline, measurement=measurement, design_effects=design_effects)
        # Segments are judged only if constraints.json names them
        if self.constraints.segments:
            baseline = replace(baseline, segments=measure_segments(outcomes, baseline.design_effects))
        group_column = outcomes.plan.group_column
        if group_column is None:
            return baseline
        names = GroupNames(group_column, outcomes.share_in_groups, outcomes.rows_by_block)
        return replace(baseline, names_of_groups=names)

    def _find_suggested_limits(self) -> frozenset[str]:
        """The metrics whose limit equals the baseline's own value, in statistics.json or in the states."""
        values = {name: [estimate.value] for name, estimate in self.estimates.items()}
        for name, metric in self.reported.items():
            if metric.value is not None:
                values.setdefault(name, []).append(metric.value)
        problem_type = problem_type_of_limits(self.constraints)
        if problem_type is None:
            return frozenset()
        requested_limits = self.constraints.requested_limits or ()
        names = set()
        for name, limit in self.limits(problem_type).items():
            # The operator of a suggested limit
            operator = None
            if name in CONSTRAINED[problem_type]:
                operator = METRICS[problem_type].get(name).facts["operator"]
            # A limit with another operator, or with another value than the observed ones, was written by a person
            is_own = limit.threshold is None or limit.comparison_operator is not operator
            if not is_own and is_suggested(name, limit.threshold, values.get(name, ()), requested_limits):
                names.add(name)
        return frozenset(names)


def problem_type_of_limits(constraints: ModelQualityConstraints) -> ProblemType | None:
    """The problem type for which the file has limits; None if it has none."""
    members = (problem_type for problem_type, member in MEMBERS.items() if getattr(constraints, member) is not None)
    return next(members, None)
