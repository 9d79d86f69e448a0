"""The current data beside its baseline: the input of every data-quality check. Pure."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from spark_model_monitor.documents.constraints import (
    Constraints,
    FeatureConstraints,
    MonitoringConfig,
    MonitoringSettings,
    Role,
)
from spark_model_monitor.documents.headline import BETWEEN_COLUMNS
from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.monitors.data_quality.calibration import Calibration
from spark_model_monitor.monitors.data_quality.design_effects import (
    INDEPENDENT_ROWS,
    FeatureDesignEffect,
    WindowDesignEffects,
)
from spark_model_monitor.monitors.data_quality.distributions import (
    BASELINE,
    CANNOT_TELL,
    CHANGED,
    OUTCOME,
    PREVIOUS,
    UNCHANGED,
    WINDOW,
    FeatureDistribution,
    Past,
    Variation,
    among,
    as_counted,
    from_feature_profile,
    from_profile,
    from_statistics,
    growth_of,
    may_rise,
    new_values,
    of_window,
    together,
)
from spark_model_monitor.monitors.data_quality.documents import DRIFT, PREDICTIONS, SEGMENTS
from spark_model_monitor.monitors.data_quality.messages import NEWEST_ROW, NUMBER_OF_ROWS
from spark_model_monitor.monitors.data_quality.suggested_limits import find_suggested_limits
from spark_model_monitor.monitors.protocol import LeftBehind, StoredBaseline, Violated
from spark_model_monitor.statistics.date_columns import DateColumn, read_window, recognise_dates
from spark_model_monitor.statistics.drift import Ties
from spark_model_monitor.statistics.drift.distributions import Values
from spark_model_monitor.statistics.states import ColumnType, FeatureProfile, Profile
from spark_model_monitor.statistics.states.profile import LEAST_NUMBERS, NEVER, USUAL_NUMBERS, RequiredNumbers
from spark_model_monitor.statistics.verdicts.clock import CLOCK, CLOCK_DAY
from spark_model_monitor.statistics.verdicts.components import Component, chance_of_more
from spark_model_monitor.statistics.verdicts.variation import (
    ALONE,
    FEWEST_WINDOWS,
    LARGEST_GROWTH,
    Groups,
    Others,
    Raw,
    allowed_for,
    certain_phi,
    comparable,
    group_size,
)

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset
    from spark_model_monitor.statistics.verdicts.clock import Season
    from spark_model_monitor.statistics.verdicts.volume import Earlier, Volume


@dataclass(frozen=True)
class QualityBaseline(StoredBaseline):
    """What later data is compared with. distributions: by feature; the drift of a feature without one is not judged.

    suggested_limits: the names of the limits that the baseline suggested, by feature. profile: the baseline's states; None
    if unavailable. references: the other distributions to compare with, by name. history: how earlier windows varied from
    each reference. volume: their numbers of rows and their freshness. seasons: what earlier windows show of features that
    may follow the clock. attributions: each feature's share of the model's attributions. design_effects: how many rows
    of the window count as one. exact_classes: whether all cells of a column of numbers have to be numbers, as in the service.
    source: opens the baseline's rows again; None if unknown. beside: the last window compared with it, shared by checks and
    hints. kept: results that are the same for all windows.
    """

    constraints: Constraints
    distributions: Mapping[str, FeatureDistribution]
    suggested_limits: Mapping[str, frozenset[str]] = field(default_factory=dict)
    profile: Profile | None = None
    references: Mapping[str, Mapping[str, FeatureDistribution]] = field(default_factory=dict)
    history: Mapping[str, Variation] = field(default_factory=dict)
    volume: Volume | None = None
    seasons: Mapping[str, Season] = field(default_factory=dict)
    attributions: Mapping[str, float] = field(default_factory=dict)
    design_effects: WindowDesignEffects = field(default_factory=WindowDesignEffects)
    exact_classes: bool = False
    source: Callable[[], Dataset] | None = field(default=None, repr=False, compare=False)
    beside: list[Comparison] = field(default_factory=list, init=False, repr=False, compare=False)
    kept: dict[tuple[str, str | None], dict[str, Any]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

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
                threshold = self.settings[feature.name].datatype_check_threshold
                by_feature[feature.name] = min(threshold, LEAST_NUMBERS)
        return RequiredNumbers(by_feature, USUAL_NUMBERS)

    @property
    def outputs(self) -> frozenset[str]:
        """The features that are model outputs."""
        return frozenset(each.name for each in self.constraints.features if each.role is Role.PREDICTION)

    def without(self, excluded: Collection[str]) -> QualityBaseline:
        """The baseline without the `excluded` features."""
        kept = tuple(feature for feature in self.constraints.features if feature.name not in excluded)
        return replace(self, constraints=self.constraints.model_copy(update={"features": kept}))

    @property
    def wanted_references(self) -> Mapping[str, frozenset[str]]:
        """The references that a window is compared with, in addition to the baseline, and the features compared with
        each: those with such a comparator, and catalogues that grow.
        """
        features: dict[str, set[str]] = {}
        for name, settings in self.settings.items():
            for comparator in settings.comparators or ():
                features.setdefault(comparator.against, set()).add(name)
        growing = {name for name in self.names if self.grows(name)}
        if growing and self.follows_the_clock:
            features.setdefault(PREVIOUS, set()).update(growing)
        return {reference: frozenset(names) for reference, names in features.items() if reference != BASELINE}

    def grows(self, feature: str) -> bool:
        """Whether a feature got new values throughout the baseline's rows."""
        return growth_of(self.history.get(BASELINE), feature) is not None

    @property
    def follows_the_clock(self) -> bool:
        """Whether earlier windows of the same hour are references, without being named."""
        return self.monitoring.is_calibrated and self.monitoring.comparators is None

    def with_history(
        self,
        references: Mapping[str, Profile],
        past: Mapping[str, Past],
        seasons: Mapping[str, Season] | None = None,
    ) -> QualityBaseline:
        """The same baseline with earlier windows. references: sums of their states. past: their raw statistics, by
        reference. seasons: of features that may follow the clock.
        """
        history = dict(self.history)
        for reference, found in past.items():
            before = history.get(reference, Variation())
            history[reference] = replace(before, past=together(before.past, found))
        read = self.required_numbers.read
        distributions = {name: from_profile(read(profile)) for name, profile in references.items()}
        return replace(self, references=distributions, history=history, seasons=seasons or {})

    def with_volume(
        self, time: datetime, earlier: Earlier, start: datetime | None = None, fresh: Earlier = ()
    ) -> QualityBaseline:
        """The same baseline with the row counts and the freshness of earlier windows: the members of `Volume`."""
        from spark_model_monitor.statistics.verdicts.volume import Volume

        return replace(self, volume=Volume(time, earlier, start, fresh))

    def raw_statistics(
        self,
        profile: Profile,
        violated: Collection[Violated] | None = None,
        age: timedelta | None = None,
        unsure: Collection[str] = (),
    ) -> LeftBehind:
        """What a window leaves to later ones: raw statistics by reference and feature; last, its number of rows, and its newest
        row's age at its end, if known. A feature that wasn't violated is an example for later windows, even if others were.
        """
        now = from_profile(self.required_numbers.read(profile))

        def verdict_on(feature: str, reference: str = BASELINE) -> dict[str, Any]:
            if violated is None:
                return {}
            key = (reference, feature) if reference in CLOCK else feature
            if key in violated:
                return {"alarmed": True, OUTCOME: CHANGED}
            return {"alarmed": False, OUTCOME: CANNOT_TELL if feature in unsure else UNCHANGED}

        # The features relative to each reference whose windows have a past of their own
        statistics: list[tuple[str, str, Mapping[str, Any]]] = []
        for reference, distributions in {BASELINE: self.distributions, **self.references}.items():
            for feature, before in distributions.items():
                grows = reference == PREVIOUS and self.grows(feature)
                if feature not in now or not (grows or reference == BASELINE or reference in CLOCK):
                    continue
                raw = (
                    self._compare_growing_texts(feature, before, now[feature])
                    if grows
                    else of_window(before, now[feature])
                )
                if raw is not None:
                    counts = now[feature].categories
                    if reference == BASELINE and counts and self.grows(feature):
                        raw = {**raw, "far": max(counts.values()) / now[feature].present}
                    statistics.append((reference, feature, {**raw, **verdict_on(feature, reference)}))

        # The number of rows, and the newest one
        rows = {"rows": float(profile.item_count)}
        row_statistics = {NUMBER_OF_ROWS: rows}
        if age is not None:
            from spark_model_monitor.statistics.verdicts.volume import in_minutes

            row_statistics[NEWEST_ROW] = {**rows, "far": in_minutes(age)}
        statistics += [(WINDOW, name, {**raw, **verdict_on(name)}) for name, raw in row_statistics.items()]
        return tuple(statistics)

    def _compare_growing_texts(
        self, feature: str, before: FeatureDistribution, now: FeatureDistribution
    ) -> Mapping[str, float] | None:
        """The raw statistics of a text that grows, without values new to the baseline; and the number of new ones."""
        baseline = self.distributions.get(feature)
        statistics = of_window(before, now)
        if statistics is None:
            return None
        raw = of_window(among(before, baseline), among(now, baseline)) or statistics
        return {**raw, "beyond": float(len(new_values(now, baseline, before))), "far": statistics["rows"]}

    def with_budget(self, share: float | None) -> QualityBaseline:
        """The same baseline with at most this share of healthy runs that may alarm."""
        if share is None or self.monitoring.false_alarm_budget <= share or not self.follows_the_clock:
            return self
        return self.of_budget(share)

    def of_budget(self, share: float) -> QualityBaseline:
        """The same baseline with this share of healthy runs that may alarm."""
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

    def with_design_effects(self, effects: WindowDesignEffects) -> QualityBaseline:
        """The same baseline for a window in which this many rows count as one, by feature."""
        if not effects.by_feature:
            return self
        baseline = replace(self, design_effects=effects)
        baseline.__dict__.update(kept=self.kept, settings=self.settings, monitoring=self.monitoring)  # the same
        return baseline

    def with_attributions(self, shares: Mapping[str, float]) -> QualityBaseline:
        """The same baseline with each feature's share of the model's attributions."""
        return replace(self, attributions=shares)

    def with_source(self, source: Callable[[], Dataset]) -> QualityBaseline:
        return replace(self, source=source)

    def with_parts(self, variation: Variation | None) -> QualityBaseline:
        """The same baseline with the variation among its parts."""
        return self if variation is None else replace(self, history={**self.history, BASELINE: variation})

    @classmethod
    def made_of(
        cls,
        constraints: Constraints,
        statistics: Statistics | None = None,
        profile: Profile | None = None,
        copy: Constraints | None = None,
        *,
        exact_classes: bool = False,
    ) -> QualityBaseline:
        """The baseline that documents and states describe together. copy: the constraints as the baseline's run wrote them.

        A feature's distribution comes from statistics.json; where that file has none, it comes from the states.
        """
        baseline = cls(constraints, {}, exact_classes=exact_classes)
        distributions = {}
        if statistics is not None:
            distributions = from_statistics(statistics)
        if profile is not None:
            profile = baseline.required_numbers.read(profile)
            for name, distribution in from_profile(profile).items():
                if name not in distributions or distributions[name].reason is not None:
                    distributions[name] = distribution
        suggested_limits = find_suggested_limits(constraints, distributions, copy)
        return replace(baseline, distributions=distributions, suggested_limits=suggested_limits, profile=profile)


