"""A catalog that grows has new values every day: how many is what is judged, and a closed one stays closed."""

import numpy as np
import pandas as pd
import pytest
from tests.at_hand import defer_to_night
from tests.rotation import every_combination

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.statistics.states.row_counts import RowRun, encode_lot
from spark_model_monitor.statistics.verdicts.between_window_variance import PastWindows
from spark_model_monitor.statistics.verdicts.growing_cardinality import count_beginnings

ROWS = 500
DAYS = 40
PREVIOUS = "previous:8"


def sold(random: np.random.Generator, days: range, a_day: int) -> pd.DataFrame:
    """Rows of products, of which so many come on a day and stay; 30 were there at first."""
    return pd.DataFrame({"product": [f"p{random.integers(30 + a_day * day):04d}" for day in days for _ in range(ROWS)]})


def make_baseline(a_day: int, monitor: DataQualityMonitor | None = None):
    random = np.random.default_rng(a_day)
    return run_baseline(sold(random, range(DAYS), a_day), monitor or DataQualityMonitor(), engine="local"), random


def results(window: pd.DataFrame, baseline) -> dict[str, object]:
    findings = run_monitoring(window, DataQualityMonitor(), baseline, engine="local").results
    return {finding.check: finding for finding in findings if finding.feature == "product"}


@pytest.mark.parametrize("a_day", [1, 2])
def test_new_products_of_a_catalog_that_grew_are_no_alarm(a_day):
    baseline, random = make_baseline(a_day)

    outcomes = results(sold(random, range(DAYS, DAYS + 1), a_day), baseline)

    assert not [check for check, outcome in outcomes.items() if outcome.is_violation]
    assert "came and went" in outcomes["baseline_drift_check"].reason
    assert outcomes["new_values_check"].threshold == pytest.approx(a_day, rel=0.5)


def test_far_more_new_products_than_ever_are_an_alarm_that_says_how_many_are_usual():
    baseline, random = make_baseline(2)
    window = sold(random, range(DAYS, DAYS + 1), 2)
    window["product"] = window["product"].str.replace("p", "P")  # another spelling: all of some 110 are new

    outcome = results(window, baseline)["new_values_check"]

    assert outcome.is_violation
    assert outcome.observed == window["product"].nunique()
    assert outcome.change.startswith(f"has {window['product'].nunique()} new values, about ")


@pytest.mark.parametrize("every", [2, 3, 50, ROWS])
def test_a_share_that_never_varied_may_fall(every):
    """Any fall is thousands of deviations."""
    random = np.random.default_rng(4)
    before, window = sold(random, range(DAYS), 1), sold(random, range(DAYS, DAYS + 1), 1)
    before.loc[::2, "product"] = "none"
    window.loc[::every, "product"] = "none"

    outcomes = results(window, run_baseline(before, DataQualityMonitor(), engine="local"))

    assert outcomes["frequent_value_check"].p >= 0.5
    assert not any(outcome.is_violation for outcome in outcomes.values())


def test_a_closed_domain_alarms_by_a_new_value():
    baseline, random = make_baseline(0)
    window = sold(random, range(1), 0)
    window.loc[:20, "product"] = "new"

    outcomes = results(window, baseline)

    assert outcomes["categorical_values_check"].is_violation
    assert "new_values_check" not in outcomes


def test_a_catalog_in_no_order_is_not_known_to_grow():
    random = np.random.default_rng(3)
    rows = sold(random, range(DAYS), 2).sample(frac=1, random_state=3)

    assert "new_values_check" not in results(rows.head(ROWS), run_baseline(rows, DataQualityMonitor(), engine="local"))


def give_names(versions):
    return np.array([f"v{version}" for version in versions])


NAMES = np.array(["teal", "rust", "opal", "jade", "ruby", "onyx", "moss", "fern", "sand", "wine"])


def draw_versions(random, week, ahead, name):
    """A part of the rows tries the next version before the others."""
    is_ahead = random.random(3_000) < ahead
    return pd.DataFrame({"product": name(week + 1 + is_ahead), "x": random.normal(size=3_000)})


@pytest.mark.parametrize("ahead", [0.0, 0.1])
@pytest.mark.parametrize(
    ("name", "status"),
    [
        pytest.param(give_names, CheckStatus.NOT_JUDGED, id="texts with numbers"),
        pytest.param(lambda versions: versions, CheckStatus.NOT_JUDGED, id="numbers"),
        pytest.param(NAMES.take, CheckStatus.CANNOT_TELL, id="texts in no order"),
    ],
)
def test_the_next_of_versions_that_followed_one_another_is_no_alarm(name, status, ahead):
    random = np.random.default_rng(5)
    weeks = [draw_versions(random, week, ahead, name) for week in range(6)]
    baseline = run_baseline(pd.concat(weeks), DataQualityMonitor(), engine="local")

    # The next one, and the one after it
    for week in (6, 7):
        outcomes = results(draw_versions(random, week, ahead, name), baseline)
        assert outcomes["baseline_drift_check"].status is status
        assert not any(check_result.is_violation for check_result in outcomes.values())
    # An old version that comes back did not follow
    assert results(weeks[1], baseline)["baseline_drift_check"].is_violation


