"""Jobs whose data and outputs are on HDFS: they write what they write on this machine, and one rerun leaves that after a kill.

A job is killed by letting none of its calls through from one on; Spark's own, which reads data, is not counted.
"""

import json
import sys
import threading
from contextlib import suppress

import pytest
from tests.clusters.hdfs import hdfs_cluster
from tests.faults import Killed, identify_ended_process
from tests.running_jobs import JobsHere
from tests.s3 import traffic

from spark_model_monitor.reports.outputs.run_files import read_current_run
from spark_model_monitor.spark.storage import HadoopStorage
from spark_model_monitor.storage import LocalStorage, get_storage, using_session
from spark_model_monitor.storage.lease import PREFIX

DOCUMENTS = (
    "statistics.json",
    "constraints.json",
    "constraint_violations.json",
    "checks.json",
    "states/profile.parquet",
)
"""What names no path."""


@pytest.fixture(scope="module")
def hdfs(tmp_path_factory):
    with hdfs_cluster(tmp_path_factory.mktemp("hdfs")) as url:
        yield url


def all_jobs(top, storage, jobs):
    """A baseline, a monitoring run against it and a merge, everything below `top`; then all of them once more."""
    for name, content in traffic.objects(unreadable=2).items():
        storage.write(f"{top}/{name}", content.encode())
    for _ in range(2):
        for job, flags in {
            "baseline": traffic.baseline_flags(top, "baseline"),
            "monitor": (
                *traffic.monitor_flags(top, "report", "baseline"),
                "--set",
                "publish_cloudwatch_metrics=Enabled",
            ),
            "merge": (*traffic.merge_flags(top, "merged"), *traffic.WINDOW, "--late-labels", "P7D"),
        }.items():
            ended = jobs(job, *flags)
            assert ended.status == 0, ended.said
        yield {
            output: {
                file.path.partition(f"/{output}/")[2]: storage.read(file.path)
                for list_files in (storage.list_files, storage.list_hidden)
                for file in list_files(f"{top}/{output}")
            }
            for output in ("baseline", "report", "merged")
        }


def test_jobs_write_the_documents_of_one_machine_and_again_the_same(hdfs, spark, tmp_path):
    jobs = JobsHere(tmp_path)
    first_files, second_files = all_jobs(f"{hdfs}/churn", get_storage(hdfs, spark), jobs)
    local_files, _ = all_jobs(str(tmp_path / "churn"), LocalStorage(), jobs)

    assert second_files == first_files
    assert {output: set(files) for output, files in first_files.items()} == {
        out: set(files) for out, files in local_files.items()
    }
    for output, files in first_files.items():
        for name, content in files.items():
            if name in DOCUMENTS or name.startswith("churn/"):
                assert content == local_files[output][name], (output, name)


class Calls:
    """The calls that storages make of HDFS. at: from which one on none gets through."""

    def __init__(self, monkeypatch):
        self.count = 0
        self.at = None
        calls = self
        original_init = HadoopStorage.__init__
        replace = HadoopStorage._replace

        def init(storage, gateway, configuration, file_system):
            original_init(storage, gateway, configuration, file_system)
            storage._file_system = Counted(file_system, calls)

        monkeypatch.setattr(HadoopStorage, "__init__", init)
        monkeypatch.setattr(HadoopStorage, "_replace", lambda *arguments: calls.let_through() or replace(*arguments))

    def let_through(self):
        self.count += 1
        if self.at is not None and self.count > self.at:
            if threading.current_thread() is threading.main_thread():
                raise Killed
            raise OSError("the process is no more")  # a lease's thread


class Counted:
    """A file system of Hadoop whose calls are counted."""

    def __init__(self, file_system, calls):
        self._file_system = file_system
        self._calls = calls

    def __getattr__(self, name):
        method = getattr(self._file_system, name)

        def called(*arguments):
            if name not in ("getUri", "makeQualified"):  # which ask no server
                self._calls.let_through()
            return method(*arguments)

        return called


class Trials:
    """A baseline's tries at one output, each of which begins with what was there before: that of less data."""

    def __init__(self, top, spark, jobs, calls):
        self.storage = get_storage(top, spark)
        self.spark = spark
        self.jobs = jobs
        self.calls = calls
        self.top = top
        self.out = f"{top}/out"
        self._table(traffic.PEOPLE[:3000].rpartition("\n")[0] + "\n")
        self._run()
        self.before = self._files()
        self._table(traffic.PEOPLE)
        calls.count = 0
        self._run()
        self.quiet = self._files()
        self.count = calls.count
        assert self.quiet != self.before, "else nothing would show"

    def _table(self, content):
        self.storage.write(f"{self.top}/people.csv", content.encode())

    def _run(self):
        ended = self.jobs("baseline", *traffic.baseline_flags(self.top, "out"))
        assert ended.status == 0, ended.said

    def _files(self):
        """Every file of the output, hidden ones included."""
        files = self.storage._file_system.listFiles(self.storage._make_path(self.out), True)
        contents = {}
        while files.hasNext():
            path = str(files.next().getPath().toString())
            contents[path.removeprefix(f"{self.out}/")] = self.storage.read(path)
        return contents

    def killed_at(self, call_number):
        """What is wrong after a kill at a call, or after the rerun."""
        self.storage.delete(self.out)
        for name, content in self.before.items():
            self.storage.write(f"{self.out}/{name}", content)
        self.calls.count = 0
        self.calls.at = call_number
        with suppress(Killed):
            self.jobs("baseline", *traffic.baseline_flags(self.top, "out"))
        self.calls.at = None
        wrong = []
        with using_session(self.spark):
            run = read_current_run(self.out)
            contents = self._files()
        run_files = {name: content for name, content in contents.items() if name.startswith(f"_runs/{run.run_id}/")}
        if not any(run_files == {name: each.get(name) for name in run_files} for each in (self.before, self.quiet)):
            wrong.append("the run that counts is not whole")
        for name, content in contents.items():
            path = f"{self.out}/{name}"
            if name.startswith(PREFIX):
                lease = json.dumps(json.loads(content) | {"process": identify_ended_process()})
                self.storage.write(path, lease.encode())
            if name.startswith(f".{PREFIX}"):  # whose process is not known yet: two minutes have gone by
                self.storage._file_system.setTimes(self.storage._make_path(path), 0, -1)
        self._run()
        contents = self._files()
        names = sorted(contents.keys() | self.quiet.keys())
        wrong += [f"{name} is not as it should be" for name in names if contents.get(name) != self.quiet.get(name)]
        return [f"killed at {call_number}: {fault}" for fault in wrong]


@pytest.fixture
def trials(hdfs, spark, tmp_path, monkeypatch):
    return Trials(f"{hdfs}/torn", spark, JobsHere(tmp_path), Calls(monkeypatch))


def tried(trials, calls):
    wrong = [lines for call_number in calls if (lines := trials.killed_at(call_number))]
    sys.stdout.write(f"baseline on HDFS: killed at {len(calls)} of {trials.count} calls, {len(wrong)} wrong\n")
    assert not wrong, "\n".join(line for lines in wrong for line in lines)


def test_a_job_that_is_killed_at_a_call_is_mended_by_the_next_one(trials):
    tried(trials, [trials.count * 2 // 3])


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_job_is_killed_at_every_call(trials):
    tried(trials, range(trials.count))
