"""How far predicted numbers are off before labels: the mean error by hand, its interval, and what can't be estimated."""

import json
import sys
from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import (
    ErrorModel,
    EstimatedQualityMonitor,
    ModelQualityMonitor,
    merge_runs,
    outcomes,
    run_baseline,
    run_monitoring,
)
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.run_description import RunContext
from spark_model_monitor.errors import BadConfiguration, BadInput, MissingDependency
from spark_model_monitor.reports.history_page.history import read_run_history
from spark_model_monitor.reports.history_page.over_time import create_tracks
from spark_model_monitor.statistics.states.blocks import assign_blocks
from spark_model_monitor.statistics.states.estimated import EstimatedOutcomes, measure_expected_errors

from .outcomes_made import REGRESSION


def rows(count, *, seed=3, hard=0.5):
    """Prices of houses, off by 10 on average in a town and by 40 elsewhere. hard: the share of those elsewhere."""
    random = np.random.default_rng(seed)
    elsewhere = random.random(count) < hard
    predicted = random.uniform(100, 900, count).round()
    off = np.where(elsewhere, random.uniform(20, 60, count), random.uniform(0, 20, count))
    village_or_town = np.where(elsewhere, "village", "town")
    label = predicted + off * random.choice([-1, 1], count)
    return pd.DataFrame(
        {"place": village_or_town, "rooms": random.integers(1, 6, count), "prediction": predicted, "label": label}
    )


@pytest.fixture(scope="module")
def errors():
    return ErrorModel.learnt(rows(1_000), label="label", prediction="prediction")


@pytest.fixture(scope="module")
def number_baseline():
    return run_baseline(outcomes(rows(1_000), REGRESSION, engine="local"), ModelQualityMonitor(REGRESSION))


def estimate_window(frame, training, errors):
    data = outcomes(frame.drop(columns="label"), REGRESSION, label=None, errors=errors, engine="local")
    return run_monitoring(data, EstimatedQualityMonitor(REGRESSION), training)


def test_the_mean_error_is_that_of_the_rows_that_there_are(number_baseline, errors):
    findings = estimate_window(rows(900, seed=9, hard=0.9), number_baseline, errors)

    # by hand: nine tenths of the rows are off by 40 on average, the rest by 10
    assert findings.current.to_pandas().loc["mae", "value"] == pytest.approx(0.9 * 40 + 0.1 * 10, abs=2)
    low, high = findings.current.to_pandas().loc["mae", "interval"]
    # errors are uniform about their expectation: variance 40²/12 and 20²/12, in the window and in the rows learnt from
    spread = 0.5 * 40**2 / 12 + 0.5 * 20**2 / 12
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(spread * (1 / 900 + 1 / 1_000)), rel=0.25)


def test_the_mean_square_is_that_of_the_rows_that_there_are(number_baseline, errors):
    table = estimate_window(rows(900, seed=9, hard=0.9), number_baseline, errors).current.to_pandas()

    # by hand: the mean square of errors from 20 to 60 is (60³ - 20³) / (3·40), of those from 0 to 20 it is 20³ / (3·20)
    square = 0.9 * (60**3 - 20**3) / 120 + 0.1 * 20**3 / 60
    assert table.loc["mse", "value"] == pytest.approx(square, rel=0.05)
    assert table.loc["rmse", "value"] == pytest.approx(np.sqrt(table.loc["mse", "value"]))
    assert table.loc["rmse", "interval"] == pytest.approx(np.sqrt(table.loc["mse", "interval"]), rel=0.02)


class MeanErrorModel:
    """A model of errors that has learnt the mean of each place."""

    names = ("place",)

    def __init__(self, training_rows):
        off = (training_rows["label"] - training_rows["prediction"]).abs()
        self.means = off.groupby(training_rows["place"]).mean()
        self.worth = measure_expected_errors(
            off.to_numpy(),
            self(training_rows).astype(float),
            assign_blocks(np.arange(len(training_rows), dtype=np.uint64)),
        )

    def __call__(self, columns):
        return pd.Series(columns["place"]).astype(str).map(self.means).to_numpy()


def test_realised_errors_lie_in_the_interval_as_often_as_it_says(number_baseline):
    """Baselines and windows of their own, of rows that are as hard as those of the baseline or not."""
    inside = dict.fromkeys(("mae", "mse", "rmse"), 0)
    for seed in range(120):
        later = rows(300, seed=2 * seed + 1, hard=(0.4, 0.5, 0.6)[seed % 3])
        table = estimate_window(later, number_baseline, MeanErrorModel(rows(400, seed=2 * seed))).current.to_pandas()
        off = (later["label"] - later["prediction"]).to_numpy()
        real = {"mae": np.abs(off).mean(), "mse": (off**2).mean(), "rmse": np.sqrt((off**2).mean())}
        for name, value in real.items():
            low, high = table.loc[name, "interval"]
            inside[name] += low <= value <= high

    # of 120 at 95 % fewer than 107 have a chance of 0.3 %, and so have all of them
    assert all(107 <= hits <= 119 for hits in inside.values()), inside


def test_more_hard_rows_are_a_violation_before_their_labels_come(number_baseline, errors):
    findings = estimate_window(rows(900, seed=9, hard=0.9), number_baseline, errors)

    violated = {result.metric for result in findings.results if result.status is CheckStatus.VIOLATED}
    assert (
        {result.metric for result in findings.results}
        == violated
        == {"estimated_mae", "estimated_mse", "estimated_rmse"}
    )
    assert violated <= {metric.name for metric in findings.published}
    assert "A model that has learnt errors" in findings.report().html


