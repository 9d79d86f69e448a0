"""What nobody foresaw ends no window: a record on which a decoder raises is refused, and its neighbours are decoded. Pure.

Every reason that somebody foresaw is found by the decoders themselves. This is for the others, a defect of ours among them, and
the ledger says how many there were (`Refusal.of`). Runs on executors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from model_monitor.records.columnar import joined
from model_monitor.records.refusals import Refusal

Part = TypeVar("Part")


def by_parts(
    ranges: Iterable[tuple[int, int]],
    decode: Callable[[slice], Part],
    refused: Callable[[int, Refusal], Part],
    numbers: str = "",
) -> Part:
    """What `decode` makes of all elements in these ranges, as a dataclass of arrays, and `refused` of those on which it raises.

    numbers: the member that holds the number of each row's element, which `decode` counts from the beginning of its slice.
    """

    def decoded(start: int, end: int) -> Part:
        found: Any = decode(slice(start, end))
        shifted: Part = replace(found, **{numbers: getattr(found, numbers) + start}) if numbers else found
        return shifted

    return joined([part for bounds in [*ranges] or [(0, 0)] for part in parts_of(*bounds, decoded, refused)])


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
