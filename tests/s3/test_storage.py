"""Files on S3: whole or not at all, in few requests, for nobody else."""

from __future__ import annotations

import pytest
from tests.s3 import steps
from tests.s3.seen import RecordedRequest
from tests.s3.weather import always, cut, denied, first, late, reset, slow_down

from spark_model_monitor.errors import MonitorError

MIB = 2**20


def is_second_part(request: RecordedRequest) -> bool:
    return request.query.get("partNumber") == "2"


def test_what_is_written_is_an_object(s3, runner):
    s3.put("team", {"x": "x"})

    assert runner.call(steps.write, path="s3a://team/out/statistics.json", text="0123456789") == "01234"
    assert s3.read("team", "out/statistics.json") == b"0123456789"


def test_s3_paths_are_s3a_paths_where_the_cluster_has_nothing_else_for_them(s3, runner):
    s3.put("team", {"x": "x"})

    assert runner.call(steps.write, path="s3://team/by-s3/statistics.json", text="0123456789") == "01234"
    assert runner.call(steps.files_below, path="s3://team/by-s3") == ["s3://team/by-s3/statistics.json"]
    assert s3.read("team", "by-s3/statistics.json") == b"0123456789"


def test_lines_that_are_too_long_are_found_in_objects_and_not_read(s3, runner):
    """In pieces of the limit's size, so that an object is read from many places."""
    s3.put("team", {"long/a.csv": "1,2\n" + "x" * 5000 + "\n3,4\n" + "y" * 2000})

    long_lines, lines = runner.call(steps.long_lines, path="s3a://team/long", max_record_bytes=2000)

    assert long_lines == [[2, 4, 5000]]
    assert lines == ["1,2", "3,4", "y" * 2000]


@pytest.mark.parametrize("fault", [slow_down, reset, late(3.0)], ids=["503 SlowDown", "reset", "no answer in time"])
def test_a_write_that_meets_a_fault_is_tried_again(s3, runner, fault):
    s3.put("hasty", {"x": "x"})
    s3.proxy.weather = first(1, fault, where=lambda request: request.makes_an_object)

    runner.call(steps.write, path="s3a://hasty/again", text="0123456789")

    assert s3.read("hasty", "again") == b"0123456789"
    assert len([request for request in s3.proxy.requests if request.makes_an_object]) >= 2


def test_an_answer_that_breaks_off_is_asked_for_again(s3, runner):
    s3.put("team", {"long": "0123456789" * 10_000})
    s3.proxy.weather = first(1, cut, where=lambda request: request.method == "GET" and request.key == "long")

    assert runner.call(steps.assemble, sources=["s3a://team/long"], target="s3a://team/copied")
    assert s3.read("team", "copied") == b"0123456789" * 10_000


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        pytest.param(denied, "denied", id="denied"),
        pytest.param(slow_down, "slow", id="503 for ever"),
        pytest.param(reset, "reset", id="torn for ever"),
    ],
)
def test_a_large_write_that_fails_half_way_leaves_the_old_object_and_nothing_unfinished(s3, runner, fault, key):
    s3.put("hasty", {key: "old"})
    s3.proxy.weather = always(fault, where=is_second_part)

    with pytest.raises(MonitorError, match=f"s3a://hasty/{key}: can't be written"):
        runner.call(steps.write_large, path=f"s3a://hasty/{key}", mebibytes=12)

    [begun] = s3.client.list_multipart_uploads(Bucket="hasty", Prefix=key)["Uploads"]
    given_up = {request.query["uploadId"] for request in s3.proxy.requests if request.gives_an_upload_up}
    assert s3.read("hasty", key) == b"old"
    assert given_up == {begun["UploadId"]}


def test_files_are_put_together_in_place_of_an_object_or_not_at_all(s3, runner):
    s3.put("hasty", {"a": b"a" * 7 * MIB, "b": b"b" * 7 * MIB, "hour": "old"})
    arguments = {"sources": ["s3a://hasty/a", "s3a://hasty/b"], "target": "s3a://hasty/hour"}
    s3.proxy.weather = always(denied, where=is_second_part)

    with pytest.raises(MonitorError, match="s3a://hasty/hour: can't be written"):
        runner.call(steps.assemble, **arguments)
    assert s3.read("hasty", "hour") == b"old"

    s3.proxy.weather = lambda request: None
    assert runner.call(steps.assemble, **arguments)
    assert s3.read("hasty", "hour") == b"a" * 7 * MIB + b"b" * 7 * MIB
    assert not runner.call(steps.assemble, **arguments)  # it holds just that


def test_a_listing_is_one_request_however_many_folders_there_are(s3, runner):
    s3.put("team", {f"deep/{hour:02d}/{part}.jsonl": "{}" for hour in range(20) for part in range(3)})
    s3.proxy.requests.clear()

    assert len(runner.call(steps.files_below, path="s3a://team/deep")) == 60
    assert [request.query["prefix"] for request in s3.proxy.requests] == ["deep/"]
    assert runner.call(steps.folders_below, path="s3a://team/deep") == [f"{hour:02d}" for hour in range(20)]
    assert [request.query["prefix"] for request in s3.proxy.requests] == ["deep/", "deep/"]


def test_one_object_is_its_own_listing_and_what_is_absent_is_named(s3, runner):
    s3.put("team", {"one/_hidden.csv": "a", "one/b.csv": "b"})

    assert runner.call(steps.files_below, path="s3a://team/one") == ["s3a://team/one/b.csv"]
    assert runner.call(steps.files_below, path="s3a://team/one/_hidden.csv") == ["s3a://team/one/_hidden.csv"]
    assert runner.call(steps.folders_below, path="s3a://team/one/b.csv") == []
    for listing in (steps.files_below, steps.folders_below):
        with pytest.raises(MonitorError, match="s3a://team/nowhere: there is no such file or directory"):
            runner.call(listing, path="s3a://team/nowhere")
