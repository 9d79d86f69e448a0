"""What schedules and captures cost at the service, and the calls that stop them, which are printed and never made."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from spark_model_monitor.data.records.windows import read_time
from spark_model_monitor.documents.document import Document, Name, Number
from spark_model_monitor.errors import BadConfiguration, MonitorError
from spark_model_monitor.integrations.imports.descriptions import ApiAnswer, ApiMembers
from spark_model_monitor.integrations.imports.import_command import STOPPED
from spark_model_monitor.integrations.imports.jobs import get_recurrence
from spark_model_monitor.integrations.leaving.inventory import Inventory, MonitoredSchedule
from spark_model_monitor.storage import get_storage, write_text
from spark_model_monitor.storage.stand_in import resolve_stand_in
from spark_model_monitor.value_class import value_class

HOURS = 24 * 30  # hours that count as a month


class Prices(Document, file="prices.json", meant="prices of instance hours, as examples/leaving/prices.json"):
    """What an instance hour of a processing job costs, by type. date, region, currency: where the figures are from."""

    date: Name
    region: Name
    currency: Name
    note: Name | None = None
    processing: Mapping[str, Number]


@value_class
class Usage:
    """What a schedule uses in a month. hours_a_run: the length of a run. It and instance_hours are None if no execution says how
    long it took."""

    instance_type: str
    instance_count: int
    runs_a_month: int
    hours_a_run: float | None

    @property
    def instance_hours(self) -> float | None:
        """Runs a month × instances × hours a run."""
        if self.hours_a_run is None:
            return None
        return self.runs_a_month * self.instance_count * self.hours_a_run

    def money(self, prices: Prices | None) -> float | None:
        """The cost of a month; None if prices, the price of this type, or the length of the runs are unknown."""
        if prices is None or self.instance_hours is None or self.instance_type not in prices.processing:
            return None
        return self.instance_hours * prices.processing[self.instance_type]


def measure_usage(schedule: MonitoredSchedule) -> Usage:
    """What a schedule uses in a month: the runs of its expression, each with the average length of its executions.

    An execution lasts from its creation to its last change, which includes the merge before it.
    """
    # A failed execution may have ended early, and a running execution has no length yet
    durations = []
    for execution in schedule.executions:
        if execution["MonitoringExecutionStatus"].startswith("Completed"):
            duration = read_time(execution["LastModifiedTime"]) - read_time(execution["CreationTime"])
            durations.append(duration.total_seconds() / 3600)
    hours_a_run = None
    if durations:
        hours_a_run = sum(durations) / len(durations)

    # A schedule that is stopped, or that runs only once, has no runs in a month
    recurrence = None
    with suppress(BadConfiguration):  # an expression that isn't the service's
        recurrence = get_recurrence(schedule.description)
    runs = 0
    if recurrence is not None and schedule.description.status != STOPPED:
        runs = HOURS // recurrence.every_hours
    return Usage(
        schedule.cluster.get("InstanceType", "unknown"),
        int(schedule.cluster.get("InstanceCount", 1)),
        runs,
        hours_a_run,
    )


@value_class
class StopCall:
    """A call that ends a cost, and the call that undoes it, or why it can't be undone."""

    costs: str
    call: str
    undo: str


@value_class
class StopCalls:
    """The calls that end costs. schedules: calls for schedules that have a successor here. captures: calls that switch captures
    off, by the folder that has to have a team's own captures before. continuing: what goes on, and why.
    """

    schedules: Sequence[StopCall]
    captures: Mapping[str, Sequence[StopCall]]
    continuing: Sequence[str]


