"""What files hold is recognised by their names and their beginnings, without a flag."""

from __future__ import annotations

import bz2
import gzip
import json
from datetime import datetime, timezone

import pyarrow as pa
import pytest
from pyarrow import orc, parquet

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.format_detection import detect_format
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.errors import BadConfiguration, BadInput, NoData

CAPTURE = {"captureData": {"endpointInput": {"data": "1,2", "encoding": "CSV"}}, "eventMetadata": {"eventId": "a"}}
MERGED = {**CAPTURE, "groundTruthData": {"data": "1", "encoding": "CSV"}}
ORC = '{"spark": {"format": "orc"}}'


def recognised(path):
    return detect_format(LocalEngine(), str(path))


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("a.csv", "age,plan\n31,basic\n", "csv"),
        ("a.txt", "age,plan\n31,basic\n", "csv"),
        ("a", "age,plan\n31,basic\n", "csv"),
        ("names only.csv", "city,plan\nParis,basic\n", "csv"),
        ("frame of numpy.csv", ",0,1\n0,1.5,2.5\n", "csv"),
        ("years.csv", "country,2019,2020\nDE,3,4\n", "csv"),
        ("abalone.csv", "M,0.455,0.365,15\nF,0.35,0.265,7\n", "csv-without-header"),
        ("adult.csv", "39,State-gov,77516,13\n50,Private,83311,9\n", "csv-without-header"),
        ("small.csv", "1,a\n2,b\n", "csv-without-header"),
        ("a.jsonl", '{"age": 31}\n{"age": 32}\n', "jsonl"),
        ("a.json", '{"age": 31}\n{"age": 32}\n', "jsonl"),
        ("document.json", '[\n  {"age": 31}\n]\n', "json"),
        ("records", '{"age": 31}\n', "jsonl"),
        ("captures.jsonl", json.dumps(CAPTURE), "capture"),
        ("captures", json.dumps(CAPTURE), "capture"),
        ("merged.jsonl", json.dumps(MERGED), "merged"),
    ],
)
def test_text_is_recognised(tmp_path, name, text, word):
    (tmp_path / name).write_text(text)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / f"{name}.bz2").write_bytes(bz2.compress(text.encode()))

    assert [recognised(tmp_path / f"{name}{end}") for end in ("", ".gz", ".bz2")] == [word] * 3


@pytest.mark.parametrize("documents_folder", ["pending/2026/11/01/10", "quarantine/1f0c", "metrics"])
def test_documents_beside_merged_records_are_no_data(tmp_path, documents_folder):
    hour = tmp_path / "AllTraffic/2026/11/01/10"
    for folder in (hour, tmp_path / documents_folder):
        folder.mkdir(parents=True)
    (hour / "part-0.jsonl").write_text(json.dumps(MERGED))
    (tmp_path / documents_folder / "state.bin").write_text("0")
    for name in ("_current.json", "ledger.json", "message"):
        (tmp_path / name).write_text("{}")

    assert recognised(tmp_path) == "merged"


@pytest.mark.parametrize("name", ["a.parquet", "part-0"])
def test_parquet_and_orc_are_recognised_by_name_or_by_their_first_bytes(tmp_path, name):
    table = pa.table({"age": [31]})
    (tmp_path / "p").mkdir()
    (tmp_path / "o").mkdir()
    parquet.write_table(table, tmp_path / "p" / name)
    orc.write_table(table, tmp_path / "o" / name.replace("parquet", "orc"))

    assert (recognised(tmp_path / "p"), recognised(tmp_path / "o")) == ("parquet", ORC)


def test_a_folder_is_what_its_first_file_is_without_what_is_hidden(tmp_path):
    hour = tmp_path / "2026" / "03" / "01" / "10"
    hour.mkdir(parents=True)
    (tmp_path / "_SUCCESS").write_text("")
    (hour / "x.jsonl").write_text(json.dumps(CAPTURE))

    assert recognised(tmp_path) == "capture"


def test_a_table_of_delta_is_none_of_parquet(tmp_path):
    (tmp_path / "part-0.parquet").write_bytes(b"PAR1")
    (tmp_path / "_delta_log").mkdir()

    assert recognised(tmp_path) == "delta"


def test_names_of_several_formats_tell_nothing(tmp_path):
    (tmp_path / "a.csv").write_text("age\n31\n")
    (tmp_path / "b.parquet").write_bytes(b"PAR1")

    with pytest.raises(BadConfiguration, match=r"names of files end in \.csv, \.parquet, which doesn't show"):
        recognised(tmp_path)