@every_combination(share=[0.01, 0.1, 0.5, 0.9], name=[give_names, lambda versions: versions])
def test_a_version_beside_the_one_that_it_replaces_is_no_alarm_and_an_older_one_is_seen(name, share):
    random = np.random.default_rng(8)
    weeks = [draw_versions(random, week, 0.0, name) for week in range(8)]
    baseline = run_baseline(pd.concat(weeks), DataQualityMonitor(), engine="local")
    window = draw_versions(random, 7, share, name)
    is_older = random.random(len(window)) < 0.3

    assert not any(check_result.is_violation for check_result in results(window, baseline).values())
    older = window["product"].where(~is_older, weeks[2]["product"])
    statuses = {check_result.status for check_result in results(window.assign(product=older), baseline).values()}
    assert statuses & {CheckStatus.VIOLATED, CheckStatus.CANNOT_TELL}


@pytest.mark.parametrize("lost", [-1, 0, 3, 9_999], ids="a lost version is {}".format)
def test_versions_that_are_numbers_and_other_numbers_among_them_are_an_alarm(lost):
    random = np.random.default_rng(6)
    weeks = [draw_versions(random, week, 0.0, lambda versions: 2 + versions) for week in range(8)]
    baseline = run_baseline(pd.concat(weeks[:7]), DataQualityMonitor(), engine="local")
    is_lost = random.random(3_000) < 0.3
    # Some rows of the next version say another one
    window = weeks[7].assign(product=weeks[7]["product"].mask(is_lost, lost))

    assert any(check_result.is_violation for check_result in results(window, baseline).values())
    assert not any(check_result.is_violation for check_result in results(weeks[7], baseline).values())


def test_a_catalog_that_grew_is_compared_with_the_last_eight_windows_and_other_columns_are_not():
    """From the ninth window on there is a reference, from the 17th on its past is known, too."""
    monitor = DataQualityMonitor()
    table = sold(np.random.default_rng(2), range(DAYS), 2)
    table["amount"] = np.arange(ROWS * DAYS) % 97
    baseline = run_baseline(table, monitor, engine="local")
    without_history = monitor.stored_baseline(baseline.constraints, None, baseline.state, baseline.constraints)
    without_history = without_history.with_block_variation(baseline.variation)
    assert without_history.compared_references == {PREVIOUS: {"product"}}

    # Windows of a day each, with products of all days before
    random = np.random.default_rng(4)
    windows = []
    for day in range(17):
        days = range(DAYS, DAYS + day + 1)
        window = sold(random, days, 2).tail(ROWS)
        windows.append(window.assign(amount=7))
    states = [run_baseline(window, monitor, engine="local").state for window in windows]

    # The history that the windows leave
    past: dict[str, list[float]] = {}
    for day in range(8, 16):
        for field, value in statistics_of_products(without_history, states, day).items():
            past.setdefault(field, []).append(value)
    arrays = PastWindows({field: np.array(values) for field, values in past.items()})

    # The last window, compared with all of them
    last_eight = sum(states[9:16], states[8])
    with_history = without_history.with_history({PREVIOUS: last_eight}, {PREVIOUS: {"product": arrays}})
    check_results = run_monitoring(windows[16], monitor, with_history, engine="local").results
    drift = {
        (check_result.feature, check_result.against): check_result.status
        for check_result in check_results
        if "drift" in check_result.check
    }
    assert drift["product", PREVIOUS] is not CheckStatus.NOT_JUDGED
    assert drift["product", None] is CheckStatus.NOT_JUDGED
    assert ("amount", PREVIOUS) not in drift


def statistics_of_products(baseline, states, day: int) -> dict[str, float]:
    """What the window of a day leaves of its products, compared with the eight windows before."""
    last_eight = sum(states[day - 7 : day], states[day - 8])
    comparison = baseline.with_history({PREVIOUS: last_eight}, {})
    raw_statistics = comparison.raw_statistics(states[day])
    [statistics] = [raw for reference, _, raw in raw_statistics if reference == PREVIOUS]
    return statistics


def parts(of_value) -> np.ndarray:
    """Which of 32 parts has which of 60 values."""
    return np.array([[of_value(part, value) for value in range(60)] for part in range(32)])


