"""Where files that can be made again lie between runs: Deequ's JAR and the package's zip. Standard library only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "MODEL_MONITOR_CACHE"


def cache_directory(environment: Mapping[str, str]) -> Path:
    """The directory named by MODEL_MONITOR_CACHE, else `spark-model-monitor` in the user's cache directory.

    Without a home that can be written (containers), a directory of this user under the system's temporary one.
    """
    if environment.get(VARIABLE):
        return Path(environment[VARIABLE]).expanduser().absolute()
    if environment.get("XDG_CACHE_HOME"):
        return Path(environment["XDG_CACHE_HOME"]) / "spark-model-monitor"
    home = environment.get("HOME", "")
    if home and os.access(home, os.W_OK):
        return Path(home) / ".cache" / "spark-model-monitor"
    return Path(tempfile.gettempdir()) / f"spark-model-monitor-{os.getuid()}"


@contextmanager
def appearing_whole(path: Path) -> Iterator[Path]:
    """A temporary directory beside `path`; when the body ends well, the file of the same name in it becomes `path`.

    Two processes may do this at once: the last one wins and no reader ever sees half a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=path.parent) as directory:
        yield Path(directory)
        os.replace(Path(directory) / path.name, path)
