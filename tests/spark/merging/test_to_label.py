"""Captures for people to label: from all ranges of the score, and the same ones in every run."""

from __future__ import annotations

import json

from tests.spark.merging.records import captured, label, write_captures, write_labels

from spark_model_monitor.running.merging.choosing import ToLabel
from spark_model_monitor.running.merging.sources import Score


def chosen(tmp_path, output):
    return [json.loads(line) for line in (tmp_path / output / "to_label.jsonl").read_text().splitlines()]


def test_every_tenth_of_the_scores_gives_as_many(merge, tmp_path):
    """Nine in ten scores are below 0.1, as those of a rare event are; the last ones are not left out for it."""
    scores = [number / 10_000 if number % 10 else 0.5 + number / 2_000 for number in range(500)]
    write_captures(tmp_path, 0, [captured(number, output=f"{score}\n") for number, score in enumerate(scores)])
    write_labels(tmp_path, 0, [label("event-0")])
    for output in ("first", "again"):
        merge(0, output=output, to_label=ToLabel(30, Score("0")))
    merge(0, output="another", to_label=ToLabel(30, Score("0"), seed=2))
    first = chosen(tmp_path, "first")

    assert [record["stratum"] for record in first] == [stratum for stratum in range(1, 11) for _ in range(3)]
    assert all(record["score"] >= 0.5 for record in first if record["stratum"] == 10)
    assert len({record["id"] for record in first}) == 30
    assert "event-0" not in {record["id"] for record in first}
    assert chosen(tmp_path, "again") == first
    assert {record["id"] for record in chosen(tmp_path, "another")} != {record["id"] for record in first}


def test_scores_in_json_and_none_at_all(merge, tmp_path):
    records = [captured(number, output=json.dumps({"predictions": [{"score": number / 10}]})) for number in range(5)]
    for record in records:
        record["captureData"]["endpointOutput"]["encoding"] = "JSON"
    write_captures(tmp_path, 0, [*records, captured("without", output="none")])
    write_labels(tmp_path, 0, [label("event-0")])
    merge(0, to_label=ToLabel(10, Score("predictions[0].score")))

    scores_by_id = {record["id"]: record["score"] for record in chosen(tmp_path, "merged")}
    assert scores_by_id == {**{f"event-{number}": number / 10 for number in range(1, 5)}, "event-without": None}
    assert [record["stratum"] for record in chosen(tmp_path, "merged") if record["score"] is None] == [0]
