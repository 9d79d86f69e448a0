from __future__ import annotations

import os
import tempfile

import pytest

from spark_model_monitor.capture import LocalFolder, S3Folder

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


def test_the_spool_below_the_temporary_folder_is_for_this_user_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = S3Folder("s3://bucket/captures").spool.parent

    assert folder == tmp_path / f"model-monitor-capture-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["a folder that others write to", "a link"])
def test_a_spool_that_somebody_else_prepared_is_not_used(tmp_path, monkeypatch, caplog, kind):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    prepared = tmp_path / f"model-monitor-capture-{os.getuid()}"
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    if kind == "a link":
        prepared.symlink_to(tmp_path / "elsewhere")
    else:
        prepared.mkdir()
        prepared.chmod(0o777)

    spool = S3Folder("s3://bucket/captures").spool

    assert prepared not in spool.parents
    assert spool.parent.stat().st_mode & 0o777 == 0o700
    assert "name a spool" in caplog.text
