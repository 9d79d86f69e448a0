"""Laws of tables: how their windows come about in the order of time, and the faults that can be made in them. numpy alone.

Every law has a column x, in which faults are made; the other columns are ordinary, or odd ones that must not hide a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[Any]  # numbers with NaN, or texts with None, where a value is missing
Columns: TypeAlias = dict[str, Values]
Random: TypeAlias = np.random.Generator
Draw: TypeAlias = Callable[[int, int], Columns]  # from the number of a window, and of its rows

START = datetime(2026, 1, 5, tzinfo=timezone.utc)  # when the first window begins: a Monday
HOUR_SECONDS = 3_600.0
DAY_SECONDS = 24 * HOUR_SECONDS


@dataclass(frozen=True)
class Law:
    """start: makes the function that draws windows. rows: the mean number of rows. traffic: its factor by a window's number.
    hours: from window to window. baseline: how many windows the baseline has. finish: what is done to a window after a fault.
    is_independent: whether rows are. time_column: of the rows. warm_up: windows that are judged before the first that counts.
    effort: the share of the usual windows that is tried, for wide tables. faults: names of more faults.
    """

    start: Callable[[Random], Draw]
    rows: int = 1_000
    traffic: Callable[[int], float] = lambda number: 1.0
    hours: int = 24
    baseline: int = 16
    finish: Callable[[Random, Columns], Columns] = lambda random, columns: columns
    is_independent: bool = False
    time_column: str | None = None
    warm_up: int = 0
    effort: float = 1.0
    faults: tuple[str, ...] = ()

    def windows(self, random: Random) -> Iterator[Columns]:
        """The windows without end, not yet finished."""
        draw = self.start(random)
        number = 0
        while True:
            rows = random.poisson(self.rows * self.traffic(number))
            yield draw(number, max(2, rows))
            number += 1


def concatenate(windows: list[Columns]) -> Columns:
    return {name: np.concatenate([window[name] for window in windows]) for name in windows[0]}


PLANS = ("basic", "plus", "premium", "trial")
PLAN_SHARES = np.array([0.5, 0.26, 0.14, 0.1])
CODES = [f"C{code:03d}" for code in range(1_000)]
CODE_SHARES = 1 / np.arange(1, 1_001) ** 1.1
CODE_SHARES /= CODE_SHARES.sum()


def choose(random: Random, names: Sequence[str] | Values, rows: int, shares: Values | None = None) -> Values:
    return np.array(names, dtype=object)[random.choice(len(names), rows, p=shares)]


def lose(random: Random, values: Values, share: float) -> Values:
    """The values without a share of them."""
    nothing = None if values.dtype == object else np.nan
    return np.where(random.random(len(values)) < share, nothing, values)


def stateless(draw: Callable[[Random, int, int], Columns], **settings: Any) -> Law:
    """A law whose windows depend on their number alone."""
    return Law(lambda random: partial(draw, random), **settings)


def independent(draw: Callable[[Random, int], Values], **settings: Any) -> Law:
    """Independent rows of one distribution, beside two ordinary columns."""

    def window(random: Random, number: int, rows: int) -> Columns:
        plan = choose(random, PLANS, rows, PLAN_SHARES)
        return {"x": draw(random, rows), "y": random.normal(size=rows), "plan": plan}

    return stateless(window, is_independent=True, **settings)


def changing(draw: Callable[[Random, int, int], Values], **settings: Any) -> Law:
    """Independent rows, of another distribution in each window."""

    def window(random: Random, number: int, rows: int) -> Columns:
        return {"x": draw(random, number, rows), "y": random.normal(size=rows)}

    return stateless(window, **settings)


def hourly(draw: Callable[[Random, int, int], Values], **settings: Any) -> Law:
    return changing(draw, hours=1, baseline=7 * 24, rows=300, warm_up=7 * 24, **settings)


def first_week(law: Law) -> Law:
    """The law in hourly windows, of which none was judged before."""
    return replace(law, hours=1, baseline=7 * 24, rows=300)


def odd_neighbour(name: str, draw: Callable[[Random, int, int], Values]) -> Law:
    """An odd column beside the ordinary one that has the faults."""

    def window(random: Random, number: int, rows: int) -> Columns:
        return {"x": random.normal(50, 10, rows), name: draw(random, number, rows)}

    return stateless(window)


# Texts


def free_text(random: Random, rows: int) -> Values:
    words = random.integers(0, 5_000, (rows, 30))
    lengths = random.poisson(8, rows) + 1
    texts = [" ".join(f"w{word:x}" for word in words[row, : lengths[row]]) for row in range(rows)]
    return np.array(texts, dtype=object)


def order_codes(random: Random, rows: int) -> Values:
    return np.array([f"A{code:06d}" for code in random.integers(0, 10**6, rows)], dtype=object)


def write_as_texts(random: Random, columns: Columns, odd_cell: str) -> Columns:
    """The numbers of x as texts, one of which is no number."""
    texts = np.array([format(value, ".6g") for value in columns["x"]], dtype=object)
    texts[np.isnan(columns["x"])] = None
    texts[random.integers(len(texts))] = odd_cell
    return {**columns, "x": texts}


# Rows that belong together, or have an order


def sessions(random: Random, number: int, rows: int, *, unlike: float = 0.0) -> Columns:
    """Rows of users side by side, about twenty each. unlike: the part of a row's variance that is not its user's."""
    user = np.repeat(np.arange(rows), random.integers(1, 40, rows))[:rows]
    x = np.sqrt(1 - unlike) * random.normal(size=rows)[user] + np.sqrt(unlike) * random.normal(size=rows)
    return {"x": x, "plan": choose(random, PLANS, rows, PLAN_SHARES)[user]}


def scattered_users(random: Random, number: int, rows: int) -> Columns:
    """Equal rows of users anywhere in the window; each window has about 50 of 400 users."""
    user = np.repeat(random.permutation(400), random.integers(1, 40, 400))
    user = random.permutation(np.resize(user, rows))
    names = np.array([f"user-{index}" for index in user], dtype=object)
    return {"x": random.normal(size=400)[user], "plan": choose(random, PLANS, 400, PLAN_SHARES)[user], "user": names}


def sorted_export(random: Random, number: int, rows: int) -> Columns:
    grade = np.sort(random.choice([*"ABCDEFG"], rows)).astype(object)
    return {"x": random.normal(18, 6, rows), "grade": grade, "amount": random.lognormal(9, 0.6, rows)}


def minutes(random: Random, number: int, rows: int) -> Values:
    return np.sort(random.integers(0, 60, rows)).astype(float)


def cycle(random: Random, number: int, rows: int) -> Values:
    return 1.0 + (np.arange(rows) + random.integers(97)) % 97


def keys(random: Random, number: int, rows: int) -> Values:
    return 1_000 * number + np.arange(rows)


def seconds(random: Random, number: int, rows: int) -> Values:
    """The times of a day's rows, in seconds since 1970."""
    return START.timestamp() + 86_400 * number + np.sort(random.integers(0, 86_400, rows))


