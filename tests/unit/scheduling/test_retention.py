"""`keep` of a schedule: each call that ran something deletes what has become too old."""

import json

import pytest
from tests.unit.scheduling.conftest import make_time

from spark_model_monitor.reports.outputs.run_files import publish
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


def test_without_keep_everything_stays(publishing):
    for hour in range(10, 14):
        publishing.run(make_time(4, hour, 5))

    assert list_hours(publishing, "report.html") == ["10", "11", "12", "13"]


@pytest.mark.parametrize(
    ("keep", "fault"),
    [
        ({"windows": 0}, "keep.windows is 0; it has to be a number of runs from 1 on, or an age such as"),
        ({"windows": 2000}, "keep.windows is 2000; it has to be at most 1000, or an age, such as '400 days'"),
        ({"pages": "soon"}, "keep.pages is 'soon'; it has to be an ISO 8601 duration"),
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
