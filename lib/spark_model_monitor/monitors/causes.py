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
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypedDict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_model_monitor.data.profiling.row_sample import (
    MISSING,
    BinnedColumn,
    Bins,
    RowMark,
    RowSample,
    draw_row_sample,
    read_sampled_rows,
)
from spark_model_monitor.data.profiling.segment_scan import AND, Part
from spark_model_monitor.data.records.event_times import convert_microseconds, parse_microseconds
from spark_model_monitor.documents.change_description import ONE_VALUE
from spark_model_monitor.documents.check_results import ONE_SEGMENT, Cause, CheckResult, remove_values
from spark_model_monitor.documents.page import format_percent
from spark_model_monitor.errors import MonitorError, NoData
from spark_model_monitor.statistics.array_types import Doubles, Flags, Integers
from spark_model_monitor.statistics.states.data_types import parse_numbers
from spark_model_monitor.statistics.states.segments import MISSING as NO_VALUE
from spark_model_monitor.statistics.states.segments import format_rest_label
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset

log = logging.getLogger(__name__)

Codes: TypeAlias = Integers  # shape (rows,)

# shares of the change from which it is `only` in a segment, and `mostly`
ALONE = 0.8
LEAST_SHARE_OF_CHANGE = 0.5
# columns that rows are divided by, and columns that are paired
MOST_CANDIDATES = 40
MOST_PAIRED = 16
# distinct values of such a column; and of numbers that count as codes
MOST_VALUES = 50
MOST_CODES = 12
QUARTILES = (0.25, 0.5, 0.75)
LEARNING_ROWS = 10_000  # rows from which the possible divisions are learnt
FEWEST = 10  # rows of a part that may be named
# by how much a named part's share of the change exceeds its share of the rows
LEAST_EXCESS_SHARE = 0.25
BEYOND_IN_ORDER = 0.1
MOST_CHANGE_OF_REST = 0.2  # of the change in the named rows: how much all others may have changed
NORMAL_90 = 1.28  # quantile of the normal distribution
MOST_LEFT = 0.25  # of a change that follows from the shares of another column: what these don't explain
UNKNOWN = 0.02  # rows whose value of that column the baseline has hardly
FEWER = 0.8  # the largest part of the rows of a single value that a pair named in its place may have
CLEARLY_SMALLER_SHARE = 0.15  # of a change: a cause that explains so much less than another one is not the cause
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


@value_class
class Culprit:
    """Parts of a key that contribute most of a change. share: of the change. rows: their share of the rows. z: by how
    many standard errors they changed more than the others. p: adjusted. proportional: the share of the change that they
    would have if it was the same everywhere.
    """

    parts: Sequence[int]
    share: float
    rows: float
    z: float
    p: float
    proportional: float = 0.0

    @property
    def beyond(self) -> float:
        """By how much their share of the change exceeds their share of the rows, or of a change that is the same everywhere."""
        return self.share - max(self.rows, self.proportional)


@value_class
class Key:
    """A way to divide rows. codes: the part of each row. before: those of the baseline's rows; None if they have none.

    labels: names of parts that are values of the data. describe: names other parts, in words. is_ordered: whether
    neighbouring parts are named together. may_be_several: whether any parts are. columns: that divide the rows.
    have_ranges: whether one of these is cut into ranges.
    """

    name: str
    codes: Codes
    parts: int
    labels: tuple[str, ...] = ()
    describe: Callable[[Sequence[int]], str] | None = None
    before: Codes | None = None
    is_ordered: bool = False
    may_be_several: bool = False
    columns: tuple[str, ...] = ()
    have_ranges: bool = False

    def label(self, named: Culprit) -> str:
        """The name of the first named part."""
        return self.labels[named.parts[0]]


