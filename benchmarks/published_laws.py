"""Laws that others have published: streams with a model's errors, and series. numpy alone.

leaderboard/sources.tsv says where each is from.

A window with a model's errors has features, `label`, `prediction` and x, how far the prediction is from the label. It has twice
the rows, of which those that a fault leaves in the first half are shown: so the features' shares can shift without copies.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from laws import Columns, Draw, Law, Random, Values, choose, stateless

Features = dict[str, Values]

MODEL_NOISE = 0.05  # what a model knows a feature by, in shares of the feature's range


def start_errors(
    random: Random,
    draw_features: Callable[[Random, int], Features],
    compute_label: Callable[[Features], Values],
    noise: float,
    *,
    is_class: bool = True,
) -> Draw:
    """A model that knows the concept, but the features by their noise. noise: the share of flipped labels, or their deviation."""

    def window(number: int, rows: int) -> Columns:
        features = draw_features(random, 2 * rows)
        labels = compute_label(features)
        predictions = compute_label(blur(random, features))
        if is_class:
            is_flipped = random.random(2 * rows) < noise
            labels = np.where(is_flipped, 1 - labels, labels)
        else:
            labels = labels + random.normal(0, noise, 2 * rows)
        errors = np.abs(labels - predictions)
        return {"x": errors, **features, "prediction": predictions, "label": labels}

    return window


def blur(random: Random, features: Features) -> Features:
    """Features as a model knows them; texts it knows."""
    blurred = dict(features)
    for name, values in features.items():
        if values.dtype != object:
            deviation = MODEL_NOISE * float(values.max() - values.min())
            blurred[name] = values + random.normal(0, deviation, len(values))
    return blurred


def keep_half(random: Random, columns: Columns) -> Columns:
    """The rows that are shown."""
    rows = len(columns["x"]) // 2
    return {name: values[:rows] for name, values in columns.items()}


def draw_uniform(random: Random, rows: int, *, count: int, high: float) -> Features:
    """So many independent numbers from 0 to high."""
    return {f"feature {index}": random.uniform(0, high, rows) for index in range(count)}


def is_sum_low(features: Features) -> Values:
    """Labels of SEA: the third feature has no part in them."""
    total = features["feature 0"] + features["feature 1"]
    is_low = total <= 8
    return is_low.astype(float)


def draw_objects(random: Random, rows: int) -> Features:
    """Things that differ in three properties."""
    size = choose(random, ("small", "medium", "large"), rows)
    colour = choose(random, ("red", "green", "blue"), rows)
    shape = choose(random, ("square", "circle", "triangle"), rows)
    return {"size": size, "colour": colour, "shape": shape}


def is_small_and_red(features: Features) -> Values:
    """Labels of STAGGER's first concept."""
    is_small = features["size"] == "small"
    is_red = features["colour"] == "red"
    return (is_small & is_red).astype(float)


HYPERPLANE = np.linspace(0.1, 1.0, 10)


def is_above_plane(features: Features) -> Values:
    """Labels of the hyperplane, which has a weight for each feature."""
    table = np.column_stack([*features.values()])
    middle = HYPERPLANE.sum() / 2
    is_above = table @ HYPERPLANE >= middle
    return is_above.astype(float)


def is_below_sine(features: Features) -> Values:
    """Labels of SINE1."""
    sine = np.sin(features["feature 0"])
    is_below = features["feature 1"] < sine
    return is_below.astype(float)


def draw_mixed(random: Random, rows: int) -> Features:
    """Two numbers and two flags."""
    numbers = draw_uniform(random, rows, count=2, high=1.0)
    flags = random.integers(0, 2, (2, rows)).astype(float)
    return {**numbers, "flag 0": flags[0], "flag 1": flags[1]}


def is_mixed(features: Features) -> Values:
    """At least two of three conditions."""
    wave = np.sin(3 * np.pi * features["feature 0"])
    is_below_wave = features["feature 1"] < 0.5 + 0.3 * wave
    conditions = (features["flag 0"] > 0.5, features["flag 1"] > 0.5, is_below_wave)
    return (np.sum(conditions, axis=0) >= 2).astype(float)


