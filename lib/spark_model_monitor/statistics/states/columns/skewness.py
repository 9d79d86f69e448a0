"""Skewness: which way a column's values lean. Moments know no third power, so it has a state of its own.

Source: Pébay 2008, "Formulas for Robust, One-Pass Parallel Computation of Covariances and Arbitrary-Order Statistical
Moments", Sandia report SAND2008-6212: the sum of two sets' third powers of deviations.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import ClassVar

from spark_model_monitor.statistics.states.columns import ColumnMetric, column_metric
from spark_model_monitor.statistics.states.moments import Values


@column_metric
@dataclass(frozen=True, slots=True, eq=False)
class Skewness(ColumnMetric):
    """Mean cubed deviation / cubed standard deviation (population form); above 0 if the long tail is at the large values.

    m2, m3: sums of the squared and of the cubed deviations from the mean.
    """

    KIND: ClassVar[str] = "skewness"
    NUMBERS: ClassVar[struct.Struct] = struct.Struct("<q3d")

    count: int = 0
    mean: float = 0.0
    m2: float = 0.0
    m3: float = 0.0

    @classmethod
    def of(cls, values: Values) -> Skewness:
        """The state of finite values, at least one."""
        mean = float(values.sum()) / len(values)
        deviations = values - mean
        squares = deviations * deviations
        deviations *= squares
        return cls(len(values), mean, float(squares.sum()), float(deviations.sum()))

    def numbers(self) -> dict[str, float]:
        """Undefined without values, or if all are equal."""
        if not self.m2 > 0:
            return {"skewness": math.nan}
        return {"skewness": self.m3 / self.m2 * math.sqrt(self.count / self.m2)}

    def __add__(self, addend: Skewness) -> Skewness:
        """Up to rounding, in the order of adding."""
        if not self.count or not addend.count:
            return self if self.count else addend
        count = self.count + addend.count
        mine = self.count / count
        theirs = addend.count / count
        mean_difference = addend.mean - self.mean
        between = (
            mean_difference * mean_difference * (mine * addend.count)
        )  # n·m / (n + m) of the squared distance of the means
        return Skewness(
            count,
            self.mean + mean_difference * theirs,
            self.m2 + addend.m2 + between,
            self.m3
            + addend.m3
            + mean_difference * (between * (mine - theirs) + 3 * (mine * addend.m2 - theirs * self.m2)),
        )
