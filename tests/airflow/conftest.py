"""A real Airflow 3 with SQLite, in the environment that `make airflow` makes; other Pythons pass this folder by.

`tests/jobs/test_in_airflow.py` runs these tests as a part of all. By hand: .venv-airflow/bin/python -m pytest tests/airflow
"""

from __future__ import annotations

import atexit
import importlib.util
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT_PYTHON = os.environ.get("MODEL_MONITOR_TEST_PYTHON", str(ROOT / ".venv" / "bin" / "python"))
"""The interpreter of the jobs."""

IS_HERE = importlib.util.find_spec("airflow") is not None  # looked for, not imported: it would read its settings
BUCKET = "team"

collect_ignore_glob = [] if IS_HERE else ["test_*.py"]

if IS_HERE:
    HOME = Path(tempfile.mkdtemp(prefix="airflow-"))
    atexit.register(shutil.rmtree, HOME, ignore_errors=True)
    # Airflow reads these when it is imported.
    os.environ.update(
        AIRFLOW_HOME=str(HOME),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "examples" / "airflow"),
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{HOME}/airflow.db?timeout=60",
        AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
        AIRFLOW_VAR_CHURN_PYTHON=PRODUCT_PYTHON,
        AIRFLOW_VAR_CHURN_HOME=str(HOME / "churn"),
        AIRFLOW_VAR_CHURN_RETRAIN="exit 1",
        PYTHONPATH=str(ROOT / "lib"),  # of the tasks' processes; pytest's pythonpath is this process's
    )
    os.environ.pop("SPARK_HOME", None)


@dataclass(frozen=True)
class Finished:
    """A DAG run that has ended. states: by task. xcoms: by task and key."""

    state: str
    states: dict[str, str]
    xcoms: dict[tuple[str, str], Any]

    def result(self, task: str) -> Any:
        return self.xcoms[task, "return_value"]


@pytest.fixture(scope="session")
def airflow() -> Path:
    """Airflow's home, with a database."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.utils.db import initdb

    initdb()
    DagBundlesManager().sync_bundles_to_db()
    return HOME


@pytest.fixture(scope="session")
def example(airflow: Path) -> Callable[[str], Any]:
    """`example("churn_hourly")` is that DAG of examples/airflow."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(ROOT / "examples" / "airflow"), bundle_name="dags-folder")
    assert bag.import_errors == {}
    return lambda dag_id: bag.dags[dag_id]


@pytest.fixture(scope="session")
def run(airflow: Path) -> Callable[..., Finished]:
    """`run(dag, logical_date)` runs a DAG for one time, as `airflow dags test` does. taken_as_done: tasks that are not run."""

    def running(dag: Any, logical_date: datetime, taken_as_done: re.Pattern[str] | None = None) -> Finished:
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        bag = DagBag(dag_folder=os.devnull, bundle_name="dags-folder")
        bag.bag_dag(dag)
        sync_bag_to_db(bag, "dags-folder", None)
        ended = dag.test(logical_date=logical_date, mark_success_pattern=taken_as_done)
        with create_session() as session:
            states = {ti.task_id: str(ti.state) for ti in ended.get_task_instances(session=session)}
            rows = session.scalars(select(XComModel).where(XComModel.run_id == ended.run_id)).all()
            xcoms = {(row.task_id, row.key): XComModel.deserialize_value(row) for row in rows}
        return Finished(str(ended.state), states, xcoms)

    return running


@pytest.fixture(scope="session")
def churn(airflow: Path) -> Path:
    """The churn example's files where the DAGs look for them."""
    from spark_model_monitor.integrations.demo.traffic import Traffic, write_data_set

    folder = airflow / "churn"
    write_data_set(folder, rows=4_000, traffic=Traffic())
    return folder


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Clients of an emulator of AWS by service; Airflow's connection aws_default leads there, no variable of AWS does."""
    import boto3
    from moto.server import ThreadedMotoServer

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    extra = {"region_name": "us-east-1", "endpoint_url": url}
    connection = {"conn_type": "aws", "login": "test", "password": "test", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))

    def client(service: str) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, region_name="us-east-1", endpoint_url=url, **keys)

    client("s3").create_bucket(Bucket=BUCKET)
    try:
        yield client
    finally:
        urlopen(Request(f"{url}/moto-api/reset", method="POST")).close()
        server.stop()


def hour_time(hour: int) -> datetime:
    """An hour of the demo's day, 2024-03-04, UTC."""
    return datetime(2024, 3, 4, hour, tzinfo=timezone.utc)
