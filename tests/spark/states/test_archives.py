"""The archive adds to a scan of today's, of the same rows."""

import pytest
from tests.archives.scanned import ARCHIVE, scan_states

from spark_model_monitor.reports.history.state_files import decode_state_file

STATES = ("profile", "outcomes-binary", "outcomes-regression", "contingency", "requests")


@pytest.fixture(scope="module")
def fresh(spark):
    return scan_states(spark)


@pytest.mark.parametrize("name", STATES)
def test_the_archive_adds_to_a_scan_of_today(name, fresh):
    path = ARCHIVE / f"{name}.parquet"
    stored = decode_state_file(path.read_bytes(), str(path))

    # Adding has no order
    assert stored + fresh[name] == fresh[name] + stored == fresh[name] + fresh[name]
