from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter

import pytest
from tests.programs import printed_by

from spark_model_monitor.capture import CaptureCounts, CaptureLimits, CaptureWriter, LocalFolder, Payload
from spark_model_monitor.sagemaker import DataCaptureConfig

from .capturing import HandClock, RefusingFolder, files_below, inputs_below, options, records_below

ONLY_AT_THE_END = CaptureLimits(flush_seconds=3600, rotate_seconds=3600)


def csv(text: str) -> Payload:
    return Payload(text.encode(), "text/csv")


def serve(writer: CaptureWriter, requests: int, *, first: int = 0, status: int = 200) -> None:
    for number in range(first, first + requests):
        writer.end(writer.begin(str(number)), csv(str(number)), csv("0"), status=status)


def test_every_request_is_in_a_file_after_a_clean_stop(tmp_path):
    with CaptureWriter(LocalFolder(tmp_path), options()) as writer:
        serve(writer, 1_000)

    assert inputs_below(tmp_path) == [str(number) for number in range(1_000)]
    assert writer.counts == CaptureCounts(begun=1_000, recorded=1_000, delivered=1_000, delivered_files=1)
    assert list((tmp_path / ".spool").glob("*.jsonl")) == []


def test_requests_of_many_threads_are_all_there_once(tmp_path):
    with CaptureWriter(LocalFolder(tmp_path), options()) as writer:
        threads = [threading.Thread(target=serve, args=(writer, 200), kwargs={"first": 200 * n}) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert Counter(inputs_below(tmp_path)) == Counter(str(number) for number in range(1_600))


def test_a_record_says_when_the_request_came_and_how_long_it_took(tmp_path):
    hand = HandClock()
    with CaptureWriter(LocalFolder(tmp_path), options(with_metadata=True), ONLY_AT_THE_END, hand.clock) as writer:
        exchange = writer.begin("7", ["tenant=3"])
        hand.pass_seconds(0.25)
        writer.end(exchange, csv("1"), csv("0"))
    [record] = records_below(tmp_path)

    assert record["eventMetadata"]["inferenceTime"] == "2024-03-04T12:05:06Z"
    assert record["eventMetadata"]["inferenceId"] == "7"
    assert record["eventMetadata"]["customAttributes"] == ["tenant=3"]
    assert record["requestMetadata"] == {"latencyMs": 250.0, "status": 200, "samplingPercentage": 100.0}


def test_a_request_that_failed_is_no_data(tmp_path):
    with CaptureWriter(LocalFolder(tmp_path), options()) as writer:
        serve(writer, 2, status=200)
        serve(writer, 3, first=2, status=503)

    assert inputs_below(tmp_path) == ["0", "1"]
    assert (writer.counts.recorded, writer.counts.failed_requests) == (2, 3)


def test_with_metadata_a_request_that_failed_or_was_too_large_is_recorded_without_its_payloads(tmp_path):
    with CaptureWriter(LocalFolder(tmp_path), options(with_metadata=True, max_payload_bytes=5)) as writer:
        serve(writer, 1, status=400)
        writer.end(writer.begin(), csv("123456"), csv("0"))
    failed, too_large = records_below(tmp_path)

    assert (failed["captureData"], failed["requestMetadata"]["status"]) == ({}, 400)
    assert (too_large["captureData"], too_large["requestMetadata"]["status"]) == ({}, 200)
    assert (writer.counts.recorded, writer.counts.without_data) == (2, 2)


def test_a_payload_that_is_too_large_is_counted(tmp_path):
    with CaptureWriter(LocalFolder(tmp_path), options(max_payload_bytes=5)) as writer:
        writer.end(writer.begin(), csv("12345"), csv("0"))
        writer.end(writer.begin(), csv("1"), csv("123456"))

    assert inputs_below(tmp_path) == ["12345"]
    assert writer.counts.dropped_too_large == 1


def test_requests_with_the_same_inference_id_are_sampled_alike_by_every_server(tmp_path):
    for server in ("a", "b"):
        with CaptureWriter(LocalFolder(tmp_path / server), options(sampling_percentage=30)) as writer:
            serve(writer, 1_000)
        assert writer.counts.recorded + writer.counts.sampled_out == 1_000

    assert inputs_below(tmp_path / "a") == inputs_below(tmp_path / "b")
    assert 200 < len(inputs_below(tmp_path / "a")) < 400


def test_under_pressure_records_are_dropped_and_counted_and_the_server_goes_on(tmp_path, caplog):
    spool = tmp_path / "no-folder"
    spool.write_text("")  # nothing can be written below a file
    writer = CaptureWriter(RefusingFolder(spool), options(), CaptureLimits(buffer_bytes=10_000, flush_seconds=3600))
    serve(writer, 100)
    writer.close()
    counts = writer.counts

    assert counts.begun == 100
    assert counts.dropped_buffer_full == 100
    assert counts.recorded == 0
    assert "captured records can't be written to" in caplog.text
    assert "captured records are dropped" in caplog.text


def test_what_a_destination_refuses_is_delivered_by_the_next_writer(tmp_path, caplog):
    folder = LocalFolder(tmp_path)
    with CaptureWriter(RefusingFolder(folder.spool), options()) as refused:
        serve(refused, 10)
    assert (refused.counts.recorded, refused.counts.delivered) == (10, 0)
    assert files_below(tmp_path) == []
    assert "captured records can't be delivered" in caplog.text
    assert "1 files of captured records are left" in caplog.text

    with CaptureWriter(folder, options()):
        pass
    assert inputs_below(tmp_path) == [str(number) for number in range(10)]


def test_a_request_that_ends_after_the_writer_is_dropped_and_counted(tmp_path):
    writer = CaptureWriter(LocalFolder(tmp_path), options())
    exchange = writer.begin()
    writer.close()
    writer.end(exchange, csv("1"), csv("0"))
    writer.close()

    assert writer.counts.dropped_after_close == 1
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    "request_payload",
    [Payload({"cell": "a text, no bytes"}, "text/csv"), Payload(None), Payload(b"1", 7), "not a payload"],  # type: ignore[arg-type]
)
def test_nothing_that_is_handed_over_raises_into_the_server(tmp_path, caplog, request_payload):
    with CaptureWriter(LocalFolder(tmp_path), options()) as writer:
        writer.end(writer.begin(), request_payload, csv("0"))
        serve(writer, 1)

    assert writer.counts.faults == 1
    assert inputs_below(tmp_path) == ["0"]
    assert "a request could not be captured" in caplog.text
    assert "a text, no bytes" not in caplog.text


