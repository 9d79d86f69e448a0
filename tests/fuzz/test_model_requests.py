"""A model server gets exactly the values of a record, whatever they look like."""

from __future__ import annotations

import pytest
from tests.fuzz.law import SECONDS, try_seeds
from tests.fuzz.model_requests import require_law

pytestmark = pytest.mark.timeout(SECONDS + 300)


def test_a_model_gets_the_values_of_its_records():
    try_seeds("request", SECONDS * 0.2, require_law)
