"""Where `leave` writes copies, which no key of an account's objects steers, and what it says of what was not done."""

from __future__ import annotations

import pytest

from spark_model_monitor.errors import BadConfiguration, MissingDependency
from spark_model_monitor.integrations.leaving.trials import NotDone, NothingToReplay, Trials


@pytest.mark.parametrize("key", ["captures/../../../.bashrc", "../baseline.csv", ".."])
def test_a_key_that_leaves_the_folder_is_refused_before_it_is_read(tmp_path, key):
    with pytest.raises(BadConfiguration, match="which would leave"):
        Trials(tmp_path)._copy_file(f"s3://bucket/{key}")

    assert list(tmp_path.iterdir()) == []


def test_a_copy_lies_under_its_bucket_and_key(tmp_path):
    assert Trials(tmp_path)._place_copy("s3://bucket/a..b/c.csv") == tmp_path / "s3" / "bucket" / "a..b" / "c.csv"


NOT_BEGUN = NothingToReplay("its script would run here")
NOT_INSTALLED = MissingDependency("Spark")
WRONG = BadConfiguration("flag")


@pytest.mark.parametrize(("error", "exit_status"), [(NOT_BEGUN, 0), (NOT_INSTALLED, 2), (WRONG, 255)])
def test_what_was_not_done_has_the_exit_status_of_its_reason(error, exit_status):
    reason = NotDone.of(error)

    assert str(reason) == str(error)
    assert reason.exit_status == exit_status
