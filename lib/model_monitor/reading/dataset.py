"""A data set as one frame with the features in front: `read_dataset` for paths, `Dataset.of` for a frame at hand.

The features are called c0, c1, … in the frame and by their names on the driver; behind them stand, for text formats, the
number of the reason for which a row is refused and where the row is from.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

import pyspark.sql.functions as F
from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from model_monitor.errors import BadConfiguration, BadInput, NoData
from model_monitor.reading import json_lines
from model_monitor.reading.coverage import Coverage
from model_monitor.reading.csv_lines import CsvLines
from model_monitor.reading.csv_rows import RFC_4180_ESCAPE, SPARK_ESCAPE
from model_monitor.reading.damaged_files import damaged_files_named
from model_monitor.reading.decoded_lines import DecodedLines
from model_monitor.reading.decoding import mismatch_of
from model_monitor.reading.formats import CsvFormat, DatasetFormat, JsonFormat, ParquetFormat, SparkFormat, TableFormat
from model_monitor.reading.handlers import Script
from model_monitor.reading.heads import first_cells, head_of, names_of
from model_monitor.reading.ledger import Ledger
from model_monitor.reading.packing import partitions_at_most
from model_monitor.reading.places import BLOCK_START, FILE, LINE
from model_monitor.reading.refusals import CELLS, REASON, Refusal
from model_monitor.reading.scripts import processed
from model_monitor.reading.text_lines import in_file_order, read_lines, text_lines, with_places, without_globs
from model_monitor.states import RowCounts
from model_monitor.storage import Storage, StoredFile, storage_of

log = logging.getLogger(__name__)

NO_DATA = "Job inputs had no data"
"""The service's text (contract.md 1.6)."""

READ_BY_COLUMNS = frozenset({"parquet", "orc"})
"""Spark's readers of files that have their data column by column."""

NAMES_LISTED = 10
"""Names of columns in a sentence; the rest are counted."""


