"""No captured record ends a fleet, hides a model from it, or takes a name or a folder of the user's."""

from __future__ import annotations

import pytest
from tests.fuzz.fleets import require_law
from tests.fuzz.law import SECONDS, seeds

pytestmark = pytest.mark.timeout(SECONDS + 300)


def test_no_record_steers_a_fleet(tmp_path):
    fleets = 0
    for seed in seeds(SECONDS):
        try:
            require_law(tmp_path, seed)
        except Exception as fault:
            command = f"FUZZ_SEED={seed} .venv/bin/python -m pytest tests/fuzz/test_fleets.py"
            raise AssertionError(f"fleet {seed} breaks the law; try it again by\n  {command}\n{fault!r}") from fault
        fleets += 1
    print(f"{fleets} fleets")
