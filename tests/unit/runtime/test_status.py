"""The exit messages of C1.6, and where they are left."""

from types import SimpleNamespace

import pytest

from spark_model_monitor import storage
from spark_model_monitor.running.runtime.status import ExitStatus, completed, failed, message_path, write_message


def test_the_exit_statuses_are_those_of_the_contract():
    assert {status.name: int(status) for status in ExitStatus if status < 128 or status == 255} == {
        "COMPLETED": 0,
        "SCRIPT_FAILED": 1,
        "BAD_CONFIGURATION": 2,
        "NO_DATA": 3,
        "VIOLATIONS": 4,
        "CANNOT_TELL": 5,
        "FAILED": 255,
    }


def test_the_texts_of_the_service():
    assert completed() == "Completed: Job completed successfully with no violations."
    assert completed(60) == "CompletedWithViolations: Job completed successfully with 60 violations."
    assert failed("Job inputs had no data") == "Error: Job inputs had no data"


def test_a_reason_of_several_lines_is_one_line():
    assert failed("a is wrong\n  b is wrong\n") == "Error: a is wrong; b is wrong"


def test_a_container_gets_its_message_in_its_own_place(tmp_path):
    (tmp_path / "opt" / "ml").mkdir(parents=True)
    path = message_path(str(tmp_path), "out")

    assert path == f"{tmp_path}/opt/ml/output/message"
    write_message("Completed: x", path, None)
    assert (tmp_path / "opt/ml/output/message").read_text() == "Completed: x\n"


def test_a_driver_leaves_its_message_where_its_session_can_write_no_more(tmp_path, monkeypatch):
    def raise_refused(path, session):
        raise ConnectionRefusedError

    monkeypatch.setattr(storage, "plugin", lambda name: SimpleNamespace(storage_of_session=raise_refused))
    write_message("Error: stopped", str(tmp_path / "out/message"), "a session")

    assert (tmp_path / "out/message").read_text() == "Error: stopped\n"
    with pytest.raises(ConnectionRefusedError):
        write_message("Error: stopped", "hdfs://name/out/message", "a session")


def test_elsewhere_the_message_lies_beside_the_results(tmp_path):
    assert message_path(str(tmp_path), "s3a://bucket/out/") == "s3a://bucket/out/message"
    assert message_path(str(tmp_path), None) is None
