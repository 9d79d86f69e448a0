"""Entrants of the leaderboard that are written anew have the numbers of the originals, or of their papers' formulas."""

import numpy as np
import pytest
from tests.unit.leaderboard_modules import importing_modules

MODULES = ("laws", "detectors", "rule_adapters", "sequential_adapters")


@pytest.fixture(scope="module")
def adapters():
    with importing_modules(MODULES) as modules:
        yield modules


@pytest.fixture
def stream(adapters):
    return adapters["detectors"].StreamDescription("", 3, 24, None)


def make_rows(count, shift):
    """Sequences without chance, so that the original could be given the same."""
    index = np.arange(count)
    x = (index * 0.61803398875) % 1.0 * 10 + shift
    steps = index * 7 + (index % 3 if shift else 0)
    texts = np.array(["a", "b", "c", "d"], dtype=object)[steps % 4]
    y = ((index * 0.41421356) % 1.0) ** 2 * (1 + shift)
    y[index % 10 == 0] = np.nan
    return {"x": x, "t": texts, "y": y}


TFDV_DISTANCES = {"x": 0.04985549950703014, "t": 0.0025000000000000022, "y": 0.10675628160308447}


def test_tfdv(adapters, stream):
    """What the drift comparators of tensorflow-data-validation 1.16.1 measure of the same frames."""
    detector = adapters["rule_adapters"].DataValidation(stream)
    detector.fit([make_rows(1_000, 0.0)])
    window = make_rows(800, 0.5)
    scores = {name: detector.compute_score(name, values) for name, values in window.items()}

    assert scores == pytest.approx(TFDV_DISTANCES, rel=0.01)


def test_pit_monitor(adapters, stream):
    """What pitmon at ad426c0, the paper's version, has as its evidence after so many transforms, with the same draws for ties."""
    detector = adapters["sequential_adapters"].PITMonitor(stream)
    detector.fit([{"x": np.arange(10.0)}])
    detector.random = np.random.default_rng(1)
    evidence = []
    for index in range(300):
        transform = (index * 0.61803398875) % 1.0
        if index >= 150:
            transform = transform**3
        if index % 10 == 0:
            transform = 0.25
        evidence.append(detector.add_transform(transform))

    assert evidence[0] == pytest.approx(-0.6931471805599453)
    assert evidence[1] == pytest.approx(-0.4154154389613325)
    assert evidence[49] == pytest.approx(-5.269048025464525)
    assert evidence[149] == pytest.approx(-7.565912245798024)
    assert evidence[199] == pytest.approx(-7.932939807292555)
    assert evidence[299] == pytest.approx(-8.762070145642431)


def test_e_detector(adapters, stream):
    """Shin, Ramdas and Rinaldo's definition: of each row as a beginning the product of all factors since, added up."""
    detector = adapters["sequential_adapters"].EDetector(stream)
    errors = np.array([0.0, 1.0, 0.0, 0.0] * 50)
    detector.fit([{"x": errors}, {"x": errors}])
    window = np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    score = detector.measure_evidence({"x": window})
    sums = []
    for end in range(1, 6):
        by_bet = []
        for bet in detector.bets:
            factors = 1 + bet * (window[:end] / detector.mean - 1)
            products = [factors[begin:].prod() for begin in range(end)]
            by_bet.append(sum(products))
        sums.append(np.mean(by_bet))

    standard_error = np.sqrt(0.25 * 0.75 / 400)
    assert detector.mean == pytest.approx(0.25 + 2 * standard_error)
    assert score == pytest.approx(np.log(max(sums)))
    assert detector.limit == pytest.approx(np.log(720 * 200))


def test_e_values_are_at_most_one_on_the_average_before_a_change(adapters, stream):
    detector = adapters["sequential_adapters"].EDetector(stream)
    errors = (np.arange(1_000) % 4 == 0).astype(float)
    detector.fit([{"x": errors}])
    factors = 1 + detector.bets * (errors[:, None] / detector.mean - 1)

    assert (factors.mean(axis=0) <= 1).all()


def test_watch(adapters, stream, monkeypatch):
    """The weighted conformal p-value of Tibshirani et al. 2019, and the martingale that bets on it, row by row."""
    detector = adapters["sequential_adapters"].WeightedMartingale(stream)
    random = np.random.default_rng(5)
    errors = random.integers(0, 2, 4_050).astype(float)
    feature = random.normal(size=4_050)
    baseline = {"x": errors[50:], "feature": feature[50:]}
    window = {"x": errors[:50], "feature": feature[:50] + 1}
    detector.fit([baseline, baseline])
    weights = random.exponential(size=detector.rows)
    weights_of_window = random.exponential(size=50)
    # With weights as if from a regression
    monkeypatch.setattr(detector, "estimate_weights", lambda features: (weights, weights_of_window))
    score = detector.measure_evidence(window)
    # Row by row
    draws = np.random.default_rng(1).random(50)
    walks = np.zeros(2)
    highest = 0.0
    for error, weight, draw in zip(window["x"], weights_of_window, draws, strict=True):
        above = weights[detector.errors > error].sum()
        equal = weights[detector.errors == error].sum()
        total = weights.sum() + weight
        # Ties by chance
        at_most = above + draw * (equal + weight)
        p_value = at_most / total
        bet = p_value - 0.5
        factors = np.array([1 - bet, 1 + bet])
        walks = np.maximum(walks + np.log(factors), 0)
        evidence = np.exp(walks).mean()
        highest = max(highest, np.log(evidence))

    assert score == pytest.approx(highest)


def test_weights_of_watch_are_likelihood_ratios(adapters, stream):
    """Of normal features whose mean moves by one they are exp(x - 1/2), but for a factor."""
    detector = adapters["sequential_adapters"].WeightedMartingale(stream)
    random = np.random.default_rng(3)
    errors = random.random(4_000)
    feature = random.normal(size=4_000)
    detector.fit([{"x": errors, "feature": feature}])
    moved = random.normal(1, 1, (4_000, 1))
    features = (moved - detector.centre) / detector.deviation
    weights, _ = detector.estimate_weights(features)
    x = detector.features[:, 0] * detector.deviation
    slope, _ = np.polyfit(x, np.log(weights), 1)

    assert slope == pytest.approx(1, abs=0.1)
