"""Missing values of a feature that became a value: the value, the test, and the words. See `verdicts/filling.py`."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import Any

import numpy as np

from spark_model_monitor.documents.headline import ONE_VALUE
from spark_model_monitor.documents.page import number_text, percent
from spark_model_monitor.monitors.data_quality.distributions import FeatureDistribution, direction_of
from spark_model_monitor.statistics.drift.distributions import category_cells
from spark_model_monitor.statistics.verdicts.components import Component, Samples
from spark_model_monitor.statistics.verdicts.filling import (
    FEWER,
    FILLING_TEXTS,
    MORE,
    Risen,
    chance_of_fewer,
    filled,
    risen,
)

EMPTY = "(empty)"  # the name of a text without characters


def component_of(before: FeatureDistribution, after: FeatureDistribution, known: tuple[Any, ...]) -> Component | None:
    """The test of the most significantly risen value; None if none rose. known: arguments of `filled`."""
    found = []
    for value, name in risen_values(before, after) if chance_of_fewer(known[0]) <= FEWER else ():
        if (each := filled(value, *known, is_zero=name == 0.0)) is not None:
            # up, too, where the value is the mean, which often fills missing values
            side = direction_of(before.mean, name) or "up" if isinstance(name, float) else None
            found.append(replace(each, direction=side))
    return min(found, key=attrgetter("p"), default=None)


def risen_values(before: FeatureDistribution, after: FeatureDistribution) -> list[tuple[Risen, float | str]]:
    """Values whose rows rose by more than chance, with their names: 0 or a text that programs write for missing values,
    and one other value. Empty if the two can't be compared.
    """
    if before.numbers is not None and after.numbers is not None:
        both = after.numbers.step_cdf().beside(before.numbers.step_cdf())
        (b, w), values = both.steps.counts, both.values
        fillers, names = values == 0.0, values.tolist()
        low, high = before.numbers.ends
        errors = np.where((values < low) | (values > high), 0.0, before.numbers.error) + after.numbers.error
    elif before.categories and after.categories:
        errors, names = None, sorted({*before.categories, *after.categories})
        b, w = category_cells(before.categories, after.categories)
        fillers = np.array([name.strip().lower() in FILLING_TEXTS for name in names])
    else:
        return []
    samples = Samples(before.present, after.present)
    found = (risen(b, w, which, samples, errors) for which in (fillers, ~fillers))
    return [(each, names[each.place]) for each in found if each]


def said_of(
    before: FeatureDistribution, now: FeatureDistribution, most_texts: int, most_numbers: int
) -> tuple[str, list[str], str, str] | None:
    """The members of `words.Said`: the value is named if few distinct ones exist; None if no value has risen."""
    risen = [each for each in risen_values(before, now) if each[0].p * each[0].tests <= MORE]
    if not risen:
        return None
    value, name = min(risen, key=lambda each: (each[0].known, each[0].p))  # preferably one that was not there before
    lacked, lacks = (percent(1 - side.present / side.rows) for side in (before, now))
    was, found = percent(value.before / before.present), percent(value.after / now.present)
    if isinstance(name, str):
        values = [name or EMPTY] if len(before.categories or {}) <= most_texts else []
    else:
        is_named = not name or _different(before, now) <= most_numbers  # 0 is no person's value
        values = [number_text(name + 0.0)] if is_named else []
    missing = f"{lacks} are missing, {lacked} were"
    change = f"has {ONE_VALUE} where values were missing: {missing}, and it is in {found}, in {was} before"
    words = f"missing values became {ONE_VALUE}: {missing}, and {found} are that, {was} were"
    return words, values, change, f"missing {lacked} → {lacks}, {ONE_VALUE} {was} → {found}"


def _different(*sides: FeatureDistribution) -> int:
    values = [each.numbers.step_cdf().values for each in sides if each.numbers is not None]
    return len(np.unique(np.concatenate(values)))
