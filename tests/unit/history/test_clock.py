"""A column with a season and a nightly fault, by the monitoring job: four windows a day, two weeks."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from tests.entries import read_checks
from tests.running_jobs import JobsHere

pytestmark = pytest.mark.nightly  # sixty jobs

START = datetime(2026, 6, 1, tzinfo=timezone.utc)
WEEK = 28  # windows


def rows(seed, hours, *, broken=False):
    random = np.random.default_rng(seed)
    hours = np.asarray(hours)
    columns = {
        "load": 4 * np.sin(2 * np.pi * hours / 24) + random.standard_normal(len(hours)),
        "amount": np.where(broken, 0, random.lognormal(size=len(hours))),
        "calm": random.standard_normal(len(hours)),
    }
    lines = zip(*columns.values(), strict=True)
    return ",".join(columns) + "\n" + "".join(",".join(f"{cell:.5f}" for cell in line) + "\n" for line in lines)


def format_folder(number):
    return f"reports/{START + timedelta(hours=6 * (number + 1)):%Y/%m/%d/%H}"


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """The runs of 15 days; `amount` is broken at midnight from the second day on, and `load` at noon of the last one."""
    run = JobsHere(tmp_path_factory.mktemp("clock"))
    (run.folder / "before.csv").write_text(rows(1, np.random.default_rng(1).integers(0, 24, 4_000)))
    flags = ("--dataset-format", "csv", "--engine", "local")
    assert run("baseline", "--dataset-source", "before.csv", "--output-path", "baseline", *flags).status == 0
    for number in range(60):
        broken = number >= 4 and number % 4 == 3
        (run.folder / "now.csv").write_text(rows(100 + number, np.full(300, 6 * (number % 4) + 3), broken=broken))
        assert monitored(run, number) == 0
    return run


def monitored(run, number):
    end = START + timedelta(hours=6 * (number + 1))
    times = (
        "--start-time",
        f"{end - timedelta(hours=6):%Y-%m-%dT%H:%M:%SZ}",
        "--end-time",
        f"{end:%Y-%m-%dT%H:%M:%SZ}",
    )
    source = ("--dataset-source", "now.csv", "--dataset-format", "csv", "--engine", "local")
    return run("monitor", *source, "--baseline", "baseline", "--output-path", format_folder(number), *times).status


def checks(jobs, number, name):
    all_checks = read_checks(jobs.folder / format_folder(number) / "checks.json")["checks"]
    return [check for check in all_checks if check.get("feature") == name]


def violated(jobs, number, name):
    return [check for check in checks(jobs, number, name) if check["status"] == "violated"]


def test_a_season_is_withheld_for_a_week_and_is_usual_from_the_eighth_day_on(jobs):
    assert not any(violated(jobs, number, "load") for number in range(60))

    withheld = [check for number in range(WEEK) for check in checks(jobs, number, "load") if check.get("hour") == "new"]
    assert len(withheld) > WEEK / 2
    assert {check["status"] for check in withheld} == {"cannot tell"}
    reasons = [check.get("reason", "") for check in checks(jobs, WEEK + 1, "load")]
    assert any("as usual at this hour" in reason for reason in reasons), reasons


def test_a_nightly_fault_is_reported_for_a_week_and_then_is_a_hint(jobs):
    nights = [bool(violated(jobs, number, "amount")) for number in range(7, 60, 4)]

    assert nights == [True] * 7 + [False] * 7
    hints = read_checks(jobs.folder / format_folder(59) / "checks.json")["hints"]
    [hint] = [hint for hint in hints if hint["hint"] == "follows_the_clock"]
    assert {"load", "amount"} <= set(hint["features"])


def test_a_window_that_is_run_again_after_later_ones_says_the_same(jobs):
    number = 45
    where = "checks.json"
    before = (jobs.folder / format_folder(number) / where).read_bytes()
    (jobs.folder / "now.csv").write_text(rows(100 + number, np.full(300, 6 * (number % 4) + 3)))

    assert monitored(jobs, number) == 0
    assert (jobs.folder / format_folder(number) / where).read_bytes() == before
