"""What later data is compared with: a baseline's documents and states, and what earlier windows left. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from spark_model_monitor.documents.column_roles import ColumnRoles
from spark_model_monitor.documents.constraints import Constraints, FeatureConstraints, FeatureRole
from spark_model_monitor.documents.monitoring_settings import MonitoringConfig, MonitoringSettings
from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.monitors.data_quality.baseline.suggested_limits import (
    COMPLETENESS,
    DOMAIN,
    find_suggested_limits,
)
from spark_model_monitor.monitors.data_quality.distribution.always_new import may_rise
from spark_model_monitor.monitors.data_quality.distribution.column_tests import NO_PAST
from spark_model_monitor.monitors.data_quality.distribution.column_values import match_answers, measure_misfit
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    as_counted,
    find_new_values,
    from_profile,
    from_statistics,
    restrict_to_lasting_values,
    restrict_to_values,
)
from spark_model_monitor.monitors.data_quality.distribution.window_history import (
    BASELINE,
    CANNOT_TELL,
    CHANGED,
    OUTCOME,
    POSSIBLE_CHANGE,
    PREVIOUS,
    UNCHANGED,
    WINDOW,
    StatisticsByFeature,
    Variation,
    merge_histories,
    score_window,
)
from spark_model_monitor.monitors.data_quality.families import DRIFT, PREDICTIONS
from spark_model_monitor.monitors.data_quality.messages import NEWEST_ROW, NUMBER_OF_ROWS
from spark_model_monitor.monitors.protocol import LeftBehind, StoredBaseline, Violated
from spark_model_monitor.statistics.drift.distributions import Values
from spark_model_monitor.statistics.states import FeatureProfile, Profile
from spark_model_monitor.statistics.states.frequencies import unify_flags
from spark_model_monitor.statistics.states.profile import (
    MIN_NUMBERS,
    NEVER,
    USUAL_NUMBERS,
    RequiredNumbers,
    are_bits,
    are_flags,
    read_bits_as_flags,
    read_flags_as_bits,
)
from spark_model_monitor.statistics.verdicts.between_window_variance import MIN_WINDOWS, PastWindows
from spark_model_monitor.statistics.verdicts.expected_row_count import Earlier, RowCountHistory, convert_to_minutes
from spark_model_monitor.statistics.verdicts.seasonality import CLOCK, CLOCK_DAY, Season
from spark_model_monitor.statistics.verdicts.window_statistics import OF_FACTS
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset


NO_LIMITS: frozenset[str] = frozenset()
UNKNOWN_VARIATION = Variation()

NOT_GIVEN = "neither statistics nor states of it were given"
NOT_IN_BASELINE = "it has no feature of this name; is it that of these constraints?"


@value_class(slots=False)
class QualityBaseline(StoredBaseline):
    """What later data is compared with.

    Attributes
    ----------
    constraints
        The limits on later data, with the settings in force.
    distributions
        The baseline's distribution of each feature, by name; the drift of a feature without one is not judged.
    suggested_limits
        The names of the limits that the baseline suggested, by feature.
    profile
        The baseline's states; None if unavailable.
    references
        The distributions of other references, such as `previous:8`, by reference and feature.
    history
        How earlier windows varied from each reference.
    volume
        The numbers of rows and the freshness of earlier windows.
    seasons
        What earlier windows show of features that may follow the clock.
    attributions
        Each feature's share of the model's attributions.
    exact_classes
        Whether all cells of a column of numbers have to be numbers, as in the service.
    roles
        The roles of captured columns, if an earlier window or the baseline's own captures fixed them.
    has_given_label
        Whether a person named the label, which is left out.
    source
        Opens the baseline's rows again; None if unknown.
    """

    constraints: Constraints
    distributions: Mapping[str, FeatureDistribution]
    suggested_limits: Mapping[str, frozenset[str]] = field(default_factory=dict)
    profile: Profile | None = None
    references: Mapping[str, Mapping[str, FeatureDistribution]] = field(default_factory=dict)
    history: Mapping[str, Variation] = field(default_factory=dict)
    volume: RowCountHistory | None = None
    seasons: Mapping[str, Season] = field(default_factory=dict)
    attributions: Mapping[str, float] = field(default_factory=dict)
    exact_classes: bool = False
    roles: ColumnRoles | None = None
    has_given_label: bool = False
    source: Callable[[], Dataset] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def settings(self) -> Mapping[str, MonitoringSettings]:
        """The settings in force for each feature."""
        return self.constraints.settings_by_feature()

    @cached_property
    def monitoring(self) -> MonitoringSettings:
        """The settings of the whole file."""
        return self.constraints.monitoring

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the features, in the order of the baseline's columns."""
        return tuple(feature.name for feature in self.constraints.features)

    @cached_property
    def required_numbers(self) -> RequiredNumbers:
        """Which text columns are columns of numbers: those that constraints.json calls so, if half of their cells are numbers, or
        as few as the type check allows.
        """
        if self.exact_classes:
            return RequiredNumbers()
        by_feature = dict.fromkeys(self.names, NEVER)
        for feature in self.constraints.features:
            if feature.inferred_type.is_numeric:
                # A file whose threshold is lower than half asks for less
                threshold = self.settings[feature.name].datatype_check_threshold
                by_feature[feature.name] = min(threshold, MIN_NUMBERS)
        return RequiredNumbers(by_feature, USUAL_NUMBERS)

    def read(self, profile: Profile) -> Profile:
        """A profile with the values that are compared, whatever form they had: numbers in texts, and flags, which are true and
        false or 1 and 0."""
        if self.exact_classes:
            return profile
        profile = self.required_numbers.read(profile)
        # The same object if nothing changes, with what is cached
        features = tuple(self._read_flags(feature.unify_flags()) for feature in profile.features)
        if all(feature is before for feature, before in zip(features, profile.features, strict=True)):
            return profile
        return replace(profile, features=features)

    def _read_flags(self, feature: FeatureProfile) -> FeatureProfile:
        before = self.distributions.get(feature.name)
        if before is None:
            return feature
        if feature.is_numeric and are_flags(before.categories or ()):
            return read_bits_as_flags(feature)
        # Numbers stay, texts become what they stand for
        has_bits = before.numbers is not None and are_bits(before.numbers.cdf.values)
        if has_bits and not feature.is_numeric:
            return read_flags_as_bits(feature)
        return feature

    @cached_property
    def features(self) -> tuple[BaselineFeature, ...]:
        """Every feature of constraints.json, in its order."""
        states: Mapping[str, FeatureProfile] = {}
        if self.profile is not None:
            states = self.profile.by_name
        return tuple(
            BaselineFeature(self, constraints, self.settings[constraints.name], states.get(constraints.name))
            for constraints in self.constraints.features
        )

    @property
    def outputs(self) -> frozenset[str]:
        """The features that are model outputs."""
        return frozenset(
            feature.name for feature in self.constraints.features if feature.role is FeatureRole.PREDICTION
        )

    def drop_features(self, excluded: Collection[str]) -> QualityBaseline:
        """The baseline without the `excluded` features."""
        features = tuple(feature for feature in self.constraints.features if feature.name not in excluded)
        return replace(self, constraints=self.constraints.model_copy(update={"features": features}))

    @property
    def wanted_references(self) -> Mapping[str, frozenset[str]]:
        """The references that a window is compared with, in addition to the baseline, and the features compared with
        each: those with such a comparator, and catalogues that grow.
        """
        features: dict[str, set[str]] = {}
        for name, settings in self.settings.items():
            for comparator in settings.comparators or ():
                features.setdefault(comparator.against, set()).add(name)
        # A catalogue that grows is compared with the windows before, too, or every window would differ
        growing = {name for name in self.names if self.grows(name)}
        if growing and self.follows_the_clock:
            features.setdefault(PREVIOUS, set()).update(growing)
        return {reference: frozenset(names) for reference, names in features.items() if reference != BASELINE}

    def grows(self, feature: str) -> bool:
        """Whether a feature got new values throughout the baseline's rows."""
        return self.get_variation().count_new_values(feature) is not None

    def get_variation(self, reference: str = BASELINE) -> Variation:
        """How earlier windows varied from a reference, and the baseline's parts from the whole; empty if that is unknown."""
        return self.history.get(reference, UNKNOWN_VARIATION)

    @property
    def follows_the_clock(self) -> bool:
        """Whether earlier windows of the same hour are references, without being named."""
        return self.monitoring.is_calibrated and self.monitoring.comparators is None

    def with_history(
        self,
        references: Mapping[str, Profile],
        past: Mapping[str, StatisticsByFeature],
        seasons: Mapping[str, Season] | None = None,
    ) -> QualityBaseline:
        """The same baseline with earlier windows. references: sums of their states. past: their raw statistics, by
        reference. seasons: of features that may follow the clock.
        """
        history = dict(self.history)
        # Earlier windows stand beside the baseline's parts, or replace those that say nothing
        for reference, windows in past.items():
            history[reference] = self.get_variation(reference).with_windows(windows)
        distributions = {name: from_profile(self.read(profile)) for name, profile in references.items()}
        return replace(self, references=distributions, history=history, seasons=seasons or {})

    def with_volume(
        self, time: datetime, earlier: Earlier, start: datetime | None = None, fresh: Earlier = ()
    ) -> QualityBaseline:
        """The same baseline with the row counts and the freshness of earlier windows: the members of `RowCountHistory`."""
        return replace(self, volume=RowCountHistory(time, earlier, start, fresh))

    def raw_statistics(
        self,
        profile: Profile,
        violated: Collection[Violated] | None = None,
        age: timedelta | None = None,
        unsure: Collection[str] = (),
        possibly_changed: Collection[str] = (),
    ) -> LeftBehind:
        """What a window leaves to later ones: raw statistics by reference and feature; last, its number of rows, and its newest
        row's age at its end, if known. A feature is an example for later windows unless it was violated or possibly changed,
        even if others were.
        """
        now = from_profile(self.read(profile))

        def verdict_on(feature: str, reference: str = BASELINE) -> dict[str, Any]:
            if violated is None:
                return {}
            # An alarm relative to an hour is no alarm relative to the baseline
            key = (reference, feature) if reference in CLOCK else feature
            if key in violated:
                return {"alarmed": True, OUTCOME: CHANGED}
            if feature in unsure:
                return {"alarmed": False, OUTCOME: CANNOT_TELL, POSSIBLE_CHANGE: feature in possibly_changed}
            return {"alarmed": False, OUTCOME: UNCHANGED}

        # The features relative to each reference whose windows have a past of their own
        statistics: list[tuple[str, str, Mapping[str, Any]]] = []
        for reference, distributions in {BASELINE: self.distributions, **self.references}.items():
            for feature, before in distributions.items():
                grows = reference == PREVIOUS and self.grows(feature)
                if feature not in now or not (grows or reference == BASELINE or reference in CLOCK):
                    continue
                if grows:
                    raw = self._compare_growing_texts(feature, before, now[feature])
                else:
                    raw = score_window(before, now[feature])
                if raw is not None:
                    statistics.append((reference, feature, {**raw, **verdict_on(feature, reference)}))

        # The number of rows, and the newest one
        rows = {"rows": float(profile.item_count)}
        row_statistics = {NUMBER_OF_ROWS: rows}
        if age is not None:
            row_statistics[NEWEST_ROW] = {**rows, "far": convert_to_minutes(age)}
        statistics += [(WINDOW, name, {**raw, **verdict_on(name)}) for name, raw in row_statistics.items()]
        return tuple(statistics)

    def _compare_growing_texts(
        self, feature: str, before: FeatureDistribution, now: FeatureDistribution
    ) -> Mapping[str, float] | None:
        """The raw statistics of a text that grows, without values that came or went; and the number of new ones."""
        baseline = self.distributions.get(feature)
        statistics = score_window(before, now)
        if statistics is None:
            return None
        raw = score_window(*restrict_to_lasting_values(before, now, baseline)) or statistics
        return {**raw, "beyond": float(len(find_new_values(now, baseline, before))), "far": statistics["rows"]}

    def with_budget(self, share: float | None) -> QualityBaseline:
        """The same baseline with at most this share of healthy runs that may alarm."""
        if share is None or self.monitoring.false_alarm_budget <= share or not self.follows_the_clock:
            return self
        config = self.constraints.monitoring_config or MonitoringConfig()
        config = config.model_copy(update={"false_alarm_budget": share})
        return replace(self, constraints=self.constraints.model_copy(update={"monitoring_config": config}))

    def with_limits(self, constraints: Constraints) -> QualityBaseline:
        """The same baseline with other limits, all of which are among the constraints' `requested_limits`."""
        settings = constraints.settings_by_feature()
        suggested_limits = {
            name: limits.difference(settings[name].requested_limits)
            for name, limits in self.suggested_limits.items()
            if name in settings
        }
        return replace(self, constraints=constraints, suggested_limits=suggested_limits)

    def with_attributions(self, shares: Mapping[str, float]) -> QualityBaseline:
        """The same baseline with each feature's share of the model's attributions."""
        return replace(self, attributions=shares)

    def measure_misfit(self, name: str, cells: Sequence[str | None]) -> float:
        return measure_misfit(self._find_distribution(name), cells)

    def match_answers(self, name: str, cells: Sequence[str | None], *, are_in_place: bool) -> bool:
        return match_answers(self._find_distribution(name), cells, are_in_place=are_in_place)

    def _find_distribution(self, name: str) -> FeatureDistribution:
        [feature] = [feature for feature in self.features if feature.name == name]
        return feature.distribution

    def with_roles(self, roles: ColumnRoles | None) -> QualityBaseline:
        if self.roles is not None or roles is None:
            return self
        # The label is no feature of a window
        excluded: tuple[str, ...] = ()
        if roles.absent_label is not None:
            excluded = (roles.absent_label,)
        return replace(self.drop_features(excluded), roles=roles)

    def with_parts(self, variation: Variation | None) -> QualityBaseline:
        """The same baseline with the variation among its parts."""
        if variation is None:
            return self
        return replace(self, history={**self.history, BASELINE: variation})

    @classmethod
    def from_documents(
        cls,
        constraints: Constraints,
        statistics: Statistics | None = None,
        profile: Profile | None = None,
        *,
        exact_classes: bool = False,
    ) -> QualityBaseline:
        """The baseline that documents and states describe together.

        A feature's distribution comes from statistics.json; where that file has none, it comes from the states.
        """
        baseline = cls(constraints, {}, exact_classes=exact_classes)
        distributions = {}
        if statistics is not None:
            distributions = from_statistics(statistics, as_service=exact_classes)
        if profile is not None:
            # As a window's values are read
            profile = baseline.read(profile)
            for name, distribution in from_profile(profile).items():
                if name not in distributions or distributions[name].reason is not None:
                    distributions[name] = distribution
        suggested_limits = find_suggested_limits(constraints, distributions)
        return replace(baseline, distributions=distributions, suggested_limits=suggested_limits, profile=profile)


