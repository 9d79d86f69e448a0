"""Readers by format: `read_dataset` for listed files, `read_table` for tables, `read_source` for sources without files.

The window of a table selects rows by its time column.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import time, timezone
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.engine.partitions import column_groups
from spark_model_monitor.data.reading.csv_headers import (
    find_header_line_number,
    has_escapes_by_backslash,
    match_separator_line,
    read_first_cells,
    read_names,
    require_no_header,
)
from spark_model_monitor.data.reading.csv_lines import CsvLines, find_long_lines
from spark_model_monitor.data.reading.dataset import Dataset, DecodedLines
from spark_model_monitor.data.reading.file_heads import find_nonblank_file, measure_longest_line, read_head
from spark_model_monitor.data.reading.formats import (
    DEFAULT_OPTIONS,
    CsvFormat,
    DatasetFormat,
    JsonFormat,
    ParquetFormat,
    ReadOptions,
    SparkFormat,
    TableFormat,
    format_csv_option,
    parse_table_path,
)
from spark_model_monitor.data.reading.json_tables import require_records
from spark_model_monitor.data.reading.listing import Listing, report_faulty_files, require_within
from spark_model_monitor.data.records.csv_rows import RFC_4180_ESCAPE, SPARK_ESCAPE
from spark_model_monitor.data.records.locations import FILE_KEY, LOCATION_COLUMNS, LOCATION_FIELDS
from spark_model_monitor.data.records.refusals import REASON
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.errors import BadConfiguration, BadInput, NeedsSpark
from spark_model_monitor.storage import exists, get_storage, is_local

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.scripts import Script

log = logging.getLogger(__name__)

INDEX_OF_PANDAS = re.compile(r"__index_level_\d+__")
"""The column in which pandas stores an index that has no name and isn't a plain range."""

READ_BY_COLUMNS = frozenset({"parquet", "orc"})  # names of Spark's readers of column-oriented files


def read_dataset(
    engine: Engine,
    listing: Listing,
    dataset_format: DatasetFormat,
    options: ReadOptions = DEFAULT_OPTIONS,
    partition_bytes: int | None = None,
) -> Dataset:
    """The listed files as a data set.

    partition_bytes: the session's maximum partition size, if known; it bounds the number of partitions.
    Spark jobs: none for CSV; one for JSON, to infer the schema; two for a script.
    Raises BadInput for a file that doesn't have the format.
    """
    at_most = listing.max_partition_count(engine, partition_bytes, in_order=options.as_service)
    # If files changed while they were read, the error names them
    with report_faulty_files(engine, listing):
        if options.script is not None:
            dataset = _read_with_script(engine, listing, dataset_format, options.script, as_service=options.as_service)
            return replace(dataset, long_lines=find_long_lines(engine, listing.files))
        dataset = _read_format(engine, listing, dataset_format, options)
    if dataset.has_lines:
        dataset = replace(dataset, long_lines=find_long_lines(engine, listing.files))
    return replace(dataset, listing=listing, max_partition_count=at_most)


def _read_format(engine: Engine, listing: Listing, dataset_format: DatasetFormat, options: ReadOptions) -> Dataset:
    if isinstance(dataset_format, CsvFormat):
        return _read_csv(engine, listing, dataset_format, options)
    if isinstance(dataset_format, JsonFormat):
        return _read_json(engine, listing, dataset_format, options)
    if isinstance(dataset_format, ParquetFormat):
        dataset_format = SparkFormat("parquet")
    if isinstance(dataset_format, SparkFormat):
        return _read_table(engine, listing, dataset_format, options)
    raise BadConfiguration(
        f"dataset_format: {type(dataset_format).__name__} is no format of a baseline's data set; "
        'write csv, csv-without-header, jsonl, json, parquet, table:NAME or {"spark": {…}}'
    )


def read_table(engine: Engine, table: TableFormat, options: ReadOptions = DEFAULT_OPTIONS) -> Dataset:
    """A table of a catalog or at a path as a data set, or the rows appended to it.

    Raises BadConfiguration if the table or its version doesn't exist, NoData if nothing was appended, and as `require_within`.
    """
    from spark_model_monitor.data.reading.versioned_tables import (
        read_catalog_table,  # imports Parquet readers, which are rarely needed
    )

    location = parse_table_path(table.name)
    if location is not None and is_local(location[1]) and exists(location[1]):
        require_within(location[1], (file.path for file in get_storage(location[1]).list_files(location[1])))
    read_rows = engine.find_implementation(read_catalog_table)
    return read_rows(engine, table.name, options.as_of, options.since, in_order=options.as_service)


