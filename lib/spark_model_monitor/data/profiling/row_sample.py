"""Samples rows as the bins of some cells and the location of the row. No value of a cell leaves its executor, except for callers
that request the rows themselves (`read_rows_with_ids`) or learn from them (`read_sampled_rows`).

The sample is read only after a violation, so it has few columns, and at most `MAX_ROWS` rows. The selection depends on the rows'
positions in their partitions, so both engines select the same rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.engine.casts import convert_decimals, convert_to_doubles, format_texts
from spark_model_monitor.data.engine.engine_protocol import PARTITION, Batches, Task
from spark_model_monitor.data.profiling.scan_plan import make_keys
from spark_model_monitor.data.records.locations import BLOCK_START, FILE, LINE
from spark_model_monitor.data.records.refusals import REASON, drop_rejected
from spark_model_monitor.statistics import Flags, Integers
from spark_model_monitor.statistics.states.data_types import parse_numbers
from spark_model_monitor.statistics.states.frequencies import FLAGS
from spark_model_monitor.statistics.states.hashing import mix_bits
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset

MAX_ROWS = 40_000
MISSING = 0  # the bin of a cell without a value
MAX_METADATA_LENGTH = 120  # most characters of each value in a record's metadata; further characters are cut off
PLAIN_NAME = re.compile(r"[A-Za-z][\w.-]{0,39}")  # the form of the name in a custom attribute `name=value`

Bins = NDArray[np.int16]  # shape (rows, columns)

SCHEMA = pa.schema(
    [
        *(("partition", pa.int32()), ("row", pa.int64()), ("file", pa.string()), ("block", pa.int64())),
        *(("said", pa.string()), ("bins", pa.list_(pa.int16()))),
    ]
)


class RowBinner(Protocol):
    """Assigns a bin to each row. Rows without a value, and rows that don't count, get MISSING."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the columns that it needs."""

    @property
    def bins(self) -> int: ...

    def assign_bins(self, rows: pa.RecordBatch) -> NDArray[np.int16]: ...


@value_class
class BinnedColumn:
    """A column and its bins: 0 for missing cells, 1 for cells without their own bin, and from 2 on the bins of values.

    cuts: for numbers, ascending: bin 2 has the numbers up to the first cut, the last bin has the numbers above the last cut, and
    bin 1 has cells that aren't numbers. values: for texts: each value has a bin, and bin 1 has all other texts. grouped: texts
    that share the last bin.
    """

    position: int
    cuts: tuple[float, ...] = ()
    values: tuple[str, ...] = ()
    grouped: tuple[str, ...] = ()

    @property
    def bins(self) -> int:
        """The number of bins."""
        if self.cuts:
            return 3 + len(self.cuts)
        return 2 + len(self.values) + bool(self.grouped)

    @property
    def inputs(self) -> tuple[str, ...]:
        return (f"c{self.position}",)

    def assign_bins(self, rows: pa.RecordBatch) -> NDArray[np.int16]:
        return self.bin_cells(rows.column(f"c{self.position}"))

    def bin_cells(self, cells: pa.Array) -> NDArray[np.int16]:
        """The bin of each cell. Cells of an unexpected type, such as lists instead of numbers, get bin 1."""
        # Lists, bytes and, if bins are for numbers, times have no bin of their own
        types = pa.types
        is_binary = types.is_binary(cells.type) or types.is_large_binary(cells.type)
        if types.is_nested(cells.type) or is_binary or (self.cuts and types.is_temporal(cells.type)):
            return np.where(np.asarray(cells.is_null()), np.int16(MISSING), np.int16(1))
        if self.cuts:
            if types.is_string(cells.type):
                numbers = parse_numbers(cells)
                is_missing = np.asarray(cells.is_null())
            else:
                numbers = convert_to_doubles(convert_decimals(cells))
                is_missing = np.isnan(numbers)
            bins = np.searchsorted(np.array(self.cuts), numbers, side="left") + 2
            return np.asarray(np.where(is_missing, MISSING, np.where(np.isnan(numbers), 1, bins)), np.int16)
        encoded = make_keys(format_texts(cells)).dictionary_encode()
        # A boolean has the bin of its value in any spelling
        bin_by_text = dict.fromkeys(self.grouped, 2 + len(self.values))
        bin_by_text |= {FLAGS.get(value, value): number for number, value in enumerate(self.values, 2)}
        for spelling, flag in FLAGS.items():
            if flag in bin_by_text:
                bin_by_text[spelling] = bin_by_text[flag]
        # Each distinct text is looked up once. Other texts have the index -1, which selects the last entry
        indices = pc.index_in(encoded.dictionary, pa.array(bin_by_text, pa.string()))
        bins_of_texts = np.array([*bin_by_text.values(), 1])[np.asarray(pc.fill_null(indices, -1))]
        codes = np.asarray(encoded.indices.fill_null(len(bins_of_texts)))
        return np.asarray(np.append(bins_of_texts, MISSING)[codes], np.int16)


