"""The storage for files of this machine. Uses only the standard library."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from spark_model_monitor.errors import BadInput, OutputFailed
from spark_model_monitor.storage import file_system
from spark_model_monitor.storage.lease import require_lease

log = logging.getLogger(__name__)

# Permissions of files and folders that only the owner may read
PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700

# Permissions from which the system subtracts the user's umask
USUAL_FILE = 0o666
USUAL_FOLDER = 0o777


@file_system.register_storage("local", schemes=("", "file"))
class LocalStorage(file_system.Storage):
    """Files of this machine."""

    def resolved(self, path: str) -> str:
        return f"file:{local_path(path).absolute()}"

    def exists(self, path: str) -> bool:
        return os.path.exists(local_path(path))  # Path.exists raises for a name that is too long

    def walk(self, path: str, *, hidden: bool = False) -> Iterator[file_system.StoredFile]:
        top = local_path(path)
        if not top.exists():
            raise BadInput(f"{path}: there is no such file or directory")
        try:
            yield from _walk_hidden(top) if hidden else _walk_files(top)
        except OSError as error:
            raise BadInput(f"{path}: can't be listed ({error.strerror})") from error

    def list_folders(self, path: str) -> list[str]:
        try:
            with os.scandir(local_path(path)) as inner_paths:
                folders = [inner for inner in inner_paths if inner.is_dir() and not file_system.is_hidden(inner.name)]
            # Leave out links to a parent folder, which would be listed endlessly
            return sorted(inner.name for inner in folders if not (inner.is_symlink() and _is_link_cycle(Path(inner))))
        except NotADirectoryError:
            return []
        except FileNotFoundError:
            raise BadInput(f"{path}: there is no such file or directory") from None
        except OSError as error:
            raise BadInput(f"{path}: can't be listed ({error.strerror})") from error

    def list_by_prefix(self, folder: str, start: str) -> list[file_system.StoredFile]:
        files: list[file_system.StoredFile] = []
        try:
            # List only this folder, since thousands of files may lie below it
            for file in local_path(folder).iterdir():
                with suppress(FileNotFoundError):  # deleted in the meantime
                    if file.name.startswith(start) and file.is_file():
                        files += _walk_files(file)
        except OSError as error:
            raise BadInput(f"{folder}: can't be listed ({error.strerror})") from error
        return files

    def read(self, path: str, at_most: int | None = None, start: int = 0) -> bytes:
        try:
            with local_path(path).open("rb") as file:
                # Seek only if needed, since pipes can't seek
                if start:
                    file.seek(start)
                return file.read(-1 if at_most is None else at_most)
        except OSError as error:
            raise BadInput(f"{path}: can't be read ({error.strerror})") from error

    def open(self, path: str) -> Path:
        return local_path(path)

    def write(self, path: str, content: bytes, *, private: bool = False) -> None:
        require_lease(self, path)
        file_mode = USUAL_FILE
        folder_mode = USUAL_FOLDER
        if private:
            file_mode = PRIVATE_FILE
            folder_mode = PRIVATE_FOLDER
        needed_room = f" with {len(content):,} bytes free" if content else ""
        # A complete draft replaces the file, so that readers never see a part of it
        with _write_draft(path, folder_mode, needed_room) as draft, _open_with_mode(draft, "xb", file_mode) as file:
            file.write(content)
            _sync(file)

    def assemble(self, sources: Sequence[str], target: str) -> bool:
        require_lease(self, target)
        source_paths = [local_path(source) for source in sources]
        if _has_content(local_path(target), source_paths):
            return False
        with _write_draft(target, PRIVATE_FOLDER) as draft:
            # A single source is moved instead of copied, if it can be made private: files of Spark are readable by all
            if len(source_paths) == 1 and _make_private(source_paths[0]):
                source_paths.pop().replace(draft)
            with _open_with_mode(draft, "ab", PRIVATE_FILE) as file:
                for source_path in source_paths:
                    with source_path.open("rb") as content:
                        shutil.copyfileobj(content, file, file_system.COPIED_BYTES)
                _sync(file)
        return True

    def copy(self, source: str, target: str) -> None:
        require_lease(self, target)
        with _write_draft(target) as draft:
            # A hard link takes no room, even on a full disk; not every file system supports it
            try:
                os.link(local_path(source), draft)
            except OSError:
                self.write(str(draft), self.read(source))

    def delete(self, path: str) -> None:
        require_lease(self, path)
        target = local_path(path)
        try:
            # A link is removed itself, not the folder that it leads to
            if target.is_dir() and not target.is_symlink():
                for inner in target.iterdir():
                    self.delete(str(inner))
                target.rmdir()
            else:
                target.unlink(missing_ok=True)
        except FileNotFoundError:  # another process deleted it in the meantime
            pass
        except OSError as error:
            raise OutputFailed(
                f"{path}: can't be removed ({error.strerror}); have this user own the output path"
            ) from error


def write_text(path: Path, text: str) -> None:
    """Replace a file of this machine, as `Storage.write` does."""
    LocalStorage().write(str(path), text.encode())


def is_local(path: str) -> bool:
    """Whether a path is on this machine."""
    return urlsplit(path).scheme in ("", "file")


def local_path(path: str) -> Path:
    """The local path of `/data/x`, `file:/data/x` or `file:///data/x`; without percent-decoding, like Hadoop."""
    if path.startswith("file:"):
        return Path("/" + path.removeprefix("file:").lstrip("/"))
    return Path(path)


@contextmanager
def _write_draft(path: str, folder_mode: int = USUAL_FOLDER, needed_room: str = "") -> Iterator[Path]:
    """A draft that the body fills; it then replaces the file at a path, or is deleted on failure.

    folder_mode: the permissions of the folder, if it has to be made. needed_room: for the error on a full disk.
    """
    target = local_path(path)
    draft = target.parent / file_system.make_draft_name(target.name)
    try:
        target.parent.mkdir(folder_mode, parents=True, exist_ok=True)
        yield draft
        draft.replace(target)
    except OSError as error:
        if os.path.isdir(target):
            raise OutputFailed(f"{path}: can't be written: {target} is a folder; name a file in it") from error
        # The system's message doesn't say which part of the path is a file, so look for it
        existing_parent = next(filter(os.path.exists, target.parents))
        if not os.path.isdir(existing_parent):
            raise OutputFailed(
                f"{path}: can't be written: {existing_parent} is a file; name a folder as the output path"
            ) from error
        instead = "name an output path that this user can write to"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            instead = f"make room, or name an output path{needed_room}"
        raise OutputFailed(f"{path}: can't be written ({error.strerror}); {instead}") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _open_with_mode(path: Path, mode: str, permissions: int) -> IO[bytes]:
    # A file that is made private later could be opened by others before
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, permissions))


def _sync(file: IO[bytes]) -> None:
    """Bring a draft to the disk before it replaces its file, so that a power cut leaves the old file or the new one."""
    file.flush()
    os.fsync(file.fileno())


def _make_private(path: Path) -> bool:
    """Make a file readable by its owner only. Returns whether that succeeded."""
    # It fails for files of another user, such as an executor's
    try:
        path.chmod(PRIVATE_FILE)
    except OSError:
        return False
    return True


def _has_content(path: Path, source_paths: Sequence[Path]) -> bool:
    """Whether a file exists and equals the concatenation of the sources."""
    # Most files differ in size, which can be compared without reading
    if not path.is_file() or path.stat().st_size != sum(source.stat().st_size for source in source_paths):
        return False
    with path.open("rb") as file:
        return all(_continues_with(file, source_path) for source_path in source_paths)


def _continues_with(file: IO[bytes], source_path: Path) -> bool:
    """Whether the next bytes of a file are the content of another file."""
    with source_path.open("rb") as source:
        # Compare in pieces, since files may be larger than the memory
        while piece := source.read(file_system.COPIED_BYTES):
            if file.read(len(piece)) != piece:
                return False
    return True


def _walk_files(top: Path) -> Iterator[file_system.StoredFile]:
    if top.is_file():
        yield _describe_file(str(top.absolute()), top.stat())
        return
    skipped_files: list[str] = []
    for folder, folders, names in os.walk(top.absolute(), onerror=_raise, followlinks=True):
        folders[:] = [name for name in folders if not file_system.is_hidden(name)]
        for name in folders:
            if _is_link_cycle(Path(folder, name)):
                raise BadInput(
                    f"{Path(folder, name)}: is a link to a folder that it lies in, so that every file would be read again and "
                    "again; remove the link"
                )
        for file in (os.path.join(folder, name) for name in names if not file_system.is_hidden(name)):
            status = _read_status(file)
            if status is None:
                continue
            # Python reads names that aren't UTF-8 as half surrogate pairs, which no document can hold
            is_text = file.isprintable() or not any("\ud800" <= letter <= "\udfff" for letter in file)
            if is_text and stat.S_ISREG(status.st_mode):
                yield _describe_file(file, status)
            else:
                skipped_files.append(file)
    if skipped_files:
        _warn_of_skipped_files(str(top.absolute()), len(skipped_files), skipped_files[0])


@lru_cache  # report a folder only once, although it is listed several times
def _warn_of_skipped_files(folder: str, count: int, first: str) -> None:
    log.warning(
        "%a: passed over %d of its entries, which are no files (pipes, sockets, devices, links that lead nowhere) or have "
        "names that aren't UTF-8, such as %a; remove or rename them",
        folder,
        count,
        first,
    )


def _walk_hidden(top: Path) -> Iterator[file_system.StoredFile]:
    """The files at or below a folder, without following links to folders; skips files deleted in the meantime."""
    for folder, _, names in os.walk(top, onerror=_raise_unless_gone):
        for file in (os.path.join(folder, name) for name in names):
            with suppress(FileNotFoundError):
                if os.path.isfile(file):
                    yield _describe_file(os.path.abspath(file), os.stat(file))


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _read_status(file: str) -> os.stat_result | None:
    """The status of a file, or of a link that leads nowhere; None if the file was deleted in the meantime."""
    try:
        return os.stat(file)
    except OSError:
        if os.path.lexists(file):
            return os.lstat(file)
        return None


def _describe_file(path: str, status: os.stat_result) -> file_system.StoredFile:
    # Milliseconds are the unit of object stores and Hadoop
    return file_system.StoredFile(f"file:{path}", status.st_size, status.st_mtime_ns // 1_000_000)


def _raise(error: OSError) -> None:
    raise error


def _is_link_cycle(folder: Path) -> bool:
    """Whether a folder is one of its own parents; several links together may form such a cycle."""
    return folder.is_symlink() and any(parent.samefile(folder) for parent in folder.absolute().parents)


class TemporaryFolder:
    """A temporary folder on this machine. It is deleted with this object, or at the latest when Python exits."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="spark-model-monitor-"))
        # A finalizer also runs when Python exits
        self.delete = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
