"""Where the zip, the JAR and the class archive lie: where nobody else could have put another one."""

import os
import tempfile

import pytest

from spark_model_monitor.errors import MissingDependency
from spark_model_monitor.running.product_layout import cache_directory


@pytest.fixture
def without_home(tmp_path, monkeypatch):
    """The folder that this user's cache has where there is no home, as in a container; it is not there yet."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"spark-model-monitor-{os.getuid()}"


def test_without_a_home_the_cache_is_a_directory_that_nobody_else_opens(without_home):
    assert cache_directory({}) == without_home
    assert without_home.stat().st_mode & 0o777 == 0o700
    assert cache_directory({}) == without_home, "and it is found again"


def test_a_directory_of_an_earlier_release_is_closed(without_home):
    without_home.mkdir(mode=0o755)

    assert cache_directory({}).stat().st_mode & 0o777 == 0o700


def test_a_directory_that_others_could_write_to_is_not_used(without_home):
    without_home.mkdir()
    without_home.chmod(0o777)

    with pytest.raises(
        MissingDependency, match="that this user alone can write to, .* another one in MODEL_MONITOR_CACHE"
    ):
        cache_directory({})


def test_a_link_or_a_file_of_its_name_is_not_used(without_home, tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    without_home.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MissingDependency):
        cache_directory({})

    without_home.unlink()
    without_home.write_text("")
    with pytest.raises(MissingDependency):
        cache_directory({})


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives a directory to somebody else")
def test_a_directory_of_another_user_is_not_used(without_home):
    without_home.mkdir(mode=0o700)
    os.chown(without_home, 12345, -1)

    with pytest.raises(MissingDependency):
        cache_directory({})


def test_a_directory_that_was_chosen_is_taken(without_home, tmp_path):
    assert cache_directory({"MODEL_MONITOR_CACHE": str(tmp_path / "mine")}) == tmp_path / "mine"
    assert not without_home.exists()
