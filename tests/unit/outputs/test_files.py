"""Publishing: whole or not at all, and the same bytes for the same result."""

import hashlib
import json
import os
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

import pytest
from tests.faults import Killed

from spark_model_monitor.errors import BadDocument, OutputFailed
from spark_model_monitor.reports.outputs import run_files
from spark_model_monitor.reports.outputs.run_files import (
    add_to_description,
    publish,
    read_current_run,
    read_run_file,
    remove_from_commit,
    restore_output,
)
from spark_model_monitor.running.runtime.further_outputs import FurtherOutputs
from spark_model_monitor.storage import LocalStorage, hold, holding
from spark_model_monitor.storage.lease import PREFIX

FILES = {"statistics.json": b"{}", "constraints.json": b"{ }", "states/profile.parquet": b"PAR1"}


def tree(folder):
    return {
        os.path.relpath(os.path.join(top, name), folder): open(os.path.join(top, name), "rb").read()
        for top, _, names in os.walk(folder)
        for name in names
    }


def test_files_stand_under_their_names_and_in_the_folder_of_the_run(tmp_path):
    run = publish(FILES, str(tmp_path))
    contents = tree(tmp_path)

    assert {name: contents[name] for name in FILES} == FILES
    assert {name: contents[f"_runs/{run.run_id}/{name}"] for name in FILES} == FILES
    commit = json.loads(contents["_current.json"])
    assert commit["run_id"] == run.run_id
    assert commit["sha256"]["statistics.json"] == hashlib.sha256(b"{}").hexdigest()


def test_a_rerun_writes_the_same_bytes_to_the_same_places(tmp_path):
    publish(FILES, str(tmp_path))
    before = tree(tmp_path)
    publish(dict(reversed(FILES.items())), str(tmp_path))

    assert tree(tmp_path) == before


def test_a_release_changes_no_run_id(tmp_path):
    run_record = {"job": "monitor", "analysis_type": "DATA_QUALITY", "window": None, "model": None, "schedule": None}
    run_record |= {"baseline_run_id": None, "settings": {}, "rows": 1, "violations": 0}
    runs = [
        publish({**FILES, "run.json": json.dumps({**run_record, **changed}).encode()}, str(tmp_path / str(index)))
        for index, changed in enumerate(
            ({"product": "1.0"}, {"product": "2.0", "deequ": "2.1.0"}, {"product": "1.0", "rows": 2})
        )
    ]

    assert runs[0].run_id == runs[1].run_id != runs[2].run_id
    assert runs[0].digests["run.json"] != runs[1].digests["run.json"]


def test_another_result_replaces_the_one_before_and_leaves_none_of_its_files(tmp_path):
    first = publish({**FILES, "checks_deequ.json": b"[]"}, str(tmp_path))
    second = publish({**FILES, "statistics.json": b"[1]"}, str(tmp_path))
    contents = tree(tmp_path)

    assert contents["statistics.json"] == b"[1]"
    assert "checks_deequ.json" not in contents
    assert contents[f"_runs/{first.run_id}/checks_deequ.json"] == b"[]"
    assert read_current_run(str(tmp_path)) == second