@value_class
class BinnedChange:
    """A violated feature in the sample. bins: the bin of each row. before: of the baseline's rows, if they were read.
    was: the baseline's share of each bin. tests: which bins are tested together, shape (bins, tests). are_categories:
    whether bins are values without an order.
    """

    bins: NDArray[np.int16]
    was: Doubles
    tests: Flags
    before: NDArray[np.int16] | None = None
    are_categories: bool = False

    def measure_gaps(self) -> tuple[Doubles, Doubles, int]:
        """The baseline's value of each test, its change, and the clearest test, which in a tail isn't the largest."""
        was = self.was @ self.tests
        now = compute_shares(self.bins, len(self.was)) @ self.tests
        # In standard deviations of a single row, whose share is at least that of one row
        pooled = ((was + now) / 2).clip(1 / len(self.bins), 1 - 1 / len(self.bins))
        deviations = np.sqrt(pooled * (1 - pooled))
        scores = np.divide(np.abs(now - was), deviations, out=np.zeros(len(pooled)), where=deviations > 0)
        return was, now - was, int(scores.argmax())

    def list_changed_bins(self) -> tuple[int, ...]:
        """The bins of the rows behind the change: on the side of the clearest gap that grew, the bins that grew."""
        _, gaps, clearest = self.measure_gaps()
        grew_together = self.tests[:, clearest]
        if gaps[clearest] <= 0:
            grew_together = ~grew_together
        has_grown = compute_shares(self.bins, len(self.was)) > self.was
        return tuple(np.flatnonzero(grew_together & has_grown).tolist())

    def search(self, key: Key, tests: int) -> Culprit | None:
        """The parts of a key with most of the change, beyond their share of the rows. tests: number of all tests."""
        was, gaps, clearest = self.measure_gaps()
        if not gaps[clearest]:
            return None
        rows, hits = self._count_hits(key.codes, self.bins, key.parts)
        total = rows.sum()
        weights = rows / total
        # What each part would have: as the baseline, in the same part if its rows were read and are enough
        sampling_variance = 1 / total
        expected: Doubles = np.broadcast_to(was, hits.shape)
        baseline_rows: Doubles = np.full(key.parts, np.inf)
        if self.before is not None:
            sampling_variance += 1 / len(self.before)
        if key.before is not None and self.before is not None:
            rows_before, hits_before = self._count_hits(key.before, self.before, key.parts)
            are_enough = rows_before >= FEWEST
            expected = np.where(are_enough[:, None], hits_before / np.maximum(rows_before, 1)[:, None], expected)
            baseline_rows = np.where(are_enough, rows_before, np.inf)
        # What each part adds to each test, upwards. Shape (parts, tests)
        sign = np.sign(gaps[clearest])
        added = (hits - rows[:, None] * expected) / total * sign
        gaps = gaps * sign
        contributions = _Contributions(
            key=key,
            rows=rows,
            hits=hits[:, clearest],
            expected=expected[:, clearest],
            baseline_rows=baseline_rows,
            weights=weights,
            added=added,
            added_to_clearest=added[:, clearest],
            gaps=gaps,
            gap=gaps[clearest],
            # Half of the change, or the noise of samples of one distribution
            allowed=max(gaps[clearest] / 2, CHANCE * math.sqrt(sampling_variance)),
            proportional=self._proportional_change(key, weights),
            are_categories=self.are_categories,
        )
        beyond_rows = contributions.added_to_clearest / gaps[clearest] - weights
        candidates = [contributions.describe(chosen, tests) for chosen in _choose_parts(key, beyond_rows)]
        return max(candidates, key=_rank_parts)

    def _proportional_change(self, key: Key, weights: Doubles) -> Doubles:
        """The share of the change in each part if every value that became rarer lost the same fraction of its rows everywhere.

        A value that is gone is gone where it was: that says nothing of these rows. weights: the parts' shares of the rows.
        """
        if self.before is None or key.before is None:
            return weights
        # The fraction that each value lost, small losses being noise
        losses = np.maximum(self.was - compute_shares(self.bins, len(self.was)), 0.0)
        losses[losses < losses.max() / 10] = 0.0
        fractions_lost = np.divide(losses, self.was, out=np.zeros(len(losses)), where=losses > 0)
        table = self._count_by_bin(key.before, self.before, key.parts)
        lost = weights * (table @ fractions_lost) / np.maximum(table.sum(axis=1), 1)
        total = float(lost.sum())
        if not total:
            return weights
        shares: Doubles = lost / total
        return shares

    def follows_from(self, column: BinnedChange) -> bool:
        """Whether the feature is as before for each value of a column whose shares changed."""
        if self.before is None or column.before is None:
            return False
        table = self._count_by_bin(column.before.astype(np.int64), self.before, len(column.was))
        rows_before = table.sum(axis=1)
        shares_now = compute_shares(column.bins, len(column.was))
        if shares_now[rows_before < FEWEST].sum() > UNKNOWN:
            return False
        # The feature's shares if only those of the column changed
        expected = shares_now @ (table / np.maximum(rows_before, 1)[:, None])
        now = compute_shares(self.bins, len(self.was))
        change = np.abs((now - self.was) @ self.tests).max()
        left = np.abs((now - expected) @ self.tests).max()
        return bool(left <= MOST_LEFT * change)

    def _count_hits(self, codes: Codes, bins: NDArray[np.int16], parts: int) -> tuple[Doubles, Doubles]:
        table = self._count_by_bin(codes, bins, parts)
        return table.sum(axis=1), table @ self.tests

    def _count_by_bin(self, codes: Codes, bins: NDArray[np.int16], parts: int) -> Doubles:
        """The rows of each part in each bin."""
        size = len(self.was)
        counts = np.bincount(codes * size + bins, minlength=parts * size)
        return counts.reshape(parts, size).astype(float)


