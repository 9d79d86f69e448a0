"""How this process is told to end, and how it is made to end.

- An exception that a signal raises in the main thread may be swallowed, for example by `except: pass` in a user's script. So
  each step, such as a record or a window, begins with `raise_if_stopped`, which raises the exception again.
- `GRACE_SECONDS` after the signal the process ends, whatever it is doing. The same signal a second time ends it at once,
  unless it arrives together with the first. A thread counts the signals, because the main thread may be in a long library call.
- If a call keeps all Python threads from running, another process ends this one (`start_watcher`).
- A step that takes too long ends the process in the same way (`exit_after_grace`). A server that takes too long counts as
  not answering (`run_with_timeout`).

Standard library only.
"""

from __future__ import annotations

import math
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
STEP_SECONDS = 0.5  # between two checks of a thread whether this process was told to end
CLEANUP_SECONDS = 1.5  # for releasing resources after the grace period
# `timeout` and shells signal a process and then its group, so the process receives the signal twice
DUPLICATE_SECONDS = 0.1

BY_SIGNAL = 128  # shells add it to a signal's number to make the exit status of a process that the signal ended

_reasons: list[BaseException] = []
_received_signals: set[int] = set()  # signals that were raised in the main thread
_arrival_times: dict[int, float] = {}  # the time at which each signal first arrived
_exit_steps: list[Callable[[], object]] = []
_exit = os._exit  # the original function, while a user's script gets a replacement
_pipes: dict[int, int] = {}  # for each process, the pipe from which the numbers of its signals are read
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
    """The methods that are called on a started process; `subprocess.Popen` has them."""

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class Stopped(SystemExit):
    """This process was told to end, for example by SIGTERM. It isn't an `Exception`, so no `except Exception` takes it
    for a failure.
    """


@contextmanager
def end_on_signals(*, is_whole_process: bool = False) -> Iterator[None]:
    """SIGTERM, Ctrl-C and the hang-up of a terminal end the body within ten seconds. For the outermost body of the main
    thread.

    Child processes in sessions of their own are ended only through this. A signal that the process ignores, as a background
    job of a shell or of nohup does, stays ignored.
    is_whole_process: the process ends after the body; then no further signal interrupts its exit.
    """
    is_main = threading.current_thread() is threading.main_thread()
    end_signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    signals = [number for number in end_signals if signal.getsignal(number) is not signal.SIG_IGN]
    # Only the main thread can set handlers; and an outer body may have set them already
    if not is_main or any(signal.getsignal(number) is _receive for number in signals):
        yield
        return
    with ExitStack() as counting:
        counting.enter_context(_count_arriving(signals))
        previous_handlers = {number: signal.signal(number, _receive) for number in signals}
        try:
            yield
        finally:
            # Only the exit is left to do, and a second Ctrl-C would print a trace
            if is_whole_process and _received_signals:
                counting.pop_all()
                for number in previous_handlers:
                    signal.signal(number, signal.SIG_IGN)
            else:
                for number, handler in previous_handlers.items():
                    signal.signal(number, handler)
                counting.close()
                _reasons.clear()
                _received_signals.clear()
                _arrival_times.clear()


def stop(reason: BaseException) -> NoReturn:
    """Raise the reason here, and again wherever `raise_if_stopped` is called from now on."""
    _reasons.append(reason)
    raise reason


def withdraw_reasons(reason_type: type[BaseException]) -> None:
    """Forget all reasons of this type: they no longer tell this process to end."""
    _reasons[:] = [reason for reason in _reasons if not isinstance(reason, reason_type)]


def exit_after_grace(reason: BaseException, status: int, sentence: str) -> None:
    """Tell this process to end. If the reason isn't taken back within `GRACE_SECONDS`, the process exits with this status
    and sentence.
    """

    def end_process() -> None:
        # If the body has ended by itself, the reason was taken back
        if reason in _reasons:
            _end_now(status, sentence)

    _reasons.append(reason)
    # The exit steps take place in the last part of the grace period
    seconds = GRACE_SECONDS - CLEANUP_SECONDS
    _start_timer(seconds, end_process)


def get_reason_to_end() -> BaseException | None:
    """The reason for which this process was told to end; None if it wasn't."""
    return next(iter(_reasons), None)


def raise_if_stopped() -> None:
    """Raise the reason for which this process was told to end, if there is one."""
    if _reasons:
        raise _reasons[0]


@contextmanager
def run_at_exit(step: Callable[[], object]) -> Iterator[None]:
    """Inside the body, a step that is also run if the process ends before the body does."""
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


def wait_for_process(process: Process, seconds: float | None = None, *, ending: Callable[[], object] = bool) -> int:
    """The exit status of a child process. The child is told to end when this process is, and is killed if it doesn't end.

    ending: called before the child is told to end. Raises subprocess.TimeoutExpired after this many seconds.
    """
    # A child must not outlive this process, even if this process is ended at once
    with run_at_exit(lambda: _end_child(process, CLEANUP_SECONDS)):
        try:
            return _wait_for_exit(process, seconds)
        finally:
            if process.poll() is None:
                ending()
                _end_child(process, GRACE_SECONDS + CLEANUP_SECONDS)


