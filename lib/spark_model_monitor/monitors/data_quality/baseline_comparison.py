"""The current data beside its baseline: the input of every data-quality check. Pure."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.data.records.decoded_rows import have_names
from spark_model_monitor.documents.constraints import Constraints, FeatureConstraints
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
from spark_model_monitor.monitors.data_quality import SEGMENTS
from spark_model_monitor.monitors.data_quality.baseline.baseline_feature import BaselineFeature
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.distribution.always_new import why_always_new
from spark_model_monitor.monitors.data_quality.distribution.calibration import NoiseCalibration
from spark_model_monitor.monitors.data_quality.distribution.column_tests import LONGER_OR_INDEPENDENT, LONGER_WINDOWS
from spark_model_monitor.monitors.data_quality.distribution.design_effects import (
    INDEPENDENT_ROWS,
    FeatureDesignEffect,
    FindValues,
    WindowDesignEffects,
)
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    align_distributions,
    from_feature_profile,
    restrict_to_lasting_values,
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
from spark_model_monitor.statistics.drift import Ties
from spark_model_monitor.statistics.drift.distributions import StepCdf
from spark_model_monitor.statistics.states import ColumnType, FeatureProfile, Profile
from spark_model_monitor.statistics.verdicts.between_window_variance import (
    MIN_WINDOWS,
    ScoreVariance,
    WindowSize,
    judge_change,
)
from spark_model_monitor.statistics.verdicts.components import Samples
from spark_model_monitor.statistics.verdicts.design_effect import limit_flag_design_effect
from spark_model_monitor.statistics.verdicts.expected_row_count import RowCountHistory
from spark_model_monitor.statistics.verdicts.seasonality import Season
from spark_model_monitor.value_class import value_class

PAIRS = "pairs"  # the kind of the state
COLUMNS = ("name", "exact")  # how the columns of data and baseline are matched, if both have names
NEW_COLUMN = f"the baseline lacks it, and fewer than {MIN_WINDOWS} quiet windows had it"
LOST_BY_CHANCE = 1e-6  # the chance that no record of a window has a column that others had


@value_class
class ComparedRelation:
    """A relation between columns on both sides. relation: as `Pairs` has it. before, now: the counts that it needs."""

    relation: Mapping[str, Any]
    before: tuple[int, ...]
    now: tuple[int, ...]


@value_class(slots=False, eq=False)
class FeatureComparison:
    """One feature of constraints.json, in a window and in the baseline."""

    comparison: WindowComparison
    baseline_feature: BaselineFeature
    baseline: FeatureDistribution
    """What the window is compared with: the distribution in the baseline, or in the reference `against`."""
    current: FeatureProfile
    """The window's states of the feature, without rows if the window lacks it."""
    now: FeatureDistribution
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
        """Those in force for the feature."""
        return self.baseline_feature.settings

    @property
    def before(self) -> FeatureProfile | None:
        """The baseline's states of the feature; None if unavailable."""
        return self.baseline_feature.states

    @property
    def season(self) -> Season | None:
        """What is known of the feature at this hour; None if it doesn't seem to follow the clock."""
        return self.baseline_feature.season

    @property
    def suggested_limits(self) -> frozenset[str]:
        """The limits, by their names in the settings, that the baseline suggested; they allow for noise."""
        return self.baseline_feature.suggested_limits

    @property
    def calibration(self) -> NoiseCalibration | None:
        """How noise is allowed for in this run; None if it isn't, or not computed yet."""
        return self.comparison.calibration

    def find_calibration(self, limit: str) -> NoiseCalibration | None:
        """How noise is allowed for in a limit of shares, by its name in the settings; None if it isn't, as in a person's own."""
        if limit in self.suggested_limits:
            return self.calibration
        return None

    def sides(self, reference: str) -> tuple[FeatureDistribution, FeatureDistribution]:
        """A reference and the window; both without values that came or went, if these grow in number."""
        before = self.baseline_feature.references.get(reference, self.baseline)
        if self.baseline_feature.growth and reference == PREVIOUS:
            return restrict_to_lasting_values(before, self.now, self.baseline)
        return align_distributions(self.baseline_feature.leave_out_allowed(before), self.now)

    @cached_property
    def why_new_values_are_usual(self) -> str | None:
        """Why the window may have values that the baseline lacks: because these grew in number along the baseline's rows, or
        followed one another, and the window has later ones and as few as a stretch of the baseline. None if it may not: numbers
        have to go on where the baseline's end, and texts of which the window has mostly earlier ones.
        """
        if self.baseline_feature.growth:
            return GROWS
        unfit = self.comparison.baseline.get_variation().unfit
        before = self.baseline
        now = self.now
        if unfit.get(self.name) != LOOKS_SORTED or before.is_numeric != now.is_numeric or not before.num_values:
            return None
        # Numbers that are versions stay for half a window at least; those of a sorted measurement don't
        rows_per_value = before.present / before.num_values
        if now.is_numeric and 2 * rows_per_value < now.present:
            return None
        # New values, and the one that began at the baseline's end
        values = now.list_values()
        is_later = before.count_values(values) < rows_per_value / 2
        later_rows = now.count_values(values)[is_later].sum()
        if not later_rows or 2 * len(values) >= before.num_values:
            return None
        # Whether these go on, also beside the one that they replace
        if _go_on(before.list_values(), values):
            return GO_ON
        if now.is_numeric or 2 * later_rows <= now.present:
            return None
        return FOLLOW

    @property
    def has_new_numbers(self) -> bool:
        """Whether its numbers move on by nature, so that no range and no share of one is judged."""
        is_new = self.before is not None and why_always_new(self.before) is not None
        return is_new or self.baseline_feature.rises or self.why_new_values_are_usual == GO_ON

    @cached_property
    def segments(self) -> Mapping[str, Mapping[str, tuple[FeatureProfile, FeatureProfile]]]:
        """The feature in every segment of the rows, on both sides, by cut; empty if drift doesn't allow for noise."""
        if (
            not self.baseline_feature.is_drift_calibrated
            or self.baseline_feature.growth
            or self.before is None
            or SEGMENTS not in self.before.states
        ):
            return {}
        from spark_model_monitor.statistics.states.segments import match_segments

        return match_segments(self.before, self.current)

    def in_segment(self, cut: str, label: str) -> FeatureComparison:
        """The same feature, in the rows of one segment."""
        leave_out_allowed = self.baseline_feature.leave_out_allowed
        distributions = [leave_out_allowed(from_feature_profile(profile)) for profile in self.segments[cut][label]]
        before, now = align_distributions(*distributions)
        return replace(self, baseline=before, now=now, against=label)

    @property
    def are_rounded(self) -> bool:
        """Whether numbers are compared in another precision than they had."""
        return self.baseline.numbers is not self.baseline_feature.distribution.numbers

    @property
    def finite_numbers(self) -> tuple[StepCdf, StepCdf] | None:
        """The finite numbers of both sides in the precision in which they are compared; None if a side has none."""
        if self.baseline.numbers is None or self.now.numbers is None:
            return None
        return self.baseline.numbers.cdf.drop_infinite(), self.now.numbers.cdf.drop_infinite()

    @property
    def are_texts(self) -> bool:
        """Whether the column has values on both sides, all of them written as text, as in CSV and JSON."""
        profiles = (self.before, self.current)
        return all(profile and profile.column_type is ColumnType.TEXT and profile.num_present for profile in profiles)

    @cached_property
    def dates(self) -> tuple[DateColumn, DateColumn] | None:
        """The dates of the baseline and of the window; None if it isn't a column of dates, or if its values are unknown."""
        if self.before is None:
            return None
        baseline = recognise_dates(self.before)
        if baseline is None:
            return None
        # The window's texts are read in the baseline's form, in which they would be ambiguous alone
        window = read_window(self.current, baseline)
        if window is None:
            return None
        return (baseline, window)

    @property
    def has_independent_rows(self) -> bool:
        """Whether the baseline's parts, and earlier windows, differ no more than independent rows do, and the window's own
        rows are not alike.
        """
        if self.baseline_feature.past() is None or self.window_design_effect != INDEPENDENT_ROWS:
            return False
        return bool(self.baseline_feature.past_design_effect == 1)

    @cached_property
    def baseline_design_effect(self) -> float:
        """How many rows count as one, by the baseline alone; of texts that it has too many of, how many have the same one; in
        groups that a person named, as in the window.
        """
        before = self.before
        if self.comparison.monitoring.rows_are_independent or before is None:
            return 1.0
        if self.comparison.monitoring.group_column is not None:
            return self.window_design_effect.of_values
        past = self.baseline_feature.past()
        if past is None:
            # Texts that are few and have no parts are of a small table, or of a sorted one
            if before.is_numeric or before.distinct is None or before.exact_domain is not None:
                return 1.0
            return max(1.0, before.num_present / max(before.distinct.estimate(), 1))
        # Of too few values for that, the variance of the most frequent one's scores
        effect = self.baseline_feature.past_design_effect
        if math.isnan(effect):
            effect = float(np.mean(past["value1"] ** 2))
        return max(1.0, effect)

    def limit_groups(self, rows_of_group: float, is_of_kind: FindValues) -> float:
        """How many rows with values of a kind count as one: so many, or fewer by where they lie if neighbours are groups, too."""
        standstill = self.baseline_feature.largest_in_parts["standstill"]
        column = self.comparison.design_effects.neighbours.get(self.name)
        if column is None or rows_of_group > 2 * max(standstill, self.window_design_effect.of_values):
            return rows_of_group  # the rows of a group lie scattered
        # Of all sampled rows, also those without a value
        flags = np.zeros(column.rows, bool)
        if column.has_value is None:
            flags[:] = is_of_kind(column.values)
        else:
            flags[column.has_value] = is_of_kind(column.values)
        return min(rows_of_group, limit_flag_design_effect(flags, np.array(column.run_sizes), rows_of_group))

    @property
    def window_design_effect(self) -> FeatureDesignEffect:
        """How many rows of the window count as one, by its own rows."""
        return self.comparison.design_effects.by_feature.get(self.name, INDEPENDENT_ROWS)

    @property
    def suspected_group_column(self) -> str | None:
        """The column that explains why this feature's rows are alike, if nobody named it."""
        if self.window_design_effect != INDEPENDENT_ROWS:
            return self.comparison.design_effects.group_column
        return None

    @property
    def group_advice(self) -> str:
        """The step that would tell what a window shows whose rows form groups."""
        if self.suspected_group_column is not None:
            return f"make the baseline with --group-column {self.suspected_group_column}"
        if self.comparison.monitoring.group_column is not None:
            return LONGER_WINDOWS
        return LONGER_OR_INDEPENDENT

    @cached_property
    def chance_of_missing(self) -> float:
        """The p-value of this many missing values, as windows vary or rows form groups; 0 where nothing shows that."""
        change = compare_with_reference(self.baseline, self.now).get("missing")
        if change is None or self.baseline_feature.past() is None:
            return 0.0
        return judge_change(change, self.variance_of_missing).p

    @property
    def variance_of_missing(self) -> ScoreVariance:
        """How much the number of missing values varies, relative to independent rows."""
        past = self.baseline_feature.past()
        variance = ScoreVariance()
        if past is not None:
            samples = Samples(max(self.baseline.present, 1), max(self.now.present, 1))  # as for the values
            windows = past.join_parts(samples.n, samples.m)
            size = WindowSize(samples.effective, *self.window_design_effect)
            if self.calibration is not None:
                size = self.calibration.sizes.get((BASELINE, self.name), size)
            variance = windows.variance("missing", size)
        return variance.with_groups(self.window_design_effect.of_missing, self.now.rows)


