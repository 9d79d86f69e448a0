"""The unit tests that a change reaches, nearest first, for as long as a developer waits: `python -m tests.quick`.

Reached is a test whose file imports a changed one, itself or by what it imports. Files are ordered by how many imports lie
between, and shared out to a process per core. Each collects a few files at a time, and none starts a test after SECONDS; what
was left out is said. A page or a workflow reaches the tests that read those.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from tests.floors import PACKAGE, face_places, imported_names

ROOT = Path(__file__).resolve().parents[1]
UNIT = ROOT / "tests" / "unit"
CACHE = ROOT / ".cache" / "imports.json"

SECONDS = 20.0
TO_END = 1.5
"""Seconds that are kept for what has begun."""

TOGETHER = 8
"""Most files that are collected at a time. It begins with one, the nearest, so that nothing far is imported before that ran."""

READS_THE_TREE = ROOT / "tests" / "floors.py"
"""Whoever imports this one looks at every module of the package."""

READ_PAGES = (UNIT / "test_documentation.py", UNIT / "test_sources.py")
PAGES = (".md", ".ipynb", ".yml", "Makefile", "run")
TO_READ_PAGES = 2
"""How far those are from a page: they import nearly everything, and take a second before the first begins."""


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.quick", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--base", default="HEAD", help="the commit that the change is counted from")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="when no test is started any more")
    parser.add_argument("--no-lint", action="store_true", help="leave out what `make lint` runs")
    parser.add_argument("--list", action="store_true", help="print the files in order, and run nothing")
    options = parser.parse_args(words)
    until = time.monotonic() + options.seconds
    # What is started here is waited for below.
    linting = None
    if not (options.no_lint or options.list):
        linting = subprocess.Popen(["make", "--silent", "lint"], cwd=ROOT)
    reached = find_reached_tests(find_changed_files(options.base))
    if options.list:
        sys.stdout.write("".join(f"{distance} {_format_path(file)}\n" for file, distance in reached.items()))
        return 0
    failed = run([*reached], until)
    if linting is not None and linting.wait():
        sys.stdout.write("make lint fails\n")
        failed = True
    return int(failed)


def find_changed_files(base: str) -> list[Path]:
    """The files of the working tree that differ from a commit, new ones among them; of a file that is gone its folder's."""
    git = ["git", "-C", str(ROOT)]
    differing = subprocess.run([*git, "diff", "--name-only", base], capture_output=True, text=True, check=True).stdout
    new = subprocess.run(
        [*git, "ls-files", "--others", "--exclude-standard"], capture_output=True, text=True, check=True
    ).stdout
    paths = [ROOT / name for name in f"{differing}{new}".splitlines()]
    return [path if path.exists() else path.parent / "__init__.py" for path in paths]


def find_reached_tests(changed: Sequence[Path]) -> dict[Path, int]:
    """The files of unit tests that a change reaches, each with its number of imports to it.

    Nearest first; before them those that have the name of a changed module.
    """
    edges = imports()
    distances = dict.fromkeys(_find_sources(changed), 0)
    stems = {f"test_{path.stem}" for path in distances}
    rooms = {path.parent.name for path in distances}
    importers: dict[Path, set[Path]] = {}
    for path, imported in edges.items():
        for imported_path in imported:
            importers.setdefault(imported_path, set()).add(path)
    waiting = deque(distances)
    while waiting:
        path = waiting.popleft()
        for importer in sorted(importers.get(path, ())):
            if importer not in distances:
                distances[importer] = distances[path] + 1
                waiting.append(importer)
    if any(path.name.endswith(PAGES) for path in changed):
        distances = {**dict.fromkeys(READ_PAGES, TO_READ_PAGES), **distances}
    files = [path for path in distances if path.is_relative_to(UNIT) and path.name.startswith("test_")]
    files.sort(
        key=lambda path: (path.stem not in stems, distances[path], path.parent.name not in rooms, len(edges[path]))
    )
    return {path: distances[path] for path in files}


@cache
def imports() -> dict[Path, set[Path]]:
    """Which files of ours each file of the package and of the unit tests imports.

    A module that nobody imports is found by being there: its package has it. A test has the conftest.py above it.
    """
    tests = [*(ROOT / "tests").glob("*.py"), *UNIT.rglob("*.py")]
    inner = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]
    face = face_places()
    named = names_imported_by([*inner, *tests])
    edges = {path: _find_files(names, face) - {path} for path, names in named.items()}
    imported = {imported_path for imported_paths in edges.values() for imported_path in imported_paths}
    for path in inner:
        if path not in imported and path.name != "__init__.py":
            edges.setdefault(path.parent / "__init__.py", set()).add(path)
    for path in tests:
        above = (folder / "conftest.py" for folder in path.parents if folder.is_relative_to(UNIT))
        edges[path] |= {conftest for conftest in above if conftest.is_file()} - {path}
    edges[READS_THE_TREE] |= set(inner)
    return edges


