"""follows_the_clock: columns that are usual for this hour and not for the baseline, and those that say nothing but the hour."""

from __future__ import annotations

from model_monitor.documents.check_results import some_of
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.monitors.data_quality.hints import HINTS, NAMED, Said, Seen
from model_monitor.statistics.verdicts.clock import CLOCK_DAY


@HINTS.register("follows_the_clock")
def follows_the_clock(seen: Seen) -> Said:
    """Features whose hours have differed for a week, so that they are held against this hour of earlier days.

    Source: D4.18.
    """
    features = seen.compared.features if seen.compared is not None else ()
    found = [each for each in features if each.season and each.season.learnt and each.season.stands_out]
    names = tuple(each.constraints.name for each in found)
    if not names:
        return
    shown = some_of([*map(repr, names)], NAMED)
    said = f"held against this hour of earlier days, which the baseline is unlike: {shown}"
    moved = [each.constraints.name for each in found if each.season is not None and each.season.like != CLOCK_DAY]
    if moved:
        said += f"; {', '.join(map(repr, moved[:NAMED]))} at another hour than before: clocks were put forward or back, it seems"
    alone = [each.constraints.name for each in found if _has_one_value(each)]
    if alone:
        said += f"; {', '.join(map(repr, alone[:NAMED]))} has one value at each hour: leave it out, it says nothing but the time"
    yield names, said


def _has_one_value(feature: FeatureComparison) -> bool:
    numbers, categories = feature.now.numbers, feature.now.categories
    return len(numbers.step_cdf().values) == 1 if numbers is not None else len(categories or ()) == 1
