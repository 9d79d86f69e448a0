"""What a run leaves of each feature to later runs: its raw statistics, compared with its reference. Pure.

A baseline leaves the statistics of its parts, each compared with the other parts; a window leaves its own statistics, compared
with each of its references.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_model_monitor.data.profiling.scan_plan import hash_keys
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    align_distributions,
    create_distribution,
    find_new_values,
)
from spark_model_monitor.statistics import Doubles, Integers
from spark_model_monitor.statistics.drift.distributions import align_categories
from spark_model_monitor.statistics.states import Profile, RowRuns
from spark_model_monitor.statistics.states.hash_samples import unique_with_inverse
from spark_model_monitor.statistics.states.row_counts import count_value_rows, read_values
from spark_model_monitor.statistics.states.surplus import measure_change
from spark_model_monitor.statistics.verdicts.baseline_blocks import ColumnBlocks
from spark_model_monitor.statistics.verdicts.between_window_variance import MIN_WINDOWS, SCORES, PastWindows
from spark_model_monitor.statistics.verdicts.growing_cardinality import count_beginnings
from spark_model_monitor.statistics.verdicts.tail_probabilities import find_standstills, measure_rarest_standstill
from spark_model_monitor.statistics.verdicts.window_statistics import (
    FIELDS,
    StatisticChange,
    compare_missing_values,
    compare_numbers,
    compare_values,
    score_missing,
)
from spark_model_monitor.value_class import value_class

BASELINE = "baseline"
WINDOW = "window"  # stands for the reference in statistics that compare with none, such as the number of rows
PREVIOUS = "previous:8"  # the reference of a text that gets new values: the last eight windows. Source: D4.20.

OUTCOME = "outcome"  # names of members in what a window leaves
POSSIBLE_CHANGE = "possible_change"
CHANGED = "changed"
CANNOT_TELL = "cannot tell"
UNCHANGED = "unchanged"
ACCEPTED = "accepted"
"""Outcomes of a feature in a window; accepted: a person said that the change was fine."""

GROWS = (
    "its values came and went, or grew in number, along the baseline's rows: their numbers and largest share are judged"
)
FOLLOW = "its values followed one another along the baseline's rows, as versions do, or the rows are sorted by it"
GO_ON = "its values follow those that followed one another along the baseline's rows, as versions do"
LOOKS_SORTED = "the rows look sorted by this column"
VARIES_ALONG_ROWS = "its values go up and down along the rows, as by season"
MAX_BETWEEN_PART_SHARE = 0.05  # rows look sorted if more of a column's variance is between parts. Source: D4.8.
MAX_SHARE_OF_SORTED_PARTS = 0.5  # with more, parts are too alike within to stand for windows. Source: D4.8.

MAX_DOMAIN_SIZE = 4096  # texts with more values have no exact counts, and their drift is not judged
MAX_COUNTED_NUMBERS = 100  # numbers whose rows a sketch counts nearly exactly
MIN_COUNTED_PARTS = 4  # fewest parts or windows that show how many values are new
MAX_NOISE_DEVIATIONS = 7.0  # largest reversal of sorted parts, in deviations of one part: five of a difference
Part: TypeAlias = NDArray[Any]  # shape (values,): numbers, or hashes of texts
StatisticsByFeature: TypeAlias = Mapping[str, PastWindows]  # raw statistics of earlier windows, by feature


@value_class
class Variation:
    """The raw statistics of some windows, by feature. unfit: the features whose parts differ by their place, with the reason.
    is_ordered_by_time: whether the rows of a part are neighbours in time. replaced_features: the unfit features whose parts
    windows replaced.
    """

    past: StatisticsByFeature = field(default_factory=dict)
    unfit: Mapping[str, str] = field(default_factory=dict)
    is_ordered_by_time: bool = False
    replaced_features: frozenset[str] = frozenset()

    def with_windows(self, windows: StatisticsByFeature) -> Variation:
        """The same variation with later windows. If there are enough, they replace parts that differ by their place."""
        replaced = {name for name in self.unfit if name in windows and len(windows[name]["rows"]) >= MIN_WINDOWS}
        parts = {name: raw for name, raw in self.past.items() if name not in replaced}
        return replace(self, past=merge_histories(parts, windows), replaced_features=self.replaced_features | replaced)

    def find_unfit_reason(self, name: str) -> str | None:
        """Why a feature's parts may not show how its windows vary; None if they do, or if windows replaced them."""
        if name in self.replaced_features:
            return None
        return self.unfit.get(name)

    def count_new_values(self, name: str) -> tuple[Doubles, Doubles] | None:
        """The counts of new values of a text in parts or windows, and the rows of windows; None if too few are known."""
        if name not in self.past:
            return None
        raw = self.past[name]
        has_counts = ~np.isnan(raw["beyond"])
        if has_counts.sum() < MIN_COUNTED_PARTS:
            return None
        return raw["beyond"][has_counts], raw["far"][has_counts]

    @property
    def is_in_time_order(self) -> bool:
        """Whether the rows are known to be in the order of time: a column goes up and down along them."""
        return self.is_ordered_by_time or VARIES_ALONG_ROWS in self.unfit.values()


