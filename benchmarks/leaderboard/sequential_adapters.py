"""Sequential tests of a model's errors from their papers, in our own words: e-detector, PITMonitor, and WATCH's martingale."""

from __future__ import annotations

import numpy as np
from detectors import Alarms, Detector, Window, is_text, make_alarms
from laws import Columns, Values, concatenate

MONTH = 720  # windows


class ErrorsDetector(Detector):
    """Evidence that grows from row to row; starts again after an alarm. limit: of its logarithm, where its authors alarm."""

    limit: float
    evidence: float

    def reset(self) -> None:
        raise NotImplementedError

    def measure_evidence(self, columns: Columns) -> float:
        """The highest logarithm of the evidence in a window."""
        raise NotImplementedError

    def check(self, window: Window) -> Alarms:
        alarms = make_alarms({"x": self.measure_evidence(window.columns)}, self.limit)
        if alarms.window:
            self.reset()
        return alarms


class EDetector(ErrorsDetector):
    """Shiryaev and Roberts' e-detector of a mean of bounded values that rises. Source: Shin, Ramdas and Rinaldo 2023.

    Errors x in [0, 1] with a mean of at most m have E[1 + b (x / m - 1)] <= 1 for bets b in [0, 1). The evidence is
    M = (1 + b (x / m - 1)) (M + 1), averaged over bets. Where it alarms at the rows of 720 windows, so many pass on the average
    before a false alarm.
    """

    bets = np.array([0.01, 0.03, 0.1, 0.3])

    def fit(self, baseline: list[Columns]) -> None:
        errors = concatenate(baseline)["x"]
        self.scale = float(errors.max())
        standard_error = float(errors.std()) / np.sqrt(len(errors))
        self.mean = (float(errors.mean()) + 2 * standard_error) / self.scale
        self.limit = np.log(MONTH * len(errors) / len(baseline))
        self.reset()

    def reset(self) -> None:
        self.sums = np.zeros(len(self.bets))

    def measure_evidence(self, columns: Columns) -> float:
        errors = np.minimum(columns["x"] / self.scale, 1.0)
        highest = 0.0
        for factors in 1 + self.bets * (errors[:, None] / self.mean - 1):
            self.sums = factors * (self.sums + 1)
            highest = max(highest, float(self.sums.mean()))
        return float(np.log(highest))


class PITMonitor(ErrorsDetector):
    """Exchangeability of probability integral transforms, here of errors under the baseline's distribution.

    Source: Farran 2026, arXiv 2603.13156. Each is ranked among those so far, ties by chance: a rank's e-value is how often such
    ranks came before, in 100 bins. The evidence of a change at any time is M = e (M + w) with weights w = 1 / (t (t + 1)). It
    alarms at 20.
    """

    limit = float(np.log(20))
    bins = 100

    def fit(self, baseline: list[Columns]) -> None:
        self.baseline = np.sort(concatenate(baseline)["x"])
        self.random = np.random.default_rng(1)
        self.reset()

    def reset(self) -> None:
        self.evidence = 0.0
        self.transforms = np.empty(0)
        self.counts = np.ones(self.bins)

    def measure_evidence(self, columns: Columns) -> float:
        errors = columns["x"]
        low = np.searchsorted(self.baseline, errors, "left")
        high = np.searchsorted(self.baseline, errors, "right")
        transforms = self.random.uniform(low, high) / len(self.baseline)
        return max(map(self.add_transform, transforms.tolist()))

    def add_transform(self, transform: float) -> float:
        """The logarithm of the evidence after one more."""
        low = int(np.searchsorted(self.transforms, transform, "left"))
        high = int(np.searchsorted(self.transforms, transform, "right"))
        self.transforms = np.insert(self.transforms, high, transform)
        count = len(self.transforms)
        rank = (low + self.random.uniform(0, high + 1 - low)) / count
        # What is bet on it, before it is counted
        position = min(int(rank * self.bins), self.bins - 1)
        e_value = self.bins * self.counts[position] / self.counts.sum()
        self.counts[position] += 1
        self.evidence = e_value * (self.evidence + 1 / (count * (count + 1)))
        return float(np.log(self.evidence))


