"""A signal ends a command within ten seconds, whatever a user's code catches, and a rerun finds nothing of it."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.at_hand import defer_to_night
from tests.running_jobs import JobsHere
from tests.waiting import wait_for

from spark_model_monitor import stopping
from spark_model_monitor.storage.file_system import is_draft

EACH_SIGNAL = pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.nightly)]
)

PATIENT = """
from spark_model_monitor import stopping
stopping.GRACE_SECONDS = 1e6
"""
"""Where nothing is left behind, as slow as the machine may be."""
SLOWLY = (
    f"{PATIENT}import time"
    + """
def preprocess_handler(record):
    try:
        open("begun", "w").close()
        time.sleep(0.2)
    except BaseException:
        pass
    return {"age": "1"}
"""
)
NEVER_BACK = """
import time
def preprocess_handler(record):
    while True:
        try:
            open("begun", "w").close()
            time.sleep(60)
        except BaseException:
            open("swallowed", "w").close()
"""
IN_A_LIBRARY = """
import hashlib
def preprocess_handler(record):
    open("begun", "w").close()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
"""
"""A call of many minutes, in which no handler of Python's is called."""
HOLDS_PYTHON = """
import itertools
def preprocess_handler(record):
    open("begun", "w").close()
    return {"age": sum(itertools.repeat(1))}
"""
"""A call that never ends, in which no thread of Python's goes on."""
OUT_OF_TIME = f"""
{NEVER_BACK}
import os, signal
never_back = preprocess_handler
def preprocess_handler(record):
    try:
        os.kill(os.getpid(), signal.SIGALRM)
    except BaseException:
        never_back(record)
"""
"""Whose time is over, by the alarm of --max-runtime, when its first record begins."""
TWICE_AT_ONCE = """
import os, signal
def preprocess_handler(record):
    for _ in range(2):
        try:
            os.kill(os.getpid(), {number})
        except BaseException:
            open("again", "w").close()
    return {{"age": "1"}}
"""
TWICE_IN_THE_END = """
import atexit, os, signal
def send_again():
    os.kill(os.getpid(), {number})
    open("again", "w").close()
def preprocess_handler(record):
    atexit.register(send_again)
    os.kill(os.getpid(), {number})
"""
ENDS = "import os\ndef preprocess_handler(record):\n    os._exit(0)\n"
ENDS_LOADED = f"import os\nos._exit(0)\n{ENDS}"
QUIET = 'def preprocess_handler(record):\n    return {"age": "1"}\n'

