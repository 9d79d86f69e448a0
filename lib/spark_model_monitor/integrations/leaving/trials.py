"""Imports each schedule and, if its files are there, replays it: the verdicts of the service, of ours, and of AWS's rules."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import ClassVar

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.data_reader import choose_engine
from spark_model_monitor.documents.check_results import Hint
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.document import Document
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.model_quality import ModelQualityConstraints
from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.errors import BadConfiguration, MissingDependency, MonitorError
from spark_model_monitor.integrations.imports.descriptions import Definition, require_image
from spark_model_monitor.integrations.imports.import_command import import_schedules
from spark_model_monitor.integrations.imports.jobs import JobVariables, build_jobs
from spark_model_monitor.integrations.leaving.inventory import MonitoredSchedule
from spark_model_monitor.integrations.leaving.published_rules import find_drifted_columns
from spark_model_monitor.running.configuration.contract import JobConfig
from spark_model_monitor.running.configuration.option_types import PREFIX, flag_name
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.inputs.run_inputs import read_baseline
from spark_model_monitor.running.kinds import create_monitor, read_source
from spark_model_monitor.running.merging.merge_request import merge_request
from spark_model_monitor.running.merging.merge_run import merge
from spark_model_monitor.running.replay.replay_command import JSON_NAME, parse_recurrence
from spark_model_monitor.running.replay.replay_run import hide_log_steps, replay
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.running.runtime.status import ExitStatus
from spark_model_monitor.running.scheduling.record import Record
from spark_model_monitor.running.scheduling.schedules import HOURLY, Recurrence, iterate_hour_folders
from spark_model_monitor.storage import LocalStorage, get_storage, is_local, join, read_file, write_text
from spark_model_monitor.storage.stand_in import resolve_stand_in
from spark_model_monitor.value_class import value_class

CODE = ("record_preprocessor_script", "post_analytics_processor_script")
FILES = ("baseline_constraints", "baseline_statistics", *CODE, "analysis_config")
DATA_QUALITY = "DataQuality"
NO_REPORT = "no report of the service to compare with"


class NothingToReplay(MonitorError):
    """A replay that isn't begun, because there is nothing to replay, or a person has to allow or to add something first."""

    exit_status: ClassVar[int] = ExitStatus.COMPLETED


@value_class
class NotDone:
    """Why a step was not done. exit_status: 0 if it was not begun, 2 if something isn't installed, 255 if it failed."""

    reason: str
    exit_status: int = ExitStatus.FAILED

    @classmethod
    def of(cls, error: MonitorError) -> NotDone:
        """The reason in an error, with the exit status of its kind."""
        if isinstance(error, (NothingToReplay, MissingDependency)):
            return cls(str(error), error.exit_status)
        return cls(str(error))

    def __str__(self) -> str:
        return self.reason


@value_class
class WindowVerdicts:
    """Who would have alarmed in a window: the service, our default, and each of AWS's rules.

    Attributes
    ----------
    start, end: The times of the window.
    service, ours: Whether each alarms; None if there is no verdict.
    equal: Whether --compat service has the violations of the service's report; None without a report.
    differences: As in replay.json.
    failure: Why there is no verdict of ours.
    published: Whether each of AWS's rules alarms, by its name.
    drifted: Columns that AWS's rules call drifted.
    """

    start: str
    end: str
    service: bool | None
    ours: bool | None
    equal: bool | None = None
    differences: tuple[Mapping[str, str], ...] = ()
    failure: str | None = None
    published: Mapping[str, bool] = field(default_factory=dict)
    drifted: tuple[str, ...] = ()


@value_class
class ReplayTrial:
    """The import and the replay of one schedule. imported, replay: the output lines of these commands."""

    name: str
    imported: tuple[str, ...] = ()
    not_moved: NotDone | None = None
    replay: tuple[str, ...] = ()
    windows: tuple[WindowVerdicts, ...] = ()
    not_replayed: NotDone | None = None

    @property
    def has_verdicts(self) -> bool:
        """Whether its jobs have judged a window here."""
        return any(window.ours is not None for window in self.windows)


