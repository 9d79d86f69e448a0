"""`keep` of a schedule: each call that ran something deletes what has become too old."""

import json
from datetime import datetime, timedelta
from random import Random

import pytest
from tests.rotation import every_combination
from tests.unit.scheduling.conftest import make_time, parse_flags

from spark_model_monitor.data.records.windows import parse_hour_of_path
from spark_model_monitor.reports.outputs.run_files import publish
from spark_model_monitor.running.runtime.status import COMPLETED, NO_COMMIT
from spark_model_monitor.running.scheduling.fleet import read_fleet

FILES = {"statistics.json": b"{}", "report.html": b"<p>", "states/profile.parquet": b"PAR1"}


@pytest.fixture
def publishing(schedule):
    """A schedule whose jobs publish runs; one that does not complete leaves only its message."""

    def publish_run(output_path):
        publish({**FILES, "run.txt": output_path.name.encode()}, str(output_path), in_place=True)

    schedule.jobs.leaves = publish_run
    return schedule


def list_hours(schedule, name):
    day = schedule.folder / "reports" / "2024" / "03" / "04"
    return sorted(path.relative_to(day).parts[0] for path in day.glob(f"*/{name}"))


def test_the_latest_windows_stay(publishing):
    publishing.write(keep={"windows": 2})
    for hour in range(10, 14):
        publishing.run(make_time(4, hour, 5))

    assert list_hours(publishing, "_current.json") == ["12", "13"]


def test_runs_that_failed_are_not_counted(publishing):
    publishing.write(keep={"windows": 2})
    for hour in range(10, 13):
        publishing.run(make_time(4, hour, 5))
    publishing.jobs.leaves = lambda output_path: None
    publishing.jobs.statuses[:] = [3, 3]
    for hour in range(13, 15):
        publishing.run(make_time(4, hour, 5))

    assert list_hours(publishing, "_current.json") == ["11", "12"]


def test_windows_go_by_their_age_and_pages_and_states_before_them(publishing):
    publishing.write(keep={"windows": "5 hours", "pages": "PT1H", "states": "2 hours"})
    for hour in range(10, 20):
        publishing.run(make_time(4, hour, 0))

    assert list_hours(publishing, "_current.json") == ["14", "15", "16", "17", "18", "19"]
    assert list_hours(publishing, "states/profile.parquet") == ["17", "18", "19"]
    assert list_hours(publishing, "report.html") == ["18", "19"]


JUMPS = (*[timedelta(0)] * 4, timedelta(hours=1), timedelta(days=1), timedelta(days=366), timedelta(days=-1))
"""Of a clock, at one call."""


class Outages:
    """Stands for jobs of hours that are over at `now`, nine of ten of which have data; others end without."""

    def __init__(self, folder, random):
        self.folder = folder
        self.random = random
        self.outages = 0.1
        self.now = None
        self.published = []

    def __call__(self, command, note):
        flags = parse_flags(command)
        hour = datetime.fromisoformat(flags["--scheduled-time"].replace("Z", "+00:00"))
        output_path = self.folder / flags["--output-path"]
        output_path.mkdir(parents=True, exist_ok=True)
        if hour > self.now or self.random.random() < self.outages:
            (output_path / "message").write_text("Error: Job inputs had no data: there is none\n")
            return 3
        publish({**FILES, "run.txt": output_path.name.encode()}, str(output_path), in_place=True)
        (output_path / "message").write_text(f"{COMPLETED}\n")
        self.published.append(hour)
        return 0

    def list_left(self, name):
        reports = self.folder / "reports"
        return {parse_hour_of_path(str(path)[: len(f"{reports}/2024/03/04/00/")]) for path in reports.rglob(name)}


def select_hours(published, windows):
    """Of the published hours the latest so many, or those up to an age."""
    if windows == 8:
        return set(published[-8:])
    age = timedelta(hours=int(windows.removesuffix(" hours")))
    return {hour for hour in published if published[-1] - hour <= age}


@every_combination(seed=range(3), windows=[8, "10 hours"])
def test_windows_are_old_by_the_newest_one_and_by_no_clock(schedule, windows, seed):
    random = Random(seed)
    jobs = schedule.jobs = Outages(schedule.folder, random)
    keep = {"windows": windows, "pages": "PT3H", "states": "5 hours"}
    schedule.write(keep=keep, starts="2024-03-04T00:00:00Z", catch_up=3)
    for number in range(24):
        jobs.now = make_time(4, 0, 5) + timedelta(hours=number)
        before = jobs.list_left("_current.json")
        num_published = len(jobs.published)
        schedule.run(jobs.now + random.choice(JUMPS))
        left = jobs.list_left("_current.json")
        if len(jobs.published) == num_published:
            assert left == before, "a call without data deletes nothing"
        else:
            assert left >= select_hours(jobs.published, windows)
            assert jobs.list_left("profile.parquet") >= select_hours(jobs.published, "5 hours")
            assert jobs.list_left("report.html") >= select_hours(jobs.published, "3 hours")
    # A right clock, and windows with data, later than any run of a clock that was ahead by a day
    jobs.outages = 0.0
    jobs.now = make_time(7, 0, 5)
    schedule.run(jobs.now)
    newest = max(jobs.published)

    assert newest == jobs.now.replace(minute=0)
    assert jobs.list_left("_current.json") == select_hours(jobs.published, windows)
    assert jobs.list_left("profile.parquet") == select_hours(jobs.published, "5 hours")
    assert jobs.list_left("report.html") == select_hours(jobs.published, "3 hours")


