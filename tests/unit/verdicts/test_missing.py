"""More missing values where logarithms of their share vary: drawn by a law that is known, and beside the law itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from spark_model_monitor.statistics.verdicts.components import Component, chance_of_more
from spark_model_monitor.statistics.verdicts.missing import chance_of_many
from spark_model_monitor.statistics.verdicts.variation import allowed_for, of_missing

ROWS, WINDOWS, SHARE = 2_000, 400, 0.01


def of_law(wobble, seed=1):
    """Windows, a share of e^wobble up and down, beside a baseline of as many rows as all of them have."""
    random = np.random.default_rng(seed)
    shares = SHARE * np.exp(wobble * random.standard_normal(WINDOWS) - wobble**2 / 2)
    missing = random.binomial(ROWS, np.minimum(shares, 1)).astype(float)
    rows, effective = np.full(WINDOWS, float(ROWS)), np.full(WINDOWS, ROWS * WINDOWS / (WINDOWS + 1.0))
    return {**of_missing(missing, rows, missing.sum(), rows.sum()), "rows": rows, "effective": effective}


def window_of(share, past):
    missing, rows = np.array([share * ROWS]), np.array([float(ROWS)])
    raw = of_missing(missing, rows, past["nulls"].sum() + missing[0], past["of"].sum() + ROWS)
    return {name: float(each[0]) for name, each in raw.items()} | {"rows": ROWS, "effective": past["effective"][0]}


@pytest.mark.parametrize("wobble", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("share", [0.04, 0.1, 0.3])
def test_the_chance_is_that_of_the_law(wobble, share):
    """Of counts by Poisson whose mean is lognormal; its normal score, on average of some histories, beyond 8 nobody asks."""
    logs = np.linspace(-9, 9, 4_001)
    means = ROWS * SHARE * np.exp(wobble * logs - wobble**2 / 2)
    exact = float(stats.norm.pdf(logs) @ stats.poisson.sf(share * ROWS - 1, means)) * (logs[1] - logs[0])

    scores = []
    for past in (of_law(wobble, seed) for seed in range(12)):
        p = chance_of_more(int(past["nulls"].sum()), WINDOWS * ROWS, int(share * ROWS), ROWS)
        found = allowed_for(Component("missing", p, 0.1), window_of(share, past), past).p
        scores.append(min(stats.t.isf(found / 2, WINDOWS - 1), 8.0))
    assert np.mean(scores) == pytest.approx(min(stats.norm.isf(exact), 8.0), rel=0.15)


def test_without_windows_that_differ_or_that_say_so_nothing_changes():
    past = of_law(0.0)
    bare = Component("missing", 1e-9, 0.05)
    assert allowed_for(bare, window_of(0.03, past), past).p < 1e-7
    assert chance_of_many(window_of(0.005, past), past, 2.0, 100) == 0.0  # fewer of them
    assert chance_of_many(window_of(0.5, past), past, 2.0, 100) == 0.0  # ten times the most there ever were
    untold = {**past, "nulls": np.full(WINDOWS, np.nan)}
    assert chance_of_many(window_of(0.03, past), untold, 2.0, 100) == 0.0
