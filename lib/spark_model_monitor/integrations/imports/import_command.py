"""`spark-model-monitor import`: descriptions from files or from boto3; env files, schedule entries and DAGs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import BadConfiguration, BadDocument, InputUnavailable, explain_missing_import
from spark_model_monitor.integrations.imports.descriptions import (
    NOT_NEEDED,
    ApiAnswer,
    CheckedAnswer,
    Definition,
    ScheduleDescription,
    check_answer,
    read_capture_prefix,
    read_definition,
    read_schedule,
)
from spark_model_monitor.integrations.imports.jobs import (
    JobVariables,
    build_entry,
    build_jobs,
    format_env_file,
    get_window,
    render_dag,
)
from spark_model_monitor.reports.outputs.printable import printable
from spark_model_monitor.storage import LocalStorage, write_text
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from botocore.client import BaseClient


def make_aws_client(region: str | None, service: str = "sagemaker") -> BaseClient:
    """A client for the region, or for the region in the user's AWS settings; boto3 finds the credentials. service: AWS's name
    of the service.

    Raises MissingDependency without boto3, InputUnavailable if there is no region.
    """
    with explain_missing_import("boto3 is not installed; write pip install 'spark-model-monitor[s3]'"):
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    # boto3 reports a missing region here, but missing credentials only at the first call
    try:
        return boto3.client(service, region_name=region, config=Config(connect_timeout=LONGEST_CONNECT_SECONDS))
    except BotoCoreError as error:
        raise InputUnavailable(f"the account can't be asked: {error}; name a region with --region") from error


def fetch_answers(client: BaseClient, schedule: str) -> Iterator[ApiAnswer]:
    """The API's descriptions of a schedule, its job definition and its endpoint, as far as they exist.

    Raises InputUnavailable if the API does not answer.
    """
    from botocore import xform_name

    schedule_answer = call_api(client, "describe_monitoring_schedule", MonitoringScheduleName=schedule)
    yield schedule_answer
    config = schedule_answer["MonitoringScheduleConfig"]
    # Schedules that the first SDKs created have their definition inside
    if "MonitoringJobDefinitionName" in config:
        kind = config.get("MonitoringType", "DataQuality")
        method = xform_name(f"Describe{kind}JobDefinition")
        definition = call_api(client, method, JobDefinitionName=config["MonitoringJobDefinitionName"])
        yield definition
        job_input = definition[f"{kind}JobInput"]
    else:
        job_input = config["MonitoringJobDefinition"]["MonitoringInputs"][0]
    # A batch transform has no endpoint; its input names the captures itself
    if "EndpointInput" in job_input:
        yield call_api(client, "describe_endpoint", EndpointName=job_input["EndpointInput"]["EndpointName"])


def call_api(client: BaseClient, method: str, **named: str) -> ApiAnswer:
    """The answer to one call. Raises InputUnavailable if the API does not answer."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer: ApiAnswer = getattr(client, method)(**named)
    except (BotoCoreError, ClientError) as error:
        raise InputUnavailable(f"{method.replace('_', '-')} {' '.join(named.values())}: {error}") from error
    return answer


LONGEST_CONNECT_SECONDS = 10  # some networks block the requests to some services
STOPPED = "Stopped"
S3_ELSEWHERE = (
    "without EMR, spark_options of the schedule entry have to open that (docs/s3.md), or name another output_path"
)


@value_class
class ConvertedSchedule:
    """One imported schedule: its files by name, and the remarks on it."""

    name: str
    files: Mapping[str, str]
    remarks: tuple[str, ...]

    def __str__(self) -> str:
        """The lines for people."""
        lines = [self.name, f"  wrote {', '.join(self.files)}", *(f"  {remark}" for remark in self.remarks)]
        return "".join(f"{printable(line)}\n" for line in lines)


def import_schedules(
    answers: Iterable[tuple[str, Json]],
    folder: Path,
    out: TextIO,
    *,
    captures: str | None = None,
    replace: bool = False,
    dags_for: str | None = None,
    merge_folders: set[str] | None = None,
) -> None:
    """Import every schedule among some answers of the API, and print what was imported and what wasn't.

    answers: each with its name in errors. folder: gets the files. captures: the prefix of the endpoints' captures; None if
    describe-endpoint gives it. replace: whether existing files may be overwritten. dags_for: the interpreter by which Airflow
    DAGs start the jobs; None for no DAGs. merge_folders: the merge folders of schedules that were imported before; gets those
    of these schedules.

    Raises BadDocument for an invalid answer, or a name that leads to files elsewhere; BadConfiguration if an answer is missing
    or a file exists already; OutputFailed if a file can't be written.
    """
    checked_answers = [check_answer(content, where) for where, content in answers]
    schedules = convert_schedules(checked_answers, captures, dags_for, merge_folders)
    # A name such as ../x would lead to files elsewhere
    names_with_slash = [schedule.name for schedule in schedules if "/" in schedule.name]
    if names_with_slash:
        raise BadDocument(
            f"{', '.join(map(repr, names_with_slash))}: the name of a schedule names its files, and has no '/'"
        )
    # Existing files are found before the first file is written, so that an error changes nothing
    existing_files = [
        str(folder / name) for schedule in schedules for name in schedule.files if (folder / name).exists()
    ]
    if existing_files and not replace:
        raise BadConfiguration(
            f"{', '.join(existing_files)}: is there already; name another --output, or say --replace"
        )
    for schedule in schedules:
        for name, text in schedule.files.items():
            write_text(folder / name, text)
        out.write(str(schedule))


