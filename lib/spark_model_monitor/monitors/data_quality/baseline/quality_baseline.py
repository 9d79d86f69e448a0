"""What later data is compared with: a baseline's documents and states, and what earlier windows left. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from spark_model_monitor.documents.column_roles import ColumnRoles
from spark_model_monitor.documents.constraints import Constraints, FeatureRole
from spark_model_monitor.documents.monitoring_settings import MonitoringConfig, MonitoringSettings
from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.monitors.data_quality.baseline.baseline_feature import BaselineFeature, find_suggested_limits
from spark_model_monitor.monitors.data_quality.distribution.column_values import match_answers, measure_misfit
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    create_distributions,
    find_new_values,
    read_distributions,
    restrict_to_lasting_values,
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
    score_window,
)
from spark_model_monitor.monitors.data_quality.messages import NEWEST_ROW, NUMBER_OF_ROWS
from spark_model_monitor.monitors.protocol import StoredBaseline, StoredStatistics, Violated
from spark_model_monitor.statistics.states import FeatureProfile, Profile
from spark_model_monitor.statistics.states.profile import (
    DEFAULT_NUMBER_SHARE,
    MIN_NUMBERS,
    NEVER,
    RequiredNumbers,
    are_boolean_texts,
    are_zeros_and_ones,
    read_bits_as_flags,
    read_flags_as_bits,
)
from spark_model_monitor.statistics.verdicts.expected_row_count import Earlier, RowCountHistory, convert_to_minutes
from spark_model_monitor.statistics.verdicts.seasonality import CLOCK, Season
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset


UNKNOWN_VARIATION = Variation()


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
    as_service
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
    as_service: bool = False
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
        """Which text columns are columns of numbers: those with a numeric type in constraints.json, if at least half of their
        cells are numbers, or fewer if the type check's threshold is lower.
        """
        if self.as_service:
            return RequiredNumbers()
        by_feature = dict.fromkeys(self.names, NEVER)
        for feature in self.constraints.features:
            if feature.inferred_type.is_numeric:
                # A file may have a threshold below half
                threshold = self.settings[feature.name].datatype_check_threshold
                by_feature[feature.name] = min(threshold, MIN_NUMBERS)
        return RequiredNumbers(by_feature, DEFAULT_NUMBER_SHARE)

    def read(self, profile: Profile) -> Profile:
        """The profile with its values in the baseline's form: texts of numbers become numbers, and flags become true and false,
        or 1 and 0, as the baseline has them.
        """
        if self.as_service:
            return profile
        profile = self.required_numbers.read(profile)
        # If nothing changes, the same object is returned, since it holds cached results
        features = tuple(self._read_flags(feature.unify_flags()) for feature in profile.features)
        if all(feature is unread for feature, unread in zip(features, profile.features, strict=True)):
            return profile
        return replace(profile, features=features)

    def _read_flags(self, feature: FeatureProfile) -> FeatureProfile:
        baseline = self.distributions.get(feature.name)
        if baseline is None:
            return feature
        if feature.is_numeric and are_boolean_texts(baseline.categories or ()):
            return read_bits_as_flags(feature)
        # Numbers stay as they are; texts such as true and false become 1 and 0
        has_bits = baseline.numbers is not None and are_zeros_and_ones(baseline.numbers.cdf.values)
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
    def compared_references(self) -> Mapping[str, frozenset[str]]:
        """The references that a window is compared with, in addition to the baseline, and the features compared with each:
        features with such a comparator, and features whose values grow in number.
        """
        features: dict[str, set[str]] = {}
        for name, settings in self.settings.items():
            for comparator in settings.comparators or ():
                features.setdefault(comparator.against, set()).add(name)
        # Every later window of a growing feature differs from the baseline, so it is compared with earlier windows, too
        growing_names = {name for name in self.names if self.is_growing(name)}
        if growing_names and self.follows_the_clock:
            features.setdefault(PREVIOUS, set()).update(growing_names)
        return {reference: frozenset(names) for reference, names in features.items() if reference != BASELINE}

    def is_growing(self, feature: str) -> bool:
        """Whether a feature got new values throughout the baseline's rows."""
        return self.get_variation().count_new_values(feature) is not None

    def get_variation(self, reference: str = BASELINE) -> Variation:
        """How earlier windows varied from a reference, and the baseline's parts from the whole; empty if that is unknown."""
        return self.history.get(reference, UNKNOWN_VARIATION)

    @property
    def follows_the_clock(self) -> bool:
        """Whether earlier windows of the same hour are references, even if no comparator names them."""
        return self.monitoring.is_calibrated and self.monitoring.comparators is None

    def with_history(
        self,
        references: Mapping[str, Profile],
        past: Mapping[str, StatisticsByFeature],
        seasons: Mapping[str, Season] | None = None,
    ) -> QualityBaseline:
        """The same baseline with earlier windows. references: sums of their states. past: their raw statistics, by
        reference. seasons: the patterns of features that may follow the clock.
        """
        history = dict(self.history)
        # Earlier windows are added to the baseline's parts, or replace parts that show no variation
        for reference, windows in past.items():
            history[reference] = self.get_variation(reference).with_windows(windows)
        distributions = {name: create_distributions(self.read(profile)) for name, profile in references.items()}
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
    ) -> StoredStatistics:
        """What a window leaves to later windows: raw statistics by reference and feature; last, its number of rows, and the age
        of its newest row at its end, if known. A feature is an example for later windows unless it was violated or possibly
        changed; other features don't matter for that.
        """
        current = create_distributions(self.read(profile))

        def describe_verdict(feature: str, reference: str = BASELINE) -> dict[str, Any]:
            if violated is None:
                return {}
            # An alarm relative to an hour is no alarm relative to the baseline
            key = (reference, feature) if reference in CLOCK else feature
            if key in violated:
                return {"alarmed": True, OUTCOME: CHANGED}
            if feature in unsure:
                return {"alarmed": False, OUTCOME: CANNOT_TELL, POSSIBLE_CHANGE: feature in possibly_changed}
            return {"alarmed": False, OUTCOME: UNCHANGED}

        # Statistics relative to the references for which later windows need a history
        statistics: list[tuple[str, str, Mapping[str, Any]]] = []
        for reference, distributions in {BASELINE: self.distributions, **self.references}.items():
            for feature, reference_distribution in distributions.items():
                grows = reference == PREVIOUS and self.is_growing(feature)
                if feature not in current or not (grows or reference == BASELINE or reference in CLOCK):
                    continue
                if grows:
                    raw = self._compare_growing_texts(feature, reference_distribution, current[feature])
                else:
                    raw = score_window(reference_distribution, current[feature])
                if raw is not None:
                    statistics.append((reference, feature, {**raw, **describe_verdict(feature, reference)}))

        # The number of rows, and the newest one
        rows = {"rows": float(profile.item_count)}
        row_statistics = {NUMBER_OF_ROWS: rows}
        if age is not None:
            row_statistics[NEWEST_ROW] = {**rows, "far": convert_to_minutes(age)}
        statistics += [(WINDOW, name, {**raw, **describe_verdict(name)}) for name, raw in row_statistics.items()]
        return tuple(statistics)

    def _compare_growing_texts(
        self, feature: str, reference: FeatureDistribution, current: FeatureDistribution
    ) -> Mapping[str, float] | None:
        """The raw statistics of a growing text, without values that came or went; and the number of new values."""
        baseline = self.distributions.get(feature)
        statistics = score_window(reference, current)
        if statistics is None:
            return None
        raw = score_window(*restrict_to_lasting_values(reference, current, baseline)) or statistics
        return {**raw, "beyond": float(len(find_new_values(current, baseline, reference))), "far": statistics["rows"]}

    def with_budget(self, share: float | None) -> QualityBaseline:
        """The same baseline with a false-alarm budget of at most this share of healthy runs."""
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

    def with_block_variation(self, variation: Variation | None) -> QualityBaseline:
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
        as_service: bool = False,
    ) -> QualityBaseline:
        """The baseline that documents and states describe together.

        A feature's distribution comes from statistics.json; where that file has none, it comes from the states.
        """
        baseline = cls(constraints, {}, as_service=as_service)
        distributions = {}
        if statistics is not None:
            distributions = read_distributions(statistics, as_service=as_service)
        if profile is not None:
            # The baseline's values are read as a window's are
            profile = baseline.read(profile)
            for name, distribution in create_distributions(profile).items():
                if name not in distributions or distributions[name].reason is not None:
                    distributions[name] = distribution
        suggested_limits = find_suggested_limits(constraints, distributions)
        return replace(baseline, distributions=distributions, suggested_limits=suggested_limits, profile=profile)
