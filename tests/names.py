"""Which tests another commit has and this tree has not, and the other way round: `python -m tests.names COMMIT`.

Tests are told apart by their functions' names, since files move. Both sides are collected, Airflow's by its own Python; a test
whose name is gone has to be in another one, or named in the change that dropped it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CASE = re.compile(r"^tests/\S+?\.py::(?:\w+::)*(\w+)", re.MULTILINE)


def main(commit: str) -> int:
    with check_out(commit) as before:
        then = count_cases(before)
        now = count_cases(ROOT)
    show("gone", [f"{name} ({then[name]})" for name in sorted(then.keys() - now.keys())])
    show("come", [f"{name} ({now[name]})" for name in sorted(now.keys() - then.keys())])
    common_names = sorted(then.keys() & now.keys())
    show(
        "with fewer cases", [f"{name} ({then[name]} -> {now[name]})" for name in common_names if now[name] < then[name]]
    )
    show(
        "with more cases", [f"{name} ({then[name]} -> {now[name]})" for name in common_names if now[name] > then[name]]
    )
    sys.stdout.write(f"{then.total()} cases of {len(then)} names at {commit}, {now.total()} of {len(now)} now\n")
    return 0


@contextmanager
def check_out(commit: str) -> Iterator[Path]:
    """The commit's files, beside this tree: `../shared` is the same."""
    git = ["git", "-C", str(ROOT), "worktree"]
    with tempfile.TemporaryDirectory(prefix="tests-of-", dir=ROOT.parent) as folder:
        tree = Path(folder)
        subprocess.run([*git, "add", "--quiet", "--detach", "--force", str(tree), commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)
            tree.mkdir()  # for its owner to remove


def count_cases(tree: Path) -> Counter[str]:
    """How many cases the test functions of each name have, slow ones included."""
    pythons = {ROOT / ".venv" / "bin" / "python": "tests", ROOT / ".venv-airflow" / "bin" / "python": "tests/airflow"}
    cases: Counter[str] = Counter()
    for python, folder in pythons.items():
        collecting = [python, "-m", "pytest", "--collect-only", "-q", "-m", "", "-p", "no:cacheprovider", folder]
        collected = subprocess.run(collecting, cwd=tree, capture_output=True, text=True, check=False)
        if collected.returncode:
            raise SystemExit(f"{tree}: {folder} can't be collected\n{collected.stdout[-3000:]}{collected.stderr}")
        cases.update(CASE.findall(collected.stdout))
    return cases


def show(heading: str, lines: list[str]) -> None:
    sys.stdout.write(f"{len(lines)} {heading}\n" + "".join(f"    {line}\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
