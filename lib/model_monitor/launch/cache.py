"""Where files that can be made again lie between runs: Deequ's JAR and the package's zip. Standard library only."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from model_monitor.errors import MissingDependency

VARIABLE = "MODEL_MONITOR_CACHE"

CHUNK_BYTES = 2**20

WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def cache_directory(environment: Mapping[str, str]) -> Path:
    """The directory named by MODEL_MONITOR_CACHE, else `spark-model-monitor` in the user's cache directory.

    Without a home that can be written (containers), a directory of this user alone under the system's temporary one, where others
    may have been first: what lies there is code that driver and executors run.

    Raises MissingDependency if that one is not this user's alone.
    """
    if environment.get(VARIABLE):
        return Path(environment[VARIABLE]).expanduser().absolute()
    if environment.get("XDG_CACHE_HOME"):
        return Path(environment["XDG_CACHE_HOME"]) / "spark-model-monitor"
    home = environment.get("HOME", "")
    if home and os.access(home, os.W_OK):
        return Path(home) / ".cache" / "spark-model-monitor"
    return _private(Path(tempfile.gettempdir()) / f"spark-model-monitor-{os.getuid()}")


def _private(directory: Path) -> Path:
    """The directory, made if need be, that no other user could or can put anything into."""
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    found = directory.lstat()  # a link may be anybody's
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & WRITABLE_BY_OTHERS:
        raise MissingDependency(
            f"{directory}: is not a directory that this user alone can write to, and jobs run what lies in it; remove it, or "
            f"name another one in {VARIABLE}"
        )
    directory.chmod(0o700)
    return directory


def sha256_of(path: Path) -> str:
    """The hash of a file's content. Raises OSError if it can't be read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def appearing_whole(path: Path) -> Iterator[Path]:
    """A temporary directory beside `path`; when the body ends well, the file of the same name in it becomes `path`.

    Two processes may do this at once: the last one wins and no reader ever sees half a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=path.parent) as directory:
        yield Path(directory)
        os.replace(Path(directory) / path.name, path)
