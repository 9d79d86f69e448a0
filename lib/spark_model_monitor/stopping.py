"""How this process is told to end, and that it does end.

- What a signal raises in the main thread may be swallowed there, as by a user's script with `except: pass`. So whoever begins
  a step, such as a record or a window, calls `require_going_on` first, which raises it again.
- After `GRACE_SECONDS` the process ends whatever it is doing; the same signal again ends it at once, unless it comes with the
  first. A thread counts the signals, as the main one may be in a library's call that takes longer.
- A call that lets no thread of Python's go on is ended by another process (`watch_from_outside`).
- A step that takes too long ends the process in the same way (`leave_after_grace`); a server that does has no answer
  (`run_within`).

Standard library only.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import copy_context
from types import FrameType
from typing import NoReturn, Protocol, TypeVar

T = TypeVar("T")

GRACE_SECONDS = 8.0
STEP_SECONDS = 0.5  # between two looks of a thread at whether this process was told to end
LAST_SECONDS = 1.5  # for releasing resources after the grace period
AS_ONE_SECONDS = 0.1  # `timeout` and shells signal a process, and then its group: the process receives both

BY_SIGNAL = 128  # added to its number: the status of what it ended, as shells have it

_reasons: list[BaseException] = []
_received: set[int] = set()  # signals that were raised in the main thread
_arrived: dict[int, float] = {}  # the time of each signal's first coming
_exit_steps: list[Callable[[], object]] = []
_exit = os._exit  # a script's own is replaced
_pipes: dict[int, int] = {}  # by process: the pipe with the numbers of its signals
_watchers: list[subprocess.Popen[bytes]] = []

CUT_SHORT = "ended by signal {} in the midst of its work; start it again"
WATCHER = """
import os, select, signal, sys
pipe, watched = int(sys.argv[1]), int(sys.argv[2])
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
signals = select.poll()
signals.register(pipe, select.POLLIN)
# The pipe hangs up when the process has ended, which is not waited for any longer
end = select.poll()
end.register(pipe, 0)
while not signals.poll()[0][1] & select.POLLHUP:
    end.poll(1000 * float(sys.argv[3]))
    # Nobody has read the signal's number
    if [event for _, event in signals.poll(0)] == [select.POLLIN]:
        number = os.read(pipe, 1)[0]
        os.kill(watched, signal.SIGKILL)
        sys.exit("Error: " + sys.argv[4].format(number))
"""


class Process(Protocol):
    """What is asked of a process that was started, as `subprocess.Popen` answers."""

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class Stopped(SystemExit):
    """Told to end, as by SIGTERM. No `Exception`, so that nobody on the way takes it for a failure of what they were doing."""


@contextmanager
def ended_by_signals(*, is_whole_process: bool = False) -> Iterator[None]:
    """SIGTERM, Ctrl-C and a terminal that hangs up end what the body does, within ten seconds; for the outermost body of the
    main thread. Children in sessions of their own hear of it only so.

    What ignores one of them, as a job in the background of a shell or of nohup does, goes on to.
    is_whole_process: the process ends after the body. Then no signal cuts the exit of a process that one has ended.
    """
    is_main = threading.current_thread() is threading.main_thread()
    all_numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    numbers = [number for number in all_numbers if signal.getsignal(number) is not signal.SIG_IGN]
    # Python sets handlers in the main thread only; an outer body has set them already
    if not is_main or any(signal.getsignal(number) is _receive for number in numbers):
        yield
        return
    with ExitStack() as counting:
        counting.enter_context(_count_arriving(numbers))
        before = {number: signal.signal(number, _receive) for number in numbers}
        try:
            yield
        finally:
            # From here on only the exit is left, and a second Ctrl-C would print a trace
            if is_whole_process and _received:
                counting.pop_all()
                for number in before:
                    signal.signal(number, signal.SIG_IGN)
            else:
                for number, handler in before.items():
                    signal.signal(number, handler)
                counting.close()
                _reasons.clear()
                _received.clear()
                _arrived.clear()


def stop(reason: BaseException) -> NoReturn:
    """Raise the reason here, and again wherever `require_going_on` is called from now on."""
    _reasons.append(reason)
    raise reason


def take_back(reason_type: type[BaseException]) -> None:
    """Forget the reasons of a type: for them this process is not to end any more."""
    _reasons[:] = [reason for reason in _reasons if not isinstance(reason, reason_type)]


def leave_after_grace(reason: BaseException, status: int, sentence: str) -> None:
    """Tell this process to end; if that still holds then, it has ended with a status and a sentence after `GRACE_SECONDS`."""

    def end_process() -> None:
        # Taken back meanwhile if the body has ended by itself
        if reason in _reasons:
            _end_now(status, sentence)

    _reasons.append(reason)
    # The exit steps get the rest of the grace
    seconds = GRACE_SECONDS - LAST_SECONDS
    _start_timer(seconds, end_process)


def reason_to_end() -> BaseException | None:
    """What this process was told to end by; None if it was not."""
    if _reasons:
        return _reasons[0]
    return None


def require_going_on() -> None:
    """Raises what this process was told to end by, if it was."""
    if _reasons:
        raise _reasons[0]


@contextmanager
def run_at_exit(step: Callable[[], object]) -> Iterator[None]:
    """A step that is taken, too, where the process ends before the body has come to its own end."""
    _exit_steps.append(step)
    try:
        yield
    finally:
        _exit_steps.remove(step)


def shell_status(status: int) -> int:
    """A process's exit status as shells have it: 128 + N if signal N ended it."""
    if status >= 0:
        return status
    return BY_SIGNAL - status


