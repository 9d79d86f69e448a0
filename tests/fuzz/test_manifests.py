"""A manifest leads to nothing outside the folder that the configuration names."""

from __future__ import annotations

import pytest
from tests.fuzz.law import SECONDS, seeds
from tests.fuzz.manifests import make_tree, require_law

pytestmark = pytest.mark.timeout(SECONDS + 300)


def test_a_manifest_leads_to_nothing_outside_its_root(tmp_path):
    make_tree(tmp_path)
    manifests = accepted = 0
    for seed in seeds(SECONDS * 0.2):
        try:
            accepted += require_law(tmp_path, seed)
        except Exception as fault:
            command = f"FUZZ_SEED={seed} .venv/bin/python -m pytest tests/fuzz/test_manifests.py"
            raise AssertionError(f"manifest {seed} breaks the law; try it again by\n  {command}\n{fault!r}") from fault
        manifests += 1
    assert accepted
    print(f"{manifests} manifests, {accepted} of them lead to files")
