"""The zip of the package: the same bytes for the same files, whatever the clock says."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from spark_model_monitor import __version__
from spark_model_monitor.running.configuration.command_line import SETTINGS
from spark_model_monitor.spark.launch.package_zip import main, make_zip_path, provide_zip


def package(folder: Path, **files: str) -> Path:
    top = folder / "thing"
    for name, text in {"__init__.py": "", "inner/a.py": "x = 1\n", **files}.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return top


def test_two_copies_of_a_package_make_the_same_bytes(tmp_path):
    first_zip = package(tmp_path / "one")
    two = package(tmp_path / "two")
    os.utime(two / "inner" / "a.py", (1, 1))

    first = provide_zip(first_zip, tmp_path / "cache 1")
    second = provide_zip(two, tmp_path / "cache 2")

    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_the_zip_holds_the_package_without_compiled_and_hidden_files(tmp_path):
    top = package(tmp_path, **{"__pycache__/a.pyc": "x", "inner/.a.py.swp": "x", "conf/log4j2.properties": "x"})

    with zipfile.ZipFile(provide_zip(top, tmp_path)) as archive:
        assert archive.namelist() == ["thing/__init__.py", "thing/conf/log4j2.properties", "thing/inner/a.py"]


def test_a_changed_file_makes_another_zip_and_an_unchanged_package_none(tmp_path):
    top = package(tmp_path)
    first = provide_zip(top, tmp_path)
    modified_at = first.stat().st_mtime_ns

    assert provide_zip(top, tmp_path).stat().st_mtime_ns == modified_at
    (top / "inner" / "a.py").write_text("x = 2\n")
    assert make_zip_path(top, tmp_path) != first


def test_the_zip_for_a_spark_submit_of_ones_own_has_the_packages_name_and_version(tmp_path):
    assert main(str(tmp_path)) == 0

    [zip_file] = tmp_path.iterdir()
    assert zip_file.name == f"spark_model_monitor-{__version__}.zip"
    with zipfile.ZipFile(zip_file) as archive:
        assert "spark_model_monitor/running/runs/monitoring_run.py" in archive.namelist()


def test_the_command_line_is_read_from_the_zip(tmp_path):
    """A driver on a cluster has the package as a zip, in which no path of a file can be opened."""
    main(str(tmp_path))
    [zip_file] = tmp_path.iterdir()
    question = (
        "from spark_model_monitor.running.configuration import command_line as words; "
        "print(words.__file__, len(words.SETTINGS & set(words.option_names())))"
    )

    printed = subprocess.check_output(
        [sys.executable, "-S", "-c", question], env={"PYTHONPATH": str(zip_file)}, text=True
    )

    file, number = printed.split()
    assert file.startswith(str(zip_file))
    assert int(number) == len(SETTINGS) > 0
