"""Samples rows as codes: the bins of chosen cells, and the location of the row. No cell's value leaves its executor,
except for callers that request the rows themselves (`rows_with_ids`) or learn from them (`rows_evenly`).

The sample is read after a finding, so for few columns, and at most `MOST_ROWS` rows are kept. The selection depends on
the rows' positions in their partitions, so both engines keep the same rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.engine.casts import number_of, numbers_of, text_of
from spark_model_monitor.data.engine.protocol import PARTITION
from spark_model_monitor.data.profiling.plan import keys_of
from spark_model_monitor.data.records.locations import BLOCK_START, FILE, LINE
from spark_model_monitor.statistics.states.data_types import parse_numbers
from spark_model_monitor.statistics.states.hashing import mixed

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset

MOST_ROWS = 40_000
MISSING = 0  # the bin of cells without a value
LONGEST = 120  # maximum characters of a record's metadata
PLAIN_NAME = re.compile(r"[A-Za-z][\w.-]{0,39}")  # the name in a custom attribute `name=value`

Bins = NDArray[np.int16]  # shape (rows, columns)


class Mark(Protocol):
    """Assigns a bin to each row: MISSING for rows without a value, or that don't count."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The needed columns of a block."""

    @property
    def bins(self) -> int: ...

    def of_rows(self, rows: pa.RecordBatch) -> NDArray[np.int16]: ...


