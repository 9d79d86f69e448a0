"""The states of one feature by segment: rows that share a value, or a range, of one or more other columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

from spark_model_monitor.statistics.states.encoding import Parameters, State, joined, registered, split
from spark_model_monitor.statistics.states.profile import FeatureProfile
from spark_model_monitor.statistics.states.rows import RowRuns

MOST_SEGMENTS = 50  # per cut; the rest form one more
REST = "(others)"
MISSING = "(missing)"
Segment = TypeVar("Segment", bound=Any)  # a state of one segment's rows


@registered
@dataclass(frozen=True, slots=True)
class Segmented(State):
    """The feature's profile in each segment, by cut; a cut's name is as the user wrote it (`plan`, `age:30:50`).

    A profile has the segment's name (`plan=business`, `30<=age<50`) and all of its rows; `plan=(others)` has the
    remaining rows. So the profiles of a cut add up to the feature's own counts.
    """

    KIND: ClassVar[str] = "segments"

    cuts: Mapping[str, Mapping[str, FeatureProfile]] = field(default_factory=dict)

    def __add__(self, other: Segmented) -> Segmented:
        """Adds by segment. A segment that one side lacks may be among its others; it then joins them in the sum."""
        both = self.cuts.keys() | other.cuts.keys()
        sides = {cut: (self.cuts.get(cut, {}), other.cuts.get(cut, {})) for cut in sorted(both)}
        return Segmented({cut: added(*pair, cut, _rows_of, _called) for cut, pair in sides.items()})

    def payload(self) -> tuple[Parameters, bytes]:
        """The name and the profiles of each cut."""
        cuts = (joined([cut.encode(), *(each.to_bytes() for each in of.values())]) for cut, of in self.cuts.items())
        return {}, joined(cuts)

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> Segmented:
        found: dict[str, dict[str, FeatureProfile]] = {}
        for part in split(cls.KIND, payload):
            cut, *profiles = split(cls.KIND, part)
            segments = map(FeatureProfile.from_bytes, profiles)
            found[cut.decode()] = {segment.name: segment for segment in segments}
        return cls(found)

    def without_runs(self) -> tuple[Segmented, list[RowRuns]]:
        """The state without the runs of rows that a baseline's scan keeps; and the runs, in order of `in_segments`."""
        runs: list[RowRuns] = []
        cuts: dict[str, dict[str, FeatureProfile]] = {}
        for cut, segments in self.cuts.items():
            runs += [segment.state(RowRuns) or RowRuns() for segment in segments.values()]
            cuts[cut] = {}
            for label, each in segments.items():
                others = (state for state in each.states.values() if not isinstance(state, RowRuns))
                cuts[cut][label] = FeatureProfile.of(label, each.column_type, others)
        return Segmented(cuts), runs


def _rows_of(profile: FeatureProfile) -> int:
    return profile.data_types.total


def _called(profile: FeatureProfile, name: str) -> FeatureProfile:
    return replace(profile, name=name)


def fits(cut: str, names: Collection[str]) -> bool:
    """Whether all columns of a cut exist."""
    parts = [cut] if cut in names else cut.split("*")
    return all(part in names or part.partition(":")[0] in names for part in parts)


def rest_of(cut: str) -> str:
    """The name of the segment of all other rows."""
    return f"{cut}={REST}"


def in_segments(features: Iterable[FeatureProfile]) -> Iterator[FeatureProfile]:
    """Every feature in every segment, named `spend in plan=business`."""
    for feature in features:
        segmented = feature.state(Segmented)
        if segmented is None:
            continue
        for segments in segmented.cuts.values():
            for label, profile in segments.items():
                yield replace(_read_like(profile, feature), name=f"{feature.name} in {label}")


Sides = Mapping[str, Mapping[str, tuple[FeatureProfile, FeatureProfile]]]
"""A feature in the baseline and in the window, by cut and segment."""


def sides_of(before: FeatureProfile | None, now: FeatureProfile) -> Sides:
    """The segments that both have, except those cut by the feature itself."""
    mine = None
    if before is not None:
        mine = before.state(Segmented)
    theirs = now.state(Segmented)
    if before is None or mine is None or theirs is None:
        return {}
    segments_by_cut: dict[str, dict[str, tuple[FeatureProfile, FeatureProfile]]] = {}
    for cut in sorted(mine.cuts.keys() & theirs.cuts.keys()):
        if now.name in (cut, *(part.partition(":")[0] for part in cut.split("*"))):
            continue
        segments_by_cut[cut] = {}
        for label in sorted(mine.cuts[cut].keys() | theirs.cuts[cut].keys()):
            empty = FeatureProfile(label, now.column_type)
            segments_by_cut[cut][label] = (
                _read_like(mine.cuts[cut].get(label, empty), before),
                _read_like(theirs.cuts[cut].get(label, empty), now),
            )
    return segments_by_cut


def _read_like(segment: FeatureProfile, column: FeatureProfile) -> FeatureProfile:
    """A segment of a column of numbers is of numbers, too, whatever else it holds."""
    if segment.as_numbers == column.as_numbers:
        return segment
    return replace(segment, as_numbers=column.as_numbers)


def added(
    mine: Mapping[str, Segment],
    theirs: Mapping[str, Segment],
    cut: str,
    rows: Callable[[Segment], int],
    as_rest: Callable[[Segment, str], Segment],
) -> dict[str, Segment]:
    """The sums of the segments of a cut. as_rest: a segment that is part of the rest, which is called like that."""
    rest = rest_of(cut)
    kept = {}
    others = []
    for label in sorted(mine.keys() | theirs.keys()):
        sides = [side for side in (mine, theirs) if label in side]
        if len(sides) == 2:
            state = sides[0][label] + sides[1][label]
        else:
            state = sides[0][label]
        if label == rest or all(label in side or rest not in side for side in (mine, theirs)):
            kept[label] = state
        else:
            others.append(state)
    named = sorted(kept.keys() - {rest}, key=lambda label: (-rows(kept[label]), label))
    others += [kept.pop(label) for label in named[MOST_SEGMENTS:]]
    for state in others:
        state = as_rest(state, rest)
        kept[rest] = kept[rest] + state if rest in kept else state
    return dict(sorted(kept.items()))
