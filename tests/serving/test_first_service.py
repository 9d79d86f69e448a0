"""docs/first-service.md, step by step: its app behind a real server on loopback, with a clock that is given."""

from __future__ import annotations

import http.client
import json
import random
import re
import shlex
import socket
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import uvicorn
from tests.running_jobs import JobsHere

from spark_model_monitor.capture.account import Clock

PAGE = Path(__file__).resolve().parents[2] / "docs" / "first-service.md"
BLOCK = re.compile(r"```(python|sh|text)\n(.*?)```", re.DOTALL)
FIRST_HOUR = datetime(2026, 3, 4, 10, tzinfo=timezone.utc)
REQUESTS = 300

pytestmark = pytest.mark.nightly


class Walk:
    """The blocks of the page, by language, and a folder in which they run. time: of the clock that the app sees."""

    def __init__(self, folder):
        blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
        self.code = {
            language: [text for kind, text in blocks if kind == language] for language in ("python", "sh", "text")
        }
        self.folder = folder
        self.time = FIRST_HOUR

    def run_command(self, number):
        """What the commands of a block say."""
        messages = []
        for line in self.code["sh"][number].splitlines():
            _, job, *flags = shlex.split(line)
            finished = JobsHere(self.folder, "local")(job, *flags)
            assert finished.status == 0, finished.said
            messages.append(finished.said)
        return "\n".join(messages)

    @contextmanager
    def serve(self):
        """The port of the page's app."""
        clock = Clock(lambda: self.time, time.monotonic)
        code = self.code["python"][1].replace(
            'CaptureOptions(endpoint="credit")', 'CaptureOptions(endpoint="credit"), clock=clock'
        )
        module = {"__name__": "app", "clock": clock}
        exec(compile(code, "app.py", "exec", dont_inherit=True), module)
        server = uvicorn.Server(uvicorn.Config(module["app"], log_level="warning", access_log=False))
        with socket.create_server(("127.0.0.1", 0)) as listening:
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
            thread.start()
            try:
                yield listening.getsockname()[1]
            finally:
                server.should_exit = True
                thread.join()
        module["writer"].close()


def send_hour(port, hour, factor):
    """Requests of an hour, each with its id."""
    rng = random.Random(hour)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for number in range(REQUESTS):
        income = round(rng.lognormvariate(10, 0.5) * factor, 2)
        body = json.dumps({"age": rng.randint(20, 69), "income": income, "client": {"app": rng.choice(["web", "ios"])}})
        headers = {"Content-Type": "application/json", "X-Amzn-SageMaker-Inference-Id": f"{hour}-{number}"}
        connection.request("POST", "/score", body, headers)
        response = connection.getresponse()
        assert (response.status, "score" in json.loads(response.read())) == (200, True)


def write_labels(folder):
    """The labels of the first hour, a day later."""
    rng = random.Random(7)
    lines = []
    for number in range(REQUESTS):
        label = {"data": str(int(rng.random() < 0.2)), "encoding": "CSV"}
        event = {"eventId": f"10-{number}"}
        lines.append(json.dumps({"groundTruthData": label, "eventMetadata": event, "eventVersion": "0"}))
    path = folder / "labels/2026/03/05/10/labels.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(lines))


def test_the_walk_from_training_data_to_labels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    walk = Walk(tmp_path)
    exec(walk.code["python"][0], {})
    walk.run_command(0)
    with walk.serve() as port:
        send_hour(port, 10, 1)
        walk.time = FIRST_HOUR + timedelta(hours=1)
        send_hour(port, 11, 100)
    first_text, second_text = walk.code["text"]

    # Each line of the page is said, and nothing else is violated
    first_message = walk.run_command(1)
    assert [line for line in first_text.splitlines() if line not in first_message and line != "…"] == []
    assert second_text.strip() in walk.run_command(2)
    violations = json.loads((tmp_path / "report" / "constraint_violations.json").read_text())["violations"]
    assert {violation["feature_name"] for violation in violations} == {"income"}

    # Labels of the first hour come a day later
    write_labels(tmp_path)
    walk.run_command(3)
    coverage = json.loads((tmp_path / "merged" / "ledger.json").read_text())["coverage"]
    statistics = json.loads((tmp_path / "quality" / "statistics.json").read_text())
    assert coverage == pytest.approx(0.5)
    assert statistics["binary_classification_metrics"]["auc"]["value"] > 0
