"""The bytes of a state: an envelope that says what it holds, and refuses what it does not.

Layout, little-endian: magic `SMMS`, envelope version (1 byte), the state's own version (1), length of the kind (1),
length of the parameters (2), length of the payload (8), kind (ASCII), parameters (JSON with sorted keys), payload,
CRC-32 of all before it (4). Never pickle: the bytes are read by later versions and on other machines.
Runs on executors and driver.

Source: P20.
"""

from __future__ import annotations

import functools
import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any, TypeAlias

from model_monitor.errors import BadState
from model_monitor.states.upgrades import upgraded

Parameters: TypeAlias = Mapping[str, int | float | str]

MAGIC = b"SMMS"
ENVELOPE_VERSION = 1

_HEAD = struct.Struct("<4sBBBHQ")
_VERSION_AT = 5  # behind the magic and the envelope's own version
_CHECKSUM = struct.Struct("<I")
_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def pack(kind: str, version: int, parameters: Parameters, payload: bytes) -> bytes:
    """The bytes of one state.

    kind: the state's KIND. version: of its payload's layout. parameters: what has to be known to read the payload, and
    what two states must have in common to be added.
    """
    name = kind.encode("ascii")
    described = _JSON.encode(parameters).encode() if parameters else b""
    head = _HEAD.pack(MAGIC, ENVELOPE_VERSION, version, len(name), len(described), len(payload))
    body = b"".join((head, name, described, payload))
    return body + _CHECKSUM.pack(zlib.crc32(body))


def unpack(blob: bytes, kind: str, version: int) -> tuple[dict[str, Any], bytes]:
    """Parameters and payload of bytes that `pack` made with this kind, in this version or an older one (upgrades.py).

    Raises BadState naming what is wrong with the bytes.
    """
    body_size, name_end, parameters_end = _places(blob)
    _require_checksum(blob, body_size)
    found = bytes(blob[_HEAD.size : name_end]).decode("ascii", "replace")
    if found != kind:
        raise BadState(f"state bytes: they hold a state of kind {found!r}; {kind!r} is expected here")
    parameters: Mapping[str, Any] = _parameters(bytes(blob[name_end:parameters_end]))
    payload = blob[parameters_end:body_size]
    if blob[_VERSION_AT] != version:
        parameters, payload = upgraded(kind, blob[_VERSION_AT], version, parameters, payload)
    return dict(parameters), payload


def kind_and_version(blob: bytes) -> tuple[str, int]:
    """The kind of the state in these bytes and the version of its payload, without reading the state.

    Raises BadState if they are no state bytes, or are cut.
    """
    name_end = _places(blob)[1]
    return bytes(blob[_HEAD.size : name_end]).decode("ascii", "replace"), blob[_VERSION_AT]


def require_intact(blob: bytes) -> None:
    """Raises BadState if the bytes are no state's, or were changed or cut."""
    _require_checksum(blob, _places(blob)[0])


def require_equal(kind: str, parameter: str, left: object, right: object) -> None:
    """Refuse to add two states that were made with unequal parameters.

    Raises BadState naming the parameter and both values.
    """
    if left != right:
        raise BadState(
            f"{kind}: {parameter} is {left!r} here and {right!r} there; only states with the same one add up"
        )


def unpack_numbers(kind: str, numbers: struct.Struct, payload: bytes) -> tuple[Any, ...]:
    """The numbers of a payload of fixed size.

    Raises BadState if the payload has another size.
    """
    if len(payload) != numbers.size:
        raise BadState(f"state bytes: the payload of {kind!r} has {len(payload)} bytes; it has to have {numbers.size}")
    return numbers.unpack(payload)


@functools.lru_cache(maxsize=64)
def _parameters(described: bytes) -> dict[str, Any]:
    """Those that `pack` described, which most states of a kind have in common."""
    try:
        parameters = json.loads(described) if described else {}
    except (ValueError, RecursionError) as fault:
        raise BadState(f"state bytes: the parameters are no JSON ({type(fault).__name__})") from fault
    if not isinstance(parameters, dict):
        raise BadState("state bytes: the parameters are no JSON object")
    return parameters


def _require_checksum(blob: bytes, body_size: int) -> None:
    if _CHECKSUM.unpack_from(blob, body_size)[0] != zlib.crc32(memoryview(blob)[:body_size]):
        raise BadState(
            "state bytes: the checksum is wrong, so the bytes were changed or cut; read them again or rescan"
        )


def _places(blob: bytes) -> tuple[int, int, int]:
    """Where the checksum starts, where the kind ends and where the parameters end."""
    if len(blob) < _HEAD.size + _CHECKSUM.size:
        raise BadState(f"state bytes: {len(blob)} bytes are too few for a state; the file may be cut")
    magic, envelope, _, name_size, parameters_size, payload_size = _HEAD.unpack_from(blob)
    if magic != MAGIC:
        raise BadState(
            f"state bytes: they begin with {bytes(magic)!r} where a state has {MAGIC!r}; is this another file?"
        )
    if envelope != ENVELOPE_VERSION:
        raise BadState(f"state bytes: envelope version {envelope}; this release reads version {ENVELOPE_VERSION}")
    name_end = _HEAD.size + name_size
    parameters_end = name_end + parameters_size
    body_size = parameters_end + payload_size
    if len(blob) != body_size + _CHECKSUM.size:
        announced = body_size + _CHECKSUM.size
        raise BadState(f"state bytes: {len(blob)} bytes where their head announces {announced}; the file may be cut")
    return body_size, name_end, parameters_end
