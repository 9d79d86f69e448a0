"""How Deequ's JAR is had: chosen, cached, or fetched by Java; the Java here is a fake that copies a file or fails."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from model_monitor.errors import MissingDependency
from model_monitor.launch import deequ_jar, ivy

UNKNOWN_HOST = "You probably access the destination server through a proxy server that is not well configured."
UNRESOLVED = ":: UNRESOLVED DEPENDENCIES ::"
REFUSED = "Server access error at url https://example.org/x.jar (java.net.ConnectException: Connection refused)"
UNTRUSTED = "Server access error at url https://example.org/x.jar (SSLHandshakeException: PKIX path building failed)"


def fake_java(folder: Path, script: str) -> dict[str, str]:
    """An environment whose Java runs `script`; in it $out is the pattern that -retrieve got, $trust 1 with a store."""
    (folder / "jdk" / "bin").mkdir(parents=True)
    java = folder / "jdk" / "bin" / "java"
    java.write_text(
        "#!/bin/sh\ntrust=0\n"
        'while [ $# -gt 0 ]; do case "$1" in -retrieve) out="$2";; -Djavax.net.ssl.trustStore=*) trust=1;; esac; shift; done\n'
        f"{script}\n"
    )
    java.chmod(0o755)
    (folder / "jdk" / "release").write_text('JAVA_VERSION="17.0.1"\n')
    return {"JAVA_HOME": str(folder / "jdk"), "MODEL_MONITOR_CACHE": str(folder / "cache")}


@pytest.fixture
def known(monkeypatch):
    """Makes the text "the jar" the one that has the right check sum."""
    artifact = replace(deequ_jar.ARTIFACT, sha256=hashlib.sha256(b"the jar").hexdigest())
    monkeypatch.setattr(deequ_jar, "ARTIFACT", artifact)


WRITE = f'printf "%s" "the jar" > "$(dirname "$out")/{deequ_jar.FILE_NAME}"'


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
    jar = tmp_path / "jars" / deequ_jar.FILE_NAME
    jar.parent.mkdir()
    jar.write_bytes(b"half")

    with pytest.raises(MissingDependency, match="delete the file and start again"):
        deequ_jar.provide_jar({"MODEL_MONITOR_CACHE": str(tmp_path)})


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (f"{UNRESOLVED} {REFUSED}", "the repository can't be reached from this machine"),
        (f"{UNKNOWN_HOST} {UNRESOLVED}", "the repository can't be reached from this machine"),
        (f"{UNRESOLVED} {UNTRUSTED}", "the repository's certificate is not trusted here"),
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


@pytest.mark.usefixtures("known")
def test_java_gets_the_machines_certificates_when_its_own_do_not_do(tmp_path, monkeypatch):
    monkeypatch.setattr(ivy, "trust_options", lambda directory: [f"-Djavax.net.ssl.trustStore={directory}/x"])
    environment = fake_java(tmp_path, f'[ $trust = 1 ] && {WRITE} || echo "{UNTRUSTED}"')

    assert deequ_jar.provide_jar(environment).read_bytes() == b"the jar"


def test_a_jar_of_the_users_own_is_taken_as_it_is(tmp_path):
    own = tmp_path / "own.jar"
    own.write_bytes(b"another build")

    assert deequ_jar.provide_jar({"MODEL_MONITOR_DEEQU_JAR": str(own)}) == own


def test_a_jar_of_the_users_own_that_is_not_there_is_told():
    with pytest.raises(MissingDependency, match=r"MODEL_MONITOR_DEEQU_JAR is '/nowhere\.jar', where there is no file"):
        deequ_jar.jar_path({"MODEL_MONITOR_DEEQU_JAR": "/nowhere.jar"})
