"""What others are asked for has a time for the whole, and is asked for as if nobody watched the clock."""

from contextvars import ContextVar
from threading import Event

import pytest

from spark_model_monitor.stopping import run_within

OPENER = ContextVar("opener", default="nobody")


def test_a_talk_knows_what_its_caller_knows():
    token = OPENER.set("a session")
    try:
        assert run_within(5, OPENER.get) == "a session"
    finally:
        OPENER.reset(token)


def test_what_a_talk_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        run_within(5, lambda: 1 / 0)


def test_a_talk_that_takes_longer_is_left_behind():
    stopped = Event()
    with pytest.raises(TimeoutError, match=r"no whole answer within 0\.05 s"):
        run_within(0.05, stopped.wait)
    stopped.set()
