"""sns:ARN: a message to a topic of Amazon SNS."""

from __future__ import annotations

import json
import re

from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.reports.notices import Report, encode_document, write_headline, write_text
from spark_model_monitor.reports.sinks import Environment, register_sink, translate_aws_errors

TOPIC = re.compile(r"arn:aws[\w-]*:sns:(?P<region>[a-z0-9-]+):\d{12}:[\w-]{1,256}(?P<fifo>\.fifo)?", re.ASCII)

LONGEST_SUBJECT = 100  # characters, all ASCII. Source: SNS's API, Publish, Subject.


def _check_arn(arn: str) -> str:
    if TOPIC.fullmatch(arn) is None:
        raise ValueError("is no topic; write sns:arn:aws:sns:REGION:ACCOUNT:TOPIC")
    return arn


def _check_ready(arn: str, environment: Environment) -> None:
    # The region, of arn:partition:service:region:account:topic
    environment.aws("sns", arn.split(":")[3])


@register_sink("sns", spelling="sns:ARN", examined=_check_arn, ready=_check_ready, every_run=False)
def sns(report: Report, arn: str, environment: Environment) -> None:
    """A message to a topic: text for mail, the webhook's JSON document for others.

    Filter policies can use the message attributes `alert`, `status`, `outcome` and `analysis_type`.

    Raises SinkFailed.
    """
    client = environment.aws("sns", arn.split(":")[3])
    # A FIFO topic requires one group per schedule, and an id by which it drops duplicates
    ordering = {"MessageGroupId": report.run.analysis_type, "MessageDeduplicationId": report.delivery_id}
    if not arn.endswith(".fifo"):
        ordering = {}
    with translate_aws_errors("SNS"):
        client.publish(TopicArn=arn, **_create_message(report), **ordering)


def _create_message(report: Report) -> dict[str, Json]:
    # What subscribers get by protocol: `default` is everything that isn't named
    bodies = {"default": encode_document(report).decode(), "email": write_text(report), "sms": write_headline(report)}
    attributes = {
        "alert": report.alert.status.value,
        "status": report.verdict.status if report.is_of_a_run else report.notices[0].kind,
        "analysis_type": report.run.analysis_type,
    }
    if report.verdict.outcome_name is not None:
        attributes["outcome"] = report.verdict.outcome_name
    return {
        # SNS refuses the whole message for one letter that isn't ASCII
        "Subject": write_headline(report).encode("ascii", "replace").decode()[:LONGEST_SUBJECT],
        "Message": json.dumps(bodies, ensure_ascii=False),
        "MessageStructure": "json",
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    }
