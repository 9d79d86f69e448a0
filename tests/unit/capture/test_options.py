import math

import pytest

from spark_model_monitor.capture import CaptureLimits, CaptureOptions
from spark_model_monitor.capture.selection import parse_paths

from .capturing import options


def test_the_defaults_are_the_services_but_for_the_sample():
    defaults = options()

    assert defaults.variant == "AllTraffic"
    assert (defaults.csv_content_types, defaults.json_content_types) == (("text/csv",), ("application/json",))
    assert defaults.capture_options == ("REQUEST", "RESPONSE")  # sagemaker.model_monitor.DataCaptureConfig
    assert defaults.sampling_percentage == 100  # DataCaptureConfig: 20


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"endpoint": "a/b"}, "endpoint is 'a/b'; it becomes a folder"),
        ({"endpoint": ".hidden"}, "endpoint is '.hidden'"),
        ({"endpoint": ""}, "endpoint is ''"),
        ({"endpoint": "x" * 64}, "endpoint is 'xxx"),
        ({"variant": "2024"}, "variant is '2024'; .* no year"),
        ({"sampling_percentage": 101}, "sampling_percentage is 101; it has to be a number from 0 to 100"),
        ({"sampling_percentage": "20"}, "sampling_percentage is '20'"),
        ({"sampling_percentage": True}, "sampling_percentage is True"),
        ({"sampling_percentage": math.nan}, "sampling_percentage is nan"),
        ({"sampling_seed": 2**63}, "sampling_seed is 9223372036854775808"),
        ({"sampling_seed": 0.5}, "sampling_seed is 0.5"),
        ({"capture_options": "REQUEST"}, "capture_options is 'REQUEST'; write \\['REQUEST'\\]"),
        ({"capture_options": ["Input"]}, "capture_options is \\['Input'\\]"),
        ({"capture_options": []}, "capture_options is \\[\\]"),
        ({"csv_content_types": "text/csv"}, "csv_content_types is 'text/csv'; write a list"),
        ({"csv_content_types": ["text/csv; charset=utf-8"]}, "without parameters"),
        ({"json_content_types": ["TEXT/csv"]}, "'text/csv' is in csv_content_types and in json_content_types"),
        ({"max_payload_bytes": 0}, "max_payload_bytes is 0"),
        ({"enable_capture": "no"}, "enable_capture is 'no'; it has to be True or False"),
        ({"with_metadata": None}, "with_metadata is None"),
    ],
)
def test_a_wrong_option_is_named_with_what_to_write_instead(wrong, text):
    with pytest.raises(ValueError, match=text):
        CaptureOptions(**{"endpoint": "churn"} | wrong)


@pytest.mark.parametrize("paths", ["/invocations", ["/invocations", "score"]])
def test_paths_that_nobody_asks_for_are_refused(paths):
    with pytest.raises(ValueError, match=r"paths is .*; write a list of paths with a slash in front"):
        parse_paths(paths)
    assert parse_paths(None) is None
    assert parse_paths(("/invocations",)) == parse_paths(iter(["/invocations"])) == {"/invocations"}


def test_all_faults_are_said_at_once():
    with pytest.raises(ValueError, match=r"(?s)endpoint is.*sampling_percentage is.*capture_options is"):
        CaptureOptions(endpoint="/", sampling_percentage=-1, capture_options=["x"])


@pytest.mark.parametrize("name", ["flush_seconds", "rotate_bytes", "buffer_bytes", "spool_bytes", "retry_seconds"])
@pytest.mark.parametrize("value", [0, -1, "1", math.inf, True])
def test_a_limit_has_to_be_above_0(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value!r}; it has to be above 0"):
        CaptureLimits(**{name: value})
