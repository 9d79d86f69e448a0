"""What Hadoop's file systems do beside the law of storages. Hadoop's own local one stands in for the others here."""

import os
import stat

import pytest
from tests.spark_lines import on_a_jvm

from spark_model_monitor.errors import OutputFailed
from spark_model_monitor.spark.storage import HadoopStorage

pytestmark = on_a_jvm("Hadoop's file systems are in the server's JVM")


@pytest.fixture
def storage(spark, tmp_path):
    return HadoopStorage.for_path(str(tmp_path), spark)


def test_a_private_file_is_for_its_owner_alone_and_so_is_the_folder_made_for_it(storage, tmp_path):
    storage.write(str(tmp_path / "quarantine" / "00000.jsonl"), b"{}", private=True)
    storage.write(str(tmp_path / "quarantine" / "00000.jsonl"), b"{}{}", private=True)

    assert storage.read(str(tmp_path / "quarantine" / "00000.jsonl")) == b"{}{}"
    assert stat.S_IMODE((tmp_path / "quarantine" / "00000.jsonl").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "quarantine").stat().st_mode) == 0o700


@pytest.mark.parametrize("names", [["a"], ["a", "b"]], ids=["one", "several"])
def test_files_put_together_are_for_their_owner_alone_whoever_wrote_the_parts(storage, tmp_path, names):
    sources = []
    for name in names:
        source = tmp_path / name
        source.touch(0o644)
        sources.append(str(source))
    folder = tmp_path / "merged"
    target = folder / "part"
    storage.assemble(sources, str(target))

    file_mode = target.stat().st_mode
    folder_mode = folder.stat().st_mode
    assert file_mode & 0o077 == 0
    assert folder_mode & 0o077 == 0


def test_a_write_that_fails_is_named(storage, tmp_path):
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(OutputFailed, match="file/statistics.json: can't be written"):
        storage.write(str(tmp_path / "file" / "statistics.json"), b"new")


def test_what_can_not_be_put_in_place_leaves_no_draft(storage, tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).write_text(name)
    (tmp_path / "out" / "target" / "inner").mkdir(parents=True)
    with pytest.raises(OutputFailed):
        storage.assemble([str(tmp_path / "one"), str(tmp_path / "other")], str(tmp_path / "out" / "target"))
    with pytest.raises(OutputFailed):
        storage.write(str(tmp_path / "out" / "target"), b"new")

    assert os.listdir(tmp_path / "out") == ["target"]


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
