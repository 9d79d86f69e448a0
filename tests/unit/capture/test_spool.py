import os
import signal
import subprocess
import sys

import pytest

from spark_model_monitor.capture.spool import READ_BACK_BYTES, Spool

KEY = "churn/AllTraffic/2024/03/04/12/05-06-789-x.jsonl"


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


def test_a_draft_grows_and_knows_where_it_goes(spool):
    draft = spool.create(KEY)
    draft.append(b"1\n2\n", lines=2)
    draft.append(b"3\n", lines=1)

    assert (draft.key, draft.lines, draft.size_bytes) == (KEY, 3, 6)
    assert draft.path.read_bytes() == b"1\n2\n3\n"
    draft.release()


def test_what_was_captured_is_not_for_everybody(spool):
    draft = spool.create(KEY)

    assert draft.path.stat().st_mode & 0o007 == 0
    draft.release()


def test_the_draft_of_a_living_process_is_no_orphan(spool):
    draft = spool.create(KEY)
    draft.append(b"1\n", lines=1)

    assert spool.claim_orphans() == []
    draft.release()


def test_the_draft_of_a_killed_process_is_an_orphan_cut_to_whole_lines(spool):
    program = f"""
import os, signal
from pathlib import Path
from spark_model_monitor.capture.spool import Spool
draft = Spool(Path({str(spool.folder)!r})).create({KEY!r})
draft.append(b"1\\n2\\n", lines=2)
os.write(draft._descriptor, b"3 is half wri")
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": os.pathsep.join(sys.path)}, check=False)
    [orphan] = spool.claim_orphans()

    assert killed.returncode == -signal.SIGKILL
    assert orphan.key == KEY
    assert orphan.path.read_bytes() == b"1\n2\n"
    assert spool.claim_orphans() == []  # it has a process again
    orphan.append(b"3\n", lines=1)
    assert orphan.path.read_bytes() == b"1\n2\n3\n"
    orphan.release()


@pytest.mark.parametrize(
    ("content", "whole_lines"),
    [
        pytest.param(b"", b"", id="nothing was written"),
        pytest.param(b"half", b"", id="not one whole line"),
        pytest.param(b"1\n", b"1\n", id="whole lines only"),
        pytest.param(b"1\n" + b"x" * 3 * READ_BACK_BYTES, b"1\n", id="a long half line"),
    ],
)
def test_half_a_line_is_cut_off(spool, content, whole_lines):
    draft = spool.create(KEY)
    draft.append(content, lines=0)
    draft.cut_to_whole_lines()

    assert draft.path.read_bytes() == whole_lines
    assert draft.size_bytes == len(whole_lines)
    draft.release()


def test_what_a_full_disk_refuses_is_not_half_in_the_file(spool, file_size_limit):
    draft = spool.create(KEY)
    draft.append(b"1\n", lines=1)
    with file_size_limit(5), pytest.raises(OSError, match="File too large"):
        draft.append(b"23456789\n", lines=1)
    assert draft.path.read_bytes() == b"1\n"

    draft.append(b"2\n", lines=1)
    assert draft.path.read_bytes() == b"1\n2\n"
    draft.release()


def test_what_the_system_takes_in_parts_is_written_once(spool, monkeypatch):
    write = os.write
    draft = spool.create(KEY)
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:3]))
    draft.append(b"12345678\n", lines=1)

    assert draft.path.read_bytes() == b"12345678\n"
    draft.release()


def test_a_draft_is_unlocked_also_when_a_process_was_forked_that_has_it_open(spool):
    draft = spool.create(KEY)
    child = os.fork()
    if child == 0:
        signal.pause()
    draft.release()
    orphans = spool.claim_orphans()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

    assert [orphan.key for orphan in orphans] == [KEY]
    orphans[0].release()


def test_a_forked_process_leaves_the_lock_to_the_other_one(spool):
    draft = spool.create(KEY)
    child = os.fork()
    if child == 0:
        draft.forget()
        os._exit(0)
    os.waitpid(child, 0)

    assert spool.claim_orphans() == []
    draft.release()


def test_other_files_in_the_spool_are_left_alone(spool):
    spool.folder.mkdir()
    (spool.folder / "notes.txt").write_text("mine")

    assert spool.claim_orphans() == []
    assert (spool.folder / "notes.txt").read_text() == "mine"


def test_what_is_no_draft_of_ours_is_left_alone(spool, tmp_path):
    victim = tmp_path / "victim.txt"
    victim.write_bytes(b"half a line")
    spool.folder.mkdir()
    (spool.folder / "link.jsonl").symlink_to(victim)
    (spool.folder / "folder.jsonl").mkdir()
    os.mkfifo(spool.folder / "pipe.jsonl")
    (spool.folder / "..%2F..%2Fvictim.jsonl").write_bytes(b"1\n")

    assert spool.claim_orphans() == []
    assert victim.read_bytes() == b"half a line"
