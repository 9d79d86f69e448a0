"""A job in a process of the worker: its command, its lines, its status, its end."""

import logging
import sys
import threading
from pathlib import Path

import pytest
from tests.airflow.conftest import PRODUCT_PYTHON

from spark_model_monitor.airflow import LocalSpark
from spark_model_monitor.airflow.job_locations import JobCall, LocalProcess
from spark_model_monitor.errors import MissingDependency

CALL = JobCall(
    "baseline",
    "churn/baseline/manual",
    {"dataset_source": "in.csv", "output_path": "out", "sink": "webhook:https://chat.example.org/secret"},
)


@pytest.fixture
def printing_python(tmp_path):
    """Stands in for an interpreter: it tells its words, one variable and its folder."""
    program = tmp_path / "python"
    program.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$@"\necho "sink $MODEL_MONITOR_SINK"\necho "extra $EXTRA"\npwd\nexit 3\n'
    )
    program.chmod(0o755)
    return str(program)


def test_a_job_is_started_as_from_a_shell_and_a_secret_goes_by_the_environment(printing_python, tmp_path, caplog):
    (tmp_path / "folder").mkdir()
    local_spark = LocalSpark(
        python=printing_python,
        master="local[2]",
        folder=str(tmp_path / "folder"),
        environment={"EXTRA": "x"},
        spark_options=("--driver-memory", "4g"),
    )
    with caplog.at_level(logging.INFO, "spark_model_monitor.airflow.job_locations"):
        running = local_spark.begin(CALL)
        status = running.wait()

    assert status == 3
    assert running.lines == [
        *(
            "-m",
            "spark_model_monitor.spark.launch.submission",
            "--master",
            "local[2]",
            "--name",
            "churn/baseline/manual",
        ),
        *("--driver-memory", "4g", "baseline", "--dataset-source=in.csv", "--output-path=out"),
        *("sink webhook:https://chat.example.org/secret", "extra x", str(tmp_path / "folder")),
    ]
    assert [record.getMessage() for record in caplog.records] == running.lines, "the job's lines are the task's log"


def test_the_product_understands_the_command():
    """A dry run of the real thing: spark-submit gets what is Spark's, the job what is its own."""
    local_spark = LocalSpark(python=PRODUCT_PYTHON, spark_options=("--dry-run",))
    running = local_spark.begin(CALL)

    assert running.wait() == 0
    assert running.lines[-1].endswith("--dataset-source=in.csv --output-path=out")
    assert "--name churn/baseline/manual" in running.lines[-1]


def test_templates_of_a_place_are_filled_in():
    local_spark = LocalSpark(python="{{ py }}", environment={"A": "{{ a }}"}, spark_options=("--queue", "{{ q }}"))
    filled = local_spark.fill_templates(
        lambda value: value if not isinstance(value, str) else value.replace("{{ py }}", "/bin/py")
    )

    assert filled.python == "/bin/py"
    assert local_spark.python == "{{ py }}", "a place is shared among tasks"


def test_what_a_process_started_ends_with_it(tmp_path):
    """As the JVM and its Python do: a child that would outlive the one that was started."""
    ready = tmp_path / "ready"
    child = f"import os, time; open({str(ready)!r}, 'w').write(str(os.getpid())); time.sleep(300)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = LocalProcess([sys.executable, "-c", parent], {})
    waiting = threading.Event()
    while not (ready.is_file() and ready.read_text()):
        waiting.wait(0.05)

    process.stop()

    assert process.wait() == 143
    assert has_ended(int(ready.read_text()), waiting)


NEVER_BACK = """
import time
def preprocess_handler(record):
    while True:
        try:
            open("begun", "w").close()
            time.sleep(60)
        except BaseException:
            pass
"""


def test_a_script_that_never_comes_back_is_left_behind_when_its_task_is_ended(tmp_path):
    (tmp_path / "data.csv").write_text("age\n1\n")
    (tmp_path / "script.py").write_text(NEVER_BACK)
    flags = {"dataset_source": "data.csv", "output_path": "out", "record_preprocessor_script": "script.py"}
    local_spark = LocalSpark(python=PRODUCT_PYTHON, folder=str(tmp_path), environment={"MODEL_MONITOR_ENGINE": "local"})
    process = local_spark.begin(JobCall("baseline", "churn", flags))
    waiting = threading.Event()
    while not (tmp_path / "begun").exists():
        waiting.wait(0.05)

    process.stop()

    assert process.wait() == 143
    assert "ended by signal 15 in the midst of its work" in process.lines[-1], "it has ended by itself, before SIGKILL"


def has_ended(pid, waiting):
    """Whether a process is gone, or a zombie that nobody asks for, within ten seconds."""
    for _ in range(200):
        try:
            if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        waiting.wait(0.05)
    return False


def test_an_interpreter_that_is_not_there_is_reported():
    with pytest.raises(MissingDependency, match="/nowhere/python can't be started .* python= has to be an interpreter"):
        LocalSpark(python="/nowhere/python").begin(CALL)
