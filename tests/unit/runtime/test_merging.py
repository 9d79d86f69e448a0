"""What a merge is asked to do, from flags and variables: its hours above all."""

from __future__ import annotations

import pytest

from spark_model_monitor.data.reading.formats import CsvFormat
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.merging.hourly_sources import format_hour
from spark_model_monitor.running.merging.merge_request import MergeRequest, merge_request

CONTAINER = {"dataset_source": "in", "ground_truth_source": "truth", "output_path": "out"}


def request(*flags: str) -> MergeRequest:
    return merge_request(build_config("merge", read_sources(list(flags), CONTAINER), in_container=False))


def window(*flags: str) -> tuple[str, str, str]:
    merge_request = request(*flags)
    assert merge_request.first is not None
    assert merge_request.last is not None
    assert merge_request.as_of is not None
    return format_hour(merge_request.first), format_hour(merge_request.last + 1), format_hour(merge_request.as_of)


def test_the_containers_three_variables_are_enough():
    assert request() == MergeRequest("in", "truth", "out")


def test_a_missing_source_is_reported_with_all_that_is_missing():
    with pytest.raises(BadConfiguration) as caught:
        build_config("merge", read_sources([], {}), in_container=False)

    assert str(caught.value).splitlines() == [
        "output_path is missing; write --output-path DIRECTORY, or set the variable output_path",
        "dataset_source is missing; write --dataset-source PATH, or set the variable dataset_source",
        "ground_truth_source is missing; write --ground-truth-source PATH, or set the variable ground_truth_source",
    ]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        pytest.param(
            ["--scheduled-time", "2024-03-04T23:12:00Z"],
            ("2024-03-04T22:00:00Z", "2024-03-04T23:00:00Z", "2024-03-04T23:00:00Z"),
            id="the hour before, started twelve minutes after it",
        ),
        pytest.param(  # the guide's example (C6.2b)
            ["--scheduled-time", "2020-01-09T13:00:00Z", "--set=start_time_offset=-P8D", "--set=end_time_offset=-P1D"],
            ("2020-01-01T13:00:00Z", "2020-01-08T13:00:00Z", "2020-01-09T13:00:00Z"),
            id="a week, a day ago",
        ),
        pytest.param(
            ["--start-time", "2024-03-04T20:30:00Z", "--end-time", "2024-03-04T21:30:00Z"],
            ("2024-03-04T20:00:00Z", "2024-03-04T22:00:00Z", "2024-03-04T22:00:00Z"),
            id="widened to whole hours",
        ),
        pytest.param(  # the published merge wrote the folders 19 and 20 (C6.2c)
            ["--scheduled-time", "2024-01-19T20:00:00Z", "--set=start_time_offset=-PT6H", "--set=end_time_offset=-PT0H",
             "--compat", "service"],
            ("2024-01-19T14:00:00Z", "2024-01-19T21:00:00Z", "2024-01-19T20:00:00Z"),
            id="as the service: with the hour in which the window ends",
        ),
    ],
)  # fmt: skip
def test_windows(flags, expected):
    assert window(*flags) == expected


def test_durations_are_counted_in_whole_hours():
    merge_request = request("--late-labels", "P7D", "--absent-label", "0", "--after", "PT90M", "--to-label", "50")

    assert (merge_request.late_hours, merge_request.absent_label, merge_request.after_hours) == (168, "0", 2)
    assert merge_request.to_label is not None
    assert (merge_request.to_label.count, merge_request.to_label.score.attribute, merge_request.to_label.seed) == (
        50,
        "0",
        1,
    )


def test_the_format_of_a_transform_can_be_stated():
    assert request("--dataset-format", "csv-without-header").dataset_format == CsvFormat()


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--dataset-format", "parquet"], "captures that can be merged are capture, or csv"),
        (["--absent-label", "0"], "absent_label is given and after is not"),
        (["--after", "PT24H"], "after is given and absent_label is not"),
        (["--absent-label", "0", "--after", "P9D", "--late-labels", "P7D"], "labels are not waited for that long"),
        (["--late-labels", "7"], "--late-labels is '7'; it has to be an ISO 8601 duration, such as PT1H or -P1D"),
        (["--late-labels", "PT0S"], "--late-labels is 'PT0S'; it has to be longer than nothing"),
        (["--start-time", "2024-03-04T20:00:00Z"], "end_time is missing"),
        (
            [
                "--scheduled-time",
                "2024-03-04T20:00:00Z",
                "--set",
                "start_time_offset=PT0H",
                "--set=end_time_offset=-PT1H",
            ],
            "the start has to be before the end, such as -PT1H and PT0H",
        ),
        (
            ["--scheduled-time", "2024-03-04T20:00:00Z", "--start-time", "2024-03-04T20:00:00Z"],
            "scheduled_time is one window, start_time and end_time are another",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_contradicts_itself_is_refused(flags, sentence):
    with pytest.raises(BadConfiguration, match=sentence):
        request(*flags)
