"""Ground truth as it comes: lines, arrays, what is nearly JSON, and which label of an id is its last."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from tests.spark.merging.records import BRANCH, FIRST, make_capture, make_label, write_lines
from tests.unit.merging.lines import capture_rows, joined, list_locations, read_batches, read_truth, truth_rows

from spark_model_monitor.data.reading.ledger import NUMBER
from spark_model_monitor.data.records.locations import LINE
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.running.merging.hourly_sources import FileNumbers, HourFolder, LineKind
from spark_model_monitor.running.merging.joining import Join, LabelHours
from spark_model_monitor.running.merging.labels import (
    GroundTruth,
    LabelAccount,
    Repair,
    parse_label_line,
    parse_plain_labels,
)

PARTS = FileNumbers((BRANCH,), 1)
HOUR = HourFolder(BRANCH, FIRST)


@pytest.fixture
def read(tmp_path):
    """`read(…)` gives the account of the labels below `tmp_path`, and the label of a capture of each id that has one."""

    def reading(ids="abcdefghijklmnopqrstuvwxyz", **options):
        rows = truth_rows(tmp_path, **options)
        captures = [
            make_capture(event_id, inference_id=event_id)
            for letter in ids
            for event_id in (letter, f"{letter}1", f"{letter}2")
        ]
        write_lines(tmp_path.parent / "captures" / BRANCH / "2024/03/04/00/a.jsonl", captures)
        lines, counts = joined([*rows, *capture_rows(tmp_path.parent / "captures")], PARTS)
        merged = lines.get((LineKind.MERGED, HOUR), [])
        return LabelAccount.of(counts), {
            json.loads(line)["eventMetadata"]["inferenceId"]: read_truth(line) for line in merged
        }

    return reading


def test_of_an_ids_labels_the_last_by_hour_path_and_line_counts(read, tmp_path):
    write_lines(tmp_path / "2024/03/04/00/z.jsonl", [make_label("a", "1"), make_label("b", "1"), make_label("b", "2")])
    write_lines(tmp_path / "2024/03/04/01/a.jsonl", [make_label("a", "2"), make_label("c", "1")])
    corrections = json.dumps([make_label("c", "2"), make_label("c", "3")])
    write_lines(tmp_path / "2024/03/04/01/b.jsonl", [corrections, make_label("d", "1")])
    write_lines(tmp_path / "2024/03/03/23/a.jsonl", [make_label("a", "3"), make_label("d", "1")])
    account, labels = read()

    assert labels == {"a": "2", "b": "2", "c": "3", "d": "1"}
    assert account == LabelAccount(read=10, ids=4, repeated=1, contradicted=5)


def test_every_way_of_writing_labels_gives_the_same_labels(read, tmp_path):
    """JSON Lines, an array on a line, over several lines, str(dict), and joined by commas (aws/sagemaker-python-sdk#3224)."""
    write_lines(tmp_path / "a.jsonl", [make_label("a")])
    write_lines(tmp_path / "b.jsonl", [json.dumps([make_label("b1"), make_label("b2")])])
    write_lines(tmp_path / "c.jsonl", [json.dumps([make_label("c1"), make_label("c2")], indent=2)])
    write_lines(tmp_path / "d.jsonl", [str(make_label("d"))])
    write_lines(tmp_path / "e.jsonl", [",".join([json.dumps(make_label("e1")), json.dumps(make_label("e2"))])])
    write_lines(tmp_path / "f.jsonl", ["[", json.dumps(make_label("f1")) + ",", json.dumps(make_label("f2")), "]"])
    account, labels = read()

    assert set(labels) == {"a", "b1", "b2", "c1", "c2", "d", "e1", "e2", "f1", "f2"}
    assert set(labels.values()) == {"1"}
    assert account.repaired == {Repair.PYTHON_LITERAL: 1, Repair.JOINED_BY_COMMAS: 2}
    assert (account.read, account.ids, account.refused) == (10, 10, {})


def test_without_repairs_they_are_refused(read, tmp_path):
    write_lines(tmp_path / "d.jsonl", [str(make_label("d")), make_label("a")])
    account, labels = read(repairing=False)

    assert set(labels) == {"a"}
    assert account.refused == {Refusal.NOT_A_JSON_OBJECT: 1}


def test_an_element_of_an_array_is_refused_on_its_own_and_preserved(read, tmp_path):
    write_lines(tmp_path / "c.jsonl", [json.dumps([make_label("c1"), {"eventVersion": "0"}], indent=2)])
    account, labels = read()
    task = GroundTruth(list_locations(tmp_path), whole_files=True)
    [refused] = pa.Table.from_batches(task.refused_elements(read_batches(tmp_path, whole_files=True))).to_pylist()

    assert set(labels) == {"c1"}
    assert account.refused == {Refusal.NOT_GROUND_TRUTH: 1}
    assert (refused[LINE], refused[NUMBER]) == ('{"eventVersion": "0"}', 2)


def test_bytes_that_are_no_text_are_refused_and_the_rest_is_read(read, tmp_path):
    (tmp_path / "a.jsonl").write_bytes(
        json.dumps(make_label("a")).encode() + b'\n{"eventMetadata": {"eventId": "\xff"}}\n'
    )
    account, labels = read()

    assert set(labels) == {"a"}
    assert account.refused == {Refusal.NOT_UTF_8: 1}


def test_with_a_period_the_labels_of_the_window_are_accounted_for(tmp_path):
    labels_by_hour = {
        18: [make_label("a", "1"), make_label("a", "2")],
        20: [make_label("a", "2")],
        23: [make_label("b", "1")],
    }
    for hour, labels in labels_by_hour.items():
        write_lines(tmp_path / f"2024/02/19/{hour}/a.jsonl", labels)
    first = 474546  # 2024-02-19T18:00:00Z
    label_hours = LabelHours(max_delay_hours=2, first_hour=first + 2, last_hour=first + 3)
    _, counts = joined(truth_rows(tmp_path), PARTS, label_hours=label_hours)

    assert LabelAccount.of(counts) == LabelAccount(read=4, ids=1, outside_window=3)


ODD = [
    make_label(7, data=" "),
    make_label(7, encoding="XML"),
    make_label(7, data="1\n"),
    make_label(7, data="1\t2"),
    make_label(7, data='a "quoted" one'),
    make_label(7, data=1.50),
    make_label(7, data=[1, 2]),
    make_label(7, data=None),
    make_label(7, encoding=None),
    make_label(7, encoding="csv"),
    make_label(""),
    make_label(7.25),
    make_label(True),
    make_label("event \ufffd"),
    make_label('quoted "id"'),
    make_label("half of a pair \ud800"),
    make_label("7") | {"more": "x"},
    {"groundTruthData": {}, "eventMetadata": {"eventId": "7"}},
    {"groundTruthData": {"data": "1"}},
    [],
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: json.dumps(odd)[:60])
def test_a_label_is_the_same_beside_others_and_alone(tmp_path, odd):
    """Lines that are alike are taken many at once; whatever differs has to come out as `label_lines` has it."""
    lines = [json.dumps(make_label(f"event-{number}")) for number in range(40)]
    lines[7] = json.dumps(odd)
    write_lines(tmp_path / "a.jsonl", lines)
    rows = [row for batch in truth_rows(tmp_path) for row in batch.to_pylist() if row["role"] == 1]
    alone = [label for line in lines for label in parse_label_line(line.encode())]

    assert [(row["key"], row["text"]) for row in rows] == [
        (label.event_id, label.truth) for label in alone if not label.reason
    ]


def test_most_labels_are_taken_many_at_once():
    """Else nothing is won by it."""
    lines = [json.dumps(make_label(f"event-{number}", data="a\nb" if number % 2 else "1")) for number in range(400)]
    flags, _, _ = parse_plain_labels(pa.array(lines))

    assert flags.all()


def test_a_bucket_of_labels_alone_is_counted(tmp_path):
    write_lines(tmp_path / "2024/03/04/00/a.jsonl", [make_label("a")])
    lines, counts = joined(truth_rows(tmp_path), PARTS)

    assert lines == {}
    assert (counts[("labels ids",)], counts[("labels matched",)]) == (1, 0)
    assert list(Join(PARTS)([])) == []
