"""Faults that a developer could make, and the first seed whose month finds each: `python -m tests.simulation.mutants`.

Each is put into a copy of the package, whose months are tried from seed 0 on, at most SEEDS of them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.floors import PACKAGE
from tests.mutants import applied

SEEDS = 500
FIRST_SCHEDULED = 50  # the first seed whose month has runs by run-due
FOUND = re.compile(r"^month (\d+) breaks the law[^\n]*\n[^\n]*\n([^\n]*)", re.MULTILINE)


@dataclass(frozen=True)
class Mutant:
    """One fault. file: below the package. old: a text that stands there once, and becomes `new`. breaks: what goes wrong."""

    file: str
    old: str
    new: str
    breaks: str


MUTANTS = (
    Mutant(
        "storage/local_storage.py",
        "        draft.replace(target)\n",
        "        shutil.copyfile(draft, target)\n",
        "a file is written in place, so readers can see half of it",
    ),
    Mutant(
        "storage/local_storage.py",
        "            draft.unlink(missing_ok=True)\n",
        "            pass\n",
        "a draft that could not be moved into place is left behind",
    ),
    Mutant(
        "storage/local_storage.py",
        "draft = target.with_name(make_draft_name(target.name))",
        'draft = target.with_name(f".{target.name}.draft")',
        "drafts of all runs have the same name",
    ),
    Mutant(
        "storage/lease.py",
        "if self._is_lost or not self._storage.exists(self._path) or (is_late and not self.renew()):",
        "if self._is_lost or (is_late and not self.renew()):",
        "a run that has lost its lease continues to write",
    ),
    Mutant(
        "storage/lease.py",
        "mine.modified_ms - file.modified_ms > LIFE_SECONDS * 1000",
        "mine.modified_ms - file.modified_ms > LIFE_SECONDS",
        "the lease of a running run is taken over: seconds instead of milliseconds",
    ),
    Mutant(
        "storage/lease.py",
        "        if first < self._name:",
        "        if not others:",
        "two waiting runs both proceed: neither steps back",
    ),
    Mutant(
        "storage/lease.py",
        "        if self._takes_over:\n",
        "        if self._is_lost:\n",
        "drafts of a killed run are not removed",
    ),
    Mutant(
        "storage/lease.py",
        "self.machine and self.machine == current_machine().identity() and",
        "self.machine and",
        "a process of another machine is looked up on this machine",
    ),
    Mutant(
        "storage/lease.py",
        "file.modified_ms < self._since_ms",
        "file.modified_ms > self._since_ms",
        "drafts of later runs are removed, instead of drafts of earlier runs",
    ),
    Mutant(
        "reports/outputs/run_files.py",
        "        try:\n            if run.folder != output_path:\n",
        "        set_current_run(run, output_path)\n        try:\n            if run.folder != output_path:\n",
        "a run becomes current before its files are in place",
    ),
    Mutant(
        "reports/outputs/run_files.py",
        "        for path in notes:\n            storage.delete(path)\n",
        "        for path in ():\n            storage.delete(path)\n",
        "notes of unfinished runs are left behind",
    ),
    Mutant(
        "reports/alerts.py",
        "[window for window in alerts.windows if window.window != monitored.window]",
        "[*alerts.windows]",
        "a rerun window counts twice for an alert",
    ),
    Mutant(
        "reports/alerts.py",
        "is_news = alerts.find_last_status(to.key) is not alerts.status or",
        "is_news = alerts.status is AlertStatus.IN_ALERT or",
        "every window notifies again of an alarm that continues",
    ),
    Mutant(
        "running/runtime/publishing.py",
        "record_delivery(alerts, window, traffic, delivery.reached, missed)",
        "record_delivery(alerts, window, traffic, due, missed)",
        "a sink that could not be notified counts as notified",
    ),
    Mutant(
        "reports/history/variation.py",
        'table = self.table.filter(pc.not_equal(self.table["window"], entry.window))',
        "table = self.table",
        "a rerun window is in the history twice",
    ),
    Mutant(
        "reports/history/decisions.py",
        "        set_current_run(run, baselines)  # first: until the history has it, the same command again does the rest\n"
        '        _write(past_promotions.model_copy(update={"promotions": promotions}), baselines)\n',
        '        _write(past_promotions.model_copy(update={"promotions": promotions}), baselines)\n'
        "        set_current_run(run, baselines)  # first: until the history has it, the same command again does the rest\n",
        "a rollback is recorded before it takes effect",
    ),
    Mutant(
        "reports/history/decisions.py",
        "(standing.model_version, standing.run_id) != (model_version, run.run_id)",
        "standing is not None",
        "repeating a promotion records it twice",
    ),
    Mutant(
        "running/scheduling/schedule_runs.py",
        "for time in sorted({*repeated, *caught_up}) if",
        "for time in sorted({*repeated, *caught_up}, reverse=True) if",
        "the latest due run starts first",
    ),
    Mutant(
        "running/scheduling/schedule_runs.py",
        " if not going_on or time < min(going_on)]",
        "]",
        "an hour starts while the job of the previous hour continues without its run-due",
    ),
    Mutant(
        "running/scheduling/record.py",
        "            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        "            pass\n",
        "two run-due processes run the same schedule at once",
    ),
    Mutant(
        "running/scheduling/record.py",
        "if run.scheduled_time != execution.scheduled_time]",
        "if run != execution]",
        "a retried run is in the record twice",
    ),
    Mutant(
        "running/scheduling/schedule_runs.py",
        "    statuses = {ExecutionStatus.PENDING} | ended\n",
        "    statuses = ended\n",
        "an interrupted run is not run again",
    ),
    Mutant(
        "running/scheduling/record.py",
        "    return not current_machine().has_ended(execution.process_id)",
        "    return True",
        "run-due waits for the job of a dead process",
    ),
)


def main(words: Sequence[str]) -> int:
    chosen = [int(word) for word in words] or range(1, len(MUTANTS) + 1)
    lives = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = Path(folder)
        for part in (PACKAGE, PACKAGE.parents[1] / "jobs"):  # without jobs no schedule would have one
            shutil.copytree(part, tree / part.relative_to(PACKAGE.parents[1]))
        for number in chosen:
            mutant = MUTANTS[number - 1]
            began = time.monotonic()
            file = tree / PACKAGE.relative_to(PACKAGE.parents[1]) / mutant.file
            damaged_text = file.read_text(encoding="utf-8").replace(mutant.old, mutant.new)
            with applied(file, damaged_text):
                failure = FOUND.search(_months(tree, FIRST_SCHEDULED if "scheduling" in mutant.file else 0))
            lives += failure is None
            how = f"seed {failure[1]}" if failure else "LIVES"
            print(f"{number:2}  {how:9}  {time.monotonic() - began:4.0f} s  {mutant.breaks}", flush=True)
            print(f"{'':15}{failure[2][:110] if failure else ''}", flush=True)
    return int(lives > 0)


def _months(tree: Path, first: int) -> str:
    path = os.pathsep.join([str(tree / PACKAGE.parent.name), str(PACKAGE.parents[1])])
    command = [
        sys.executable,
        "-m",
        "tests.simulation",
        "--first",
        str(first),
        "--most",
        str(SEEDS),
        "--seconds",
        "3600",
    ]
    process = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    return process.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
