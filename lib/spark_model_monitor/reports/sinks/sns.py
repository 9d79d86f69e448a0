"""sns:ARN: a message to a topic of Amazon SNS."""

from __future__ import annotations

import json
import re

from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.reports.notices import Report, encode_document, write_headline, write_text
from spark_model_monitor.reports.sinks import Environment, register_sink, translate_aws_errors

TOPIC = re.compile(r"arn:aws[\w-]*:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}(\.fifo)?", re.ASCII)

MAX_SUBJECT_LENGTH = 100  # characters, all ASCII. Source: SNS's API, Publish, Subject.


def _check_arn(arn: str) -> str:
    if TOPIC.fullmatch(arn) is None:
        raise ValueError("is no topic; write sns:arn:aws:sns:REGION:ACCOUNT:TOPIC")
    return arn


def _read_region(arn: str) -> str:
    """The region in arn:partition:service:region:account:topic."""
    return arn.split(":")[3]


def _check_ready(arn: str, environment: Environment) -> None:
    environment.aws("sns", _read_region(arn))


@register_sink("sns", spelling="sns:ARN", examined=_check_arn, ready=_check_ready, every_run=False)
def sns(report: Report, arn: str, environment: Environment) -> None:
    """A message to a topic: text for mail, the webhook's JSON document for others.

    Filter policies can use the message attributes `alert`, `status`, `outcome` and `analysis_type`.

    Raises SinkFailed.
    """
    client = environment.aws("sns", _read_region(arn))
    # A FIFO topic requires one group per schedule, and an id by which it drops duplicates
    ordering = {"MessageGroupId": report.run.analysis_type, "MessageDeduplicationId": report.delivery_id}
    if not arn.endswith(".fifo"):
        ordering = {}
    with translate_aws_errors("SNS"):
        client.publish(TopicArn=arn, **_create_message(report), **ordering)


def _create_message(report: Report) -> dict[str, Json]:
    # The body by protocol; SNS uses `default` for protocols that aren't listed
    bodies = {"default": encode_document(report).decode(), "email": write_text(report), "sms": write_headline(report)}
    attributes = {
        "alert": report.alert.status.value,
        "status": report.verdict.status if report.is_of_a_run else report.notices[0].kind,
        "analysis_type": report.run.analysis_type,
    }
    if report.verdict.outcome_name is not None:
        attributes["outcome"] = report.verdict.outcome_name
    return {
        # SNS refuses the whole message if one character of the subject isn't ASCII
        "Subject": write_headline(report).encode("ascii", "replace").decode()[:MAX_SUBJECT_LENGTH],
        "Message": json.dumps(bodies, ensure_ascii=False),
        "MessageStructure": "json",
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    }