def days(random: Random, number: int, rows: int) -> Values:
    """The day of each row, of the last three."""
    dates = [f"{START + timedelta(days=number - back):%Y-%m-%d}" for back in range(3)]
    return choose(random, dates, rows)


def request_ids(random: Random, number: int, rows: int) -> Values:
    return np.array([f"{code:016x}" for code in random.integers(0, 2**60, rows)], dtype=object)


# Windows that differ


def common_mean(random: Random, number: int, rows: int) -> Columns:
    """Eight columns whose means vary together."""
    numbers = random.normal(random.normal(0, 0.06), 1, (8, rows))
    return {"x": numbers[0], **{f"x{index}": numbers[index] for index in range(1, 8)}}


def catalogue(random: Random, comes: float, stays: float, stock: int) -> Draw:
    """Products of which some come each day, and go after some days; each row has its time."""
    begins = np.sort(np.append(np.zeros(stock), random.uniform(0, 2_000, int(2_000 * comes))))
    ends = begins + random.exponential(stays, len(begins))
    weights = random.lognormal(0, 0.5, len(begins))  # no product has a fourth of the rows

    def window(number: int, rows: int) -> Columns:
        present = np.flatnonzero((begins <= number) & (ends > number))
        product = random.choice(present, rows, p=weights[present] / weights[present].sum())
        names = np.array([f"p{index:06d}" for index in product], dtype=object)
        return {"x": random.lognormal(size=rows), "product": names, "seen": seconds(random, number, rows)}

    return window