def find_root(name: str, changes: Mapping[str, BinnedChange]) -> str | None:
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


@value_class(eq=False)
class _Contributions:
    """What each part of a key contributes to a change. hits, expected: rows in the bins of the clearest test, and the fraction
    that is expected. baseline_rows: infinite where a part's own are too few. weights: the parts' shares of the rows. added,
    added_to_clearest: to each test's gap, and to the clearest one's, `gap`. allowed: the gap that other rows may be left with.
    proportional: of a change that is the same everywhere.
    """

    key: Key
    rows: Doubles
    hits: Doubles
    expected: Doubles
    baseline_rows: Doubles
    weights: Doubles
    added: Doubles
    added_to_clearest: Doubles
    gaps: Doubles
    gap: float
    allowed: float
    proportional: Doubles
    are_categories: bool

    def describe(self, chosen: Flags, tests: int) -> Culprit:
        """The chosen parts with what speaks for them. tests: number of all tests, among which they were searched."""
        # The others have to look unchanged
        left = float(np.abs(self.gaps - self.added[chosen].sum(axis=0)).max())
        share = 0.0
        if left <= self.allowed and self._are_others_unchanged(chosen):
            share = min(1.0, float(self.added_to_clearest[chosen].sum() / self.gap))
        z = self._compute_z(chosen)
        p = min(1.0, math.erfc(z / math.sqrt(2)) / 2 * _count_choices(self.key, int(chosen.sum())) * tests)
        # Doubles that changed for one value alone may be the only ones of their size
        is_alone = share >= ALONE and not self.are_categories and not self.key.have_ranges
        proportional = 0.0
        if not is_alone:
            proportional = float(self.proportional[chosen].sum())
        return Culprit(np.flatnonzero(chosen).tolist(), share, float(self.weights[chosen].sum()), z, p, proportional)

    def _are_others_unchanged(self, chosen: Flags) -> bool:
        """Whether the rest of the window changed by at most `MOST_CHANGE_OF_REST` of what the parts did, by the upper
        end of an 80 % interval.
        """
        remaining = ~chosen
        size = float(self.rows[remaining].sum())
        if not size:
            return True
        # Parts without rows explain nothing
        weight = float(self.weights[chosen].sum())
        if not weight:
            return False
        change = self.added_to_clearest[chosen].sum() / weight
        remaining_change = self.added_to_clearest[remaining].sum() / self.weights[remaining].sum()
        fraction = (self.hits[remaining].sum() + 1) / (size + 2)
        variance = fraction * (1 - fraction) / size + self._compute_baseline_variance(remaining)
        error = NORMAL_90 * math.sqrt(self._estimate_overdispersion() * variance)
        return bool(abs(remaining_change) + error <= MOST_CHANGE_OF_REST * change)

    def _compute_z(self, chosen: Flags) -> float:
        """By how many standard errors parts that were chosen before changed more than the others."""
        excesses: list[float] = []
        variance = 0.0
        baseline_variance = 0.0
        for parts in (chosen, ~chosen):
            size = float(self.rows[parts].sum())
            if size < FEWEST:
                return 0.0
            excesses.append(self.added_to_clearest[parts].sum() / self.weights[parts].sum())
            # Of the window's sample, and of the baseline's
            fraction = (self.hits[parts].sum() + 1) / (size + 2)
            variance += fraction * (1 - fraction) / size
            baseline_variance += self._compute_baseline_variance(parts)
        noise = self._estimate_overdispersion()
        return float(excesses[0] - excesses[1]) / math.sqrt(noise * (variance + baseline_variance))

    def _compute_baseline_variance(self, parts: Flags) -> float:
        """The contribution of the baseline's own sample to the variance of the parts' total excess."""
        expected = self.expected[parts]
        weights = self.weights[parts]
        variances = expected * (1 - expected) / self.baseline_rows[parts] * (weights / max(weights.sum(), 1e-12)) ** 2
        return float(variances.sum())

    def _estimate_overdispersion(self) -> float:
        """How much more parts differ than independent rows, as a factor of variance; assumes a quarter to be healthy."""
        is_large = self.rows >= FEWEST
        if is_large.sum() < FEW_PARTS:
            return 1.0
        excesses = (self.hits / np.maximum(self.rows, 1) - self.expected)[is_large]
        fractions = ((self.hits + 1) / (self.rows + 2))[is_large]
        # Squared deviations in those of independent rows
        window_variances = fractions * (1 - fractions) / self.rows[is_large]
        baseline_variances = (self.expected * (1 - self.expected) / self.baseline_rows)[is_large]
        squares = (excesses - np.median(excesses)) ** 2 / (window_variances + baseline_variances)
        return max(1.0, float(np.quantile(squares, 0.25)) / LOWER_QUARTILE)


