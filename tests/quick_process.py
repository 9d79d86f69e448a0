"""One process of tests/quick.py: runs files of tests, a few at a time, until it is time to stop.

    python -m tests.quick_process UNTIL RESULT FIRST FILE…

UNTIL is on the monotonic clock. RESULT becomes JSON: how many tests ran and failed, and the files that were left out or cut
short. FIRST is 1 to end with the first failing test.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
from tests import long_tests
from tests.quick import TOGETHER


class Watch:
    """A plugin that counts tests, leaves long ones out, and stops between two of them when the time is over."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.ran = self.failed = self.long = 0
        self.is_over = False

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        short = [item for item in items if long_tests.name_of(item.nodeid) not in long_tests.NAMES]
        self.long += len(items) - len(short)
        items[:] = short

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.ran += report.when == "call"
        self.failed += report.failed

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.failed += report.failed

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> object:
        result = yield
        if nextitem is not None and time.monotonic() > self.until:
            self.is_over = True
            item.session.shouldstop = "the time is over"
        return result


def main(until: str, result: str, first: str, *files: str) -> int:
    watch = Watch(float(until))
    cut: list[str] = []
    for start in range(0, len(files), TOGETHER):
        some = files[start : start + TOGETHER]
        if time.monotonic() > watch.until or (first == "1" and watch.failed):
            cut += some
            continue
        options = ["-q", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-m", "not rest and not slow"]
        pytest.main([*options, *(["-x"] if first == "1" else []), *some], plugins=[watch])
        if watch.is_over:
            cut.append(some[-1])
            watch.is_over = False
    Path(result).write_text(json.dumps({"ran": watch.ran, "failed": watch.failed, "long": watch.long, "cut": cut}))
    return int(watch.failed > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
