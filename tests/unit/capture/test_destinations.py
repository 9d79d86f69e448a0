from __future__ import annotations

import pytest

from model_monitor.capture import LocalFolder, S3Folder

KEY = "churn/AllTraffic/2024/03/04/12/05-06-789-x.jsonl"


class Bucket:
    """Stands for boto3's client: keeps what is put, or refuses."""

    def __init__(self, refuses: bool = False) -> None:
        self.refuses = refuses
        self.objects = {}

    def put_object(self, **arguments) -> None:
        if self.refuses:
            raise ConnectionError("no route")
        arguments["Body"] = arguments["Body"].read()
        self.objects[arguments["Bucket"], arguments["Key"]] = arguments


@pytest.fixture
def finished(tmp_path):
    file = tmp_path / "finished.jsonl"
    file.write_bytes(b"1\n")
    return file


def test_a_local_file_is_moved_to_its_place(tmp_path, finished):
    LocalFolder(tmp_path / "captures").deliver(finished, KEY)

    assert (tmp_path / "captures" / KEY).read_bytes() == b"1\n"
    assert not finished.exists()


def test_the_spool_of_a_local_folder_is_hidden_from_the_jobs(tmp_path):
    assert LocalFolder(tmp_path).spool == tmp_path / ".spool"


@pytest.mark.parametrize(
    ("uri", "key"),
    [("s3://bucket/data/capture/", f"data/capture/{KEY}"), ("s3://bucket", KEY), ("s3://bucket/", KEY)],
)
def test_a_file_becomes_one_object(tmp_path, finished, uri, key):
    bucket = Bucket()
    S3Folder(uri, spool=tmp_path, client=bucket, SSEKMSKeyId="alias/mine").deliver(finished, KEY)

    [stored] = bucket.objects.values()
    assert (stored["Bucket"], stored["Key"], stored["Body"]) == ("bucket", key, b"1\n")
    assert stored["SSEKMSKeyId"] == "alias/mine"
    assert not finished.exists()


def test_a_file_that_the_bucket_refuses_stays(tmp_path, finished):
    with pytest.raises(ConnectionError):
        S3Folder("s3://bucket/x", spool=tmp_path, client=Bucket(refuses=True)).deliver(finished, KEY)

    assert finished.read_bytes() == b"1\n"


def test_the_spool_of_a_folder_of_s3_is_the_same_after_a_restart_and_not_that_of_another():
    assert S3Folder("s3://bucket/x").spool == S3Folder("s3://bucket/x").spool
    assert S3Folder("s3://bucket/x").spool != S3Folder("s3://bucket/y").spool


@pytest.mark.parametrize("uri", ["bucket/x", "https://bucket/x", "s3:///x", ""])
def test_what_is_no_address_of_s3_is_refused(uri):
    with pytest.raises(ValueError, match="write 's3://bucket/prefix'"):
        S3Folder(uri)
