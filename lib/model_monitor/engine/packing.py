"""How Spark puts files into partitions, as far as we have to know it beforehand. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

OPEN_COST_BYTES = 16 * 1024
"""What a piece of a file counts beside its bytes when several are put into one partition. With Spark's own 4 MiB no more than
eight files make a partition of 32 MiB, however small they are."""


def partitions_at_most(file_bytes: Iterable[int], partition_bytes: int, open_cost_bytes: int) -> int:
    """An upper bound of the partitions of files of these sizes, of which each is cut into pieces of `partition_bytes`.

    open_cost_bytes: the session's; a job's is `OPEN_COST_BYTES`.
    Spark begins a partition when the next piece does not fit into the last one, so two neighbours hold more than one's bytes.
    Source: FilePartition.getFilePartitions of Spark 3.5.
    """
    sizes = list(file_bytes)
    pieces = sum(-(-size // partition_bytes) for size in sizes)
    return min(pieces, 2 * (sum(sizes) + pieces * open_cost_bytes) // partition_bytes + 1)


class Sized(Protocol):
    """A piece of a file."""

    @property
    def size_bytes(self) -> int: ...


SomePiece = TypeVar("SomePiece", bound=Sized)


def largest_piece(file_bytes: Sequence[int], partition_bytes: int) -> int:
    """The bytes of the pieces that a job cuts files into. Source: FilePartition.maxSplitBytes of Spark 3.5."""
    return min(partition_bytes, max(OPEN_COST_BYTES, sum(file_bytes) + len(file_bytes) * OPEN_COST_BYTES))


def packed(pieces: Iterable[SomePiece], largest: int) -> list[list[SomePiece]]:
    """The pieces of each partition: the largest come first. Source: FilePartition.getFilePartitions of Spark 3.5."""
    found: list[list[SomePiece]] = []
    room = -1
    for piece in sorted(pieces, key=lambda piece: -piece.size_bytes):
        if piece.size_bytes > room:
            found.append([])
            room = largest
        found[-1].append(piece)
        room -= piece.size_bytes + OPEN_COST_BYTES
    return found
