"""Outputs of batch transforms and their labels: the merged record of C3.2 and C6.3."""

from __future__ import annotations

import json

from tests.spark.merging.records import (
    format_folder,
    make_label,
    read_ledger,
    read_merged_files,
    read_merged_records,
    write_lines,
)

from spark_model_monitor.data.reading.formats import CsvFormat, JsonFormat

ID = "1f1d57b1-0000-4000-8000-00000000000{}"
TIME = "2024-03-04T00:49:15Z"


def test_csv_loses_its_id_and_time_and_keeps_the_rest(merge, tmp_path):
    # a blank after the comma is the guide's own spelling; the label stands for the row
    lines = [f'7,"a, b",0.10, {ID.format(1)},{TIME}', f"8,c,0.20,{ID.format(2)},{TIME}", "8,0.2,0.3,0.4"]
    write_lines(tmp_path / "captures" / "out.csv.out", lines)
    write_lines(tmp_path / "labels" / "a.jsonl", [make_label(ID.format(1)), make_label(ID.format(2), "0")])
    merge(0, dataset_format=CsvFormat(), max_quarantined_share=0.5)
    first = read_merged_records(tmp_path / "merged")[0]

    assert first == {
        "eventVersion": "0",
        "captureData": {"batchTransformOutput": {"data": '7,"a, b",0.10', "encoding": "CSV"}},
        "eventMetadata": {"eventId": ID.format(1)},
        "groundTruthData": {"data": "1", "encoding": "CSV"},
    }
    assert next(iter(read_merged_files(tmp_path / "merged"))).startswith(format_folder(0))
    assert read_ledger(tmp_path / "merged")["captures"]["quarantined"] == {"no id to join by": 1}


def joined(number, blank=" "):
    return (
        f'{{"SageMakerInferenceId":{blank}"{ID.format(number)}","SageMakerInferenceTime":"{TIME}",'
        f'"SageMakerOutput":{{"score":0.{number}0}},"features":[1,2.0]}}'
    )


def test_a_whole_file_is_one_record_with_one_label_of_many(merge, tmp_path):
    write_lines(tmp_path / "captures" / "out.json.out", [joined(1, blank="\n  ")])
    truth = json.dumps({"instances": [{"label": 0}, {"label": 1}]})
    write_lines(tmp_path / "labels" / "a.jsonl", [json.dumps([make_label(ID.format(1), truth, "JSON")])])
    for output, dataset_format in (("found", None), ("said", JsonFormat(lines=False))):
        merge(0, output=output, dataset_format=dataset_format)
        [record] = read_merged_records(tmp_path / output)

        assert record["groundTruthData"] == {"data": truth, "encoding": "JSON"}
        assert json.loads(record["captureData"]["batchTransformOutput"]["data"])["features"] == [1, 2.0]


def test_manifests_stand_for_their_files_and_say_the_hour(merge, tmp_path):
    """A record without a time has its manifest's hour."""
    write_lines(tmp_path / "out" / "a.csv.out", [f"7,0.1,{ID.format(1)},{TIME}"])
    write_lines(tmp_path / "out" / "b.jsonl.out", [f'{{"SageMakerInferenceId":"{ID.format(2)}","x":1}}'])
    for hour, name in ((1, "a.csv.out"), (2, "b.jsonl.out")):
        manifest = json.dumps([{"prefix": f"{tmp_path}/out/"}, name])
        write_lines(tmp_path / "captures" / "output" / format_folder(hour) / "m.json", [manifest])
    write_lines(tmp_path / "labels" / "a.jsonl", [make_label(ID.format(number)) for number in (1, 2)])
    root = str(tmp_path)
    merge(1, captures="captures/output", manifest_root=root)
    merge(2, captures="captures/output", manifest_root=root)

    assert [path.rpartition("/")[0] for path in read_merged_files(tmp_path / "merged")] == [
        format_folder(1),
        format_folder(2),
    ]
