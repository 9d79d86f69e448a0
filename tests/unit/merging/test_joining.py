"""A bucket of rows against a loop over all pairs of captures and labels."""

from __future__ import annotations

import json
import random

import numpy as np
import pyarrow as pa
import pytest
from tests.unit.merging.lines import joined

from spark_model_monitor.running.merging import joining
from spark_model_monitor.running.merging.joining import AbsentLabel
from spark_model_monitor.running.merging.labels import Period
from spark_model_monitor.running.merging.rows import Counts, Role, json_texts, rows_of
from spark_model_monitor.running.merging.sources import HourFolder, Kind, Parts
from spark_model_monitor.statistics.states.hashing import hash_texts

PARTS = Parts(("churn/A", "spam/A"), slices=2)
FIRST = 474001
LAST = 474006
NAMES = ("key", "branch", "hour", "time", "event", "text", "score", "label", "absent", "rank", "block", "record")
TYPES = {"branch": pa.int32(), "rank": pa.int32(), "absent": pa.bool_()}


def rows(side, dicts):
    if not dicts:
        return []
    texts = ("key", "event", "text", "score")
    columns = {
        name: pa.array([one.get(name) for one in dicts], pa.string() if name in texts else TYPES.get(name, pa.int64()))
        for name in NAMES
    }
    return [rows_of(side, columns)]


def hash_of(text):
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
            "label": (label := rng.choice([None, hash_of('{"data":"0"}'), hash_of('{"data":"1"}')])),
            "absent": True if label is None and rng.random() < 0.3 else None,
        }
        for _ in range(rng.randrange(10))
    ]
    return captures, labels, remembered


def last_label(labels, key, hour, period):
    """C11.14: the last by file, place and record of those that are near enough."""
    near = [
        one
        for one in labels
        if one["key"] == key
        and (period is None or hour is None or one["hour"] is None or abs(one["hour"] - hour) <= period.hours)
    ]
    return max(near, key=lambda one: (one["rank"], one["block"], one["record"]), default=None)


@pytest.mark.parametrize("period", [None, Period(2, FIRST, LAST)], ids=["no period", "two hours"])
@pytest.mark.parametrize("absent", [None, AbsentLabel("9", 1, LAST)], ids=["waits", "absent after an hour"])
def test_every_capture_meets_its_last_label_and_everything_is_counted(period, absent):
    for seed in range(150):
        captures, labels, remembered = some_bucket(seed)
        if period:
            before = [one for one in remembered if one["hour"] >= FIRST]
        else:
            before = []
        if period:
            earlier = [one for one in remembered if one["hour"] < FIRST]
        else:
            earlier = []
        sides = (Role.LABEL, labels), (Role.EARLIER, earlier), (Role.BEFORE, before), (Role.CAPTURE, captures)
        batches = [batch for side, dicts in sides for batch in rows(side, dicts)]
        if not batches:
            continue

        lines, counts = joined(batches, PARTS, period=period, absent=absent, since=FIRST)

        assert {key: sorted(texts) for key, texts in lines.items()} == expected_lines(captures, labels, period, absent)
        wanted = expected_counts(captures, labels, before, earlier, period, absent)
        assert {key: count for key, count in counts.items() if count} == wanted, seed


def outcome(one, labels, period, absent):
    found = last_label(labels, one["key"], one["hour"], period)
    if found is not None:
        return "labelled", found
    return ("absent" if absent and one["hour"] + 2 <= LAST else "waiting"), None


def expected_lines(captures, labels, period, absent):
    lines = {}
    for one in captures:
        kind, found = outcome(one, labels, period, absent)
        hour = HourFolder(PARTS.branches[one["branch"]], one["hour"])
        if found:
            truth = found["text"]
        else:
            truth = absent and absent.truth
        if kind != "waiting":
            lines.setdefault((Kind.MERGED, hour), []).append(f'{one["text"]},"groundTruthData":{truth}}}')
        known = {
            "id": one["key"],
            "label": found and hash_of(found["text"]),
            "absent": True if kind == "absent" else None,
            "score": one["score"],
        }
        if kind != "labelled" or period is not None:
            text = json.dumps(
                {name: value for name, value in known.items() if value is not None}, separators=(",", ":")
            )
            lines.setdefault((Kind[kind.upper()], hour), []).append(text)
    return {key: sorted(texts) for key, texts in lines.items()}