@dataclass(frozen=True)
class Dataset:
    """A frame whose first `len(names)` columns are the features, and what is known of where it is from.

    path: what was read, empty for a frame at hand. refusable: whether the frame has the columns of `refusals` and
    `text_lines` behind the features. partitions_at_most: an upper bound of its partitions, None if it isn't known.
    header_lines: how many header lines the files should have. records, dropped_by_script: what a script was given, and
    dropped; None without one. persisted: to be given back.
    folders: the folders below `path` that were read, empty for all of them. record_cells: how many cells a record has, of
    captured records, whose numbers of cells the scan counts in the column `cells`. reread: the same records as if they had
    another number of cells. decoded: the lines that the frame is made of, if executors decode them. carries_metadata: whether
    captured records say how their requests ended. coverage: of merged records, how many of their captures have a label.
    by_columns: whether some columns can be read without the others, as of Parquet. column_groups: in how many groups a scan
    reads them, one after the other.
    """

    frame: DataFrame
    names: tuple[str, ...]
    path: str = ""
    files: tuple[StoredFile, ...] = ()
    refusable: bool = False
    partitions_at_most: int | None = None
    header_lines: int = 0
    records: int | None = None
    dropped_by_script: int = 0
    persisted: DataFrame | None = field(default=None, repr=False)
    folders: tuple[str, ...] = ()
    record_cells: int | None = None
    reread: Callable[[int], Dataset] | None = field(default=None, repr=False)
    decoded: DecodedLines | None = field(default=None, repr=False)
    carries_metadata: bool = False
    coverage: Coverage | None = None
    by_columns: bool = False
    column_groups: int = 1

    @classmethod
    def of(cls, frame: DataFrame) -> Dataset:
        """The data set that a frame at hand is: every column is a feature.

        Raises TypeError if it is no frame of Spark.
        """
        if not isinstance(frame, DataFrame):
            raise TypeError(
                f"a DataFrame of Spark is wanted, not {_type(frame)}; spark.createDataFrame(…) makes one of pandas'"
            )
        return cls(_by_position(frame), tuple(frame.columns))

    @property
    def reason(self) -> str | None:
        """The column with the reasons for refusing a row, for `profiling.scan`."""
        return REASON if self.refusable else None

    @property
    def lines(self) -> DecodedLines | None:
        """The lines that a scan may decode itself; None if the frame is something else than they, or something more."""
        return self.decoded if self.decoded is not None and self.decoded.frame is self.frame else None

    @property
    def cells(self) -> str | None:
        """The column with a captured record's number of cells, for `profiling.scan`; None for other data sets."""
        return CELLS if self.record_cells is not None else None

    @property
    def has_lines(self) -> bool:
        """Whether the frame knows the line of text that each record is, which the quarantine keeps."""
        return LINE in self.frame.columns

    def column_count(self, rows: RowCounts) -> int:
        """The most frequent number of cells of the records scanned; of several the expected one, else the smallest.

        Source: contract.md section 11, row 4.
        """
        expected = len(self.names) if self.record_cells is None else self.record_cells
        widths = dict(rows.widths) or {expected: 0}
        return min(widths, key=lambda cells: (-widths[cells], cells != expected, cells))

    def with_column_count(self, cells: int) -> Dataset:
        """The same captured records, read as records of so many cells: those with another number are the refused ones."""
        if self.reread is None or cells == self.record_cells:
            return self
        return replace(self.reread(cells), carries_metadata=self.carries_metadata)

    def of_features(self, names: Sequence[str]) -> Dataset:
        """The same data set with some of its features."""
        if tuple(names) == self.names:
            return self
        if self.lines is not None:
            decoded = self.lines.of_features([self.names.index(name) for name in names])
            return replace(self, frame=decoded.frame, names=tuple(names), decoded=decoded)
        kept = [F.col(f"c{self.names.index(name)}").alias(f"c{position}") for position, name in enumerate(names)]
        rest = [F.col(f"`{name}`") for name in self.frame.columns[len(self.names) :]]
        return replace(self, frame=self.frame.select(*kept, *rest), names=tuple(names))

    def matching(self, names: Sequence[str]) -> Dataset:
        """The data set with its features called as the baseline's: by name if all are there, else by position.

        With another number of features it stays as it is (contract.md section 11, row 25).
        """
        if len(names) != len(self.names):
            self._warn_of_other_columns(names)
            return self
        if set(names) <= set(self.names):
            return self
        renamed = [(mine, other) for mine, other in zip(self.names, names, strict=True) if mine != other]
        log.warning(
            "%d of %d columns are not called as in the baseline and are matched by position; the first is %r for %r",
            *(len(renamed), len(names), *renamed[0]),
        )
        return replace(self, names=tuple(names))

    def _warn_of_other_columns(self, names: Sequence[str]) -> None:
        """Say which columns are too many and too few, if the two have names in common."""
        more = [name for name in self.names if name not in set(names)]
        fewer = [name for name in names if name not in set(self.names)]
        if len(more) == len(self.names):
            return
        log.warning(
            "%d columns, and %d in the baseline, so no other check is made; not in the baseline: %s; not in the data: %s; "
            "leave out what the baseline left out, by --exclude-features-attribute",
            len(self.names),
            len(names),
            _listed(more),
            _listed(fewer),
        )

    def named_frame(self) -> DataFrame:
        """The frame with its features called by their names, for expressions of users."""
        return self.frame.toDF(*self.names, *self.frame.columns[len(self.names) :])

    def ledger(self, rows: RowCounts) -> Ledger:
        """The account of all records, from the counts that the scan brought back.

        Raises BadInput if a file has its columns in another order: its cells belong to other features.
        """
        refused = {Refusal(number): count for number, count in enumerate(rows.refused, start=1) if count}
        if self.record_cells is not None:
            return self._ledger_of_records(rows, refused)
        if refused.get(Refusal.COLUMNS_IN_ANOTHER_ORDER):
            raise BadInput(self._sentence_on_foreign_header())
        # the first header line of each file is no record; more of them are repeated
        headers = min(refused.get(Refusal.REPEATED_HEADER, 0), self.header_lines)
        if headers:
            refused[Refusal.REPEATED_HEADER] -= headers
        if headers < self.header_lines:
            log.warning(
                "%d of %d files do not begin with the header line; all of their lines were read as data",
                self.header_lines - headers,
                self.header_lines,
            )
        read = rows.total - headers + self.dropped_by_script
        return self._account(read, rows.kept, refused)

    def _ledger_of_records(self, rows: RowCounts, refused: Mapping[Refusal, int]) -> Ledger:
        """A refused record is one row, whatever it holds; a kept one is counted by its first row."""
        if refused.get(Refusal.ENCODING_MISMATCH):
            raise BadInput(self._sentence_on_encodings())
        kept = dict(rows.widths).get(self.record_cells or 0, 0) if rows.widths else rows.kept
        read = kept + sum(refused.values()) + self.dropped_by_script
        return replace(self._account(read, kept, refused), rows=rows.kept)

    def _account(self, read: int, kept: int, refused: Mapping[Refusal, int]) -> Ledger:
        return Ledger(
            self.files,
            read,
            kept,
            self.dropped_by_script,
            {refusal.text: count for refusal, count in refused.items() if count and refusal.is_fault},
            outside_window=refused.get(Refusal.OUTSIDE_WINDOW, 0),
            sampled_out=refused.get(Refusal.SAMPLED_OUT, 0),
            without_data=refused.get(Refusal.WITHOUT_DATA, 0),
            coverage=self.coverage,
        )

    def _sentence_on_encodings(self) -> str:
        found = self.frame.where(F.col(REASON) == int(Refusal.ENCODING_MISMATCH)).select(LINE).first()
        return mismatch_of(found[LINE] if found else "")

    def _sentence_on_foreign_header(self) -> str:
        foreign = self.frame.where(F.col(REASON) == int(Refusal.COLUMNS_IN_ANOTHER_ORDER)).select(FILE).first()
        return (
            f"{foreign[FILE] if foreign else 'a file'}: its header line has the columns in another order than "
            f"{self.files[0].path}; write all files with the same order of columns"
        )

    def __enter__(self) -> Dataset:
        return self

    def __exit__(self, *_: object) -> None:
        """Give back what reading kept in memory."""
        if self.persisted is not None:
            self.persisted.unpersist()


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a data set, sorted by path; empty and hidden ones are left out. folders: what of `path` is read.

    coverage: of merged records, how many of the captures of their hours have a label.
    """

    path: str
    files: tuple[StoredFile, ...]
    folders: tuple[str, ...] = ()
    coverage: Coverage | None = None

    @property
    def places(self) -> tuple[str, ...]:
        """What is read: the folders, or all of the path."""
        return self.folders or (self.path,)

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    def partitions_at_most(self, spark: SparkSession, partition_bytes: int) -> int:
        """An upper bound of the partitions that Spark makes of the files."""
        session: Any = spark._jsparkSession
        open_cost_bytes = int(session.sessionState().conf().filesOpenCostInBytes())
        return partitions_at_most((file.size_bytes for file in self.files), partition_bytes, open_cost_bytes)


def list_dataset(spark: SparkSession, path: str) -> Listing:
    """The files at or below `path`.

    Raises BadInput if there is no such path, NoData if no file there holds a byte.
    """
    storage = storage_of(path, spark)
    files = tuple(file for file in storage.list_files(path) if file.size_bytes)
    if not files:
        raise NoData(f"{NO_DATA}: {path} has no file that is neither hidden nor empty")
    return Listing(storage.resolved(path), files)


def read_dataset(
    spark: SparkSession,
    listing: Listing,
    dataset_format: DatasetFormat,
    *,
    as_service: bool = False,
    script: Script | None = None,
    flatten_json: bool = False,
    partition_bytes: int | None = None,
) -> Dataset:
    """The listed files as a data set.

    as_service: one partition in file order, Spark's own escape character, and the first script error fails, as the
    service reads. script: a preprocessor, run on every raw line.
    partition_bytes: the session's largest partition, if it is known; it bounds the number of partitions.
    Spark jobs: none for CSV; one for JSON, which finds the schema; two for a script.
    Raises BadInput for a file that is not what the format says.
    """
    at_most = 1 if as_service else listing.partitions_at_most(spark, partition_bytes) if partition_bytes else None
    with damaged_files_named(spark, listing.files):
        if script is not None:
            return _read_with_script(spark, listing, dataset_format, script, as_service=as_service)
        dataset = _read_as(spark, listing, dataset_format, as_service=as_service, flatten_json=flatten_json)
    return replace(
        dataset,
        path=listing.path,
        files=listing.files,
        folders=listing.folders,
        partitions_at_most=at_most,
    )


def _read_as(
    spark: SparkSession, listing: Listing, dataset_format: DatasetFormat, *, as_service: bool, flatten_json: bool
) -> Dataset:
    storage = storage_of(listing.path, spark)
    if isinstance(dataset_format, CsvFormat):
        return _read_csv(spark, storage, listing, dataset_format, as_service=as_service)
    if isinstance(dataset_format, JsonFormat):
        return _read_json(spark, storage, listing, dataset_format, as_service=as_service, flatten=flatten_json)
    if isinstance(dataset_format, ParquetFormat):
        return _read_by_spark(spark, listing, SparkFormat("parquet"), in_order=as_service)
    if isinstance(dataset_format, SparkFormat):
        return _read_by_spark(spark, listing, dataset_format, in_order=as_service)
    raise BadConfiguration(
        f"dataset_format: {type(dataset_format).__name__} is no format of a baseline's data set; "
        'write csv, csv-without-header, jsonl, json, parquet, table:NAME or {"spark": {…}}'
    )


def read_table(spark: SparkSession, table: TableFormat, *, as_service: bool = False) -> Dataset:
    """A table of the session's catalog as a data set.

    Raises BadConfiguration if there is no such table.
    """
    if not spark.catalog.tableExists(table.name):
        raise BadConfiguration(
            f"dataset_format: Spark's catalog has no table {table.name!r}; SHOW TABLES lists what it has"
        )
    frame = spark.table(table.name)
    return Dataset.of(_in_one_partition(frame) if as_service else frame)


def _in_one_partition(frame: DataFrame) -> DataFrame:
    """The rows of a table in the order of its files; of one that is none of files, a view for instance, as they come."""
    try:
        return in_file_order(with_places(frame)).drop(FILE, BLOCK_START)
    except AnalysisException:
        return frame.coalesce(1)


def _read_csv(
    spark: SparkSession, storage: Storage, listing: Listing, dataset_format: CsvFormat, *, as_service: bool
) -> Dataset:
    first = listing.files[0]
    cells = first_cells(first, head_of(storage, first))
    if dataset_format.header:
        names = names_of(cells, f"{first.path}: line 1")
    else:
        names = tuple(f"_c{position}" for position in range(len(cells)))
    lines = text_lines(spark, listing.places, in_order=as_service)
    escape = SPARK_ESCAPE if as_service else RFC_4180_ESCAPE
    decoded = DecodedLines.of(lines, CsvLines(names, dataset_format.header, escape))
    header_lines = len(listing.files) if dataset_format.header else 0
    return Dataset(decoded.frame, names, refusable=True, header_lines=header_lines, decoded=decoded)


def _read_json(
    spark: SparkSession,
    storage: Storage,
    listing: Listing,
    dataset_format: JsonFormat,
    *,
    as_service: bool,
    flatten: bool,
) -> Dataset:
    head_of(storage, listing.files[0])
    if not dataset_format.lines:
        documents = json_lines.read_documents(spark, listing.places)
        names = tuple(documents.columns[:-2])
        by_position = documents.toDF(*[f"c{position}" for position in range(len(names))], FILE, BLOCK_START)
        frame, names = json_lines.flattened(by_position, names, allow=flatten, where=listing.path)
        return Dataset((in_file_order(frame) if as_service else frame).drop(FILE, BLOCK_START), names)
    schema = json_lines.inferred_schema(spark, listing.places, lines=True)
    frame = json_lines.parsed_json(read_lines(spark, listing.places, in_order=as_service), schema)
    frame, names = json_lines.flattened(frame, tuple(schema.fieldNames()), allow=flatten, where=listing.path)
    return Dataset(frame, names, refusable=True)


def _read_by_spark(spark: SparkSession, listing: Listing, dataset_format: SparkFormat, *, in_order: bool) -> Dataset:
    """Parquet, or whatever format the user names for Spark's own reader."""
    reader = spark.read.format(dataset_format.reader).options(**dataset_format.options)
    if not _has_partition_folders(listing):
        reader = reader.option("recursiveFileLookup", "true")
    try:
        frame = reader.load([without_globs(place) for place in listing.places])
    except Exception as fault:
        if "COLUMN_ALREADY_EXISTS" in str(fault):
            raise BadInput(
                f"{listing.path}: two columns have names that differ by case only; start the job with "
                "--conf spark.sql.caseSensitive=true"
            ) from fault
        raise BadInput(
            f"{listing.path}: can't be read as {dataset_format.reader}{_sentence(fault)}; "
            "write the --dataset-format that the files have, and --packages for a format that Spark does not bring"
        ) from fault
    names = tuple(frame.columns)
    if in_order:
        frame = in_file_order(with_places(frame)).drop(FILE, BLOCK_START)
    by_columns = not in_order and dataset_format.reader.lower() in READ_BY_COLUMNS
    return Dataset(_by_position(frame), names, by_columns=by_columns)


