"""`spark-model-monitor demo`: generates the example, makes baselines of its data and model, monitors it, and reports faults."""

from __future__ import annotations

import io
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.data_reader import read_data
from spark_model_monitor.data.reading.formats import CaptureFormat
from spark_model_monitor.data.reading.outcome_tables import outcomes
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.documents.alarms import list_alarm_starts
from spark_model_monitor.documents.analysis_config import AnalysisConfig
from spark_model_monitor.documents.check_results import CheckResults, Violations
from spark_model_monitor.documents.clarify_files import AttributionReport
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.document import DocumentType
from spark_model_monitor.documents.headline import write_headline
from spark_model_monitor.documents.model_quality import EstimatedQuality, Metrics
from spark_model_monitor.documents.run_description import RunContext, format_moment
from spark_model_monitor.documents.statistics import Statistics, as_rows
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.integrations.demo import churn
from spark_model_monitor.integrations.demo.traffic import (
    ANALYSIS,
    BASELINE,
    CAPTURES,
    EXPLAINED,
    FAULT_HOUR,
    GROUND_TRUTH,
    HOURS,
    VALIDATION,
    Traffic,
    write_data_set,
)
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.explainability.attribution_measures import AttributionMeasures
from spark_model_monitor.monitors.explainability.monitor import ExplainabilityMonitor
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.monitors.protocol import Monitor, StoredBaseline
from spark_model_monitor.reports.history import baselines
from spark_model_monitor.reports.history.baselines import read_attribution_shares, read_baseline
from spark_model_monitor.reports.history_page import report_command
from spark_model_monitor.reports.outputs.printable import format_table
from spark_model_monitor.reports.outputs.run_files import PAGE
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.kinds import create_monitor, read_source
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.user_choices import ProblemType
from spark_model_monitor.stopping import shell_status, wait_for_process

MAX_LISTED_FEATURES = 3


def describe_attributions(baseline: AttributionReport, current: AttributionReport) -> str:
    """The sentence on the features that move the model's first output most in the window, without a line end."""
    # The demo's model has one output, the probability
    current_values = next(iter(current.values.values()))
    baseline_values = next(iter(baseline.values.values()))
    names = sorted(current_values, key=lambda name: -current_values[name])[:MAX_LISTED_FEATURES]
    changes = ", ".join(
        f"{name} by {current_values[name]:.3f} (in the baseline by {baseline_values.get(name, 0.0):.3f})"
        for name in names
    )
    return f"What moved the predictions there, on average: {changes}."


DAY_PAGE = "history.html"
DAY_MODEL = "churn"


def watch_day(output: Path, baseline: Path, attributions: Path, traffic: Traffic) -> Path:
    """The page of all hours of the traffic in `output`, each of which is monitored first.

    baseline: the path of the data's baseline. attributions: the path of the baseline of the model's attributions.
    """
    # Two monitors of each hour: one of the data, one of the features that move the predictions
    config = AnalysisConfig.from_json((output / ANALYSIS).read_text(encoding="utf-8"))
    explainability_monitor = ExplainabilityMonitor(
        AttributionMeasures.of(config, churn.score, baseline=str(attributions))
    )
    data_baseline = read_baseline(baseline).with_attributions(read_attribution_shares(str(attributions)))
    monitors_by_folder: tuple[tuple[str, Monitor, StoredBaseline, Path], ...] = (
        (HOURS, DataQualityMonitor(), data_baseline, baseline),
        (EXPLAINED, explainability_monitor, read_baseline(attributions, explainability_monitor), attributions),
    )
    # The model's quality in the hour that the command reports is estimated before its labels arrive
    start = traffic.start + timedelta(hours=MONITORED_HOUR)
    estimate_hour(output, Window(start, start + timedelta(hours=1)))
    # By the monitor's folder: the alarms of the previous hour, each with the time of its first hour
    since: dict[str, dict[str, str]] = {}
    for hour in range(traffic.hours):
        start = traffic.start + timedelta(hours=hour)
        end = start + timedelta(hours=1)
        window = Window(start, end)
        path = str(output / CAPTURES)
        with read_data(path, CaptureFormat(), names=data_baseline.names, window=window, engine="local") as data:
            context = RunContext(start, end, model=DAY_MODEL)
            # Each monitor's report of the hour lies in the hour's folder below the monitor's folder
            for folder, monitor, stored_baseline, baseline_path in monitors_by_folder:
                findings = run_monitoring(data, monitor, stored_baseline, context=context, since=since.get(folder))
                since[folder] = list_alarm_starts(findings.results, format_moment(start))
                reference = baselines.create_reference_to_run(str(baseline_path), monitor=monitor)
                findings.write(str(output / folder / f"{start:%Y/%m/%d/%H}"), baseline=reference)
        if hour in (0, traffic.hours - 1):  # pages of the hours between link to it
            monitors = [str(output / HOURS), str(output / EXPLAINED)]
            request = report_command.HistoryRequest(monitors)
            report_command.main(request, str(output / DAY_PAGE), io.StringIO())
    return output / DAY_PAGE


