"""The rule of the lease on a local folder: one run at a time, whatever stops one."""

import json
import os
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from tests.faults import ENDED_PROCESS, identify_ended_process

from spark_model_monitor.errors import OutputFailed, OutputHeld
from spark_model_monitor.machine import current_machine
from spark_model_monitor.storage import LocalStorage, holding
from spark_model_monitor.storage.lease import LIFE_SECONDS, PREFIX, SAFE_SECONDS, Lease

NOT_AT_ALL = timedelta(0)


class Clock:
    """A clock that goes on when somebody rests, or is told to."""

    def __init__(self):
        self.seconds = 1000.0
        self.rests = []

    def __call__(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds
        self.rests.append(seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def out(tmp_path):
    return str(tmp_path / "out")


@pytest.fixture
def lease(out, clock):
    """Makes leases of other threads than this one's; each is let go at the end."""
    leases = []

    def make(sleep=clock.sleep):
        leases.append(Lease(LocalStorage(), out, now=clock, sleep=sleep))
        return leases[-1]

    yield make
    for new_lease in leases:
        new_lease.release()


def files_in(out):
    return sorted(name for name in os.listdir(out) if name.startswith(PREFIX))


def aged(out, lease, seconds):
    """The file of a lease as it is so long after it was last written."""
    path = f"{out}/{PREFIX}{lease.run}"
    time = os.stat(path).st_mtime - seconds
    os.utime(path, (time, time))


def rewritten(out, lease, **members):
    """What the file of a lease says, with other members, as another machine or process would write it."""
    path = f"{out}/{PREFIX}{lease.run}"
    with open(path) as file:
        members_read = json.load(file) | members
    with open(path, "w") as file:
        json.dump(members_read, file)


def test_a_lease_is_a_file_while_it_is_held_and_nothing_afterwards(lease, out):
    first = lease()
    first.take()
    assert files_in(out) == [f"{PREFIX}{first.run}"]

    first.release()

    assert os.listdir(out) == []


def test_who_waits_too_long_is_reported_who_holds_it_and_leaves_no_file(lease, out, clock):
    first = lease()
    second = lease()
    first.take()
    with pytest.raises(OutputHeld) as raised:
        second.take(timedelta(seconds=30))

    assert str(raised.value).startswith(
        f"{out}: another run is writing there: run {first.run}, process {os.getpid()} on host {os.uname().nodename}, "
        f"since {first.holder.since}; "
    )
    assert "wait longer than 0:00:30 by --set lease_wait=DURATION" in str(raised.value)
    assert 30 <= clock.seconds - 1000 < 32
    assert raised.value.exit_status == 255
    second.release()
    assert files_in(out) == [f"{PREFIX}{first.run}"]


def test_no_wait_is_no_rest(lease, clock):
    lease().take()
    with pytest.raises(OutputHeld):
        lease().take(NOT_AT_ALL)

    assert clock.rests == []


def test_who_waits_gets_on_when_the_other_lets_go(lease, out, caplog):
    first = lease()
    first.take()
    second = lease(sleep=lambda seconds: first.release())
    with caplog.at_level("INFO"):
        second.take()

    assert files_in(out) == [f"{PREFIX}{second.run}"]
    assert caplog.text.count("waiting for another run to end: run ") == 1


@pytest.mark.parametrize(("seconds", "is_alive"), [(LIFE_SECONDS - 1, True), (LIFE_SECONDS + 1, False)])
def test_a_lease_that_is_not_renewed_lives_two_minutes_by_the_stores_times(lease, out, seconds, is_alive, caplog):
    first = lease()
    second = lease()
    first.take()
    rewritten(out, first, host="elsewhere", process="another 1 1")
    aged(out, first, seconds)
    if is_alive:
        with pytest.raises(OutputHeld):
            second.take(NOT_AT_ALL)
    else:
        second.take(NOT_AT_ALL)
        assert f"takes over from a run that has died: run {first.run}" in caplog.text
    assert files_in(out) == [f"{PREFIX}{(first if is_alive else second).run}"]


def test_a_lease_that_is_renewed_lives_on(lease, out, clock):
    first = lease()
    second = lease()
    first.take()
    aged(out, first, LIFE_SECONDS - 1)
    clock.sleep(SAFE_SECONDS - 1)

    assert first.renew()
    with pytest.raises(OutputHeld):
        second.take(NOT_AT_ALL)
    clock.sleep(SAFE_SECONDS - 1)
    first.require_held()


def test_the_lease_of_a_process_of_this_machine_that_has_ended_is_taken_at_once(lease, out):
    first = lease()
    second = lease()
    first.take()
    rewritten(out, first, process=identify_ended_process())
    second.take(NOT_AT_ALL)

    assert files_in(out) == [f"{PREFIX}{second.run}"]


def test_the_lease_of_an_earlier_process_with_the_number_of_a_living_one_is_taken_at_once(lease, tmp_path):
    first = lease()
    first.take()
    rewritten(tmp_path / "out", first, process=str(replace(current_machine().process(), start=1)))
    second = lease()
    second.take(NOT_AT_ALL)

    assert files_in(tmp_path / "out") == [f"{PREFIX}{second.run}"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not tell of zombies")
def test_a_process_whose_parent_has_not_asked_how_it_ended_has_ended(lease, out):
    """In containers without an init that is what a killed job stays."""
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    first = lease()
    first.take()
    rewritten(out, first, process=str(current_machine().process(zombie.pid)))
    lease().take(NOT_AT_ALL)
    zombie.wait()


@pytest.mark.parametrize(
    "members", [{"machine": "another"}, {"machine": ""}, {"number": 0}, {"number": -1}, {"number": "4711x"}, {"x": 1}]
)
def test_a_process_that_nobody_can_ask_for_is_alive(lease, out, members):
    """Of another machine, or of another container of this one; process 0 and -1 would be whole groups of processes."""
    first = lease()
    second = lease()
    first.take()
    machine = members.pop("machine", current_machine().identity())
    rewritten(out, first, process=f"{machine} {members.pop('number', ENDED_PROCESS)} 1", **members)

    with pytest.raises(OutputHeld, match=f"another run is writing there: run {first.run}"):
        second.take(NOT_AT_ALL)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"{", b"[" * 99_999])
def test_a_file_that_says_nothing_holds_as_long_as_it_is_young(lease, out, content):
    os.makedirs(out)
    with open(f"{out}/{PREFIX}x", "wb") as file:
        file.write(content)
    first = lease()
    with pytest.raises(OutputHeld, match="another run is writing there: run x, process 0 on host unknown"):
        first.take(NOT_AT_ALL)
    first.release()
    os.utime(f"{out}/{PREFIX}x", (0, 0))
    lease().take(NOT_AT_ALL)


def test_who_sleeps_through_his_lease_goes_on_if_nobody_came_for_it(lease, out, clock):
    first = lease()
    first.take()
    clock.sleep(15 * 60)
    aged(out, first, 15 * 60)

    first.require_held()
    assert first.renew()
    with pytest.raises(OutputHeld, match=f"another run is writing there: run {first.run}"):
        lease().take(NOT_AT_ALL)


def test_who_sleeps_through_his_lease_publishes_nothing_once_somebody_came(lease, out, clock):
    """Somebody who takes over is there before the file of this one is gone."""
    first = lease()
    second = lease()
    first.take()
    clock.sleep(SAFE_SECONDS + 1)
    Path(out, f"{PREFIX}{second.run}").write_bytes(second.holder.to_json())

    with pytest.raises(OutputHeld, match="another run took it over, since this one had stalled for longer than 90 s"):
        first.require_held()
    assert not first.renew()


def test_who_only_looks_whether_a_lease_is_held_takes_nothing_over(lease, out, clock):
    first = lease()
    first.take()
    clock.sleep(SAFE_SECONDS + 1)
    looks = Path(out, f"{PREFIX}a-waiting-run")
    looks.write_bytes(b"")

    def gone(seconds):
        looks.unlink()

    first._sleep = gone
    first.require_held()


def test_who_wakes_up_after_others_took_over_publishes_nothing_whatever_his_clock_says(lease, out, clock):
    """As on a machine that was suspended."""
    first = lease()
    second = lease()
    first.take()
    first.require_held()
    rewritten(out, first, process="another 1 1")
    aged(out, first, LIFE_SECONDS + 1)
    second.take(NOT_AT_ALL)

    with pytest.raises(OutputHeld):
        first.require_held()
    assert not first.renew()
    assert files_in(out) == [f"{PREFIX}{second.run}"]
    second.require_held()


def test_a_renewal_that_took_too_long_counts_for_nothing(out, clock):
    """It may have come after others took over."""

    class Slow(LocalStorage):
        pause = 0.0

        def write(self, path, content, *, private=False):
            clock.sleep(self.pause)
            super().write(path, content, private=private)

    storage = Slow()
    lease = Lease(storage, out, now=clock, sleep=clock.sleep)
    try:
        lease.take()
        storage.pause = LIFE_SECONDS - SAFE_SECONDS + 1
        clock.sleep(60)
        with ThreadPoolExecutor(1) as threads:  # renewals are another thread's
            assert not threads.submit(lease.renew).result()
        with pytest.raises(OutputHeld):
            lease.require_held()
    finally:
        lease.release()


def test_nothing_below_a_lost_output_is_changed_and_all_else_is(lease, out, clock, tmp_path):
    storage = LocalStorage()
    storage.write(f"{out}/old", b"old")
    storage.write(f"{out}/part", b"part")
    taken_lease = lease()
    taken_lease.take()
    storage.write(f"{out}/before", b"")
    os.unlink(f"{out}/{PREFIX}{taken_lease.run}")
    for change in (
        lambda: storage.write(f"{out}/new", b"new"),
        lambda: storage.write(f"file:{out}/_runs/new", b"new"),
        lambda: storage.delete(f"{out}/old"),
        lambda: storage.assemble([f"{out}/part"], f"{out}/old"),
    ):
        with pytest.raises(OutputHeld, match="nothing more was written; start it again"):
            change()
    storage.write(str(tmp_path / "beside"), b"")
    storage.write(f"{out}side", b"")

    assert sorted(os.listdir(out)) == ["before", "old", "part"]
    taken_lease.release()
    storage.write(f"{out}/new", b"new")


def test_who_holds_an_output_holds_it_within(out):
    with holding(LocalStorage(), out) as outer, holding(LocalStorage(), f"file:{out}", NOT_AT_ALL) as inner:
        assert inner is outer
    assert os.listdir(out) == []


def test_another_thread_is_another_run(out):
    def hold():
        with holding(LocalStorage(), out, NOT_AT_ALL):
            pass

    with holding(LocalStorage(), out), ThreadPoolExecutor(1) as threads, pytest.raises(OutputHeld):
        threads.submit(hold).result()


def test_outputs_of_other_names_are_held_at_once(tmp_path):
    with (
        holding(LocalStorage(), str(tmp_path), NOT_AT_ALL),
        holding(LocalStorage(), str(tmp_path / "a"), NOT_AT_ALL),
        holding(LocalStorage(), str(tmp_path / "ab"), NOT_AT_ALL),
    ):
        pass


def test_an_output_that_can_not_be_written_is_reported_before_anything_else(tmp_path):
    (tmp_path / "file").write_text("not a folder")

    with (
        pytest.raises(OutputFailed, match="file: can't be written: .*file is a file; name a folder"),
        holding(LocalStorage(), str(tmp_path / "file")),
    ):
        pass


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_wait_leaves_no_file(lease, out, interruption):
    """The first by name keeps its file while it waits."""

    def interrupted(seconds):
        raise interruption

    waiting = lease(sleep=interrupted)
    first = lease()
    first.take()
    try:
        with pytest.raises(interruption):
            waiting.take()
        assert len(files_in(out)) == 2
    finally:
        waiting.release()

    assert files_in(out) == [f"{PREFIX}{first.run}"]


def test_of_many_at_once_one_holds_and_all_get_on(out):
    """Eight threads, five times each; a counter that is read and written is what one at a time keeps whole."""
    storage = LocalStorage()
    storage.write(f"{out}/count", b"0")
    at_once = []

    def count(_):
        lease = Lease(storage, out, sleep=lambda seconds: threading.Event().wait(seconds / 100))
        try:
            lease.take(timedelta(minutes=1))
            at_once.append(len([name for name in files_in(out) if name == f"{PREFIX}{lease.run}"]))
            before = int(storage.read(f"{out}/count"))
            storage.write(f"{out}/count", str(before + 1).encode())
        finally:
            lease.release()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(count, range(40)))

    assert storage.read(f"{out}/count") == b"40"
    assert at_once == [1] * 40
    assert os.listdir(out) == ["count"]


