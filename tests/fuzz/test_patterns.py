"""A megabyte of its worst text takes each regular expression of the package a second of a core at most."""

from __future__ import annotations

import random

import pytest
from tests.fuzz.law import SECONDS, try_seeds
from tests.fuzz.patterns import MEGABYTE, SIZES, require_linear
from tests.unit.test_patterns import find_patterns

pytestmark = pytest.mark.timeout(SECONDS + 300)


def test_a_megabyte_of_its_worst_text_takes_a_pattern_a_second():
    def hold(seed):
        rng = random.Random(seed)
        require_linear(rng.choice(find_patterns()), rng, sizes=(*SIZES, MEGABYTE), text_count=3)

    try_seeds("pattern", SECONDS * 0.1, hold)
