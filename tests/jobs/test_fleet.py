"""`model-monitor watch` with the processes that it starts: side by side, one of them broken; and the demo of twenty models."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import time
from datetime import datetime, timezone

import pytest

from model_monitor.integrations.demo import fleet as demo
from model_monitor.machine import here
from model_monitor.running.scheduling.command import Request, run_due

NOW = datetime(2024, 3, 4, 1, 5, tzinfo=timezone.utc)


def test_a_broken_model_keeps_no_other_from_its_page(tmp_path):
    demo.write_fleet(tmp_path, models=3)
    said = json.loads((tmp_path / demo.FLEET).read_text())
    said["entries"][1]["variables"] = {"baseline": "nowhere"}
    (tmp_path / demo.FLEET).write_text(json.dumps(said))
    out = io.StringIO()
    request = Request((tmp_path / demo.FLEET,), tmp_path / "state", at_once=2, page=tmp_path / demo.PAGE)

    assert run_due(request, out, now=lambda: NOW) == 2
    page = (tmp_path / demo.PAGE).read_text()
    links = re.findall(r'<a href="([^"]+)">✓ no alert', page)
    assert links == [f"reports/{name}/2024/03/04/01/report.html" for name in ("shop-00", "shop-02")]
    assert all((tmp_path / link).is_file() for link in links)
    assert "3 monitors, 0 in alert, 1 not checked, 0 no run yet" in out.getvalue()
    assert re.search(r"not checked: shop-01: .*nowhere", out.getvalue())


@pytest.mark.slow
def test_the_demo_names_the_two_that_break_and_sends_one_message(tmp_path):
    out = io.StringIO()

    assert demo.main(tmp_path, out) == 0
    assert "20 monitors, 2 in alert, 0 not checked, 0 no run yet" in out.getvalue()
    assert "1 message to the chat" in out.getvalue()
    assert f"changed in 2 monitors since 2024-03-04 03:00 ({', '.join(demo.BROKEN)})" in out.getvalue()


SLEEPS = "import os, time\nopen(f'pid-{os.getpid()}', 'w').close()\ntime.sleep(120)\n"


def test_a_signal_ends_a_fleet_and_the_jobs_under_way(tmp_path):
    """Within ten seconds, as every command (docs/guarantees.md#signals). What was under way is Stopped, what waited is due."""
    demo.write_fleet(tmp_path, models=3)
    (tmp_path / "sleeps.py").write_text(SLEEPS)
    said = json.loads((tmp_path / demo.FLEET).read_text())
    said["defaults"] |= {
        "catch_up": 1,
        "variables": said["defaults"]["variables"] | {"record_preprocessor_script": "sleeps.py"},
    }
    (tmp_path / demo.FLEET).write_text(json.dumps(said))
    words = [sys.executable, "-m", "model_monitor.cli", "watch", demo.FLEET, "--state", "state", "--at-once", "2"]
    process = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        jobs = waited_for(lambda: found if len(found := sorted(tmp_path.glob("pid-*"))) == 2 else None)
        began = time.monotonic()
        process.terminate()
        assert process.wait(60) == 143
        assert time.monotonic() - began < 12  # ten, and a busy machine
    finally:
        process.kill()
    waited_for(lambda: all(here().has_ended(int(job.name.removeprefix("pid-"))) for job in jobs))
    records = [
        json.loads(file.read_text())["executions"] for file in sorted((tmp_path / "state").glob("*.executions.json"))
    ]
    assert [[each["status"] for each in executions] for executions in records if executions] == [
        ["Stopped"],
        ["Stopped"],
    ]


def waited_for(found, seconds=120):
    """What is there once it is."""
    end = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)
    return result
