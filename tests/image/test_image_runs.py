"""The images of docker/Dockerfile, built and started: their size, the service's contract, and a function service's limits.

Needs root and the programs of `builder.PROGRAMS`. IMAGE_FOLDER names a folder for the base of Debian, which takes minutes
to make and is then used again.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random

import boto3
import pandas as pd
import pytest
from tests.at_hand import require
from tests.image.builder import MEBIBYTE, MEGABYTE, Builder, list_missing_programs, make_base
from tests.s3.conftest import CREDENTIALS
from tests.s3.server import s3_server
from tests.servers import http_server
from tests.unit.records.captured_lines import format_capture

from spark_model_monitor import DataQualityMonitor, run_baseline

pytestmark = pytest.mark.nightly

HERE = Path(__file__).parent

MAX_COMPRESSED = 200
MAX_UNPACKED = 550
"""MB of the image without Spark."""

FUNCTION_MEMORY = 512 * MEBIBYTE

ROWS = int(os.environ.get("IMAGE_ROWS", "20000"))

REGION = "us-east-1"

USER = 10001


@pytest.fixture(scope="session")
def builder(tmp_path_factory):
    missing = list_missing_programs()
    require(not missing, f"the image is built by {', '.join(missing)}; apt-get install mmdebstrap buildah runc")
    image_builder = Builder(tmp_path_factory.mktemp("builder"))
    archive = Path(os.environ.get("IMAGE_FOLDER", image_builder.folder)) / "base.tar"
    if not archive.is_file():
        make_base(archive)
    image_builder.add_base(archive)
    yield image_builder
    image_builder.call("rmi", "--all", "--force")


@pytest.fixture(scope="session")
def local(builder):
    """The image without Spark."""
    builder.build("local")
    with builder.unpacked("local") as image:
        yield image


def make_writable(folder: Path) -> Path:
    """A folder that the image's user may write to."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    return folder


def test_the_image_without_spark_is_small(builder, local, tmp_path):
    builder.push("local", tmp_path / "local.tar")
    compressed = (tmp_path / "local.tar").stat().st_size / MEGABYTE
    unpacked = local.size_bytes / MEGABYTE
    print(f"local: {compressed:.0f} MB compressed, {unpacked:.0f} MB unpacked")

    assert compressed <= MAX_COMPRESSED
    assert unpacked <= MAX_UNPACKED


def test_the_image_has_its_bill_of_materials(local):
    """Every package that its Python imports, by the names of its own folders, and Debian's."""
    folder = local.root / "opt" / "spark-model-monitor"
    bill = json.loads((folder / "bom.cdx.json").read_text())
    listed = {component["purl"].split("@")[0] for component in bill["components"]}
    packages = folder.glob("lib/python3.*/site-packages/*.dist-info/METADATA")
    names = {path.read_text().partition("\nName: ")[2].splitlines()[0].lower() for path in packages}
    status = (local.root / "var" / "lib" / "dpkg" / "status").read_text()
    debian = {line.removeprefix("Package: ") for line in status.splitlines() if line.startswith("Package: ")}

    assert len(names) > 20
    assert {f"pkg:pypi/{name}" for name in names} <= listed
    assert {"python3", "ca-certificates", "tzdata"} <= debian
    assert {f"pkg:deb/debian/{name}" for name in ("python3", "ca-certificates", "tzdata")} <= listed


def start_job(image, folder: Path, **variables: str):
    """The image's entry point with a processing job's variables, and `folder` as its /opt/ml."""
    bundle_count = len(list(folder.parent.glob("bundle*")))
    mounts = {folder: "/opt/ml"}
    return image.start(image.config["Entrypoint"], variables, mounts, folder.parent / f"bundle{bundle_count}")


def keep_contract(image, tmp_path):
    """A baseline, and a run whose ages have doubled: contract 1.1, 1.3, 1.6 and 7.1."""
    ml = make_writable(tmp_path / "ml")
    processing = make_writable(ml / "processing")
    ages = Random(1).choices(range(20, 70), k=600)
    data = make_writable(processing / "input" / "baseline_dataset_input")
    (data / "people.csv").write_text("score,age\n" + "".join(f"0.25,{age}\n" for age in ages[:300]))
    baseline = start_job(
        image,
        ml,
        dataset_source="/opt/ml/processing/input/baseline_dataset_input",
        dataset_format='{"csv": {"header": true}}',
        output_path="/opt/ml/processing/output",
    )
    assert baseline.returncode == 0, baseline.stderr[-3000:]
    message = ml / "output" / "message"
    assert message.read_text() == "Completed: Job completed successfully with no violations.\n"

    # The same job with the baseline's documents, on ages twice as high
    hour = make_writable(processing / "input" / "window")
    (hour / "people.csv").write_text("score,age\n" + "".join(f"0.25,{2 * age}\n" for age in ages[300:]))
    monitor = start_job(
        image,
        ml,
        dataset_source="/opt/ml/processing/input/window",
        dataset_format='{"csv": {"header": true}}',
        output_path="/opt/ml/processing/report",
        baseline_constraints="/opt/ml/processing/output/constraints.json",
        baseline_statistics="/opt/ml/processing/output/statistics.json",
    )
    assert monitor.returncode == 0, monitor.stderr[-3000:]
    assert message.read_text().startswith("CompletedWithViolations: ")
    report = json.loads((processing / "report" / "constraint_violations.json").read_text())
    assert {violation["feature_name"] for violation in report["violations"]} == {"age"}

    # Without a source it ends at once, and says so in the message
    wrong = start_job(image, ml, dataset_format='{"csv": {"header": true}}', output_path="/opt/ml/processing/none")
    assert wrong.returncode == 2
    assert "dataset_source is missing" in message.read_text()


