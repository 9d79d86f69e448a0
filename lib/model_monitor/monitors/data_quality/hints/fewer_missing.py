"""fewer_missing: columns that have values where the baseline lacks them. It may be a repair, or a default in place of nothing."""

from __future__ import annotations

from model_monitor.documents.headline import FEWER_MISSING
from model_monitor.monitors.data_quality.comparison import chance_of_more
from model_monitor.monitors.data_quality.hints import HINTS, Said, Seen, listed
from model_monitor.statistics.verdicts.components import LEAST_EFFECT

NEARLY_CERTAIN = 1e-6  # chance of so few missing values, if nothing had changed


@HINTS.register(FEWER_MISSING)
def fewer_missing(seen: Seen) -> Said:
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
        asked = "is there a default in their place?"
        yield found, f"fewer values are missing than in the baseline: {listed(found)}; {asked}"
