"""An S3 server with a proxy before it, boto3 at the server itself, and jobs whose Spark knows the proxy only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
import trustme
from tests.clients.conftest import sdk_python  # noqa: F401 - a fixture
from tests.s3 import jars
from tests.s3.proxy import HOST, Proxy, proxy_before
from tests.s3.server import s3_server
from tests.s3.weather import fair

from spark_model_monitor.data.engine.partitions import OPEN_COST_BYTES
from spark_model_monitor.errors import MonitorError
from spark_model_monitor.spark.launch.deequ_jar import provide_jar
from spark_model_monitor.spark.launch.java import find_java
from spark_model_monitor.storage.s3_storage import _client

ROOT = Path(__file__).resolve().parents[2]

LOGGING = ROOT / "conf" / "log4j2.properties"

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}

STORE_PASSWORD = "changeit"
"""Of a trust store, which holds nothing secret."""

ALGORITHM = "x-amz-server-side-encryption"
KMS_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
"""Headers of a write that ask for encryption."""

STARTS = "=== a job starts\n"

SOON_GIVES_UP = {
    "attempts.maximum": "2",
    "retry.limit": "1",
    "retry.interval": "10ms",
    "retry.throttle.limit": "1",
    "retry.throttle.interval": "10ms",
    "connection.timeout": "2000",
}
"""Settings of the bucket `hasty`, by which a store that never recovers is given up within seconds, not minutes."""


@dataclass
class S3:
    """The server as its owner sees it. proxy: what jobs see. java_options, authority: by which a JVM and Python trust it."""

    url: str
    proxy: Proxy
    client: Any
    java_options: str
    authority: Path
    buckets: set[str] = field(default_factory=set)

    def put(self, bucket: str, objects: dict[str, bytes | str]) -> None:
        """Make the objects, and the bucket if there is none of this name."""
        if bucket not in self.buckets:
            self.client.create_bucket(Bucket=bucket)
            self.buckets.add(bucket)
        with ThreadPoolExecutor(8) as threads:
            bodies = {key: body.encode() if isinstance(body, str) else body for key, body in objects.items()}
            list(threads.map(lambda key: self.client.put_object(Bucket=bucket, Key=key, Body=bodies[key]), bodies))

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """The keys of objects below a prefix that hold something; others mark folders."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [
            stored_object["Key"]
            for page in pages
            for stored_object in page.get("Contents", ())
            if stored_object["Size"]
        ]

    def read(self, bucket: str, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def encryptions(self, bucket: str, prefix: str) -> dict[str, tuple[str | None, str | None]]:
        """Algorithm and KMS key of every object below a prefix, markers of folders included."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [stored_object["Key"] for page in pages for stored_object in page.get("Contents", ())]
        heads = {key: self.client.head_object(Bucket=bucket, Key=key) for key in keys}
        return {key: (head.get("ServerSideEncryption"), head.get("SSEKMSKeyId")) for key, head in heads.items()}

    def contents(self, bucket: str, prefix: str) -> dict[str, bytes]:
        """Every object below a prefix, by its key without the prefix."""
        return {key.removeprefix(prefix): self.read(bucket, key) for key in self.keys(bucket, prefix)}


def s3a_settings(url: str) -> dict[str, str]:
    """What Spark has to be told of a server that is not Amazon's."""
    settings = {
        "endpoint": url,
        "endpoint.region": "us-east-1",
        "path.style.access": "true",
        "retry.interval": "50ms",  # else 500
        "retry.throttle.interval": "50ms",
        **{f"bucket.hasty.{name}": value for name, value in SOON_GIVES_UP.items()},
    }
    return {f"spark.hadoop.fs.s3a.{name}": value for name, value in settings.items()}


@pytest.fixture(scope="session")
def running_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    folder = tmp_path_factory.mktemp("s3")
    authority = trustme.CA()
    store = trust_store(folder, authority)
    with s3_server(folder) as url, proxy_before(url, authority.issue_cert(HOST)) as proxy:
        client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )
        trust = f"-Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStorePassword={STORE_PASSWORD}"
        yield S3(url, proxy, client, trust, store.with_suffix(".pem"))


