"""Jobs on YARN, in client and in cluster mode, with the package and `make environment`'s archive sent to the nodes."""

import json
from pathlib import Path

import pytest
from tests.at_hand import require
from tests.clusters.conftest import Submitter
from tests.clusters.data_sets import contents, wide_table
from tests.clusters.yarn import yarn_cluster

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]

DOUBLED = """
def preprocess_handler(line):
    return [] if line.startswith("a") else {"a": 2 * int(line.split(",")[0])}
"""


GREEDY = """
import time

def preprocess_handler(line):
    held = bytearray(2 * 2**30)
    held[::4096] = b"x" * len(held[::4096])  # each page is written to, or the system would not give it
    time.sleep(30)
"""


@pytest.fixture(scope="module")
def environment():
    """The archive that `make environment` builds."""
    archive = ROOT / "dist" / "environment.tar.gz"
    require(archive.is_file(), f"{archive} is not at hand; `make environment` builds it")
    return archive


@pytest.fixture(scope="module")
def yarn(tmp_path_factory):
    with yarn_cluster(tmp_path_factory.mktemp("yarn")) as running:
        yield running


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return wide_table(tmp_path_factory.mktemp("inputs") / "table")


@pytest.fixture
def jobs(yarn, environment, tmp_path, monkeypatch):
    """Jobs for YARN; nodes get nothing but what is sent."""
    monkeypatch.setenv("HADOOP_CONF_DIR", str(yarn.configuration))
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    options = ("--master", "yarn", *yarn.options, "--columns", "200", "--environment", str(environment))
    return Submitter(tmp_path, options)


@pytest.mark.parametrize("mode", ["client", "cluster"])
def test_a_job_on_yarn_writes_what_one_machine_writes(mode, jobs, table, tmp_path):
    flags = ("--dataset-source", str(table), "--dataset-format", "csv")
    printed = jobs.run("baseline", "--deploy-mode", mode, *flags, "--output-path", str(tmp_path / "out"))
    local_jobs = Submitter(tmp_path, ("--master", "local[2]"))
    local_jobs.run("baseline", *flags, "--output-path", str(tmp_path / "here"))

    # the tenth of 512 MB is below Spark's least, 384 MB; a worker of 200 columns takes 140 + 0.2 · 200 MB
    assert "spark.executor.memoryOverhead=564m: 1 Python workers an executor, 180 MB each at 200 columns" in printed
    assert contents(tmp_path / "out") == contents(tmp_path / "here")


def test_a_script_that_is_sent_to_a_driver_on_a_node_is_found_there(jobs, tmp_path):
    """As docs/clusters.md says: by --files, and named without its folder."""
    (tmp_path / "small.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "doubled.py").write_text(DOUBLED)
    flags = ("--dataset-source", str(tmp_path / "small.csv"), "--dataset-format", "csv")
    script = ("--files", str(tmp_path / "doubled.py"), "--record-preprocessor-script", "doubled.py")
    jobs.run("baseline", "--deploy-mode", "cluster", *flags, *script, "--output-path", str(tmp_path / "out"))

    [feature] = json.loads((tmp_path / "out" / "statistics.json").read_text())["features"]
    assert (feature["name"], feature["numerical_statistics"]["sum"]) == ("a", 8.0)  # 2·1 + 2·3


def test_an_executor_that_takes_too_much_memory_names_the_setting(jobs, tmp_path):
    (tmp_path / "small.csv").write_text("a,b\n1,2\n")
    (tmp_path / "greedy.py").write_text(GREEDY)
    flags = ("--dataset-source", str(tmp_path / "small.csv"), "--dataset-format", "csv")
    script = ("--record-preprocessor-script", str(tmp_path / "greedy.py"))
    printed = jobs.run("baseline", *flags, *script, "--output-path", str(tmp_path / "out"), status=255)

    assert "raise spark.executor.memoryOverhead" in printed
    assert not (tmp_path / "out" / "_current.json").exists()
