"""Which requests are captured when not all of them are. Pure."""

from __future__ import annotations

from hashlib import blake2b

ALL = 100.0
_BYTES = 8
_VALUES = 2.0 ** (8 * _BYTES)


def is_sampled(key: str, percentage: float, seed: int) -> bool:
    """Whether the request with this key belongs to the sample of so many percent.

    The answer depends on the three arguments alone, so every server with the same seed takes the same requests, and a larger
    percentage takes those of a smaller one and more. Not the CRC by which the jobs sample (`--sample`): of captured requests
    that would take all or none.
    """
    if percentage >= ALL:
        return True
    digest = blake2b(
        key.encode("utf-8", "surrogatepass"), digest_size=_BYTES, salt=seed.to_bytes(8, "big", signed=True)
    )
    return int.from_bytes(digest.digest(), "big") < percentage / ALL * _VALUES
