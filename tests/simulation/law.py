"""The law of months: whatever went wrong in between, a month ends as the quiet one did.

The same files with the same bytes, nothing left of what was stopped; each alarm told once, once more at most for each run of
its hour that was stopped; each record accounted for once; no value of a record in any log, no trace of an error.
"""

from __future__ import annotations

import atexit
import json
import os
import random
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, lru_cache, partial
from hashlib import sha256
from io import StringIO
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from tests.simulation.hostile import require_secret
from tests.simulation.month import REFUSED, Faults, Month, plan_faults, play, prepare
from tests.simulation.steps import HOUR, MARK
from tests.simulation.world import OF_MERGED, Fault, World, get_world, watch_world

from spark_model_monitor.documents.schedule import Executions
from spark_model_monitor.errors import MESSAGE, NO_DATA
from spark_model_monitor.reports.history.maintenance import prune
from spark_model_monitor.reports.outputs.run_files import CURRENT, PAGE, UNFINISHED
from spark_model_monitor.running.scheduling.record import EARLIER_FILE
from spark_model_monitor.storage import LocalStorage, holding
from spark_model_monitor.storage.file_system import is_draft
from spark_model_monitor.storage.lease import LIFE_SECONDS, PREFIX

SEEDS_OF_A_MONTH = 25  # so many seeds share a plan, and with it the quiet month

UNEXPLAINED = re.compile(r"can't be read again: (?!.*no column of the data)")
"""What is logged of a run whose window alarms, and whose rows or the baseline's can't be read again to say where the change is
from; it counts, and stays beside another one after it. Columns of other names can't be read in the quiet month either."""

ACCOUNT = ("kept", "dropped_by_script", "outside_window", "sampled_out", "without_data", "quarantined")
ACCOUNT += (
    "matched",
    "matched_in_earlier_hours",
    "without_label",
    "labelled_as_absent",
    "without_capture",
    "duplicates",
)
"""Where the records of a ledger have gone; of a merge's, its captures and its labels."""


@dataclass(frozen=True)
class Ended:
    """What is left of a month."""

    files: Mapping[str, bytes]
    told: Counter[tuple[str, ...]]
    struck: tuple[tuple[object, ...], ...]


