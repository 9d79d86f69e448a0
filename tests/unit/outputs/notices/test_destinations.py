"""What `--sink` says: which texts are understood, and how a wrong one is told without showing a secret."""

from __future__ import annotations

import pytest

from spark_model_monitor.reports.alerts import read_destinations
from spark_model_monitor.reports.sinks import SINKS

TOPIC = "arn:aws:sns:eu-central-1:123456789012:alarms"


def read(text):
    return [(destination.name, destination.target) for destination in read_destinations(text)]


@pytest.mark.parametrize(
    ("text", "destinations"),
    [
        pytest.param("cloudwatch", [("cloudwatch", "")], id="without a target"),
        pytest.param("cloudwatch:Team/Churn", [("cloudwatch", "Team/Churn")], id="with one"),
        pytest.param(
            f"webhook:https://a.example:8443/x?y=1, sns:{TOPIC}",
            [("webhook", "https://a.example:8443/x?y=1"), ("sns", TOPIC)],
            id="two, whose targets have colons",
        ),
        pytest.param(
            "email:a@example.org,email:b@example.org,email:a@example.org",
            [("email", "a@example.org"), ("email", "b@example.org")],
            id="one twice",
        ),
        pytest.param("prometheus:/var/my files/a.prom,", [("prometheus", "/var/my files/a.prom")], id="a blank"),
        pytest.param(" , ", [], id="none"),
    ],
)
def test_destinations_are_read_from_one_text(text, destinations):
    assert read(text) == destinations


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param(
            "cloudwatch,pager:x",
            "names no sink at place 2; write one of apprise:URL, cloudwatch[:NAMESPACE], ",
            id="no sink",
        ),
        pytest.param("slack:T1/B2", "at place 1; apprise has slack: write apprise:slack://…", id="a chat"),
        pytest.param("https://a.example/T123", "names no sink at place 1", id="a URL alone"),
        pytest.param("webhook", "is no URL; write webhook:https://HOST/PATH", id="no URL"),
        pytest.param("webhook:ftp://a.example", "is no URL", id="another scheme"),
        pytest.param("webhook:http://[::1", "is no URL", id="a broken host"),
        pytest.param("webhook:https://a.example:port/", "is no URL", id="a broken port"),
        pytest.param("webhook:https://joe:T123@a.example/", "has a user or password in it", id="a password"),
        pytest.param("email:team", "is no address; write email:NAME@DOMAIN", id="no domain"),
        pytest.param("email:a@b@c", "is no address", id="two signs"),
        pytest.param("sns:alarms", "is no topic; write sns:arn:aws:sns:REGION:ACCOUNT:TOPIC", id="no ARN"),
        pytest.param("prometheus:/tmp/metrics.txt", "ends in .prom", id="another ending"),
        pytest.param("prometheus:s3://bucket/a.prom", "no local path", id="elsewhere"),
        pytest.param("cloudwatch:AWS/Lambda", "is a namespace of AWS's own", id="AWS's namespace"),
        pytest.param("cloudwatch:größer", "is no namespace", id="no ASCII"),
    ],
)
def test_a_wrong_one_is_reported_with_what_to_write_and_without_what_it_says(text, sentence):
    with pytest.raises(ValueError, match="^names") as caught:
        read_destinations(text)

    assert sentence in str(caught.value)
    assert "T123" not in str(caught.value)


def test_neither_text_nor_key_shows_the_target():
    [destination] = read_destinations("webhook:https://hooks.example/T123/secret")

    assert "hooks.example" not in f"{destination} {destination!r} {destination.key}"
    assert destination.key.startswith("webhook:")


def test_a_key_is_the_targets_own():
    first_destination, second_destination = read_destinations("webhook:https://a.example,webhook:https://b.example")

    assert first_destination.key != second_destination.key
    assert first_destination.key == read_destinations("webhook:https://a.example")[0].key


@pytest.mark.parametrize("sink", SINKS.values(), ids=SINKS)
def test_every_sink_says_how_it_is_written_when_it_is_due_and_what_it_needs(sink):
    assert sink.facts["spelling"].startswith(sink.name)
    assert isinstance(sink.facts["every_run"], bool)
    assert isinstance(sink.facts["adds_up"], bool)
    assert callable(sink.facts["examined"])
    assert callable(sink.facts["ready"])
