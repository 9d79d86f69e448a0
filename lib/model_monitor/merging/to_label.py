"""Captures for people to label: a few of those without a label, as many from every range of the model's scores.

Which ones are taken depends on the ids and the seed alone, so that a rerun lists the same ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyspark.sql.functions as F
from pyspark.sql import Window

from model_monitor.data.engine import Session, engine_of
from model_monitor.data.records.locations import LINE
from model_monitor.merging.scores import Score

TO_LABEL = "to_label.jsonl"

STRATA = 10
"""Ranges of scores, each of as many captures as the others as far as equal scores allow."""

NO_SCORE = 0
"""The stratum of captures whose reply has no number where the score should be."""

DIGITS = "%.3e"
"""Scores are put in order by four digits of theirs, which bounds how many different ones there can be."""


@dataclass(frozen=True, slots=True)
class ToLabel:
    """How many captures are wanted, where their score is, and the seed of the choice."""

    count: int
    score: Score
    seed: int = 0


def chosen_ids(session: Session, files: Sequence[str], wanted: ToLabel) -> list[dict[str, object]]:
    """The ids to label, by stratum. Two scans of the ids.

    files: with the captures that wait, as `joining` writes them; one id counts once.
    """
    if not files:
        return []
    lines = engine_of(session).lines(files).partitions(LINE).frame
    known = lines.select(F.from_json(LINE, "id string, score string").alias("known")).select("known.*")
    waiting = known.groupBy("id").agg(F.max("score").alias("score"))
    scored = waiting.select("id", F.expr("try_cast(score as double)").alias("score"))
    binned = scored.withColumn("bin", F.when(F.isnotnull("score"), F.format_string(DIGITS, "score").cast("double")))
    counts = {row["bin"]: row["count"] for row in binned.groupBy("bin").count().collect()}  # bounded by the digits
    if not counts:
        return []
    table = known.sparkSession.createDataFrame(list(_strata(counts).items()), "upTo double, stratum int")
    order = Window.partitionBy("stratum").orderBy(F.xxhash64(F.lit(wanted.seed), "id"), "id")
    ranked = (
        binned.join(F.broadcast(table), F.col("bin").eqNullSafe(F.col("upTo")))
        .withColumn("number", F.row_number().over(order))
        .where(F.col("number") <= wanted.count)
    )
    rows = ranked.select("stratum", "number", "id", "score").collect()  # at most so many of each stratum as are wanted
    taken = sorted(rows, key=lambda row: (row["number"], row["stratum"]))[: wanted.count]  # the strata take turns
    return [
        {"id": row["id"], "stratum": row["stratum"], "score": row["score"]}
        for row in sorted(taken, key=lambda row: (row["stratum"], row["number"]))
    ]


def _strata(counts: Mapping[float | None, int]) -> dict[float | None, int]:
    """The stratum of each score, from 1 for the lowest: equal shares of the captures, as far as equal scores allow."""
    scores = sorted(score for score in counts if score is not None)
    total = sum(counts[score] for score in scores)
    strata: dict[float | None, int] = {None: NO_SCORE} if None in counts else {}
    below = 0
    for score in scores:
        strata[score] = 1 + min(STRATA - 1, (2 * below + counts[score] - 1) * STRATA // (2 * total))
        below += counts[score]
    return strata


def to_label_json(chosen: list[dict[str, object]]) -> bytes:
    """The bytes of `to_label.jsonl`."""
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in chosen).encode()
