"""A column with a season and a nightly fault, by the monitoring job: four windows a day, two weeks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from tests.entries import read_checks
from tests.running_jobs import JobsHere

pytestmark = pytest.mark.slow  # sixty jobs

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


def folder_of(place):
    return f"reports/{START + timedelta(hours=6 * (place + 1)):%Y/%m/%d/%H}"


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """The runs of 15 days; `amount` is broken at midnight from the second day on, and `load` at noon of the last one."""
    run = JobsHere(tmp_path_factory.mktemp("clock"))
    (run.folder / "before.csv").write_text(rows(1, np.random.default_rng(1).integers(0, 24, 4_000)))
    flags = ("--dataset-format", "csv", "--engine", "local")
    assert run("baseline", "--dataset-source", "before.csv", "--output-path", "baseline", *flags).status == 0
    for place in range(60):
        broken = place >= 4 and place % 4 == 3
        (run.folder / "now.csv").write_text(rows(100 + place, np.full(300, 6 * (place % 4) + 3), broken=broken))
        assert monitored(run, place) == 0
    return run


def monitored(run, place):
    end = START + timedelta(hours=6 * (place + 1))
    times = (
        "--start-time",
        f"{end - timedelta(hours=6):%Y-%m-%dT%H:%M:%SZ}",
        "--end-time",
        f"{end:%Y-%m-%dT%H:%M:%SZ}",
    )
    source = ("--dataset-source", "now.csv", "--dataset-format", "csv", "--engine", "local")
    return run("monitor", *source, "--baseline", "baseline", "--output-path", folder_of(place), *times).status


def checks(jobs, place, name):
    found = read_checks(jobs.folder / folder_of(place) / "checks.json")["checks"]
    return [each for each in found if each.get("feature") == name]


def violated(jobs, place, name):
    return [each for each in checks(jobs, place, name) if each["status"] == "violated"]


def test_a_season_is_withheld_for_a_week_and_is_usual_from_the_eighth_day_on(jobs):
    assert not any(violated(jobs, place, "load") for place in range(60))

    withheld = [check for place in range(WEEK) for check in checks(jobs, place, "load") if check.get("hour") == "new"]
    assert len(withheld) > WEEK / 2
    assert {check["status"] for check in withheld} == {"cannot tell"}
    reasons = [check.get("reason", "") for check in checks(jobs, WEEK + 1, "load")]
    assert any("as usual at this hour" in reason for reason in reasons), reasons


def test_a_nightly_fault_is_reported_for_a_week_and_then_is_a_hint(jobs):
    nights = [bool(violated(jobs, place, "amount")) for place in range(7, 60, 4)]

    assert nights == [True] * 7 + [False] * 7
    hints = read_checks(jobs.folder / folder_of(59) / "checks.json")["hints"]
    [hint] = [each for each in hints if each["hint"] == "follows_the_clock"]
    assert {"load", "amount"} <= set(hint["features"])


def test_a_window_that_is_run_again_after_later_ones_says_the_same(jobs):
    place = 45
    where = "checks.json"
    before = (jobs.folder / folder_of(place) / where).read_bytes()
    (jobs.folder / "now.csv").write_text(rows(100 + place, np.full(300, 6 * (place % 4) + 3)))

    assert monitored(jobs, place) == 0
    assert (jobs.folder / folder_of(place) / where).read_bytes() == before
