"""A schedule that was moved over as a DAG: its file. tests/airflow/test_imported_dag.py runs one."""

import ast
import io

import pytest
from tests.unit.imports import answers

from spark_model_monitor.integrations.imports.import_command import import_schedules

PYTHON = "/srv/spark-model-monitor/bin/python"


@pytest.fixture
def make_dag(tmp_path):
    """The text of the DAG that answers become."""

    def write_dag(*documents):
        described = [(f"file {number}", document) for number, document in enumerate(documents)]
        import_schedules(described, tmp_path, io.StringIO(), dags_for=PYTHON)
        [file] = tmp_path.glob("*_dag.py")
        return file.read_text()

    return write_dag


def list_calls(text, name):
    """The arguments of each call of `name`, as literals where they are such."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    calls = [call for call in calls if getattr(call.func, "id", "") == name]
    return [{argument.arg: _literal(argument.value) for argument in call.keywords} for call in calls]


def _literal(node):
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def test_a_dag_says_what_the_env_file_says(make_dag):
    text = make_dag(answers.schedule(), answers.definition(), answers.endpoint())

    [monitor] = list_calls(text, "MonitorOperator")
    assert monitor == {
        "task_id": "monitor",
        "where": "where",
        "analysis_type": "DATA_QUALITY",
        "dataset_source": "s3://bucket/captures/churn",
        "dataset_format": '{"sagemakerCaptureJson": {}}',
        "output_path": "s3://bucket/reports/churn/churn-hourly",  # C1.5
        "baseline": None,
        "length": "timedelta(seconds=3600)",
        "lag": "timedelta(seconds=0)",
        "execution_timeout": "timedelta(seconds=2100)",  # MaxRuntimeInSeconds 1800, and five minutes
        "flags": {
            "baseline_constraints": "s3://bucket/baseline/constraints.json",
            "sagemaker_endpoint_name": "churn",
            "sagemaker_monitoring_schedule_name": "churn-hourly",
            "max_runtime": "PT1800S",
        },
    }
    assert list_calls(text, "LocalSpark") == [{"python": PYTHON}]
    assert 'CronTriggerTimetable("10 * * * *", timezone="UTC")' in text  # C10b: 0 to 20 minutes after the hour


def test_what_is_to_be_filled_in_stands_where_it_belongs(make_dag):
    definition = answers.definition(BaselineConfig={"BaseliningJobName": "baselining-1"})

    lines = make_dag(answers.schedule(), definition, answers.endpoint(None)).splitlines()

    assert [line for line in lines if line.startswith("        dataset_source=None,  # to fill in: the captures of")]
    assert [line for line in lines if line.startswith("            # to fill in: baseline_constraints; ")]


def test_a_stopped_schedule_is_a_paused_dag(make_dag):
    stopped = {**answers.schedule(), "MonitoringScheduleStatus": "Stopped"}

    text = make_dag(stopped, answers.definition(), answers.endpoint())

    assert list_calls(text, "DAG")[0]["is_paused_upon_creation"] is True


def test_a_schedule_that_runs_once_waits_to_be_triggered(make_dag):
    schedule = answers.schedule(ScheduleConfig={"ScheduleExpression": "NOW"})

    text = make_dag(schedule, answers.definition(), answers.endpoint())

    assert list_calls(text, "DAG")[0]["schedule"] is None
    assert "CronTriggerTimetable" not in text


def test_no_text_of_a_description_becomes_code(make_dag):
    """A DAG's file is run by Airflow, so that nothing but literals may come out of what somebody described."""
    hostile = 'x"""\nimport os\n#'
    definition = answers.definition(
        BaselineConfig={"BaseliningJobName": hostile},
        AppSpecification={"ImageUri": "image", "RecordPreprocessorSourceUri": f"s3://b/{hostile}"},
    )

    text = make_dag(answers.schedule(), definition, answers.endpoint())

    imported = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import)]
    assert imported == []
    assert list_calls(text, "MonitorOperator")[0]["flags"]["record_preprocessor_script"] == f"s3://b/{hostile}"


def test_without_the_flag_there_is_no_dag(tmp_path):
    documents = [("a", answers.schedule()), ("b", answers.definition()), ("c", answers.endpoint())]
    import_schedules(documents, tmp_path, io.StringIO())

    assert list(tmp_path.glob("*.py")) == []
