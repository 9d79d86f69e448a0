"""Each schedule imported and, as far as its files are there, replayed: the service's verdict, ours, and those of AWS's rules."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.errors import BadConfiguration, MonitorError
from spark_model_monitor.integrations.imports.descriptions import Definition, require_image
from spark_model_monitor.integrations.imports.import_command import import_schedules
from spark_model_monitor.integrations.imports.jobs import JobVariables, build_jobs
from spark_model_monitor.integrations.leaving.inventory import MonitoredSchedule
from spark_model_monitor.integrations.leaving.published_rules import find_drifted
from spark_model_monitor.running.configuration.option_types import PREFIX, flag_name
from spark_model_monitor.running.configuration.reading import build_config, read_sources
from spark_model_monitor.running.inputs.run_inputs import read_baseline
from spark_model_monitor.running.kinds import monitor_for, read_source
from spark_model_monitor.running.replay import replay_command as replaying
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.running.scheduling.schedules import HOURLY, hour_folders
from spark_model_monitor.storage import LocalStorage, is_local, join, storage_of
from spark_model_monitor.storage.file_system import resolve_stand_in

CODE = ("record_preprocessor_script", "post_analytics_processor_script")
FILES = ("baseline_constraints", "baseline_statistics", *CODE, "analysis_config")
DATA_QUALITY = "DataQuality"
NO_REPORT = "no report of the service to compare with"


@dataclass(frozen=True)
class WindowVerdicts:
    """Who would have alarmed in a window: the service, our default, and each of AWS's rules; None without a verdict.

    equal: whether --compat service says what the service's report says; None without a report. differences: as in replay.json.
    failure: why there is no verdict of ours.
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


@dataclass(frozen=True)
class ReplayTrial:
    """What became of one schedule. imported, replay: the lines of these commands. not_moved, not_replayed: why, or None."""

    name: str
    imported: tuple[str, ...] = ()
    not_moved: str | None = None
    replay: tuple[str, ...] = ()
    windows: tuple[WindowVerdicts, ...] = ()
    not_replayed: str | None = None