def _rank_parts(parts: Culprit) -> tuple[bool, bool, float]:
    """Parts that are clearer alone, but leave much of the change to others, are not the whole cause."""
    return parts.share >= ALONE, parts.share >= LEAST_SHARE_OF_CHANGE, parts.z


def _count_choices(key: Key, chosen: int) -> float:
    """The number of ways to choose this many parts."""
    if key.is_ordered:
        return key.parts * (key.parts + 1) / 2
    # Parts choose chosen, in logarithms
    chances = math.lgamma(key.parts + 1) - math.lgamma(chosen + 1) - math.lgamma(key.parts - chosen + 1)
    return key.parts * math.exp(min(chances, LARGEST_EXPONENT)) / chosen


def _choose_parts(key: Key, worth: Doubles) -> Iterator[Flags]:
    """Parts that may be named. worth: each part's contribution to the change beyond its rows.

    For an ordered key, the stretch with the largest contribution. Otherwise the part with the largest, and for keys
    that are not values of a column, all parts whose contribution exceeds their rows.
    """
    chosen = np.zeros(key.parts, bool)
    if key.is_ordered:
        chosen[slice(*_find_stretch(worth.tolist()))] = True
    else:
        chosen[worth.argmax()] = True
        if key.may_be_several:
            if worth.max() > 0:
                yield worth > float(worth.max()) / 10
            else:
                yield chosen
    yield chosen


