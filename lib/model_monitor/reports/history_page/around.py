"""What lies around a run in a folder of its hour: how the windows before it went, and the pages beside its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from model_monitor.data.records.windows import hour_of_path
from model_monitor.documents.page import NOTHING_AROUND, Around
from model_monitor.documents.run_description import RunDescription, time_of
from model_monitor.errors import MonitorError
from model_monitor.reports.history_page.history import Series, Window
from model_monitor.reports.history_page.over_time import hours_of
from model_monitor.reports.history_page.past_run import of_summary
from model_monitor.reports.outputs.files import HOUR_FOLDERS
from model_monitor.reports.outputs.result_tables import SUMMARY
from model_monitor.storage import Storage, join, storage_of

MOST = 24  # windows that a run's page shows, its own among them
HOUR, PAGE, HISTORY = "%Y/%m/%d/%H", "report.html", "history.html"


def around(output_path: str, described: RunDescription, summary: bytes) -> Around:
    """summary: the run's own. Nothing of a run without a window, or that is in no folder of its hour: when its window begins or
    ends, as those of the others.
    """
    found, hour = HOUR_FOLDERS.match(output_path), hour_of_path(join(output_path, ""))
    if found is None or hour is None or described.window is None:
        return NOTHING_AROUND
    top, storage = found["top"], storage_of(output_path)
    start, end = time_of(described.window.start), time_of(described.window.end)
    length = end - start
    windows = [(start - place * length, end - place * length) for place in reversed(range(MOST))]
    runs = {MOST - 1: of_summary(summary, output_path, output_path, described, as_drawn=True)}
    for place, (began, _) in enumerate(windows[:-1]):
        path = join(top, f"{began + (hour - start):{HOUR}}", SUMMARY)
        try:
            runs[place] = of_summary(storage.read(path), path, path, described, as_drawn=True)
        except MonitorError:  # there is none, or none that can be read
            continue
    first = min(runs)
    series = Series(described.analysis_type, tuple(windows[first:]), {at - first: run for at, run in runs.items()})
    times = [f"{began:%H:%M}" if length < timedelta(days=1) else f"{began:%Y-%m-%d}" for began, _ in series.windows]
    hours = {name: hours_of(series, row, times) for row, name in enumerate(series.names)} if len(runs) > 1 else {}
    return Around(hours, tuple(_links(top, hour, (start, end), storage)))


def _links(top: str, hour: datetime, window: Window, storage: Storage) -> Iterator[tuple[str, str]]:
    start, end = window
    length = end - start
    for word, beside in ((f"← {start - length:%H:%M}", hour - length), (f"{end:%H:%M} →", hour + length)):
        if storage.exists(join(top, path := f"{beside:{HOUR}}/{PAGE}")):
            yield word, f"../../../../{path}"
    for word, folder, up in (("all windows", top, ""), ("the model", top.rpartition("/")[0], "../")):
        if folder and storage.exists(join(folder, HISTORY)):
            yield word, f"../../../../{up}{HISTORY}"