def estimate_block_variation(
    profile: Profile, runs: Sequence[RowRuns], *, is_ordered_by_time: bool = False
) -> Variation:
    """The variation within a data set, from runs of its rows. runs: the runs of every feature. is_ordered_by_time: whether the
    rows of a run are neighbours in time; then a column that looks sorted is one that changes with time.
    """
    past: dict[str, PastWindows] = {}
    unfit: dict[str, str] = {}
    for feature, row_runs in zip(profile.features, runs, strict=False):
        ordered_runs = sorted(row_runs.runs, key=lambda run: run.place)
        is_numeric = feature.is_numeric
        values, sizes = read_values(ordered_runs, numeric=is_numeric)
        has_values = sizes > 0
        if np.count_nonzero(has_values) < MIN_WINDOWS:
            continue
        distinct, index_of_row = unique_with_inverse(values)
        if not is_numeric and len(distinct) > MAX_DOMAIN_SIZE:
            continue
        # Only blocks with values; each is compared with the others
        frequent = create_distribution(feature).frequent_values
        if not is_numeric:
            frequent = hash_texts(frequent)
        blocks = ColumnBlocks(distinct, index_of_row, sizes[has_values], frequent, is_numeric)
        rows = count_value_rows(ordered_runs, numeric=is_numeric)[has_values]
        _add_block_statistics(feature.name, blocks, rows, past, unfit, is_ordered_by_time=is_ordered_by_time)
    return Variation(past, unfit, is_ordered_by_time)


def compare_blocks_with(total: Profile, part: Profile, blocks: StatisticsByFeature) -> dict[str, PastWindows]:
    """The raw statistics of the blocks of a part of the data, each compared with all rows instead of those of the part. A feature
    without blocks is one block.

    The mean of a block differs from that of all rows by its difference from the part's mean, and by that of the part.
    """
    past = {}
    for feature, feature_of_total in zip(part.features, total.features, strict=True):
        current = create_distribution(feature)
        reference = create_distribution(feature_of_total)
        window = score_window(reference, current)
        if window is None:
            continue
        window_as_block = {key: np.array([value]) for key, value in window.items()} | {"effective": np.zeros(1)}
        raw = blocks.get(feature.name, window_as_block)
        # Blocks may be a sample of the rows
        rows = raw["rows"]
        effective = rows * (1 - rows / rows.sum() * current.present / reference.present)
        if not effective.all():
            continue
        # Sums of the rows' deviations, in standard deviations of a row
        error = math.sqrt(1 / current.present + 1 / reference.present)
        scores = {
            key: (raw[key] * np.sqrt(raw["effective"]) + rows * window[key] * error) / np.sqrt(effective)
            for key in SCORES
        }
        past[feature.name] = PastWindows({**raw, "effective": effective, **scores})
    return past


