"""Local storage: whole files or none, hidden ones skipped."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.faults import Disk, Fault, watched

from spark_model_monitor.errors import BadInput, OutputFailed
from spark_model_monitor.spark.storage import HadoopStorage
from spark_model_monitor.storage import LocalStorage, get_storage, join
from spark_model_monitor.storage.local_storage import is_local

storage = LocalStorage()


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(tmp_path, file_size_limit):
    path = tmp_path / "statistics.json"
    path.write_bytes(b"old")

    with file_size_limit(10_000), pytest.raises(OutputFailed, match=r"statistics\.json: can't be written"):
        storage.write(str(path), bytes(20_000))

    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["statistics.json"]


def test_of_a_fault_that_is_not_about_room_no_bytes_are_asked_for(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputFailed, match=r"folder: can't be written: .*folder is a folder; name a file in it$"):
        storage.write(str(tmp_path / "folder"), b"text")
    with pytest.raises(OutputFailed, match=r"/dev/full is a file; name a folder as the output path$"):
        storage.write("/dev/full/statistics.json", b"text")


@pytest.mark.parametrize("path", ["/a/b", "a/b", "file:/a/b", "file:///a/b", "FILE:/a/b", "a b#c?d"])
def test_a_path_without_a_scheme_or_with_that_of_files_is_local(path):
    assert is_local(path)


@pytest.mark.parametrize("path", ["s3://a/b", "s3a://a/b", "hdfs://a/b", "https://a/b", "files://a/b"])
def test_a_path_with_another_scheme_is_not_local(path):
    assert not is_local(path)


def test_a_file_is_on_the_disk_before_it_is_in_place(tmp_path, monkeypatch):
    """After a loss of power a reader finds the file of before, or all of this one."""
    target = tmp_path / "a.json"
    sync = os.fsync
    steps = []

    def synced(descriptor):
        steps.append((target.exists(), os.fstat(descriptor).st_size))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", synced)
    LocalStorage().write(str(target), b"content")

    assert (steps, target.read_bytes()) == ([(False, 7)], b"content")


def test_a_place_that_can_not_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(OutputFailed, match="file/statistics.json: can't be written"):
        storage.write(str(tmp_path / "file" / "statistics.json"), b"new")


@pytest.mark.parametrize(
    "links",
    [
        pytest.param({"data/up": "data"}, id="to its own folder"),
        pytest.param({"data/day/up": "."}, id="above what is listed"),
        pytest.param({"data/to_day": "other", "other/back": "data"}, id="two links in a circle"),
    ],
)
def test_a_link_to_a_folder_above_is_refused_and_followed_by_nobody(tmp_path, links):
    for folder in ("data/day", "other"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data/day/a.csv").write_text("a")
    for link, target in links.items():
        (tmp_path / link).symlink_to(tmp_path / target)

    with pytest.raises(BadInput, match="is a link to a folder that it lies in, .*; remove the link"):
        storage.list_files(str(tmp_path / "data"))

    assert _count_folders(str(tmp_path / "data")) < 10


def test_a_link_to_a_folder_elsewhere_is_followed(tmp_path):
    for folder in ("data", "other/day"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "other/day/a.csv").write_text("a")
    (tmp_path / "data/link").symlink_to(tmp_path / "other")

    assert [file.path for file in storage.list_files(str(tmp_path / "data"))] == [
        f"file:{tmp_path}/data/link/day/a.csv"
    ]
    assert storage.list_folders(str(tmp_path / "data")) == ["link"]


def _count_folders(path):
    return sum(1 + _count_folders(join(path, name)) for name in storage.list_folders(path))


def test_a_folder_below_that_can_not_be_listed_ends_the_listing_and_is_not_left_out(tmp_path):
    for hour in ("a", "b"):
        (tmp_path / hour).mkdir()
        (tmp_path / hour / "0.jsonl").write_text("{}")

    with (
        watched(Disk(str(tmp_path), Fault.ERROR, 2)) as disk,
        pytest.raises(BadInput, match=r"can't be listed \(Input/o"),
    ):
        LocalStorage().list_files(str(tmp_path))
    assert disk.calls[2] in ("os.scandir a", "os.scandir b")


def make_pipe(path):
    os.mkfifo(path)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as unix_socket, ExitStack() as cleanups:
        before = os.getcwd()
        cleanups.callback(os.chdir, before)
        os.chdir(path.parent)  # a socket's path is short
        unix_socket.bind(path.name)


@pytest.mark.parametrize("make", [make_pipe, make_socket, lambda path: path.symlink_to("/nowhere")])
def make_name_without_text(path):
    (path.parent / os.fsdecode(b"\xff.csv")).write_text("a")


@pytest.mark.parametrize(
    "make", [make_pipe, make_socket, lambda path: path.symlink_to("/nowhere"), make_name_without_text]
)
def test_what_is_no_file_is_counted_and_passed_over(tmp_path, make, caplog):
    (tmp_path / "a.csv").write_text("a")
    make(tmp_path / "b.csv")

    assert [file.name for file in storage.list_files(str(tmp_path))] == ["a.csv"]
    assert "passed over 1 of its entries, which are no files" in caplog.text
    caplog.text.encode()


def test_other_file_systems_need_a_session():
    with pytest.raises(BadInput, match="hdfs://host/x: without Spark only local paths are opened, and s3:// by boto3"):
        get_storage("hdfs://host/x")


@pytest.mark.parametrize(
    ("folder", "joined"),
    [("out", "out/a/b"), ("out/", "out/a/b"), ("s3a://bucket", "s3a://bucket/a/b"), ("/", "/a/b")],
)
def test_a_path_below_a_folder(folder, joined):
    assert join(folder, "a", "b") == joined


@pytest.mark.parametrize("parts", [[b"1234"], [b"12", b"", b"34"]], ids=["one file", "several"])
def test_a_target_that_holds_just_that_is_left_as_it_is(tmp_path, parts):
    paths = []
    for number, content in enumerate(parts):
        paths.append(str(tmp_path / str(number)))
        (tmp_path / str(number)).write_bytes(content)
    target = tmp_path / "part"
    target.write_bytes(b"1234")
    os.utime(target, (1, 1))

    assert not storage.assemble(paths, str(target))
    assert target.stat().st_mtime == 1


@pytest.mark.parametrize("old_content", [b"12", b"123456", b"1235"], ids=["shorter", "longer", "other"])
def test_a_target_that_holds_anything_else_is_replaced(tmp_path, old_content):
    (tmp_path / "new").write_bytes(b"1234")
    (tmp_path / "part").write_bytes(old_content)

    assert storage.assemble([str(tmp_path / "new")], str(tmp_path / "part"))
    assert (tmp_path / "part").read_bytes() == b"1234"


def test_what_can_not_be_put_together_leaves_the_old_file(tmp_path, file_size_limit):
    (tmp_path / "a").write_bytes(bytes(9_000))
    (tmp_path / "b").write_bytes(bytes(9_000))
    (tmp_path / "part").write_bytes(b"old")

    with file_size_limit(10_000), pytest.raises(OutputFailed, match="part: can't be written"):
        storage.assemble([str(tmp_path / "a"), str(tmp_path / "b")], str(tmp_path / "part"))
    assert (tmp_path / "part").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "part"]


@pytest.mark.parametrize(
    ("private", "file_mode", "folder_mode"), [(True, 0o600, 0o700), (False, 0o644, 0o755)], ids=["private", "usual"]
)
def test_a_private_file_is_for_its_owner_alone_and_so_is_the_folder_made_for_it(
    tmp_path, private, file_mode, folder_mode
):
    mask = os.umask(0o022)
    try:
        storage.write(str(tmp_path / "out" / "quarantine" / "00000.jsonl"), b"{}", private=private)
    finally:
        os.umask(mask)
    folder = tmp_path / "out" / "quarantine"

    assert stat.S_IMODE((folder / "00000.jsonl").stat().st_mode) == file_mode
    assert stat.S_IMODE(folder.stat().st_mode) == folder_mode
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o755


def test_a_part_of_another_user_is_copied(tmp_path, monkeypatch):
    (tmp_path / "part").write_bytes(b"1234")

    def refuse(path, mode):
        raise PermissionError(1, "not the owner")

    monkeypatch.setattr(Path, "chmod", refuse)
    storage.assemble([str(tmp_path / "part")], str(tmp_path / "merged"))

    assert (tmp_path / "merged").read_bytes() == b"1234"
    assert (tmp_path / "merged").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("names", [["a"], ["a", "b"]], ids=["one", "several"])
def test_files_put_together_are_for_their_owner_alone_whoever_wrote_the_parts(tmp_path, names):
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


class HalfStream:
    """A Java stream that takes the first bytes and then fails, as when the disk is full that uploads are held on."""

    def __init__(self):
        self.ended = []

    def write(self, content):
        raise OSError("No space left on device")

    def close(self):
        self.ended.append("closed")

    def abort(self):
        self.ended.append("aborted")


class OneFolder:
    """As much of a Hadoop file system as a write needs."""

    def __init__(self, scheme, stream):
        self.scheme = scheme
        self.stream = stream
        self.deleted = []

    def getUri(self):  # noqa: N802
        return SimpleNamespace(getScheme=lambda: self.scheme)

    def create(self, path, overwrite):
        return self.stream

    def delete(self, path, recursive):
        self.deleted.append(str(path))


class Gateway:
    """Stands for py4j's."""

    def __init__(self) -> None:
        fs = SimpleNamespace(Path=JavaPath)
        self.jvm = SimpleNamespace(org=SimpleNamespace(apache=SimpleNamespace(hadoop=SimpleNamespace(fs=fs))))


class JavaPath(str):
    """Stands for Hadoop's Path."""

    def getParent(self):  # noqa: N802
        return JavaPath(self.rpartition("/")[0])

    def getName(self):  # noqa: N802
        return self.rpartition("/")[2]


@pytest.mark.parametrize(("scheme", "ended"), [("s3a", "aborted"), ("hdfs", "closed")])
def test_a_write_that_fails_half_way_shows_no_half_file(scheme, ended):
    """Closing the stream is what makes an object appear, with as much of it as was written."""
    stream = HalfStream()
    file_system = OneFolder(scheme, stream)
    hadoop = HadoopStorage(Gateway(), None, file_system)

    with pytest.raises(OutputFailed, match="x: can't be written"):
        hadoop.write(f"{scheme}://data/x", b"all of it")

    assert stream.ended == [ended]
    assert [path.startswith("hdfs://data/.x.") for path in file_system.deleted] == [True] * (scheme == "hdfs")
