"""Which feature's shift explains a loss, by hand, and whether a new model pays for itself."""

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import loss_by_feature, retraining
from spark_model_monitor.errors import BadConfiguration, BadInput

# by hand: of plan a one of ten answers is wrong, of b three; region says nothing of the loss
ROWS = [(plan, region, number < (3 if plan == "b" else 1)) for plan in "ab" for region in "xy" for number in range(10)]
KNOWN = pd.DataFrame(ROWS * 20, columns=["plan", "region", "wrong"]).astype({"wrong": float})


def later(share_of_b, share_of_y=0.5, count=20_000):
    number = np.arange(count)
    plan = np.where(number % 100 < 100 * share_of_b, "b", "a")
    region = np.where(number // 100 % 100 < 100 * share_of_y, "y", "x")
    return pd.DataFrame({"plan": plan, "region": region})


def test_the_loss_goes_to_the_feature_that_moved_it():
    losses = loss_by_feature(KNOWN, later(0.9, 0.8), "wrong")

    assert losses.before == pytest.approx(0.2)
    assert losses.after == pytest.approx(0.9 * 0.3 + 0.1 * 0.1, abs=1e-4)
    assert losses.by_feature["plan"] == pytest.approx(0.08, abs=1e-4)
    assert losses.by_feature["region"] == pytest.approx(0, abs=1e-9)
    assert list(losses.by_feature) == ["plan", "region"]
    assert losses.unexplained == 0


def test_the_parts_add_up_to_the_whole_that_is_given():
    losses = loss_by_feature(KNOWN, later(0.9), "wrong", after=0.31)

    assert losses.after - losses.before == pytest.approx(
        sum(losses.by_feature.values()) + losses.unexplained, abs=1e-12
    )
    assert losses.unexplained == pytest.approx(0.31 - 0.28, abs=1e-4)


def test_features_that_stay_explain_nothing():
    losses = loss_by_feature(KNOWN, later(0.5), "wrong")

    assert (losses.unexplained, *losses.by_feature.values()) == pytest.approx((0, 0, 0), abs=1e-9)


def test_numbers_and_missing_cells_are_features_too():
    random = np.random.default_rng(3)
    age = random.uniform(20, 80, 4_000)
    reference = pd.DataFrame({"age": np.where(random.random(4_000) < 0.1, np.nan, age), "off": age / 10})
    older = pd.DataFrame({"age": random.uniform(50, 80, 2_000)})

    # by hand: the mean age goes from 50 to 65, in bins of a tenth of the rows
    assert loss_by_feature(reference, older, "off").by_feature["age"] == pytest.approx(1.5, abs=0.1)


def test_rows_that_no_known_row_is_like_are_stated():
    reference = pd.DataFrame({"same": np.arange(200) == 7, "wrong": np.arange(200) % 2})
    losses = loss_by_feature(reference, pd.DataFrame({"same": [True] * 200}), "wrong")

    assert losses.effective_rows == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("reference", "rows", "error", "message"),
    [
        (KNOWN.rename(columns={"wrong": "loss"}), later(0.5), BadConfiguration, "loss is 'wrong', which is no column"),
        (KNOWN, later(0.5)[["plan"]], BadConfiguration, "the later rows have no 'region'"),
        (KNOWN, later(0.5, count=30), BadInput, "there are 30 later rows; to distinguish features takes 100"),
        (KNOWN.assign(wrong="yes"), later(0.5), BadInput, "800 losses are no numbers"),
    ],
    ids=["no loss", "no feature", "30 rows", "no numbers"],
)
def test_what_cannot_be_distinguished_is_a_sentence(reference, rows, error, message):
    with pytest.raises(error, match=message):
        loss_by_feature(reference, rows, "wrong")


COSTS = {"rows_a_day": 1_000, "cost_of_loss": 5, "days": 90}


@pytest.mark.parametrize(
    ("interval", "cost", "verdict"),
    [
        ((0.02, 0.04), 8_999, "retrain"),  # by hand: the low end is 0.02 · 1,000 · 5 · 90 = 9,000
        ((0.02, 0.04), 9_000, "cannot tell"),
        ((0.02, 0.04), 18_000, "keep"),  # the high end is 18,000
        ((-0.01, 0.04), 1_000, "cannot tell"),
    ],
)
def test_a_new_model_pays_if_the_low_end_of_the_loss_does(interval, cost, verdict):
    assert retraining(0.03, interval, cost_of_retraining=cost, **COSTS).verdict == verdict


def test_the_arithmetic_is_shown():
    lines = retraining(0.03, (0.02, 0.04), cost_of_retraining=4_000, regained=0.5, **COSTS).lines

    # by hand: 0.03 · 1,000 · 5 a day, of which half is won back over 90 days
    assert lines["loss_a_day"] == pytest.approx(150)
    assert lines["won_back"] == pytest.approx(6_750)
    assert lines["pays_after"] == pytest.approx(4_000 / 75)
    assert retraining(0.0, (0.0, 0.0), cost_of_retraining=1, **COSTS).lines["pays_after"] == float("inf")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rows_a_day": -1}, "rows_a_day is -1"),
        ({"interval": (0.04, 0.02)}, "write its low end first"),
        ({"regained": 50}, "regained is 50; it has to be a number from 0 to 1"),
        ({"days": float("nan")}, "days is nan"),
    ],
)
def test_numbers_that_cannot_be_are_refused(changed, message):
    options = {"interval": (0.02, 0.04), "cost_of_retraining": 1.0, **COSTS} | changed

    with pytest.raises(BadConfiguration, match=message):
        retraining(0.03, options.pop("interval"), **options)
