"""The package as a zip, which spark-submit ships to the driver and the executors. Standard library only.

    python -m model_monitor.launch.package_zip DIRECTORY      puts it there, for a spark-submit of your own

The bytes depend on the files' contents and names alone, and the name on the bytes: an unchanged package is zipped once.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

from model_monitor import __version__
from model_monitor.running.layout import Layout, appearing_whole

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time stamp of every entry: the earliest that a zip can hold."""


def provide_zip(package: Path, cache: Path) -> Path:
    """`<cache>/packages/<name>-<hash of the contents>.zip` of the folder `package`, made if it is not there yet."""
    path = zip_path(package, cache)
    if not path.is_file():
        with appearing_whole(path) as directory:
            _write(package, directory / path.name)
    return path


def zip_path(package: Path, cache: Path) -> Path:
    """Where the zip of `package` lies, or will lie."""
    digest = hashlib.sha256()
    for file in _files(package):
        content = file.read_bytes()
        digest.update(f"{_name(file, package)}\0{len(content)}\0".encode())
        digest.update(content)
    return cache / "packages" / f"{package.name}-{digest.hexdigest()[:16]}.zip"


def _write(package: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in _files(package):
            entry = zipfile.ZipInfo(_name(file, package), date_time=EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())


def _files(package: Path) -> list[Path]:
    """Every file but compiled ones and hidden ones (an editor's), in the order of their names."""
    return sorted(
        file
        for file in package.rglob("*")
        if file.is_file()
        and "__pycache__" not in file.parts
        and not any(part.startswith(".") for part in file.relative_to(package).parts)
    )


def _name(file: Path, package: Path) -> str:
    return f"{package.name}/{file.relative_to(package).as_posix()}"


def main(directory: str) -> int:
    """Put the zip of this very package into `directory`, named by its version."""
    package = Layout.here().package
    path = Path(directory) / f"{package.name}-{__version__}.zip"
    with appearing_whole(path) as making:
        _write(package, making / path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
