"""What a run leaves of each feature to later runs: its raw statistics, compared with its reference. Pure.

A baseline leaves those of its parts, each compared with the others; a window those compared with its own references.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from itertools import pairwise, repeat
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_model_monitor.data.profiling.scan_plan import hash_keys
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    count_frequent_values,
    from_feature_profile,
)
from spark_model_monitor.statistics.drift.distributions import Values, category_cells
from spark_model_monitor.statistics.states import (
    Profile,
    RowRun,
    RowRuns,
)
from spark_model_monitor.statistics.states.distinct import unique_with_inverse
from spark_model_monitor.statistics.states.row_counts import count_value_rows, read_values
from spark_model_monitor.statistics.verdicts.baseline_blocks import BaselineBlocks
from spark_model_monitor.statistics.verdicts.between_window_variance import (
    FEWEST_WINDOWS,
    OUTLIER,
    PastWindows,
    PooledVariance,
)
from spark_model_monitor.statistics.verdicts.facts import (
    count_most_frequent,
    count_outside,
    find_standstills,
    measure_standstills,
)
from spark_model_monitor.statistics.verdicts.growing_cardinality import count_beginnings
from spark_model_monitor.statistics.verdicts.window_statistics import (
    FIELDS,
    VALUES,
    CellBatch,
    LazyStatistics,
    WindowStatistics,
    score_categories,
    score_missing_values,
    score_numbers,
    score_values,
)

BASELINE = "baseline"
WINDOW = "window"  # the reference for what a window leaves of itself alone
PREVIOUS = "previous:8"  # what a catalogue that grows is compared with. Source: D4.20.

OUTCOME = "outcome"  # the member of what a window leaves
CHANGED = "changed"
CANNOT_TELL = "cannot tell"
UNCHANGED = "unchanged"
ACCEPTED = "accepted"
"""What became of a feature in a window; accepted: a person said that the change was fine."""

GROWS = (
    "its values came and went, or grew in number, along the baseline's rows: their numbers and largest share are judged"
)
LOOKS_SORTED = "the rows look sorted by this column"
VARIES_ALONG_ROWS = "its values go up and down along the rows, as by season"
LARGEST_BETWEEN_PART_SHARE = (
    0.05  # the share of a column's variance between parts from which its rows look sorted. Source: D4.8.
)
MOST_OF_LEVELS = 0.5  # … and from which these parts are no windows: too alike within. Source: D4.8.

MOST_EXAMINED_VALUES = 2**16  # of columns together
LARGEST_DOMAIN = 4096  # texts of more values have no exact counts, and their drift is not judged
FEWEST_NEW = 4  # parts or windows that show how many values are new
OF_MISSING = ("missing", "nulls", "of")  # raw statistics of missing values
FREQUENT = 5  # values of a text that show whether the rows are sorted by it
Part: TypeAlias = NDArray[Any]  # shape (values,): numbers, or hashes of texts
PickledMembers: TypeAlias = dict[str, Any]
StatisticsByFeature: TypeAlias = Mapping[str, WindowStatistics]  # raw statistics of earlier windows, by feature


@dataclass(frozen=True)
class Variation:
    """The raw statistics of some windows, by feature. unfit: features whose parts differ by their place, with the reason.
    replaced: those of them whose parts gave way to windows. are_by_time: whether parts are of runs of neighbours in time.
    """

    past: StatisticsByFeature = field(default_factory=dict)
    unfit: Mapping[str, str] = field(default_factory=dict)
    are_by_time: bool = False
    replaced: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "past", {name: PastWindows(raw) for name, raw in self.past.items()})

    def with_windows(self, windows: StatisticsByFeature) -> Variation:
        """The same with later windows. Enough of them replace parts that differ by their place."""
        replaced = {name for name in self.unfit if name in windows and len(windows[name]["rows"]) >= FEWEST_WINDOWS}
        parts = {name: raw for name, raw in self.past.items() if name not in replaced}
        return replace(self, past=merge_histories(parts, windows), replaced=self.replaced | replaced)

    def why_unfit(self, name: str) -> str | None:
        """Why a feature's parts may not show how its windows vary; None if they do, or if windows replaced them."""
        if name in self.replaced:
            return None
        return self.unfit.get(name)

    @property
    def keeps_time(self) -> bool:
        """Whether the rows are known to be in the order of time: a column goes up and down along them."""
        return self.are_by_time or VARIES_ALONG_ROWS in self.unfit.values()

    def __getstate__(self) -> PickledMembers:
        """Without what is pooled already, which is no part of the windows."""
        return {name: value for name, value in self.__dict__.items() if name != "pool_variance"}

    @cached_property
    def pool_variance(self) -> Callable[[tuple[str, ...], float], PooledVariance]:
        """How much windows of these features vary at that size, as a function of names and size.

        Windows of one size follow each other: they are pooled once, which saves a tenth of a window.
        """

        def pool(names: tuple[str, ...], effective: float) -> PooledVariance:
            return PooledVariance([self.past[name] for name in names], effective)

        return lru_cache(maxsize=4)(pool)


