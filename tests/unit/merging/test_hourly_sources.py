"""What Spark calls a listed file."""

from __future__ import annotations

import pytest

from spark_model_monitor.running.merging.hourly_sources import format_uri, list_spellings


@pytest.mark.parametrize(
    ("uri", "spellings"),
    [
        ("file:/data/a.jsonl", ("file:/data/a.jsonl", "file:///data/a.jsonl")),
        ("file:///data/a.jsonl", ("file:///data/a.jsonl",)),
        ("s3a://bucket/a.jsonl", ("s3a://bucket/a.jsonl",)),
        ("hdfs://name:8020/a:/b", ("hdfs://name:8020/a:/b",)),
        ("hdfs:/a", ("hdfs:/a", "hdfs:///a")),
    ],
)
def test_a_path_without_a_host_has_two_spellings(uri, spellings):
    assert list_spellings(uri) == spellings


def test_of_a_path_what_a_uri_can_not_have_is_escaped_and_letters_are_left():
    assert format_uri("file:/a b/50%/ä#.jsonl") == "file:/a%20b/50%25/ä%23.jsonl"
