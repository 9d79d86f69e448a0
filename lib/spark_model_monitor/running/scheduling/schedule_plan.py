"""The plan of a valid schedule entry: its times, windows and jobs, and the model that it monitors."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from spark_model_monitor.data.records.windows import A_MOMENT, FOLDER_BY_TIME, Window, format_duration, parse_time
from spark_model_monitor.documents.clarify_files import AttributionReport
from spark_model_monitor.documents.run_description import AnalysisType, RunDescription, format_moment
from spark_model_monitor.documents.schedule import Schedule, ScheduledJob, ScheduleStatus
from spark_model_monitor.errors import MESSAGE, BadConfiguration, MonitorError, suggest_names
from spark_model_monitor.reports.alerts import SinkDestination, read_destinations
from spark_model_monitor.reports.outputs.run_files import (
    NameKind,
    is_valid_name,
    read_document,
    read_intact_run,
    resolve_file,
)
from spark_model_monitor.reports.outputs.sql_tables import is_of_catalog
from spark_model_monitor.running.configuration.command_line import write_flag
from spark_model_monitor.running.configuration.contract import OPTIONS, is_without_input
from spark_model_monitor.running.configuration.offsets import full_hour, read_offset
from spark_model_monitor.running.configuration.option_types import variable_name
from spark_model_monitor.running.configuration.sources import BASELINE_FILES, Sources, read_sources
from spark_model_monitor.running.product_layout import Layout
from spark_model_monitor.running.scheduling.retention import KEEP_ALL, Retention
from spark_model_monitor.running.scheduling.schedules import CrontabTimes, Recurrence
from spark_model_monitor.storage import LocalStorage, can_open_without_spark, get_storage, join
from spark_model_monitor.value_class import value_class

MIDNIGHT = CrontabTimes("0 0 * * *")  # for an entry without times: the service then picks an hour of the day (C10a)

DEFAULT_PERIOD = timedelta(hours=1)
VALID_RUN_YEARS = range(1970, 3000)  # offsets from times in these years are valid times

SAMPLE_MONTH_START = datetime(2026, 1, 1, tzinfo=timezone.utc)  # any start, for counting the runs of 30 days
RUN_BUDGET = "run_budget"

SECRET_OPTIONS = ("sink",)  # passed by the environment, because everybody on the machine sees a program's arguments

SCHEDULE = "sagemaker_monitoring_schedule_name"  # the variable by which notices and metrics name their schedule
MODEL = "sagemaker_endpoint_name"  # the variable by which notices and metrics name their model
ANALYSIS_TYPE = "analysis_type"
ATTRIBUTIONS = "attributions"

ENTRY_PATTERN = "*.schedule.json"

GRACE_SECONDS = (
    300  # after the longest run time, until a job is killed: it may hang before its own time limit, or while it ends
)

log = logging.getLogger(__name__)

T = TypeVar("T")


@value_class
class JobCommand:
    """How a job is started.

    Attributes
    ----------
    words: Arguments of the command line.
    variables: Variables in addition to the environment.
    folder: The working folder.
    output_path: The folder of its results.
    longest_seconds: The time until it is killed; None if it has no limit.
    name: Its name in the SDK's classes; None if it has no name.
    """

    words: tuple[str, ...]
    variables: Mapping[str, str]
    folder: Path
    output_path: str
    longest_seconds: float | None = None
    name: str | None = None

    @property
    def message_path(self) -> str:
        """The path of the job's exit message; relative to the working folder if `output_path` is."""
        if urlsplit(self.output_path).scheme:
            return join(self.output_path, MESSAGE)
        return str(self.folder / self.output_path / MESSAGE)


