"""segments: rows that can't be cut as somebody wished, or of which most are in no segment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from model_monitor.documents.check_results import Hint
from model_monitor.monitors.data_quality.hints import HINTS, Seen
from model_monitor.statistics.states import Profile


@HINTS.register("segments")
def segments(seen: Seen) -> Iterator[Hint]:
    """Rows can't be cut into the baseline's segments, or most rows are in none of them; in a baseline, some rows are in none.

    Source: D4.13.
    """
    compared = seen.compared
    first = compared.before if compared is not None else seen.profile
    if first is not None and first.features and "segments" in first.features[0].states:
        from model_monitor.monitors.segments import hints_of_segments

        yield from hints_of_segments(None if compared is None else _rows_in(first), _rows_in(seen.profile))


def _rows_in(profile: Profile) -> Mapping[str, Mapping[str, int]]:
    found = profile.features[0].states.get("segments") if profile.features else None
    return {
        cut: {label: each.data_types.total for label, each in segments.items()}
        for cut, segments in getattr(found, "cuts", {}).items()
    }
