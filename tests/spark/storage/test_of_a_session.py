"""What a session opens is listed and read as the local storage does: by Hadoop in its JVM, or by a Spark Connect server."""

import pytest
from tests.spark_lines import IS_REMOTE

from spark_model_monitor.errors import BadInput
from spark_model_monitor.spark.storage import HadoopStorage, ServerStorage
from spark_model_monitor.storage import LocalStorage, get_storage


@pytest.fixture
def storage(spark, tmp_path):
    if IS_REMOTE:
        return ServerStorage(spark)
    return HadoopStorage.for_path(str(tmp_path), spark)


def test_listings_are_the_same_as_the_local_ones(storage, tmp_path):
    for name in ("b.csv", "a/c d.csv", "_runs/x.csv", ".git/y.csv", "_SUCCESS", "ключ/z.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)

    assert storage.list_files(str(tmp_path)) == LocalStorage().list_files(str(tmp_path))
    assert storage.list_files(str(tmp_path / "b.csv")) == LocalStorage().list_files(str(tmp_path / "b.csv"))


def test_a_file_is_read_from_any_place_on(storage, tmp_path):
    (tmp_path / "file").write_bytes(bytes(range(256)))
    path = str(tmp_path / "file")

    assert storage.exists(path)
    assert storage.read(path) == bytes(range(256))
    assert storage.read(path, at_most=3) == b"\x00\x01\x02"
    assert storage.read(path, at_most=2, start=250) == b"\xfa\xfb"
    assert storage.read(path, start=254) == b"\xfe\xff"


def test_what_is_absent_is_named(storage, tmp_path):
    path = str(tmp_path / "nowhere")

    assert not storage.exists(path)
    with pytest.raises(BadInput, match="nowhere: there is no such file or directory"):
        storage.list_files(path)
    with pytest.raises(BadInput, match="nowhere: can't be read"):
        storage.read(path)


def test_local_paths_are_opened_without_hadoop(spark, tmp_path):
    assert isinstance(get_storage(str(tmp_path), spark), LocalStorage)
    assert isinstance(get_storage(f"file://{tmp_path}", spark), LocalStorage)


def test_s3_without_its_jar_is_reported_with_the_package_that_has_it(spark):
    with pytest.raises(
        BadInput, match="s3a://data/x: no file system of this Spark opens it .*--packages org.apache.hadoop"
    ):
        get_storage("s3a://data/x", spark).list_files("s3a://data/x")


def test_a_scheme_without_a_file_system_is_named(spark):
    with pytest.raises(BadInput, match="nosuch://bucket/x: no file system of this Spark opens it"):
        get_storage("nosuch://bucket/x", spark).list_files("nosuch://bucket/x")
