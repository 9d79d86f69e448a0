"""S3 without a JVM: by boto3 the engine of this machine reads and writes there what a job on Spark does."""

import gzip
import io
import os
import sys
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.both_engines import OF_A_MOMENT, require_same
from tests.programs import run_program
from tests.running_jobs import JobsHere
from tests.s3.conftest import ALGORITHM, ROOT
from tests.s3.server import KEY
from tests.s3.traffic import PEOPLE, baseline_flags, monitor_flags, objects
from tests.s3.weather import always, cut, denied, first, reset, slow_down

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.records.locations import LINE
from spark_model_monitor.errors import BadInput, OutputFailed, OutputHeld
from spark_model_monitor.running.configuration.encryption import S3Encryption, upload_arguments
from spark_model_monitor.storage import encrypt_uploads, get_storage, holding
from spark_model_monitor.storage.lease import Lease

BUCKET = "s3a://plain"


@pytest.fixture
def local_job(boto3_at_the_proxy):
    """`local_job(name, *flags)` is a job on this machine's processes: its exit status, and what it said."""

    def run(name, *flags):
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))}
        done = run_program(
            [sys.executable, "-m", "spark_model_monitor", name, *flags, "--engine", "auto"],
            env={**environment, **boto3_at_the_proxy, "PYTHONPATH": str(ROOT / "lib")},
        )
        return done.returncode, done.stderr

    return run


def tables(write_table):
    """Files in folders whose order is another by name than by key, one of which nobody reads."""
    random = np.random.default_rng(3)
    numbers = {name: random.normal(size=3000) for name in ("z", "y", "a b/2", "a/3", "a-b/4", "_hidden/5", "é/6")}
    return {
        f"{write_table.__name__}/{name}.{write_table.__name__}": write_table(pa.table({"x": values, "y": values > 0}))
        for name, values in numbers.items()
    }


def csv(table):
    return table.to_pandas().to_csv(index=False).encode()


def parquet(table):
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=700)
    return sink.getvalue()


def jsonl(table):
    return table.to_pandas().to_json(orient="records", lines=True).encode()


def results(s3, output):
    """What a job left there, but for what says when it was; and nothing is left there then."""
    contents = s3.contents("plain", f"{output}/")
    for key in s3.keys("plain", f"{output}/"):
        s3.client.delete_object(Bucket="plain", Key=key)
    return {key: content for key, content in contents.items() if not key.startswith(OF_A_MOMENT)}


def require_same_results(s3, runner, local_job, job, output, *flags):
    assert runner.job(job, *flags) == 0, runner.last_words
    of_spark = results(s3, output)
    status, log_text = local_job(job, *flags)
    assert status == 0, log_text
    assert "engine: local, all of the data is read here" in log_text
    local = results(s3, output)
    assert "statistics.json" in local
    require_same(local, of_spark)


@pytest.mark.parametrize("write_table", [csv, parquet, jsonl])
def test_a_baseline_of_files_in_folders_has_the_bytes_of_spark(s3, runner, local_job, write_table):
    s3.put("plain", tables(write_table))
    source = ("--dataset-source", f"{BUCKET}/{write_table.__name__}", "--dataset-format", write_table.__name__)
    require_same_results(s3, runner, local_job, "baseline", "of-both", *source, "--output-path", f"{BUCKET}/of-both")


@pytest.mark.everyday
def test_monitoring_captures_has_the_bytes_of_spark(s3, runner, local_job):
    lines = objects(unreadable=2)
    s3.put(
        "plain",
        {f"{key}.gz": gzip.compress(body.encode()) for key, body in lines.items() if key.startswith("captures")},
    )
    s3.put("plain", {"people.csv": lines["people.csv"]})
    assert runner.job("baseline", *baseline_flags(BUCKET, "baseline")) == 0

    require_same_results(
        s3, runner, local_job, "monitor", "report-of-both", *monitor_flags(BUCKET, "report-of-both", "baseline")
    )


def test_a_small_object_takes_one_request(s3, boto3_at_the_proxy):
    texts = {f"small/{number:03}.jsonl": f'{{"number": {number}}}\n' * 5 for number in range(60)}
    s3.put("plain", texts)
    lines = LocalEngine().lines([f"{BUCKET}/small"])
    s3.proxy.requests.clear()

    rows = [row for batch in lines.partitions(LINE).batches() for row in batch.column(0).to_pylist()]

    assert sorted(rows) == sorted(line for text in texts.values() for line in text.splitlines())
    assert sorted(request.key for request in s3.proxy.requests) == sorted(texts)


