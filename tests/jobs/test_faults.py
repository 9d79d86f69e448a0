"""Every call of a job fails once: what was there stays or the new run is whole, and one rerun leaves what a quiet run does.

The calls are those that the driver makes of a local disk; tests/s3/test_faults.py has the requests to S3. Jobs that need no
Spark are killed as processes. A merge runs in the tests' session, where a killed one reaches the disk no more, and its lease
is made to be that of a process that has ended.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from tests.faults import DEFECT, Disk, Ended, Fault, Killed, end_the_process, in_a_child, watched
from tests.jobs import spark_free
from tests.running_jobs import JobsHere
from tests.s3 import traffic
from tests.simulation.law import UNEXPLAINED
from tests.unit.scheduling.conftest import Schedule

from spark_model_monitor.documents.schedule import Executions
from spark_model_monitor.reports.history.decisions import promote
from spark_model_monitor.reports.history.maintenance import prune
from spark_model_monitor.reports.outputs.run_files import (
    CURRENT,
    PAGE,
    RUNS,
    UNFINISHED,
    find_unfinished,
    read_current_run,
)
from spark_model_monitor.storage import LocalStorage, holding

pytestmark = pytest.mark.nightly


@dataclass(frozen=True)
class Job:
    """prepare: makes all that is there before the run. run: a try in a folder, with a fault at a call. again: one in peace."""

    prepare: Callable[[Path], object]
    run: Callable[[Path, Fault | None, int], Ended]
    again: Callable[[Path], Ended]


def spark_free_job(prepare, function, *outputs):
    """outputs: those at which the job itself would have nothing to do any more, so that the next run there clears a lease, and
    the next prune the note of the run that counts.
    """

    def again(folder):
        ended = in_a_child(function, str(folder))
        for output_path in (str(folder / name) for name in outputs):
            with holding(LocalStorage(), output_path):
                notes = [Path(note).name for note in find_unfinished(output_path)]
            run = read_current_run(output_path)
            assert all(run and note == f"{UNFINISHED}{run.run_id}" for note in notes), f"is left by the rerun: {notes}"
            prune((), outputs=(output_path,))
        return ended

    return Job(prepare, lambda folder, fault, call_number: in_a_child(function, str(folder), fault, call_number), again)


def session_job(prepare, name, *flags):
    def run(folder, fault, call_number):
        with watched(Disk(str(folder), fault, call_number)) as disk:
            try:
                ended = JobsHere(folder)(name, *flags)
                status = ended.status
                printed = ended.said
            except Killed:
                status = None
                printed = ""
        return Ended(status, printed, disk.calls)

    return Job(prepare, run, lambda folder: run(folder, None, -1))


def one_run(folder):
    spark_free.published(str(folder), 1)


def a_version(folder):
    spark_free.published(str(folder / "first"), 1)
    promote(str(folder / "first" / "out"), "7", str(folder / "out"), spark_free.NOW)
    spark_free.published(str(folder), 2)
    (folder / "first" / "out").rename(folder / "run")


def two_versions(folder):
    a_version(folder)
    spark_free.promoted(str(folder))


def old_hours(folder):
    for hour in ("2024/03/03/22", "2024/03/03/23", "2024/03/04/22"):
        for top in ("captures/churn/AllTraffic", "out/churn/AllTraffic"):
            (folder / top / hour).mkdir(parents=True)
            for name in ("10-00-000-a.jsonl", "20-00-000-b.jsonl"):
                (folder / top / hour / name).write_text("{}\n")
        (folder / "reports" / hour / "quarantine").mkdir(parents=True)
        (folder / "reports" / hour / "quarantine" / "00000.jsonl").write_text("{}\n")
    (folder / "out" / "pending" / "churn").mkdir(parents=True)
    (folder / "out" / "pending" / "churn" / "2024-03-03T22.jsonl").write_text('{"id": "7"}\n')


def an_hour_that_ran(folder):
    (folder / "out").mkdir()
    Schedule(folder / "out")
    spark_free.ran_what_is_due(str(folder), spark_free.NOW)


def tables(folder):
    for name, content in traffic.objects(unreadable=2).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def a_baseline(folder):
    tables(folder)
    (folder / "people.csv").write_text(traffic.PEOPLE[:3000].rpartition("\n")[0] + "\n")
    require_done(in_a_child(spark_free.baselined, str(folder)))
    (folder / "people.csv").write_text(traffic.PEOPLE)


def a_report(folder):
    tables(folder)
    require_done(in_a_child(spark_free.baselined, str(folder)))
    (folder / "out").rename(folder / "baseline")
    file = max((folder / "captures").rglob("*.jsonl"))
    content = file.read_text()
    file.unlink()
    report_file = (
        folder / "captures" / "churn" / "Shadow" / traffic.format_folder(0) / file.name
    )  # a folder whose listing may fail
    report_file.parent.mkdir(parents=True)
    report_file.write_text("")
    require_done(in_a_child(spark_free.monitored, str(folder)))
    report_file.write_text(content)


def a_fleet(folder):
    """Two models that have one baseline and the same captures, with an hour that is due."""
    tables(folder)
    require_done(in_a_child(spark_free.baselined, str(folder)))
    (folder / "out").rename(folder / "baseline")
    variables = {
        "dataset_source": "captures/churn",
        "dataset_format": "capture",
        "baseline": "baseline",
        "output_path": "reports/{name}",
    }
    defaults = {"cron": "0 * * * *", "starts": "2026-01-31T23:00:00Z", "variables": variables}
    entries = [{"name": "churn"}, {"name": "fraud"}]
    (folder / "shop.fleet.json").write_text(json.dumps({"defaults": defaults, "entries": entries}))


def require_done(ended):
    assert ended.status == 0, ended.said


def merged_once(folder):
    tables(folder)
    labels = next((folder / "labels").rglob("*.jsonl"))
    content = labels.read_text()
    labels.write_text("".join(content.splitlines(keepends=True)[:20]))
    require_done(JobsHere(folder)("merge", *MERGE))
    labels.write_text(content)


MERGE = (*traffic.merge_flags(".", "out"), *traffic.WINDOW, "--late-labels", "P7D")

JOBS = {
    "publish": spark_free_job(one_run, spark_free.published),
    "promote": spark_free_job(a_version, spark_free.promoted),
    "rollback": spark_free_job(two_versions, spark_free.rolled_back),
    "prune": spark_free_job(old_hours, spark_free.pruned),
    "run-due": spark_free_job(an_hour_that_ran, spark_free.ran_what_is_due, "out/reports/2024/03/04/23"),
    "watch": spark_free_job(
        a_fleet,
        spark_free.watched,
        *(f"reports/{name}{hour}" for name in ("churn", "fraud") for hour in ("", "/2026/01/31/23")),
    ),
    "baseline": spark_free_job(a_baseline, spark_free.baselined),
    "monitor": spark_free_job(a_report, spark_free.monitored),
    "merge": session_job(merged_once, "merge", *MERGE),
}
OF_SPARK = ("merge",)


def tree(folder):
    """Every file below a folder, hidden ones included, and the folders that are hidden."""
    contents = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file():
            contents[name] = (_without_tries if name.endswith(Executions.FILE_NAME) else bytes)(path.read_bytes())
        elif path.name.startswith((".", "_")):
            contents[name] = b""
    return contents


def _without_tries(content):
    """A record of a schedule, but for how often a run was tried and by which process."""
    record = json.loads(content)
    for execution in record["executions"]:
        execution.pop("process", None)
        execution.pop("attempts", None)
    return json.dumps(record).encode()


EXPLANATIONS = ("cause", "where", "segment", "guess")
"""What checks.json says of where a change is from."""

WITH_EXPLANATIONS = ("checks.json", "checks.parquet", PAGE)
WITH_RUN_IDS = (CURRENT, "_alerts.json", "history.parquet")


def _without_explanations(content):
    checks = json.loads(content)
    for check in checks["checks"]:
        for name in EXPLANATIONS:
            check.pop(name, None)
    return checks


class Trials:
    """A job's tries in one folder, each of which begins with what was there before."""

    def __init__(self, job: Job, folder: Path) -> None:
        self.job = job
        self._before = folder / "before"
        self.folder = folder / "work"
        self.folder.mkdir(parents=True)
        job.prepare(self.folder)
        shutil.copytree(self.folder, self._before)
        self.before = tree(self.folder)
        self.runs = {self.run_id}
        quiet = job.run(self.folder, None, -1)
        assert quiet.status == 0, quiet.said
        self.quiet = tree(self.folder)
        self.calls = quiet.calls
        self.runs.add(self.run_id)
        assert self.quiet != self.before, "else nothing would show"

    @property
    def run_id(self):
        run = read_current_run(str(self.folder / "out"))
        for name, digest in run.digests.items() if run else ():
            assert sha256((Path(run.folder) / name).read_bytes()).hexdigest() == digest, f"{name} of {run.run_id}"
        return run and run.run_id

    @property
    def documents(self):
        """What the new run puts under the names for readers who know nothing of runs, before its commit."""
        commit = json.loads(self.quiet.get("out/_current.json", b'{"sha256": {}}'))
        return [f"out/{name}" for name in commit["sha256"] if f"out/{name}" in self.quiet]

    def names_outputs(self, name):
        """Whether run.json beside a file names outputs that failed."""
        description = (self.folder / name).with_name("run.json")
        return description.exists() and b'"outputs"' in description.read_bytes()

    def find_unexplained_runs(self, log_text):
        """The folder beside a later one of each run that counts although it could not read rows again, as its log says.

        Raises AssertionError unless its checks are the new ones, but for where a change is from.
        """
        folders = []
        if not UNEXPLAINED.search(log_text):
            return ()
        for name, content in tree(self.folder).items():
            if name.endswith(f"/{CURRENT}") and content not in (self.before.get(name), self.quiet[name]):
                output_path = name.removesuffix(CURRENT)
                checks = _without_explanations((self.folder / output_path / "checks.json").read_bytes())
                assert checks == _without_explanations(self.quiet[f"{output_path}checks.json"])
                folders.append(f"{output_path}{RUNS}/{json.loads(content)['run_id']}/")
        return tuple(folders)

    def calls_for(self, fault):
        return [
            number for number, call in enumerate(self.calls) if fault is not Fault.TORN or call.startswith("os.rename ")
        ]

    def try_with(self, fault, call_number):
        """What is wrong after a fault at a call, or after the rerun."""
        shutil.rmtree(self.folder)
        shutil.copytree(self._before, self.folder)
        ended = self.job.run(self.folder, fault, call_number)
        description = f"{fault.name} at {call_number} ({self.calls[call_number]}): "
        wrong = []
        unexplained_runs = self.find_unexplained_runs(ended.said)
        may_differ = ()
        if unexplained_runs:
            may_differ = (*WITH_EXPLANATIONS, *WITH_RUN_IDS)
        if ended.status == DEFECT or "Traceback" in ended.said:
            wrong.append(f"{description}no sentence: {ended.said[-1500:]}")
        if self.run_id not in self.runs and not unexplained_runs:
            wrong.append(f"{description}another run counts")
        for name, content in tree(self.folder).items():
            if name == "out/message" and ended.status:
                assert content.startswith(b"Error: ")
            elif name == "index.html" and (ended.status or b"Input/output error" in content):
                continue  # the page of all says what went wrong
            elif ended.status and name[-8:] == "/message" and content[:7] == b"Error: ":
                continue
            elif ended.status and name.endswith(("/run.json", "/_current.json", "/_runs")) and self.names_outputs(name):
                continue  # a published run says which of its outputs failed
            elif name.startswith(unexplained_runs) or Path(name).name in may_differ:
                continue
            elif not (_is_hidden(name) or name.endswith(Executions.FILE_NAME)) and content not in (
                self.before.get(name),
                self.quiet.get(name),
            ):
                wrong.append(f"{description}{name} is neither the old one nor the new one")
        if fault is Fault.FULL and ended.status:
            now = tree(self.folder)
            new = now.keys() - self.before.keys()
            lacks_at_most_its_commit = all(now.get(document) == self.quiet[document] for document in self.documents)
            left = sorted(path for path in new if path.startswith("out/_runs/") and "/_unfinished-" not in path)
            wrong += [f"{description}{path} is left on the full disk" for path in left if not lacks_at_most_its_commit]
        end_the_process(self.folder)
        rerun = self.job.again(self.folder)
        contents = tree(self.folder)
        if rerun.status != 0:
            wrong.append(f"{description}the rerun ended with {rerun.status}: {rerun.said[-1500:]}")
        # What is done no schedule runs again
        if self.find_unexplained_runs(ended.said) != unexplained_runs:
            may_differ = ()
        for name in sorted(contents.keys() | self.quiet.keys()):
            if name.startswith(unexplained_runs) or Path(name).name in may_differ:
                continue
            if contents.get(name) != self.quiet.get(name):
                if name not in self.quiet:
                    state = "left"
                elif name not in contents:
                    state = "lacking"
                else:
                    state = "another"
                wrong.append(f"{description}{name} is {state} after the rerun")
        return wrong


