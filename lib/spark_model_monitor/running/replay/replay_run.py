"""Replays old windows with the old baseline; the journal for resuming an interrupted replay; the service's reports."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from spark_model_monitor import __version__
from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.reading.captures import list_captures
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.documents import json_text
from spark_model_monitor.documents.check_results import Violations
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput, MonitorError, NoData
from spark_model_monitor.monitors.protocol import StoredBaseline
from spark_model_monitor.reports.outputs.run_files import CONSTRAINTS, CURRENT, STATISTICS, VIOLATIONS
from spark_model_monitor.running.configuration.contract import JobConfig
from spark_model_monitor.running.configuration.option_types import Compatibility
from spark_model_monitor.running.inputs.run_inputs import PREVIOUS, drop_excluded_features, read_baseline
from spark_model_monitor.running.kinds import create_monitor, read_source
from spark_model_monitor.running.replay.certificate import Certificate, ReplayedWindow, Verdict
from spark_model_monitor.running.runs.monitoring_run import run_monitoring
from spark_model_monitor.running.scheduling.schedules import (
    Recurrence,
    iterate_hour_folders,
    iterate_until_stopped,
    list_windows,
)
from spark_model_monitor.storage import Storage, StoredFile, get_storage, join, read_if_exists
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

JOURNAL_FOLDER = "journal"

_OPTIONS_WITHOUT_INFLUENCE = {
    "job",
    "output_path",
    "start_time",
    "end_time",
    "compat",
    "progress",
    "env_file",
    "container_root",
    "lease_wait",
    "ignored",
    "doubtful",
    "engine",
}


@value_class
class Journal:
    """The entries of one replay, below `folder`."""

    storage: Storage
    folder: str

    def read(self, window: Window, inputs: str) -> tuple[Verdict, Verdict] | None:
        """The verdicts with `--compat service` and by default; None if the window was not run on these inputs."""
        path = self._path(window)
        if not self.storage.exists(path):
            return None
        try:
            entry = json_text.load(self.storage.read(path), path)
            # Captures may arrive late: a window whose files have changed is run again
            if entry["inputs"] != inputs:
                return None
            return Verdict.from_plain(entry["compat_service"]), Verdict.from_plain(entry["default"])
        except (BadDocument, KeyError, TypeError):
            log.warning("%s is no entry of a journal; the window is run again", path)
            return None

    def write(
        self, window: Window, inputs: str, service: Verdict, default: Verdict, tables: Mapping[str, bytes]
    ) -> None:
        """Record the verdicts of a window, and the tables of its default run as files with their own names.

        Raises OutputFailed if they can't be written.
        """
        entry = {"inputs": inputs, "compat_service": service.plain(), "default": default.plain()}
        # The entry is written last, because it marks the window as done
        for name, content in tables.items():
            self.storage.write(f"{self._path(window).removesuffix('.json')}/{name}", content)
        self.storage.write(self._path(window), (json.dumps(entry, ensure_ascii=False) + "\n").encode())

    def _path(self, window: Window) -> str:
        return join(self.folder, f"{window.start:%Y%m%dT%H%MZ}.json")


def hash_settings(config: JobConfig) -> str:
    """A hash of everything that the verdicts of a replay depend on, except the captures, as 16 hexadecimal digits."""
    options = sorted((name, repr(value)) for name, value in config if name not in _OPTIONS_WITHOUT_INFLUENCE)
    # Another release may judge differently, so its replay begins anew
    digest = hashlib.sha256(f"{__version__}\0{options}".encode())
    for path in _list_files(config):
        digest.update(hashlib.sha256(read_if_exists(path) or b"").digest())
    # 64 bits are enough: the hash names one folder among few
    return digest.hexdigest()[:16]


def hash_inputs(files: Iterable[StoredFile]) -> str:
    """A hash of the paths, sizes and times of a window's files, as 16 hexadecimal digits."""
    file_lines = "".join(f"{file.path}\0{file.size_bytes}\0{file.modified_ms}\n" for file in files)
    return hashlib.sha256(file_lines.encode()).hexdigest()[:16]


def _list_files(config: JobConfig) -> list[str]:
    """The files that verdicts depend on: the baseline's documents and the script; `_current.json` has the hashes of states."""
    paths = [config.baseline_constraints, config.baseline_statistics, config.record_preprocessor_script]
    if config.baseline is not None:
        paths += [join(config.baseline, name) for name in (CURRENT, CONSTRAINTS, STATISTICS)]
    return [path for path in paths if path is not None]


PACKAGE_LOGGER = "spark_model_monitor"  # the logger above the loggers of all steps
WINDOWS_PER_LOG_LINE = 24  # windows between two lines of the log


