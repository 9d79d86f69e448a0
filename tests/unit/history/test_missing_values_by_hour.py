"""A column that lacks values at night, by the monitoring job: two windows a day, ten days. Its noon has none to lack."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from tests.entries import read_checks
from tests.running_jobs import JobsHere

START = datetime(2026, 6, 1, tzinfo=timezone.utc)
DAYS = 10
ROWS = 300
AT_NIGHT = 0.3  # the share of missing values


def write_rows(seed, missing):
    """CSV; missing: the chance of each row to lack `income`."""
    random = np.random.default_rng(seed)
    is_missing = random.random(len(missing)) < missing
    income = random.lognormal(3, 1, len(missing))
    age = random.normal(40, 10, len(missing))
    cells = np.where(is_missing, "", np.char.mod("%.3f", income))
    return "income,age\n" + "".join(f"{cell},{years:.3f}\n" for cell, years in zip(cells, age, strict=True))


def monitor_half_day(run, number, missing):
    """The checks of `income` that are violated in the window with this number; even ones are nights."""
    (run.folder / "now.csv").write_text(write_rows(100 + number, np.full(ROWS, missing)))
    start = START + timedelta(hours=12 * number)
    end = start + timedelta(hours=12)
    folder = f"reports/{end:%Y/%m/%d/%H}"
    times = ("--start-time", f"{start:%Y-%m-%dT%H:%M:%SZ}", "--end-time", f"{end:%Y-%m-%dT%H:%M:%SZ}")
    flags = ("--dataset-source", "now.csv", "--dataset-format", "csv", "--engine", "local")
    assert run("monitor", *flags, "--baseline", "baseline", "--output-path", folder, *times).status == 0
    all_checks = read_checks(run.folder / folder / "checks.json")["checks"]
    return [check for check in all_checks if check.get("feature") == "income" and check["status"] == "violated"]


@pytest.fixture(scope="module")
def ten_days(tmp_path_factory):
    """The jobs, and in which healthy windows there was an alarm."""
    run = JobsHere(tmp_path_factory.mktemp("hours"))
    nights = np.repeat([AT_NIGHT, 0.0] * 8, ROWS)
    (run.folder / "before.csv").write_text(write_rows(1, nights))
    flags = ("--dataset-source", "before.csv", "--dataset-format", "csv", "--engine", "local")
    assert run("baseline", *flags, "--output-path", "baseline").status == 0
    alarms = [number for number in range(2 * DAYS) if monitor_half_day(run, number, AT_NIGHT * (number % 2 == 0))]
    return run, alarms


def test_healthy_nights_and_noons_are_silent(ten_days):
    _, alarms = ten_days

    assert alarms == []


@pytest.mark.parametrize(
    ("number", "missing", "is_alarm"),
    [
        pytest.param(2 * DAYS, AT_NIGHT, False, id="a night as ever"),
        pytest.param(2 * DAYS + 1, 0.0, False, id="a noon as ever"),
        pytest.param(2 * DAYS + 1, 0.1, True, id="a noon that lacks less than a night does"),
        pytest.param(2 * DAYS, 0.5, True, id="a night that lacks more"),
    ],
)
def test_a_window_lacks_more_values_than_its_hour_does(ten_days, number, missing, is_alarm):
    run, _ = ten_days

    assert bool(monitor_half_day(run, number, missing)) == is_alarm