def _add_block_statistics(
    name: str,
    blocks: ColumnBlocks,
    rows: Doubles,
    past: dict[str, PastWindows],
    unfit: dict[str, str],
    *,
    is_ordered_by_time: bool,
) -> None:
    """Add the raw statistics of a column's blocks, or the reason why there are none. rows: the rows of each block, including
    rows without a value.
    """
    # New values of a text in each part; None unless they come and go along the rows
    new_values = None
    if not blocks.are_numbers:
        new_values = count_beginnings(blocks.counts > 0, may_end=is_ordered_by_time)
    # The share of the column's variance between its parts; parts by time stand for windows, even if they differ
    if new_values is None and not is_ordered_by_time:
        share, values = blocks.between_share()
        if share > MAX_BETWEEN_PART_SHARE:
            unfit[name] = _explain_unfit(values, blocks.sizes, is_numeric=blocks.are_numbers)
            if unfit[name] == LOOKS_SORTED and share > MAX_SHARE_OF_SORTED_PARTS:
                return
    # Missing values belong to all rows of a part, the other statistics to those with a value
    missing: Doubles = rows - blocks.sizes
    scores = score_missing(missing.sum() - missing, rows.sum() - rows, missing, rows)
    statistics = {"missing": scores, **blocks.score()}
    if new_values is not None:
        statistics["beyond"] = new_values
    # Statistics for the facts
    if blocks.are_numbers:
        statistics["reach"] = blocks.measure_reach()
        statistics["standstill"] = np.full(len(rows), measure_rarest_standstill(blocks.value_of_row))
    nan_values = np.full(len(rows), np.nan)
    past[name] = PastWindows({field: statistics.get(field, nan_values) for field in FIELDS})


def compare_with_reference(
    reference: FeatureDistribution, current: FeatureDistribution
) -> Mapping[str, StatisticChange]:
    """How each statistic of a window differs from its reference, by field; empty if the two can't be compared. The result is
    cached for the verdict, and for what the window leaves.
    """
    if id(reference) not in current.changes_by_reference:
        current.changes_by_reference[id(reference)] = reference, _compute_changes(reference, current)
    return current.changes_by_reference[id(reference)][1]


def _compute_changes(reference: FeatureDistribution, current: FeatureDistribution) -> dict[str, StatisticChange]:
    reference, current = align_distributions(reference, current)
    if reference.reason or current.reason or not reference.rows or not current.rows:
        return {}
    # Missing values belong to all rows, the other statistics to those with a value
    lacking = (reference.rows - reference.present, reference.rows), (current.rows - current.present, current.rows)
    changes = [compare_missing_values(*lacking)]
    if not (reference.present and current.present):
        return {change.field: change for change in changes}
    if reference.numbers is not None and current.numbers is not None:
        changes += compare_numbers(reference.numbers, current.numbers, reference.frequent_values)
        counts = current.numbers.cdf.pool_with(reference.numbers.cdf).counts
    elif reference.categories is not None and current.categories is not None:
        # Texts in the order of their hashes
        names = np.array(sorted(reference.categories.keys() | current.categories.keys()), object)
        hashes = hash_texts(names)
        order = hashes.argsort()
        counts = np.array(align_categories(reference.categories, current.categories))[:, order]
        changes += compare_values(hashes[order], counts, hash_texts(reference.frequent_values))
    else:
        return {}
    # A sketch doesn't count each of many numbers, so their sixteenths stand for them
    if reference.sketch_error + current.sketch_error and counts.shape[1] > MAX_COUNTED_NUMBERS:
        sixteenths = [change.counts for change in changes if change.test == "sixteenth" and change.counts]
        counts = np.array(sixteenths)[:, ::2].T
    change, error = measure_change(*counts)
    changes.append(StatisticChange("mix", float(change), float(error)))
    return {change.field: change for change in changes}


class Standstill(NamedTuple):
    """The longest stretch of equal neighbours: its rows, their value, and the mean length of the other stretches."""

    length: int
    value: float
    usual_length: float


