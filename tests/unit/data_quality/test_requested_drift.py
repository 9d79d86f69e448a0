"""A limit of drift that somebody wrote decides alone: a window at distance d is violated if and only if d is above it.

The distances are computed here from the definitions of D3.1, D3.2 and D3.4, by sorting and counting the cells.
"""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import read_baseline, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.constraints import MonitoringSettings
from spark_model_monitor.monitors.data_quality.comparators import with_thresholds
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
    shares = (np.searchsorted(np.sort(side), values, side="right") / len(side) for side in (baseline, window))
    return float(np.abs(np.subtract(*shares)).max())


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
    n, m = len(baseline), len(window)
    found = {}
    for name in ("amount", "flag"):
        plain = cdf_gap(baseline[name].to_numpy(), window[name].to_numpy())
        found[name] = {"Simple": plain, "Robust": above_noise(plain, n, m)}
    before, now = baseline["plan"].to_numpy(), window["plan"].to_numpy()
    plain = share_gap(before, now)
    found["plan"] = {
        "Simple": plain,
        "LInfinity": above_noise(plain, n, m),
        "ChiSquared": chi_squared_p(before, now),
    }
    return found


def members(name, method, limit):
    """The members of constraints.json, and of the settings, for a column's kind."""
    if name == "plan":
        return {"categorical_drift_method": method, "categorical_comparison_threshold": limit}
    return {"comparison_method": method, "comparison_threshold": limit}


def by_settings(folder, frame, given):
    run_baseline(frame, DataQualityMonitor(settings=MonitoringSettings(**given)), engine="local").write(folder)


def edited(folder, frame, edit):
    run_baseline(frame, DataQualityMonitor(), engine="local").write(folder)
    path = folder / "constraints.json"
    constraints = json.loads(path.read_text())
    edit(constraints)
    path.write_text(json.dumps(constraints))


def by_editing_the_file(folder, frame, given):
    edited(folder, frame, lambda file: file["monitoring_config"]["distribution_constraints"].update(given))


def by_editing_features(folder, frame, given):
    def edit(file):
        for feature in file["features"]:
            feature["monitoring_config_overrides"] = {"distribution_constraints": given}

    edited(folder, frame, edit)


def copies_alone(folder):
    """The two documents without the run's states, as files of the service are."""
    alone = folder / "alone"
    alone.mkdir()
    for name in ("constraints.json", "statistics.json"):
        (alone / name).write_bytes((folder / name).read_bytes())
    return alone


def drift_of(window, known, name):
    results = run_monitoring(window, DataQualityMonitor(find_causes=False), known, engine="local").results
    [result] = (each for each in results if (each.feature, each.check) == (name, "baseline_drift_check"))
    return result


METHODS = [("amount", "Simple"), ("amount", "Robust"), ("flag", "Robust"), ("plan", "Simple"), ("plan", "LInfinity")]
METHODS += [("plan", "ChiSquared")]


@pytest.mark.parametrize("write", [by_settings, by_editing_the_file, by_editing_features])
@pytest.mark.parametrize(("name", "method"), METHODS)
def test_a_window_is_violated_if_and_only_if_its_distance_is_above_the_limit(tmp_path, write, name, method):
    random = np.random.default_rng(METHODS.index((name, method)))
    is_p_value = method == "ChiSquared"
    baseline, window = table(random, ROWS), table(random, 1_500, shift=0.1 if is_p_value else 0.5)
    distance = distances(baseline, window)[name][method]
    limits = [(distance * factor, (factor > 1) if is_p_value else (factor < 1)) for factor in (0.9, 1.1)]

    for number, (limit, is_violated) in enumerate(limits):
        folder = tmp_path / str(number)
        write(folder, baseline, members(name, method, limit))
        for known in (read_baseline(folder), read_baseline(copies_alone(folder))):
            result = drift_of(window, known, name)
            assert (result.threshold, result.observed) == (limit, pytest.approx(distance, rel=1e-6))
            assert result.status is (CheckStatus.VIOLATED if is_violated else CheckStatus.PASSED)


def test_a_distance_equal_to_the_limit_is_no_violation(tmp_path):
    baseline = pd.DataFrame({"flag": [0, 1] * 500})
    window = pd.DataFrame({"flag": [0] * 300 + [1] * 100})  # .75 - .5
    by_settings(tmp_path, baseline, {"comparison_threshold": 0.25})

    result = drift_of(window, read_baseline(tmp_path), "flag")

    assert (result.observed, result.status) == (0.25, CheckStatus.PASSED)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shift", [0.0, 0.1, 1.0])
def test_a_limit_alone_is_one_of_the_plain_distance_and_the_file_says_so(tmp_path, seed, shift):
    random = np.random.default_rng([seed, 64])
    baseline, window = table(random, ROWS), table(random, 1_500, shift)
    found = distances(baseline, window)

    for limit in (0.001, 0.03, 0.5):
        given = {"comparison_threshold": limit, "categorical_comparison_threshold": limit}
        by_settings(tmp_path / str(limit), baseline, given)
        known = read_baseline(tmp_path / str(limit))
        methods = known.monitoring.comparison_method, known.monitoring.categorical_drift_method
        assert methods == ("Simple", "Simple")
        for name, of_methods in found.items():
            is_violated = drift_of(window, known, name).status is CheckStatus.VIOLATED
            assert is_violated == (of_methods["Simple"] > limit)


@pytest.mark.parametrize("seed", range(3))
def test_a_threshold_given_to_a_run_is_one_of_the_plain_distance(seed):
    random = np.random.default_rng([seed, 65])
    baseline, window = table(random, ROWS), table(random, 1_500, shift=0.08)
    made = run_baseline(baseline, DataQualityMonitor(), engine="local")
    known = DataQualityMonitor().known(made.constraints, None, made.state)

    for name, of_methods in distances(baseline, window).items():
        distance = of_methods["Simple"]
        for factor in (0.9, 1.1):
            given = {name: {"baseline_drift_check": distance * factor}}
            result = drift_of(window, known.with_limits(with_thresholds(known.constraints, given)), name)
            assert (result.observed, result.method) == (pytest.approx(distance), "Simple")
            assert result.status is (CheckStatus.VIOLATED if factor < 1 else CheckStatus.PASSED)


def test_comparators_decide_alone(tmp_path):
    random = np.random.default_rng(66)
    baseline, window = table(random, ROWS), table(random, 1_500, shift=1.0)
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
            lambda file, each=comparator: file["monitoring_config"]["distribution_constraints"].update(
                comparators=[each]
            ),
        )
        monitored = run_monitoring(
            window[["plan"]], DataQualityMonitor(find_causes=False), read_baseline(folder), engine="local"
        )
        violated = {each.check for each in monitored.results if each.status is CheckStatus.VIOLATED}
        assert violated == ({"COMPARATOR_L_INFTY_HIGH"} if factor < 1 else set())


def test_a_suggested_limit_on_which_a_person_insists_decides_alone(tmp_path):
    random = np.random.default_rng(67)
    baseline, window = table(random, 20_000), table(random, 20_000, shift=0.2)  # .08, seen with certainty by the tests
    by_settings(tmp_path / "suggested", baseline, {})
    by_settings(tmp_path / "insisted", baseline, {"comparison_threshold": 0.1, "comparison_method": "Robust"})

    statuses = [drift_of(window, read_baseline(tmp_path / name), "amount").status for name in ("suggested", "insisted")]

    assert statuses == [CheckStatus.VIOLATED, CheckStatus.PASSED]
