"""Surplus rows: a fifth of a window twice is found in tables of many kinds, and rows that repeat by nature are silent."""

import shutil

import numpy as np
import pandas as pd
import pytest
from tests.at_hand import defer_to_night

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.monitors.protocol import ColumnLayout
from spark_model_monitor.statistics.states import RepeatsBuilder, RowRepeats
from spark_model_monitor.statistics.states.surplus import estimate_surplus_rows

WORDS = np.array(["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "seven", "wizards"])
CHECK = "repeated_rows_check"


def draw_numbers(random, rows):
    return pd.DataFrame(random.normal(0, 1, (rows, 5)), columns=[*"abcde"])


def draw_measurements(random, rows):
    columns = {"length": random.normal(5.8, 0.8, rows), "width": random.normal(3, 0.4, rows)}
    return pd.DataFrame({**columns, "petal": random.normal(3.7, 1.7, rows)}).round(1)


def draw_notes(random, rows):
    texts = [" ".join(random.choice(WORDS, count)) for count in random.poisson(6, rows).clip(1)]
    return pd.DataFrame({"note": texts, "city": random.choice(["Graz", "Linz", "Wien"], rows)})


def draw_customers(random, rows):
    """Four columns, whose values go together in some thousand ways."""
    age = random.normal(45, 15, rows).clip(18, 90).astype(int)
    plan = random.choice(["basic", "plus", "trial"], rows, p=[0.6, 0.3, 0.1])
    return pd.DataFrame(
        {"age": age, "sex": random.choice([*"fm"], rows), "plan": plan, "shop": random.choice(40, rows)}
    )


def draw_customers_with_id(random, rows):
    return draw_customers(random, rows).assign(id=[f"{number:012x}" for number in random.integers(0, 2**48, rows)])


def draw_orders(random, rows):
    amount = random.lognormal(3, 1, rows).round()
    return pd.DataFrame(
        {"amount": amount, "count": random.poisson(2, rows), "shop": random.choice([*"abcdefgh"], rows)}
    )


def draw_indicators(random, rows):
    data = pd.DataFrame((random.random((rows, 14)) < 0.05).astype(int)).add_prefix("flag")
    return data.assign(hour=random.integers(0, 24, rows))


def draw_gaps(random, rows):
    data = draw_numbers(random, rows)
    return data.mask(random.random(data.shape) < 0.5).assign(paid=random.random(rows) < 0.5)


def draw_wide_rows(random, rows):
    values = np.where(np.arange(20) % 3, random.normal(0, 1, (rows, 20)), random.integers(0, 5, (rows, 20)))
    return pd.DataFrame(values).add_prefix("c")


def draw_retries(random, rows):
    """6 % of the requests come twice, in the baseline, too."""
    return draw_numbers(random, rows).loc[np.repeat(np.arange(rows), 1 + (random.random(rows) < 0.06))[:rows]]


TABLES = [
    draw_numbers,
    draw_measurements,
    draw_notes,
    draw_customers,
    draw_customers_with_id,
    draw_orders,
    draw_indicators,
    draw_gaps,
    draw_wide_rows,
    draw_retries,
]


def repeat_fifth(random, window):
    """The window with a fifth of its rows replaced by copies of others, in any order."""
    first = window.iloc[: len(window) * 4 // 5]
    copies = first.iloc[random.choice(len(first), len(window) - len(first), replace=False)]
    return pd.concat([first, copies]).sample(frac=1, random_state=1)


def monitor(window, baseline):
    findings = run_monitoring(window.reset_index(drop=True), DataQualityMonitor(), baseline, engine="local")
    return findings, [finding for finding in findings.results if finding.check == CHECK]


@pytest.mark.parametrize("table", TABLES)
def test_a_fifth_of_the_rows_twice_is_found_and_a_healthy_window_silent(table):
    random = np.random.default_rng(65)
    baseline = run_baseline(table(random, 6_000).reset_index(drop=True), DataQualityMonitor(), engine="local")
    window = table(random, 1_500)

    [healthy] = monitor(window, baseline)[1]
    [repeated] = monitor(repeat_fifth(random, window), baseline)[1]

    assert not healthy.is_violation
    assert repeated.is_violation
    assert repeated.observed == pytest.approx(0.2, abs=0.08)


@pytest.mark.parametrize("seed", [0, *map(defer_to_night, (1, 2))])
def test_the_share_is_said_once_and_as_an_estimate_only_if_it_is_one(seed):
    random = np.random.default_rng([seed, 65])
    share = random.integers(12, 40) / 100
    sentence = f"are {100 * share:.0f} % of the rows, surplus copies of other rows; none were"

    def find_violated(window_rows):
        baseline = run_baseline(draw_numbers(random, 20_000), DataQualityMonitor(), engine="local")
        window = draw_numbers(random, window_rows)
        copies = round(share * window_rows)
        window.iloc[window_rows - copies :] = window.iloc[:copies].to_numpy()
        findings, _ = monitor(window, baseline)
        violations = [finding for finding in findings.results if finding.is_violation]
        return [violation.change for violation in violations if violation.check != "baseline_drift_check"]

    # Of few rows each is counted, of many a sample of the kinds of rows
    assert find_violated(1_000) == [sentence]
    [estimate] = find_violated(20_000)
    assert estimate.startswith("are about ")
    assert float(estimate.split()[2]) == pytest.approx(100 * share, abs=2)


def hash_rows(rows):
    return RowRepeats().add_values(pd.util.hash_pandas_object(rows, index=False).to_numpy(np.uint64))


@pytest.mark.parametrize(
    "table", [draw_numbers, draw_measurements, draw_customers, draw_orders, draw_indicators, draw_retries]
)
@pytest.mark.parametrize(("before", "rows"), [(3_000, 1_500), (12_000, 1_500)])
def test_nine_of_ten_are_found_at_any_ratio_of_the_rows(table, before, rows):
    detections = 0
    alarms = 0
    for seed in range(10):
        random = np.random.default_rng([seed, 66])
        baseline = hash_rows(table(random, before))
        window = table(random, rows)
        healthy = estimate_surplus_rows(baseline, hash_rows(window), (before, rows))
        repeated = estimate_surplus_rows(baseline, hash_rows(repeat_fifth(random, window)), (before, rows))
        alarms += healthy.deviations > 4 and healthy.excess >= healthy.min_excess
        detections += repeated.deviations > 4 and repeated.excess >= repeated.min_excess

    assert alarms == 0
    assert detections >= 9


def retry(random, rows, share):
    """The rows, of which a share is there twice, side by side."""
    times = 1 + (random.random(len(rows)) < share)
    return rows.iloc[np.repeat(np.arange(len(rows)), times)[: len(rows)]]


@pytest.mark.parametrize("table", [draw_numbers, draw_measurements, draw_customers, draw_indicators])
def test_retries_are_silent_though_their_share_varies_and_a_fifth_twice_is_found(table):
    alarms = 0
    detections = 0
    for seed in range(10):
        random = np.random.default_rng([seed, 70])
        shares = random.uniform(0.02, 0.1, 5)
        *baseline, window = [retry(random, table(random, 1_500), share) for share in shares]
        hashes = hash_rows(pd.concat(baseline))
        healthy = estimate_surplus_rows(hashes, hash_rows(window), (6_000, 1_500))
        repeated = estimate_surplus_rows(hashes, hash_rows(repeat_fifth(random, window)), (6_000, 1_500))
        alarms += healthy.deviations > 4 and healthy.excess >= healthy.min_excess
        detections += repeated.deviations > 4 and repeated.excess >= repeated.min_excess

    assert alarms == 0
    assert detections >= 9


def test_texts_of_retries_repeat_as_often_as_the_retries():
    random = np.random.default_rng(71)
    data = retry(random, draw_notes(random, 2_000), 0.03)
    baseline = run_baseline(data.reset_index(drop=True), DataQualityMonitor(), engine="local")

    def find_violated(share):
        findings, _ = monitor(retry(random, draw_notes(random, 2_000), share), baseline)
        return {finding.check for finding in findings.results if finding.is_violation}

    assert find_violated(0.08) == set()
    assert find_violated(0.3) == {CHECK}


OTHERS = np.uint64(1 << 20)  # added to hashes: those of other rows


def test_rows_that_are_there_three_times_are_two_copies_each():
    values = np.arange(1_000, dtype=np.uint64) << np.uint64(32)
    thrice = np.concatenate((values[:400], values[:300], values[:300]))

    surplus = estimate_surplus_rows(
        RowRepeats().add_values(values), RowRepeats().add_values(thrice + OTHERS), (1_000, 1_000)
    )

    assert (surplus.current, surplus.baseline, surplus.repeated) == (pytest.approx(0.6), 0.0, 300)


def test_one_row_that_is_there_many_times_is_one_event():
    values = np.arange(1_000, dtype=np.uint64) << np.uint64(32)
    often = np.concatenate((values[:800] + OTHERS, np.full(200, OTHERS)))

    surplus = estimate_surplus_rows(RowRepeats().add_values(values), RowRepeats().add_values(often), (1_000, 1_000))

    assert surplus.deviations < 2


@pytest.mark.parametrize("rows", [(0, 10), (10, 0)])
def test_a_side_without_rows_is_not_compared(rows):
    assert estimate_surplus_rows(RowRepeats(), RowRepeats(), rows) is None


def test_other_shares_are_no_copies():
    """Two of three customers are of one sex, one of two were: a drift, which makes more twins, too."""
    random = np.random.default_rng(67)
    baseline = run_baseline(draw_customers(random, 8_000), DataQualityMonitor(), engine="local")
    window = draw_customers(random, 6_000)
    window["sex"] = random.choice([*"fm"], 6_000, p=[0.67, 0.33])

    findings, [repeats] = monitor(window, baseline)

    assert "sex" in {violation.feature_name for violation in findings.violations.violations}
    assert not repeats.is_violation


def draw_day(random, rows):
    """Sales of a day; each day has its own mix of products."""
    weights = random.lognormal(0, 0.5, 60)
    products = [f"p{product:02d}" for product in random.choice(60, rows, p=weights / weights.sum())]
    return pd.DataFrame({"product": products, "quantity": random.poisson(3, rows), "shop": random.choice(99, rows)})


@pytest.mark.parametrize("columns", [["product", "quantity"], ["product", "quantity", "shop"]])
def test_the_mix_of_a_day_is_no_copy(columns):
    random = np.random.default_rng(72)
    days = pd.concat([draw_day(random, 1_200)[columns] for _ in range(6)])
    baseline = run_baseline(days.reset_index(drop=True), DataQualityMonitor(), engine="local")

    for _ in range(5):
        window = draw_day(random, 1_200)[columns]

        assert not monitor(window, baseline)[1][0].is_violation
        # In two columns alone, a mix and copies look alike
        if "shop" in columns:
            assert monitor(repeat_fifth(random, window), baseline)[1][0].is_violation


def test_a_third_of_the_times_missing_is_one_violation():
    """Rows of few columns differ by their times; copies of whole rows stay a violation of their own."""
    random = np.random.default_rng(73)

    def draw(rows):
        times = pd.Timestamp("2026-01-01") + pd.to_timedelta(random.integers(0, 10**7, rows), unit="s")
        return pd.DataFrame({"time": times.astype(str), "shop": random.choice(60, rows)})

    baseline = run_baseline(draw(6_000), DataQualityMonitor(), engine="local")
    window = draw(1_500)
    incomplete = window.assign(time=window["time"].where(random.random(1_500) > 1 / 3))

    def find_violated(data):
        return {finding.check for finding in monitor(data, baseline)[0].results if finding.is_violation}

    assert find_violated(window) == set()
    assert find_violated(incomplete) == {"completeness_check"}
    assert find_violated(repeat_fifth(random, window)) == {CHECK}


def test_a_baseline_without_kept_rows_is_not_compared():
    assert estimate_surplus_rows(RowRepeats(54), RowRepeats().add_values(np.arange(9, dtype=np.uint64)), (9, 9)) is None


# the same file twice


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A baseline, and six files of a window; the third came twice."""
    root = tmp_path_factory.mktemp("repeated")
    random = np.random.default_rng(68)
    draw_numbers(random, 3_000).to_csv(root / "baseline.csv", index=False)
    (root / "window").mkdir()
    for number in range(5):
        draw_numbers(random, 200 + 40 * number).to_csv(root / "window" / f"{number}.csv", index=False)
    return root


def read_hints(folder):
    baseline = run_baseline(str(folder / "baseline.csv"), DataQualityMonitor(), engine="local")
    findings = run_monitoring(str(folder / "window"), DataQualityMonitor(), baseline, engine="local")
    return [hint.description for hint in findings.hints if hint.hint == "delivered_twice"]


def test_the_file_that_was_delivered_twice_is_named(folder):
    assert read_hints(folder) == []

    shutil.copy(folder / "window" / "2.csv", folder / "window" / "2-again.csv")

    [description] = read_hints(folder)
    assert description.startswith("surplus rows are as many as one file has (")
    assert "/window/2-again.csv', " in description
    assert "/window/2.csv'): was it delivered twice?" in description
    assert "/3.csv" not in description


def test_all_rows_twice_are_named():
    random = np.random.default_rng(69)
    baseline = run_baseline(draw_numbers(random, 2_000), DataQualityMonitor(), engine="local")
    window = draw_numbers(random, 600)

    findings, [repeats] = monitor(pd.concat([window, window]), baseline)

    assert repeats.observed == 0.5
    assert [hint.description for hint in findings.hints] == [
        "surplus rows are as many as if all were there twice: was the data delivered twice? keep one copy"
    ]


def test_files_of_one_size_come_before_others_and_none_is_named_without_files():
    sizes = {"a": 100, "b": 108, "c": 100, "d": 200}
    layout = ColumnLayout(file_sizes=sizes)

    assert layout.find_files(0.2, error=0.0) == ["a", "c"]
    assert layout.find_files(0.4, error=0.0) == ["d"]
    assert layout.find_files(0.3, error=0.0) == []
    assert layout.find_files(0.25, error=0.3) == ["a", "c"]
    assert layout.find_files(0.3, error=0.2) == []
    assert ColumnLayout().find_files(0.2, error=0.0) == []


@pytest.mark.parametrize("kinds", [50, 3_000])
def test_states_of_parts_are_those_of_the_whole_even_if_most_rows_repeat(kinds):
    random = np.random.default_rng(70)
    hashes = random.integers(0, 2**63, kinds).astype(np.uint64)[random.integers(0, kinds, 40_000)]

    def build(part):
        builder = RepeatsBuilder(RowRepeats)
        for block in np.array_split(part, 9):
            builder.update(block)
        return builder.state()

    parts = [build(part) for part in np.array_split(hashes, 3)]

    assert parts[0] + parts[1] + parts[2] == build(hashes) == RowRepeats().add_values(hashes)