def find_longest_standstills(profile: Profile, runs: Sequence[RowRuns]) -> dict[str, Standstill]:
    """The longest stretch of equal neighbours in each column of numbers. runs: the runs of every feature."""
    standstills = {}
    for feature, row_runs in zip(profile.features, runs, strict=False):
        if not feature.is_numeric:
            continue
        ordered_runs = sorted(row_runs.runs, key=lambda run: run.place)
        values, sizes = read_values(ordered_runs, numeric=True)
        if not len(values):
            continue
        # Adjacent runs are joined
        follows_previous = [
            run.first_row == previous.first_row + previous.rows for previous, run in pairwise(ordered_runs)
        ]
        joined_sizes = np.add.reduceat(sizes, np.flatnonzero(~np.array([False, *follows_previous])))
        first_rows, lengths = find_standstills(values, joined_sizes[joined_sizes > 0])
        longest = int(lengths.argmax())
        length = int(lengths[longest])
        # A number that fills the window shows no usual length; its share is another fact
        usual_length = (len(values) - length) / max(len(lengths) - 1, 1) or length
        standstills[feature.name] = Standstill(length, float(values[first_rows[longest]]), max(1.0, usual_length))
    return standstills


def score_window(reference: FeatureDistribution, current: FeatureDistribution) -> Mapping[str, float] | None:
    """The raw statistics of a window compared with its reference; None if the two can't be compared."""
    changes = compare_with_reference(reference, current)
    if not changes or not (reference.present and current.present):
        return None
    rows = float(current.present)
    statistics = dict.fromkeys(FIELDS, math.nan)
    return statistics | {
        "rows": rows,
        "effective": rows * reference.present / (rows + reference.present),
        **{field: change.score() for field, change in changes.items()},
        "unseen": count_unseen(current, reference) / rows,
        "largest": float(current.count_values(current.list_values()).max()) / rows,
    }


def count_unseen(
    current: FeatureDistribution, reference: FeatureDistribution, *earlier: FeatureDistribution | None
) -> float:
    """The number of rows with texts that neither the reference nor an earlier side has."""
    return float(sum((current.categories or {})[value] for value in find_new_values(current, reference, *earlier)))


def hash_texts(texts: Sequence[str] | Part) -> Part:
    """The hashes of texts, as runs of rows have them."""
    return hash_keys(pa.array(texts, pa.string()))


def merge_histories(first: StatisticsByFeature, second: StatisticsByFeature) -> StatisticsByFeature:
    """The windows of both histories, by feature."""
    histories = dict(first)
    for name, raw in second.items():
        if name in histories:
            raw = PastWindows({key: np.concatenate((histories[name][key], raw[key])) for key in FIELDS})
        histories[name] = raw
    return histories


def _explain_unfit(values: Doubles, sizes: Integers, *, is_numeric: bool) -> str:
    """Why parts differ by their place more than groups of rows explain. values: those of `ColumnBlocks.between_share`.

    Sorted rows cross their mean once, and apart from noise only rise or only fall; a text has all its rows in one place.
    """
    means = np.add.reduceat(values, np.cumsum(sizes) - sizes) / sizes
    # Sorted rows cross their mean once, apart from noise; a text's rows may begin and end, which makes two crossings
    distances = means - values.mean()
    within_variance = values.var() - np.average(distances**2, weights=sizes)
    noise = np.sqrt(max(within_variance, 0.0) / sizes.min())
    crossings = np.count_nonzero(np.diff(distances[np.abs(distances) > 2 * noise] > 0))
    if crossings > (1 if is_numeric else 2):
        return VARIES_ALONG_ROWS
    # Sorted numbers only rise, or only fall
    falls = np.maximum.accumulate(means) - means
    rises = means - np.minimum.accumulate(means)
    if is_numeric and min(falls.max(), rises.max()) > MAX_NOISE_DEVIATIONS * noise:
        return VARIES_ALONG_ROWS
    return LOOKS_SORTED
