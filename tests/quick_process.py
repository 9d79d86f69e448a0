"""One process of tests/quick.py: runs files of tests, a few at a time, until it is time to stop.

    python -m tests.quick_process UNTIL RESULT FILE…

UNTIL is on the monotonic clock. RESULT becomes JSON after every few files: how many tests ran, which failed, how many long
ones were left out, and the files that are done.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.quick import TOGETHER


class Watch:
    """A plugin that counts tests, and long ones that are left out, and stops between two of them when the time is over."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.ran = self.long = 0
        self.failed: list[str] = []
        self.is_over = False

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        self.long += sum(1 for item in items if item.get_closest_marker("long"))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.ran += report.when == "call"
        self.failed += [report.nodeid] if report.failed else []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.failed += [report.nodeid] if report.failed else []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> object:
        result = yield
        if nextitem is not None and time.monotonic() > self.until:
            self.is_over = True
            item.session.shouldstop = "the time is over"
        return result


def main(until: str, result: str, *files: str) -> int:
    watch = Watch(float(until))
    options = [
        "-q",
        "--no-header",
        "--no-summary",
        "-p",
        "no:cacheprovider",
        "-m",
        "not nightly and not slow and not long",
    ]
    done: list[str] = []
    size = 1
    while files and time.monotonic() < watch.until:
        some = files[:size]
        files = files[size:]
        size = min(2 * size, TOGETHER)
        pytest.main([*options, *some], plugins=[watch])
        done += some[:-1] if watch.is_over else some
        process_report = {"ran": watch.ran, "failed": watch.failed, "long": watch.long, "done": done}
        draft = Path(f"{result}.draft")
        draft.write_text(json.dumps(process_report))
        draft.replace(result)
    return int(bool(watch.failed))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