def campaigns(random: Random, at_once: int, jumps: float, *, has_times: bool) -> Draw:
    """Campaigns that last twenty days, with shares that jump from day to day."""
    begins = np.append(random.uniform(-20, 0, at_once), random.uniform(0, 2_000, 100 * at_once))
    weights = random.lognormal(0, 0.5, len(begins))

    def window(number: int, rows: int) -> Columns:
        present = np.flatnonzero((begins <= number) & (begins > number - 20))
        weights_of_day = weights[present] * random.lognormal(0, jumps, len(present))
        campaign = random.choice(present, rows, p=weights_of_day / weights_of_day.sum())
        names = np.array([f"c{index:05d}" for index in campaign], dtype=object)
        columns = {"x": names, "amount": random.lognormal(size=rows)}
        if has_times:
            return {**columns, "seen": seconds(random, number, rows)}
        return columns

    return window


def retries(random: Random, number: int, rows: int) -> Columns:
    """Rows of few columns, 2 to 10 % of which were sent twice."""
    times = 1 + (random.random(rows) < random.uniform(0.02, 0.1))
    row = np.repeat(np.arange(rows), times)[:rows]
    columns = {"x": random.poisson(3, rows).astype(float), "shop": choose(random, CODES[:8], rows)}
    columns |= {
        "age": random.normal(45, 15, rows).clip(18, 90).round(),
        "paid": (random.random(rows) < 0.1).astype(float),
    }
    return {name: values[row] for name, values in columns.items()}


def wandering_mean(random: Random) -> Draw:
    """A mean that keeps nine tenths of its distance from window to window."""
    levels = [0.0]

    def window(number: int, rows: int) -> Columns:
        levels.append(0.9 * levels[-1] + random.normal(0, 0.03))
        return {"x": random.normal(levels[-1], 1, rows), "y": random.normal(size=rows)}

    return window


def start_wandering(random: Random, count: int, draw_steady: Callable[[Random, int], Values]) -> Draw:
    """Columns whose levels keep 95 % of their distance from window to window, and x, whose rows are independent."""
    levels = random.normal(0, 1.6, count)  # as they are after a long time

    def window(number: int, rows: int) -> Columns:
        nonlocal levels
        levels = 0.95 * levels + random.normal(0, 0.5, count)
        columns = {f"wandering{index}": random.normal(levels[index], 1, rows) for index in range(count)}
        return {"x": draw_steady(random, rows), **columns}

    return window


def start_devices(random: Random, count: int = 80, replaced: int = 8, deviation: float = 10.0) -> Draw:
    """Devices that report all day in random order, each with a level of its own; some are replaced each Monday."""
    names = [f"d{index:05d}" for index in range(count)]
    levels = random.normal(50, deviation, count)
    next_name = count

    def window(number: int, rows: int) -> Columns:
        nonlocal next_name
        if number and number % 7 == 0:
            for index in random.choice(count, replaced, replace=False):
                names[index] = f"d{next_name:05d}"
                levels[index] = random.normal(50, deviation)
                next_name += 1
        device = random.integers(0, count, rows)
        x = random.normal(levels[device], 5)
        return {"x": x, "device": np.array(names, dtype=object)[device]}

    return window


def draw_late_records(
    random: Random, number: int, rows: int, late: float = 0.2, mean_delay: float = HOUR_SECONDS * 8
) -> Columns:
    """What arrived on a day, in no order; a share of it happened earlier. x follows the hour at which it happened."""
    begin = START.timestamp() + number * DAY_SECONDS
    moments = begin + random.uniform(0, DAY_SECONDS, rows)
    is_late = random.random(rows) < late
    delays = random.exponential(mean_delay, rows)
    moments -= is_late * delays
    level = np.sin(2 * np.pi * moments / DAY_SECONDS)
    x = random.normal(level, 1)
    plan = choose(random, PLANS, rows, PLAN_SHARES)
    return {"x": x, "seen": moments.round(), "plan": plan}


def storms(random: Random, number: int, rows: int) -> Values:
    """A mean that is far away in one window of ten."""
    if random.random() < 0.1:
        mean = random.exponential(0.25)
    else:
        mean = random.normal(0, 0.03)
    return random.normal(mean, 1, rows)


def outages(random: Random, number: int, rows: int) -> Values:
    """1 % missing values; 5 to 30 % in one window of ten."""
    if random.random() < 0.1:
        share = random.uniform(0.05, 0.3)
    else:
        share = 0.01
    return lose(random, random.normal(size=rows), share)