def test_the_image_without_spark_keeps_the_processing_contract(local, tmp_path):
    keep_contract(local, tmp_path)


def test_the_image_with_spark_keeps_the_processing_contract(builder, tmp_path):
    builder.build("spark")
    with builder.unpacked("spark") as image:
        print(f"spark: {image.size_bytes / MEGABYTE:.0f} MB unpacked")
        keep_contract(image, tmp_path)
        data = make_writable(tmp_path / "ml" / "processing" / "input" / "baseline_dataset_input")
        by_spark = start_job(
            image,
            tmp_path / "ml",
            dataset_source=f"/opt/ml/processing/input/{data.name}",
            dataset_format='{"csv": {"header": true}}',
            output_path="/opt/ml/processing/spark",
            MODEL_MONITOR_ENGINE="spark",
        )
        assert by_spark.returncode == 0, by_spark.stderr[-3000:]
        assert "started Spark 3.5" in by_spark.stderr


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store of S3 with a baseline, and captures of the last hour of yesterday, whose ages have doubled."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "s3").mkdir()
    with s3_server(tmp_path / "s3") as url:
        client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )
        client.create_bucket(Bucket="data")
        draw = Random(1)
        frame = pd.DataFrame({"score": [0.25] * 3000, "age": draw.choices(range(20, 70), k=3000)})
        run_baseline(frame, DataQualityMonitor()).write(str(tmp_path / "baseline"))
        for path in (tmp_path / "baseline").rglob("*"):
            if path.is_file():
                client.upload_file(str(path), "data", f"baseline/{path.relative_to(tmp_path / 'baseline')}")
        hour = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(hours=1)
        lines = "".join(
            format_capture(f"{2 * draw.randrange(20, 70)}", "0.25", f"event-{row}", hour) for row in range(ROWS)
        )
        key = f"captures/churn/AllTraffic/{hour:%Y/%m/%d/%H}/a.jsonl"
        client.put_object(Bucket="data", Key=key, Body=lines.encode())
        yield client, url, key


def test_one_event_that_comes_twice_is_one_run_and_one_alert(local, store, tmp_path):
    """As AWS Lambda has it: files that can't be written, a /tmp, no shared memory, no semaphores, 512 MB."""
    client, url, key = store
    code = make_writable(tmp_path / "task")
    variables = {
        "dataset_source": "s3://data/captures/churn",
        "dataset_format": "capture",
        "baseline": "s3://data/baseline",
        "output_path": "s3://data/reports/churn",
    }
    # The function's package: a schedule, and what calls the handler
    with http_server(200) as webhook:
        schedule = {
            "name": "churn",
            "cron": "0 0 * * *",
            "window": {"start_offset": "-PT1H", "end_offset": "PT0S"},
            "variables": {**variables, "sink": f"webhook:{webhook.url}/alerts"},
        }
        (code / "churn.fleet.json").write_text(json.dumps({"entries": [schedule]}))
        (code / "function.py").write_text((HERE / "function.py").read_text())
        # The same event arrives twice in one container
        event = {"Records": [{"s3": {"bucket": {"name": "data"}, "object": {"key": key}}}]}
        environment = {
            **CREDENTIALS,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": url,
            "MODEL_MONITOR_FLEET": "/var/task/churn.fleet.json",
            "MODEL_MONITOR_STATE": "s3://data/state",
        }
        done = local.start(
            ["python", "/var/task/function.py", json.dumps(event)],
            environment,
            {code: "/var/task"},
            tmp_path / "bundle",
            memory_bytes=FUNCTION_MEMORY,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        report = json.loads(done.stdout.splitlines()[-1])
        print(f"{ROWS} rows: {report['seconds']} s, {report['peak_mebibytes']:.0f} MiB")
        alerts = list(webhook.requests)

    # The first call ran the window, the second had nothing to do
    [run] = report["answers"][0]["runs"]
    assert run["status"] == "CompletedWithViolations"
    assert report["answers"][1] == {"runs": []}
    assert (report["has_semaphores"], report["is_writable"]) == (False, False)
    assert report["peak_mebibytes"] < FUNCTION_MEMORY / MEBIBYTE
    assert len(alerts) == 1
    prefix = run["output_path"].removeprefix("s3://data/")
    document = client.get_object(Bucket="data", Key=f"{prefix}/constraint_violations.json")["Body"].read()
    assert {violation["feature_name"] for violation in json.loads(document)["violations"]} == {"age"}
