"""A model's file is loaded, or refused by a sentence, whatever it holds."""

from __future__ import annotations

import pytest
from tests.fuzz.law import SECONDS, try_seeds

pytest.importorskip("skops")
pytest.importorskip("xgboost")

from tests.fuzz.model_files import make_sound_files, require_law

pytestmark = pytest.mark.timeout(SECONDS + 600)


def test_a_model_file_is_loaded_or_refused():
    sound_files = make_sound_files()
    accepted = try_seeds("file", SECONDS * 0.2, lambda seed: require_law(seed, sound_files))
    print(f"{sum(accepted)} of them accepted")