def estimate_block_variation(profile: Profile, runs: Sequence[RowRuns], *, are_by_time: bool = False) -> Variation:
    """The variation within a data set, from runs of its rows. runs: of every feature. are_by_time: whether the rows of
    a run are neighbours in time, so that a column that looks sorted is one that changes with time.
    """
    # Columns of one kind with equally many parts are computed together
    cuts_by_shape: dict[tuple[bool, int], list[_Cut]] = {}
    for feature, row_runs in zip(profile.features, runs, strict=False):
        in_order = sorted(row_runs.runs, key=lambda run: run.place)
        values, sizes = read_values(in_order, numeric=feature.is_numeric)
        has_values = sizes > 0
        if np.count_nonzero(has_values) >= FEWEST_WINDOWS:
            # Distinct values, and the index of each row's value
            distinct_and_index = unique_with_inverse(values)
            if feature.is_numeric or len(distinct_and_index[0]) <= LARGEST_DOMAIN:
                frequent = _find_frequent_in_runs(from_feature_profile(feature))
                cut = _Cut(feature.name, in_order, distinct_and_index, sizes, has_values, frequent)
                cuts_by_shape.setdefault((feature.is_numeric, np.count_nonzero(has_values)), []).append(cut)
    # In batches, so that the values of all columns need not be in memory at once
    past: dict[str, WindowStatistics] = {}
    unfit: dict[str, str] = {}
    for (is_numeric, _), cuts in cuts_by_shape.items():
        batch_size = max(1, MOST_EXAMINED_VALUES // max(len(cut.distinct_and_index[1]) for cut in cuts))
        for start in range(0, len(cuts), batch_size):
            batch = cuts[start : start + batch_size]
            _add_block_statistics(batch, past, unfit, is_numeric=is_numeric, are_by_time=are_by_time)
    # In the order of the columns, on which documents depend
    names = [feature.name for feature in profile.features]
    return Variation(
        {name: past[name] for name in names if name in past},
        {name: unfit[name] for name in names if name in unfit},
        are_by_time,
    )


class _Cut(NamedTuple):
    """A column's runs in the order of rows, distinct values with each value's index in them, run sizes, which runs have values,
    and the most frequent values of the whole column: numbers, or hashes of texts.
    """

    name: str
    runs: Sequence[RowRun]
    distinct_and_index: tuple[Values, NDArray[np.int64]]
    sizes: NDArray[np.int64]
    has_values: NDArray[np.bool_]
    frequent: Part

    def score_frequent_values(self) -> WindowStatistics:
        """The raw statistics of the most frequent values; none that no run has, as of hashes of another kind."""
        values, index_of_row = self.distinct_and_index
        sizes = self.sizes[self.has_values]
        indices = np.minimum(values.searchsorted(self.frequent), len(values) - 1)
        if not len(self.frequent) or (values[indices] != self.frequent).any():
            return {}
        # Shape (values, parts): the rows of each part with each value
        part_of_row = np.repeat(np.arange(len(sizes)), sizes)
        windows = np.stack([np.bincount(part_of_row[index_of_row == index], minlength=len(sizes)) for index in indices])
        return score_values(windows.sum(axis=1), windows.T.astype(float), sizes.astype(float), float(sizes.sum()))


def _add_block_statistics(
    cuts: Sequence[_Cut],
    past: dict[str, WindowStatistics],
    unfit: dict[str, str],
    *,
    is_numeric: bool,
    are_by_time: bool,
) -> None:
    """Add the raw statistics of columns cut into equally many parts, or the reason why there are none."""
    sizes = np.stack([cut.sizes[cut.has_values] for cut in cuts])
    parts = BaselineBlocks([cut.distinct_and_index for cut in cuts], sizes, are_numbers=is_numeric)
    raw = parts.raw()
    nothing = np.full(sizes.shape[1], np.nan)
    # The share of each column's variance between its parts; parts by time are windows, however they differ
    between_shares: Iterable[tuple[float, Values]] = repeat((0.0, nothing), len(cuts))
    if not are_by_time:
        between_shares = parts.iterate_between_shares(FREQUENT)
    for index, (cut, (share, values)) in enumerate(zip(cuts, between_shares, strict=True)):
        # New values of a text in each part; None unless they come and go along the rows
        new_values = None
        if not is_numeric:
            new_values = count_beginnings(parts.counts(index) > 0, may_end=are_by_time)
        if new_values is None and share > LARGEST_BETWEEN_PART_SHARE:
            unfit[cut.name] = _why_unfit(values, sizes[index], share, is_numeric=is_numeric)
            if unfit[cut.name] == LOOKS_SORTED and share > MOST_OF_LEVELS:
                continue
        # Missing values belong to all rows of a part, the other statistics to those with a value
        rows = count_value_rows(cut.runs, numeric=is_numeric)[cut.has_values]
        missing: Values = rows - sizes[index]
        statistics = {**score_missing_values(missing, rows, missing.sum(), rows.sum())}
        statistics |= {name: by_column[index] for name, by_column in raw.items()}
        statistics |= cut.score_frequent_values()
        if is_numeric:
            distinct, index_of_row = cut.distinct_and_index
            statistics["outside"] = count_outside(distinct[index_of_row], sizes[index])
            statistics["repeats"] = (count_most_frequent(index_of_row, sizes[index]) - 1) / sizes[index]
            statistics["standstill"] = measure_standstills(index_of_row, sizes[index])
        # In place of distances: new values, and the largest share of a value
        if new_values is not None:
            statistics["beyond"] = new_values
            statistics["far"] = parts.counts(index).max(axis=1) / sizes[index]
        past[cut.name] = {name: statistics.get(name, nothing) for name in FIELDS}


class Standstill(NamedTuple):
    """The longest stretch of equal neighbours: its rows, their value, and the mean length of the other stretches."""

    length: int
    value: float
    usual_length: float


def find_longest_standstills(profile: Profile, runs: Sequence[RowRuns]) -> dict[str, Standstill]:
    """The longest stretch of each column of numbers. runs: of every feature."""
    standstills = {}
    for feature, row_runs in zip(profile.features, runs, strict=False):
        if not feature.is_numeric:
            continue
        in_order = sorted(row_runs.runs, key=lambda run: run.place)
        values, sizes = read_values(in_order, numeric=True)
        if not len(values):
            continue
        # Runs that follow each other are one
        follows = [run.first_row == before.first_row + before.rows for before, run in pairwise(in_order)]
        joined = np.add.reduceat(sizes, np.flatnonzero(~np.array([False, *follows])))
        first_rows, lengths = find_standstills(values, joined[joined > 0])
        longest = int(lengths.argmax())
        length = int(lengths[longest])
        usual_length = (len(values) - length) / max(len(lengths) - 1, 1)
        standstills[feature.name] = Standstill(length, float(values[first_rows[longest]]), max(1.0, usual_length))
    return standstills


def score_window(before: FeatureDistribution, after: FeatureDistribution) -> Mapping[str, float] | None:
    """The raw statistics of a window compared with its reference; None if the two can't be compared."""
    return score_windows([(before, after)])[0]


def score_windows(pairs: Iterable[tuple[FeatureDistribution, FeatureDistribution]]) -> list[Mapping[str, float] | None]:
    """The same for each column; cells of all columns are computed together."""
    numbers = CellBatch(are_numbers=True)
    texts = CellBatch(are_numbers=False)
    return [_score_feature(before, after, numbers, texts) for before, after in pairs]


def _score_feature(
    before: FeatureDistribution, after: FeatureDistribution, numbers: CellBatch, texts: CellBatch
) -> Mapping[str, float] | None:
    if before.reason or after.reason or not before.present or not after.present:
        return None

    def score_missing() -> WindowStatistics:
        return score_missing_values(
            np.array([float(after.rows - after.present)]),
            np.array([float(after.rows)]),
            before.rows + after.rows - before.present - after.present,
            before.rows + after.rows,
        )

    statistics: WindowStatistics
    if before.numbers is not None and after.numbers is not None:
        statistics = score_numbers(after.numbers.step_cdf().pool_with(before.numbers.step_cdf()), numbers)
    elif before.categories is not None and after.categories is not None:
        # Rows with each value, in the baseline and in the window
        b, w = category_cells(before.categories, after.categories)
        statistics = score_categories(b + w, w[None, :], texts.add(lambda: (b, w)))
    else:
        return None

    def read(name: str) -> Mapping[str, float]:
        # Frequent values are looked up together, each other statistic when it is asked for
        if name in VALUES:
            scores = _score_frequent_values(before, after)
            return {value: float(scores[value][0]) for value in VALUES}
        scores = score_missing() if name in OF_MISSING else statistics
        return {name: float(scores[name][0]) if name in scores else math.nan}

    return LazyStatistics({name: partial(read, name) for name in FIELDS})


def _score_frequent_values(before: FeatureDistribution, after: FeatureDistribution) -> WindowStatistics:
    counts_before, counts_after = count_frequent_values(before, after)
    totals = counts_before + counts_after
    size = np.array([float(after.present)])
    total = float(before.present + after.present)
    return score_values(totals, counts_after[None, :], size, total)


def _find_frequent_in_runs(feature: FeatureDistribution) -> Part:
    """The most frequent values of a feature, as runs of its rows have them."""
    if feature.numbers is not None:
        return np.array(feature.frequent_values, float)
    return hash_keys(pa.array(feature.frequent_values, pa.string()))


def count_new_values(variation: Variation | None, name: str) -> tuple[Values, Values] | None:
    """The counts of new values of a text in parts or windows, and the rows of windows; None if too few are known."""
    raw = None
    if variation is not None:
        raw = variation.past.get(name)
    if raw is None:
        return None
    # Windows of numbers have a distance instead
    has_counts = ~np.isnan(raw["beyond"]) & np.isnan(raw["ks"])
    if has_counts.sum() < FEWEST_NEW:
        return None
    return raw["beyond"][has_counts], raw["far"][has_counts]


def merge_histories(first: StatisticsByFeature, second: StatisticsByFeature) -> StatisticsByFeature:
    """The windows of both, by feature."""
    histories = {name: dict(raw) for name, raw in first.items()}
    for name, raw in second.items():
        earlier = histories.get(name)
        if earlier:
            histories[name] = {key: np.concatenate((earlier[key], raw[key])) for key in FIELDS}
        else:
            histories[name] = dict(raw)
    return histories


def _why_unfit(values: Values, sizes: NDArray[np.int64], share: float, *, is_numeric: bool) -> str:
    """Why parts differ by their place more than as groups of rows do. values: of all parts, as `Parts.between` has them. share:
    of their variance between parts.

    Sorted rows cross their mean once, and rise or fall but for noise; a text has all its rows in one place.
    """
    means = np.add.reduceat(values, np.cumsum(sizes) - sizes) / sizes
    # Sorted rows cross their mean once; a text may begin and end
    crossings = np.count_nonzero(np.diff(means > values.mean()))
    if crossings > (1 if is_numeric else 2):
        return VARIES_ALONG_ROWS
    # Numbers that rise, or fall, but for noise
    falls = np.maximum.accumulate(means) - means
    rises = means - np.minimum.accumulate(means)
    noise = np.sqrt(max(1 - share, 0.0) * values.var() / sizes.min())
    if is_numeric and min(falls.max(), rises.max()) > OUTLIER * noise:
        return VARIES_ALONG_ROWS
    return LOOKS_SORTED
