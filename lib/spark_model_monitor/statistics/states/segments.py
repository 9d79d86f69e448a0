"""The states of one feature by segment. A segment's rows have the same value, or values in the same range, in one or more
other columns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import Any, TypeVar

from spark_model_monitor.statistics.states.encoding import Parameters, State, join_parts, register_state, split_parts
from spark_model_monitor.statistics.states.profile import FeatureProfile, read_like
from spark_model_monitor.statistics.states.row_counts import RowRuns
from spark_model_monitor.value_class import value_class

MAX_SEGMENTS = 50  # segments per cut; all remaining rows form one more
OTHER_ROWS = "(others)"
MISSING = "(missing)"
BY_HOUR = ":hour"  # after the name of a time column: a cut by hour of the day
O_CLOCK = " o'clock"  # at the end of an hour's segment name
Segment = TypeVar("Segment", bound=Any)  # a state of one segment's rows


@register_state
@value_class
class SegmentProfiles(State):
    """The feature's profile in each segment, by cut. A cut is named as the user wrote it (`plan`, `age:30:50`).

    Each profile has the segment's name (`plan=business`, `30<=age<50`) and all of its rows. `plan=(others)` has the
    remaining rows, so the profiles of a cut add up to the feature's profile.
    """

    KIND = "segments"

    cuts: Mapping[str, Mapping[str, FeatureProfile]] = field(default_factory=dict)

    def __add__(self, addend: SegmentProfiles) -> SegmentProfiles:
        """Add segment by segment. If one side lacks a segment but has other rows, the segment joins the other rows in the
        sum.
        """
        return SegmentProfiles(
            add_cuts(self.cuts, addend.cuts, _count_rows, lambda profile, name: replace(profile, name=name))
        )

    def payload(self) -> tuple[Parameters, bytes]:
        """The name and the profiles of each cut, each preceded by their length."""
        cuts = (
            join_parts([cut.encode(), *(segment.to_bytes() for segment in segments.values())])
            for cut, segments in self.cuts.items()
        )
        return {}, join_parts(cuts)

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> SegmentProfiles:
        segments_by_cut: dict[str, dict[str, FeatureProfile]] = {}
        for part in split_parts(payload):
            cut, *profiles = split_parts(part)
            segments = map(FeatureProfile.from_bytes, profiles)
            segments_by_cut[cut.decode()] = {segment.name: segment for segment in segments}
        return cls(segments_by_cut)

    def without_runs(self) -> tuple[SegmentProfiles, list[RowRuns]]:
        """The state without the runs of rows that a baseline's scan keeps, and these runs in the order of
        `iterate_segments`.
        """
        runs: list[RowRuns] = []
        cuts: dict[str, dict[str, FeatureProfile]] = {}
        for cut, segments in self.cuts.items():
            runs += [segment.state(RowRuns) or RowRuns() for segment in segments.values()]
            cuts[cut] = {}
            for label, profile in segments.items():
                states = (state for state in profile.states.values() if not isinstance(state, RowRuns))
                cuts[cut][label] = FeatureProfile.of(label, profile.column_type, states)
        return SegmentProfiles(cuts), runs


def _count_rows(profile: FeatureProfile) -> int:
    return profile.data_types.total


def has_columns(cut: str, names: Collection[str]) -> bool:
    """Whether all columns of a cut are among these names."""
    column_texts = [cut] if cut in names else cut.split("*")
    return all(column_text in names or column_text.partition(":")[0] in names for column_text in column_texts)


def format_rest_label(cut: str) -> str:
    """The name of the segment with all remaining rows."""
    return f"{cut}={OTHER_ROWS}"


def iterate_segments(features: Iterable[FeatureProfile]) -> Iterator[FeatureProfile]:
    """Yield every feature in every segment, named `spend in plan=business`."""
    for feature in features:
        segmented = feature.state(SegmentProfiles)
        if segmented is None:
            continue
        for segments in segmented.cuts.values():
            for label, profile in segments.items():
                yield replace(_read_like(profile, feature), name=f"{feature.name} in {label}")


Sides = Mapping[str, Mapping[str, tuple[FeatureProfile, FeatureProfile]]]
"""A feature's profile in the baseline and in the window, by cut and segment."""


