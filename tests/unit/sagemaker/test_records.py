"""Records of schedules come back as they were put."""

from __future__ import annotations

from datetime import datetime, timezone

from model_monitor.sagemaker import records
from model_monitor.sagemaker.locations import HOME_VARIABLE


def test_a_time_is_a_time_and_how_long_before_a_run_stays_as_it_was_written(tmp_path, monkeypatch):
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    content = {
        "CreationTime": datetime(2026, 3, 4, tzinfo=timezone.utc),
        "ScheduleConfig": {
            "ScheduleExpression": "NOW",
            "DataAnalysisStartTime": "-PT4H",
            "DataAnalysisEndTime": "-PT1H",
        },
    }

    records.write(records.SCHEDULES, "once", content)

    assert records.read(records.SCHEDULES, "once") == content
