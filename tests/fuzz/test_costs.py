"""What a document costs does not grow with the square of its records."""

from __future__ import annotations

import pytest
from tests.fuzz.costs import require_law
from tests.fuzz.law import SECONDS, try_seeds

pytestmark = pytest.mark.timeout(SECONDS + 300)


def test_a_document_costs_as_much_as_it_has_records(tmp_path):
    try_seeds("document", SECONDS * 0.3, lambda seed: require_law(tmp_path, seed))
