"""The Parquet files that a run leaves for later runs: its states, how the blocks of a baseline vary, and the counts of the
requests behind its records. Also the document with these counts, and their sum over several runs.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spark_model_monitor.documents.statistics import LatencyStatistics, RequestStatistics
from spark_model_monitor.errors import BadState
from spark_model_monitor.monitors.data_quality.distribution.window_history import StatisticsByFeature, Variation
from spark_model_monitor.monitors.protocol import PublishedMetric
from spark_model_monitor.reports.outputs.result_tables import encode_parquet
from spark_model_monitor.reports.outputs.run_files import Run, read_current_run, read_optional_file
from spark_model_monitor.statistics.states import ColumnType, FeatureProfile, Profile, Requests, State, decode
from spark_model_monitor.statistics.states.encoding import DECODING_ERRORS, find_contradiction
from spark_model_monitor.statistics.verdicts.between_window_variance import PastWindows
from spark_model_monitor.statistics.verdicts.window_statistics import FIELDS
from spark_model_monitor.storage import join
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

FOLDER = "states"
PROFILE = "states/profile.parquet"
VERSION = 1
ZSTD_LEVEL = 6  # files are a sixth smaller than at level 1; compressing the states of 20 features takes 4 ms
METADATA = b"model_monitor"

MAX_ROWS = 10_000_000
MAX_BYTES = 2**32
"""Limits of a file that is read: a million features with ten states each, and four gigabytes."""

LACKING = "lacking"
SCHEMA = pa.schema(
    [
        ("position", pa.int32()),
        ("feature", pa.string()),
        ("column_type", pa.string()),
        ("kind", pa.string()),
        ("state", pa.binary()),
    ]
)


def name_state_file(kind: type[State]) -> str:
    """The path of a run's state of this type, relative to its output path."""
    return f"{FOLDER}/{kind.KIND}.parquet"


def to_parquet(state: State) -> bytes:
    """The state as the bytes of a Parquet file. Equal states give equal bytes."""
    header: dict[str, Any]
    if isinstance(state, Profile):
        rows = [
            {
                "position": position,
                "feature": feature.name,
                "column_type": feature.column_type.value,
                "kind": feature_state.KIND,
                "state": feature_state.to_bytes(),
            }
            for position, feature in enumerate(state.features)
            for feature_state in feature.states.values()
        ]
        header = {"version": VERSION, "item_count": state.item_count, "header": dict(sorted(state.header.items()))}
        lacking = {
            str(index): sorted(feature.lacking) for index, feature in enumerate(state.features) if feature.lacking
        }
        # The member is left out if nothing is lacking, which is the usual case
        if lacking:
            header[LACKING] = lacking
    else:
        rows = [{"kind": state.KIND, "state": state.to_bytes()}]
        header = {"version": VERSION, "kind": state.KIND}
    schema = SCHEMA.with_metadata({METADATA: json.dumps(header).encode()})
    return encode_parquet(pa.Table.from_pylist(rows, schema=schema), zstd_level=ZSTD_LEVEL)


def decode_state_file(content: bytes, where: str) -> State:
    """The state that `to_parquet` wrote. where: the file, for errors.

    Raises BadState for other content, or for a version of the format that this release doesn't read.
    """
    with _name_file_in_errors(where):
        table, header = _read(content, where)
        rows = table.to_pylist()
        if "kind" in header:
            return decode(rows[0]["state"])
        return _decode_profile(rows, header, where)


@value_class
class StoredProfile:
    """A profile in a file; its features are decoded only on request. names: the names of all its features, in their order."""

    item_count: int
    names: tuple[str, ...]
    _table: pa.Table
    _header: Mapping[str, Any]
    _where: str

    @classmethod
    def read(cls, content: bytes, where: str) -> StoredProfile | None:
        """The profile that `to_parquet` wrote; None if the file has a state of another type.

        This function and `features` raise BadState in the same cases as `decode_state_file`.
        """
        with _name_file_in_errors(where):
            table, header = _read(content, where)
            if "kind" in header:
                return None
            return cls(header["item_count"], tuple(dict.fromkeys(table["feature"].to_pylist())), table, header, where)

    def features(self, names: Collection[str], kinds: Collection[str] | None = None) -> dict[str, FeatureProfile]:
        """By name: the features with these names. If columns have the same name, the first of them counts. kinds: the kinds of
        states to decode; None: all.
        """
        with _name_file_in_errors(self._where):
            pairs = zip(self._table["feature"].to_pylist(), self._table["kind"].to_pylist(), strict=True)
            indices = [
                index for index, (name, kind) in enumerate(pairs) if name in names and (kinds is None or kind in kinds)
            ]
            rows = [self._table.slice(index, 1) for index in indices]  # `take` would load pandas
            if not rows:
                return {}
            profile = _decode_profile(pa.concat_tables(rows).to_pylist(), self._header, self._where)
            # Reversed, because a dictionary keeps the last of equal names, and the first feature is wanted
            return {feature.name: feature for feature in reversed(profile.features)}