@value_class
class RowSample:
    """Sampled rows, in order of their files and positions.

    bins: the bin of each column in each sampled row.
    rows: the number of all rows, including rows that weren't sampled.
    files: the file of each sampled row; empty if unknown.
    said: for each sampled row, the metadata of its record by name, such as `time` and `client`.
    """

    bins: Bins
    rows: int
    files: Sequence[str] = ()
    said: Sequence[Mapping[str, str]] = ()


@value_class
class HashedRowSampler:
    """Chooses rows by a hash of their position. share: the share of rows that are chosen."""

    share: float

    def choose(self, positions: Integers) -> Flags:
        """Flags of the chosen rows. positions: the rows' positions in the data."""
        return np.asarray(mix_bits(positions.view(np.uint64)) >> np.uint64(1) <= np.uint64(int(self.share * 2**63)))


@value_class
class BinRowSampler:
    """Chooses each partition's first rows with cells in some bins.

    bins: for each column, the bins of cells that are looked for.
    max_rows: the maximum number of rows for each column.
    """

    bins: tuple[tuple[int, ...], ...]
    max_rows: int

    def choose(self, row_bins: Bins, chosen_before: list[int]) -> Flags:
        """Flags of the chosen rows. chosen_before: by column, the number of rows that were chosen before."""
        # For each column, the number of rows with such a cell so far shows which rows are the first
        is_hit = np.column_stack([np.isin(row_bins[:, column], bins) for column, bins in enumerate(self.bins)])
        hit_counts = np.cumsum(is_hit, axis=0) + chosen_before
        chosen_before[:] = hit_counts[-1].tolist()
        return np.asarray((is_hit & (hit_counts <= self.max_rows)).any(axis=1))


def draw_row_sample(dataset: Dataset, columns: Sequence[RowBinner], rows: int, time: int | None = None) -> RowSample:
    """A sample of the accepted rows, in one pass. rows: number of accepted rows. time: position of a column with times."""
    sampler = HashedRowSampler(min(1.0, MAX_ROWS / max(rows, 1)))
    table = _read_chosen_rows(dataset, columns, sampler, {} if time is None else {"time": time})
    metadata = [json.loads(text) for text in table["said"].to_pylist()]
    files = table["file"].to_pylist()
    return RowSample(
        _extract_bins(table, len(columns)), rows, files if any(files) else (), metadata if any(metadata) else ()
    )


def read_sampled_rows(dataset: Dataset, rows: int, max_rows: int) -> pa.Table:
    """About `max_rows` of the accepted rows, with all columns as texts, under the data set's names. One pass over the data.

    rows: number of accepted rows. The selection depends on positions in partitions, as in every sample.
    """
    columns = dataset.feature_columns
    schema = pa.schema([(PARTITION, pa.int32()), ("row", pa.int64()), *((name, pa.string()) for name in columns)])
    task = partial(_read_sampled_texts, HashedRowSampler(min(1.0, max_rows / max(rows, 1))), schema)
    table = _read_rows(dataset, columns, task, schema).sort_by([(PARTITION, "ascending"), ("row", "ascending")])
    return table.select(columns).rename_columns(list(dataset.names))


def _read_rows(dataset: Dataset, names: Sequence[str], task: Task, schema: pa.Schema) -> pa.Table:
    """The rows that a task makes of the columns with these names, and that with the reasons of rejections. One pass over the
    data.
    """
    # Raw lines have no column with reasons
    if REASON in dataset.table.columns:
        names = [*names, REASON]
    rows = dataset.table.select_columns(names, names).add_partition_number().map_batches(task, schema)
    return pa.Table.from_batches(rows.batches(), schema)


