"""A data set: rows whose first columns are the features. `Dataset.of` makes a data set from a frame, `readers` from paths.

The feature columns are c0, c1, … in the frame; the driver knows their names. For text formats, columns with the reason
for refusing a row and with its location follow.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.engine_protocol import PARTITION, Batches, Engine, Lines, Partitions
from spark_model_monitor.data.reading.ledger import Coverage, Ledger, LongLine, TableVersion
from spark_model_monitor.data.reading.listing import Listing
from spark_model_monitor.data.records.decoded_rows import (
    MAX_COLUMNS,
    ColumnMatching,
    Decoder,
    Decoding,
    can_match_by_name,
    choose_matching,
)
from spark_model_monitor.data.records.locations import (
    BLOCK_START,
    FILE,
    FILE_KEY,
    LINE,
    LOCATION_COLUMNS,
    LOCATION_FIELDS,
    format_uri,
)
from spark_model_monitor.data.records.refusals import CELLS, NOT_IN_LOG, REASON, Refusal
from spark_model_monitor.data.records.windows import convert_microseconds
from spark_model_monitor.documents.page import list_names
from spark_model_monitor.errors import BadConfiguration, BadInput, NeedsSpark
from spark_model_monitor.plugins import plugin
from spark_model_monitor.statistics.spellings import describe_difference, match_spellings
from spark_model_monitor.statistics.states import RowCounts
from spark_model_monitor.storage import StoredFile
from spark_model_monitor.storage.local_storage import TemporaryFolder
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spark_model_monitor.data.profiling.scan_plan import LineMetadata
    from spark_model_monitor.documents.column_roles import ColumnRoles

log = logging.getLogger(__name__)

MAX_LISTED_NAMES = 10  # column names listed in a message; the rest are counted
NO_LISTING = Listing("", ())  # for data sets that don't come from files


@dataclass(frozen=True)
class Dataset:
    """Rows whose first `len(names)` columns are the features, with what is known about their origin.

    Created by `read_data` and `outcomes`.

    Attributes
    ----------
    names : tuple of str
        Names of the features, by position.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import DataQualityMonitor, read_data, run_baseline
    >>> with read_data(pd.DataFrame({"items": [1, 3, 2]})) as data:
    ...     run_baseline(data, DataQualityMonitor())
    <Baseline of 3 rows>

    Notes
    -----
    rows: lines that executors decode, or partitions of typed columns.
    listing: the files that were read.
    refusable: whether the columns of `refusals` and `locations` follow the features.
    max_partition_count: an upper bound on the number of partitions, None if unknown.
    header_lines: expected number of header lines in the files. header_number: number of that line in the first file, from 1.
    separator: character between the cells of these lines.
    dropped_by_script: number of records that a script dropped.
    persisted: resources to release.
    record_cells: number of cells of a captured record, in the column CELLS; the scan counts records by it.
    reread: returns the same records, read with a different number of cells.
    metadata: how a scan identifies the requests behind captured lines; None if the scan reads no lines.
    tells_times: whether each accepted record has a time.
    roles: the roles of captured columns; None if they aren't known.
    by_columns: whether columns can be read separately, as in Parquet.
    column_groups: number of groups in which a scan reads the columns, one after the other.
    folder: location of the rows for the lifetime of the data set.
    header: names of the features in the header line of a CSV file.
    matched_by: how the features were matched with the baseline's; None if they were not matched.
    rare: features of JSON that few records have.
    counts_of_few: the features that are keys of fewer than half of the records, with the number of records that have them.
    foreign_keys: a sentence about such keys that the baseline lacks; these keys don't become features.
    one_encoding: whether a single record whose input and output have different encodings is an error, as in the service.
    long_lines: records without a row, because they exceed the maximum length.
    version: the version of a versioned table.
    time_column: the column by which a window has selected the rows; empty if no window has.
    """

    rows: DecodedLines | Partitions
    names: tuple[str, ...]
    listing: Listing = NO_LISTING
    refusable: bool = False
    max_partition_count: int | None = None
    header_lines: int = 0
    header_number: int = 1
    separator: str = ","
    dropped_by_script: int = 0
    persisted: Partitions | None = field(default=None, repr=False)
    record_cells: int | None = None
    reread: Callable[[int], Dataset] | None = field(default=None, repr=False)
    metadata: LineMetadata | None = field(default=None, repr=False)
    tells_times: bool = False
    roles: ColumnRoles | None = None
    by_columns: bool = False
    column_groups: int = 1
    folder: TemporaryFolder | None = field(default=None, repr=False)
    header: tuple[str, ...] = ()
    matched_by: ColumnMatching | None = None
    rare: tuple[str, ...] = ()
    counts_of_few: Mapping[str, int] = field(default_factory=dict, repr=False)
    foreign_keys: str = ""
    one_encoding: bool = False
    long_lines: tuple[LongLine, ...] = field(default=(), repr=False)
    version: TableVersion | None = None
    time_column: str = ""

    def __post_init__(self) -> None:
        if len(self.names) > MAX_COLUMNS:
            raise BadInput(
                f"{self.listing.path or 'the data'}: has {len(self.names):,} columns, and at most {MAX_COLUMNS:,} are taken; "
                "give those that matter, or several data sets"
            )
        # A column without a name is called by its place, as in a CSV file
        object.__setattr__(self, "names", tuple(name or f"_c{index}" for index, name in enumerate(self.names)))

    @classmethod
    def of(cls, frame: DataFrame) -> Dataset:
        """A data set from a frame: every column is a feature. Raises BadInput if two columns have the same name."""
        require_columns(frame.columns)
        rows: Partitions = plugin("spark").by_position(frame)
        return cls(rows, tuple(frame.columns))

    @cached_property
    def table(self) -> Partitions:
        """The rows in partitions; lines are decoded."""
        if isinstance(self.rows, DecodedLines):
            return self.rows.rows
        return self.rows

    @property
    def table_with_lines(self) -> Partitions:
        """`table` with the line of each row, if rows have lines: the quarantine keeps the lines of refused rows."""
        if not isinstance(self.rows, DecodedLines):
            return self.rows
        return replace(self.rows, decoding=replace(self.rows.decoding, keeps_lines=True)).rows

    @property
    def frame(self) -> DataFrame:
        """The rows as a Spark frame, for SQL. Raises NeedsSpark if the rows aren't in Spark."""
        return self.table.frame

    @property
    def engine(self) -> Engine:
        """The engine that cut the rows into partitions."""
        return self.rows.engine

    @property
    def files(self) -> tuple[StoredFile, ...]:
        """The files that were read; empty if the rows don't come from files."""
        return self.listing.files

    @property
    def has_file_locations(self) -> bool:
        """Whether the file of each row is known: rows are read directly from files, or have a column with the file."""
        return self.lines is not None or not self.refusable or not {FILE, FILE_KEY}.isdisjoint(self.rows.columns)

    @property
    def coverage(self) -> Coverage | None:
        """For merged records: how many of their captures have a label."""
        return self.listing.coverage

    @property
    def feature_columns(self) -> list[str]:
        """The columns of the features in the rows."""
        return [f"c{position}" for position in range(len(self.names))]

    @property
    def is_frame(self) -> bool:
        """Whether the data is a user's frame of unknown origin and an unknown number of partitions."""
        return not self.listing.path and self.max_partition_count is None

    @property
    def lines(self) -> DecodedLines | None:
        """The lines that a scan may decode itself; None if the rows are not lines."""
        if isinstance(self.rows, DecodedLines):
            return self.rows
        return None

    @property
    def has_lines(self) -> bool:
        """Whether the rows contain the line of text of each record, which the quarantine keeps."""
        return LINE in self.rows.columns

    def column_count(self, rows: RowCounts) -> int:
        """The most frequent number of cells of the scanned records; for ties the expected number, else the smallest.

        Source: C11.4.
        """
        expected = self.record_cells
        if expected is None:
            expected = len(self.names)
        widths = dict(rows.widths) or {expected: 0}
        return min(widths, key=lambda cells: (-widths[cells], cells != expected, cells))

    def read_with_columns(self, cells: int) -> Dataset:
        """The same captured records, read with this number of cells: records with a different number are refused."""
        if self.reread is None or cells == self.record_cells:
            return self
        dataset = self.reread(cells)
        return replace(dataset, metadata=self.metadata, tells_times=self.tells_times, long_lines=self.long_lines)

    def select_features(self, names: Sequence[str]) -> Dataset:
        """The same data set with some of its features."""
        if tuple(names) == self.names:
            return self
        indices = [self.names.index(name) for name in names]
        # The header lacks columns that a reader added, such as predictions
        header: tuple[str, ...] = ()
        if len(self.header) == len(self.names):
            header = tuple(self.header[index] for index in indices)
        # Reading the records again with another number of cells leaves out the same features
        left_out = {name for name in self.names if name not in names}
        reread = None
        if self.reread is not None:
            reread = partial(_reread_without, self.reread, left_out)
        selection = replace(self, names=tuple(names), header=header, reread=reread)
        # Lines are decoded without the other features; tables select columns
        if self.lines is not None:
            return replace(selection, rows=self.lines.select_features(indices))
        row_columns = self.table.columns[len(self.names) :]
        selected = [f"c{index}" for index in indices]
        new_names = [f"c{position}" for position in range(len(indices))]
        return replace(selection, rows=self.table.select_columns([*selected, *row_columns], [*new_names, *row_columns]))

    def drop_features(self, names: Collection[str]) -> Dataset:
        """The same data set without these features."""
        return self.select_features([name for name in self.names if name not in names])

    def match_with(self, names: Sequence[str], *, exact: bool = False) -> Dataset:
        """The data set matched with a baseline of these features: by name if both have names, otherwise renamed by position.

        exact: match by name only if all of the baseline's features are there, otherwise by position. If numbers of features
        differ, matching by position returns the data set unchanged. Misspelt names are replaced by the baseline's names.
        Raises BadInput if two names are misspellings of the same name. Source: C11.25.
        """
        if not exact and (spellings := match_spellings(self.names, names)):
            report_spellings(spellings)
            baseline_names = [spellings.get(name, name) for name in self.names]
            require_columns(baseline_names)
            return replace(self, names=tuple(baseline_names)).match_with(names)
        # Match by name if the names mean something, otherwise by position
        by_name = can_match_by_name(self.names, names) and not exact
        # A key that few records have is a value, such as an address, unless it is a feature of the baseline
        counts = {name: count for name, count in self.counts_of_few.items() if name not in names}
        if by_name and counts:
            foreign_keys = _describe_foreign_keys(counts)
            log.warning("%s; no feature is made of it", foreign_keys)
            return replace(self.drop_features(counts), counts_of_few={}, foreign_keys=foreign_keys).match_with(names)
        if by_name or len(names) != len(self.names):
            self._warn_of_other_columns(names, by_name=by_name)
            if by_name:
                return replace(self, matched_by=self.matched_by or ColumnMatching.NAME)
            return self
        # Captures were matched when they were read
        if self.matched_by is not None:
            return self
        matched_dataset = self._rename_by_position(names)
        return replace(matched_dataset, matched_by=choose_matching(self.names, names))

    def _rename_by_position(self, names: Sequence[str]) -> Dataset:
        if set(names) <= set(self.names):
            return self
        name_pairs = [
            (name, baseline_name)
            for name, baseline_name in zip(self.names, names, strict=True)
            if name != baseline_name
        ]
        log.warning(
            "%d of %d columns are not called as in the baseline and are matched by position; the first is %r for %r",
            len(name_pairs),
            len(names),
            *name_pairs[0],
        )
        return replace(self, names=tuple(names))

    def _warn_of_other_columns(self, names: Sequence[str], *, by_name: bool) -> None:
        """Log which columns are missing in the data or in the baseline, if the columns have names."""
        own_names = {*self.names}
        baseline_names = {*names}
        new_columns = self.roles.list_new_columns(names) if self.roles else {}
        label = self.roles.label if self.roles else None
        new_names = [name for name in self.names if name not in baseline_names and name not in new_columns]
        absent_names = [name for name in names if name not in own_names and name != label]
        # If no name is in the baseline, the names mean nothing, and matching by position needs no warning
        if not (new_names or absent_names) or (len(new_names) == len(self.names) and not by_name):
            return
        log.warning(
            "%d columns, and %d in the baseline%s; not in the baseline: %s; not in the data: %s; "
            "leave out what the baseline left out, by --exclude-features-attribute",
            len(self.names),
            len(names),
            "" if by_name else ", so no other check is made",
            _format_names([name for name in new_names if name not in self.counts_of_few]),
            _format_names(absent_names),
        )

    def get_named_frame(self) -> DataFrame | None:
        """The frame with its feature names, for users' expressions; None for rows that are not in Spark."""
        try:
            frame = self.frame
        except NeedsSpark:
            return None
        return frame.toDF(*self.names, *frame.columns[len(self.names) :])

    def require_one_layout(self, rows: RowCounts) -> None:
        """Check that all files have one header, and that the input and output of each record have one encoding.

        Raises BadInput for the first file whose columns have other names or another order, since its cells would get into wrong
        features, and for the first record with two encodings. Starts at most one Spark job; reads the beginnings of files.
        """
        # Records with two encodings: the service fails on any such record; we fail if at least half of all records are
        mismatched = rows.count_refused(Refusal.ENCODING_MISMATCH)
        if mismatched and (self.one_encoding or 2 * mismatched >= rows.total):
            from spark_model_monitor.data.records.captured_payloads import describe_mismatch

            if not self.one_encoding:
                log.warning("requests and answers have different encodings; --set allow_mixed_encodings=yes reads both")
            raise BadInput(describe_mismatch(self._find_first_rejected(Refusal.ENCODING_MISMATCH, LINE)))
        if rows.count_refused(Refusal.COLUMNS_IN_ANOTHER_ORDER):
            file = self._find_first_rejected(Refusal.COLUMNS_IN_ANOTHER_ORDER, FILE)
            # The first file may itself have a data line that repeats the names in another order
            first = self.files[0].path
            is_first = file == format_uri(first)
            difference = "its header line has the columns"
            if is_first:
                difference = "a line has the cells of its first line"
            raise BadInput(
                f"{file or 'a file'}: {difference} in another order than {first}; write all files with the same order of "
                "columns, or --dataset-format csv-without-header if they have no header line"
            )

        # Fewer header lines than files: some file has no header line, or a different one
        if rows.count_refused(Refusal.REPEATED_HEADER) < self.header_lines:
            from spark_model_monitor.data.reading.csv_headers import require_one_header  # rarely needed

            require_one_header(self.engine.storage(self.listing.path), self.files, self.separator)

    def _find_first_rejected(self, reason: Refusal, column: str) -> str:
        schema = pa.schema([(PARTITION, pa.int32()), (column, pa.string())])
        batches = (
            self.table.add_partition_number()
            .map_batches(partial(_find_first_with_reason, int(reason), column), schema)
            .batches()
        )
        rows = [row for batch in batches for row in batch.to_pylist()]
        if rows:
            return str(min(rows, key=lambda row: row[PARTITION])[column])
        return ""

    def ledger(self, rows: RowCounts) -> Ledger:
        """The ledger of all records, from the counts of the scan. Reads nothing."""
        refused = {Refusal(number): count for number, count in enumerate(rows.refused, start=1) if count}
        if self.long_lines:
            refused[Refusal.TOO_LONG] = len(self.long_lines)
        if self.record_cells is not None:
            # Refused records have one row each, accepted records are counted by their first row
            accepted = rows.kept
            if rows.widths:
                # Short records that were not refused have missing values, as in the service
                accepted = dict(rows.widths).get(self.record_cells, 0)
                other_widths = sum(count for cells, count in rows.widths if cells != self.record_cells)
                accepted += max(0, other_widths - refused.get(Refusal.WRONG_NUMBER_OF_CELLS, 0))
            read = accepted + sum(refused.values()) + self.dropped_by_script
            return replace(self._build_ledger(rows, read, accepted, refused), rows=rows.kept)
        # The first header line of each file is not a record; further header lines are refused as repeated
        headers = min(refused.get(Refusal.REPEATED_HEADER, 0), self.header_lines)
        if headers:
            refused[Refusal.REPEATED_HEADER] -= headers
        if headers < self.header_lines:
            log.warning(
                "%d of %d files do not begin with the header line; all of their lines were read as data",
                self.header_lines - headers,
                self.header_lines,
            )
        # Excel's line with the separator isn't a record either
        headers += refused.get(Refusal.SEPARATOR_LINE, 0)
        read = rows.total - headers + self.dropped_by_script + len(self.long_lines)
        return self._build_ledger(rows, read, rows.kept, refused)

    def _build_ledger(self, rows: RowCounts, read: int, accepted: int, refused: Mapping[Refusal, int]) -> Ledger:
        return Ledger(
            self.listing.sources,
            read,
            accepted,
            self.dropped_by_script,
            {refusal.text: count for refusal, count in refused.items() if count and refusal.is_fault},
            outside_window=refused.get(Refusal.OUTSIDE_WINDOW, 0),
            sampled_out=refused.get(Refusal.SAMPLED_OUT, 0),
            without_data=refused.get(Refusal.WITHOUT_DATA, 0),
            not_in_log={reason.text: refused[reason] for reason in NOT_IN_LOG if refused.get(reason)},
            coverage=self.coverage,
            matched_by=self.matched_by,
            table=self.version,
            newest=convert_microseconds(rows.newest) if rows.newest else None,
        )

    def __enter__(self) -> Dataset:
        return self

    def __exit__(self, *_: object) -> None:
        """Release the memory or temporary folder that reading took."""
        # A data set may be left several times; releasing twice does no harm
        if self.persisted is not None:
            self.persisted.release()
        if self.folder is not None:
            self.folder.delete()
        if self.listing.request_log is not None:
            self.listing.request_log.temporary_folder.delete()


