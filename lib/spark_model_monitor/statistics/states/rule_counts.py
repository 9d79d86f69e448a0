"""Counts for a user's rules: the rows that don't meet a condition, and sums of numbers. The counts of two sets of rows add.

Model of the sums: the sum of two sets has their squared deviations and products of deviations, plus d_x d_y n m / (n + m),
with d the difference of their means. Source: Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance".
"""

from __future__ import annotations

import json
import math
from operator import add, le
from typing import NamedTuple

import numpy as np

from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.states.encoding import (
    Parameters,
    State,
    join_parts,
    register_state,
    require_equal,
    split_parts,
)
from spark_model_monitor.value_class import value_class

MAX_IDS = 10  # ids of offending rows that are kept for each condition


class PairSums(NamedTuple):
    """Sums over the rows in which x and y are numbers; for a rule about a single column, y is x.

    rows: number of these rows.
    not_numbers: number of rows with a value that isn't a number.
    m2_x, m2_y: sums of squared deviations from the mean.
    m2_xy: sum of products of deviations.
    smallest, largest: of x.
    """

    rows: float = 0.0
    not_numbers: float = 0.0
    sum_x: float = 0.0
    mean_x: float = 0.0
    mean_y: float = 0.0
    m2_x: float = 0.0
    m2_y: float = 0.0
    m2_xy: float = 0.0
    smallest: float = math.inf
    largest: float = -math.inf

    @property
    def correlation(self) -> float:
        """Pearson's correlation coefficient; NaN if x or y is constant."""
        spread = math.sqrt(self.m2_x) * math.sqrt(self.m2_y)
        return self.m2_xy / spread if spread else math.nan

    def merge(self, addend: PairSums) -> PairSums:
        """The sums of these rows and other rows."""
        if not self.rows or not addend.rows:
            nonempty = self if self.rows else addend
            return nonempty._replace(not_numbers=self.not_numbers + addend.not_numbers)
        rows = self.rows + addend.rows
        weight = addend.rows / rows
        delta_x = addend.mean_x - self.mean_x
        delta_y = addend.mean_y - self.mean_y
        return PairSums(
            rows,
            self.not_numbers + addend.not_numbers,
            self.sum_x + addend.sum_x,
            self.mean_x + delta_x * weight,
            self.mean_y + delta_y * weight,
            self.m2_x + addend.m2_x + delta_x * delta_x * self.rows * weight,
            self.m2_y + addend.m2_y + delta_y * delta_y * self.rows * weight,
            self.m2_xy + addend.m2_xy + delta_x * delta_y * self.rows * weight,
            min(self.smallest, addend.smallest),
            max(self.largest, addend.largest),
        )


def measure_pair(x: Doubles, y: Doubles) -> PairSums:
    """The sums of some rows. x, y: arrays of equal length, NaN for values that aren't numbers."""
    are_numbers = ~(np.isnan(x) | np.isnan(y))
    rows = int(are_numbers.sum())
    not_numbers = float(len(x) - rows)
    if not rows:
        return PairSums(not_numbers=not_numbers)
    x = x[are_numbers]
    y = y[are_numbers]
    with np.errstate(all="ignore"):  # with infinities or overflow a sum is infinite or NaN; no check uses it then
        mean_x = float(x.mean())
        mean_y = float(y.mean())
        x_deviations = x - mean_x
        y_deviations = y - mean_y
        m2_x = float(x_deviations @ x_deviations)
        m2_y = float(y_deviations @ y_deviations)
        m2_xy = float(x_deviations @ y_deviations)
        sum_x = float(x.sum())
    return PairSums(rows, not_numbers, sum_x, mean_x, mean_y, m2_x, m2_y, m2_xy, float(x.min()), float(x.max()))


@register_state
@value_class(eq=False)
class RuleCounts(State):
    """Counts for each condition of the user's rules.

    offending: rows that don't meet the condition.
    judged: rows for which the condition is true or false, not unknown.
    ids: the first ids of offending rows, if rows have ids.
    sums: of the numbers that each rule about numbers needs.
    """

    KIND = "rule_counts"

    offending: tuple[int, ...] = ()
    judged: tuple[int, ...] = ()
    ids: tuple[tuple[str, ...], ...] = ()
    sums: tuple[PairSums, ...] = ()

    @classmethod
    def zero(cls, conditions: int, numbers: int = 0) -> RuleCounts:
        """The counts of no rows."""
        return cls((0,) * conditions, (0,) * conditions, ((),) * conditions, (PairSums(),) * numbers)

    def __add__(self, addend: RuleCounts) -> RuleCounts:
        """Raises BadState if the numbers of rules differ."""
        require_equal(self.KIND, "the number of conditions", len(self.offending), len(addend.offending))
        require_equal(self.KIND, "the number of sums", len(self.sums), len(addend.sums))
        return RuleCounts(
            tuple(map(add, self.offending, addend.offending)),
            tuple(map(add, self.judged, addend.judged)),
            tuple((first + second)[:MAX_IDS] for first, second in zip(self.ids, addend.ids, strict=True)),
            tuple(first.merge(second) for first, second in zip(self.sums, addend.sums, strict=True)),
        )

    def payload(self) -> tuple[Parameters, bytes]:
        """Both counts of all conditions as 64-bit integers, the ids as JSON, then ten doubles for each sum."""
        counts = np.array([self.offending, self.judged], "<i8").tobytes()
        return {}, join_parts([counts, json.dumps(self.ids).encode(), np.array(self.sums, "<f8").tobytes()])

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> RuleCounts:
        counts, ids, sums = split_parts(payload)
        offending, judged = np.frombuffer(counts, "<i8").reshape(2, -1).tolist()
        ids_by_condition = tuple(tuple(map(str, row_ids)) for row_ids in json.loads(ids))
        table = np.frombuffer(sums, "<f8").reshape(-1, len(PairSums._fields))
        return cls(tuple(offending), tuple(judged), ids_by_condition, tuple(PairSums(*row) for row in table.tolist()))

    def is_consistent(self) -> bool:
        are_rows = all(pair.rows >= 0 and pair.not_numbers >= 0 for pair in self.sums)
        return are_rows and len(self.ids) == len(self.judged) and all(map(le, self.offending, self.judged))