def estimate_hour(output: Path, window: Window) -> None:
    """Estimate the model's quality in an hour without labels, below `output`, by the validation set's baseline."""
    plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True)
    quality_path = str(output / QUALITY)
    labelled_outcomes = outcomes(str(output / VALIDATION), plan, label=churn.LABEL, engine="local")
    # This baseline shows how scores and labels are related, which the estimate takes to be unchanged
    run_baseline(labelled_outcomes, ModelQualityMonitor(plan)).write(quality_path)
    flags = {
        "--analysis-type": "ESTIMATED_QUALITY",
        "--problem-type": plan.problem_type.value,
        "--dataset-source": str(output / CAPTURES),
        "--dataset-format": "capture",
        "--inference-attribute": "0",
        "--probability-attribute": "1",
        "--start-time": format_moment(window.start),
        "--end-time": format_moment(window.end),
        "--baseline": quality_path,
        "--output-path": str(output / ESTIMATED),
    }
    # The configuration is read from flags, as a job's is, so that the same defaults hold
    sources = read_sources(_format_flags(flags), {}, project=None)
    config = build_config("monitor", sources)
    monitor = create_monitor(config)
    context = RunContext(window.start, window.end, model=DAY_MODEL)
    with read_source(LocalEngine(), config) as data:
        findings = run_monitoring(data, monitor, read_baseline(quality_path, monitor), context=context)
        findings.write(config.output_path)


def describe_expected_accuracy(estimate: EstimatedQuality, before: Metrics) -> str:
    """The sentence on the expected accuracy in an hour without labels, without a line end."""
    accuracy = next(metric for metric in estimate.metrics if metric.name == "accuracy")
    # With too few rows there is no interval; the sentence then names the value twice
    low, high = accuracy.interval or (accuracy.value, accuracy.value)
    return (
        f"Before its labels come, the accuracy of that hour is estimated: {accuracy.value:.2f}, from {low:.2f} to {high:.2f}, "
        f"after {before.scalars()['accuracy']:.2f} in the validation set."
    )


# Folders of the results: the baseline of the model's quality, the hour without labels, and the jobs' outputs
QUALITY = "quality"
ESTIMATED = "estimated"
RESULTS = "baseline"  # the outputs of the three jobs: the data's baseline, the model's baseline, the monitored hour
ATTRIBUTIONS = "attributions"
REPORT = "monitoring"
MODEL = "spark_model_monitor.integrations.demo.churn:score"
OUTPUTS = ("churned", "churn_probability")  # columns of model outputs
MONITORED_HOUR = 20  # the reported hour of the traffic, counted from 0; the fault began two hours before it
KEY_BY_HEADING = {  # heading -> the key of `as_rows`
    "feature": "feature",
    "type": "inferred_type",
    "completeness": "completeness",
    "distinct": "distinct",
    "mean": "mean",
    "std": "std_dev",
    "min": "min",
    "max": "max",
}

StartJob = Callable[[str, Sequence[str]], int]  # a job's name and its flags -> its exit status
WatchDay = Callable[[Path, Path, Path, Traffic], Path]  # as `watch_day`


def start_command(job: str, flags: Sequence[str]) -> int:
    """The exit status of `spark-model-monitor JOB` with `flags`; its log lines go to this process's own streams.

    If signal N killed the job, the status is 128 + N, as in a shell.
    """
    command = [sys.executable, "-m", "spark_model_monitor", job, *flags]
    return shell_status(wait_for_process(subprocess.Popen(command)))


