"""Ours, the z-test of thirty lines and a prototype, as contestants.py and their file have them."""

from __future__ import annotations

import copy
import importlib
import sys
from dataclasses import replace

from contestants import MONITOR, MONTH, Product, ZTest
from detectors import (
    NEWEST_ROW,
    REPEATED_ROWS,
    ROW_COUNT,
    Alarms,
    Detector,
    StreamDescription,
    Window,
    transform_p_value,
)
from entrants import ROOT
from laws import Columns

from spark_model_monitor import MonitoringSettings
from spark_model_monitor.monitors.data_quality import messages

TABLE_FAULTS = {
    messages.NUMBER_OF_ROWS: ROW_COUNT,
    messages.REPEATED_ROWS: REPEATED_ROWS,
    messages.NEWEST_ROW: NEWEST_ROW,
}


class HistoryDetector(Detector):
    """A contestant that keeps a history, which a copy doesn't share. has_news: whether its last window isn't in it yet."""

    contestant: Product | ZTest
    has_news = False

    def check(self, window: Window) -> Alarms:
        self.remember()
        violated = self.contestant.judge(window.columns, window.number)
        self.has_news = True
        named = {TABLE_FAULTS.get(name, name) for name in violated}
        of_pairs = " ".join(named - window.columns.keys()).replace(",", " ").split()
        return Alarms(bool(violated), named | (window.columns.keys() & {*of_pairs}))

    def remember(self) -> None:
        """Once it is needed: not after the last window."""
        if self.has_news:
            self.contestant.remember()
        self.has_news = False

    def fork(self) -> HistoryDetector:
        self.remember()
        twin = copy.copy(self)
        twin.contestant = self.contestant.fork()
        return twin


class Ours(HistoryDetector):
    """With the defaults of a schedule, and the times of the rows if there are any. rows, pairs: its settings. accepts: whether
    somebody accepts each healthy window that alarms.
    """

    takes_times = True

    def __init__(
        self, stream: StreamDescription, rows: str = "clustered", *, pairs: bool | None = None, accepts: bool = False
    ) -> None:
        super().__init__(stream)
        self.monitor = replace(MONITOR, settings=MonitoringSettings(rows=rows), pairs=pairs)
        self.accepts = accepts

    def fit(self, baseline: list[Columns]) -> None:
        self.contestant = Product(self.stream, baseline, monitor=self.monitor)

    def accept(self) -> None:
        if self.accepts:
            self.remember()
            product = self.contestant
            product.history = product.history.mark_accepted(product.window)


class Prototype(HistoryDetector):
    """A contestant of a file."""

    def __init__(self, stream: StreamDescription, file: str) -> None:
        super().__init__(stream)
        self.file = ROOT / file

    def fit(self, baseline: list[Columns]) -> None:
        sys.path.insert(0, str(self.file.parent))
        self.contestant = importlib.import_module(self.file.stem).Simple(self.stream, baseline)


class StudentTest(HistoryDetector):
    """The z-test, by default at 1/720, divided by the statistics."""

    def fit(self, baseline: list[Columns]) -> None:
        self.contestant = ZTest(baseline, level=0.0)
        self.contestant.level = 1 / MONTH / len(self.contestant.past[0])

    def check(self, window: Window) -> Alarms:
        alarms = super().check(window)
        p_values: dict[str, float] = {}
        for (name, _), p_value in zip(self.contestant.now, self.contestant.p_values(window.columns), strict=True):
            p_values[name] = min(p_value, p_values.get(name, 1.0))
        scores = {TABLE_FAULTS.get(name, name): transform_p_value(p_value) for name, p_value in p_values.items()}
        return alarms._replace(scores=scores)
