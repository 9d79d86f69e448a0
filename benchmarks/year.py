"""Two hundred models, every hour, for a year: what they take and leave, by real hours and a cost model fitted on half of them.

python benchmarks/year.py [FOLDER] [--hours N] [--fleet-hours N] [--page docs]

One model is watched for 8,760 hours, and 200 for 24 (year_plays.py). FOLDER keeps what was measured: a later call goes on where
an earlier one stopped. Of both, the first half of the hours gives the constants, and the second half is predicted: at most 15 %
off. --page: writes the table of docs/scale.md, and its picture.

Model: what an hour takes is a sum of counts times constants that are not negative; the counts are known beforehand (windows,
alarms, empty hours, …). What stands after an hour is the same of what retention keeps. The least squares are weighted by the
quantity itself, as the variance of a sum of many windows grows with their number.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
from performance import note
from scipy import optimize
from year_plays import (
    KEPT_WINDOWS,
    KINDS,
    PAGE_DAYS,
    REQUESTS,
    STATE_DAYS,
    Play,
    count_verdicts,
    plan_faults,
    read_hours,
)

from spark_model_monitor.reports.history.history_file import MAX_WINDOWS
from spark_model_monitor.running.scheduling.record import MAX_EXECUTIONS

ROOT = Path(__file__).resolve().parent.parent
MODELS = 200
DISTINCT = 20  # models of the year that is computed, as a plan takes 60 µs an hour
KILLED_EVERY = 146
AT_MOST = 0.15
YEAR_HOURS = 365 * 24

TAKEN = ("core_seconds", "requests")
UNITS = {
    "core_seconds": ("core hours", 3600.0),
    "requests": ("million requests", 1e6),
    "files": ("thousand files", 1e3),
    "bytes": ("GB", 1e9),
}
"""The quantities, and the units of the table: of all hours what they take (`TAKEN`), else what stands after an hour."""

WORK = (
    *("passes", "killed passes", "models of killed passes", "windows", "history", "record", "alarms", "empty hours"),
    *("expired windows", "expired pages", "expired states"),
)
STANDING = ("models", "kept windows", "kept pages", "kept states")
"""What the quantities are sums of."""

Counts = dict[str, pd.DataFrame]


@cache
def plan_hours(model: int, hours: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each hour, whether it has captures, and whether they alarm."""
    faults = [plan_faults(model, hour) for hour in range(hours)]
    has_window = np.array([not hour.is_empty for hour in faults])
    alarms = np.array([hour.is_late or hour.is_shifted for hour in faults]) & has_window
    return has_window, alarms


def count_work(play: Play, distinct: int = MODELS) -> Counts:
    """For each quantity, the counts of each hour that it is a sum of. distinct: models; the others have the faults of these."""
    counts = {name: np.zeros(play.hours) for name in (*WORK, *STANDING)}
    hours = np.arange(play.hours)
    killed = np.array([play.is_killed(hour) for hour in hours])
    for model in range(play.models):
        has_window, alarms = plan_hours(model % distinct, play.hours)
        total = np.cumsum(has_window)
        counts["windows"] += has_window
        counts["alarms"] += alarms
        counts["empty hours"] += ~has_window
        # A window is judged beside the latest ones, and retention reads the record of runs: both up to a number
        counts["history"] += has_window * np.minimum(total - has_window, MAX_WINDOWS) / MAX_WINDOWS
        counts["record"] += has_window * np.minimum(hours, MAX_EXECUTIONS) / MAX_EXECUTIONS
        counts["kept windows"] += np.minimum(total, KEPT_WINDOWS)
        counts["kept pages"] += count_latest(total, PAGE_DAYS * 24)
        counts["kept states"] += count_latest(total, STATE_DAYS * 24)
        # What has become too old is deleted by passes that judged a window
        counts["expired windows"] += has_window & (total > KEPT_WINDOWS)
        counts["expired pages"] += has_window & (hours >= PAGE_DAYS * 24)
        counts["expired states"] += has_window & (hours >= STATE_DAYS * 24)
        counts["models"] += 1
        # A killed pass is repeated, and so looks at each model twice
        counts["models of killed passes"] += killed
    counts["passes"] += 1
    counts["killed passes"] += killed
    work = pd.DataFrame({name: counts[name] for name in WORK})
    standing = pd.DataFrame({name: counts[name] for name in STANDING})
    return {quantity: work if quantity in TAKEN else standing for quantity in UNITS}


def count_latest(total: np.ndarray, hours: int) -> np.ndarray:
    """The windows of the latest hours. total: of all hours up to each one."""
    before = np.zeros_like(total)
    before[hours:] = total[:-hours]
    return total - before


def fit_costs(counts: pd.DataFrame, values: np.ndarray) -> pd.Series:
    """The constants of a quantity, by the name of their count. Source: Lawson and Hanson 1974, non-negative least squares."""
    is_measured = ~np.isnan(values)
    weights = 1 / np.sqrt(np.maximum(values[is_measured], 1e-9))
    constants, _ = optimize.nnls(counts.to_numpy()[is_measured] * weights[:, None], values[is_measured] * weights)
    return pd.Series(constants, counts.columns)