def run_demo(
    output: Path,
    rows: int,
    *,
    out: TextIO | None = None,
    start_job: StartJob = start_command,
    watch: WatchDay = watch_day,
) -> int:
    """Runs the demo and returns its exit status: 0, or the failed job's own.

    out: where the report is written, by default standard output. start_job: starts a job and waits for it. watch: monitors the
    whole day.
    """
    out = out or sys.stdout
    if rows < 1:
        raise BadConfiguration(f"--rows is {rows}; a baseline needs at least 1 row, and 1000 or more to say something")
    traffic = Traffic()
    start = traffic.start + timedelta(hours=MONITORED_HOUR)
    end = start + timedelta(hours=1)

    _print_step(out, f"1/5 generating {rows:,} customers and {traffic.hours} hours of captured traffic in {output}")
    started = time.monotonic()
    write_data_set(output, rows=rows, traffic=traffic)
    _print_time(out, started)

    # The flags of the three jobs; each job is printed with them as a command that the user may repeat
    baseline = {
        "--dataset-source": str(output / BASELINE),
        "--dataset-format": "csv",
        "--output-path": str(output / RESULTS),
    }
    monitoring = {
        "--dataset-source": str(output / CAPTURES),
        "--dataset-format": "capture",
        "--baseline": str(output / RESULTS),
        "--start-time": format_moment(start),
        "--end-time": format_moment(end),
        "--output-path": str(output / REPORT),
        "--keep-examples": "5",
    }
    explaining = {
        "--analysis-type": "MODEL_EXPLAINABILITY",
        "--analysis-config": str(output / ANALYSIS),
        "--model": MODEL,
        "--engine": "local",
        **baseline,
        "--output-path": str(output / ATTRIBUTIONS),
    }
    data = {**baseline, "--predictions": ",".join(OUTPUTS)}
    # A job that fails ends the demo with its status
    jobs = (("2/5", "baseline", data), ("3/5", "monitor", monitoring), ("4/5", "baseline", explaining))
    for step, job, flags in jobs:
        words = _format_flags(flags)
        _print_step(out, f"{step} running the job: spark-model-monitor {job} {shlex.join(words)}")
        started = time.monotonic()
        status = start_job(job, words)
        if status:
            sys.stderr.write(f"The job {job} ended with exit status {status}; its own message stands above.\n")
            return status
        _print_time(out, started)

    _print_step(out, f"5/5 monitoring all {traffic.hours} hours of the day, data and model, here and without a JVM")
    started = time.monotonic()
    day = watch(output, output / RESULTS, output / ATTRIBUTIONS, traffic)
    _print_time(out, started)

    # The summary: the statistics of the baseline, the paths of the files, and what was wrong in the monitored hour
    statistics = _read(output / RESULTS, Statistics)
    outcomes = _read(output / REPORT, CheckResults)
    window = RunContext(start, end).window
    headline = write_headline(outcomes.checks, window, OUTPUTS, outcomes.hints or ())
    baseline_attributions = _read(output / ATTRIBUTIONS, AttributionReport)
    attributions = _read(output / f"{EXPLAINED}/{start:%Y/%m/%d/%H}", AttributionReport)
    explanation = describe_attributions(baseline_attributions, attributions)
    estimated_quality = _read(output / ESTIMATED, EstimatedQuality)
    estimate = describe_expected_accuracy(estimated_quality, _read(output / QUALITY, Metrics))
    day_page = f"See the day: {day.resolve().as_uri()}"
    out.write(
        f"\n{_format_statistics(statistics)}\n{_list_files(output)}\n{day_page}\n{estimate}\n{headline}\n{explanation}\n"
    )
    return 0


def _format_flags(flags: Mapping[str, str]) -> list[str]:
    words: list[str] = []
    for flag_and_value in flags.items():
        words += flag_and_value
    return words


def _read(folder: Path, document: type[DocumentType]) -> DocumentType:
    """The document that was just written to a folder."""
    file = folder / document.FILE_NAME
    return document.from_json(file.read_text(encoding="utf-8"), str(file))


def _format_statistics(statistics: Statistics) -> str:
    """The table of all features."""
    rows = [[row[key] for key in KEY_BY_HEADING.values()] for row in as_rows(statistics)]
    table = format_table(list(KEY_BY_HEADING), rows)
    return f"{statistics.dataset.item_count:,} rows, {len(rows)} features\n\n{table}"


def _list_files(output: Path) -> str:
    results = output / RESULTS
    report = output / REPORT
    descriptions = [
        [str(output / BASELINE), "the data set that was baselined"],
        [str(results / Statistics.FILE_NAME), "what was found in it, for every feature"],
        [str(results / Constraints.FILE_NAME), "what later data is expected to keep to"],
        [str(output / CAPTURES), "a day of requests, as an endpoint captures them"],
        [str(report / Violations.FILE_NAME), "what broke the constraints in one hour"],
        [str(report / CheckResults.FILE_NAME), "every check of that hour, with its numbers"],
        [str(report / PAGE), "that hour as a page"],
        [str(output / ATTRIBUTIONS / PAGE), "what moves the model's predictions"],
        [str(output / ESTIMATED / PAGE), "how good the model is in that hour, before its labels come"],
        [str(output / GROUND_TRUTH), "the labels that came in later"],
        [str(output / FAULT_HOUR), "what was made to go wrong with that day"],
    ]
    width = max(len(path) for path, _ in descriptions)
    return "".join(f"{path.ljust(width)}  {meaning}\n" for path, meaning in descriptions)


def _print_time(out: TextIO, started: float) -> None:
    _print_step(out, f"    done in {time.monotonic() - started:.1f} s")


def _print_step(out: TextIO, text: str) -> None:
    out.write(f"{text}\n")
    out.flush()  # before the job's process writes to the same terminal
