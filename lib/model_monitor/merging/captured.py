"""Captured records as rows that can be joined: the id, the hour, and the record itself as it was captured.

The record is not taken apart and put together again: the ground truth is put behind its last member, so that nothing of it
is lost or written in another way. Only what it is joined and ordered by is looked for: by executors in lines that are alike, by
Spark's parser in all others.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, SparkSession

from model_monitor.engine.text_lines import is_utf_8
from model_monitor.engine.worker import in_worker
from model_monitor.merging.hours import SECONDS
from model_monitor.merging.plain_lines import (
    DATA,
    ENCODING,
    EVENT_ID,
    INFERENCE_ID,
    INFERENCE_TIME,
    OPENED,
    TIMESTAMP,
    PlainLines,
    plain_captures,
)
from model_monitor.merging.scores import Score, no_score
from model_monitor.merging.sources import BRANCH, HOUR, RANK, HourlySource, ddl_of
from model_monitor.reading.times import written_time
from model_monitor.records.places import LINE
from model_monitor.records.refusals import REASON, Refusal
from model_monitor.records.request_metadata import MEMBER

KEY, TIME, EVENT, SCORE = "__key", "__time", "__event", "__score"
"""Of a record: the id that it is joined by, null if it is refused; the microseconds of its time since 1970; its own id;
the text of its score, null unless asked for."""

COLUMNS = (KEY, BRANCH, HOUR, TIME, EVENT, OPENED, SCORE, REASON, RANK, LINE)

RECORD, COMPLETE, MALFORMED, WRITTEN = "__record", "__complete", "__malformed", "__written"
OPTIONS = {"allowSingleQuotes": "false", "columnNameOfCorruptRecord": MALFORMED, "mode": "PERMISSIVE"}
MARK = f',"{COMPLETE}":1}}'
MICROSECONDS = 1_000_000


def captured_records(
    spark: SparkSession, source: HourlySource, *, hours: Collection[int] | None, score: Score | None = None
) -> DataFrame:
    """One row with `COLUMNS` for each line of captured requests. Starts no Spark job.

    hours: those that are wanted of records that lie in no hour's folder. score: where in the reply the score is.
    """
    output = f"endpointOutput:struct<{'data:string,' if score else ''}encoding:string>"
    members = (
        f"captureData struct<{output}>, eventMetadata struct<eventId:string,inferenceId:string,inferenceTime:string>"
    )
    told = source.placed(cut_plain(source.lines(spark), plain_captures(with_data=score is not None)))
    is_plain = F.col(LINE).isNull()
    whole = told.withColumn(OPENED, F.coalesce(F.col(OPENED), opened(F.col(LINE))))
    parsed = whole.withColumn(RECORD, F.when(~is_plain, parsed_object(F.col(OPENED), members)))
    event, output_half = f"{RECORD}.eventMetadata", F.col(f"{RECORD}.captureData.endpointOutput")
    told = parsed.withColumns(
        {
            EVENT: F.nullif(F.coalesce(EVENT_ID, f"{event}.eventId"), F.lit("")),
            KEY: F.nullif(F.coalesce(INFERENCE_ID, f"{event}.inferenceId"), F.lit("")),
            WRITTEN: F.coalesce(INFERENCE_TIME, f"{event}.inferenceTime"),
        }
    )
    keyed = told.withColumn(KEY, F.coalesce(KEY, EVENT))
    fault = (
        F.when(is_plain, 0)
        .when(~is_utf_8(F.col(OPENED)), Refusal.NOT_UTF_8)
        .when(F.trim(OPENED) == "{", Refusal.NOT_A_CAPTURE)
        .when(~is_object(F.col(RECORD), F.col(OPENED)), Refusal.NOT_A_JSON_OBJECT)
        .when(is_malformed(F.col(RECORD)) | F.col(f"{RECORD}.captureData").isNull(), Refusal.NOT_A_CAPTURE)
        .when(F.col(KEY).isNull(), Refusal.NO_ID)
        .when(output_half.isNull() & _is_without_data(), Refusal.WITHOUT_DATA)
        .otherwise(0)
    )
    text = no_score()
    if score:
        data = F.coalesce(F.col(DATA), output_half.getField("data"))
        text = score.of_reply(data, F.coalesce(F.col(ENCODING), output_half.getField("encoding")))
    time = F.coalesce(F.col(TIMESTAMP), microseconds(F.col(WRITTEN)))
    return placed_records(keyed.withColumn(TIME, time), fault, F.col(OPENED), text, hours)


def cut_plain(lines: DataFrame, plain: PlainLines) -> DataFrame:
    """The lines with what was found of the plain ones, whose `LINE` is null, in front."""
    return lines.mapInArrow(partial(in_worker, plain), f"{plain.ddl}, {ddl_of(lines)}")


def placed_records(
    told: DataFrame, fault: Column, opened: Column, score: Column, hours: Collection[int] | None
) -> DataFrame:
    """Records with `KEY`, `EVENT` and `TIME` as rows with `COLUMNS`, each in the hour of its folder, else of its time.

    fault: the reason for refusing one, 0 if there is none.
    """
    own = F.floor(F.col(TIME) / (SECONDS * MICROSECONDS))
    of_time = F.when(own.isNull(), Refusal.UNREADABLE_TIME).when(~_is_in(own, hours), Refusal.OUTSIDE_WINDOW)
    misplaced = F.coalesce(F.when(F.col(HOUR).isNull(), of_time), F.lit(0))
    judged = told.withColumn(REASON, F.when(fault == 0, misplaced).otherwise(fault))
    kept = F.col(REASON) == 0
    hour = F.coalesce(F.col(HOUR), own)
    return judged.select(
        F.when(kept, F.col(KEY)).alias(KEY),
        F.col(BRANCH),
        F.when(kept, hour).alias(HOUR),
        F.coalesce(F.col(TIME), hour * (SECONDS * MICROSECONDS)).alias(TIME),
        F.col(EVENT),
        opened.alias(OPENED),
        score.alias(SCORE),
        REASON,
        RANK,
        LINE,
    )


def opened(line: Column) -> Column:
    """The text of a JSON object without its closing brace, cut by bytes, which needs no look at the letters."""
    trimmed = F.when(line.endswith("}"), line).otherwise(F.call_function("rtrim", F.lit(" \t\r"), line))
    raw = trimmed.cast("binary")
    return F.substr(raw, F.lit(1), F.octet_length(raw) - 1).cast("string")


def parsed_object(opened: Column, members: str) -> Column:
    """Members of an opened object, and `COMPLETE` if the line was that one object to its end.

    Spark's parser stops where the first value ends: only if that is the end of the line, a member that is put there is one of
    the object's own.
    """
    return F.from_json(F.concat(opened, F.lit(MARK)), f"{members}, {COMPLETE} int, {MALFORMED} string", OPTIONS)


def is_object(parsed: Column, opened: Column) -> Column:
    """Whether a line was one JSON object to its end. After a fault within a member that is asked for Spark may read on
    regardless, so that it is asked once more for none."""
    alone = F.from_json(
        F.concat(opened, F.lit(MARK)), f"{COMPLETE} int", {**OPTIONS, "columnNameOfCorruptRecord": "none"}
    )
    complete = parsed.getField(COMPLETE).isNotNull()
    return complete & (~is_malformed(parsed) | alone.getField(COMPLETE).isNotNull())


def is_malformed(parsed: Column) -> Column:
    """Whether a member is of another type than it should be, or the text no JSON."""
    return parsed.getField(MALFORMED).isNotNull()


def _is_in(hour: Column, hours: Collection[int] | None) -> Column:
    return F.lit(True) if hours is None else hour.isin(*sorted(hours))


def microseconds(written: Column) -> Column:
    """The time that a text is as a number; null if it can't be read."""
    return F.unix_micros(written_time(written))


def _is_without_data() -> Column:
    """Whether a request failed and was captured for its metadata alone. Looks into the line again, which few records need."""
    empty = F.get_json_object(F.col(LINE), "$.captureData") == "{}"
    return F.coalesce(empty & F.get_json_object(F.col(LINE), f"$.{MEMBER}").isNotNull(), F.lit(False))