@value_class
class Plan:
    """The plan of one schedule.

    Attributes
    ----------
    entry: The schedule entry.
    file: Its path; env files and relative paths are relative to its folder.
    clock: The times of its runs; None if it runs once, at once.
    offsets: Start and end of a window, relative to a run's full hour; None for the time since the previous run.
    delay: How much later than its time a run begins.
    starts: The first time of a run; None if runs begin with the first call.
    destinations: Sinks for messages about the schedule itself.
    retention: How long it keeps windows, pages and states.
    fleet_explainers: The explainability schedules of the same fleet; None if those in the folder count.
    budget: The share of its healthy runs that may alarm, if schedules share a budget.
    reads_one_model: Whether it reads only the records of one model of an endpoint, or those without a model.
    counts_every_run: Whether a first run without data counts as a run, and a run that was stopped from outside is not due
        again, as in the service.
    sources_cache: The contents of its jobs' entries and env files, by the path of the env file and the entry's variables.
    """

    entry: Schedule
    file: Path
    clock: CrontabTimes | None
    offsets: tuple[timedelta, timedelta] | None
    delay: timedelta
    starts: datetime | None
    destinations: tuple[SinkDestination, ...]
    retention: Retention = KEEP_ALL
    fleet_explainers: tuple[Plan, ...] | None = None
    budget: float | None = None
    reads_one_model: bool = False
    counts_every_run: bool = False
    sources_cache: dict[tuple[Path | None, tuple[tuple[str, str], ...]], Sources] = field(
        default_factory=dict, compare=False, repr=False
    )

    @property
    def folder(self) -> Path:
        """The folder of the entry's file, from which its relative paths start."""
        return self.file.parent

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def analysis_type(self) -> str:
        """The kind of monitoring, as jobs name it: DATA_QUALITY for `DataQuality`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.entry.monitoring_type).upper()

    @property
    def is_running(self) -> bool:
        """Whether its runs are due at their times."""
        return self.entry.status is ScheduleStatus.SCHEDULED

    def window(self, scheduled: datetime) -> Window:
        """The window of a scheduled run: whole hours, since the job starts from the full hour of its time."""
        hour = full_hour(scheduled)
        if self.offsets is not None:
            # Relative to the full hour, like in the service
            start, end = self.offsets
            return Window(hour + start, hour + end)
        # Without offsets, a window lasts from the previous run to this one
        if self.clock:
            previous_time = self.clock.latest(scheduled - A_MOMENT)
        else:
            previous_time = hour - DEFAULT_PERIOD
        return Window(full_hour(previous_time), hour)

    @property
    def monitors_commits(self) -> bool:
        """Whether its windows are the commits of a table."""
        return any("each_commit" in (job.variables or {}) for job in self.entry.jobs)

    def env_file(self, job: ScheduledJob) -> Path | None:
        """The file with the variables of a job, if there is one."""
        if job.env_file is None:
            return None
        return self.folder / job.env_file

    def sources(self, job: ScheduledJob) -> Sources:
        """The contents of a job's entry and env file, which are read once."""
        path = self.env_file(job)
        variables = job.variables or {}
        # Cached, because due runs and the page need the same files
        key = (path, tuple(variables.items()))
        if key not in self.sources_cache:
            arguments = [] if path is None else ["--env-file", str(path)]
            environment = {
                variable_name(name, OPTIONS[name]) if name in OPTIONS else name: text
                for name, text in variables.items()
            }
            self.sources_cache[key] = read_sources(arguments, environment, project=None)
        return self.sources_cache[key]

    def command(self, job: ScheduledJob, scheduled: datetime) -> JobCommand:
        """The command of a job in the run of this time, with flags for everything in its env file, and for its window.

        Raises BadConfiguration if the env file can't be read or names no output path.
        """
        options = self._read_options(job)
        if job.output_folder is not None:
            options["output_path"] = join(options["output_path"], scheduled.strftime(job.output_folder))
        hour = full_hour(scheduled)
        window = self.window(scheduled)
        max_seconds = self.entry.max_runtime_seconds
        flags = {
            **options,
            **_make_schedule_options(self, job, options),
            **self._run_budget(job, options),
            "scheduled_time": format_moment(scheduled),
            # Jobs get offsets, as from the service, so that both find the same window
            "start_time_offset": format_duration(window.start - hour),
            "end_time_offset": format_duration(window.end - hour),
            "fail_on_violations": "true",  # so that the exit status shows violations
        }
        # The job ends itself at the limit; some seconds later it is killed
        longest_seconds = None
        if max_seconds is not None:
            flags["max_runtime"] = f"PT{max_seconds}S"
            longest_seconds = max_seconds + GRACE_SECONDS
        # Defaults of a fleet are for all kinds of monitors, so an option that this kind doesn't use is only a warning
        used_flags = {
            name: text
            for name, text in flags.items()
            if _is_used_by_job(name, flags, job.job, AnalysisType(self.analysis_type))
        }
        unused_names = [name for name in options if name not in used_flags]
        if unused_names:
            log.warning("without effect on the %s of %s: %s", job.job, self.name, ", ".join(unused_names))
        # Secrets are passed by the environment, because other users of the machine see command lines
        flag_words = [write_flag(name, text) for name, text in used_flags.items() if name not in SECRET_OPTIONS]
        variables = {variable_name(name, OPTIONS[name]): options[name] for name in SECRET_OPTIONS if name in options}
        words = (*self.entry.spark_options, job.job, *flag_words)
        return JobCommand(words, variables, self.folder, options["output_path"], longest_seconds)

    @property
    def monthly_run_count(self) -> int:
        """The number of runs due in 30 days."""
        if not self.is_running:
            return 0
        if self.clock is None:
            return 1
        return _count_monthly_times(self.clock)

    def _run_budget(self, job: ScheduledJob, options: Mapping[str, str]) -> dict[str, str]:
        """The budget of a run, unless the user gave one; a repeated run keeps its earlier budget."""
        if self.budget is None or job.job not in OPTIONS[RUN_BUDGET].jobs or options.get(RUN_BUDGET):
            return {}
        path = self.path(options["output_path"])
        # A new entry changes the shares of all schedules, but a rerun must come to the same verdict
        previous_run = read_intact_run(path) if can_open_without_spark(path) else None
        description = None if previous_run is None else read_document(previous_run, RunDescription)
        budget = self.budget
        if description is not None and description.settings.false_alarm_budget:
            budget = description.settings.false_alarm_budget
        return {RUN_BUDGET: repr(budget)}

    def find_runs_folder(self) -> str:
        """The folder above the outputs of the last job, which monitors. Raises BadConfiguration like `command`."""
        return self.path(self._read_options(self.entry.jobs[-1])["output_path"])

    @property
    def result_folders(self) -> list[str]:
        """The folders of result tables (`--results-table`) of its jobs; empty if only the jobs can write to one of them."""
        options = [self._read_options(job) for job in self.entry.jobs]
        names = [members.get("results_table") for members in options]
        # A table of Spark's catalog is no folder
        paths = [self.path(name) for name in names if name and not is_of_catalog(name)]
        is_encrypted = any("s3_encryption" in members for members in options)
        return paths if not is_encrypted and all(map(can_open_without_spark, paths)) else []

    def list_texts(self, option: str) -> list[str]:
        """The texts of an option in the jobs that set it."""
        texts = (self.sources(job).text(option) for job in self.entry.jobs)
        return [text for text in texts if text]

    def path(self, text: str) -> str:
        """A path from the entry or an env file, resolved."""
        if urlsplit(text).scheme:
            return text
        return str(self.folder / text)

    def _read_options(self, job: ScheduledJob) -> dict[str, str]:
        """The options in a job's env file and in the entry."""
        path = self.env_file(job)
        sources = self.sources(job)
        BadConfiguration.raise_for(sources.errors)
        # Only texts of the entry and its env file: this process's environment isn't the job's
        prefixes = (f"{path}: ", "variable ")
        options = {name: text.text for name, text in sources.values.items() if text.location.startswith(prefixes)}
        # `baseline` has priority over the container's two variables, which imported files have
        if options.get("baseline"):
            options = {name: text for name, text in options.items() if name not in BASELINE_FILES}
        if "output_path" not in options:
            where = path or f"{self.file}: variables"
            raise BadConfiguration(f"{where}: output_path is missing; write output_path=DIRECTORY")
        return options