@value_class
class Trials:
    """Imports and replays schedules below a folder.

    Attributes
    ----------
    folder: The folder of all files.
    captures: The prefix of all endpoints' captures; None if each endpoint has its own.
    days: The number of days to replay, up to the newest capture.
    run_scripts: Whether scripts of the account's definitions may run on this machine.
    merge_folders: The outputs of the merges that were imported so far.
    """

    folder: Path
    captures: str | None = None
    days: int = 30
    run_scripts: bool = False
    merge_folders: set[str] = field(default_factory=set)

    @property
    def schedules(self) -> Path:
        """The folder that `import` writes to."""
        return self.folder / "schedules"

    def run(self, schedule: MonitoredSchedule) -> ReplayTrial:
        """Import a schedule, and replay it. An error of one schedule doesn't end the trials of others."""
        printed = StringIO()
        try:
            if schedule.image:
                require_image(schedule.image)
            # Files of a schedule that runs here may have been edited, and are not replaced
            if self.has_run(schedule.name):
                printed.write(f"{schedule.name}\n  its files run here already, and stay as they are\n")
            else:
                import_schedules(
                    schedule.answers,
                    self.schedules,
                    printed,
                    captures=self.captures,
                    replace=True,
                    dags_for=sys.executable,
                    merge_folders=self.merge_folders,
                )
        except MissingDependency as error:
            return ReplayTrial(schedule.name, not_moved=NotDone.of(error))
        # A schedule that can't be moved is a result, and no failure
        except MonitorError as error:
            return ReplayTrial(schedule.name, not_moved=NotDone(str(error), ExitStatus.COMPLETED))
        # The first line is the schedule's name
        imported = tuple(line.strip() for line in printed.getvalue().splitlines()[1:])
        try:
            summary, windows = self._replay(schedule)
        except MonitorError as error:
            return ReplayTrial(schedule.name, imported, not_replayed=NotDone.of(error))
        trial = ReplayTrial(schedule.name, imported, None, summary, windows)
        if trial.has_verdicts:
            return trial
        return replace(
            trial, not_replayed=NotDone(f"no window has a verdict of ours; of the first: {windows[0].failure}")
        )

    def has_run(self, name: str) -> bool:
        """Whether a run of the schedule's successor, started by `run-due`, came to its end."""
        if not Record.exists(self.schedules, name):
            return False
        executions = Record.read(self.schedules, name).executions.executions
        return any(execution.status.has_completed for execution in executions)

    def _replay(self, schedule: MonitoredSchedule) -> tuple[tuple[str, ...], tuple[WindowVerdicts, ...]]:
        definition = schedule.definition
        if definition is None:
            raise NothingToReplay("its job definition is in none of the files")
        if definition.monitoring_type == "ModelExplainability":
            raise NothingToReplay("a replay asks the model again; add --model to the replay that is among the commands")

        # The jobs that `import` makes of the schedule, on copies of their files
        output_path = self.folder / "replays" / schedule.name
        captures = self.captures or schedule.endpoint.get("DataCaptureConfig", {}).get("DestinationS3Uri")
        jobs = build_jobs(definition, schedule.name, captures)
        monitoring, data_path = self._build_flags(schedule.name, definition, jobs, output_path)
        words = [*monitoring, "--dataset-source", data_path, "--output-path", str(output_path)]
        config = build_config("monitor", read_sources(words, os.environ))

        # The replay of each hour, compared with the reports of the service if they are there
        recurrence = Recurrence.of(schedule.description.expression or HOURLY) or parse_recurrence(HOURLY)
        parts = filter(None, (definition.source.endpoint, schedule.name))
        reports = None
        # Without reports of the service, --compat service is used instead of them
        try:
            reports = self._copy_hours(join(definition.output_uri, *parts))[0]
        except MonitorError as error:
            without_reports = f"{NO_REPORT} ({error}); --compat service stands for it"
        certificate = replay(_choose_engine(config), config, recurrence, reports)
        write_text(output_path / JSON_NAME, certificate.to_json())
        replayed = certificate.plain()
        windows = [_read_window(window, with_reports=reports is not None) for window in replayed["windows"]]
        # AWS's rules are about data quality only
        if definition.monitoring_type == DATA_QUALITY:
            with hide_log_steps():
                windows = _judge_by_published_rules(windows, config)
        # Without reports the certificate's summary only compares our default with --compat service
        summary = replayed["summary"] if reports else [without_reports]
        return (*summary, *_list_unread_members(definition, config)), tuple(windows)

    def _build_flags(
        self, schedule: str, definition: Definition, jobs: Sequence[JobVariables], output_path: Path
    ) -> tuple[list[str], str]:
        """The flags of the monitoring job, with its files copied here, and the folder of its records."""
        # The captures are read by the first job: by a merge if there are labels
        *merges, monitor = jobs
        source = (merges or [monitor])[0].variables.get("dataset_source")
        if source is None:
            raise NothingToReplay(
                "where its captures are is in none of the files; add describe-endpoint, or --captures PREFIX"
            )
        data_path, start = self._copy_hours(source)
        end = start + timedelta(days=self.days)
        times = ["--start-time", format_moment(start), "--end-time", format_moment(end)]

        self._require_no_code(schedule, definition)

        # Files are named by the paths of their copies; other settings are in the env file
        flags = ["--env-file", str(self.schedules / f"{schedule}.env"), *times]
        for name in FILES:
            option = flag_name(name)
            uri = monitor.variables.get(name) or definition.settings.get(name)
            if uri:
                flags += [option, self._copy_file(uri)]

        # With labels, the monitor reads the records that the merge writes
        if merges:
            labels, _ = self._copy_hours(definition.ground_truth or "")
            words = ["--env-file", str(self.schedules / f"{schedule}.merge.env"), "--dataset-source", data_path, *times]
            data_path = str(output_path / "merged")
            words += ["--ground-truth-source", labels, "--output-path", data_path]
            merge_config = build_config("merge", read_sources(words, os.environ))
            with hide_log_steps():
                merge(_choose_engine(merge_config), merge_request(merge_config))
        return flags, data_path

    def _require_no_code(self, schedule: str, definition: Definition) -> None:
        """Raises NothingToReplay for what would run or send something here, unless a person allowed it; scripts are copied."""
        scripts = [self._copy_file(definition.settings[name]) for name in CODE if definition.settings.get(name)]
        # Of the variables, only ours can run or send something
        ours = sorted(name for name in definition.environment if name.upper().startswith(PREFIX))
        if (scripts or ours) and not self.run_scripts:
            raise NothingToReplay(
                f"its script would run here: its definition has {' and '.join([*scripts, *ours])}; read the scripts and "
                f"{self.schedules / schedule}.env, then write --run-scripts"
            )

    def _copy_hours(self, uri: str) -> tuple[str, datetime]:
        """A local folder with the last days of the hour folders below a URI, and the beginning of these days.

        Raises BadInput if there is nothing there, BadConfiguration if it has no hour folders.
        """
        location = resolve_stand_in(uri)
        storage = get_storage(location)
        folders = sorted(iterate_hour_folders(storage, location))
        if not folders:
            raise BadConfiguration(f"{uri} has no hour folders (…/yyyy/mm/dd/hh)")
        # The start is this number of days before the end of the newest hour
        start = folders[-1][0] + timedelta(hours=1) - timedelta(days=self.days)
        if is_local(location):
            return location, start
        for hour, folder in folders:
            if hour >= start:
                for file in storage.walk(folder):
                    self._copy_file(file.path)
        return str(self._place_copy(uri)), start

    def _copy_file(self, uri: str) -> str:
        """The path of a local copy of a file, or of a local file itself. An existing copy isn't replaced."""
        location = resolve_stand_in(uri)
        if is_local(location):
            return location
        path = self._place_copy(uri)
        if not path.exists():
            LocalStorage().write(str(path), read_file(location))
        return str(path)

    def _place_copy(self, uri: str) -> Path:
        """The path of a copy. Raises BadConfiguration for a key that would leave the folder."""
        bucket_and_key = uri.partition("://")[2]
        if ".." in bucket_and_key.split("/"):
            raise BadConfiguration(f"{uri} has '..' in its key, which would leave {self.folder}; move the object")
        return self.folder / "s3" / bucket_and_key