EDUCATION = ("none", "school", "college", "master", "doctor")


def draw_borrowers(random: Random, rows: int) -> Features:
    """Applicants for a loan."""
    salary = random.uniform(20_000, 150_000, rows)
    commission = np.where(salary >= 75_000, 0.0, random.uniform(10_000, 75_000, rows))
    age = random.uniform(20, 80, rows)
    education = choose(random, EDUCATION, rows)
    loan = random.uniform(0, 500_000, rows)
    return {"age": age, "salary": salary, "commission": commission, "education": education, "loan": loan}


def is_young_or_old(features: Features) -> Values:
    """Labels of Agrawal's first function."""
    age = features["age"]
    is_young = age < 40
    is_old = age >= 60
    return (is_young | is_old).astype(float)


def draw_waves(random: Random, rows: int) -> Features:
    """Mixtures of two of three triangles, at 21 points."""
    points = np.arange(1, 22)
    peaks = np.array([[7], [15], [11]])
    distances = np.abs(points - peaks)
    triangles = np.maximum(6 - distances, 0)
    first = random.integers(0, 3, rows)
    second = (first + 1) % 3
    share = random.random((rows, 1))
    mixed = share * triangles[first] + (1 - share) * triangles[second]
    waves = mixed + random.normal(size=(rows, 21))
    return {f"point {index}": waves[:, index] for index in range(21)}


def has_first_triangle(features: Features) -> Values:
    """Whether the left of the wave is higher than its right."""
    table = np.column_stack([*features.values()])
    left = table[:, :8].sum(axis=1)
    right = table[:, 13:].sum(axis=1)
    return (left > right).astype(float)


def compute_friedman(features: Features) -> Values:
    """Labels of Friedman's first function, of five of the features."""
    a, b, c, d, e = (features[f"feature {index}"] for index in range(5))
    bend = 20 * (c - 0.5) ** 2
    product = 10 * np.sin(np.pi * a * b)
    return product + bend + 10 * d + 5 * e


# What becomes of a model's features and labels


def rank_rows(values: Values) -> Values:
    """From -1 to 1, for rows with a high value; of texts for those with the last in the alphabet."""
    if values.dtype == object:
        return np.where(values == max(values), 1.0, -1.0)
    order = np.argsort(values)
    ranks = np.argsort(order)
    return 2 * ranks / len(values) - 1


def prefer_rows(random: Random, columns: Columns, preference: Values) -> Columns:
    """All rows, those with a high preference rather at the front, which is shown. Source: Efraimidis and Spirakis 2006."""
    keys = random.exponential(size=len(preference)) / np.exp(preference)
    order = np.argsort(keys)
    return {name: values[order] for name, values in columns.items()}


def shift_covariate(random: Random, columns: Columns, feature: str, size: float) -> Columns:
    """Rows with a high feature are more."""
    return prefer_rows(random, columns, size * rank_rows(columns[feature]))


def shift_label(random: Random, columns: Columns, feature: str, size: float) -> Columns:
    """Rows with a high label are more, or with others fewer."""
    labels = columns["label"]
    signs = np.sign(labels - labels.mean())
    return prefer_rows(random, columns, size * signs)


def shift_concept(random: Random, columns: Columns, feature: str, share: float) -> Columns:
    """Of the rows with a high feature a share has the labels of others, which the model didn't learn."""
    is_high = rank_rows(columns[feature]) > 0
    is_drawn = random.random(len(is_high)) < share
    chosen = np.flatnonzero(is_high & is_drawn)
    labels = columns["label"].copy()
    labels[chosen] = labels[random.permutation(chosen)]
    errors = np.abs(labels - columns["prediction"])
    return {**columns, "label": labels, "x": errors}


SHIFTS: dict[str, Callable[[Random, Columns, str, float], Columns]] = {
    "covariate shift": shift_covariate,
    "label shift": shift_label,
    "concept shift": shift_concept,
}
SHIFT_SIZES = {
    "covariate shift": {"slight": 0.5, "strong": 2.0},
    "label shift": {"slight": 0.25, "strong": 1.0},
    "concept shift": {"10 %": 0.1, "40 %": 0.4},
}


# Series, whose rows follow one another


