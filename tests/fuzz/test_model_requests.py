"""A model server gets exactly the values of a record, whatever they look like."""

from __future__ import annotations

import pytest
from tests.fuzz.law import SECONDS, seeds
from tests.fuzz.model_requests import require_law

pytestmark = pytest.mark.timeout(SECONDS + 300)


def test_a_model_gets_the_values_of_its_records():
    requests = 0
    for seed in seeds(SECONDS * 0.2):
        try:
            require_law(seed)
        except Exception as fault:
            command = f"FUZZ_SEED={seed} .venv/bin/python -m pytest tests/fuzz/test_model_requests.py"
            raise AssertionError(f"request {seed} breaks the law; try it again by\n  {command}\n{fault!r}") from fault
        requests += 1
    print(f"{requests} requests")