def _find_stretch(worth: Sequence[float]) -> tuple[int, int]:
    """Start and end of the neighbouring parts with the largest sum."""
    # Kadane's algorithm
    largest_sum = -math.inf
    start = 0
    total = 0.0
    ends = (0, 1)
    for index, contribution in enumerate(worth):
        if total <= 0:
            start = index
            total = 0.0
        total += contribution
        if total > largest_sum:
            largest_sum = total
            ends = (start, index + 1)
    return ends


# The keys of a window: its columns, alone and in pairs, and the origins of its rows.


@value_class
class Candidate:
    """A column that may divide the rows. labels: the names of its bins."""

    name: str
    binned: BinnedColumn
    labels: tuple[str, ...]

    @property
    def has_ranges(self) -> bool:
        return bool(self.binned.cuts)

    @classmethod
    def from_cuts(cls, name: str, position: int, cuts: Sequence[float]) -> Candidate:
        # Bins end below a cut, ranges begin at it
        below = tuple(math.nextafter(cut, -math.inf) for cut in cuts)
        labels = Part(position, name, tuple(cuts)).ranges()
        return cls(name, BinnedColumn(position, below), (f"{name}={NO_VALUE}", format_rest_label(name), *labels))

    @classmethod
    def from_values(cls, name: str, position: int, values: Iterable[str]) -> Candidate:
        in_order = tuple(sorted(values))
        labels = (f"{name}={NO_VALUE}", format_rest_label(name), *(f"{name}={value}" for value in in_order))
        return cls(name, BinnedColumn(position, values=in_order), labels)


def create_column_keys(candidates: Sequence[Candidate], now: Bins, before: Bins) -> Iterator[Key]:
    """Each column, then each pair of the first ones. now, before: the bins of the rows, in the candidates' order."""
    singles = itertools.combinations(range(len(candidates)), 1)
    pairs = itertools.combinations(range(min(len(candidates), MOST_PAIRED)), 2)
    for indices in (*singles, *pairs):
        columns = [candidates[index] for index in indices]
        names = tuple(column.name for column in columns)
        labels = tuple(map(AND.join, itertools.product(*(column.labels for column in columns))))
        # One code for each combination of bins
        sizes = [len(column.labels) for column in columns]
        codes, codes_before = (np.ravel_multi_index(tuple(bins[:, [*indices]].T), sizes) for bins in (now, before))
        yield Key(
            "*".join(names),
            codes,
            len(labels),
            labels,
            before=codes_before,
            columns=names,
            have_ranges=any(column.has_ranges for column in columns),
        )


