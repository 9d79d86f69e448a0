"""Planted mistakes in public tables: how often a guess names their kind, and how often it names one for other changes.

Unpack the wheels that README.md downloads, then
python benchmarks/guesses.py [FOLDER] [--quick]

Marks, over eight tables or more: at least 95 % of the planted mistakes of each kind that alarm are named rightly, and at most
2 % of other real changes (a shift, a spread, a tail, missing values, other shares, a new value) are named at all. The tables are
those of random_halves.py and scikit-learn's iris and wine, cut in two halves at random, with texts and times beside them that
their numbers give; without FOLDER scikit-learn's alone. Seeds are fresh at each run.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import random_halves
from sklearn import datasets

from spark_model_monitor import DataQualityMonitor, MonitoringSettings, run_baseline, run_monitoring
from spark_model_monitor.monitors.data_quality.causes.likely_mistakes import guess_mistake, list_violated_features

Change = Callable[[pd.Series, np.random.Generator], pd.Series]
MIN_RIGHT = 0.95
MAX_WRONG = 0.02
FEWEST = 3  # planted mistakes of a kind in a table


def tables(folder: Path | None) -> Iterator[tuple[str, pd.DataFrame]]:
    """Up to eight columns of numbers of each table, 2,000 rows at most, and columns of texts and times beside them."""
    small = [(name, getattr(datasets, f"load_{name}")(as_frame=True).frame) for name in ("iris", "wine")]
    for name, table in itertools.chain(small, random_halves.tables(folder or Path())):
        if folder is None and name not in ("iris", "wine", "breast_cancer", "diabetes", "digits"):
            return
        frame = table.drop(columns=["target", "id", "index"], errors="ignore").select_dtypes("number").astype(float)
        frame = frame.loc[:, (frame.nunique() > 8) & frame.notna().all()].iloc[:, :8]
        if not frame.shape[1] >= 2:
            continue
        frame = frame.sample(min(len(frame), 2_000), random_state=1)
        frame = pd.concat([frame] * -(-1_000 // len(frame)), ignore_index=True)
        random = np.random.default_rng(len(frame))
        first = frame.iloc[:, 0].rank(pct=True)
        frame["size"] = pd.cut(first, 4, labels=["small size", "middle size", "large size", "huge size"]).astype(str)
        frame["town"] = np.array(["Graz", "Salzburg", "Innsbruck", "Villach", "Linz"])[(first * 4.99).astype(int)]
        frame["seconds"] = np.round(random.uniform(0, 86_400, len(frame)) + 1.7e5)
        frame["epoch"] = frame["seconds"] + 1.77e9
        frame["hour"] = np.floor((frame["seconds"] - 1.7e5) / 3600 * 0.6)
        yield name, frame


def numbers(change: Callable[[pd.Series], pd.Series]) -> Change:
    return lambda column, random: change(column)


def filler(value: float | str) -> Change:
    def change(column: pd.Series, random: np.random.Generator) -> pd.Series:
        if isinstance(value, str):
            return column.map(lambda cell: value if np.isnan(cell) else repr(cell)).astype("string")
        return column.fillna(value)

    return change


def clipped(column: pd.Series) -> pd.Series:
    return column.clip(upper=column.quantile(0.75))


def rounded(column: pd.Series) -> pd.Series:
    step = 10.0 ** np.floor(np.log10(max(column.std() * 2, 1e-12)))
    return (column / step).round() * step


def renamed(column: pd.Series) -> pd.Series:
    return column.replace({column.mode()[0]: "another"})


def hold_value(column: pd.Series) -> pd.Series:
    """As of a sensor that stops in the middle, at some value within its range."""
    middle = column[column.between(*column.quantile([0.3, 0.7]))]
    return column.where(np.arange(len(column)) < len(column) / 2, middle.iloc[-1])


def in_part(by: float) -> Change:
    """As of one client that sends another unit: every third row."""
    return lambda column, random: column.where(np.arange(len(column)) % 3 > 0, column * by)


CODES = {"Graz": "a1", "Salzburg": "b2", "Innsbruck": "c3", "Villach": "d4", "Linz": "e5"}
CODES |= {"small size": "S", "middle size": "M", "large size": "L", "huge size": "XL"}

KINDS: dict[str, tuple[str, dict[str, Change]]] = {
    "factor": (
        "number",
        {
            f"x {by:g}": numbers(lambda column, by=by: column * by)
            for by in (10, 100, 1e3, 0.001, 1.609344, 0.453592, 60, 3600, 1024)
        },
    ),
    "epoch": (
        "epoch",
        {f"x {by:g}": numbers(lambda column, by=by: column * by) for by in (1e3, 1e6)},
    ),
    "converted": ("number", {f"a third x {by:g}": in_part(by) for by in (10, 100, 0.001)}),
    "sign": ("number", {"sign": numbers(lambda column: -column)}),
    "clock": (
        "time",
        {f"{hours} h": numbers(lambda column, hours=hours: column + 3600 * hours) for hours in (-5, 2, 6)},
    ),
    "filled": ("missing", {str(value): filler(value) for value in (0.0, -1.0, 999.0, "", "null", "N/A")}),
    "frozen": ("number", {"frozen": numbers(lambda column: column * 0 + column.iloc[0])}),
    "held": ("number", {"from the middle on": numbers(hold_value)}),
    "clipped": ("number", {"clipped": numbers(clipped)}),
    "rounded": ("number", {"rounded": numbers(rounded)}),
    "decimal_comma": ("number", {"comma": numbers(lambda column: column.map("{:.3f}".format).str.replace(".", ","))}),
    "spelling": (
        "text",
        {
            "upper": numbers(lambda column: column.str.upper()),
            "spaces": numbers(lambda column: column + " "),
            "full width": numbers(
                lambda column: column.map(
                    lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)
                )
            ),
        },
    ),
    "renamed": ("text", {"renamed": numbers(renamed), "all of them": numbers(lambda column: column.map(CODES.get))}),
    "truncated": ("text", {"truncated": numbers(lambda column: column.str[:4])}),
    "swapped": ("pair", {"swapped": numbers(lambda column: column)}),
    "swapped texts": ("texts", {"swapped": numbers(lambda column: column)}),
}
CALLED = {"epoch": "factor", "swapped texts": "swapped"}
OTHERS: dict[str, tuple[str, dict[str, Change]]] = {
    "a shift": (
        "number",
        {f"{by} sd": numbers(lambda column, by=by: column + by * column.std()) for by in (0.7, -1.3, 2.1)},
    ),
    "a spread": (
        "number",
        {f"x {by}": numbers(lambda column, by=by: column.mean() + by * (column - column.mean())) for by in (0.4, 2.3)},
    ),
    "a tail": ("number", {"log-normal": lambda column, random: column * np.exp(random.normal(0, 1, len(column)))}),
    "missing values": ("number", {"30 %": lambda column, random: column.mask(random.random(len(column)) < 0.3)}),
    "other shares": (
        "text",
        {"half": lambda column, random: column.where(random.random(len(column)) < 0.5, column.mode()[0])},
    ),
    "a new value": ("text", {"10 %": lambda column, random: column.mask(random.random(len(column)) < 0.1, "Bregenz")}),
}


def list_columns(frame: pd.DataFrame, kind: str) -> list[str]:
    of_numbers = [name for name in frame.columns[:-5] if frame[name].nunique() > 30]
    return {"text": ["size", "town"], "texts": ["size"], "time": ["seconds"], "epoch": ["epoch"]}.get(kind, of_numbers)


def name_kind(frame: pd.DataFrame, column: str, kind: str, change: Change, random: np.random.Generator) -> str | None:
    """The kind that is named; `silent` if nothing alarms."""
    frame = frame.copy()
    if kind == "missing":
        frame[column] = frame[column].mask(random.random(len(frame)) < 0.15)
    order = random.permutation(len(frame))
    halves = [frame.iloc[part].reset_index(drop=True) for part in (order[::2], order[1::2])]
    settings = MonitoringSettings(rows="independent")
    baseline = run_baseline(halves[0], DataQualityMonitor(settings=settings), engine="local")
    if kind in ("pair", "texts"):
        columns = list_columns(frame, {"texts": "text"}.get(kind, kind))
        other_column = next(name for name in columns if name != column)
        halves[1][[column, other_column]] = halves[1][[other_column, column]].to_numpy()
    else:
        halves[1][column] = change(halves[1][column], random)
    findings = run_monitoring(halves[1], DataQualityMonitor(), baseline, engine="local")
    bad = {finding.feature for finding in findings.results if finding.is_violation}
    if column not in bad:
        return "silent"
    states = {name: findings.current.state.feature(name) for name in bad if name}
    features = {
        feature.name: feature for feature in list_violated_features(states, {}, findings.baseline.distributions)
    }
    guess = guess_mistake(features[column])
    return guess.rule if guess else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    random = np.random.default_rng()
    fine = True
    logging.disable(logging.WARNING)
    all_tables = list(tables(arguments.folder))
    print(f"{len(all_tables)} tables: {', '.join(name for name, _ in all_tables)}")
    for planted, kinds in ((True, KINDS), (False, OTHERS)):
        named = alarmed = 0
        for rule, (kind, changes) in kinds.items():
            answers: Counter[str | None] = Counter()
            for _, frame in all_tables:
                for change in changes.values():
                    for column in random.permutation(list_columns(frame, kind))[: 1 if arguments.quick else FEWEST]:
                        answers[name_kind(frame, column, kind, change, random)] += 1
            silent = answers.pop("silent", 0)
            total = answers.total()
            if planted:
                right = answers[CALLED.get(rule, rule)]
            else:
                right = answers[None]
            named = named + total - right
            alarmed = alarmed + total
            other_kinds = ", ".join(
                f"{name}: {count}"
                for name, count in answers.items()
                if name != (CALLED.get(rule, rule) if planted else None)
            )
            share = right / max(total, 1)
            if not planted:
                verdict = ""
            else:
                verdict = f": {'reached' if share >= MIN_RIGHT else 'missed'}"
            fine &= not planted or share >= MIN_RIGHT
            print(
                f"{rule:15} {right:3} of {total:3} {'right' if planted else 'without a name'}, {silent} silent "
                f"{other_kinds}{verdict}",
                flush=True,
            )
        if not planted:
            share = named / max(alarmed, 1)
            fine &= share <= MAX_WRONG
            print(
                f"other changes named: {named} of {alarmed}, {share:.1%}: {'reached' if share <= MAX_WRONG else 'missed'}"
            )
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
