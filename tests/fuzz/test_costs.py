"""What a document costs does not grow with the square of its records."""

from __future__ import annotations

import pytest
from tests.fuzz.costs import require_law
from tests.fuzz.law import SECONDS, seeds

pytestmark = pytest.mark.timeout(SECONDS + 300)


def test_a_document_costs_as_much_as_it_has_records(tmp_path):
    documents = 0
    for seed in seeds(SECONDS * 0.3):
        try:
            require_law(tmp_path, seed)
        except Exception as fault:
            command = f"FUZZ_SEED={seed} .venv/bin/python -m pytest tests/fuzz/test_costs.py"
            raise AssertionError(f"document {seed} breaks the law; try it again by\n  {command}\n{fault}") from fault
        documents += 1
    print(f"{documents} documents")
