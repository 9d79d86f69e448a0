"""The journal of a replay: what can't be understood is run again, whatever it is."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from spark_model_monitor.data.records.windows import HOUR, Window
from spark_model_monitor.running.replay.certificate import ReportedViolation, Verdict
from spark_model_monitor.running.replay.replay_run import Journal
from spark_model_monitor.storage import LocalStorage

START = datetime(2026, 1, 31, 22, tzinfo=timezone.utc)
WINDOW = Window(START, START + HOUR)
FOUND = Verdict(
    frozenset({ReportedViolation("age", "data_type_check", "Value: 0.5"), ReportedViolation("plan", "x", "y")})
)


@pytest.fixture
def entry(tmp_path):
    """A journal, the path of its one entry, and what that says."""
    journal = Journal(LocalStorage(), str(tmp_path))
    journal.write(WINDOW, "ab", FOUND, Verdict(failure="no data"), {"checks.parquet": b"a"})
    path = next(tmp_path.glob("*.json"))
    return journal, path, json.loads(path.read_text())


def test_the_tables_of_a_window_stand_beside_its_entry(entry):
    assert (entry[1].with_suffix("") / "checks.parquet").read_bytes() == b"a"


def test_an_entry_is_read_as_it_was_written(entry):
    assert entry[0].read(WINDOW, "ab") == (FOUND, Verdict(failure="no data"))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda entry_members: "[" * 100_000, id="deep"),
        pytest.param(lambda entry_members: "{", id="cut off"),
        pytest.param(lambda entry_members: "[]", id="a list"),
        pytest.param(lambda entry_members: json.dumps({**entry_members, "default": 7}), id="a number"),
        pytest.param(
            lambda entry_members: json.dumps({**entry_members, "default": {"violations": [{"subject": "age"}]}}),
            id="half",
        ),
        pytest.param(
            lambda entry_members: json.dumps(
                {**entry_members, "default": {"violations": [{"subject": 7, "check": "x", "text": "y"}]}}
            ),
            id="a number for a text",
        ),
        pytest.param(
            lambda entry_members: json.dumps(
                {**entry_members, "default": {"violations": [{"subject": [], "check": "x", "text": "y"}]}}
            ),
            id="a list for a text",
        ),
    ],
)
def test_a_damaged_entry_is_none(entry, caplog, damage):
    journal, path, said = entry
    path.write_text(damage(said))

    assert journal.read(WINDOW, "ab") is None
    assert "is no entry of a journal; the window is run again" in caplog.text