@contextmanager
def _name_file_in_errors(where: str) -> Iterator[None]:
    """A context that turns any error about the file's content into a BadState whose text begins with the file's path."""
    try:
        yield
    except BadState as error:
        if str(error).startswith(where):
            raise
        raise BadState(f"{where}: {error}") from error
    except DECODING_ERRORS as error:
        raise BadState(f"{where}: is not a file of states that a run of ours wrote ({type(error).__name__})") from error


def _read(content: bytes, where: str) -> tuple[pa.Table, dict[str, Any]]:
    """The file's rows and its header."""
    table = read_archived_table(content, where)
    header: dict[str, Any] = json.loads(table.schema.metadata[METADATA])
    version = header["version"]
    if version != VERSION:
        raise BadState(
            f"{where}: has version {version!r} of the states' layout, which another release wrote; this one reads version "
            f"{VERSION}"
        )
    # Decoding a column of another type would fail later, without the file's name in the error
    if any(field.name in SCHEMA.names and field.type != SCHEMA.field(field.name).type for field in table.schema):
        raise BadState(f"{where}: has other columns than a file of states; restore it or scan the data again")
    return table, header


def read_archived_table(content: bytes, where: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of a Parquet file in one of our layouts, which somebody else may have written. columns: the columns to read, if
    the file has them; None: all.

    Raises BadState if the file can't be read, or if its metadata names more rows or bytes than our files have.
    """
    try:
        # pq.read_table first loads pyarrow.dataset and pandas; exiting while Arrow's threads start aborts the process.
        file = pq.ParquetFile(pa.BufferReader(content))
        # The sizes in the metadata are checked before reading: a small file can expand to any number of rows
        num_rows = file.metadata.num_rows
        groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
        size = sum(group.total_byte_size for group in groups)
        if num_rows > MAX_ROWS or not 0 <= size <= MAX_BYTES:
            raise BadState(f"{where}: announces {num_rows:,} rows of {size:,} bytes, which no states of ours have")
        table = file.read(columns, use_threads=False)
        table.validate(full=True)
    except (pa.ArrowException, OSError, *DECODING_ERRORS) as error:
        raise BadState(f"{where}: is no such file of ours ({type(error).__name__})") from error
    return table


def _decode_profile(rows: list[dict[str, Any]], header: Mapping[str, Any], where: str) -> Profile:
    # A row for each state; columns with the same name differ in their position
    blobs: dict[tuple[int, str, str], list[bytes]] = {}
    for row in rows:
        key = (row["position"], row["feature"], row["column_type"])
        blobs.setdefault(key, []).append(row["state"])
    lacking = header.get(LACKING, {})
    features = tuple(
        FeatureProfile.decoded(name, ColumnType(column_type), states, lacking.get(str(position), ()))
        for (position, name, column_type), states in sorted(blobs.items())
    )
    # States that only a later release knows are skipped with a warning
    unread = {row["kind"] for row in rows}.difference(*(feature.states for feature in features))
    if unread:
        log.warning("%s: a later release wrote %s, which this one leaves out", where, ", ".join(sorted(unread)))
    profile = Profile(header["item_count"], features, header["header"])
    # States that contradict each other would give wrong verdicts
    if error := find_contradiction(profile):
        raise BadState(f"{where}: {error}; restore the file or scan the data again")
    return profile


# How a baseline varies: the raw statistics of its blocks, each compared with the others. Layout: docs/reference/formats.md.


PARTS = "parts.parquet"

STATISTICS_COLUMNS = [("feature", pa.string()), *((name, pa.float32()) for name in FIELDS)]
"""The columns of a feature's raw statistics."""

_PARTS = pa.schema(STATISTICS_COLUMNS)


def encode_block_variation(variation: Variation) -> dict[str, bytes]:
    """The file parts.parquet: its content by its name."""
    rows = {name: [] for name in _PARTS.names}  # type: dict[str, list[object]]
    for feature, statistics in variation.past.items():
        rows["feature"] += [feature] * len(statistics["rows"])
        for name in FIELDS:
            rows[name] += statistics[name].tolist()
    metadata = {"unfit": json.dumps(dict(variation.unfit))}
    # The member is absent if the blocks aren't ordered by time
    if variation.is_ordered_by_time:
        metadata["by_time"] = "true"
    return {PARTS: encode_statistics_table(pa.Table.from_pydict(rows, schema=_PARTS.with_metadata(metadata)))}


def decode_block_variation(content: bytes, where: str) -> Variation:
    """The content that `encode_block_variation` wrote. where: the file, for errors.

    Raises BadState for other content.
    """
    table = read_table(content, where, _PARTS, complete=("feature",))
    try:
        unfit = {name: str(reason) for name, reason in json.loads(table.schema.metadata[b"unfit"]).items()}
        "".join(unfit.values()).encode()  # half a surrogate pair can't be encoded
    except DECODING_ERRORS as error:
        raise BadState(f"{where}: is no {PARTS} of ours ({type(error).__name__}); make the baseline again") from error
    return Variation(split_by_feature(table), unfit, b"by_time" in table.schema.metadata)


def split_by_feature(table: pa.Table) -> StatisticsByFeature:
    """The raw statistics of each feature."""
    encoded = table["feature"].combine_chunks().dictionary_encode()
    # One sort by feature, then slices: filtering by each of thousands of features would be slow
    codes = np.asarray(encoded.indices)
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(encoded.dictionary)))[:-1]
    statistics = np.array([table[name].to_numpy() for name in FIELDS], np.float64)[:, order]
    # strict=False: a table without rows has no features, but np.split still returns one array
    by_feature = zip(encoded.dictionary.to_pylist(), np.split(statistics, ends, axis=1), strict=False)
    return {feature: PastWindows(dict(zip(FIELDS, windows, strict=True))) for feature, windows in by_feature}