def draw_returns(random: Random, number: int, rows: int) -> Columns:
    """Returns whose variance follows the last return: GARCH(1, 1)."""
    normal = random.normal(size=rows)
    returns = np.zeros(rows)
    variance = 1.0
    for row in range(rows):
        deviation = np.sqrt(variance)
        returns[row] = deviation * normal[row]
        news = 0.1 * returns[row] ** 2
        variance = 0.05 + news + 0.85 * variance
    return {"x": returns}


def draw_waiting_times(random: Random, number: int, rows: int) -> Columns:
    """Of customers of one server that is busy for .7 of the time."""
    service = random.exponential(0.7, rows)
    pause = random.exponential(1.0, rows)
    walk = np.cumsum(service - pause)
    lowest = np.minimum.accumulate(np.minimum(walk, 0.0))
    return {"x": walk - lowest}


def start_mackey_glass(random: Random) -> Draw:
    """Chaotic, with a delay of 17 steps, measured with noise; goes on from window to window."""
    past = [*random.uniform(0.9, 1.1, 18)]

    def window(number: int, rows: int) -> Columns:
        for _ in range(rows):
            delayed = past[-18]
            production = 0.2 * delayed / (1 + delayed**10)
            past.append(0.9 * past[-1] + production)
        series = np.array(past[-rows:])
        del past[:-18]
        return {"x": series + random.normal(0, 0.02, rows)}

    return window


def draw_zipf_words(random: Random, number: int, rows: int) -> Columns:
    """Words of a vocabulary of 3,000, by Mandelbrot's law of ranks."""
    ranks = np.arange(1, 3_001)
    shares = 1 / (ranks + 2.7) ** 1.2
    shares /= shares.sum()
    words = random.choice(3_000, rows, p=shares)
    texts = [f"word-{word}" for word in words]
    return {"x": np.array(texts, dtype=object)}


def start_velocity(random: Random) -> Draw:
    """A level that returns to its mean within some hundred rows; goes on from window to window."""
    level = [0.0]

    deviation = np.sqrt(0.02)

    def window(number: int, rows: int) -> Columns:
        shocks = random.normal(0, deviation, rows)
        series = np.zeros(rows)
        for row in range(rows):
            pull = -0.01 * level[0]
            level[0] += pull + shocks[row]
            series[row] = level[0]
        return {"x": series}

    return window


def learn(
    draw_features: Callable[[Random, int], Features],
    compute_label: Callable[[Features], Values],
    noise: float,
    *,
    is_class: bool = True,
) -> Law:
    """A law of a model's errors."""
    start = partial(
        start_errors, draw_features=draw_features, compute_label=compute_label, noise=noise, is_class=is_class
    )
    return Law(start, finish=keep_half)


ERRORS: dict[str, Law] = {}  # of models
draw_three = partial(draw_uniform, count=3, high=10.0)
draw_ten = partial(draw_uniform, count=10, high=1.0)
draw_two = partial(draw_uniform, count=2, high=1.0)
ERRORS["SEA"] = learn(draw_three, is_sum_low, 0.1)
ERRORS["STAGGER"] = learn(draw_objects, is_small_and_red, 0.1)
ERRORS["hyperplane"] = learn(draw_ten, is_above_plane, 0.05)
ERRORS["sine"] = learn(draw_two, is_below_sine, 0.05)
ERRORS["mixed"] = learn(draw_mixed, is_mixed, 0.05)
ERRORS["Agrawal"] = learn(draw_borrowers, is_young_or_old, 0.05)
ERRORS["waveform"] = learn(draw_waves, has_first_triangle, 0.05)
ERRORS["Friedman"] = learn(draw_ten, compute_friedman, 1.0, is_class=False)

PUBLISHED = dict(ERRORS)
PUBLISHED["GARCH"] = stateless(draw_returns)
PUBLISHED["queue"] = stateless(draw_waiting_times)
PUBLISHED["Mackey-Glass"] = Law(start_mackey_glass)
PUBLISHED["Zipf-Mandelbrot"] = stateless(draw_zipf_words)
PUBLISHED["Ornstein-Uhlenbeck"] = Law(start_velocity)