@cache
def _count_monthly_times(clock: CrontabTimes) -> int:
    return sum(1 for _ in clock.times(SAMPLE_MONTH_START, SAMPLE_MONTH_START + timedelta(days=30)))


def read_plan(path: Path) -> Plan:
    """The plan of a schedule entry.

    Raises BadInput if the file can't be read, BadDocument if it isn't an entry, BadConfiguration listing all errors in it.
    """
    return make_plan(Schedule.from_json(LocalStorage().read(str(path)), str(path)), path)


def make_plan(entry: Schedule, path: Path, where: str | None = None) -> Plan:
    """The plan of an entry from a file. where: the name of the entry in errors, by default the file.

    Raises BadConfiguration listing all errors in the entry.
    """
    errors: list[str] = []
    where = where or str(path)
    # The errors of all steps are collected, so that they are reported at once
    plan = Plan(
        entry,
        path.absolute(),
        _try_step(lambda: _read_clock(entry, where), errors),
        _read_offsets(entry, where, errors),
        _try_step(lambda: read_offset(entry.delay or "PT0S", f"{where}: delay"), errors) or timedelta(0),
        _try_step(lambda: _read_time(entry.starts, f"{where}: starts"), errors),
        _try_step(lambda: _read_destinations(entry.sinks, where), errors) or (),
        _try_step(lambda: Retention.read(entry.keep, f"{where}: keep"), errors) or KEEP_ALL,
    )
    errors += [*_list_name_errors(entry, where), *_list_job_errors(plan, where)]
    if plan.delay < timedelta(0):
        errors.append(
            f"{where}: delay is {entry.delay!r}; a run can't begin before its time, write PT10M for ten minutes later"
        )
    BadConfiguration.raise_for(errors)
    return plan