def _list_unread_members(definition: Definition, config: JobConfig) -> list[str]:
    """Sentences on members of constraints.json that nothing reads, such as misspelt members, which a replay doesn't report."""
    # Bias and attributions have other files
    documents: dict[str, type[Document]] = {DATA_QUALITY: Constraints, "ModelQuality": ModelQualityConstraints}
    document = documents.get(definition.monitoring_type)
    path = config.baseline_constraints
    if document is None or path is None:
        return []
    constraints = document.from_json(read_file(path), path)
    return [hint.description for hint in Hint.from_unread_members(constraints)]


def _read_window(window: Mapping[str, Json], *, with_reports: bool) -> WindowVerdicts:
    compared: dict[str, Json] = {}
    if with_reports:
        compared = {"equal": window["equal"], "differences": tuple(window["differences"])}
    service = window["service_file"] if with_reports else window["compat_service"]
    verdicts = (_has_violations(service), _has_violations(window["default"]))
    return WindowVerdicts(
        window["start"], window["end"], *verdicts, **compared, failure=window["default"].get("failure")
    )


def _has_violations(verdict: Mapping[str, Json] | None) -> bool | None:
    if verdict is None or "failure" in verdict:
        return None
    return bool(verdict["violations"])


def _choose_engine(config: JobConfig) -> Engine:
    """The engine of a job: the local one, unless the data needs Spark. Raises MissingDependency if Spark isn't installed."""
    return choose_engine(
        config.engine,
        path=config.dataset_source,
        dataset_format=config.dataset_format,
        window=config.find_window(),
    )


def _judge_by_published_rules(windows: Iterable[WindowVerdicts], config: JobConfig) -> list[WindowVerdicts]:
    """The windows with the verdicts of AWS's rules, if the baseline has statistics."""
    path = config.baseline_statistics
    # Without statistics there is nothing to compare with
    if path is None:
        return list(windows)
    statistics = Statistics.from_json(read_file(path), path)
    monitor = create_monitor(config)
    baseline = read_baseline(config, monitor)
    windows_with_rules = []
    for window in windows:
        times = {"start_time": datetime.fromisoformat(window.start), "end_time": datetime.fromisoformat(window.end)}
        # A window that can't be read has no verdict of AWS's rules
        with (
            suppress(MonitorError),
            read_source(LocalEngine(processes=1), config.model_copy(update=times), baseline) as data,
        ):
            drifted = find_drifted_columns(statistics, run_baseline(data, monitor).statistics)
            window = replace(window, published=drifted.alarms(), drifted=drifted.columns)
        windows_with_rules.append(window)
    return windows_with_rules