def replay(engine: Engine, config: JobConfig, recurrence: Recurrence, reports: str | None) -> Certificate:
    """Run every window in the captures of `config`, and pair each with the service's report.

    config: the configuration of a monitoring run; its window, if it has one, limits the windows. reports: the path below which
    the service left its reports. Windows in the journal are not run again.

    Raises NoData if there is no window, BadConfiguration if the baseline or the reports can't be used.
    """
    if config.baseline == PREVIOUS:
        needed = "a replay needs the one baseline that the service had: name its path"
        raise BadConfiguration(f"--baseline is 'previous'; {needed}")

    # The windows, the baseline that all are compared with, and the service's reports by the end of their window
    baseline = read_baseline(config, create_monitor(config))
    storage = get_storage(config.dataset_source)
    windows = list_windows(storage, config.dataset_source, recurrence, start=config.start_time, end=config.end_time)
    if reports:
        folders = find_reports(get_storage(reports), reports)
    else:
        folders = {}
    journal = _open_journal(config)
    log.info(f"found {len(windows):,} windows and {len(folders):,} reports")

    # Both verdicts on each window, one window after the other, and the report of its hour
    rows = []
    began = time.monotonic()
    with hide_log_steps():
        for window in iterate_until_stopped(windows):
            service, default = _compute_verdicts(engine, config, baseline, journal, window)
            # The reports that are left at the end have no captures
            folder = folders.pop(window.end, None)
            report = None
            if folder is not None:
                report = read_report(get_storage(folder), folder)
            rows.append(ReplayedWindow(window, service, default, report, folder))
            if len(rows) % WINDOWS_PER_LOG_LINE == 0 or len(rows) == len(windows):
                seconds = time.monotonic() - began
                log.info(f"replayed {len(rows):,} of {len(windows):,} windows, {seconds:.1f} s")
    return Certificate(
        rows, reports is not None, _read_types(baseline), tuple(folders[hour] for hour in sorted(folders))
    )


def _open_journal(config: JobConfig) -> Journal:
    folder = join(config.output_path, JOURNAL_FOLDER, hash_settings(config))
    return Journal(get_storage(folder), folder)


@contextmanager
def hide_log_steps() -> Iterator[None]:
    """Leaves the steps of single windows out of the log."""
    package_log = logging.getLogger(PACKAGE_LOGGER)
    previous_level = logging.getLogger(PACKAGE_LOGGER).level
    log.setLevel(logging.INFO)
    package_log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        package_log.setLevel(previous_level)


def _compute_verdicts(
    engine: Engine, config: JobConfig, baseline: StoredBaseline | None, journal: Journal, window: Window
) -> tuple[Verdict, Verdict]:
    """The verdicts on one window with `--compat service` and by default; the next replay retries a failed one."""
    try:
        is_lenient = config.lenient_window
        files = list_captures(engine, config.dataset_source, window, lenient_window=is_lenient).files
    except NoData as error:
        return Verdict(failure=str(error)), Verdict(failure=str(error))
    inputs = hash_inputs(files)
    journal_verdicts = journal.read(window, inputs)
    if journal_verdicts is not None:
        return journal_verdicts
    window_config = config.model_copy(update={"start_time": window.start, "end_time": window.end})
    # The same rows twice: with the service's rules, and with ours
    service_config = window_config.model_copy(update={"compat": Compatibility.SERVICE})
    service, _ = _compute_verdict(engine, service_config, baseline)
    default_config = window_config.model_copy(update={"compat": Compatibility.NONE})
    default, tables = _compute_verdict(engine, default_config, baseline)
    if service.failure is None and default.failure is None:
        journal.write(window, inputs, service, default, tables)
    return service, default


def _compute_verdict(
    engine: Engine, config: JobConfig, baseline: StoredBaseline | None
) -> tuple[Verdict, Mapping[str, bytes]]:
    """The verdict of one monitoring run, and its tables; if the run fails, a verdict with the text of its error."""
    try:
        with read_source(engine, config, baseline) as data:
            monitored_baseline = drop_excluded_features(baseline, config)
            # An old window may have more refused records than allowed: that error is its verdict, and the others go on
            max_quarantined_share = config.max_quarantined_share
            findings = run_monitoring(
                data, create_monitor(config), monitored_baseline, max_quarantined_share=max_quarantined_share
            )
    except MonitorError as error:
        return Verdict(failure=str(error)), {}
    return Verdict.of(violation.plain() for violation in findings.violations.violations), findings.tables()


def _read_types(baseline: StoredBaseline | None) -> dict[str, InferredType]:
    """The types of the baseline's features, for monitors whose constraints have features."""
    constraints = None if baseline is None else baseline.constraints
    if not isinstance(constraints, Constraints):
        return {}
    return {feature.name: feature.inferred_type for feature in constraints.features}


REPORT_FILES = (VIOLATIONS, STATISTICS, CONSTRAINTS)


def find_reports(storage: Storage, path: str) -> dict[datetime, str]:
    """The folders with a report, by the hour in their path, which is the end of their window.

    Raises BadInput if there is nothing at `path`, BadConfiguration if two folders below it name the same hour.
    Source: C1.5, `<output>/<endpoint>/<schedule>/yyyy/mm/dd/hh/`.
    """
    reports: dict[datetime, str] = {}
    for hour, folder in iterate_hour_folders(storage, path):
        # Other files may lie in folders of hours, such as logs
        if not any(storage.exists(join(folder, name)) for name in REPORT_FILES):
            continue
        if hour in reports:
            raise BadConfiguration(
                f"--reports {path} holds two reports of {hour:%Y-%m-%dT%HZ}, {reports[hour]} and {folder}; "
                "name the folder of one schedule"
            )
        reports[hour] = folder
    return reports


def read_report(storage: Storage, folder: str) -> Verdict:
    """The verdict of a report; a report without a file of violations has no violations. Source: C11.7."""
    path = join(folder, VIOLATIONS)
    if not storage.exists(path):
        return Verdict()
    try:
        return Verdict.of(violation.plain() for violation in Violations.from_json(storage.read(path), path).violations)
    except (BadDocument, BadInput) as error:
        return Verdict(failure=str(error))