BEGAN = datetime(2026, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def data(tmp_path):
    (tmp_path / "data.csv").write_text("age\n" + "1\n" * 400)
    return tmp_path


def baseline(folder, script, *flags, engine="local"):
    (folder / "script.py").write_text(script)
    words = ("data.csv", "--record-preprocessor-script", "script.py", "--output-path", "out", "--engine", engine)
    return started(folder, "baseline", *words, *flags)


def started(folder, *words):
    command = [sys.executable, "-m", "spark_model_monitor", *words]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(process):
    """Its status and what it said."""
    printed, _ = process.communicate()
    return process.returncode, printed


def baseline_here(folder):
    """A job that nothing stops, in this process."""
    (folder / "script.py").write_text(QUIET)
    words = ("data.csv", "--record-preprocessor-script", "script.py", "--output-path", "out")
    assert JobsHere(folder, "local")("baseline", *words).status == 0


def signalled(folder, process, number):
    wait_for((folder / "begun").exists, "the first record", process)
    process.send_signal(number)
    return ended(process)


def test_what_goes_on_regardless_has_less_than_ten_seconds():
    """As docs/guarantees.md says; the tests below don't look at a clock, which a busy machine would turn."""
    assert stopping.GRACE_SECONDS + stopping.CLEANUP_SECONDS < 10


@EACH_SIGNAL
def test_what_a_script_swallows_ends_the_job_at_the_next_record(data, number, status):
    status_found, printed = signalled(data, baseline(data, SLOWLY), number)

    assert status_found == status, printed
    assert "in the midst of its work" not in printed
    left = {path.name for path in (data / "out").rglob("*")}
    assert left == {"message"}, "nothing is held, nothing half-written"


def test_a_time_limit_that_a_script_swallows_ends_the_job(data):
    status_found, printed = ended(baseline(data, SLOWLY, "--max-runtime", "PT2S"))

    assert status_found == 143, printed
    assert "as --max-runtime says; nothing was published" in printed


@pytest.mark.parametrize("script", [NEVER_BACK, IN_A_LIBRARY], ids=["swallows signals", "in a library"])
def test_a_script_that_never_comes_back_is_left_behind_and_its_rerun_is_as_quiet_as_any(data, script):
    status_found, printed = signalled(data, baseline(data, script), signal.SIGTERM)

    assert status_found == 143, printed
    assert "ended by signal 15 in the midst of its work" in printed
    assert not [name for name in os.listdir(data / "out") if name.startswith("_lease-")]
    baseline_here(data)
    assert not [path for path in (data / "out").rglob("*") if path.name.startswith((".", "_lease", "_unfinished"))]


def test_a_script_that_never_comes_back_is_left_behind_when_its_time_is_over(data):
    status, printed = ended(baseline(data, OUT_OF_TIME, "--max-runtime", "PT1H"))

    assert status == 143, printed
    assert "as --max-runtime says; nothing was published; what went on regardless was left behind" in printed
    left = {path.name for path in (data / "out").rglob("*")}
    assert left == {"message"}, "nothing is held, nothing half-written"
    assert "as --max-runtime says" in (data / "out" / "message").read_text()


def test_a_librarys_call_is_left_behind_when_the_time_is_over():
    program = "import hashlib, time; from datetime import timedelta\n"
    program += "from spark_model_monitor.running.runtime.status import TimeLimit\n"
    program += "limit = TimeLimit(timedelta(seconds=0.1), time.monotonic(), bool)\n"
    program += "hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    status, printed = ended(process)

    assert status == 143, printed
    assert "as --max-runtime says; nothing was published; what went on regardless was left behind" in printed


@pytest.mark.parametrize("number", [signal.SIGTERM, defer_to_night(signal.SIGALRM)], ids=["signal", "time limit"])
def test_a_script_that_lets_no_thread_go_on_is_ended_from_outside(data, number):
    status, printed = signalled(data, baseline(data, HOLDS_PYTHON, "--max-runtime", "PT1H"), number)

    assert status == -signal.SIGKILL
    assert f"ended by signal {number:d} in the midst of its work" in printed
    baseline_here(data)
    assert not [path for path in (data / "out").rglob("*") if path.name.startswith((".", "_lease", "_unfinished"))]


def test_a_second_signal_waits_for_nothing(data):
    process = baseline(data, f"{PATIENT}{NEVER_BACK}")
    wait_for((data / "begun").exists, "the first record", process)
    process.send_signal(signal.SIGTERM)
    wait_for((data / "swallowed").exists, "the first signal", process)
    time.sleep(2 * stopping.DUPLICATE_SECONDS)  # else it is an echo of the first
    status_found, printed = signalled(data, process, signal.SIGTERM)

    assert status_found == 143, printed


@pytest.mark.parametrize(
    ("number", "script"),
    [
        pytest.param(signal.SIGTERM, TWICE_AT_ONCE, id="SIGTERM at once"),
        pytest.param(signal.SIGINT, TWICE_IN_THE_END, id="SIGINT in the end"),
        pytest.param(signal.SIGINT, TWICE_AT_ONCE, id="SIGINT at once", marks=pytest.mark.nightly),
        pytest.param(signal.SIGTERM, TWICE_IN_THE_END, id="SIGTERM in the end", marks=pytest.mark.nightly),
    ],
)
def test_the_same_signal_twice_at_once_is_one_and_cuts_no_clean_exit(data, number, script):
    status, printed = ended(baseline(data, script.format(number=int(number))))

    assert status == 128 + number, printed
    assert (data / "again").exists()
    assert "in the midst of its work" not in printed
    left = {path.name for path in (data / "out").rglob("*")}
    assert left == {"message"}, "nothing is held, nothing half-written"


@pytest.mark.parametrize("script", [ENDS, ENDS_LOADED], ids=["for a record", "while it is loaded"])
def test_a_script_that_ends_the_process_has_failed(data, script):
    status_found, printed = ended(baseline(data, script))

    assert status_found == 1, printed
    assert "SystemExit (line " in printed
    assert not (data / "out" / "statistics.json").exists()


@EACH_SIGNAL
def test_a_signal_ends_all_windows_of_a_backfill(data, number, status):
    captured(data)
    (data / "script.py").write_text(SLOWLY)
    words = ("captures", "--baseline", "out", "--output-path", "hours", "--engine", "local")
    status_found, printed = signalled(
        data, started(data, "backfill", *words, "--record-preprocessor-script", "script.py"), number
    )

    assert status_found == status, printed
    assert len([*(data / "hours").rglob("message")]) == 1, "the window at hand says so, no other was begun"


ON_SPARK = NEVER_BACK.replace('"begun"', "{begun!r}").replace('"swallowed"', "{swallowed!r}")
"""Its workers have a folder of their own."""


def write_for_spark(folder):
    return ON_SPARK.format(begun=str(folder / "begun"), swallowed=str(folder / "swallowed"))


@pytest.mark.nightly
@EACH_SIGNAL
def test_a_signal_ends_a_job_on_spark_whose_script_never_comes_back(data, number, status):
    status_found, printed = signalled(data, baseline(data, write_for_spark(data), engine="spark"), number)

    assert status_found == status, printed
    # The JVM is the process that was started; the driver in Python gives back what it holds once the JVM is gone
    wait_for(lambda: not processes_in(data), "the end of the JVM, of its workers and of the driver")
    assert not [path for path in (data / "out").rglob("*") if path.name.startswith("_lease-") or is_draft(path.name)]


@pytest.mark.nightly
def test_a_time_limit_ends_a_job_on_spark_whose_script_never_comes_back(data):
    process = baseline(data, write_for_spark(data), "--max-runtime", "PT20S", engine="spark")
    status, printed = ended(process)

    assert status == 143, printed
    assert "as --max-runtime says" in (data / "out" / "message").read_text()
    wait_for(lambda: not processes_in(data), "the end of the JVM and of its workers")


@pytest.mark.nightly
def test_a_signal_ends_all_windows_of_a_replay(data):
    captured(data)
    (data / "script.py").write_text(write_for_spark(data))
    words = ("--windows", "captures", "--baseline", "out", "--output-path", "replayed")
    process = started(data, "replay", *words, "--record-preprocessor-script", "script.py")
    status, printed = signalled(data, process, signal.SIGTERM)

    assert status == 143, printed
    assert not [*(data / "replayed").rglob("statistics.json")]
    wait_for(lambda: not processes_in(data), "the end of the JVM and of its workers")


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("words", "at_once"),
    [(("run-due", "--schedule", "."), 1), (("watch", ".", "--at-once", "3"), 3)],
    ids=["run-due", "watch"],
)
def test_a_signal_ends_the_jobs_of_all_schedules(data, words, at_once):
    captured(data)
    for name in ("one", "two", "three"):
        begun = SLOWLY.replace('"begun"', f'"begun-{name}"')
        (data / f"{name}.py").write_text(begun)
        starts = f"{BEGAN + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        write_schedule(data, name, f"{name}.py", schedule_expression="NOW", starts=starts)
    process = started(data, *words)
    for name in ("one", "three", "two")[:at_once]:
        wait_for((data / f"begun-{name}").exists, name, process)
    process.send_signal(signal.SIGTERM)
    status, printed = ended(process)

    assert status == 143, printed
    assert "in the midst of its work" not in printed
    assert not [path.name for path in data.rglob("*") if path.name.startswith("_lease-") or is_draft(path.name)]
    statuses = [run["status"] for name in ("one", "three", "two")[:at_once] for run in read_runs(data, name)]
    assert statuses == ["Pending"] * at_once, "each is due again, and none began another"
    wait_for(lambda: not processes_in(data), "the end of what it started")


