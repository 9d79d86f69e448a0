"""A manifest leads to nothing outside the folder that the configuration names."""

from __future__ import annotations

import pytest
from tests.fuzz.law import SECONDS, try_seeds
from tests.fuzz.manifests import make_tree, require_law

pytestmark = pytest.mark.timeout(SECONDS + 300)


def test_a_manifest_leads_to_nothing_outside_its_root(tmp_path):
    make_tree(tmp_path)
    accepted = try_seeds("manifest", SECONDS * 0.2, lambda seed: require_law(tmp_path, seed))
    assert any(accepted)
    print(f"{sum(accepted)} of them lead to files")
