"""Between columns: what a baseline finds, and what a window breaks that no column shows alone."""

import json

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import DataQualityMonitor, MonitoringSettings, run_baseline, run_monitoring
from spark_model_monitor.data.profiling.pair_scan import assign_cells, count_relation
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.monitors.data_quality.column_relations import QUARTILES, _choose_cells
from spark_model_monitor.monitors.data_quality.relation_verdicts import compute_chi_square, fit_to_margins
from spark_model_monitor.statistics.states.pairs import Pairs

CITIES = {"Graz": "8010", "Linz": "4020", "Wien": "1010", "Salzburg": "5020"}
CHECKS = {"relation_check", "association_check"}


def orders(rows, seed, rho=0.8):
    random = np.random.default_rng(seed)
    a = random.normal(size=rows)
    price = np.round(random.lognormal(2, 0.5, rows), 2)
    count = random.integers(1, 9, rows)
    city = random.choice([*CITIES], rows, p=[0.4, 0.3, 0.2, 0.1])
    start = random.uniform(0, 10, rows)
    frame = pd.DataFrame(
        {
            "a": a,
            "b": rho * a + np.sqrt(1 - rho**2) * random.normal(size=rows),
            "price": price,
            "count": count,
            "total": np.round(price * count, 2),
            "city": city,
            "zip": pd.Series(city).map(CITIES),
            "start": start,
            "end": start + random.exponential(2, rows),
            "fee": np.round(random.uniform(1, 5, rows), 2),
        }
    )
    frame["sum"] = frame["total"] + frame["fee"]
    frame["again"] = frame["fee"]
    frame.loc[random.random(rows) < 0.1, "end"] = np.nan
    return frame


def find_relations(baseline, kind):
    states = (feature.state(Pairs) for feature in baseline.state.features)
    relations = [json.loads(text) for state in states if state is not None for text in state.counts]
    return {tuple(relation["columns"]) for relation in relations if relation["kind"] == kind}


@pytest.fixture(scope="module")
def baseline():
    return run_baseline(orders(10_000, seed=1), DataQualityMonitor(pairs=True), engine="local")


def monitored(baseline, window, **monitor):
    findings = run_monitoring(window, DataQualityMonitor(**monitor), baseline, engine="local")
    return findings, {(finding.feature, finding.check) for finding in findings.results if finding.is_violation}


def test_what_holds_in_all_rows_of_a_baseline_is_found(baseline):
    assert find_relations(baseline, "product") == {("price", "count", "total")}
    assert find_relations(baseline, "sum") == {("total", "fee", "sum")}
    assert find_relations(baseline, "equal") == {("fee", "again")}
    assert find_relations(baseline, "key") == {("city", "zip")}
    assert ("start", "end") in find_relations(baseline, "order")


@pytest.mark.parametrize(("rows", "keys"), [(199, set()), (200, {("city", "zip")})])
def test_a_key_is_found_in_two_hundred_rows(rows, keys):
    table = orders(300, seed=1)[["city", "zip"]]
    # Rows without a value are not counted
    table.loc[rows:, "zip"] = None
    baseline = run_baseline(table, DataQualityMonitor(pairs=True), engine="local")

    assert find_relations(baseline, "key") == keys


def test_what_goes_together_by_chance_in_few_rows_is_no_association():
    """Ten columns of numbers in quarters: noise alone makes a strength of about the square root of 3 / 250, or 0.11."""
    noise = pd.DataFrame(np.random.default_rng(7).normal(size=(250, 10))).add_prefix("noise ")

    baseline = run_baseline(noise, DataQualityMonitor(pairs=True), engine="local")

    assert find_relations(baseline, "association") == set()


def test_what_goes_together_is_found_and_what_does_not_is_not(baseline):
    associations = find_relations(baseline, "association")

    assert ("a", "b") in associations
    assert not [pair for pair in associations if "a" in pair and pair != ("a", "b")]


def test_a_third_of_the_relations_are_orders_at_most():
    """Of 16 columns each lies above those before it: 120 pairs, of 300 relations."""
    random = np.random.default_rng(6)
    steps = random.exponential(1, (2_000, 16)).cumsum(axis=1)
    columns = random.uniform(0, 100, (2_000, 1)) + steps
    frame = pd.DataFrame(columns).add_prefix("step ")

    baseline = run_baseline(frame, DataQualityMonitor(pairs=True), engine="local")
    order_relations = find_relations(baseline, "order")

    assert len(order_relations) == 100


def broken_total(window):
    window.loc[:9, "total"] += 1
    window["sum"] = window["total"] + window["fee"]


def broken_sum(window):
    window.loc[:9, "sum"] += 1


def broken_copy(window):
    window.loc[:9, "again"] = 3.0


def broken_zip(window):
    window.loc[:9, "zip"] = np.where(window.loc[:9, "zip"] == "8010", "4020", "8010")


def broken_order(window):
    window.loc[:9, "end"] = window.loc[:9, "start"] / 2


