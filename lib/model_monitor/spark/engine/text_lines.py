"""Text files as frames of lines that know where they stand, and JSON as typed columns.

Text is read as lines first: the raw line is what the quarantine keeps, what scripts get, and what is checked for its encoding
before anything is parsed. The schema of JSON is Spark's inference over all lines, one pass of its own: a key that only occurs in
the last record is a feature, too. Then every line has to be one object and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyspark.sql.functions as F
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, DataFrameReader, Row, SparkSession, Window
from pyspark.sql import types as T

from model_monitor.data.engine.partitions import MAX_RECORD_SIZE, bytes_of
from model_monitor.data.engine.protocol import LINE_KEY
from model_monitor.data.records.json_lines import nested_object, with_keys_once
from model_monitor.data.records.locations import BLOCK_START, FILE, FILE_KEY, LINE, MAX_RECORD_BYTES, PLACES, FilesByKey
from model_monitor.data.records.refusals import REASON, Refusal
from model_monitor.errors import BadInput
from model_monitor.spark.engine.application import CASE_SENSITIVE, json_of_texts, send_package
from model_monitor.spark.storage import is_connect

HADOOP_MAX_LINE = "mapreduce.input.linerecordreader.line.maxlength"
"""Hadoop's reader passes over longer lines; it holds so much of one, and says nothing."""

LINE_END_BYTES = 8  # more than a line's end and a byte order mark, which Hadoop counts as its bytes


@dataclass(frozen=True)
class TextLines:
    """Lines, as frames of those columns that are asked for: Spark reads no place that nobody wants to know.

    text: their frame, as Spark's reader gives it. with_blank: blank lines, too, which are left out otherwise.
    in_order: one partition, sorted by path and place, which costs a shuffle unless there is a single partition anyway;
    without it partitions depend on the files alone. max_bytes: longer lines are left out; 0 for none.
    """

    text: DataFrame
    in_order: bool = False
    with_blank: bool = False
    max_bytes: int = 0

    def of(self, *names: str) -> DataFrame:
        """The lines with these columns: of `PLACES`, FILE_KEY and LINE_KEY."""
        wanted = (*names, *(name for name in (FILE, BLOCK_START) if self.in_order and name not in names))
        text = self.text.where(F.octet_length("value") <= self.max_bytes) if self.max_bytes else self.text
        lines = text.select([_column(name).alias(name) for name in wanted])
        if not self.with_blank:
            lines = lines.where(F.trim(LINE) != "")
        return in_file_order(lines).select(*names) if self.in_order else lines

    def files_by_key(self) -> FilesByKey:
        """The files by their FILE_KEY."""
        if is_connect(self.text):
            return FilesByKey.of(self.text.inputFiles())
        spark: Any = self.text.sparkSession
        joined = spark._jvm.org.apache.hadoop.util.StringUtils.join  # in one call, and not in one for each file
        listed = joined("\n", self.text._jdf.inputFiles())
        return FilesByKey.of(listed.split("\n") if listed else [])


def _column(name: str) -> Column:
    if name == FILE_KEY:
        return file_key()
    if name == BLOCK_START:  # for `_metadata.file_block_start` Spark would make all of `_metadata`
        return F.call_function("input_file_block_start")
    if name == LINE_KEY:
        return F.xxhash64("value")
    return F.col({LINE: "value", FILE: "_metadata.file_path"}[name])


def file_key() -> Column:
    """The `FILE_KEY` of a row that comes straight from Spark's reader."""
    return F.xxhash64(F.input_file_name())


def text_lines(
    spark: SparkSession,
    path: str | Sequence[str],
    *,
    in_order: bool = False,
    with_blank: bool = False,
    whole_files: bool = False,
) -> TextLines:
    """The lines of the files at or below `path`, or several of them, without those that are too long. Starts no Spark job."""
    reader = spark.read.option("recursiveFileLookup", "true").options(**bounded_lines(spark))
    paths = [path] if isinstance(path, str) else path
    text = reader.text([without_globs(folder) for folder in paths], wholetext=whole_files)
    return TextLines(text, in_order, with_blank, 0 if whole_files else max_record_bytes(spark))


