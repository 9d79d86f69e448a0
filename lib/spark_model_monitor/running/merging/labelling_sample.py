"""Chooses captures that people should label: equally many waiting captures per tenth of the scores; and reads these scores.

Executors import this module.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from functools import partial
from operator import itemgetter
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.casts import parse_doubles
from spark_model_monitor.data.engine.engine_protocol import Batches, Engine
from spark_model_monitor.data.records import CSV
from spark_model_monitor.data.records.json_lines import JsonValue, has_many_names
from spark_model_monitor.data.records.locations import LINE
from spark_model_monitor.running.merging.pending_hours import ID_SCHEMA, parse_id_lines
from spark_model_monitor.statistics.states.hashing import hash_texts, xxhash64
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

TO_LABEL = "to_label.jsonl"

STRATA = 10  # ranges of scores with equal numbers of captures, as far as equal scores allow
NO_SCORE = 0  # the stratum of captures whose reply has no number at the score's location
SCORE_FORMAT = ".3e"  # scores are sorted by four of their digits, which limits the number of distinct scores


PATH_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


@value_class
class Score:
    """The location of the score in a reply's first row: an index such as `0`, or a path such as `predictions[0].score`."""

    attribute: str = "0"

    def read_reply(self, data: str | None, encoding: str | None) -> str | None:
        """The score as text; None if the reply has none at that location."""
        # If a reply has several rows, the first one counts
        row = re.split("[\r\n]", (data or "").strip(" "), maxsplit=1)[0]
        if (encoding or "").upper() == CSV:
            return self._read_cell(row.split(","))
        return self._read_member(row)

    def _read_cell(self, cells: list[str]) -> str | None:
        if self.attribute.isdecimal() and int(self.attribute) < len(cells):
            return cells[int(self.attribute)].strip(" ")
        return None

    def _read_member(self, row: str) -> str | None:
        if has_many_names(row):
            return None
        try:
            # Numbers stay the texts that were written: parsing would round them
            value = json.loads(row, parse_float=str, parse_int=str)
        except (ValueError, RecursionError):
            return None
        # A bare index is the position in an array, as for the job's other attributes
        path = f"[{self.attribute}]" if self.attribute.isdecimal() else self.attribute
        for name, index in PATH_STEP.findall(path):
            value = _step_into(value, int(index) if index else name)
        if value is None or isinstance(value, str):
            return value
        return json.dumps(value)


def _step_into(value: JsonValue, step: int | str) -> JsonValue:
    if isinstance(step, str):
        if isinstance(value, dict):
            return value.get(step)
        return None
    if isinstance(value, list) and step < len(value):
        return value[step]
    return None


@value_class
class LabellingRequest:
    """How many captures are requested, the location of their score, and the seed of the choice."""

    count: int
    score: Score
    seed: int = 0


SCORED_SCHEMA = pa.schema([("id", pa.string()), ("score", pa.float64()), ("bin", pa.float64())])
BIN_COUNT_SCHEMA = pa.schema([("bin", pa.float64()), ("captures", pa.int64())])
CANDIDATE_SCHEMA = pa.schema(
    [("stratum", pa.int64()), ("draw", pa.int64()), ("id", pa.string()), ("score", pa.float64())]
)


class ChosenId(TypedDict):
    """A line of `to_label.jsonl`."""

    id: str
    stratum: int
    score: float | None


def choose_ids(engine: Engine, files: Sequence[str], to_label: LabellingRequest, partitions: int) -> list[ChosenId]:
    """The ids to label, by stratum. Scans the ids twice, in this number of partitions.

    files: the waiting captures, as `joining` writes them; each id counts once.
    """
    if not files:
        return []
    waiting_ids = engine.lines(files).partitions(LINE).map_batches(parse_id_lines, ID_SCHEMA)
    scored = waiting_ids.repartition_by("id", ["id"], partitions).map_batches(_score_ids, SCORED_SCHEMA)
    # First scan: how many captures have each rounded score, from which the strata follow
    counts: Counter[float | None] = Counter()  # bounded by the number of digits
    for batch in scored.map_batches(_count_bins, BIN_COUNT_SCHEMA).batches():
        for row in batch.to_pylist():
            counts[row["bin"]] += row["captures"]
    if set(counts) == {None}:
        log.warning("no capture has a score where --score-attribute says, so any are drawn; name the output's score")
    # Second scan: each partition gives at most `count` per stratum, so the driver's memory is bounded
    select_candidates = partial(_select_candidates, _number_strata(counts), to_label)
    candidates: list[dict[str, Any]] = []
    for batch in scored.map_batches(select_candidates, CANDIDATE_SCHEMA).batches():
        candidates += batch.to_pylist()
    # Within a stratum the order is drawn from the seed: the same seed chooses the same ids
    candidates.sort(key=lambda row: (row["stratum"], row["draw"], row["id"].encode()))
    ranks: Counter[int] = Counter()  # by stratum: how many of its candidates precede
    for row in candidates:
        row["rank"] = ranks[row["stratum"]]
        ranks[row["stratum"]] += 1
    # The strata take turns: the first capture of each, then the second of each
    candidates.sort(key=itemgetter("rank", "stratum"))
    chosen_rows = sorted(candidates[: to_label.count], key=itemgetter("stratum", "rank"))
    return [{"id": row["id"], "stratum": row["stratum"], "score": row["score"]} for row in chosen_rows]


