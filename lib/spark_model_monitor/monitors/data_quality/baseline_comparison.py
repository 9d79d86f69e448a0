"""The current data compared with its baseline: the input of every data-quality check. Pure."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from shlex import quote
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.data.records.decoded_rows import have_names
from spark_model_monitor.documents.constraints import Constraints, FeatureConstraints
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
from spark_model_monitor.monitors.data_quality import SEGMENTS
from spark_model_monitor.monitors.data_quality.baseline.baseline_feature import BaselineFeature
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.distribution.always_new import explain_always_new
from spark_model_monitor.monitors.data_quality.distribution.calibration import NoiseCalibration
from spark_model_monitor.monitors.data_quality.distribution.column_tests import (
    LONGER_OR_INDEPENDENT,
    LONGER_WINDOWS,
)
from spark_model_monitor.monitors.data_quality.distribution.design_effects import (
    INDEPENDENT_ROWS,
    FeatureDesignEffect,
    FindValues,
    WindowDesignEffects,
)
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    align_distributions,
    create_distribution,
    restrict_to_lasting_values,
)
from spark_model_monitor.monitors.data_quality.distribution.group_names import (
    count_group_names,
    estimate_new_values,
    estimate_rows_of_value,
)
from spark_model_monitor.monitors.data_quality.distribution.window_history import (
    BASELINE,
    FOLLOW,
    GO_ON,
    GROWS,
    LOOKS_SORTED,
    PREVIOUS,
    Standstill,
    compare_with_reference,
)
from spark_model_monitor.statistics.date_columns import DateColumn, read_window, recognise_dates
from spark_model_monitor.statistics.drift.distributions import StepCdf
from spark_model_monitor.statistics.states import FeatureProfile, Profile
from spark_model_monitor.statistics.verdicts.between_window_variance import (
    MIN_WINDOWS,
    ScoreVariance,
    WindowSize,
    judge_change,
)
from spark_model_monitor.statistics.verdicts.components import Samples
from spark_model_monitor.statistics.verdicts.design_effect import limit_flag_design_effect, measure_flag_stretches
from spark_model_monitor.statistics.verdicts.expected_row_count import RowCountHistory
from spark_model_monitor.statistics.verdicts.seasonality import Season
from spark_model_monitor.value_class import value_class

PAIRS = "pairs"  # the kind of the state that counts relations between columns
COLUMNS = ("name", "exact")  # how the columns of data and baseline are matched, if both have names
NEW_COLUMN = f"the baseline lacks it, and fewer than {MIN_WINDOWS} quiet windows had it"
MAX_CHANCE = 1e-6  # what is less probable by chance isn't chance: lost columns, surplus rows, fewer missing values


@value_class
class ComparedRelation:
    """A relation between columns, in the baseline and in the window.

    relation: its definition, as in `Pairs`. baseline_counts, current_counts: the baseline's and the window's counts that
    describe it.
    """

    relation: Mapping[str, Any]
    baseline_counts: tuple[int, ...]
    current_counts: tuple[int, ...]


@value_class(slots=False, eq=False)
class FeatureComparison:
    """One feature of constraints.json, in a window and in the baseline."""

    comparison: WindowComparison
    baseline_feature: BaselineFeature
    baseline_distribution: FeatureDistribution
    """What the window is compared with: the distribution in the baseline, or in the reference `against`."""
    current_profile: FeatureProfile
    """The window's states of the feature, without rows if the window lacks it."""
    current_distribution: FeatureDistribution
    """The window's distribution."""
    unmatched: str | None = None
    """Why the window lacks the feature; None if it has it."""
    against: str | None = None
    """The reference, if it is not the baseline: its name, or a segment's."""

    @property
    def name(self) -> str:
        return self.baseline_feature.name

    @property
    def constraints(self) -> FeatureConstraints:
        return self.baseline_feature.constraints

    @property
    def settings(self) -> MonitoringSettings:
        """The settings in force for the feature."""
        return self.baseline_feature.settings

    @property
    def baseline_profile(self) -> FeatureProfile | None:
        """The baseline's states of the feature; None if unavailable."""
        return self.baseline_feature.profile

    @property
    def season(self) -> Season | None:
        """The feature's pattern at this hour; None if it doesn't seem to depend on the time of day or the weekday."""
        return self.baseline_feature.season

    @property
    def suggested_limits(self) -> frozenset[str]:
        """The names of the limits that the baseline suggested, not a person; these limits allow for noise."""
        return self.baseline_feature.suggested_limits

    @property
    def calibration(self) -> NoiseCalibration | None:
        """The run's allowance for noise; None if verdicts don't allow for noise, or before it is computed."""
        return self.comparison.calibration

    def find_calibration(self, limit: str) -> NoiseCalibration | None:
        """The allowance for noise in a limit on shares; None if a person set the limit. limit: its name in the settings."""
        if limit in self.suggested_limits:
            return self.calibration
        return None

    def align_with_reference(self, reference: str) -> tuple[FeatureDistribution, FeatureDistribution]:
        """The distributions of a reference and of the window.

        If the feature's values grow in number, the comparison with previous windows leaves out values that came or went.
        """
        reference_distribution = self.baseline_feature.references.get(reference, self.baseline_distribution)
        if self.baseline_feature.new_value_counts and reference == PREVIOUS:
            return restrict_to_lasting_values(
                reference_distribution, self.current_distribution, self.baseline_distribution
            )
        return align_distributions(
            self.baseline_feature.leave_out_allowed_values(reference_distribution), self.current_distribution
        )

    @cached_property
    def new_values_reason(self) -> str | None:
        """Why the window may have values that the baseline lacks; None if it may not.

        Either the values grew in number along the baseline's rows. Or they followed one another, as versions do: then the new
        values have to be later ones, and as few as in a stretch of the baseline. New numbers have to continue from the
        baseline's end; new texts have to be in most rows of the window.
        """
        if self.baseline_feature.new_value_counts:
            return GROWS
        unfit = self.comparison.baseline.get_variation().unfit
        baseline = self.baseline_distribution
        window = self.current_distribution
        if unfit.get(self.name) != LOOKS_SORTED or baseline.is_numeric != window.is_numeric or not baseline.num_values:
            return None
        # A version number stays for at least half a window; a number of a sorted measurement doesn't
        rows_per_value = baseline.present / baseline.num_values
        if window.is_numeric and 2 * rows_per_value < window.present:
            return None
        # Later values: new ones, and a value that had only begun at the baseline's end
        values = window.list_values()
        is_later = baseline.count_values(values) < rows_per_value / 2
        later_rows = window.count_values(values)[is_later].sum()
        if not later_rows or 2 * len(values) >= baseline.num_values:
            return None
        # Later values may continue the baseline's sequence even if the value that they replace still occurs
        if _continue_sequence(baseline.list_values(), values):
            return GO_ON
        if window.is_numeric or 2 * later_rows <= window.present:
            return None
        return FOLLOW

    @property
    def has_new_numbers(self) -> bool:
        """Whether the feature's numbers always move on, as counters do: their range and one number's share aren't judged."""
        if self.baseline_feature.constraints.always_new or self.new_values_reason == GO_ON:
            return True
        # Constraints of the service don't say it
        is_new = self.baseline_profile is not None and explain_always_new(self.baseline_profile) is not None
        return is_new or self.baseline_feature.has_rising_keys

    @cached_property
    def segments(self) -> Mapping[str, Mapping[str, tuple[FeatureProfile, FeatureProfile]]]:
        """The feature's states in the baseline and in the window, by segmenting column and by segment.

        Empty if the verdict on drift doesn't allow for noise.
        """
        if (
            not self.baseline_feature.is_drift_calibrated
            or self.baseline_feature.new_value_counts
            or self.baseline_profile is None
            or SEGMENTS not in self.baseline_profile.states
        ):
            return {}
        from spark_model_monitor.statistics.states.segments import match_segments

        return match_segments(self.baseline_profile, self.current_profile)

    def restrict_to_segment(self, cut: str, label: str) -> FeatureComparison:
        """The comparison in the rows of one segment. cut: the column that makes the segments. label: the segment's name."""
        leave_out_allowed = self.baseline_feature.leave_out_allowed_values
        distributions = [leave_out_allowed(create_distribution(profile)) for profile in self.segments[cut][label]]
        baseline, current = align_distributions(*distributions)
        return replace(self, baseline_distribution=baseline, current_distribution=current, against=label)

    @property
    def are_rounded(self) -> bool:
        """Whether numbers are compared in another precision than the baseline's own."""
        return self.baseline_distribution.numbers is not self.baseline_feature.distribution.numbers

    @property
    def repeatable_numbers(self) -> tuple[StepCdf, StepCdf] | None:
        """The finite numbers of baseline and window, in the precision in which they are compared; None if one has no numbers, or
        they always move on."""
        baseline = self.baseline_distribution.numbers
        current = self.current_distribution.numbers
        if self.has_new_numbers or baseline is None or current is None:
            return None
        return baseline.cdf.drop_infinite(), current.cdf.drop_infinite()

    @property
    def are_texts(self) -> bool:
        """Whether the column has values in baseline and window, all of them written as text, as in CSV and JSON."""
        profiles = (self.baseline_profile, self.current_profile)
        return all(profile and profile.is_written_as_text and profile.num_present for profile in profiles)

    @cached_property
    def date_columns(self) -> tuple[DateColumn, DateColumn] | None:
        """The dates of the baseline and of the window; None if it isn't a column of dates, or if its values are unknown."""
        if self.baseline_profile is None:
            return None
        baseline = recognise_dates(self.baseline_profile)
        if baseline is None:
            return None
        # The window's texts alone may be ambiguous, such as 01/02/2026, so they are read in the baseline's form
        window = read_window(self.current_profile, baseline)
        if window is None:
            return None
        return baseline, window

    @property
    def has_independent_rows(self) -> bool:
        """Whether rows look independent: the baseline's parts and earlier windows differ no more than independent rows do, and
        the window's own rows are not alike.
        """
        return self.window_design_effect == INDEPENDENT_ROWS and self.baseline_feature.past_design_effect == 1

    @cached_property
    def baseline_design_effect(self) -> float:
        """The design effect that the baseline shows: how many of its rows count as one.

        Without parts of the baseline, the rows that share a value show it. If a person named groups, the window's design effect
        is used.
        """
        if self.comparison.monitoring.rows_are_independent:
            return 1.0
        if self.comparison.has_named_groups:
            return self.window_design_effect.value_design_effect
        effect = self.baseline_feature.past_design_effect
        if math.isnan(effect):  # the table is small or sorted
            return self.rows_of_value
        return effect

    @property
    def texts_design_effect(self) -> float:
        """How many texts among numbers count as one: no more than are neighbours, wherever a group's other rows are."""
        column = self.comparison.design_effects.sampled_columns.get(self.name)
        if column is None:
            return self.baseline_design_effect
        are_texts = ~(column.has_value | column.is_missing)
        return min(self.baseline_design_effect, measure_flag_stretches(are_texts, np.array(column.run_sizes)))

    def limit_design_effect(self, rows_of_group: float, is_of_kind: FindValues) -> float:
        """How many rows with values of some kind count as one: `rows_of_group`, or fewer if the rows lie in smaller groups of
        neighbours, or in more of the groups that a person named. If a column was found that explains the groups, as many as
        share one of its values. is_of_kind: flags the values of that kind.
        """
        standstill = self.baseline_feature.rarest_standstill
        effects = self.comparison.design_effects
        column = effects.sampled_columns.get(self.name)
        has_found_groups = effects.group_column is not None
        neighbours, _ = effects.by_feature.get(self.name, INDEPENDENT_ROWS)
        if column is None or (rows_of_group > 2 * max(standstill, neighbours) and not has_found_groups):
            return rows_of_group  # the rows of a group are scattered, so their positions show nothing
        # One flag per sampled row, including rows without a value
        flags = np.zeros_like(column.has_value)
        flags[column.has_value] = is_of_kind(column.values)
        sizes = np.array(column.run_sizes)
        if has_found_groups and flags.any():
            # Each run is a group, of which the sample has a share
            rows = np.bincount(column.run_of_row[flags])
            return 1 + (float((rows**2).sum() / rows.sum()) - 1) / effects.sampled_share
        group_size = rows_of_group
        if self.comparison.has_named_groups:
            group_size = sizes.max() / 2  # each run is a group, so all its rows are near each other
        elif rows_of_group <= 2 * standstill:
            # Groups are stretches of equal neighbours, so those of this kind are, too
            return min(rows_of_group, measure_flag_stretches(flags, sizes))
        return min(rows_of_group, limit_flag_design_effect(flags, sizes, group_size))

    @cached_property
    def rows_of_value(self) -> float:
        """How many rows of the window share a value beyond chance."""
        if self.baseline_profile is None:
            return 1.0
        return estimate_rows_of_value(self.baseline_profile, self.current_profile)

    @cached_property
    def window_design_effect(self) -> FeatureDesignEffect:
        """How many rows of the window count as one, estimated from the window's rows, and from how many share a new value."""
        effect = self.comparison.design_effects.by_feature.get(self.name, INDEPENDENT_ROWS)
        # Of known values, some may have disappeared
        if self.rows_of_value > 1 and 2 * estimate_new_values(self.baseline_profile, self.current_profile) >= 1:
            effect = effect._replace(value_design_effect=max(effect.value_design_effect, self.rows_of_value))
        return effect

    @property
    def suspected_group_column(self) -> str | None:
        """The column that explains why this feature's rows are alike, if nobody named it; else None."""
        if self.window_design_effect != INDEPENDENT_ROWS:
            return self.comparison.design_effects.group_column
        return None

    @property
    def group_advice(self) -> str:
        """What to do so that a window whose rows form groups can be judged."""
        if self.comparison.has_named_groups:
            return LONGER_WINDOWS
        column = self.suspected_group_column
        before = self.baseline_profile
        if column is None and before is not None and count_group_names(before, self.current_profile):
            column = self.name
        if column is None:
            return LONGER_OR_INDEPENDENT
        return f"make the baseline with --group-column {quote(column)}"

    @cached_property
    def chance_of_missing(self) -> float:
        """The p-value of the window's missing values, given how windows vary and rows form groups; 0 if that is unknown."""
        change = compare_with_reference(self.baseline_distribution, self.current_distribution).get("missing")
        if change is None or self.baseline_feature.find_past_windows() is None:
            return 0.0
        return judge_change(change, self.variance_of_missing).p

    @property
    def variance_of_missing(self) -> ScoreVariance:
        """How much the number of missing values varies, relative to independent rows."""
        past = self.baseline_feature.past_windows
        samples = Samples(
            max(self.baseline_distribution.present, 1), max(self.current_distribution.present, 1)
        )  # as in tests of values
        windows = past.join_parts(samples.n, samples.m)
        size = WindowSize(samples.effective, *self.window_design_effect)
        if self.calibration is not None:
            size = self.calibration.size_by_column.get((BASELINE, self.name), size)
        variance = windows.variance("missing", size)
        return variance.with_groups(self.window_design_effect.missing_design_effect, self.current_distribution.rows)


