"""segments: rows that can't be cut as somebody wished, or of which most are in no segment."""

from __future__ import annotations

from collections.abc import Mapping

from model_monitor.monitors.data_quality.hints import HINTS, Said, Seen
from model_monitor.statistics.states import Profile


@HINTS.register("segments")
def segments(seen: Seen) -> Said:
    """Rows can't be cut as the baseline's were, or most of them are in none of its segments; of a baseline, some are in none.

    Source: D4.13.
    """
    compared = seen.compared
    first = compared.before if compared is not None else seen.profile
    if first is not None and first.features and "segments" in first.features[0].states:
        from model_monitor.monitors.segments import hints_of_segments

        found = hints_of_segments(None if compared is None else _rows_in(first), _rows_in(seen.profile))
        yield from ((hint.features, hint.description) for hint in found)


def _rows_in(profile: Profile) -> Mapping[str, Mapping[str, int]]:
    found = profile.features[0].states.get("segments") if profile.features else None
    return {
        cut: {label: each.data_types.total for label, each in segments.items()}
        for cut, segments in getattr(found, "cuts", {}).items()
    }