def test_a_writer_that_nobody_closes_delivers_when_its_interpreter_ends(tmp_path):
    run_python(
        f"""
from spark_model_monitor.capture import *
writer = CaptureWriter(LocalFolder({str(tmp_path)!r}), CaptureOptions(endpoint="churn"))
writer.end(writer.begin(), Payload(b"1", "text/csv"), Payload(b"0", "text/csv"))
"""
    )

    assert inputs_below(tmp_path) == ["1"]


def test_processes_that_are_forked_write_files_of_their_own(tmp_path):
    run_python(
        f"""
import os
from spark_model_monitor.capture import *
writer = CaptureWriter(LocalFolder({str(tmp_path)!r}), CaptureOptions(endpoint="churn"), CaptureLimits(flush_seconds=3600))
def serve(text):
    writer.end(writer.begin(), Payload(text, "text/csv"), Payload(b"0", "text/csv"))
serve(b"before")
for child in (b"first", b"second"):
    if os.fork() == 0:
        serve(child)
        writer.close()
        os._exit(0)
    os.wait()
serve(b"after")
"""
    )

    assert Counter(inputs_below(tmp_path)) == Counter(["before", "first", "second", "after"])
    assert len(files_below(tmp_path)) == 3


def run_python(program: str) -> None:
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONWARNINGS": "ignore::DeprecationWarning"}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


def test_capturing_loads_nothing_but_the_standard_library():
    program = (
        "import sys, spark_model_monitor.capture, spark_model_monitor.capture.asgi, spark_model_monitor.capture.wsgi\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(names - set(sys.stdlib_module_names) - {'__main__', 'spark_model_monitor'}))\n"
        "print(sorted(n for n in sys.modules if n.startswith('spark_model_monitor.') and '.capture' not in n))"  # ours: the door
    )

    # -S: without site, whose .pth files import what they like
    assert printed_by(program, options=["-S"]) == "[]\n['spark_model_monitor.plugins']\n"


def test_capturing_is_switched_while_the_server_runs(tmp_path):
    hand = HandClock()
    switch = tmp_path / "switch"
    capture_options = options(switch=str(switch))
    with CaptureWriter(LocalFolder(tmp_path / "captures"), capture_options, ONLY_AT_THE_END, hand.clock) as writer:
        for number, text in enumerate(["on", "off\n", "nonsense", None, "OFF", "on"]):
            switch.write_text(text) if text else switch.unlink()
            hand.pass_seconds(ONLY_AT_THE_END.flush_seconds)
            serve(writer, 1, first=number)

    assert inputs_below(tmp_path / "captures") == ["0", "3", "5"]
    assert (writer.counts.begun, writer.counts.switched_off, writer.counts.recorded) == (6, 3, 3)


def test_a_server_that_captures_nothing_can_be_switched_on(tmp_path):
    hand = HandClock()
    switch = tmp_path / "switch"
    capture_options = options(enable_capture=False, switch=str(switch))
    with CaptureWriter(LocalFolder(tmp_path / "captures"), capture_options, ONLY_AT_THE_END, hand.clock) as writer:
        serve(writer, 1)
        switch.write_text("on")
        serve(writer, 1, first=1)  # not looked at yet
        hand.pass_seconds(ONLY_AT_THE_END.flush_seconds)
        serve(writer, 1, first=2)

    assert inputs_below(tmp_path / "captures") == ["2"]


@pytest.mark.parametrize(("enabled", "captured"), [(True, ["0"]), (False, [])])
def test_the_sdks_class_says_whether_anything_is_captured(tmp_path, enabled, captured):
    config = DataCaptureConfig(enabled, 100, "s3://bucket/captures", capture_options=["REQUEST"])
    with CaptureWriter(LocalFolder(tmp_path), config.options("churn")) as writer:
        serve(writer, 1)

    assert inputs_below(tmp_path) == captured
