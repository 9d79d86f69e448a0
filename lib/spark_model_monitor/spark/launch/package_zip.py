"""The files that are sent to a cluster's nodes: the package as a zip, and a packed Python environment. Standard library only."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from spark_model_monitor import __version__
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.running.product_layout import Layout, replace_when_complete

PYTHON = "./environment/bin/python"  # the path in the unpacked archive

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")
"""Archives that Spark unpacks. Source: Spark 3.5, configuration page, spark.archives."""


def build_archive_option(environment: str) -> str:
    """The value of spark-submit's --archives. environment: a file on this machine, or a URI that the cluster reads.

    Raises BadConfiguration if the file doesn't exist or Spark can't unpack it.
    """
    if not environment.endswith(ARCHIVE_SUFFIXES):
        raise BadConfiguration(
            f"--environment is {environment!r}; it has to be an archive: {', '.join(ARCHIVE_SUFFIXES)}"
        )
    # The file of a URI can't be checked from here, because the cluster reads it
    if "://" not in environment and not Path(environment).is_file():
        raise BadConfiguration(
            f"--environment is {environment!r}, where there is no file; `make environment` builds one"
        )
    # After the # follows the folder's name in each container; `PYTHON` is a path below this folder
    return f"{environment}#environment"


def python_settings(deploy_mode: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings that make executors use the archive's Python. In client mode, the driver's Python is PYSPARK_DRIVER_PYTHON or,
    if that isn't set, the Python of this process.

    These are settings, because variables wouldn't override the variables in a cluster's spark-env.sh.
    """
    driver_python = environment.get("PYSPARK_DRIVER_PYTHON") or sys.executable
    # In cluster mode, the driver also runs on a node, which doesn't have this machine's Python
    driver = PYTHON if deploy_mode == "cluster" else driver_python
    return {"spark.pyspark.python": PYTHON, "spark.pyspark.driver.python": driver}


EPOCH = (1980, 1, 1, 0, 0, 0)  # the time stamp of every entry: the earliest that a zip can store


def provide_zip(package: Path, cache: Path) -> Path:
    """`<cache>/packages/<name>-<hash of the contents>.zip` of the folder `package`, created if it doesn't exist."""
    path = make_zip_path(package, cache)
    if not path.is_file():
        with replace_when_complete(path) as directory:
            _write_zip(package, directory / path.name)
    return path


def make_zip_path(package: Path, cache: Path) -> Path:
    """The path of the zip of `package`, which may not exist yet."""
    digest = hashlib.sha256()
    for file in _list_files(package):
        content = file.read_bytes()
        # Name and length delimit the content, so that different folders never give the same text
        digest.update(f"{_make_entry_name(file, package)}\0{len(content)}\0".encode())
        digest.update(content)
    return cache / "packages" / f"{package.name}-{digest.hexdigest()[:16]}.zip"


def _write_zip(package: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in _list_files(package):
            # With a fixed time and mode, equal contents give equal zips, which clusters cache by their hash
            entry = zipfile.ZipInfo(_make_entry_name(file, package), date_time=EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())


def _list_files(package: Path) -> list[Path]:
    """All files in order of their names, except compiled files and hidden files, such as those of an editor."""
    return sorted(
        file
        for file in package.rglob("*")
        if file.is_file()
        and "__pycache__" not in file.parts
        and not any(part.startswith(".") for part in file.relative_to(package).parts)
    )


def _make_entry_name(file: Path, package: Path) -> str:
    return f"{package.name}/{file.relative_to(package).as_posix()}"


def main(directory: str) -> int:
    """Write the zip of this package to `directory`, named by its version."""
    package = Layout.here().package
    path = Path(directory) / f"{package.name}-{__version__}.zip"
    with replace_when_complete(path) as draft:
        _write_zip(package, draft / path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
