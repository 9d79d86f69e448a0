"""Text files as frames of lines with their locations.

Text is first read as lines, before anything is parsed: the quarantine stores the raw line, scripts get it, and its encoding is
checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyspark.sql.functions as F
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession, Window

from spark_model_monitor.data.engine.engine_protocol import LINE_KEY
from spark_model_monitor.data.engine.partitions import MAX_RECORD_SIZE, parse_size
from spark_model_monitor.data.records.locations import (
    BLOCK_START,
    FILE,
    FILE_KEY,
    LINE,
    LOCATION_COLUMNS,
    MAX_RECORD_BYTES,
    FilesByKey,
)
from spark_model_monitor.errors import BadInput
from spark_model_monitor.spark.storage import is_connect
from spark_model_monitor.value_class import value_class

HADOOP_MAX_LINE_SETTING = "mapreduce.input.linerecordreader.line.maxlength"
"""The setting for the longest line that Hadoop's reader buffers; it skips longer lines without a warning."""

LINE_END_BYTES = 8  # more bytes than a line's end and a byte order mark, which Hadoop counts as bytes of the line


@value_class
class TextLines:
    """Lines of text files, as frames with only the requested columns: Spark doesn't read locations that aren't needed.

    text: the frame that Spark's reader returns.
    with_blank: whether blank lines are included.
    in_order: whether the lines are in one partition, sorted by path and offset. This needs a shuffle unless there is only one
        partition. Otherwise partitions depend only on the files.
    max_bytes: longer lines are left out; 0: no lines are left out.
    """

    text: DataFrame
    in_order: bool = False
    with_blank: bool = False
    max_bytes: int = 0

    def of(self, *names: str) -> DataFrame:
        """The lines with these columns. names: from `PLACES`, FILE_KEY and LINE_KEY."""
        selected_names = (*names, *(name for name in (FILE, BLOCK_START) if self.in_order and name not in names))
        text = self.text
        # A longer line may be a whole file without line ends, which is too much for a worker's memory
        if self.max_bytes:
            text = text.where(F.octet_length("value") <= self.max_bytes)
        lines = text.select([_select_column(name).alias(name) for name in selected_names])
        # A blank line is no record in any of the formats
        if not self.with_blank:
            lines = lines.where(F.trim(LINE) != "")
        if self.in_order:
            return sort_by_file(lines).select(*names)
        return lines

    def files_by_key(self) -> FilesByKey:
        """The files by their FILE_KEY."""
        if is_connect(self.text):
            return FilesByKey.of(self.text.inputFiles())
        spark: Any = self.text.sparkSession
        join_texts = spark._jvm.org.apache.hadoop.util.StringUtils.join  # one call instead of one for each file
        listed = join_texts("\n", self.text._jdf.inputFiles())
        return FilesByKey.of(listed.split("\n") if listed else [])


def _select_column(name: str) -> Column:
    if name == FILE_KEY:
        return F.xxhash64(F.input_file_name())
    if name == BLOCK_START:  # `_metadata.file_block_start` would make Spark compute all of `_metadata`
        return F.call_function("input_file_block_start")
    if name == LINE_KEY:
        return F.xxhash64("value")
    return F.col({LINE: "value", FILE: "_metadata.file_path"}[name])


def read_text_lines(
    spark: SparkSession,
    path: str | Sequence[str],
    *,
    in_order: bool = False,
    with_blank: bool = False,
    whole_files: bool = False,
) -> TextLines:
    """The lines of the files at or below one path or several, except lines that are too long. Starts no Spark job."""
    reader = spark.read.option("recursiveFileLookup", "true").options(**limit_line_length(spark))
    paths = [path] if isinstance(path, str) else path
    text = reader.text([escape_globs(folder) for folder in paths], wholetext=whole_files)
    return TextLines(text, in_order, with_blank, 0 if whole_files else get_max_record_bytes(spark))


def require_file_column(spark: SparkSession, paths: Sequence[str]) -> None:
    """Raises BadInput if the server doesn't know the file of a row, like Sail's server, because text can't be read without it."""
    if not is_connect(spark):
        return
    try:
        _ = spark.read.text([escape_globs(path) for path in paths]).select("_metadata.file_path").columns
    except AnalysisException as fault:
        if "_metadata" not in str(fault):
            raise
        raise BadInput(
            f"{paths[0]}: this server of Spark Connect doesn't say which file a row is from, so CSV, JSON and captures can't "
            "be read through it; write --engine local, in Python engine='local', or pass a frame of the session"
        ) from None


def get_max_record_bytes(spark: SparkSession) -> int:
    """The maximum number of bytes in an accepted line."""
    return int(spark.conf.get(MAX_RECORD_SIZE, None) or MAX_RECORD_BYTES)


def limit_line_length(spark: SparkSession) -> dict[str, str]:
    """Options of Spark's line readers that keep them from buffering a line of unbounded length.

    If a line extends beyond a partition and Hadoop's limit lies within that partition, Hadoop takes the rest of the line for
    another line. Therefore Hadoop's limit is larger than a partition, and `TextLines` leaves out lines that are longer than its
    own limit.
    """
    partition_bytes = parse_size(spark.conf.get("spark.sql.files.maxPartitionBytes"))
    return {
        HADOOP_MAX_LINE_SETTING: str(min(max(get_max_record_bytes(spark), partition_bytes) + LINE_END_BYTES, 2**31 - 1))
    }


def read_lines(spark: SparkSession, path: str | Sequence[str], *, with_blank: bool = False) -> DataFrame:
    """The lines of the files at or below one path or several, with their locations. Starts no Spark job."""
    return read_text_lines(spark, path, with_blank=with_blank).of(*LOCATION_COLUMNS)


def add_file_columns(frame: DataFrame) -> DataFrame:
    """A frame of files with two more columns at the end: `FILE` and `BLOCK_START` of each row."""
    return frame.select(
        "*", F.col("_metadata.file_path").alias(FILE), F.col("_metadata.file_block_start").alias(BLOCK_START)
    )


def sort_by_file(frame: DataFrame) -> DataFrame:
    """All rows in one partition, sorted by file and by offset in the file.

    `coalesce` alone would order the splits by size: five files came out as 05, 02, 04, 01, 03 (P2).
    """
    # Lines have no offset of their own; this number grows within a split in the order of its lines
    row_order = "__place"
    ordered = frame.withColumn(row_order, F.monotonically_increasing_id())
    return ordered.repartition(1).sortWithinPartitions(FILE, BLOCK_START, row_order).drop(row_order)


def number_lines(lines: DataFrame, files: list[str], column_name: str) -> DataFrame:
    """The lines of some files with their line number, from 1. column_name: the name of the new column."""
    window = Window.partitionBy(FILE).orderBy(BLOCK_START, F.monotonically_increasing_id())
    return lines.where(F.col(FILE).isin(files)).withColumn(column_name, F.row_number().over(window))


def is_utf_8(line: Column) -> Column:
    """Whether the bytes of a line are UTF-8. Spark's readers accept any bytes."""
    raw = line.cast("binary")
    return F.encode(raw.cast("string"), "UTF-8") == raw  # Spark 4's decode raises if bytes aren't UTF-8


def escape_globs(path: str) -> str:
    """The path with `[`, `{`, `*` and `?` escaped, because Spark would read them as patterns."""
    return "".join(f"\\{letter}" if letter in "[]{}*?\\" else letter for letter in path)
