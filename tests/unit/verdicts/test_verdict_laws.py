"""Laws of every verdict, whatever the design: on tables that are drawn anew at each run, more of them at night."""

import importlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.rotation import every_combination

from spark_model_monitor import DataQualityMonitor, MonitoringSettings, run_baseline, run_monitoring
from spark_model_monitor.documents.outcome import ALTERNATIVE
from spark_model_monitor.monitors.data_quality.distribution.column_tests import LONGER_AND_EARLIER

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
EXAMPLES = settings.default.max_examples


def draw_examples(share):
    """So large a share of the examples: few by day, more at night. A seed can't be made simpler."""
    return settings(max_examples=max(1, round(share * EXAMPLES)), phases=[Phase.explicit, Phase.generate])


MONITOR = DataQualityMonitor(find_causes=False)
LEVEL = 4 / 6 / 720
"""What drift may spend."""
DRIFT = "baseline_drift_check"
SEEDS = st.integers(0, 2**32 - 1)
CITIES = np.array(["Aachen", "Bonn", "Celle", "Dresden", "Essen"], dtype=object)


@pytest.fixture(scope="module")
def contestants():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("contestants")


@pytest.fixture(scope="module")
def laws(contestants):
    return importlib.import_module("laws")


def judge_frames(baseline, *windows, monitor=MONITOR):
    """What is found in each window."""
    profile = run_baseline(pd.DataFrame(baseline), monitor, engine="local")
    return [run_monitoring(pd.DataFrame(window), monitor, profile, engine="local") for window in windows]


def list_violated(findings):
    return {violation.feature_name for violation in findings.violations.violations}


def list_unsure(findings):
    return {feature.name for feature in findings.unsure}


def read_smallest_changes(findings):
    drift = [check for check in findings.results if check.check == DRIFT]
    return {check.feature: check.smallest_change for check in drift if check.smallest_change is not None}


def draw_ordinary(random, rows, count=3):
    columns = {
        "amount": random.lognormal(3, 1, rows).round(2),
        "score": random.normal(50, 10, rows),
        "city": random.choice(CITIES, rows, p=[0.4, 0.3, 0.15, 0.1, 0.05]),
    }
    return dict([*columns.items()][:count])


# 1. An odd column, or a healthy window, costs the other columns nothing but the correction for their number


def draw_wandering(random, windows, rows):
    level = random.normal(0, 1.6)
    for _ in range(windows):
        level = 0.95 * level + random.normal(0, 0.5)
        yield random.normal(level, 1, rows)


def draw_wobbling(random, windows, rows):
    for _ in range(windows):
        yield random.normal(random.standard_t(3), 1, rows)


def draw_outages(random, windows, rows):
    for _ in range(windows):
        share = random.choice([0.0, 0.5], p=[0.9, 0.1])
        yield np.where(random.random(rows) < share, np.nan, random.normal(size=rows))


def draw_keys(random, windows, rows):
    for window in range(windows):
        yield np.arange(window * rows, (window + 1) * rows)


def draw_sorted(random, windows, rows):
    for _ in range(windows):
        yield np.sort(random.gamma(2, 3, rows))


def draw_replaced_names(random, windows, rows):
    for window in range(windows):
        yield np.array([f"v{window // 7}"] * rows, dtype=object)


ODD_COLUMNS = [draw_wandering, draw_wobbling, draw_outages, draw_keys, draw_sorted, draw_replaced_names]


def allow_more_columns(before, after):
    """By what factor a change must be larger to be found among more columns, by Student's t of 31 stretches."""
    power = stats.norm.ppf(0.9)
    # A change of this size is found in nine of ten windows
    quantiles = [stats.t.isf(LEVEL / 2 / columns, 31) + power for columns in (before, after)]
    return quantiles[1] / quantiles[0]


@draw_examples(0.2)
@given(SEEDS, st.lists(st.sampled_from(ODD_COLUMNS), min_size=1, max_size=6), st.integers(1, 3))
def test_odd_columns_cost_the_others_their_number_alone(seed, odd_columns, count):
    # The same rows, with odd columns and without
    random = np.random.default_rng(seed)
    windows = 33
    rows = 500
    table = draw_ordinary(random, windows * rows, count)
    wide_table = dict(table)
    for index, draw in enumerate(odd_columns):
        wide_table[f"odd{index}"] = np.concatenate([*draw(random, windows, rows)])

    # What their last window would show
    changes = []
    for columns in (table, wide_table):
        frame = pd.DataFrame(columns)
        [findings] = judge_frames(frame[:-rows], frame[-rows:])
        changes.append(read_smallest_changes(findings))

    # A fifth more than the correction for their number
    allowed = 1.2 * allow_more_columns(len(table), len(wide_table))
    for name in table:
        assert changes[1].get(name, np.inf) <= allowed * changes[0][name], (
            name,
            [draw.__name__ for draw in odd_columns],
        )


