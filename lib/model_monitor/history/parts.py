"""How a baseline varies: `parts.parquet`, the raw statistics of its parts, each beside the others. Layout: docs/files.md."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

import numpy as np
import pyarrow as pa

from model_monitor.errors import BadState
from model_monitor.history.archive import table_in
from model_monitor.monitors.data_quality.variation import STATISTICS, Past, Variation
from model_monitor.outputs.result_tables import parquet_of
from model_monitor.statistics.states.encoding import MALFORMED

PARTS = "parts.parquet"

OF_FEATURE = [("feature", pa.string()), *((name, pa.float32()) for name in STATISTICS)]
"""A feature's raw statistics as columns."""

_PARTS = pa.schema(OF_FEATURE)


def parts_file(variation: Variation) -> dict[str, bytes]:
    """parts.parquet by its name."""
    rows = {name: [] for name in _PARTS.names}  # type: dict[str, list[object]]
    for feature, raw in variation.past.items():
        rows["feature"] += [feature] * len(raw["rows"])
        for name in STATISTICS:
            rows[name] += raw[name].tolist()
    told = {"unfit": json.dumps(dict(variation.unfit))}
    return {PARTS: to_parquet(pa.Table.from_pydict(rows, schema=_PARTS.with_metadata(told)))}


def parts_of(content: bytes, where: str) -> Variation:
    """What `parts_file` wrote. where: the file, for errors.

    Raises BadState if it is something else.
    """
    table = read_table(content, where, _PARTS, complete=("feature",))
    try:
        unfit = {name: str(reason) for name, reason in json.loads(table.schema.metadata[b"unfit"]).items()}
        "".join(unfit.values()).encode()  # half a surrogate pair has no bytes
    except MALFORMED as fault:
        raise BadState(f"{where}: is no {PARTS} of ours ({type(fault).__name__}); make the baseline again") from fault
    return Variation(by_feature(table), unfit)


def by_feature(table: pa.Table) -> Past:
    """The raw statistics of each feature."""
    encoded = table["feature"].combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(encoded.dictionary)))[:-1]
    columns = {name: table[name].to_numpy().astype(np.float64)[order] for name in STATISTICS}
    split = {name: np.split(column, ends) for name, column in columns.items()}
    names: Iterator[str] = iter(encoded.dictionary.to_pylist())
    return {name: {field: split[field][place] for field in STATISTICS} for place, name in enumerate(names)}


def to_parquet(table: pa.Table) -> bytes:
    """The table as a file: the same bytes for the same table, whether it was read from one or made."""
    return parquet_of(table.replace_schema_metadata(table.schema.metadata or None))


def read_table(content: bytes, where: str, schema: pa.Schema, complete: Collection[str] = ()) -> pa.Table:
    """The columns of a schema that a file has. complete: those without a null.

    Raises BadState if it has not.
    """
    table = table_in(content, where)
    try:
        table = table.select(schema.names).cast(schema.with_metadata(table.schema.metadata))
    except (pa.ArrowException, *MALFORMED) as fault:
        raise BadState(f"{where}: is no such file of ours ({type(fault).__name__})") from fault
    for name in complete:
        if table[name].null_count:
            raise BadState(f"{where}: is no such file of ours (its column {name} has no value somewhere)")
    return table
