"""Captured times as an expression of Spark's: what `windows.parse_time` is to one text. Driver only."""

from __future__ import annotations

import pyspark.sql.functions as F
from pyspark.sql import Column

from model_monitor.records.places import FILE
from model_monitor.records.windows import HOUR_FOLDER, TIME


def time_of(text: Column) -> Column:
    """The time that a text is, or the file's hour by its folder where the text is null; null if it can't be read."""
    parts = [F.regexp_extract(FILE, HOUR_FOLDER, group) for group in range(1, 5)]
    hour = F.concat(parts[0], F.lit("-"), parts[1], F.lit("-"), parts[2], F.lit("T"), parts[3], F.lit(":00:00Z"))
    return F.when(text.isNotNull(), written_time(text)).otherwise(F.try_to_timestamp(hour))


def written_time(text: Column) -> Column:
    """The time that a text is; null if it can't be read."""
    zoned = F.when(text.rlike("(Z|[+-]..:..)$"), text).otherwise(F.concat(text, F.lit("Z")))
    return F.when(text.rlike(f"^(?:{TIME.pattern})$"), F.try_to_timestamp(zoned))
