"""Where the files of the product are: in a clone, in an installed package, and in the user's cache. Uses the standard library
only.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from spark_model_monitor.errors import BadConfiguration, MissingDependency, suggest_names
from spark_model_monitor.value_class import value_class

VARIABLE = "MODEL_MONITOR_CACHE"

CHUNK_BYTES = 2**20

WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def cache_directory(environment: Mapping[str, str]) -> Path:
    """The directory named by MODEL_MONITOR_CACHE, otherwise `spark-model-monitor` in the user's cache directory.

    If the user has no writable home (in containers), it is a directory below the system's temporary directory. Driver and
    executors run the code in it, so no other user may be able to write there.

    Raises MissingDependency if another user owns that directory, or can write to it.
    """
    if environment.get(VARIABLE):
        return Path(environment[VARIABLE]).expanduser().absolute()
    if environment.get("XDG_CACHE_HOME"):
        return Path(environment["XDG_CACHE_HOME"]) / "spark-model-monitor"
    home = environment.get("HOME", "")
    # Containers often run as a user whose home doesn't exist, or is read-only
    if home and os.access(home, os.W_OK):
        return Path(home) / ".cache" / "spark-model-monitor"
    return _create_private_directory(Path(tempfile.gettempdir()) / f"spark-model-monitor-{os.getuid()}")


def _create_private_directory(directory: Path) -> Path:
    """The directory, created if it is absent. Raises MissingDependency if another user owns it, or can write to it."""
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    status = directory.lstat()  # not stat: a link may point to anybody's directory
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & WRITABLE_BY_OTHERS:
        raise MissingDependency(
            f"{directory}: is not a directory that this user alone can write to, and jobs run what lies in it; remove it, or "
            f"name another one in {VARIABLE}"
        )
    # A directory of ours from before may still be readable by others
    directory.chmod(0o700)
    return directory


def hash_file(path: Path) -> str:
    """The hash of a file's content. Raises OSError if it can't be read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def replace_when_complete(path: Path) -> Iterator[Path]:
    """A temporary directory next to `path`; when the body ends without an error, its file of the same name becomes `path`.

    Two processes may do this at once: the last one wins and no reader ever sees half a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same directory, as a file can be replaced in one step only within a file system
    with tempfile.TemporaryDirectory(prefix=".making-", dir=path.parent) as directory:
        yield Path(directory)
        os.replace(Path(directory) / path.name, path)


# The folders of a clone, or of an installed package.


@value_class
class Layout:
    """Folders of the package, the job drivers and the settings; relative job paths may start at `root`."""

    package: Path
    jobs: Path
    conf: Path
    root: Path

    @classmethod
    def of(cls, package: Path) -> Layout:
        """The layout around the folder `spark_model_monitor`. jobs and conf are in it in a wheel, next to `lib` in a clone."""
        if (package / "jobs").is_dir():
            return cls(package, package / "jobs", package / "conf", package)
        clone = package.parent.parent
        return cls(package, clone / "jobs", clone / "conf", clone)

    @classmethod
    def here(cls) -> Layout:
        """The layout of the package that this module belongs to."""
        return cls.of(Path(__file__).resolve().parent.parent)

    def python_path(self, environment: Mapping[str, str]) -> str:
        """The PYTHONPATH of a process that has to find this very package."""
        return os.pathsep.join(filter(None, [str(self.package.parent), environment.get("PYTHONPATH")]))

    def job_names(self) -> list[str]:
        """The jobs by the names that `spark-model-monitor submit` takes."""
        return sorted(path.stem for path in self.jobs.glob("*.py") if not path.stem.startswith("_"))

    def job_file(self, name: str, working_directory: Path) -> Path:
        """The driver that `name` means: a path from `working_directory`, a path from `root`, or a job's name.

        Raises BadConfiguration with the nearest names if there is no such file.
        """
        # A user's own file comes before a job of the same name
        for candidate in (working_directory / name, self.root / name, self.jobs / f"{name}.py"):
            if candidate.is_file():
                return candidate.resolve()
        names = self.job_names()
        hint = suggest_names(Path(name).stem, names, f"write one of: {', '.join(names) or 'a path'}", shown=str)
        raise BadConfiguration(f"{name!r} is neither a file nor a job; {hint}")

    def needs_deequ(self, driver: Path) -> bool:
        """Whether a driver may use Deequ: every driver may, except those of WITHOUT_DEEQU."""
        return driver.parent != self.jobs.resolve() or driver.stem not in WITHOUT_DEEQU


WITHOUT_DEEQU = frozenset({"merge"})
"""The jobs of this package that never use Deequ, so that they don't need its JAR."""
