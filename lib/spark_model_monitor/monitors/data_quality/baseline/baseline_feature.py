"""One feature of a baseline: how its documents and earlier windows say it is compared, and which of its limits the baseline
suggested. Pure.

A limit that equals what the baseline's statistics suggest allows for noise; any other limit decides alone
(`documents.document.is_suggested`). The two documents show this themselves, in whatever folder they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from spark_model_monitor.documents.constraints import Constraints, FeatureConstraints, FeatureRole
from spark_model_monitor.documents.document import is_suggested
from spark_model_monitor.documents.monitoring_settings import SUGGESTED_SHARE, MonitoringSettings
from spark_model_monitor.monitors.data_quality import DRIFT, PREDICTIONS
from spark_model_monitor.monitors.data_quality.distribution.always_new import may_be_rising_keys
from spark_model_monitor.monitors.data_quality.distribution.column_tests import NO_PAST
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    restrict_to_values,
    truncate_values,
)
from spark_model_monitor.monitors.data_quality.distribution.window_history import BASELINE, PREVIOUS, merge_histories
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.states import FeatureProfile
from spark_model_monitor.statistics.states.frequencies import unify_flags
from spark_model_monitor.statistics.verdicts.between_window_variance import MIN_WINDOWS, PastWindows
from spark_model_monitor.statistics.verdicts.seasonality import CLOCK, CLOCK_DAY, Season
from spark_model_monitor.statistics.verdicts.window_statistics import BLOCK_FIELDS
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline

COMPLETENESS = "completeness"
DATA_TYPE = "datatype_check_threshold"
DOMAIN = "domain_content_threshold"

NOT_GIVEN = "neither statistics nor states of it were given"
NOT_IN_BASELINE = "it has no feature of this name; is it that of these constraints?"


@value_class(slots=False, eq=False)
class BaselineFeature:
    """One feature of a baseline: all that is the same for every window.

    constraints: the feature's entry in constraints.json. settings: the settings in force for it. profile: None if unavailable.
    is_matched: whether the window has the feature.
    """

    baseline: QualityBaseline
    constraints: FeatureConstraints
    settings: MonitoringSettings
    profile: FeatureProfile | None
    is_matched: bool = True

    @property
    def name(self) -> str:
        return self.constraints.name

    @cached_property
    def distribution(self) -> FeatureDistribution:
        """The distribution from which drift is measured; if it is unknown, an empty distribution with the reason."""
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
        return {
            reference: distributions[self.name]
            for reference, distributions in self.baseline.references.items()
            if self.name in distributions
        }

    @cached_property
    def judged_references(self) -> tuple[str, ...]:
        """The references for drift that allows for noise: the baseline; the same hour, for a column that follows the clock; the
        previous windows, for a text that gets new values, once enough of them are known.
        """
        if not self.is_drift_calibrated:
            return ()
        if self.season is not None:
            return (BASELINE, *(name for name in self.references if name in CLOCK))
        if self.new_value_counts and PREVIOUS in self.references and self.find_past_windows(PREVIOUS) is not None:
            return (BASELINE, PREVIOUS)
        return (BASELINE,)

    @cached_property
    def season(self) -> Season | None:
        """The feature's pattern at this hour; None if it doesn't seem to follow the clock, or if drift has its own limit."""
        if self.new_value_counts or not self.is_drift_calibrated:
            return None
        return self.baseline.seasons.get(self.name)

    @cached_property
    def new_value_counts(self) -> tuple[Doubles, Doubles] | None:
        """The numbers of new values in parts of the baseline, if values grew in number along its rows; else None."""
        return self.baseline.get_variation().count_new_values(self.name)

    def find_past_windows(self, reference: str = BASELINE) -> PastWindows | None:
        """The raw statistics of earlier windows for a reference; None if there are too few windows. All references of an hour
        share the windows of `clock:day`.
        """
        past = self.baseline.get_variation(CLOCK_DAY if reference in CLOCK else reference).past.get(self.name)
        if past is not None and len(past["rows"]) >= MIN_WINDOWS:
            return past
        return None

    def find_past_of_segment(self, label: str) -> PastWindows | None:
        """The raw statistics of the baseline's parts in a segment, and of its parts in all rows; None if there are too few."""
        baseline_history = self.find_past_windows()
        name = f"{self.name} in {label}"
        past_of_segment = self.baseline.get_variation().past.get(name)
        if past_of_segment is None or baseline_history is None:
            return baseline_history
        # Parts of a segment are few, so the parts of all rows are added
        return merge_histories({name: past_of_segment}, {name: baseline_history})[name]

    @cached_property
    def past_windows(self) -> PastWindows:
        """The raw statistics of the baseline's parts and earlier windows; without windows if there are too few."""
        # An empty history needs no special case where maxima are taken
        return self.find_past_windows() or NO_PAST

    @cached_property
    def past_design_effect(self) -> float:
        """How many rows count as one, estimated from the baseline's parts and earlier windows: NaN if these don't show it."""
        return self.past_windows.rows_of_group

    @cached_property
    def largest_in_blocks(self) -> Mapping[str, float]:
        """The largest share of unseen values, and of each fact, among the baseline's parts; 0 if these don't show it."""
        # Windows, and parts of a sorted column, have no statistics for facts
        return {name: float(np.nanmax(self.past_windows[name], initial=0.0)) for name in ("unseen", *BLOCK_FIELDS)}

    @property
    def rarest_standstill(self) -> float:
        """The baseline's rarest stretch of equal neighbours, as in `compute_standstill`; 0 if its parts don't show it."""
        return self.largest_in_blocks["standstill"]

    @property
    def family(self) -> str:
        """The family of the feature's drift."""
        if self.constraints.role is FeatureRole.PREDICTION:
            return PREDICTIONS
        return DRIFT

    @cached_property
    def has_rising_keys(self) -> bool:
        """Whether the values are keys, which rise with the baseline's rows."""
        is_sorted = self.name in self.baseline.get_variation().unfit
        return is_sorted and self.profile is not None and may_be_rising_keys(self.profile)

    @property
    def is_compared(self) -> bool:
        """Whether drift can be judged and is switched on."""
        return self.is_matched and self.settings.evaluate_constraints

    @cached_property
    def is_drift_calibrated(self) -> bool:
        """Whether drift allows for noise. If a person requested how it is judged, the limit decides alone."""
        is_left_out = self.is_drift_requested or self.has_rising_keys
        return self.is_compared and self.settings.perform_comparison and not is_left_out

    @property
    def is_drift_tested(self) -> bool:
        """Whether independent rows, or earlier windows, allow tests of the feature's drift."""
        settings = self.baseline.monitoring
        if not settings.is_calibrated or not self.is_drift_calibrated:
            return False
        return settings.rows_are_independent or self.find_past_windows() is not None

    @cached_property
    def is_drift_requested(self) -> bool:
        """Whether a person requested how drift is judged, in the feature's own settings or in those of the file."""
        is_overridden = any(config.distribution_constraints for config in self.constraints.overrides.values())
        return is_overridden or self.settings.is_drift_requested(of_numbers=self.distribution.is_numeric)

    @property
    def has_user_drift_limit(self) -> bool:
        """Whether a person's own limit says how far the feature's values may move, and drift is compared."""
        return self.is_drift_requested and self.settings.perform_comparison

    @property
    def suggested_limits(self) -> frozenset[str]:
        """The limits, by their names in the settings, that the baseline suggested; they allow for noise."""
        limits = self.baseline.suggested_limits.get(self.name)
        if limits is None or not self.is_compared:
            return frozenset()
        return limits

    def is_user_limit(self, name: str) -> bool:
        """Whether a person wrote this limit of a share, so that it decides alone."""
        # Without statistics nobody knows what is suggested
        suggested_limits = self.baseline.suggested_limits.get(self.name)
        return self.is_compared and suggested_limits is not None and name not in suggested_limits

    @property
    def allows_new_values(self) -> bool:
        """Whether a person's own limit says how many values may be outside the domain."""
        is_own = self.constraints.domains is not None and self.is_user_limit(DOMAIN)
        return is_own and self.settings.domain_content_threshold < 1

    def leave_out_allowed_values(self, distribution: FeatureDistribution) -> FeatureDistribution:
        """The distribution to compare: without new values, and without missing values, if a person's limits allow them."""
        # New values are those that neither the baseline nor the domain has
        values = self.distribution.categories
        if self.allows_new_values and values is not None and distribution.categories is not None:
            distribution = restrict_to_values(distribution, values.keys() | self.domain)
        if self.constraints.completeness is not None and self.is_user_limit(COMPLETENESS):
            distribution = replace(distribution, rows=distribution.present)
        return distribution

    @cached_property
    def domain(self) -> frozenset[str]:
        """The allowed values, as they are counted and compared."""
        values = truncate_values(self.constraints.domains or ())
        if self.baseline.as_service:
            return values
        return frozenset(unify_flags(dict.fromkeys(values, 1)))


