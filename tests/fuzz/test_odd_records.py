"""No record ends a window: odd ones in sound windows of every kind of monitoring, through the jobs without Spark."""

from __future__ import annotations

import pytest
from tests.fuzz.law import SECONDS, try_seeds
from tests.fuzz.odd_records import FEW_ROWS, KINDS, Law

SHARE = 0.25 / len(KINDS)

pytestmark = pytest.mark.timeout(SECONDS + 300)


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    """The folder with the model that attributions are of."""
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_record_ends_a_window(kind, tmp_path):
    try_windows(Law(kind, tmp_path, "--engine", "local"))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_record_ends_a_small_window(kind, tmp_path):
    try_windows(Law(kind, tmp_path, "--engine", "local", "--max-quarantined-share", "0.2", rows=FEW_ROWS))


def try_windows(law: Law) -> None:
    try_seeds(f"window of {law.kind.name}", SECONDS * SHARE, law.hold)