def read_source(engine: Engine, source: SparkFormat, *, as_service: bool = False) -> Dataset:
    """The rows of a Spark reader that has no path, such as a database's reader. Raises the reader's exceptions."""
    return engine.find_implementation(read_with_reader)(engine, source.reader, source.options, in_order=as_service)


def read_with_reader(engine: Engine, reader: str, options: Mapping[str, str], *, in_order: bool) -> Dataset:
    """`read_source` on the local engine. Raises NeedsSpark: only Spark has readers without a path."""
    raise NeedsSpark(f"the reader {reader!r}")


def _read_csv(engine: Engine, listing: Listing, dataset_format: CsvFormat, options: ReadOptions) -> Dataset:
    first, head = find_nonblank_file(engine.storage(listing.path), listing.files)
    # The first line shows the number of columns and, if it is a header, their names
    cells = read_first_cells(first, head, dataset_format.separator)
    if dataset_format.separator != ",":
        mark = "point"
        if dataset_format.decimal == ",":
            mark = "comma"
        log.info("%s: %r separates cells, numbers have a decimal %s", listing.path, dataset_format.separator, mark)
    if dataset_format.header:
        names = read_names(cells, f"{first.path}: line 1")
    else:
        names = tuple(f"_c{position}" for position in range(len(cells)))
        if not options.as_service:
            require_no_header(first, head, dataset_format, options.names or ())
    # How to decode the lines
    escape = dataset_format.escape
    if options.as_service:
        escape = SPARK_ESCAPE
    if escape == RFC_4180_ESCAPE and has_escapes_by_backslash(head, dataset_format.separator):
        instead = format_csv_option(replace(dataset_format, escape=SPARK_ESCAPE))
        raise BadInput(f"{first.path}: quotes within quotes follow a backslash; write --dataset-format '{instead}'")
    match = match_separator_line(head.decode("utf-8", "replace"))
    decoder = CsvLines(
        names,
        dataset_format.header,
        escape,
        dataset_format.separator,
        dataset_format.decimal,
        None if match is None else match[0],
        options.missing_values,
    )
    lines = engine.lines(listing.paths_to_read, in_order=options.as_service)
    dataset = Dataset(DecodedLines.of(lines, decoder), names, refusable=True)
    if not dataset_format.header:
        return dataset
    return replace(
        dataset,
        header_lines=len(listing.files),
        header_number=find_header_line_number(head),
        separator=dataset_format.separator,
        header=names,
    )


def _read_json(engine: Engine, listing: Listing, dataset_format: JsonFormat, options: ReadOptions) -> Dataset:
    head = read_head(engine.storage(listing.path), listing.files[0])
    # Outputs of a batch transform, which have one of the members `opened`, may have rows in a list
    if not any(f'"{name}"'.encode() in head for name in options.opened):
        require_records(listing.files[0], head)
    whole_files = not dataset_format.lines
    # A document has to fit into memory
    largest = max(listing.files, key=lambda file: file.size_bytes)
    if whole_files and largest.size_bytes > engine.max_line_bytes:
        raise BadInput(
            f"{largest.path}: has {largest.size_bytes:,} bytes, and a JSON document, which is read at once, may have "
            f"{engine.max_line_bytes:,}; write one object a line and --dataset-format jsonl, or a larger "
            "--set max_record_size=SIZE"
        )
    from spark_model_monitor.data.records.json_features import INFERRED, choose_features, decode_records, infer_members

    # The first pass infers the features with their types and nesting; the next one reads the rows
    lines = engine.lines(
        listing.paths_to_read, in_order=options.as_service, with_blank=whole_files, whole_files=whole_files
    )
    source = lines.partitions(*LOCATION_COLUMNS, *([FILE_KEY] if whole_files else []))
    inferred_batches = source.map_batches(partial(infer_members, whole_files), INFERRED).batches()
    features = choose_features(
        inferred_batches, listing.paths_to_read[0], flatten=options.flattens_json, opened=options.opened
    )
    location_fields = [pa.field(FILE_KEY, pa.int64())] if whole_files else LOCATION_FIELDS
    schema = pa.schema([*features.fields, pa.field(REASON, pa.int32()), *location_fields])
    decode_batches = partial(decode_records, features, schema, whole_files, missing_values=options.missing_values)
    rows = source.map_batches(decode_batches, schema)
    return Dataset(rows, features.names, refusable=True, rare=features.rare, counts_of_few=features.counts_of_few)


