"""Changes that anybody sees in a plot, and healthy windows: how many changes are found, and which healthy windows alarm.

python benchmarks/visible_changes.py [--changes WORD ...] [--healthy N] [--seed N] [--pairs] [--form FORM] [--show]

A shop's orders of a day beside ten earlier days. A change is found if a violation names one of its columns. --form: how times
are written (typed, iso, epoch). --pairs: baselines are made with pairs, too.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import pandas as pd

from spark_model_monitor import DataQualityMonitor, Findings, run_baseline, run_monitoring

Random: TypeAlias = np.random.Generator
Change: TypeAlias = Callable[[Random, pd.DataFrame], pd.DataFrame]
ChangeValues: TypeAlias = Callable[[Random, pd.Series], "pd.Series | np.ndarray"]

ROWS = 2_000
BASELINE_DAYS = 10
FIRST_DAY = pd.Timestamp("2026-03-02")
HOUR = 3600.0
DAY = 24 * HOUR

COUNTRIES = np.array(["DE", "FR", "ES", "IT"], object)
LANGUAGES = np.array(["de", "fr", "es", "it"], object)
CITIES = np.array(["Aachen", "Bonn", "Celle", "Dresden", "Essen", "Fulda"], object)
WORDS = np.array(
    ["please", "send", "the", "parcel", "to", "my", "neighbour", "if", "nobody", "is", "at", "home"], object
)
TIMES = ("ordered", "paid")
FORMS = ("typed", "iso", "epoch")


def draw_day(random: Random, day: int, rows: int = ROWS) -> pd.DataFrame:
    """The orders of one day: `ordered` from 8 to 18 o'clock, `paid` at any hour, `delivery` on a later day."""
    midnight = (FIRST_DAY + pd.Timedelta(days=day)).timestamp()
    # What several columns depend on
    country = random.choice(4, rows, p=[0.4, 0.3, 0.2, 0.1])
    speaks_own = random.random(rows) < 0.95
    price = random.lognormal(3, 0.7, rows).round(2)
    count = random.integers(1, 6, rows)
    income = random.normal(50, 12, rows)
    no_address = random.random(rows) < 0.08
    users = random.integers(0, 4_000, rows)
    texts = random.integers(0, len(WORDS), (rows, 8))
    # The columns
    orders = pd.DataFrame(index=range(rows))
    orders["ordered"] = midnight + random.uniform(8 * HOUR, 18 * HOUR, rows)
    orders["paid"] = midnight + random.uniform(0, DAY, rows)
    orders["delivery"] = midnight + DAY * random.integers(1, 31, rows)
    age = random.normal(42, 15, rows)
    orders["age"] = age.clip(0, 89).round().astype(int)
    orders["price"] = price
    orders["count"] = count
    orders["total"] = (price * count).round(2)
    orders["stock"] = random.poisson(20, rows)
    orders["temperature"] = random.normal(20, 4, rows).round(1)
    orders["load"] = random.normal(size=rows)
    orders["speed"] = random.normal(size=rows)
    orders["income"] = income
    noise = random.normal(0, 0.5, rows)
    logit = (income - 50) / 10 + noise
    orders["score"] = 1 / (1 + np.exp(-logit))
    orders["latitude"] = random.uniform(47, 55, rows)
    orders["longitude"] = random.uniform(6, 15, rows)
    street = random.normal(100, 30, rows)
    house = random.normal(20, 5, rows)
    orders["street"] = np.where(no_address, np.nan, street)
    orders["house"] = np.where(no_address, np.nan, house)
    orders["country"] = COUNTRIES[country]
    other_language = random.integers(0, 4, rows)
    language = np.where(speaks_own, country, other_language)
    orders["language"] = LANGUAGES[language]
    orders["city"] = random.choice(CITIES, rows, p=[0.3, 0.25, 0.15, 0.12, 0.1, 0.08])
    orders["plan"] = random.choice(["basic", "gold", "team"], rows, p=[0.7, 0.2, 0.1])
    orders["is_new"] = random.random(rows) < 0.2
    orders["user"] = [f"u{number:05}" for number in users]
    numbers = random.integers(0, 10**8, rows)
    mails = random.integers(0, 10**9, rows)
    orders["order"] = [f"A-{number:08}" for number in numbers]
    orders["mail"] = [f"{number:x}@example.com" for number in mails]
    orders["note"] = [" ".join(row) for row in WORDS[texts]]
    return orders


