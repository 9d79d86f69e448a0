"""No key of an account's objects steers where `leave` writes their copies."""

from __future__ import annotations

import pytest

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.integrations.leaving.trials import Trials


@pytest.mark.parametrize("key", ["captures/../../../.bashrc", "../baseline.csv", ".."])
def test_a_key_that_leaves_the_folder_is_refused_before_it_is_read(tmp_path, key):
    with pytest.raises(BadConfiguration, match="which would leave"):
        Trials(tmp_path)._copy_file(f"s3://bucket/{key}")

    assert list(tmp_path.iterdir()) == []


def test_a_copy_lies_under_its_bucket_and_key(tmp_path):
    assert Trials(tmp_path)._place_copy("s3://bucket/a..b/c.csv") == tmp_path / "s3" / "bucket" / "a..b" / "c.csv"