def _read_table(engine: Engine, listing: Listing, dataset_format: SparkFormat, options: ReadOptions) -> Dataset:
    """Parquet files, or files of another format for which the engine has a reader that the user names."""
    names, table = engine.table(
        listing.paths_to_read,
        dataset_format.reader,
        dataset_format.options,
        by_folders=listing.has_partition_folders,
        in_order=options.as_service,
        left_out=options.left_out,
    )
    if not names:
        raise BadInput(f"{listing.files[0].path}: has no columns; write a file that has some")
    # Columns are read separately, unless the rows must stay in order
    by_columns = dataset_format.reader.lower() in READ_BY_COLUMNS and not options.as_service
    dataset = Dataset(table, names, by_columns=by_columns)
    if options.as_service:
        return dataset
    # An index column is left out, unless the baseline has it
    expected = options.names or ()
    row_numbers = [name for name in names if INDEX_OF_PANDAS.fullmatch(name) and name not in expected]
    if not row_numbers or len(row_numbers) == len(names):
        return dataset
    log.warning("left out %s: pandas' index without a name, by which it numbers rows", ", ".join(row_numbers))
    return dataset.drop_features(row_numbers)


def _read_with_script(
    engine: Engine, listing: Listing, dataset_format: DatasetFormat, script: Script, *, as_service: bool
) -> Dataset:
    if not (isinstance(dataset_format, CsvFormat) or (isinstance(dataset_format, JsonFormat) and dataset_format.lines)):
        raise BadConfiguration(
            "record_preprocessor_script: scripts get the lines of CSV and JSON Lines files; "
            f"the format here is {dataset_format}"
        )
    read_head(engine.storage(listing.path), listing.files[0])
    from spark_model_monitor.data.reading.scripts import process_lines

    return process_lines(
        engine.lines(listing.paths_to_read, in_order=as_service), listing, script, first_error_fails=as_service
    )


def select_window(dataset: Dataset, column: str, window: Window) -> Dataset:
    """The rows of the window. Spark skips files and row groups outside it.

    Raises BadConfiguration if there is no such column, or if the column has no times.
    Source: M18.
    """
    if column not in dataset.names:
        raise BadConfiguration(f"time_column: {column!r} is no column; they are {', '.join(dataset.names[:20])}")
    if dataset.refusable:
        raise BadConfiguration(
            f"time_column: {column!r} is text, as all of CSV and JSON Lines, and takes no rows of a window; leave out the window "
            "(--start-time and --end-time, or --scheduled-time) to read all rows, or write Parquet, ORC or a table"
        )
    name = f"c{dataset.names.index(column)}"
    kind = dataset.table.schema.field(name).type
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        raise BadConfiguration(f"time_column: {column!r} is of type {kind}; a window needs a timestamp or a date")
    # Dates have no hours, so a window of hours would take the whole day or nothing
    moments = [moment.astimezone(timezone.utc) for moment in (window.start, window.end)]
    if pa.types.is_date(kind) and any(moment.time() != time() for moment in moments):
        raise BadConfiguration(f"time_column: {column!r} has days; a window of them begins and ends at 00:00 UTC")
    return replace(dataset, rows=dataset.table.select_between(name, window.start, window.end), time_column=column)


def configure_for_width(engine: Engine, dataset: Dataset) -> Dataset:
    """The data set, with the engine set for its width: a wide table is read in smaller batches, some columns at a time."""
    if dataset.by_columns:
        dataset = _group_columns(dataset)
    engine.set_batch_size(-(-len(dataset.names) // dataset.column_groups), _measure_line_bytes(dataset))
    return dataset


def _group_columns(dataset: Dataset) -> Dataset:
    """Column-oriented files in groups of columns; if there are many columns, partitions have more rows."""
    engine = dataset.engine
    listing = dataset.listing
    groups = column_groups(len(dataset.names), [file.size_bytes for file in listing.files])
    at_most = listing.max_partition_count(engine, engine.set_partition_size(listing.size_bytes, groups))
    return replace(dataset, column_groups=groups, max_partition_count=at_most)


def _measure_line_bytes(dataset: Dataset) -> int:
    """The number of bytes of the longest line at the beginning of the first file, if executors decode lines; else 0."""
    if dataset.lines is None:
        return 0
    first = dataset.files[0]
    return measure_longest_line(dataset.engine.storage(first.path), first)