@pytest.mark.parametrize("windows", [1, "PT0S"])
@pytest.mark.parametrize(
    "message", [f"{NO_COMMIT} version 7.", "Error: Job inputs had no data: others had some", COMPLETED]
)
def test_the_newest_window_stays_however_many_runs_complete_without_one(publishing, windows, message):
    """Of a table without a new commit, or of one model of an endpoint."""
    publishing.write(keep={"windows": windows, "pages": "PT0S", "states": "PT0S"})
    for hour in (10, 11):
        publishing.run(make_time(4, hour, 5))
    publishing.jobs.leaves = lambda output_path: None
    publishing.jobs.message = message
    for hour in range(12, 16):
        publishing.run(make_time(4, hour, 5))

    for name in ("_current.json", "report.html", "states/profile.parquet"):
        assert list_hours(publishing, name) == ["11"]


@pytest.mark.parametrize("message", [f"{NO_COMMIT} version 7.", "Error: Job inputs had no data: others had some"])
def test_runs_without_a_window_are_not_counted(publishing, message):
    publishing.write(keep={"windows": 2})
    for hour in (10, 11):
        publishing.run(make_time(4, hour, 5))
    publish_run = publishing.jobs.leaves
    publishing.jobs.leaves = lambda output_path: None
    completed_message = publishing.jobs.message
    publishing.jobs.message = message
    for hour in (12, 13):
        publishing.run(make_time(4, hour, 5))
    publishing.jobs.leaves = publish_run
    publishing.jobs.message = completed_message
    publishing.run(make_time(4, 14, 5))

    assert list_hours(publishing, "_current.json") == ["11", "14"]


def test_a_window_of_a_clock_that_was_ahead_makes_no_other_old(publishing):
    for time in (make_time(4, 10, 5), make_time(4, 11, 5), make_time(24, 11, 5)):
        publishing.write(catch_up=1)
        publishing.run(time)
    publishing.write(keep={"windows": "5 hours"})
    publishing.run(make_time(4, 12, 5))

    assert list_hours(publishing, "_current.json") == ["10", "11", "12"]


def test_a_stricter_limit_holds_from_the_next_window_on(publishing):
    for hour in range(10, 13):
        publishing.run(make_time(4, hour, 5))
    publishing.write(keep={"windows": 1})
    publishing.jobs.statuses[:] = [3, 255, -9]
    for hour in (13, 14, 15):
        publishing.run(make_time(4, hour, 5))
    assert list_hours(publishing, "report.html")[:3] == ["10", "11", "12"]

    publishing.run(make_time(4, 16, 5))
    assert list_hours(publishing, "report.html") == ["16"]


def test_without_keep_everything_stays(publishing):
    for hour in range(10, 14):
        publishing.run(make_time(4, hour, 5))

    assert list_hours(publishing, "report.html") == ["10", "11", "12", "13"]


@pytest.mark.parametrize(
    ("keep", "fault"),
    [
        ({"windows": 0}, "keep.windows is 0; it has to be a number of runs from 1 on, or an age such as"),
        ({"windows": 2000}, "keep.windows is 2000; it has to be at most 1000, or an age, such as '400 days'"),
        ({"pages": "soon"}, "keep.pages is 'soon'; it has to be an age, such as '30 days' or P30D"),
        ({"windows": "30"}, "'30 days' or P30D, or a number of runs without quotes, such as 30"),
        ({"states": "-P1D"}, "keep.states is '-P1D'; it has to be an age, such as '30 days' or P30D"),
        ({"page": "P1D"}, "page"),
    ],
)
def test_what_can_not_be_kept_is_refused(schedule, keep, fault):
    schedule.write(keep=keep)
    [planned] = read_fleet([schedule.file]).entries

    assert fault in str(planned.fault)


def test_an_entry_of_a_fleet_keeps_what_it_says_and_otherwise_what_the_fleet_says(tmp_path):
    variables = {"dataset_source": "captures/{name}", "output_path": "reports/{name}"}
    schedules = [{"name": "churn"}, {"name": "fraud", "keep": {"windows": 7}}]
    document = {"keep": {"windows": "30 days"}, "defaults": {"variables": variables}, "entries": schedules}
    (tmp_path / "a.fleet.json").write_text(json.dumps(document))
    churn, fraud = (planned.plan.entry.keep.windows for planned in read_fleet([tmp_path / "a.fleet.json"]).entries)

    assert (churn, fraud) == ("30 days", 7)
