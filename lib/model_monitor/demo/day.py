"""Every hour of the demo's day held against its baseline, by the engine without a JVM, and the day as one page."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

from model_monitor.data_quality.monitor import DataQualityMonitor
from model_monitor.demo.data_set import CAPTURES
from model_monitor.demo.traffic import Traffic
from model_monitor.documents.run_description import RunContext
from model_monitor.history import references
from model_monitor.history.baselines import read_baseline
from model_monitor.reading.data import read_data
from model_monitor.reading.formats import CaptureFormat
from model_monitor.records.windows import Window
from model_monitor.reports import command
from model_monitor.runs.run import run_monitoring

REPORTS, PAGE = "hours", "history.html"
MODEL = "churn"


def watch_day(output: Path, baseline_path: Path, traffic: Traffic) -> Path:
    """The page of all hours of the traffic in `output`, each of which is monitored first."""
    baseline, reference = read_baseline(baseline_path), references.to_run(str(baseline_path))
    for hour in range(traffic.hours):
        start = traffic.start + timedelta(hours=hour)
        end = start + timedelta(hours=1)
        window, path = Window(start, end), str(output / CAPTURES)
        with read_data(path, CaptureFormat(), names=baseline.names, window=window, engine="local") as data:
            context = RunContext(start, end, model=MODEL)
            findings = run_monitoring(data, DataQualityMonitor(), baseline, context=context)
            findings.write(str(output / REPORTS / f"{start:%Y/%m/%d/%H}"), baseline=reference)
    page = output / PAGE
    command.main(command.Request([str(output / REPORTS)]), str(page), io.StringIO())
    return page
