"""Predictions without labels, beside what the scores were worth in the baseline: all that an estimated quality is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import ClassVar

from model_monitor.errors import BadState
from model_monitor.statistics.states.encoding import Parameters, State, joined, registered, require_equal, split
from model_monitor.statistics.states.outcomes import Outcomes
from model_monitor.statistics.states.scores import ClassScores, ScoreCounts


@registered
@dataclass(frozen=True, slots=True, eq=False)
class EstimatedOutcomes(State):
    """predictions: outcomes whose labels are their own predictions, so that `scores` has rows by score and predicted class.
    reference: the baseline's rows by score and label, at as few scores as say the same; of_classes: those of many classes, each
    against the rest.
    """

    KIND: ClassVar[str] = "estimated_outcomes"
    VERSION: ClassVar[int] = 2

    predictions: Outcomes = field(default_factory=Outcomes)
    reference: ScoreCounts = field(default_factory=ScoreCounts)
    of_classes: ClassScores = field(default_factory=ClassScores)

    def __add__(self, other: EstimatedOutcomes) -> EstimatedOutcomes:
        """Raises BadState if they were estimated by unequal baselines, or their plans differ."""
        digests = (sha256(joined(each.known())).hexdigest()[:12] for each in (self, other))
        require_equal(self.KIND, "the baseline's digest", *digests)
        return EstimatedOutcomes(self.predictions + other.predictions, self.reference, self.of_classes)

    def known(self) -> tuple[bytes, bytes]:
        """What is known of the baseline, as bytes; none of classes that there are not."""
        of_classes = self.of_classes.to_bytes() if self.of_classes.of_class else b""
        return self.reference.to_bytes(), of_classes

    def payload(self) -> tuple[Parameters, bytes]:
        """The states, each after its length."""
        return {}, joined([self.predictions.to_bytes(), *self.known()])

    @classmethod
    def of_payload(cls, parameters: Parameters, payload: bytes) -> EstimatedOutcomes:
        blobs = split(cls.KIND, payload)
        if len(blobs) != 3:
            raise BadState(
                f"state bytes: the payload of {cls.KIND!r} has {len(payload)} bytes, which are no three states"
            )
        of_classes = ClassScores.from_bytes(blobs[2]) if blobs[2] else ClassScores()
        return cls(Outcomes.from_bytes(blobs[0]), ScoreCounts.from_bytes(blobs[1]), of_classes)
