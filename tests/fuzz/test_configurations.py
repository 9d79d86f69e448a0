"""A file of a fleet is read or refused by a sentence, whatever stands in it."""

from __future__ import annotations

import pytest
from tests.fuzz.configurations import require_law
from tests.fuzz.law import SECONDS, seeds

pytestmark = pytest.mark.timeout(SECONDS + 300)


def test_a_configuration_is_read_or_refused(tmp_path):
    pytest.importorskip("yaml")
    files = accepted = 0
    for seed in seeds(SECONDS * 0.2):
        try:
            accepted += require_law(tmp_path, seed)
        except Exception as fault:
            command = f"FUZZ_SEED={seed} .venv/bin/python -m pytest tests/fuzz/test_configurations.py"
            raise AssertionError(f"file {seed} breaks the law; try it again by\n  {command}\n{fault!r}") from fault
        files += 1
    print(f"{files} files, {accepted} of them are read")