def _score_ids(batches: Batches) -> Batches:
    """The ids of a partition, sorted, each once with its score, and the score rounded to a few digits."""
    # An id with several captures gets the greatest of their scores, as text, so that the order of rows doesn't matter
    rows = pa.Table.from_batches(batches, ID_SCHEMA).group_by("id", use_threads=False).aggregate([("score", "max")])
    scores = parse_doubles(rows.column("score_max").combine_chunks())
    scores = pc.if_else(pc.is_finite(scores), scores, None)
    # Rounded once for each distinct score, not for each row
    encoded = scores.dictionary_encode()
    bins = pa.array(map(_round_score, encoded.dictionary.to_pylist()), pa.float64()).take(encoded.indices)
    yield pa.RecordBatch.from_arrays([rows.column("id").combine_chunks(), scores, bins], schema=SCORED_SCHEMA)


def _round_score(score: float) -> float:
    """The score rounded to the digits of `SCORE_FORMAT`, halves away from zero, like Java's formatter."""
    with localcontext(Context(rounding=ROUND_HALF_UP)):
        return float(f"{Decimal(repr(score)):{SCORE_FORMAT}}") + 0.0  # also turns -0.0 into 0.0


def _count_bins(batches: Batches) -> Batches:
    for batch in batches:
        bin_counts = batch.column("bin").value_counts()
        yield pa.RecordBatch.from_arrays([bin_counts.field(0), bin_counts.field(1)], schema=BIN_COUNT_SCHEMA)


def _select_candidates(strata: Mapping[float | None, int], to_label: LabellingRequest, batches: Batches) -> Batches:
    """The first captures of each stratum, in an order drawn from the seed."""
    # The hash depends on the width of the seed's integer: another width would draw other ids
    seed_type = np.int32 if to_label.seed.bit_length() < 32 else np.int64
    seed = int(xxhash64(np.array([to_label.seed], seed_type))[0])
    for batch in batches:
        bins = batch.column("bin").dictionary_encode(null_encoding="encode")
        bin_strata = np.array([strata[score_bin] for score_bin in bins.dictionary.to_pylist()], np.int64)
        row_strata = bin_strata[bins.indices.to_numpy()]
        draws = hash_texts(batch.column("id"), seed).view(np.int64)
        rows = pa.table([row_strata, draws, batch.column("id"), batch.column("score")], CANDIDATE_SCHEMA)
        # Ties of the hash fall back on the id, so that partitions don't matter
        rows = rows.sort_by([(name, "ascending") for name in ("stratum", "draw", "id")])
        sorted_strata = rows.column("stratum").to_numpy()
        # Sorted by stratum, the first position of a stratum is where its number would be inserted
        index_in_stratum = np.arange(len(sorted_strata)) - np.searchsorted(sorted_strata, sorted_strata)
        yield from rows.filter(pa.array(index_in_stratum < to_label.count)).combine_chunks().to_batches()


def _number_strata(counts: Mapping[float | None, int]) -> dict[float | None, int]:
    """The stratum of each score, from 1 for the lowest: equal numbers of captures, as far as equal scores allow."""
    scores = sorted(score for score in counts if score is not None)
    total = sum(counts[score] for score in scores)
    strata: dict[float | None, int] = {None: NO_SCORE} if None in counts else {}
    # The middle of the captures with a score decides its stratum; equal scores are never parted
    below = 0
    for score in scores:
        strata[score] = 1 + min(STRATA - 1, (2 * below + counts[score] - 1) * STRATA // (2 * total))
        below += counts[score]
    return strata


def format_to_label(chosen: list[ChosenId]) -> bytes:
    """The bytes of `to_label.jsonl`."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in chosen).encode()
