"""Both engines write the same documents of a request log, to the byte."""

import json
import os

import pyarrow as pa
import pytest
from tests.at_hand import defer_to_night
from tests.request_log_samples import LOGS, SampleLog, write_inference_table
from tests.spark_lines import on_a_jvm

from spark_model_monitor import DataQualityMonitor, read_data, run_baseline
from spark_model_monitor.data.request_logs.capture_folder import make_shared_folder
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.spark.engine.spark import SparkEngine

pytestmark = on_a_jvm("its server is a cluster, where jobs read logs")

LOGS_BY_NIGHT = map(defer_to_night, LOGS[1::2])
LOGS_BY_DAY_AND_NIGHT = (*LOGS[::2], *LOGS_BY_NIGHT)
DOCUMENTS = ("statistics.json", "constraints.json", "ledger.json", "quarantine/00000.jsonl")


@pytest.fixture(autouse=True)
def change_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write_documents(folder, log, report, **engine):
    """What a baseline of a log leaves, by document."""
    with read_data(str(folder), log.request_log, **engine) as data:
        # Damaged logs have more than a few records that are refused
        baseline = run_baseline(data, DataQualityMonitor(), output_path=str(report), max_quarantined_share=1.0)
        baseline.write(str(report))
    return {name: (report / name).read_bytes() for name in DOCUMENTS if (report / name).exists()}


@pytest.mark.parametrize("log", LOGS_BY_DAY_AND_NIGHT, ids=lambda log: log.name)
def test_both_engines_write_the_same_bytes(log, spark, tmp_path):
    folder = log.write(tmp_path)

    of_spark = write_documents(folder, log, tmp_path / "spark", engine="spark", spark=spark)

    assert of_spark == write_documents(folder, log, tmp_path / "local", engine="local")
    assert json.loads(of_spark["ledger.json"])["rows"] == len(log.rows)


def test_a_table_of_delta_is_read_without_its_deleted_rows(tmp_path):
    deltalake = pytest.importorskip("deltalake")
    pq = pytest.importorskip("pyarrow.parquet")
    source = next(log for log in LOGS if log.name == "databricks-source")
    rows = pq.read_table(source.write(tmp_path) / "part.parquet")
    deltalake.write_deltalake(str(tmp_path / "table"), rows)
    deltalake.write_deltalake(str(tmp_path / "table"), rows, mode="overwrite")

    with read_data(str(tmp_path / "table"), "databricks", engine="local") as data:
        assert run_baseline(data, DataQualityMonitor()).ledger.kept_rows == len(source.rows)


def test_a_cluster_needs_a_place_for_the_captures_of_a_log(spark, tmp_path):
    engine = SparkEngine(spark)
    with pytest.raises(BadConfiguration, match="a request log is read on a cluster by jobs"):
        make_shared_folder(engine, None)

    folder = make_shared_folder(engine, str(tmp_path / "out"))
    engine.storage(folder.path).write(f"{folder.path}/captures", b"")
    assert len(list(tmp_path.glob("out/_request_log-*/captures"))) == 1
    folder.delete()
    assert list(tmp_path.glob("out/_request_log-*")) == []


def test_both_engines_read_odd_cells_alike(spark, tmp_path):
    def damage(table):
        # A time in the year 14645, a zone that nobody knows, and a byte that is no text
        unknown = pa.timestamp("us", "Mars/Phobos")
        times = pa.array([4 * 10**17, 0, None], unknown)
        answer = b'{"predictions": [0]}'
        damaged_answer = answer.replace(b"0", b'"\xff"')
        texts = pa.array([damaged_answer, answer, answer])
        table = table.drop_columns(["request_time", "response"])
        table = table.append_column("request_time", times)
        return table.append_column("response", texts.view(pa.string()))

    folder = tmp_path / "log"
    write_inference_table(folder / "a.parquet", damage)
    log = SampleLog("odd", "", "databricks", [], {}, {}, 0)
    of_spark = write_documents(folder, log, tmp_path / "spark", engine="spark", spark=spark)
    records = json.loads(of_spark["ledger.json"])["records"]

    assert of_spark == write_documents(folder, log, tmp_path / "local", engine="local")
    assert records["quarantined"] == {"not UTF-8": 1}


def test_both_engines_pass_over_what_is_no_file(spark, tmp_path):
    folder = LOGS[0].write(tmp_path)
    files = list(folder.rglob("*.jsonl"))
    hour = files[0].parent
    # No files, and a name that is no text
    os.mkfifo(hour / "pipe.jsonl")
    (hour / "link.jsonl").symlink_to("/nowhere")
    (hour / os.fsdecode(b"\xff.jsonl")).write_text("{}\n")
    of_spark = write_documents(folder, LOGS[0], tmp_path / "spark", engine="spark", spark=spark)
    ledger = json.loads(of_spark["ledger.json"])

    assert of_spark == write_documents(folder, LOGS[0], tmp_path / "local", engine="local")
    assert len(ledger["files"]) == len(files)
