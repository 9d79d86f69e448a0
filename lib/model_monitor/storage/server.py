"""Files that a Spark Connect server opens and this machine doesn't: they are listed and read by it. Driver only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from model_monitor.errors import BadInput, OutputFailed
from model_monitor.storage.files import StoredFile
from model_monitor.storage.hadoop import is_absent, not_listed, reason_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def is_connect(thing: object) -> bool:
    """Whether this is a session, or a frame, of Spark Connect. Loads nothing."""
    return type(thing).__module__.startswith("pyspark.sql.connect.")


class ServerStorage:
    """What the server's file systems hold (`files.Storage`), to be read only."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark

    def resolved(self, path: str) -> str:
        return path

    def exists(self, path: str) -> bool:
        try:
            return bool(self._rows(path, "path"))
        except Exception as fault:
            if is_absent(fault):
                return False
            raise BadInput(not_listed(path, fault)) from fault

    def list_files(self, path: str) -> list[StoredFile]:
        try:
            rows = self._rows(path, "path", "length", "unix_millis(modificationTime)")
        except Exception as fault:
            raise BadInput(not_listed(path, fault)) from fault
        return sorted(StoredFile(*row) for row in rows)

    def list_folders(self, path: str) -> list[str]:
        below = path.rstrip("/") + "/"
        rest = [file.path.partition(below)[2] for file in self.list_files(path)]
        return sorted({name.partition("/")[0] for name in rest if "/" in name})

    def list_beginning(self, folder: str, start: str) -> list[StoredFile]:
        below = folder.rstrip("/") + "/"
        names = ((file, file.path.partition(below)[2]) for file in self.list_files(folder))
        return [file for file, name in names if name.startswith(start) and "/" not in name]

    def list_hidden(self, folder: str) -> list[StoredFile]:
        return []

    def read(self, path: str, at_most: int | None = None, start: int = 0) -> bytes:
        length = "" if at_most is None else f", {at_most}"
        try:
            rows = self._rows(path, f"substring(content, {start + 1}{length})")
        except Exception as fault:
            raise BadInput(f"{path}: can't be read ({reason_of(fault)})") from fault
        return b"".join(bytes(content) for (content,) in rows)

    def write(self, path: str, content: bytes, *, private: bool = False) -> None:
        self._refuse(path)

    def assemble(self, sources: Sequence[str], target: str) -> bool:
        self._refuse(target)

    def delete(self, path: str) -> None:
        self._refuse(path)

    def _rows(self, path: str, *expressions: str) -> list[Any]:
        reader = self._spark.read.format("binaryFile").option("recursiveFileLookup", "true")
        return list(reader.load(path).selectExpr(*expressions).collect())

    def _refuse(self, path: str) -> NoReturn:
        raise OutputFailed(
            f"{path}: a session of Spark Connect writes to local paths only; choose one, and copy the files from there"
        )
