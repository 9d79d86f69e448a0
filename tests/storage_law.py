"""The law of storages: what `storage.file_system.Storage` says, tried on each registered one (`RUN_BY` says where).

A clause is a function of a storage and of an empty folder in it. A file is written before a folder has to be there: an object
store has no others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from spark_model_monitor.errors import BadInput, OutputHeld
from spark_model_monitor.storage import Storage, holding, join

RUN_BY = {
    "local": "tests/unit/storage/test_law.py",
    "s3": "tests/s3/test_storage_law.py",
    "hadoop": "tests/spark/storage/test_law.py",
    "connect": "tests/spark/storage/test_of_a_session.py",
}
"""The test that runs the law for each registered storage; one that is only read has tests of its own there."""

CLAUSES: list[Callable[[Storage, str], None]] = []


def clause(function: Callable[[Storage, str], None]) -> Callable[[Storage, str], None]:
    CLAUSES.append(function)
    return function


EVERY_CLAUSE = pytest.mark.parametrize("clause", CLAUSES, ids=lambda function: function.__name__)


def names(storage: Storage, folder: str, files: list) -> list[str]:
    """Their paths below a folder."""
    top = join(storage.resolved(folder), "")
    assert all(file.path.startswith(top) for file in files)
    return [file.path.removeprefix(top) for file in files]


def put(storage: Storage, folder: str, *paths: str) -> None:
    for path in paths:
        storage.write(join(folder, path), path.encode())


@clause
def test_a_file_is_read_from_any_place_on(storage, folder):
    path = join(folder, "new folder", "bytes")
    storage.write(path, b"before")
    storage.write(path, bytes(range(256)))

    assert storage.read(path) == bytes(range(256))
    assert storage.read(path, at_most=3) == b"\x00\x01\x02"
    assert storage.read(path, at_most=2, start=250) == b"\xfa\xfb"
    assert storage.read(path, start=254) == b"\xfe\xff"
    assert storage.read(path, at_most=0) == b""


@clause
def test_a_file_is_opened_for_readers_of_formats(storage, folder):
    path = join(folder, "bytes")
    storage.write(path, bytes(range(256)))
    source = storage.open(path)

    with source.open("rb") if isinstance(source, Path) else source as file:
        file.seek(250)
        assert file.read(2) == b"\xfa\xfb"
        file.seek(-2, os.SEEK_END)
        assert file.read() == b"\xfe\xff"
        file.seek(0)
        assert file.read() == bytes(range(256))


@clause
def test_listings_are_sorted_and_leave_out_what_is_hidden(storage, folder):
    put(storage, folder, "b.csv", "a/c d.csv", "a-b.csv", "ключ/я/z.csv")
    put(storage, folder, "_runs/x.csv", ".git/y.csv", "_SUCCESS", ".crc", "a/_d")

    assert names(storage, folder, storage.list_files(folder)) == ["a-b.csv", "a/c d.csv", "b.csv", "ключ/я/z.csv"]
    assert names(storage, folder, storage.list_files(join(folder, "a", ""))) == ["a/c d.csv"]
    assert storage.list_folders(folder) == ["a", "ключ"]


@clause
def test_a_file_lists_itself_and_has_its_size_and_time(storage, folder):
    put(storage, folder, "day/_hidden.csv", "day/b.csv")
    [file] = storage.list_files(join(folder, "day", "_hidden.csv"))

    assert (file.name, file.size_bytes) == ("_hidden.csv", len("day/_hidden.csv"))
    assert file.modified_ms > 1_700_000_000_000  # November 2023
    assert storage.list_folders(join(folder, "day", "b.csv")) == []
    assert file.path == storage.resolved(join(folder, "day", "_hidden.csv"))
    assert storage.read(file.path) == b"day/_hidden.csv"


@clause
def test_files_by_their_beginning_lie_right_in_the_folder(storage, folder):
    put(storage, folder, "_lease-b", "_lease-a", "_lease", "lease-a", ".lease-a", "_lease-d/_lease-e")

    assert sorted(names(storage, folder, storage.list_by_prefix(folder, "_lease-"))) == ["_lease-a", "_lease-b"]


@clause
def test_a_folder_may_have_its_own_path_below_it(storage, folder):
    """As a copy of a machine's files has."""
    path = folder.partition("://")[2] or folder
    put(storage, folder, f"{path.strip('/')}/_lease-a", f"{path.strip('/')}/c.csv", "_lease-b")

    assert storage.list_folders(folder) == [path.strip("/").partition("/")[0]]
    assert names(storage, folder, storage.list_by_prefix(folder, "_lease-")) == ["_lease-b"]