def find_suggested_limits(
    constraints: Constraints, baseline: Mapping[str, FeatureDistribution]
) -> dict[str, frozenset[str]]:
    """The names of the suggested limits of shares, by feature; none if verdicts don't allow for noise.

    baseline: the baseline's distributions, by feature.
    """
    if not constraints.monitoring.is_calibrated:
        return {}
    settings = constraints.settings_by_feature()
    limits_by_feature: dict[str, frozenset[str]] = {}
    for feature in constraints.features:
        # Without statistics, every limit applies as written
        distribution = baseline.get(feature.name)
        if distribution is None or not distribution.num_rows:
            continue
        # A limit is suggested if it is what the statistics suggest
        limits = settings[feature.name]
        names = set()
        for name, suggestion in _suggest_limits(feature, distribution):
            if name == COMPLETENESS:
                limit = feature.completeness
            else:
                limit = getattr(limits, name)
            if is_suggested(name, limit, [suggestion], limits.requested_limits):
                names.add(name)
        limits_by_feature[feature.name] = frozenset(names)
    return limits_by_feature


def _suggest_limits(feature: FeatureConstraints, distribution: FeatureDistribution) -> Iterator[tuple[str, float]]:
    """The limits that the statistics suggest, as far as the feature still has the type and the domain of its baseline."""
    # Every feature has a limit on the share of present values
    yield COMPLETENESS, distribution.completeness
    is_of_same_type = feature.inferred_type is distribution.inferred_type
    if feature.inferred_type.is_numeric and is_of_same_type and distribution.present:  # any value is a text
        yield DATA_TYPE, SUGGESTED_SHARE
    if feature.domains is not None:
        domain = unify_flags(dict.fromkeys(truncate_values(feature.domains), 1))
        if domain.keys() == unify_flags(distribution.categories or {}).keys():
            yield DOMAIN, SUGGESTED_SHARE
