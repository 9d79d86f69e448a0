"""A baseline as far as checking goes: the values that metrics had, by part, facet and group. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from model_monitor.bias.analysis import GroupAnalysis
from model_monitor.bias.choices import Choice
from model_monitor.documents.clarify import BiasPart, BiasReport, GroupMetrics
from model_monitor.statistics.states.contingency import ValueKind, number_of

_ENDS = re.compile(r"\((.+), (.+)\]")


@dataclass(frozen=True)
class BiasBaseline:
    """What later data is held against. groups: those of its counts, none if these are not at hand."""

    constraints: BiasReport
    groups: tuple[GroupAnalysis, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """None: the columns of later data are found by the configuration."""
        return ()

    def without(self, excluded: Collection[str]) -> BiasBaseline:
        """The same without some of its facets."""
        parts = {
            name: None
            if part is None
            else part.model_copy(
                update={"facets": {facet: groups for facet, groups in part.facets.items() if facet not in excluded}}
            )
            for name, part in (
                ("post_training_bias_metrics", self.constraints.post_training_bias_metrics),
                ("pre_training_bias_metrics", self.constraints.pre_training_bias_metrics),
            )
        }
        return BiasBaseline(self.constraints.model_copy(update=parts), self.groups)

    def values(self, part: BiasPart | None, facet: str, choice: Choice) -> Mapping[str, float | None] | None:
        """The values of a group's metrics by name, None for one that was undefined; None if the baseline has no such group, or
        has a value for what is a threshold here.
        """
        kinds = {
            each.choice.kind
            for each in self.groups
            if (each.facet, each.choice.configured) == (facet, choice.configured)
        }
        if kinds and choice.kind not in kinds:
            return None
        groups = part.facets.get(facet, ()) if part else ()
        group = _same(groups, choice)
        return None if group is None else {metric.name: metric.value for metric in group.metrics}


def _same(groups: Collection[GroupMetrics], choice: Choice) -> GroupMetrics | None:
    """The group with the same configured values. Of an interval the threshold counts: its other end moves with the data.

    A number that is a value here, as each has many rows, is not the interval above it.
    Source: B5.2.
    """
    for group in groups:
        if group.value_or_threshold in (choice.shown, choice.configured):
            return group
    threshold = number_of(choice.configured) if choice.kind is ValueKind.CONTINUOUS else None
    for group in groups:
        ends = _ENDS.fullmatch(group.value_or_threshold)
        if threshold is not None and ends is not None and threshold in map(number_of, ends.groups()):
            return group
        if threshold is not None and group.value_or_threshold == "" and len(groups) == 1:
            return group  # the threshold was the maximum, so the interval is empty
    return None
