"""Do the benchmarks take as many core seconds as at another commit?

python benchmarks/against.py COMMIT [script …] [--rounds 3]

Each script runs with --quick in a checkout of the commit (build/against) and here, in turns. Of a row of a table the least of
all rounds counts, as other programs can only add to it. Compared is the ratio to the first peer of the table, which does the same
on either side.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
SCRIPTS = (
    *("profile_rows.py", "profile_width.py", "profile_small_files.py", "profile_csv.py", "profile_captures.py"),
    *("quality.py", "bias.py", "merge.py", "documents.py"),
)
ROW = re.compile(r"\| (?P<name>[^|]*?) +\| +[\d.,]+ \| +(?P<cores>[\d.]+) \|")
AT_MOST = 1.05

Rows = dict[tuple[str, str], float]


def rows_of(script: str, root: Path) -> Rows:
    """Core seconds by title and name of each row that a script prints in a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(root / "lib")}
    command = [sys.executable, str(root / "benchmarks" / script), "--quick"]
    printed = subprocess.run(command, env=environment, cwd=root, stdout=subprocess.PIPE, text=True, check=True).stdout
    rows: Rows = {}
    title = ""
    for line in printed.splitlines():
        found = ROW.match(line)
        if found:
            rows[title, found["name"]] = float(found["cores"])
        elif line and not line.startswith("|"):
            title = line
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit")
    parser.add_argument("scripts", nargs="*", default=SCRIPTS)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    then = HERE / "build" / "against" / asked.commit
    if not then.is_dir():
        subprocess.run(["git", "worktree", "add", "--detach", str(then), asked.commit], cwd=HERE, check=True)
    reached = [_compared(script, then, asked.rounds) for script in asked.scripts]
    return 0 if all(reached) else 1


def _compared(script: str, then: Path, rounds: int) -> bool:
    took: dict[tuple[str, str], list[list[float]]] = defaultdict(lambda: [[], []])
    for _ in range(rounds):
        for side, root in enumerate((then, HERE)):
            for row, cores in rows_of(script, root).items():
                took[row][side].append(cores)
    print(f"\n{script}\n\n| {'':100} |   then |    now | ratio |\n| {'-' * 100} | -----: | -----: | ----: |")
    ratios: dict[str, dict[str, float]] = defaultdict(dict)
    for (title, name), (before, now) in took.items():
        if before and now and min(before):
            ratios[title][name] = min(now) / min(before)
            print(
                f"| {f'{title}: {name}'[:100]:100} | {min(before):6.2f} | {min(now):6.2f} | {ratios[title][name]:5.2f} |"
            )
    worst = max((_beside_peers(of_table) for of_table in ratios.values()), default=0.0)
    print(
        f"\nours {worst:.2f} times beside the first peer, at most {AT_MOST}: {'reached' if worst <= AT_MOST else 'missed'}"
    )
    return worst <= AT_MOST


def _beside_peers(ratios: dict[str, float]) -> float:
    """The largest ratio of ours in a table, over that of its first peer if it has one: what both share is the machine's."""
    ours = [ratio for name, ratio in ratios.items() if name.startswith("ours")]
    peers = [ratio for name, ratio in ratios.items() if not name.startswith("ours")]
    return max(ours, default=0.0) / (peers[0] if peers else 1.0)


if __name__ == "__main__":
    sys.exit(main())