def match_segments(baseline: FeatureProfile | None, window: FeatureProfile) -> Sides:
    """The segments of the cuts that both sides have, except cuts by the feature itself."""
    baseline_segments = None
    if baseline is not None:
        baseline_segments = baseline.state(SegmentProfiles)
    window_segments = window.state(SegmentProfiles)
    if baseline is None or baseline_segments is None or window_segments is None:
        return {}
    segments_by_cut: dict[str, dict[str, tuple[FeatureProfile, FeatureProfile]]] = {}
    for cut in sorted(baseline_segments.cuts.keys() & window_segments.cuts.keys()):
        if window.name in (cut, *(part.partition(":")[0] for part in cut.split("*"))):
            continue
        # A segment that only one side has gets an empty profile on the other side
        segments_by_cut[cut] = {}
        for label in sorted(baseline_segments.cuts[cut].keys() | window_segments.cuts[cut].keys()):
            empty = FeatureProfile(label, window.column_type)
            segments_by_cut[cut][label] = (
                _read_like(baseline_segments.cuts[cut].get(label, empty), baseline),
                _read_like(window_segments.cuts[cut].get(label, empty), window),
            )
    return segments_by_cut


def _read_like(segment: FeatureProfile, column: FeatureProfile) -> FeatureProfile:
    """A segment's profile read with the type of the whole column: as numbers, or as booleans."""
    segment = read_like(segment.unify_flags(), column.column_type)
    if segment.as_numbers == column.as_numbers:
        return segment
    return replace(segment, as_numbers=column.as_numbers)


def add_cuts(
    first: Mapping[str, Mapping[str, Segment]],
    second: Mapping[str, Mapping[str, Segment]],
    count_rows: Callable[[Segment], int],
    rename_to_rest: Callable[[Segment, str], Segment],
) -> dict[str, dict[str, Segment]]:
    """The sums of the segments, by cut. count_rows: returns a segment's number of rows. rename_to_rest: renames a segment
    that joins the rest.
    """
    cuts = sorted(first.keys() | second.keys())
    return {
        cut: _add_segments(first.get(cut, {}), second.get(cut, {}), cut, count_rows, rename_to_rest) for cut in cuts
    }


def _add_segments(
    first: Mapping[str, Segment],
    second: Mapping[str, Segment],
    cut: str,
    count_rows: Callable[[Segment], int],
    rename_to_rest: Callable[[Segment, str], Segment],
) -> dict[str, Segment]:
    """The sums of the segments of one cut. count_rows, rename_to_rest: as in `add_cuts`."""
    rest_label = format_rest_label(cut)
    state_by_label = {}
    other_states = []
    for label in sorted(first.keys() | second.keys()):
        states = [segments[label] for segments in (first, second) if label in segments]
        state = states[0] if len(states) == 1 else states[0] + states[1]
        # If a side lacks the segment, its rows may be among the rest of that side
        has_all_rows = all(label in segments or rest_label not in segments for segments in (first, second))
        if label == rest_label or has_all_rows:
            state_by_label[label] = state
        else:
            other_states.append(state)
    # The largest segments are kept, whatever the order of additions; all others join the rest
    ordered_labels = sorted(
        state_by_label.keys() - {rest_label}, key=lambda label: (-count_rows(state_by_label[label]), label)
    )
    other_states += [state_by_label.pop(label) for label in ordered_labels[MAX_SEGMENTS:]]
    for state in other_states:
        state = rename_to_rest(state, rest_label)
        state_by_label[rest_label] = state_by_label[rest_label] + state if rest_label in state_by_label else state
    return dict(sorted(state_by_label.items()))
