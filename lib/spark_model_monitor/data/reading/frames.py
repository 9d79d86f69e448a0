"""Makes a data set from a frame of any library that supports Arrow, by `__arrow_c_stream__` or by its own streaming method.

Imports none of these libraries: whoever has a frame has imported its library. Source: Arrow, "The Arrow PyCapsule
Interface".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.casts import UNREADABLE, WIDER_TYPES, format_uuids, is_uuid
from spark_model_monitor.data.engine.engine_protocol import Engine, Partitions
from spark_model_monitor.data.engine.partitions import MAX_BATCH_ROWS, MIN_FILE_BYTES_PER_GROUP
from spark_model_monitor.data.reading.dataset import NO_LISTING, Dataset, require_columns
from spark_model_monitor.data.reading.formats import ParquetFormat
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.documents.json_text import NAN_TEXTS
from spark_model_monitor.documents.page import list_names
from spark_model_monitor.errors import BadInput
from spark_model_monitor.statistics.states import Profile
from spark_model_monitor.storage.local_storage import TemporaryFolder

if TYPE_CHECKING:
    from polars import LazyFrame

    from spark_model_monitor.data.engine.local_engine import LocalEngine

log = logging.getLogger(__name__)

Rows: TypeAlias = "pa.Table | pa.RecordBatchReader"
"""Rows in memory, or as a stream."""

ROWS = 2**16  # rows per batch requested from a library

CAST: Mapping[str, pa.DataType] = {
    **WIDER_TYPES,
    "null": pa.string(),
    "string_view": pa.large_string(),
    "binary_view": pa.large_binary(),
}
"""The types that replace Arrow types that Spark lacks, by name; no value changes."""

NO_TYPE_OF_SPARK = {
    **UNREADABLE,
    "duration": "a number, such as frame[name].dt.total_seconds()",
    "extension": "its text",
}
"""Types that Spark columns can't have, by name prefix, and what to write instead."""

TEXTS = (pa.string(), pa.large_string(), pa.string_view())
MAX_LISTED_COLUMNS = 10  # columns that a warning names
VIEW = "list_view"  # a part of the names of types that are or contain list views


class ArrowStream(Protocol):
    """A frame with Arrow support, from polars, DuckDB, pyarrow and others."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


def stream_rows(data: Any) -> Rows | None:
    """The rows of a frame: a table if pyarrow holds them in memory, otherwise a reader; None if `data` is not a frame."""
    if isinstance(data, (pa.Table, pa.RecordBatchReader)):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    library = (
        type(data).__module__.partition(".")[0].lstrip("_")
    )  # some releases of DuckDB have their classes in `_duckdb`
    for name, method, open_stream in STREAMS:
        if name == library and hasattr(data, method):
            return open_stream(data)
    if hasattr(data, "__arrow_c_stream__"):
        try:
            return pa.RecordBatchReader.from_stream(data)
        except pa.ArrowException as fault:
            raise BadInput(
                f"the data is one column, a {type(data).__name__}; pass a frame, such as series.to_frame()"
            ) from fault
    return None


def _stream_lazy_frame(frame: LazyFrame) -> pa.RecordBatchReader:
    """The batches of polars' streaming engine; `collect` would hold all rows."""
    batches = frame.collect_batches(chunk_size=ROWS, maintain_order=True, engine="streaming")
    return _make_reader(chain([frame.head(0).collect()], batches))


STREAMS: tuple[tuple[str, str, Callable[[Any], pa.RecordBatchReader]], ...] = (
    ("polars", "collect_batches", _stream_lazy_frame),
    # DuckDB's own Arrow stream would compute all rows first. Releases after 1.4 have the first method, 1.4 the second.
    ("duckdb", "to_arrow_reader", lambda data: data.to_arrow_reader(ROWS)),
    ("duckdb", "fetch_arrow_reader", lambda data: data.fetch_arrow_reader(ROWS)),
    ("pyarrow", "scanner", lambda data: data.scanner(batch_size=ROWS).to_reader()),
    # Hugging Face data sets, in memory or streamed; their selections and filters are applied.
    ("datasets", "with_format", lambda data: _make_reader(data.with_format("arrow").iter(ROWS))),
)
"""The library, the method that identifies its lazy frame, and a function that streams it."""