UNTIL_TOLD = """
import os, time
def preprocess_handler(record):
    while not os.path.exists("go on"):
        open("begun", "w").write(str(os.getpid()))
        time.sleep(0.1)
    return {"age": "1"}
"""
"""Stands still in the first of three due hours."""


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("number", "of_job"),
    [
        (signal.SIGTERM, False),
        (signal.SIGINT, False),
        (signal.SIGKILL, False),
        (signal.SIGTERM, True),
        (signal.SIGKILL, True),
    ],
)
def test_the_next_call_runs_all_hours_though_the_first_was_stopped(data, number, of_job):
    """By the line of crontab in docs/schedules.md, which has no `--retry-failed`."""
    now = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    hours = [now - timedelta(hours=before) for before in (3, 2, 1)]
    captured(data, hours)
    (data / "script.py").write_text(UNTIL_TOLD)
    starts = f"{hours[0] + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    write_schedule(data, "one", "script.py", cron="0 * * * *", starts=starts)
    process = started(data, "run-due", "--schedule", "one.schedule.json")
    wait_for((data / "begun").exists, "the first record", process)
    job = wait_for(lambda: (data / "begun").read_text(), "the job's number", process)
    if of_job:
        os.kill(int(job), number)
    else:
        process.send_signal(number)
    process.wait()
    # As the last hour may have gone by meanwhile, only the first three are looked at
    assert [run["status"] for run in read_runs(data, "one")] in (["Pending"], ["InProgress"])
    (data / "go on").touch()
    wait_for(lambda: not processes_in(data), "the end of a job whose caller was killed")
    printed = ended(started(data, "run-due", "--schedule", "one.schedule.json"))[1]

    runs = read_runs(data, "one")[:3]
    assert [run["status"] for run in runs] == ["Completed"] * 3, printed
    assert [run["attempts"] for run in runs] == [2, 1, 1]