def write_times(orders: pd.DataFrame, form: str) -> pd.DataFrame:
    """The orders with their times in a form: typed, ISO 8601, or seconds since 1970."""
    orders = orders.copy()
    orders["delivery"] = pd.to_datetime(orders["delivery"], unit="s").dt.strftime("%Y-%m-%d")
    for name in TIMES:
        if form == "epoch":
            orders[name] = orders[name].astype("int64")
            continue
        orders[name] = pd.to_datetime(orders[name].round(), unit="s")
        if form == "iso":
            orders[name] = orders[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return orders


@dataclass(frozen=True)
class VisibleChange:
    """columns: of which one has to be named. needs_pairs: whether it is only between columns."""

    columns: tuple[str, ...]
    change: Change
    needs_pairs: bool = False


CHANGES: dict[str, VisibleChange] = {}


def add_column_change(column: str, name: str, change_values: ChangeValues) -> None:
    def change(random: Random, orders: pd.DataFrame) -> pd.DataFrame:
        return orders.assign(**{column: change_values(random, orders[column])})

    CHANGES[f"{column}: {name}"] = VisibleChange((column,), change)


def add_relation_change(name: str, columns: tuple[str, ...], change: Change) -> None:
    CHANGES[f"relation: {name}"] = VisibleChange(columns, change, needs_pairs=True)


def put_some(share: float, value: float | str) -> ChangeValues:
    def change(random: Random, values: pd.Series) -> pd.Series:
        return values.astype(object).where(random.random(len(values)) >= share, value).infer_objects()

    return change


def put_few(number: int, value: float) -> ChangeValues:
    def change(random: Random, values: pd.Series) -> pd.Series:
        is_kept = np.ones(len(values), bool)
        is_kept[random.choice(len(values), number, replace=False)] = False
        return values.where(is_kept, value)

    return change


def shuffle(random: Random, values: pd.Series) -> np.ndarray:
    return random.permutation(values.to_numpy())


# Times, as seconds since 1970


def replace_hours(share: float, first: float, last: float) -> ChangeValues:
    """A share of the rows has a time of their day between two hours."""

    def change(random: Random, times: pd.Series) -> pd.Series:
        seconds = random.uniform(first * HOUR, last * HOUR, len(times))
        midnights = times - times % DAY
        stays = random.random(len(times)) >= share
        return times.where(stays, midnights + seconds)

    return change


def swap_day_and_month(random: Random, times: pd.Series) -> pd.Series:
    moments = pd.to_datetime(times, unit="s")
    is_swapped = moments.dt.day <= 12
    months = np.where(is_swapped, moments.dt.day, moments.dt.month)
    days = np.where(is_swapped, moments.dt.month, moments.dt.day)
    parts = pd.DataFrame({"year": moments.dt.year})
    parts["month"] = months
    parts["day"] = days
    since_1970 = pd.to_datetime(parts) - pd.Timestamp(0)
    return since_1970.dt.total_seconds() + times % DAY


def leave_gap(orders_column: str, first: float, last: float) -> Change:
    """No orders between two hours."""

    def change(random: Random, orders: pd.DataFrame) -> pd.DataFrame:
        hours = orders[orders_column] % DAY / HOUR
        return orders[(hours < first) | (hours >= last)]

    return change


def keep_ten_times(random: Random, times: pd.Series) -> np.ndarray:
    return random.choice(times.to_numpy()[:10], len(times))


def make_a_third_older(random: Random, times: pd.Series) -> pd.Series:
    is_old = random.random(len(times)) < 0.3
    return times - 365 * DAY * is_old


def make_a_third_later(random: Random, times: pd.Series) -> pd.Series:
    is_late = random.random(len(times)) < 0.3
    return times + 3652 * DAY * is_late


def put_half_on_one_day(random: Random, times: pd.Series) -> pd.Series:
    stays = random.random(len(times)) < 0.5
    one_day = times.iloc[0]
    return times.where(stays, one_day)


change_ordered = partial(add_column_change, "ordered")
change_ordered("6 hours later", lambda random, times: times + 6 * HOUR)
change_paid = partial(add_column_change, "paid")
change_paid("half at noon", replace_hours(0.5, 12, 13))
for column in TIMES:
    add_column_change(column, "a fifth at 3 at night", replace_hours(0.2, 3, 4))
    add_column_change(column, "all seconds 0", lambda random, times: times - times % 60)
    add_column_change(column, "all minutes 0", lambda random, times: times - times % HOUR)
    add_column_change(column, "all at midnight", lambda random, times: times - times % DAY)
    add_column_change(column, "ten times", keep_ten_times)
    add_column_change(column, "all in the morning", replace_hours(1.0, 8, 10))
    add_column_change(column, "a tenth in 1970", put_some(0.1, 0.0))
    add_column_change(column, "a third is a year old", make_a_third_older)
change_delivery = partial(add_column_change, "delivery")
change_delivery("day and month swapped", swap_day_and_month)
change_delivery("half on one day", put_half_on_one_day)
change_delivery("a third 10 years later", make_a_third_later)
for column in TIMES:
    gap = leave_gap(column, 10, 12)
    name = f"{column}: no rows from 10 to 12"
    CHANGES[name] = VisibleChange((column,), gap)

# Numbers


def make_two_humps(random: Random, ages: pd.Series) -> np.ndarray:
    is_young = random.random(len(ages)) < 0.5
    spread = random.integers(-5, 6, len(ages))
    return np.where(is_young, 25, 60) + spread


change_age = partial(add_column_change, "age")
change_age("three of -1", put_few(3, -1))
change_age("in months", lambda random, values: values * 12)
change_age("five of 900", put_few(5, 900))
change_age("10 years older", lambda random, values: values + 10)
change_age("5 % are 0", put_some(0.05, 0))
change_age("a third is missing", put_some(0.33, np.nan))
change_age("two humps", make_two_humps)
change_age("tens", lambda random, values: values // 10 * 10)
change_age("only adults", lambda random, values: values.clip(18))
change_price = partial(add_column_change, "price")
change_price("in cents", lambda random, values: values * 100)
change_price("without cents", lambda random, values: values.round())
change_price("5 % at 9.99", put_some(0.05, 9.99))
change_price("negative signs", lambda random, values: -values)
change_price("twice as wide", lambda random, values: np.exp(3 + 2 * (np.log(values) - 3)))
change_price("cut off at 40", lambda random, values: values.clip(upper=40))
change_price("1 % infinite", put_some(0.01, np.inf))
change_price("with a currency", lambda random, values: values.astype(str) + " EUR")
change_price("decimal comma", lambda random, values: values.astype(str).str.replace(".", ","))
change_stock = partial(add_column_change, "stock")
change_stock("2 % of -1", put_some(0.02, -1))
change_stock("1 % of 9,999", put_some(0.01, 9_999))
change_stock("doubled", lambda random, values: values * 2)
change_stock("only even", lambda random, values: values // 2 * 2)
change_temperature = partial(add_column_change, "temperature")
change_temperature("Fahrenheit", lambda random, values: values * 9 / 5 + 32)
change_temperature("a third is frozen", lambda random, values: values.where(np.arange(len(values)) < 1_340, 21.3))
change_temperature("half the spread", lambda random, values: 20 + (values - 20) / 2)
change_temperature("-999 in 1 %", put_some(0.01, -999.0))
change_temperature("half degrees", lambda random, values: (values * 2).round() / 2)
change_temperature("constant", lambda random, values: np.full(len(values), 20.0))
change_temperature(
    "no middle",
    lambda random, values: values.where((values - 20).abs() > 1, 20 + 3 * np.sign(values - 19.99)),
)
change_score = partial(add_column_change, "score")
change_score("one decimal", lambda random, values: values.round(1))


def put_some_places_at_zero(random: Random, orders: pd.DataFrame) -> pd.DataFrame:
    is_lost = random.random(len(orders)) < 0.01
    changed = orders.copy()
    changed["latitude"] = orders["latitude"].where(~is_lost, 0.0)
    changed["longitude"] = orders["longitude"].where(~is_lost, 0.0)
    return changed


CHANGES["places: 1 % at 0, 0"] = VisibleChange(("latitude", "longitude"), put_some_places_at_zero)
CHANGES["places: swapped"] = VisibleChange(
    ("latitude", "longitude"),
    lambda random, orders: orders.assign(latitude=orders["longitude"], longitude=orders["latitude"]),
)

# Categories, texts, ids


def translate(random: Random, notes: pd.Series) -> pd.Series:
    other_words = dict(zip(WORDS, WORDS[::-1], strict=True))
    translated = notes.replace(other_words, regex=True)
    return translated.str.replace("e", "ä")


def lose_at_signs(random: Random, mails: pd.Series) -> pd.Series:
    stays = random.random(len(mails)) >= 0.1
    without = mails.str.replace("@", "")
    return mails.where(stays, without)


change_city = partial(add_column_change, "city")
change_city("one is gone", lambda random, values: values.where(values != "Celle", "Bonn"))
change_city("capitals", lambda random, values: values.str.upper())
change_city("5 % new", put_some(0.05, "Gera"))
change_city("3 % empty", put_some(0.03, ""))
change_city("two change places", lambda random, values: values.replace({"Aachen": "Fulda", "Fulda": "Aachen"}))
change_city("blanks behind", lambda random, values: values + " ")
change_plan = partial(add_column_change, "plan")
change_plan("gold twice as often", put_some(0.2, "gold"))
change_plan("numbers", lambda random, values: values.map({"basic": "1", "gold": "2", "team": "3"}))
change_is_new = partial(add_column_change, "is_new")
change_is_new("none", lambda random, values: values & False)
change_is_new("half", lambda random, values: random.random(len(values)) < 0.5)
change_user = partial(add_column_change, "user")
change_user("all are new", lambda random, values: values.str.replace("u", "x"))
change_user(
    "new numbers",
    lambda random, values: [f"u{number:05}" for number in random.integers(50_000, 54_000, len(values))],
)
change_user("without zeros", lambda random, values: "u" + values.str[1:].astype(int).astype(str))
change_user("a third is one user", put_some(0.33, "u00007"))
change_user(
    "a third is new",
    lambda random, values: values.where(random.random(len(values)) >= 0.33, "u9" + values.str[2:]),
)
change_order = partial(add_column_change, "order")
change_order("other letter", lambda random, values: values.str.replace("A-", "B-"))
change_order("no hyphen", lambda random, values: values.str.replace("-", ""))
change_order(
    "hexadecimal",
    lambda random, values: [f"{number:010x}" for number in random.integers(0, 2**40, len(values))],
)
change_order("repeated", lambda random, values: random.choice(values.to_numpy()[:500], len(values)))
change_mail = partial(add_column_change, "mail")
change_mail("a tenth has no @", lose_at_signs)
change_mail("another domain", lambda random, values: values.str.replace("example.com", "example.org"))
change_note = partial(add_column_change, "note")
change_note("half the words", lambda random, values: values.str.split().str[:4].str.join(" "))
change_note("another language", translate)
change_note("a fifth is empty", put_some(0.2, ""))
change_note("numbers", lambda random, values: pd.Series(random.integers(0, 10**6, len(values)).astype(str)))

# Relations between columns, with the same values in each


def make_correlated(random: Random, orders: pd.DataFrame) -> pd.DataFrame:
    ranks = orders["load"].rank()
    ranks = ranks.to_numpy().astype(int) - 1
    speeds = np.sort(orders["speed"].to_numpy())
    return orders.assign(speed=speeds[ranks])


def make_some_totals_wrong(random: Random, orders: pd.DataFrame) -> pd.DataFrame:
    is_wrong = random.random(len(orders)) < 0.15
    totals = orders["total"]
    shuffled = shuffle(random, totals)
    return orders.assign(total=totals.where(~is_wrong, shuffled))


def shuffle_column(name: str) -> Change:
    return lambda random, orders: orders.assign(**{name: shuffle(random, orders[name])})


add_relation_change("correlation 0 to 1", ("load", "speed"), make_correlated)
add_relation_change(
    "score mirrored", ("score", "income"), lambda random, orders: orders.assign(score=1 - orders["score"])
)
add_relation_change("score shuffled", ("score", "income"), shuffle_column("score"))
add_relation_change("15 % wrong totals", ("total",), make_some_totals_wrong)
add_relation_change("all totals shuffled", ("total",), shuffle_column("total"))
add_relation_change("languages shuffled", ("language", "country"), shuffle_column("language"))
add_relation_change("not missing together", ("street", "house"), shuffle_column("house"))


@dataclass(frozen=True)
class Judge:
    """Ten days of orders as a baseline, beside which the orders of later days are judged."""

    monitor: DataQualityMonitor
    baseline: Findings
    form: str

    @classmethod
    def learn(cls, random: Random, form: str, pairs: bool, days: int = BASELINE_DAYS) -> Judge:
        monitor = DataQualityMonitor(find_causes=False, pairs=pairs or None)
        orders = pd.concat([draw_day(random, day) for day in range(days)], ignore_index=True)
        return cls(monitor, run_baseline(write_times(orders, form), monitor, engine="local"), form)

    def compare(self, orders: pd.DataFrame) -> Findings:
        frame = write_times(orders.reset_index(drop=True), self.form)
        return run_monitoring(frame, self.monitor, self.baseline, engine="local")

    def list_violations(self, orders: pd.DataFrame) -> dict[str, str]:
        return list_messages(self.compare(orders))


def list_messages(findings: Findings) -> dict[str, str]:
    """The messages of violations by what they name."""
    return {violation.feature_name: violation.description for violation in findings.violations.violations}


def is_named(columns: tuple[str, ...], violations: dict[str, str]) -> bool:
    """Whether a violation names a column, alone or with others."""
    for violated in violations:
        names = violated.replace(" and ", ", ")
        if not {*columns}.isdisjoint(names.split(", ")):
            return True
    return False


def is_requested(name: str, words: list[str]) -> bool:
    return not words or any(word in name for word in words)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", nargs="*", default=[])
    parser.add_argument("--healthy", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", action="store_true")
    parser.add_argument("--form", choices=FORMS, default="typed")
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    random = np.random.default_rng([options.seed, 89])
    judge = Judge.learn(random, options.form, options.pairs)
    # Every change, in a window of its own
    changes = {name: change for name, change in CHANGES.items() if is_requested(name, options.changes)}
    num_detected = 0
    for name, visible in changes.items():
        orders = draw_day(random, BASELINE_DAYS + 1)
        changed = visible.change(random, orders)
        violations = judge.list_violations(changed)
        is_detected = is_named(visible.columns, violations)
        num_detected += is_detected
        if options.show or not is_detected:
            print(f"{'found' if is_detected else 'MISSED'} {name}: {violations}")
    print(f"{num_detected} of {len(changes)} changes found")
    # Healthy windows
    alarms = 0
    for number in range(options.healthy):
        orders = draw_day(random, BASELINE_DAYS + number % 28)
        violations = judge.list_violations(orders)
        alarms += bool(violations)
        if violations:
            print(f"healthy: {violations}")
    print(f"{alarms} of {options.healthy} healthy windows alarm")
    return 0


if __name__ == "__main__":
    sys.exit(main())