def _read_with_script(
    spark: SparkSession,
    listing: Listing,
    dataset_format: DatasetFormat,
    script: Script,
    *,
    as_service: bool,
) -> Dataset:
    if not (isinstance(dataset_format, CsvFormat) or (isinstance(dataset_format, JsonFormat) and dataset_format.lines)):
        raise BadConfiguration(
            "record_preprocessor_script: scripts get the lines of CSV and JSON Lines files; "
            f"the format here is {dataset_format}"
        )
    head_of(storage_of(listing.path, spark), listing.files[0])
    result = processed(read_lines(spark, listing.places, in_order=as_service), script, first_error_fails=as_service)
    if not result.names:
        result.persisted.unpersist()
        raise NoData(f"{NO_DATA}: the preprocessor script dropped all {result.records:,} records")
    return Dataset(
        result.frame,
        result.names,
        listing.path,
        listing.files,
        refusable=True,
        records=result.records,
        dropped_by_script=result.dropped,
        persisted=result.persisted,
        folders=listing.folders,
        record_cells=len(result.names),
    )


def _by_position(frame: DataFrame) -> DataFrame:
    """Columns called c0, c1, …: `Age` beside `age`, or `a.b`, can't be told apart by Spark (production rule 9)."""
    return frame.toDF(*[f"c{position}" for position in range(len(frame.columns))])


def _has_partition_folders(listing: Listing) -> bool:
    """Whether files lie in folders like `day=2026-01-01`, which Spark reads as columns."""
    return any("=" in part for file in listing.files for part in PurePosixPath(file.path).parts[:-1])


def _sentence(fault: Exception) -> str:
    """What Spark says, in brackets; nothing if it says no more than that a call failed."""
    text = next(iter(str(fault).strip().splitlines()), type(fault).__name__)
    return "" if isinstance(fault, Py4JError) else f" ({text})"


def _listed(names: Sequence[str]) -> str:
    """Some of the names."""
    more = f" and {len(names) - NAMES_LISTED} more" if len(names) > NAMES_LISTED else ""
    return f"{', '.join(names[:NAMES_LISTED]) or 'none'}{more}"


def _type(thing: object) -> str:
    return f"{type(thing).__module__.partition('.')[0]}'s {type(thing).__name__}"
