"""`spark-model-monitor compare-files A B`: compares two files, the first one as the baseline of the second. Driver only."""

from __future__ import annotations

from pathlib import Path

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.configuration.command_line import require_existing_paths
from spark_model_monitor.running.configuration.inferred_options import choose_detected_format
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.kinds import read_source
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.running.runs.results import Findings


def compare_files(before: str, after: str) -> Findings:
    """What changed between the rows of two files or folders; nothing is written.

    Raises BadConfiguration for a path that doesn't exist, BadInput for data that can't be read.
    """
    require_existing_paths([before, after])
    engine = LocalEngine()
    monitor = DataQualityMonitor()
    # The first file is a baseline that nobody keeps
    flags = ["--output-path", "."]
    sources = choose_detected_format("baseline", read_sources([before, *flags], {}, project=None))
    config = build_config("baseline", sources)
    with read_source(engine, config) as data:
        baseline = run_baseline(data, monitor)
    # The second file is read in the format of the first, unless their suffixes differ
    if Path(after).suffix == Path(before).suffix:
        flags.append(f"--dataset-format={sources.text('dataset_format')}")
    sources = choose_detected_format("monitor", read_sources([after, *flags], {}, project=None))
    config = build_config("monitor", sources)
    with read_source(engine, config, baseline.stored_for(monitor)) as data:
        return run_monitoring(data, monitor, baseline)