def trust_store(folder: Path, authority: trustme.CA) -> Path:
    """A store by which a JVM trusts what the authority signs, made by Java's own keytool."""
    certificate = folder / "authority.pem"
    store = folder / "authority.p12"
    authority.cert_pem.write_to_path(certificate)
    keytool = find_java(os.environ).home / "bin" / "keytool"
    command = [keytool, "-importcert", "-noprompt", "-alias", "authority", "-file", certificate, "-keystore", store]
    subprocess.run([*command, "-storepass", STORE_PASSWORD], check=True, capture_output=True)
    return store


@pytest.fixture
def s3(running_s3: S3) -> Iterator[S3]:
    """The server in fair weather, with nothing asked of the proxy yet."""
    running_s3.proxy.weather = fair
    running_s3.proxy.requests.clear()
    yield running_s3
    running_s3.proxy.weather = fair


@pytest.fixture
def boto3_at_the_proxy(s3, monkeypatch):
    """This process's own boto3 asks the server of the tests."""
    variables = {
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": s3.proxy.url,
        "AWS_CA_BUNDLE": str(s3.authority),
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",  # else bodies come in chunks, which the proxy can't read
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    _client.cache_clear()
    yield variables
    _client.cache_clear()


@dataclass(frozen=True)
class Runner:
    """Runs jobs and functions in one JVM, one after the other (runner.py). log: what they all said."""

    process: subprocess.Popen[str]
    log: Path

    def job(self, name: str, *flags: str, is_guest: bool = False) -> int:
        """The exit status of a job. is_guest: of a session that is there, which takes half the time."""
        with self.log.open("a") as log:
            log.write(STARTS)
        return int(self._ask({"job": name, "flags": list(flags), "is_guest": is_guest})["status"])

    @property
    def last_words(self) -> str:
        """What the last job logged."""
        return self.log.read_text().rpartition(STARTS)[2]

    def call(self, function: Callable[..., Any], **arguments: Any) -> Any:
        """What a function of a session and of `arguments` gives, which has to be at the top of a module.

        Raises MonitorError if it raised one, with its text.
        """
        answer = self._ask({"function": f"{function.__module__}:{function.__name__}", "arguments": arguments})
        if "error" in answer:
            raise MonitorError(answer["error"])
        return answer["result"]

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the runner ended:\n{self.log.read_text()[-5000:]}"
        answer_members: dict[str, Any] = json.loads(answer)
        return answer_members


@pytest.fixture(scope="session")
def runner(running_s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    folder = tmp_path_factory.mktemp("runner")
    files = [provide_jar(os.environ), *jars.provide(*jars.S3A)]
    settings = {
        **s3a_settings(running_s3.proxy.url),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.files.openCostInBytes": str(OPEN_COST_BYTES),  # as conf/spark-defaults.conf has it
        "spark.hadoop.fs.s3a.multipart.size": "5M",
        "spark.hadoop.fs.s3a.buffer.dir": str(folder),
    }
    options = ["--master", "local[2]", "--driver-memory", "1g", "--jars", ",".join(map(str, files))]
    options += [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
    java_options = f"{os.environ['SPARK_SUBMIT_OPTS']} {running_s3.java_options}"
    environment = {
        **os.environ,
        **CREDENTIALS,
        "MODEL_MONITOR_ENGINE": "spark",
        "JAVA_HOME": str(find_java(os.environ).home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_SUBMIT_OPTS": f"{java_options} -Dlog4j2.configurationFile={LOGGING.as_uri()}",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": " ".join([*options, "pyspark-shell"]),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "lib"), str(ROOT)]),
    }
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "s3" / "runner.py")],
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    with process:
        yield Runner(process, folder / "log")
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(30)
        finally:
            process.kill()
