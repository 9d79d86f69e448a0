"""A bucket of rows against a loop over all pairs of captures and labels."""

from __future__ import annotations

import json
import random

import numpy as np
import pyarrow as pa
import pytest
from tests.rotation import every_combination
from tests.unit.merging.lines import joined

from spark_model_monitor.running.merging import joining
from spark_model_monitor.running.merging.hourly_sources import FileNumbers, HourFolder, LineKind
from spark_model_monitor.running.merging.joining import AbsentLabel, LabelHours
from spark_model_monitor.running.merging.merge_rows import Counts, Role, format_json_texts, make_rows
from spark_model_monitor.statistics.states.hashing import hash_texts

PARTS = FileNumbers(("churn/A", "spam/A"), slices=2)
FIRST = 474001
LAST = 474006
NAMES = ("key", "branch", "hour", "time", "event", "text", "score", "label", "absent", "rank", "block", "record")
TYPES = {"branch": pa.int32(), "rank": pa.int32(), "absent": pa.bool_()}


def rows(role, dicts):
    if not dicts:
        return []
    texts = ("key", "event", "text", "score")
    columns = {
        name: pa.array([row.get(name) for row in dicts], pa.string() if name in texts else TYPES.get(name, pa.int64()))
        for name in NAMES
    }
    return [make_rows(role, columns)]


def compute_hash(text):
    return hash_texts(pa.array([text])).view("int64").tolist()[0]


def some_bucket(seed):
    """Few ids, so that they meet; labels that repeat and contradict each other; files in no hour."""
    rng = random.Random(seed)
    ids = [f"id {number}" for number in range(6)]
    captures = [
        {
            "key": rng.choice(ids),
            "branch": rng.randrange(2),
            "hour": (hour := rng.randint(FIRST, LAST)),
            "time": hour * 3_600_000_000 + rng.randrange(3_600_000_000),
            "event": f"event-{number}",
            "text": f'{{"n":{number}',
            "score": rng.choice([None, "0.5"]),
        }
        for number in range(rng.randrange(12))
    ]
    hours = [None, *sorted(rng.randint(FIRST - 4, LAST + 4) for _ in range(5))]  # of each file, in their order
    labels = [
        {
            "key": rng.choice(ids),
            "hour": hours[(rank := rng.randrange(6))],
            "rank": rank,
            "block": rng.randrange(2),
            "record": number,
            "text": rng.choice(['{"data":"0"}', '{"data":"1"}']),
        }
        for number in range(rng.randrange(20))
    ]
    remembered = [
        {
            "key": rng.choice(ids),
            "branch": rng.randrange(2),
            "hour": rng.randint(FIRST - 3, LAST),
            "label": (label := rng.choice([None, compute_hash('{"data":"0"}'), compute_hash('{"data":"1"}')])),
            "absent": True if label is None and rng.random() < 0.3 else None,
        }
        for _ in range(rng.randrange(10))
    ]
    return captures, labels, remembered


def last_label(labels, key, hour, label_hours):
    """C11.14: the last by file, place and record of those that are near enough."""
    near = [
        label
        for label in labels
        if label["key"] == key
        and (
            label_hours is None
            or hour is None
            or label["hour"] is None
            or abs(label["hour"] - hour) <= label_hours.max_delay_hours
        )
    ]
    return max(near, key=lambda label: (label["rank"], label["block"], label["record"]), default=None)


@pytest.mark.long
@every_combination(label_hours=[None, LabelHours(2, FIRST, LAST)], absent=[AbsentLabel("9", 1, LAST), None])
def test_every_capture_meets_its_last_label_and_everything_is_counted(label_hours, absent):
    for seed in range(150):
        captures, labels, remembered = some_bucket(seed)
        if label_hours:
            before = [capture for capture in remembered if capture["hour"] >= FIRST]
        else:
            before = []
        if label_hours:
            earlier = [capture for capture in remembered if capture["hour"] < FIRST]
        else:
            earlier = []
        inputs = (Role.LABEL, labels), (Role.EARLIER, earlier), (Role.BEFORE, before), (Role.CAPTURE, captures)
        batches = [batch for role, dicts in inputs for batch in rows(role, dicts)]
        if not batches:
            continue

        lines, counts = joined(batches, PARTS, label_hours=label_hours, absent=absent, since=FIRST)

        assert {key: sorted(texts) for key, texts in lines.items()} == expected_lines(
            captures, labels, label_hours, absent
        )
        expected = expected_counts(captures, labels, before, earlier, label_hours, absent)
        assert {key: count for key, count in counts.items() if count} == expected, seed


def test_captures_are_written_to_the_slice_of_their_time():
    """Of the halves of an hour."""
    hour = {"branch": 0, "hour": FIRST}
    captures = [
        {**hour, "key": f"id {minute}", "time": (FIRST * 60 + minute) * 60_000_000, "event": "event", "text": "{"}
        for minute in (0, 29, 30, 59)
    ]
    lines = pa.Table.from_batches(joining.Join(PARTS)(rows(Role.CAPTURE, captures))).to_pylist()
    slices = {
        json.loads(line["text"])["id"]: PARTS.read(line["part"])[2]
        for line in lines
        if PARTS.read(line["part"])[0] is LineKind.WAITING
    }

    assert slices == {"id 0": 0, "id 29": 0, "id 30": 1, "id 59": 1}


