"""The design effect of each column of a window, and of its missing values, from the runs of rows that its scan keeps. Pure.

Each column has its own: from its neighbouring rows, or from the groups that a column names. If nobody named a column, one
is looked for whose values explain why rows that lie scattered over the window are alike (`GroupColumn`). A column that is
sorted, or follows the clock, has a large design effect, and the others don't get it.

Runs are no part of the states: windows that are added up from states have no design effects.

Used by: `DataQualityMonitor.grouped`, for every window. Source: D4.16, D4.21, D4.23.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.monitors.data_quality.distribution.always_new import has_whole_numbers, why_always_new
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import from_feature_profile
from spark_model_monitor.monitors.data_quality.distribution.window_history import LOOKS_SORTED, compare_with_reference
from spark_model_monitor.statistics.drift.distributions import Flags
from spark_model_monitor.statistics.states import FeatureProfile, Profile, RowGroups, RowRun, RowRuns
from spark_model_monitor.statistics.states.hash_samples import unique_with_inverse
from spark_model_monitor.statistics.states.profile import cache_with_feature
from spark_model_monitor.statistics.states.row_counts import MIN_ROWS, ROWS_OF_A_GROUP, read_values
from spark_model_monitor.statistics.verdicts.between_window_variance import MAX_DISPERSED, MAX_NOISE_RATIO
from spark_model_monitor.statistics.verdicts.components import NEARLY_ALL
from spark_model_monitor.statistics.verdicts.design_effect import (
    MIN_GROUPS,
    DesignEffect,
    ScoredColumn,
    Sizes,
    add_margin_for_cut_groups,
    combine_design_effects,
    estimate_column_design_effects,
    find_dependent_columns,
    find_group_estimates,
    is_constant_in_runs,
    limit_flag_design_effect,
    typical_design_effect,
)
from spark_model_monitor.statistics.verdicts.intra_class_correlation import (
    MIN_NAMES,
    MIN_ROWS_PER_NAME,
    NameShares,
    estimate_group_design_effect,
    group_design_effect,
)
from spark_model_monitor.value_class import value_class

MIN_STEPS = 8  # that would all rise, or all fall, by chance in one of 20,000 columns
MAX_SHARE_AGAINST = (
    0.2  # the largest share of steps against the others of a clock, which is put back, or of rows sorted in parts
)


FindValues: TypeAlias = Callable[[NDArray[Any]], Flags]  # of a kind, among numbers or hashes of texts


class FeatureDesignEffect(NamedTuple):
    """How many rows of a window count as one, for a feature's values and for its missing values; 1 if independent."""

    of_values: float = 1.0
    of_missing: float = 1.0


INDEPENDENT_ROWS = FeatureDesignEffect()


@value_class
class WindowDesignEffects:
    """by_feature: of the features whose rows are dependent. group_column: the column whose values explain why rows that lie
    scattered over the window are alike, if nobody named it. neighbours: the sampled rows of each feature, unless there is
    such a column, or one was named.
    """

    by_feature: Mapping[str, FeatureDesignEffect] = field(default_factory=dict)
    group_column: str | None = None
    neighbours: Mapping[str, SampledColumn] = field(default_factory=dict)


def estimate_window_design_effects(
    profile: Profile,
    runs: Sequence[RowRuns],
    baseline: Profile | None = None,
    unfit_features: Mapping[str, str] | None = None,
) -> WindowDesignEffects:
    """The design effects of a window. runs: of its rows, for every feature. unfit_features: those that the baseline is
    sorted by: a window that is sorted by them, too, says nothing about groups of rows.
    """
    if any(isinstance(row_runs, RowGroups) for row_runs in runs):
        effects = _estimate_named_groups(profile, runs)
        return WindowDesignEffects({**effects, **_estimate_filled_columns(effects, profile, baseline)})
    columns = [*_sample_columns(profile, runs)]
    neighbours = {column.name: column for column in columns}
    effects = _estimate_neighbours(columns, unfit_features or {})
    # A column that explains more than neighbours do counts for the features that it explains
    group = None
    if baseline is not None:
        group = _find_group_column(profile, baseline, columns)
    scattered: dict[str, FeatureDesignEffect] = {}
    for name, effect in group.effects.items() if group is not None else ():
        of_neighbours = effects.get(name, INDEPENDENT_ROWS)
        if max(effect) > MAX_NOISE_RATIO * max(of_neighbours):  # else neighbours show these groups already
            scattered[name] = FeatureDesignEffect(*map(max, effect, of_neighbours))
    if group is None or not scattered:
        return WindowDesignEffects(effects, None, neighbours)
    scattered |= _estimate_filled_columns(scattered, profile, baseline)
    # The names themselves are as new as the groups are
    effects_of_names = dict.fromkeys(group.columns_of_names, FeatureDesignEffect(float(profile.item_count)))
    return WindowDesignEffects({**effects, **scattered, **effects_of_names}, group.name)


