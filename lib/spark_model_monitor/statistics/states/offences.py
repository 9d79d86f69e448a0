"""The number of rows that break each of a user's rules: counts that add."""

from __future__ import annotations

import json
from dataclasses import dataclass
from operator import add, le
from typing import ClassVar

import numpy as np

from spark_model_monitor.statistics.states.encoding import (
    Parameters,
    State,
    join_parts,
    register_state,
    require_equal,
    split_parts,
)

MOST_IDS = 10  # ids of offending rows that are kept per rule


@register_state
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

    def __add__(self, addend: Offences) -> Offences:
        """Raises BadState if the numbers of rules differ."""
        require_equal(self.KIND, "the number of rules", len(self.offending), len(addend.offending))
        return Offences(
            tuple(map(add, self.offending, addend.offending)),
            tuple(map(add, self.judged, addend.judged)),
            tuple((mine + theirs)[:MOST_IDS] for mine, theirs in zip(self.ids, addend.ids, strict=True)),
        )

    def payload(self) -> tuple[Parameters, bytes]:
        """Both counts of all rules as 64-bit integers, then the ids as JSON."""
        return {}, join_parts([np.array([self.offending, self.judged], "<i8").tobytes(), json.dumps(self.ids).encode()])

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> Offences:
        counts, ids = split_parts(payload)
        offending, judged = np.frombuffer(counts, "<i8").reshape(2, -1).tolist()
        ids_by_rule = tuple(tuple(map(str, rule_ids)) for rule_ids in json.loads(ids))
        return cls(tuple(offending), tuple(judged), ids_by_rule)

    def contradiction(self) -> str | None:
        if len(self.ids) == len(self.judged) and all(map(le, self.offending, self.judged)):
            return None
        return "it has other ids than rules, or more offending rows than judged ones"