@dataclass(frozen=True)
class Prediction:
    """What the second half of a play takes in all, or what stands during it on average."""

    measured: float
    predicted: float

    @property
    def error(self) -> float:
        return self.predicted / self.measured - 1


def fit_first_halves(plays: Sequence[Play], measured: Sequence[pd.DataFrame], quantity: str) -> pd.Series:
    """The constants of a quantity."""
    counts = [count_work(play)[quantity][: play.hours // 2] for play in plays]
    values = [rows[quantity][: len(half)] for rows, half in zip(measured, counts, strict=True)]
    return fit_costs(pd.concat(counts), pd.concat(values).to_numpy())


def predict_second_half(play: Play, measured: pd.DataFrame, quantity: str, costs: pd.Series) -> Prediction:
    second = slice(play.hours // 2, None)
    values = measured[quantity][second]
    predicted = (count_work(play)[quantity] @ costs)[second][values.notna()]
    if quantity in TAKEN:
        return Prediction(float(values.sum()), float(predicted.sum()))
    return Prediction(float(values.mean()), float(predicted.mean()))


def format_table(plays: Sequence[Play], predictions: dict[str, list[Prediction]], year: pd.Series) -> str:
    """The table of docs/scale.md: the errors in each play's second half, and a year."""
    headings = ["errors"]
    for play in plays:
        models = "one model" if play.models == 1 else f"{play.models} models"
        headings.append(f"{models}, hours {play.hours // 2 + 1:,} to {play.hours:,}")
    headings.append(f"a year of {MODELS}")
    lines = [" | ".join(headings), "---|" + "|".join(["---:"] * (len(headings) - 1))]
    for quantity, (unit, size) in UNITS.items():
        cells = [unit if quantity in TAKEN else f"{unit} standing"]
        for prediction in predictions[quantity]:
            error = f"{prediction.error:+.1%}"
            if abs(prediction.error) > AT_MOST:
                error = f"**{error}**"
            cells.append(error)
        cells.append(f"{round(year[quantity] / size, 1):,}")
        lines.append(" | ".join(cells))
    return "".join(f"|{line}|\n" if line.startswith("---") else f"| {line} |\n" for line in lines)


def predict_year(costs: dict[str, pd.Series]) -> pd.Series:
    """What a year takes in all, and what stands after it."""
    counts = count_work(Play(MODELS, YEAR_HOURS, KILLED_EVERY), DISTINCT)
    hours = {quantity: counts[quantity] @ costs[quantity] for quantity in UNITS}
    return pd.Series({name: hours[name].sum() if name in TAKEN else hours[name].iloc[-1] for name in UNITS})


PANEL_WIDTH = 380
PANEL_HEIGHT = 130
PANEL_TITLES = {
    "core_seconds": "core seconds an hour",
    "requests": "requests an hour",
    "files": "files that stand",
    "bytes": "MB that stand",
}
STYLE = """text { font: 13px ui-sans-serif, system-ui, sans-serif; fill: #1b1f24 }
    .end { text-anchor: end } .axis { stroke: #9aa7b4 } .half { stroke: #9aa7b4; stroke-dasharray: 4 4 }
    circle { fill: #4a6fa5 } .predicted { fill: none; stroke: #b35900; stroke-width: 2 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } circle { fill: #7aa2d6 } .predicted { stroke: #d29922 }
    }"""


def draw_picture(measured: pd.DataFrame, predicted: pd.DataFrame) -> str:
    """The days of one model: points are measured, the line is the model's, which knows what is left of the dashes."""
    panels = []
    for number, (quantity, title) in enumerate(PANEL_TITLES.items()):
        scale = 1e6 if quantity == "bytes" else 1.0
        days = [(rows[quantity] / scale).groupby(rows.index // 24).mean() for rows in (measured, predicted)]
        x = 20 + number % 2 * (PANEL_WIDTH + 40)
        y = 30 + number // 2 * (PANEL_HEIGHT + 60)
        panels.append(f'<g transform="translate({x} {y})">{draw_panel(title, *days)}</g>')
    legend = "points: days of one model as measured; line: predicted from what is left of the dashes"
    panels.append(f'<text x="20" y="{2 * PANEL_HEIGHT + 140}">{legend}</text>')
    title = "What one model takes and leaves, day by day: measured, and predicted by the first half"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * PANEL_WIDTH + 80} {2 * PANEL_HEIGHT + 150}" role="img">\n'
        f"  <title>{title}</title>\n  <style>\n    {STYLE}\n  </style>\n  " + "\n  ".join(panels) + "\n</svg>\n"
    )


def draw_panel(title: str, measured: pd.Series, predicted: pd.Series) -> str:
    """A line and points over the days, from zero to the highest."""
    highest = max(measured.quantile(0.99), predicted.max()) * 1.1
    step = PANEL_WIDTH / len(measured)

    def place(day: int, value: float) -> tuple[str, str]:
        height = PANEL_HEIGHT * (1 - min(value / highest, 1))
        return f"{(day + 0.5) * step:.1f}", f"{height:.1f}"

    points = [place(day, value) for day, value in enumerate(measured)]
    circles = "".join(f'<circle cx="{x}" cy="{y}" r="1.5"/>' for x, y in points)
    line = " ".join(",".join(place(day, value)) for day, value in enumerate(predicted))
    # The frame, with the number at its top
    digits = 2 if highest < 10 else 0
    half = PANEL_WIDTH // 2
    last = f'<text class="end" x="{PANEL_WIDTH}" y="{PANEL_HEIGHT + 18}">day {len(measured)}</text>'
    return (
        f'<text y="-8">{title}</text><text class="end" x="{PANEL_WIDTH}" y="-8">up to {highest:,.{digits}f}</text>'
        f'<path class="axis" d="M0 {PANEL_HEIGHT}H{PANEL_WIDTH}"/><path class="half" d="M{half} 0V{PANEL_HEIGHT}"/>'
        f'{circles}<polyline class="predicted" points="{line}"/>'
        f'<text y="{PANEL_HEIGHT + 18}">day 1</text>{last}'
    )


def play_in_process(folder: Path, play: Play) -> pd.DataFrame:
    """What was measured of a play, whose hours that are missing are played now."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = os.pathsep.join([str(ROOT / "lib"), str(ROOT / "benchmarks")])
    environment = {**os.environ, "PYTHONPATH": paths, REQUESTS: str(folder / "requests")}
    # As an installed package is: its modules are compiled, by the first call here
    environment |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    words = f"import year_plays; year_plays.play_hours(year_plays.Path({str(folder)!r}), year_plays.{play!r})"
    with (folder / "log").open("a") as log:
        subprocess.run([sys.executable, "-c", words], env=environment, check=True, stdout=log, stderr=log)
    return pd.DataFrame(read_hours(folder)[: play.hours])


def write_page(docs: Path, table: str, picture: str) -> None:
    """Put the table in the place of the one that docs/scale.md has below this program's name, and the picture beside it."""
    page = docs / "scale.md"
    name, table_lines = r"benchmarks/year\.py.*?\n\n", r"(?:\|[^\n]*\n)+"
    text, replaced = re.subn(rf"(?s)({name}){table_lines}", rf"\1{table}", page.read_text(), count=1)
    assert replaced, "docs/scale.md has no table below benchmarks/year.py"
    page.write_text(text)
    (docs / "year.svg").write_text(picture)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "year")
    parser.add_argument("--hours", type=int, default=YEAR_HOURS, help="of one model")
    parser.add_argument("--fleet-hours", type=int, default=24, help=f"of {MODELS} models")
    parser.add_argument("--page", type=Path, metavar="DOCS", help="the folder of scale.md")
    arguments = parser.parse_args()
    plays = [Play(1, arguments.hours, KILLED_EVERY, 24), Play(MODELS, arguments.fleet_hours, 8)]
    folders = [arguments.folder / f"{play.models}-models" for play in plays]
    measured = list(map(play_in_process, folders, plays))
    for verdicts in map(count_verdicts, folders, plays):
        kinds = ", ".join(f"{verdicts[f'{kind} alarms']} of {verdicts[kind]:,} {kind}" for kind in KINDS)
        print(f"windows that are lost: {verdicts['lost']}; alarms: {kinds}")

    # The constants of the first halves, and what they say of the second ones
    costs = {quantity: fit_first_halves(plays, measured, quantity) for quantity in UNITS}
    predictions = {}
    for quantity in UNITS:
        predict = partial(predict_second_half, quantity=quantity, costs=costs[quantity])
        predictions[quantity] = list(map(predict, plays, measured))
    for quantity, constants in costs.items():
        print(f"{quantity}: {', '.join(f'{name} {constant:,.4g}' for name, constant in constants.items())}")
        for play, prediction in zip(plays, predictions[quantity], strict=True):
            print(f"  {play.models}: measured {prediction.measured:,.5g}, predicted {prediction.predicted:,.5g}")

    table = format_table(plays, predictions, predict_year(costs))
    print(f"\n{table}")
    # The mark is about the worst of them
    largest = max(abs(prediction.error) for both_plays in predictions.values() for prediction in both_plays)
    verdict = note(
        "a year of hours predicted by its first half, the largest error", "", largest, at_most=AT_MOST, unit=""
    )
    print(f"the largest error {largest:.1%}, at most {AT_MOST:.0%} wanted: {verdict}")

    if arguments.page:
        counts = count_work(plays[0])
        predicted = pd.DataFrame({quantity: counts[quantity] @ costs[quantity] for quantity in UNITS})
        write_page(arguments.page, table, draw_picture(measured[0], predicted))
    return 0 if verdict == "reached" else 1


if __name__ == "__main__":
    sys.exit(main())
