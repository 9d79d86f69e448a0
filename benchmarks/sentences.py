"""Whether the sentences of an alarm say its cause: some forty alarms whose cause is known.

python benchmarks/sentences.py [--seed 1] [ALARM ...]

What is read: headline, change, segment, origin and guess of each violated feature, and the hints. A sentence is right if it has
the words of the cause; it is wrong if it also guesses, or has a segment or an origin, that is not part of the cause. Marks: 22
of 24 are right, and none is wrong. The tables come from a seed, 4,000 rows or an hour of captures each. A single alarm is shown
with all its sentences, as one that is not right.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from operator import attrgetter
from pathlib import Path

import numpy as np
import pandas as pd

from spark_model_monitor import DataQualityMonitor, Findings, run_baseline, run_monitoring
from spark_model_monitor.documents.headline import describe_change, write_headline

Random = np.random.Generator
Change = Callable[[pd.DataFrame, Random], pd.DataFrame | None]

BASELINE_ROWS = 20_000
WINDOW_ROWS = 4_000
PLANS = np.array(["basic", "plus", "premium", "trial"])
PLAN_SHARES = np.array([0.45, 0.25, 0.2, 0.1])
PLAN_PRICES = np.array([10.0, 18.0, 35.0, 1.0])
CITIES = np.array(["Graz", "Innsbruck", "Linz", "Salzburg", "Wien"])
SUPPLIERS = np.array(["AK", "BM", "CX"])
CLIENTS = np.array(["android", "desktop", "ios", "kiosk", "partner"])
BEGINNING = datetime(2026, 3, 4, 14, tzinfo=timezone.utc)
FILES = 20
BAD_FILE = 6
BEGIN_OF_FAULT = 0.6  # of the window
MIN_RIGHT = 22 / 24


def draw_orders(random: Random, rows: int, plan_shares: np.ndarray = PLAN_SHARES) -> pd.DataFrame:
    plan = random.choice(4, rows, p=plan_shares)
    supplier = SUPPLIERS[random.integers(3, size=rows)]
    code = random.integers(300, size=rows)
    created = BEGINNING.timestamp() - 86_400 * random.exponential(3, rows)
    day = pd.Timestamp(2026, 3, 1) - pd.to_timedelta(random.integers(0, 60, rows), unit="D")
    return pd.DataFrame(
        {
            "price": np.round(PLAN_PRICES[plan] * random.gamma(25, 1 / 25, rows), 2),
            "usage": np.round(random.gamma(4, 20, rows) + 3 * PLAN_PRICES[plan], 3),
            "plan": PLANS[plan],
            "city": CITIES[random.integers(5, size=rows)],
            "code": [f"{name}-{number:03d}" for name, number in zip(supplier, code, strict=True)],
            "temperature": np.round(random.normal(18, 6, rows), 1),
            "balance": np.round(random.normal(100, 150, rows), 2),
            "income": np.where(random.random(rows) < 0.15, np.nan, np.round(random.lognormal(8, 0.5, rows), 2)),
            "hour": np.clip(random.normal(14, 3, rows), 0, 23).astype(int),
            "created": np.round(created),
            "day": day.strftime("%Y-%m-%d"),
            "name": [f"customer {number}" for number in random.integers(10**6, 10**7, rows)],
        }
    )


@dataclass(frozen=True)
class Alarm:
    """A change with a known cause. change: alters the orders in place, or returns others. patterns: of the sentences that say
    the cause. also: of statements that are part of it, too. source: whether rows come as a `frame`, `one file`, `files`, or
    captures with `clients` and times.
    """

    change: Change
    patterns: Sequence[str]
    also: str
    source: str


ALARMS: dict[str, Alarm] = {}


def alarm(*patterns: str, also: str = "$^", source: str = "frame") -> Callable[[Change], Change]:
    def register(change: Change) -> Change:
        ALARMS[change.__name__] = Alarm(change, patterns, also, source)
        return change

    return register


def is_from_kiosk(orders: pd.DataFrame) -> pd.Series:
    return orders["client"] == "kiosk"


def is_in_bad_file(orders: pd.DataFrame) -> np.ndarray:
    return np.arange(len(orders)) * FILES // len(orders) == BAD_FILE


def is_late(orders: pd.DataFrame) -> np.ndarray:
    return np.arange(len(orders)) >= BEGIN_OF_FAULT * len(orders)


def choose_rows(orders: pd.DataFrame, random: Random, fraction: float) -> np.ndarray:
    return random.random(len(orders)) < fraction


# Where the rows come from


@alarm("usage.*comes from client kiosk", source="clients")
def shift_client(orders: pd.DataFrame, random: Random) -> None:
    orders.loc[is_from_kiosk(orders), "usage"] += 90


@alarm("price.*comes from client kiosk", "about 100 times a usual one", source="clients")
def send_cents_from_client(orders: pd.DataFrame, random: Random) -> None:
    orders.loc[is_from_kiosk(orders), "price"] *= 100


@alarm("temperature.*comes from client kiosk", "from °C to °F", source="clients")
def send_fahrenheit_from_client(orders: pd.DataFrame, random: Random) -> None:
    rows = is_from_kiosk(orders)
    orders.loc[rows, "temperature"] = orders.loc[rows, "temperature"] * 1.8 + 32


@alarm("usage is missing.*comes from client kiosk", source="clients")
def lose_values_of_client(orders: pd.DataFrame, random: Random) -> None:
    orders.loc[is_from_kiosk(orders) & choose_rows(orders, random, 0.7), "usage"] = np.nan


@alarm("city has the value Wien.*comes from client kiosk", source="clients")
def send_one_city_from_client(orders: pd.DataFrame, random: Random) -> None:
    orders.loc[is_from_kiosk(orders), "city"] = "Wien"


@alarm("usage.*all (of it comes )?from client kiosk", source="late client")
def start_client_late(orders: pd.DataFrame, random: Random) -> None:
    orders.loc[is_from_kiosk(orders), "usage"] *= 0.4


@alarm("usage.*all (of it comes )?from client kiosk", source="late client, one file")
def start_client_late_in_one_file(orders: pd.DataFrame, random: Random) -> None:
    start_client_late(orders, random)


@alarm(f"usage.*comes from 1 of {FILES} files", source="files")
def shift_file(orders: pd.DataFrame, random: Random) -> None:
    orders.loc[is_in_bad_file(orders), "usage"] += 150


@alarm("city.*in case, spaces", f"city.*comes from 1 of {FILES} files", source="files")
def write_file_in_lower_case(orders: pd.DataFrame, random: Random) -> None:
    orders["city"] = orders["city"].mask(is_in_bad_file(orders), orders["city"].str.lower())


@alarm(r"usage.*from 14:3\d on", source="clients")
def double_from_some_time_on(orders: pd.DataFrame, random: Random) -> None:
    orders.loc[is_late(orders), "usage"] *= 2


@alarm(r"plan has the value (basic|premium).*from 14:3\d on", source="clients")
def upgrade_from_some_time_on(orders: pd.DataFrame, random: Random) -> None:
    orders.loc[is_late(orders) & (orders["plan"] == "basic"), "plan"] = "premium"


@alarm("temperature.*held, or repeated", r"from row 2,4\d\d of the file on", source="one file")
def freeze_from_some_row_on(orders: pd.DataFrame, random: Random) -> None:
    late = is_late(orders)
    orders.loc[late, "temperature"] = orders.loc[late, "temperature"].iloc[0]


# Segments


@alarm("plan has the value premium in [45]", "price.*follow from 'plan'", "usage.*follow from 'plan'")
def sell_more_premium(orders: pd.DataFrame, random: Random) -> pd.DataFrame:
    new_orders = draw_orders(random, len(orders), np.array([0.25, 0.2, 0.5, 0.05]))
    return new_orders.assign(client=orders["client"])


@alarm("plan has the value (premium|plus)")
def write_premium_as_plus(orders: pd.DataFrame, random: Random) -> None:
    """Half of them, whose prices stay."""
    orders.loc[(orders["plan"] == "premium") & choose_rows(orders, random, 0.5), "plan"] = "plus"


@alarm("usage.*only in plan=premium")
def raise_one_plan(orders: pd.DataFrame, random: Random) -> None:
    orders.loc[orders["plan"] == "premium", "usage"] *= 1.6


@alarm("usage.*only in (plan=basic & city=Wien|city=Wien & plan=basic)")
def shift_plan_in_city(orders: pd.DataFrame, random: Random) -> None:
    orders.loc[(orders["plan"] == "basic") & (orders["city"] == "Wien"), "usage"] += 120


@alarm("usage is missing in .*only in plan=premium")
def lose_values_of_plan(orders: pd.DataFrame, random: Random) -> None:
    orders.loc[(orders["plan"] == "premium") & choose_rows(orders, random, 0.8), "usage"] = np.nan


@alarm("city has the value Bregenz", "price.*only in city=Bregenz", "price.*about 100 times a usual one")
def open_city_with_cents(orders: pd.DataFrame, random: Random) -> None:
    rows = choose_rows(orders, random, 0.08)
    orders.loc[rows, "city"] = "Bregenz"
    orders.loc[rows, "price"] *= 100


@alarm("usage is (29|30|31) % higher")
def raise_all(orders: pd.DataFrame, random: Random) -> None:
    orders["usage"] *= 1.3


# New values


@alarm(r"code has [\d.]+ % of values that were not there")
def add_supplier(orders: pd.DataFrame, random: Random) -> None:
    """In 6 % of the rows, over some hundred codes."""
    rows = choose_rows(orders, random, 0.06)
    numbers = random.geometric(0.03, rows.sum()) % 1_000
    orders.loc[rows, "code"] = [f"DZ-{number:03d}" for number in numbers]


@alarm(r"city has the value Bregenz.* in [\d.]+ %")
def add_city(orders: pd.DataFrame, random: Random) -> None:
    orders.loc[choose_rows(orders, random, 0.08), "city"] = "Bregenz"


@alarm("plan.*another name")
def rename_plan(orders: pd.DataFrame, random: Random) -> None:
    orders["plan"] = orders["plan"].replace({"premium": "gold"})


@alarm("city.*texts end after 4 characters")
def cut_texts(orders: pd.DataFrame, random: Random) -> None:
    orders["city"] = orders["city"].str[:4]


# Numbers and times


@alarm("price.*about 100 times a usual one: another unit")
def send_cents(orders: pd.DataFrame, random: Random) -> None:
    orders["price"] *= 100


@alarm("temperature.*from °C to °F")
def send_fahrenheit(orders: pd.DataFrame, random: Random) -> None:
    orders["temperature"] = orders["temperature"] * 1.8 + 32


@alarm("income.*1/1,000 .*of a usual one")
def send_thousands(orders: pd.DataFrame, random: Random) -> None:
    orders["income"] /= 1_000


@alarm("balance.*sign")
def lose_signs(orders: pd.DataFrame, random: Random) -> None:
    orders["balance"] = orders["balance"].abs()


@alarm(r"usage.*−999 is in [\d.]+ % of the values.*written for missing")
def write_sentinels(orders: pd.DataFrame, random: Random) -> None:
    orders.loc[choose_rows(orders, random, 0.05), "usage"] = -999.0


@alarm(r"income.*0 is in 1[\d.]+ %.*written for missing")
def fill_gaps(orders: pd.DataFrame, random: Random) -> None:
    orders["income"] = orders["income"].fillna(0)


@alarm("usage.*whole 10s: rounded")
def round_numbers(orders: pd.DataFrame, random: Random) -> None:
    orders["usage"] = orders["usage"].round(-1)


@alarm("usage.*clipped")
def clip_numbers(orders: pd.DataFrame, random: Random) -> None:
    orders["usage"] = orders["usage"].clip(upper=150)


@alarm("usage.*decimal comma")
def write_commas(orders: pd.DataFrame, random: Random) -> None:
    orders["usage"] = orders["usage"].map("{:.3f}".format).str.replace(".", ",")


@alarm("hour.*2 later: a shifted clock")
def change_clock(orders: pd.DataFrame, random: Random) -> None:
    orders["hour"] = (orders["hour"] + 2) % 24


@alarm("created.*(millisecond|1,000 times)")
def send_milliseconds(orders: pd.DataFrame, random: Random) -> None:
    orders["created"] *= 1_000


@alarm("day.*(form|written)", also="day")
def change_form_of_dates(orders: pd.DataFrame, random: Random) -> None:
    orders["day"] = pd.to_datetime(orders["day"]).dt.strftime("%d/%m/%Y")


# Columns and rows


@alarm("price.*'balance'.*changed places", "balance.*'price'.*changed places")
def swap_columns(orders: pd.DataFrame, random: Random) -> pd.DataFrame:
    return orders.assign(price=orders["balance"], balance=orders["price"])


@alarm("shifted by one to the right", also=".*", source="clients")
def shift_columns(orders: pd.DataFrame, random: Random) -> pd.DataFrame:
    names = list(orders.columns.drop("client"))
    shifted = orders[names[-1:] + names[:-1]].set_axis(names, axis=1)
    return shifted.assign(client=orders["client"])


@alarm("'consumption' has its values: renamed", "it has the values of 'usage': renamed", also="column")
def rename_column(orders: pd.DataFrame, random: Random) -> pd.DataFrame:
    return orders.rename(columns={"usage": "consumption"})


@alarm("as many as one file has.*delivered twice", also="Repeated rows", source="files")
def deliver_file_twice(orders: pd.DataFrame, random: Random) -> pd.DataFrame:
    """The rows of the bad file replace those of the next one."""
    rows = len(orders) // FILES
    indices = np.arange(len(orders))
    indices[(BAD_FILE + 1) * rows : (BAD_FILE + 2) * rows] -= rows
    return orders.iloc[indices].reset_index(drop=True)


# Runs and their sentences


def write_captures(orders: pd.DataFrame, path: Path, first_row: int) -> None:
    """One file of captured records, whose first column is the output. first_row: its number in the window."""
    half = {"observedContentType": "text/csv", "encoding": "CSV"}
    records = orders.drop(columns="client").to_csv(index=False, header=False).splitlines()
    lines = []
    for row, (record, client) in enumerate(zip(records, orders["client"], strict=True), start=first_row):
        first, _, inputs = record.partition(",")
        capture = {
            "endpointInput": {**half, "mode": "INPUT", "data": inputs},
            "endpointOutput": {**half, "mode": "OUTPUT", "data": first},
        }
        time = BEGINNING + row / WINDOW_ROWS * timedelta(hours=1)
        event = {"eventId": str(row), "customAttributes": [f"client={client}"], "inferenceTime": f"{time:%FT%TZ}"}
        lines.append(json.dumps({"captureData": capture, "eventMetadata": event, "eventVersion": "0"}))
    path.write_text("\n".join(lines) + "\n")


def write_window(orders: pd.DataFrame, folder: Path, source: str) -> None:
    folder.mkdir()
    files = 1 if source.endswith("one file") else FILES
    rows = len(orders) // files
    for file in range(files):
        part = orders.iloc[file * rows : (file + 1) * rows]
        if "client" in source:
            write_captures(part, folder / f"{file:02d}.jsonl", file * rows)
        else:
            part.drop(columns="client").to_csv(folder / f"{file:02d}.csv", index=False)


def draw_clients(random: Random, source: str) -> np.ndarray:
    """The client of each row; a late one has half of the rows from the middle on, and none before."""
    clients = CLIENTS[random.integers(len(CLIENTS), size=WINDOW_ROWS)]
    if source.startswith("late client"):
        is_in_second_half = np.arange(WINDOW_ROWS) >= WINDOW_ROWS // 2
        clients = np.where(clients == "kiosk", "ios", clients)
        clients = np.where(is_in_second_half & (random.random(WINDOW_ROWS) < 0.5), "kiosk", clients)
    return clients


def raise_alarm(alarm: Alarm, random: Random) -> Findings:
    before = draw_orders(random, BASELINE_ROWS)
    orders = draw_orders(random, WINDOW_ROWS).assign(client=draw_clients(random, alarm.source))
    changed = alarm.change(orders, random)
    now = orders if changed is None else changed
    if alarm.source == "frame":
        baseline = run_baseline(before, DataQualityMonitor(), engine="local")
        return run_monitoring(now.drop(columns="client"), DataQualityMonitor(), baseline, engine="local")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before.to_csv(folder / "before.csv", index=False)
        baseline = run_baseline(str(folder / "before.csv"), DataQualityMonitor(), engine="local")
        write_window(now, folder / "now", alarm.source)
        if "client" in alarm.source:
            options = {"dataset_format": "capture"}
        else:
            options = {}
        return run_monitoring(str(folder / "now"), DataQualityMonitor(), baseline, engine="local", **options)


def read_statements(findings: Findings) -> tuple[list[str], list[str]]:
    """All sentences, and those that name a cause."""
    causes = []
    sentences = [write_headline(findings.results, hints=findings.hints).text]
    for violation in filter(attrgetter("is_violation"), findings.results):
        sentences.append(f"{violation.feature} {describe_change(violation)} {violation.guess or ''}")
        if violation.guess:
            causes.append(f"{violation.feature}: {violation.guess}")
        if violation.where or violation.cause:
            causes.append(f"{violation.feature} {describe_change(violation)}")
    hints = [f"{hint.hint}: {hint.description}" for hint in findings.hints]
    return list(dict.fromkeys(sentences + hints)), list(dict.fromkeys(causes + hints))


def judge_alarm(name: str, random: Random, *, is_shown: bool) -> str:
    """`right`, `silent` or `WRONG`."""
    alarm = ALARMS[name]
    sentences, causes = read_statements(raise_alarm(alarm, random))
    is_said = all(any(re.search(pattern, text) for text in sentences) for pattern in alarm.patterns)
    is_part = re.compile("|".join([*alarm.patterns, alarm.also]))
    false = [text for text in causes if not is_part.search(text)]
    if false:
        verdict = "WRONG"
    elif is_said:
        verdict = "right"
    else:
        verdict = "silent"
    print(f"{name:32} {verdict}", flush=True)
    if is_shown or verdict != "right":
        for text in sentences:
            print("      ", text, "(FALSE)" * (text in false))
    return verdict


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("alarms", nargs="*", default=list(ALARMS))
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    verdicts = []
    for name in arguments.alarms:
        random = np.random.default_rng([arguments.seed, list(ALARMS).index(name)])
        verdicts.append(judge_alarm(name, random, is_shown=len(arguments.alarms) == 1))
    right = verdicts.count("right")
    wrong = verdicts.count("WRONG")
    reached = right >= MIN_RIGHT * len(verdicts) and not wrong
    print(f"{len(verdicts)} alarms: {right} right, {wrong} wrong: {'reached' if reached else 'missed'}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