HOLDER = """
    import sys
    from spark_model_monitor.errors import OutputHeld
    from spark_model_monitor.storage import LocalStorage, holding
    storage = LocalStorage()
    with holding(storage, sys.argv[1]):
        print("held", flush=True)
        sys.stdin.readline()
        try:
            storage.write(f"{sys.argv[1]}/late", b"")
        except OutputHeld as fault:
            print(fault, flush=True)
"""


@pytest.fixture
def process(out):
    """Another process that holds the output, and writes into it when it is sent a line."""
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLDER), out],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout.readline() == "held\n"
        yield holder
        holder.kill()


def test_a_process_that_was_killed_is_not_waited_for(process, lease, out):
    second = lease()
    with pytest.raises(OutputHeld, match=f"process {process.pid} on host {os.uname().nodename}"):
        second.take(NOT_AT_ALL)
    process.kill()
    process.wait()
    second.take(NOT_AT_ALL)

    assert files_in(out) == [f"{PREFIX}{second.run}"]


def test_a_process_that_wakes_up_late_writes_nothing_over_the_files_of_the_next(process, lease, out, clock):
    [left] = files_in(out)
    time = os.stat(f"{out}/{left}").st_mtime - LIFE_SECONDS - 1
    os.utime(f"{out}/{left}", (time, time))
    second = lease()
    second.take(NOT_AT_ALL)
    printed, _ = process.communicate("\n")

    assert printed.startswith(f"{out}: another run took it over")
    assert os.listdir(out) == [f"{PREFIX}{second.run}"]


