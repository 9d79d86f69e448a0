"""A baseline as far as checking goes: its constraints, and the distributions that drift is measured from. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from model_monitor.data_quality.distributions import FeatureDistribution, from_profile, from_statistics
from model_monitor.documents.constraints import Constraints
from model_monitor.documents.statistics import Statistics
from model_monitor.states import Profile


@dataclass(frozen=True, slots=True)
class QualityBaseline:
    """What later data is held against. distributions: by feature; a feature without one has its drift not judged.

    suggested: the constraints as the baseline's run wrote them, before anybody edited them; None if nobody knows.
    profile: its states, None if they are not at hand.
    """

    constraints: Constraints
    distributions: Mapping[str, FeatureDistribution]
    suggested: Constraints | None = None
    profile: Profile | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in the order of the baseline's columns."""
        return tuple(feature.name for feature in self.constraints.features)

    def without(self, excluded: Collection[str]) -> QualityBaseline:
        """The baseline without some of its features."""
        kept = tuple(feature for feature in self.constraints.features if feature.name not in excluded)
        return replace(self, constraints=self.constraints.model_copy(update={"features": kept}))

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