def expected_counts(captures, labels, before, earlier, period, absent):
    counts = Counts()
    for one in captures:
        kind, _ = outcome(one, labels, period, absent)
        counts[kind, one["branch"], one["hour"]] += 1
    counts[("with the id of another",)] = len(captures) - len({one["key"] for one in captures})
    inside = [one for one in labels if period is None or one["hour"] is None or FIRST <= one["hour"] <= LAST]
    counts[("labels outside_window",)] = len(labels) - len(inside)
    met = {one["key"] for one in captures if outcome(one, labels, period, absent)[0] == "labelled"}
    for key in {one["key"] for one in inside}:
        texts = [one["text"] for one in inside if one["key"] == key]
        counts[("labels ids",)] += 1
        counts[("labels repeated" if len(set(texts)) == 1 else "labels contradicted",)] += len(texts) - 1
        counts[("labels matched",)] += key in met
        counts[("labels matched earlier",)] += key not in met and key in {one["key"] for one in earlier}
    for one in earlier:
        new = hours_last_labels(one, labels)
        due = absent and one["hour"] + 2 <= LAST and one["label"] is None and one["absent"] is None
        counts["news", one["branch"], one["hour"]] += bool(due) or any(found != one["label"] for found in new)
    for one in before:
        counts["remembered", one["branch"], one["hour"]] += 1
    here = {(one["branch"], one["hour"], one["key"]) for one in captures}
    for place in {(one["branch"], one["hour"], one["key"]) for one in before} & here:
        count_changes(counts, place, before, labels, period, absent)
    return {key: count for key, count in counts.items() if count}


def hours_last_labels(one, labels):
    """Hashes of the last label of each hour of the window, or of no hour, of an id."""
    mine = [label for label in labels if label["key"] == one["key"]]
    last = {}
    for label in sorted(mine, key=lambda label: (label["rank"], label["block"], label["record"])):
        last[label["hour"]] = hash_of(label["text"])
    return [found for hour, found in last.items() if hour is None or hour >= FIRST]


def count_changes(counts, place, before, labels, period, absent):
    branch, hour, key = place
    same = [one for one in before if (one["branch"], one["hour"], one["key"]) == place]
    was = max((one["label"] for one in same if one["label"] is not None), default=None)
    was_absent = any(one["absent"] for one in same)
    kind, found = outcome({"key": key, "hour": hour}, labels, period, absent)
    now = hash_of(found["text"]) if found else None
    counts["added", branch, hour] += was is None and now is not None
    counts["changed", branch, hour] += was is not None and now is not None and was != now
    counts["came absent", branch, hour] += was is None and not was_absent and kind == "absent"
    counts["captures before", branch, hour] += len(same)
    counts["labelled before", branch, hour] += len(same) * (was is not None)


@pytest.mark.parametrize(
    "text", ["", "plain", 'a "quoted" one', "back\\slash", "tab\t", "\x1f", "süß", "\U0001f600", None]
)
def test_texts_are_written_as_json_writes_them_alone_and_beside_others(text):
    for others in ([], ["x"] * 5):
        found = json_texts(pa.array([*others, text, *others], pa.string())).to_pylist()
        assert found[len(others)] == (None if text is None else json.dumps(text, ensure_ascii=False))


def test_counts_come_back_from_their_text():
    counts = Counts({("waiting", 1, 2): 3, ("labels ids",): 4, ("news", 0, 5): 0})

    assert Counts.of_text(counts.text) == {("waiting", 1, 2): 3, ("labels ids",): 4}


def test_texts_whose_hashes_are_equal_have_numbers_of_their_own(monkeypatch):
    def alike(texts):
        return hash_texts(texts) // np.uint64(2**63)

    monkeypatch.setattr(joining, "hash_texts", alike)
    texts = ["a", "b", "a", "", "c", "b"]

    hashed, hashes, examples, numbers = joining._numbered(pa.array(texts))

    assert hashed is not alike
    assert hashes.tolist() == sorted(hashed(pa.array(["a", "b", "", "c"])).tolist())
    assert [texts[examples[number]] for number in numbers] == texts
