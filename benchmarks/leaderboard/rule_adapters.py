"""What people really write: PSI, Kolmogorov-Smirnov with Bonferroni; TFDV's comparators; Deequ's anomaly strategies."""

from __future__ import annotations

from collections import Counter

import numpy as np
from detectors import (
    ROW_COUNT,
    Alarms,
    Detector,
    ScoreDetector,
    StreamDescription,
    Window,
    drop_missing,
    is_text,
    make_alarms,
    transform_p_value,
)
from laws import Columns, Values, concatenate
from scipy import stats

from spark_model_monitor.statistics.drift.distances import js_divergence, l_infinity_categorical
from spark_model_monitor.statistics.drift.histograms import Histogram, count_histogram_cells


def align_counts(before: Counter[str], after: Counter[str]) -> Values:
    """Counts of the same texts on both sides."""
    texts = [*(before | after)]
    return np.array([[before[text] for text in texts], [after[text] for text in texts]], dtype=float)


class PopulationStability(ScoreDetector):
    """PSI between the deciles of the baseline, of texts over the values; missing values are a cell. Above .2 it is large."""

    default = 0.2

    def fit(self, baseline: list[Columns]) -> None:
        self.baseline = concatenate(baseline)
        numbers = {name: drop_missing(values) for name, values in self.baseline.items() if not is_text(values)}
        self.edges = {name: np.unique(np.quantile(values, np.arange(1, 10) / 10)) for name, values in numbers.items()}
        self.counts = {name: self.count(name, values) for name, values in self.baseline.items()}

    def count(self, name: str, values: Values) -> Counter[str]:
        if is_text(values):
            return Counter(map(str, values))
        cells = np.where(np.isnan(values), -1, np.searchsorted(self.edges[name], values))
        return Counter(map(str, cells))

    def compute_score(self, name: str, values: Values) -> float:
        counts = align_counts(self.counts[name], self.count(name, values))
        p, q = np.maximum(counts / counts.sum(axis=1, keepdims=True), 1e-4)
        return float(((q - p) * np.log(q / p)).sum())


class KolmogorovSmirnov(ScoreDetector):
    """SciPy's two-sample test of numbers and chi-square test of texts: the p-value times the columns, below .05 by Bonferroni."""

    default = transform_p_value(0.05)

    def fit(self, baseline: list[Columns]) -> None:
        self.baseline = {name: drop_missing(values) for name, values in concatenate(baseline).items()}

    def compute_score(self, name: str, values: Values) -> float:
        present = drop_missing(values)
        if not len(present):
            return 0.0
        return transform_p_value(self.compute_p_value(name, present) * self.stream.columns)

    def compute_p_value(self, name: str, values: Values) -> float:
        before = self.baseline[name]
        if not is_text(values):
            return float(stats.ks_2samp(before, values, method="asymp").pvalue)
        counts = align_counts(Counter(before), Counter(values))
        if counts.shape[1] < 2:
            return 1.0
        return float(stats.chi2_contingency(counts).pvalue)


class DataValidation(ScoreDetector):
    """TFDV's skew comparators: Jensen-Shannon divergence of numbers' histograms of ten buckets, L-infinity of texts.

    Its guide has limits of .01.
    """

    default = 0.01

    def fit(self, baseline: list[Columns]) -> None:
        self.baseline = concatenate(baseline)

    def compute_score(self, name: str, values: Values) -> float:
        samples = [drop_missing(self.baseline[name]), drop_missing(values)]
        if not all(map(len, samples)):
            return 0.0
        if is_text(values):
            return l_infinity_categorical(*align_counts(*map(Counter, samples)))
        return js_divergence(*count_histogram_cells(*map(make_histogram, samples)))


def make_histogram(values: Values) -> Histogram:
    finite = values[np.isfinite(values)]
    edges = np.linspace(finite.min(), finite.max(), 11)
    if edges[0] == edges[-1]:
        return Histogram(edges[:1], edges[:1], np.array([float(len(finite))]))
    counts, edges = np.histogram(finite, edges)
    return Histogram(edges[:-1], edges[1:], counts.astype(float))


class MetricSeries(Detector):
    """Deequ's strategies with their defaults on Size, Completeness, Mean, StandardDeviation and CountDistinct of windows.

    Source: BatchNormalStrategy, OnlineNormalStrategy and RelativeRateOfChangeStrategy (from .5 to 2) of Deequ.
    """

    def __init__(self, stream: StreamDescription, strategy: str) -> None:
        super().__init__(stream)
        self.strategy = strategy

    def fit(self, baseline: list[Columns]) -> None:
        self.series = np.array([self.measure(window) for window in baseline])

    def measure(self, columns: Columns) -> list[float]:
        metrics = {(ROW_COUNT, "Size"): float(len(columns["x"]))}
        for name, values in columns.items():
            present = drop_missing(values)
            metrics[name, "Completeness"] = len(present) / len(values)
            if is_text(values):
                metrics[name, "CountDistinct"] = float(len({*present}))
            else:
                metrics[name, "Mean"] = float(np.mean(present))
                metrics[name, "StandardDeviation"] = float(np.std(present))
        self.names = [name for name, _ in metrics]
        return [*metrics.values()]

    def check(self, window: Window) -> Alarms:
        now = np.nan_to_num(np.array(self.measure(window.columns)))
        ratios = {
            "BatchNormal": self.compare_batch,
            "OnlineNormal": self.compare_online,
            "RelativeRateOfChange": self.compare_rate,
        }[self.strategy](now)
        self.series = np.vstack((self.series, now))
        scores = dict.fromkeys(self.names, 0.0)
        for name, ratio in zip(self.names, ratios, strict=True):
            scores[name] = max(scores[name], float(np.nan_to_num(ratio, posinf=1e9)))
        return make_alarms(scores, 1.0)

    def compare_batch(self, now: Values) -> Values:
        """Distances from the mean of all windows before, in three of their deviations."""
        room = 3 * self.series.std(axis=0, ddof=1)
        return np.abs(now - self.series.mean(axis=0)) / (room + 1e-9 * np.abs(now) + 1e-300)

    def compare_online(self, now: Values) -> Values:
        """The same of all windows and this one. It forgets anomalies in the interval that it is asked for: the newest alone."""
        series = np.vstack((self.series, now))
        room = 3 * series.std(axis=0)
        return np.abs(now - series.mean(axis=0)) / (room + 1e-9 * np.abs(now) + 1e-300)

    def compare_rate(self, now: Values) -> Values:
        """Logarithms of the rate, in that of 2; of a sign that changes infinitely many."""
        rate = now / self.series[-1]
        return np.where(rate > 0, np.abs(np.log2(np.where(rate > 0, rate, 1.0))), np.where(np.isnan(rate), 0.0, np.inf))
