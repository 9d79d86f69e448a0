"""Runs of the jobs in this process: from a job's flags to the files that it would publish."""

from __future__ import annotations

from pathlib import Path

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.running.configuration.contract import JobConfig
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.inputs.run_inputs import read_baseline
from spark_model_monitor.running.kinds import create_monitor, read_source
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.running.runs.results import Baseline, Findings

AS_SERVICE = ("--compat", "service")


def run_golden_baseline(engine: Engine, output: Path, *flags: object) -> Baseline:
    """What a baselining job with these flags leaves below `output`."""
    config = _config("baseline", output, flags)
    with read_source(engine, config) as data:
        baseline = run_baseline(data, create_monitor(config))
    baseline.write(str(output))
    return baseline


def run_golden_monitoring(engine: Engine, output: Path, *flags: object) -> Findings:
    """What a monitoring job with these flags finds."""
    config = _config("monitor", output, flags)
    baseline = read_baseline(config, create_monitor(config))
    with read_source(engine, config, baseline) as data:
        return run_monitoring(
            data, create_monitor(config), baseline, max_quarantined_share=config.max_quarantined_share
        )


def _config(job: str, output: Path, flags: tuple[object, ...]) -> JobConfig:
    arguments = [*map(str, flags), "--output-path", str(output)]
    return build_config(job, read_sources(arguments, {}), in_container=False)
