"""What some tests need and not everybody has, such as the golden cases."""

from __future__ import annotations

import os

import pytest

DEMANDED = "DEMANDS_SHARED"
"""The variable by which `.ci/run` demands all of it. A public CI sets CI=true and has a bare clone."""


def require(is_present: bool, description: str) -> None:
    """Skips the test where what it needs is absent, and fails it if `.ci/run` demands it. description: its name and source."""
    if is_present:
        return
    if os.environ.get(DEMANDED) == "1":
        pytest.fail(f"{description}; {DEMANDED}=1 demands it")
    pytest.skip(description)
