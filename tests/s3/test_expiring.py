"""What a schedule no longer keeps goes from S3, too, and a pass with nothing to delete asks for few listings."""

from datetime import datetime, timezone

from spark_model_monitor.reports.history.maintenance import PrunableKind, expire
from spark_model_monitor.reports.outputs.run_files import publish

FILES = {"statistics.json": b"{}", "report.html": b"<p>", "states/profile.parquet": b"PAR1"}
HOURS = ("2025/12/31/23", "2026/01/01/00", "2026/01/01/01", "2026/01/02/02")
BEFORE = datetime(2026, 1, 1, 1, 5, tzinfo=timezone.utc)

MAX_REQUESTS = 8
"""Whether there is something, and the folders of years, months, days and hours."""


def test_windows_pages_and_states_go_from_a_bucket(s3, boto3_at_the_proxy):
    s3.put("expiring", {"x": "x"})
    top = "s3://expiring/reports"
    for hour in HOURS:
        publish(FILES, f"{top}/{hour}", in_place=True)

    expire(PrunableKind.PAGES, top, None, BEFORE)
    expire(PrunableKind.STATES, top, datetime(2026, 1, 1, 1, tzinfo=timezone.utc), BEFORE)
    pages = [key for key in s3.keys("expiring") if key.endswith("report.html")]
    states = [key for key in s3.keys("expiring") if key.endswith("profile.parquet")]
    assert pages == [f"reports/{HOURS[3]}/report.html"]
    assert states == [f"reports/{hour}/states/profile.parquet" for hour in (*HOURS[:2], HOURS[3])]

    expire(PrunableKind.WINDOWS, top, None, BEFORE)
    s3.proxy.requests.clear()
    expire(PrunableKind.WINDOWS, top, None, BEFORE)
    assert len(s3.proxy.requests) <= MAX_REQUESTS
    names = ("_current.json", "report.html", "states/profile.parquet", "statistics.json")
    assert s3.keys("expiring", "reports") == [f"reports/{HOURS[3]}/{name}" for name in names]
