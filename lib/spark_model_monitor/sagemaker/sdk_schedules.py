"""The common part of the SDK's monitors: a schedule, its runs with their files, its alert.

A schedule is stored in the API's form (`describe_schedule`), and its jobs are made in the same way as by
`spark-model-monitor import`, so a schedule that runs here also runs after its import.
"""

from __future__ import annotations

import logging
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from spark_model_monitor.documents.schedule import Executions
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.integrations.imports.descriptions import ApiAnswer, ApiMembers
from spark_model_monitor.reports.outputs.run_files import STATISTICS, VIOLATIONS
from spark_model_monitor.sagemaker import executions, local_jobs
from spark_model_monitor.sagemaker.definitions import (
    LAST_PARAMETERS,
    PUBLISH,
    RESOURCES,
    ScheduleArguments,
    add_signature,
    build_app_specification,
    build_baseline_config,
    build_ground_truth,
    build_job_input,
    build_job_output,
    build_schedule_config,
    drop_missing,
)
from spark_model_monitor.sagemaker.executions import get_results_folder, run_due, store_schedule
from spark_model_monitor.sagemaker.inputs import BatchTransformInput, EndpointInput
from spark_model_monitor.sagemaker.local_jobs import EXECUTIONS, JOBS, SCHEDULES
from spark_model_monitor.sagemaker.monitoring_files import ConstraintViolations, SdkSession, Statistics
from spark_model_monitor.sagemaker.processing import BaselinedMonitor, MonitoringExecution, make_job_name

if TYPE_CHECKING:
    from typing_extensions import Unpack

log = logging.getLogger(__name__)

S = TypeVar("S", bound="ScheduledMonitor")

SOURCES = {"EndpointInput", "BatchTransformInput"}  # a job input has exactly one of these members

SCHEDULED = "Scheduled"
STOPPED = "Stopped"
NO_ROLE = "arn:aws:iam::000000000000:role/none"  # shown for a monitor without a role


