"""What schedules and captures cost at the service, and the calls that stop them, which are printed and never made."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from spark_model_monitor.documents.document import Document, Name, Number
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.integrations.imports.descriptions import ApiAnswer, ApiMembers
from spark_model_monitor.integrations.imports.import_command import STOPPED
from spark_model_monitor.integrations.imports.jobs import get_recurrence
from spark_model_monitor.integrations.leaving.inventory import Inventory, MonitoredSchedule, read_time
from spark_model_monitor.storage import LocalStorage

DAYS = 30  # of a month
HOURS = 24 * DAYS
WITHOUT_CAPTURE = "-without-capture"


class Prices(Document, file="prices.json", meant="prices of instance hours, as examples/leaving/prices.json"):
    """What an instance hour of a processing job costs, by type. date, region, currency: where the figures are from."""

    date: Name
    region: Name
    currency: Name
    note: Name | None = None
    processing: Mapping[str, Number]


@dataclass(frozen=True)
class Usage:
    """What a schedule uses in a month. hours_a_run: of a run; None, as instance_hours, if no execution says how long it took."""

    instance_type: str
    instance_count: int
    runs_a_month: int
    hours_a_run: float | None

    @property
    def instance_hours(self) -> float | None:
        if self.hours_a_run is None:
            return None
        return self.runs_a_month * self.instance_count * self.hours_a_run

    def money(self, prices: Prices | None) -> float | None:
        """What it costs in a month; None without prices, without the type's, or without the length of its runs."""
        if prices is None or self.instance_hours is None or self.instance_type not in prices.processing:
            return None
        return self.instance_hours * prices.processing[self.instance_type]


def measure_usage(schedule: MonitoredSchedule) -> Usage:
    """A schedule's use in a month: the runs of its expression, each as long as its executions took on average.

    An execution lasts from its creation to its last change, with the merge before it.
    """
    # A failed execution may have ended early, and one that runs has no length yet
    durations = []
    for execution in schedule.executions:
        if execution["MonitoringExecutionStatus"].startswith("Completed"):
            duration = read_time(execution["LastModifiedTime"]) - read_time(execution["CreationTime"])
            durations.append(duration.total_seconds() / 3600)
    hours_a_run = None
    if durations:
        hours_a_run = sum(durations) / len(durations)

    # A schedule that is stopped, or to run once only, has no runs in a month
    recurrence = None
    with suppress(BadConfiguration):  # an expression that isn't the service's
        recurrence = get_recurrence(schedule.description)
    if recurrence is None or schedule.description.status == STOPPED:
        runs = 0
    else:
        runs = HOURS // recurrence.every_hours
    return Usage(
        schedule.cluster.get("InstanceType", "unknown"),
        int(schedule.cluster.get("InstanceCount", 1)),
        runs,
        hours_a_run,
    )


def write_stop_calls(inventory: Inventory, folder: Path) -> Iterator[tuple[str, str]]:
    """What still costs money, and the call that stops it. folder: where endpoint configurations without capture are written."""
    for schedule in inventory.schedules:
        named = f"--monitoring-schedule-name {shlex.quote(schedule.name)}"
        if schedule.description.status != STOPPED:
            yield f"schedule {schedule.name} starts jobs", f"aws sagemaker stop-monitoring-schedule {named}"
        yield f"schedule {schedule.name} is kept", f"aws sagemaker delete-monitoring-schedule {named}"
    # Several schedules may monitor one endpoint, whose capture is stopped once
    endpoints = {
        schedule.endpoint["EndpointName"]: schedule.endpoint for schedule in inventory.schedules if schedule.endpoint
    }
    for name, endpoint in endpoints.items():
        capture = endpoint.get("DataCaptureConfig", {})
        if capture.get("EnableCapture"):
            yield from _list_capture_calls(name, endpoint["EndpointConfigName"], capture, inventory, folder)


def _list_capture_calls(
    endpoint: str, config_name: str, capture: ApiAnswer, inventory: Inventory, folder: Path
) -> Iterator[tuple[str, str]]:
    percentage = capture.get("CurrentSamplingPercentage", 100)
    cost = f"endpoint {endpoint} captures {percentage} % to {capture['DestinationS3Uri']}"
    # The API's limit is 63 characters, and the first can't be a hyphen
    new_name = f"{config_name}{WITHOUT_CAPTURE}"[-63:].lstrip("-")
    # A configuration can't be changed: the endpoint gets another, which has to be written from the description of the first
    if config_name in inventory.endpoint_configs:
        path = folder / f"{new_name}.json"
        request = make_config_without_capture(inventory.endpoint_configs[config_name], new_name)
        LocalStorage().write(str(path), (json.dumps(request, indent=2) + "\n").encode())
        yield cost, f"aws sagemaker create-endpoint-config --cli-input-json {shlex.quote(f'file://{path}')}"
        named = f"--endpoint-name {shlex.quote(endpoint)} --endpoint-config-name {shlex.quote(new_name)}"
        yield cost, f"aws sagemaker update-endpoint {named}"
    else:
        yield cost, f"aws sagemaker describe-endpoint-config --endpoint-config-name {shlex.quote(config_name)}"


# What a description has beside the request that it came from, and the capture itself
_ANSWERED = ("EndpointConfigArn", "CreationTime", "DataCaptureConfig", "ResponseMetadata")


def make_config_without_capture(config: ApiAnswer, name: str) -> ApiMembers:
    """The request of an endpoint configuration that captures nothing, else the same."""
    requested = {member: value for member, value in config.items() if member not in _ANSWERED}
    return {**requested, "EndpointConfigName": name}
