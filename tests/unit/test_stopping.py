"""What others are asked for has a time for the whole, and is asked for as if nobody watched the clock."""

import os
import signal
import subprocess
import sys
import time
from contextvars import ContextVar
from threading import Event

import pytest

from spark_model_monitor.stopping import WATCHER, run_with_timeout

OPENER = ContextVar("opener", default="nobody")


def test_a_talk_knows_what_its_caller_knows():
    token = OPENER.set("a session")
    try:
        assert run_with_timeout(5, OPENER.get) == "a session"
    finally:
        OPENER.reset(token)


def test_what_a_talk_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        run_with_timeout(5, lambda: 1 / 0)


def test_a_talk_that_takes_longer_is_left_behind():
    stopped = Event()
    with pytest.raises(TimeoutError, match=r"no whole answer within 0\.05 s"):
        run_with_timeout(0.05, stopped.wait)
    stopped.set()


def test_a_watcher_ends_with_its_process_whose_output_it_has():
    """Within its grace: else whoever reads all that the process says waits for the rest of it."""
    reading, writing = os.pipe()
    os.write(writing, bytes([signal.SIGTERM]))
    program = ["-c", f"print(flush=True){WATCHER}", str(reading), str(os.getpid()), "100", ""]
    watcher = subprocess.Popen([sys.executable, *program], pass_fds=[reading], stdout=subprocess.PIPE)
    assert watcher.stdout is not None
    watcher.stdout.readline()
    time.sleep(0.2)  # it has seen the signal
    os.read(reading, 1)
    os.close(writing)
    os.close(reading)

    assert watcher.wait(60) == 0
