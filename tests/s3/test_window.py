"""A window within a month of captures: only its own hours are listed and read, whatever else there is."""

import pytest
from tests.s3.traffic import BRANCH, PEOPLE, WINDOW, baseline_flags, captured, format_folder

from spark_model_monitor.data.reading.file_heads import FORMAT_SAMPLE_FILES

HOURS = range(-360, 360)
"""The month around the window's hour, which is hour 0."""

FILES = 50
"""Of the window's hour, and of the hour after it, in which late records lie; of every other hour one."""

ABOVE = {
    *("captures/", "captures/churn/", f"captures/{BRANCH}/", f"captures/{BRANCH}/2026/"),
    *(f"captures/{BRANCH}/2026/01/", f"captures/{BRANCH}/2026/01/31/"),
    "captures/_current.json/",  # whether it is an output of ours
}
"""What has to be listed on the way to the window's hours, each level once."""


@pytest.fixture(scope="module")
def month(running_s3):
    """A bucket with the month's captures: 820 objects in 720 folders."""
    names = {
        f"captures/{BRANCH}/{format_folder(hour)}/{part:02d}-00-000-a.jsonl": captured(hour * FILES + part, hour=hour)
        for hour in HOURS
        for part in range(FILES if hour in (0, 1) else 1)
    }
    running_s3.put("month", {"people.csv": PEOPLE, **names})
    return "s3a://month"


def test_a_run_lists_and_reads_its_hours_only(s3, runner, month):
    runner.job("baseline", *baseline_flags(month, "baseline"))
    s3.proxy.requests.clear()
    status = runner.job(
        *("monitor", "--dataset-source", f"{month}/captures", "--dataset-format", "capture"),
        *("--baseline", f"{month}/baseline", "--output-path", f"{month}/report", *WINDOW),
    )
    capture_requests = [
        request
        for request in s3.proxy.requests
        if (request.key or request.query.get("prefix", "")).startswith("captures")
    ]
    listed = [request.query["prefix"] for request in capture_requests if request.is_listing]
    read = [request.key for request in capture_requests if request.method == "GET" and not request.is_listing]
    iterate_hour_folders = [f"captures/{BRANCH}/{format_folder(hour)}/" for hour in (0, 1)]

    assert status == 0, runner.last_words
    assert set(listed) == {*ABOVE, *iterate_hour_folders}
    assert all(
        request.query.get("delimiter") == "/"
        for request in capture_requests
        if request.is_listing and request.query["prefix"] in ABOVE
    )
    assert len(listed) <= len(ABOVE) + 4 * len(
        iterate_hour_folders
    )  # by us before and after (P26), by Spark, which pages them
    assert {key.rpartition("/")[0] + "/" for key in read} == set(iterate_hour_folders)
    # Every file once; the beginnings of the first ones for the encoding, for the columns and for the first record
    assert len(read) <= 2 * FILES + 3 * FORMAT_SAMPLE_FILES + 5