def weaker(window):
    window[["a", "b"]] = orders(len(window), seed=3, rho=0.5)[["a", "b"]]


FAULTS = {
    "product": (broken_total, ("price, count and total", "relation_check")),
    "sum": (broken_sum, ("total, fee and sum", "relation_check")),
    "equal": (broken_copy, ("fee and again", "relation_check")),
    "key": (broken_zip, ("city and zip", "relation_check")),
    "order": (broken_order, ("start and end", "relation_check")),
    "a correlation of 0.5 for 0.8": (weaker, ("a and b", "association_check")),
}


@pytest.mark.parametrize(("plant", "where"), FAULTS.values(), ids=FAULTS)
def test_what_ten_of_a_thousand_rows_break_is_found_alone(baseline, plant, where):
    window = orders(1_000, seed=2)
    assert monitored(baseline, window)[1] == set()

    plant(window)

    assert monitored(baseline, window)[1] == {where}


def test_what_breaks_beside_a_column_of_none_of_its_own_is_found_with_it(baseline):
    window = orders(1_000, seed=2)
    broken_zip(window)
    window["price"] *= 100

    assert monitored(baseline, window)[1] == {("city and zip", "relation_check"), ("price", "baseline_drift_check")}


def test_a_broken_rule_is_reported_in_words(baseline):
    window = orders(1_000, seed=2)
    window["total"] = np.where(np.arange(1_000) < 390, window["total"].sample(frac=1, random_state=0), window["total"])
    window["sum"] = window["total"] + window["fee"]

    findings, _ = monitored(baseline, window)
    same = np.isclose(window["total"], window["price"] * window["count"], atol=0.006).mean()

    assert f"total was price × count in all rows, now in {100 * same:.1f} %" in findings.summary()
    assert "1 of 12 features" in findings.summary()


def test_a_column_that_moved_tells_of_its_pairs_itself(baseline):
    window = orders(1_000, seed=2)
    window["price"] *= 100

    findings, violated = monitored(baseline, window)

    assert violated == {("price", "baseline_drift_check")}
    [product] = [finding for finding in findings.results if finding.feature == "price, count and total"]
    assert (product.status, product.reason) == (
        CheckStatus.NOT_JUDGED,
        "price is violated, and this is the same change",
    )


def test_pairs_have_a_part_of_the_budget_and_none_without_them(baseline):
    window = orders(1_000, seed=2)
    broken_total(window)
    with_them = monitored(baseline, window)[0]
    without = monitored(baseline, window, pairs=False)[0]

    assert [family.family for family in with_them.budget.families][-1] == "between columns"
    assert sum(family.level for family in with_them.budget.families) == pytest.approx(1 / 720)
    assert CHECKS.isdisjoint(finding.check for finding in without.results)
    assert [family.family for family in without.budget.families] == ["drift", "completeness", "contents", "new kinds"]
    plain = run_baseline(orders(2_000, seed=1), DataQualityMonitor(), engine="local")
    assert not [feature for feature in plain.state.features if Pairs.KIND in feature.states]


def test_the_service_has_none_and_its_documents_are_what_they_were(baseline):
    data = orders(10_000, seed=1)
    plain = run_baseline(data, DataQualityMonitor(pairs=False), engine="local").files()
    of_service = run_baseline(data, DataQualityMonitor(as_service=True, pairs=True), engine="local")

    for name in ("statistics.json", "constraints.json"):
        assert baseline.files()[name] == plain[name]
    assert not [feature for feature in of_service.state.features if Pairs.KIND in feature.states]


def test_a_window_that_lacks_a_column_is_judged_by_the_others(baseline):
    window = orders(1_000, seed=2).drop(columns=["total"])
    broken_zip(window)

    assert ("city and zip", "relation_check") in monitored(baseline, window)[1]