def hold(
    seed: int,
    faults: Faults | None = None,
    kind: type[World] = World,
    quiet_one: Callable[[int], Ended] | None = None,
) -> Ended:
    """Raises AssertionError, with what went wrong before, if the month of a seed breaks the law.

    faults: others than its own. kind, quiet_one: what it is played in, and who plays the quiet month.
    """
    month = Month(seed // SEEDS_OF_A_MONTH)
    if faults is None:
        planned = plan_faults(month, seed)
    else:
        planned = faults
    quiet = (quiet_one or quiet_month)(month.seed)
    with _month(month, seed, kind) as (world, log):
        play(month, world, planned, partial(_require_whole, world))
        _clear(world)
        ended = _ended(world)
        _require_same_files(quiet.files, ended.files, world.counted if UNEXPLAINED.search(log.getvalue()) else ())
        _require_notifications(quiet, ended)
        _require_accounts(ended)
        _require_merged_once(ended)
        _require_clean(log, world)
    return ended


@lru_cache(maxsize=2)
def quiet_month(seed: int, kind: type[World] = World) -> Ended:
    """How a month ends in which nothing goes wrong."""
    month = Month(seed)
    with _month(month, -1, kind) as (world, log):
        play(month, world, {}, partial(_require_whole, world))
        ended = _ended(world)
        assert any(schedule == "churn" for schedule, *_ in world.told), "else no alarm would show"
        for schedule in {schedule for schedule, *_ in world.told}:
            statuses = ["OK", *(notification[2] for notification in world.told if notification[0] == schedule)]
            assert all(before != after for before, after in pairwise(statuses)), f"was told: {world.told}"
        signs = (f"/{PREFIX}", f"/{UNFINISHED}")
        left = [name for name in ended.files if is_draft(Path(name).name) or any(sign in name for sign in signs)]
        assert not left, f"a quiet month leaves {left}"
        require_secret(ended.files)
        assert not any(name.startswith(f"{REFUSED}/") for name in ended.files), "states of a later release were added"
        assert not UNEXPLAINED.search(log.getvalue()), "else runs of every month may stay"
        _require_accounts(ended)
        _require_clean(log, world)
    return ended


@contextmanager
def _month(month: Month, seed: int, kind: type[World] = World) -> Iterator[tuple[World, StringIO]]:
    """A world with what is there before the month, where this process works, and all that is logged.

    Raises AssertionError for whatever goes wrong in it, with what struck before and the end of the log.
    """
    folder = _folder()
    before = Path.cwd()
    log = _Log()
    random.seed(seed)
    folder.mkdir()
    try:
        os.chdir(folder)
        with redirect_stderr(log), watch_world(folder, month.began - 3 * HOUR, Random(seed), kind) as world:
            prepare(month, folder)
            try:
                yield world, log
            except Exception as fault:
                struck = "".join(f"\n  {step}: {fault.name} at {call}" for step, fault, call in world.struck)
                raise AssertionError(
                    f"{fault!s}\nwhat went wrong before:{struck}\nthe log ends with\n{log.getvalue()[-4000:]}"
                ) from fault
    finally:
        os.chdir(before)
        shutil.rmtree(folder)


class _Log(StringIO):
    """What processes log; one that was killed says no more."""

    def write(self, text: str) -> int:
        process = get_world().current
        if process is not None and process.is_dead:
            return 0
        return super().write(text)


@cache
def _folder() -> Path:
    """One for all months of a process: documents name their paths."""
    folder = Path(tempfile.mkdtemp(prefix="months-")).resolve()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder / "month"


def _clear(world: World) -> None:
    """The next run at each place where one was stopped, which has nothing to do there but for that; and the next prune, if a job
    was stopped that nobody waited for: all others were run again.
    """
    world.clock += 2 * LIFE_SECONDS
    hidden = [path for path in Path(world.folder).rglob("*") if path.name.startswith(PREFIX) or is_draft(path.name)]
    for folder in sorted({path.parent for path in hidden}):
        world.run(world.start(world.hosts[0], lambda folder=folder: _hold_briefly(str(folder))))
    notes = [*Path(world.folder).rglob(f"{UNFINISHED}*")]
    orphans = sum(fault is Fault.ORPHAN for _, fault, _ in world.struck)
    assert len(notes) <= orphans, f"is left by who came after: {notes}"
    if notes:
        world.run(world.start(world.hosts[0], lambda: prune((), outputs=("reports", "quality"))))


def _hold_briefly(folder: str) -> None:
    with holding(LocalStorage(), folder, timedelta(0)):
        pass


def _ended(world: World) -> Ended:
    top = Path(world.folder)
    files = {path.relative_to(top).as_posix(): path for path in sorted(top.rglob("*")) if path.is_file()}
    contents = {name: path.read_bytes() for name, path in files.items() if not name.endswith(".lock")}
    for name in contents:
        if name.endswith(".executions.json"):
            contents[name] = _without_tries(contents[name], contents.get(_name_earlier(name)))
        elif name.startswith("reports/") and name.endswith(f"/{CURRENT}"):
            contents[name] = _without_page(contents[name])
    # When runs move to the file of earlier ones depends on the faults; that none is lost is seen above
    contents = {name: content for name, content in contents.items() if not name.endswith(f".{EARLIER_FILE}")}
    return Ended(contents, Counter(world.told), tuple(world.struck))


def _without_page(content: bytes) -> bytes:
    """A commit but for its page, which shows what lay beside its run when a history was drawn; `_require_whole` looks at it."""
    commit = json.loads(content)
    commit["sha256"].pop(PAGE, None)
    return json.dumps(commit).encode()


def _name_earlier(record: str) -> str:
    return f"{record.removesuffix(Executions.FILE_NAME)}{EARLIER_FILE}"


def _without_tries(content: bytes, earlier: bytes | None) -> bytes:
    """A record of a schedule, but for how often a run was tried, by which process, and when. Its messages are those of the files
    `message`, or say that there was none to be had. earlier: the runs that moved to the file beside it.
    """
    record = json.loads(content)
    if earlier is not None:
        runs = {run["scheduled_time"]: run for run in (*json.loads(earlier)["executions"], *record["executions"])}
        record["executions"] = [runs[time] for time in sorted(runs)]
    for name in ("since", "without_data"):  # from when on it was looked at: a first call that is killed has not
        record.pop(name, None)
    for execution in record["executions"]:
        for name in ("process", "attempts", "creation_time", "last_modified_time", "exit_message"):
            execution.pop(name, None)
    return json.dumps(record).encode()


def _require_same_files(quiet: Mapping[str, bytes], actual: Mapping[str, bytes], earlier: Iterable[str]) -> None:
    """earlier: folders of runs that counted, and stay, if they are about the records of the run that is there now."""
    left = sorted(actual.keys() - quiet.keys())
    gone = sorted(quiet.keys() - actual.keys())
    same_records = [
        folder
        for folder in earlier
        if actual.get(f"{folder}ledger.json") == actual.get(f"{folder.partition('_runs/')[0]}ledger.json")
    ]
    # A person's retry repeats windows without data, too, of which records that don't count may have come since
    without_data = [
        name.removesuffix(MESSAGE)
        for name, content in actual.items()
        if name.endswith(f"/{MESSAGE}") and NO_DATA.encode() in content and NO_DATA.encode() in quiet.get(name, b"")
    ]
    left = [name for name in left if not name.startswith((*same_records, *without_data))]
    differing_files = [
        name
        for name in sorted(actual.keys() & quiet.keys())
        if actual[name] != quiet[name] and not _is_shown(name) and not name.startswith(tuple(without_data))
    ]
    assert not left, f"is left: {left[:9]}"
    assert not gone, f"is missing: {gone[:9]}"
    if differing_files:
        first = differing_files[0]
        raise AssertionError(f"is another: {differing_files[:9]}{_first_difference(quiet[first], actual[first])}")


def _is_shown(name: str) -> bool:
    """Whether it is a page that shows what lay beside its run when it was made, as that of a window is wherever it moves."""
    return name.startswith("reports/") and name.endswith(f"/{PAGE}")


def _first_difference(expected_content: bytes, actual_content: bytes) -> str:
    offset = next(
        (index for index, pair in enumerate(zip(expected_content, actual_content, strict=False)) if pair[0] != pair[1]),
        0,
    )
    shown = slice(max(0, offset - 100), offset + 200)
    return f"\n{expected_content[shown]!r}\nbecame\n{actual_content[shown]!r}"


def _require_notifications(quiet: Ended, actual: Ended) -> None:
    missing = quiet.told - actual.told
    more = Counter(actual.told.keys() - quiet.told.keys())
    assert not missing, f"was not told: {missing}"
    assert not more, f"was told and is not so: {more}"
    failed = sum(not fault.is_silent for _, fault, _ in actual.struck if isinstance(fault, Fault))
    unsure = sum(fault is Fault.TOLD_TWICE for _, fault, _ in actual.struck)  # has told, and says that it has not
    maximum_repeats = min(2, failed) + unsure
    often = {
        notification: count
        for notification, count in actual.told.items()
        if count > quiet.told[notification] + maximum_repeats
    }
    assert not often, f"was told too often: {often}"


def _require_whole(world: World) -> None:
    """Readers see whole runs, at any time: what `_current.json` names lies there with the bytes that it names."""
    for file in Path(world.folder).rglob(CURRENT):
        commit = json.loads(file.read_bytes())
        of_version = file.parent / commit["folder"]
        # Of a window's run the folder where it is once another one replaces it
        own_folder = of_version
        if commit["folder"] == ".":
            own_folder = of_version / "_runs" / commit["run_id"]
        world.counted.add(f"{own_folder.relative_to(world.folder)}/")
        for name, digest in commit["sha256"].items():
            actual_digest = (of_version / name).exists() and sha256((of_version / name).read_bytes()).hexdigest()
            assert actual_digest == digest, f"{file} names {name}, which is not there as it says"


def _require_accounts(ended: Ended) -> None:
    for name, content in ended.files.items():
        if name.endswith("/ledger.json") and "/_runs/" not in name:
            ledger: dict[str, Any] = json.loads(content)
            for records in [ledger["records"]] if "records" in ledger else [ledger["captures"], ledger["labels"]]:
                accounted_rows = sum(_count(records.get(part, 0)) for part in ACCOUNT)
                assert records["read"] == accounted_rows, (
                    f"{name} accounts for {accounted_rows} of {records['read']} records"
                )


def _require_merged_once(ended: Ended) -> None:
    """A capture that has a label is in the merged records once, or as often as it came."""
    captured, merged = (_events(ended, top) for top in (re.compile(r"captures/credit/"), OF_MERGED))
    often = merged - captured
    assert not often, f"{len(often)} events are merged more often than captured"


def _events(ended: Ended, top: re.Pattern[str]) -> Counter[str]:
    lines = [line for name, content in ended.files.items() if top.match(name) for line in content.splitlines()]
    return Counter(json.loads(line)["eventMetadata"]["eventId"] for line in lines if b'"eventId"' in line)


def _count(part: int | Mapping[str, int]) -> int:
    """Of a part of a ledger, whole or by reasons."""
    if isinstance(part, int):
        return part
    return sum(part.values())


def _require_clean(log: StringIO, world: World) -> None:
    log_lines = [*log.getvalue().splitlines(), *world.said]
    assert not world.defects, f"no sentence: {world.defects[0]}"
    for sign, description in ((MARK, "a value"), ("Traceback", "a trace")):
        assert not any(sign in line for line in log_lines), (
            f"{description} is logged: {next(line for line in log_lines if sign in line)}"
        )