def _read_sampled_texts(sampler: HashedRowSampler, schema: pa.Schema, batches: Batches) -> Batches:
    for accepted, rows, positions in _iterate_accepted_rows(batches):
        is_chosen = sampler.choose(positions)
        chosen_rows = accepted.filter(pa.array(is_chosen))
        cells = [format_texts(chosen_rows.column(name)) for name in schema.names[2:]]
        locations = [chosen_rows.column(PARTITION), pa.array(rows[is_chosen])]
        yield pa.RecordBatch.from_arrays([*locations, *cells], schema=schema)


def _iterate_accepted_rows(batches: Batches) -> Iterator[tuple[pa.RecordBatch, Integers, Integers]]:
    """For each batch of a partition: its accepted rows, their numbers in the partition, and their positions in the data."""
    row_count = 0
    for batch in batches:
        accepted = drop_rejected(batch)
        rows: Integers = np.arange(row_count, row_count + accepted.num_rows, dtype=np.int64)
        row_count += accepted.num_rows
        if accepted.num_rows:
            # The position of a row has its number in the lower 40 bits, and its partition above
            yield accepted, rows, rows + (accepted.column(PARTITION)[0].as_py() << 40)


def find_row_ids(
    dataset: Dataset, columns: Sequence[RowBinner], bins: Sequence[Sequence[int]], max_rows: int, id_column: int | None
) -> list[tuple[int, str | None, str]]:
    """For each column, the first rows with a cell in its bins: the column's index, the row's id, and its file. One pass.

    id_column: position of the column with ids; None for the ids of captured events. max_rows: maximum number of rows per column.
    """
    sampler = BinRowSampler(tuple(map(tuple, bins)), max_rows)
    table = _read_chosen_rows(dataset, columns, sampler, {} if id_column is None else {"id": id_column})
    chosen_rows = list(
        zip(_extract_bins(table, len(columns)), table["said"].to_pylist(), table["file"].to_pylist(), strict=True)
    )
    ids = []
    # The result has a row's id once for each column for which the row was chosen
    for column, column_bins in enumerate(bins):
        ids_in_bins = [
            (json.loads(metadata).get("id"), file) for row, metadata, file in chosen_rows if row[column] in column_bins
        ]
        ids += [(column, name, file) for name, file in ids_in_bins[:max_rows]]
    return ids


def _extract_bins(table: pa.Table, columns: int) -> Bins:
    return np.array(table["bins"].combine_chunks().flatten().to_numpy(), np.int16).reshape(table.num_rows, columns)


def _read_chosen_rows(
    dataset: Dataset,
    columns: Sequence[RowBinner],
    sampler: HashedRowSampler | BinRowSampler,
    metadata_columns: Mapping[str, int],
) -> pa.Table:
    """The chosen rows. metadata_columns: by name, the positions of columns with a record's metadata."""
    has_files = dataset.refusable and dataset.has_lines
    # Only the columns that are needed are read
    names = [name for column in columns for name in column.inputs]
    names += [f"c{position}" for position in metadata_columns.values()]
    if has_files:
        names += [FILE, BLOCK_START]
    if has_files and (dataset.tells_times or dataset.record_cells is not None):
        names.append(LINE)
    names = list(dict.fromkeys(names))
    task = partial(_choose_rows, tuple(columns), sampler, dict(metadata_columns))
    order = [(name, "ascending") for name in ("file", "block", "partition", "row")]
    return _read_rows(dataset, names, task, SCHEMA).sort_by(order)