@clause
def test_hidden_files_are_found_at_any_depth_where_drafts_are_seen(storage, folder):
    put(storage, folder, "a.csv", ".b", "c/_d", "_e/.f", "_e/g")
    hidden_files = sorted(names(storage, folder, storage.list_hidden(folder)))

    assert hidden_files == ([".b", "_e/.f", "c/_d"] if storage.shows_drafts else [])


@clause
def test_a_copy_stays_as_it_is_when_the_file_it_was_made_of_changes(storage, folder):
    put(storage, folder, "a.csv", "copies/a.csv")
    source, copy = join(folder, "a.csv"), join(folder, "copies", "a.csv")
    storage.copy(source, copy)
    storage.copy(source, copy)  # nothing happens

    assert storage.read(copy) == b"a.csv"
    storage.write(source, b"another")
    assert storage.read(copy) == b"a.csv"
    storage.delete(source)
    assert storage.read(copy) == b"a.csv"
    with pytest.raises(BadInput, match=r"a\.csv: can't be read"):
        storage.copy(source, join(folder, "b.csv"))
    assert names(storage, folder, storage.list_files(folder)) == ["copies/a.csv"]


@clause
def test_what_is_absent_is_named(storage, folder):
    put(storage, folder, "a.csv")
    path = join(folder, "nowhere")

    assert storage.exists(join(folder, "a.csv"))
    assert storage.exists(folder)
    assert not storage.exists(path)
    for look in (storage.list_files, storage.list_folders):
        with pytest.raises(BadInput, match="nowhere: there is no such file or directory"):
            look(path)
    with pytest.raises(BadInput, match="nowhere: can't be read"):
        storage.read(path)


@clause
def test_what_is_deleted_is_gone_with_all_below_it(storage, folder):
    put(storage, folder, "a/b/c.csv", "a/_d", "ab.csv")
    storage.delete(join(folder, "a"))
    storage.delete(join(folder, "a"))  # nothing happens

    assert names(storage, folder, storage.list_files(folder)) == ["ab.csv"]
    assert not storage.exists(join(folder, "a"))


@clause
def test_files_are_put_together_in_their_order(storage, folder):
    put(storage, folder, "parts/1", "parts/2")
    parts = [join(folder, "parts", name) for name in "12"]
    target = join(folder, "whole", "file")
    assert storage.assemble(parts, target)
    put(storage, folder, "parts/1", "parts/2")

    assert storage.read(target) == b"parts/1parts/2"
    assert names(storage, folder, storage.list_by_prefix(join(folder, "whole"), "")) == ["whole/file"]
    assert not storage.assemble(parts, target)
    assert storage.assemble(parts[:1], target)
    assert storage.read(target) == b"parts/1"


@clause
def test_an_output_that_was_lost_is_not_changed(storage, folder):
    put(storage, folder, "out/kept")
    out = join(folder, "out")

    with holding(storage, out) as lease:
        storage.delete(join(out, f"_lease-{lease.run}"))
        for change in (
            lambda: storage.write(join(out, "kept"), b""),
            lambda: storage.delete(join(out, "kept")),
        ):
            with pytest.raises(OutputHeld, match="another run took it over"):
                change()
    assert storage.read(join(out, "kept")) == b"out/kept"


@clause
def test_no_draft_is_left(storage, folder):
    put(storage, folder, "a/b.csv")
    storage.write(join(folder, "a", "b.csv"), b"again")

    assert names(storage, folder, storage.list_by_prefix(join(folder, "a"), "")) == ["a/b.csv"]
