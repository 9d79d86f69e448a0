"""A run's results as Parquet: `summary.parquet`, one row per feature or metric, and `checks.parquet`, one row per check.

The same results give the same bytes. Layout: docs/reference/formats.md.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spark_model_monitor.documents.check_results import WORST_FIRST, CheckResult, join_name
from spark_model_monitor.documents.outcome import group_by, judge_features
from spark_model_monitor.documents.run_description import RunDescription, parse_moment
from spark_model_monitor.documents.statistics import Bins, Summary

SUMMARY = "summary.parquet"
CHECKS = "checks.parquet"
VERSION = "1"
FULL_SHARE = 65_535  # the integer that encodes a share of 1
# Limit after decompression, because few bytes can expand to many; a wide data set has a megabyte
MAX_BYTES_OF_BINS = 2**26

SMALL_BYTES = 2**19  # limit of a small table in memory: a window of some dozen features has a third of that

_RUN_MEMBERS = ("job", "analysis_type", "model", "schedule", "baseline_run_id")
_SHARES_TYPE = pa.list_(pa.int32())

SUMMARY_COLUMNS = pa.schema(
    [
        *((name, pa.string()) for name in ("name", "part", "kind")),
        *((name, pa.int64()) for name in ("present", "missing", "distinct")),
        *((name, pa.float64()) for name in ("mean", "sd", "min", "max")),
        ("quantiles", pa.list_(pa.float32())),
        ("shares", pa.list_(pa.uint16())),
        *((name, pa.float64()) for name in ("value", "low", "high", "distance", "threshold")),
        ("status", pa.string()),
        ("violated", pa.list_(pa.string())),
        ("outcome", pa.string()),
    ]
)
_CHECKS = pa.schema(
    [
        *((name, pa.string()) for name in ("name", "part", "check", "against", "method")),
        *((name, pa.float64()) for name in ("observed", "threshold")),
        *((name, pa.int64()) for name in ("n", "m")),
        ("decided_by", pa.string()),
        *((name, pa.float64()) for name in ("p", "adjusted_p", "level")),
        ("component", pa.string()),
        *((name, pa.float64()) for name in ("effect", "least_effect", "limit")),
        *((name, pa.float64()) for name in ("distance", "distance_low", "distance_high", "low", "high")),
        ("smallest_change", pa.float64()),
        *((name, pa.string()) for name in ("status", "reason", "segment", "where", "advice")),
    ]
)


def encode_summary(summary: Summary, results: Sequence[CheckResult] = ()) -> dict[str, bytes]:
    """The file summary.parquet: its content by its name. results: the results of the run's checks; a baseline has none."""
    results_by_row = group_by(results, lambda check_result: check_result.subject)
    rows = []
    outcomes = {feature.name: feature.outcome.value for feature in judge_features(results)}
    for row in summary.rows:
        members = {member.name: getattr(row, member.name) for member in fields(row)}
        # A share is stored in two bytes, with an error below a thousandth of a percent
        members["shares"] = None if row.shares is None else np.rint(np.array(row.shares) * FULL_SHARE).tolist()
        members |= _summarize_checks(results_by_row.get((row.name, row.part), []), members)
        rows.append(members | {"outcome": outcomes.get(join_name(row.name, row.part))})
    bins = {name: list(ends) for name, ends in summary.bins.items()}
    encoded_bins = zlib.compress(json.dumps(bins, ensure_ascii=False, allow_nan=False).encode(), 9)
    return {SUMMARY: _encode_rows(rows, SUMMARY_COLUMNS, {"bins": base64.b64encode(encoded_bins).decode()})}


def encode_checks(results: Sequence[CheckResult]) -> dict[str, bytes]:
    """The file checks.parquet: its content by its name."""
    rows = []
    for result in results:
        low, high = result.interval or (None, None)
        name, part = result.subject
        status = result.status.value
        rows.append(result.model_dump() | {"name": name, "part": part, "low": low, "high": high, "status": status})
    return {CHECKS: _encode_rows(rows, _CHECKS, {})}


def create_run_rows(content: bytes, run: RunDescription) -> pa.Table:
    """The rows of a summary.parquet or a checks.parquet, each with the columns of its run: job, model, window, …

    Times are in UTC, without a time zone. Every SQL engine can read the columns' types.
    """
    rows = pq.read_table(pa.BufferReader(content))
    columns = _create_run_columns(run, rows.num_rows)
    outcome = columns.pop("run_outcome")
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        # Hive and Athena don't have unsigned integers
        columns[name] = column.cast(_SHARES_TYPE) if name == "shares" else column
    return pa.table({**columns, "run_outcome": outcome})


