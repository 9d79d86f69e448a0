"""What the rows behind a change have in common: their segment, and their origin. Pure, except for reading a sample.

A change is a shift of rows between bins: of a feature, or of something computed from the outcome. A key (a column, the
file, the hour) divides the rows into parts. Each part contributes w (F_W - F_B) to the change, as in `segments`: w is
its share of the rows, F_W its current distribution, F_B the baseline's, in that part if its rows can be read. We name
parts that contribute most of the change with few of the rows, if noise alone would not do so in any key examined.

Source: D4.19.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_model_monitor.data.profiling.row_sample import MISSING, Binned, Bins, Mark, RowSample, rows_evenly, sample_of
from spark_model_monitor.data.profiling.segments import AND, Part
from spark_model_monitor.data.records.event_times import microseconds_of, moment_of
from spark_model_monitor.documents.check_results import ONE_SEGMENT, Cause, CheckResult, CheckStatus, remove_values
from spark_model_monitor.documents.headline import ONE_VALUE
from spark_model_monitor.documents.page import Column, Line, PageTable, percent
from spark_model_monitor.errors import MonitorError, NoData
from spark_model_monitor.statistics.states.data_types import parse_numbers
from spark_model_monitor.statistics.states.segments import MISSING as NO_VALUE
from spark_model_monitor.statistics.states.segments import rest_of

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset

log = logging.getLogger(__name__)

Codes: TypeAlias = NDArray[np.int64]  # shape (rows,)
Numbers: TypeAlias = NDArray[np.float64]

# shares of the change from which it is `only` in a segment, and `mostly`
ALONE = 0.8
MOST = 0.5
# columns that rows are divided by, and columns that are paired
MOST_CANDIDATES = 40
MOST_PAIRED = 16
# distinct values of such a column; and of numbers that count as codes
MOST_VALUES = 50
MOST_CODES = 12
QUARTILES = (0.25, 0.5, 0.75)
LEARNT_FROM = 10_000  # rows from which the possible divisions are learnt
FEWEST = 10  # rows of a part that may be named
# by how much a named part's share of the change exceeds its share of the rows
BEYOND = 0.25
BEYOND_IN_ORDER = 0.1
MOST_LEFT = 0.25  # of a change that follows from the shares of another column: what these don't explain
UNKNOWN = 0.02  # rows whose value of that column the baseline has hardly
FEWER = 0.8  # the largest part of the rows of a single value that a pair named in its place may have
LESS = 0.15  # of a change: a cause that explains so much less than another one is not the cause
ORDER = 0.05  # handicap of an ordered key: a change from one time on may also come from some files, which says more
STRETCHES = 200  # into which ordered rows are divided
FEW_PARTS = 5  # with fewer, the variation between parts can't be estimated anyway
LOWER_QUARTILE = 0.1015  # of the square of a standard normal variable
MOST_TEXTS = 500  # distinct texts under a name; with more, they identify records
CHANCE = 1.63  # the largest gap in 99 % of samples of one distribution, in units of sqrt(1/n + 1/m)
LARGEST_EXPONENT = 600.0
NEARLY_ALL = 0.95
MINUTE = 60_000_000
TIME = "time"
ID = "id"
FOLDER = "folder"
FILE = "file"
POSITION = "position"


@dataclass(frozen=True, slots=True)
class Named:
    """Parts of a key that contribute most of a change. share: of the change. rows: their share of the rows. z: by how
    many standard errors they changed more than the others. p: adjusted. proportional: the share of the change that they
    would have if it was the same everywhere.
    """

    places: Sequence[int]
    share: float
    rows: float
    z: float
    p: float
    proportional: float = 0.0

    @property
    def beyond(self) -> float:
        """By how much their share of the change exceeds their share of the rows, or of a change that is the same everywhere."""
        return self.share - max(self.rows, self.proportional)


@dataclass(frozen=True, slots=True)
class Key:
    """A way to divide rows. codes: the part of each row. before: those of the baseline's rows; None if they have none.

    labels: names of parts that are values of the data. told: names of other parts, in words. is_ordered: whether
    neighbouring parts are named together. may_be_several: whether any parts are. columns: that divide the rows.
    have_ranges: whether one of these is cut into ranges.
    """

    name: str
    codes: Codes
    parts: int
    labels: tuple[str, ...] = ()
    told: Callable[[Sequence[int]], str] | None = None
    before: Codes | None = None
    is_ordered: bool = False
    may_be_several: bool = False
    columns: tuple[str, ...] = ()
    have_ranges: bool = False

    def label(self, named: Named) -> str:
        """The name of the first named part."""
        return self.labels[named.places[0]]


@dataclass(frozen=True, slots=True)
class Change:
    """A violated feature in the sample. bins: the bin of each row. before: of the baseline's rows, if they were read.
    was: the baseline's share of each bin. tests: which bins are tested together, shape (bins, tests). are_categories:
    whether bins are values without an order.
    """

    bins: NDArray[np.int16]
    was: Numbers
    tests: NDArray[np.bool_]
    before: NDArray[np.int16] | None = None
    are_categories: bool = False

    def gaps(self) -> tuple[Numbers, Numbers, int]:
        """The baseline's value of each test, its change, and the clearest test, which in a tail isn't the largest."""
        was, now = (shares @ self.tests for shares in (self.was, shares_of(self.bins, len(self.was))))
        both = ((was + now) / 2).clip(1 / len(self.bins), 1 - 1 / len(self.bins))
        spread = np.sqrt(both * (1 - both))  # a single row contributes nothing
        scores = np.divide(np.abs(now - was), spread, out=np.zeros(len(both)), where=spread > 0)
        return was, now - was, int(scores.argmax())

    def behind(self) -> tuple[int, ...]:
        """The bins of the rows behind the change: on the side of the clearest gap that grew, the bins that grew."""
        _, gaps, place = self.gaps()
        if gaps[place] > 0:
            side = self.tests[:, place]
        else:
            side = ~self.tests[:, place]
        return tuple(np.flatnonzero(side & (shares_of(self.bins, len(self.was)) > self.was)).tolist())

    def search(self, key: Key, tests: int) -> Named | None:
        """The parts of a key with most of the change, beyond their share of the rows. tests: number of all tests."""
        rows, hits = self._counted(key.codes, self.bins, key.parts)
        total = rows.sum()
        was, gaps, place = self.gaps()
        sampled = 1 / total + (1 / len(self.before) if self.before is not None else 0.0)
        expected: Numbers = np.broadcast_to(was, hits.shape)
        known: Numbers = np.full(key.parts, np.inf)
        if key.before is not None and self.before is not None:
            rows_before, hits_before = self._counted(key.before, self.before, key.parts)
            enough = rows_before >= FEWEST
            expected = np.where(enough[:, None], hits_before / np.maximum(rows_before, 1)[:, None], expected)
            known = np.where(enough, rows_before, np.inf)
        if not gaps[place]:
            return None
        added = (hits - rows[:, None] * expected) / total * np.sign(gaps[place])
        weights = rows / total
        gaps = gaps * np.sign(gaps[place])
        allowed = max(gaps[place] / 2, CHANCE * math.sqrt(sampled))
        noise = _spread(rows, hits[:, place], known, expected[:, place])
        proportional = self._proportional_change(key, weights)

        def named(chosen: NDArray[np.bool_]) -> Named:
            left = float(np.abs(gaps - added[chosen].sum(axis=0)).max())
            # the others look unchanged: compared with half of the change, or the noise of samples of one distribution
            if left <= allowed:
                share = min(1.0, float(added[chosen, place].sum() / gaps[place]))
            else:
                share = 0.0
            z = errors_of(chosen)
            p = min(1.0, math.erfc(z / math.sqrt(2)) / 2 * _ways(key, int(chosen.sum())) * tests)
            # numbers that changed for one value alone may be the only ones of their size
            is_alone = share >= ALONE and not self.are_categories and not key.have_ranges
            if is_alone:
                everywhere = 0.0
            else:
                everywhere = float(proportional[chosen].sum())
            return Named(np.flatnonzero(chosen).tolist(), share, float(weights[chosen].sum()), z, p, everywhere)

        def errors_of(chosen: NDArray[np.bool_]) -> float:
            """By how many standard errors parts that were chosen before changed more than the others."""
            sides = (chosen, ~chosen)
            sizes = [float(rows[side].sum()) for side in sides]
            if min(sizes) < FEWEST:
                return 0.0
            apart = [added[side, place].sum() / weights[side].sum() for side in sides]
            shares = [(hits[side, place].sum() + 1) / (size + 2) for side, size in zip(sides, sizes, strict=True)]
            variance = sum(share * (1 - share) / size for share, size in zip(shares, sizes, strict=True))
            variance += sum(_variance(expected[side, place], known[side], weights[side]) for side in sides)
            return float(apart[0] - apart[1]) / math.sqrt(noise * variance)

        worth = added[:, place] / gaps[place] - weights
        # a part that is clearer alone, but leaves much of the change to others, is not the whole cause
        return max(map(named, _chosen(key, worth)), key=lambda each: (each.share >= ALONE, each.share >= MOST, each.z))

    def _proportional_change(self, key: Key, weights: Numbers) -> Numbers:
        """The share of the change in each part if every value that became rarer lost the same fraction of its rows everywhere.

        A value that is gone is gone where it was: that says nothing of these rows. weights: the parts' shares of the rows.
        """
        if self.before is None or key.before is None:
            return weights
        losses = np.maximum(self.was - shares_of(self.bins, len(self.was)), 0.0)
        losses[losses < losses.max() / 10] = 0.0
        fractions_lost = np.divide(losses, self.was, out=np.zeros(len(losses)), where=losses > 0)
        table = self._table(key.before, self.before, key.parts)
        lost = weights * (table @ fractions_lost) / np.maximum(table.sum(axis=1), 1)
        total = float(lost.sum())
        return lost / total if total else weights

    def follows_from(self, column: Change) -> bool:
        """Whether the feature is as before for each value of a column whose shares changed."""
        if self.before is None or column.before is None:
            return False
        table = self._table(column.before.astype(np.int64), self.before, len(column.was))
        rows_before = table.sum(axis=1)
        shares_now = shares_of(column.bins, len(column.was))
        if shares_now[rows_before < FEWEST].sum() > UNKNOWN:
            return False
        expected = shares_now @ (table / np.maximum(rows_before, 1)[:, None])
        now = shares_of(self.bins, len(self.was))
        change = np.abs((now - self.was) @ self.tests).max()
        left = np.abs((now - expected) @ self.tests).max()
        return bool(left <= MOST_LEFT * change)

    def _counted(self, codes: Codes, bins: NDArray[np.int16], parts: int) -> tuple[Numbers, Numbers]:
        table = self._table(codes, bins, parts)
        return table.sum(axis=1), table @ self.tests

    def _table(self, codes: Codes, bins: NDArray[np.int16], parts: int) -> Numbers:
        """The rows of each part in each bin."""
        size = len(self.was)
        counts = np.bincount(codes * size + bins, minlength=parts * size)
        return counts.reshape(parts, size).astype(float)


def find_root(name: str, changes: Mapping[str, Change]) -> str | None:
    """The violated column of categories from whose shares the change of this feature follows; None if there is none.

    Of two columns of categories, the one with the larger alarm comes first.
    """
    change = changes[name]
    for column, shares in changes.items():
        if column == name and change.are_categories:
            return None
        if column != name and shares.are_categories and change.follows_from(shares):
            return column
    return None


def _variance(expected: Numbers, known: Numbers, weights: Numbers) -> float:
    """The contribution of the baseline's own sample to the variance of the parts' total excess."""
    found = expected * (1 - expected) / known * (weights / max(weights.sum(), 1e-12)) ** 2
    return float(found.sum())


def _spread(rows: Numbers, hits: Numbers, known: Numbers, expected: Numbers) -> float:
    """How much more parts differ than independent rows, as a factor of variance; assumes a quarter to be healthy."""
    there = rows >= FEWEST
    if there.sum() < FEW_PARTS:
        return 1.0
    apart = (hits / np.maximum(rows, 1) - expected)[there]
    shares = ((hits + 1) / (rows + 2))[there]
    squares = (apart - np.median(apart)) ** 2 / (
        shares * (1 - shares) / rows[there] + (expected * (1 - expected) / known)[there]
    )
    return max(1.0, float(np.quantile(squares, 0.25)) / LOWER_QUARTILE)


def _ways(key: Key, chosen: int) -> float:
    """The number of ways to choose this many parts."""
    if key.is_ordered:
        return key.parts * (key.parts + 1) / 2
    chances = math.lgamma(key.parts + 1) - math.lgamma(chosen + 1) - math.lgamma(key.parts - chosen + 1)
    return key.parts * math.exp(min(chances, LARGEST_EXPONENT)) / chosen


def _chosen(key: Key, worth: Numbers) -> Iterator[NDArray[np.bool_]]:
    """Parts that may be named. worth: each part's contribution to the change beyond its rows.

    For an ordered key, the stretch with the largest contribution. Otherwise the part with the largest, and for keys
    that are not values of a column, all parts whose contribution exceeds their rows.
    """
    chosen = np.zeros(key.parts, bool)
    if key.is_ordered:
        chosen[slice(*_stretch(worth.tolist()))] = True
    else:
        chosen[worth.argmax()] = True
        if key.may_be_several:
            yield worth > float(worth.max()) / 10 if worth.max() > 0 else chosen
    yield chosen


def _stretch(worth: Sequence[float]) -> tuple[int, int]:
    """Start and end of the neighbouring parts with the largest sum."""
    most = -math.inf
    start = 0
    total = 0.0
    ends = (0, 1)
    for place, each in enumerate(worth):
        if total <= 0:
            start = place
            total = 0.0
        total += each
        if total > most:
            most = total
            ends = (start, place + 1)
    return ends


# The keys of a window: its columns, alone and in pairs, and the origins of its rows.


@dataclass(frozen=True, slots=True)
class Candidate:
    """A column that may divide the rows. labels: the names of its bins."""

    name: str
    binned: Binned
    labels: tuple[str, ...]

    @property
    def has_ranges(self) -> bool:
        return bool(self.binned.cuts)

    @classmethod
    def of_cuts(cls, name: str, position: int, cuts: Sequence[float]) -> Candidate:
        below = tuple(math.nextafter(cut, -math.inf) for cut in cuts)
        labels = Part(position, name, tuple(cuts)).ranges()
        return cls(name, Binned(position, below), (f"{name}={NO_VALUE}", rest_of(name), *labels))

    @classmethod
    def of_values(cls, name: str, position: int, values: Iterable[str]) -> Candidate:
        found = tuple(sorted(values))
        labels = (f"{name}={NO_VALUE}", rest_of(name), *(f"{name}={value}" for value in found))
        return cls(name, Binned(position, values=found), labels)


def of_columns(candidates: Sequence[Candidate], now: Bins, before: Bins) -> Iterator[Key]:
    """Each column, then each pair of the first ones. now, before: the bins of the rows, in the candidates' order."""
    codes = now.astype(np.int64).T
    codes_before = before.astype(np.int64).T
    for index, column in enumerate(candidates):
        yield Key(
            column.name,
            codes[index],
            len(column.labels),
            column.labels,
            before=codes_before[index],
            columns=(column.name,),
            have_ranges=column.has_ranges,
        )
    for index, index_of_second in itertools.combinations(range(min(len(candidates), MOST_PAIRED)), 2):
        first = candidates[index]
        second = candidates[index_of_second]
        size = len(second.labels)
        labels = tuple(f"{label}{AND}{two}" for label in first.labels for two in second.labels)
        names = first.name, second.name
        yield Key(
            "*".join(names),
            codes[index] * size + codes[index_of_second],
            len(labels),
            labels,
            before=codes_before[index] * size + codes_before[index_of_second],
            columns=names,
            have_ranges=first.has_ranges or second.has_ranges,
        )


