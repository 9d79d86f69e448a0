"""What goes after a time, and what never does."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timezone

import pytest
from tests.clocks import StoppedClock
from tests.leases import waiting_while_held

from spark_model_monitor import cli
from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.machine import use_machine
from spark_model_monitor.reports.history.maintenance import (
    PrunableKind,
    PruneSelection,
    _find_hours,
    find_prunable,
    prune,
)
from spark_model_monitor.reports.outputs.run_files import publish
from spark_model_monitor.storage import LocalStorage, holding

BEFORE = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


def put(folder, *paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("{}\n")


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_hours_that_were_over_go_with_their_empty_days(tmp_path):
    old = "2025/12/31/23/a.jsonl"
    last = "2026/01/31/11/b.jsonl"
    young = "2026/01/31/12/c.jsonl"
    put(tmp_path / "captures", *(f"churn/AllTraffic/{path}" for path in (old, last, young)))
    prune(find_prunable(PruneSelection(captures=[str(tmp_path / "captures")]), BEFORE))

    assert files(tmp_path) == [f"captures/churn/AllTraffic/{young}"]
    assert not (tmp_path / "captures" / "churn" / "AllTraffic" / "2025").exists()


def test_what_another_prune_deletes_meanwhile_is_no_fault(tmp_path):
    put(tmp_path, "2025/12/31/22/a.jsonl", "2025/12/31/23/b.jsonl", "2026/01/01/00/c.jsonl")
    hours = _find_hours(PrunableKind.CAPTURES, str(tmp_path))
    first = next(hours)
    shutil.rmtree(tmp_path / "2025")
    shutil.rmtree(tmp_path / "2026/01/01")

    assert [hour.files for hour in (first, *hours)] == [1, 0]
    prune([first])
    assert files(tmp_path) == []


def test_nothing_goes_that_a_link_leads_to(tmp_path):
    put(tmp_path / "elsewhere", "2025/12/31/23/a.jsonl", "b/quarantine/00000.jsonl")
    for name in ("captures", "reports"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "linked").symlink_to(tmp_path / "elsewhere")
    before = files(tmp_path)
    far = datetime(2100, 1, 1, tzinfo=timezone.utc)
    prune(
        find_prunable(PruneSelection(captures=[str(tmp_path / "captures")], reports=[str(tmp_path / "reports")]), far)
    )

    assert files(tmp_path) == before


def test_waiting_ids_of_an_hour_that_no_day_has_stay(tmp_path):
    put(tmp_path, "pending/2025-13-45T99.jsonl", "pending/2025-12-31T23.jsonl")
    prune(find_prunable(PruneSelection(merged=[str(tmp_path)]), BEFORE))

    assert files(tmp_path) == ["pending/2025-13-45T99.jsonl"]


def test_of_runs_only_the_quarantine_goes(tmp_path):
    run = tmp_path / "reports" / "2026" / "01" / "30" / "23"
    publish({"statistics.json": b"{}", "states/profile.parquet": b"x"}, str(run))
    put(run, "quarantine/00000.jsonl", "message")
    remaining = [path for path in files(tmp_path) if "quarantine" not in path]
    prune(find_prunable(PruneSelection(reports=[str(tmp_path / "reports")]), BEFORE))

    assert files(tmp_path) == remaining
    assert any("states" in path for path in remaining)


def test_a_quarantine_without_an_hour_goes_by_the_age_of_its_files(tmp_path):
    put(tmp_path / "old", "quarantine/00000.jsonl")
    put(tmp_path / "new", "quarantine/00000.jsonl")
    for name, time in (("old", BEFORE.timestamp() - 1), ("new", BEFORE.timestamp() + 1)):
        os.utime(tmp_path / name / "quarantine" / "00000.jsonl", (time, time))
    prune(find_prunable(PruneSelection(reports=[str(tmp_path / "old"), str(tmp_path / "new")]), BEFORE))

    assert files(tmp_path) == ["new/quarantine/00000.jsonl"]


@pytest.mark.parametrize(
    ("trees", "path"),
    [
        (PruneSelection(merged=["merged"]), "merged/churn/AllTraffic/2026/01/30/23/part-0.jsonl"),
        (PruneSelection(merged=["merged"]), "merged/pending/churn/AllTraffic/2026-01-30T23.jsonl"),
        (PruneSelection(reports=["reports"]), "reports/2026/01/30/23/quarantine/00000.jsonl"),
    ],
    ids=["merged", "pending", "quarantine"],
)
def test_what_a_run_may_be_reading_goes_when_it_has_ended(tmp_path, monkeypatch, trees, path):
    put(tmp_path, path)
    monkeypatch.chdir(tmp_path)
    output = tmp_path / ("merged" if trees.merged else "reports/2026/01/30/23")
    with waiting_while_held(output, lambda: prune(find_prunable(trees, BEFORE))):
        assert (tmp_path / path).exists()

    assert files(tmp_path) == []


def test_of_a_merge_its_old_hours_go_and_the_ids_that_wait_for_labels(tmp_path):
    put(tmp_path, "churn/AllTraffic/2026/01/30/23/part-0.jsonl", "churn/AllTraffic/2026/01/31/12/part-0.jsonl")
    put(tmp_path, "pending/churn/AllTraffic/2026-01-30T23.jsonl", "pending/churn/AllTraffic/2026-01-31T12.jsonl")
    put(tmp_path, "ledger.json")
    prune(find_prunable(PruneSelection(merged=[str(tmp_path)]), BEFORE))

    assert files(tmp_path) == [
        "churn/AllTraffic/2026/01/31/12/part-0.jsonl",
        "ledger.json",
        "pending/churn/AllTraffic/2026-01-31T12.jsonl",
    ]


def test_reports_that_are_named_as_captures_are_refused_before_anything_goes(tmp_path):
    put(tmp_path / "captures", "2026/01/30/22/a.jsonl")
    publish({"statistics.json": b"{}"}, str(tmp_path / "reports" / "2026" / "01" / "30" / "23"))
    with pytest.raises(BadConfiguration, match="is the output path of a run, not an hour of captures"):
        find_prunable(PruneSelection(captures=[str(tmp_path / "captures"), str(tmp_path / "reports")]), BEFORE)


def test_a_folder_that_is_not_there_is_reported(tmp_path):
    with pytest.raises(BadInput, match="absent: there is no such file or directory"):
        find_prunable(PruneSelection(captures=[str(tmp_path / "absent")]), BEFORE)


def test_a_dry_run_says_what_would_go_and_deletes_nothing(tmp_path, capsys):
    put(tmp_path, "2001/01/01/00/a.jsonl", "2001/01/01/00/b.jsonl")
    words = ["prune", "--older-than", "P90D", "--captures", str(tmp_path)]
    assert cli.main([*words, "--dry-run"]) == 0
    dry = capsys.readouterr().out
    assert len(files(tmp_path)) == 2

    assert cli.main(words) == 0
    assert files(tmp_path) == []
    assert dry == f"{tmp_path}/2001/01/01/00\n{capsys.readouterr().out}"
    assert "captures: 2 files, 6 bytes\n" in dry


@pytest.mark.parametrize("text", ["90", "P0D", "-P90D"])
def test_an_age_is_a_duration_longer_than_nothing(tmp_path, capsys, text):
    assert cli.main(["prune", f"--older-than={text}", "--captures", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("Error: --older-than is ")


HOURS = ("2025/12/31/22", "2025/12/31/23", "2026/01/31/11", "2026/01/31/13")
FILES = {"statistics.json": b"{}", "report.html": b"<p>", "states/profile.parquet": b"PAR1"}


@pytest.fixture
def runs(tmp_path):
    """Four windows of each of two schedules, the last of which is too young to go."""
    for schedule in ("churn", "fraud"):
        for hour in HOURS:
            publish(FILES, str(tmp_path / "reports" / schedule / hour))
        (tmp_path / "reports" / schedule / "history.parquet").write_bytes(b"PAR1")
    return str(tmp_path / "reports")


def pages(folder):
    return [path for path in files(folder) if path.endswith("report.html")]


def test_pages_of_old_runs_go_and_their_documents_and_states_stay(runs, tmp_path):
    before = files(tmp_path)
    prune(find_prunable(PruneSelection(reports=[runs], pages=True), BEFORE))

    gone = {path for path in before if path.endswith("report.html") and HOURS[-1] not in path}
    assert len(gone) == 2 * 3 * 2, "of each window one page, in two places"
    assert files(tmp_path) == sorted(set(before) - gone)


def test_the_latest_windows_of_each_schedule_stay_whatever_their_age(runs, tmp_path):
    prune(find_prunable(PruneSelection(reports=[runs], keep_windows=2), BEFORE))

    assert not [path for path in files(tmp_path) if HOURS[0] in path or HOURS[1] in path]
    assert not (tmp_path / "reports" / "churn" / "2025").exists()
    for schedule in ("churn", "fraud"):
        for hour in HOURS[2:]:
            assert (tmp_path / "reports" / schedule / hour / "_current.json").exists()
        assert (tmp_path / "reports" / schedule / "history.parquet").exists()


def test_young_windows_stay_however_many_there_are(runs, tmp_path):
    prune(find_prunable(PruneSelection(reports=[runs], keep_windows=0), BEFORE))

    assert {path.split("/", 2)[2].rsplit("/", 1)[0][:13] for path in files(tmp_path) if "history" not in path} == {
        HOURS[-1]
    }


def test_a_schedule_loses_its_last_window_only_if_that_is_asked_for(runs, tmp_path, capsys):
    before = files(tmp_path)
    words = ["prune", "--older-than", "P90D", "--reports", runs, "--keep-windows", "0", "--now"]
    for further in ([], ["--dry-run"]):
        assert cli.main([*words, "2027-02-01T00:00:00Z", *further]) == 2
    assert files(tmp_path) == before
    [sentence, _] = capsys.readouterr().err.splitlines()
    assert sentence == (
        f"Error: {runs}/churn: all 4 windows would go, the newest of 2026-01-31T13:00:00Z; keep the newest by --keep-windows "
        "1, correct the time by --now, or write --all if the model is retired"
    )

    assert cli.main([*words, "2026-05-01T12:30:00Z"]) == 0, "the newest is not so old"
    assert {path.split("/", 2)[2][:13] for path in files(tmp_path) if "history" not in path} == {HOURS[-1]}
    assert cli.main([*words, "2027-02-01T00:00:00Z", "--all"]) == 0
    assert [path for path in files(tmp_path) if "history" not in path] == []


@pytest.mark.parametrize(("now", "is_left"), [("2026-05-01T00:00:00Z", False), ("2026-04-30T23:59:59Z", True)])
def test_a_person_says_from_when_ages_count(tmp_path, now, is_left):
    put(tmp_path, "2026/01/30/23/a.jsonl")
    assert cli.main(["prune", "--older-than", "P90D", "--captures", str(tmp_path), "--now", now]) == 0

    assert bool(files(tmp_path)) is is_left


def test_captures_go_by_the_machines_clock_otherwise_also_the_last(tmp_path):
    put(tmp_path, "2026/01/30/23/a.jsonl", "2026/01/31/00/b.jsonl")
    with use_machine(StoppedClock(datetime(2027, 1, 1, tzinfo=timezone.utc))):
        assert cli.main(["prune", "--older-than", "P90D", "--captures", str(tmp_path)]) == 0

    assert files(tmp_path) == []


@pytest.mark.parametrize("text", ["soon", "", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_that_is_none_is_refused(tmp_path, capsys, text):
    assert cli.main(["prune", "--older-than", "P90D", "--captures", str(tmp_path), "--now", text]) == 2
    assert capsys.readouterr().err == f"Error: --now is {text!r}; it has to be a time, such as 2026-03-04T00:00:00Z\n"


@pytest.mark.parametrize("trees", [{"keep_windows": 1}, {"pages": True}, {"pages": True, "keep_windows": 2}])
def test_a_prune_that_is_killed_at_any_deletion_is_finished_by_the_next_one(runs, tmp_path, monkeypatch, trees):
    delete = LocalStorage.delete
    budget = 0

    def delete_some(storage, path):
        nonlocal budget
        is_lease = "/_lease-" in path  # which a dead process leaves; the next one takes it over at once
        budget -= not is_lease
        if budget < 0 and not is_lease:
            raise KeyboardInterrupt  # from here on, nothing is deleted
        delete(storage, path)

    def prune_reports(folder):
        prune(find_prunable(PruneSelection(reports=[folder], **trees), BEFORE), outputs=[folder])

    quiet = shutil.copytree(runs, tmp_path / "quiet")
    prune_reports(str(quiet))
    expected = sorted(str(path.relative_to(quiet)) for path in quiet.rglob("*"))
    for deletions in range(200):
        killed = shutil.copytree(runs, tmp_path / f"killed-{deletions}")
        budget = deletions
        with monkeypatch.context() as patched:
            patched.setattr(LocalStorage, "delete", delete_some)
            with suppress(KeyboardInterrupt):
                prune_reports(str(killed))
        was_killed = budget < 0
        prune_reports(str(killed))

        assert sorted(str(path.relative_to(killed)) for path in killed.rglob("*")) == expected, deletions
        if not was_killed:
            break
    assert deletions > 10
    assert not was_killed


@pytest.fixture
def stopped(runs, tmp_path):
    """An hour at which a second run was killed when two of its files had been copied, and what is there without it."""
    hour = tmp_path / "reports" / "churn" / HOURS[-1]
    other_folder = tmp_path / "other"
    quiet = {path: (hour / path).read_bytes() for path in files(hour)}
    run = publish({**FILES, "statistics.json": b"[1]", "ledger.json": b"[]"}, str(other_folder))
    shutil.copytree(other_folder / "_runs" / run.run_id, hour / "_runs" / run.run_id)
    shutil.copy(other_folder / "_current.json", hour / "_runs" / f"_unfinished-{run.run_id}")
    for name in ("statistics.json", "ledger.json"):
        shutil.copy(other_folder / name, hour / name)
    return hour, quiet


def test_what_a_stopped_run_left_at_an_hour_that_is_never_run_again_goes(runs, stopped):
    hour, quiet = stopped
    (hour / "report.html").write_bytes(b"<p>beside others")  # as shown, or as somebody has changed it
    prune((), outputs=[runs])

    assert {path: (hour / path).read_bytes() for path in files(hour)} == {**quiet, "report.html": b"<p>beside others"}


def test_what_a_run_under_way_has_not_yet_put_in_place_stays(runs, stopped):
    hour, _ = stopped
    before = files(hour)
    with holding(LocalStorage(), str(hour)), ThreadPoolExecutor(1) as another:
        another.submit(prune, (), outputs=[runs]).result()

    assert files(hour) == before


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--keep-windows", "-1", "--reports", "."], "--keep-windows is -1; it has to be 0 or more"),
        ([], "nothing is named that has hours; write --captures, --merged or --reports DIRECTORY"),
        (["--pages"], "--pages and --keep-windows are of runs; name the folder above them by --reports"),
    ],
)
def test_what_a_prune_can_not_mean_is_refused(words, fault, capsys):
    assert cli.main(["prune", "--older-than", "P1D", *words]) == 2
    assert fault in capsys.readouterr().err
