"""Verdicts: what may be said of a healthy window's chance, so that a run is silent unless something changed. Pure, driver only.

components.py: tests of one column from two summaries, each with its effect. tails.py: how rare a count is. multiplicity.py: many
tests, one budget. sensitivity.py: what could have been seen. limits.py: limits of shares that leave room for chance.

Source: D4.
"""

from __future__ import annotations

from model_monitor.verdicts.components import Component, Samples, of_categories, of_missing, of_numbers
from model_monitor.verdicts.limits import chance_of_more, fewest_beyond_chance
from model_monitor.verdicts.multiplicity import BUDGET, adjusted, combined, shared
from model_monitor.verdicts.sensitivity import (
    distance_interval,
    shift_of_gap,
    smallest_gap,
    smallest_share,
    smallest_shift,
)

__all__ = [
    "BUDGET",
    "Component",
    "Samples",
    "adjusted",
    "chance_of_more",
    "combined",
    "distance_interval",
    "fewest_beyond_chance",
    "of_categories",
    "of_missing",
    "of_numbers",
    "shared",
    "shift_of_gap",
    "smallest_gap",
    "smallest_share",
    "smallest_shift",
]
