"""Many small files: what the driver asks of the JVM doesn't grow with their number, since a question takes longer than a line."""

from __future__ import annotations

import pytest
from tests.spark_lines import on_a_jvm
from tests.unit.records.captured_lines import captured, encode_line

from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline

FEW = 3
MANY = 60

CALL = "c\n"
"""What a question of py4j begins with; others release objects, whenever Python collects them."""


@pytest.fixture
def questions(spark, monkeypatch):
    """How often the JVM is asked."""
    client = spark.sparkContext._gateway._gateway_client
    commands = []
    send = client.send_command

    def count_and_send(command, *more, **named):
        if command.startswith(CALL):
            commands.append(command)
        return send(command, *more, **named)

    monkeypatch.setattr(client, "send_command", count_and_send)
    return commands


def write_captures(folder, files):
    for number in range(files):
        (folder / f"{number:03}.jsonl").write_bytes(encode_line(captured(f"event-{number}")) + b"\n")


def write_texts(folder, files):
    for number in range(files):
        (folder / f"{number:03}.csv").write_text("a,b\n" + "1,2\n3,4\n" * 10)


@on_a_jvm("nothing is asked of a JVM")
@pytest.mark.parametrize(("write", "dataset_format"), [(write_captures, "capture"), (write_texts, "csv")])
def test_the_jvm_is_asked_as_often_for_many_files_as_for_few(spark, tmp_path, questions, write, dataset_format):
    def count_questions(files):
        folder = tmp_path / str(files)
        folder.mkdir(exist_ok=True)
        write(folder, files)
        questions.clear()
        run_baseline(str(folder), DataQualityMonitor(), dataset_format=dataset_format, spark=spark, engine="spark")
        return len(questions)

    count_questions(FEW)  # the first run also finds the JVM's classes

    assert count_questions(MANY) - count_questions(FEW) < MANY - FEW