def test_prose_is_no_data_set(tmp_path):
    (tmp_path / "README").write_text("Read me first.\n")

    with pytest.raises(BadConfiguration, match="end in nothing, which doesn't show their format"):
        recognised(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.tsv", r'"separator": "\\t"'), ("a.xml", "'csv', 'jsonl'")],
)
def test_a_file_with_another_ending_needs_the_flag(tmp_path, name, words):
    (tmp_path / name).write_text("age\tplan\n31\tbasic\n")

    with pytest.raises(BadConfiguration, match=f"write --dataset-format .*{words}"):
        recognised(tmp_path)


@pytest.mark.parametrize(
    ("beginning", "kind"),
    [
        ("<!DOCTYPE html>\n<html>", "HTML"),
        ("\n<html lang=en>", "HTML"),
        ("\ufeff<HTML>", "HTML"),
        ('<?xml version="1.0" encoding="UTF-8"?>\n<Error>', "XML"),
    ],
)
def test_a_page_is_no_data(tmp_path, beginning, kind):
    (tmp_path / "a.csv").write_text(f"{beginning}<p>Please sign in, S3CRET</p>\n", encoding="utf-8")

    with pytest.raises(BadInput, match=rf"a\.csv: is {kind}, a page and not data") as refusal:
        recognised(tmp_path)
    assert "S3CRET" not in str(refusal.value)


def test_a_name_like_a_tag_is_no_page(tmp_path):
    (tmp_path / "a.csv").write_text("<htmlsize>,plan\n31,basic\n")

    assert recognised(tmp_path) == "csv"


def test_another_separator_is_named(tmp_path):
    (tmp_path / "a.csv").write_text("age|plan\n31|basic\n")

    with pytest.raises(BadInput, match=r"has no comma but '\|'"):
        recognised(tmp_path)


def test_an_empty_file_is_no_data(tmp_path):
    (tmp_path / "a.csv").write_text("")

    with pytest.raises(NoData):
        recognised(tmp_path)


@pytest.mark.parametrize("damaged", ["", "{}", "{},", "garbage", '{"captureData": {', "[" * 5_000, "\x00", "7", "PAR1"])
@pytest.mark.parametrize("sound_lines", [0, 3])
def test_what_is_damaged_at_first_decides_nothing(tmp_path, damaged, sound_lines):
    """A first line, or all of a first file."""
    sound = json.dumps(CAPTURE) + "\n"
    (tmp_path / "a.jsonl").write_text(damaged + "\n" + sound * sound_lines)
    (tmp_path / "b.jsonl").write_text(sound * 3)
    (tmp_path / "c.jsonl").write_text(sound * 3)

    assert recognised(tmp_path) == "capture"


@pytest.mark.parametrize("damaged", ["{}", '{"a": 1},', "[", '{"captureData": {', "\x00"])
def test_a_damaged_first_line_decides_nothing(tmp_path, damaged):
    (tmp_path / "a").write_text("\n".join([damaged, *[json.dumps(CAPTURE)] * 3]))

    assert recognised(tmp_path / "a") == "capture"


def test_a_table_of_a_log_is_recognised_behind_a_damaged_one(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    row = {"databricks_request_id": ["a"], "request": ["[1]"], "response": ["[1]"]}
    parquet.write_table(pa.table(row), tmp_path / "b.parquet")

    assert recognised(tmp_path) == "databricks"


def test_hours_beside_the_window_decide_nothing(tmp_path):
    for hour in range(24):
        folder = tmp_path / f"2026/01/31/{hour:02}"
        folder.mkdir(parents=True)
        (folder / "a.jsonl").write_text('{"a": 1}')
        if hour < 22:
            (folder / "b.csv").write_text("a,b\n")
        elif hour == 22:
            (folder / "a.jsonl").write_text(json.dumps(CAPTURE))
    hours = [datetime(2026, 1, 31, hour, tzinfo=timezone.utc) for hour in (21, 22, 23)]

    assert detect_format(LocalEngine(), str(tmp_path), Window(*hours[1:])) == "capture"
    with pytest.raises(BadConfiguration, match=r"names of files end in \.csv, \.jsonl"):
        detect_format(LocalEngine(), str(tmp_path), Window(*hours[:2]))
    # A window without files says nothing of the format
    late = Window(hours[0].replace(year=2027), hours[1].replace(year=2027))
    (tmp_path / "2026/01/31/00/b.csv").unlink()
    assert detect_format(LocalEngine(), str(tmp_path / "2026/01/31/00"), late) == "jsonl"
