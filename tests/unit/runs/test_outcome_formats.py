"""The same outcomes in every format that a job reads: the same confusion matrix comes out."""

import json

import pandas as pd
import pytest
from tests.unit.reading.read_data_sets import ENGINE
from tests.unit.records.merged_lines import encode_line, merged

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.kinds import create_monitor, read_source
from spark_model_monitor.running.runs.monitoring_run import run_baseline

PAIRS = [("cat", "cat")] * 3 + [("cat", "dog")] * 2 + [("dog", "dog")] * 4 + [("fish", "dog")]
"""Labels and predictions."""

CONFUSION = {
    "cat": {"cat": 3, "dog": 2, "fish": 0},
    "dog": {"cat": 0, "dog": 4, "fish": 0},
    "fish": {"cat": 0, "dog": 1, "fish": 0},
}
TABLE = pd.DataFrame(PAIRS, columns=["truth", "answer"])


def make_config(folder, data_format, *flags, problem_type="MulticlassClassification"):
    arguments = [
        "--dataset-source",
        str(folder),
        "--dataset-format",
        data_format,
        "--output-path",
        str(folder / "_out"),
    ]
    arguments += ["--analysis-type", "MODEL_QUALITY", "--problem-type", problem_type, *flags]
    return build_config("monitor", read_sources(arguments, {}), in_container=False)


def compute_metrics(settings):
    with read_source(ENGINE, settings) as data:
        document = run_baseline(data, create_monitor(settings)).statistics.body_dict
    [metrics] = [members for name, members in document.items() if name.endswith("_metrics")]
    return metrics


def csv_without_header(folder):
    TABLE.to_csv(folder / "t.csv", index=False, header=False)


def json_lines(folder):
    lines = [json.dumps({"truth": {"name": truth}, "answers": [answer]}) for truth, answer in PAIRS]
    (folder / "t.jsonl").write_text("\n".join(lines))


def json_document(folder):
    rows = [{"truth": {"name": truth}, "answer": answer} for truth, answer in PAIRS]
    (folder / "t.json").write_text(json.dumps(rows))


def parquet_of_all_classes(folder):
    classes = ["cat", "dog", "fish"]
    rows = [
        {"truth": truth, "classes": classes, "chances": [0.8 if name == answer else 0.1 for name in classes]}
        for truth, answer in PAIRS
    ]
    pd.DataFrame(rows).to_parquet(folder / "t.parquet")


def merged_records(folder):
    """The first two pairs are one record of two rows."""
    records = [
        merged("cat\ncat", "0.5,cat\n0.5,cat\n"),
        *(merged(truth, f"0.5,{answer}") for truth, answer in PAIRS[2:]),
    ]
    (folder / "t.jsonl").write_text("\n".join(map(encode_line, records)))


def merged_records_of_json(folder):
    records = [
        merged(json.dumps({"y": truth}), json.dumps({"p": [{"name": answer}]}), label_encoding="JSON", encoding="JSON")
        for truth, answer in PAIRS
    ]
    (folder / "t.jsonl").write_text("\n".join(map(encode_line, records)))


TRUTH = ("--ground-truth-attribute", "truth")
ANSWER = ("--inference-attribute", "answer")


@pytest.mark.parametrize(
    ("save", "data_format", "flags"),
    [
        (csv_without_header, "csv-without-header", ("--ground-truth-attribute", "_c0", "--inference-attribute", "1")),
        (json_lines, "jsonl", ("--ground-truth-attribute", "truth.name", "--inference-attribute", "answers[0]")),
        (json_document, "json", ("--ground-truth-attribute", "truth.name", *ANSWER)),
        (
            parquet_of_all_classes,
            "parquet",
            (*TRUTH, "--inference-attribute", "classes", "--probability-attribute", "chances"),
        ),
        (merged_records, "merged", ("--inference-attribute", "1")),
        (
            merged_records_of_json,
            "merged",
            ("--ground-truth-attribute", "y", "--inference-attribute", "p[*].name"),
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_format_gives_the_same_outcomes(tmp_path, save, data_format, flags):
    save(tmp_path)

    assert compute_metrics(make_config(tmp_path, data_format, *flags))["confusion_matrix"] == CONFUSION


def test_a_script_may_take_records_apart(tmp_path):
    merged_records(tmp_path)
    script = tmp_path / "rows.py"
    script.write_text(
        "def preprocess_handler(record):\n"
        "    truths = record.ground_truth.data.split()\n"
        "    answers = record.endpoint_output.data.split()\n"
        "    return [{'t': t, 'a': a.split(',')[1]} for t, a in zip(truths, answers)]\n"
    )
    flags = ("--ground-truth-attribute", "t", "--inference-attribute", "a", "--record-preprocessor-script", str(script))
    (tmp_path / "records").mkdir()
    (tmp_path / "t.jsonl").rename(tmp_path / "records" / "t.jsonl")

    assert compute_metrics(make_config(tmp_path / "records", "merged", *flags))["confusion_matrix"] == CONFUSION


def test_input_alone_holds_no_predictions(tmp_path):
    merged_records(tmp_path)
    only_input = '{"sagemakerMergeJson": {"captureIndexNames": ["endpointInput"]}}'

    with pytest.raises(BadConfiguration, match="captureIndexNames names none of endpointOutput, batchTransformOutput"):
        read_source(ENGINE, make_config(tmp_path, only_input, "--inference-attribute", "0"))