def create_origin_keys(sample: RowSample) -> Iterator[Key]:
    """The origins of rows: what records say about themselves, folder and file, position and time."""
    # What records say under the same names
    names: set[str] = set()
    for metadata in sample.said:
        names.update(metadata)
    for name in sorted(names - {TIME, ID}):
        yield from _create_value_keys(name, [metadata.get(name) for metadata in sample.said])
    # Files by their first time; a single file by its rows
    times = _read_times(sample)
    if sample.files:
        yield from _create_value_keys(FOLDER, [_get_writer_folder(file) for file in sample.files])
        files, codes = np.unique(np.array(sample.files), return_inverse=True)
        if len(files) > 1:
            starts = None
            if times is not None:
                starts = [int(times[codes == index].min()) for index in range(len(files))]
            describe = partial(_describe_files, len(files), starts)
            yield Key(FILE, codes, len(files), describe=describe, may_be_several=True)
        else:
            rows = np.arange(len(sample.bins))
            ends = np.linspace(0, sample.rows, STRETCHES + 1).round()
            describe = partial(_describe_stretch, [f"row {int(end):,} of the file" for end in ends])
            yield Key(POSITION, rows * STRETCHES // max(len(rows), 1), STRETCHES, describe=describe, is_ordered=True)
    if times is not None and len(minutes := np.unique(times // MINUTE)) > 1:
        # Stretches of time with equally many different minutes
        edges = minutes[np.linspace(0, len(minutes), min(STRETCHES, len(minutes)) + 1).astype(int)[:-1]]
        codes = np.searchsorted(edges, times // MINUTE, side="right") - 1
        # In words by the clock, with the day if there are several
        time_format = "%d %B, %H:%M"
        if len(np.unique(edges // (24 * 60))) == 1:
            time_format = "%H:%M"
        clock = [f"{convert_microseconds(int(edge) * MINUTE):{time_format}}" for edge in (*edges, minutes[-1] + 1)]
        yield Key(TIME, codes, len(edges), describe=partial(_describe_stretch, clock), is_ordered=True)


def _create_value_keys(name: str, values: Sequence[str | None]) -> Iterator[Key]:
    """Parts by the value that records, or their files, have under a name; none if all have the same, or hardly two."""
    texts, codes = np.unique(np.array([NO_VALUE if value is None else value for value in values]), return_inverse=True)
    if 1 < len(texts) <= min(MOST_TEXTS, len(values) / FEWEST):
        yield Key(name, codes, len(texts), labels=tuple(map(str, texts)), may_be_several=True)


def _get_writer_folder(file: str) -> str:
    """The folder of a file without its time folders: the folder of its writer."""
    return "/".join(name for name in file.split("/")[:-1] if not name.rpartition("=")[2].isdigit())


def _read_times(sample: RowSample) -> Codes | None:
    """The time of each row in microseconds; None unless all rows have one."""
    texts = [metadata.get(TIME) for metadata in sample.said]
    if not texts or None in texts:
        return None
    microseconds = parse_microseconds(pa.array(texts, pa.string()))
    if microseconds.null_count:
        return None
    return np.asarray(microseconds)


def _describe_files(files: int, starts: Sequence[int] | None, chosen: Sequence[int]) -> str:
    words = f"from {len(chosen):,} of {files:,} files"
    if starts is None:
        return words
    return f"{words}, the first at {convert_microseconds(min(starts[part] for part in chosen)):%H:%M}"


def _describe_stretch(edges: Sequence[str], chosen: Sequence[int]) -> str:
    """edges: the start of each part, and the end."""
    first = edges[chosen[0]]
    last = edges[chosen[-1] + 1]
    if chosen[-1] == len(edges) - 2:
        return f"from {first} on"
    if not chosen[0]:
        return f"before {last}"
    return f"between {first} and {last}"


# How causes are described.


def select_clear_causes(
    change: BinnedChange, keys: Sequence[Key], tests: int, level: float
) -> list[tuple[Key, Culprit]]:
    """The keys whose parts stand out from noise."""
    causes: list[tuple[Key, Culprit]] = []
    for key in keys:
        parts = change.search(key, tests)
        if parts is None:
            continue
        # A stretch of neighbours can't be chosen so freely
        least_beyond = BEYOND_IN_ORDER if key.is_ordered else LEAST_EXCESS_SHARE
        if parts.share >= LEAST_SHARE_OF_CHANGE and parts.beyond >= least_beyond and parts.p <= level:
            causes.append((key, parts))
    return causes


class CauseMembers(TypedDict, total=False):
    """The members of an entry of checks.json that say where a change comes from."""

    cause: tuple[Cause, ...] | None
    where: str | None
    segment: str | None
    guess: str


def create_cause_members(
    segments: Sequence[tuple[Key, Culprit]], origins: Sequence[tuple[Key, Culprit]]
) -> CauseMembers:
    """The causes as members of checks.json."""
    largest = max((named.share for _, named in (*segments, *origins)), default=0.0)
    segments = [(key, named) for key, named in segments if named.share >= largest - CLEARLY_SMALLER_SHARE]
    origins = [(key, named) for key, named in origins if named.share >= largest - CLEARLY_SMALLER_SHARE]
    causes = sorted(origins, key=_rank_origin)
    cause = tuple(_describe_cause(key, named) for key, named in causes) or None
    clearest = _select_clearest(segments)
    if clearest is None:
        return {"cause": cause, "where": None, "segment": None}
    # The segment's name, a value of the data, is a member of its own
    key, named = clearest
    how = "only" if named.share >= ALONE else "most of it"
    amount = f"{format_percent(named.share)} of the change in {format_percent(named.rows)} of the rows"
    return {"cause": cause, "where": f"{how} in {ONE_SEGMENT}{key.name}: {amount}", "segment": key.label(named)}


def _rank_origin(origin: tuple[Key, Culprit]) -> float:
    """The most telling first: ordered keys and values of records are before files that are as clear."""
    key, named = origin
    return -named.beyond - ORDER * key.is_ordered - 2 * ORDER * bool(key.labels)


def _select_clearest(segments: Sequence[tuple[Key, Culprit]]) -> tuple[Key, Culprit] | None:
    """The value that stands out most; or a pair, if its change is in fewer rows, not only a smaller share of them."""
    single_values = [(key, named) for key, named in segments if AND not in key.labels[0]]
    pairs = [(key, named) for key, named in segments if AND in key.labels[0]]
    value = max(single_values, key=rank_segment, default=None)
    pair = max(pairs, key=rank_segment, default=None)
    if value is None or pair is None:
        return value or pair
    # The pair's part of the value's change, and of its rows
    share = pair[1].share / value[1].share
    rows = pair[1].rows / value[1].rows
    if rows <= FEWER and share >= (1 + rows) / 2:
        return pair
    return value


def rank_segment(segment: tuple[Key, Culprit]) -> float:
    """How far its share of the change is beyond its rows. A range of numbers may only follow from a value that is as clear."""
    key, named = segment
    return named.beyond - ORDER * key.have_ranges


def _describe_cause(key: Key, named: Culprit) -> Cause:
    values = ONE_VALUE
    if len(named.parts) > 1:
        values = f"{len(named.parts):,} values"
    origin = f"from {values} of {key.name}"
    if key.describe:
        origin = key.describe(named.parts)
    amount = "all"
    if named.share < NEARLY_ALL:
        amount = format_percent(named.share)
    value = None
    if key.labels and len(named.parts) == 1:
        value = key.label(named)
    words = f"{amount} of it comes {origin}"
    return Cause(key=key.name, words=words, value=value, share=named.share, rows=named.rows, p=named.p)


def compute_shares(bins: NDArray[np.int16], size: int) -> Doubles:
    return np.bincount(bins, minlength=size) / max(len(bins), 1)


# Changes of outcomes: whether answers were wrong, or how often they were positive.


@value_class
class MarkedRows:
    """Rows that can be read again. outcomes: columns that are outcomes and don't divide the rows."""

    dataset: Dataset
    mark: RowMark
    rows: int
    outcomes: frozenset[str] = frozenset()


def create_ordered_tests(bins: int) -> Flags:
    """Tests of ordered bins: all bins up to each one, except the last. Shape (bins, tests)."""
    # The first two bins, of missing and of other values, are in no test
    is_below = np.tri(bins, dtype=bool).T
    is_below[:2] = False
    return is_below[:, 2:-1]


def with_causes(
    results: tuple[CheckResult, ...],
    behind: Mapping[Hashable, Callable[[ExitStack], tuple[MarkedRows, MarkedRows]]],
    about: Callable[[CheckResult], Iterable[Hashable]],
    level: float,
    *,
    hide_values: bool,
) -> tuple[CheckResult, ...]:
    """The results; violations with the segment and the origin of their change, if there is one.

    behind: functions that open the rows of window and baseline, by what changed; the window is read in one pass, the
    baseline in two. about: what a result may be about; the first one with a cause counts.
    """
    members_by_subject: dict[Hashable, CauseMembers] = {}
    for subject, open_rows in behind.items():
        try:
            with ExitStack() as resources:
                members_by_subject[subject] = _find_causes(*open_rows(resources), level / len(behind))
        except NoData as fault:  # the rows are gone
            log.info("the origin of a loss is unknown: %s", fault)
        except (MonitorError, OSError, ValueError, pa.ArrowException) as fault:
            log.warning("the origin of a loss is unknown: the rows can't be read again (%s)", type(fault).__name__)

    def add_cause(result: CheckResult) -> CheckResult:
        candidates = (members_by_subject.get(subject) for subject in about(result))
        members: CauseMembers = next(filter(None, candidates), CauseMembers())
        if not result.is_violated or not (members.get("where") or members.get("cause")):
            return result
        return locate_change(result, members, hide_values=hide_values)

    return tuple(map(add_cause, results))


def locate_change(check_result: CheckResult, members: CauseMembers, *, hide_values: bool) -> CheckResult:
    """The result with the segment and the origin of its change; a requested segment says the former already."""
    if check_result.where:
        members = {**members, "segment": check_result.segment, "where": check_result.where}
    located = check_result.model_copy(update=members)
    return remove_values(located) if hide_values else located


def _find_causes(now: MarkedRows, before: MarkedRows, level: float) -> CauseMembers:
    """The rows behind a change of marks, as members of checks.json; none if a side has no rows that count."""
    # Possible divisions are learnt from some rows of the baseline
    baseline_rows = read_sampled_rows(before.dataset, before.rows, LEARNING_ROWS)
    candidates = [*itertools.islice(_list_candidates(baseline_rows, now, before), MOST_CANDIDATES)]
    sample = _sample_marked_rows(now, candidates)
    baseline_sample = _sample_marked_rows(before, candidates)
    if not len(sample.bins) or not len(baseline_sample.bins):
        return {}
    # The first column of bins is the mark, the others are the candidates
    num_bins = now.mark.bins
    marks_before = baseline_sample.bins[:, 0]
    was = compute_shares(marks_before, num_bins)
    change = BinnedChange(sample.bins[:, 0], was, create_ordered_tests(num_bins), marks_before)
    origins = list(create_origin_keys(sample))
    columns = list(create_column_keys(candidates, sample.bins[:, 1:], baseline_sample.bins[:, 1:]))
    tests = len(columns) + len(origins)
    segments = select_clear_causes(change, columns, tests, level)
    return create_cause_members(segments, select_clear_causes(change, origins, tests, level))


def _list_candidates(rows: pa.Table, now: MarkedRows, before: MarkedRows) -> Iterator[Candidate]:
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
                yield Candidate.from_cuts(name, position, sorted(cuts))
        elif 1 < len(values) <= MOST_VALUES:
            yield Candidate.from_values(name, position, values)


def _sample_marked_rows(marked: MarkedRows, candidates: Sequence[Candidate]) -> RowSample:
    """The sampled rows that count."""
    names = marked.dataset.names
    binned = [replace(candidate.binned, position=names.index(candidate.name)) for candidate in candidates]
    sample = draw_row_sample(marked.dataset, [marked.mark, *binned], marked.rows)
    with_mark = np.flatnonzero(sample.bins[:, 0] != MISSING)
    # Rows may have no file, and say nothing of themselves
    files: Sequence[str] = ()
    if sample.files:
        files = [sample.files[index] for index in with_mark]
    metadata: Sequence[Mapping[str, str]] = ()
    if sample.said:
        metadata = [sample.said[index] for index in with_mark]
    return RowSample(sample.bins[with_mark], sample.rows, files, metadata)
