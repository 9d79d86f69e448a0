"""Which records a sample holds: decided by the event's id, so that every rerun takes the same ones. Pure."""

from __future__ import annotations

import zlib

HASHES = 2**32
"""How many values CRC-32 has."""


def is_sampled(event_id: bytes, fraction: float) -> bool:
    """Whether a share `fraction` of all ids, chosen by their CRC-32, holds this one."""
    return zlib.crc32(event_id) < limit_of(fraction)


def limit_of(fraction: float) -> int:
    """The first CRC-32 that is not in the sample."""
    return round(fraction * HASHES)
