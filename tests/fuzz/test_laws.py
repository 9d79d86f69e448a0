"""Laws of files, requests and fleets, by seeds.

configurations: a file of a fleet is read or refused by a sentence, whatever stands in it. costs: what a document costs does
not grow with the square of its records. fleets: no captured record ends a fleet, hides a model from it, or takes a name or a
folder of the user's. manifests: a manifest leads to nothing outside the folder that the configuration names. model_files: a
model's file is loaded, or refused by a sentence. model_requests: a model server gets exactly the values of a record.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
from tests.fuzz.law import SECONDS, try_seeds

pytestmark = pytest.mark.timeout(SECONDS + 600)

LAWS = {
    "configurations": (0.2, ["yaml"]),
    "costs": (0.3, []),
    "fleets": (1.0, []),
    "manifests": (0.2, []),
    "model_files": (0.2, ["skops", "xgboost"]),
    "model_requests": (0.2, []),
}
"""Each law's share of the time, and what it needs."""


def prepare_law(name: str, folder: Path) -> Callable[[int], bool | None]:
    """The law of a seed, whose files are in a folder."""
    law = import_module(f"tests.fuzz.{name}")
    if name == "manifests":
        law.make_tree(folder)
    if name == "model_files":
        return partial(law.require_law, sound_files=law.make_sound_files())
    if name == "model_requests":
        return law.require_law
    return partial(law.require_law, folder)


@pytest.mark.parametrize("name", LAWS)
def test_the_law_holds_for_every_seed(name, tmp_path):
    share, libraries = LAWS[name]
    for library in libraries:
        pytest.importorskip(library)

    answers = try_seeds(name, SECONDS * share, prepare_law(name, tmp_path))

    assert name != "manifests" or any(answers), "no manifest led to a file"
    print(f"{name}: {len(answers)} tries, {sum(map(bool, answers))} accepted")
