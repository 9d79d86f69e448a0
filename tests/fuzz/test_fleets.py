"""No captured record ends a fleet, hides a model from it, or takes a name or a folder of the user's."""

from __future__ import annotations

import pytest
from tests.fuzz.fleets import require_law
from tests.fuzz.law import SECONDS, try_seeds

pytestmark = pytest.mark.timeout(SECONDS + 300)


def test_no_record_steers_a_fleet(tmp_path):
    try_seeds("fleet", SECONDS, lambda seed: require_law(tmp_path, seed))