@dataclass(frozen=True)
class Trials:
    """Runs trials below a folder. captures: the prefix of all endpoints' captures, None for that of each. days: to replay, before
    the newest capture. run_scripts: whether what the account's definitions let jobs run or send may happen on this machine.
    start_job: starts a job and waits; None for a process of its own.
    """

    folder: Path
    captures: str | None = None
    days: int = 30
    run_scripts: bool = False
    start_job: replaying.StartJob | None = None

    @property
    def schedules(self) -> Path:
        """Where `import` writes."""
        return self.folder / "schedules"

    def run(self, schedule: MonitoredSchedule) -> ReplayTrial:
        """Import a schedule, and replay it. No error of one schedule ends those of others."""
        printed = StringIO()
        try:
            if schedule.image:
                require_image(schedule.image)
            import_schedules(
                schedule.answers, self.schedules, printed, captures=self.captures, replace=True, dags_for=sys.executable
            )
        except MonitorError as error:
            return ReplayTrial(schedule.name, not_moved=str(error))
        # The first line is the schedule's name
        imported = tuple(line.strip() for line in printed.getvalue().splitlines()[1:])
        try:
            replay, windows = self._replay(schedule)
        except MonitorError as error:
            return ReplayTrial(schedule.name, imported, not_replayed=str(error))
        return ReplayTrial(schedule.name, imported, None, replay, windows)

    def _replay(self, schedule: MonitoredSchedule) -> tuple[tuple[str, ...], tuple[WindowVerdicts, ...]]:
        definition = schedule.definition
        if definition is None:
            raise BadConfiguration("its job definition is in none of the files")
        if definition.monitoring_type == "ModelExplainability":
            raise BadConfiguration(
                "a replay asks the model again; add --model to the replay that is among the commands"
            )

        # The jobs that `import` makes of it, on copies of their files
        output_path = self.folder / "replays" / schedule.name
        captures = self.captures or schedule.endpoint.get("DataCaptureConfig", {}).get("DestinationS3Uri")
        jobs = build_jobs(definition, schedule.name, captures)
        monitoring, data_path = self._build_flags(schedule.name, definition, jobs, output_path)

        # The replay of each hour, compared with the reports of the service if they are there
        expression = schedule.description.expression or HOURLY
        words = [*monitoring, "--windows", data_path, "--schedule", expression, "--output-path", str(output_path)]
        parts = filter(None, (definition.source.endpoint, schedule.name))
        with suppress(MonitorError):  # without reports of the service, --compat service stands for it
            words += ["--reports", self._copy_hours(join(definition.output_uri, *parts))[0]]
        with_reports = "--reports" in words
        printed = StringIO()
        status = replaying.main([*words, "--json"], out=printed, start_job=self.start_job)
        if status not in (replaying.EQUAL, replaying.DIFFERENT):
            raise BadConfiguration(
                f"the replay ended with exit status {status}; spark-model-monitor replay {' '.join(words)}"
            )
        replayed = json.loads(printed.getvalue())
        windows = [_read_window(window, with_reports=with_reports) for window in replayed["windows"]]
        # AWS's rules are about columns of data alone
        if definition.monitoring_type == DATA_QUALITY:
            words = [*monitoring, "--dataset-source", data_path, "--output-path", str(output_path)]
            windows = _judge_by_published_rules(windows, words)
        # Otherwise the summary counts windows in which our default equals --compat service
        summary = replayed["summary"] if with_reports else [f"{NO_REPORT}; --compat service stands for it"]
        return tuple(summary), tuple(windows)

    def _build_flags(
        self, schedule: str, definition: Definition, jobs: Sequence[JobVariables], output_path: Path
    ) -> tuple[list[str], str]:
        """The flags of the monitoring job, with its files copied here, and the folder of its records."""
        # Its captures, which a merge reads if there are labels
        *merges, monitor = jobs
        source = (merges or [monitor])[0].variables.get("dataset_source")
        if source is None:
            raise BadConfiguration(
                "where its captures are is in none of the files; add describe-endpoint, or --captures PREFIX"
            )
        data_path, start = self._copy_hours(source)
        end = start + timedelta(days=self.days)
        times = ["--start-time", format_moment(start), "--end-time", format_moment(end)]

        self._require_no_code(schedule, definition)

        # Settings that name a file get the path of its copy; the others are in the env file
        flags = ["--env-file", str(self.schedules / f"{schedule}.env"), *times]
        for name in FILES:
            option = flag_name(name)
            uri = monitor.variables.get(name) or definition.settings.get(name)
            if uri:
                flags += [option, self._copy_file(uri)]

        # With labels, the records are those that the merge writes
        if merges:
            labels, _ = self._copy_hours(definition.ground_truth or "")
            words = ["--env-file", str(self.schedules / f"{schedule}.merge.env"), "--dataset-source", data_path, *times]
            data_path = str(output_path / "merged")
            self._merge([*words, "--ground-truth-source", labels, "--output-path", data_path])
        return flags, data_path

    def _require_no_code(self, schedule: str, definition: Definition) -> None:
        """Raises BadConfiguration for what would run or send something here, unless a person allowed it; scripts are copied."""
        scripts = [self._copy_file(definition.settings[name]) for name in CODE if definition.settings.get(name)]
        # The service's own variables have no such prefix, and neither run nor send anything
        ours = sorted(name for name in definition.environment if name.upper().startswith(PREFIX))
        if (scripts or ours) and not self.run_scripts:
            raise BadConfiguration(
                f"its definition has {' and '.join([*scripts, *ours])}, which would run on this machine; read the scripts and "
                f"{self.schedules / schedule}.env, then write --run-scripts"
            )

    def _merge(self, words: Sequence[str]) -> None:
        status = (self.start_job or replaying.submit)("merge", words)
        if status != 0:
            raise BadConfiguration(
                f"the merge ended with exit status {status}; spark-model-monitor merge {' '.join(words)}"
            )

    def _copy_hours(self, uri: str) -> tuple[str, datetime]:
        """A local folder with the last days of the hour folders below a URI, and the beginning of these days.

        Raises BadInput if there is nothing there, BadConfiguration if it has no hour folders.
        """
        location = resolve_stand_in(uri)
        storage = storage_of(location)
        folders = sorted(hour_folders(storage, location))
        if not folders:
            raise BadConfiguration(f"{uri} has no hour folders (…/yyyy/mm/dd/hh)")
        # Days before the end of the newest hour
        start = folders[-1][0] + timedelta(hours=1) - timedelta(days=self.days)
        if is_local(location):
            return location, start
        for hour, folder in folders:
            if hour >= start:
                for file in storage.walk(folder):
                    self._copy_file(file.path)
        return str(self._place_copy(uri)), start

    def _copy_file(self, uri: str) -> str:
        """The path of a local copy of a file; of a local file its own. A copy that is there is kept."""
        location = resolve_stand_in(uri)
        if is_local(location):
            return location
        path = self._place_copy(uri)
        if not path.exists():
            LocalStorage().write(str(path), storage_of(location).read(location))
        return str(path)

    def _place_copy(self, uri: str) -> Path:
        """Where a copy lies. Raises BadConfiguration for a key that would lie elsewhere: whoever writes records chooses it."""
        bucket_and_key = uri.partition("://")[2]
        if ".." in bucket_and_key.split("/"):
            raise BadConfiguration(f"{uri} has '..' in its key, which would leave {self.folder}; move the object")
        return self.folder / "s3" / bucket_and_key


def _read_window(window: Mapping[str, Json], *, with_reports: bool) -> WindowVerdicts:
    compared: dict[str, Json] = {}
    if with_reports:
        compared = {"equal": window["equal"], "differences": tuple(window["compare_verdicts"])}
    service = window["service_file"] if with_reports else window["compat_service"]
    verdicts = (_has_violations(service), _has_violations(window["default"]))
    return WindowVerdicts(
        window["start"], window["end"], *verdicts, **compared, failure=window["default"].get("failure")
    )


def _has_violations(verdict: Mapping[str, Json] | None) -> bool | None:
    if verdict is None or "failure" in verdict:
        return None
    return bool(verdict["violations"])


def _judge_by_published_rules(windows: Iterable[WindowVerdicts], words: Sequence[str]) -> list[WindowVerdicts]:
    """The windows with what AWS's rules say of each, as far as the baseline has statistics."""
    config = build_config("monitor", read_sources(words, {}), in_container=False)
    path = config.baseline_statistics
    # Without statistics there is nothing to compare with
    if path is None:
        return list(windows)
    statistics = Statistics.from_json(storage_of(path).read(path), path)
    monitor = monitor_for(config)
    baseline = read_baseline(config, monitor)
    judged = []
    for window in windows:
        times = {"start_time": datetime.fromisoformat(window.start), "end_time": datetime.fromisoformat(window.end)}
        # A window that can't be read has no verdict of theirs, either
        with (
            suppress(MonitorError),
            read_source(LocalEngine(processes=1), config.model_copy(update=times), baseline) as data,
        ):
            drifted = find_drifted(statistics, run_baseline(data, monitor).statistics)
            window = replace(window, published=drifted.alarms(), drifted=drifted.columns)
        judged.append(window)
    return judged