@dataclass(eq=False)
class WindowComparison:
    """A run's data and its baseline.

    Attributes
    ----------
    current
        The window's states; features have the names in the baseline's constraints.
    current_columns
        The number of columns of the records; None if it is that of `current`.
    is_matched
        Whether it is known which column is which; if not, and their number differs, no feature is judged.
    foreign_keys
        As in `reading.dataset.Dataset`.
    ties
        LOST replays the service (G16); else equal values add up.
    exact_classes
        Whether a value counts only for its own type, as in the service (G14); else a type holds whatever fits in it (C11.32).
    volume
        The rows of earlier windows; None if unknown.
    design_effects
        How many rows of the window count as one.
    standstills
        The longest stretch of equal neighbours, by feature.
    calibration
        How noise is allowed for in the run; None if it isn't, or not computed yet.
    """

    baseline: QualityBaseline
    current: Profile
    current_columns: int | None = None
    is_matched: bool = True
    foreign_keys: str = ""
    ties: Ties = Ties.SUMMED
    exact_classes: bool = False
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
    def num_current_columns(self) -> int:
        if self.current_columns is None:
            return len(self.current.features)
        return self.current_columns

    @property
    def num_baseline_columns(self) -> int:
        return len(self.constraints.features)

    @property
    def missing(self) -> tuple[str, ...]:
        """The columns of constraints.json that the current data lacks, and the first window's that no record has."""
        missing = (_count_names(self.constraints.features) - _count_names(self.current.features)).elements()
        return (*missing, *self._find_lost_columns())

    @property
    def extra(self) -> tuple[str, ...]:
        """The columns of the current data that constraints.json and the first window lack; for a repeated name, all but the
        first. One without a name and without a value is none: a spreadsheet ends each line with commas.
        """
        extra = (_count_names(self.current.features) - _count_names(self.constraints.features)).elements()
        left_out = {*self.new_columns}
        if have_names(self.baseline.names) and not self.exact_classes:
            without_value = {feature.name for feature in self.current.features if not feature.num_present}
            left_out |= {name for name in without_value if not have_names([name])}
        return tuple(name for name in extra if name not in left_out)

    @cached_property
    def new_columns(self) -> Mapping[str, float]:
        """The columns of captures that constraints.json lacks and the first window had, with the share of records that had
        them.
        """
        if self.baseline.roles is None:
            return {}
        return self.baseline.roles.list_new_columns(self.baseline.names)

    def _find_lost_columns(self) -> Iterator[str]:
        """The first window's columns without a single value, if that is no chance."""
        present = {feature.name: feature.num_present for feature in self.current.features}
        for name, share in self.new_columns.items():
            if not present.get(name) and (1 - share) ** self.current.item_count < LOST_BY_CHANCE:
                yield name

    @cached_property
    def features(self) -> tuple[FeatureComparison, ...]:
        """Every feature of constraints.json, in its order."""
        return tuple(self._compare_features())

    @cached_property
    def pairs(self) -> Sequence[ComparedRelation]:
        """The relations of columns that are counted on both sides."""
        return tuple(self._compare_pairs())

    def _compare_pairs(self) -> Iterator[ComparedRelation]:
        before = self.baseline.profile
        if before is None or not self.monitoring.is_calibrated:
            return
        # Most baselines have none
        if not any(PAIRS in feature.states for feature in before.features):
            return
        from spark_model_monitor.statistics.states.pairs import Pairs

        compared = {feature.name for feature in self.features if feature.baseline_feature.is_compared}
        now = {feature.name: feature.state(Pairs) for feature in self.current.features}
        for feature in before.features:
            relations = feature.state(Pairs)
            relations_now = now.get(feature.name)
            if relations is None or relations_now is None:
                continue
            # A relation is its own key, written as JSON
            for text, counts in relations.counts.items():
                relation: dict[str, Any] = json.loads(text)
                current = relations_now.counts.get(text, ())
                if compared.issuperset(relation["columns"]) and any(current):
                    yield ComparedRelation(relation, counts, current)

    def _compare_features(self) -> Iterator[FeatureComparison]:
        current = self.current.by_name
        for baseline_feature in self.baseline.features:
            name = baseline_feature.name
            profile = current.get(name) or FeatureProfile(name)
            unmatched = self._explain_unmatched(name, name in current)
            if unmatched:
                baseline_feature = replace(baseline_feature, is_matched=False)
            distribution = baseline_feature.distribution
            now = from_feature_profile(profile)
            if not self.exact_classes:
                distribution, now = align_distributions(distribution, now)
            # They are counted; what compares distributions leaves them out
            distribution = baseline_feature.leave_out_allowed(distribution)
            now = baseline_feature.leave_out_allowed(now)
            yield FeatureComparison(self, baseline_feature, distribution, profile, now, unmatched)

    def _explain_unmatched(self, name: str, is_there: bool) -> str | None:
        roles = self.baseline.roles
        if roles is not None and name == roles.label:
            return "captures have the model's answer in its place, with other values"
        # By position alone, nobody knows which column is which if their number differs
        if not self.is_matched and self.num_current_columns != self.num_baseline_columns:
            return (
                f"the current data has {self.num_current_columns} columns and "
                f"constraints.json {self.num_baseline_columns}, so no feature was compared"
            )
        if is_there:
            return None
        return "the current data has no column of this name; its columns have to be named as in constraints.json"


def _go_on(versions: NDArray[np.generic], later_versions: NDArray[np.generic]) -> bool:
    """Whether all of the later ones are the last one or follow it: numbers by as much as the versions span at most, texts that
    differ in their digits.
    """
    if versions.dtype != object:
        finite = versions[np.isfinite(versions)]
        ahead = later_versions - finite.max(initial=-math.inf)
        return bool((ahead >= 0).all() and (ahead <= np.ptp(finite)).all())
    last = max(map(_read_version, versions))
    read = [*map(_read_version, later_versions)]
    return all(version >= last and version[0] == last[0] for version in read)


def _read_version(text: str) -> tuple[str, list[int]]:
    """What stands around its numbers, and these."""
    return re.sub(r"\d+", "0", text), [int(digits) for digits in re.findall(r"\d+", text)]


def _count_names(features: Iterable[FeatureConstraints | FeatureProfile]) -> Counter[str]:
    return Counter(feature.name for feature in features)
