"""The design effect of each column of a window, and of its missing values, from the runs of rows that its scan keeps. Pure.

Each column has its own design effect, from its neighbouring rows, or from the groups that a column names. If nobody named
such a column, we look for one whose values explain why rows that are scattered over the window are alike (`GroupColumn`). A
column that is sorted, or follows the clock, has a large design effect, which doesn't apply to other columns.

States don't hold runs, so windows that are made by adding states have no design effects.

Used by: `DataQualityJudgement.of`, for every window. Source: D4.16, D4.21, D4.23.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import create_distribution
from spark_model_monitor.monitors.data_quality.distribution.group_names import count_group_names
from spark_model_monitor.monitors.data_quality.distribution.window_history import LOOKS_SORTED, compare_with_reference
from spark_model_monitor.statistics import Flags, Integers
from spark_model_monitor.statistics.states import Profile, RowGroups, RowRun, RowRuns
from spark_model_monitor.statistics.states.hash_samples import unique_with_inverse
from spark_model_monitor.statistics.states.row_counts import MAX_GROUP_ROWS, MIN_ROWS, read_values
from spark_model_monitor.statistics.verdicts.between_window_variance import MAX_DISPERSED, MAX_NOISE_RATIO
from spark_model_monitor.statistics.verdicts.components import NEARLY_ALL
from spark_model_monitor.statistics.verdicts.design_effect import (
    MIN_GROUPS,
    DesignEffect,
    ScoredColumn,
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
    estimate_group_design_effect,
    group_design_effect,
)
from spark_model_monitor.value_class import value_class

MIN_STEPS = 8  # fewest steps: so many all rise, or all fall, by chance in one of 20,000 columns
MAX_SHARE_AGAINST = 0.2  # of steps against the others: a clock may be put back, and rows may be sorted in parts


FindValues: TypeAlias = Callable[[NDArray[Any]], Flags]  # flags values of some kind, among numbers or hashes of texts


class FeatureDesignEffect(NamedTuple):
    """How many rows of a window count as one, for a feature's values and for its missing values; 1 if independent."""

    value_design_effect: float = 1.0
    missing_design_effect: float = 1.0

    def with_rows(self, rows: float, *, of_missing: bool) -> FeatureDesignEffect:
        """The same, with another number of rows for missing values, or for values."""
        if of_missing:
            return self._replace(missing_design_effect=rows)
        return self._replace(value_design_effect=rows)


INDEPENDENT_ROWS = FeatureDesignEffect()


@value_class
class WindowDesignEffects:
    """How many rows of a window count as one.

    by_feature: the features whose rows are dependent.
    group_column: the column whose values explain why rows that are scattered over the window are alike, if nobody named it.
    sampled_columns: the sampled rows of each feature, group after group if a group column was named or found.
    sampled_share: the share of a found group's rows that are in the sample.
    """

    by_feature: Mapping[str, FeatureDesignEffect] = field(default_factory=dict)
    group_column: str | None = None
    sampled_columns: Mapping[str, SampledColumn] = field(default_factory=dict)
    sampled_share: float = 1.0


def estimate_window_design_effects(
    profile: Profile,
    runs: Sequence[RowRuns],
    baseline: Profile | None,
    unfit_features: Mapping[str, str],
) -> WindowDesignEffects:
    """The design effects of a window.

    runs: the sampled runs of rows, for every feature. unfit_features: the features by which the baseline is sorted; if the
    window is sorted by them, too, they show no groups of rows.
    """
    by_name = {column.name: column for column in _sample_columns(profile, runs)}
    if any(isinstance(row_runs, RowGroups) for row_runs in runs):
        effects = _estimate_named_groups(by_name.values())
        return WindowDesignEffects({**effects, **_estimate_filled_columns(effects, profile, baseline)}, None, by_name)
    columns = [column for column in by_name.values() if len(column.values) >= 2 * MIN_ROWS]
    effects = _estimate_neighbours(columns, unfit_features)
    group = None
    if baseline is not None:
        group = _find_group_column(profile, baseline, columns)
    if group is None:
        return WindowDesignEffects(effects, None, by_name)
    # A feature gets the design effect of the column's groups if it is larger than that of neighbours
    scattered_effects: dict[str, FeatureDesignEffect] = {}
    for name, effect in group.effects.items():
        neighbour_effect = effects.get(name, INDEPENDENT_ROWS)
        if max(effect) > MAX_NOISE_RATIO * max(neighbour_effect):  # else neighbours show these groups already
            scattered_effects[name] = FeatureDesignEffect(*map(max, effect, neighbour_effect))
    if not scattered_effects:
        return WindowDesignEffects(effects, None, by_name)
    scattered_effects |= _estimate_filled_columns(scattered_effects, profile, baseline)
    # The names of new groups are new, too, so all rows of these columns count as one
    effects_of_names = dict.fromkeys(group.name_columns, FeatureDesignEffect(float(profile.item_count)))
    # A column's own values are no groups of it
    size = len(group.group_of_row)
    other_columns = [column for column in columns if column.name != group.name and len(column.has_value) == size]
    by_group = {column.name: column.arrange(group.group_of_row) for column in other_columns}
    sampled_share = min(1.0, size / profile.item_count)
    return WindowDesignEffects(
        {**effects, **scattered_effects, **effects_of_names}, group.name, by_group, sampled_share
    )


