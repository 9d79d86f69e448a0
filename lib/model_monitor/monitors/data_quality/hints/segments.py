"""segments: rows that can't be cut as somebody wished, or of which most are in no segment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from model_monitor.documents.check_results import Hint
from model_monitor.documents.page import percent
from model_monitor.monitors.data_quality.hints import HINTS, Seen
from model_monitor.statistics.states import FeatureProfile, Profile

REST = "(others)"
MANY_OTHERS = 0.5  # share of a window's rows in no segment of the baseline, from which on something is wrong


@HINTS.register("segments")
def segments(seen: Seen) -> Iterator[Hint]:
    """Rows can't be cut as the baseline's were, or most of them are in none of its segments; of a baseline, some are in none.

    Source: D4.13.
    """
    compared = seen.compared
    first = compared.before if compared is not None else seen.profile
    if first is None or not first.features or "segments" not in first.features[0].states:
        return
    before = None if compared is None else _cuts_of(first)
    found = _cuts_of(seen.profile)
    for cut in found if before is None else before:
        now, rest = _shares(found, cut), f"{cut}={REST}"
        text = ""
        if cut not in found:
            text = "the data lacks the column, so that nothing is judged by them"
        elif before is None and rest in now:
            text = f"there are more than {len(now) - 1:,} values, and {percent(now[rest])} of the rows have others"
        elif before is not None and now.get(rest, 0.0) >= MANY_OTHERS > _shares(before, cut).get(rest, 0.0):
            text = f"{percent(now[rest])} of the rows have values that the baseline lacks; are they written otherwise?"
        if text:
            yield Hint(hint="segments", features=(), description=f"segments by {cut!r}: {text}")


_Cuts = Mapping[str, Mapping[str, FeatureProfile]]


def _cuts_of(profile: Profile) -> _Cuts:
    found = profile.features[0].states.get("segments") if profile.features else None
    return getattr(found, "cuts", {})


def _shares(found: _Cuts, cut: str) -> dict[str, float]:
    """The share of the rows in each segment."""
    rows = {label: each.data_types.total for label, each in found.get(cut, {}).items()}
    total = sum(rows.values())
    return {label: count / total for label, count in rows.items()} if total else {}
