"""The files shipped to nodes: the package as a zip, and Python's packed environment. Standard library only."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from spark_model_monitor import __version__
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.running.product_layout import Layout, appearing_whole

PYTHON = "./environment/bin/python"  # in the unpacked archive

KINDS = (".tar.gz", ".tgz", ".tar", ".zip")
"""Archives that Spark unpacks. Source: Spark 3.5, configuration page, spark.archives."""


def check_archive(environment: str) -> str:
    """The value of spark-submit's --archives. environment: a file of this machine, or a URI that the cluster reads.

    Raises BadConfiguration if there is no such file, or Spark can't unpack it.
    """
    if not environment.endswith(KINDS):
        raise BadConfiguration(f"--environment is {environment!r}; it has to be an archive: {', '.join(KINDS)}")
    # What a URI names is on the cluster's side and can't be looked at from here
    if "://" not in environment and not Path(environment).is_file():
        raise BadConfiguration(
            f"--environment is {environment!r}, where there is no file; `make environment` builds one"
        )
    # Behind the # stands the folder's name in each container; `PYTHON` is a path below it
    return f"{environment}#environment"


def python_settings(deploy_mode: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings that have executors use it; in client mode the driver's Python is the one of PYSPARK_DRIVER_PYTHON, else
    the one of this process.

    Settings, because variables don't win over those of a cluster's spark-env.sh.
    """
    driver_python = environment.get("PYSPARK_DRIVER_PYTHON") or sys.executable
    # In cluster mode the driver runs on a node, too, where this machine's Python is absent
    driver = PYTHON if deploy_mode == "cluster" else driver_python
    return {"spark.pyspark.python": PYTHON, "spark.pyspark.driver.python": driver}


EPOCH = (1980, 1, 1, 0, 0, 0)  # the time stamp of every entry: the earliest that a zip can hold


def provide_zip(package: Path, cache: Path) -> Path:
    """`<cache>/packages/<name>-<hash of the contents>.zip` of the folder `package`, created if it doesn't exist."""
    path = zip_path(package, cache)
    if not path.is_file():
        with appearing_whole(path) as directory:
            _write(package, directory / path.name)
    return path


def zip_path(package: Path, cache: Path) -> Path:
    """The present or future path of the zip of `package`."""
    digest = hashlib.sha256()
    for file in _list_files(package):
        content = file.read_bytes()
        # Name and length delimit the content, so that no two folders run together to one text
        digest.update(f"{_name(file, package)}\0{len(content)}\0".encode())
        digest.update(content)
    return cache / "packages" / f"{package.name}-{digest.hexdigest()[:16]}.zip"


def _write(package: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in _list_files(package):
            # A fixed time and mode make equal contents an equal zip, which clusters then cache by its hash
            entry = zipfile.ZipInfo(_name(file, package), date_time=EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())


def _list_files(package: Path) -> list[Path]:
    """Every file except compiled ones and hidden ones (an editor's), ordered by name."""
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
    """Write the zip of this very package to `directory`, named by its version."""
    package = Layout.here().package
    path = Path(directory) / f"{package.name}-{__version__}.zip"
    with appearing_whole(path) as making:
        _write(package, making / path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
