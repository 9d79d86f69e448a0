"""fewer_missing: columns that have values where the baseline lacks them. It may be a repair, or a default in place of nothing."""

from __future__ import annotations

from collections.abc import Iterator

from model_monitor.documents.check_results import Hint
from model_monitor.documents.headline import FEWER_MISSING
from model_monitor.monitors.data_quality.hints import HINTS, Seen, listed
from model_monitor.statistics.verdicts.components import LEAST_EFFECT, chance_of_more

NEARLY_CERTAIN = 1e-6  # chance of so few missing values, if nothing had changed


@HINTS.register(FEWER_MISSING)
def fewer_missing(seen: Seen) -> Iterator[Hint]:
    """A smaller share of a feature's values is missing than in the baseline, by more than chance.

    Source: D4.1.
    """
    found = {}
    for feature in seen.compared.features if seen.compared is not None else ():
        n, m = feature.baseline.rows, feature.now.rows
        there = feature.baseline.present, n, feature.now.present, m
        if n and m and there[2] / m - there[0] / n >= LEAST_EFFECT and chance_of_more(*there) <= NEARLY_CERTAIN:
            found[feature.constraints.name] = (m - there[2], m)
    if found:
        yield Hint(
            hint=FEWER_MISSING,
            features=tuple(found),
            description=f"fewer values are missing than in the baseline: {listed(found)}; is there a default in their place?",
        )
