"""Do the benchmarks take as many core seconds as at another commit?

python benchmarks/against.py COMMIT [script …] [--rounds 3]

Each script runs with --quick in a checkout of the commit (build/against) and here, in turns. Of a row of a table the least of
all rounds counts, as other programs can only add to it. The rows of peers show how far the machine can be trusted: they do the
same on either side.
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
    ratios = {}
    for (title, name), (before, now) in took.items():
        if before and now and min(before):
            ratio = min(now) / min(before)
            ratios[name] = max(ratio, ratios.get(name, 0)) if name.startswith("ours") else 0
            print(f"| {f'{title}: {name}'[:100]:100} | {min(before):6.2f} | {min(now):6.2f} | {ratio:5.2f} |")
    reached = max(ratios.values(), default=0) <= AT_MOST
    print(f"\nours at most {AT_MOST} times: {'reached' if reached else 'missed'}", flush=True)
    return reached


if __name__ == "__main__":
    sys.exit(main())