@dataclass(eq=False)
class WindowComparison:
    """A run's data and its baseline.

    Attributes
    ----------
    current_profile
        The window's states; features have the names in the baseline's constraints.
    is_matched
        Whether it is known which column is which. If it isn't, and the number of columns differs, no feature is judged.
    foreign_keys
        As in `reading.dataset.Dataset`.
    as_service
        Whether verdicts are the service's: a value counts only for its own type (G14; otherwise also for types that it fits,
        C11.32), and a distance loses ties (G16).
    volume
        The row counts of earlier windows; None if unknown.
    design_effects
        How many rows of the window count as one.
    standstills
        The longest stretch of equal neighbours, by feature.
    calibration
        The allowance for noise in the run; None if there is none, or before it is computed.
    """

    baseline: QualityBaseline
    current_profile: Profile
    is_matched: bool = True
    foreign_keys: str = ""
    as_service: bool = False
    volume: RowCountHistory | None = None
    design_effects: WindowDesignEffects = field(default_factory=WindowDesignEffects)
    standstills: Mapping[str, Standstill] = field(default_factory=dict)
    calibration: NoiseCalibration | None = field(default=None, init=False)

    @property
    def constraints(self) -> Constraints:
        return self.baseline.constraints

    @property
    def monitoring(self) -> MonitoringSettings:
        """The settings of the whole file."""
        return self.baseline.monitoring

    @property
    def has_named_groups(self) -> bool:
        """Whether a person named the column of rows in groups."""
        return self.monitoring.group_column is not None

    @property
    def num_current_columns(self) -> int:
        return len(self.current_profile.features)

    @property
    def num_baseline_columns(self) -> int:
        return len(self.constraints.features)

    @property
    def missing_names(self) -> tuple[str, ...]:
        """The columns of constraints.json that the current data lacks, and columns of the first window that no record has now."""
        missing_counts = (
            _count_names(self.constraints.features) - _count_names(self.current_profile.features)
        ).elements()
        return (*missing_counts, *self._find_lost_columns())

    @property
    def extra_names(self) -> tuple[str, ...]:
        """The columns of the current data that neither constraints.json nor the first window has.

        If a name is repeated, all columns except the first are extra. A column without a name and without values isn't extra:
        spreadsheets end each line with commas.
        """
        extra_counts = (
            _count_names(self.current_profile.features) - _count_names(self.constraints.features)
        ).elements()
        left_out = {*self.new_columns}
        if have_names(self.baseline.names) and not self.as_service:
            without_value = {feature.name for feature in self.current_profile.features if not feature.num_present}
            left_out |= {name for name in without_value if not have_names([name])}
        return tuple(name for name in extra_counts if name not in left_out)

    @cached_property
    def new_columns(self) -> Mapping[str, float]:
        """The columns of captures that constraints.json lacks and the first window had, with the share of records that had
        them.
        """
        if self.baseline.roles is None:
            return {}
        return self.baseline.roles.list_new_columns(self.baseline.names)

    def _find_lost_columns(self) -> Iterator[str]:
        """The first window's columns that have no value now, unless that may be chance."""
        present = {feature.name: feature.num_present for feature in self.current_profile.features}
        for name, share in self.new_columns.items():
            if not present.get(name) and (1 - share) ** self.current_profile.item_count < MAX_CHANCE:
                yield name

    @cached_property
    def features(self) -> tuple[FeatureComparison, ...]:
        """Every feature of constraints.json, in its order."""
        return tuple(self._compare_features())

    @cached_property
    def relations(self) -> Sequence[ComparedRelation]:
        """The relations of columns that are counted on both sides."""
        return tuple(self._compare_pairs())

    def _compare_pairs(self) -> Iterator[ComparedRelation]:
        baseline = self.baseline.profile
        if baseline is None or not self.monitoring.is_calibrated:
            return
        # Most baselines have no relations
        if not any(PAIRS in feature.states for feature in baseline.features):
            return
        from spark_model_monitor.statistics.states.pairs import Pairs

        compared_names = {feature.name for feature in self.features if feature.baseline_feature.is_compared}
        current_pairs = {feature.name: feature.state(Pairs) for feature in self.current_profile.features}
        for feature in baseline.features:
            relations = feature.state(Pairs)
            relations_now = current_pairs.get(feature.name)
            if relations is None or relations_now is None:
                continue
            # A relation is its own key, written as JSON
            for text, counts in relations.counts.items():
                relation: dict[str, Any] = json.loads(text)
                current = relations_now.counts.get(text, ())
                if compared_names.issuperset(relation["columns"]) and any(current):
                    yield ComparedRelation(relation, counts, current)

    def _compare_features(self) -> Iterator[FeatureComparison]:
        current_profiles = self.current_profile.by_name
        for baseline_feature in self.baseline.features:
            name = baseline_feature.name
            profile = current_profiles.get(name) or FeatureProfile(name)
            unmatched = self._explain_unmatched(name, name in current_profiles)
            if unmatched:
                baseline_feature = replace(baseline_feature, is_matched=False)
            baseline_distribution = baseline_feature.distribution
            current_distribution = create_distribution(profile)
            if not self.as_service:
                baseline_distribution, current_distribution = align_distributions(
                    baseline_distribution, current_distribution
                )
            # Allowed new values are counted, but left out where distributions are compared
            baseline_distribution = baseline_feature.leave_out_allowed_values(baseline_distribution)
            current_distribution = baseline_feature.leave_out_allowed_values(current_distribution)
            yield FeatureComparison(
                self, baseline_feature, baseline_distribution, profile, current_distribution, unmatched
            )

    def _explain_unmatched(self, name: str, is_in_window: bool) -> str | None:
        roles = self.baseline.roles
        if roles is not None and name == roles.label:
            return "captures have the model's answer in its place, with other values"
        # By position alone, nobody knows which column is which if their number differs
        if not self.is_matched and self.num_current_columns != self.num_baseline_columns:
            return (
                f"the current data has {self.num_current_columns} columns and "
                f"constraints.json {self.num_baseline_columns}, so no feature was compared"
            )
        if is_in_window:
            return None
        return "the current data has no column of this name; its columns have to be named as in constraints.json"


def _continue_sequence(versions: NDArray[np.generic], later_versions: NDArray[np.generic]) -> bool:
    """Whether each later version is the last version or follows it.

    Numbers may be ahead of the last version by at most the range of all versions; texts may differ only in their digits.
    """
    if versions.dtype != object:
        finite = versions[np.isfinite(versions)]
        ahead = later_versions - finite.max(initial=-math.inf)
        return bool((ahead >= 0).all() and (ahead <= np.ptp(finite)).all())
    last = max(map(_read_version, versions))
    return all(version >= last and version[0] == last[0] for version in map(_read_version, later_versions))


def _read_version(text: str) -> tuple[str, list[int]]:
    """The text with its numbers replaced by 0, and the numbers."""
    return re.sub(r"\d+", "0", text), [int(digits) for digits in re.findall(r"\d+", text)]


def _count_names(features: Iterable[FeatureConstraints | FeatureProfile]) -> Counter[str]:
    return Counter(feature.name for feature in features)