def learn_windows(contestants, laws, tables, baseline):
    """What the last window would show after each healthy one that is learnt."""
    product = contestants.Product(laws.Law(None), tables[:baseline])
    changes = []
    for number in range(baseline, len(tables)):
        product.judge(tables[-1], number)
        changes.append(read_smallest_changes(product.findings))
        product.judge(tables[number], number)
        product.remember()
    return changes


@draw_examples(0.2)
@given(SEEDS, st.lists(st.sampled_from(ODD_COLUMNS[:3]), min_size=1, max_size=5), st.integers(1, 3))
def test_a_healthy_window_that_is_learnt_costs_other_columns_nothing(contestants, laws, seed, odd_columns, count):
    random = np.random.default_rng(seed)
    # Windows of ordinary columns, and the same with odd ones
    windows = 33
    rows = 500
    odd_values = [[*draw(random, windows, rows)] for draw in odd_columns]
    tables = [draw_ordinary(random, rows, count) for _ in range(windows)]
    wide_tables = []
    for window, table in enumerate(tables):
        odd = {f"odd{index}": values[window] for index, values in enumerate(odd_values)}
        wide_tables.append({**table, **odd})

    # What their last window would show
    changes = learn_windows(contestants, laws, tables, 24)
    wide_changes = learn_windows(contestants, laws, wide_tables, 24)

    # A column's own windows may happen to vary, with odd columns and without; what learning costs would last
    allowed = allow_more_columns(len(tables[0]), len(wide_tables[0]))
    for name in tables[0]:
        costs = [after.get(name, np.inf) / before[name] for before, after in zip(changes, wide_changes, strict=True)]
        assert np.median(costs) <= 1.1 * allowed, name
        assert max(costs) <= 1.5 * allowed, name
        first_change, *learnt_changes = [change.get(name, np.inf) for change in wide_changes]
        assert min(learnt_changes) <= 1.2 * first_change, name


# 2. A column that changes its unit, type or form does not excuse itself


def draw_columns_that_depend(random, rows):
    """Whole numbers, some of which are missing, codes, prices and days, and columns that follow from them."""
    # What others follow from
    age = random.integers(20, 80, rows)
    code = random.integers(0, 40, rows)
    price = random.lognormal(3, 1, rows).round(2)
    day = random.integers(0, 28, rows)
    return {
        "age": np.where(random.random(rows) < 0.02, np.nan, age),
        "born": 2026 - age,
        "is_old": age > 50,
        "code": np.array([f"R{value // 4}-{100 + value}" for value in range(40)], dtype=object)[code],
        "region": np.array([f"region {value // 4}" for value in range(40)], dtype=object)[code],
        "price": price,
        "tax": (0.19 * price).round(2),
        "day": np.array([f"2026-01-{value + 1:02d}" for value in range(28)], dtype=object)[day],
    }


def write_as_texts(values, form):
    return np.array([None if value != value else form.format(value) for value in values], dtype=object)


CHANGES_OF_NUMBERS = {
    "x 12": lambda values: 12 * values,
    "x .3937": lambda values: 0.3937 * values,
    "+ 5.5": lambda values: values + 5.5,
    "without its decimals": lambda values: np.floor(values / 10),
    "with a unit": partial(write_as_texts, form="{:g} EUR"),
    "as texts": partial(write_as_texts, form="n{:g}"),
}
CHANGES_OF_TEXTS = {
    "small letters, another mark": lambda values: write_as_texts([text.lower() for text in values], "_{}"),
    "quoted": partial(write_as_texts, form="'{}'"),
    "the last character": lambda values: write_as_texts([text[-1] for text in values], "{}"),
    "numbers": lambda values: np.array([float(len(text) + ord(text[-1])) for text in values]),
}
CHANGED_COLUMNS = dict.fromkeys(("age", "born", "price"), CHANGES_OF_NUMBERS) | dict.fromkeys(
    ("code", "region", "day"), CHANGES_OF_TEXTS
)
EVERY_CHANGE = [(name, change) for name, changes in CHANGED_COLUMNS.items() for change in changes]


