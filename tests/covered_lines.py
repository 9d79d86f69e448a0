"""Which tests run which lines of the package, noted by coverage.py while all unit tests run once.

A context of coverage.py is a test's id, which the hooks below set: `-p tests.covered_lines` makes this file a plugin. What a
module does while it is imported, and what a process of a test's own does, belongs to no test.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

UNIT_TESTS = ("tests/unit", "tests/golden", "tests/golden_open")
"""What `make unit` runs."""

SETTINGS = """[run]
source = {package}
data_file = {data_file}
relative_files = true
parallel = true
patch = subprocess
core = ctrace
"""


def pytest_runtest_logstart(nodeid: str) -> None:
    switch_context(nodeid)


def pytest_runtest_logfinish() -> None:
    switch_context("")


def switch_context(context: str) -> None:
    """Whose lines are noted from here on, if coverage.py measures this process."""
    import coverage

    measurement = coverage.Coverage.current()
    if measurement is not None:
        measurement.switch_context(context)


class CoveredLines:
    """The tests that run each line of a tree's package."""

    def __init__(self, data_file: Path) -> None:
        from coverage import CoverageData

        self.data = CoverageData(str(data_file))
        self.data.read()
        # How many files of the package a file of tests reaches: those that reach few are about them
        self.reach: Counter[str] = Counter()
        for file in self.data.measured_files():
            contexts = {context for tests in self.data.contexts_by_lineno(file).values() for context in tests}
            self.reach.update({find_test_file(context) for context in contexts})

    def find_test_files(self, file: str, line: int) -> list[str]:
        """The files of tests that run a line, those first that are named like it, then those that run little else."""
        contexts = self.data.contexts_by_lineno(file).get(line, [])
        test_files = {find_test_file(context) for context in contexts} - {""}
        namesake = f"test_{Path(file).stem}.py"
        return sorted(test_files, key=lambda path: (Path(path).name != namesake, self.reach[path], path))


def find_test_file(context: str) -> str:
    return context.partition("::")[0]


def cover_lines(tree: Path, data_file: Path, package: Path, *options: str) -> CoveredLines:
    """Runs the unit tests of a tree under coverage.py, unless `data_file` is there."""
    if not data_file.is_file():
        data_file.parent.mkdir(parents=True, exist_ok=True)
        settings = data_file.parent / "coverage.ini"
        settings.write_text(SETTINGS.format(package=package, data_file=data_file))
        coverage = (sys.executable, "-m", "coverage")
        with_settings = f"--rcfile={settings}"
        tests = ("-m", "pytest", "-q", "-p", "tests.covered_lines", "-p", "no:cacheprovider", *options, *UNIT_TESTS)
        environment = os.environ | {"PYTHONPATH": str(package.parent)}
        subprocess.run([*coverage, "run", with_settings, *tests], cwd=tree, env=environment, check=False)
        subprocess.run([*coverage, "combine", "--quiet", with_settings], cwd=tree, check=True)
    return CoveredLines(data_file)
