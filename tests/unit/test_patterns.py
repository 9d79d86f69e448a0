"""No text makes a regular expression of the package slow: a megabyte of its worst text takes a second of a core at most."""

import random
import re
from functools import cache

import pytest
from tests.fuzz.patterns import UsedPattern, require_linear, used_patterns

from spark_model_monitor.reports.history_page.service_violations import NUMBERS, PERCENTAGES
from spark_model_monitor.reports.outputs.run_files import NameKind
from spark_model_monitor.running.runtime.failures import SENTENCES_BY_PATTERN
from spark_model_monitor.statistics.date_forms import DATE_PATTERNS
from spark_model_monitor.storage.refused_requests import REFUSALS

GIVEN = {
    "date_pattern": [*DATE_PATTERNS],
    "kind.value": [kind.value for kind in NameKind],
    "form": [pattern.pattern for pattern in (*PERCENTAGES, *NUMBERS)],
    "error_pattern": [*SENTENCES_BY_PATTERN, *REFUSALS],
    "f'\\\\b{name}\\\\.(\\\\w+)'": [r"\bclient\.(\w+)"],
    "f'\\\\b{re.escape(monitor.name)}\\\\b'": [r"\bmodel\-1\b"],
}
"""The patterns that are no constants where they are used, by the source of their expression."""


@cache
def find_patterns() -> list[UsedPattern]:
    """All patterns, when a test asks for them: as cases each process would parse the package while it collects."""
    return list(used_patterns(GIVEN))


@pytest.mark.long
def test_the_time_of_a_pattern_grows_with_the_text_and_no_faster():
    for used in find_patterns():
        require_linear(used, random.Random(0))


def test_patterns_of_the_package_are_found_by_reading_it():
    sources = [used.pattern.pattern for used in find_patterns()]

    assert len(sources) > 100
    assert r"_c\d+" in sources, "a constant"
    assert r"[^A-Za-z0-9_.-]" in sources, "an argument"
    assert r"-\d+|[-+]?\d+\.\d+" in sources


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        pytest.param(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", "fullmatch", id="two repeats of digits"),
        pytest.param(
            r'(.*?),\s*"?([^",]+)"?\s*,\s*"?([^",]+)"?\s*', "fullmatch", id="blanks that three repeats accept"
        ),
        pytest.param(r'"?\$\{([^}]+)\}"?', "sub", id="a search that begins anew in what it has read"),
        pytest.param(r"\d+x", "search", id="a search that begins anew at each digit"),
        pytest.param(r"(\w+)+!", "match", id="exponential time"),
        pytest.param(rb"x*\s*x*y", "match", id="bytes"),
    ],
)
def test_a_slow_pattern_is_reported(pattern, method):
    used = UsedPattern("here", re.compile(pattern), (method,))

    with pytest.raises(AssertionError, match="takes .* s for"):
        require_linear(used, random.Random(0))
