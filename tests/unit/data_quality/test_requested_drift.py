"""A limit of drift that somebody wrote decides alone: a window at distance d is violated if and only if d is above it.

The distances are computed here from the definitions of D3.1, D3.2 and D3.4, by sorting and counting the cells.
"""

import json
import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
from tests.rotation import every_combination

from spark_model_monitor import read_baseline, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
from spark_model_monitor.monitors.data_quality.checks.drift.comparators import set_thresholds
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor

ROWS = 2_000  # exact sketches


def table(random, rows, shift=0.0):
    """Numbers, a flag and texts; shift: of the mean in standard deviations, and of the shares."""
    return pd.DataFrame(
        {
            "amount": random.normal(shift, 1, rows).round(3),
            "flag": (random.random(rows) < 0.3 + shift / 4).astype(int),
            "plan": random.choice(["basic", "plus"], rows, p=[0.6 - shift / 4, 0.4 + shift / 4]),
        }
    )


def share_gap(baseline, window):
    gaps = (abs((baseline == value).mean() - (window == value).mean()) for value in {*baseline, *window})
    return float(max(gaps))


def cdf_gap(baseline, window):
    values = np.union1d(baseline, window)
    baseline_shares = np.searchsorted(np.sort(baseline), values, side="right") / len(baseline)
    window_shares = np.searchsorted(np.sort(window), values, side="right") / len(window)
    return float(np.abs(baseline_shares - window_shares).max())


def above_noise(distance, n, m):
    return max(0.0, distance - 1.8 * math.sqrt((n + m) / (n * m)))


def chi_squared_p(baseline, window):
    """Of two categories, with one degree of freedom."""
    share = (baseline == "basic").mean()
    expected = len(window) * np.array([share, 1 - share])
    observed = np.array([(window == "basic").sum(), (window != "basic").sum()])
    return math.erfc(math.sqrt(float(((observed - expected) ** 2 / expected).sum()) / 2))


def distances(baseline, window):
    """By method, of each column."""
    n = len(baseline)
    m = len(window)
    distance_by_name = {}
    for name in ("amount", "flag"):
        plain = cdf_gap(baseline[name].to_numpy(), window[name].to_numpy())
        distance_by_name[name] = {"Simple": plain, "Robust": above_noise(plain, n, m)}
    before = baseline["plan"].to_numpy()
    now = window["plan"].to_numpy()
    plain = share_gap(before, now)
    distance_by_name["plan"] = {
        "Simple": plain,
        "LInfinity": above_noise(plain, n, m),
        "ChiSquared": chi_squared_p(before, now),
    }
    return distance_by_name


def members(name, method, limit):
    """The members of constraints.json, and of the settings, for a column's kind."""
    if name == "plan":
        return {"categorical_drift_method": method, "categorical_comparison_threshold": limit}
    return {"comparison_method": method, "comparison_threshold": limit}


def by_settings(folder, frame, limits):
    run_baseline(frame, DataQualityMonitor(settings=MonitoringSettings(**limits)), engine="local").write(folder)


def edited(folder, frame, edit):
    run_baseline(frame, DataQualityMonitor(), engine="local").write(folder)
    path = folder / "constraints.json"
    constraints = json.loads(path.read_text())
    edit(constraints)
    path.write_text(json.dumps(constraints))


def by_editing_the_file(folder, frame, limits):
    edited(folder, frame, lambda file: file["monitoring_config"]["distribution_constraints"].update(limits))


def by_editing_features(folder, frame, limits):
    def edit(file):
        for feature in file["features"]:
            feature["monitoring_config_overrides"] = {"distribution_constraints": limits}

    edited(folder, frame, edit)


def copies_alone(folder):
    """The two documents without the run's states, as files of the service are."""
    alone = folder / "alone"
    alone.mkdir()
    for name in ("constraints.json", "statistics.json"):
        (alone / name).write_bytes((folder / name).read_bytes())
    return alone


def find_drift(window, reference, name):
    check_results = run_monitoring(window, DataQualityMonitor(find_causes=False), reference, engine="local").results
    [drift] = [check for check in check_results if check.feature == name and check.check == "baseline_drift_check"]
    return drift


METHODS = [("amount", "Simple"), ("amount", "Robust"), ("flag", "Robust"), ("plan", "Simple"), ("plan", "LInfinity")]
METHODS += [("plan", "ChiSquared")]


