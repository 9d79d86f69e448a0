"""How Deequ's JAR is had: chosen, cached, or fetched from a repository."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from spark_model_monitor.errors import MissingDependency
from spark_model_monitor.spark.launch import deequ_jar


def repository(folder: Path, content: bytes) -> dict[str, str]:
    """An environment whose mirror has this content as Deequ's JAR, and whose cache is empty."""
    version_folder = folder / "mirror" / "com/amazon/deequ/deequ/2.1.0-spark-3.5"  # Maven, "Repository Layout - Final"
    version_folder.mkdir(parents=True)
    (version_folder / deequ_jar.DEEQU_JAR.file_name).write_bytes(content)
    return {"MODEL_MONITOR_CACHE": str(folder / "cache"), deequ_jar.MIRROR_VARIABLE: (folder / "mirror").as_uri() + "/"}


@pytest.fixture
def repository_artifact(monkeypatch):
    """Makes the text "the jar" the one that has the right check sum."""
    artifact = replace(deequ_jar.DEEQU_JAR, sha256=hashlib.sha256(b"the jar").hexdigest())
    monkeypatch.setattr(deequ_jar, "DEEQU_JAR", artifact)


@pytest.mark.usefixtures("repository_artifact")
def test_the_jar_is_fetched_once_and_then_lies_in_the_cache(tmp_path):
    environment = repository(tmp_path, b"the jar")

    first = deequ_jar.provide_jar(environment)
    shutil.rmtree(tmp_path / "mirror")

    assert first == tmp_path / "cache" / "jars" / "deequ-2.1.0-spark-3.5.jar"
    assert first.read_bytes() == b"the jar"
    assert deequ_jar.provide_jar(environment) == first
    assert [path.name for path in first.parent.iterdir()] == [first.name]


def test_a_fetched_file_with_another_check_sum_is_not_preserved(tmp_path):
    environment = repository(tmp_path, b"another jar")

    with pytest.raises(MissingDependency, match=r"SHA-256 is [0-9a-f]{64}, it has to be ab902814dec5"):
        deequ_jar.provide_jar(environment)
    assert list((tmp_path / "cache" / "jars").iterdir()) == []


def test_a_cached_file_that_was_damaged_is_reported(tmp_path):
    jar = tmp_path / "jars" / deequ_jar.DEEQU_JAR.file_name
    jar.parent.mkdir()
    jar.write_bytes(b"half")

    with pytest.raises(MissingDependency, match="delete the file and start again"):
        deequ_jar.provide_jar({"MODEL_MONITOR_CACHE": str(tmp_path)})


def test_without_a_mirror_the_jar_is_one_of_maven_central():
    """The address that the page of the artifact has: https://central.sonatype.com/artifact/com.amazon.deequ/deequ."""
    assert f"{deequ_jar.CENTRAL}/{deequ_jar.DEEQU_JAR.path}" == (
        "https://repo1.maven.org/maven2/com/amazon/deequ/deequ/2.1.0-spark-3.5/deequ-2.1.0-spark-3.5.jar"
    )


@pytest.fixture
def empty_mirror() -> Iterator[str]:
    """The URL of a server that has nothing."""
    with ThreadingHTTPServer(("127.0.0.1", 0), SilentHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/maven"
        server.shutdown()


class SilentHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Nothing to the standard error."""


def test_a_mirror_without_the_file_is_reported_with_what_it_answered(tmp_path, empty_mirror):
    with pytest.raises(MissingDependency) as caught:
        deequ_jar.provide_jar({"MODEL_MONITOR_CACHE": str(tmp_path), deequ_jar.MIRROR_VARIABLE: empty_mirror})

    assert "MODEL_MONITOR_MAVEN_MIRROR answers 404 Not Found for com/amazon/deequ/deequ/2.1.0" in str(caught.value)


@pytest.mark.parametrize(
    ("mirror", "sentence"),
    [
        ("nexus.example.org/maven", "write a URL that begins with https://, http:// or file:///"),
        ("https://127.0.0.1:1/maven", "MODEL_MONITOR_MAVEN_MIRROR can't be read"),
        ("file:///nowhere", "MODEL_MONITOR_MAVEN_MIRROR can't be read"),
    ],
)
def test_a_mirror_that_can_not_be_read_is_reported(tmp_path, mirror, sentence):
    with pytest.raises(MissingDependency, match=sentence) as caught:
        deequ_jar.provide_jar({"MODEL_MONITOR_CACHE": str(tmp_path), deequ_jar.MIRROR_VARIABLE: mirror})
    if "can't be read" in sentence:
        assert f"could not be fetched: {sentence}" in str(caught.value)
        assert "set MODEL_MONITOR_DEEQU_JAR to its path" in str(caught.value)


def test_a_jar_of_the_users_own_is_taken_as_it_is(tmp_path):
    own_jar = tmp_path / "own.jar"
    own_jar.write_bytes(b"another build")

    assert deequ_jar.provide_jar({"MODEL_MONITOR_DEEQU_JAR": str(own_jar)}) == own_jar


def test_a_jar_of_the_users_own_that_is_not_there_is_reported():
    with pytest.raises(MissingDependency, match=r"MODEL_MONITOR_DEEQU_JAR is '/nowhere\.jar', where there is no file"):
        deequ_jar.jar_path({"MODEL_MONITOR_DEEQU_JAR": "/nowhere.jar"})