def _estimate_filled_columns(
    effects: Mapping[str, FeatureDesignEffect], profile: Profile, baseline: Profile | None
) -> dict[str, FeatureDesignEffect]:
    """Of features that lack values in the baseline and none in the window, which can't show that they lack them in whole
    groups: their missing values count as other columns' values do. effects: of groups.
    """
    group_estimates = [effect.of_values for effect in effects.values() if effect.of_values > 1]
    if baseline is None or not group_estimates:
        return {}
    are_missing = {feature.name for feature in baseline.features if feature.num_missing}
    filled = [feature.name for feature in profile.features if not feature.num_missing and feature.name in are_missing]
    rows = typical_design_effect(group_estimates)
    return {name: effects.get(name, INDEPENDENT_ROWS)._replace(of_missing=rows) for name in filled}


def _estimate_named_groups(profile: Profile, runs: Sequence[RowRuns]) -> dict[str, FeatureDesignEffect]:
    """Where a column was named, whose groups the scan kept. Source: D4.21."""
    effects = {}
    for feature, row_runs in zip(profile.features, runs, strict=False):
        values, sizes = read_values(row_runs.runs, numeric=feature.is_numeric)
        rows = np.array([run.rows for run in row_runs.runs])
        is_missing = np.concatenate([~run.read_presence() for run in row_runs.runs] or [np.zeros(0, bool)])
        effect = FeatureDesignEffect(
            estimate_group_design_effect(values, sizes, are_numbers=feature.is_numeric),
            estimate_group_design_effect(is_missing, rows, are_numbers=False),
        )
        if max(effect) > 1:
            effects[feature.name] = effect
    return effects


@value_class
class SampledColumn:
    """A feature in the sampled rows, run after run. values: those that are present. has_value, is_missing: of each row; None
    if all rows have a value, and if none is missing. They differ where a column of numbers has a text.
    """

    name: str
    values: NDArray[Any]
    are_numbers: bool
    run_sizes: tuple[int, ...]
    has_value: Flags | None = None
    is_missing: Flags | None = None

    @property
    def rows(self) -> int:
        return sum(self.run_sizes)

    def score(self) -> ScoredColumn:
        if self.are_numbers:
            return ScoredColumn.from_numbers(self.values, self.has_value)
        return ScoredColumn.from_texts(self.values, self.has_value)

    @property
    def share_against(self) -> float:
        """The share of steps, of numbers from row to row, against the direction of most: 0 if all rise, or all fall, within
        runs, as keys, times, and what rows are sorted by. A clock falls seldom. 0.5 for texts, and for too few steps.
        """
        if not self.are_numbers:
            return 0.5
        # Steps from one run to the next say nothing: runs lie anywhere
        run = np.repeat(np.arange(len(self.run_sizes)), self.run_sizes)
        if self.has_value is not None:
            run = run[self.has_value]
        within = run[1:] == run[:-1]
        rises = np.count_nonzero((self.values[1:] > self.values[:-1]) & within)
        falls = np.count_nonzero((self.values[1:] < self.values[:-1]) & within)
        if rises + falls >= MIN_STEPS:
            return min(rises, falls) / (rises + falls)
        return 0.5


