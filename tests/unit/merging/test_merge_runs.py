"""One merge of a window: what joins, what is kept, what is counted, and what is written."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta

import pytest
from tests.spark.merging.records import (
    BRANCH,
    FIRST,
    START,
    format_folder,
    make_capture,
    make_label,
    read_ledger,
    read_merged_files,
    read_merged_records,
    read_truths,
    write_captures,
    write_labels,
    write_lines,
)
from tests.unit.reading.read_data_sets import read_quarantine

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.engine.partitions import MIN_BATCH_ROWS
from spark_model_monitor.data.reading.captures import list_captures
from spark_model_monitor.data.reading.ledger import Coverage
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.errors import BadInput, NoData
from spark_model_monitor.reports.outputs.run_files import read_current_run, read_run_file
from spark_model_monitor.running.merging.labelling_sample import LabellingRequest, Score
from spark_model_monitor.running.merging.merge_request import MergeRequest
from spark_model_monitor.running.merging.merge_run import merge as run_merge


def read_event_ids(folder):
    return [record["eventMetadata"]["eventId"] for record in read_merged_records(folder)]


@pytest.mark.parametrize("write", [write_captures, write_labels], ids=["captures", "labels"])
def test_a_truncated_gzip_is_named_and_nothing_is_published(merge, tmp_path, write):
    write_captures(tmp_path, 0, [make_capture(1)])
    write_labels(tmp_path, 0, [make_label("event-1")])
    whole_file = write(
        tmp_path, 0, [make_capture(n) if write is write_captures else make_label(f"x-{n}") for n in range(500)], "cut"
    )
    content = gzip.compress(whole_file.read_bytes())
    whole_file.unlink()
    whole_file.with_name("cut.jsonl.gz").write_bytes(content[: len(content) // 2])

    with pytest.raises(BadInput, match=r"cut\.jsonl\.gz: is cut short or damaged"):
        merge(0)
    assert read_merged_files(tmp_path / "merged") == {}


FAILED = {"latencyMs": 1.5, "status": 503, "samplingPercentage": 100.0}
"""Metadata of a request that failed, and was captured for them alone."""


def test_every_record_of_both_sides_is_accounted_for(merge, tmp_path):
    """C11.14 and C11.15: captures are all kept, of an id's labels the last counts."""
    write_captures(
        tmp_path,
        0,
        [
            make_capture(1, inference_id="7"),
            make_capture(2, inference_id="7", minute=1),  # the same id twice
            make_capture(3, minute=2),
            make_capture(4, minute=3),
            make_capture(5, inference_id="", minute=4),
            "{cut",
            json.dumps({"eventMetadata": {"eventId": "no capture"}}),
            json.dumps({"captureData": {"endpointOutput": {"data": "1", "encoding": "CSV"}}}),
            make_capture(6, requestMetadata=FAILED) | {"captureData": {}},  # neither merged nor a fault
            make_capture(7, minute=5) | {"captureData": {}},  # without data or metadata: merged as it was captured
        ],
    )
    write_labels(tmp_path, 0, [make_label("7", "0"), make_label("event-3", "0"), make_label("nobody's")])
    labels = [make_label("event-3"), make_label("7", "0"), make_label("event-5"), '{"eventVersion": "0"}']
    write_labels(tmp_path, 1, labels)
    write_labels(tmp_path, 1, [make_label("event-6"), make_label("event-7", "1")], name="more.jsonl")
    merge(0, 1, max_quarantined_share=0.5)
    ledger = read_ledger(tmp_path / "merged")

    assert read_truths(tmp_path / "merged") == {
        "event-1": "0",
        "event-2": "0",
        "event-3": "1",
        "event-5": "1",
        "event-7": "1",
    }
    assert ledger["captures"] == {
        "read": 10,
        "matched": 5,
        "labelled_as_absent": 0,
        "without_label": {"up to PT1H": 0, "up to PT6H": 1, "up to P1D": 0, "up to P7D": 0, "over P7D": 0},
        "outside_window": 0,
        "without_data": 1,
        "quarantined": {"not a JSON object": 1, "not a captured record": 1, "no id to join by": 1},
        "with_the_id_of_another": 1,
    }
    assert ledger["labels"] == {
        "read": 9,
        "matched": 4,
        "matched_in_earlier_hours": 0,
        "without_capture": 2,
        "duplicates": {"same_label": 1, "another_label": 1},
        "outside_window": 0,
        "quarantined": {"not a ground-truth record": 1},
        "repaired": {},
    }
    assert ledger["coverage"] == pytest.approx(5 / 6, abs=1e-3)
    assert [(record["reason"], record["line_number"]) for record in read_quarantine(tmp_path / "merged")] == [
        ("not a JSON object", 6),
        ("not a captured record", 7),
        ("no id to join by", 8),
        ("not a ground-truth record", 4),
    ]


