"""Every request of a job to S3 goes wrong once: the run before stays or the new one is whole, and one rerun leaves what a quiet
run does; on Spark, and without a JVM by boto3.

A job is killed by letting no request through from one on: of a process that is no more the store sees just that. Its lease is
then made to be that of a process which has ended, since the tests' own process goes on.
"""

import json
import sys
from hashlib import sha256

import pytest
from tests.faults import identify_ended_process
from tests.running_jobs import JobsHere
from tests.s3 import traffic
from tests.s3.weather import denied, fair, late, once, reset, since, slow_down

from spark_model_monitor.reports.outputs.run_files import UNFINISHED
from spark_model_monitor.storage.lease import PREFIX

BUCKET = "hasty"
OUT = "torn/out/"
PLACE = f"s3a://{BUCKET}/torn"

FAULTS = {
    "kill": lambda request_number: since(request_number, denied),
    "denied": lambda request_number: once(request_number, denied),
    "503": lambda request_number: once(request_number, slow_down),
    "reset": lambda request_number: once(request_number, reset),
    "slow": lambda request_number: once(request_number, late(1)),
}

FEWER = traffic.PEOPLE[:3000].rpartition("\n")[0] + "\n"

JOBS = {
    "baseline": (*traffic.baseline_flags(PLACE, "out"),),
    "monitor": (*traffic.monitor_flags(PLACE, "out", "baseline"), "--set", "publish_cloudwatch_metrics=Enabled"),
    "merge": (*traffic.merge_flags(PLACE, "out"), *traffic.WINDOW, "--late-labels", "P7D"),
}


class Boto3Jobs:
    """Runs jobs in this process, without a JVM."""

    last_words = ""

    def __init__(self, folder):
        self._jobs = JobsHere(folder)

    def job(self, name, *flags, is_guest):
        ended = self._jobs(name, *flags, "--engine", "local")
        self.last_words = ended.said
        return ended.status


@pytest.fixture
def boto3_jobs(boto3_at_the_proxy, tmp_path):
    return Boto3Jobs(tmp_path)


class Trials:
    """A job's tries at one output, each of which begins with what was there before: the output of less data."""

    def __init__(self, s3, runner, name):
        self.s3 = s3
        self.runner = runner
        self.name = name
        objects = {f"torn/{key}": content for key, content in traffic.objects(unreadable=2).items()}
        self.labels = next(key for key in objects if "labels/" in key)
        self.file = sorted(key for key in objects if "captures/" in key)[1]
        lines = objects[self.labels].splitlines(keepends=True)
        s3.put(BUCKET, {**objects, "torn/people.csv": FEWER, self.file: "", self.labels: "".join(lines[:20])})
        self._clear()
        if name == "monitor":
            assert self._run("baseline", *traffic.baseline_flags(PLACE, "baseline")) == 0, runner.last_words
        assert self._try() == 0, runner.last_words
        self.before = s3.contents(BUCKET, OUT)
        s3.put(BUCKET, objects)
        s3.proxy.requests.clear()
        assert self._try() == 0, runner.last_words
        self.requests = len(s3.proxy.requests)
        self.quiet = s3.contents(BUCKET, OUT)
        assert self.quiet != self.before, "else nothing would show"

    def _try(self):
        return self._run(self.name, *JOBS[self.name])

    def _run(self, name, *flags):
        return self.runner.job(name, *flags, is_guest=True)

    def _clear(self):
        keys = self.s3.client.list_objects_v2(Bucket=BUCKET, Prefix=OUT).get("Contents", ())
        for stored_object in keys:
            self.s3.client.delete_object(Bucket=BUCKET, Key=stored_object["Key"])

    def try_with(self, fault, request_number):
        """What is wrong after a fault at a request, or after the rerun."""
        self._clear()
        self.s3.put(BUCKET, {f"{OUT}{key}": content for key, content in self.before.items()})
        self.s3.proxy.weather = FAULTS[fault](request_number)
        status = self._try()
        self.s3.proxy.weather = fair
        if "Traceback" not in self.runner.last_words:
            wrong = []
        else:
            wrong = ["no sentence"]
        contents = self.s3.contents(BUCKET, OUT)
        wrong += self._torn(contents, status)
        for key, content in contents.items():
            if key.startswith(PREFIX):
                self.s3.put(
                    BUCKET, {f"{OUT}{key}": json.dumps(json.loads(content) | {"process": identify_ended_process()})}
                )
        if self._try():
            wrong.append(f"the rerun failed: {self.runner.last_words[-500:]}")
        contents = self.s3.contents(BUCKET, OUT)
        names = sorted(contents.keys() | self.quiet.keys())
        wrong += [f"{name} is not as it should be" for name in names if contents.get(name) != self.quiet.get(name)]
        return [f"{fault} at {request_number}: {fault_text}" for fault_text in wrong]

    def _torn(self, contents, status):
        """What of an output is neither the run before nor the new one."""
        commit = json.loads(contents["_current.json"])
        for name, digest in commit["sha256"].items():
            if sha256(contents.get(f"{commit['folder']}/{name}", b"")).hexdigest() != digest:
                yield f"{name} of the run that counts is torn"
        for name, content in contents.items():
            is_new = content in (self.before.get(name), self.quiet.get(name))
            if not is_new and not name.startswith((PREFIX, "_staging/", UNFINISHED)) and name != "message":
                yield f"{name} is neither the old one nor the new one"


def tried(trials, fault, requests):
    wrong = [lines for number in requests if (lines := trials.try_with(fault, number))]
    sys.stdout.write(f"{trials.name}: {fault} at {len(requests)} of {trials.requests} requests, {len(wrong)} wrong\n")
    assert not wrong, "\n".join(line for lines in wrong for line in lines)


def test_a_job_that_is_killed_at_a_request_is_mended_by_the_next_one(s3, runner):
    trials = Trials(s3, runner, "baseline")
    tried(trials, "kill", [trials.requests * 2 // 3])


def test_a_job_without_a_jvm_that_is_killed_at_a_request_is_mended_by_the_next_one(s3, boto3_jobs):
    trials = Trials(s3, boto3_jobs, "monitor")
    tried(trials, "kill", range(4, trials.requests, 25))


@pytest.mark.slow
@pytest.mark.timeout(36_000)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("job", ["baseline", "monitor"])
def test_every_request_of_a_job_without_a_jvm_goes_wrong_once(s3, boto3_jobs, job, fault):
    trials = Trials(s3, boto3_jobs, job)
    tried(trials, fault, range(trials.requests))


@pytest.mark.slow
@pytest.mark.timeout(36_000)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("job", JOBS)
def test_every_request_of_a_job_goes_wrong_once(s3, runner, job, fault):
    trials = Trials(s3, runner, job)
    tried(trials, fault, range(trials.requests))
