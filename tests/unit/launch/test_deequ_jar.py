"""How Deequ's JAR is had: chosen, cached, or fetched by Java; the Java here is a fake that copies a file or fails."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from model_monitor.errors import MissingDependency
from model_monitor.spark.launch import deequ_jar

UNKNOWN_HOST = "You probably access the destination server through a proxy server that is not well configured."
UNRESOLVED = ":: UNRESOLVED DEPENDENCIES ::"
REFUSED = "Server access error at url https://example.org/x.jar (java.net.ConnectException: Connection refused)"
UNTRUSTED = "Server access error at url https://example.org/x.jar (SSLHandshakeException: PKIX path building failed)"


def fake_java(folder: Path, script: str) -> dict[str, str]:
    """An environment whose Java runs `script`; in it $out is the pattern that -retrieve got."""
    (folder / "jdk" / "bin").mkdir(parents=True)
    java = folder / "jdk" / "bin" / "java"
    java.write_text(
        f'#!/bin/sh\nwhile [ $# -gt 0 ]; do case "$1" in -retrieve) out="$2";; esac; shift; done\n{script}\n'
    )
    java.chmod(0o755)
    (folder / "jdk" / "release").write_text('JAVA_VERSION="17.0.1"\n')
    return {"JAVA_HOME": str(folder / "jdk"), "MODEL_MONITOR_CACHE": str(folder / "cache")}


@pytest.fixture
def known(monkeypatch):
    """Makes the text "the jar" the one that has the right check sum."""
    artifact = replace(deequ_jar.ARTIFACT, sha256=hashlib.sha256(b"the jar").hexdigest())
    monkeypatch.setattr(deequ_jar, "ARTIFACT", artifact)


WRITE = f'printf "%s" "the jar" > "$(dirname "$out")/{deequ_jar.ARTIFACT.file_name}"'


@pytest.mark.usefixtures("known")
def test_the_jar_is_fetched_once_and_then_lies_in_the_cache(tmp_path):
    environment = fake_java(tmp_path, WRITE)

    first = deequ_jar.provide_jar(environment)
    (tmp_path / "jdk" / "bin" / "java").unlink()

    assert first == tmp_path / "cache" / "jars" / "deequ-2.1.0-spark-3.5.jar"
    assert first.read_bytes() == b"the jar"
    assert deequ_jar.provide_jar(environment) == first
    assert [path.name for path in first.parent.iterdir()] == [first.name]


def test_a_fetched_file_with_another_check_sum_is_not_kept(tmp_path):
    environment = fake_java(tmp_path, WRITE)

    with pytest.raises(MissingDependency, match=r"SHA-256 is [0-9a-f]{64}, it has to be ab902814dec5"):
        deequ_jar.provide_jar(environment)
    assert list((tmp_path / "cache" / "jars").iterdir()) == []


def test_a_cached_file_that_was_damaged_is_told(tmp_path):
    jar = tmp_path / "jars" / deequ_jar.ARTIFACT.file_name
    jar.parent.mkdir()
    jar.write_bytes(b"half")

    with pytest.raises(MissingDependency, match="delete the file and start again"):
        deequ_jar.provide_jar({"MODEL_MONITOR_CACHE": str(tmp_path)})


@pytest.mark.usefixtures("known")
def test_a_mirror_is_asked_in_place_of_java(tmp_path):
    place = tmp_path / "mirror" / "com/amazon/deequ/deequ/2.1.0-spark-3.5"  # Maven, "Repository Layout - Final"
    place.mkdir(parents=True)
    (place / deequ_jar.ARTIFACT.file_name).write_bytes(b"the jar")
    environment = {"MODEL_MONITOR_CACHE": str(tmp_path), deequ_jar.MIRROR: (tmp_path / "mirror").as_uri() + "/"}

    assert deequ_jar.provide_jar(environment) == tmp_path / "jars" / deequ_jar.ARTIFACT.file_name
    assert deequ_jar.provide_jar(environment).read_bytes() == b"the jar"


def test_a_mirrors_file_with_another_check_sum_is_not_kept(tmp_path):
    place = tmp_path / "mirror" / "com/amazon/deequ/deequ/2.1.0-spark-3.5"
    place.mkdir(parents=True)
    (place / deequ_jar.ARTIFACT.file_name).write_bytes(b"another jar")

    with pytest.raises(MissingDependency, match=r"SHA-256 is [0-9a-f]{64}, it has to be ab902814dec5"):
        deequ_jar.provide_jar({"MODEL_MONITOR_CACHE": str(tmp_path), deequ_jar.MIRROR: (tmp_path / "mirror").as_uri()})
    assert list((tmp_path / "jars").iterdir()) == []


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


def test_a_mirror_without_the_file_is_told_with_what_it_answered(tmp_path, empty_mirror):
    with pytest.raises(MissingDependency) as caught:
        deequ_jar.provide_jar({"MODEL_MONITOR_CACHE": str(tmp_path), deequ_jar.MIRROR: empty_mirror})

    assert "MODEL_MONITOR_MAVEN_MIRROR answers 404 Not Found for com/amazon/deequ/deequ/2.1.0" in str(caught.value)


@pytest.mark.parametrize(
    ("mirror", "sentence"),
    [
        ("nexus.example.org/maven", "write a URL that begins with https://, http:// or file:///"),
        ("https://127.0.0.1:1/maven", "MODEL_MONITOR_MAVEN_MIRROR can't be read"),
        ("file:///nowhere", "MODEL_MONITOR_MAVEN_MIRROR can't be read"),
    ],
)
def test_a_mirror_that_can_not_be_read_is_told(tmp_path, mirror, sentence):
    with pytest.raises(MissingDependency, match=sentence):
        deequ_jar.provide_jar({"MODEL_MONITOR_CACHE": str(tmp_path), deequ_jar.MIRROR: mirror})


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (f"{UNRESOLVED} {REFUSED}", "the repository can't be reached from this machine"),
        (f"{UNKNOWN_HOST} {UNRESOLVED}", "the repository can't be reached from this machine"),
        (f"{UNRESOLVED} {UNTRUSTED}", "this Java does not trust the repository's certificate"),
        (UNRESOLVED, "the repository does not have it"),
        ("Error occurred during initialization of VM", "Error occurred during initialization of VM"),
    ],
)
def test_a_failed_fetch_is_one_sentence_with_reason_and_remedy(tmp_path, output, reason):
    environment = fake_java(tmp_path, f"echo '{output.replace(chr(39), '')}'; exit 1")

    with pytest.raises(MissingDependency) as caught:
        deequ_jar.provide_jar(environment)

    assert f"could not be fetched: {reason}" in str(caught.value)
    assert "set MODEL_MONITOR_DEEQU_JAR to its path" in str(caught.value)


def test_a_jar_of_the_users_own_is_taken_as_it_is(tmp_path):
    own = tmp_path / "own.jar"
    own.write_bytes(b"another build")

    assert deequ_jar.provide_jar({"MODEL_MONITOR_DEEQU_JAR": str(own)}) == own


def test_a_jar_of_the_users_own_that_is_not_there_is_told():
    with pytest.raises(MissingDependency, match=r"MODEL_MONITOR_DEEQU_JAR is '/nowhere\.jar', where there is no file"):
        deequ_jar.jar_path({"MODEL_MONITOR_DEEQU_JAR": "/nowhere.jar"})
