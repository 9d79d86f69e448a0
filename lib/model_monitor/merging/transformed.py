"""Outputs of batch transforms as rows that can be joined, in the shape of a captured record.

CSV is taken apart by Spark; JSON by `transform_lines` on the executors, a line or a file at a time.
Source: C3.2, C6.3: the merged record has the id as its `eventId`, and no time.
"""

from __future__ import annotations

from collections.abc import Collection

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, SparkSession

from model_monitor.engine.text_lines import file_key, is_utf_8, without_globs
from model_monitor.merging.captured import EVENT, KEY, TIME, WRITTEN, microseconds, placed_records
from model_monitor.merging.scores import Score, no_score
from model_monitor.merging.sources import HourlyFile, HourlySource, ddl_of
from model_monitor.merging.transform_lines import SCHEMA, split_outputs
from model_monitor.reading.formats import CsvFormat, JsonFormat
from model_monitor.reading.heads import head_of
from model_monitor.reading.times import written_time
from model_monitor.reading.transforms import named_files
from model_monitor.records.decoding import CSV, JSON
from model_monitor.records.places import FILE_KEY, LINE
from model_monitor.records.refusals import Refusal
from model_monitor.storage import storage_of

DATA, IS_JSON = "__data", "__is_json"

LAST_TWO_CELLS = r'^(.*?),\s*"?([^",]+)"?\s*,\s*"?([^",]+)"?\s*$'


def outputs_of_manifests(spark: SparkSession, source: HourlySource) -> HourlySource:
    """The files that the listed manifests name, in the hours of the manifests, beside those that are no manifests.

    Raises BadInput for a manifest that can't be read or that names an absent file.
    """
    named = named_files(spark, [file.file for file in source.files])
    if not named:
        return source
    files = {
        inner: HourlyFile(inner, file.branch, file.hour)
        for file in source.files
        for inner in named.get(file.file, (file.file,))
    }
    ordered = tuple(sorted(files.values(), key=lambda file: file.order))
    return HourlySource(source.path, ordered, tuple(file.file.path for file in ordered))


def transformed_records(
    spark: SparkSession,
    source: HourlySource,
    dataset_format: CsvFormat | JsonFormat,
    *,
    hours: Collection[int] | None,
    score: Score | None = None,
) -> DataFrame:
    """One row with `captured.COLUMNS` for each output: a line, or a file of `json`. Starts no Spark job.

    hours: those that are wanted of outputs that lie in no hour's folder. score: where in the output the score is.
    """
    if isinstance(dataset_format, CsvFormat):
        outputs, encoding = _of_csv(spark, source, dataset_format), CSV
    else:
        outputs, encoding = _of_json(spark, source, dataset_format), JSON
    fault = (
        F.when(~is_utf_8(F.col(LINE)), Refusal.NOT_UTF_8)
        .when(~F.col(IS_JSON), Refusal.NOT_A_JSON_OBJECT)
        .when(F.col(KEY).isNull(), Refusal.NO_ID)
        .otherwise(0)
    )
    text = no_score() if score is None else score.of_reply(F.col(DATA), F.lit(encoding))
    told = outputs.withColumns({EVENT: F.col(KEY), TIME: microseconds(F.col(WRITTEN))})
    return placed_records(told, fault, _opened(encoding), text, hours)


def _of_csv(spark: SparkSession, source: HourlySource, dataset_format: CsvFormat) -> DataFrame:
    lines = source.placed(source.lines(spark))
    if dataset_format.header:
        head = head_of(storage_of(source.path, spark), source.files[0].file)
        lines = lines.where(F.col(LINE) != head.decode("utf-8", "replace").splitlines()[0])
    cells = [F.regexp_extract(LINE, LAST_TWO_CELLS, group) for group in (1, 2, 3)]
    written = F.nullif(F.trim(cells[2]), F.lit(""))
    # without a time in the last cell the two are cells of the model's own
    key = F.when(written_time(written).isNotNull(), F.nullif(F.trim(cells[1]), F.lit("")))
    taken = F.struct(key.alias(KEY), written.alias(WRITTEN), cells[0].alias(DATA), F.lit(True).alias(IS_JSON))
    return lines.select("*", F.inline(F.array(taken)))


def _of_json(spark: SparkSession, source: HourlySource, dataset_format: JsonFormat) -> DataFrame:
    texts = source.lines(spark) if dataset_format.lines else _documents(spark, source)
    return source.placed(texts.mapInArrow(split_outputs, f"{SCHEMA}, {ddl_of(texts)}"))


def _documents(spark: SparkSession, source: HourlySource) -> DataFrame:
    """Each file as one line."""
    reader = spark.read.option("recursiveFileLookup", "true")
    documents = reader.text([without_globs(place) for place in source.places], wholetext=True)
    return documents.select(F.col("value").alias(LINE), file_key().alias(FILE_KEY))


def _opened(encoding: str) -> Column:
    """The captured record that an output is, without the brace that closes it."""
    half = F.struct(F.col(DATA).alias("data"), F.lit(encoding).alias("encoding"))
    record = F.struct(
        F.lit("0").alias("eventVersion"),
        F.struct(half.alias("batchTransformOutput")).alias("captureData"),
        F.struct(F.col(KEY).alias("eventId")).alias("eventMetadata"),
    )
    text = F.to_json(record)
    return F.substr(text.cast("binary"), F.lit(1), F.octet_length(text) - 1).cast("string")
