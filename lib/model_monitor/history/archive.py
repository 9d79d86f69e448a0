"""The states of a run as one Parquet file, `states/profile.parquet`: a row for each feature and kind of state.

Parquet, because any tool opens it and because one feature's states can be read without the others. The layout is described
in docs/files.md; state bytes carry their own version (production rule 20).
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model_monitor.errors import BadState
from model_monitor.states import ColumnType, FeatureProfile, Profile, decode

PROFILE = "states/profile.parquet"
VERSION = 1
METADATA = b"model_monitor"
SCHEMA = pa.schema(
    [
        ("position", pa.int32()),
        ("feature", pa.string()),
        ("column_type", pa.string()),
        ("kind", pa.string()),
        ("state", pa.binary()),
    ]
)


def to_parquet(profile: Profile) -> bytes:
    """A profile's bytes; the same profile gives the same bytes."""
    rows: list[dict[str, Any]] = [
        {
            "position": position,
            "feature": feature.name,
            "column_type": feature.column_type.value,
            "kind": state.KIND,
            "state": state.to_bytes(),
        }
        for position, feature in enumerate(profile.features)
        for state in feature.states
    ]
    header = {"version": VERSION, "item_count": profile.item_count, "header": dict(sorted(profile.header.items()))}
    schema = SCHEMA.with_metadata({METADATA: json.dumps(header).encode()})
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def from_parquet(content: bytes, where: str) -> Profile:
    """The profile that `to_parquet` wrote. where: the file, for errors.

    Raises BadState if it is not one, or of a version that this release does not read.
    """
    try:
        table = pq.read_table(pa.BufferReader(content))
        header = json.loads(table.schema.metadata[METADATA])
        version = header["version"]
    except (pa.ArrowException, KeyError, TypeError, ValueError) as fault:
        raise BadState(f"{where}: is not a file of states that a run of ours wrote ({type(fault).__name__})") from fault
    if version != VERSION:
        raise BadState(f"{where}: has version {version!r} of the states' layout; this release reads version {VERSION}")
    states: dict[tuple[int, str, str], list[Any]] = {}
    for row in table.to_pylist():
        key = (row["position"], row["feature"], row["column_type"])
        states.setdefault(key, []).append(decode(row["state"]))
    features = tuple(
        FeatureProfile.of(name, ColumnType(column_type), found)
        for (_, name, column_type), found in sorted(states.items())
    )
    return Profile(header["item_count"], features, header["header"])