def _sample_columns(profile: Profile, runs: Sequence[RowRuns]) -> Iterator[SampledColumn]:
    """The sampled rows of each feature. Runs of a small window, which follow each other, become longer runs."""
    layouts: dict[tuple[tuple[float, int], ...], tuple[list[int], tuple[int, ...]]] = {}
    for feature, row_runs in zip(profile.features, runs, strict=False):
        # Most columns have the same runs
        layout = tuple([(run.lot, run.rows) for run in row_runs.runs])
        if layout not in layouts:
            layouts[layout] = _order_runs(row_runs.runs)
        order, run_sizes = layouts[layout]
        in_order = [row_runs.runs[index] for index in order]
        values, _ = read_values(in_order, numeric=feature.is_numeric)
        if len(values) < 2 * MIN_ROWS:
            continue
        column = SampledColumn(feature.name, values, feature.is_numeric, run_sizes)
        if len(values) < column.rows:
            is_present = np.concatenate([run.read_presence() for run in in_order])
            has_value = is_present
            if np.count_nonzero(is_present) > len(values):  # some cells of a column of numbers are texts
                has_value = np.concatenate([_has_number(run) for run in in_order])
            column = replace(column, has_value=has_value, is_missing=~is_present)
        yield column


def _has_number(run: RowRun) -> Flags:
    """Whether each row has a number. A run of which fewer than half are numbers keeps none."""
    has_number = run.read_presence()
    numbers = np.frombuffer(run.numbers)
    if len(numbers):
        has_number[has_number] = ~np.isnan(numbers)
    else:
        has_number[:] = False
    return has_number


def _estimate_neighbours(
    columns: Sequence[SampledColumn], unfit_features: Mapping[str, str]
) -> dict[str, FeatureDesignEffect]:
    """Where neighbouring rows are alike. Source: D4.16."""
    effects: dict[str, FeatureDesignEffect] = {}
    # Columns with the same runs are estimated together
    for run_sizes in dict.fromkeys(column.run_sizes for column in columns):
        members = [column for column in columns if column.run_sizes == run_sizes]
        effects |= _estimate_same_runs(members, np.array(run_sizes, np.int64), unfit_features)
    return effects


def _estimate_same_runs(
    columns: Sequence[SampledColumn], run_sizes: Sizes, unfit_features: Mapping[str, str]
) -> dict[str, FeatureDesignEffect]:
    # Of values and of missing ones; and those that show groups
    scores: dict[tuple[str, str], Callable[[], ScoredColumn]] = {}
    shown: list[tuple[str, str]] = []
    for column in columns:
        against = column.share_against
        is_sorted = is_constant_in_runs(column.values)
        if against and not (is_sorted and unfit_features.get(column.name) == LOOKS_SORTED):
            scores[column.name, "of_values"] = column.score
            # Numbers that rows are sorted by rise; texts may be in any order
            is_unordered = column.are_numbers or not is_sorted
            if against > MAX_SHARE_AGAINST and is_unordered and column.name not in unfit_features:
                shown.append((column.name, "of_values"))
        if column.is_missing is not None:
            scores[column.name, "of_missing"] = partial(ScoredColumn.from_flags, column.is_missing)
            shown.append((column.name, "of_missing"))
    effects_of_scores = estimate_column_design_effects((score() for score in scores.values()), run_sizes)
    estimates = dict(zip(scores, effects_of_scores, strict=True))
    group_estimates = find_group_estimates([estimates[member] for member in shown])
    typical_rows = typical_design_effect(group_estimates)
    # Missing values by where they lie
    limits = dict.fromkeys(estimates, math.inf)
    for column in columns:
        if column.is_missing is not None:
            limit = limit_flag_design_effect(column.is_missing, run_sizes, typical_rows)
            limits[column.name, "of_missing"] = limit
    counts = combine_design_effects([*estimates.values()], int(run_sizes.sum()), group_estimates, [*limits.values()])
    # Columns without missing values here, which may be missing in whole groups elsewhere
    effects: dict[str, FeatureDesignEffect] = {}
    typical_effect = FeatureDesignEffect(of_missing=add_margin_for_cut_groups(typical_rows))
    if typical_effect != INDEPENDENT_ROWS:
        effects = {column.name: typical_effect for column in columns}
    for (name, member), rows in zip(estimates, counts, strict=True):
        if rows > 1 or name in effects:
            effects[name] = effects.get(name, INDEPENDENT_ROWS)._replace(**{member: rows})
    return effects