def encode_statistics_table(table: pa.Table) -> bytes:
    """The table as the bytes of a Parquet file: the same bytes for the same table, whether it was read or computed."""
    return encode_parquet(table.replace_schema_metadata(table.schema.metadata or None))


def read_table(content: bytes, where: str, schema: pa.Schema, complete: Collection[str] = ()) -> pa.Table:
    """The columns of a schema, from a file. complete: the columns that must not have nulls.

    Raises BadState if a column is missing, has another type or has nulls that it must not have.
    """
    table = read_archived_table(content, where, schema.names)
    column_names = table.column_names  # a new list at each access
    lacking = [name for name in schema.names if name not in column_names]
    if lacking:
        raise BadState(
            f"{where}: another release wrote it, without the column {lacking[0]}; make the baseline again, and the history "
            "of its windows by merge-states --history"
        )
    try:
        table = table.select(schema.names)
        if not table.schema.equals(schema):
            table = table.cast(schema.with_metadata(table.schema.metadata))
    except (pa.ArrowException, *DECODING_ERRORS) as error:
        raise BadState(f"{where}: is no such file of ours ({type(error).__name__})") from error
    for name in complete:
        if table[name].null_count:
            raise BadState(f"{where}: is no such file of ours (its column {name} has no value somewhere)")
    return table


FIRST_CLIENT_ERROR = 400
FIRST_SERVER_ERROR = 500
"""The lowest HTTP status of a failed request, and the lowest HTTP status that is a fault of the server."""


def request_statistics(requests: Requests) -> RequestStatistics:
    """The document about the requests. requests: counts at least one request."""
    server_errors = _count_statuses(requests, FIRST_SERVER_ERROR)
    errors = _count_statuses(requests, FIRST_CLIENT_ERROR)
    latencies = requests.latencies
    moments = requests.moments
    # All statuses below 400 count as success
    return RequestStatistics(
        requests=requests.count,
        estimated_requests=requests.estimated,
        success_share=(requests.count - errors) / requests.count,
        client_errors=errors - server_errors,
        server_errors=server_errors,
        statuses={str(status): count for status, count in requests.statuses.items()},
        latency_ms=LatencyStatistics(
            p50=latencies.quantile(0.50),
            p95=latencies.quantile(0.95),
            p99=latencies.quantile(0.99),
            mean=moments.average,
            max=moments.maximum,
            rank_error=latencies.error,
        ),
    )


def create_request_metrics(statistics: RequestStatistics) -> tuple[PublishedMetric, ...]:
    """The statistics as numbers for a metrics platform; undefined numbers are left out."""
    latency = statistics.latency_ms
    numbers = (
        ("request_count", float(statistics.requests), "Count"),
        ("request_success_share", statistics.success_share, "None"),
        ("request_latency_p50", latency.p50, "Milliseconds"),
        ("request_latency_p95", latency.p95, "Milliseconds"),
        ("request_latency_p99", latency.p99, "Milliseconds"),
    )
    return tuple(PublishedMetric(name, value, unit) for name, value, unit in numbers if value is not None)


def _count_statuses(requests: Requests, first: int) -> int:
    """The number of requests whose HTTP status is at least `first`."""
    return sum(count for status, count in requests.statuses.items() if status >= first)


def encode_requests(requests: Requests) -> dict[str, bytes]:
    """The files with the document and the state, by name relative to the output path. requests: counts at least one request."""
    document = request_statistics(requests)
    return {document.FILE_NAME: document.to_json().encode(), name_state_file(Requests): to_parquet(requests)}


def read_run_state(run: Run, name: str) -> State | None:
    """The state in a file of a run, found by `read_optional_file`. Raises BadState in the same cases as `decode_state_file`."""
    content = read_optional_file(run, name)
    if content is None:
        return None
    return decode_state_file(content, join(run.folder, name))


def add_requests(paths: Sequence[str]) -> Requests:
    """The sum of the requests of all runs, in the order of the paths. Runs whose records have no metadata add nothing.

    paths: output paths on this machine.
    """
    total = Requests()
    for path in paths:
        run = read_current_run(path)
        state = read_run_state(run, name_state_file(Requests)) if run else None
        # None without metadata
        if isinstance(state, Requests):
            total += state
    return total