def _make_reader(frames: Iterable[ArrowStream]) -> pa.RecordBatchReader:
    tables = map(pa.table, frames)
    first = next(tables, None)
    if first is None:
        raise BadInput("the data set has no rows, and so nothing says its columns")
    batches = (batch for table in chain([first], tables) for batch in table.to_batches())
    return pa.RecordBatchReader.from_batches(first.schema, batches)


def map_to_spark_type(name: str, data_type: pa.DataType) -> pa.DataType:
    """The Spark type in which a column's values are stored. Raises BadInput if there is none."""
    if pa.types.is_dictionary(data_type):
        return map_to_spark_type(name, data_type.value_type)
    # Databases give some types as texts with an extension type, such as JSON or long decimals
    if isinstance(data_type, pa.BaseExtensionType) and data_type.storage_type in TEXTS:
        return map_to_spark_type(name, data_type.storage_type)
    if pa.types.is_timestamp(data_type):
        return pa.timestamp("us", data_type.tz)  # Spark stores times in microseconds
    if pa.types.is_list(data_type) or pa.types.is_large_list(data_type):
        if pa.types.is_list(data_type):
            list_type = pa.list_
        else:
            list_type = pa.large_list
        return list_type(data_type.value_field.with_type(map_to_spark_type(name, data_type.value_type)))
    if pa.types.is_fixed_size_list(data_type) or str(data_type).partition("<")[0].endswith(VIEW):
        return pa.large_list(map_to_spark_type(name, data_type.value_type))
    if pa.types.is_struct(data_type):
        return pa.struct([field.with_type(map_to_spark_type(name, field.type)) for field in data_type])
    if str(data_type) in CAST:
        return CAST[str(data_type)]
    for beginning, instead in NO_TYPE_OF_SPARK.items():
        if str(data_type).startswith(beginning):
            raise BadInput(f"column {name!r} holds {data_type}, which Spark has no type for; write {instead}")
    return data_type


def convert_to_spark_types(rows: Rows, most_bytes: int) -> Rows:
    """The rows in columns c0, c1, … with Spark types: a table if they are in memory or at most `most_bytes`, else a reader.

    Spark never sees the names, so `Age` and `age` may both occur.
    """
    types: dict[pa.DataType, pa.DataType] = {}
    for field in rows.schema:
        if is_uuid(field.type):
            types[field.type] = pa.string()
        elif field.type not in types:
            types[field.type] = map_to_spark_type(field.name, field.type)
    schema = pa.schema([(f"c{position}", types[field.type]) for position, field in enumerate(rows.schema)])
    if isinstance(rows, pa.Table):
        return _cast_columns(rows, schema)
    batches = (batch for row in rows for batch in _cast_columns(pa.Table.from_batches([row]), schema).to_batches())
    batches_in_memory: list[pa.RecordBatch] = []
    size_bytes = 0
    for batch in batches:
        batches_in_memory.append(batch)
        size_bytes += batch.nbytes
        if size_bytes > most_bytes:
            return pa.RecordBatchReader.from_batches(schema, chain(batches_in_memory, batches))
    return pa.Table.from_batches(batches_in_memory, schema)


