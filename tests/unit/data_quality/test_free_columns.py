"""Columns that no limit is about: free texts, repeated rows and ids, times as numbers. Healthy ones are silent, faults found."""

import math
from itertools import permutations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tests.rotation import every_combination

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.statistics.states import Repeats, RowRepeats, TextShapes, Words
from spark_model_monitor.statistics.states.hashing import xxhash64

WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "while",
    "seven",
    "wizards",
    "mix",
    "strong",
    "ale",
]
ROWS = 1_000
CHECKS = {"repeated_rows_check", "repeated_value_check", "text_length_check", "text_letters_check", "text_words_check"}
CHECKS |= {"time_unit_check", "text_new_words_check"}


def frame(rows, random, words=8):
    notes = [" ".join(random.choice(WORDS, count)) for count in random.poisson(words, rows).clip(1)]
    return pd.DataFrame(
        {
            "id": [f"{number:012x}" for number in random.integers(0, 2**48, rows)],
            "number": random.permutation(10 * rows)[:rows],
            "note": notes,
            "seen": random.integers(1_700_000_000, 1_700_003_600, rows),
            "spend": random.normal(20, 5, rows),
        }
    )


def with_shorter_words(window):
    window["note"] = ["_".join(note.split()) for note in window["note"]]


def with_digits(window):
    window["note"] = window["note"].str.translate(str.maketrans("aeiou", "43105"))


def with_other_words(window):
    """A quarter of the notes in another language, as long as the others."""
    replacements = dict(zip(WORDS, [*WORDS[1:], WORDS[0]], strict=True))
    window.loc[::4, "note"] = [
        " ".join(replacements[word][::-1] for word in note.split()) for note in window["note"][::4]
    ]


def with_repeated_ids(window):
    window.loc[:19, "id"] = window["id"].iloc[20:40].tolist()


def with_repeated_numbers(window):
    window.loc[:19, "number"] = window["number"].iloc[20:40].tolist()


def with_repeated_rows(window):
    window.iloc[:20] = window.iloc[20:40].to_numpy()


def with_milliseconds(window):
    window.loc[:19, "seen"] *= 1_000


FAULTS = {
    "text_words_check": ("note", with_shorter_words),
    "text_letters_check": ("note", with_digits),
    "text_new_words_check": ("note", with_other_words),
    "repeated_value_check": ("id", with_repeated_ids),
    "repeated_value_check of numbers": ("number", with_repeated_numbers),
    "repeated_rows_check": ("Repeated rows", with_repeated_rows),
    "time_unit_check": ("seen", with_milliseconds),
}


@pytest.fixture(scope="module")
def baseline():
    return run_baseline(frame(10_000, np.random.default_rng(1)), DataQualityMonitor(), engine="local")


def find_violations(baseline, window):
    findings = run_monitoring(window, DataQualityMonitor(), baseline, engine="local")
    return [
        (finding.feature, finding.check)
        for finding in findings.results
        if finding.is_violation and finding.check in CHECKS
    ]