def require_places(spark: SparkSession, paths: Sequence[str]) -> None:
    """Raises BadInput if the session's server doesn't say which file a row is from, as Sail's: no text is read without that."""
    if not is_connect(spark):
        return
    try:
        _ = spark.read.text([without_globs(path) for path in paths]).select("_metadata.file_path").columns
    except AnalysisException as fault:
        if "_metadata" not in str(fault):
            raise
        raise BadInput(
            f"{paths[0]}: this server of Spark Connect doesn't say which file a row is from, so CSV, JSON and captures can't "
            "be read through it; write --engine local, in Python engine='local', or pass a frame of the session"
        ) from None


def max_record_bytes(spark: SparkSession) -> int:
    """The bytes of the longest line that is taken."""
    return int(spark.conf.get(MAX_RECORD_SIZE, None) or MAX_RECORD_BYTES)


def bounded_lines(spark: SparkSession) -> dict[str, str]:
    """Options of Spark's readers of lines that keep them from holding one whose length nothing bounds.

    Where a line reaches over the end of a partition and the limit within it, Hadoop takes the rest of the line for a line of
    its own; so Hadoop's limit is above a partition's bytes, and `TextLines` leaves out what is between the two.
    """
    partition_bytes = bytes_of(spark.conf.get("spark.sql.files.maxPartitionBytes"))
    return {HADOOP_MAX_LINE: str(min(max(max_record_bytes(spark), partition_bytes) + LINE_END_BYTES, 2**31 - 1))}


def read_lines(
    spark: SparkSession, path: str | Sequence[str], *, in_order: bool = False, with_blank: bool = False
) -> DataFrame:
    """The same with their places. Starts no Spark job."""
    return text_lines(spark, path, in_order=in_order, with_blank=with_blank).of(*PLACES)


def with_places(frame: DataFrame) -> DataFrame:
    """A frame of files with `FILE` and `BLOCK_START` of each row behind its columns."""
    return frame.select(
        "*", F.col("_metadata.file_path").alias(FILE), F.col("_metadata.file_block_start").alias(BLOCK_START)
    )


def in_file_order(frame: DataFrame) -> DataFrame:
    """All rows in one partition: by file, by place in it.

    A coalesce alone gives the splits by size: five files came out 05, 02, 04, 01, 03 (P2).
    """
    place = "__place"
    ordered = frame.withColumn(place, F.monotonically_increasing_id())
    return ordered.repartition(1).sortWithinPartitions(FILE, BLOCK_START, place).drop(place)


def numbered(lines: DataFrame, files: list[str], number: str) -> DataFrame:
    """The lines of some files with their number, from 1, in a column called `number`."""
    place = Window.partitionBy(FILE).orderBy(BLOCK_START, F.monotonically_increasing_id())
    return lines.where(F.col(FILE).isin(files)).withColumn(number, F.row_number().over(place))


def is_utf_8(line: Column) -> Column:
    """Whether the bytes of a line are UTF-8; Spark's readers keep whatever bytes there were."""
    raw = line.cast("binary")
    return F.encode(raw.cast("string"), "UTF-8") == raw  # Spark 4's decode raises on other bytes


def without_globs(path: str) -> str:
    """`path` taken word for word by Spark, which would read `[`, `{`, `*` and `?` as patterns."""
    return "".join(f"\\{letter}" if letter in "[]{}*?\\" else letter for letter in path)


CORRUPT = "__corrupt"

OBJECT_AND_NULL = 2  # elements of the array that a good line becomes

OPTIONS = {"allowSingleQuotes": "false", "columnNameOfCorruptRecord": CORRUPT, "mode": "PERMISSIVE"}

DEEPEST = 100
"""Objects and arrays inside each other that a record may have: Spark's inference of a schema calls itself for each."""


