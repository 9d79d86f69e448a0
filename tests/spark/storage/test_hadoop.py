"""Hadoop's file systems do what the local storage does. Hadoop's own local one stands in for the others here."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from tests.spark_lines import on_a_jvm

from spark_model_monitor.errors import BadInput, OutputFailed, OutputHeld
from spark_model_monitor.spark.storage import HadoopStorage
from spark_model_monitor.storage import LocalStorage, holding

pytestmark = on_a_jvm("Hadoop's file systems are in the server's JVM")


@pytest.fixture
def storage(spark, tmp_path):
    return HadoopStorage.for_path(str(tmp_path), spark)


def test_a_file_is_written_whole_and_read_back(storage, tmp_path):
    path = str(tmp_path / "new folder" / "statistics.json")
    storage.write(path, b"first")
    storage.write(path, bytes(range(256)))

    assert storage.read(path) == bytes(range(256))
    assert storage.read(path, at_most=3) == b"\x00\x01\x02"
    assert storage.read(path, at_most=2, start=250) == b"\xfa\xfb"
    assert storage.read(path, start=254) == b"\xfe\xff"
    assert [name for name in os.listdir(tmp_path / "new folder") if not name.endswith(".crc")] == ["statistics.json"]


def test_a_private_file_is_for_its_owner_alone_and_so_is_the_folder_made_for_it(storage, tmp_path):
    storage.write(str(tmp_path / "quarantine" / "00000.jsonl"), b"{}", private=True)
    storage.write(str(tmp_path / "quarantine" / "00000.jsonl"), b"{}{}", private=True)

    assert storage.read(str(tmp_path / "quarantine" / "00000.jsonl")) == b"{}{}"
    assert stat.S_IMODE((tmp_path / "quarantine" / "00000.jsonl").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "quarantine").stat().st_mode) == 0o700


def test_a_write_that_fails_is_named(storage, tmp_path):
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(OutputFailed, match="file/statistics.json: can't be written"):
        storage.write(str(tmp_path / "file" / "statistics.json"), b"new")


def test_folders_are_the_same_as_the_local_ones(storage, tmp_path):
    for name in ("2022/04", "_runs", ".git", "2021"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "b.csv").write_text("b")

    assert storage.list_folders(str(tmp_path)) == LocalStorage().list_folders(str(tmp_path)) == ["2021", "2022"]
    assert storage.list_folders(str(tmp_path / "b.csv")) == []
    with pytest.raises(BadInput, match="nowhere: there is no such file or directory"):
        storage.list_folders(str(tmp_path / "nowhere"))


def test_files_by_their_beginning_are_the_same_as_the_local_ones(storage, tmp_path):
    for name in ("_lease-b", "_lease-a", "_lease", "lease-a", ".lease-a"):
        (tmp_path / name).write_text(name)
    (tmp_path / "_lease-d").mkdir()
    (tmp_path / "_lease-d" / "_lease-e").write_text("deeper")

    files = sorted(storage.list_beginning(str(tmp_path), "_lease-"))
    assert files == sorted(LocalStorage().list_beginning(str(tmp_path), "_lease-"))
    assert [file.path.rpartition("/")[2] for file in files] == ["_lease-a", "_lease-b"]
    for storage_kind in (storage, LocalStorage()):
        with pytest.raises(BadInput, match="nowhere: "):
            storage_kind.list_beginning(str(tmp_path / "nowhere"), "_lease-")


def test_hidden_files_are_the_same_as_the_local_ones(storage, tmp_path):
    for name in ("a.csv", ".b", "c/_d", "_e/.f", "_e/g"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    files = storage.list_hidden(str(tmp_path))

    assert [file.path.removeprefix(f"file:{tmp_path}/") for file in sorted(files)] == [".b", "_e/.f", "c/_d"]
    assert sorted(files) == sorted(LocalStorage().list_hidden(str(tmp_path)))


def test_what_can_not_be_put_in_place_leaves_no_draft(storage, tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).write_text(name)
    (tmp_path / "out" / "target" / "inner").mkdir(parents=True)
    with pytest.raises(OutputFailed):
        storage.assemble([str(tmp_path / "one"), str(tmp_path / "other")], str(tmp_path / "out" / "target"))
    with pytest.raises(OutputFailed):
        storage.write(str(tmp_path / "out" / "target"), b"new")

    assert os.listdir(tmp_path / "out") == ["target"]


def test_one_run_at_a_time_holds_a_folder_and_who_lost_it_changes_nothing(storage, tmp_path):
    out = str(tmp_path / "out")

    def hold():
        with holding(storage, out, timedelta(0)):
            pass

    with holding(storage, out) as lease, ThreadPoolExecutor(1) as threads:
        with pytest.raises(OutputHeld, match=f"another run is writing there: run {lease.run}"):
            threads.submit(hold).result()
        os.unlink(f"{out}/_lease-{lease.run}")
        for change in (
            lambda: storage.write(f"{out}/x", b""),
            lambda: storage.delete(f"{out}/x"),
            lambda: storage.assemble([str(tmp_path / "y")], f"{out}/x"),
        ):
            with pytest.raises(OutputHeld, match="another run took it over"):
                change()
        storage.write(str(tmp_path / "y"), b"")
    hold()

    assert [name for name in os.listdir(out) if not name.endswith(".crc")] == []


def test_what_is_absent_may_be_deleted(storage, tmp_path):
    storage.delete(str(tmp_path / "nowhere"))


class InPlace(HadoopStorage):
    """A file system that shows a file when its stream is closed, and can't rename, as an object store."""

    OBJECT_STORES = frozenset({"file"})


@pytest.mark.parametrize("kind", [HadoopStorage, InPlace], ids=["renaming", "in place"])
@pytest.mark.parametrize("parts", [[b"1234"], [b"12", b"", b"34"]], ids=["one file", "several"])
def test_files_are_put_together_in_place_of_another(spark, tmp_path, kind, parts):
    storage = kind.for_path(str(tmp_path), spark)
    target = str(tmp_path / "hour" / "part")
    outcomes = []
    for _ in range(2):
        paths = [str(tmp_path / f"{number}") for number in range(len(parts))]
        for path, content in zip(paths, parts, strict=True):
            storage.write(path, content)
        outcomes.append(storage.assemble(paths, target))
    storage.write(target, b"4321")

    assert outcomes == [True, False]
    for path, content in zip(paths, parts, strict=True):
        storage.write(path, content)
    assert storage.assemble(paths, target)
    assert storage.read(target) == b"1234"


def test_what_can_not_be_put_together_is_named(storage, tmp_path):
    with pytest.raises(OutputFailed, match="part: can't be written"):
        storage.assemble([str(tmp_path / "absent")], str(tmp_path / "part"))