@pytest.mark.parametrize(
    ("second_label", "is_contradicted"),
    [pytest.param("1", False, id="the same"), pytest.param("0", True, id="another")],
)
def test_labels_that_contradict_others_of_the_same_id_are_a_warning(
    second_label, is_contradicted, merge, tmp_path, caplog
):
    write_captures(tmp_path, 0, [make_capture(1)])
    write_labels(tmp_path, 0, [make_label("event-1", "1"), make_label("event-1", second_label)])
    merge(0, 0)

    sentence = "1 labels contradict another of the same id; the last one of each id counts"
    assert (sentence in caplog.text) == is_contradicted
    assert read_truths(tmp_path / "merged") == {"event-1": second_label}


def test_no_character_of_a_capture_is_lost(merge, tmp_path):
    """Members that nobody knows, their order, numbers and blanks: the ground truth is put behind them."""
    line = (
        '{ "eventVersion":"0", "futureMember":{"n":1.10,"big":123456789012345678901234567890},'
        '"captureData":{"endpointOutput":{"data":"0.50\\n","encoding":"CSV","mode":"OUTPUT"}},'
        '"eventMetadata":{"eventId":"a","customAttributes":["é\\u00e9"],"inferenceTime":"2024-03-04T00:10:00Z"} }'
    )
    folder = tmp_path / "captures" / "an endpoint%20é" / "All+Traffic" / format_folder(0)
    write_lines(folder / "a b.jsonl", [line + "  "])
    write_labels(tmp_path, 0, [make_label("a", '{"label": 1}', "JSON")])
    merge(0)
    [(path, content)] = read_merged_files(tmp_path / "merged").items()

    assert path.startswith("an endpoint%20é/All+Traffic/2024/03/04/00/")
    assert content.decode() == line[:-1] + ',"groundTruthData":{"data":"{\\"label\\": 1}","encoding":"JSON"}}\n'


def test_records_stand_in_their_captures_folder_by_time_and_id(merge, tmp_path):
    """An hour's folder holds what was delivered in it; times of neighbouring hours stay there (C6.3)."""
    late = make_capture("late", hour=1, minute=59)
    early = make_capture("early", hour=0, minute=58)
    ties = [make_capture("b", hour=1, minute=5), make_capture("a", hour=1, minute=5)]
    untimed = make_capture("untimed")
    del untimed["eventMetadata"]["inferenceTime"]
    write_captures(tmp_path, 1, [late, *ties], name="2.jsonl")
    write_captures(tmp_path, 1, [early, untimed], name="1.jsonl")
    write_captures(tmp_path, 2, [make_capture("a", hour=2)])
    in_order = [f"event-{number}" for number in ("early", "untimed", "a", "b", "late")]
    for hour in range(3):
        write_labels(tmp_path, hour, map(make_label, in_order))
    folder = tmp_path / "merged" / BRANCH / format_folder(1)
    services = write_lines(folder / "part-00000-0b7bfd33-0000-4000-8000-000000000000.c000.jsonl", ["{}"])
    notes = write_lines(folder / "notes.jsonl", ["{}"])
    merge(1)
    [path] = read_merged_files(tmp_path / "merged")
    ledger = read_ledger(tmp_path / "merged")

    assert path.startswith(f"{BRANCH}/{format_folder(1)}/part-00000-")
    assert path.endswith(".c000.jsonl")
    assert read_event_ids(tmp_path / "merged") == in_order
    # Files of the window's hour alone were read; of its folder the other parts are replaced, and other files stay
    assert [len(ledger["files"][role]) for role in ("captures", "labels")] == [2, 1]
    assert ledger["window"] == {"start": "2024-03-04T01:00:00Z", "end": "2024-03-04T02:00:00Z"}
    assert (services.exists(), notes.exists()) == (False, True)


