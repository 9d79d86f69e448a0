"""No record ends a window: odd ones in sound windows of every kind of monitoring, through the jobs without Spark."""

from __future__ import annotations

import os

import pytest
from tests.fuzz.law import SECONDS, seeds
from tests.fuzz.odd_records import FEW_ROWS, KINDS, Law

SHARE = 0.25 / len(KINDS)

pytestmark = pytest.mark.timeout(SECONDS + 300)


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    """The folder with the model that attributions are of."""
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_record_ends_a_window(kind, tmp_path):
    hold_windows(Law(kind, tmp_path, "--engine", "local"))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_record_ends_a_small_window(kind, tmp_path):
    hold_windows(Law(kind, tmp_path, "--engine", "local", "--max-quarantined-share", "0.2", rows=FEW_ROWS))


def hold_windows(law: Law) -> None:
    windows = 0
    for seed in seeds(SECONDS * SHARE):
        try:
            law.hold(seed)
        except AssertionError as fault:
            test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]
            rerun_command = f"FUZZ_SEED={seed} .venv/bin/python -m pytest '{test}'"
            raise AssertionError(
                f"window {seed} breaks the law; try it again by\n  {rerun_command}\n{fault}"
            ) from fault
        windows += 1
    print(f"{law.kind.name}: {windows} windows")