def read_json(
    spark: SparkSession, places: Sequence[str], *, lines: bool, flatten: bool, in_order: bool
) -> tuple[DataFrame, tuple[str, ...]]:
    """The objects at or below the places as columns c0, c1, …, and what these are called, as `Engine.json` has it."""
    if not lines:
        documents = read_documents(spark, places)
        names = tuple(documents.columns[:-2])
        by_position = documents.toDF(*[f"c{position}" for position in range(len(names))], FILE, BLOCK_START)
        frame, names = flattened(by_position, names, allow=flatten, where=places[0])
        return (in_file_order(frame) if in_order else frame).drop(FILE, BLOCK_START), names
    schema = inferred_schema(spark, places, lines=True)
    frame = parsed_json(read_lines(spark, places, in_order=in_order), schema)
    return flattened(frame, tuple(schema.fieldNames()), allow=flatten, where=places[0])


def inferred_schema(spark: SparkSession, places: Sequence[str], *, lines: bool) -> T.StructType:
    """The features that occur anywhere at or below the places, in the order of their names. One Spark job.

    Keys that differ by case are several features. If an object has a key twice a second job infers the schema of objects
    with the last of each, which is the one that counts.
    Raises BadInput if nothing there is a JSON object.
    """
    paths = [without_globs(place) for place in places]
    with _keys_by_case(spark):
        try:
            schema = _reader(spark, lines=lines).json(paths).schema
        except AnalysisException as fault:
            if "COLUMN_ALREADY_EXISTS" not in str(fault):
                raise
            reader = spark.read.options(**bounded_lines(spark))
            texts = reader.text(paths, wholetext=not lines, recursiveFileLookup=True)
            send_package(spark)
            once = texts.mapInArrow(with_keys_once, "value string")
            schema = json_of_texts(once, {**OPTIONS, **_deepest(lines=lines)}).schema
    features = T.StructType([field for field in schema.fields if field.name != CORRUPT])
    if not features:
        raise BadInput(
            f"{places[0]}: no JSON object was found; --dataset-format jsonl wants one object a line, "
            'like {"age": 31, "plan": "basic"}, and json one object or array a file'
        )
    return features


def parsed_json(lines: DataFrame, schema: T.StructType) -> DataFrame:
    """`lines` with the schema's columns renamed c0, c1, … in front and the reason for refusing the line."""
    # In brackets and with a null behind it, because Spark parses the first value of a text and forgets what comes after it.
    options = {**OPTIONS, **_as_deep_as(DEEPEST + 1)}
    array = F.from_json(F.concat(F.lit("["), F.col(LINE), F.lit(",null]")), T.ArrayType(schema), options)
    apart = _told_apart(schema)
    if apart is not schema:
        array = array.cast(T.ArrayType(apart))
    barrier = F.inline(F.array(F.struct(array.alias("__objects"))))
    parsed = lines.select("*", barrier)
    objects = F.col("__objects")
    first = F.get(objects, F.lit(0))
    features = [first.getField(name).alias(f"c{position}") for position, name in enumerate(apart.fieldNames())]
    return parsed.select(*features, _reason(objects, first).alias(REASON), *lines.columns)


def _reason(objects: Column, first: Column) -> Column:
    return (
        F.when(~is_utf_8(F.col(LINE)), Refusal.NOT_UTF_8)
        .when(F.size(objects) > OBJECT_AND_NULL, Refusal.SEVERAL_JSON_OBJECTS)
        .when((F.size(objects) != OBJECT_AND_NULL) | first.isNull(), Refusal.NOT_A_JSON_OBJECT)
        .otherwise(0)
    )


def read_documents(spark: SparkSession, places: Sequence[str]) -> DataFrame:
    """The objects of whole-file JSON documents (an object or an array of objects each), one row each, with their places.

    Raises BadInput if a file is not JSON, since a whole file's fault is not a row's, or if keys differ by case only, which
    Spark's reader of documents can't tell apart.
    """
    schema = inferred_schema(spark, places, lines=False)
    if _differ_by_case_only(schema.fieldNames()) and spark.conf.get(CASE_SENSITIVE) != "true":
        raise BadInput(
            f"{places[0]}: two keys differ by case only; start the job with --conf {CASE_SENSITIVE}=true, or write one "
            "object a line and --dataset-format jsonl"
        )
    with_corrupt = T.StructType([*schema.fields, T.StructField(CORRUPT, T.StringType())])
    frame = _reader(spark, lines=False).schema(with_corrupt).json([without_globs(place) for place in places])
    frame = with_places(frame)
    # all columns, because Spark refuses to parse for the corrupt record alone
    broken = frame.where(F.col(CORRUPT).isNotNull()).limit(1).collect() or _with_more_behind(spark, places)
    if broken:
        raise BadInput(
            f"{broken[0][FILE]}: is not one JSON document (an object or an array of objects); is it JSON Lines?"
        )
    return frame.drop(CORRUPT)


