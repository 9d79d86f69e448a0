"""The modules of the leaderboard, which are no package: scripts import each other by their names."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@contextmanager
def importing_modules(names: Sequence[str]) -> Iterator[dict[str, ModuleType]]:
    """The modules by name, which are gone again afterwards."""
    before = {*sys.modules}
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        patch.syspath_prepend(str(BENCHMARKS / "leaderboard"))
        yield {name: importlib.import_module(name) for name in names}
    for name in {*names} - before:
        sys.modules.pop(name, None)
