"""A model's file is loaded, or refused by a sentence, whatever it holds."""

from __future__ import annotations

import pytest
from tests.fuzz.law import SECONDS, seeds

pytest.importorskip("skops")
pytest.importorskip("xgboost")

from tests.fuzz.model_files import make_sound_files, require_law

pytestmark = pytest.mark.timeout(SECONDS + 600)


def test_a_model_file_is_loaded_or_refused():
    sound_files = make_sound_files()
    files = accepted = 0
    for seed in seeds(SECONDS * 0.2):
        try:
            accepted += require_law(seed, sound_files)
        except Exception as fault:
            command = f"FUZZ_SEED={seed} .venv/bin/python -m pytest tests/fuzz/test_model_files.py"
            raise AssertionError(f"file {seed} breaks the law; try it again by\n  {command}\n{fault!r}") from fault
        files += 1
    print(f"{files} files of models, {accepted} of them accepted")
