"""Ours, and the z-test of thirty lines, as contestants.py has them."""

from __future__ import annotations

import copy
from dataclasses import replace

from contestants import CALIBRATION, MONITOR, MONTH, Product, ZTest, compute_least_p_values, find_level
from detectors import NEWEST_ROW, REPEATED_ROWS, ROW_COUNT, Alarms, Detector, StreamDescription, Window
from laws import Columns
from streams import HEALTHY_WINDOWS, STREAM_LAWS, TABLES, draw_law

from spark_model_monitor import MonitoringSettings
from spark_model_monitor.monitors.data_quality import messages

TABLE_FAULTS = {
    messages.NUMBER_OF_ROWS: ROW_COUNT,
    messages.REPEATED_ROWS: REPEATED_ROWS,
    messages.NEWEST_ROW: NEWEST_ROW,
}


LEVELS = TABLES.parent / "levels"  # of the z-test


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
    """With the defaults of a schedule, and the times of the rows if there are any. rows, pairs: its settings."""

    takes_times = True

    def __init__(self, stream: StreamDescription, rows: str = "clustered", *, pairs: bool | None = None) -> None:
        super().__init__(stream)
        self.monitor = replace(MONITOR, settings=MonitoringSettings(rows=rows), pairs=pairs)

    def fit(self, baseline: list[Columns]) -> None:
        self.contestant = Product(self.stream, baseline, monitor=self.monitor)


class StudentTest(HistoryDetector):
    """At the level at which it alarms once a month on the law; on a real table at 1/720, divided by the statistics."""

    def fit(self, baseline: list[Columns]) -> None:
        self.contestant = ZTest(baseline, level=0.0)
        if self.stream.name in STREAM_LAWS:
            self.contestant.level = calibrate_level(self.stream.name, self.stream.columns)
        else:
            self.contestant.level = 1 / MONTH / len(self.contestant.past[0])


def calibrate_level(name: str, columns: int) -> float:
    """From streams as short as those that are played: traffic that grows for a year is another law. Kept in a file, because it
    takes longer than to play a stream.
    """
    title = name.replace("/", " ")
    file = LEVELS / f"{title}, {columns} columns"
    if file.exists():
        return float(file.read_text(encoding="utf-8"))
    least_p_values: list[float] = []
    for seed in range(CALIBRATION // HEALTHY_WINDOWS):
        stream = draw_law(name, columns, seed, HEALTHY_WINDOWS)
        # As the test sees them: finished, and without the times
        times = stream.description.time_column
        windows = (stream.finish(number, window) for number, window in enumerate(stream.windows))
        shown = ({column: values for column, values in window.items() if column != times} for window in windows)
        least_p_values += compute_least_p_values(shown, stream.law.baseline)
    level = find_level(least_p_values)
    LEVELS.mkdir(parents=True, exist_ok=True)
    file.write_text(repr(level), encoding="utf-8")
    return level