@pytest.mark.parametrize("fault", [slow_down, reset, cut], ids=["503 SlowDown", "reset", "an answer that breaks off"])
def test_what_meets_a_fault_is_tried_again(s3, boto3_at_the_proxy, fault):
    s3.put("team", {"long": "0123456789" * 1000})
    s3.proxy.weather = first(2, fault)

    assert get_storage("s3://team/long").read("s3://team/long") == b"0123456789" * 1000


def test_a_server_that_is_away_is_asked_as_often_as_boto3_says_and_no_more(s3, boto3_at_the_proxy, monkeypatch):
    s3.put("team", {"x": "x"})
    monkeypatch.setattr("spark_model_monitor.storage.s3_storage.ATTEMPTS", 3)
    s3.proxy.weather = always(reset)

    with pytest.raises(BadInput, match="x: can't be read"):
        get_storage("s3a://team/x").read("s3a://team/x")
    assert len(s3.proxy.requests) == 3


def test_an_endpoint_of_a_profile_is_asked_by_paths(s3, boto3_at_the_proxy, monkeypatch, tmp_path):
    (tmp_path / "config").write_text(f"[profile lab]\nendpoint_url = {s3.proxy.url}\nregion = us-east-1\n")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    s3.put("team", {"x": "1"})

    assert get_storage("s3a://team/x").read("s3a://team/x") == b"1"


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        pytest.param(
            lambda storage: storage.read("s3a://team/no"), "no: can't be read .there is no such file", id="read"
        ),
        pytest.param(
            lambda storage: storage.list_files("s3a://team/no"), "no: there is no such file or directory", id="list"
        ),
        pytest.param(
            lambda storage: storage.list_folders("s3a://absent/x"),
            "can't be listed .there is no such bucket",
            id="bucket",
        ),
        pytest.param(
            lambda storage: storage.write("s3a://absent/x", b""),
            "x: can't be written .there is no such bucket",
            id="write",
        ),
    ],
)
def test_what_is_not_there_is_a_sentence(s3, boto3_at_the_proxy, step, sentence):
    s3.put("team", {"x": "x"})

    with pytest.raises((BadInput, OutputFailed), match=sentence):
        step(get_storage("s3a://team/x"))


def test_a_denial_is_the_sentence_that_spark_has(s3, boto3_at_the_proxy):
    s3.put("team", {"x": "x"})
    s3.proxy.weather = always(denied)

    with pytest.raises(
        OutputFailed, match="y: can't be written .access was denied; allow the job's role s3:ListBucket"
    ):
        get_storage("s3a://team/y").write("s3a://team/y", b"")


def test_uploads_ask_for_the_encryption_of_the_flags(s3, boto3_at_the_proxy):
    s3.put("team", {"x": "x"})

    with encrypt_uploads(upload_arguments(S3Encryption.SSE_KMS, KEY)):
        get_storage("s3a://team/kept").write("s3a://team/kept", b"1")
    get_storage("s3a://team/bare").write("s3a://team/bare", b"1")

    encryptions = {
        request.key: request.headers.get(ALGORITHM) for request in s3.proxy.requests if request.makes_an_object
    }
    assert encryptions == {"kept": "aws:kms", "bare": None}


def test_one_run_at_a_time_holds_an_output(s3, boto3_at_the_proxy):
    s3.put("team", {"x": "x"})
    storage = get_storage("s3a://team/held-here")

    with holding(storage, "s3a://team/held-here"):
        with pytest.raises(OutputHeld, match="s3a://team/held-here: another run is writing there"):
            Lease(storage, "s3a://team/held-here").take(timedelta(0))
        storage.write("s3a://team/held-here/x", b"1")

    assert s3.keys("team", "held-here") == ["held-here/x"]


def test_a_job_beside_a_session_that_opens_no_s3_writes_there_by_boto3(spark, s3, boto3_at_the_proxy, tmp_path):
    s3.put("plain", {"beside/people.csv": PEOPLE})
    flags = baseline_flags(f"{BUCKET}/beside", "baseline")
    ended = JobsHere(tmp_path)("baseline", *flags, "--engine", "local")
    assert ended.status == 0, ended.said
    assert s3.contents("plain", "beside/baseline/").keys() >= {"statistics.json", "constraints.json"}