class ScheduledMonitor(BaselinedMonitor):
    """A monitor with its schedule, the schedule's runs and its alert.

    PARAMETERS: the parameters after the endpoint, in the two methods that create and update a schedule.
    CREATE_FILES, UPDATE_FILES: the parameters after the output, in the method that creates and in the one that updates.
    ROLE_LAST: whether the SDK has the parameters for role and metrics after those for resources.
    """

    MONITORING_TYPE: ClassVar[str]
    PARAMETERS: ClassVar[tuple[str, ...]] = ()
    CREATE_FILES: ClassVar[tuple[str, ...]] = ("constraints",)
    UPDATE_FILES: ClassVar[tuple[str, ...]] = ("constraints",)
    ROLE_LAST: ClassVar[bool] = False

    monitoring_schedule_name: str | None = None
    job_definition_name: str | None = None

    def __init_subclass__(cls) -> None:
        """Give the two methods the SDK's signatures for this kind of monitor."""
        # Intermediate base classes have no type of monitoring, so they don't get these methods
        if "MONITORING_TYPE" not in vars(cls):
            return
        first = ("endpoint_input", *cls.PARAMETERS, "output_s3_uri")
        time = "schedule_cron_expression"
        metrics = ("enable_cloudwatch_metrics", "role")
        if cls.ROLE_LAST:
            resources = (*RESOURCES, *metrics)
        else:
            resources = (*metrics, *RESOURCES)
        # The order matters, because notebooks pass some of these by position
        create_names = (*first, *cls.CREATE_FILES, "monitor_schedule_name", time, metrics[0], *LAST_PARAMETERS)
        # CloudWatch metrics are on by default for a new schedule; by default, an update doesn't change them
        create_parameters = {**dict.fromkeys(create_names), metrics[0]: True}
        update_parameters = dict.fromkeys((*first, *cls.UPDATE_FILES, time, *resources, *LAST_PARAMETERS))
        for method, parameters in (
            (ScheduledMonitor.create_monitoring_schedule, create_parameters),
            (ScheduledMonitor.update_monitoring_schedule, update_parameters),
        ):
            setattr(cls, method.__name__, add_signature(method, cls, parameters))

    @classmethod
    def monitoring_type(cls) -> str:
        """The kind of monitoring, by the API's name."""
        return cls.MONITORING_TYPE

    def create_monitoring_schedule(self, *_: Any, **arguments: Unpack[ScheduleArguments]) -> None:
        """Keep a schedule; its runs are run when they are requested (`list_executions`).

        `ScheduleArguments` says what the arguments are. Baseline files that are not given are those of the latest baselining job,
        as is the configuration of an analysis.

        Raises
        ------
        ValueError
            Unless exactly one input is given; if the monitor has a schedule already; if the times are no times.
        BadConfiguration
            If the name is taken or no name; if the service doesn't have the times; if an analysis has no configuration.
        """
        # All checks are made and all files written before the record, so that a refused call leaves no schedule
        name = self._new_name(arguments.get("monitor_schedule_name"))
        baseline = _get_baseline(arguments)
        if not baseline and self.latest_baselining_job is not None:
            baseline = self._latest_baseline()
        application = self._specify_application({**arguments, "env": self.env})
        input_request, captures = build_job_input(*_get_sources(arguments), self.env or {}, self.sagemaker_session)
        parts = {
            "BaselineConfig": baseline,
            "AppSpecification": application,
            "JobInput": self._add_attributes(input_request) | build_ground_truth(arguments.get("ground_truth_input")),
            "JobOutputConfig": build_job_output(name, arguments.get("output_s3_uri"), self.sagemaker_session),
        }
        created = local_jobs.now()
        times = drop_missing(ScheduleConfig=_get_times(arguments) or None)
        definition = {
            "JobDefinitionArn": f"{local_jobs.ARN}:job-definition/{name}",
            "JobDefinitionName": name,
            "CreationTime": created,
            "RoleArn": self.role or NO_ROLE,
            "JobResources": {
                # Only shown by describe calls, because jobs run on this machine
                "ClusterConfig": {
                    "InstanceCount": self.instance_count,
                    "InstanceType": self.instance_type,
                    "VolumeSizeInGB": self.volume_size_in_gb,
                }
            },
            **{f"{self.MONITORING_TYPE}{part}": content for part, content in parts.items()},
        }
        record = {
            "Schedule": describe_schedule(
                name, created, self.MONITORING_TYPE, {**times, "MonitoringJobDefinitionName": name}
            ),
            "Definition": definition,
            "CapturePrefix": captures,
        }
        # The monitor gets its name after the record is written, so that a failed call can be repeated with the same object
        store_schedule(name, record)
        self.monitoring_schedule_name = self.job_definition_name = name

    def update_monitoring_schedule(self, *_: Any, **arguments: Unpack[ScheduleArguments]) -> None:
        """Change what is given of the schedule; instances, keys, network and role are accepted, and without effect.

        Raises
        ------
        ValueError
            If both inputs are given; if the times are no times.
        BadConfiguration
            If the service doesn't have the times.
        """
        baseline = _get_baseline(arguments)
        application = self._specify_application(arguments)
        name = self._schedule_name()
        record = SCHEDULES.read(name)
        parts = {
            "BaselineConfig": baseline,
            "AppSpecification": application,
            "JobInput": build_ground_truth(arguments.get("ground_truth_input")),
        }
        # Without a new source, the input and the location of its captures don't change
        sources = _get_sources(arguments)
        if sources != (None, None):
            input_request, captures = build_job_input(*sources, self.env or {}, self.sagemaker_session)
            parts["JobInput"] |= self._add_attributes(input_request)
            record["CapturePrefix"] = captures
        if (output := arguments.get("output_s3_uri")) is not None:
            parts["JobOutputConfig"] = build_job_output("", output, self.sagemaker_session)
        # Each part is a member of the definition, whose name begins with the type of monitoring
        for part, change in parts.items():
            part_name = f"{self.MONITORING_TYPE}{part}"
            record["Definition"][part_name] = _change_part(record["Definition"][part_name], change)
        if times := _get_times(arguments):
            record["Schedule"]["MonitoringScheduleConfig"]["ScheduleConfig"] = times
        record["Schedule"]["LastModifiedTime"] = local_jobs.now()
        store_schedule(name, record)

    def start_monitoring_schedule(self) -> None:
        """Make its runs due again."""
        self._set_status(SCHEDULED)

    def stop_monitoring_schedule(self) -> None:
        """Make no run due until it is started again."""
        self._set_status(STOPPED)

    def delete_monitoring_schedule(self) -> None:
        """Delete the schedule; the results of its runs stay."""
        name = self._schedule_name()
        SCHEDULES.delete(name)
        EXECUTIONS.delete(name, f".{Executions.FILE_NAME}")
        self.monitoring_schedule_name = self.job_definition_name = None

    def describe_schedule(self) -> ApiMembers:
        """Run what is due; returns DescribeMonitoringSchedule's answer. Raises BadConfiguration without a schedule."""
        name = self._schedule_name()
        runs = run_due(name)
        # As in the API, the last run is a member of the schedule
        schedule: ApiMembers = SCHEDULES.read(name)["Schedule"]
        if runs:
            schedule["LastMonitoringExecutionSummary"] = runs[-1]
        return schedule

    @classmethod
    def attach(cls: type[S], monitor_schedule_name: str, sagemaker_session: SdkSession = None) -> S:
        """A monitor with an existing schedule, created here or in another process.

        Raises BadInput if there is none of this name, BadConfiguration if it is one of another kind.
        """
        record = SCHEDULES.read(monitor_schedule_name)
        kind = record["Schedule"]["MonitoringType"]
        if kind != cls.MONITORING_TYPE:
            raise BadConfiguration(
                f"{monitor_schedule_name} is a schedule of {kind}; a {cls.__name__} attaches to one of {cls.MONITORING_TYPE}"
            )
        environment = dict(cls._application(record).get("Environment", {}))
        # Removed, because this is an argument of the schedule and not a variable of the user, who would see it in `env`
        environment.pop(PUBLISH, None)
        monitor = cls(role=record["Definition"]["RoleArn"], sagemaker_session=sagemaker_session, env=environment)
        monitor.monitoring_schedule_name = monitor_schedule_name
        monitor.job_definition_name = record["Definition"]["JobDefinitionName"]
        return monitor

    def list_executions(self) -> list[MonitoringExecution]:
        """Run what is due; returns all runs, the oldest first."""
        runs = run_due(self._schedule_name())
        if not runs:
            log.warning("No executions found for schedule. monitoring_schedule_name: %s", self.monitoring_schedule_name)
        return [
            MonitoringExecution.from_processing_arn(self.sagemaker_session, run["ProcessingJobArn"]) for run in runs
        ]

    def get_latest_execution_logs(self, wait: bool = False) -> None:
        """Show the log of the latest run. wait: until it has ended.

        Raises ValueError if there is no run.
        """
        runs = self.list_executions()
        if not runs:
            raise ValueError("No execution jobs were kicked off.")
        if wait:
            runs[-1].wait(logs=True)
        else:
            log_file = JOBS.find_path(runs[-1].job_name, ".log")
            sys.stdout.write(log_file.read_text(encoding="utf-8", errors="replace"))

    def latest_monitoring_statistics(self, file_name: str = STATISTICS) -> Statistics | None:
        """statistics.json of the latest run; None, with a warning, if there is none. Runs what is due."""
        latest = self._latest_completed()
        return latest.statistics(file_name) if latest else None

    def latest_monitoring_constraint_violations(self, file_name: str = VIOLATIONS) -> ConstraintViolations | None:
        """constraint_violations.json of the latest run; None, with a warning, if there is none. Runs what is due.

        Raises BadInput after an analysis without violations under `MODEL_MONITOR_COMPAT=service`, which leaves no such file.
        """
        latest = self._latest_completed()
        return latest.constraint_violations(file_name) if latest else None

    def update_monitoring_alert(
        self, monitoring_alert_name: str, data_points_to_alert: int | None, evaluation_period: int | None
    ) -> None:
        """Have an alert be n of m: `data_points_to_alert` of the last `evaluation_period` runs with violations.

        Raises BadConfiguration for a name other than the schedule's, ValueError if nothing is given.
        """
        name = self._schedule_name()
        if monitoring_alert_name != name:
            raise BadConfiguration(f"there is no alert {monitoring_alert_name!r}; it is called {name!r}")
        variables = executions.build_alert_variables(data_points_to_alert, evaluation_period)
        record = SCHEDULES.read(name)
        self._application(record).setdefault("Environment", {}).update(variables)
        record["Schedule"]["LastModifiedTime"] = local_jobs.now()
        SCHEDULES.write(name, record)

    def list_monitoring_alerts(
        self, next_token: str | None = None, max_results: int | None = 10
    ) -> tuple[list[executions.MonitoringAlertSummary], None]:
        """The schedule's one alert with its state; none without a schedule. There is never a next page."""
        if self.monitoring_schedule_name is None:
            log.warning("No alert to list, please create a schedule first.")
            return [], None
        record = SCHEDULES.read(self.monitoring_schedule_name)
        environment = self._application(record).get("Environment", {})
        alert = executions.summarize_alert(record["Schedule"], environment, get_results_folder(record))
        return [alert][:max_results], None

    def list_monitoring_alert_history(
        self,
        monitoring_alert_name: str | None = None,
        sort_by: str | None = "CreationTime",
        sort_order: str | None = "Descending",
        next_token: str | None = None,
        max_results: int | None = 10,
        creation_time_before: str | None = None,
        creation_time_after: str | None = None,
        status_equals: str | None = None,
    ) -> tuple[list[executions.MonitoringAlertHistorySummary], None]:
        """The changes of the schedule's alert, sorted by time; none without a schedule. There is never a next page."""
        if self.monitoring_schedule_name is None:
            log.warning("No alert history to list, please create a schedule first.")
            return [], None
        record = SCHEDULES.read(self.monitoring_schedule_name)
        # The changes are always ordered by time, whatever `sort_by` says
        changes = executions.list_alert_changes(
            self.monitoring_schedule_name,
            get_results_folder(record),
            ascending=sort_order == "Ascending",
            status=status_equals,
            before=creation_time_before,
            after=creation_time_after,
        )
        return changes[:max_results], None

    @classmethod
    def _application(cls, record: ApiAnswer) -> ApiMembers:
        """The application specification of a stored schedule; changing it changes the record."""
        specification: ApiMembers = record["Definition"][f"{cls.MONITORING_TYPE}AppSpecification"]
        return specification

    def _latest_completed(self) -> MonitoringExecution | None:
        """The latest run; None, with a warning, if there is none or if it did not complete."""
        runs = self.list_executions()
        if not runs:
            return None
        description = runs[-1].describe()
        # As in the SDK, an earlier run isn't used instead, because its files belong to another window
        if description["ProcessingJobStatus"] != local_jobs.COMPLETED:
            log.warning(
                "the latest run has no files: it is in status %s (%s)",
                description["ProcessingJobStatus"],
                description.get("ExitMessage", "it is running"),
            )
            return None
        return runs[-1]

    def _new_name(self, requested_name: str | None) -> str:
        """The name of a new schedule. Raises ValueError if there is one already, BadConfiguration for a name that is taken."""
        if self.monitoring_schedule_name is not None:
            raise ValueError(
                "It seems that this object was already used to create a Model Monitoring Schedule. To create another, "
                "first delete the existing one using my_monitor.delete_monitoring_schedule()."
            )
        name = requested_name or make_job_name("monitoring-schedule")
        if SCHEDULES.exists(name):
            raise BadConfiguration(
                f"there is a schedule {name!r} already; attach to it, delete it, or name another one"
            )
        return name

    def _latest_baseline(self) -> ApiMembers:
        """The files of the latest baselining job, for a schedule without a baseline. Raises BadConfiguration if there is none."""
        return build_baseline_config(ConstraintsResource=self.suggested_constraints())

    def _specify_application(self, arguments: ApiAnswer) -> ApiMembers:
        """The application of a new schedule, or an update's changes to it."""
        # Only some monitors have scripts
        scripts = [arguments.get(name) for name in ("record_preprocessor_script", "post_analytics_processor_script")]
        application = self._build_application(
            arguments.get("env"), arguments.get("enable_cloudwatch_metrics"), *scripts
        )
        return application | drop_missing(ProblemType=arguments.get("problem_type"))

    def _build_application(self, env: dict[str, str] | None, publishes: bool | None, *scripts: Any) -> ApiMembers:
        """The part of the application that an update changes. env: the monitor's new environment."""
        if env is not None:
            self.env = env
        # If metrics are switched on or off, the environment is written, too, because one member of the definition has both
        environment = env if publishes is None else self.env
        return build_app_specification(*scripts, publishes=publishes, environment=environment)

    def _add_attributes(self, input_request: ApiMembers) -> ApiMembers:
        """An input with the monitor's additions."""
        return input_request

    def _schedule_name(self) -> str:
        if self.monitoring_schedule_name is None:
            raise BadConfiguration(
                "there is no schedule yet; create one by create_monitoring_schedule, or attach to one"
            )
        return self.monitoring_schedule_name

    def _set_status(self, status: str) -> None:
        name = self._schedule_name()
        record = SCHEDULES.read(name)
        record["Schedule"] |= {"MonitoringScheduleStatus": status, "LastModifiedTime": local_jobs.now()}
        SCHEDULES.write(name, record)