def shares(random: Random, number: int, rows: int) -> Values:
    return choose(random, PLANS, rows, random.dirichlet(100 * PLAN_SHARES))


def nulls_at_night(random: Random, number: int, rows: int) -> Values:
    return lose(random, random.normal(size=rows), 0.3 if number % 24 < 7 else 0.0)


def wave(number: int) -> float:
    """The season of an hour, from -1 to 1."""
    return float(np.sin(2 * np.pi * number / 24))


def is_weekend(number: int) -> bool:
    return number % 7 > 4


def hours(random: Random, number: int, rows: int) -> Values:
    mean = wave(number)
    return random.normal(mean, 1, rows)


def days_off(random: Random, number: int, rows: int) -> Values:
    """A mean of 1 on weekends, and on holidays."""
    mean = is_day_off(number)
    return random.normal(mean, 1, rows)


def pay_days(random: Random, number: int, rows: int) -> Values:
    """A mean of 1 on every sixth day."""
    is_pay_day = number % 6 == 0
    return random.normal(is_pay_day, 1, rows)


def is_day_off(number: int) -> bool:
    """Weekends, and a holiday every 23 days."""
    return is_weekend(number) or number % 23 == 9


def hour_of_day(random: Random, number: int, rows: int) -> Values:
    return np.full(rows, float(number % 24))


def wide_table(random: Random, number: int, rows: int) -> Columns:
    numbers = random.normal(size=(480, rows))
    columns = {f"x{index}": numbers[index] for index in range(1, 480)}
    columns |= {f"t{index}": choose(random, PLANS, rows) for index in range(20)}
    return {"x": numbers[0], **columns}


def draw_embeddings(random: Random, number: int, rows: int) -> Columns:
    """Sixty-four components of vectors that lie around eight topics."""
    topics = np.random.default_rng(1).normal(size=(8, 64))
    shares = np.arange(1, 9) / 36
    topic = random.choice(8, rows, p=shares)
    distances = random.normal(0, 0.5, (rows, 64))
    vectors = topics[topic] + distances
    columns = {f"e{index}": vectors[:, index] for index in range(1, 64)}
    return {"x": vectors[:, 0], **columns}


# What stands beside a law's columns


SEGMENTS = [f"segment {index}" for index in range(10)]
SHOPS = [f"shop {index}" for index in range(50)]
ORDINARY_COLUMNS = (
    lambda random, rows: random.normal(50, 10, rows),
    lambda random, rows: random.lognormal(3, 1, rows),
    lambda random, rows: random.poisson(3, rows).astype(float),
    lambda random, rows: choose(random, PLANS, rows, PLAN_SHARES),
    lambda random, rows: (random.random(rows) < 0.1).astype(float),
    lambda random, rows: lose(random, random.gamma(2, 3, rows), 0.03),
    lambda random, rows: choose(random, SHOPS, rows),
    lambda random, rows: random.standard_t(5, rows),
)


def add_ordinary_columns(random: Random, columns: Columns, count: int) -> Columns:
    """The table with a pair of related columns, a segment and independent ordinary columns, so that it has `count` of them."""
    rows = len(columns["x"])
    height = random.normal(170, 10, rows)
    deviation = random.normal(-80, 4, rows)
    weight = 0.9 * height + deviation
    segment = choose(random, SEGMENTS, rows)
    table = {**columns, "height": height, "weight": weight, "segment": segment}
    for index in range(count - len(table)):
        draw = ORDINARY_COLUMNS[index % len(ORDINARY_COLUMNS)]
        table[f"f{index}"] = draw(random, rows)
    return table


# Faults of the times of rows


TimeFault: TypeAlias = Callable[[Random, Columns, str], Columns]  # of a window and its column of times, in seconds


def delay_backlog(random: Random, columns: Columns, times: str) -> Columns:
    """40 % of the rows are of the evening before."""
    rows = len(columns[times])
    evening = np.flatnonzero(columns[times] % DAY_SECONDS >= 18 * HOUR_SECONDS)
    if not len(evening):
        evening = np.arange(rows)
    is_late = random.random(rows) < 0.4
    row = np.where(is_late, random.choice(evening, rows), np.arange(rows))
    backlog = {name: values[row] for name, values in columns.items()}
    return {**backlog, times: backlog[times] - DAY_SECONDS * is_late}


