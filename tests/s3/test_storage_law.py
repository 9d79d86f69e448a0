"""S3's storage passes the law of storages, by boto3."""

import pytest
from tests.storage_law import EVERY_CLAUSE

from spark_model_monitor.storage import get_storage


@pytest.mark.usefixtures("boto3_at_the_proxy")
def test_a_folder_has_one_path_however_it_is_written(s3):
    assert get_storage("s3a://law").resolved("s3://law//files/one/") == "s3://law/files/one"


@EVERY_CLAUSE
@pytest.mark.usefixtures("boto3_at_the_proxy")
def test_s3s_storage_passes(clause, s3):
    s3.put("law", {})
    folder = f"s3a://law/{clause.__name__}"
    clause(get_storage(folder), folder)