FLOATS = ("event-1.0", "event-2.0")  # whole numbers, as pandas writes them beside missing ones


def test_while_labels_may_come_ids_that_are_spelt_otherwise_are_a_warning(merge, tmp_path, caplog):
    write_captures(tmp_path, 0, [make_capture(1)])
    write_labels(tmp_path, 0, [make_label("event-2")])
    merge(0, late_hours=24)
    assert "no label has the id" not in caplog.text

    write_labels(tmp_path, 0, [*map(make_label, FLOATS)])
    merge(0, late_hours=24)
    assert "no label has the id of a capture: ids differ in" in caplog.text


def test_a_large_hour_is_put_together_from_slices_of_its_time(merge, tmp_path, monkeypatch):
    write_captures(tmp_path, 0, [make_capture(number, minute=number % 60) for number in range(100)])
    write_labels(tmp_path, 0, [make_label(f"event-{number}") for number in range(100)])
    merge(0)
    monkeypatch.setattr("spark_model_monitor.running.merging.staging.SLICE_BYTES", 4000)
    merge(0, output="sliced")

    assert read_merged_files(tmp_path / "sliced") == read_merged_files(tmp_path / "merged")


@pytest.mark.parametrize(
    ("captures", "labels", "failure", "sentence"),
    [
        ([], [make_label("a")], NoData, "inputs had no data: .*captures has no file for 2024-03-04T00"),
        ([make_capture(1)], [], NoData, "Job inputs had no data: .*labels has no file for 2024-03-04T00"),
        ([make_capture(1)], [make_label("x")], BadInput, "none of 1 labels has the id of one of 1"),
        ([make_capture(1)], [make_label("Event-1")], BadInput, "ids differ in capitals alone; write them alike"),
        (
            [make_capture(1)],
            [make_label("event-1 ")],
            BadInput,
            "ids differ in capitals, blanks, _, -, ., .0, quotes, accents or a table's name alone",
        ),
        ([make_capture(1)], [*map(make_label, FLOATS)], BadInput, "ids differ in .*, .0, .* alone; write them alike"),
        ([make_capture(1), "x"], [make_label("event-1")], BadInput, "1 of 2 captures were refused"),
        (["0.7", "0.2"], [make_label("event-1")], BadInput, "a batch transform append ids to its out"),
        ([make_capture(1)], [make_label("event-1"), "x"], BadInput, "1 of 2 labels were refused"),
        ([make_capture(1)], ["event-1,1"], BadInput, 'write labels as {"groundTruthData"'),
        (
            [make_capture(1)],
            [make_label("event-1", data=None)],
            BadInput,
            "leave out those whose label isn't known yet",
        ),
        ([make_capture(1)], [{"eventId": "event-1", "label": 1}], BadInput, 'write labels as {"groundTruthData"'),
    ],
)
def test_what_can_not_be_merged_is_said_in_a_sentence(merge, tmp_path, captures, labels, failure, sentence):
    write_captures(tmp_path, 0, captures)
    write_labels(tmp_path, 0, labels)

    with pytest.raises(failure, match=sentence):
        merge(0)
    assert read_merged_files(tmp_path / "merged") == {}
    assert not (tmp_path / "merged" / "_staging").exists()


def test_the_hours_that_the_tests_count_from_are_those_of_the_folders():
    assert FIRST * 3600 == 1709510400  # 2024-03-04T00:00:00Z


