"""The leaderboard's port of Deequ's anomaly strategies finds the anomalies that Deequ's own find in the same series."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.spark_lines import has_deequ

LEADERBOARD = Path(__file__).resolve().parents[3] / "benchmarks" / "leaderboard"
BASELINE = 16


@pytest.fixture
def rule_adapters(monkeypatch):
    monkeypatch.syspath_prepend(str(LEADERBOARD.parent))
    monkeypatch.syspath_prepend(str(LEADERBOARD))
    yield importlib.import_module("rule_adapters")
    for name in ("rule_adapters", "detectors", "laws"):
        sys.modules.pop(name, None)


def make_strategies(jvm):
    """With their defaults; the rate of change has none, and gets the limits of its examples."""
    package = jvm.com.amazon.deequ.anomalydetection
    three = jvm.scala.Some(3.0)
    return {
        "BatchNormal": package.BatchNormalStrategy(three, three, False),
        "OnlineNormal": package.OnlineNormalStrategy(three, three, 0.1, True),
        "RelativeRateOfChange": package.RelativeRateOfChangeStrategy(jvm.scala.Some(0.5), jvm.scala.Some(2.0), 1),
    }


def find_anomalies(jvm, strategy, series):
    """The indices after the baseline that Deequ's strategy finds anomalous, each when it comes."""
    anomalies = []
    for index in range(BASELINE, len(series)):
        values = jvm.java.util.ArrayList()
        for value in series[: index + 1]:
            values.add(float(value))
        vector = jvm.scala.collection.JavaConverters.asScalaBufferConverter(values).asScala().toVector()
        interval = jvm.scala.Tuple2(index, index + 1)
        if strategy.detect(vector, interval).size():
            anomalies.append(index)
    return anomalies


def find_anomalies_of_port(rule_adapters, strategy, series):
    description = sys.modules["detectors"].StreamDescription("", 1, 24, None)
    detector = rule_adapters.MetricSeries(description, strategy)
    windows = [{"x": np.full(2, value)} for value in series]
    detector.fit(windows[:BASELINE])
    window = sys.modules["detectors"].Window
    anomalies = []
    for index in range(BASELINE, len(series)):
        if "x" in detector.check(window(index, windows[index])).columns:
            anomalies.append(index)
    return anomalies


@pytest.mark.skipif(not has_deequ(), reason="needs Deequ's JAR for this Spark, beside the driver")
def test_strategies(spark, rule_adapters):
    """Of a mean that jumps, creeps, and returns."""
    random = np.random.default_rng(1)
    series = random.normal(10, 1, 60)
    series[20:60:7] += 6
    series[35:] += np.linspace(0, 12, 25)
    series[50] = 0.5
    strategies = make_strategies(spark._jvm)
    anomalies = {name: find_anomalies(spark._jvm, strategy, series) for name, strategy in strategies.items()}
    anomalies_of_port = {name: find_anomalies_of_port(rule_adapters, name, series) for name in strategies}

    assert anomalies_of_port == anomalies
    assert all(1 < len(indices) < 44 for indices in anomalies.values())