def add_hours(random: Random, columns: Columns, times: str) -> Columns:
    """All times are those of another zone."""
    return {**columns, times: columns[times] + 6 * HOUR_SECONDS}


def leave_gap(random: Random, columns: Columns, times: str) -> Columns:
    """Nothing from 9 to 15 o'clock."""
    second = columns[times] % DAY_SECONDS
    hour = second / HOUR_SECONDS
    is_present = (hour < 9) | (hour >= 15)
    is_present[:2] = True  # two rows at least
    return {name: values[is_present] for name, values in columns.items()}


def move_to_night(random: Random, columns: Columns, times: str) -> Columns:
    """A fifth of the rows have a time between 2 and 3 o'clock."""
    moments = columns[times]
    rows = len(moments)
    midnight = moments - moments % DAY_SECONDS
    night = midnight + random.uniform(2, 3, rows).round(3) * HOUR_SECONDS
    is_moved = random.random(rows) < 0.2
    return {**columns, times: np.where(is_moved, night, moments)}


TIME_FAULTS: dict[str, TimeFault] = {
    "a backlog of 40 %": delay_backlog,
    "+ 6 hours": add_hours,
    "a gap of 6 hours": leave_gap,
    "a fifth at night": move_to_night,
}


LAWS: dict[str, Law] = {
    # Independent rows
    "normal": independent(lambda random, rows: random.normal(50, 10, rows)),
    "normal, 50 rows": independent(lambda random, rows: random.normal(50, 10, rows), rows=50, baseline=60),
    "normal, 200 rows": independent(
        lambda random, rows: random.normal(50, 10, rows), rows=200, baseline=40, faults=("two of -9,999",)
    ),
    "normal, 5,000 rows": independent(lambda random, rows: random.normal(50, 10, rows), rows=5_000),
    "t(5)": independent(lambda random, rows: random.standard_t(5, rows)),
    "t(3)": independent(lambda random, rows: random.standard_t(3, rows)),
    "Cauchy": independent(lambda random, rows: random.standard_cauchy(rows)),
    "lognormal": independent(lambda random, rows: random.lognormal(3, 1, rows)),
    "lognormal 3": independent(lambda random, rows: random.lognormal(0, 3, rows)),
    "Pareto 1.2": independent(lambda random, rows: random.pareto(1.2, rows)),
    "counts": independent(lambda random, rows: random.poisson(3, rows).astype(float)),
    "overdispersed counts": independent(lambda random, rows: random.negative_binomial(0.5, 0.1, rows).astype(float)),
    "zeros and amounts": independent(lambda random, rows: random.lognormal(3, 1, rows) * (random.random(rows) < 0.2)),
    "flag": independent(lambda random, rows: (random.random(rows) < 0.1).astype(float), faults=("became 0",)),
    "ages": independent(
        lambda random, rows: random.normal(42, 15, rows).clip(0, 89).round(),
        rows=2_000,
        faults=("five of 900", "five of -1", "three of 900, two of -1", "five infinities"),
    ),
    "Pareto .8": independent(lambda random, rows: random.pareto(0.8, rows)),
    "1 % nulls": independent(lambda random, rows: lose(random, random.normal(size=rows), 0.01)),
    "30 % nulls, 200 rows": independent(lambda random, rows: lose(random, random.normal(size=rows), 0.3), rows=200),
    "rounding": independent(lambda random, rows: random.choice([0.3, 0.1 + 0.2], rows)),
    "four texts": independent(lambda random, rows: choose(random, PLANS, rows, PLAN_SHARES)),
    "four texts, 200 rows": independent(lambda random, rows: choose(random, PLANS, rows, PLAN_SHARES), rows=200),
    "1,000 texts": independent(lambda random, rows: choose(random, CODES, rows, CODE_SHARES)),
    "codes of one shape": independent(order_codes),
    "free text": independent(free_text),
    "one cell n/a": independent(
        lambda random, rows: random.lognormal(3, 1, rows), finish=partial(write_as_texts, odd_cell="n/a")
    ),
    "500 columns, 200 rows": stateless(wide_table, rows=200, baseline=20, is_independent=True, effort=0.25),
    # Rows that belong together, or have an order
    "sessions": stateless(sessions),
    "sessions, partly alike": stateless(partial(sessions, unlike=0.67)),
    "scattered users": stateless(scattered_users),
    "sorted export": stateless(sorted_export, rows=600),
    "minutes": odd_neighbour("minute", minutes),
    "cycle": odd_neighbour("cycle", cycle),
    "keys": odd_neighbour("key", keys),
    "times": odd_neighbour("seen", seconds),
    "days": odd_neighbour("day", days),
    "request ids": odd_neighbour("request", request_ids),
    # Windows that differ
    "means vary": changing(lambda random, number, rows: random.normal(random.normal(0, 0.06), 1, rows)),
    "means vary as t(3)": changing(lambda random, number, rows: random.normal(0.05 * random.standard_t(3), 1, rows)),
    "means vary together": stateless(common_mean),
    "means wander": Law(wandering_mean),
    "storms": changing(storms),
    "rates vary": changing(lambda random, number, rows: random.poisson(0.06 * random.gamma(50), rows).astype(float)),
    "shares vary": changing(shares),
    "outages": changing(outages),
    "growing catalogue": Law(partial(catalogue, comes=11, stays=1e9, stock=300), rows=2_000, baseline=60),
    "changing catalogue": Law(
        partial(catalogue, comes=11, stays=30, stock=330), rows=2_000, baseline=60, time_column="seen"
    ),
    "campaigns": Law(partial(catalogue, comes=1, stays=30, stock=30), baseline=60, time_column="seen"),
    "retries": stateless(retries, rows=2_000, baseline=5, faults=("a fifth twice",)),
    "wandering neighbours": Law(
        partial(start_wandering, count=5, draw_steady=lambda random, rows: random.normal(1_500, 40, rows).round()),
        rows=720,
        baseline=40,
    ),
    "devices": Law(start_devices, baseline=28),
    "late records": stateless(draw_late_records, baseline=28, time_column="seen", faults=(*TIME_FAULTS,)),
    # Windows that follow the calendar
    "hours": hourly(hours),
    "first week of hours": first_week(changing(hours)),
    "first week of hour of day": first_week(odd_neighbour("hour", hour_of_day)),
    "nulls at night": hourly(nulls_at_night),
    "traffic of hours": hourly(
        lambda random, number, rows: random.normal(size=rows), traffic=lambda number: 1 + 0.6 * wave(number)
    ),
    "weekends": changing(
        lambda random, number, rows: random.normal(is_weekend(number), 1, rows),
        traffic=lambda number: 0.5 if is_weekend(number) else 1.0,
        baseline=56,
    ),
    "weekends and holidays": changing(days_off, baseline=56, warm_up=28),
    "pay days of 1 sd": changing(pay_days, baseline=30),
    "pay days": changing(
        lambda random, number, rows: random.lognormal(3.3 if number % 15 == 0 else 3.0, 1, rows), baseline=60
    ),
    "growing traffic": changing(
        lambda random, number, rows: random.normal(size=rows), traffic=lambda number: 1.005**number
    ),
}