def _wait_for_exit(process: Process, seconds: float | None) -> int:
    """Wait for the exit status. A reason to end is raised in the main thread; any other thread has to check for it."""
    if threading.current_thread() is threading.main_thread():
        return process.wait(seconds)
    deadline = math.inf
    if seconds is not None:
        deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        # Wait in short intervals, because a signal doesn't interrupt another thread's wait
        with suppress(subprocess.TimeoutExpired):
            return process.wait(min(STEP_SECONDS, deadline - time.monotonic()))
        raise_if_stopped()
    raise subprocess.TimeoutExpired("", seconds or 0.0)


def _end_child(process: Process, seconds: float) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        # SIGTERM was ignored or the process hangs; SIGKILL can't be ignored
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run_with_timeout(seconds: float, ask: Callable[[], T]) -> T:
    """The answer of somebody outside, such as a server, who has so many seconds in all.

    Raises TimeoutError if there is no answer by then, and what `ask` raises.
    """
    answers: list[T] = []
    faults: list[BaseException] = []

    def store_answer() -> None:
        try:
            answers.append(ask())
        except BaseException as fault:
            faults.append(fault)

    # A daemon thread, so that a request that never ends doesn't keep the process from ending
    thread = threading.Thread(target=copy_context().run, args=(store_answer,), daemon=True)
    thread.start()
    # This limits the whole request; a timeout of a socket limits the wait for each piece of an answer
    thread.join(seconds)
    if faults:
        raise faults[0]
    if answers:
        return answers[0]
    raise TimeoutError(f"no whole answer within {seconds:g} s")


def start_watcher() -> None:
    """Start a process that kills this one if it is told to end and then doesn't read the signal for `GRACE_SECONDS`.

    Call it before a user's code is loaded: while a C function holds Python's global lock, no thread of this process runs.
    """
    pipe = _pipes.pop(os.getpid(), None)
    if pipe is None:
        return
    program = [sys.executable, "-I", "-S", "-c", WATCHER]
    arguments = [str(pipe), str(os.getpid()), str(GRACE_SECONDS), CUT_SHORT]
    # In a session of its own, because Ctrl-C signals all processes of the terminal's session
    watcher = subprocess.Popen(
        [*program, *arguments],
        pass_fds=[pipe],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    _watchers.append(watcher)


@contextmanager
def refuse_exits() -> Iterator[None]:
    """While a user's code runs, `os._exit` raises SystemExit like `sys.exit`; otherwise it would end the job without a
    message.
    """
    os._exit = _raise_exit
    try:
        yield
    finally:
        os._exit = _exit


def _raise_exit(status: int) -> NoReturn:
    raise SystemExit(status)


def _receive(number: int, frame: FrameType | None) -> None:
    """The handler of signals, which Python calls in the main thread."""
    is_first = not _received_signals
    _received_signals.add(number)
    if is_first:  # Ctrl-C reaches all processes of a terminal, and these also signal each other
        stop(KeyboardInterrupt() if number == signal.SIGINT else Stopped(BY_SIGNAL + signal.SIGTERM))


@contextmanager
def _count_arriving(signals: Sequence[int]) -> Iterator[None]:
    """Count these signals in a thread as they arrive: Python's handlers wait until the main thread returns from a library
    call.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def count_signals() -> None:
        pipe = select.poll()
        pipe.register(reading, select.POLLIN)
        # While this thread can't run, the number stays in the pipe, where the watcher sees it
        while pipe.poll() and (arrived := os.read(reading, 1)):
            if arrived[0] in signals:
                _count_signal(arrived[0])
        os.close(reading)

    thread = threading.Thread(target=count_signals, daemon=True)
    thread.start()
    _pipes[os.getpid()] = reading
    # An event loop may have one, which hears of its signals as long as it can
    previous_fd = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous_fd)
        _pipes.pop(os.getpid(), None)
        os.close(writing)
        thread.join()


def _count_signal(number: int) -> None:
    """Note the first arrival of a signal. The same signal again ends this process at once; so does the end of the grace
    period.
    """
    now = time.monotonic()
    if number in _arrival_times:
        # A second signal within DUPLICATE_SECONDS belongs to the first; a later one asks to end without the grace period
        if now - _arrival_times[number] > DUPLICATE_SECONDS:
            _end_by_signal(number)
        return
    # Only the first of all signals starts the grace period
    if not _arrival_times:
        _start_timer(GRACE_SECONDS, lambda: _end_unless_cleared(number))
    _arrival_times[number] = now


def _start_timer(seconds: float, step: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, step)
    timer.daemon = True
    timer.start()


def _end_unless_cleared(number: int) -> None:
    # If the body has ended by itself, the signal was cleared
    if number in _arrival_times:
        _end_by_signal(number)


def _end_by_signal(number: int) -> NoReturn:
    _end_now(BY_SIGNAL + number, CUT_SHORT.format(number))


def _end_now(status: int, sentence: str) -> NoReturn:
    """End this process after the exit steps, which may take `CLEANUP_SECONDS`."""
    thread = threading.Thread(target=_run_exit_steps, daemon=True)
    thread.start()
    thread.join(CLEANUP_SECONDS)
    with suppress(OSError):  # the terminal may have hung up
        sys.stderr.write(f"Error: {sentence}\n")
        sys.stderr.flush()
    _exit(status)


def _run_exit_steps() -> None:
    for step in tuple(_exit_steps):
        with suppress(Exception):
            step()
