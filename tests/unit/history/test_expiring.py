"""What a schedule no longer keeps: it goes hour by hour, the oldest first, and a kill leaves nothing half."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timezone

import pytest

from spark_model_monitor import cli
from spark_model_monitor.reports.history import maintenance
from spark_model_monitor.reports.history.maintenance import PrunableKind, PruneSelection, expire, find_prunable, prune
from spark_model_monitor.reports.outputs.run_files import publish, read_current_run
from spark_model_monitor.storage import LocalStorage, holding

HOURS = ("2025/12/31/22", "2025/12/31/23", "2026/01/31/11", "2026/01/31/13")
FILES = {
    "constraints.json": b'{"version": 0.0, "features": []}',
    "statistics.json": b"{}",
    "report.html": b"<p>",
    "states/profile.parquet": b"PAR1",
}
BEFORE = datetime(2026, 1, 31, 12, 5, tzinfo=timezone.utc)


def make_hour(text):
    return datetime.strptime(text, "%Y/%m/%d/%H").replace(tzinfo=timezone.utc)


@pytest.fixture(params=[True, False], ids=["in place", "in a folder of its own"])
def runs(request, tmp_path):
    """Four windows, the last of which is too young to go."""
    for hour in HOURS:
        publish(FILES, str(tmp_path / "reports" / hour), in_place=request.param)
    (tmp_path / "reports" / "history.parquet").write_bytes(b"PAR1")
    return tmp_path / "reports"


def list_names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def require_complete_commits(folder):
    """Fail if a commit names a file that is not there."""
    for commit in folder.rglob("_current.json"):
        run = read_current_run(str(commit.parent))
        missing = [name for name in run.digests if not LocalStorage().exists(f"{run.folder}/{name}")]
        assert not missing, commit


def test_windows_pages_and_states_go_and_nothing_else(runs):
    before = list_names(runs)
    assert expire(PrunableKind.PAGES, str(runs), None, BEFORE) == BEFORE
    assert set(before) - set(list_names(runs)) == {
        name for name in before if name.endswith("report.html") and HOURS[-1] not in name
    }

    expire(PrunableKind.STATES, str(runs), None, BEFORE)
    assert not [name for name in list_names(runs) if "states" in name and HOURS[-1] not in name]
    assert len([name for name in list_names(runs) if name.endswith("_current.json")]) == len(HOURS)

    expire(PrunableKind.WINDOWS, str(runs), None, BEFORE)
    assert list_names(runs) == [name for name in before if not name.startswith("2025") and HOURS[2] not in name]


@pytest.mark.parametrize("kind", [PrunableKind.WINDOWS, PrunableKind.PAGES, PrunableKind.STATES])
def test_a_kill_at_any_change_leaves_nothing_half(runs, tmp_path, monkeypatch, kind):
    quiet = shutil.copytree(runs, tmp_path / "quiet")
    expire(kind, str(quiet), None, BEFORE)
    expected = list_names(quiet)
    budget = 0

    def count_down(change):
        def change_some(storage, path, *content):
            nonlocal budget
            is_lease = "/_lease-" in path  # which a dead process leaves; the next one takes it over at once
            budget -= not is_lease
            if budget < 0 and not is_lease:
                raise KeyboardInterrupt  # from here on, nothing changes
            return change(storage, path, *content)

        return change_some

    changes = {name: count_down(getattr(LocalStorage, name)) for name in ("delete", "write")}
    for num_changes in range(200):
        killed = shutil.copytree(runs, tmp_path / f"killed-{num_changes}")
        budget = num_changes
        with monkeypatch.context() as patched:
            for name, change in changes.items():
                patched.setattr(LocalStorage, name, change)
            with suppress(KeyboardInterrupt):
                expire(kind, str(killed), None, BEFORE)
        was_killed = budget < 0
        require_complete_commits(killed)
        expire(kind, str(killed), None, BEFORE)

        assert list_names(killed) == expected, num_changes
        if not was_killed:
            break
    assert num_changes > 5
    assert not was_killed


def test_empty_folders_of_a_call_that_was_killed_go(runs):
    (runs / "2024/02/03/04").mkdir(parents=True)
    (runs / "2024/02/05").mkdir(parents=True)
    expire(PrunableKind.WINDOWS, str(runs), None, BEFORE)

    assert not (runs / "2024").exists()


def test_what_a_failed_run_left_goes_and_files_of_others_stay(runs):
    for hour, name in (("2024/02/03/04", "message"), ("2024/02/03/05", "notes.txt")):
        (runs / hour).mkdir(parents=True)
        (runs / hour / name).write_text("")
    expire(PrunableKind.WINDOWS, str(runs), None, BEFORE)

    assert list_names(runs / "2024/02/03") == ["05", "05/notes.txt"]


@pytest.mark.parametrize(
    ("kind", "name"), [(PrunableKind.WINDOWS, "_current.json"), (PrunableKind.PAGES, "report.html")]
)
def test_a_call_deletes_of_few_hours_and_the_next_one_goes_on(runs, monkeypatch, kind, name):
    monkeypatch.setattr(maintenance, "MAX_HOURS_AT_ONCE", 2)

    next_hour = expire(kind, str(runs), None, BEFORE)
    assert next_hour == make_hour(HOURS[2])
    assert [hour for hour in HOURS if (runs / hour / name).exists()] == list(HOURS[2:])
    assert expire(kind, str(runs), next_hour, BEFORE) == BEFORE
    assert [hour for hour in HOURS if (runs / hour / name).exists()] == list(HOURS[3:])


def test_a_call_looks_at_no_hours_before_the_first(runs):
    expire(PrunableKind.PAGES, str(runs), make_hour(HOURS[1]), BEFORE)

    assert [hour for hour in HOURS if (runs / hour / "report.html").exists()] == [HOURS[0], HOURS[3]]


def test_a_call_ends_at_a_window_that_somebody_holds(runs):
    with holding(LocalStorage(), str(runs / HOURS[1])), ThreadPoolExecutor(1) as another:
        next_hour = another.submit(expire, PrunableKind.WINDOWS, str(runs), None, BEFORE).result()

    assert next_hour == make_hour(HOURS[1])
    assert [hour for hour in HOURS if (runs / hour).exists()] == list(HOURS[1:])


def test_before_the_first_run_there_is_nothing_to_delete(tmp_path):
    assert expire(PrunableKind.WINDOWS, str(tmp_path / "absent"), None, BEFORE) == BEFORE


def test_a_run_without_its_page_and_states_is_promoted(runs, tmp_path):
    prune(find_prunable(PruneSelection(reports=[str(runs)], pages=True), BEFORE))
    expire(PrunableKind.STATES, str(runs), None, BEFORE)
    baselines = tmp_path / "baselines"
    status = cli.main(["promote", str(runs / HOURS[0]), "--model-version", "7", "--to", str(baselines)])

    assert status == 0
    assert json.loads((baselines / "7" / "constraints.json").read_text()) == {"version": 0.0, "features": []}
    assert not (baselines / "7" / "report.html").exists()
    require_complete_commits(baselines / "7")
