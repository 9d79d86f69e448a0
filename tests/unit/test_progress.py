"""A line of progress: on a terminal or if asked for, after two seconds, gone at the end; a plain log has none."""

import pytest

from spark_model_monitor import progress


@pytest.fixture
def clock(monkeypatch):
    """Each look at the clock is a second later."""
    seconds = iter(range(1_000))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(seconds)))


def test_after_two_seconds_a_line_says_what_is_done_and_what_is_left(clock, capsys):
    with progress.enable_progress(True):
        assert list(progress.show_progress("abcd", 4, "partitions")) == ["a", "b", "c", "d"]

    lines = capsys.readouterr().err.split("\r\033[K")
    assert lines == [
        "",
        "2 of 4 partitions, 0:02 left",
        "3 of 4 partitions, 0:01 left",
        "4 of 4 partitions, 0:00 left",
        "",
    ]


@pytest.mark.parametrize("options", [False, None])
def test_a_plain_log_has_no_line(clock, capsys, options):
    with progress.enable_progress(options):
        assert list(progress.show_progress("abcd", 4, "partitions")) == ["a", "b", "c", "d"]

    assert capsys.readouterr().err == ""


def test_a_library_writes_nothing(clock, capsys, monkeypatch):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True)

    assert list(progress.show_progress("abcd", 4, "partitions")) == ["a", "b", "c", "d"]
    assert capsys.readouterr().err == ""


def test_the_line_is_gone_when_something_fails(clock, capsys):
    def failing():
        yield from "abc"
        raise KeyError

    with progress.enable_progress(True), pytest.raises(KeyError):
        list(progress.show_progress(failing(), 4, "partitions"))
    assert capsys.readouterr().err.endswith("left\r\033[K")
