"""SNS: what subscribers of a topic get from an emulator of AWS, and what is asked of SNS."""

from __future__ import annotations

import json

import pytest

from spark_model_monitor.documents.alert_files import AlertStatus
from spark_model_monitor.errors import SinkFailed
from spark_model_monitor.reports.notices import OVERDUE, Notice
from spark_model_monitor.reports.sinks.sns import sns

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"


class Recorder:
    """Stands for a client of SNS."""

    def __init__(self):
        self.messages = []

    def publish(self, **message):
        self.messages.append(message)


def published(report, environment, arn=TOPIC):
    """The message that a report becomes, and the region that it goes to."""
    recorder = Recorder()
    regions = []
    sns(report, arn, environment(aws=lambda service, region: regions.append(region) or recorder))
    [message] = recorder.messages
    return message, regions


def test_a_queue_that_subscribed_gets_the_json_document(emulator, report, environment):
    topics = emulator.client("sns", "eu-west-1")
    queues = emulator.client("sqs", "eu-west-1")
    arn = topics.create_topic(Name="alarms")["TopicArn"]
    queue = queues.create_queue(QueueName="alarms")["QueueUrl"]
    queue_arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topics.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn)

    sns(report(violations=7), arn, environment())

    [received] = queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    body = json.loads(received["Body"])
    assert json.loads(body["Message"])["violations"]["count"] == 7
    assert body["MessageAttributes"]["alert"] == {"Type": "String", "Value": "InAlert"}


def test_people_get_words_and_programs_the_document(report, environment):
    message, regions = published(report(), environment)
    bodies = json.loads(message["Message"])

    assert regions == ["eu-west-1"]
    assert message["MessageStructure"] == "json"
    assert json.loads(bodies["default"])["model"] == "churn"
    assert "- plan: 100 % are not Integral any more" in bodies["email"]
    assert bodies["sms"].startswith("InAlert: DATA_QUALITY of churn / hourly, 1 violation")


def test_a_subject_is_short_ascii_in_one_line(report, environment):  # SNS: at most 100 ASCII characters
    message, _ = published(report(endpoint="größer\n" * 40), environment)

    assert len(message["Subject"]) == 100
    assert message["Subject"].isascii()
    assert "\n" not in message["Subject"]


def test_a_fifo_topic_gets_an_id_by_which_it_drops_repetitions(report, environment):
    first, _ = published(report(), environment, f"{TOPIC}.fifo")
    repeated, _ = published(report(), environment, f"{TOPIC}.fifo")
    different, _ = published(report(status=AlertStatus.OK), environment, f"{TOPIC}.fifo")

    assert first["MessageGroupId"] == "DATA_QUALITY"
    assert first["MessageDeduplicationId"] == repeated["MessageDeduplicationId"] != different["MessageDeduplicationId"]


def test_a_topic_that_is_not_there_is_reported_by_its_code(emulator, report, environment):
    with pytest.raises(SinkFailed, match=r"SNS refused it \(NotFound\)"):
        sns(report(), TOPIC, environment())


def test_a_notice_without_a_run_says_what_it_is_where_filters_look(report, environment):
    overdue = report(run_id="", notices=(Notice(OVERDUE, "no run has completed since that of 2026-01-31T10:00:00Z"),))
    message, _ = published(overdue, environment)

    assert message["MessageAttributes"]["status"]["StringValue"] == "Overdue"
    assert message["Subject"].startswith("Overdue: DATA_QUALITY of churn")
    assert json.loads(json.loads(message["Message"])["default"])["status"] is None
