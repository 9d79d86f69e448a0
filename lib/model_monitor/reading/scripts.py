"""Lines through a user's preprocessing script: the script runs once for each record, on the executors.

The names of the features are known only when every record has been through the script, so its rows are kept (memory, then
disk) between finding the names and the scan.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial

import pyspark.sql.functions as F
from pyspark import StorageLevel
from pyspark.sql import DataFrame

from model_monitor.engine import Session, engine_of, partitions_of
from model_monitor.engine.protocol import Task
from model_monitor.errors import BadConfiguration, BadInput, ScriptFailed
from model_monitor.reading.handlers import (
    DROPPED,
    KEPT,
    OUTCOME_SCHEMA,
    Script,
    handler_of,
    is_of_script,
    problem_of,
    run_handler,
)
from model_monitor.records.places import BLOCK_START, FILE, LINE
from model_monitor.records.refusals import CELLS, REASON, Refusal

log = logging.getLogger(__name__)

SCRIPT_FAILED = "Exception while invoking preprocessor script."
"""The service's text (C1.6); what went wrong is added to it."""


def read_script(path: str, session: Session) -> Script:
    """A preprocessing script, tried out as far as loading it goes.

    Raises BadConfiguration if it can't be read, ScriptFailed if loading it raises or if it has no handler.
    """
    try:
        source = engine_of(session).storage(path).read(path).decode("utf-8")
    except (BadInput, UnicodeDecodeError) as fault:
        raise BadConfiguration(f"record_preprocessor_script: {fault}") from fault
    script = Script(path.rsplit("/", 1)[-1], source)
    try:
        handler_of(script)
    except (Exception, SystemExit) as fault:
        if isinstance(fault, SystemExit) and not is_of_script(fault, script):
            raise  # the job itself is told to end
        problem = str(fault) if isinstance(fault, ValueError) and not fault.__cause__ else problem_of(fault, script)
        raise ScriptFailed(f"{SCRIPT_FAILED} {script.name} can't be loaded: {problem}") from fault
    return script


@dataclass(frozen=True, slots=True)
class Processed:
    """What a script made of the lines: a frame with text columns c0, c1, …, the features' names, and how many records it
    was given, and dropped. The frame stands on `persisted`, which the caller gives back."""

    frame: DataFrame
    persisted: DataFrame
    names: tuple[str, ...]
    records: int
    dropped: int


def processed(lines: DataFrame, script: Script, *, first_error_fails: bool, runner: Task | None = None) -> Processed:
    """Run the script over the lines. Two Spark jobs: one runs it, one gathers the features' names.

    runner: what an executor does with its lines; without one the handler gets every line as it is.
    Names are in lexicographic order (C3.3f).
    Raises ScriptFailed if every record failed, or the first one with `first_error_fails`.
    """
    raw = lines.select(F.col(LINE).cast("binary").alias(LINE), FILE, BLOCK_START)
    outcomes = partitions_of(raw).mapped(runner or partial(run_handler, script), OUTCOME_SCHEMA)
    rows = outcomes.frame.persist(StorageLevel.MEMORY_AND_DISK)
    counts = rows.where("part = 0").groupBy("outcome").count().collect()
    records = {row["outcome"]: row["count"] for row in counts}
    failed, kept = records.get(int(Refusal.SCRIPT_ERROR), 0), records.get(KEPT, 0)
    if failed and (first_error_fails or not kept):
        text = f"{SCRIPT_FAILED} {failed:,} of {sum(records.values()):,} records failed: {first_problems(rows)}"
        rows.unpersist()
        raise ScriptFailed(text)
    if failed:
        log.warning("the preprocessor script failed on %s records: %s", f"{failed:,}", first_problems(rows))
    # distinct keys: few by construction, one for each feature
    keys = rows.where(F.col("outcome") == KEPT).select(F.explode(F.map_keys("row")).alias("key")).distinct().collect()
    names = tuple(sorted(row["key"] for row in keys))
    cells = [F.col("row")[name].alias(f"c{position}") for position, name in enumerate(names)]
    reason = F.when(F.col("outcome") > 0, F.col("outcome")).otherwise(0).alias(REASON)
    is_first = (F.col("part") == 0) & (F.col("outcome") == KEPT)
    width = F.when(is_first, len(names)).otherwise(0).alias(CELLS)
    frame = rows.where(F.col("outcome") != DROPPED).select(
        *cells, reason, width, F.col(LINE).cast("string").alias(LINE), FILE, BLOCK_START
    )
    return Processed(frame, rows, names, sum(records.values()), records.get(DROPPED, 0))


def first_problems(rows: DataFrame, count: int = 3) -> str:
    """Where the first records failed and with what exception, never with which values."""
    failed = rows.where(F.col("outcome") == int(Refusal.SCRIPT_ERROR)).select(FILE, "problem").limit(count).collect()
    return "; ".join(f"{row[FILE]}: {row.problem}" for row in failed)
