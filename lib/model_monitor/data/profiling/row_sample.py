"""A sample of rows as codes: which bin each chosen cell is in, and where the row is from. No value of a cell leaves its executor.

It is read when something has been found, so of few columns, and at most `MOST_ROWS` rows are kept. Which ones is decided by their
place in their partition, so both engines keep the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_monitor.data.engine.local_tables import number_of, text_of
from model_monitor.data.engine.protocol import PARTITION
from model_monitor.data.profiling.plan import keys_of
from model_monitor.data.records.locations import BLOCK_START, FILE, LINE
from model_monitor.statistics.states.data_types import parse_numbers
from model_monitor.statistics.states.hashing import mixed

if TYPE_CHECKING:
    from model_monitor.data.reading.dataset import Dataset

MOST_ROWS = 40_000
MISSING = 0  # the bin of cells without a value
LONGEST = 120  # letters of what a record says of itself
PLAIN_NAME = re.compile(r"[A-Za-z][\w.-]{0,39}")  # of a custom attribute that is written `name=value`

Bins = NDArray[np.int16]  # shape (rows, columns)


@dataclass(frozen=True, slots=True)
class Binned:
    """A column and its bins: 0 of missing cells, 1 of others, and from 2 on its own.

    cuts: ascending, of numbers: bin 2 has those up to the first one, the last bin those above the last; others are no numbers.
    values: of texts, a bin each; others are none of them.
    """

    position: int
    cuts: tuple[float, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def bins(self) -> int:
        return 2 + (len(self.cuts) + 1 if self.cuts else len(self.values))

    def of(self, cells: pa.Array) -> NDArray[np.int16]:
        """The bin of each cell."""
        if self.cuts:
            is_text = pa.types.is_string(cells.type)
            doubles = (
                parse_numbers(cells) if is_text else number_of(cells).cast(pa.float64(), safe=False).fill_null(np.nan)
            )
            numbers = np.asarray(doubles)
            absent = np.asarray(cells.is_null()) if is_text else np.isnan(numbers)
            found = np.searchsorted(np.array(self.cuts), numbers, side="left") + 2
            return np.asarray(np.where(absent, MISSING, np.where(np.isnan(numbers), 1, found)), np.int16)
        encoded = keys_of(text_of(cells)).dictionary_encode()
        places = pc.index_in(encoded.dictionary, pa.array(self.values, pa.string()))
        of_each = (pc.fill_null(places, -1).to_numpy(zero_copy_only=False) + 2).clip(1)
        codes = encoded.indices.fill_null(len(of_each)).to_numpy(zero_copy_only=False)
        found = np.append(of_each, MISSING)[codes]
        return np.asarray(found, np.int16)


@dataclass(frozen=True, slots=True)
class RowSample:
    """Some rows, in the order of their files and places.

    bins: of each column. rows: how many there are of all. files: of each row; empty where rows know none. said: what each record
    says of itself, by name, as `time` and `client`.
    """

    bins: Bins
    rows: int
    files: Sequence[str] = ()
    said: Sequence[Mapping[str, str]] = ()


def sample_of(dataset: Dataset, columns: Sequence[Binned], rows: int, time: int | None = None) -> RowSample:
    """A sample of the kept rows. One pass over these columns. rows: that are kept. time: the position of a column of times."""
    has_files = dataset.refusable and dataset.has_lines
    positions = dict.fromkeys([*(column.position for column in columns), *([time] if time is not None else [])])
    names = [f"c{position}" for position in positions] + ([dataset.reason] if dataset.reason else [])
    names += [FILE, BLOCK_START] if has_files else []
    names += [LINE] if has_files and (dataset.tells_times or dataset.record_cells is not None) else []
    chosen = int(min(1.0, MOST_ROWS / max(rows, 1)) * 2**63)
    task = partial(_sampled, tuple(columns), dataset.reason, chosen, time)
    batches = dataset.table.selected(names, names).numbered().mapped(task, SCHEMA).batches()
    table = pa.Table.from_batches(batches, SCHEMA).sort_by(
        [(name, "ascending") for name in ("file", "block", "partition", "row")]
    )
    bins = np.array(table["bins"].combine_chunks().flatten().to_numpy(), np.int16).reshape(table.num_rows, len(columns))
    said = [json.loads(text) for text in table["said"].to_pylist()]
    return RowSample(bins, rows, table["file"].to_pylist() if has_files else (), said if any(said) else ())


SCHEMA = pa.schema(
    [
        *(("partition", pa.int32()), ("row", pa.int64()), ("file", pa.string()), ("block", pa.int64())),
        *(("said", pa.string()), ("bins", pa.list_(pa.int16()))),
    ]
)


def _sampled(
    columns: tuple[Binned, ...], reason: str | None, chosen: int, time: int | None, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The sample of a partition."""
    before = 0
    for batch in batches:
        kept = batch.filter(pc.equal(batch.column(reason), 0)) if reason else batch
        if not kept.num_rows:
            continue
        partition = kept.column(PARTITION)[0].as_py()
        places = np.arange(before, before + kept.num_rows, dtype=np.int64)
        before += kept.num_rows
        hashes = mixed((places + (partition << 40)).view(np.uint64))
        wanted = pa.array(hashes >> np.uint64(1) <= np.uint64(chosen))
        kept, places = kept.filter(wanted), places[wanted.to_numpy(zero_copy_only=False)]
        if not kept.num_rows:
            continue
        bins = np.column_stack([column.of(kept.column(f"c{column.position}")) for column in columns])
        there = kept.schema.names
        files = kept.column(FILE) if FILE in there else pa.repeat("", kept.num_rows)
        blocks = kept.column(BLOCK_START) if FILE in there else pa.repeat(0, kept.num_rows)
        said = [_said(line) for line in kept.column(LINE).to_pylist()] if LINE in there else [{} for _ in places]
        if time is not None:
            for found, text in zip(said, text_of(kept.column(f"c{time}")).to_pylist(), strict=True):
                found |= {} if text is None else {"time": text}
        ends = pa.array(np.arange(0, bins.size + 1, len(columns)), pa.int32())
        yield pa.RecordBatch.from_arrays(
            [
                *(kept.column(PARTITION), pa.array(places), files.cast(pa.string()), blocks.cast(pa.int64())),
                pa.array([json.dumps(found) for found in said], pa.string()),
                pa.ListArray.from_arrays(ends, pa.array(bins.ravel())),
            ],
            schema=SCHEMA,
        )


def _said(line: str) -> dict[str, str]:
    """What a captured line says of its request, beside the data."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(record, Mapping):
        return {}
    event, data = (_members(record, name) for name in ("eventMetadata", "captureData"))
    own = event.get("customAttributes")
    found: dict[str, Any] = {}
    for each in own if isinstance(own, list) else [own]:
        if isinstance(each, str):
            name, mark, value = each.partition("=")
            found |= {name: value} if mark and PLAIN_NAME.fullmatch(name) else {"customAttributes": each}
    for half in ("endpointInput", "endpointOutput"):
        found |= {f"content type of {half}": _members(data, half).get("observedContentType")}
    found |= {"time": event.get("inferenceTime"), "version": record.get("eventVersion")}
    return {name: value[:LONGEST] for name, value in found.items() if isinstance(value, str)}


def _members(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = record.get(name)
    return found if isinstance(found, Mapping) else {}