def _choose_rows(
    columns: tuple[RowBinner, ...],
    sampler: HashedRowSampler | BinRowSampler,
    metadata_columns: Mapping[str, int],
    batches: Batches,
) -> Batches:
    """The chosen rows of a partition."""
    chosen_before = [0] * len(columns)
    for accepted, rows, positions in _iterate_accepted_rows(batches):
        # The bins of all rows are computed only if they decide which rows are chosen
        if isinstance(sampler, BinRowSampler):
            is_chosen = sampler.choose(_assign_bins(accepted, columns), chosen_before)
        else:
            is_chosen = sampler.choose(positions)
        chosen_rows = accepted.filter(pa.array(is_chosen))
        if not chosen_rows.num_rows:
            continue
        bins = _assign_bins(chosen_rows, columns)
        # The locations of the chosen rows, as far as they are known
        names = chosen_rows.schema.names
        files = pa.repeat("", chosen_rows.num_rows)
        blocks = pa.repeat(0, chosen_rows.num_rows)
        if FILE in names:
            files = chosen_rows.column(FILE)
            blocks = chosen_rows.column(BLOCK_START)
        # The metadata of the rows' requests
        metadata: list[dict[str, str]] = [{} for _ in range(chosen_rows.num_rows)]
        if LINE in names:
            metadata = [_read_metadata(line or "") for line in chosen_rows.column(LINE).to_pylist()]
        for name, position in metadata_columns.items():
            texts = format_texts(chosen_rows.column(f"c{position}")).to_pylist()
            for record_metadata, text in zip(metadata, texts, strict=True):
                if text is not None:
                    record_metadata[name] = text
        ends = pa.array(np.arange(0, bins.size + 1, len(columns)), pa.int32())
        yield pa.RecordBatch.from_arrays(
            [
                chosen_rows.column(PARTITION),
                pa.array(rows[is_chosen]),
                files.cast(pa.string()),
                blocks.cast(pa.int64()),
                pa.array([json.dumps(record_metadata) for record_metadata in metadata], pa.string()),
                pa.ListArray.from_arrays(ends, pa.array(bins.ravel())),
            ],
            schema=SCHEMA,
        )


def _assign_bins(rows: pa.RecordBatch, columns: Sequence[RowBinner]) -> Bins:
    return np.column_stack([column.assign_bins(rows) for column in columns])


def _read_metadata(line: str) -> dict[str, str]:
    """The metadata of a captured line's request."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(record, Mapping):
        return {}
    # A member of an unexpected type is left out, but the record counts
    event, data = (_get_object(record, name) for name in ("eventMetadata", "captureData"))
    attributes = event.get("customAttributes")
    metadata: dict[str, Any] = {}
    if not isinstance(attributes, list):
        attributes = [attributes]
    # `name=value` is an attribute with that name; an attribute of any other form gets the name of the member
    for attribute in attributes:
        if isinstance(attribute, str):
            name, equals, value = attribute.partition("=")
            if equals and PLAIN_NAME.fullmatch(name):
                metadata[name] = value
            else:
                metadata["customAttributes"] = attribute
    for endpoint in ("endpointInput", "endpointOutput"):
        metadata[f"content type of {endpoint}"] = _get_object(data, endpoint).get("observedContentType")
    metadata |= {"time": event.get("inferenceTime"), "version": record.get("eventVersion"), "id": event.get("eventId")}
    return {name: value[:MAX_METADATA_LENGTH] for name, value in metadata.items() if isinstance(value, str)}


def _get_object(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    members = record.get(name)
    if isinstance(members, Mapping):
        return members
    return {}


def read_rows_with_ids(
    dataset: Dataset, ids: Collection[str], id_column: int | None
) -> list[tuple[str, tuple[str | None, ...]]]:
    """The ids that exist, in order of the rows, each with its row's cells. One pass. For users who may read the data."""
    features = dataset.feature_columns
    schema = pa.schema([(PARTITION, pa.int32()), *((name, pa.string()) for name in ("id", *features))])
    task = partial(_select_rows_with_ids, frozenset(ids), id_column, schema)
    names = [*features]
    if id_column is None and dataset.has_lines:
        names.append(LINE)
    rows = sorted(_read_rows(dataset, names, task, schema).to_pylist(), key=lambda row: row[PARTITION])
    return [(row["id"], tuple(row[name] for name in features)) for row in rows]


def _select_rows_with_ids(ids: frozenset[str], position: int | None, schema: pa.Schema, batches: Batches) -> Batches:
    for batch in batches:
        accepted = drop_rejected(batch)
        # The id of a row is in a column or in its record
        if position is not None:
            row_ids = format_texts(accepted.column(f"c{position}"))
        else:
            lines = [""] * accepted.num_rows
            if LINE in accepted.schema.names:
                lines = accepted.column(LINE).to_pylist()
            row_ids = pa.array([_read_metadata(line).get("id") for line in lines], pa.string())
        is_requested = pc.is_in(row_ids, pa.array(sorted(ids), pa.string()))
        matching = accepted.filter(is_requested)
        columns = (matching.column(name).to_pylist() for name in schema.names[2:])
        cells = [pa.array([cell if cell is None else str(cell) for cell in column], pa.string()) for column in columns]
        yield pa.RecordBatch.from_arrays(
            [matching.column(PARTITION), row_ids.filter(is_requested), *cells], schema=schema
        )