@every_combination(write=[by_settings, by_editing_the_file, by_editing_features], comparison=METHODS)
def test_a_window_is_violated_if_and_only_if_its_distance_is_above_the_limit(tmp_path, write, comparison):
    name, method = comparison
    random = np.random.default_rng(METHODS.index((name, method)))
    is_p_value = method == "ChiSquared"
    baseline = table(random, ROWS)
    window = table(random, 1_500, shift=0.1 if is_p_value else 0.5)
    distance = distances(baseline, window)[name][method]
    lower = 0.9 * distance
    higher = 1.1 * distance
    limits = {lower: not is_p_value, higher: is_p_value}

    # By the run's folder, and by its two documents
    for number, (limit, is_violated) in enumerate(limits.items()):
        folder = tmp_path / str(number)
        write(folder, baseline, members(name, method, limit))
        for reference in (read_baseline(folder), read_baseline(copies_alone(folder))):
            drift = find_drift(window, reference, name)
            assert (drift.threshold, drift.observed) == (limit, pytest.approx(distance, rel=1e-6))
            assert drift.status is (CheckStatus.VIOLATED if is_violated else CheckStatus.PASSED)


def test_a_distance_equal_to_the_limit_is_no_violation(tmp_path):
    baseline = pd.DataFrame({"flag": [0, 1] * 500})
    window = pd.DataFrame({"flag": [0] * 300 + [1] * 100})  # .75 - .5
    by_settings(tmp_path, baseline, {"comparison_threshold": 0.25})

    drift = find_drift(window, read_baseline(tmp_path), "flag")

    assert (drift.observed, drift.status) == (0.25, CheckStatus.PASSED)


@every_combination(seed=range(3), shift=[0.0, 0.1, 1.0])
def test_a_limit_alone_is_one_of_the_plain_distance_and_the_file_says_so(tmp_path, seed, shift):
    random = np.random.default_rng([seed, 64])
    baseline = table(random, ROWS)
    window = table(random, 1_500, shift)
    distance_by_name = distances(baseline, window)

    for limit in (0.001, 0.03, 0.5):
        limits = {"comparison_threshold": limit, "categorical_comparison_threshold": limit}
        by_settings(tmp_path / str(limit), baseline, limits)
        reference = read_baseline(tmp_path / str(limit))
        methods = reference.monitoring.comparison_method, reference.monitoring.categorical_drift_method
        assert methods == ("Simple", "Simple")
        for name, of_methods in distance_by_name.items():
            is_violated = find_drift(window, reference, name).status is CheckStatus.VIOLATED
            assert is_violated == (of_methods["Simple"] > limit)


@pytest.mark.parametrize("seed", range(3))
def test_a_threshold_given_to_a_run_is_one_of_the_plain_distance(seed):
    random = np.random.default_rng([seed, 65])
    baseline = table(random, ROWS)
    window = table(random, 1_500, shift=0.08)
    baseline_run = run_baseline(baseline, DataQualityMonitor(), engine="local")
    reference = DataQualityMonitor().stored_baseline(baseline_run.constraints, None, baseline_run.state)

    for name, of_methods in distances(baseline, window).items():
        distance = of_methods["Simple"]
        for factor in (0.9, 1.1):
            limits = {name: {"baseline_drift_check": distance * factor}}
            drift = find_drift(window, reference.with_limits(set_thresholds(reference.constraints, limits)), name)
            assert (drift.observed, drift.method) == (pytest.approx(distance), "Simple")
            assert drift.status is (CheckStatus.VIOLATED if factor < 1 else CheckStatus.PASSED)


def add_comparator(comparator, file):
    file["monitoring_config"]["distribution_constraints"]["comparators"] = [comparator]


def test_comparators_decide_alone(tmp_path):
    random = np.random.default_rng(66)
    baseline = table(random, ROWS)
    window = table(random, 1_500, shift=1.0)
    distance = distances(baseline, window)["plan"]["Simple"]

    for factor in (0.9, 1.1):
        comparator = {
            "against": "baseline",
            "distance": "l_infinity_categorical",
            "threshold": distance * factor,
        }
        folder = tmp_path / str(factor)
        edited(
            folder,
            baseline[["plan"]],
            partial(add_comparator, comparator),
        )
        monitored = run_monitoring(
            window[["plan"]], DataQualityMonitor(find_causes=False), read_baseline(folder), engine="local"
        )
        violated = {check.check for check in monitored.results if check.status is CheckStatus.VIOLATED}
        assert violated == ({"COMPARATOR_L_INFTY_HIGH"} if factor < 1 else set())


def test_a_suggested_limit_on_which_a_person_insists_decides_alone(tmp_path):
    random = np.random.default_rng(67)
    # .08, seen with certainty by the tests
    baseline = table(random, 20_000)
    window = table(random, 20_000, shift=0.2)
    by_settings(tmp_path / "suggested", baseline, {})
    by_settings(tmp_path / "insisted", baseline, {"comparison_threshold": 0.1, "comparison_method": "Robust"})

    statuses = [
        find_drift(window, read_baseline(tmp_path / name), "amount").status for name in ("suggested", "insisted")
    ]

    assert statuses == [CheckStatus.VIOLATED, CheckStatus.PASSED]
