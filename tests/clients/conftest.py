"""The environments of these tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.environments import require_client


@pytest.fixture(scope="session")
def sdk_python() -> Path:
    """The Python that imports the pinned sagemaker SDK."""
    return require_client("sdk")
