"""Reads Parquet and ORC files as typed batches, with the types and pieces of Spark's readers.

It imports Arrow's readers only when they are needed, because a process that reads lines doesn't need them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.casts import cast_batch, find_common_type, map_to_spark_type
from spark_model_monitor.data.engine.folder_columns import read_folder_columns
from spark_model_monitor.data.engine.local_files import File, Piece, open_source, read_beginning, split_file
from spark_model_monitor.errors import BadInput, NeedsSpark
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    import pyarrow.parquet as pq

Table = tuple[tuple[str, ...], pa.Schema]  # column names, and column types by position

MAX_NAMES_IN_ERROR = 5  # most names of columns in a sentence of an error
PARQUET_MAGIC = b"PAR1"
FIELD_ID = b"PARQUET:field_id"  # the key of Iceberg's field id in the metadata of a column
CHANGE_TYPE = "_change_type"  # a column of Delta's change files


def read_table_schema(files: Sequence[File], reader: str, left_out: Sequence[str] = ()) -> Table:
    """The column names of the first file by path, as in Spark, and the types that hold the values of all files. Columns that are
    left out have type null.

    Raises BadInput if a file can't be read in this format, or if no type holds all values of a column; NeedsSpark if the files
    have different columns.
    """
    first = min(files, key=lambda file: file.path)
    schema = read_schema(first.path, reader)
    names = tuple(schema.names)
    # The types of the first file, widened for the values of the other files
    _require_different_names(first, names)
    left_out_indices = {index for index, name in enumerate(names) if {name, str(index)} & {*left_out}}
    types = _read_types(schema, first, left_out_indices)
    for file in files:
        if file is first:
            continue
        other_schema = read_schema(file.path, reader)
        if other_schema.equals(schema):
            continue
        if other_schema.names != schema.names:
            difference = _describe_difference(schema.names, other_schema.names)
            raise NeedsSpark(f"{file.path}: a table of other columns than {first.path} ({difference})")
        for index, other_type in enumerate(_read_types(other_schema, file, left_out_indices)):
            data_type = find_common_type(types[index], other_type)
            if data_type is None:
                column = (
                    f"column {names[index]!r} is {other_schema.types[index]}, and {schema.types[index]} in {first.path}"
                )
                raise BadInput(f"{file.path}: {column}; write all files with the same types")
            types[index] = data_type
    # Columns that have no values in any file
    for index, data_type in enumerate(types):
        if pa.types.is_null(data_type) and index not in left_out_indices:
            types[index] = map_to_spark_type(data_type, names[index])
    return names, pa.schema([(f"c{index}", data_type) for index, data_type in enumerate(types)])


def _describe_difference(first_names: Sequence[str], names: Sequence[str]) -> str:
    """A sentence with the columns that a file has in addition to those of the first file, or lacks, or that says that their order
    differs.
    """
    names_by_verb = {
        "lacks": [repr(name) for name in first_names if name not in names],
        "has": [repr(name) for name in names if name not in first_names],
    }
    differences = [
        f"it {verb} {', '.join(listed_names[:MAX_NAMES_IN_ERROR])}"
        for verb, listed_names in names_by_verb.items()
        if listed_names
    ]
    return " and ".join(differences) or "the same ones in another order"


def _read_types(schema: pa.Schema, file: File, left_out_indices: Collection[int]) -> list[pa.DataType]:
    """Spark's types for a file's columns; null for columns without values, and for columns that are left out."""
    types = []
    for index, column in enumerate(schema):
        if index in left_out_indices or pa.types.is_null(column.type):
            types.append(pa.null())
        else:
            types.append(map_to_spark_type(column.type, f"{file.path}: {column.name!r}"))
    return types


def _require_different_names(file: File, names: Sequence[str]) -> None:
    """Raises BadInput if two columns have the same name except for its case, because Spark ignores the case of names."""
    name_by_lower_case: dict[str, str] = {}
    for name in names:
        earlier_name = name_by_lower_case.get(name.lower())
        if earlier_name == name:
            raise BadInput(f"{file.path}: two columns are called {name!r}; rename one of them")
        if earlier_name is not None:
            remedy = "rename one of them, or write --engine spark and --conf spark.sql.caseSensitive=true"
            raise BadInput(f"{file.path}: columns {earlier_name!r} and {name!r} differ by case only; {remedy}")
        name_by_lower_case[name.lower()] = name


@value_class
class TableFiles:
    """The Parquet files of a table version, which may have different columns.

    If a file has a column CHANGE_TYPE that the table lacks, only its inserted rows count.

    schema: the table's columns. A file's columns are found by Iceberg's field id if the schema has ids, otherwise by name.
    constants: by path of a file: the values of columns that the file lacks, such as partition columns.
    """

    files: tuple[File, ...]
    schema: pa.Schema
    constants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def convert_schema(self) -> pa.Schema:
        """The table's schema with the column names c0, c1, … and Spark's types."""
        types = [map_to_spark_type(field.type, repr(field.name)) for field in self.schema]
        return pa.schema([(f"c{index}", data_type) for index, data_type in enumerate(types)])


def name_columns(names: Sequence[str], schema: pa.Schema) -> pa.Schema:
    """The schema with new column names, by position."""
    return pa.schema([*zip(names, schema.types, strict=True)])


def add_folder_columns(
    files: Sequence[File], base_paths: Sequence[str], schema: pa.Schema, left_out: Sequence[str]
) -> tuple[TableFiles, pa.Schema]:
    """The files with the columns of folders such as `day=2026-01-01` below the bases, and the types of all columns.

    schema: the files' own columns. Raises NeedsSpark if a file has a column with the same name as a folder's.
    """
    folder_fields, values = read_folder_columns([file.path for file in files], base_paths)
    table_schema = pa.schema([*schema, *folder_fields])
    # Spark would replace the file's column by the folder's value
    file_names = {name.lower() for name in schema.names}
    if any(column.name.lower() in file_names for column in folder_fields):
        raise NeedsSpark(f"{base_paths[0]}: a column of folders that files have, too,")
    # Columns that are left out get type null, so that they aren't read
    types = [*table_schema.types]
    for index, column in enumerate(table_schema):
        if {column.name, str(index)} & {*left_out}:
            types[index] = pa.null()
    fields = [(f"c{index}", data_type) for index, data_type in enumerate(types)]
    return TableFiles((), table_schema, values), pa.schema(fields)


def read_table_piece(piece: Piece, *, table: TableFiles, schema: pa.Schema, rows: int) -> Iterator[pa.RecordBatch]:
    """The rows of a piece of a table's file, with the table's columns; absent and null columns are empty."""
    with _report_damage(piece):
        # Read only the row groups that belong to the piece
        file = _open_parquet(piece.path)
        row_groups = [
            index for index in range(file.num_row_groups) if _is_in_piece(file.metadata.row_group(index), piece)
        ]
        # From Delta's change files, only inserted rows are read
        file_columns = _find_file_columns(file.schema_arrow, table.schema, schema)
        has_changes = CHANGE_TYPE in file.schema_arrow.names and CHANGE_TYPE not in table.schema.names
        read_names = [name for name in file_columns if name is not None] + [CHANGE_TYPE] * has_changes
        # A column that the file lacks has the same value in all rows
        constants = table.constants.get(piece.path, {})
        for batch in file.iter_batches(rows, row_groups=row_groups, columns=read_names) if row_groups else ():
            if has_changes:
                batch = batch.filter(pc.equal(batch.column(CHANGE_TYPE), "insert"))
            columns = [
                pa.repeat(pa.scalar(constants.get(table_field.name)), batch.num_rows)
                if name is None
                else batch.column(name)
                for name, table_field in zip(file_columns, table.schema, strict=True)
            ]
            yield cast_batch(pa.RecordBatch.from_arrays(columns, names=schema.names), schema)


def _find_file_columns(
    file_schema: pa.Schema, table_schema: pa.Schema, requested_schema: pa.Schema
) -> list[str | None]:
    """For each column of the table, the name of the file's column: by Iceberg's field id if the table has ids, otherwise by name.
    None if the column is absent, or its requested type is null."""
    keys = table_schema.names
    names = {name: name for name in file_schema.names}
    # A column keeps its field id when it is renamed
    if _get_field_id(table_schema.field(0)):
        keys = [_get_field_id(field) for field in table_schema]
        names = {_get_field_id(field): field.name for field in file_schema}
    return [
        None if pa.types.is_null(column.type) else names.get(key)
        for key, column in zip(keys, requested_schema, strict=True)
    ]


def _get_field_id(column: pa.Field) -> bytes | None:
    return (column.metadata or {}).get(FIELD_ID)


def split_orc_file(file: File, piece_bytes: int) -> list[Piece]:
    """An ORC file as one piece, because Arrow can't locate its stripes. Raises NeedsSpark for a file larger than a piece."""
    if file.size_bytes > piece_bytes:
        raise NeedsSpark(f"{file.path}: an ORC file of more than {piece_bytes:,} bytes")
    return split_file(file, piece_bytes)


