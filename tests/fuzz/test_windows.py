"""The law of windows, without Spark: thousands of damaged ones through the readers, the decoders, the scans and the merge."""

from __future__ import annotations

from functools import partial

import pytest
from tests.fuzz.law import SECONDS, hold, try_windows
from tests.fuzz.merges import hold_merge, hold_outputs
from tests.fuzz.windows import KINDS, Window

MERGES = {
    "merge": hold_merge,
    "outputs-json": partial(hold_outputs, encoding="JSON"),
    "outputs-csv": partial(hold_outputs, encoding="CSV"),
}

SHARE = 0.7 / (len(KINDS) + len(MERGES))
"""Of the time that there is, for each kind; the rest is for windows on Spark."""

pytestmark = pytest.mark.timeout(SECONDS + 300)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_record_of_a_window_is_accounted_for(kind, tmp_path):
    try_windows(kind.name, SECONDS * SHARE, lambda seed, tally: hold(Window.of(kind, seed, tmp_path), tally))


@pytest.mark.parametrize("name", MERGES)
def test_every_record_of_a_merge_is_accounted_for(name, tmp_path):
    try_windows(name, SECONDS * SHARE, lambda seed, tally: MERGES[name](seed, tally, tmp_path))
