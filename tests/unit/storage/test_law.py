"""The local storage passes the law of storages, and every registered storage is somewhere asked to."""

from pathlib import Path

from tests.storage_law import EVERY_CLAUSE, RUN_BY

import spark_model_monitor.spark.storage
import spark_model_monitor.storage.s3_storage  # noqa: F401  # whose storages register themselves
from spark_model_monitor.storage import LocalStorage
from spark_model_monitor.storage.file_system import STORAGES, Storage, find_storage_without_spark

ROOT = Path(__file__).resolve().parents[3]


@EVERY_CLAUSE
def test_the_local_storage_passes(clause, tmp_path):
    clause(find_storage_without_spark(str(tmp_path)), str(tmp_path / "law"))


class LocalStorageByDefault(LocalStorage):
    """With the listings that a storage has if it does not write its own."""

    list_folders = Storage.list_folders
    list_by_prefix = Storage.list_by_prefix


@EVERY_CLAUSE
def test_the_default_listings_pass(clause, tmp_path):
    clause(LocalStorageByDefault(), str(tmp_path / "law"))


def test_a_storage_has_a_test_that_runs_the_law():
    missing = [
        f"storage {name!r}: run every clause of tests/storage_law.py on it in a test, as tests/unit/storage/test_law.py does, "
        "and name that test in RUN_BY there; docs/s3.md says which storages there are"
        for name in STORAGES
        if not (ROOT / RUN_BY.get(name, "nowhere")).is_file()
    ]

    assert missing == []
    assert RUN_BY.keys() == {*STORAGES}


def test_a_scheme_is_one_storages():
    schemes = [scheme for storage in STORAGES.values() for scheme in storage.facts["schemes"]]

    assert len(schemes) == len({*schemes})
    assert {"", "file", "s3", "s3a"} <= {*schemes}
