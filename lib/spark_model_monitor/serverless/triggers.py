"""Reads what an event of a function service concerns: a schedule by its name, objects of S3, or every schedule."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import unquote_plus

from spark_model_monitor.errors import BadConfiguration, BadInput, suggest_names
from spark_model_monitor.running.scheduling.fleet import Entry
from spark_model_monitor.running.scheduling.schedule_plan import Plan
from spark_model_monitor.value_class import value_class

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | float | bool | None"
"""The values in an event's JSON."""

SOURCES = ("dataset_source", "ground_truth_source")
"""The options that name the data that a job reads."""

SHAPE = 'write an S3 event, {"schedule": NAME}, or a timer\'s event, as docs/serverless.md shows'


@value_class
class Trigger:
    """What an event concerns. schedule: the name of the schedule, if the event has one. objects: the paths of its S3 objects."""

    schedule: str | None = None
    objects: tuple[str, ...] = ()


def read_trigger(event: Json) -> Trigger:
    """What an event concerns; the event may come in a message of SQS, SNS, Kinesis or Pub/Sub. A timer's event has neither
    a schedule nor objects.

    Raises BadInput for an event that is not a JSON object, or for an event of S3 without bucket and key.
    """
    if not isinstance(event, Mapping):
        raise BadInput(f"the event is a {type(event).__name__}; {SHAPE}")
    schedule = event.get("schedule")
    if schedule is not None and not isinstance(schedule, str):
        raise BadInput(f"the event's schedule is a {type(schedule).__name__}; write the name of one")
    messages = [read_trigger(message) for message in _open_envelopes(event)]
    if not messages:
        return Trigger(schedule, tuple(_list_objects(event)))
    # A queue may put several messages into one event
    schedules = {message.schedule for message in messages}
    if len(schedules) > 1:
        raise BadInput("the event's messages are about several schedules; give the queue a batch size of 1")
    return Trigger(schedules.pop(), tuple(path for message in messages for path in message.objects))


def _open_envelopes(event: Mapping[str, Json]) -> Iterator[Json]:
    """The events in the messages of a queue's or stream's event; empty for other events."""
    records = event.get("Records")
    message = event.get("message")
    if event.get("Type") == "Notification":  # a notification of SNS within a message of SQS
        yield _parse_message(event.get("Message"))
    if isinstance(message, Mapping) and "data" in message:  # a message of Pub/Sub
        yield _parse_message(_decode_base64(message["data"]))
    if not isinstance(records, Sequence):
        return
    for record in records:
        if isinstance(record, Mapping) and record.get("eventSource") == "aws:sqs":
            yield _parse_message(record.get("body"))
        elif isinstance(record, Mapping) and isinstance(notification := record.get("Sns"), Mapping):
            yield _parse_message(notification.get("Message"))
        elif isinstance(record, Mapping) and isinstance(stream_record := record.get("kinesis"), Mapping):
            yield _parse_message(_decode_base64(stream_record.get("data")))


def _decode_base64(text: Json) -> str:
    """The text encoded in BASE64; empty if it can't be decoded."""
    try:
        return base64.b64decode(str(text), validate=True).decode()
    except ValueError:
        return ""


def _parse_message(text: Json) -> Json:
    """The event in a message. Raises BadInput if the message is not JSON."""
    try:
        message: Json = json.loads(str(text))
    except ValueError:
        raise BadInput(f"a message of the event is no JSON; {SHAPE}") from None
    return message


def _list_objects(event: Mapping[str, Json]) -> Iterator[str]:
    # S3 sends a test event when a queue is connected. It gets the bucket's path, which no schedule reads
    if event.get("Event") == "s3:TestEvent":
        yield f"s3://{event.get('Bucket')}/"
    # EventBridge has plain keys; in S3's own notifications they are URL-encoded
    if event.get("source") == "aws.s3":
        yield _read_object(event.get("detail"), is_encoded=False)
    # A timer's event has no Records
    records = event.get("Records")
    if records is None:
        return
    if not isinstance(records, Sequence):
        raise BadInput(f"the event's Records is a {type(records).__name__}; {SHAPE}")
    for record in records:
        yield _read_object(record.get("s3") if isinstance(record, Mapping) else None, is_encoded=True)


def _read_object(description: Json, *, is_encoded: bool) -> str:
    """The path of an S3 object, from a description with the members `bucket` and `object`."""
    bucket = _read_text(description, "bucket", "name")
    key = _read_text(description, "object", "key")
    if is_encoded:
        key = unquote_plus(key)
    return f"s3://{bucket}/{key}"


def _read_text(description: Json, member: str, name: str) -> str:
    """A text of an object's member, such as `bucket.name`."""
    text: Json = None
    if isinstance(description, Mapping):
        section = description.get(member)
        if isinstance(section, Mapping):
            text = section.get(name)
    if not isinstance(text, str):
        raise BadInput(f"the event has no bucket.name and object.key of an object of S3; {SHAPE}")
    return text


def select_entries(schedules: Sequence[Entry], trigger: Trigger) -> list[Entry]:
    """The schedules that a trigger concerns.

    Raises BadConfiguration if the trigger names an unknown schedule.
    """
    if trigger.schedule is not None:
        matching_entries = [schedule for schedule in schedules if schedule.name == trigger.schedule]
        if not matching_entries:
            names = [schedule.name for schedule in schedules]
            hint = suggest_names(trigger.schedule, names, f"there are {', '.join(names[:20])}")
            raise BadConfiguration(f"the event's schedule is {trigger.schedule!r}, which is none of the fleet; {hint}")
        return matching_entries
    # If no schedule reads the objects, none is selected: the bucket may also serve other purposes
    if trigger.objects:
        return [schedule for schedule in schedules if _reads_any(schedule.plan, trigger.objects)]
    return list(schedules)


def _reads_any(plan: Plan | None, objects: Sequence[str]) -> bool:
    """Whether a schedule's jobs read one of these objects."""
    # An entry with an error has no plan; it is selected, so that its error is reported
    if plan is None:
        return True
    for job in plan.entry.jobs:
        texts = [plan.sources(job).text(option) for option in SOURCES]
        prefixes = tuple(_make_prefix(plan.path(text)) for text in texts if text)
        # A job may read a single file, whose path is the prefix without the slash
        if any(path == prefix[:-1] or path.startswith(prefix) for path in objects for prefix in prefixes):
            return True
    return False


def _make_prefix(path: str) -> str:
    """The beginning of the paths below a folder of S3, with the scheme s3 even if the folder has s3a."""
    return re.sub(r"^s3a:", "s3:", path).rstrip("/") + "/"