def written(path, seconds_ago=5):
    """A file that was last written so long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("half")
    time = path.stat().st_mtime - seconds_ago
    os.utime(path, (time, time))
    return path


def make_draft_name(name):
    return f".{name}.{uuid4().hex}"


def test_who_takes_over_removes_what_the_dead_run_was_writing_and_nothing_of_others(lease, out, tmp_path):
    first = lease()
    second = lease()
    first.take()
    rewritten(out, first, process=identify_ended_process())
    top = tmp_path / "out"
    left = [
        written(top / make_draft_name("_current.json")),
        written(top / "_runs" / "ab" / make_draft_name("statistics.json")),
    ]
    foreign_files = [
        written(top / ".notes"),
        written(top / f".cache.{'0' * 32}"),
        written(top / "2026" / "01" / f"{PREFIX}of-another-run"),
        written(top / "2026" / "01" / make_draft_name("statistics.json")),
        written(top / "2026" / "02" / make_draft_name("begun-meanwhile.json"), seconds_ago=-5),
        written(top / make_draft_name(f"{PREFIX}about-to-be-taken")),
    ]
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(second.take, NOT_AT_ALL).result()

    assert not [path for path in left if path.exists()]
    assert all(path.exists() for path in foreign_files)


def test_a_lease_that_could_not_be_removed_is_not_waited_for_by_its_own_process(lease, out):
    first = lease()
    second = lease()
    first.take()
    file = f"{out}/{PREFIX}{first.run}"
    os.rename(out, f"{out}-away")  # where nobody finds it
    open(out, "w").close()
    first.release()
    os.remove(out)
    os.rename(f"{out}-away", out)
    assert os.path.exists(file)

    second.take(NOT_AT_ALL)

    assert files_in(out) == [f"{PREFIX}{second.run}"]


def test_without_a_dead_run_nothing_is_looked_for(lease, out, tmp_path):
    draft = written(tmp_path / "out" / make_draft_name("statistics.json"))
    lease().take()

    assert draft.exists()


@pytest.mark.parametrize(("seconds", "exists"), [(LIFE_SECONDS - 1, True), (LIFE_SECONDS + 1, False)])
def test_half_a_lease_lives_as_long_as_one(lease, tmp_path, seconds, exists):
    draft = written(tmp_path / "out" / make_draft_name(f"{PREFIX}of-another-run"), seconds)
    lease().take()

    assert draft.exists() == exists


def test_half_a_lease_of_a_process_that_has_ended_is_gone_at_once(lease, tmp_path):
    name = lease().run
    dead = name.replace(f"-{os.getpid()}-", f"-{ENDED_PROCESS}-")
    earlier = name.replace(f"-{os.getpid()}-{current_machine().process().start}-", f"-{os.getpid()}-1-")
    assert len({dead, earlier, name}) == 3
    names = (dead, earlier, name)
    drafts = [written(tmp_path / "out" / make_draft_name(f"{PREFIX}{holder_name}")) for holder_name in names]
    lease().take()

    assert [draft.exists() for draft in drafts] == [False, False, True]
