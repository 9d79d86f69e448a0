from __future__ import annotations

from spark_model_monitor.capture.spool import Buffer, Line

from .capturing import NOON


def line(text: str) -> Line:
    return Line(NOON, text.encode())


def contents(lines) -> list[bytes]:
    return [line.content for line in lines]


def test_a_full_buffer_takes_nothing_until_it_is_emptied():
    buffer = Buffer(10, half_full=lambda: None)
    taken = [buffer.offer(line(text)) for text in ("12345", "67890", "x")]

    assert taken == [True, True, False]
    assert contents(buffer.take()) == [b"12345", b"67890"]
    assert buffer.offer(line("x"))


def test_half_of_the_room_is_left_when_the_alarm_comes():
    alarms = []
    buffer = Buffer(10, half_full=lambda: alarms.append(1))
    buffer.offer(line("12345"))
    assert alarms == []

    buffer.offer(line("6"))
    assert alarms == [1]


def test_lines_that_come_back_stand_in_front_again():
    buffer = Buffer(10, half_full=lambda: None)
    buffer.offer(line("1"))
    unwritten = buffer.take()
    buffer.offer(line("2"))

    assert buffer.give_back(unwritten) == 0
    assert contents(buffer.take()) == [b"1", b"2"]


def test_lines_that_come_back_to_a_full_buffer_are_counted_and_the_oldest_preserved():
    buffer = Buffer(4, half_full=lambda: None)
    for text in ("1", "2", "3"):
        buffer.offer(line(text))
    unwritten = buffer.take()
    buffer.offer(line("45"))

    assert buffer.give_back(unwritten) == 1
    assert contents(buffer.take()) == [b"1", b"2", b"45"]


def test_nothing_is_taken_in_after_the_last_lines():
    buffer = Buffer(10, half_full=lambda: None)
    buffer.offer(line("1"))

    assert contents(buffer.take_last()) == [b"1"]
    assert not buffer.offer(line("2"))
