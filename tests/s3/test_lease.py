"""Leases on S3: a put and a listing, through the client that a job has."""

import json
import re

import pytest
from tests.s3 import steps
from tests.s3.traffic import PEOPLE, baseline_flags

from spark_model_monitor.errors import MonitorError
from spark_model_monitor.machine import ProcessIdentity
from spark_model_monitor.storage.lease import Holder

RUN = "20260131T220000000000-0a1b2c3d-4711-815-5e6f7a8b"


def test_files_right_in_a_folder_are_listed_by_their_beginning(s3, runner):
    s3.put("team", {f"begin/{name}": name for name in ("_lease-b", "_lease-a", "_lease", "lease-a", "deep/_lease-c")})

    assert sorted(runner.call(steps.files_beginning, folder="s3a://team/begin", start="_lease-")) == [
        "s3a://team/begin/_lease-a",
        "s3a://team/begin/_lease-b",
    ]


@pytest.mark.parametrize("folder", ["s3a://whole", "s3a://whole/"])
def test_a_bucket_is_held_as_a_prefix_is(s3, runner, folder):
    s3.put("whole", {"x": "x"})

    assert runner.call(steps.count_together, folder=folder, threads=2, times=2) == 2
    with pytest.raises(MonitorError, match="s3a://whole/?: another run took it over"):
        runner.call(steps.write_after_others_took_over, folder=folder)
    assert s3.keys("whole") == ["count", "x"]


def test_one_at_a_time_holds_a_prefix(s3, runner):
    """A counter that is read and written stays whole; each lease is an object of its own that goes."""
    s3.put("team", {"x": "x"})
    s3.proxy.requests.clear()

    assert runner.call(steps.count_together, folder="s3a://team/counted", threads=4, times=12) == 12
    assert s3.keys("team", "counted/") == ["counted/count"]
    assert (
        len({request.key for request in s3.proxy.requests if request.makes_an_object and "_lease-" in request.key})
        == 12
    )


def test_who_has_lost_a_prefix_writes_nothing_there(s3, runner):
    s3.put("team", {"x": "x"})

    with pytest.raises(MonitorError, match="s3a://team/lost: another run took it over"):
        runner.call(steps.write_after_others_took_over, folder="s3a://team/lost")
    assert s3.keys("team", "lost/") == []


def test_a_job_names_who_holds_its_output_and_leaves_its_files(s3, runner):
    holder = Holder(RUN, "web-3", ProcessIdentity("another", 4711, 815), "2026-01-31T22:00:00Z")
    s3.put("team", {"people.csv": PEOPLE, f"held/_lease-{holder.run}": holder.to_json(), "held/_current.json": "{}"})
    flags = (*baseline_flags("s3a://team", "held"), "--set", "lease_wait=PT0S")

    assert runner.job("baseline", *flags) == 255
    assert re.search(
        rf"s3a://team/held: another run is writing there: run {RUN}, process 4711 on host web-3, since "
        r"2026-01-31T22:00:00Z; start this one again when that has ended, or have it wait longer than 0:00:00 by "
        r"--set lease_wait=DURATION",
        runner.last_words,
    )
    assert sorted(s3.keys("team", "held/")) == ["held/_current.json", f"held/_lease-{holder.run}", "held/message"]
    assert json.loads(s3.read("team", f"held/_lease-{holder.run}"))["host"] == "web-3"
