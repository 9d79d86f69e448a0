"""A cause comes before what only follows from it: plans before prices, a value before a range, all rows before some."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.headline import write_headline
from spark_model_monitor.monitors.causes import create_cause_members
from spark_model_monitor.monitors.contributions import Culprit, Key

PLANS = np.array(["basic", "plus", "premium"])
PRICES = np.array([10.0, 18.0, 40.0])
USUAL_SHARES = [0.45, 0.35, 0.2]


def draw_orders(seed, rows=2_000, plan_shares=USUAL_SHARES):
    """The price follows from the plan, and fully tells it."""
    random = np.random.default_rng(seed)
    plan = random.choice(3, rows, p=plan_shares)
    return pd.DataFrame(
        {
            "plan": PLANS[plan],
            "price": PRICES[plan] * random.uniform(0.9, 1.1, rows),
            "usage": random.normal(50, 10, rows) + PRICES[plan],
            "city": random.choice(["Graz", "Linz", "Wien"], rows),
        }
    )


@pytest.fixture(scope="module")
def baseline():
    orders = draw_orders(1, rows=8_000)  # kept while the baseline is used
    yield run_baseline(orders, DataQualityMonitor(), engine="local")
    del orders


def find_violations(baseline, orders):
    findings = run_monitoring(orders, DataQualityMonitor(), baseline, engine="local")
    return {violation.feature: violation for violation in findings.results if violation.is_violation}


def test_what_follows_from_a_change_of_plans_says_so(baseline):
    violations = find_violations(baseline, draw_orders(2, plan_shares=[0.2, 0.3, 0.5]))

    assert set(violations) == {"plan", "price", "usage"}
    for feature in ("price", "usage"):
        expected = "for each value of 'plan' it is as before: does it follow from 'plan'?"
        assert (violations[feature].guess, violations[feature].segment) == (expected, None)
    assert (violations["plan"].guess, violations["plan"].segment) == (None, None)


def test_another_change_beside_a_change_of_plans_does_not_follow_from_it(baseline):
    orders = draw_orders(2, plan_shares=[0.2, 0.3, 0.5])
    orders["usage"] += 15
    violations = find_violations(baseline, orders)

    assert violations["price"].guess is not None
    assert violations["usage"].guess is None


@pytest.mark.parametrize("name", ["gold", "plus"])
def test_a_plan_with_another_name_is_not_in_a_range_of_its_prices(baseline, name):
    orders = draw_orders(3)
    orders["plan"] = orders["plan"].replace({"premium": name})

    assert find_violations(baseline, orders)["plan"].segment is None


def test_the_same_names_in_one_city_have_that_segment(baseline):
    orders = draw_orders(3, rows=4_000)
    orders.loc[orders["city"] == "Wien", "plan"] = "plus"

    assert find_violations(baseline, orders)["plan"].segment == "city=Wien"


def test_a_new_value_is_the_segment_of_its_own_prices(baseline):
    orders = draw_orders(4)
    is_new = np.arange(len(orders)) % 12 == 0
    orders.loc[is_new, "plan"] = "partner"
    orders.loc[is_new, "price"] *= 100
    violations = find_violations(baseline, orders)

    assert violations["price"].segment == "plan=partner"
    assert "about 100 times a usual one" in violations["price"].guess
    assert violations["plan"].change == "has one value that was not there before in 8.35 % of the records"


def test_a_plan_comes_before_a_range_of_its_prices(baseline):
    orders = draw_orders(5)
    orders.loc[orders["plan"] == "premium", "usage"] += 60

    assert find_violations(baseline, orders)["usage"].segment == "plan=premium"


def test_a_bound_that_most_large_numbers_exceeded_is_in_no_range(baseline):
    orders = draw_orders(6)
    orders["usage"] = orders["usage"].clip(upper=85)
    violation = find_violations(baseline, orders)["usage"]

    assert "clipped?" in violation.guess
    assert not (violation.segment or "").startswith("price")


def test_the_run_says_the_likely_mistake(baseline):
    orders = draw_orders(7)
    orders["price"] *= 100
    findings = run_monitoring(orders, DataQualityMonitor(), baseline, engine="local")

    detail = write_headline(findings.results).detail
    assert "price: all of them are about 100 times a usual one: another unit?" in detail


NO_CODES = np.zeros(1, dtype=np.int64)


def make_origin(name, share, rows, **members):
    key = Key(name, NO_CODES, 1, **members)
    if not key.labels:
        key = replace(key, describe=lambda parts: f"from {name}")
    return key, Culprit([0], share, rows, z=9.0, p=0.0, excess_share=share - rows)


@pytest.mark.parametrize("share_of_client", [0.98, 1.0])
def test_a_client_with_all_of_a_change_comes_before_rows_with_a_part_of_it(share_of_client):
    client = make_origin("client", share_of_client, 0.4, labels=("kiosk",))
    position = make_origin("position", 0.7, 0.05, is_ordered=True)
    causes = create_cause_members([], [position, client])["cause"]

    assert [cause.key for cause in causes] == ["client"]


def test_of_two_causes_of_all_rows_the_narrower_one_comes_first():
    client = make_origin("client", 1.0, 0.6, labels=("kiosk",))
    time = make_origin("time", 1.0, 0.2, is_ordered=True)

    assert [cause.key for cause in create_cause_members([], [client, time])["cause"]] == ["time", "client"]


def test_a_segment_with_a_part_of_a_change_is_left_out_beside_its_whole_origin():
    segment = make_origin("plan", 0.6, 0.2, labels=("plan=premium",), columns=("plan",))
    client = make_origin("client", 1.0, 0.3, labels=("kiosk",))

    assert create_cause_members([segment], [client])["segment"] is None
    assert create_cause_members([segment], [])["segment"] == "plan=premium"
