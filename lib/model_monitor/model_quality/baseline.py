"""A baseline as far as checking goes: its constraints, the classes that it had, and what its metrics rest on. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from model_monitor.documents.model_quality import MetricConstraint, ModelQualityConstraints, ModelQualityStatistics
from model_monitor.errors import BadDocument
from model_monitor.model_quality.estimates import Estimate
from model_monitor.model_quality.evidence import Evidence, evidence_of
from model_monitor.model_quality.measurement import problem_type_of
from model_monitor.model_quality.metrics import METRICS
from model_monitor.model_quality.suggestion import MEMBERS
from model_monitor.statistics.states.outcomes import Outcomes, ProblemType


@dataclass(frozen=True, slots=True)
class ModelBaseline:
    """What later outcomes are held against. classes: of the baseline; None if they are not known. rows: of the baseline.

    suggested: the constraints as the baseline's run wrote them, evidence: of its states; None if they are not at hand, or if
    chance is not allowed for.
    """

    constraints: ModelQualityConstraints
    classes: frozenset[str] | None = None
    rows: int | None = None
    suggested: ModelQualityConstraints | None = None
    evidence: Evidence | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """No features: the columns of outcomes are told by their attributes, not by the baseline."""
        return ()

    def without(self, excluded: Collection[str]) -> ModelBaseline:
        """The baseline without the constraints of some metrics."""
        kept = {
            member: {name: constraint for name, constraint in constraints.items() if name not in excluded}
            for member in MEMBERS.values()
            if (constraints := getattr(self.constraints, member)) is not None
        }
        return replace(self, constraints=self.constraints.model_copy(update=kept))

    def tested(self, problem_type: ProblemType) -> Mapping[str, Estimate]:
        """The baseline's own estimates of the metrics whose threshold still is the suggested one."""
        note = self.constraints.tolerance
        if self.suggested is None or self.evidence is None or note is None or note.false_alarms is None:
            return {}
        if problem_type_of(self.evidence) is not problem_type:
            return {}
        own, registry = getattr(self.suggested, MEMBERS[problem_type]) or {}, METRICS[problem_type]
        return {
            name: registry.get(name)(self.evidence)
            for name, entry in self.of(problem_type).items()
            if entry.threshold is not None and entry == own.get(name)
        }

    def of(self, problem_type: ProblemType) -> Mapping[str, MetricConstraint]:
        """The constraints of a type of problem, by metric.

        Raises BadDocument if the file has those of another type.
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
        outcomes: Outcomes | None = None,
        suggested: ModelQualityConstraints | None = None,
    ) -> ModelBaseline:
        """The baseline that documents and states describe together."""
        evidence = evidence_of(outcomes) if outcomes is not None and suggested is not None else None
        if statistics is not None:
            return cls(constraints, statistics.classes or None, statistics.dataset.item_count, suggested, evidence)
        if outcomes is not None:
            texts = outcomes.confusion.labels | (
                outcomes.confusion.predictions if outcomes.plan.with_predictions else frozenset()
            )
            return cls(constraints, texts or None, outcomes.item_count, suggested, evidence)
        return cls(constraints)