def write_stop_calls(
    inventory: Inventory, folder: Path, successors: Collection[str], captures: str | None
) -> StopCalls:
    """The calls that stop what still costs money, without breaking anything.

    folder: where endpoint configurations without capture are written. successors: names of schedules whose jobs ran here.
    captures: the folder above the captures that the moved jobs read, None for the endpoints' own.
    """
    # A schedule is stopped only if something ran in its place
    calls: list[StopCall] = []
    continuing: list[str] = []
    for schedule in inventory.schedules:
        if schedule.name in successors:
            calls += _list_schedule_calls(schedule)
        else:
            continuing.append(f"schedule {schedule.name}: nothing has run here in its place yet, so it goes on")
    # Several schedules may monitor one endpoint, whose capture is stopped once
    endpoints = {
        schedule.endpoint["EndpointName"]: schedule.endpoint for schedule in inventory.schedules if schedule.endpoint
    }
    capture_calls: dict[str, Sequence[StopCall]] = {}
    for name, endpoint in endpoints.items():
        capture = endpoint.get("DataCaptureConfig", {})
        if not capture.get("EnableCapture"):
            continue
        # Captures that the moved jobs read have to go on
        destination = capture["DestinationS3Uri"].rstrip("/")
        data_folder = f"{(captures or destination).rstrip('/')}/{name}"
        cost = f"endpoint {name} captures {capture.get('CurrentSamplingPercentage', 100)} % to {destination}"
        if data_folder == f"{destination}/{name}":
            continuing.append(
                f"{cost}, which the moved jobs read: name another folder that has captures with --captures"
            )
        elif not _has_files(data_folder):
            continuing.append(f"{cost}: no file lies in {data_folder} yet, so it goes on")
        else:
            capture_calls[data_folder] = _list_capture_calls(name, endpoint, cost, inventory, folder)
    return StopCalls(calls, capture_calls, continuing)


def _list_schedule_calls(schedule: MonitoredSchedule) -> Iterator[StopCall]:
    name_flag = f"--monitoring-schedule-name {shlex.quote(schedule.name)}"
    if schedule.description.status != STOPPED:
        undo = f"aws sagemaker start-monitoring-schedule {name_flag}"
        yield StopCall(
            f"schedule {schedule.name} starts jobs", f"aws sagemaker stop-monitoring-schedule {name_flag}", undo
        )
    undo = f"can't be undone: its definition is in the export ({', '.join(where for where, _ in schedule.answers)})"
    yield StopCall(f"schedule {schedule.name} is kept", f"aws sagemaker delete-monitoring-schedule {name_flag}", undo)


def _has_files(folder: str) -> bool:
    location = resolve_stand_in(folder)
    # A folder that doesn't exist, or can't be read, has no files for jobs
    try:
        return any(True for _ in get_storage(location).walk(location))
    except MonitorError:
        return False


def _list_capture_calls(
    endpoint_name: str, endpoint: ApiAnswer, cost: str, inventory: Inventory, folder: Path
) -> list[StopCall]:
    config_name = endpoint.get("EndpointConfigName")
    config = inventory.endpoint_configs.get(config_name or "")
    # A configuration can't be changed. So the endpoint gets a new one, made from the description of the present one
    if config_name is None or config is None:
        name = shlex.quote(config_name or "NAME")
        call = f"aws sagemaker describe-endpoint-config --endpoint-config-name {name}"
        return [StopCall(f"{cost}: add its configuration to the descriptions", call, "changes nothing")]
    # The API accepts at most 63 characters, and no hyphen at the beginning
    new_name = f"{config_name}-without-capture"[-63:].lstrip("-")
    path = folder / f"{new_name}.json"
    request = make_config_without_capture(config, new_name)
    write_text(path, json.dumps(request, indent=2, default=str) + "\n")
    update = f"aws sagemaker update-endpoint --endpoint-name {shlex.quote(endpoint_name)} --endpoint-config-name"
    return [
        StopCall(
            cost,
            f"aws sagemaker create-endpoint-config --cli-input-json {shlex.quote(f'file://{path}')}",
            f"aws sagemaker delete-endpoint-config --endpoint-config-name {shlex.quote(new_name)}",
        ),
        StopCall(cost, f"{update} {shlex.quote(new_name)}", f"{update} {shlex.quote(config_name)}"),
    ]


# Members of a description that its request doesn't have, and the capture itself
_ANSWERED = ("EndpointConfigArn", "CreationTime", "DataCaptureConfig", "ResponseMetadata")


def make_config_without_capture(config: ApiAnswer, name: str) -> ApiMembers:
    """The request of an endpoint configuration that captures nothing, but is otherwise the same."""
    members = {member: value for member, value in config.items() if member not in _ANSWERED}
    return {**members, "EndpointConfigName": name}
