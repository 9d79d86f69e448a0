"""Jobs of the golden cases, which need no Spark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.running_jobs import JobsHere


@pytest.fixture
def jobs_here(make_jobs: Callable[[Path], JobsHere], tmp_path: Path) -> JobsHere:
    """Jobs in a folder of this test."""
    return make_jobs(tmp_path)
