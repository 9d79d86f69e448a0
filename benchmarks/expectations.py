"""What do rules cost? A thousand on 1 M x 100 beside the scan without them; twenty beside Great Expectations, pandera, Deequ.

python benchmarks/expectations.py [--quick]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from expectations_rules import DOMAINS, KEYS, LENGTHS, ORDERED, PATTERNS, PRESENT, RANGES, rows
from side_by_side import QUICK_SHARE, is_quick_run

from spark_model_monitor import DataQualityMonitor, run_monitoring

ROOT = Path(__file__).resolve().parent.parent
PYTHON_VARIABLE = "MODEL_MONITOR_EXPECTATIONS_PYTHON"
ENVIRONMENT = ROOT / ".venv-expectations"
SCRIPT = Path(__file__).with_name("expectations_peers.py")

ROWS = 1_000_000
NUMBERS = 80
TEXTS = 20
ROUNDS = 3
TIMES_THE_SCAN = 1.3


def wide(folder: Path, count: int) -> Path:
    """A table of numbers and texts, written a tenth at a time."""
    for part in range(10):
        random = np.random.default_rng(part)
        frame = pd.DataFrame({f"n{number}": random.normal(size=count // 10) for number in range(NUMBERS)})
        for text_number in range(TEXTS):
            frame[f"t{text_number}"] = random.choice([f"code{value:03d}" for value in range(200)], count // 10)
        frame.to_parquet(folder / f"{part}.parquet", index=False)
    return folder


def a_thousand() -> dict[str, object]:
    """Ten rules a column at 75 numbers and 20 texts, and fifty about rows."""
    numbers = [{"min": -9 - step, "max": 9 + step} for step in range(5)] + [{"type": "Fractional"}, {"not_null": 0.9}]
    numbers += [{"min": -1, "share": 0.5 + step / 100} for step in range(3)]
    texts = [{"matches": f"code[0-9]{{{digits}}}"} for digits in (3, 3, 3)] + [{"length": 7}, {"length": {"max": 9}}]
    texts += [
        {"in": [f"code{value:03d}" for value in range(200)]},
        {"not_null": True},
        {"max_share_of": {"code007": 0.1}},
    ]
    texts += [{"matches": "[a-z]+[0-9]+"}, {"max_share_of": {"code008": 0.1}}]
    features = {f"n{number}": numbers for number in range(75)} | {f"t{number}": texts for number in range(TEXTS)}
    return {"features": features, "row_rules": [f"n{number} <= n{number + 1} + 99" for number in range(50)]}


def twenty() -> dict[str, object]:
    """The rules as a file of ours has them."""
    features: dict[str, dict[str, object]] = {}
    for name, (low, high) in RANGES.items():
        features.setdefault(name, {}).update(min=low, max=high)
    for member, by_name in (("in", DOMAINS), ("matches", PATTERNS), ("length", LENGTHS)):
        for name, operand in by_name.items():
            features.setdefault(name, {})[member] = operand
    for member, names in (("not_null", PRESENT), ("unique", KEYS)):
        for name in names:
            features.setdefault(name, {})[member] = True
    return {"features": features, "row_rules": [f"{low} <= {high}" for low, high in ORDERED]}


def core_seconds(run: Callable[[], object]) -> float:
    """Of processor cores, of this process and of those that have ended."""
    before = sum(os.times()[:4])
    run()
    return sum(os.times()[:4]) - before


def ours(path: str, rules: dict[str, object] | None) -> object:
    return run_monitoring(path, DataQualityMonitor(), None, expectations=rules, engine="local")


def compare_with_the_scan(count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as name:
        path = str(wide(Path(name), count))
        rules = a_thousand()
        without = []
        with_rules = []
        for _ in range(ROUNDS):
            without.append(core_seconds(lambda: ours(path, None)))
            with_rules.append(core_seconds(lambda: ours(path, rules)))
    plain = statistics.median(without)
    ruled = statistics.median(with_rules)
    times = ruled / plain
    print(f"\n1,000 rules on {count:,} rows x {NUMBERS + TEXTS} columns, core seconds, median of {ROUNDS}\n")
    print(f"the scan: {plain:.1f}; with the rules: {ruled:.1f}; {times:.2f} times, wanted at most {TIMES_THE_SCAN}")


def count_ours(path: str) -> dict[str, int]:
    results = ours(path, twenty()).results  # type: ignore[attr-defined]
    words = {
        "min": "range",
        "in": "in",
        "matches": "matches",
        "length": "length",
        "not_null": "not_null",
        "unique": "unique",
    }
    counts = {}
    for finding in results:
        kind = (finding.component or "").split()[0]
        if kind == "row_rule":
            name = f"row {finding.feature.replace(' <= ', ' ')}"
        else:
            name = f"{words[kind]} {finding.feature}"
        counts[name] = round(finding.observed * finding.m)
    return counts


def count_deequs(path: str) -> tuple[dict[str, int], float]:
    """Deequ's VerificationSuite by a scan of its own: the rows of each rule from the share that holds, and core seconds."""
    os.environ.setdefault("SPARK_VERSION", "3.5")  # which pydeequ wants to be told
    from processor_time import ProcessorTime
    from pydeequ.checks import Check, CheckLevel
    from pydeequ.verification import VerificationResult, VerificationSuite
    from session import benchmark_session

    with benchmark_session() as spark:
        frame = spark.read.parquet(path)
        total = frame.count()
        names: list[str] = []
        check = Check(spark, CheckLevel.Error, "rules")

        def holds(name: str, sql: str) -> None:
            nonlocal check
            names.append(name)
            check = check.satisfies(sql, name, lambda share: share == 1.0)

        for name, (low, high) in RANGES.items():
            holds(f"range {name}", f"{name} IS NULL OR {name} BETWEEN {low} AND {high}")
        for name, domain in DOMAINS.items():
            holds(f"in {name}", f"{name} IS NULL OR {name} IN ({', '.join(map(repr, domain))})")
        for name, pattern in PATTERNS.items():
            escaped = pattern.replace("\\", "\\\\")
            holds(f"matches {name}", f"{name} IS NULL OR {name} RLIKE '^(?:{escaped})$'")
        for name, length in LENGTHS.items():
            holds(f"length {name}", f"{name} IS NULL OR length({name}) = {length}")
        for name in PRESENT:
            holds(f"not_null {name}", f"{name} IS NOT NULL")
        for low, high in ORDERED:
            holds(f"row {low} {high}", f"{low} IS NULL OR {high} IS NULL OR {low} <= {high}")
        for name in KEYS:
            names.append(f"unique {name}")
            check = check.hasUniqueness([name], lambda share: share == 1.0)
        clock = ProcessorTime()
        began = clock.seconds()
        result = VerificationSuite(spark).onData(frame).addCheck(check).run()
        metrics = VerificationResult.successMetricsAsDataFrame(spark, result).collect()
        took = clock.seconds() - began
    shares = {row["instance"]: row["value"] for row in metrics}
    counts = {
        name: round((1 - shares[name.split()[1] if name.startswith("unique") else name]) * total) for name in names
    }
    return counts, took


