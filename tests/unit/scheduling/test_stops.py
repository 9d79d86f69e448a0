"""The law of stops: whatever stops a run from outside, no hour is lost, and none is run before one that is due again."""

import json
from contextlib import suppress
from datetime import timedelta
from random import Random

import pytest
from tests.faults import identify_ended_process
from tests.rotation import every_combination
from tests.servers import http_server
from tests.unit.scheduling.conftest import Jobs, make_time

from spark_model_monitor.running.scheduling.record import MAX_ATTEMPTS
from spark_model_monitor.serverless import RunFailed, handle

BEGAN = make_time(4, 0)
HOURS = 5
CALLS_AN_HOUR = 6
STOPS = ("run-due told", "run-due interrupted", "run-due killed", 143, 130, 137, 129, -15, -9, -2, -1)
ENDS = {0: "Completed", 4: "CompletedWithViolations", 255: "Failed", -11: "Failed", "too long": "Stopped"}
"""How a job ends that nobody stops -> the status of its run."""
STATUSES = {"run-due told": SystemExit(143), "run-due interrupted": KeyboardInterrupt(), "too long": 143}
MESSAGES = {"too long": "Error: stopped after 0:30:00, as --max-runtime says; nothing was published"}


class StoppedJobs(Jobs):
    """Jobs that are stopped, or end, as `fates` says; `run-due` is killed by an exception, and its record then put back."""

    def __init__(self, schedule, fates):
        super().__init__()
        self._schedule = schedule
        self._fates = fates
        self.begun = []
        self.record_of_killed = None

    def __call__(self, command, note):
        time = next(word.partition("=")[2] for word in command.words if word.startswith("--scheduled-time="))
        fate = self._fates[time].pop(0)
        self.begun.append((time, fate))
        self.message = MESSAGES.get(fate, "Completed: as it says.")
        if fate == "run-due killed":
            note(process=identify_ended_process())
            self.record_of_killed = self._schedule.record.read_bytes()
            raise KeyboardInterrupt
        self.statuses = [STATUSES.get(fate, fate)]
        return super().__call__(command, note)


def draw_fates(random):
    """For each hour: it is stopped so often, and then ends so, unless it was stopped too often."""
    fates = {}
    for number in range(HOURS):
        stops = random.choices(STOPS, k=random.choice((0, 0, 1, 2, 3, 4)))
        time = BEGAN + timedelta(hours=number)
        fates[f"{time:%Y-%m-%dT%H:%M:%SZ}"] = [*stops, random.choice([*ENDS])]
    return fates


def call_run_due(schedule, now):
    schedule.run(now)


def call_handle(schedule, now):
    with suppress(RunFailed):
        handle({}, schedule.file, schedule.folder, launch=schedule.jobs, now=lambda: now)


@every_combination(call=[call_run_due, call_handle], seed=range(20))
def test_no_hour_is_lost_by_stops(schedule, call, seed):
    random = Random(seed)
    fates = draw_fates(random)
    expected_begins = [(time, fate) for time, hour_fates in fates.items() for fate in hour_fates[:MAX_ATTEMPTS]]
    expected = {time: ENDS[hour_fates[-1]] for time, hour_fates in fates.items()}
    given_up = [time for time, hour_fates in fates.items() if len(hour_fates) > MAX_ATTEMPTS]
    expected |= dict.fromkeys(given_up, "Failed")
    schedule.jobs = StoppedJobs(schedule, fates)
    # Cron comes as always; after the last hour as often as hours may be stopped
    calls = CALLS_AN_HOUR * HOURS + MAX_ATTEMPTS * HOURS
    with http_server(*[random.choice((200, 200, 404)) for _ in range(calls)], 200) as server:
        schedule.write(starts=f"{BEGAN:%Y-%m-%dT%H:%M:%SZ}", catch_up=HOURS, sinks=f"webhook:{server.url}")
        first_call = random.randrange(CALLS_AN_HOUR * HOURS)
        for number in range(first_call, calls):
            now = min(BEGAN + timedelta(minutes=10 * number), BEGAN + timedelta(hours=HOURS, minutes=-1))
            with suppress(KeyboardInterrupt, SystemExit):
                call(schedule, now)
            if schedule.jobs.record_of_killed is not None:
                schedule.record.write_bytes(schedule.jobs.record_of_killed)
                schedule.jobs.record_of_killed = None

    # Nothing is lost, and nothing is told twice to a sink that took it
    assert schedule.executions == expected
    assert schedule.jobs.begun == expected_begins, "each hour in order, an hour that was stopped before all later ones"
    accepted_bodies = [
        body for (_, _, body), status in zip(server.requests, server.answers, strict=False) if status == 200
    ]
    notices = [notice for body in accepted_bodies for notice in json.loads(body)["notices"]]
    texts = [notice["text"] for notice in notices if notice["kind"] == "GivenUp"]
    assert [text.split()[3] for text in texts] == given_up, "the sinks are told of each once"
    assert all("stopped 3 times from outside" in text for text in texts)


@pytest.mark.parametrize("status", [143, -9])
def test_a_pass_ends_with_a_run_whose_job_is_stopped(schedule, caplog, status):
    schedule.write(starts="2024-03-04T20:00:00Z")
    schedule.jobs.statuses = [status]

    assert schedule.run(make_time(4, 22, 7))[0] in (143, 137)
    assert schedule.executions == {"2024-03-04T20:00:00Z": "Pending"}
    assert "the run of 2024-03-04T20:00:00Z was stopped; the next call repeats it, before later ones" in caplog.text


def test_a_run_that_a_person_repeats_after_it_was_given_up_may_complete(schedule):
    schedule.jobs.statuses = [-9] * MAX_ATTEMPTS
    for minute in range(MAX_ATTEMPTS):
        schedule.run(make_time(4, 22, minute))
    assert schedule.executions == {"2024-03-04T22:00:00Z": "Failed"}
    assert schedule.run(make_time(4, 22, 9)) == (0, ""), "nobody asks for it"

    schedule.run(make_time(4, 22, 10), retry_failed=True)
    assert schedule.executions == {"2024-03-04T22:00:00Z": "Completed"}