# The current data beside its baseline: the input of every data-quality check.


PAIRS = "pairs"  # the kind of the state
COLUMNS = ("name", "exact")  # how the columns of data and baseline are matched, if both have names
NO_LIMITS: frozenset[str] = frozenset()

NO_BASELINE = "neither statistics nor states of it were given"
NOT_IN_BASELINE = "it has no feature of this name; is it that of these constraints?"
NOT_IN_CURRENT_DATA = "the current data has no column of this name; its columns have to be named as in constraints.json"
COLUMNS_DIFFER = (
    "the current data has {current} columns and constraints.json {baseline}, so no feature was held against another"
)


Found = TypeVar("Found")


class of_baseline(cached_property[Found]):  # noqa: N801 -- a decorator
    """A property of a feature that is the same for every window of a baseline: computed once, for all of them."""

    def __get__(self, feature: Any, owner: Any = None) -> Any:
        if feature is None:
            return self
        found = feature.__dict__[self.attrname] = feature.kept[self.attrname] = self.func(feature)
        return found


@dataclass(frozen=True, eq=False)
class FeatureComparison:
    """One feature of constraints.json.

    whole: the comparison that the feature belongs to. settings: those in force for it. current: a profile without rows if the
    current data lacks the feature; unmatched then gives the reason. now: the current distribution. before: the baseline's
    states of the feature; None if unavailable. references: the other distributions it is compared with, by name, such as
    `previous:8`. against: the reference that stands as `baseline`, if not the baseline. evidence: what the guards saw, once
    they have run. kept: the values of `of_baseline` properties.
    """

    whole: Comparison
    constraints: FeatureConstraints
    settings: MonitoringSettings
    baseline: FeatureDistribution
    current: FeatureProfile
    now: FeatureDistribution
    unmatched: str | None
    before: FeatureProfile | None
    references: Mapping[str, FeatureDistribution]
    against: str | None = None
    evidence: list[Mapping[str, Any]] = field(default_factory=list, init=False, repr=False)
    kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def calibration(self) -> Calibration | None:
        """How noise is allowed for in this run; None if it isn't, or not computed yet."""
        return self.whole.known[0] if self.whole.known else None

    @of_baseline
    def judged_references(self) -> tuple[str, ...]:
        """The references for drift that allows for noise: the baseline; the same hour for a column that follows the
        clock; the windows before for a catalogue that grows, once their past is known.
        """
        if not self.is_drift_calibrated:
            return ()
        if self.season is not None:
            return (BASELINE, *(name for name in self.references if name in CLOCK))
        is_known = bool(self.growth) and PREVIOUS in self.references and self.past(PREVIOUS) is not None
        return (BASELINE, PREVIOUS) if is_known else (BASELINE,)

    @of_baseline
    def season(self) -> Season | None:
        """What is known of the feature at this hour; None if it doesn't seem to follow the clock, or drift has its own limit."""
        if self.growth or not self.is_drift_calibrated:
            return None
        return self.whole.seasons.get(self.constraints.name)

    @of_baseline
    def growth(self) -> tuple[Values, Values] | None:
        """The number of new values in parts of the baseline, if it grew along the baseline's rows."""
        return growth_of(self.whole.history.get(BASELINE), self.constraints.name)

    def sides(self, reference: str) -> tuple[FeatureDistribution, FeatureDistribution]:
        """A reference and the window; both without values new to the baseline, if these grow in number."""
        before = self.references.get(reference, self.baseline)
        grows = self.growth and reference == PREVIOUS
        return (among(before, self.baseline), among(self.now, self.baseline)) if grows else (before, self.now)

    def past(self, reference: str) -> Raw | None:
        """The raw statistics of enough earlier windows for a reference; None if there are fewer. The windows of one
        hour stand for all hours.
        """
        variation = self.whole.history.get(CLOCK_DAY if reference in CLOCK else reference)
        found = variation.past.get(self.constraints.name) if variation is not None else None
        return found if found is not None and len(found["rows"]) >= FEWEST_WINDOWS else None

    @cached_property
    def segments(self) -> Mapping[str, Mapping[str, tuple[FeatureProfile, FeatureProfile]]]:
        """The feature in every segment of the rows, on both sides, by cut; empty if drift doesn't allow for noise."""
        if not self.is_drift_calibrated or self.growth or self.before is None or SEGMENTS not in self.before.states:
            return {}
        from spark_model_monitor.statistics.states.segments import sides_of

        return sides_of(self.before, self.current)

    def in_segment(self, cut: str, label: str) -> FeatureComparison:
        """The same feature, in the rows of one segment."""
        before, now = (from_feature_profile(side) for side in self.segments[cut][label])
        return replace(self, baseline=before, now=now, against=label)

    def past_in(self, label: str) -> Raw | None:
        """The raw statistics of the baseline's parts in a segment, completed from the whole; None if too few."""
        variation, whole = self.whole.history.get(BASELINE), self.past(BASELINE)
        name = f"{self.constraints.name} in {label}"
        own = variation.past.get(name) if variation is not None else None
        if own is None or whole is None:
            return whole
        return together({name: own}, {name: whole})[name]

    @property
    def are_texts(self) -> bool:
        """Whether the column has values on both sides, all of them written as text, as in CSV and JSON."""
        sides = (self.before, self.current)
        return all(side and side.column_type is ColumnType.TEXT and side.num_present for side in sides)

    @cached_property
    def dates(self) -> tuple[DateColumn, DateColumn] | None:
        """The dates of the baseline and of the window; None if it isn't a column of dates, or if its values are unknown."""
        baseline = recognise_dates(self.before) if self.before is not None else None
        window = read_window(self.current, baseline) if baseline is not None else None
        return None if baseline is None or window is None else (baseline, window)

    @property
    def has_independent_rows(self) -> bool:
        """Whether the baseline's parts, and earlier windows, differ no more than independent rows do, and the window's own
        rows are not alike.
        """
        if self.past(BASELINE) is None or self.window_design_effect != INDEPENDENT_ROWS:
            return False
        return bool(self.past_design_effect == 1)

    @property
    def window_design_effect(self) -> FeatureDesignEffect:
        """How many rows of the window count as one, by its own rows."""
        return self.whole.design_effects.by_feature.get(self.constraints.name, INDEPENDENT_ROWS)

    @of_baseline
    def past_design_effect(self) -> float:
        """How many rows count as one, by the baseline's parts and earlier windows; NaN if these don't show it."""
        past = self.past(BASELINE)
        return group_size(past) if past is not None else 1.0

    @property
    def new_design_effect(self) -> float:
        """How many rows of the window count as one, if baseline parts and earlier windows don't show it; else 1."""
        of_values = self.window_design_effect.of_values
        past = 1.0 if math.isnan(self.past_design_effect) else self.past_design_effect
        return of_values if of_values > LARGEST_GROWTH * past else 1.0

    @property
    def design_effect(self) -> float:
        """How many rows count as one, according to all the evidence."""
        past = 1.0 if math.isnan(self.past_design_effect) else self.past_design_effect
        return max(self.new_design_effect, past)

    @property
    def suspected_group_column(self) -> str | None:
        """The column that explains why this feature's rows are alike, if nobody named it."""
        is_alike = self.window_design_effect != INDEPENDENT_ROWS
        return self.whole.design_effects.group_column if is_alike else None

    @cached_property
    def groups(self) -> Groups:
        """How many rows of the window count as one."""
        effect = self.window_design_effect
        if effect == INDEPENDENT_ROWS:
            return ALONE
        return Groups(effect.of_values, effect.of_missing, self.new_design_effect, effect.of_missing)

    @cached_property
    def chance_of_missing(self) -> float:
        """The p-value of this many missing values, as windows vary or rows form groups; 0 for independent rows."""
        past, now = self.past(BASELINE), of_window(self.baseline, self.now)
        if past is None or now is None:
            return 0.0
        lacking = (side.rows - side.present for side in (self.baseline, self.now))
        p = chance_of_more(next(lacking), self.baseline.rows, next(lacking), self.now.rows)
        return allowed_for(
            Component("missing", p, 1.0), now, comparable(now, past), self.groups, self.whole.others(BASELINE)
        ).p

    @property
    def phi_of_missing(self) -> float:
        """By what factor the number of missing values varies at least, relative to independent rows."""
        past, now = self.past(BASELINE), of_window(self.baseline, self.now)
        if past is None or now is None:
            return max(1.0, self.groups.of_missing)
        other_columns = self.whole.others(BASELINE)
        certain = certain_phi("missing", now, comparable(now, past), self.groups.of_missing, other_columns)
        return max(certain, self.groups.new_missing)

    @of_baseline
    def family(self) -> str:
        """The family of the feature's drift."""
        return PREDICTIONS if self.constraints.role is Role.PREDICTION else DRIFT

    @of_baseline
    def rises(self) -> bool:
        """Whether the values are keys, which rise with the baseline's rows."""
        variation = self.whole.history.get(BASELINE)
        is_sorted = variation is not None and self.constraints.name in variation.unfit
        return is_sorted and self.before is not None and may_rise(self.before)

    @of_baseline
    def is_compared(self) -> bool:
        """Whether drift can be judged and is switched on."""
        return not self.unmatched and self.settings.evaluate_constraints

    @of_baseline
    def is_drift_calibrated(self) -> bool:
        """Whether drift allows for noise. If a person requested how it is judged, the limit decides alone."""
        new = self.is_drift_requested or self.rises
        return self.is_compared and self.settings.perform_comparison and not new

    @property
    def is_drift_tested(self) -> bool:
        """Whether independent rows, or earlier windows, allow tests of the feature's drift."""
        settings = self.whole.monitoring
        if not settings.is_calibrated or not self.is_drift_calibrated:
            return False
        return settings.rows_are_independent or self.past(BASELINE) is not None

    @of_baseline
    def is_drift_requested(self) -> bool:
        """Whether a person requested how drift is judged, in the feature's own settings or in those of the file."""
        is_overridden = any(config.distribution_constraints for config in self.constraints.overrides.values())
        return is_overridden or self.settings.is_drift_requested(of_numbers=self.baseline.is_numeric)

    @of_baseline
    def suggested_limits(self) -> frozenset[str]:
        """The limits, by their names in the settings, that the baseline suggested; they allow for noise."""
        return self.whole.suggested_limits.get(self.constraints.name, NO_LIMITS) if self.is_compared else NO_LIMITS

    @of_baseline
    def domain(self) -> frozenset[str]:
        """The allowed values, as they are counted."""
        return as_counted(self.constraints.domains or ())


