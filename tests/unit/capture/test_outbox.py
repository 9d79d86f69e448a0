from __future__ import annotations

from pathlib import Path

import pytest

from spark_model_monitor.capture import CaptureLimits, LocalFolder
from spark_model_monitor.capture.account import SYSTEM_CLOCK, Tally
from spark_model_monitor.capture.outbox import Outbox
from spark_model_monitor.capture.spool import Spool

from .capturing import files_below

KEY = "churn/AllTraffic/2024/03/04/12/05-06-789-{}.jsonl"


class UnsteadyFolder(LocalFolder):
    """Refuses the first attempts, as a network that is down for a moment."""

    def __init__(self, folder: Path, refusals: int) -> None:
        super().__init__(folder)
        self.refusals = refusals

    def deliver(self, file: Path, key: str) -> None:
        if self.refusals:
            self.refusals -= 1
            raise TimeoutError("read timed out")
        super().deliver(file, key)


class ClosingTally(Tally):
    """Closes the outbox when something was delivered, so that `run` ends."""

    outbox: Outbox

    def add(self, name: str, number: int = 1) -> None:
        super().add(name, number)
        self.outbox.close()


@pytest.fixture
def tally():
    return Tally()


def make_outbox(destination, tally) -> Outbox:
    return Outbox(destination, CaptureLimits(retry_seconds=0.001, rotate_seconds=0.002), tally, SYSTEM_CLOCK)


def make_draft(destination, number: int = 0, content: bytes = b"1\n"):
    draft = Spool(destination.spool).create(KEY.format(number))
    draft.append(content, lines=content.count(b"\n"))
    return draft


def test_at_the_end_every_file_is_tried_once_more(tmp_path, tally):
    destination = UnsteadyFolder(tmp_path, refusals=0)
    outbox = make_outbox(destination, tally)
    outbox.put([make_draft(destination, number) for number in range(3)])
    outbox.close()
    outbox.run()

    assert len(files_below(tmp_path)) == 3
    assert (tally.counts().delivered_files, tally.counts().delivered) == (3, 3)


def test_a_destination_that_refuses_is_asked_again(tmp_path):
    destination = UnsteadyFolder(tmp_path, refusals=4)
    tally = ClosingTally()
    tally.outbox = outbox = make_outbox(destination, tally)
    outbox.put([make_draft(destination)])
    outbox.run()

    assert destination.refusals == 0
    assert len(files_below(tmp_path)) == 1


def test_files_without_a_line_are_not_delivered(tmp_path, tally):
    destination = LocalFolder(tmp_path)
    outbox = make_outbox(destination, tally)
    outbox.put([make_draft(destination, content=b"")])
    outbox.close()
    outbox.run()

    assert files_below(tmp_path) == []
    assert list(destination.spool.glob("*.jsonl")) == []


def test_a_file_that_somebody_took_away_does_not_stop_the_others(tmp_path, tally, caplog):
    destination = LocalFolder(tmp_path)
    drafts = [make_draft(destination, number) for number in range(2)]
    drafts[0].path.unlink()
    outbox = make_outbox(destination, tally)
    outbox.put(drafts)
    outbox.close()
    outbox.run()

    assert files_below(tmp_path) == [KEY.format(1)]
    assert "was taken away by somebody else" in caplog.text