def require_columns(names: Sequence[str]) -> None:
    """Raises BadInput if there are no columns, or several with the same name, which a baseline couldn't distinguish."""
    if not names:
        raise BadInput("the table has no columns, so there is nothing to monitor; pass one that has")
    first_positions: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if first_positions.setdefault(name, position) < position:
            raise BadInput(
                f"columns {first_positions[name]} and {position} of the table are both called {name!r}; rename one of them"
            )


def require_group_column(name: str | None, names: Sequence[str]) -> None:
    """Raises BadConfiguration, with the existing columns, for a group column that isn't among them. name: None without one."""
    if name is not None and name not in names:
        raise BadConfiguration(f"--group-column: {name!r} is no column; they are {', '.join(names[:20])}")


def _reread_without(reread: Callable[[int], Dataset], left_out: Collection[str], cells: int) -> Dataset:
    """The records read with another number of cells, without the features `left_out` if the features' names are known."""
    # The records may have other features now: leave out only the features that the user left out
    dataset = reread(cells)
    if dataset.matched_by is None:
        return dataset
    return dataset.drop_features(left_out)


def _find_first_with_reason(reason: int, column: str, batches: Batches) -> Batches:
    """The value of a column in the first row of a partition that is refused for this reason."""
    for batch in batches:
        refused = batch.filter(pc.equal(batch.column(REASON), reason))
        if refused.num_rows:
            yield refused.slice(0, 1).select([PARTITION, column])
            return