def run_to_its_end(process: Process, seconds: float | None = None, *, ending: Callable[[], object] = bool) -> int:
    """The status of a process that has ended; it is told to end when this one is, and killed if it doesn't.

    ending: called before it is told so. Raises subprocess.TimeoutExpired if it takes longer than so many seconds.
    """
    # If this process is cut short, its child still must not outlive it
    with run_at_exit(lambda: _end(process, LAST_SECONDS)):
        try:
            return _wait(process, seconds)
        finally:
            if process.poll() is None:
                ending()
                _end(process, GRACE_SECONDS + LAST_SECONDS)


def _wait(process: Process, seconds: float | None) -> int:
    """The status. What tells this process to end is raised in its main thread; another one looks for it."""
    if threading.current_thread() is threading.main_thread():
        return process.wait(seconds)
    end = None
    if seconds is not None:
        end = time.monotonic() + seconds
    while end is None or time.monotonic() < end:
        # Short waits, as no signal interrupts one in another thread
        with suppress(subprocess.TimeoutExpired):
            return process.wait(STEP_SECONDS if end is None else min(STEP_SECONDS, max(end - time.monotonic(), 0)))
        require_going_on()
    raise subprocess.TimeoutExpired("", seconds or 0.0)


def _end(process: Process, seconds: float) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        # SIGTERM was ignored or the process hangs; SIGKILL can't be ignored
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run_within(seconds: float, ask: Callable[[], T]) -> T:
    """The answer of somebody outside, such as a server, who has so many seconds in all.

    Raises TimeoutError if there is no answer by then, and what `ask` raises.
    """
    answers: list[T] = []
    faults: list[BaseException] = []

    def keep_answer() -> None:
        try:
            answers.append(ask())
        except BaseException as fault:
            faults.append(fault)

    # A daemon: a request that never ends doesn't keep the process from ending
    thread = threading.Thread(target=copy_context().run, args=(keep_answer,), daemon=True)
    thread.start()
    # A limit for the whole, while a socket's own holds for each piece of an answer
    thread.join(seconds)
    if faults:
        raise faults[0]
    if answers:
        return answers[0]
    raise TimeoutError(f"no whole answer within {seconds:g} s")


def watch_from_outside() -> None:
    """Have this process killed, once for all, if it is told to end and then reads no signal for `GRACE_SECONDS`.

    Call before a user's code is loaded: while a function in C keeps Python's lock, none of our threads goes on.
    """
    pipe = _pipes.pop(os.getpid(), None)
    if pipe is None:
        return
    program = [sys.executable, "-I", "-S", "-c", WATCHER]
    words = [str(pipe), str(os.getpid()), str(GRACE_SECONDS), CUT_SHORT]
    # In a session of its own, since Ctrl-C reaches all processes of a terminal's
    watcher = subprocess.Popen(
        [*program, *words],
        pass_fds=[pipe],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    _watchers.append(watcher)


@contextmanager
def exits_refused() -> Iterator[None]:
    """While a user's code runs, `os._exit` raises as `sys.exit` does: it would end the job with its status, and no word."""
    os._exit = _raise_exit
    try:
        yield
    finally:
        os._exit = _exit


def _raise_exit(status: int) -> NoReturn:
    raise SystemExit(status)


def _receive(number: int, frame: FrameType | None) -> None:
    """The handler of signals, which Python calls in the main thread."""
    is_first = not _received
    _received.add(number)
    if is_first:  # Ctrl-C reaches all processes of a terminal, and those tell each other as well
        stop(KeyboardInterrupt() if number == signal.SIGINT else Stopped(BY_SIGNAL + signal.SIGTERM))


@contextmanager
def _count_arriving(numbers: Sequence[int]) -> Iterator[None]:
    """A thread counts these signals as they come: what is to be raised waits until the main one is back from a library's call."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def count_signals() -> None:
        signals = select.poll()
        signals.register(reading, select.POLLIN)
        # While this thread may not go on, the number stays in the pipe for a watcher to see
        while signals.poll():
            arrived = os.read(reading, 1)
            if not arrived:
                break
            number = arrived[0]
            if number in numbers:
                _count(number)
        os.close(reading)

    thread = threading.Thread(target=count_signals, daemon=True)
    thread.start()
    _pipes[os.getpid()] = reading
    # An event loop may have one, which hears of its signals as long as it can
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        _pipes.pop(os.getpid(), None)
        os.close(writing)
        thread.join()


def _count(number: int) -> None:
    """Note a signal's first coming; the same again ends this process at once, as does its own time."""
    now = time.monotonic()
    if number in _arrived:
        # A second signal at once is an echo of the first; a later one asks to end without the grace period
        if now - _arrived[number] > AS_ONE_SECONDS:
            _end_by_signal(number)
        return
    is_first = not _arrived
    _arrived[number] = now
    if is_first:
        _start_timer(GRACE_SECONDS, lambda: _end_unless_cleared(number))


def _start_timer(seconds: float, step: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, step)
    timer.daemon = True
    timer.start()


def _end_unless_cleared(number: int) -> None:
    # The body may have ended by itself meanwhile
    if number in _arrived:
        _end_by_signal(number)


def _end_by_signal(number: int) -> NoReturn:
    _end_now(BY_SIGNAL + number, CUT_SHORT.format(number))


def _end_now(status: int, sentence: str) -> NoReturn:
    """End this process, after the exit steps, which have `LAST_SECONDS`."""
    thread = threading.Thread(target=_take_exit_steps, daemon=True)
    thread.start()
    thread.join(LAST_SECONDS)
    with suppress(OSError):  # of a terminal that hung up
        sys.stderr.write(f"Error: {sentence}\n")
        sys.stderr.flush()
    _exit(status)


def _take_exit_steps() -> None:
    for step in tuple(_exit_steps):
        with suppress(Exception):
            step()