def _read_clock(entry: Schedule, where: str) -> CrontabTimes | None:
    """The times of the schedule's runs; None if it runs once, at once."""
    if entry.cron is not None:
        clock = CrontabTimes.of(entry.cron, f"{where}: cron")
        if not clock.cron.partition(" ")[0].isdigit():
            raise BadConfiguration(
                f"{where}: cron is {entry.cron!r}, which comes at several minutes of an hour; windows are whole hours, so write "
                "one minute, such as 10 * * * *"
            )
        return clock
    if entry.schedule_expression is None:
        return MIDNIGHT
    recurrence = Recurrence.of(entry.schedule_expression, f"{where}: schedule_expression")
    if recurrence:
        return CrontabTimes(recurrence.cron)
    return None


def _read_offsets(entry: Schedule, where: str, errors: list[str]) -> tuple[timedelta, timedelta] | None:
    window = entry.window
    if window is None:
        return None
    start = _try_step(lambda: read_offset(window.start_offset, f"{where}: window.start_offset"), errors)
    end = _try_step(lambda: read_offset(window.end_offset, f"{where}: window.end_offset"), errors)
    if start is None or end is None:
        return None
    if not start < end:
        errors.append(
            f"{where}: window.start_offset is {window.start_offset!r} and window.end_offset {window.end_offset!r}; the start has "
            "to be before the end, such as -PT1H and PT0S"
        )
    return start, end


def _read_time(text: str | None, where: str) -> datetime | None:
    if text is None:
        return None
    time = parse_time(text)
    if time is None or time.year not in VALID_RUN_YEARS:
        years = f"from {VALID_RUN_YEARS.start} to {VALID_RUN_YEARS[-1]}"
        raise BadConfiguration(f"{where} is {text!r}; it has to be a time {years}, such as 2026-01-31T22:00:00Z")
    return time


def _read_destinations(text: str | None, where: str) -> tuple[SinkDestination, ...]:
    try:
        return read_destinations(text or "")
    except ValueError as error:
        raise BadConfiguration(f"{where}: sinks {error}") from error


def _list_name_errors(entry: Schedule, where: str) -> Iterator[str]:
    """Errors in names that become parts of paths: the path of the schedule's record, and the folders of results."""
    if not is_valid_name(entry.name, NameKind.WORD):
        yield f"{where}: name is {entry.name!r}; it has to be letters, digits, '.', '_' and '-', such as churn-hourly"
    for index, job in enumerate(entry.jobs):
        if job.output_folder is not None and not is_valid_name(job.output_folder.strip("/"), NameKind.BY_TIME):
            yield f"{where}: jobs[{index}].output_folder is {job.output_folder!r}; {FOLDER_BY_TIME}"


JOB_NAMES = Layout.here().job_names()
OPTION_NAMES = frozenset({*OPTIONS, *(variable_name(name, option) for name, option in OPTIONS.items())})
"""A variable of a job may be written as the option or as its environment variable."""