def read_orc_piece(piece: Piece, *, schema: pa.Schema, rows: int) -> Iterator[pa.RecordBatch]:
    """The rows of an ORC file, in batches of at most `rows`."""
    from pyarrow import orc

    with _report_damage(piece):
        for batch in orc.ORCFile(open_source(piece.path)).read().to_batches(max_chunksize=rows):
            yield cast_batch(batch, schema)


@contextmanager
def _report_damage(piece: Piece) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as fault:
        raise BadInput(f"{piece.path}: is damaged, it can't be read to its end; copy it again") from fault


def read_schema(path: str, reader: str) -> pa.Schema:
    """The schema of a Parquet or ORC file. Raises BadInput if the file is neither."""
    try:
        if reader == "orc":
            from pyarrow import orc

            schema = orc.ORCFile(open_source(path)).schema
            if any(pa.types.is_timestamp(field.type) for field in schema):
                raise NeedsSpark(f"{path}: an ORC file with times")
            return schema
        return _open_parquet(path).schema_arrow.remove_metadata()
    except (pa.ArrowException, OSError) as fault:
        if reader == "parquet" and read_beginning(path, len(PARQUET_MAGIC)) == PARQUET_MAGIC:
            raise BadInput(f"{path}: is damaged, its end is missing; copy it again") from fault
        raise BadInput(
            f"{path}: can't be read as {reader} ({str(fault).strip().splitlines()[0]}); "
            "write the --dataset-format that the files have"
        ) from fault


def _open_parquet(path: str) -> pq.ParquetFile:
    """A Parquet file. 96-bit times, which Spark 3 writes, are read as microseconds: nanoseconds can't represent year 9999."""
    from pyarrow import parquet

    return parquet.ParquetFile(open_source(path), coerce_int96_timestamp_unit="us")


def _is_in_piece(group: pq.RowGroupMetaData, piece: Piece) -> bool:
    # A row group belongs to the piece that contains its middle, as in Spark
    first = group.column(0)
    offsets = [first.data_page_offset]
    if first.has_dictionary_page and first.dictionary_page_offset:
        offsets.append(first.dictionary_page_offset)
    size = sum(group.column(index).total_compressed_size for index in range(group.num_columns))
    middle = min(offsets) + size // 2
    return bool(piece.start <= middle < piece.start + piece.size_bytes)
