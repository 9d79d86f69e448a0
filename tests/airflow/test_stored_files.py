"""What a job left is found wherever it lies: on this machine, on S3, in a file system of Airflow's."""

import json

import pytest
from tests.airflow.conftest import BUCKET
from tests.airflow.fake_location import DONE, FOUND, VIOLATIONS

from spark_model_monitor.airflow.job_results import MAX_LISTED, RunFailure, open_stored_files, read_job_end
from spark_model_monitor.airflow.operators import create_browser_url
from spark_model_monitor.errors import BadConfiguration


@pytest.fixture(params=["local", "s3", "s3a", "memory"])
def stored(request, tmp_path):
    """A folder for each kind of file system, and what puts a file there."""
    if request.param == "local":

        def put(path, content):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(content)

        return str(tmp_path), put
    if request.param == "memory":
        from airflow.sdk.io import attach
        from fsspec.implementations.memory import MemoryFileSystem

        file_system = MemoryFileSystem()
        attach("memory", fs=file_system)
        return "memory://reports", lambda path, content: file_system.pipe(f"/reports/{path}", content)
    s3 = request.getfixturevalue("aws")("s3")
    return (
        f"{request.param}://{BUCKET}/reports",
        lambda path, content: s3.put_object(Bucket=BUCKET, Key=f"reports/{path}", Body=content),
    )


def test_a_file_is_read_and_deleted_and_one_that_is_not_there_is_no_fault(stored):
    folder, put = stored
    files = open_stored_files(folder, "aws_default")
    put("message", b"Completed\n")

    assert files.read(f"{folder}/message") == b"Completed\n"
    files.delete(f"{folder}/message")
    assert files.read(f"{folder}/message") is None
    files.delete(f"{folder}/message")


def test_an_outcome_is_read(stored):
    folder, put = stored
    put("2024/03/04/21/message", f"{FOUND}\n".encode())
    commit = {
        "run_id": "ab",
        "folder": "_runs/ab",
        "sha256": {"constraint_violations.json": "…", "states/x.parquet": "…"},
    }
    put("2024/03/04/21/_current.json", json.dumps(commit).encode())
    put("2024/03/04/21/_runs/ab/constraint_violations.json", json.dumps({"violations": VIOLATIONS}).encode())
    put("_alerts.json", json.dumps({"version": 0.0, "status": "InAlert"}).encode())
    path = f"{folder}/2024/03/04/21"

    outcome = read_job_end(open_stored_files(path, "aws_default"), path, None, window=None, compares=True)

    assert (outcome.status, outcome.violations, outcome.run_id) == ("CompletedWithViolations", 2, "ab")
    assert [violation["feature_name"] for violation in outcome.violated] == ["age", "plan"]
    assert outcome.alert == "InAlert", "the alert lies above the folders of the hours"
    assert outcome.paths["constraint_violations.json"] == f"{path}/_runs/ab/constraint_violations.json"


def test_a_message_of_a_failure_is_one(tmp_path):
    (tmp_path / "message").write_text("Error: Job inputs had no data: nothing lies in /captures\n")
    files = open_stored_files(str(tmp_path), None)

    failure = read_job_end(files, str(tmp_path), None, window=None, compares=True)

    assert failure == RunFailure("Job inputs had no data: nothing lies in /captures", 3)  # C11.19


def test_the_xcom_lists_so_many_violations_and_counts_all(tmp_path):
    violations = [{"feature_name": f"f{number}", "constraint_check_type": "data_type_check"} for number in range(250)]
    (tmp_path / "message").write_text(FOUND.replace(" 2 ", " 250 "))
    (tmp_path / "constraint_violations.json").write_text(json.dumps({"violations": violations}))

    outcome = read_job_end(open_stored_files(str(tmp_path), None), str(tmp_path), 0, window=None, compares=True)

    assert (outcome.violations, len(outcome.violated)) == (250, MAX_LISTED)


def test_a_run_without_documents_of_ours_is_an_outcome(tmp_path):
    (tmp_path / "message").write_text(f"{DONE}\n")

    outcome = read_job_end(open_stored_files(str(tmp_path), None), str(tmp_path), 0, window=None, compares=False)

    assert outcome.paths == {"output": str(tmp_path)}
    assert outcome.run_id is None


def test_a_file_system_that_airflow_has_not_is_refused_before_the_job_is_started():
    with pytest.raises(BadConfiguration, match="no provider of this Airflow opens nowhere://"):
        open_stored_files("nowhere://cluster/reports", None)


def test_a_relative_path_is_refused_since_the_job_would_take_it_from_another_folder():
    with pytest.raises(BadConfiguration, match="output_path is 'reports'; write an absolute path"):
        open_stored_files("reports", None)


@pytest.mark.parametrize(
    ("path", "served_at", "address"),
    [
        ("/out/2024/a b.json", None, "file:///out/2024/a%20b.json"),
        ("s3://team/out/2024/x.json", None, "https://s3.console.aws.amazon.com/s3/object/team?prefix=out%2F2024%2Fx.json"),
        ("s3a://team/out/x.json", "https://r.example.org/churn/", "https://r.example.org/churn/x.json"),
        ("gs://team/out/x.json", None, "gs://team/out/x.json"),
    ],
)  # fmt: skip
def test_where_a_browser_finds_a_document(path, served_at, address):
    top = path[: path.index("/out") + len("/out")]

    assert create_browser_url(path, top, served_at) == address