def _estimate_filled_columns(
    effects: Mapping[str, FeatureDesignEffect], profile: Profile, baseline: Profile | None
) -> dict[str, FeatureDesignEffect]:
    """The design effect of missing values of features that lack values in the baseline, and none in the window.

    Such a window can't show whether whole groups lack a value, so the typical design effect of other columns' values is used.
    effects: the design effects of groups.
    """
    group_estimates = [effect.value_design_effect for effect in effects.values() if effect.value_design_effect > 1]
    if baseline is None or not group_estimates:
        return {}
    are_missing = {feature.name for feature in baseline.features if feature.num_missing}
    filled_names = [
        feature.name for feature in profile.features if not feature.num_missing and feature.name in are_missing
    ]
    rows = typical_design_effect(group_estimates)
    return {name: effects.get(name, INDEPENDENT_ROWS)._replace(missing_design_effect=rows) for name in filled_names}


def _estimate_named_groups(columns: Iterable[SampledColumn]) -> dict[str, FeatureDesignEffect]:
    """The design effects if a person named a column, whose groups the scan kept as runs. Source: D4.21."""
    effects = {}
    for column in columns:
        values_of_group = np.bincount(column.run_of_row[column.has_value])
        effect = FeatureDesignEffect(
            estimate_group_design_effect(column.values, values_of_group, are_numbers=column.are_numbers),
            estimate_group_design_effect(column.is_missing, np.array(column.run_sizes), are_numbers=False),
        )
        if max(effect) > 1:
            effects[column.name] = effect
    return effects


@value_class
class SampledColumn:
    """A feature in the sampled rows, run after run.

    values: the present values.
    has_value, is_missing: one flag per row. A text in a column of numbers is neither a value nor missing.
    """

    name: str
    values: NDArray[Any]
    are_numbers: bool
    run_sizes: tuple[int, ...]
    has_value: Flags
    is_missing: Flags

    @property
    def run_of_row(self) -> Integers:
        """The index of each row's run."""
        return np.repeat(np.arange(len(self.run_sizes)), self.run_sizes)

    def arrange(self, group_of_row: Integers) -> SampledColumn:
        """The same rows, group after group."""
        order = np.argsort(group_of_row, kind="stable")
        rows = np.empty(len(order), self.values.dtype)
        rows[self.has_value] = self.values
        has_value = self.has_value[order]
        return replace(
            self,
            values=rows[order][has_value],
            run_sizes=tuple(np.bincount(group_of_row).tolist()),
            has_value=has_value,
            is_missing=self.is_missing[order],
        )

    def score(self) -> ScoredColumn:
        if self.are_numbers:
            return ScoredColumn.from_numbers(self.values, self.has_value)
        return ScoredColumn.from_texts(self.values, self.has_value)

    @property
    def reversal_share(self) -> float:
        """The share of steps from row to row, within runs, that go against the direction of most steps.

        0 if all numbers rise, or all fall, as keys, times and sorted columns do; small for a clock that is put back. 0.5 for
        texts, and for too few steps.
        """
        if not self.are_numbers:
            return 0.5
        # Steps from one run to the next don't count, since runs are from anywhere in the data
        run = self.run_of_row[self.has_value]
        is_within_run = run[1:] == run[:-1]
        rises = np.count_nonzero((self.values[1:] > self.values[:-1]) & is_within_run)
        falls = np.count_nonzero((self.values[1:] < self.values[:-1]) & is_within_run)
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
        ordered_runs = [row_runs.runs[index] for index in order]
        values, _ = read_values(ordered_runs, numeric=feature.is_numeric)
        if not len(values):
            continue
        is_present = np.concatenate([run.read_presence() for run in ordered_runs])
        has_value = is_present
        if np.count_nonzero(is_present) > len(values):  # some cells of a column of numbers are texts
            has_value = np.concatenate([_has_number(run) for run in ordered_runs])
        yield SampledColumn(feature.name, values, feature.is_numeric, run_sizes, has_value, ~is_present)


