"""Reading a DAG file is cheap: no Spark, none of the jobs' libraries, and no provider that is not used."""

import sys

import pytest
from tests.airflow.conftest import ROOT
from tests.face import find_changes
from tests.programs import run_program

NOT_FOR_AIRFLOW = ("pyspark", "pydeequ", "py4j", "scipy", "pandas", "pyarrow", "matplotlib", "boto3", "botocore")
"""Libraries of jobs, and those that a place loads when it is used."""

PROGRAM = """
import runpy, sys
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
with DAG("plain", schedule="@hourly"):  # what Airflow loads and starts by itself
    EmptyOperator(task_id="task")
before = set(sys.modules)
sys.addaudithook(lambda event, given: event in ("subprocess.Popen", "os.exec", "socket.connect") and print(event))
runpy.run_path(sys.argv[1])
print("loaded", sorted({{name.partition(".")[0] for name in set(sys.modules) - before}} & set({names!r})))
"""


@pytest.mark.parametrize("file", sorted((ROOT / "examples" / "airflow").glob("*.py")), ids=lambda file: file.stem)
def test_reading_a_dag_loads_no_library_of_the_jobs_and_starts_nothing(airflow, file):
    program = PROGRAM.format(names=NOT_FOR_AIRFLOW)
    read = run_program([sys.executable, "-W", "ignore", "-c", program, str(file)])

    assert read.stdout == "loaded []\n", read.stdout + read.stderr


def test_a_dag_with_every_place_is_serialized_the_same_each_time(airflow):
    """Airflow makes a new version of a DAG whenever its serialized form differs, so that no address may stand in it."""
    from airflow.sdk import DAG
    from airflow.serialization.serialized_objects import DagSerialization

    from spark_model_monitor.airflow import EmrCluster, EmrServerless, LocalSpark, MonitorOperator, SparkConnection

    def serialized():
        on_s3 = {"package_location": "s3://team/packages"}
        runners = {
            "local": LocalSpark(environment={"A": "secret"}),
            "connection": SparkConnection(),
            "emr": EmrCluster(cluster_id="j-1", **on_s3),
            "serverless": EmrServerless(application_id="00f", execution_role="arn", **on_s3),
        }
        with DAG("places") as dag:
            for name, runner in runners.items():
                MonitorOperator(task_id=name, where=runner, dataset_source="/c", baseline="/b", output_path="/r")
        return DagSerialization.serialize_dag(dag)

    assert serialized() == serialized()
    assert "secret" not in str(serialized())


def test_a_name_keeps_its_parameters():
    changes = find_changes("spark_model_monitor.airflow")

    assert not changes, "\n".join(changes)
