"""How plainly our Python is named and cut, and that it gets no worse: `python -m tests.plain [FOLDER ...]`.

It prints, for all modules below a folder:
  names       functions, and those that are named by a preposition or a participle (`_of`, `told`, `rows_of`), in percent
  locals      names of locals and parameters that don't say what they hold (`found`, `each`, `known`), in percent
  generic     names of locals and parameters that would fit anything (`result`, `item`), in percent
  classes     classes named by an adjective, a participle or a pronoun (`Usual`, `Seen`, `Others`), in percent
  verbs       functions (without decorators) whose first word is a common verb, in percent
  tokens      a statement; ternaries per 1,000 statements; pairs: `a, b = x, y` per 1,000 assignments
  dense       functions with more than 12 locals in a row without a comment between them
  loose       functions with `Any` or `object` in their signature
  comments    comments, but for directives such as `noqa`, per 100 statements
  size        all tokens, in thousands
  same names  public classes that several modules define, and names of files that stand in several folders

tests/plain_ceilings.tsv holds what each folder may have of these. `--check`, a part of `make lint`, says what is above
that and what to write instead. A change that makes figures smaller ends with `--lower`.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.plain_ceilings import (
    RATES,
    TABLE,
    Key,
    add_up,
    compute_ceilings,
    compute_figures,
    find_folder,
    find_risen_words,
    find_room,
    format_table,
    lower_ceilings,
    read_table,
)
from tests.plain_history import find_added_lines, find_changed_files, read_commit, read_file_at
from tests.plain_measures import FileMeasures, measure_files
from tests.plain_problems import find_problems

ROOT = Path(__file__).resolve().parents[1]
AREAS = ("benchmarks", "jobs", "lib", "tests")
CACHE = ".cache/plain.json"
GLOSSARY = "docs/concepts.md"


def main(words: Sequence[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.plain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", default=AREAS, metavar="FOLDER", help=f"by default {', '.join(AREAS)}")
    parser.add_argument("--by-folder", action="store_true", help="a line for each folder below, too")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--check", action="store_true", help=f"say what is above the ceilings in {TABLE}")
    modes.add_argument("--lower", action="store_true", help="lower the ceilings to today's figures; none rises")
    modes.add_argument(
        "--moved",
        metavar="COMMIT",
        help="files were moved since then (`git add` them): what they have counts where they are now",
    )
    options = parser.parse_args(words)
    if options.check:
        return check(root)
    if options.lower:
        return lower(root)
    if options.moved:
        return move_ceilings(root, options.moved)
    print_figures(root, options.folders, options.by_folder)
    return 0


def measure_tree(root: Path, folders: Sequence[str] = ()) -> dict[str, FileMeasures]:
    """The measures of all files below the areas and some other folders."""
    paths = {path for folder in (*AREAS, *folders) for path in (root / folder).rglob("*.py")}
    texts = {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(paths)}
    return measure_files(texts, root / CACHE)


def read_python_files(root: Path, commit: str) -> dict[str, bytes]:
    """The Python files of the areas at a commit."""
    return {
        path: text
        for path, text in read_commit(root, commit).items()
        if path.endswith(".py") and path.split("/")[0] in AREAS
    }


def read_ceilings(root: Path) -> dict[Key, float]:
    table = root / TABLE
    if table.is_file():
        return read_table(table.read_text(encoding="utf-8"))
    return {}


def write_ceilings(root: Path, ceilings: Mapping[Key, float]) -> None:
    (root / TABLE).write_text(format_table(ceilings), encoding="utf-8")


def check(root: Path) -> int:
    figures = compute_figures(measure_tree(root))
    table = (root / TABLE).read_text(encoding="utf-8")
    if not find_problems(figures, table):
        return 0
    # Only a failure needs to know which lines are new
    added_lines = find_added_lines(root, TABLE)
    glossary = (root / GLOSSARY).read_text(encoding="utf-8")
    for problem in find_problems(figures, table, added_lines, glossary):
        print(problem)
    return 1


def lower(root: Path) -> int:
    """Without a table, today's figures become it; one that is committed can't be replaced by deleting it."""
    if not (root / TABLE).is_file() and read_file_at(root, "HEAD", TABLE):
        print(f"{TABLE} is deleted, and a new one could have higher ceilings. Run `git checkout HEAD -- {TABLE}`.")
        return 1
    figures = compute_figures(measure_tree(root))
    ceilings = read_ceilings(root) or compute_ceilings(figures)
    write_ceilings(root, lower_ceilings(ceilings, figures))
    return check(root)


def move_ceilings(root: Path, commit: str) -> int:
    """Gives the folders that files moved between the ceilings of the commit's files as they are distributed now."""
    # The folders that files left or entered
    new_paths = {old_path: new_path for new_path, old_path in find_changed_files(root, commit).items()}
    folders: set[str] = set()
    for old_path, new_path in new_paths.items():
        if find_folder(old_path) != find_folder(new_path):
            folders |= {find_folder(old_path), find_folder(new_path), find_room(old_path), find_room(new_path)}

    # What these would have had at the commit
    texts = {new_paths.get(path, path): text for path, text in read_python_files(root, commit).items()}
    moved_figures = compute_figures(measure_files(texts))
    ceilings = read_ceilings(root)
    moved = {key: ceiling for key, ceiling in ceilings.items() if key.folder not in folders}
    moved |= {key: ceiling for key, ceiling in compute_ceilings(moved_figures).items() if key.folder in folders}

    # A move makes no room for more
    risen = find_risen_words(ceilings, moved)
    if risen:
        print(f"{TABLE} has less of these than {commit}; name a commit whose check passes: {', '.join(risen)}")
        return 1
    write_ceilings(root, moved)
    return lower(root)


def print_figures(root: Path, folders: Sequence[str], by_folder: bool) -> None:
    measured = measure_tree(root, folders)
    for folder in folders:
        files = {path: measures for path, measures in measured.items() if path.startswith(f"{folder.rstrip('/')}/")}
        print(format_figures(folder, files))
        if by_folder:
            for inner_folder in sorted({find_folder(path) for path in files}):
                inner_files = {path: measures for path, measures in files.items() if find_folder(path) == inner_folder}
                print(format_figures(f"  {inner_folder}", inner_files))


def format_figures(title: str, files: Mapping[str, FileMeasures]) -> str:
    totals: Counter[str] = Counter()
    for measures in files.values():
        totals.update(add_up(measures))
    repeated = Counter(key.measure for key in compute_figures(files).uses)
    shown = [
        f"functions {totals['functions']:,}",
        f"names {format_percent(totals, 'function', 'functions')}",
        f"locals {format_percent(totals, 'local', 'names')}",
        f"generic {format_percent(totals, 'generic', 'names')}",
        f"classes {format_percent(totals, 'class', 'classes')}",
        *(f"{name} {RATES[name].compute(totals):.1f}" for name in ("verbs", "tokens", "ternaries", "pairs")),
        f"dense {totals['dense']}",
        f"loose {totals['loose']}",
        f"comments {RATES['comments'].compute(totals):.1f}",
        f"size {totals['tokens'] / 1000:.0f}",
        f"lines {totals['lines']:,}",
        f"same classes {repeated['same class']}",
        f"same files {repeated['same file']}",
    ]
    return f"{title:30}  {'  '.join(shown)}"


def format_percent(totals: Mapping[str, int], numerator: str, denominator: str) -> str:
    return f"{100 * totals[numerator] / max(1, totals[denominator]):.1f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