def outcome(capture, labels, label_hours, absent):
    label = last_label(labels, capture["key"], capture["hour"], label_hours)
    if label is not None:
        return "labelled", label
    return ("absent" if absent and capture["hour"] + 2 <= LAST else "waiting"), None


def expected_lines(captures, labels, label_hours, absent):
    lines = {}
    for capture in captures:
        kind, label = outcome(capture, labels, label_hours, absent)
        hour = HourFolder(PARTS.branches[capture["branch"]], capture["hour"])
        if label:
            truth = label["text"]
        else:
            truth = absent and absent.truth
        if kind != "waiting":
            lines.setdefault((LineKind.MERGED, hour), []).append(f'{capture["text"]},"groundTruthData":{truth}}}')
        members = {
            "id": capture["key"],
            "label": label and compute_hash(label["text"]),
            "absent": True if kind == "absent" else None,
            "score": capture["score"],
        }
        if kind != "labelled" or label_hours is not None:
            text = json.dumps(
                {name: value for name, value in members.items() if value is not None}, separators=(",", ":")
            )
            lines.setdefault((LineKind[kind.upper()], hour), []).append(text)
    return {key: sorted(texts) for key, texts in lines.items()}


def expected_counts(captures, labels, before, earlier, label_hours, absent):
    counts = Counts()
    for capture in captures:
        kind, _ = outcome(capture, labels, label_hours, absent)
        counts[kind, capture["branch"], capture["hour"]] += 1
    counts[("with the id of another",)] = len(captures) - len({row["key"] for row in captures})
    inside = [
        label for label in labels if label_hours is None or label["hour"] is None or FIRST <= label["hour"] <= LAST
    ]
    counts[("labels outside_window",)] = len(labels) - len(inside)
    met = {row["key"] for row in captures if outcome(row, labels, label_hours, absent)[0] == "labelled"}
    for key in {label["key"] for label in inside}:
        texts = [label["text"] for label in inside if label["key"] == key]
        counts[("labels ids",)] += 1
        counts[("labels repeated" if len(set(texts)) == 1 else "labels contradicted",)] += len(texts) - 1
        counts[("labels matched",)] += key in met
        counts[("labels matched earlier",)] += key not in met and key in {row["key"] for row in earlier}
    for capture in earlier:
        new = hours_last_labels(capture, labels)
        due = absent and capture["hour"] + 2 <= LAST and capture["label"] is None and capture["absent"] is None
        counts["news", capture["branch"], capture["hour"]] += bool(due) or any(
            label != capture["label"] for label in new
        )
    for capture in before:
        counts["remembered", capture["branch"], capture["hour"]] += 1
    keys = {(row["branch"], row["hour"], row["key"]) for row in captures}
    for capture_key in {(row["branch"], row["hour"], row["key"]) for row in before} & keys:
        count_changes(counts, capture_key, before, labels, label_hours, absent)
    return {key: count for key, count in counts.items() if count}


def hours_last_labels(capture, labels):
    """Hashes of the last label of each hour of the window, or of no hour, of an id."""
    mine = [label for label in labels if label["key"] == capture["key"]]
    last = {}
    for label in sorted(mine, key=lambda label: (label["rank"], label["block"], label["record"])):
        last[label["hour"]] = compute_hash(label["text"])
    return [label for hour, label in last.items() if hour is None or hour >= FIRST]


def count_changes(counts, capture_key, before, labels, label_hours, absent):
    branch, hour, key = capture_key
    same = [capture for capture in before if (capture["branch"], capture["hour"], capture["key"]) == capture_key]
    was = max((capture["label"] for capture in same if capture["label"] is not None), default=None)
    was_absent = any(capture["absent"] for capture in same)
    kind, label = outcome({"key": key, "hour": hour}, labels, label_hours, absent)
    now = compute_hash(label["text"]) if label else None
    counts["added", branch, hour] += was is None and now is not None
    counts["changed", branch, hour] += was is not None and now is not None and was != now
    counts["came absent", branch, hour] += was is None and not was_absent and kind == "absent"
    counts["captures before", branch, hour] += len(same)
    counts["labelled before", branch, hour] += len(same) * (was is not None)


@pytest.mark.parametrize(
    "text", ["", "plain", 'a "quoted" one', "back\\slash", "tab\t", "\x1f", "süß", "\U0001f600", None]
)
def test_texts_are_written_as_json_writes_them_alone_and_beside_others(text):
    for neighbours in ([], ["x"] * 5):
        formatted = format_json_texts(pa.array([*neighbours, text, *neighbours], pa.string())).to_pylist()
        assert formatted[len(neighbours)] == (None if text is None else json.dumps(text, ensure_ascii=False))


def test_counts_come_back_from_their_text():
    counts = Counts({("waiting", 1, 2): 3, ("labels ids",): 4, ("news", 0, 5): 0})

    assert Counts.parse_text(counts.text) == {("waiting", 1, 2): 3, ("labels ids",): 4}


def test_texts_whose_hashes_are_equal_have_numbers_of_their_own(monkeypatch):
    def hash_equally(texts):
        return hash_texts(texts) // np.uint64(2**63)

    monkeypatch.setattr(joining, "hash_texts", hash_equally)
    texts = ["a", "b", "a", "", "c", "b"]

    hashed, hashes, examples, numbers = joining._number_texts(pa.array(texts))

    assert hashed is not hash_equally
    assert hashes.tolist() == sorted(hashed(pa.array(["a", "b", "", "c"])).tolist())
    assert [texts[examples[number]] for number in numbers] == texts