def _has_number(run: RowRun) -> Flags:
    """Whether each row has a number. A run in which fewer than half of the values are numbers keeps no numbers."""
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
    """The design effects of columns whose neighbouring rows are alike. Source: D4.16."""
    effects: dict[str, FeatureDesignEffect] = {}
    # Columns with the same runs are estimated together
    for run_sizes in dict.fromkeys(column.run_sizes for column in columns):
        members = [column for column in columns if column.run_sizes == run_sizes]
        effects |= _estimate_same_runs(members, np.array(run_sizes, np.int64), unfit_features)
    return effects


def _estimate_same_runs(
    columns: Sequence[SampledColumn], run_sizes: Integers, unfit_features: Mapping[str, str]
) -> dict[str, FeatureDesignEffect]:
    requests = _list_requests(columns, unfit_features)
    estimates = estimate_column_design_effects((request.score() for request in requests), run_sizes)
    group_estimates = find_group_estimates(
        [estimate for request, estimate in zip(requests, estimates, strict=True) if request.may_show_groups]
    )
    typical_rows = typical_design_effect(group_estimates)
    # The positions of missing values limit their design effect
    limits = []
    for request in requests:
        limit = math.inf
        if request.of_missing:
            limit = limit_flag_design_effect(request.column.is_missing, run_sizes, typical_rows)
        limits.append(limit)
    counts = combine_design_effects(estimates, int(run_sizes.sum()), group_estimates, limits)
    # A column without missing values here may lack values in whole groups elsewhere, so it gets the typical effect
    effects: dict[str, FeatureDesignEffect] = {}
    typical_effect = FeatureDesignEffect(missing_design_effect=add_margin_for_cut_groups(typical_rows))
    if typical_effect != INDEPENDENT_ROWS:
        effects = {column.name: typical_effect for column in columns}
    for request, rows in zip(requests, counts, strict=True):
        name = request.column.name
        if rows > 1 or name in effects:
            effects[name] = effects.get(name, INDEPENDENT_ROWS).with_rows(rows, of_missing=request.of_missing)
    return effects


@value_class
class _EffectRequest:
    """A design effect to estimate.

    score: computes the scores of the column's values, or of its missing values.
    of_missing: whether it is that of missing values.
    may_show_groups: whether it may show that rows come in groups.
    """

    column: SampledColumn
    score: Callable[[], ScoredColumn]
    of_missing: bool
    may_show_groups: bool


def _list_requests(columns: Sequence[SampledColumn], unfit_features: Mapping[str, str]) -> list[_EffectRequest]:
    """The design effects of each column's values and of its missing values."""
    requests = []
    for column in columns:
        against = column.reversal_share
        is_sorted = is_constant_in_runs(column.values)
        if against and not (is_sorted and unfit_features.get(column.name) == LOOKS_SORTED):
            # Columns that rows are sorted by show no groups: sorted numbers rise or fall, sorted texts are constant in runs
            is_unordered = column.are_numbers or not is_sorted
            may_show_groups = against > MAX_SHARE_AGAINST and is_unordered and column.name not in unfit_features
            requests.append(_EffectRequest(column, column.score, False, may_show_groups))
        if column.is_missing.any():
            score_missing = partial(ScoredColumn.from_flags, column.is_missing)
            requests.append(_EffectRequest(column, score_missing, True, True))
    return requests


def _order_runs(runs: Sequence[RowRun]) -> tuple[list[int], tuple[int, ...]]:
    """The indices of the runs in the order of their rows; and the sizes of the runs, with adjacent runs joined."""
    indices = sorted(range(len(runs)), key=lambda index: runs[index].place)
    # Adjacent runs are joined, up to the rows of a group
    sizes: list[int] = []
    end = -1
    for run in [runs[index] for index in indices]:
        if run.first_row == end and sizes[-1] + run.rows <= MAX_GROUP_ROWS:
            sizes[-1] += run.rows
        else:
            sizes.append(run.rows)
        end = run.first_row + run.rows
    return indices, tuple(sizes)


@value_class
class GroupColumn:
    """A column whose values explain why rows are alike.

    effects: the design effects of the features that it explains.
    name_count: the number of its values.
    sum_of_log_effects: the sum of the logarithms of these design effects.
    name_columns: all columns whose values may name groups.
    group_of_row: the group of each sampled row.
    """

    name: str
    effects: Mapping[str, FeatureDesignEffect]
    name_count: float
    sum_of_log_effects: float
    name_columns: tuple[str, ...]
    group_of_row: Integers