def processes_in(folder):
    """Those that work in it."""
    process_ids = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another's
            process_ids += [process.name] if os.readlink(process / "cwd") == str(folder) else []
    return process_ids


def write_schedule(data, name, script, **members):
    """An entry, whose records go through a script."""
    environment = {
        "dataset_source": "captures",
        "dataset_format": "capture",
        "MODEL_MONITOR_BASELINE": "out",
        "output_path": f"reports-{name}",
        "record_preprocessor_script": script,
        "engine": "local",
    }
    (data / f"{name}.env").write_text("".join(f"{key}={text}\n" for key, text in environment.items()))
    job = {"job": "monitor", "env_file": f"{name}.env", "output_folder": "%Y/%m/%d/%H"}
    entry = {"name": name, "monitoring_type": "DataQuality", "jobs": [job], **members}
    (data / f"{name}.schedule.json").write_text(json.dumps(entry))


def read_runs(data, name):
    return json.loads((data / f"{name}.executions.json").read_text())["executions"]


def captured(data, hours=tuple(BEGAN + timedelta(hours=offset) for offset in range(3))):
    """A baseline, and captures of three hours."""
    baseline_here(data)
    record = '{"captureData": {"endpointInput": {"observedContentType": "text/csv", "data": "1", "encoding": "CSV"}}'
    for hour in hours:
        folder = data / "captures" / f"{hour:%Y/%m/%d/%H}"
        folder.mkdir(parents=True)
        metadata = f'"eventMetadata": {{"eventId": "a", "inferenceTime": "{hour:%Y-%m-%dT%H:%M:%SZ}"}}'
        (folder / "x.jsonl").write_text(f'{record}, {metadata}, "eventVersion": "0"}}\n' * 20)
