"""When traffic fell, by hand."""

import pytest

from spark_model_monitor.documents.alert_files import AlertStatus, MonitoredWindow
from spark_model_monitor.reports.alerts import estimate_usual_records, judge_traffic

OK = AlertStatus.OK
FELL = AlertStatus.IN_ALERT


def window(time, records):
    return MonitoredWindow(window=time, time=time, violations=0, run_id="0", records=records)


DAYS = [
    window(f"2026-01-{day}T{hour}:00:00Z", records)
    for day in (26, 27, 28)
    for hour, records in (("03", 10), ("15", 900))
]


def test_a_quiet_hour_is_held_against_the_same_hour_of_other_days():
    assert estimate_usual_records(DAYS, "2026-01-29T03:00:00Z") == 10
    assert estimate_usual_records(DAYS, "2026-01-29T15:00:00Z") == 900


def test_an_hour_that_is_new_is_held_against_all():
    assert estimate_usual_records(DAYS, "2026-01-29T09:00:00Z") == 455  # the median of 10, 10, 10, 900, 900, 900


@pytest.mark.parametrize(
    "windows",
    [
        pytest.param([], id="none"),
        pytest.param(DAYS[:2], id="two"),
        pytest.param([window("2026-01-26T03:00:00Z", None)] * 9, id="of before records were noted"),
    ],
)
def test_nothing_is_usual_until_three_windows_are_recognised(windows):
    assert estimate_usual_records(windows, "2026-01-29T03:00:00Z") is None


@pytest.mark.parametrize(
    ("records", "expected_records", "share", "status"),
    [
        pytest.param(49, 100, 0.5, FELL, id="below"),
        pytest.param(50, 100, 0.5, OK, id="exactly at the share"),
        pytest.param(0, 100, 0.5, FELL, id="nothing at all"),
        pytest.param(1, None, 0.5, OK, id="nothing usual is known"),
        pytest.param(1, 100, None, OK, id="nobody asked"),
        pytest.param(None, 100, 0.5, OK, id="not counted"),
    ],
)
def test_traffic_fell_below_a_share_of_the_usual(records, expected_records, share, status):
    assert judge_traffic(window("2026-01-29T03:00:00Z", records), expected_records, share) is status
