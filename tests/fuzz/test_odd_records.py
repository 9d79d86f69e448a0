"""No record ends a window: odd ones in sound windows of every kind of monitoring, through the jobs without Spark."""

from __future__ import annotations

import pytest
from tests.fuzz.law import SECONDS, seeds
from tests.fuzz.odd_records import KINDS, Law

SHARE = 0.5 / len(KINDS)

pytestmark = pytest.mark.timeout(SECONDS + 300)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_record_ends_a_window(kind, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    law = Law(kind, tmp_path, "--engine", "local")
    windows = 0
    for seed in seeds(SECONDS * SHARE):
        try:
            law.hold(seed)
        except AssertionError as fault:
            rerun_command = (
                f"FUZZ_SEED={seed} .venv/bin/python -m pytest 'tests/fuzz/test_odd_records.py' -k {kind.name}"
            )
            raise AssertionError(
                f"window {seed} of {kind.name} breaks the law; try it again by\n  {rerun_command}\n{fault}"
            ) from fault
        windows += 1
    print(f"{kind.name}: {windows} windows")
