"""Whether Spark understands the conditions of a plan, asked before any data is read. Starts no Spark job."""

from __future__ import annotations

from collections.abc import Iterable

import pyspark.sql.functions as F
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql.types import BooleanType

from model_monitor.errors import BadConfiguration


def require_conditions(frame: DataFrame, conditions: Iterable[str]) -> None:
    """Make sure that every SQL condition is true or false for a row of `frame`, whose columns have the user's names.

    Raises BadConfiguration with one line for every one that is not.
    """
    faults = [fault for condition in conditions for fault in [_fault_of(frame, condition)] if fault]
    if faults:
        raise BadConfiguration.gathered(faults)


def _fault_of(frame: DataFrame, condition: str) -> str | None:
    try:
        found = frame.select(F.expr(condition).alias("condition")).schema["condition"].dataType
    except PySparkException as error:
        return f"--checks: the condition {condition!r} can't be used: {str(error).strip().splitlines()[0]}"
    if not isinstance(found, BooleanType):
        return f"--checks: the condition {condition!r} is of type {found.simpleString()}; it has to be true or false"
    return None