@pytest.mark.parametrize(("name", "change"), EVERY_CHANGE, ids=[" ".join(pair) for pair in EVERY_CHANGE])
@draw_examples(0.03)
@given(seed=SEEDS, rows=st.sampled_from([300, 1_000]))
def test_a_changed_unit_type_or_form_is_never_unsure(seed, rows, name, change):
    random = np.random.default_rng(seed)
    # A window as it is, and one whose column changed
    twin = draw_columns_that_depend(random, rows)
    window = {**twin, name: CHANGED_COLUMNS[name][change](twin[name])}

    of_twin, findings = judge_frames(draw_columns_that_depend(random, 10_000), twin, window)

    assert not list_unsure(of_twin)
    assert not list_violated(of_twin)
    assert name not in list_unsure(findings)
    assert name in list_violated(findings)


# 3. A fact is one in whatever order the rows are


def put_values(random, values, count, made_value):
    changed = values.astype(object)
    changed[random.choice(len(values), count, replace=False)] = made_value
    return changed


FACTS = {"far beyond": (8, 130.0), "a sentinel": (25, -999.0), "a new sign": (12, -1.0), "another type": (6, "none")}
"""How many rows get which value."""


def draw_seasonal(random, rows):
    """Rows of users, about twenty each, whose pressure, from 24 to 110, differs by user and by hour."""
    user = random.permutation(np.resize(np.arange(max(rows // 20, 1)), rows))
    hour = random.integers(0, 24, rows)
    level = random.normal(60, 5, rows)[user] + 6 * np.sin(hour / 24 * 2 * np.pi)
    pressure = random.normal(level, 3).clip(24, 110).round(1)
    return {"pressure": pressure, "user": user, "hour": hour, "load": random.gamma(3, 2, rows)}


ORDERS = {"sorted by itself": "pressure", "sorted by another": "load", "by user": "user", "by hour": "hour"}


def arrange(columns, order, pressure):
    """The columns with another pressure, as a file has them, in the order that the first one had."""
    rows = np.arange(len(pressure))
    if order is not None:
        rows = np.argsort(columns[ORDERS[order]], kind="stable")
    frame = pd.DataFrame({"pressure": pressure.astype(str), "hour": columns["hour"], "load": columns["load"]})
    return frame.iloc[rows]


@every_combination(fact=FACTS, order=ORDERS)
@draw_examples(0.06)
@given(seed=SEEDS)
def test_a_fact_of_the_shuffled_table_is_one_in_any_order(seed, fact, order):
    random = np.random.default_rng(seed)
    baseline = draw_seasonal(random, 8_000)
    window = draw_seasonal(random, 508)
    changed = put_values(random, window["pressure"], *FACTS[fact])

    # Both sides in the order of a file, and in another one
    [of_shuffled] = judge_frames(arrange(baseline, None, baseline["pressure"]), arrange(window, None, changed))
    [of_arranged] = judge_frames(arrange(baseline, order, baseline["pressure"]), arrange(window, order, changed))

    # No order of rows excuses a fact of kind
    assert "pressure" in list_violated(of_shuffled)
    assert "pressure" in list_violated(of_arranged)


# 4. New values are expected as in the baseline's largest week


def draw_catalogue(random, shares):
    """Windows of a day: on each Monday so large a share of the rows has a value that no earlier week had."""
    newest = "p0"
    for day, share in enumerate(np.repeat(shares, 7)):
        if day % 7 == 0:
            newest = f"p{day // 7}"
            older = newest if day == 0 else "p0"
        product = np.where(random.random(800) < share, newest, older).astype(object)
        yield {"product": product, "x": random.normal(size=800)}


@draw_examples(0.2)
@given(seed=SEEDS, share=st.sampled_from([0.05, 0.1, 0.2]))
def test_a_share_of_new_values_that_a_week_of_the_baseline_had_is_healthy(contestants, laws, seed, share):
    random = np.random.default_rng(seed)
    days = [*draw_catalogue(random, [1.0, 0.02, share, 0.02, share])]
    product = contestants.Product(laws.Law(None), days[:28])

    for number in range(28, 35):
        assert product.judge(days[number], number) == set()
        product.remember()


@draw_examples(0.2)
@given(seed=SEEDS, share=st.sampled_from([0.25, 0.6]))
def test_more_new_values_than_any_week_had_alarm(contestants, laws, seed, share):
    days = [*draw_catalogue(np.random.default_rng(seed), [1.0, 0.02, 0.03, 0.02, share])]

    assert "product" in contestants.Product(laws.Law(None), days[:28]).judge(days[28], 28)


def draw_cities(random, share):
    """A day of which so large a share has a city that the baseline lacks."""
    city = random.choice(CITIES, 800, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    return {"city": np.where(random.random(800) < share, "Fulda", city), "x": random.normal(size=800)}


@pytest.mark.parametrize("share", [0.1, 0.3])
@draw_examples(0.02)
@given(seed=SEEDS)
def test_what_a_week_of_windows_had_no_longer_alarms_and_is_named_until_it_is_accepted(contestants, laws, seed, share):
    random = np.random.default_rng(seed)
    product = contestants.Product(laws.Law(None), [draw_cities(random, 0.0) for _ in range(16)])
    for day in range(16, 23):
        assert "city" in product.judge(draw_cities(random, share), day)
        product.remember()

    # From then on it is said, day after day
    since = product.history.entries[0].window.partition("/")[0]
    for day in range(23, 26):
        assert "city" not in product.judge(draw_cities(random, share), day)
        reasons = [check.reason or "" for check in product.findings.results if check.feature == "city"]
        assert any(f"since {since}; accept" in reason for reason in reasons)
        product.remember()

    # More of it, another new city, other values and missing ones are changes
    as_before = draw_cities(random, share)
    is_changed = random.random(800) < share + 0.2
    for city in ("Fulda", "Gera", "Bonn", None):
        assert "city" in product.judge({**as_before, "city": np.where(is_changed, city, as_before["city"])}, 26)


@draw_examples(0.2)
@given(seed=SEEDS)
def test_a_version_that_changes_each_week_is_no_alarm_and_a_lost_one_is(contestants, laws, seed):
    random = np.random.default_rng(seed)
    days = [{"version": np.full(200, f"v{day // 7}", object), "x": random.normal(size=200)} for day in range(35)]
    product = contestants.Product(laws.Law(None), days[:28])

    assert product.judge(days[28], 28) == set()
    assert product.judge({**days[28], "version": np.where(random.random(200) < 0.4, "", "v4")}, 28) == {"version"}


@draw_examples(0.2)
@given(seed=SEEDS, step=st.sampled_from([1, 0.1]))
def test_a_version_that_is_a_number_and_changes_each_week_is_no_alarm_and_an_older_one_is(
    contestants, laws, seed, step
):
    random = np.random.default_rng(seed)
    days = [{"version": np.full(200, 7 + step * (day // 7)), "x": random.normal(size=200)} for day in range(35)]
    product = contestants.Product(laws.Law(None), days[:28])

    assert product.judge(days[28], 28) == set()
    assert product.judge({**days[28], "version": days[0]["version"]}, 28) == {"version"}
    # What is measured is no version, though the rows are sorted by it
    measured = [{"size": 10.0 * day + np.sort(random.random(200)), "x": random.normal(size=200)} for day in range(29)]
    assert contestants.Product(laws.Law(None), measured[:28]).judge(measured[28], 28) == {"size"}


def test_devices_of_which_a_tenth_is_replaced_each_monday_are_healthy(contestants, laws):
    draw = laws.start_devices(np.random.default_rng(88), count=40, replaced=4, deviation=0.0)
    days = [draw(day, 1_000) for day in range(45)]
    product = contestants.Product(laws.Law(None), days[:16])

    for number in range(16, 45):
        assert "device" not in product.judge(days[number], number), number
        product.remember()
    assert "device" in product.judge({**days[44], "device": np.where(days[44]["x"] > 5, "d", days[44]["device"])}, 45)


# 5. The step that is named ends what nobody can tell


def draw_sessions(random, rows, first_user=0):
    """Twenty neighbours of each user are alike."""
    user = np.repeat(np.arange(rows // 20), 20)
    level = random.normal(size=rows // 20)[user]
    return {"x": random.normal(level, 0.3), "y": random.normal(level, 1), "user": user + first_user}


def draw_uneven_sessions(random, rows, first_user=0):
    """One to 39 neighbours of each user are alike."""
    user = np.arange(rows).repeat(random.integers(1, 40, rows))[:rows]
    return {"x": random.normal(size=rows)[user], "y": random.normal(size=rows), "user": user + first_user}


def draw_scattered_users(random, rows, first_user=0):
    """Twenty rows of each user are alike, and lie anywhere."""
    user = random.permutation(np.resize(np.arange(rows // 20), rows))
    level = random.normal(size=rows // 20)[user]
    return {"x": random.normal(level, 0.5), "y": random.gamma(2, 2, rows), "user": user + first_user}


OTHER_USERS = 10**6
TABLES = {
    "few rows": (draw_ordinary, draw_ordinary, 4_000, 60, 1_500),
    "sessions": (draw_sessions, partial(draw_sessions, first_user=OTHER_USERS), 20_000, 1_000, 6_000),
    "uneven sessions": (
        draw_uneven_sessions,
        partial(draw_uneven_sessions, first_user=OTHER_USERS),
        20_000,
        1_000,
        12_000,
    ),
    "scattered users": (
        draw_scattered_users,
        partial(draw_scattered_users, first_user=OTHER_USERS),
        *(20_000, 4_000, 8_000),
    ),
}
"""How a baseline's rows are drawn, and a window's; and how many a baseline, a window and a longer one have."""


def follow_steps(seed, table):
    """What can't be told and what alarms after each step that is named was followed, the first of two."""
    draw_baseline, draw_window, baseline_rows, rows, longer_rows = TABLES[table]
    random = np.random.default_rng(seed)
    baseline = draw_baseline(random, baseline_rows)
    window = draw_window(random, rows)

    # Longer windows, or a group column
    monitor = MONITOR
    [findings] = judge_frames(baseline, window)
    for _ in range(2):
        steps = {feature.advice.partition(ALTERNATIVE)[0] for feature in findings.unsure}
        if steps and all(step.startswith("take longer windows") for step in steps):
            window = draw_window(random, longer_rows)
        elif steps == {"make the baseline with --group-column user"}:
            monitor = replace(MONITOR, settings=MonitoringSettings(group_column="user"))
        [findings] = judge_frames(baseline, window, monitor=monitor)
    return list_unsure(findings), list_violated(findings)


@pytest.mark.parametrize("table", TABLES)
@draw_examples(0.1)
@given(seed=SEEDS)
def test_the_step_that_is_named_ends_what_cannot_be_told(seed, table):
    ends = [follow_steps(number, table) for number in (seed, seed + 1)]

    # Parts of a few baselines vary by chance as if days differed, which takes a further step
    assert any(not unsure and violated <= {"user"} for unsure, violated in ends), ends


def test_longer_windows_and_earlier_ones_as_long_end_what_wandering_levels_leave_open(contestants, laws):
    law = laws.LAWS["rates vary"]
    windows = law.windows(np.random.default_rng(5))
    baseline = [next(windows) for _ in range(law.baseline)]
    daily = contestants.Product(law, baseline)
    daily.judge(next(windows), law.baseline)
    [unsure] = daily.findings.unsure
    assert (unsure.name, unsure.advice) == ("x", LONGER_AND_EARLIER)

    # As its step says, of sixteen days each
    longer = contestants.Product(replace(law, hours=16 * law.hours), baseline)
    outcomes = []
    for number in range(1, 25):
        window = laws.concatenate([next(windows) for _ in range(16)])
        assert longer.judge(window, number) == set()
        outcomes.append(longer.is_unsure)
        longer.remember()
    assert not any(outcomes[-4:])


# 6. Times may come late, and not from after their window


def draw_late_times(laws, random, windows, dtype):
    for number in range(windows):
        columns = laws.draw_late_records(random, number, 1_000)
        yield {**columns, "seen": columns["seen"].astype(dtype)}


@pytest.mark.parametrize(("dtype", "six_hours"), [("datetime64[s]", np.timedelta64(6, "h")), ("int64", 21_600)])
def test_late_times_are_healthy_and_times_after_the_window_are_not(contestants, laws, dtype, six_hours):
    windows = [*draw_late_times(laws, np.random.default_rng(88), 41, dtype)]
    product = contestants.Product(laws.LAWS["late records"], windows[:28])

    for number in range(28, 40):
        assert product.judge(windows[number], number) == set()
        product.remember()
    six_hours_later = {**windows[40], "seen": windows[40]["seen"] + six_hours}
    assert "seen" in product.judge(six_hours_later, 40)


@draw_examples(0.05)
@given(seed=SEEDS)
def test_a_backlog_of_the_evening_before_is_found_though_no_other_column_follows_the_hour(contestants, laws, seed):
    random = np.random.default_rng(seed)
    windows = [{**table, "x": random.normal(size=1_000)} for table in draw_late_times(laws, random, 29, "int64")]
    product = contestants.Product(laws.LAWS["late records"], windows[:28])

    # 40 % of the rows of a weekday come from another one, which the window doesn't cover
    evening_before = windows[28]["seen"] // 86_400 * 86_400 - random.integers(0, 6 * 3_600, 1_000)
    backlog = {**windows[28], "seen": np.where(random.random(1_000) < 0.4, evening_before, windows[28]["seen"])}

    assert product.judge(windows[28], 28) == set()
    assert "seen" in product.judge(backlog, 28)
