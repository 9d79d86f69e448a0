"""The three files as the SDK's objects, on this machine, in a folder that stands in for S3, and by a session's own client."""

import io
import json

import pytest

from spark_model_monitor.errors import BadInput
from spark_model_monitor.sagemaker import Constraints, ConstraintViolations, Statistics

CONSTRAINTS = {
    "version": 0.0,
    "features": [{"name": "age", "inferred_type": "Integral"}, {"name": "plan", "inferred_type": "String"}],
    "monitoring_config": {"evaluate_constraints": "Enabled"},
}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MODEL_MONITOR_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MODEL_MONITOR_S3_ROOT", raising=False)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "constraints.json"
    path.write_text(json.dumps(CONSTRAINTS))
    return str(path)


@pytest.mark.parametrize(
    ("feature", "find_section"),
    [
        (None, lambda body: body["monitoring_config"]),
        ("plan", lambda body: body["features"][1]["monitoring_config_overrides"]),
    ],
)
def test_monitoring_is_switched_off_for_all_or_for_one_and_saved(path, feature, find_section):
    constraints = Constraints.from_s3_uri(path)
    constraints.set_monitoring(False, feature)
    constraints.save()

    body = Constraints.from_s3_uri(path).body_dict
    assert find_section(body) == {"evaluate_constraints": "Disabled"}
    constraints.set_monitoring(True, feature)
    assert find_section(constraints.body_dict) == {"evaluate_constraints": "Enabled"}


def test_a_new_place_is_preserved(path, tmp_path):
    constraints = Constraints.from_s3_uri(path)

    assert constraints.save(str(tmp_path / "other" / "c.json")) == constraints.file_s3_uri
    assert Constraints.from_s3_uri(str(tmp_path / "other" / "c.json")).body_dict == CONSTRAINTS


@pytest.mark.parametrize("kind", [Statistics, Constraints, ConstraintViolations])
def test_a_text_or_a_local_file_gets_a_place_of_its_own(kind, path, tmp_path):
    of_text = kind.from_string('{"a": 1}')
    of_file = kind.from_file_path(path)

    assert (of_text.body_dict, of_file.body_dict) == ({"a": 1}, CONSTRAINTS)
    assert of_text.file_s3_uri.startswith(str(tmp_path / "home"))
    assert kind.from_s3_uri(of_text.file_s3_uri).body_dict == {"a": 1}


def test_a_folder_stands_in_for_s3_where_one_is_named(path, tmp_path, monkeypatch):
    monkeypatch.setenv("MODEL_MONITOR_S3_ROOT", str(tmp_path / "s3"))

    assert Constraints.from_s3_uri(path).save("s3://bucket/prefix/c.json") == "s3://bucket/prefix/c.json"
    assert json.loads((tmp_path / "s3/bucket/prefix/c.json").read_text()) == CONSTRAINTS
    assert Constraints.from_s3_uri("s3://bucket/prefix/c.json").body_dict == CONSTRAINTS


class Session:
    """A session of the SDK as far as files go: a bucket, and a client for it."""

    default_bucket_prefix = None

    def __init__(self):
        self.objects = {}
        self.encryption = {}
        self.boto_session = self

    def default_bucket(self):
        return "bucket"

    def client(self, service):
        assert service == "s3"
        return self

    def get_object(self, *, Bucket, Key):  # noqa: N803 (boto3's own names)
        return {"Body": io.BytesIO(self.objects[Bucket, Key])}

    def put_object(self, *, Bucket, Key, Body, **encryption):  # noqa: N803
        self.objects[Bucket, Key] = Body
        self.encryption = encryption


def test_with_a_session_files_lie_in_its_bucket():
    session = Session()
    written = Statistics.from_string('{"a": 1}', sagemaker_session=session)

    [(bucket, key)] = session.objects
    assert written.file_s3_uri == f"s3://{bucket}/{key}"
    assert Statistics.from_s3_uri(written.file_s3_uri, sagemaker_session=session).body_dict == {"a": 1}


@pytest.mark.parametrize(
    ("key", "expected_encryption"), [(None, {}), ("key-1", {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key-1"})]
)
def test_a_key_of_kms_encrypts_what_is_saved_on_s3_as_the_sdk_does(key, expected_encryption):
    # sagemaker 2.257.7, Session.upload_string_as_file_body
    session = Session()
    Statistics.from_string('{"a": 1}', kms_key=key, sagemaker_session=session)
    assert session.encryption == expected_encryption

    Statistics.from_s3_uri(f"s3://bucket/{next(iter(session.objects))[1]}", key, session).save("s3://bucket/again.json")
    assert session.encryption == expected_encryption


@pytest.mark.parametrize("session", [None, Session()])
def test_a_file_that_is_not_there_is_said_by_its_place(session, tmp_path):
    if session is None:
        location = str(tmp_path / "nowhere.json")
    else:
        location = "s3://bucket/nowhere.json"

    with pytest.raises(BadInput, match=f"{location}: can't be read"):
        Statistics.from_s3_uri(location, sagemaker_session=session)