for at_once, (how, jumps), has_times in product((10, 30, 100), {"stay": 0.0, "jump": 0.5}.items(), (True, False)):
    name = f"{at_once} campaigns, shares {how}{'' if has_times else ', no times'}"
    draw_campaigns = partial(campaigns, at_once=at_once, jumps=jumps, has_times=has_times)
    time_column = "seen" if has_times else None
    LAWS[name] = Law(draw_campaigns, baseline=60, time_column=time_column, faults=("one campaign with 30 %",))


# Faults: what becomes of the values of x. unit: the standard deviation of a normal distribution with the same quartiles.


Fault: TypeAlias = Callable[[Random, Values, float], Values]
NEW_NUMBER = -999.0
NEW_TEXT = "new"
HALF_OF_THE_ROWS = "half of the rows"  # a fault of the whole table
A_FIFTH_TWICE = "a fifth twice"  # another one
LONG_FAULTS = {"step of .15 sd": 16}  # windows until a fault ends that isn't found
USUAL_FAULT = 4


def freeze(random: Random, values: Values, unit: float) -> Values:
    """The first value in all rows."""
    is_present = values != None if values.dtype == object else ~np.isnan(values)  # noqa: E711 -- of each value
    return np.full(len(values), values[is_present][0], values.dtype)


def replace_some(random: Random, values: Values, share: float, value: float | str) -> Values:
    return np.where(random.random(len(values)) < share, value, values)


