"""docs/reference/how-a-verdict-is-made.md: its numbers are the code's, and those of NumPy and SciPy by its formulas."""

from __future__ import annotations

import ast
import itertools
import math
import re
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.floors import PACKAGE

from spark_model_monitor import DataQualityMonitor, MonitoringSettings, run_baseline, run_monitoring
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import create_distributions
from spark_model_monitor.statistics.verdicts.between_window_variance import (
    PastWindows,
    WindowSize,
    judge_change,
    judge_largest,
)
from spark_model_monitor.statistics.verdicts.multiple_testing import adjust_p_values, combine_p_values
from spark_model_monitor.statistics.verdicts.window_statistics import FIELDS, compare_numbers

ROOT = PACKAGE.parents[1]
PAGE = (ROOT / "docs" / "reference" / "how-a-verdict-is-made.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"`([\w ]+) = ([-\d.e]+)`")
LINK = re.compile(r"\[`([\w.]+)`\]\(\.\./\.\./(lib/[\w/]+\.py)\)")

BEFORE = pd.DataFrame({"minutes": np.append(1.5, np.arange(2.0, 201)), "items": np.tile([1.0, 2, 3, 4, 5], 40)})
ROOT_OF_RANKS = np.sqrt((np.arange(1, 61) - 0.5) / 60)
NOW = pd.DataFrame({"minutes": np.ceil(200 * ROOT_OF_RANKS), "items": np.tile([1.0, 2, 3, 4, 5], 12)})
PAST_SCORES = np.tile([2.0, -2.0], 16)


def shuffle(frame):
    """Rows in no order, as those of a table that nobody sorted."""
    return frame.iloc[np.random.default_rng(7).permutation(len(frame))].reset_index(drop=True)


@cache
def judge_example():
    """The drift checks of both columns by a run."""
    monitor = DataQualityMonitor(settings=MonitoringSettings(rows="independent"))
    findings = run_monitoring(shuffle(NOW), monitor, run_baseline(shuffle(BEFORE), monitor))
    return {check.feature: check for check in findings.results if check.check == "baseline_drift_check"}


def numbers_of_code():
    """The page's numbers as a run, and the functions that the page names, give them."""
    drift = judge_example()
    minutes = drift["minutes"]
    drift_of_items = drift["items"]
    assert minutes.decided_by == "rank test of location"
    assert (minutes.status.value, drift_of_items.status.value) == ("violated", "cannot tell")
    # The tests of the column, one by one
    profiles = [run_baseline(frame, DataQualityMonitor()).state for frame in (BEFORE, NOW)]
    distributions = [create_distributions(profile)["minutes"].numbers for profile in profiles]
    changes = {change.field: change for change in compare_numbers(*distributions, np.empty(0))}
    largest = changes.pop("largest")
    tests = [judge_change(change) for change in changes.values()]
    tests += [judge_largest(largest, NOW["minutes"].nunique(), np.empty(0), 1.0)]
    numbers = {"n": minutes.n, "m": minutes.m, "level": minutes.level, "D": minutes.distance}
    for name in {test.name for test in tests}:
        test = min((test for test in tests if test.name == name), key=lambda test: test.p)
        numbers |= {f"p {name}": test.p, f"effect {name}": test.effect, f"statistic {name}": test.statistic}
    numbers |= {
        "p": combine_p_values(tests),
        "p items": drift_of_items.p,
        "adjusted p": adjust_p_values([combine_p_values(tests), drift_of_items.p])[0],
    }
    assert numbers["adjusted p"] == minutes.adjusted_p
    numbers |= {"low": minutes.distance_low, "high": minutes.distance_high, "Robust": minutes.observed}
    numbers |= {"smallest change": drift_of_items.smallest_change}
    # Thirty-two earlier windows, of as many rows, whose scores are 2 and -2
    effective = 200 * 60 / 260
    past = {name: np.full(32, np.nan) for name in FIELDS}
    past |= {"effective": np.full(32, effective), "location": PAST_SCORES}
    variance = PastWindows(past).variance("location", WindowSize(effective))
    return numbers | {"phi": variance.factor, "p varied": judge_change(changes["location"], variance).p}


def compare_means(before, now, score, per_score):
    """Statistic, p and effect of a difference of mean scores of ranks."""
    n = len(before)
    m = len(now)
    ranks = 2 * (stats.rankdata(np.concatenate((before, now))) - 0.5) / (n + m) - 1
    scores = score(ranks)
    difference = scores[n:].mean() - scores[:n].mean()
    variance = ((scores - scores.mean()) ** 2).sum() / (n + m - 1)
    z = difference / math.sqrt(variance * (1 / n + 1 / m))
    effect = per_score * abs(difference)
    if effect + abs(effect / z) < 0.02:
        return z, 1.0, effect
    return z, 2 * stats.norm.sf(abs(z)), effect


def compare_share(is_in, before, now):
    """Count in the window, p and effect of a share of rows."""
    n = len(before)
    m = len(now)
    x = int(is_in(now).sum())
    t = int(is_in(before).sum()) + x
    share_before = (t - x) / n
    effect = abs(x / m - share_before)
    error = math.sqrt(t * (n + m - t) / n / m / (n + m))
    half = 0.5 / m
    ratio = (max(share_before, x / m) + half) / (min(share_before, x / m) + half)
    if not effect or (effect + error < 0.02 and ratio < 2):
        return x, 1.0, effect
    f = m / (n + m)
    variance = t * f * (1 - f) * (1 - t / (n + m))
    z = (x - t * f) / math.sqrt(max(variance, 1))
    p = 2 * stats.norm.sf(abs(z))
    if p < 0.01:
        law = stats.hypergeom(n + m, t, m)
        p = min(1.0, 2 * min(law.sf(x - 1), law.cdf(x)))
    return x, p, effect


def numbers_by_hand():
    """The same by the page's formulas, without any of our code."""
    before = BEFORE["minutes"].to_numpy()
    now = NOW["minutes"].to_numpy()
    n = len(before)
    m = len(now)
    error = math.sqrt(1 / n + 1 / m)
    level = 1 / 720 * 4 / 6
    gap = stats.ks_2samp(before, now).statistic
    # The tests; the baseline's quantiles are those of 1 to 200, and its numbers have one decimal
    tests = {"location": [compare_means(before, now, lambda r: r + 0.9 * r**7, 0.522)]}
    tests["spread"] = [compare_means(before, now, lambda r: r**2 + 2.64 * r**14, 0.42)]
    edges = [0, *(math.ceil(200 * k / 16) for k in range(1, 16)), 200]
    tests["sixteenth"] = [
        compare_share(lambda x, low=low, high=high: (low < x) & (x <= high), before, now)
        for low, high in itertools.pairwise(edges)
    ]
    low, high = math.ceil(200 / 64), math.ceil(200 * 63 / 64)
    tests["tail"] = [compare_share(lambda x: x < low, before, now), compare_share(lambda x: x > high, before, now)]
    tests["even"] = [compare_share(lambda x: 10 * x % 2 == 0, before, now)]
    tests["round"] = [compare_share(lambda x: 10 * x % 10 == 0, before, now)]
    tests |= {"largest": [(None, 1.0, 0.0)]}
    # Cauchy's rule
    weights = {"location": 3, "spread": 3, "largest": 0.5}
    tangents = []
    of_tangents = []
    for name, shares in tests.items():
        tangents += [math.tan((0.5 - min(p_value, 0.75)) * math.pi) for _, p_value, _ in shares]
        of_tangents += [weights.get(name, 0.25)] * len(shares)
    p = 0.5 - math.atan(np.average(tangents, weights=of_tangents)) / math.pi
    # All numbers up to the verdict
    numbers = {"n": n, "m": m, "level": level, "D": gap, "p": p, "p items": 0.75}
    for name, shares in tests.items():
        value, p_value, effect = min(shares, key=lambda share: share[1])
        numbers |= {f"p {name}": p_value, f"effect {name}": effect, f"statistic {name}": value}
    numbers["adjusted p"] = stats.false_discovery_control([p, 0.75])[0]
    numbers |= {"low": gap - 1.3581 * error, "high": gap + 1.3581 * error, "Robust": max(0, gap - 1.8 * error)}
    # Step 6: what the window could have shown of the other column
    of_ranks = error / math.sqrt(12)
    reached = max(stats.norm.isf(level / (2 * 2 * 4)) * of_ranks, 0.02 / math.sqrt(2) - of_ranks) + 1.2816 * of_ranks
    numbers["smallest change"] = math.sqrt(2) * stats.norm.ppf(0.5 + reached)
    # Step 3: earlier windows
    z = tests["location"][0][0]
    factor = np.mean(PAST_SCORES**2)
    return numbers | {"phi": factor, "p varied": 2 * stats.t.sf(z / math.sqrt(factor), 32)}


@pytest.mark.parametrize("compute", [numbers_of_code, numbers_by_hand])
def test_every_number_of_the_page_is_what_it_says(compute):
    numbers = compute()
    shown = NUMBER.findall(PAGE)
    wrong = []
    for name, text in shown:
        digits = len(re.sub(r"e.*|^-?0*\.?0*|\.", "", text)) or 1
        if float(text) != pytest.approx(float(f"{numbers[name]:.{digits}g}"), rel=1e-9, abs=1e-12):
            wrong.append((name, text, numbers[name]))

    assert wrong == []
    assert len({name for name, _ in shown}) >= 25


def test_no_number_of_the_page_is_left_out():
    formulas_and_links = r"```.*?```|\]\([^)]*\)"
    prose = re.sub(formulas_and_links, "", NUMBER.sub("", PAGE), flags=re.DOTALL)

    assert re.findall(r"\d\.\d{3,}|\de-\d", prose) == []


def test_every_function_of_the_page_is_there():
    links = LINK.findall(PAGE)
    gone = []
    for name, path in links:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        defined = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        if not {*name.split(".")} <= defined:
            gone.append((name, path))

    assert len(links) >= 10
    assert gone == []
