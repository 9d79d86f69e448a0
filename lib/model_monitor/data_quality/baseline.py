"""A baseline as far as checking goes: its constraints, and the distributions that drift is measured from. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from model_monitor.data_quality.distributions import FeatureDistribution, from_profile, from_statistics
from model_monitor.data_quality.messages import NEWEST_ROW, NUMBER_OF_ROWS
from model_monitor.data_quality.variation import BASELINE, PREVIOUS, WINDOW, Past, Variation, of_windows, together
from model_monitor.documents.constraints import Constraints
from model_monitor.documents.statistics import Statistics
from model_monitor.statistics.states import Profile
from model_monitor.statistics.verdicts.variation import Earlier, Volume, in_minutes


@dataclass(frozen=True, slots=True)
class QualityBaseline:
    """What later data is held against. distributions: by feature; a feature without one has its drift not judged.

    suggested: the constraints as the baseline's run wrote them, before anybody edited them; None if nobody knows.
    profile: its states, None if they are not at hand. references: distributions of what else a window is compared with, by name.
    history: how earlier windows varied beside each reference. volume: how many rows they had, and how fresh.
    attributions: the share of each feature in what moves the model.
    """

    constraints: Constraints
    distributions: Mapping[str, FeatureDistribution]
    suggested: Constraints | None = None
    profile: Profile | None = None
    references: Mapping[str, Mapping[str, FeatureDistribution]] = field(default_factory=dict)
    history: Mapping[str, Variation] = field(default_factory=dict)
    volume: Volume | None = None
    attributions: Mapping[str, float] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in the order of the baseline's columns."""
        return tuple(feature.name for feature in self.constraints.features)

    def without(self, excluded: Collection[str]) -> QualityBaseline:
        """The baseline without some of its features."""
        kept = tuple(feature for feature in self.constraints.features if feature.name not in excluded)
        return replace(self, constraints=self.constraints.model_copy(update={"features": kept}))

    @property
    def wanted_references(self) -> tuple[str, ...]:
        """What a window is to be compared with beside the baseline."""
        told = [self.constraints.monitoring, *(self.constraints.monitoring_of(name) for name in self.names)]
        found = dict.fromkeys(each.against for settings in told for each in settings.comparators or ())
        if self.constraints.monitoring.is_calibrated and self.constraints.monitoring.comparators is None:
            found |= {PREVIOUS: None}
        return tuple(name for name in found if name != BASELINE)

    def with_history(self, references: Mapping[str, Profile], past: Mapping[str, Past]) -> QualityBaseline:
        """The same with earlier windows. references: sums of their states. past: their raw statistics, by reference."""
        history = dict(self.history)
        for reference, found in past.items():
            before = history.get(reference, Variation())
            history[reference] = replace(before, past=together(before.past, found))
        distributions = {name: from_profile(profile) for name, profile in references.items()}
        return replace(self, references=distributions, history=history)

    def with_volume(
        self, time: datetime, earlier: Earlier, start: datetime | None = None, fresh: Earlier = ()
    ) -> QualityBaseline:
        """The same with the rows of earlier windows, and how fresh they were: the members of `Volume`."""
        return replace(self, volume=Volume(time, earlier, start, fresh))

    def raw_statistics(
        self, profile: Profile, violated: Collection[str] | None = None, age: timedelta | None = None
    ) -> tuple[tuple[str, str, Mapping[str, float]], ...]:
        """What a window leaves to later ones: reference, feature, and its raw statistics beside that; at last its rows, and the
        age of the newest one at its end, if it is known.
        """
        now = from_profile(profile)
        sides = {BASELINE: self.distributions, **self.references}
        beside = ((name, feature, raw) for name, side in sides.items() for feature, raw in of_windows(side, now))
        rows = {"rows": float(profile.item_count)}
        own = {NUMBER_OF_ROWS: rows}
        if age is not None:
            own[NEWEST_ROW] = {**rows, "far": in_minutes(age)}
        told = {name: {} if violated is None else {"alarmed": name in violated} for name in own}
        return (*beside, *((WINDOW, name, {**raw, **told[name]}) for name, raw in own.items()))

    def with_attributions(self, shares: Mapping[str, float]) -> QualityBaseline:
        """The same with the share of each feature in what moves the model."""
        return replace(self, attributions=shares)

    def with_parts(self, variation: Variation | None) -> QualityBaseline:
        """The same with how its parts vary."""
        return self if variation is None else replace(self, history={**self.history, BASELINE: variation})

    @classmethod
    def made_of(
        cls,
        constraints: Constraints,
        statistics: Statistics | None = None,
        profile: Profile | None = None,
        suggested: Constraints | None = None,
    ) -> QualityBaseline:
        """The baseline that documents and states describe together.

        What statistics.json says of a feature counts; where it holds no distribution of it, the states do.
        """
        stated = from_statistics(statistics) if statistics is not None else {}
        kept = from_profile(profile) if profile is not None else {}
        told = {name: distribution for name, distribution in stated.items() if distribution.reason is None}
        return cls(constraints, {**stated, **kept, **told}, suggested, profile)