@value_class(slots=False, eq=False)
class BaselineFeature:
    """One feature of a baseline: all that is the same for every window.

    constraints: of constraints.json. settings: those in force for it. states: None if unavailable. is_matched: whether windows
    have it.
    """

    baseline: QualityBaseline
    constraints: FeatureConstraints
    settings: MonitoringSettings
    states: FeatureProfile | None
    is_matched: bool = True

    @property
    def name(self) -> str:
        return self.constraints.name

    @cached_property
    def distribution(self) -> FeatureDistribution:
        """The values from which drift is measured; without any, if unknown, and then with the reason."""
        distributions = self.baseline.distributions
        if self.name in distributions:
            return distributions[self.name]
        # A person has to know whether this column is unknown, or all of them
        reason = NOT_GIVEN
        if distributions:
            reason = NOT_IN_BASELINE
        return FeatureDistribution(self.constraints.inferred_type, reason=reason)

    @cached_property
    def references(self) -> Mapping[str, FeatureDistribution]:
        """The other distributions that windows are compared with, by name, such as `previous:8`."""
        references = self.baseline.references
        return {
            reference: distributions[self.name]
            for reference, distributions in references.items()
            if self.name in distributions
        }

    @cached_property
    def judged_references(self) -> tuple[str, ...]:
        """The references for drift that allows for noise: the baseline; the same hour for a column that follows the
        clock; the windows before for a catalogue that grows, once their past is known.
        """
        if not self.is_drift_calibrated:
            return ()
        if self.season is not None:
            return (BASELINE, *(name for name in self.references if name in CLOCK))
        is_growth_known = bool(self.growth) and PREVIOUS in self.references and self.past(PREVIOUS) is not None
        if is_growth_known:
            return (BASELINE, PREVIOUS)
        return (BASELINE,)

    @cached_property
    def season(self) -> Season | None:
        """What is known of the feature at this hour; None if it doesn't seem to follow the clock, or drift has its own limit."""
        if self.growth or not self.is_drift_calibrated:
            return None
        return self.baseline.seasons.get(self.name)

    @cached_property
    def growth(self) -> tuple[Values, Values] | None:
        """The number of new values in parts of the baseline, if it grew along the baseline's rows."""
        return self.baseline.get_variation().count_new_values(self.name)

    def past(self, reference: str = BASELINE) -> PastWindows | None:
        """The raw statistics of enough earlier windows for a reference; None if there are fewer. The windows of one
        hour stand for all hours.
        """
        past = self.baseline.get_variation(CLOCK_DAY if reference in CLOCK else reference).past.get(self.name)
        if past is not None and len(past["rows"]) >= MIN_WINDOWS:
            return past
        return None

    def past_in(self, label: str) -> PastWindows | None:
        """The raw statistics of the baseline's parts in a segment, completed from the whole; None if too few."""
        baseline_history = self.past()
        name = f"{self.name} in {label}"
        past_of_segment = self.baseline.get_variation().past.get(name)
        if past_of_segment is None or baseline_history is None:
            return baseline_history
        # Parts of a segment are few, so those of all rows count beside them
        return merge_histories({name: past_of_segment}, {name: baseline_history})[name]

    @cached_property
    def past_design_effect(self) -> float:
        """How many rows count as one, by the baseline's parts and earlier windows; NaN if these don't show it."""
        past = self.past()
        if past is not None:
            return past.rows_of_group
        return 1.0

    @cached_property
    def largest_in_parts(self) -> Mapping[str, float]:
        """The largest share of unseen values, and of each fact, among the baseline's parts; 0 if these don't show it."""
        # Windows leave no facts, and neither do parts of a sorted column
        past = self.past() or NO_PAST
        return {name: float(np.nanmax(past[name], initial=0.0)) for name in ("unseen", *OF_FACTS)}

    @cached_property
    def largest_repeat(self) -> float:
        """The largest share of rows that repeat one value, in a part of the baseline or an earlier window; 0 if unknown."""
        past = self.past() or NO_PAST
        # Each value occurs once
        return float(np.nanmax(past["largest"] - 1 / past["rows"], initial=0.0))

    @property
    def family(self) -> str:
        """The family of the feature's drift."""
        if self.constraints.role is FeatureRole.PREDICTION:
            return PREDICTIONS
        return DRIFT

    @cached_property
    def rises(self) -> bool:
        """Whether the values are keys, which rise with the baseline's rows."""
        is_sorted = self.name in self.baseline.get_variation().unfit
        return is_sorted and self.states is not None and may_rise(self.states)

    @property
    def is_compared(self) -> bool:
        """Whether drift can be judged and is switched on."""
        return self.is_matched and self.settings.evaluate_constraints

    @cached_property
    def is_drift_calibrated(self) -> bool:
        """Whether drift allows for noise. If a person requested how it is judged, the limit decides alone."""
        is_left_out = self.is_drift_requested or self.rises
        return self.is_compared and self.settings.perform_comparison and not is_left_out

    @property
    def is_drift_tested(self) -> bool:
        """Whether independent rows, or earlier windows, allow tests of the feature's drift."""
        settings = self.baseline.monitoring
        if not settings.is_calibrated or not self.is_drift_calibrated:
            return False
        return settings.rows_are_independent or self.past() is not None

    @cached_property
    def is_drift_requested(self) -> bool:
        """Whether a person requested how drift is judged, in the feature's own settings or in those of the file."""
        is_overridden = any(config.distribution_constraints for config in self.constraints.overrides.values())
        return is_overridden or self.settings.is_drift_requested(of_numbers=self.distribution.is_numeric)

    @property
    def has_own_drift_limit(self) -> bool:
        """Whether a person's own limit says how far the feature's values may move, and they are compared."""
        return self.is_drift_requested and self.settings.perform_comparison

    @property
    def suggested_limits(self) -> frozenset[str]:
        """The limits, by their names in the settings, that the baseline suggested; they allow for noise."""
        if self.is_compared:
            return self.baseline.suggested_limits.get(self.name, NO_LIMITS)
        return NO_LIMITS

    def is_own_limit(self, name: str) -> bool:
        """Whether a person wrote this limit of a share, so that it decides alone."""
        # Without statistics nobody knows what is suggested
        suggested_limits = self.baseline.suggested_limits.get(self.name)
        return self.is_compared and suggested_limits is not None and name not in suggested_limits

    @property
    def allows_new_values(self) -> bool:
        """Whether a person's own limit says how many values may be outside the domain."""
        is_own = self.constraints.domains is not None and self.is_own_limit(DOMAIN)
        return is_own and self.settings.domain_content_threshold < 1

    def leave_out_allowed(self, distribution: FeatureDistribution) -> FeatureDistribution:
        """The distribution of what is compared: without new values and missing ones, if a person's limits say how many may be."""
        # New values are those that neither the baseline nor the domain has
        values = self.distribution.categories
        if self.allows_new_values and values is not None and distribution.categories is not None:
            distribution = restrict_to_values(distribution, values.keys() | self.domain)
        if self.constraints.completeness is not None and self.is_own_limit(COMPLETENESS):
            distribution = replace(distribution, rows=distribution.present)
        return distribution

    @cached_property
    def domain(self) -> frozenset[str]:
        """The allowed values, as they are counted and compared."""
        values = as_counted(self.constraints.domains or ())
        if self.baseline.exact_classes:
            return values
        return frozenset(unify_flags(dict.fromkeys(values, 1)))