@pytest.mark.parametrize(("feature", "plant"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found_by_its_check_alone(baseline, feature, plant, request):
    window = frame(ROWS, np.random.default_rng(2))
    assert find_violations(baseline, window) == []

    plant(window)

    assert find_violations(baseline, window) == [(feature, request.node.callspec.id.split()[0])]


def test_fewer_words_are_shorter_texts_and_one_violation(baseline):
    assert find_violations(baseline, frame(ROWS, np.random.default_rng(2), words=3)) == [("note", "text_length_check")]


def test_rows_that_repeat_are_reported_in_words():
    baseline = run_baseline(frame(1_000, np.random.default_rng(1)), DataQualityMonitor(), engine="local")
    window = frame(ROWS, np.random.default_rng(2))
    with_repeated_rows(window)

    findings = run_monitoring(window, DataQualityMonitor(), baseline, engine="local")

    # 20 of the 1,000 rows
    assert "are 2 % of the rows, surplus copies of other rows; none were" in findings.summary()


def test_rows_that_always_repeated_and_columns_of_few_values_are_silent():
    random = np.random.default_rng(3)
    data = pd.DataFrame({"kind": random.choice(["a", "b", "c"], 4_000), "size": random.integers(0, 9, 4_000)})
    before = run_baseline(data, DataQualityMonitor(), engine="local")

    findings = run_monitoring(data[:1_000], DataQualityMonitor(), before, engine="local")

    checks = {finding.check for finding in findings.results}
    assert checks & CHECKS == {"repeated_rows_check"}
    assert not findings.violations.violations


@every_combination(filling=["unknown", "not known"], rows=[4_000, 60_000])
def test_a_text_of_many_rows_is_in_a_sample_of_texts_as_often_as_in_the_rows(rows, filling):
    # The later blocks of many rows are not deduplicated
    ids = frame(rows, np.random.default_rng(5))["id"]
    ids[np.random.default_rng(6).random(rows) < 0.4] = filling
    shapes = run_baseline(ids.to_frame(), DataQualityMonitor()).state.features[0].state(TextShapes)

    assert shapes.texts == pytest.approx(rows / 4, rel=0.1)
    # four deviations of a share of 1,000
    assert shapes.characters / shapes.texts == pytest.approx(ids.str.len().mean(), abs=0.06 * (12 - len(filling)))


def test_a_text_of_many_rows_is_sampled_as_often_beside_others_as_apart():
    ids = frame(60_000, np.random.default_rng(7))["id"]
    ids[np.random.default_rng(8).random(60_000) < 0.4] = "not known"
    sorted_ids = ids.sort_values(key=lambda texts: texts != "not known")
    lengths = []
    for texts in (ids, sorted_ids):
        shapes = run_baseline(texts.to_frame(), DataQualityMonitor()).state.features[0].state(TextShapes)
        lengths.append(shapes.characters / shapes.texts)

    assert lengths == pytest.approx([ids.str.len().mean()] * 2, abs=0.1)


def draw_ids_beside_names(random, rows, names):
    """Six of ten rows have an id of their own, the others a name that many rows have."""
    ids = random.integers(10**6, 10**12, rows)
    return np.where(random.random(rows) < 0.6, ids, random.choice(names, rows))


@every_combination(sizes=[(20_000, 2_000), (60_000, 5_000), (200_000, 2_000)], num_names=[1, 600], kind=[int, str])
def test_values_of_many_rows_repeat_in_fewer_rows_too(sizes, num_names, kind):
    random = np.random.default_rng([9, *sizes, num_names])
    names = random.integers(10**6, size=num_names)
    monitor = DataQualityMonitor(find_causes=False)
    before, *windows = (
        pd.DataFrame({"id": draw_ids_beside_names(random, rows, names).astype(kind), "x": random.normal(size=rows)})
        for rows in (sizes[0], sizes[1], sizes[1])
    )
    baseline = run_baseline(before, monitor, engine="local")

    def find_checks(window):
        findings = run_monitoring(window, monitor, baseline, engine="local")
        return {finding.check for finding in findings.results if finding.is_violation}

    assert [find_checks(window) for window in windows] == [set(), set()]
    if num_names == 1:  # where many values repeat by nature, more are not found
        windows[0].loc[: len(windows[0]) // 4, "id"] = windows[0]["id"].to_numpy()[-len(windows[0]) // 4 - 1 :]
        assert "repeated_value_check" in find_checks(windows[0])


def test_values_that_repeat_are_no_fault_where_the_baseline_had_none():
    random = np.random.default_rng(10)
    x = random.normal(size=3_000)
    baseline = run_baseline(pd.DataFrame({"id": [None] * 3_000, "x": x}), DataQualityMonitor(), engine="local")

    window = pd.DataFrame({"id": random.choice(["a", "b"], 3_000), "x": random.normal(size=3_000)})
    findings = run_monitoring(window, DataQualityMonitor(), baseline, engine="local")

    # The values themselves are one
    violations = [
        (finding.feature, finding.check, finding.component) for finding in findings.results if finding.is_violation
    ]
    assert violations == [("id", "baseline_drift_check", "missing")]


def test_a_sample_of_rows_that_repeat_says_how_many_do():
    values = np.arange(200_000.0)
    hashes = xxhash64(np.concatenate((values, values[:20_000])))
    all_rows = RowRepeats().add_values(hashes)
    parts = [RowRepeats().add_values(part) for part in np.array_split(np.random.default_rng(4).permutation(hashes), 7)]

    assert sum(parts[1:], parts[0]) == all_rows
    assert 1_024 <= all_rows.different <= 2_048
    assert all_rows.different << all_rows.level == pytest.approx(200_000, rel=0.1)  # 1 / sqrt(1,024) is 3 %
    assert all_rows.repeated / all_rows.different == pytest.approx(0.1, abs=0.04)  # four deviations of a share of 1,024


def test_few_values_are_counted_one_by_one():
    values = xxhash64(np.array([1.0, 2.0, 2.0, 3.0]))

    assert (Repeats().add_values(values).different, Repeats().add_values(values).repeated) == (3, 1)


def test_the_words_of_a_text_count_as_one_that_was_drawn():
    """By hand: a baseline of 2,400 known words is 400 of six, a window of 1,200 is 200, and 200 new ones are 33: Fisher 1935."""
    orders = list(permutations("abcdefghij", 6))
    baseline = run_baseline(
        pd.DataFrame({"note": [" ".join(words) for words in orders[:400]]}), DataQualityMonitor(), engine="local"
    )
    # A sixth of the words is new
    window = pd.DataFrame({"note": [" ".join((*words[:5], "new")) for words in orders[-4_800::24]]})
    findings = run_monitoring(window, DataQualityMonitor(), baseline, engine="local")

    [finding] = [finding for finding in findings.results if finding.check == "text_new_words_check"]
    assert finding.p == pytest.approx(math.comb(200, 33) / math.comb(600, 33))


def test_words_are_counted_without_signs_and_case_and_those_that_are_new_beside_those_that_stand_once():
    """By hand: `salve` and `munde` stand nowhere in the first notes, of whose two words none stands once."""
    notes = [
        pa.table({"note": pa.array(texts * 10)})
        for texts in (["Hello, (world)", "hello world"], ["hello; salve munde"])
    ]
    states = [run_baseline(table, DataQualityMonitor()).state.features[0].state(Words) for table in notes]

    assert [sorted(state.counts.tolist()) for state in states] == [[20, 20], [10, 10, 10]]
    assert states[0].count_new_words(states[1]) == ((0, 40), (20, 30))
