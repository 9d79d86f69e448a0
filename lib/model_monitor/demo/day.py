"""Every hour of the demo's day held against its baselines, by the engine without a JVM, and the day as one page."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

from model_monitor.data.reading.data import read_data
from model_monitor.data.reading.formats import CaptureFormat
from model_monitor.data.records.windows import Window
from model_monitor.demo import churn
from model_monitor.demo.data_set import ANALYSIS, CAPTURES, EXPLAINED, HOURS
from model_monitor.demo.traffic import Traffic
from model_monitor.documents.analysis_config import AnalysisConfig
from model_monitor.documents.run_description import RunContext
from model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from model_monitor.monitors.explainability.measures import AttributionMeasures
from model_monitor.monitors.explainability.monitor import ExplainabilityMonitor
from model_monitor.monitors.protocol import Monitor, StoredBaseline
from model_monitor.reports.history import baselines
from model_monitor.reports.history.baselines import read_baseline, shares_at
from model_monitor.reports.history_page import command
from model_monitor.running.runs.run import run_monitoring

PAGE = "history.html"
MODEL = "churn"


def watch_day(output: Path, baseline: Path, attributions: Path, traffic: Traffic) -> Path:
    """The page of all hours of the traffic in `output`, each of which is monitored first.

    baseline: of the data. attributions: of the model.
    """
    config = AnalysisConfig.from_json((output / ANALYSIS).read_text(encoding="utf-8"))
    explaining = ExplainabilityMonitor(AttributionMeasures.of(config, churn.score, baseline=str(attributions)))
    known = read_baseline(baseline).with_attributions(shares_at(str(attributions)))
    watched: tuple[tuple[str, Monitor, StoredBaseline, Path], ...] = (
        (HOURS, DataQualityMonitor(), known, baseline),
        (EXPLAINED, explaining, read_baseline(attributions, explaining), attributions),
    )
    for hour in range(traffic.hours):
        start = traffic.start + timedelta(hours=hour)
        end = start + timedelta(hours=1)
        window, path = Window(start, end), str(output / CAPTURES)
        with read_data(path, CaptureFormat(), names=known.names, window=window, engine="local") as data:
            context = RunContext(start, end, model=MODEL)
            for folder, monitor, against, place in watched:
                findings = run_monitoring(data, monitor, against, context=context)
                reference = baselines.to_run(str(place), monitor=monitor)
                findings.write(str(output / folder / f"{start:%Y/%m/%d/%H}"), baseline=reference)
    page = output / PAGE
    command.main(command.Request([str(output / HOURS), str(output / EXPLAINED)]), str(page), io.StringIO())
    return page