def compare_with_peers(count: int) -> None:
    chosen = Path(os.environ.get(PYTHON_VARIABLE) or ENVIRONMENT / "bin" / "python")
    with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as folder:
        path = f"{folder}/rows.parquet"
        rows(count).to_parquet(path, index=False)
        seconds = {"ours": core_seconds(lambda: ours(path, twenty()))}
        counts_by_engine = {"ours": count_ours(path)}
        counts_by_engine["deequ"], seconds["deequ"] = count_deequs(path)
        for peer in ("great_expectations", "pandera") if chosen.is_file() else ():
            output_text = subprocess.run(
                [chosen, SCRIPT, peer, path], check=True, capture_output=True, text=True
            ).stdout
            *_, counts, took = output_text.strip().splitlines()
            counts_by_engine[peer], seconds[peer] = json.loads(counts), float(took.split()[1])
    print(f"\n20 rules on {count:,} rows, core seconds, and whether each rule finds as many rows as ours\n")
    for name, took in seconds.items():
        unlike = {
            rule: (rows, counts_by_engine[name].get(rule))
            for rule, rows in counts_by_engine["ours"].items()
            if counts_by_engine[name].get(rule) != rows
        }
        print(
            f"{name}: {took:.1f} s, {took / seconds['ours']:.2f} times ours;",
            f"{len(counts_by_engine['ours']) - len(unlike)} of 20 {unlike or ''}",
        )


def main() -> None:
    count = ROWS // (QUICK_SHARE if is_quick_run(__doc__) else 1)
    compare_with_the_scan(count)
    compare_with_peers(count)
    if not (ENVIRONMENT / "bin" / "python").is_file():
        print(
            f"no peers: make {ENVIRONMENT.name} as benchmarks/README.md says",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
