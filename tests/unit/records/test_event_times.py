"""The newest time of captured lines, wherever it stands in them and however it is written."""

from __future__ import annotations

from datetime import datetime, timezone

import pyarrow as pa
import pytest

from spark_model_monitor.data.records.event_times import METADATA_BYTES, extract_times, find_newest_time
from spark_model_monitor.data.records.windows import convert_microseconds

from .captured_lines import captured, encode_line


def make_time(hour, minute, second=0, micro=0):
    return datetime(2022, 4, 18, hour, minute, second, micro, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("texts", "newest"),
    [
        (["2022-04-18T00:10:00Z", "2022-04-18T00:50:00Z", "2022-04-18T00:20:00Z"], make_time(0, 50)),
        (["2022-04-18T00:50:00Z", "2022-04-18T00:50:00.250Z"], make_time(0, 50, 0, 250_000)),
        (["2022-04-18 00:10:00.5", "2022-04-18 00:10:00", None], make_time(0, 10, 0, 500_000)),
        (["2022-04-18T02:10:00+02:00", "2022-04-18T00:20:00Z", "2022-04-17T22:30:00-02:00"], make_time(0, 30)),
        (["2022-04-18t00:10:00z", "2022-04-18T00:20:00+0200", "2022-04-18T00:09:00Z"], make_time(0, 10)),
    ],
)
def test_the_newest_time_is_the_latest_moment(texts, newest):
    assert convert_microseconds(find_newest_time(pa.array(texts))) == newest


def test_what_is_no_time_tells_nothing():
    assert find_newest_time(pa.array(["2022-04-18"])) == 0
    assert find_newest_time(pa.array([], pa.string())) == 0
    assert find_newest_time(extract_times(pa.array([b"{}", encode_line(captured(time=None))]))) == 0


@pytest.mark.parametrize("longer", [{}, {"customAttributes": ["x" * 2 * METADATA_BYTES]}])
def test_metadata_are_found_wherever_they_stand_in_a_line(longer):
    late = captured(time="2022-04-18T00:59:00Z", **longer)
    early = captured(time="2022-04-18T00:01:00Z")
    reversed_ = dict(reversed(late.items()))

    for lines in ([encode_line(early), encode_line(late)], [encode_line(reversed_), encode_line(early)]):
        assert convert_microseconds(find_newest_time(extract_times(pa.array(lines)))) == make_time(0, 59)


def test_a_payload_that_spells_the_member_is_no_time():
    """Quotes within data are escaped."""
    line = encode_line(captured(data='{"inferenceTime":"2029-01-01T00:00:00Z"}', encoding="JSON"))

    assert convert_microseconds(find_newest_time(extract_times(pa.array([line])))) == make_time(0, 10)


def test_bytes_that_are_no_text_are_no_time():
    broken = b'{"eventMetadata": {"inferenceTime": "2026-01-31T22:\xff\xfe:00Z"}}'
    assert extract_times(pa.array([broken, b"{}"])).to_pylist() == [None, None]