def _find_group_column(profile: Profile, baseline: Profile, columns: Sequence[SampledColumn]) -> GroupColumn | None:
    """The column that explains most, among columns whose values name groups of rows. Source: D4.23."""
    # Columns whose values the window shares with the baseline less than independent rows would
    names = {}
    for feature in profile.features:
        baseline_feature = baseline.by_name.get(feature.name)
        if baseline_feature and (count := count_group_names(baseline_feature, feature)):
            names[feature.name] = count
    groups = [
        group
        for group in _explain_by_groups(names, profile.item_count, columns)
        if _has_differences_of_groups(group, profile, baseline)
    ]
    # If columns explain nearly the same, such as a user and the user's postcode, the one with most values names the groups
    most_explained = max((group.sum_of_log_effects for group in groups), default=0.0)
    best = [group for group in groups if group.sum_of_log_effects >= NEARLY_ALL * most_explained]
    return max(best, key=lambda group: group.name_count, default=None)


def _has_differences_of_groups(group: GroupColumn, profile: Profile, baseline: Profile) -> bool:
    """Whether the features that a column explains differ from the baseline as few groups of rows do, rather than as independent
    rows do: by the largest squared score of each, of which independent rows have about 2 log n among n scores. If not, the column
    itself has changed, such as its unit, and names no groups.
    """
    baseline_by_name = baseline.by_name
    excess = 0.0
    for feature in profile.features:
        if feature.name in group.effects and feature.name in baseline_by_name:
            reference = create_distribution(baseline_by_name[feature.name])
            changes = compare_with_reference(reference, create_distribution(feature))
            if changes:
                largest = max(abs(change.score()) for change in changes.values())
                excess += largest**2 * (1 - 1 / max(group.effects[feature.name])) - 2 * math.log(len(changes))
    return excess > 0


def _explain_by_groups(
    names: Mapping[str, float], window_rows: int, columns: Sequence[SampledColumn]
) -> Iterator[GroupColumn]:
    """What each candidate column explains of the other columns. names: the number of values of each candidate."""
    for group in columns:
        if group.name not in names:
            continue
        group_names, codes = unique_with_inverse(group.values)
        group_of_row = np.full(len(group.has_value), len(group_names))  # rows without a name are in no group
        group_of_row[group.has_value] = codes
        # Rows in the order of their groups, those without a name left out
        order = np.argsort(group_of_row, kind="stable")[: len(codes)]
        # By feature, and whether it is that of missing values
        estimates: dict[tuple[str, bool], DesignEffect] = {}
        for column in columns:
            # Other columns of names are new where the groups are, so they show nothing
            if column.name in names or column.run_sizes != group.run_sizes:
                continue
            rows = order[column.has_value[order]]
            estimates[column.name, False] = _estimate_in_order(column.score(), rows, group_of_row)
            if column.is_missing.any():
                missing_scores = ScoredColumn.from_flags(column.is_missing)
                estimates[column.name, True] = _estimate_in_order(missing_scores, order, group_of_row)
        # Each column of names is a test of its own
        if not any(find_dependent_columns([len(names) * estimate.p for estimate in estimates.values()])):
            continue
        # Now that the column names groups, all estimates count, as if a person had named it
        effects: dict[str, FeatureDesignEffect] = {}
        for (feature, of_missing), estimate in estimates.items():
            if estimate.rows > MAX_DISPERSED:
                # The sample has only a part of each group's rows, so groups are larger in the window
                rows_as_one = 1 + (estimate.rows - 1) * max(1.0, window_rows / len(group.has_value))
                effect = effects.get(feature, INDEPENDENT_ROWS)
                effects[feature] = effect.with_rows(rows_as_one, of_missing=of_missing)
        explained = sum(math.log(max(effect)) for effect in effects.values())
        yield GroupColumn(group.name, effects, names[group.name], explained, tuple(names), group_of_row)


def _estimate_in_order(column: ScoredColumn, rows: Integers, group_of_row: Integers) -> DesignEffect:
    """The design effect of a column in groups. rows: the indices of the rows to use, group after group."""
    sizes = np.bincount(group_of_row[rows])
    sizes = sizes[sizes > 0]
    effect = group_design_effect(ScoredColumn(column.scores[:, rows], column.answers), sizes)
    if len(sizes) < MIN_GROUPS and effect.rows > MAX_DISPERSED:
        return effect._replace(rows=len(rows) / len(sizes))  # each group counts as one row
    return effect