def _describe_foreign_keys(counts: Mapping[str, int]) -> str:
    """A sentence that says how many records have these keys, without naming the keys. counts: the number of records by key."""
    records = max(counts.values())
    if len(counts) > 1:
        return f"{len(counts):,} keys that the baseline lacks are in few records, each in {records:,} at most"
    if records == 1:
        return "1 record has a key that the baseline lacks"
    return f"{records:,} records have a key that the baseline lacks"


def _format_names(names: Sequence[str]) -> str:
    """The first names and the number of further names; "none" without names."""
    return list_names(names, MAX_LISTED_NAMES) or "none"


@value_class
class DecodedLines:
    """Lines and how to decode them."""

    lines: Lines
    decoding: Decoding

    @classmethod
    def of(cls, lines: Lines, decoder: Decoder) -> DecodedLines:
        """The lines with all features of a decoder."""
        return cls(lines, Decoding(decoder, tuple(range(decoder.features))))

    @property
    def engine(self) -> Engine:
        """The engine that reads the lines."""
        return self.lines.engine

    @property
    def raw(self) -> Partitions:
        """The columns of the lines that the decoder needs."""
        return self.lines.partitions(*self.decoding.decoder.inputs)

    @property
    def raw_with_files(self) -> Partitions:
        """`raw` with FILE_KEY and BLOCK_START of each line, which tell the order of the lines of several files."""
        return self.lines.partitions(*dict.fromkeys((*self.decoding.decoder.inputs, FILE_KEY, BLOCK_START)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the decoded rows."""
        return tuple(self._schema.names)

    @property
    def rows(self) -> Partitions:
        """The features c0, c1, …, REASON, CELLS if the decoder counts them, and the locations."""
        # Every row gets its location; a decoder may read these columns, too
        line_columns = dict.fromkeys((*LOCATION_COLUMNS, *self.decoding.decoder.inputs))
        return self.lines.partitions(*line_columns).map_batches(self.decoding.decode_with_locations, self._schema)

    @property
    def _schema(self) -> pa.Schema:
        features = [pa.field(f"c{position}", pa.string()) for position in range(len(self.decoding.feature_indices))]
        row_columns = [REASON]
        if self.decoding.decoder.counts_cells:
            row_columns.append(CELLS)
        return pa.schema([*features, *(pa.field(name, pa.int32()) for name in row_columns), *LOCATION_FIELDS])

    def select_features(self, positions: Sequence[int]) -> DecodedLines:
        """The same lines with some of the features."""
        selected = tuple(self.decoding.feature_indices[position] for position in positions)
        return DecodedLines(self.lines, Decoding(self.decoding.decoder, selected))


def report_spellings(spellings: Mapping[str, str]) -> None:
    """Warn of misspelt names. spellings: the baseline's name by the misspelt name."""
    log.warning(
        "columns are named as in the baseline but for %s, and are compared: %s; write the baseline's names",
        describe_difference(spellings),
        _format_names([f"{name!r} for {baseline_name!r}" for name, baseline_name in spellings.items()]),
    )