def names_imported_by(paths: Iterable[Path]) -> dict[Path, list[str]]:
    """What each file imports. Files that have not changed since the last time are not parsed again."""
    if CACHE.is_file():
        then = json.loads(CACHE.read_text())
    else:
        then = {}
    now: dict[str, list[Any]] = {}
    for path in paths:
        state = path.stat()
        version = [state.st_mtime_ns, state.st_size]
        of_then = then.get(str(path), (None, None))
        now[str(path)] = of_then if of_then[0] == version else [version, sorted(imported_names(path))]
    CACHE.parent.mkdir(exist_ok=True)
    draft = CACHE.with_name(f"{CACHE.name}.{os.getpid()}")
    draft.write_text(json.dumps(now))
    draft.replace(CACHE)
    return {Path(path): names for path, (_, names) in now.items()}


def _find_files(names: Iterable[str], face: Mapping[str, str]) -> set[Path]:
    files = set()
    for name in names:
        dotted = face.get(name.removeprefix("spark_model_monitor."), name)
        for base in (PACKAGE.parent, ROOT):
            below = base / dotted.replace(".", "/")
            files |= {path for path in (below.with_name(f"{below.name}.py"), below / "__init__.py") if path.is_file()}
    return files


def _find_sources(changed: Iterable[Path]) -> list[Path]:
    """The Python files that stand for what changed: a template's are those beside it."""
    sources: list[Path] = []
    for path in changed:
        if path.suffix == ".py":
            sources.append(path)
        elif path.is_relative_to(PACKAGE):
            home = next(folder for folder in path.parents if (folder / "__init__.py").is_file())
            sources += sorted(home.glob("*.py"))
    return list(dict.fromkeys(sources))


def run(files: Sequence[Path], until: float) -> bool:
    """Whether a test of the files failed. until: on the monotonic clock, which every process here has."""
    if not files:
        sys.stdout.write("no unit test is reached by the change\n")
        return False
    shares = [files[start :: _count_cores()] for start in range(_count_cores())]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as opened:
        results = [Path(folder) / f"{number}.json" for number in range(len(shares))]
        processes = []
        for share, result in zip(shares, results, strict=True):
            output = opened.enter_context(result.with_suffix(".txt").open("w+"))
            command = [
                sys.executable,
                "-m",
                "tests.quick_process",
                str(until - TO_END),
                str(result),
                *map(str, share),
            ]
            processes.append((subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output), output))
        crashed = [_has_crashed(process, output, until) for process, output in processes]
        reports = [json.loads(result.read_text()) for result in results if result.is_file()]
    cut = {*map(str, files)} - {name for report in reports for name in report["done"]}
    failed = [test for report in reports for test in report["failed"]]
    sys.stdout.write("".join(f"fails: {test}\n" for test in failed))
    sys.stdout.write(
        f"{sum(report['ran'] for report in reports)} tests of {len(files) - len(cut)} files, {len(failed)} failed; "
    )
    sys.stdout.write(f"{sum(report['long'] for report in reports)} long ones of these files are left to `make unit`\n")
    if cut:
        ordered = [_format_path(path) for path in files if str(path) in cut]
        sys.stdout.write(f"cut for time, {len(cut)} of {len(files)} files; `make unit` runs them:\n")
        sys.stdout.write("".join(f"    {name}\n" for name in ordered[:10]))
        sys.stdout.write(f"    and {len(ordered) - 10} more\n" if len(ordered) > 10 else "")
    return bool(failed) or any(crashed)


def _has_crashed(process: subprocess.Popen[bytes], output: TextIO, until: float) -> bool:
    """Whether a process ended by itself in another way than with tests that pass or fail; what it said of them is shown.

    One that is still collecting when the time is over is stopped.
    """
    try:
        status = process.wait(max(until - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    output.seek(0)
    sys.stdout.write(output.read() if status else "")
    return status not in (0, 1)


def _count_cores() -> int:
    return min(len(os.sched_getaffinity(0)), 4)


def _format_path(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