def _list_job_errors(plan: Plan, where: str) -> list[str]:
    if not plan.entry.jobs:
        return [f'{where}: jobs is empty; name one, such as {{"job": "monitor", "env_file": "churn.env"}}']
    errors = []
    for index, job in enumerate(plan.entry.jobs):
        if job.job not in JOB_NAMES:
            errors.append(f"{where}: jobs[{index}].job is {job.job!r}; it is one of {', '.join(JOB_NAMES)}")
        for name in sorted(set(job.variables or {}) - OPTION_NAMES):
            hint = suggest_names(name, sorted(OPTION_NAMES), "docs/jobs.md lists them", shown=str)
            errors.append(f"{where}: jobs[{index}].variables: {name!r} is no option; {hint}")
        env_file = plan.env_file(job)
        if env_file is None and not job.variables:
            errors.append(f"{where}: jobs[{index}].env_file is missing; name the file of the job's variables")
        if env_file is not None and not env_file.is_file():
            errors.append(
                f"{where}: jobs[{index}].env_file is {job.env_file!r}, and there is no file {env_file}; write a path "
                "from the folder of the schedule entry"
            )
    return errors


def _try_step(step: Callable[[], T], errors: list[str]) -> T | None:
    try:
        return step()
    except BadConfiguration as error:
        errors.append(str(error))
        return None


def find_model(plan: Plan) -> str | None:
    """The model that a schedule's jobs name; None if no job names one, or if the jobs' variables can't be read."""
    return next(iter(plan.list_texts(MODEL)), None)


def find_attributions(plan: Plan) -> str | None:
    """The baseline of the only explainability schedule of a data-quality schedule's model, in the same folder; otherwise None.

    A baseline that isn't visible from here is ignored: it only orders the page, so it must not fail the job.
    """
    model = find_model(plan)
    if plan.analysis_type != AnalysisType.DATA_QUALITY or model is None:
        return None
    same_model_plans = (other_plan for other_plan in _find_explaining_plans(plan) if find_model(other_plan) == model)
    name_by_baseline: dict[str, str] = {}
    for other_plan in same_model_plans:
        for path in other_plan.list_texts("baseline"):
            if _is_visible(path, plan):
                name_by_baseline[path] = other_plan.name
    # With two explanations, the user has to choose one
    if len(name_by_baseline) > 1:
        names = " and ".join(name_by_baseline.values())
        log.info("%s: %s explain %s; write attributions=PATH", plan.name, names, model)
        return None
    for path, name in name_by_baseline.items():
        log.info("%s: what moves %s more stands first, by %s, the baseline of %s", plan.name, model, path, name)
    return next(iter(name_by_baseline), None)


def _is_used_by_job(name: str, flags: Mapping[str, str], job: str, analysis: AnalysisType) -> bool:
    """Whether a job of this kind takes the option with these flags; all jobs take the options of the container's contract."""
    option = OPTIONS[name]
    return (not option.is_valid_name or option.is_used_by(job, analysis)) and not is_without_input(name, flags)


def _make_schedule_options(plan: Plan, job: ScheduledJob, options: Mapping[str, str]) -> dict[str, str]:
    """The options that a schedule adds for jobs that take them, unless their env file sets them: name, kind, attributions."""
    names = (SCHEDULE, ANALYSIS_TYPE, ATTRIBUTIONS)
    missing_names = {name for name in names if job.job in OPTIONS[name].jobs and not options.get(name)}
    texts = {
        SCHEDULE: plan.name,
        ANALYSIS_TYPE: None if plan.analysis_type == AnalysisType.DATA_QUALITY else plan.analysis_type,
        ATTRIBUTIONS: find_attributions(plan) if ATTRIBUTIONS in missing_names else None,
    }
    return {name: text for name, text in texts.items() if name in missing_names and text is not None}


def _find_explaining_plans(plan: Plan) -> Iterator[Plan]:
    """The explainability schedules of the folder; unreadable ones report their errors in their own runs."""
    if plan.fleet_explainers is not None:
        yield from plan.fleet_explainers
        return
    for file in sorted(plan.folder.glob(ENTRY_PATTERN)):
        try:
            plan_of_file = read_plan(file)
        except MonitorError:
            continue
        if plan_of_file.analysis_type == AnalysisType.MODEL_EXPLAINABILITY:
            yield plan_of_file


def _is_visible(path: str, plan: Plan) -> bool:
    try:
        return get_storage(plan.path(path)).exists(resolve_file(plan.path(path), AttributionReport.FILE_NAME))
    except MonitorError:
        return False
