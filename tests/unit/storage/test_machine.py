"""A process id is not a process: what is known of one holds for no later one with its number."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from tests.faults import ENDED_PROCESS

from spark_model_monitor.data.records.windows import HOUR, Window
from spark_model_monitor.machine import ProcessIdentity, current_machine
from spark_model_monitor.running.scheduling.record import Record

CONTAINER = ("unshare", "--user", "--map-root-user", "--pid", "--fork")
"""Its processes begin with number 1. Its host name is the machine's: a container that starts again keeps its own, too."""


def run_in_container(code, *words, flags=("--mount-proc",)):
    """What a Python program prints there."""
    command = [*CONTAINER, *flags, sys.executable, "-c", code, *words]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    printed = subprocess.check_output(command, env=environment, text=True)
    return printed.removesuffix("\n")


def can_make_containers():
    try:
        container = subprocess.run([*CONTAINER, "--mount-proc", "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return container.returncode == 0


needs_containers = pytest.mark.skipif(not can_make_containers(), reason="this user can't make a PID namespace")

SAY_PROCESS = "from spark_model_monitor.machine import *; print(current_machine().process())"
SETTLE = """
import sys
from pathlib import Path
from spark_model_monitor.running.scheduling.record import Record, utc_now
[execution] = Record.open(Path(sys.argv[1]), "churn", utc_now).executions.executions
print(execution.status.value)
"""


def record_run(folder, process):
    """A run under way of a schedule."""
    time = datetime(2026, 3, 4, 20, tzinfo=timezone.utc)
    record = Record.read(folder, "churn", lambda: time)
    record.begin(time, Window(time - HOUR, time), process=process)


@needs_containers
def test_a_run_whose_container_started_again_is_due_again_though_another_process_has_its_number(tmp_path):
    first = run_in_container(SAY_PROCESS)
    assert ProcessIdentity.read(first).number == 1, "as that of the process that asks in the next container"
    record_run(tmp_path, first)

    assert run_in_container(SETTLE, str(tmp_path)) == "Pending"


@needs_containers
def test_a_run_of_a_process_of_the_same_container_goes_on(tmp_path):
    in_progress = f"""
import sys
sys.path.insert(0, {os.getcwd()!r})
from pathlib import Path
from tests.unit.storage.test_machine import record_run
from spark_model_monitor.machine import current_machine
record_run(Path(sys.argv[1]), str(current_machine().process()))
{SETTLE}"""

    assert run_in_container(in_progress, str(tmp_path)) == "InProgress"


@needs_containers
def test_of_a_container_that_sees_the_machines_processes_nothing_is_known():
    """Their numbers in /proc are not those by which it signals them."""
    assert ProcessIdentity.read(run_in_container(SAY_PROCESS, flags=())).machine == ""


def test_a_process_is_alive_until_it_has_ended():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = current_machine().process(child.pid)
    assert current_machine().is_alive(process) is True
    assert current_machine().is_alive(current_machine().process()) is True

    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert current_machine().is_alive(process) is False, "a zombie"
    child.wait()
    assert current_machine().is_alive(process) is False
    assert current_machine().process(child.pid).machine == "", "nothing tells of it any more"


@pytest.mark.parametrize("change", [{"start": 1}, {"number": ENDED_PROCESS}, {"number": 2**70}])
def test_an_earlier_process_with_a_number_and_one_that_no_process_has_have_ended(change):
    process = replace(current_machine().process(), **change)

    assert current_machine().is_alive(process) is False


@pytest.mark.parametrize("change", [{"number": 0}, {"number": -1}, {"machine": "another"}, {"machine": ""}])
def test_of_groups_of_processes_and_other_machines_nothing_is_known(change):
    process = replace(current_machine().process(), **change)

    assert current_machine().is_alive(process) is None


@pytest.mark.parametrize("machine", ["f2c1 pid:[4026531836]", "", "a b c"])
def test_an_identity_is_read_as_it_was_written(machine):
    process = ProcessIdentity(machine, 12, 345)

    assert ProcessIdentity.read(str(process)) == process


@pytest.mark.parametrize("text", ["", "12", "a 1", "a b 1", "a 1 b", "a 1.5 2"])
def test_what_is_no_identity_is_refused(text):
    with pytest.raises(ValueError, match=r"int\(\)|unpack"):
        ProcessIdentity.read(text)