def _order_runs(runs: Sequence[RowRun]) -> tuple[list[int], tuple[int, ...]]:
    """The indices of the runs in order; and their sizes, those that follow each other joined."""
    indices = sorted(range(len(runs)), key=lambda index: runs[index].place)
    # Neighbours joined
    sizes: list[int] = []
    end = -1
    for run in [runs[index] for index in indices]:
        if run.first_row == end and sizes[-1] + run.rows <= ROWS_OF_A_GROUP:
            sizes[-1] += run.rows
        else:
            sizes.append(run.rows)
        end = run.first_row + run.rows
    return indices, tuple(sizes)


@value_class
class GroupColumn:
    """A column whose values explain why rows are alike. effects: of the features that it explains. names: how many
    values it has. explained: how much it explains of all features together. columns_of_names: all that may name groups.
    """

    name: str
    effects: Mapping[str, FeatureDesignEffect]
    names: float
    explained: float
    columns_of_names: tuple[str, ...]


def _find_group_column(profile: Profile, baseline: Profile, columns: Sequence[SampledColumn]) -> GroupColumn | None:
    """The column that explains most, of those whose values name groups of rows. Source: D4.23."""
    shares = {feature.name: feature for feature in baseline.features if _compute_name_shares(feature) is not None}
    # Columns whose values the window shares with the baseline less than independent rows would
    names = {}
    for feature in profile.features:
        before = shares.get(feature.name)
        if before is not None and (count := _count_group_names(before, feature)) is not None:
            names[feature.name] = count
    if not names:
        return None
    groups = [
        group
        for group in _explain_by_groups(names, profile.item_count, columns)
        if _has_differences_of_groups(group, profile, baseline)
    ]
    # Of columns that explain as much, such as a user and the user's postcode, the finest names the groups
    most_explained = max((group.explained for group in groups), default=0.0)
    best = [group for group in groups if group.explained >= NEARLY_ALL * most_explained]
    return max(best, key=lambda group: group.names, default=None)


def _has_differences_of_groups(group: GroupColumn, profile: Profile, baseline: Profile) -> bool:
    """Whether the features that a column explains differ from the baseline as few groups of rows do, rather than as independent
    rows, by the likelihood of their scores. If not, the column itself has changed, such as its unit, and names no groups.
    """
    before = baseline.by_name
    log_likelihood_ratio = 0.0
    for feature in profile.features:
        if feature.name in group.effects and feature.name in before:
            reference = from_feature_profile(before[feature.name])
            changes = compare_with_reference(reference, from_feature_profile(feature))
            squares = [change.score**2 for change in changes.values()]
            # The scores of a feature are of one level; in groups their variance is the design effect
            if squares:
                rows = max(group.effects[feature.name])
                log_likelihood_ratio += float(np.mean(squares)) * (1 - 1 / rows) - math.log(rows)
    return log_likelihood_ratio > 0


@cache_with_feature
def compute_value_shares(feature: FeatureProfile) -> NameShares | None:
    """How the rows are spread over the values of a feature; None if unknown."""
    sketch = feature.kll
    frequencies = feature.frequencies
    present = feature.num_present
    if feature.is_numeric and sketch is not None:
        present = feature.num_numbers
        counts = np.diff(sketch.step_cdf()[1], prepend=0)
        if sketch.error:  # the count of a value is known if it is kept often
            counts = counts[counts > 2 ** len(sketch.levels)]
    elif not feature.is_numeric and frequencies is not None:
        counts = np.fromiter(frequencies.counts.values(), np.int64)
    else:
        return None
    # Values that aren't kept one by one are rare ones
    if feature.distinct is None or not present:
        return None
    unseen_values = 0.0
    if counts.sum() < present:
        unseen_values = max(float(feature.distinct.estimate() - len(counts)), 1.0)
    return NameShares(counts / present, unseen_values)


