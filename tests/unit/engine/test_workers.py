"""What Spark is told of its Python workers, beside what the user said."""

from __future__ import annotations

from pathlib import Path

import pytest

from spark_model_monitor.spark.engine import application as workers
from spark_model_monitor.spark.engine.application import worker_settings

TRIM = "spark.executorEnv.MALLOC_TRIM_THRESHOLD_"
PYTHON_PATH = "spark.executorEnv.PYTHONPATH"
DAEMON = "spark.python.daemon.module"


class SparkSettings(dict):
    """The settings of a user, asked as a SparkConf is."""

    contains = dict.__contains__


@pytest.mark.parametrize("master", ["local", "local[2]", "local[*, 3]"])
def test_on_one_machine_the_package_is_where_the_daemon_finds_it(master: str):
    settings = worker_settings(SparkSettings({"spark.master": master}), {})

    assert settings[DAEMON] == "spark_model_monitor.spark.engine.worker"
    assert Path(settings[PYTHON_PATH], "spark_model_monitor", "spark/engine/worker.py").is_file()


@pytest.mark.parametrize("master", ["yarn", "spark://here:7077", "k8s://https://here", "local-cluster[2,1,1024]"])
def test_on_a_cluster_workers_come_from_pysparks_own_daemon(master: str):
    settings = worker_settings(SparkSettings({"spark.master": master}), {})

    assert not {DAEMON, PYTHON_PATH} & settings.keys()
    assert settings[TRIM] == str(64 * 2**20)


@pytest.mark.parametrize("key", [TRIM, DAEMON, "spark.executorEnv.MALLOC_MMAP_THRESHOLD_"])
def test_a_setting_of_the_users_stays(key: str):
    assert key in worker_settings(SparkSettings({"spark.master": "local"}), {})
    assert key not in worker_settings(SparkSettings({"spark.master": "local", key: "own"}), {})


def test_a_python_path_of_the_users_keeps_pysparks_own_daemon():
    assert DAEMON not in worker_settings(SparkSettings({"spark.master": "local", PYTHON_PATH: "/own"}), {})


def test_a_variable_of_the_users_stays(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(workers, "find_excluded_features", lambda: "AVX512F")
    numpys = f"spark.executorEnv.{workers.NUMPY_VARIABLE}"

    settings = worker_settings(SparkSettings({"spark.master": "yarn"}), {})
    with_own = worker_settings(
        SparkSettings({"spark.master": "yarn"}), {workers.NUMPY_VARIABLE: "", "MALLOC_TRIM_THRESHOLD_": "1"}
    )

    assert settings[numpys] == "AVX512F"
    assert settings.keys() - with_own.keys() == {numpys, TRIM}
