"""Predictions without labels, beside what the scores were worth in the baseline: all that an estimated quality is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import ClassVar

from model_monitor.errors import BadState
from model_monitor.statistics.states.encoding import Parameters, State, joined, registered, require_equal, split
from model_monitor.statistics.states.outcomes import Outcomes
from model_monitor.statistics.states.scores import ScoreCounts


@registered
@dataclass(frozen=True, slots=True, eq=False)
class EstimatedOutcomes(State):
    """predictions: outcomes whose labels are their own predictions, so that `scores` has rows by score and predicted class.
    reference: the baseline's rows by score and label, at as few scores as say the same.
    """

    KIND: ClassVar[str] = "estimated_outcomes"
    VERSION: ClassVar[int] = 1

    predictions: Outcomes = field(default_factory=Outcomes)
    reference: ScoreCounts = field(default_factory=ScoreCounts)

    def __add__(self, other: EstimatedOutcomes) -> EstimatedOutcomes:
        """Raises BadState if they were estimated by unequal baselines, or their plans differ."""
        digests = (sha256(each.reference.to_bytes()).hexdigest()[:12] for each in (self, other))
        require_equal(self.KIND, "the baseline's digest", *digests)
        return EstimatedOutcomes(self.predictions + other.predictions, self.reference)

    def payload(self) -> tuple[Parameters, bytes]:
        """Both states, each after its length."""
        return {}, joined([self.predictions.to_bytes(), self.reference.to_bytes()])

    @classmethod
    def of_payload(cls, parameters: Parameters, payload: bytes) -> EstimatedOutcomes:
        blobs = split(cls.KIND, payload)
        if len(blobs) != 2:
            raise BadState(
                f"state bytes: the payload of {cls.KIND!r} has {len(payload)} bytes, which are no two states"
            )
        return cls(Outcomes.from_bytes(blobs[0]), ScoreCounts.from_bytes(blobs[1]))
