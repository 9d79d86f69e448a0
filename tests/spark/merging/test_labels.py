"""Ground truth as it comes: lines, arrays, what is nearly JSON, and which label of an id is its last."""

from __future__ import annotations

import json

import pytest
from tests.spark.merging.records import label, write_lines

from model_monitor.merging.captured import KEY
from model_monitor.merging.label_lines import Repair
from model_monitor.merging.labels import CONTENT, LABEL, TRUTH, LabelAccount, Period, read_labels
from model_monitor.merging.sources import list_hours
from model_monitor.records.refusals import Refusal


@pytest.fixture
def read(spark, tmp_path):
    """`read(…)` gives the account of the labels below `tmp_path`, the last label of each id, and what is refused."""

    def reading(**options):
        with read_labels(spark, list_hours(spark, str(tmp_path), None), **options) as labels:
            found = {row[KEY]: json.loads(row[TRUTH])["data"] for row in labels.by_id.select(KEY, TRUTH).collect()}
            return labels.account, found, labels.refused.count()

    return reading


def test_of_an_ids_labels_the_last_by_hour_path_and_line_counts(read, tmp_path):
    write_lines(tmp_path / "2024/03/04/00/z.jsonl", [label("a", "1"), label("b", "1"), label("b", "2")])
    write_lines(tmp_path / "2024/03/04/01/a.jsonl", [label("a", "2"), label("c", "1")])
    write_lines(tmp_path / "2024/03/04/01/b.jsonl", [json.dumps([label("c", "2"), label("c", "3")]), label("d", "1")])
    write_lines(tmp_path / "2024/03/03/23/a.jsonl", [label("a", "3"), label("d", "1")])
    account, found, _ = read(partitions=3)

    assert found == {"a": "2", "b": "2", "c": "3", "d": "1"}
    assert account == LabelAccount(read=10, ids=4, repeated=1, contradicted=5)


def test_every_way_of_writing_labels_gives_the_same_labels(read, tmp_path):
    """JSON Lines, an array on a line, over several lines, str(dict), and joined by commas (aws/sagemaker-python-sdk#3224)."""
    write_lines(tmp_path / "a.jsonl", [label("a")])
    write_lines(tmp_path / "b.jsonl", [json.dumps([label("b1"), label("b2")])])
    write_lines(tmp_path / "c.jsonl", [json.dumps([label("c1"), label("c2")], indent=2)])
    write_lines(tmp_path / "d.jsonl", [str(label("d"))])
    write_lines(tmp_path / "e.jsonl", [",".join([json.dumps(label("e1")), json.dumps(label("e2"))])])
    write_lines(tmp_path / "f.jsonl", ["[", json.dumps(label("f1")) + ",", json.dumps(label("f2")), "]"])
    account, found, refused = read()

    assert set(found) == {"a", "b1", "b2", "c1", "c2", "d", "e1", "e2", "f1", "f2"}
    assert set(found.values()) == {"1"}
    assert account.repaired == {Repair.PYTHON_LITERAL: 1, Repair.JOINED_BY_COMMAS: 2}
    assert (account.read, account.ids, account.refused, refused) == (10, 10, {}, 0)


def test_without_repairs_they_are_refused(read, tmp_path):
    write_lines(tmp_path / "d.jsonl", [str(label("d")), label("a")])
    account, found, refused = read(repairing=False)

    assert set(found) == {"a"}
    assert account.refused == {Refusal.NOT_A_JSON_OBJECT: 1}
    assert refused == 1


def test_an_element_of_an_array_is_refused_on_its_own_and_kept(spark, tmp_path):
    write_lines(tmp_path / "c.jsonl", [json.dumps([label("c1"), {"eventVersion": "0"}], indent=2)])
    with read_labels(spark, list_hours(spark, str(tmp_path), None)) as labels:
        [refused] = labels.refused.collect()

        assert labels.account.refused == {Refusal.NOT_GROUND_TRUTH: 1}
        assert refused[CONTENT] == '{"eventVersion": "0"}'


def test_bytes_that_are_no_text_are_refused_and_the_rest_is_read(read, tmp_path):
    (tmp_path / "a.jsonl").write_bytes(json.dumps(label("a")).encode() + b'\n{"eventMetadata": {"eventId": "\xff"}}\n')
    account, found, _ = read()

    assert set(found) == {"a"}
    assert account.refused == {Refusal.NOT_UTF_8: 1}


def test_the_jobs_do_not_grow_with_the_labels(spark, jobs_of, tmp_path):
    counts = []
    for name, files in (("few", 1), ("many", 30)):
        for number in range(files):
            write_lines(tmp_path / name / f"{number}.jsonl", [label(f"{number}-{row}") for row in range(100)])
        source = list_hours(spark, str(tmp_path / name), None)
        with jobs_of() as jobs, read_labels(spark, source, partitions=2):
            pass
        counts.append(len(jobs))

    assert counts[0] == counts[1]


def test_with_a_period_the_last_label_of_each_hour_is_kept(spark, tmp_path):
    first = 474546  # 2024-02-19T18:00:00Z
    for hour, labels in ((18, [label("a", "1"), label("a", "2")]), (20, [label("a", "2")]), (23, [label("b", "1")])):
        write_lines(tmp_path / f"2024/02/19/{hour}/a.jsonl", labels)
    period = Period(hours=2, first=first + 2, last=first + 3)
    with read_labels(spark, list_hours(spark, str(tmp_path), None), period=period) as labels:
        by_id = {row[KEY]: [one[TRUTH] for one in row["__candidates"]] for row in labels.by_id.collect()}

        assert {key: len(hours) for key, hours in by_id.items()} == {"a": 2, "b": 1}
        assert labels.account == LabelAccount(read=4, ids=1, outside_window=3)
        assert LABEL not in labels.by_id.columns
