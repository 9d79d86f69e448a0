"""An hour of monitoring: which tasks there are, what each reads, what waits for what."""

from datetime import datetime, timedelta, timezone

import pytest
from airflow.sdk import DAG
from tests.airflow.conftest import hour_time
from tests.airflow.fake_location import DONE, Stage, leaving

from spark_model_monitor.airflow import MonitorTask, bias, data_quality, hourly_monitoring, model_quality
from spark_model_monitor.errors import BadConfiguration

QUALITY = model_quality(baseline="/b/quality", flags={"problem_type": "BinaryClassification"})
BIAS = bias(baseline="/b/bias", flags={"analysis_config": "/analysis_config.json"}, on_violations="fail")
ATTRIBUTIONS = MonitorTask(task_id="attributions", analysis_type="MODEL_EXPLAINABILITY", baseline="/b/attributions")


def test_a_monitor_says_by_name_what_it_is():
    with pytest.raises(TypeError, match="positional"):
        MonitorTask("attributions", "MODEL_EXPLAINABILITY", "/b/attributions")


def group(name, stage, monitors, **options):
    start = datetime(2024, 3, 4, tzinfo=timezone.utc)
    with DAG(name, schedule="@hourly", start_date=start, catchup=False) as dag:
        hourly_monitoring(where=stage, captures="/captures", monitors=monitors, **{"output_path": "/out", **options})
    return dag


def test_what_needs_labels_waits_for_the_merge_and_the_rest_does_not():
    monitors = [data_quality(baseline="/b/data"), QUALITY, BIAS, ATTRIBUTIONS]
    dag = group("all", Stage(plays=leaving(DONE)), monitors, ground_truth="/labels")
    waits = {
        task.task_id.partition(".")[2]: {task_id.partition(".")[2] for task_id in task.upstream_task_ids}
        for task in dag.tasks
    }

    assert waits == {
        "merge": set(),
        "data_quality": set(),
        "model_quality": {"merge"},
        "bias": {"merge"},
        "attributions": set(),
    }  # fmt: skip


def test_each_reads_what_the_service_has_it_read(run, tmp_path):
    """C2: model quality has the endpoint's output, bias both halves, of merged records."""
    stage = Stage(plays=leaving(DONE))
    monitors = [data_quality(baseline="/b/data", flags={"sample": 0.1}), QUALITY, BIAS, ATTRIBUTIONS]
    lag = timedelta(days=1)
    run(group("read", stage, monitors, ground_truth="/labels", output_path=str(tmp_path), lag=lag), hour_time(21))
    calls = {call.name.split("/")[1].partition(".")[2]: call.flags for call in stage.calls}
    merged = str(tmp_path / "merged")

    assert calls["merge"]["output_path"] == merged
    assert {task: flags["dataset_source"] for task, flags in calls.items()} == {
        "merge": "/captures",
        "data_quality": "/captures",
        "model_quality": merged,
        "bias": merged,
        "attributions": "/captures",
    }
    assert {task: flags.get("dataset_format") for task, flags in calls.items()} == {
        "merge": None,
        "data_quality": "capture",
        "model_quality": '{"sagemakerMergeJson": {"captureIndexNames": ["endpointOutput"]}}',
        "bias": '{"sagemakerMergeJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}',
        "attributions": "capture",
    }
    assert {task: flags["start_time"] for task, flags in calls.items()} == {
        "merge": "2024-03-03T20:00:00Z",
        "data_quality": "2024-03-04T20:00:00Z",
        "model_quality": "2024-03-03T20:00:00Z",
        "bias": "2024-03-03T20:00:00Z",
        "attributions": "2024-03-04T20:00:00Z",
    }, "labels are waited for, captures are not"
    assert calls["data_quality"]["sample"] == "0.1"
    assert calls["bias"]["fail_on_violations"] == "true"
    assert calls["attributions"]["analysis_type"] == "MODEL_EXPLAINABILITY"


def test_there_is_no_merge_if_nobody_reads_it():
    dag = group("lonely", Stage(plays=leaving(DONE)), [data_quality(baseline="/b")], ground_truth="/labels")

    assert [task.task_id for task in dag.tasks] == ["hourly_monitoring.data_quality"]


def test_options_of_all_tasks_and_of_one():
    monitors = [data_quality(baseline="/b", retries=5), QUALITY]
    dag = group("options", Stage(plays=leaving(DONE)), monitors, ground_truth="/labels", retries=2, pool="spark")

    assert {task.task_id.partition(".")[2]: (task.retries, task.pool) for task in dag.tasks} == {
        "merge": (2, "spark"),
        "data_quality": (5, "spark"),
        "model_quality": (2, "spark"),
    }


@pytest.mark.parametrize(
    ("monitors", "said"),
    [
        ([QUALITY], "monitors has 'model_quality', which looks at merged records, and ground_truth is not given"),
        ([data_quality(baseline="/a"), data_quality(baseline="/b")], "monitors has two tasks called 'data_quality'"),
        ([], "monitors is empty"),
    ],
)
def test_a_group_that_can_t_be_is_refused_when_its_dag_is_read(monitors, said):
    with pytest.raises(BadConfiguration, match=said):
        group("refused", Stage(plays=leaving(DONE)), monitors)
