"""Where in a model's reply its score is. A path into CSV is the index of a cell, into JSON the names of members."""

from __future__ import annotations

from dataclasses import dataclass

import pyspark.sql.functions as F
from pyspark.sql import Column

from model_monitor.records.decoding import CSV


@dataclass(frozen=True, slots=True)
class Score:
    """The cell `0`, or the member `predictions[0].score`, of a reply's first row."""

    attribute: str = "0"

    def of_reply(self, data: Column, encoding: Column) -> Column:
        """The score as text; null if the reply has none there."""
        row = F.split(F.trim(data), "[\r\n]", 2).getItem(0)
        cell = (
            F.try_element_at(F.split(row, ","), F.lit(int(self.attribute) + 1)) if self.attribute.isdecimal() else None
        )
        member = F.get_json_object(row, f"$[{self.attribute}]" if cell is not None else f"$.{self.attribute}")
        return F.when(F.upper(encoding) == CSV, F.lit(None).cast("string") if cell is None else F.trim(cell)).otherwise(
            member
        )


def no_score() -> Column:
    """The score where none is asked for."""
    return F.lit(None).cast("string")