def widen(random: Random, values: Values, unit: float) -> Values:
    middle = np.nanmedian(values)
    return middle + 1.5 * (values - middle)


def multiply_some(random: Random, values: Values, unit: float) -> Values:
    return np.where(random.random(len(values)) < 0.005, 1_000 * values, values)


def vanish(random: Random, values: Values, unit: float) -> Values:
    """The rows of the third most frequent text have others instead."""
    names, counts = np.unique(values.astype(str), return_counts=True)
    is_gone = values == names[np.argsort(-counts)[:3][-1]]
    return np.where(is_gone, random.choice(values[~is_gone], len(values)), values)


FAULTS: dict[str, Fault] = {
    "5 % nulls more": lambda random, values, unit: lose(random, values, 0.05),
    "12 % nulls more": lambda random, values, unit: lose(random, values, 0.12),
    "70 % nulls more": lambda random, values, unit: lose(random, values, 0.7),
    "frozen": freeze,
}
FAULTS_OF_NUMBERS: dict[str, Fault] = {
    **FAULTS,
    "shift of .25 sd": lambda random, values, unit: values + 0.25 * unit,
    "shift of .5 sd": lambda random, values, unit: values + 0.5 * unit,
    "shift of 1 sd": lambda random, values, unit: values + unit,
    "step of .15 sd": lambda random, values, unit: values + 0.15 * unit,
    "1.5 times as wide": widen,
    ".5 % times 1,000": multiply_some,
    "10 % zeros": lambda random, values, unit: replace_some(random, values, 0.1, 0.0),
    "5 % a new value": lambda random, values, unit: replace_some(random, values, 0.05, NEW_NUMBER),
    "30 % a new value": lambda random, values, unit: replace_some(random, values, 0.3, NEW_NUMBER),
}
FAULTS_OF_TEXTS: dict[str, Fault] = {
    **FAULTS,
    "a value vanishes": vanish,
    "5 % a new value": lambda random, values, unit: replace_some(random, values, 0.05, NEW_TEXT),
    "30 % a new value": lambda random, values, unit: replace_some(random, values, 0.3, NEW_TEXT),
}


def put_some(random: Random, values: Values, placed: Sequence[float]) -> Values:
    """The values with these in place of others."""
    changed = values.copy()
    rows = random.choice(len(values), len(placed), replace=False)
    changed[rows] = placed
    return changed


IMPOSSIBLE_VALUES = {
    "five of 900": [900.0] * 5,
    "five of -1": [-1.0] * 5,
    "three of 900, two of -1": [900.0, 900.0, 900.0, -1.0, -1.0],
    "five infinities": [np.inf] * 5,
    "two of -9,999": [-9_999.0] * 2,
}
NEW_CAMPAIGN = "c99999"


def repeat_fifth(random: Random, columns: Columns) -> Columns:
    """The columns with copies of other rows in place of a fifth of the rows."""
    rows = len(columns["x"])
    first = rows * 4 // 5
    copies = random.choice(first, rows - first, replace=False)
    row = np.append(np.arange(first), copies)
    return {name: values[row] for name, values in columns.items()}


def select_faults(values: Values) -> dict[str, Fault]:
    if values.dtype == object:
        return FAULTS_OF_TEXTS
    return FAULTS_OF_NUMBERS


def estimate_unit(values: Values) -> float:
    if values.dtype == object:
        return 1.0
    low, high = np.nanquantile(values, [0.25, 0.75])
    return float((high - low) / 1.349 or np.nanstd(values) or 1.0)


def make_fault(random: Random, columns: Columns, fault: str, unit: float) -> Columns:
    if fault == HALF_OF_THE_ROWS:
        rows = random.random(len(columns["x"])) < 0.5
        return {name: values[rows] for name, values in columns.items()}
    if fault == A_FIFTH_TWICE:
        return repeat_fifth(random, columns)
    if fault in TIME_FAULTS:
        return TIME_FAULTS[fault](random, columns, "seen")
    x = columns["x"]
    if fault in IMPOSSIBLE_VALUES:
        x = put_some(random, x, IMPOSSIBLE_VALUES[fault])
    elif fault == "became 0":
        x = np.zeros(len(x))
    elif fault == "one campaign with 30 %":
        x = replace_some(random, x, 0.3, NEW_CAMPAIGN)
    else:
        x = select_faults(x)[fault](random, x, unit)
    return {**columns, "x": x}
