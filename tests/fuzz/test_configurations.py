"""A file of a fleet is read or refused by a sentence, whatever stands in it."""

from __future__ import annotations

import pytest
from tests.fuzz.configurations import require_law
from tests.fuzz.law import SECONDS, try_seeds

pytestmark = pytest.mark.timeout(SECONDS + 300)


def test_a_configuration_is_read_or_refused(tmp_path):
    pytest.importorskip("yaml")
    accepted = try_seeds("file", SECONDS * 0.2, lambda seed: require_law(tmp_path, seed))
    print(f"{sum(accepted)} of them are read")
