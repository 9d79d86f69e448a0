"""Fixtures of the tests of jobs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.at_hand import require

AIRFLOW_PYTHON = Path(__file__).resolve().parents[2] / ".venv-airflow" / "bin" / "python"


@pytest.fixture(scope="session")
def airflow_python() -> Path:
    """The interpreter of that environment."""
    require(AIRFLOW_PYTHON.is_file(), f"{AIRFLOW_PYTHON} is not there; `make airflow` makes it (600 MB on disk)")
    return AIRFLOW_PYTHON
