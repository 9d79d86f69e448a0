"""How Spark puts files into partitions, as far as we have to know it beforehand. Pure."""

from __future__ import annotations

from collections.abc import Iterable

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
