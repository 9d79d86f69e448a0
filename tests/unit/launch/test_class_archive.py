"""The archive of Spark's classes: when it is used, made, outdated; the Spark here is a script that notes what it is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spark_model_monitor.spark.launch import class_archive
from spark_model_monitor.spark.launch.class_archive import ClassArchive
from spark_model_monitor.spark.launch.java import find_java, find_spark_home

WRITES = """#!/bin/sh
echo "$SPARK_SUBMIT_OPTS" >> "$(dirname "$0")/options"
for word in $SPARK_SUBMIT_OPTS; do
    case $word in -XX:SharedArchiveFile=*) echo classes > "${word#*=}";; esac
done
"""
FAILS = "#!/bin/sh\necho 'Cannot have non-empty directory in paths'\nexit 1\n"


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """A Java 17 and a Spark of one JAR, both empty; they are this process's, too."""
    (tmp_path / "jdk" / "bin").mkdir(parents=True)
    (tmp_path / "jdk" / "bin" / "java").touch(mode=0o755)
    (tmp_path / "jdk" / "release").write_text('JAVA_VERSION="17.0.1"\n')
    (tmp_path / "deequ.jar").touch()
    spark(tmp_path, WRITES)
    variables = {
        "SPARK_HOME": str(tmp_path / "spark"),
        "JAVA_HOME": str(tmp_path / "jdk"),
        "MODEL_MONITOR_DEEQU_JAR": str(tmp_path / "deequ.jar"),
        "MODEL_MONITOR_CACHE": str(tmp_path / "cache"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SPARK_SUBMIT_OPTS")
    return dict(os.environ)


def spark(folder: Path, script: str) -> None:
    for name in ("bin", "jars"):
        (folder / "spark" / name).mkdir(parents=True, exist_ok=True)
    (folder / "spark" / "jars" / "spark-core_2.12-3.5.9.jar").write_text("classes")
    (folder / "spark" / "bin" / "spark-submit").write_text(script)
    (folder / "spark" / "bin" / "spark-submit").chmod(0o755)


def make_archive(environment: dict[str, str]) -> ClassArchive:
    return ClassArchive.of(find_java(environment), find_spark_home(environment), environment)


def test_without_an_archive_no_option_asks_for_one(environment):
    assert make_archive(environment).options == ()


def test_it_is_made_once_by_a_job_that_notes_and_a_java_that_writes(environment, tmp_path, capsys):
    assert class_archive.main() == 0
    assert class_archive.main() == 0

    path = make_archive(environment).path
    assert capsys.readouterr().out == f"{path}\n{path}\n"
    assert path.read_text() == "classes\n"
    assert make_archive(environment).options[0] == f"-XX:SharedArchiveFile={path}"
    noted, written = (tmp_path / "spark" / "bin" / "options").read_text().splitlines()
    assert " -XX:DumpLoadedClassList=" in noted
    assert " -Xshare:dump -XX:SharedClassListFile=" in written


@pytest.mark.long
def test_another_jar_needs_another_archive_and_the_old_one_goes(environment, tmp_path):
    class_archive.main()
    old = make_archive(environment)
    (tmp_path / "spark" / "jars" / "spark-core_2.12-3.5.9.jar").write_text("newer classes")

    assert make_archive(environment).options == ()
    class_archive.main()

    assert make_archive(environment).path.is_file()
    assert not old.folder.exists()


@pytest.mark.long
def test_the_archive_of_another_spark_that_is_still_there_stays(environment, tmp_path, monkeypatch):
    class_archive.main()
    first = make_archive(environment)
    (tmp_path / "elsewhere").mkdir()
    spark(tmp_path / "elsewhere", WRITES)
    monkeypatch.setenv("SPARK_HOME", str(tmp_path / "elsewhere" / "spark"))

    class_archive.main()

    assert make_archive(dict(os.environ)).path.is_file()
    assert first.path.is_file()


def test_a_java_that_can_not_make_it_is_reported_and_nothing_is_left(environment, tmp_path, capsys):
    spark(tmp_path, FAILS)

    assert class_archive.main() == 0

    printed = capsys.readouterr()
    assert printed.out == ""
    assert "jobs start without an archive of Spark's classes: a job with -XX:DumpLoadedClassList=" in printed.err
    assert printed.err.endswith("ended with exit status 1: Cannot have non-empty directory in paths\n")
    assert make_archive(environment).options == ()
    assert list(make_archive(environment).folder.iterdir()) == []


def test_one_that_another_process_is_making_is_left_alone(environment, tmp_path):
    another = tmp_path / "cache" / "classes" / "0123456789abcdef" / ".making-x"
    another.mkdir(parents=True)

    class_archive.main()

    assert another.is_dir()


def test_a_cache_that_can_not_be_written_is_reported(environment, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MODEL_MONITOR_CACHE", str(tmp_path / "file"))

    assert class_archive.main() == 0
    assert "jobs start without an archive of Spark's classes: " in capsys.readouterr().err


def test_an_older_java_is_not_asked_for_one(environment, tmp_path, capsys):
    (tmp_path / "jdk" / "release").write_text('JAVA_VERSION="11.0.2"\n')

    assert class_archive.main() == 0
    assert "Java 11 makes no archive" in capsys.readouterr().err
