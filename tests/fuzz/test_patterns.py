"""A megabyte of its worst text takes each regular expression of the package a second of a core at most."""

from __future__ import annotations

import random

import pytest
from tests.fuzz.law import SECONDS, seeds
from tests.fuzz.patterns import MEGABYTE, SIZES, require_linear
from tests.unit.test_patterns import PATTERNS

pytestmark = pytest.mark.timeout(SECONDS + 300)


def test_a_megabyte_of_its_worst_text_takes_a_pattern_a_second():
    texts = 0
    for seed in seeds(SECONDS * 0.1):
        rng = random.Random(seed)
        used = rng.choice(PATTERNS)
        require_linear(used, rng, sizes=(*SIZES, MEGABYTE), text_count=3)
        texts += 3
    print(f"patterns: {texts} texts")
