"""How soon do commands without a JVM and `import spark_model_monitor` finish? Beside a Python that imports numpy and pyarrow.

python benchmarks/commands.py [--quick]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from data_sets import mixed_parquet
from performance import note
from side_by_side import QUICK_SHARE, Contestant, is_quick_run, race

ROOT = Path(__file__).resolve().parent.parent
ROWS = 1_000_000
ROUNDS = 7
SECONDS_AT_MOST = 1.0
IMPORT_SECONDS_AT_MOST = 0.1
"""More than bare Python takes."""


def job(name: str, source: Path, output: Path, *flags: str) -> None:
    """Run a job whose output the commands are given."""
    data = ["--dataset-source", str(source), "--dataset-format", "parquet", "--output-path", str(output)]
    subprocess.run([str(ROOT / "spark-submit.sh"), name, *data, *flags], check=True, capture_output=True)


def command(*words: str) -> Contestant:
    """One of `spark-model-monitor`'s own commands."""
    return _started(words[0], [str(Path(sys.executable).with_name("spark-model-monitor")), *words])


def _started(name: str, words: list[str]) -> Contestant:
    def run() -> None:
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)

    return Contestant(name, run, rounds=ROUNDS)


def main() -> None:
    rows = ROWS // (QUICK_SHARE if is_quick_run(__doc__) else 1)
    data = mixed_parquet(rows)
    with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as name:
        folder = Path(name)
        baseline = folder / "baseline"
        window = folder / "window"
        job("baseline", data, baseline)
        job("monitor", data, window, "--baseline", str(baseline))
        ours = [
            command("merge-states", str(baseline), str(window), "--output", str(folder / "merged")),
            command("explain", "x0", "--run", str(window)),
        ]
        libraries = _started("Python, importing numpy and pyarrow", [sys.executable, "-c", "import numpy, pyarrow"])
        face, bare = (
            _started(f"Python, {title}", [sys.executable, "-c", program])
            for title, program in (
                ("importing spark_model_monitor", "import spark_model_monitor"),
                ("doing nothing", ""),
            )
        )
        for contestant in (*ours, libraries, face, bare):  # the first start reads modules from the disk
            contestant.run()
        race([*ours, libraries, face, bare])
    print(f"\nruns over {rows:,} rows x 13 columns, {ROUNDS} rounds\n")
    print(f"| {'':35} | seconds |")
    print(f"| {'-' * 35} | ------: |")
    for contestant in (*ours, libraries, face, bare):
        print(f"| {contestant.name:35} | {contestant.seconds:7.2f} |")
    for contestant in ours:
        verdict = note(contestant.name, "", contestant.seconds, at_most=SECONDS_AT_MOST, unit="s")
        print(f"\n{contestant.name}: less than {SECONDS_AT_MOST:g} s wanted: {verdict}", end="")
    more = face.seconds - bare.seconds
    verdict = note("import spark_model_monitor, beside bare Python", "", more, at_most=IMPORT_SECONDS_AT_MOST, unit="s")
    print(
        f"\n\nimport spark_model_monitor: {more:.3f} s more than bare Python, "
        f"at most {IMPORT_SECONDS_AT_MOST:g} wanted: {verdict}",
        flush=True,
    )


if __name__ == "__main__":
    main()
