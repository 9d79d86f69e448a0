"""The example of docs/capture.md, as its README starts it."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from spark_model_monitor.data.records import ENDPOINT_INDEXES
from spark_model_monitor.data.records.decoding import Reading, decode
from spark_model_monitor.integrations.demo import churn

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "capture"


@pytest.fixture
def environment(tmp_path):
    return os.environ | {"PYTHONPATH": str(ROOT / "lib"), "CAPTURE_FOLDER": str(tmp_path)}


@pytest.fixture
def server(environment):
    """The example's server, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLE), "--fd", str(listening.fileno()), "app:app"],
            pass_fds=[listening.fileno()],
            env=environment,
        )
        port = listening.getsockname()[1]
    yield process, port
    process.kill()
    process.wait()


def test_what_the_example_sends_is_captured_with_what_the_model_answers(server, environment, tmp_path):
    process, port = server
    sending = [sys.executable, str(EXAMPLE / "send.py"), "--port", str(port), "--requests", "50"]
    sent = subprocess.run(sending, env=environment, capture_output=True, text=True, check=True)
    process.send_signal(signal.SIGINT)
    process.wait()
    lines = [line for file in tmp_path.glob("churn/**/*.jsonl") for line in file.read_bytes().splitlines()]
    rows = [row for line in lines for row in decode(line, Reading(ENDPOINT_INDEXES)).rows]

    assert sent.stdout == "50 requests answered with 200\n"
    assert [json.loads(line)["eventMetadata"]["inferenceId"] for line in lines] == [f"7-{n}" for n in range(50)]
    assert {len(row) for row in rows} == {2 + len(churn.FEATURES)}
    assert all((float(score) > churn.DECISION_THRESHOLD) == (decision == "1") for decision, score, *_ in rows)
