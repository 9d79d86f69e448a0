"""Columns that moved by one position are named with their direction; healthy and drifted windows get no such hint."""

import numpy as np
import pandas as pd
import pytest
from tests.unit.records.captured_lines import format_capture

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring

from .comparisons import texts
from .test_hints import list_hints

ROWS = 300


def draw_law(random):
    """A column's law at random: a function of a generator and a number of rows."""
    kind = random.choice(["normal", "lognormal", "uniform", "whole", "flag", "words"])
    center = random.normal(0, 1000)
    words = [f"{letter}{random.integers(1000)}" for letter in "abcd"[: random.integers(2, 5)]]
    spread = abs(center) * random.uniform(0.02, 0.2)
    share = random.uniform(0.1, 0.9)
    return {
        "normal": lambda draws, rows: draws.normal(center, spread, rows),
        "lognormal": lambda draws, rows: draws.lognormal(center / 200, 0.5, rows),
        "uniform": lambda draws, rows: draws.uniform(center, center + spread, rows),
        "whole": lambda draws, rows: draws.poisson(abs(center), rows),
        "flag": lambda draws, rows: (draws.random(rows) < share).astype(int),
        "words": lambda draws, rows: draws.choice(words, rows),
    }[kind]


def draw_table(random, laws, rows=ROWS):
    return texts(**{f"c{number}": [str(cell) for cell in law(random, rows)] for number, law in enumerate(laws)})


def draw_laws(seed):
    random = np.random.default_rng([seed, 65])
    return random, [draw_law(random) for _ in range(random.integers(6, 21))]


def find_hints(current, baseline):
    return [hint for hint in list_hints(current, baseline, by_position=True) if hint.hint != "not_numbers"]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("direction", ["right", "left"])
def test_a_shift_by_one_is_named_with_its_direction(seed, direction):
    random, laws = draw_laws(seed)
    new = draw_law(random)
    if direction == "right":
        moved = [new, *laws[:-1]]
    else:
        moved = [*laws[1:], new]

    [hint] = find_hints(draw_table(random, moved), draw_table(random, laws, 2 * ROWS))

    assert hint.hint == "shifted_columns"
    assert hint.description.startswith(
        f"the columns look shifted by one to the {direction}: {len(hint.features)} of them"
    )
    assert len(hint.features) >= 3


@pytest.mark.parametrize("seed", range(12))
def test_healthy_and_drifted_columns_are_not_shifted(seed):
    random, laws = draw_laws(seed)
    baseline = draw_table(random, laws, 2 * ROWS)
    drifted = [draw_law(random) if random.random() < 0.5 else law for law in laws]

    assert find_hints(draw_table(random, laws), baseline) == []
    assert find_hints(draw_table(random, drifted), baseline) == []


def draw_flowers(random, rows):
    """Four lengths, which are alike, and a class."""
    species = random.integers(0, 3, rows)
    means = np.array([[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]])
    spreads = [0.35, 0.35, 0.3, 0.15]
    lengths = means[species] + random.normal(size=(rows, 4)) * spreads
    return [*lengths.clip(0.1).round(1).T, species]


def make_flowers(columns):
    return texts(**{f"c{number}": [f"{cell:g}" for cell in column] for number, column in enumerate(columns)})


@pytest.mark.parametrize("positions", [1, -1])
def test_columns_that_are_alike_are_shifted_and_longer_ones_are_not(positions):
    random = np.random.default_rng(10)
    baseline = make_flowers(draw_flowers(random, 2 * ROWS))
    flowers = draw_flowers(random, ROWS)
    moved = flowers[-positions:] + flowers[:-positions]
    longer = [*(column + 0.7 for column in flowers[:4]), flowers[4]]

    assert [hint.hint for hint in find_hints(make_flowers(moved), baseline)] == ["shifted_columns"]
    assert find_hints(make_flowers(longer), baseline) == []