@cache_with_feature
def _compute_name_shares(baseline: FeatureProfile) -> NameShares | None:
    """How the baseline's rows are spread over the values of a feature; None if these can't be names of groups."""
    shares = compute_value_shares(baseline)
    is_whole = not baseline.is_numeric or has_whole_numbers(baseline)
    if shares is None or not is_whole or why_always_new(baseline) is not None:
        return None
    names = len(shares.counted) + shares.uncounted_names
    repeats = baseline.num_present >= MIN_ROWS_PER_NAME * names
    if repeats and shares.diversity >= MIN_NAMES:
        return shares
    return None


def _count_group_names(before: FeatureProfile, now: FeatureProfile) -> float | None:
    """The number of the feature's values in the window, if these are names of groups; None if the window shares as many
    with the baseline as independent rows would.
    """
    shares = _compute_name_shares(before)
    if shares is None or before.distinct is None or now.distinct is None or before.is_numeric != now.is_numeric:
        return None
    # As names are in the baseline
    if now.is_numeric and not has_whole_numbers(now):
        return None
    names = float(now.distinct.estimate())
    shared = names
    if before.column_type is now.column_type:  # else equal values have other hashes
        union = float((before.distinct + now.distinct).estimate())
        shared = min(names, max(0.0, before.distinct.estimate() + names - union))
    if shares.has_too_few(shared, now.num_present):
        return names
    return None


def _explain_by_groups(
    names: Mapping[str, float], window_rows: int, columns: Sequence[SampledColumn]
) -> Iterator[GroupColumn]:
    """What each of some columns explains of the others. names: the number of names in each of them."""
    by_name = {column.name: column for column in columns}
    for name, count in names.items():
        group = by_name.get(name)
        if group is None:
            continue
        kinds, codes = unique_with_inverse(group.values)
        group_of_row = np.full(group.rows, len(kinds))  # rows without a name are in no group
        group_of_row[... if group.has_value is None else group.has_value] = codes
        # Rows in the order of their groups, those without a name left out
        order = np.argsort(group_of_row, kind="stable")[: len(codes)]
        features: list[tuple[str, str]] = []
        estimates: list[DesignEffect] = []
        for column in columns:
            # Other columns of names are new where the groups are, so they show nothing
            if column.name in names or column.run_sizes != group.run_sizes:
                continue
            rows = order
            if column.has_value is not None:
                rows = order[column.has_value[order]]
            if len(rows):
                features.append((column.name, "of_values"))
                estimates.append(_estimate_in_order(column.score(), rows, group_of_row))
            if column.is_missing is not None:
                features.append((column.name, "of_missing"))
                estimates.append(_estimate_in_order(ScoredColumn.from_flags(column.is_missing), order, group_of_row))
        # Each column of names is a test of its own
        are_dependent = find_dependent_columns([min(1.0, len(names) * estimate.p) for estimate in estimates])
        if not any(are_dependent):
            continue
        # The column names groups, so the others' rows are as alike as they look, as if somebody had named it
        effects: dict[str, FeatureDesignEffect] = {}
        for (feature, member), estimate, is_dependent in zip(features, estimates, are_dependent, strict=True):
            if is_dependent or estimate.rows > MAX_DISPERSED:
                # The sample has a part of each group's rows
                rows_as_one = 1 + (estimate.rows - 1) * max(1.0, window_rows / group.rows)
                effect = effects.get(feature, INDEPENDENT_ROWS)
                effects[feature] = effect._replace(**{member: rows_as_one})
        explained = sum(math.log(max(effect)) for effect in effects.values())
        yield GroupColumn(name, effects, count, explained, tuple(names))


def _estimate_in_order(column: ScoredColumn, rows: NDArray[np.int64], group_of_row: NDArray[np.int64]) -> DesignEffect:
    """The design effect of a column in groups. rows: in order of their groups, those that count."""
    sizes = np.bincount(group_of_row[rows])
    sizes = sizes[sizes > 0]
    effect = group_design_effect(ScoredColumn(column.scores[:, rows], column.answers), sizes)
    if len(sizes) < MIN_GROUPS and effect.rows > MAX_DISPERSED:
        return effect._replace(rows=len(rows) / len(sizes))  # each group counts as one row
    return effect