class WeightedMartingale(ErrorsDetector):
    """WATCH's weighted conformal martingale: a change of the features alone is no alarm. Source: Prinster et al. 2025.

    An error's p-value among the baseline's has rows weighted by how much likelier their features are in the window, by a logistic
    regression on features of both. Betting that p-values are low or high gives factors with mean 1; the evidence is the highest
    of a martingale over its least value, as in CUSUM.
    """

    rows = 2_000  # of the baseline
    steps = 8  # of the regression
    bets = np.array([-1.0, 1.0])

    def fit(self, baseline: list[Columns]) -> None:
        table = concatenate(baseline)
        self.texts = {name: np.unique(values.astype(str)) for name, values in table.items() if is_text(values)}
        chosen = np.linspace(0, len(table["x"]) - 1, self.rows).astype(int)
        self.errors = table["x"][chosen]
        features = self.make_table(table)
        self.centre = features.mean(axis=0)
        self.deviation = features.std(axis=0) + 1e-12
        self.features = (features[chosen] - self.centre) / self.deviation
        rows_of_a_window = len(table["x"]) / len(baseline)
        self.limit = np.log(MONTH * rows_of_a_window)
        self.random = np.random.default_rng(1)
        self.reset()

    def reset(self) -> None:
        self.log_evidence = np.zeros(2)

    def make_table(self, columns: Columns) -> Values:
        """Features as numbers; of texts a column for each."""
        numbers = []
        for name, values in columns.items():
            if name in self.texts:
                numbers += [(values == text).astype(float) for text in self.texts[name]]
            elif name not in ("x", "label", "prediction"):
                numbers.append(values)
        return np.column_stack(numbers)

    def estimate_weights(self, features: Values) -> tuple[Values, Values]:
        """How much likelier the rows of the baseline and of the window are in the window. Source: Tibshirani et al. 2019."""
        table = np.vstack((self.features, features))
        table = np.column_stack((np.ones(len(table)), table))
        is_new = np.arange(len(table)) >= len(self.features)
        coefficients = np.zeros(table.shape[1])
        penalty = np.eye(table.shape[1])
        for _ in range(self.steps):
            chances = 1 / (1 + np.exp(-np.clip(table @ coefficients, -30, 30)))
            gradient = table.T @ (is_new - chances) - penalty @ coefficients
            curvature = (table.T * (chances * (1 - chances))) @ table + penalty
            coefficients = coefficients + np.linalg.solve(curvature, gradient)
        weights = np.exp(np.clip(table @ coefficients, -10, 10))
        return weights[~is_new], weights[is_new]

    def measure_evidence(self, columns: Columns) -> float:
        features = (self.make_table(columns) - self.centre) / self.deviation
        weights, weights_of_window = self.estimate_weights(features)
        order = np.argsort(self.errors)
        ordered = self.errors[order]
        sums = np.append(0.0, np.cumsum(weights[order]))
        errors = columns["x"]
        # Weighted shares of the baseline's errors above, and of equal ones by chance
        above = sums[-1] - sums[np.searchsorted(ordered, errors, "right")]
        equal = sums[-1] - sums[np.searchsorted(ordered, errors, "left")] - above
        drawn = self.random.random(len(errors))
        p_values = (above + drawn * (equal + weights_of_window)) / (sums[-1] + weights_of_window)
        highest = 0.0
        for p_value in p_values.tolist():
            self.log_evidence = np.maximum(self.log_evidence + np.log1p(self.bets * (p_value - 0.5)), 0.0)
            highest = max(highest, float(np.log(np.exp(self.log_evidence).mean())))
        return highest
