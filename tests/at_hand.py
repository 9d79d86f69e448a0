"""What some tests need and not everybody has, such as the golden cases; and cases that wait for the night."""

from __future__ import annotations

import os

import pytest
from _pytest.mark import ParameterSet

DEMANDED = "DEMANDS_SHARED"
"""The variable by which `.ci/run` demands all of it. A public CI sets CI=true and has a bare clone."""


def require(is_present: bool, description: str) -> None:
    """Skips the test where what it needs is absent, and fails it if `.ci/run` demands it. description: its name and source."""
    if is_present:
        return
    if os.environ.get(DEMANDED) == "1":
        pytest.fail(f"{description}; {DEMANDED}=1 demands it")
    pytest.skip(description)


def defer_to_night(*values: object) -> ParameterSet:
    """A case of a parametrised test that only `make nightly` runs: by day another case runs the same lines."""
    return pytest.param(*values, marks=pytest.mark.nightly)
