"""Records of schedules come back as they were put."""

from datetime import datetime, timezone

from spark_model_monitor.sagemaker.local_jobs import SCHEDULES
from spark_model_monitor.sagemaker.monitoring_files import HOME_VARIABLE


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

    SCHEDULES.write("once", content)

    assert SCHEDULES.read("once") == content
