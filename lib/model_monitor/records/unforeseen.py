"""What nobody foresaw ends no window: a record on which a decoder raises is refused, and its neighbours are decoded. Pure.

Every reason that somebody foresaw is found by the decoders themselves. This is for the others, a defect of ours among them, and
the ledger says how many there were (`Refusal.of`). Runs on executors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from model_monitor.records.refusals import Refusal

Part = TypeVar("Part")


def parts_of(
    start: int, end: int, decode: Callable[[int, int], Part], refused: Callable[[int, Refusal], Part]
) -> Iterator[Part]:
    """What `decode` makes of the elements from `start` up to `end`: all together, but where it raises half by half.

    refused: what is said of one element on which `decode` raises alone. Raises what `decode` raises where there is none at all.
    """
    try:
        found = decode(start, end)
    except Exception as fault:
        if start == end:
            raise
        if end - start > 1:
            middle = (start + end) // 2
            yield from parts_of(start, middle, decode, refused)
            yield from parts_of(middle, end, decode, refused)
            return
        found = refused(start, Refusal.of(fault))
    yield found
