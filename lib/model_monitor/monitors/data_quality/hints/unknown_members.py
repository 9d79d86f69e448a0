"""unknown_members: what somebody wrote into the baseline's constraints that no check knows."""

from __future__ import annotations

from collections.abc import Iterator

from model_monitor.documents.check_results import Hint
from model_monitor.monitors.data_quality.hints import HINTS, Seen


@HINTS.register("unknown_members")
def unknown_members(seen: Seen) -> Iterator[Hint]:
    """constraints.json has members that nothing reads, each with the known one that is nearest.

    Source: C4.2.
    """
    if seen.compared is not None:
        yield from Hint.of_unread(seen.compared.constraints)
