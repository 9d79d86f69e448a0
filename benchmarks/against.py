"""Do the benchmarks take as many core seconds as at another commit?

python benchmarks/against.py COMMIT [script …] [--rounds 3]

Each script runs with --quick in a checkout of the commit (build/against) and here, in turns, and the seconds of each run are told
at its end: those of profile_width.py take minutes. Of a row of a table the least of all rounds counts, as other programs can only
add to it. Compared is the ratio to the first peer of the table, which does the same on either side; where a table has none, the
core seconds themselves.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
SCRIPTS = (
    *("profile_rows.py", "profile_width.py", "profile_small_files.py", "profile_csv.py", "profile_captures.py"),
    *("quality.py", "bias.py", "merge.py", "documents.py"),
)
CORES = "core s"
AT_MOST = 1.05

Rows = dict[tuple[str, str], float]


def read_rows(script: str, root: Path) -> Rows:
    """Core seconds by title and name of each row that a script prints in a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(root / "lib")}
    command = [sys.executable, str(root / "benchmarks" / script), "--quick"]
    printed = subprocess.run(command, env=environment, cwd=root, stdout=subprocess.PIPE, text=True, check=True).stdout
    rows: Rows = {}
    title = ""
    column = None
    for line in printed.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if CORES in cells:
            column = cells.index(CORES)
        elif line.startswith("|") and column is not None and re.fullmatch(r"[\d.,]+", cells[column]):
            rows[title, cells[0]] = float(cells[column].replace(",", ""))
        elif line and not line.startswith("|"):
            title = line
            column = None
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit")
    parser.add_argument("scripts", nargs="*", default=SCRIPTS)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    then = HERE / "build" / "against" / arguments.commit
    if not then.is_dir():
        subprocess.run(["git", "worktree", "add", "--detach", str(then), arguments.commit], cwd=HERE, check=True)
    reached = [_compare_checkouts(script, then, arguments.rounds) for script in arguments.scripts]
    return 0 if all(reached) else 1


def _compare_checkouts(script: str, then: Path, rounds: int) -> bool:
    took: dict[tuple[str, str], list[list[float]]] = defaultdict(lambda: [[], []])
    for _ in range(rounds):
        for number, root in enumerate((then, HERE)):
            began = time.monotonic()
            for row, cores in read_rows(script, root).items():
                took[row][number].append(cores)
            print(f"{script} {('then', 'now')[number]}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(f"\n{script}\n\n| {'':100} |   then |    now | ratio |\n| {'-' * 100} | -----: | -----: | ----: |")
    # Rows that both checkouts print
    ratios: dict[str, dict[str, float]] = defaultdict(dict)
    for (title, name), (before, now) in took.items():
        if before and now and min(before):
            ratios[title][name] = min(now) / min(before)
            print(
                f"| {f'{title}: {name}'[:100]:100} | {min(before):6.2f} | {min(now):6.2f} | {ratios[title][name]:5.2f} |"
            )
    worst = max((_compare_with_peers(of_table) for of_table in ratios.values()), default=0.0)
    print(
        f"\nours {worst:.2f} times beside the first peer, at most {AT_MOST}: {'reached' if worst <= AT_MOST else 'missed'}"
    )
    return worst <= AT_MOST


def _compare_with_peers(ratios: dict[str, float]) -> float:
    """The largest ratio of ours in a table, over that of its first peer if it has one: what both share is the machine's.

    All rows of a table that calls none its own are ours.
    """
    ours = [ratio for name, ratio in ratios.items() if name.startswith("ours")]
    if ours:
        peers = [ratio for name, ratio in ratios.items() if not name.startswith("ours")]
    else:
        peers = []
    return max(ours or ratios.values()) / (peers[0] if peers else 1.0)


if __name__ == "__main__":
    sys.exit(main())