def describe_schedule(name: str, created: datetime, kind: str, config: ApiAnswer) -> ApiMembers:
    """A new schedule in the form of DescribeMonitoringSchedule. kind: type of monitoring. config: times and job definition."""
    return {
        "MonitoringScheduleArn": f"{local_jobs.ARN}:monitoring-schedule/{name}",
        "MonitoringScheduleName": name,
        "MonitoringScheduleStatus": SCHEDULED,
        "MonitoringType": kind,
        "CreationTime": created,
        "LastModifiedTime": created,
        "MonitoringScheduleConfig": {**config, "MonitoringType": kind},
    }


def _change_part(content: ApiAnswer, change: ApiMembers) -> ApiMembers:
    """A part of the job definition after an update. Members that the update doesn't give stay as they are."""
    # A new source replaces the old one
    if SOURCES & change.keys():
        content = {name: member for name, member in content.items() if name not in SOURCES}
    # A new environment replaces the old one, but not the choice about CloudWatch metrics
    if PUBLISH in content.get("Environment", {}) and "Environment" in change:
        environment = {PUBLISH: content["Environment"][PUBLISH], **change["Environment"]}
        change = {**change, "Environment": environment}
    return {**content, **change}


def _get_baseline(arguments: ScheduleArguments) -> ApiMembers:
    return build_baseline_config(
        ConstraintsResource=arguments.get("constraints"), StatisticsResource=arguments.get("statistics")
    )


def _get_sources(arguments: ScheduleArguments) -> tuple[str | EndpointInput | None, BatchTransformInput | None]:
    return arguments.get("endpoint_input"), arguments.get("batch_transform_input")


def _get_times(arguments: ScheduleArguments) -> dict[str, str]:
    start = arguments.get("data_analysis_start_time")
    end = arguments.get("data_analysis_end_time")
    return build_schedule_config(arguments.get("schedule_cron_expression"), start, end)