def test_batches_are_as_small_as_captured_lines_are_long(tmp_path):
    write_captures(tmp_path, 0, [make_capture(1, output="5" * 2**18)])
    write_labels(tmp_path, 0, [make_label("event-1")])
    engine = LocalEngine()

    run_merge(engine, MergeRequest(str(tmp_path / "captures"), str(tmp_path / "labels"), str(tmp_path / "merged")))

    assert engine.rows == MIN_BATCH_ROWS


def test_of_a_merges_output_only_records_are_listed_and_the_coverage_is_that_of_the_window(merge, tmp_path):
    write_captures(tmp_path, 0, [make_capture(1), make_capture(2), "{cut"])
    write_captures(tmp_path, 1, [make_capture(3, hour=1)])
    write_captures(tmp_path, 2, [make_capture(4, hour=2), make_capture(5, hour=2)])
    write_labels(tmp_path, 1, [make_label("event-1"), make_label("event-3")])
    merge(0, 2, late_hours=24, max_quarantined_share=0.5)
    (tmp_path / "merged" / "message").write_text("Completed\n")  # as a job leaves it

    def list_window(hour):
        if hour is None:
            window = None
        else:
            window = Window(START + timedelta(hours=hour), START + timedelta(hours=hour + 1))
        listing = list_captures(LocalEngine(), str(tmp_path / "merged"), window)
        assert all(file.path.rsplit("/", 1)[-1].startswith("part-") for file in listing.files)
        return len(listing.files), listing.coverage

    assert list_window(None) == (2, Coverage(captures=5, labelled=2))
    assert list_window(0) == (2, Coverage(captures=2, labelled=1))  # and the records of the next hour
    assert list_window(1) == (1, Coverage(captures=1, labelled=1))  # before one without a label


def read_chosen(folder):
    return [json.loads(line) for line in (folder / "to_label.jsonl").read_text().splitlines()]


def test_every_tenth_of_the_scores_gives_as_many_captures_to_label(merge, tmp_path):
    """Nine in ten scores are below 0.1, as those of a rare event are; the last ones are not left out for it."""
    scores = [number / 10_000 if number % 10 else 0.5 + number / 2_000 for number in range(500)]
    write_captures(tmp_path, 0, [make_capture(number, output=f"{score}\n") for number, score in enumerate(scores)])
    write_labels(tmp_path, 0, [make_label("event-0")])
    for name, seed in (("first", 1), ("repeated", 1), ("another", 2)):
        merge(0, output=name, to_label=LabellingRequest(30, Score("0"), seed=seed))
    first, repeated, another = (read_chosen(tmp_path / name) for name in ("first", "repeated", "another"))

    assert [record["stratum"] for record in first] == [stratum for stratum in range(1, 11) for _ in range(3)]
    assert all(record["score"] >= 0.5 for record in first if record["stratum"] == 10)
    assert len({record["id"] for record in first} - {"event-0"}) == 30
    assert repeated == first
    assert {record["id"] for record in another} != {record["id"] for record in first}


def test_captures_to_label_by_a_score_that_none_has_are_drawn_with_a_warning(merge, tmp_path, caplog):
    write_captures(tmp_path, 0, [make_capture(number, output="0.5") for number in range(20)])
    write_labels(tmp_path, 0, [make_label("event-0")])
    merge(0, to_label=LabellingRequest(5, Score("9")))

    assert len(read_chosen(tmp_path / "merged")) == 5
    assert "no capture has a score where --score-attribute says" in caplog.text


@pytest.mark.parametrize("damaged", ["_current.json", "_runs"])
def test_a_damaged_output_is_mended_by_a_rerun(merge, tmp_path, damaged):
    write_captures(tmp_path, 0, [make_capture(1)])
    write_labels(tmp_path, 0, [make_label("event-1")])
    merge()
    folder = tmp_path / "merged"
    ledger = (folder / "ledger.json").read_bytes()
    (folder / "ledger.json").unlink()
    (folder / damaged).rename(tmp_path / "elsewhere")
    if damaged == "_current.json":
        (folder / damaged).write_text("{cut")
    merge()

    run = read_current_run(str(folder))
    assert (folder / "ledger.json").read_bytes() == read_run_file(run, "ledger.json") == ledger
