"""Archives of every release add to a scan of today's, of the same rows."""

from __future__ import annotations

import pytest
from tests.archives.scanned import ARCHIVES, states_of

from model_monitor.history.archive import from_parquet

STATES = ("profile", "outcomes-binary", "outcomes-regression", "contingency", "requests")


@pytest.fixture(scope="module")
def fresh(spark):
    return states_of(spark)


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda folder: folder.name)
def test_an_archive_adds_to_a_scan_of_today(archive, fresh):
    for name in STATES:
        path = archive / f"{name}.parquet"
        stored = from_parquet(path.read_bytes(), str(path))

        # as if the older release had scanned the same rows twice, and as if this one had
        for total in (stored + fresh[name], fresh[name] + stored):
            assert total == stored + stored == fresh[name] + fresh[name], name