@pytest.mark.parametrize("positions", [1, -1], ids=["right", "left"])
def test_a_shift_below_a_header_is_one_sentence(positions, tmp_path):
    random = np.random.default_rng(11)

    def write(name, columns):
        rows = zip(*([f"{cell:g}" for cell in column] for column in columns), strict=True)
        path = tmp_path / name
        path.write_text("\n".join(map(",".join, [("sepal", "width", "petal", "petal_width", "species"), *rows])))
        return str(path)

    monitor = DataQualityMonitor()
    baseline = run_baseline(write("baseline.csv", draw_flowers(random, 2 * ROWS)), monitor, engine="local")
    flowers = draw_flowers(random, ROWS)
    findings = run_monitoring(
        write("window.csv", flowers[-positions:] + flowers[:-positions]), monitor, baseline, engine="local"
    )

    direction = "right" if positions == 1 else "left"
    sentence = f"5 of 5 features changed: the columns look shifted by one to the {direction}."
    assert f"{sentence} Next: write each value below its own name" in str(findings)
    healthy = run_monitoring(write("healthy.csv", draw_flowers(random, ROWS)), monitor, baseline, engine="local")
    assert "shifted" not in str(healthy)


def test_captures_with_the_output_first_beside_a_baseline_with_the_label_last(tmp_path):
    """Case g: https://github.com/aws/sagemaker-python-sdk/issues/3277"""
    random = np.random.default_rng(27)

    def draw_inputs():
        numbers = random.normal([100, 1000, 0], [5, 30, 1])
        return ",".join([*(f"{number:.2f}" for number in numbers), random.choice([*"abc"])])

    # The baseline has the label last, the records have the output first
    rows = [f"{draw_inputs()},{random.integers(2)}" for _ in range(400)]
    (tmp_path / "baseline.csv").write_text("age,income,z,plan,label\n" + "\n".join(rows) + "\n")
    with (tmp_path / "captures.jsonl").open("w") as file:
        for number in range(400):
            score = f"{random.random():.3f}"
            file.write(format_capture(draw_inputs(), score, f"event-{number}", "2024-03-04T20:00:00Z"))

    monitor = DataQualityMonitor()
    baseline = run_baseline(str(tmp_path / "baseline.csv"), monitor, engine="local")
    captures = str(tmp_path / "captures.jsonl")
    findings = run_monitoring(captures, monitor, baseline, engine="local", dataset_format="capture")

    # The values say which columns these are
    [hint] = findings.hints
    assert (hint.hint, hint.features) == ("column_roles", ("label", "prediction"))
    assert hint.description.startswith("'label' is in the baseline and never in traffic: taken for the label")
    assert findings.count == 0


def draw_customers(random, rows):
    numbers = {
        "score": random.random(rows),
        "age": random.integers(18, 80, rows),
        "income": random.normal(3000, 500, rows),
    }
    frame = pd.DataFrame(numbers)
    frame["plan"] = random.choice(list("abc"), rows)
    frame["visits"] = random.poisson(3, rows)
    frame["balance"] = random.normal(0, 1, rows)
    frame["region"] = random.choice(["north", "south"], rows)
    return frame


@pytest.mark.parametrize("position", [4, 5, 7])
def test_a_column_that_captures_have_more_is_named_by_its_place(position, tmp_path):
    random = np.random.default_rng(31)
    window = draw_customers(random, ROWS)
    neighbour = window.columns[position - 1]
    window.insert(position, "new", random.integers(1_000, 9_000, ROWS))
    # The first column is the answer
    captures = tmp_path / "captures.jsonl"
    with captures.open("w") as file:
        for number, row in enumerate(window.astype(str).to_numpy()):
            file.write(format_capture(",".join(row[1:]), row[0], f"event-{number}", "2024-03-04T20:00:00Z"))
    monitor = DataQualityMonitor()
    baseline = run_baseline(draw_customers(random, 2 * ROWS), monitor, engine="local")

    findings = run_monitoring(str(captures), monitor, baseline, dataset_format="capture", engine="local")

    [hint] = [hint for hint in findings.hints if hint.hint == "shifted_columns"]
    assert hint.description.endswith(f"it looks inserted behind {neighbour!r}; leave it out")