def _with_more_behind(spark: SparkSession, places: Sequence[str]) -> list[Row]:
    """A file with text behind its document, of which Spark's reader of documents says nothing; empty if there is none."""
    paths = [without_globs(place) for place in places]
    texts = with_places(spark.read.text(paths, wholetext=True, recursiveFileLookup=True))
    document = F.regexp_replace("value", "^\ufeff", "")
    values = F.json_array_length(F.concat(F.lit("["), document, F.lit(",null]")))
    return texts.where(F.col("value").rlike(r"\S") & ~values.eqNullSafe(OBJECT_AND_NULL)).limit(1).collect()


def _reader(spark: SparkSession, *, lines: bool) -> DataFrameReader:
    bounded = bounded_lines(spark) if lines else {}
    options = {**OPTIONS, **_deepest(lines=lines), **bounded}
    return spark.read.options(**options, recursiveFileLookup=True, multiLine=not lines)


def _deepest(*, lines: bool) -> dict[str, str]:
    return _as_deep_as(DEEPEST if lines else DEEPEST + 1)  # a document may be an array of records


def _as_deep_as(levels: int) -> dict[str, str]:
    return {"maxNestingDepth": str(levels)}


@contextmanager
def _keys_by_case(spark: SparkSession) -> Iterator[None]:
    """While this is open Spark takes `Age` and `age` for two columns, where it looks for columns in objects."""
    before = spark.conf.get(CASE_SENSITIVE)
    spark.conf.set(CASE_SENSITIVE, "true")
    try:
        yield
    finally:
        spark.conf.set(CASE_SENSITIVE, str(before))


def _differ_by_case_only(names: Sequence[str]) -> bool:
    return len({name.lower() for name in names}) < len(set(names))


def _told_apart(fields: T.StructType) -> T.StructType:
    """The same, called by their positions where names differ by case only: Spark can tell them apart by position alone."""
    if not _differ_by_case_only(fields.fieldNames()):
        return fields
    return T.StructType([T.StructField(f"c{position}", field.dataType) for position, field in enumerate(fields)])


def flattened(
    frame: DataFrame, names: tuple[str, ...], *, allow: bool, where: str
) -> tuple[DataFrame, tuple[str, ...]]:
    """`frame` with the members of nested objects as columns of their own, called `outer.inner`, if that is allowed.

    The frame's first columns are the features in order of `names`; others stay.
    Raises BadInput for a nested object if it isn't (C11.18).
    """
    features: list[Column] = []
    flat_names: list[str] = []
    for name, field in zip(names, frame.schema.fields, strict=False):
        for column, path in _leaves(F.col(f"`{field.name}`"), field.dataType, name):
            features.append(column.alias(f"c{len(features)}"))
            flat_names.append(path)
    if len(features) == len(names) and tuple(flat_names) == names:
        return frame, names
    if not allow:
        nested = next(
            name
            for name, field in zip(names, frame.schema.fields, strict=False)
            if isinstance(field.dataType, T.StructType)
        )
        raise BadInput(nested_object(nested, where))
    rest = [F.col(f"`{name}`") for name in frame.columns[len(names) :]]
    return frame.select(*features, *rest), tuple(flat_names)


def _leaves(value: Column, data_type: T.DataType, name: str) -> Iterator[tuple[Column, str]]:
    if not isinstance(data_type, T.StructType):
        yield value, name
        return
    apart = _told_apart(data_type)
    members = value if apart is data_type else value.cast(apart)
    for field, called in zip(data_type, apart.fieldNames(), strict=True):
        yield from _leaves(members.getField(called), field.dataType, f"{name}.{field.name}")