def test_files_of_others_stay(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    publish(FILES, str(tmp_path))
    publish({"statistics.json": b"[1]"}, str(tmp_path))

    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("too_large", FILES)
def test_a_disk_that_is_full_leaves_the_run_before(tmp_path, file_size_limit, too_large):
    before = publish(FILES, str(tmp_path))
    with file_size_limit(10_000), pytest.raises(OutputFailed, match=f"{too_large}: can't be written"):
        publish({**FILES, too_large: bytes(20_000)}, str(tmp_path))

    assert read_current_run(str(tmp_path)) == before
    assert {name: tree(tmp_path)[name] for name in FILES} == FILES
    assert not [
        name for name in tree(tmp_path) if ".statistics" in name or ".constraints" in name or ".profile" in name
    ]


@pytest.mark.parametrize("too_large", FILES)
def test_a_disk_that_is_full_has_room_for_a_smaller_run_afterwards(tmp_path, file_size_limit, too_large):
    before = publish(FILES, str(tmp_path))
    with file_size_limit(10_000), pytest.raises(OutputFailed):
        publish({**FILES, too_large: bytes(20_000)}, str(tmp_path))
    [note] = [name for name in os.listdir(tmp_path) if name.startswith("_unfinished-")]
    assert os.listdir(tmp_path / "_runs") == [before.run_id]

    after = publish({**FILES, too_large: b"small"}, str(tmp_path))

    assert set(os.listdir(tmp_path / "_runs")) == {before.run_id, after.run_id}
    assert not (tmp_path / note).exists()


def unfinished_run(folder, note):
    """What a run leaves that was killed before its commit."""
    (folder / "_runs" / "ab").mkdir(parents=True)
    (folder / "_runs" / "ab" / "ledger.json").write_text("{")
    (folder / "ledger.json").write_text("{}")
    (folder / "_runs" / "_unfinished-ab").write_text(note)


def test_the_next_run_ends_what_a_killed_one_began(tmp_path):
    publish(FILES, str(tmp_path))
    unfinished_run(tmp_path, json.dumps({"run_id": "ab", "folder": "_runs/ab", "sha256": {"ledger.json": "0"}}))
    publish({**FILES, "statistics.json": b"[1]"}, str(tmp_path))
    contents = tree(tmp_path)

    assert not [name for name in contents if "ledger.json" in name or "_unfinished" in name]


@pytest.mark.parametrize("note", ["", "{", '{"run_id": "..", "folder": "_runs/..", "sha256": {}}'])
def test_a_note_that_says_nothing_goes_and_nothing_else_does(tmp_path, note):
    before = publish(FILES, str(tmp_path))
    unfinished_run(tmp_path, note)
    publish({**FILES, "statistics.json": b"[1]"}, str(tmp_path))
    contents = tree(tmp_path)

    assert "_runs/_unfinished-ab" not in contents
    assert {"ledger.json", "_runs/ab/ledger.json", f"_runs/{before.run_id}/statistics.json"} <= contents.keys()


def test_the_note_of_a_run_that_counts_goes_and_the_run_stays(tmp_path):
    before = publish(FILES, str(tmp_path))
    commit = tmp_path / "_current.json"
    (tmp_path / "_runs" / f"_unfinished-{before.run_id}").write_bytes(commit.read_bytes())
    publish({**FILES, "statistics.json": b"[1]"}, str(tmp_path))
    contents = tree(tmp_path)

    assert {name: contents[f"_runs/{before.run_id}/{name}"] for name in FILES} == FILES
    assert not [name for name in contents if "_unfinished" in name]


def test_a_name_that_can_not_be_replaced_leaves_whole_files_and_the_commit_before(tmp_path):
    (tmp_path / "constraints.json").mkdir()
    with pytest.raises(OutputFailed, match="constraints.json: can't be written"):
        publish(FILES, str(tmp_path))

    assert read_current_run(str(tmp_path)) is None
    assert tree(tmp_path)["statistics.json"] == FILES["statistics.json"]


@pytest.mark.parametrize("obstacle", FILES)
def test_violations_are_not_seen_before_every_file_that_they_are_about(tmp_path, obstacle):
    (tmp_path / obstacle).mkdir(parents=True)
    with pytest.raises(OutputFailed, match=f"{obstacle}: can't be written"):
        publish({"constraint_violations.json": b"[]", **FILES}, str(tmp_path))

    assert not (tmp_path / "constraint_violations.json").exists()


def publish_in_place(folder, **changed):
    return publish(
        {**FILES, **{f"{name}.json": content for name, content in changed.items()}}, str(folder), in_place=True
    )


def test_a_run_in_place_keeps_one_set_of_files(tmp_path):
    run = publish_in_place(tmp_path)
    files = tree(tmp_path)

    assert files.keys() == FILES.keys() | {"_current.json"}
    assert not (tmp_path / "_runs").exists()
    assert read_current_run(str(tmp_path)) == run
    assert run.folder == str(tmp_path)
    assert run.run_id == publish(FILES, str(tmp_path / "elsewhere")).run_id, (
        "where the files lie is no part of the result"
    )
    publish_in_place(tmp_path)
    assert {name: tree(tmp_path)[name] for name in files} == files


def test_the_page_that_is_shown_is_the_one_that_a_run_in_place_keeps(tmp_path):
    run = publish({**FILES, "report.html": b"<p>"}, str(tmp_path), shown={"report.html": b"<p>beside"}, in_place=True)

    assert tree(tmp_path)["report.html"] == b"<p>beside"
    assert run.digests["report.html"] == hashlib.sha256(b"<p>beside").hexdigest()
    assert run.run_id == publish({**FILES, "report.html": b"<p>"}, str(tmp_path / "elsewhere")).run_id


def test_a_run_in_place_moves_to_its_own_folder_before_another_one_replaces_it(tmp_path):
    first = publish_in_place(tmp_path, checks_deequ=b"[]")
    second = publish_in_place(tmp_path, statistics=b"[1]")
    files = tree(tmp_path)

    archived = {f"_runs/{first.run_id}/{name}" for name in first.digests}
    assert files.keys() == FILES.keys() | {"_current.json"} | archived
    assert files["statistics.json"] == b"[1]"
    assert files[f"_runs/{first.run_id}/statistics.json"] == b"{}"
    assert read_current_run(str(tmp_path)) == second
    assert second.before.run_id == first.run_id
    assert second.before.folder == str(tmp_path / "_runs" / first.run_id)


def test_a_run_of_an_earlier_release_keeps_its_folder_when_one_in_place_follows(tmp_path):
    earlier = publish(FILES, str(tmp_path))
    assert publish_in_place(tmp_path).folder == earlier.folder, "the same result again"
    publish_in_place(tmp_path, statistics=b"[1]")
    files = tree(tmp_path)

    assert {name: files[f"_runs/{earlier.run_id}/{name}"] for name in FILES} == FILES
    assert len(files) == 2 * len(FILES) + 1


@pytest.mark.parametrize("too_large", FILES)
@pytest.mark.parametrize("has_run", [False, True])
def test_a_run_in_place_that_finds_a_full_disk_leaves_what_was_there(tmp_path, file_size_limit, too_large, has_run):
    if has_run:
        publish_in_place(tmp_path)
    with file_size_limit(10_000), pytest.raises(OutputFailed, match=f"{too_large}: can't be written"):
        publish({**FILES, "ledger.json": b"", too_large: bytes(20_000)}, str(tmp_path), in_place=True)
    files = tree(tmp_path)
    [note] = [name for name in files if "_unfinished-" in name]

    assert "ledger.json" not in files
    assert {name: files.get(name) for name in FILES} == (FILES if has_run else dict.fromkeys(FILES))
    assert (read_current_run(str(tmp_path)) is not None) is has_run
    publish_in_place(tmp_path, statistics=b"[1]")
    assert note not in tree(tmp_path)


def kill_at(monkeypatch, change):
    """Have the process end before its change of this number."""
    changes = iter(range(1_000))

    def count(method):
        def counted(self, path, *arguments, **options):
            # The lease goes with its process, which goes on here
            if PREFIX not in path and next(changes) >= change:
                raise Killed
            return method(self, path, *arguments, **options)

        return counted

    for name in ("write", "copy", "delete"):
        monkeypatch.setattr(LocalStorage, name, count(getattr(LocalStorage, name)))


def read_before_each_change(monkeypatch, read):
    """Have somebody read before each change."""

    def watch(method):
        def watched(self, path, *arguments, **options):
            if PREFIX not in path:
                read()
            return method(self, path, *arguments, **options)

        return watched

    for name in ("write", "copy", "delete"):
        monkeypatch.setattr(LocalStorage, name, watch(getattr(LocalStorage, name)))


def require_whole(run):
    for name, digest in run.digests.items():
        with open(os.path.join(run.folder, name), "rb") as file:
            assert hashlib.sha256(file.read()).hexdigest() == digest


def publish_other_run(folder):
    return publish({**FILES, "statistics.json": b"[1]", "ledger.json": b""}, str(folder), in_place=True)


def publish_later_release(folder, **options):
    described = json.dumps({**json.loads(DESCRIBED["run.json"]), "product": "spark-model-monitor 2"}).encode()
    return publish({**DESCRIBED, "run.json": described}, str(folder), **options)


def name_failed_output(folder):
    add_to_description({"outputs": {"junit": "full"}}, str(folder))


DESCRIBED = {**FILES, "run.json": b'{"product": "spark-model-monitor 1"}', "report.html": b"<p>"}


def publish_described(folder):
    return publish(DESCRIBED, str(folder), in_place=True)


REPLACEMENTS = {
    "another run": (partial(publish_in_place, checks_deequ=b"[]"), publish_other_run, 8),
    "another page": (
        publish_described,
        lambda folder: publish(DESCRIBED, str(folder), shown={"report.html": b"<p>beside"}, in_place=True),
        10,
    ),
    "another release": (lambda folder: publish(DESCRIBED, str(folder)), publish_later_release, 8),
    "another release in place": (publish_described, partial(publish_later_release, in_place=True), 10),
    "an output in place": (publish_described, name_failed_output, 6),
    "an output": (lambda folder: publish(DESCRIBED, str(folder)), name_failed_output, 1),
}
"""How a run is published, what replaces it, and by how many changes at least."""


def require_readable(run, *later_runs):
    """Who has read a commit has that run's files, or those of the same run that was published later."""
    same_runs = [run, *(later for later in later_runs if later.run_id == run.run_id)]
    for name in run.digests:
        digest = hashlib.sha256(read_run_file(run, name)).hexdigest()
        assert digest in {same_run.digests[name] for same_run in same_runs}, name


@pytest.mark.parametrize("end", ["run", "prune"])
@pytest.mark.parametrize("replacement", REPLACEMENTS)
def test_a_run_whose_replacement_is_killed_anywhere_stays_whole(tmp_path, monkeypatch, replacement, end):
    begin, replace_run, fewest_changes = REPLACEMENTS[replacement]
    begin(tmp_path / "undisturbed")
    undisturbed = tree(tmp_path / "undisturbed")
    for change in range(60):
        folder = tmp_path / str(change)
        before = begin(folder)
        has_ended = False
        with monkeypatch.context() as patched, suppress(Killed):
            kill_at(patched, change)
            replace_run(folder)
            has_ended = True
        stopped = read_current_run(str(folder))
        require_whole(stopped)
        assert stopped.run_id == before.run_id or "ledger.json" in stopped.digests

        if end == "run":
            begin(folder)
        else:
            restore_output(str(folder))
        current = read_current_run(str(folder))
        require_whole(current)
        require_readable(before, current)
        require_readable(stopped, current)
        assert {name for name in tree(folder) if not name.startswith("_")} == current.digests.keys()
        assert not [name for name in tree(folder) if "_unfinished" in name]
        if replacement != "another run":
            begin(folder)
            assert tree(folder) == undisturbed
        if has_ended:
            break
    assert fewest_changes <= change < 59, "it was killed at each of its changes"


def test_outputs_that_failed_are_noted_in_the_run_that_another_process_published_meanwhile(tmp_path, monkeypatch):
    publish_described(tmp_path)

    @contextmanager
    def hold_after_another_run(folder):
        monkeypatch.undo()
        publish({**DESCRIBED, "statistics.json": b"[1]"}, folder, in_place=True)
        with hold(folder) as lease:
            yield lease

    monkeypatch.setattr(run_files, "hold", hold_after_another_run)
    FurtherOutputs({"junit": "full"}).note(str(tmp_path))

    require_whole(read_current_run(str(tmp_path)))
    assert tree(tmp_path)["statistics.json"] == b"[1]"
    assert json.loads(tree(tmp_path)["run.json"])["outputs"] == {"junit": "full"}


@pytest.mark.parametrize("replacement", REPLACEMENTS)
def test_a_run_is_read_by_whoever_has_read_its_commit_at_any_change_of_its_replacement(
    tmp_path, monkeypatch, replacement
):
    begin, replace_run, fewest_changes = REPLACEMENTS[replacement]
    begin(tmp_path)
    runs = []
    with monkeypatch.context() as patched:
        read_before_each_change(patched, lambda: runs.append(read_current_run(str(tmp_path))))
        replace_run(tmp_path)

    assert len(runs) >= fewest_changes
    for run in runs:
        require_readable(run, read_current_run(str(tmp_path)))


@pytest.mark.parametrize("replacement", REPLACEMENTS)
def test_of_a_run_whose_replacement_was_killed_one_folder_stays_when_another_run_follows(
    tmp_path, monkeypatch, replacement
):
    begin, replace_run, _ = REPLACEMENTS[replacement]
    for change in range(20):
        folder = tmp_path / str(change)
        before = begin(folder)
        with monkeypatch.context() as patched, suppress(Killed):
            kill_at(patched, change)
            replace_run(folder)
        stopped = read_current_run(str(folder))
        after = publish({"statistics.json": b"[2]"}, str(folder), in_place=before.folder == str(folder))

        superseded_ids = {path.name for path in (folder / "_runs").iterdir()} - {after.run_id}
        assert superseded_ids == {before.run_id, stopped.run_id}, change
        require_readable(before, stopped)
        require_readable(stopped)


@pytest.mark.parametrize("pruned", ["states", "states/profile.parquet"])
def test_a_commit_keeps_the_names_of_all_files_but_those_that_are_pruned(tmp_path, pruned):
    run = publish_in_place(tmp_path)
    remove_from_commit({pruned}, str(tmp_path))

    digests = {name: digest for name, digest in run.digests.items() if not name.startswith("states/")}
    assert read_current_run(str(tmp_path)) == replace(run, digests=digests)


def test_the_first_run_of_a_folder_has_none_before_it(tmp_path):
    assert read_current_run(str(tmp_path / "new")) is None


def test_a_broken_commit_is_named(tmp_path):
    (tmp_path / "_current.json").write_text("[]")

    with pytest.raises(BadDocument, match=r"_current\.json: is not the commit of a run"):
        read_current_run(str(tmp_path))


NAMES_OF_OTHERS = {
    "a folder beside": {"../victim.d": "0"},
    "a file beside": {"../victim.d/notes.txt": "0"},
    "the output itself": {"": "0"},
    "the output itself by a dot": {".": "0"},
    "a whole path": {"/etc/passwd.bak": "0"},
    "a run that is kept": {"_runs": "0"},
    "a folder": {"mine": "0"},
    "a folder of ours and out of it": {"states/../../victim.d": "0"},
    "a line break": {"statistics.json\n": "0"},
    "no text as digest": {"statistics.json": 0},
    "a list": ["statistics.json"],
}


@pytest.mark.parametrize("digests", NAMES_OF_OTHERS.values(), ids=NAMES_OF_OTHERS)
def test_a_commit_that_names_what_no_run_writes_is_a_sentence_and_deletes_nothing(tmp_path, caplog, digests):
    out = tmp_path / "out"
    for folder in (tmp_path / "victim.d", out / "mine"):
        folder.mkdir(parents=True)
        (folder / "notes.txt").write_text("mine")
    commit = {"run_id": "ab", "folder": "_runs/ab", "sha256": digests}
    (out / "_current.json").write_text(json.dumps(commit))
    with pytest.raises(BadDocument, match=r"_current\.json: is not the commit of a run .*; delete it and run the job"):
        read_current_run(str(out))

    run = publish(FILES, str(out))

    assert (tmp_path / "victim.d" / "notes.txt").exists()
    assert (out / "mine" / "notes.txt").exists()
    assert read_current_run(str(out)) == run, "the next run ends it"
    assert "it counts as no run" in caplog.text


@pytest.mark.parametrize(
    "folder", ["../_runs/ab", "/tmp", "_runs/..", "_runs/../../x", "", "_runs", "a/b/_runs/c", None]
)
def test_a_commit_whose_folder_is_elsewhere_is_no_commit(tmp_path, folder):
    (tmp_path / "_current.json").write_text(json.dumps({"run_id": "ab", "folder": folder, "sha256": {}}))

    with pytest.raises(BadDocument, match="run_id or folder is no name that a run has"):
        read_current_run(str(tmp_path))


def test_a_commit_of_a_thousand_lists_is_a_sentence(tmp_path):
    (tmp_path / "_current.json").write_text("[" * 100_000)

    with pytest.raises(BadDocument, match="nested too deeply"):
        read_current_run(str(tmp_path))


def test_holding_an_output_leaves_nothing(tmp_path):
    with holding(LocalStorage(), str(tmp_path / "new")):
        pass

    assert tree(tmp_path / "new") == {}


def test_holding_an_output_fails_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(OutputFailed, match="can't be written"), holding(LocalStorage(), str(tmp_path / "file")):
        pass