def _is_hidden(name):
    return any(part == "_staging" or part.startswith((".", "_lease-", "_unfinished-")) for part in name.split("/"))


@pytest.fixture(scope="module")
def prepare_trials(tmp_path_factory, request):
    """The tries of a job, which is prepared once."""
    trials_by_job = {}

    def trials(job):
        if job in OF_SPARK:
            request.getfixturevalue("spark")
        if job not in trials_by_job:
            trials_by_job[job] = Trials(JOBS[job], tmp_path_factory.mktemp(job))
        return trials_by_job[job]

    return trials


def tried(job, trials, fault, calls):
    """Raises AssertionError with all that is wrong after the fault at each of the calls."""
    wrong = [lines for call_number in calls if (lines := trials.try_with(fault, call_number))]
    sys.stdout.write(f"{job}: {fault.name} at {len(calls)} of {len(trials.calls)} calls, {len(wrong)} wrong\n")
    assert calls
    assert not wrong, "\n".join(line for lines in wrong for line in lines)


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("job", [name for name in JOBS if name not in OF_SPARK])
def test_some_calls_of_a_job_without_spark_fail_once(prepare_trials, job, fault):
    calls = prepare_trials(job).calls_for(fault)
    tried(job, prepare_trials(job), fault, [calls[len(calls) * part // 4] for part in (1, 2, 3)])


@pytest.mark.parametrize("job", OF_SPARK)
def test_a_job_is_killed_at_a_call(prepare_trials, job):
    calls = prepare_trials(job).calls_for(Fault.KILL)
    tried(job, prepare_trials(job), Fault.KILL, [calls[len(calls) * 2 // 3]])


@pytest.mark.parametrize(
    ("job", "flags"), [("baseline", spark_free.BASELINE), ("monitor", spark_free.MONITOR)], ids=("baseline", "monitor")
)
def test_both_engines_make_the_same_calls_but_for_reading_the_data(spark, tmp_path, job, flags):
    """So what holds after the faults of a job without Spark holds after those of its driver."""
    calls = []
    folder = tmp_path / "work"
    for job_kind in (JOBS[job], session_job(JOBS[job].prepare, job, *flags)):
        folder.mkdir()
        job_kind.prepare(folder)
        ended = job_kind.run(folder, None, -1)
        require_done(ended)
        calls.append([_without_names_of_once(call) for call in ended.calls if not _READS_DATA.search(call)])
        shutil.rmtree(folder)

    assert calls[0] == calls[1]


_READS_DATA = re.compile(r" (captures|people\.csv)")


def _without_names_of_once(call):
    return re.sub(r"[0-9a-f]{16,32}|(?<=_lease-)[0-9a-fT-]+", "", call)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("job", JOBS)
def test_every_call_of_a_job_fails_once(prepare_trials, job, fault):
    tried(job, prepare_trials(job), fault, prepare_trials(job).calls_for(fault))
