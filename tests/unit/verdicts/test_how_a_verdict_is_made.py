"""docs/reference/how-a-verdict-is-made.md: its numbers are the code's, and those of NumPy and SciPy by its formulas."""

from __future__ import annotations

import ast
import math
import re
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.floors import PACKAGE

from spark_model_monitor import DataQualityMonitor, MonitoringSettings, run_baseline, run_monitoring
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import from_profile
from spark_model_monitor.statistics.verdicts.between_window_variance import overdispersion_factor
from spark_model_monitor.statistics.verdicts.components import compare_numbers
from spark_model_monitor.statistics.verdicts.multiple_testing import adjust_p_values, combine_p_values
from spark_model_monitor.statistics.verdicts.variance_adjustment import adjust_for_between_window_variance

ROOT = PACKAGE.parents[1]
PAGE = (ROOT / "docs" / "reference" / "how-a-verdict-is-made.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"`([\w ]+) = ([-\d.e]+)`")
LINK = re.compile(r"\[`([\w.]+)`\]\(\.\./\.\./(lib/[\w/]+\.py)\)")

BEFORE = pd.DataFrame({"minutes": np.arange(1.0, 201), "items": np.tile([1.0, 2, 3, 4, 5], 40)})
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
    distributions = [from_profile(profile)["minutes"].numbers for profile in profiles]
    tests = compare_numbers([distributions])[0]
    numbers = {"n": minutes.n, "m": minutes.m, "level": minutes.level, "D": minutes.distance}
    for test, name in zip(tests, ("ks", "location", "spread", "range", "chi2", "cell", "tail"), strict=True):
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
    effective = np.full(32, 200 * 60 / 260)
    past = {"effective": effective, "location": PAST_SCORES, "rows": np.full(32, 60.0)}
    now = {"effective": effective[0], "location": tests[1].statistic, "rows": 60.0}
    return numbers | {
        "phi": overdispersion_factor("location", now, past),
        "p varied": adjust_for_between_window_variance(tests[1], now, past).p,
    }


def tail_of_skewed(z, skewness):
    """The tail of a gamma distribution with this skewness, by the cube root of Wilson and Hilferty."""
    if skewness <= 0:
        return stats.norm.sf(z)
    shape = 4 / skewness**2
    cube_root = (1 + z / math.sqrt(shape)) ** (1 / 3)
    return stats.norm.sf((cube_root - (1 - 1 / (9 * shape))) * math.sqrt(9 * shape))


def compare_means(before, now, score, per_score):
    """Statistic, p and effect of a difference of mean scores of ranks."""
    n = len(before)
    m = len(now)
    ranks = 2 * (stats.rankdata(np.concatenate((before, now))) - 0.5) / (n + m) - 1
    scores = score(ranks)
    difference = scores[n:].mean() - scores[:n].mean()
    deviations = scores - scores.mean()
    variance = (deviations**2).sum() / (n + m - 1)
    z = difference / math.sqrt(variance * (1 / n + 1 / m))
    skewness = (deviations**3).mean() / variance**1.5 * math.copysign(1, difference) / math.sqrt(m)
    return z, min(1, 2 * tail_of_skewed(abs(z), skewness)), per_score * abs(difference)


def count_cells(before, now):
    """The counts of both sides in the cells that the quantiles of both together make."""
    pooled = np.sort(np.concatenate((before, now)))
    values = np.unique(pooled)
    shares = [0.001, 0.005, 0.01, 0.02, 0.05, *np.arange(1, 10) / 10, 0.95, 0.98, 0.99, 0.995, 0.999]
    ranks = [math.ceil(share * len(pooled) - 1e-9) - 1 for share in shares]
    quantiles = np.searchsorted(values, pooled[ranks])
    starts = np.unique([0, *quantiles, *(quantiles + 1)])
    starts = starts[starts < len(values)]
    counts = [np.add.reduceat((sample[:, None] == values).sum(axis=0), starts) for sample in (before, now)]
    return np.array(counts, float)


def find_rarest_cell(counts, n, m):
    """Count, p and effect of the rarest cell."""
    totals = counts.sum(axis=0)
    in_window = [stats.hypergeom(n + m, int(total), m) for total in totals]
    in_baseline = [stats.hypergeom(n + m, int(total), n) for total in totals]
    upper_tails = [law.sf(count - 1) for law, count in zip(in_window, counts[1], strict=True)]
    lower_tails = [law.cdf(count) for law, count in zip(in_window, counts[1], strict=True)]
    p = np.minimum(1, 2 * np.minimum(upper_tails, lower_tails))
    # Cells whose effect counts
    before = counts[0] / n
    now = counts[1] / m
    gaps = abs(now - before)
    half = 0.5 / m
    ratio = (np.maximum(before, now) + half) / (np.minimum(before, now) + half)
    error = np.sqrt(totals * (n + m - totals) / (n + m) ** 2 * (1 / n + 1 / m))
    has_effect = (gaps > 0) & ((gaps + error >= 0.02) | (ratio >= 2))
    cell = int(np.where(has_effect, p, 2).argmin())
    # Cells that could be as rare: their number, or the sum of their chances
    least_p = 2 * (np.maximum(m - totals + 1, 0) / (n + m - totals + 1)) ** totals
    comparisons = np.flatnonzero(least_p <= p[cell])
    tests = max(len(comparisons), 1.0)
    if 1e-12 < p[cell] * tests < 0.01 and tests > 1:
        laws = [law[index] for law in (in_window, in_baseline) for index in comparisons]
        tails = [law.sf(np.arange(-1, n + m)) for law in laws]
        tests = sum(max(tail[tail <= p[cell] / 2 * (1 + 1e-9)], default=0.0) for tail in tails) / p[cell]
    return counts[1][cell], min(1, p[cell] * tests), gaps[cell]


def compare_all_cells(counts, n, m):
    """Statistic, p and effect of the chi-square test of cells that expect 5 in the window."""
    totals = counts.sum(axis=0)
    groups = [[]]
    for cell in np.argsort(totals, kind="stable"):
        groups[-1].append(cell)
        if totals[groups[-1]].sum() >= 5 * (n + m) / m:
            groups.append([])
    left_over = groups.pop()
    groups[-1] += left_over
    # Of the joined cells
    joined = np.array([counts[:, group].sum(axis=1) for group in groups]).T
    statistic, _, freedom, expected = stats.chi2_contingency(joined, correction=False)
    p = stats.chi2.sf(statistic, freedom)
    # The guard for rare cells
    z = stats.norm.isf(p)
    guard = (1 / np.sqrt(expected[1])).mean()
    p = max(p, stats.norm.sf(z / math.sqrt(1 + max(z, 0) * guard / 3)))
    variation = abs(joined[1] / m - joined[0] / n).sum() / 2
    return statistic, p, variation - 0.4 * math.sqrt(freedom * (1 / n + 1 / m))


def numbers_by_hand():
    """The same by the page's formulas, without any of our code."""
    before = BEFORE["minutes"].to_numpy()
    now = NOW["minutes"].to_numpy()
    n = len(before)
    m = len(now)
    error = math.sqrt(1 / n + 1 / m)
    level = 1 / 720 * 4 / 6
    # The tests
    gap = stats.ks_2samp(before, now).statistic
    statistic = (1 / error + 0.12 + 0.11 * error) * gap
    tests = {"ks": (statistic, stats.kstwobign.sf(statistic), gap)}
    tests["location"] = compare_means(before, now, lambda r: r + 0.9 * r**7, 0.522)
    tests["spread"] = compare_means(before, now, lambda r: r**2 + 2.64 * r**14, 0.42)
    tests["range"] = (None, 1.0, 0.0)
    # Of cells, and of what lies up to or from the outer quantiles
    counts = count_cells(before, now)
    tests["chi2"] = compare_all_cells(counts, n, m)
    tests["cell"] = find_rarest_cell(counts, n, m)
    ends = range(2, 11, 2)
    tails = [counts[:, :end].sum(axis=1) for end in ends] + [counts[:, -end:].sum(axis=1) for end in ends]
    tests["tail"] = find_rarest_cell(np.array(tails).T, n, m)
    # Cauchy's rule
    weights = {"location": 3, "spread": 3, "cell": 1.5, "tail": 1.5}
    tangents = [math.tan((0.5 - min(p, 0.75)) * math.pi) for _, p, _ in tests.values()]
    mean = np.average(tangents, weights=[weights.get(name, 1) for name in tests])
    p = 0.5 - math.atan(mean) / math.pi
    # All numbers up to the verdict
    numbers = {"n": n, "m": m, "level": level, "D": gap, "p": p, "p items": 0.75}
    for name, (value, p_value, effect) in tests.items():
        numbers |= {f"p {name}": p_value, f"effect {name}": effect, f"statistic {name}": value}
    numbers["adjusted p"] = stats.false_discovery_control([p, 0.75])[0]
    numbers |= {"low": gap - 1.3581 * error, "high": gap + 1.3581 * error, "Robust": max(0, gap - 1.8 * error)}
    # Step 6: what the window could have shown of the other column
    of_ranks = error / math.sqrt(12)
    reached = max(stats.norm.isf(level / (2 * 2 * 4)) * of_ranks, 0.02 / math.sqrt(2) - of_ranks) + 1.2816 * of_ranks
    numbers["smallest change"] = math.sqrt(2) * stats.norm.ppf(0.5 + reached)
    # Step 3: earlier windows
    z, p_location, _ = tests["location"]
    factor = 1 + np.mean(PAST_SCORES**2 - 1)
    exact = stats.norm.isf(p_location / 2)
    y = min(exact, z + (exact - z) / factor)
    return numbers | {"phi": factor, "p varied": 2 * stats.t.sf(y / math.sqrt(factor), 31)}


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
