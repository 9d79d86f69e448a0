"""The number of rows that break each of a user's rules: counts that add."""

from __future__ import annotations

import json
from dataclasses import dataclass
from operator import add
from typing import ClassVar

import numpy as np

from spark_model_monitor.errors import BadState
from spark_model_monitor.statistics.states.encoding import Parameters, State, joined, registered, require_equal, split

MOST_IDS = 10  # ids of offending rows that are kept per rule


@registered
@dataclass(frozen=True, slots=True)
class Offences(State):
    """For each rule: the rows that break it, the rows judged, and the first ids that break it, if rows have ids."""

    KIND: ClassVar[str] = "offences"

    offending: tuple[int, ...] = ()
    judged: tuple[int, ...] = ()
    ids: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def zero(cls, rules: int) -> Offences:
        """The offences in no rows."""
        return cls((0,) * rules, (0,) * rules, ((),) * rules)

    def __add__(self, other: Offences) -> Offences:
        """Raises BadState if the numbers of rules differ."""
        require_equal(self.KIND, "the number of rules", len(self.offending), len(other.offending))
        return Offences(
            tuple(map(add, self.offending, other.offending)),
            tuple(map(add, self.judged, other.judged)),
            tuple((mine + theirs)[:MOST_IDS] for mine, theirs in zip(self.ids, other.ids, strict=True)),
        )

    def after(self, rules: int) -> Offences:
        """The offences against the rules after the first ones."""
        return Offences(self.offending[rules:], self.judged[rules:], self.ids[rules:])

    def payload(self) -> tuple[Parameters, bytes]:
        """Both counts of all rules as 64-bit integers, then the ids as JSON."""
        return {}, joined([np.array([self.offending, self.judged], "<i8").tobytes(), json.dumps(self.ids).encode()])

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> Offences:
        try:
            counts, ids = split(cls.KIND, payload)
            offending, judged = np.frombuffer(counts, "<i8").reshape(2, -1).tolist()
            known = tuple(tuple(str(each) for each in of_rule) for of_rule in json.loads(ids))
        except (ValueError, TypeError) as fault:
            raise BadState(f"state bytes: the payload of {cls.KIND!r} is no counts with ids") from fault
        are_fewer = all(0 <= few <= all_ for few, all_ in zip(offending, judged, strict=True))
        if len(known) != len(offending) or not are_fewer:
            problem = "other ids than rules, or more offending rows than judged ones"
            raise BadState(f"state bytes: a {cls.KIND!r} has {problem}")
        return cls(tuple(offending), tuple(judged), known)