def test_rows_of_one_user_are_no_news_where_rows_are_clustered():
    """Each user has a correlation of its own, so that 500 rows in a row go together otherwise than others."""

    def users(rows, seed):
        random = np.random.default_rng(seed)
        rho = np.repeat(random.choice([0.95, 0.2], rows // 500), 500)
        x = random.normal(size=len(rho))
        return pd.DataFrame({"x": x, "y": rho * x + np.sqrt(1 - rho**2) * random.normal(size=len(x))})

    before = run_baseline(users(20_000, 1), DataQualityMonitor(pairs=True), engine="local")
    sure = run_baseline(
        users(20_000, 1),
        DataQualityMonitor(settings=MonitoringSettings(rows="independent"), pairs=True),
        engine="local",
    )
    windows = [users(1_000, seed) for seed in range(2, 22)]

    assert find_relations(before, "association") == {("x", "y")}
    assert [monitored(before, window)[1] & {("x and y", "association_check")} for window in windows] == [set()] * 20
    assert sum(("x and y", "association_check") in monitored(sure, window)[1] for window in windows) > 0


def test_rows_are_counted_by_their_cells():
    numbers = np.array([1.0, 2.0, 3.0, np.nan, 2.0])
    texts = np.array([7, 9, 0, 7, 8], np.uint64)
    cells = [{"cuts": [2.0, 3.0]}, {"values": [7, 9]}]

    assert assign_cells(cells[0], numbers).tolist() == [0, 1, 2, 3, 1]
    assert assign_cells(cells[1], texts).tolist() == [0, 1, 3, 0, 2]  # two of a cell each, others, missing
    counts = np.reshape(count_relation({"kind": "association", "cells": cells}, [numbers, texts]), (4, 4))
    assert counts.tolist() == [[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("kind", "columns", "counts"),
    [
        ("equal", ([1.0, 2.0, np.nan], [1.0, 3.0, 1.0]), (2, 1)),
        ("order", ([1.0, 2.0, 3.0], [1.0, 3.0, 2.0]), (3, 1)),
        ("sum", ([1.0, 2.0, 3.0], [1.0, 1.0, 1.0], [2.0, 3.0, np.inf]), (3, 1)),
        ("product", ([2.0, 2.0, np.nan], [3.0, 3.0, 3.0], [6.0, 5.0, 9.0]), (2, 1)),
    ],
)
def test_rows_that_break_a_relation_are_counted_and_those_without_a_value_are_not_requested(kind, columns, counts):
    assert count_relation({"kind": kind, "within": 0.0}, [np.array(cells) for cells in columns]) == counts


def test_other_shares_of_rows_alone_are_no_other_association():
    """A table whose rows are drawn otherwise goes together as before: its odds ratio is kept."""
    table = np.array([[30.0, 20.0], [10.0, 40.0]])
    window = np.array([[300.0, 200.0], [100.0, 400.0]]) * [[1.0], [3.0]]

    [[a, b], [c, d]] = fit_to_margins(table, window.sum(axis=1), window.sum(axis=0))
    square, _ = compute_chi_square(1_000 * table, window)

    assert a * d / (b * c) == pytest.approx((30.5 * 40.5) / (20.5 * 10.5), rel=1e-3)  # half a row more in each cell
    assert float(square) == pytest.approx(0, abs=0.01)


def test_rows_with_values_that_the_baseline_lacks_say_nothing_of_an_association():
    table = np.array([[400.0, 100.0, 0.0], [100.0, 400.0, 0.0], [0.0, 0.0, 0.0]])
    window = np.array([[280.0, 70.0, 0.0], [70.0, 280.0, 0.0], [150.0, 150.0, 0.0]])

    for rows in (window, window.T):
        square, free = compute_chi_square(table, rows)

        assert float(square) == pytest.approx(0, abs=0.01)
        assert free == 1


@pytest.mark.parametrize("rows", [1, 9, 300])
def test_few_rows_and_odd_columns_have_none_or_some(rows):
    random = np.random.default_rng(4)
    frame = pd.DataFrame(
        {
            "nothing": np.full(rows, np.nan),
            "one": np.ones(rows),
            "huge": random.choice([np.inf, -np.inf, 1e300, np.nan], rows),
            "flag": random.random(rows) < 0.5,
            "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(random.integers(0, 99, rows), "D"),
            "list": [[1.0, 2.0]] * rows,
            "text": random.choice(["", "a", "né"], rows),
        }
    )

    before = run_baseline(frame, DataQualityMonitor(pairs=True), engine="local")

    assert monitored(before, frame)[1] == set()


def test_pairs_of_what_the_model_puts_out_are_not_requested():
    """A baseline has labels there, and a window the model's answers, which go with the score otherwise."""
    random = np.random.default_rng(5)

    def scored(rows, *, answers):
        score = random.random(rows)
        if answers:
            label = score > 0.5
        else:
            label = random.random(rows) < score
        return pd.DataFrame(
            {"label": label.astype(int), "score": score, "twice": score * 2 + random.normal(0, 0.1, rows)}
        )

    for outputs, alarm in ((("label", "score"), False), ((), True)):
        monitor = DataQualityMonitor(pairs=True, predictions=outputs)
        baseline = run_baseline(scored(10_000, answers=False), monitor, engine="local")
        violated = monitored(baseline, scored(2_000, answers=True), predictions=outputs)[1]

        assert any("label" in feature for feature, check in violated if check == "association_check") is alarm


@pytest.mark.parametrize(
    ("different_numbers", "cell_count"), [(len(QUARTILES) + 1, len(QUARTILES) + 1), (len(QUARTILES) + 2, 3)]
)
def test_each_of_a_few_numbers_has_a_cell_of_its_own(different_numbers, cell_count):
    """However rare they are; of more numbers, those that most rows have share theirs."""
    rare_numbers = [float(number) for number in range(1, different_numbers)]
    values = np.array([0.0] * 200 + rare_numbers * 2)

    cells = _choose_cells(values)

    assert len(cells["cuts"]) + 1 == cell_count
