"""A schedule of the service becomes a DAG that runs: the windows and folders of `run-due`, by Airflow."""

import importlib.util
import json
import subprocess
from datetime import datetime, timezone

import pytest
from tests.airflow.conftest import PRODUCT_PYTHON, ROOT
from tests.airflow.fake_location import DONE, Stage, leaving

answers = importlib.util.module_from_spec(
    spec := importlib.util.spec_from_file_location("answers", ROOT / "tests" / "unit" / "imports" / "answers.py")
)
spec.loader.exec_module(answers)


@pytest.fixture
def imported(tmp_path, airflow):
    """Answers of the service's API -> the DAG that `spark-model-monitor import --airflow` writes, on a stage."""
    from airflow.dag_processing.dagbag import DagBag

    def importing(*arguments):
        files = []
        for number, answer in enumerate(arguments):
            files.append(tmp_path / f"{number}.json")
            files[-1].write_text(json.dumps(answer))
        command = [PRODUCT_PYTHON, "-m", "spark_model_monitor", "import", *map(str, files), "--airflow"]
        subprocess.run([*command, "--output", str(tmp_path / "dags")], check=True, capture_output=True)
        bag = DagBag(dag_folder=str(tmp_path / "dags"), bundle_name="dags-folder")
        assert bag.import_errors == {}
        [dag] = bag.dags.values()
        stage = Stage(plays=leaving(DONE))
        for task in dag.tasks:
            assert task.where.python == PRODUCT_PYTHON
            task.where = stage
            task.output_path = task.output_path.replace("s3://bucket", str(tmp_path / "bucket"))
        return dag, stage

    return importing


def test_a_weekly_look_back_of_model_quality_has_the_services_window(run, imported):
    """-P8D and -P1D: on 12 March, 05:00, that is 4 March, 05:00, to 11 March, 05:00 (C6.2b)."""
    look_back = {"StartTimeOffset": "-P8D", "EndTimeOffset": "-P1D", "ProbabilityAttribute": "0"}
    where = {**answers.ENDPOINT_INPUT, **look_back}
    dag, stage = imported(
        answers.schedule("ModelQuality", ScheduleConfig={"ScheduleExpression": "cron(0 5 ? * * *)"}),
        answers.definition(
            "ModelQuality",
            AppSpecification={"ImageUri": "image", "ProblemType": "BinaryClassification"},
            JobInput={"EndpointInput": where, "GroundTruthS3Input": {"S3Uri": "s3://bucket/labels"}},
        ),
        answers.endpoint(),
    )

    ended = run(dag, datetime(2024, 3, 12, 5, 10, tzinfo=timezone.utc))

    merge, monitor = stage.calls
    assert ended.state == "success"
    assert (merge.job, monitor.job) == ("merge", "monitor")
    window = {"start_time": "2024-03-04T05:00:00Z", "end_time": "2024-03-11T05:00:00Z"}
    assert window.items() <= merge.flags.items()
    assert window.items() <= monitor.flags.items()
    assert monitor.output_path.endswith("/bucket/reports/churn/churn-hourly/2024/03/12/05")
    assert monitor.flags["dataset_format"] == '{"sagemakerMergeJson": {"captureIndexNames": ["endpointOutput"]}}'
    assert monitor.flags["problem_type"] == "BinaryClassification"


def test_an_hourly_schedule_looks_at_the_hour_before(run, imported):
    dag, stage = imported(answers.schedule(), answers.definition(), answers.endpoint())

    run(dag, datetime(2024, 3, 4, 23, 10, tzinfo=timezone.utc))

    [monitor] = stage.calls
    assert (monitor.flags["start_time"], monitor.flags["end_time"]) == ("2024-03-04T22:00:00Z", "2024-03-04T23:00:00Z")
    assert monitor.output_path.endswith("/2024/03/04/23")
