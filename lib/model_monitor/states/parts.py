"""Bytes of several parts, one after the other: each after its length, a 64-bit integer."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from model_monitor.errors import BadState

_LENGTH = struct.Struct("<Q")


def joined(parts: Iterable[bytes]) -> bytes:
    """The parts as one payload."""
    return b"".join(piece for part in parts for piece in (_LENGTH.pack(len(part)), part))


def split(kind: str, payload: bytes) -> list[bytes]:
    """The parts that `joined` made a payload of. kind: whose payload it is, for errors.

    Raises BadState if a part is cut.
    """
    parts = []
    start = 0
    while start < len(payload):
        place = start + _LENGTH.size
        end = place + _LENGTH.unpack_from(payload, start)[0] if place <= len(payload) else place
        if end > len(payload):
            raise BadState(f"state bytes: a part of {kind!r} ends at byte {end} of {len(payload)}")
        parts.append(payload[place:end])
        start = end
    return parts