def create_run_row(run: RunDescription) -> pa.Table:
    """The run as one row: job, model, window, …, its outcome, and how many records and violations it has."""
    counts = {"records": pa.array([run.rows], pa.int64()), "violations": pa.array([run.violations], pa.int64())}
    return pa.table(_create_run_columns(run, 1) | counts)


def _create_run_columns(run: RunDescription, num_rows: int) -> dict[str, pa.Array]:
    """By name: the columns that describe the run, with the same value in each of `num_rows` rows."""
    members: dict[str, tuple[Any, pa.DataType]] = {name: (getattr(run, name), pa.string()) for name in _RUN_MEMBERS}
    # Times have no zone, because engines differ in how they show it
    for end in ("start", "end"):
        time = run.window and parse_moment(getattr(run.window, end)).replace(tzinfo=None)
        members[f"window_{end}"] = time, pa.timestamp("us")
    members["run_outcome"] = run.outcome and run.outcome.value, pa.string()
    return {name: pa.repeat(pa.scalar(value, kind), num_rows) for name, (value, kind) in members.items()}


def encode_parquet(table: pa.Table, *, zstd_level: int | None = None) -> bytes:
    """The table as a Parquet file. A small table has no statistics and dictionaries, which would be most of its file.

    zstd_level: use zstd at this level, for large values; None: use Snappy. For short values, Snappy writes and reads in half the
    time, with at most a quarter more bytes.
    """
    sink = pa.BufferOutputStream()
    if table.nbytes < SMALL_BYTES and hasattr(pq.ParquetWriter, "add_key_value_metadata"):  # since pyarrow 16
        slim: dict[str, Any] = {"use_dictionary": False, "write_statistics": False, "store_schema": False}
        slim["compression"] = "zstd" if zstd_level else "snappy"
        with pq.ParquetWriter(sink, table.schema, compression_level=zstd_level, **slim) as file:
            file.write_table(table)
            # Otherwise only Arrow's schema would have the metadata
            file.add_key_value_metadata(table.schema.metadata or {})
    # Statistics and dictionaries let readers of a large table skip most of its file
    else:
        pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def decode_bins(metadata: Mapping[bytes, bytes]) -> Bins:
    """By feature: the bins of its shares in a summary.parquet. metadata: the metadata of the table's schema.

    Raises zlib.error, ValueError and other Python errors for invalid content.
    """
    return _decode_bins_text(metadata[b"bins"])


@lru_cache(16)  # runs of one baseline have the same bins; sharing them saves a tenth of the memory for a month's page
def _decode_bins_text(encoded: bytes) -> Bins:
    text = zlib.decompressobj().decompress(base64.b64decode(encoded), MAX_BYTES_OF_BINS)
    bins: Bins = json.loads(text)
    for ends in bins.values():
        # The bins of categories are names; the bins of numbers are the two ends of their axis
        if set(map(type, ends)) - {str} and (len(ends) != 2 or not all(map(math.isfinite, ends))):
            raise ValueError("neither names nor two ends")
    return bins


def _summarize_checks(results: Sequence[CheckResult], row: Mapping[str, Any]) -> dict[str, Any]:
    """The checks' verdict on a row: the worst status, and the distance that belongs to it."""
    ordered = sorted(results, key=lambda check_result: WORST_FIRST.index(check_result.status))
    if not ordered:
        return {}
    distance_results = [
        check_result for check_result in ordered if check_result.method is not None or check_result.distance is not None
    ]
    # A check without a distance hasn't judged, so a check with a distance is chosen first
    measured = next(
        (check_result for check_result in (*distance_results, *ordered) if check_result.is_judged),
        None,
    )
    low, high = next((check_result.interval for check_result in ordered if check_result.interval), (None, None))
    verdict: dict[str, Any] = {
        "status": ordered[0].status.value,
        "violated": [check_result.check for check_result in ordered if check_result.is_violated],
        "low": low if row["low"] is None else row["low"],
        "high": high if row["high"] is None else row["high"],
    }
    if measured is not None and measured in distance_results:
        # If a check's observed number is a p-value, its distance is in another member
        if measured.observes_p_value:
            distance = measured.distance
        else:
            distance = measured.observed
        return verdict | {"distance": distance, "threshold": measured.threshold}
    if row["value"] is not None and measured is not None:
        return verdict | {"threshold": measured.threshold}
    return verdict


def _encode_rows(rows: Sequence[Mapping[str, Any]], schema: pa.Schema, metadata: Mapping[str, str]) -> bytes:
    columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in schema]
    return encode_parquet(pa.Table.from_arrays(columns, schema=schema.with_metadata({"version": VERSION, **metadata})))