@dataclass(frozen=True, slots=True)
class Binned:
    """A column and its bins: 0 for missing cells, 1 for others, and its own from 2.

    cuts: ascending, for numbers: bin 2 has those up to the first cut, the last those above the last; 1 has the others.
    values: for texts, one bin each; bin 1 has all other texts.
    """

    position: int
    cuts: tuple[float, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def bins(self) -> int:
        return 2 + (len(self.cuts) + 1 if self.cuts else len(self.values))

    @property
    def inputs(self) -> tuple[str, ...]:
        return (f"c{self.position}",)

    def of_rows(self, rows: pa.RecordBatch) -> NDArray[np.int16]:
        return self.of(rows.column(f"c{self.position}"))

    def of(self, cells: pa.Array) -> NDArray[np.int16]:
        """The bin of each cell. Cells of an unexpected type, such as lists instead of numbers, are others."""
        types = pa.types
        kinds = (types.is_nested, types.is_binary, types.is_large_binary, *((types.is_temporal,) if self.cuts else ()))
        if any(is_kind(cells.type) for is_kind in kinds):
            return np.where(np.asarray(cells.is_null()), np.int16(MISSING), np.int16(1))
        if self.cuts:
            is_text = types.is_string(cells.type)
            if is_text:
                numbers = parse_numbers(cells)
            else:
                numbers = numbers_of(number_of(cells))
            if is_text:
                absent = np.asarray(cells.is_null())
            else:
                absent = np.isnan(numbers)
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
    """Sampled rows, in the order of their files and positions.

    bins: bins of each column. rows: number of all rows. files: the file of each row; empty if unknown. said: each
    record's metadata by name, such as `time` and `client`.
    """

    bins: Bins
    rows: int
    files: Sequence[str] = ()
    said: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Evenly:
    """Chooses rows by a hash of their position. share: share of chosen rows."""

    share: float

    def of(self, _: Bins | None, places: NDArray[np.int64], __: list[int]) -> NDArray[np.bool_]:
        return np.asarray(mixed(places.view(np.uint64)) >> np.uint64(1) <= np.uint64(int(self.share * 2**63)))


@dataclass(frozen=True, slots=True)
class InBins:
    """Chooses each partition's first rows with cells in some bins. bins: by column. most: maximum rows per column."""

    bins: tuple[tuple[int, ...], ...]
    most: int

    def of(self, found: Bins, _: NDArray[np.int64], taken: list[int]) -> NDArray[np.bool_]:
        """Flags of chosen rows. taken: number of rows chosen before, by column."""
        hits = np.column_stack([np.isin(found[:, place], bins) for place, bins in enumerate(self.bins)])
        numbers = np.cumsum(hits, axis=0) + taken
        taken[:] = numbers[-1].tolist()
        return np.asarray((hits & (numbers <= self.most)).any(axis=1))


def sample_of(dataset: Dataset, columns: Sequence[Mark], rows: int, time: int | None = None) -> RowSample:
    """A sample of the kept rows, in one pass. rows: number of kept rows. time: position of a column with times."""
    chosen = Evenly(min(1.0, MOST_ROWS / max(rows, 1)))
    table = _chosen_rows(dataset, columns, chosen, {} if time is None else {"time": time})
    said = [json.loads(text) for text in table["said"].to_pylist()]
    files = table["file"].to_pylist()
    return RowSample(_bins(table, len(columns)), rows, files if any(files) else (), said if any(said) else ())


def rows_evenly(dataset: Dataset, rows: int, most: int) -> pa.Table:
    """About `most` of the kept rows, all columns as texts, with the data set's names. One pass. rows: kept rows.

    The selection depends on positions in partitions, as in every sample.
    """
    columns = [f"c{place}" for place in range(len(dataset.names))]
    names = [*columns, *([dataset.reason] if dataset.reason else [])]
    schema = pa.schema([(PARTITION, pa.int32()), ("row", pa.int64()), *((name, pa.string()) for name in columns)])
    task = partial(_texts_evenly, Evenly(min(1.0, most / max(rows, 1))), dataset.reason, schema)
    batches = dataset.table.selected(names, names).numbered().mapped(task, schema).batches()
    found = pa.Table.from_batches(batches, schema).sort_by([(PARTITION, "ascending"), ("row", "ascending")])
    return found.select(columns).rename_columns(list(dataset.names))


def _texts_evenly(
    chosen: Evenly, reason: str | None, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    before = 0
    for batch in batches:
        if reason:
            kept = batch.filter(pc.equal(batch.column(reason), 0))
        else:
            kept = batch
        rows: NDArray[np.int64] = np.arange(before, before + kept.num_rows, dtype=np.int64)
        before += kept.num_rows
        if kept.num_rows:
            wanted = pa.array(chosen.of(None, rows + (kept.column(PARTITION)[0].as_py() << 40), []))
            found = kept.filter(wanted)
            cells = [text_of(found.column(name)) for name in schema.names[2:]]
            places = [found.column(PARTITION), pa.array(rows).filter(wanted)]
            yield pa.RecordBatch.from_arrays([*places, *cells], schema=schema)


def ids_of(
    dataset: Dataset, columns: Sequence[Mark], bins: Sequence[Sequence[int]], most: int, id_column: int | None
) -> list[tuple[int, str | None, str]]:
    """For each column, the first rows with a cell in `bins`: the column's index, the row's id, its file. One pass.

    id_column: position of the column with ids; None for the ids of captured events. most: maximum rows per column.
    """
    chosen = InBins(tuple(map(tuple, bins)), most)
    table = _chosen_rows(dataset, columns, chosen, {} if id_column is None else {"id": id_column})
    rows = list(zip(_bins(table, len(columns)), table["said"].to_pylist(), table["file"].to_pylist(), strict=True))
    found = []
    for place, wanted in enumerate(bins):
        there = [(json.loads(said).get("id"), file) for row, said, file in rows if row[place] in wanted]
        found += [(place, name, file) for name, file in there[:most]]
    return found


def _bins(table: pa.Table, columns: int) -> Bins:
    return np.array(table["bins"].combine_chunks().flatten().to_numpy(), np.int16).reshape(table.num_rows, columns)


def _chosen_rows(
    dataset: Dataset, columns: Sequence[Mark], chosen: Evenly | InBins, told: Mapping[str, int]
) -> pa.Table:
    """The chosen rows. told: columns with a record's metadata, by name."""
    has_files = dataset.refusable and dataset.has_lines
    # raw lines have no reason
    reason = None
    if dataset.reason in dataset.table.columns:
        reason = dataset.reason
    inputs = [name for column in columns for name in column.inputs] + [f"c{position}" for position in told.values()]
    names = [*inputs, *([reason] if reason else [])]
    names += [FILE, BLOCK_START] if has_files else []
    names += [LINE] if has_files and (dataset.tells_times or dataset.record_cells is not None) else []
    names = list(dict.fromkeys(names))
    task = partial(_of_partition, tuple(columns), reason, chosen, dict(told))
    batches = dataset.table.selected(names, names).numbered().mapped(task, SCHEMA).batches()
    order = [(name, "ascending") for name in ("file", "block", "partition", "row")]
    return pa.Table.from_batches(batches, SCHEMA).sort_by(order)


SCHEMA = pa.schema(
    [
        *(("partition", pa.int32()), ("row", pa.int64()), ("file", pa.string()), ("block", pa.int64())),
        *(("said", pa.string()), ("bins", pa.list_(pa.int16()))),
    ]
)


def _of_partition(
    columns: tuple[Mark, ...],
    reason: str | None,
    chosen: Evenly | InBins,
    told: Mapping[str, int],
    batches: Iterable[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    """The chosen rows of a partition."""
    before = 0
    taken = [0] * len(columns)
    for batch in batches:
        if reason:
            kept = batch.filter(pc.equal(batch.column(reason), 0))
        else:
            kept = batch
        if not kept.num_rows:
            continue
        partition = kept.column(PARTITION)[0].as_py()
        rows: NDArray[np.int64] = np.arange(before, before + kept.num_rows, dtype=np.int64)
        before += kept.num_rows
        bins = None
        if isinstance(chosen, InBins):
            bins = _bins_of(kept, columns)
        wanted = chosen.of(bins, rows + (partition << 40), taken)  # type: ignore[arg-type]  # bins where they are asked for
        kept = kept.filter(pa.array(wanted))
        rows = np.asarray(rows[wanted])
        if not kept.num_rows:
            continue
        bins = _bins_of(kept, columns)
        names = kept.schema.names
        if FILE in names:
            files = kept.column(FILE)
        else:
            files = pa.repeat("", kept.num_rows)
        if FILE in names:
            blocks = kept.column(BLOCK_START)
        else:
            blocks = pa.repeat(0, kept.num_rows)
        if LINE in names:
            said = [_said(line) for line in kept.column(LINE).to_pylist()]
        else:
            said = [{} for _ in rows]
        for name, position in told.items():
            for found, text in zip(said, text_of(kept.column(f"c{position}")).to_pylist(), strict=True):
                found |= {} if text is None else {name: text}
        ends = pa.array(np.arange(0, bins.size + 1, len(columns)), pa.int32())
        yield pa.RecordBatch.from_arrays(
            [
                *(kept.column(PARTITION), pa.array(rows), files.cast(pa.string()), blocks.cast(pa.int64())),
                pa.array([json.dumps(found) for found in said], pa.string()),
                pa.ListArray.from_arrays(ends, pa.array(bins.ravel())),
            ],
            schema=SCHEMA,
        )


def _bins_of(rows: pa.RecordBatch, columns: Sequence[Mark]) -> Bins:
    return np.column_stack([column.of_rows(rows) for column in columns])


def _said(line: str) -> dict[str, str]:
    """The metadata of a captured line's request."""
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
    found |= {"time": event.get("inferenceTime"), "version": record.get("eventVersion"), "id": event.get("eventId")}
    return {name: value[:LONGEST] for name, value in found.items() if isinstance(value, str)}


def _members(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = record.get(name)
    if isinstance(found, Mapping):
        return found
    return {}


def rows_with_ids(
    dataset: Dataset, ids: Collection[str], id_column: int | None
) -> list[tuple[str, tuple[str | None, ...]]]:
    """The existing ids, in row order, with their rows' cells. One pass. For users who may read the data."""
    features = [f"c{place}" for place in range(len(dataset.names))]
    rest = ([dataset.reason] if dataset.reason else []) + ([LINE] if id_column is None and dataset.has_lines else [])
    schema = pa.schema([(PARTITION, pa.int32()), *((name, pa.string()) for name in ("id", *features))])
    task = partial(_with_ids, frozenset(ids), id_column, dataset.reason, schema)
    names = [*features, *rest]
    batches = dataset.table.selected(names, names).numbered().mapped(task, schema).batches()
    rows = sorted((row for batch in batches for row in batch.to_pylist()), key=lambda row: row[PARTITION])
    return [(row["id"], tuple(row[name] for name in features)) for row in rows]


def _with_ids(
    ids: frozenset[str], position: int | None, reason: str | None, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if reason:
            kept = batch.filter(pc.equal(batch.column(reason), 0))
        else:
            kept = batch
        if position is not None:
            own = text_of(kept.column(f"c{position}"))
        else:
            if LINE in kept.schema.names:
                lines = kept.column(LINE).to_pylist()
            else:
                lines = [""] * kept.num_rows
            own = pa.array([_said(line).get("id") for line in lines], pa.string())
        wanted = pc.is_in(own, pa.array(sorted(ids), pa.string()))
        found = kept.filter(wanted)
        shown = (found.column(name).to_pylist() for name in schema.names[2:])
        cells = [pa.array([cell if cell is None else str(cell) for cell in column], pa.string()) for column in shown]
        yield pa.RecordBatch.from_arrays([found.column(PARTITION), own.filter(wanted), *cells], schema=schema)