def test_a_window_like_the_baseline_is_silent(number_baseline, errors):
    assert [estimate_window(rows(600, seed=seed), number_baseline, errors).count for seed in (5, 6, 7)] == [0, 0, 0]


def test_hours_add_up_to_their_day_and_have_a_sketch_of_the_errors(tmp_path, number_baseline, errors):
    later = rows(400, seed=9)
    for number, part in enumerate((later[:150], later[150:])):
        estimate_window(part, number_baseline, errors).write(tmp_path / str(number))
    merge_runs([str(tmp_path / "0"), str(tmp_path / "1")], str(tmp_path / "day"))

    day = json.loads((tmp_path / "day" / "estimated_quality.json").read_text())
    full_day = estimate_window(later, number_baseline, errors)
    assert day["metrics"][0]["value"] == pytest.approx(full_day.current.to_pandas().loc["mae", "value"])
    residuals = full_day.current.state.predictions.residuals
    assert residuals.count == 400
    assert residuals.quantile(0.1) < 15 < 35 < residuals.quantile(0.9)  # towns, then villages


def test_the_history_has_a_dashed_line_of_the_mean_error_before_the_labels(tmp_path, number_baseline, errors):
    for hour in (0, 1):
        start = datetime(2026, 3, 4, hour, tzinfo=timezone.utc)
        context = RunContext(start, start + timedelta(hours=1), model="houses")
        window = rows(200, seed=20 + hour)
        data = outcomes(window.drop(columns="label"), REGRESSION, label=None, errors=errors, engine="local")
        findings = run_monitoring(data, EstimatedQualityMonitor(REGRESSION), number_baseline, context=context)
        findings.write(tmp_path / f"estimated/{hour}")
        if hour == 0:  # later labels have not come yet
            labelled = outcomes(window, REGRESSION, engine="local")
            real = run_monitoring(labelled, ModelQualityMonitor(REGRESSION), number_baseline, context=context)
            real.write(tmp_path / "quality/0")

    history = read_run_history([str(tmp_path)])
    [track] = [candidate for candidate in create_tracks(history, {}).tracks if candidate.title == "mae"]
    first = rows(200, seed=20)
    assert track.values == (pytest.approx((first["label"] - first["prediction"]).abs().mean()), None)
    assert len(track.expected) == 2
    assert None not in track.expected


def test_a_model_of_errors_is_written_and_read(tmp_path, number_baseline, errors):
    errors.write(str(tmp_path / "errors.skops"))
    read = ErrorModel.read(str(tmp_path / "errors.skops"))
    later = rows(200, seed=9)

    assert (
        estimate_window(later, number_baseline, read).current.state
        == estimate_window(later, number_baseline, errors).current.state
    )
    assert isinstance(estimate_window(later, number_baseline, read).current.state, EstimatedOutcomes)


def test_texts_that_were_never_seen_and_missing_cells_have_an_error_too(number_baseline, errors):
    later = rows(200, seed=9)
    later.loc[:99, "place"] = None
    later.loc[100:, "place"] = "at sea"

    assert 0 < estimate_window(later, number_baseline, errors).current.to_pandas().loc["mae", "value"] < 60


def test_a_baseline_that_was_always_right_promises_a_mean_error_and_no_square():
    reference = rows(300).assign(label=lambda frame: frame["prediction"])
    errors = ErrorModel.learnt(reference, label="label", prediction="prediction")
    baseline = run_baseline(outcomes(reference, REGRESSION, engine="local"), ModelQualityMonitor(REGRESSION))

    findings = estimate_window(rows(200, seed=5), baseline, errors)

    assert findings.current.to_pandas()["value"].dropna().to_dict() == {"mae": 0.0}
    assert findings.count == 0


def test_another_file_is_no_model_of_errors(tmp_path):
    (tmp_path / "errors.skops").write_bytes(b"something else")

    with pytest.raises(BadConfiguration, match=r"errors.skops', which is no model of errors \(BadZipFile\)"):
        ErrorModel.read(str(tmp_path / "errors.skops"))


def test_a_window_without_a_column_that_was_learnt_from_names_it(number_baseline, errors):
    with pytest.raises(BadInput, match="has no 'place', which the model of errors has learnt from"):
        estimate_window(rows(50).drop(columns="place"), number_baseline, errors)


def test_without_a_model_of_errors_the_run_says_how_to_make_one(number_baseline):
    with pytest.raises(BadConfiguration, match="error_model is missing"):
        estimate_window(rows(50), number_baseline, None)


@pytest.mark.parametrize(
    ("frame", "label", "error", "message"),
    [
        (rows(30), "label", BadInput, "the data has 30 rows; to learn errors takes 100"),
        (rows(200), "price", BadConfiguration, "label is 'price', which is no column of the data"),
        (rows(200).assign(label="dear"), "label", BadInput, "200 labels or predictions are no numbers"),
    ],
    ids=["30 rows", "no such column", "labels of another type"],
)
def test_what_errors_cannot_be_learnt_from_is_a_sentence(frame, label, error, message):
    with pytest.raises(error, match=message):
        ErrorModel.learnt(frame, label=label, prediction="prediction")


@pytest.mark.parametrize("library", ["sklearn.ensemble", "skops"])
def test_without_the_extra_a_sentence_says_what_to_install(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(MissingDependency, match=r"install spark-model-monitor\[sklearn\]"):
        ErrorModel.learnt(rows(120), label="label", prediction="prediction")