@dataclass(frozen=True, eq=False)
class Comparison:
    """A run's data beside a baseline.

    current: its features have the names in `constraints`. baseline: the distributions from which drift is measured, by
    feature (`distributions.from_statistics`, `from_profile`). current_columns: the number of columns of the records; None: as
    many as `current`. is_matched: whether it is known which column is which; if not, and their number differs, no feature is
    judged. ties, exact_classes: LOST and True replay the service (G16 and G14); otherwise equal values add up, and a type
    holds whatever fits in it (C11.32). suggested_limits: the names of those that allow for noise, by feature. before: the
    baseline's states, for the guard. references: other distributions, by name, such as `previous:8`. history: how
    features varied from each reference. volume: rows of earlier windows; None if unknown. design_effects: how many rows of
    the window count as one. settings: those in force for each feature, if available. kept: values of
    `of_baseline` properties, by feature. known: how noise is allowed for in the run, once computed.
    """

    constraints: Constraints
    current: Profile
    baseline: Mapping[str, FeatureDistribution] = field(default_factory=dict)
    current_columns: int | None = None
    is_matched: bool = True
    ties: Ties = Ties.SUMMED
    exact_classes: bool = False
    suggested_limits: Mapping[str, frozenset[str]] = field(default_factory=dict)
    before: Profile | None = None
    references: Mapping[str, Mapping[str, FeatureDistribution]] = field(default_factory=dict)
    history: Mapping[str, Variation] = field(default_factory=dict)
    volume: Volume | None = None
    design_effects: WindowDesignEffects = field(default_factory=WindowDesignEffects)
    seasons: Mapping[str, Season] = field(default_factory=dict)
    settings: Mapping[str, MonitoringSettings] = field(default_factory=dict)
    kept: dict[tuple[str, str | None], dict[str, Any]] = field(default_factory=dict, repr=False)
    known: list[Calibration | None] = field(default_factory=list, init=False, repr=False)
    _others: dict[str, Others] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def monitoring(self) -> MonitoringSettings:
        """The settings of the whole file."""
        return self.constraints.monitoring

    @property
    def num_current_columns(self) -> int:
        return len(self.current.features) if self.current_columns is None else self.current_columns

    @property
    def num_baseline_columns(self) -> int:
        return len(self.constraints.features)

    @property
    def missing(self) -> tuple[str, ...]:
        """The columns of constraints.json that the current data lacks."""
        return tuple((_names(self.constraints.features) - _names(self.current.features)).elements())

    @property
    def extra(self) -> tuple[str, ...]:
        """The columns of the current data that constraints.json lacks; for a repeated name, all but the first."""
        return tuple((_names(self.current.features) - _names(self.constraints.features)).elements())

    def others(self, reference: str) -> Others:
        """How much all columns vary from a reference."""
        if reference not in self._others:
            names = tuple(each.constraints.name for each in self.features if each.past(reference) is not None)
            rows = [[side.rows for side in each.sides(reference)] for each in self.features]
            n, m = (max(each) for each in zip(*rows, strict=True))
            variation = self.history.get(CLOCK_DAY if reference in CLOCK else reference, Variation())
            self._others[reference] = variation.others(names, n * m / max(n + m, 1))
        return self._others[reference]

    @cached_property
    def features(self) -> tuple[FeatureComparison, ...]:
        """Every feature of constraints.json, in its order."""
        return tuple(self._features())

    @cached_property
    def pairs(self) -> Sequence[tuple[str, Mapping[str, Any], tuple[int, ...], tuple[int, ...]]]:
        """The relations of columns counted on both sides: check, relation, counts of baseline and window."""
        is_counted = self.before is not None and any(PAIRS in each.states for each in self.before.features)
        return tuple(self._pairs()) if is_counted and self.monitoring.is_calibrated else ()

    def _pairs(self) -> Iterator[tuple[str, Mapping[str, Any], tuple[int, ...], tuple[int, ...]]]:
        from spark_model_monitor.statistics.states.pairs import Pairs

        compared = {each.constraints.name for each in self.features if each.is_compared}
        now = {each.name: each.state(Pairs) for each in self.current.features}
        for feature in self.before.features if self.before is not None else ():
            mine, theirs = feature.state(Pairs), now.get(feature.name)
            for text, counts in mine.counts.items() if mine is not None and theirs is not None else ():
                what: dict[str, Any] = json.loads(text)
                current: tuple[int, ...] = theirs.counts.get(text, ()) if theirs is not None else ()
                if {*what["columns"]} <= compared and any(current):
                    yield BETWEEN_COLUMNS[what["kind"] != "association"], what, counts, current

    def _features(self) -> Iterator[FeatureComparison]:
        settings = self.settings or self.constraints.settings_by_feature()
        current = {feature.name: feature for feature in reversed(self.current.features)}  # the first of a name counts
        before = {feature.name: feature for feature in self.before.features} if self.before is not None else {}
        for constraints in self.constraints.features:
            name = constraints.name
            profile = current.get(name) or FeatureProfile(name)
            unmatched = self._unmatched(name in current)
            found = FeatureComparison(
                self,
                constraints,
                settings[name],
                self.baseline.get(name) or self._unknown(constraints),
                profile,
                from_feature_profile(profile),
                unmatched,
                before.get(name),
                {reference: side[name] for reference, side in self.references.items() if name in side},
            )
            kept = self.kept.setdefault((name, unmatched), found.kept)
            found.__dict__.update(kept, kept=kept)
            yield found

    def _unknown(self, constraints: FeatureConstraints) -> FeatureDistribution:
        reason = NOT_IN_BASELINE if self.baseline else NO_BASELINE
        return FeatureDistribution(constraints.inferred_type, reason=reason)

    def _unmatched(self, is_there: bool) -> str | None:
        if not self.is_matched and self.num_current_columns != self.num_baseline_columns:
            return COLUMNS_DIFFER.format(current=self.num_current_columns, baseline=self.num_baseline_columns)
        return None if is_there else NOT_IN_CURRENT_DATA


def _names(features: Iterable[FeatureConstraints | FeatureProfile]) -> Counter[str]:
    return Counter(feature.name for feature in features)