def read_answers(paths: Sequence[str]) -> Iterator[tuple[str, Json]]:
    """JSON files' paths and contents. Raises BadInput if a file can't be read, BadDocument if it isn't JSON."""
    for path in paths:
        content = LocalStorage().read(path)
        try:
            yield path, json.loads(content)
        except (ValueError, RecursionError) as error:
            raise BadDocument(f"{path}: is no JSON ({error}); give the output of aws sagemaker describe-…") from error


def convert_schedules(
    answers: Sequence[CheckedAnswer],
    captures: str | None,
    dags_for: str | None,
    merge_folders: set[str] | None,
) -> list[ConvertedSchedule]:
    """Each schedule among the answers with its files; a job definition without a schedule has only an env file.

    merge_folders: as for `import_schedules`.

    Raises BadConfiguration if a schedule's job definition is not among them.
    """
    # The answers by what they describe; the answers about endpoints locate the captures
    schedules = []
    definitions: dict[str, Definition] = {}
    prefixes: dict[str, str | None] = {}
    unknown = []
    for answer in answers:
        if answer.operation == "DescribeMonitoringSchedule":
            schedules.append(read_schedule(answer.content))
        elif answer.operation == "DescribeEndpoint":
            endpoint, prefix = read_capture_prefix(answer.content)
            prefixes[endpoint] = prefix
        elif answer.operation.endswith("JobDefinition"):
            definition = read_definition(answer.content)
            definitions[definition.name] = definition
        unknown += [f"not known to botocore, left out: {path}" for path in answer.unknown]
    # Each schedule with its job definition, which may be inside the schedule; then definitions that no schedule runs
    pairs: list[tuple[Definition, ScheduleDescription | None]] = [
        (schedule.inline or _find_definition(definitions, schedule), schedule) for schedule in schedules
    ]
    without_schedule = definitions.keys() - {schedule.definition_name for schedule in schedules}
    pairs += [(definitions[name], None) for name in sorted(without_schedule)]
    if not pairs:
        raise BadConfiguration("there is neither a schedule nor a job definition among the files; add one")
    if merge_folders is None:
        merge_folders = set()
    converted_schedules = []
    for definition, schedule in pairs:
        capture_prefix = captures or prefixes.get(definition.source.endpoint or "")
        converted_schedules.append(_convert_schedule(definition, schedule, capture_prefix, merge_folders, dags_for))
    # Members that botocore doesn't know are reported once, with the first schedule
    first = converted_schedules[0]
    return [ConvertedSchedule(first.name, first.files, (*first.remarks, *unknown)), *converted_schedules[1:]]


def _find_definition(definitions: Mapping[str, Definition], schedule: ScheduleDescription) -> Definition:
    name = schedule.definition_name or ""
    if name in definitions:
        return definitions[name]
    raise BadConfiguration(
        f"the schedule {schedule.name} runs the job definition {name}, which is in none of the files; "
        f"add the output of aws sagemaker describe-…-job-definition --job-definition-name {name}"
    )


def _convert_schedule(
    definition: Definition,
    schedule: ScheduleDescription | None,
    captures: str | None,
    merge_folders: set[str],
    dags_for: str | None,
) -> ConvertedSchedule:
    """The files of a schedule and its definition; for a definition alone, only env files."""
    name = definition.name
    window = None
    if schedule is not None:
        name = schedule.name
        window = get_window(schedule, definition)
    jobs = build_jobs(definition, name, captures, window, merge_folders)
    merge_folders.update(job.variables["output_path"] for job in jobs if job.job == "merge")
    env_files = {job.job: f"{name}.{job.job}.env" for job in jobs}
    # The monitor's file has the plain name, because people look for it most
    if "monitor" in env_files:
        env_files["monitor"] = f"{name}.env"
    files = {}
    for job in jobs:
        title = f"{name}: {definition.monitoring_type}, the job {job.job}"
        files[env_files[job.job]] = format_env_file(title, job.variables, job.missing)
    # Without a schedule the hours of its runs are unknown, so there is no entry
    if schedule is not None:
        entry = build_entry(schedule, definition, jobs, env_files)
        files[f"{name}.schedule.json"] = entry.to_json() + "\n"
        if dags_for is not None:
            files[f"{name}_dag.py"] = render_dag(entry, jobs, dags_for)
    return ConvertedSchedule(name, files, tuple(_list_remarks(definition, schedule, jobs, env_files)))


def _list_remarks(
    definition: Definition,
    schedule: ScheduleDescription | None,
    jobs: Sequence[JobVariables],
    env_files: Mapping[str, str],
) -> Iterator[str]:
    for job in jobs:
        for name, where in job.missing.items():
            yield f"to fill in: {name} in {env_files[job.job]}; {where}"
        for name in job.unused:
            yield f"no job of ours reads the variable {name}"
    if schedule is not None and definition.output_uri.startswith("s3://"):
        yield f"results go to {definition.output_uri}; {S3_ELSEWHERE}"
    if schedule is None:
        yield "no describe-monitoring-schedule names it, so its hours and its window are not known"
    elif schedule.status == STOPPED:
        yield "the schedule is stopped in the service"
    elif schedule.expression is None:
        yield "it has no schedule expression: the service chose an hour of the day, the entry says midnight"
    for member in definition.not_needed:
        yield f"not carried over: {member} ({NOT_NEEDED[member]})"