def _cast_columns(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = []
    for name, column, field in zip(table.column_names, table.columns, schema, strict=True):
        if pa.types.is_dictionary(column.type):  # dictionaries can't be cast to views
            decoded_chunks = [chunk.dictionary.cast(field.type).take(chunk.indices) for chunk in column.chunks]
            column = pa.chunked_array(decoded_chunks, field.type)
        if VIEW in str(column.type) and column.num_chunks:  # Arrow 25 casts views to lists with invalid offsets
            column = pa.chunked_array(map(_convert_lists, column.chunks))
        if is_uuid(column.type):
            column = format_uuids(column)
        if column.type != field.type:  # truncates times to microseconds
            try:
                column = column.cast(field.type, safe="timestamp" not in str(field.type))
            except pa.ArrowInvalid:
                if "date64" not in str(column.type):  # more text than Arrow's offsets can address
                    raise
                raise BadInput(  # Arrow's message shows the value
                    f"column {name!r} holds {column.type} with times of day, which are no dates; cast it to timestamp[ms]"
                ) from None
        columns.append(column)
    return pa.table(columns, schema=schema)


def _convert_lists(cells: pa.Array) -> pa.Array:
    """Converts lists of any type to large lists, also within other lists and structs."""
    types = pa.types
    if types.is_struct(cells.type):
        parts = [_convert_lists(part) for part in cells.flatten()]
        fields = [field.with_type(part.type) for field, part in zip(cells.type, parts, strict=True)]
        return pa.StructArray.from_arrays(parts, fields=fields, mask=cells.is_null())
    if not types.is_nested(cells.type) or types.is_map(cells.type):
        return cells
    ends = pc.cumulative_sum(pc.fill_null(pc.list_value_length(cells), 0).cast(pa.int64()))
    starts = pa.concat_arrays([pa.array([0]), ends])[: len(cells)]
    values = _convert_lists(cells.flatten())
    offsets = pa.concat_arrays([pc.if_else(cells.is_valid(), starts, None), pa.array([len(values)])])
    return pa.LargeListArray.from_arrays(offsets, values)


def read_arrow(engine: Engine, rows: Rows, *, by_tasks: bool | None = None) -> Dataset:
    """The rows of a table or stream as a data set; resources are released with the data set.

    by_tasks: whether Spark's tasks carry the rows; None: they do only if executors are on other machines.
    Raises BadInput for columns with the same name or a type that Spark lacks, OutputFailed if this machine has no room
    for a file of the rows.
    """
    names = tuple(rows.schema.names)
    require_columns(names)
    stored_rows = convert_to_spark_types(rows, MIN_FILE_BYTES_PER_GROUP)
    in_memory = engine.find_implementation(read_in_memory)(engine, stored_rows, by_tasks)
    if in_memory is not None:
        memory_rows, max_partitions, groups = in_memory
        return Dataset(memory_rows, names, max_partition_count=max_partitions, column_groups=groups)
    # Larger tables and streams go to a temporary Parquet file, which is read like a user's file
    from spark_model_monitor.data.reading.format_readers import configure_for_width, read_dataset
    from spark_model_monitor.data.reading.parquet_files import write

    folder = TemporaryFolder()
    write(stored_rows, folder.path / "rows.parquet")
    listing = list_dataset(engine, folder.path.as_uri())
    partition_bytes = engine.set_partition_size(listing.size_bytes)
    dataset = configure_for_width(
        engine, read_dataset(engine, listing, ParquetFormat(), partition_bytes=partition_bytes)
    )
    return replace(dataset, names=names, listing=NO_LISTING, folder=folder)


def read_in_memory(engine: Engine, table: Rows, by_tasks: bool | None) -> tuple[Partitions, int, int] | None:
    """The rows without a file, with the types that reading a file would give; the number of partitions; and the number of
    column groups. None if there are too many rows, or if they are a stream.
    """
    if isinstance(table, pa.RecordBatchReader):
        return None
    groups: int | None = 1
    if table.nbytes > MIN_FILE_BYTES_PER_GROUP:
        from spark_model_monitor.data.reading.parquet_files import choose_column_groups

        groups = choose_column_groups(table)
    if groups is None:
        return None
    from spark_model_monitor.data.engine.casts import cast_batch, map_to_spark_type

    types = {
        data_type: map_to_spark_type(data_type, f"column {position}")
        for position, data_type in enumerate(table.schema.types, start=1)
    }
    schema = pa.schema([(field.name, types[field.type]) for field in table.schema])
    batches = [cast_batch(batch, schema) for batch in table.combine_chunks().to_batches(max_chunksize=MAX_BATCH_ROWS)]
    one_process = replace(cast("LocalEngine", engine), processes=1)  # sending rows to processes takes as long as a file
    return one_process.make_partitions(schema, [batches]), 1, groups


def warn_of_nan_texts(profile: Profile) -> None:
    """Warn of columns with the text NaN, as far as the profile has counted their values."""
    # Frequencies have the most common texts only, so there may be more cells
    cell_counts = {
        feature.name: sum(feature.frequencies.counts.get(text, 0) for text in NAN_TEXTS)
        for feature in profile.features
        if feature.frequencies is not None and feature.is_written_as_text
    }
    names = [name for name, count in cell_counts.items() if count]
    if not names:
        return
    listed_names = list_names([*map(repr, names)], MAX_LISTED_COLUMNS)
    subject = f"columns {listed_names} hold"
    if len(names) == 1:
        subject = f"column {listed_names} holds"
    log.warning(
        f"{subject} the text 'NaN' ({sum(cell_counts.values()):,} cells): createDataFrame makes it of "
        "missing values of pandas; pass the pandas frame itself"
    )
