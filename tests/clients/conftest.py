"""The environments of these tests; those of what we are plugged into only where `make test-wide` demands them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests import environments


@pytest.fixture(scope="session")
def sdk_python() -> Path:
    """Python interpreter that imports the pinned sagemaker SDK, made at first use in 15 to 30 s (200 MB)."""
    return environments.environment(environments.ROOT / ".venv-sdk", environments.PINS / "requirements.txt")


@pytest.fixture(scope="session")
def plugged_in() -> Callable[[str], Path]:
    """`plugged_in("dagster")`: a Python that has it above the product and what that needs."""

    def python(name: str) -> Path:
        if os.environ.get(environments.DEMANDED) != "1":
            pytest.skip(
                f"{name} in an environment of its own: {environments.DEMANDED}=1 makes it, as make test-wide does"
            )
        return environments.plugged_in(name)

    return python
