"""`spark-model-monitor watch` with its processes: side by side, one of them broken; and four models of which two break."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests import example_fleet
from tests.servers import http_server
from tests.waiting import wait_for

from spark_model_monitor.documents.schedule import Executions
from spark_model_monitor.integrations.demo.traffic import Traffic
from spark_model_monitor.running.scheduling import schedule_runs as runs
from spark_model_monitor.running.scheduling.schedule_command import Request, run_due

NOW = datetime(2024, 3, 4, 1, 5, tzinfo=timezone.utc)


# A healthy window of 200 rows may be too small for a feature, which is no alert
COUNTS = r"3 monitors, 0 in alert, 1 not checked, 1 may have changed, 0 no run yet"


def test_a_broken_model_keeps_no_other_from_its_page(tmp_path):
    example_fleet.write_fleet(tmp_path, models=3)
    fleet = json.loads((tmp_path / example_fleet.FLEET).read_text())
    fleet["entries"][1]["variables"] = {"baseline": "nowhere"}
    (tmp_path / example_fleet.FLEET).write_text(json.dumps(fleet))
    out = io.StringIO()
    request = Request(
        (tmp_path / example_fleet.FLEET,), tmp_path / "state", at_once=2, page=tmp_path / example_fleet.PAGE
    )

    assert run_due(request, out, now=lambda: NOW) == 2
    page = (tmp_path / example_fleet.PAGE).read_text()
    links = dict(re.findall(r'<a href="(reports/[^"]+/report\.html)">(\? may have changed|✓ no alert)', page))
    assert links == {
        "reports/shop-00/2024/03/04/01/report.html": "? may have changed",
        "reports/shop-02/2024/03/04/01/report.html": "✓ no alert",
    }
    assert all((tmp_path / link).is_file() for link in links)
    assert re.search(COUNTS, out.getvalue())
    assert re.search(r"not checked: shop-01: .*nowhere", out.getvalue())


def test_models_on_spark_share_one_application_in_which_one_that_fails_keeps_no_other_from_its_page(tmp_path):
    example_fleet.write_fleet(tmp_path, models=3)
    fleet = json.loads((tmp_path / example_fleet.FLEET).read_text())
    fleet["defaults"]["variables"]["engine"] = "spark"
    fleet["entries"][1]["variables"] = {"dataset_source": "nowhere"}
    (tmp_path / example_fleet.FLEET).write_text(json.dumps(fleet))
    (tmp_path / "events").mkdir()
    options = (
        f"--conf spark.eventLog.enabled=true --conf spark.eventLog.dir={(tmp_path / 'events').as_uri()} pyspark-shell"
    )
    words = "from tests.jobs.test_fleet import run_fleet; run_fleet(NOW)"
    ended = subprocess.run(
        [sys.executable, "-c", words.replace("NOW", repr(str(tmp_path)))],
        env={**os.environ, "PYSPARK_SUBMIT_ARGS": options, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )

    assert re.search(COUNTS, ended.stdout), ended.stderr
    assert re.search("not checked: shop-01: .*nowhere", ended.stdout)
    [events] = wait_for(
        lambda: [path for path in (tmp_path / "events").iterdir() if not path.name.endswith("progress")], "its log"
    )
    assert events.read_text().count('"SparkListenerJobStart"') >= 2


def run_fleet(folder):
    """Run what was due of a folder's fleet in the demo's first hour, and say what came of it."""
    request = Request(
        (Path(folder) / example_fleet.FLEET,), Path(folder) / "state", at_once=2, page=Path(folder) / example_fleet.PAGE
    )
    run_due(request, sys.stdout, now=lambda: NOW)


@pytest.mark.nightly
def test_the_two_models_that_break_are_one_message(tmp_path):
    out = io.StringIO()
    with http_server(200, 200) as server:
        example_fleet.write_fleet(tmp_path, sinks=f"webhook:{server.url}")
        request = Request(
            (tmp_path / example_fleet.FLEET,), tmp_path / "state", at_once=2, page=tmp_path / example_fleet.PAGE
        )
        assert run_due(request, out, now=lambda: NOW + timedelta(hours=3)) == 0
    messages = [json.loads(body)["text"] for _, _, body in server.requests]

    assert "4 monitors, 2 in alert, 0 not checked" in out.getvalue()
    [message] = [message for message in messages if "monthly_charge_eur" in message]
    assert f"changed in 2 monitors since 2024-03-04 03:00 ({', '.join(example_fleet.BROKEN)})" in message


SLEEPS = "import os, time\nopen(f'pid-{os.getpid()}', 'w').close()\ntime.sleep(3600)\n"


def test_a_signal_ends_a_fleet_and_the_jobs_under_way(tmp_path):
    """As every command (docs/guarantees.md#signals). What was under way and what waited is due."""
    example_fleet.write_fleet(tmp_path, models=3)
    (tmp_path / "sleeps.py").write_text(SLEEPS)
    fleet = json.loads((tmp_path / example_fleet.FLEET).read_text())
    fleet["defaults"] |= {
        "catch_up": 1,
        "variables": fleet["defaults"]["variables"] | {"record_preprocessor_script": "sleeps.py"},
    }
    (tmp_path / example_fleet.FLEET).write_text(json.dumps(fleet))
    words = [
        sys.executable,
        "-m",
        "spark_model_monitor",
        "watch",
        example_fleet.FLEET,
        "--state",
        "state",
        "--at-once",
        "2",
    ]
    process = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        jobs = wait_for(lambda: two if len(two := sorted(tmp_path.glob("pid-*"))) == 2 else None, "two jobs", process)
        process.terminate()
        assert process.wait() == 143
    finally:
        process.kill()
    numbers = [job.name.removeprefix("pid-") for job in jobs]
    wait_for(lambda: not any(Path(f"/proc/{number}").exists() for number in numbers), "their end")
    records = [
        json.loads(file.read_text())["executions"] for file in sorted((tmp_path / "state").glob("*.executions.json"))
    ]
    assert [[execution["status"] for execution in executions] for executions in records if executions] == [
        ["Pending"],
        ["Pending"],
    ]


def test_an_hour_without_captures_leaves_what_its_job_would_leave(tmp_path, monkeypatch):
    """Whether a job is started for it or not."""
    folder = tmp_path / "fleet"
    trees = []
    for record_empty_window in (runs._record_empty_window, lambda *arguments: None):
        example_fleet.write_fleet(folder, models=1, traffic=Traffic(hours=1))
        monkeypatch.chdir(folder)
        monkeypatch.setattr(runs, "_record_empty_window", record_empty_window)
        request = Request((Path(example_fleet.FLEET),), Path("state"), page=Path(example_fleet.PAGE))
        assert run_due(request, io.StringIO(), now=lambda: NOW) == 0
        assert run_due(request, io.StringIO(), now=lambda: NOW + timedelta(hours=2)) == 3
        [record] = (folder / "state").glob(f"*{Executions.FILE_NAME}")
        executions = Executions.from_json(record.read_bytes()).executions
        messages = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("message")}
        names = {path.relative_to(folder) for path in folder.rglob("*")}
        trees.append(([execution.plain() | {"process": None} for execution in executions], messages, names))
        monkeypatch.chdir(tmp_path)
        shutil.rmtree(folder)
    assert [execution["status"] for execution in trees[0][0]] == ["Completed", "Failed", "Failed"]
    assert trees[0] == trees[1]
