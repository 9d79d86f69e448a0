"""follows_the_clock: columns that are usual for this hour and not for the baseline, and those that say nothing but the hour."""

from __future__ import annotations

from collections.abc import Iterator

from model_monitor.documents.check_results import Hint
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.monitors.data_quality.hints import HINTS, NAMED, Seen
from model_monitor.statistics.verdicts.clock import CLOCK_DAY


@HINTS.register("follows_the_clock")
def follows_the_clock(seen: Seen) -> Iterator[Hint]:
    """Features whose hours have differed for a week are compared with the same hour of earlier days.

    Source: D4.18.
    """
    found = [each for each in (seen.compared.features if seen.compared is not None else ()) if _follows(each)]
    names = tuple(each.constraints.name for each in found)
    if not names:
        return
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    said = f"held against this hour of earlier days, which the baseline is unlike: {', '.join(map(repr, names[:NAMED]))}{more}"
    moved = [each.constraints.name for each in found if each.season is not None and each.season.like != CLOCK_DAY]
    if moved:
        said += f"; {', '.join(map(repr, moved[:NAMED]))} at another hour than before: clocks were put forward or back, it seems"
    alone = [each.constraints.name for each in found if _has_one_value(each)]
    if alone:
        said += f"; {', '.join(map(repr, alone[:NAMED]))} has one value at each hour: leave it out, it says nothing but the time"
    yield Hint(hint="follows_the_clock", features=names, description=said)


def _follows(feature: FeatureComparison) -> bool:
    return feature.season is not None and feature.season.learnt and feature.season.stands_out


def _has_one_value(feature: FeatureComparison) -> bool:
    numbers, categories = feature.now.numbers, feature.now.categories
    return len(numbers.step_cdf().values) == 1 if numbers is not None else len(categories or ()) == 1
