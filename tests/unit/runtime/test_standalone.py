"""Whether a standalone cluster's master is there, asked of real sockets."""

from __future__ import annotations

import socket
import threading
from contextlib import closing

import pytest
from tests.ports import reserved_port

from spark_model_monitor.errors import ClusterGone
from spark_model_monitor.spark.spark_session import MasterWatch, is_reachable, require_master


@pytest.fixture
def listening():
    """A port that takes connections."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@pytest.fixture
def silent():
    """A port that nobody listens at."""
    with reserved_port() as port:
        yield port


class Context:
    """Stands for the JVM's SparkContext: how many executors it has beside the driver, and whether it was stopped."""

    def __init__(self, master: str, executors: int) -> None:
        self.sparkContext = self
        self._jsc = self
        self.master = master
        self.executors = executors
        self.stopped = threading.Event()

    def sc(self):
        return self

    def statusTracker(self):  # noqa: N802
        return self

    def getExecutorInfos(self):  # noqa: N802
        return ["driver"] + ["executor"] * self.executors

    def stop(self):
        self.stopped.set()


def watch(context: Context) -> MasterWatch:
    return MasterWatch(context, check_seconds=0.01, max_seconds_without_master=0.05)


def test_one_master_of_several_is_enough(listening, silent):
    assert is_reachable(f"spark://127.0.0.1:{silent},127.0.0.1:{listening}")
    require_master(f"spark://127.0.0.1:{silent},127.0.0.1:{listening}")


def test_a_master_that_does_not_answer_is_reported_with_its_address(silent):
    with pytest.raises(
        ClusterGone, match=rf"--master is 'spark://127\.0\.0\.1:{silent}', where no master answers; check"
    ):
        require_master(f"spark://127.0.0.1:{silent}", wait_seconds=0.05)


def test_a_host_that_is_unknown_is_no_answer():
    assert not is_reachable("spark://no-such-host.invalid:7077")


@pytest.mark.parametrize("master", ["local[2]", "yarn", "k8s://https://nowhere.invalid:443"])
def test_other_kinds_of_master_are_not_requested(master):
    require_master(master, wait_seconds=0)


def test_a_job_without_master_and_executors_is_stopped(silent):
    context = Context(f"spark://127.0.0.1:{silent}", executors=0)
    watch(context)

    assert context.stopped.wait(30)


@pytest.mark.parametrize("executors", [pytest.param(2, id="executors are left"), pytest.param(0, id="the master is")])
def test_a_job_that_can_still_end_is_not_stopped(executors, listening, silent):
    context = Context(f"spark://127.0.0.1:{silent if executors else listening}", executors)
    watching = watch(context)

    assert not context.stopped.wait(0.3)
    watching.end()


def test_a_job_that_is_over_is_not_stopped(silent):
    context = Context(f"spark://127.0.0.1:{silent}", executors=0)
    watch(context).end()

    assert not context.stopped.wait(0.3)
