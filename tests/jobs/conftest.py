"""Fixtures of the tests of jobs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

AIRFLOW_PYTHON = Path(__file__).resolve().parents[2] / ".venv-airflow" / "bin" / "python"


@pytest.fixture(scope="session")
def airflow_python() -> Path:
    """The interpreter of that environment."""
    if not AIRFLOW_PYTHON.is_file():
        reason = f"{AIRFLOW_PYTHON} is not there; `make airflow` makes it (600 MB on disk)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return AIRFLOW_PYTHON