def of_origins(sample: RowSample) -> Iterator[Key]:
    """The origins of rows: what records say about themselves, folder and file, position and time."""
    names = dict.fromkeys(name for said in sample.said for name in said)
    times = _times(sample)
    for name in sorted(names.keys() - {TIME, ID}):
        yield from _by_value(name, [said.get(name) for said in sample.said])
    if sample.files:
        yield from _by_value(FOLDER, [_folder(file) for file in sample.files])
        files, codes = np.unique(np.array(sample.files), return_inverse=True)
        if len(files) > 1:
            starts = None
            if times is not None:
                starts = [int(times[codes == place].min()) for place in range(len(files))]
            yield Key(FILE, codes, len(files), told=partial(_told_of_files, len(files), starts), may_be_several=True)
        else:
            rows = np.arange(len(sample.bins))
            ends = np.linspace(0, sample.rows, STRETCHES + 1).round()
            told = partial(_told_of_stretch, [f"row {int(end):,} of the file" for end in ends])
            yield Key(POSITION, rows * STRETCHES // max(len(rows), 1), STRETCHES, told=told, is_ordered=True)
    if times is not None and len(minutes := np.unique(times // MINUTE)) > 1:
        edges = minutes[np.linspace(0, len(minutes), min(STRETCHES, len(minutes)) + 1).astype(int)[:-1]]
        codes = np.searchsorted(edges, times // MINUTE, side="right") - 1
        one_day = len(np.unique(edges // (24 * 60))) == 1
        clock = [
            f"{moment_of(int(edge) * MINUTE):{'%H:%M' if one_day else '%d %B, %H:%M'}}"
            for edge in (*edges, minutes[-1] + 1)
        ]
        yield Key(TIME, codes, len(edges), told=partial(_told_of_stretch, clock), is_ordered=True)


def _by_value(name: str, values: Sequence[str | None]) -> Iterator[Key]:
    """Parts by the value that records, or their files, have under a name; none if all have the same, or hardly two."""
    texts, codes = np.unique(np.array([NO_VALUE if value is None else value for value in values]), return_inverse=True)
    if 1 < len(texts) <= min(MOST_TEXTS, len(values) / FEWEST):
        yield Key(name, codes, len(texts), labels=tuple(map(str, texts)), may_be_several=True)


def _folder(file: str) -> str:
    """The folder of a file without its time folders: the folder of its writer."""
    return "/".join(name for name in file.split("/")[:-1] if not name.rpartition("=")[2].isdigit())


def _times(sample: RowSample) -> Codes | None:
    """The time of each row in microseconds; None unless all rows have one."""
    texts = [said.get(TIME) for said in sample.said]
    if not texts or None in texts:
        return None
    microseconds = microseconds_of(pa.array(texts, pa.string()))
    if microseconds.null_count:
        return None
    return np.asarray(microseconds)


def _told_of_files(files: int, starts: Sequence[int] | None, places: Sequence[int]) -> str:
    if starts is None:
        first = ""
    else:
        first = f", the first at {moment_of(min(starts[place] for place in places)):%H:%M}"
    return f"from {len(places):,} of {files:,} files{first}"


def _told_of_stretch(edges: Sequence[str], places: Sequence[int]) -> str:
    """edges: the start of each part, and the end."""
    first = edges[places[0]]
    last = edges[places[-1] + 1]
    if places[-1] == len(edges) - 2:
        return f"from {first} on"
    if not places[0]:
        return f"from before {last}"
    return f"between {first} and {last}"


# How causes are described.


def clear_ones(change: Change, keys: Sequence[Key], tests: int, level: float) -> list[tuple[Key, Named]]:
    """The keys whose parts stand out from noise."""
    found = ((key, each) for key in keys if (each := change.search(key, tests)) is not None)
    least = (BEYOND, BEYOND_IN_ORDER)
    return [of for of in found if of[1].share >= MOST and of[1].beyond >= least[of[0].is_ordered] and of[1].p <= level]


CauseMembers = dict[str, tuple[Cause, ...] | str | None]
"""The members of an entry of checks.json that say where a change comes from."""


def members_of(segments: Sequence[tuple[Key, Named]], origins: Sequence[tuple[Key, Named]]) -> CauseMembers:
    """The causes as members of checks.json."""
    largest = max((named.share for _, named in (*segments, *origins)), default=0.0)
    segments = [(key, named) for key, named in segments if named.share >= largest - LESS]
    origins = [(key, named) for key, named in origins if named.share >= largest - LESS]
    causes = sorted(origins, key=lambda of: -of[1].beyond - ORDER * of[0].is_ordered - 2 * ORDER * bool(of[0].labels))
    found: CauseMembers = {"cause": tuple(_cause(*cause) for cause in causes) or None, "where": None, "segment": None}
    if (best := _clearest(segments)) is not None:
        key, named = best
        how = "only" if named.share >= ALONE else "most of it"
        much = f"{percent(named.share)} of the change, {percent(named.rows)} of the rows"
        found |= {"where": f"{how} in {ONE_SEGMENT}{key.name}: {much}", "segment": key.label(named)}
    return found


def _clearest(segments: Sequence[tuple[Key, Named]]) -> tuple[Key, Named] | None:
    """The value that stands out most; or a pair, if its change is in fewer rows, not only a smaller share of them."""
    sides: tuple[list[tuple[Key, Named]], ...] = ([], [])
    for segment in segments:
        sides[AND in segment[0].labels[0]].append(segment)
    one, two = (max(side, key=rank_segment, default=None) for side in sides)
    if one is None or two is None:
        return one or two
    share = two[1].share / one[1].share
    rows = two[1].rows / one[1].rows
    if rows <= FEWER and share >= (1 + rows) / 2:
        return two
    return one


def rank_segment(segment: tuple[Key, Named]) -> float:
    """How far its share of the change is beyond its rows. A range of numbers may only follow from a value that is as clear."""
    key, named = segment
    return named.beyond - ORDER * key.have_ranges


def _cause(key: Key, named: Named) -> Cause:
    if len(named.places) > 1:
        some = f"{len(named.places):,} values"
    else:
        some = ONE_VALUE
    if key.told:
        told = key.told(named.places)
    else:
        told = f"from {some} of {key.name}"
    if named.share >= NEARLY_ALL:
        much = "all"
    else:
        much = percent(named.share)
    value = None
    if key.labels and len(named.places) == 1:
        value = key.label(named)
    return Cause(
        key=key.name, words=f"{much} of it comes {told}", value=value, share=named.share, rows=named.rows, p=named.p
    )


def shares_of(bins: NDArray[np.int16], size: int) -> Numbers:
    return np.bincount(bins, minlength=size) / max(len(bins), 1)


CAUSES = "What the changed rows have in common, the clearest first."
_CAUSES = (
    *(Column("what", is_name=True), Column("where from"), Column("value", is_name=True)),
    *(Column("of the change", is_number=True), Column("of the rows", is_number=True)),
)


def causes_table(result: CheckResult) -> Iterator[PageTable]:
    """What the rows of a change have in common, for its card."""
    if result.cause:
        numbers = (
            (each.key, each.words, each.value or "", percent(each.share), percent(each.rows)) for each in result.cause
        )
        yield PageTable(_CAUSES, tuple(map(Line, numbers)), CAUSES).without_empty()


# Changes of outcomes: whether answers were wrong, or how often they were positive.


@dataclass(frozen=True, slots=True)
class Marked:
    """Rows that can be read again. outcomes: columns that are outcomes and don't divide the rows."""

    dataset: Dataset
    mark: Mark
    rows: int
    outcomes: frozenset[str] = frozenset()


def in_order(bins: int) -> NDArray[np.bool_]:
    """Tests of ordered bins: all bins up to each one, except the last. Shape (bins, tests)."""
    upto = np.tri(bins, dtype=bool).T
    upto[:2] = False
    return upto[:, 2:-1]


def with_causes(
    results: tuple[CheckResult, ...],
    behind: Mapping[Hashable, Callable[[ExitStack], tuple[Marked, Marked]]],
    about: Callable[[CheckResult], Iterable[Hashable]],
    level: float,
    *,
    hide_values: bool,
) -> tuple[CheckResult, ...]:
    """The results; violations with the segment and the origin of their change, if there is one.

    behind: functions that open the rows of window and baseline, by what changed; the window is read in one pass, the
    baseline in two. about: what a result may be about; the first one with a cause counts.
    """
    found: dict[Hashable, dict[str, Any]] = {}
    for what, opened in behind.items():
        try:
            with ExitStack() as held:
                found[what] = _behind(*opened(held), level / len(behind))
        except NoData as fault:  # the rows are gone
            log.info("the origin of a loss is unknown: %s", fault)
        except (MonitorError, OSError, ValueError, pa.ArrowException) as fault:
            log.warning("the origin of a loss is unknown: the rows can't be read again (%s)", type(fault).__name__)

    def told(result: CheckResult) -> CheckResult:
        members = dict(next((found[what] for what in about(result) if found.get(what)), {}))
        if result.status is not CheckStatus.VIOLATED or not (members.get("where") or members.get("cause")):
            return result
        if result.where:  # the requested segments say it
            members |= {"segment": result.segment, "where": result.where}
        located = result.model_copy(update=members)
        if hide_values:
            return remove_values(located)
        return located

    return tuple(map(told, results))


def _behind(now: Marked, before: Marked, level: float) -> dict[str, Any]:
    """The rows behind a change of marks, as members of checks.json."""
    known = rows_evenly(before.dataset, before.rows, LEARNT_FROM)
    candidates = [*itertools.islice(_candidates(known, now, before), MOST_CANDIDATES)]
    sides = [_sampled(each, candidates) for each in (now, before)]
    if not all(len(side.bins) for side in sides):
        return {}
    first, second = (side.bins[:, 0] for side in sides)
    change = Change(first, shares_of(second, now.mark.bins), in_order(now.mark.bins), second)
    origins = list(of_origins(sides[0]))
    columns = list(of_columns(candidates, *(side.bins[:, 1:] for side in sides)))
    tests = len(columns) + len(origins)
    return members_of(*(clear_ones(change, keys, tests, level) for keys in (columns, origins)))


def _candidates(rows: pa.Table, now: Marked, before: Marked) -> Iterator[Candidate]:
    """Columns of both sides that may divide the rows: with few values, or numbers by quartile. rows: the baseline's."""
    for position, name in enumerate(before.dataset.names):
        cells = rows.column(position).combine_chunks().drop_null()
        if name in before.outcomes or name not in now.dataset.names or not len(cells):
            continue
        numbers = parse_numbers(cells)
        values = cells.unique().to_pylist()
        if not np.isnan(numbers).any() and len(values) > MOST_CODES:
            cuts = {*np.quantile(numbers, QUARTILES).tolist()} - {float(numbers.min())}
            if cuts:
                yield Candidate.of_cuts(name, position, sorted(cuts))
        elif 1 < len(values) <= MOST_VALUES:
            yield Candidate.of_values(name, position, values)


def _sampled(side: Marked, candidates: Sequence[Candidate]) -> RowSample:
    """The sampled rows that count."""
    names = side.dataset.names
    own = [replace(candidate.binned, position=names.index(candidate.name)) for candidate in candidates]
    sample = sample_of(side.dataset, [side.mark, *own], side.rows)
    kept = np.flatnonzero(sample.bins[:, 0] != MISSING)
    files = [sample.files[at] for at in kept] if sample.files else ()
    said = [sample.said[at] for at in kept] if sample.said else ()
    return RowSample(sample.bins[kept], sample.rows, files, said)