def test_beginnings_are_counted_in_the_second_half():
    appearances = parts(lambda part, value: part >= value // 2)

    assert count_beginnings(appearances, may_end=False)[16:].tolist() == [2.0] * 14 + [0.0] * 2
    assert np.isnan(count_beginnings(appearances, may_end=False)[:16]).all()


def test_values_that_come_and_go_grow_if_they_overlap_all_along():
    appearances = parts(lambda part, value: value // 2 <= part < value // 2 + 4)

    assert count_beginnings(appearances, may_end=False)[20] == 2.0


@pytest.mark.parametrize(
    "sorted_rows",
    [lambda part, value: part == value // 2, lambda part, value: part // 4 == value // 8],
    ids=["by its values", "by another column, whose values have eight of them each"],
)
def test_values_of_sorted_rows_dont_come_and_go(sorted_rows):
    assert count_beginnings(parts(sorted_rows), may_end=False) is None


CAMPAIGNS = [f"c{number:04d}" for number in range(400)]


def draw_campaigns(random, days, at_once=30):
    """Rows of campaigns that last twenty days, with shares that jump from day to day."""
    numbers = []
    for day in days:
        share = random.dirichlet(np.full(at_once, 8.0))
        first = day * at_once // 20
        numbers.append(first + random.choice(at_once, ROWS, p=share))
    names = np.array(CAMPAIGNS)
    campaigns = names[np.array(numbers)]
    amounts = random.normal(size=campaigns.size)
    return pd.DataFrame({"product": campaigns.ravel(), "amount": amounts})


def test_campaigns_come_and_go_and_one_with_a_third_of_the_rows_is_found():
    random = np.random.default_rng(8)
    data = draw_campaigns(random, range(60))
    baseline = run_baseline(data, DataQualityMonitor(), engine="local")
    window = draw_campaigns(random, [61])
    is_replaced = random.random(ROWS) < 0.33
    too_frequent = window.copy()
    too_frequent.loc[is_replaced, "product"] = "c9999"

    healthy = results(window, baseline)
    changed = results(too_frequent, baseline)

    assert not any(finding.is_violation for finding in healthy.values())
    violated = [check for check, finding in changed.items() if finding.is_violation]
    assert violated == ["frequent_value_check"]
    assert changed["frequent_value_check"].threshold < 0.15


@pytest.mark.parametrize("share", [0.02, 0.2, 1.0])
def test_values_in_any_order_grow_not(share):
    random = np.random.default_rng(5)

    assert all(count_beginnings(random.random((32, 400)) < share, may_end=True) is None for _ in range(50))


def test_a_lot_says_where_its_run_begins_whatever_its_rank():
    positions = [(0, 0), (0, 8), (0, 4_000), (3, 0), (3, 16)]

    for rank in (0, 7, 31):
        lots = zip((0.9, 0.1, 0.5, 0.7, 0.3), positions, strict=True)
        decoded = [RowRun(rank + encode_lot(lot, *position), 8).place for lot, position in lots]
        assert decoded == sorted(decoded)
        assert len({*decoded}) == len(decoded)


# Campaigns of a few days each


LIFE = 5
AT_ONCE = 10


def draw_short_campaigns(random, days):
    """The rows of each day: of campaigns, of which two begin every day, with shares that jump from day to day."""
    begins = np.repeat(np.arange(-LIFE, days), AT_ONCE // LIFE)
    tables = []
    for day in range(days):
        running = np.flatnonzero((begins <= day) & (day < begins + LIFE))
        weights = random.gamma(3, 1, len(running))
        chosen = random.choice(running, ROWS, p=weights / weights.sum())
        tables.append(pd.DataFrame({"product": [f"cmp-{9_900 + number:05d}" for number in chosen]}))
    return tables


CHANGES = {
    "capitals": (str.upper, "text_form_check"),
    "another separator": (lambda text: text.replace("-", "_"), "text_form_check"),
    "behind": (lambda text: f"{text[4:]}-cmp", "text_form_check"),
}


@pytest.mark.parametrize("seed", [0, *map(defer_to_night, (1, 2))])
def test_short_campaigns_in_another_form_are_found_and_new_ones_silent(seed):
    random = np.random.default_rng([seed, 65])
    tables = draw_short_campaigns(random, DAYS + 12)
    baseline = run_baseline(pd.concat(tables[:DAYS], ignore_index=True), DataQualityMonitor(), engine="local")
    assert "new_values_check" in results(tables[DAYS], baseline)  # these come and go

    for window in tables[DAYS:]:
        assert not [check for check, judged in results(window, baseline).items() if judged.is_violation]
        for name, (change, expected) in CHANGES.items():
            changed = window.assign(product=window["product"].map(change))
            violated = [check for check, judged in results(changed, baseline).items() if judged.is_violation]
            assert violated == [expected], name


@pytest.mark.parametrize("seed", [0, *map(defer_to_night, (1, 2))])
def test_short_campaigns_that_are_all_new_at_once_are_found(seed):
    """Twelve in place of all, beside the last eight windows, which say what is new."""
    random = np.random.default_rng([seed, 66])
    tables = draw_short_campaigns(random, DAYS + 20)
    monitor = DataQualityMonitor()
    baseline = run_baseline(pd.concat(tables[:DAYS], ignore_index=True), monitor, engine="local")
    stored = monitor.stored_baseline(baseline.constraints, None, baseline.state, baseline.constraints)
    stored = stored.with_block_variation(baseline.variation)

    for day in range(DAYS + 8, DAYS + 20):
        last_eight = run_baseline(pd.concat(tables[day - 8 : day]), monitor, engine="local").state
        with_history = stored.with_history({PREVIOUS: last_eight}, {})
        window = tables[day]
        all_new = window.assign(product=[f"cmp-{90_000 + row % 12}" for row in range(ROWS)])

        assert not results(window, with_history)["new_values_check"].is_violation
        assert results(all_new, with_history)["new_values_check"].is_violation
