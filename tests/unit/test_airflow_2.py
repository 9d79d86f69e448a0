"""What the operators say on an Airflow without `airflow.sdk`, which came with Airflow 3."""

import os
import sys
from pathlib import Path

from tests.programs import run_program

LIB = Path(__file__).resolve().parents[2] / "lib"


def test_on_airflow_2_the_import_says_how_jobs_are_started_there(tmp_path):
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow" / "__init__.py").write_text('__version__ = "2.10.5"\n')
    done = run_program(
        [sys.executable, "-c", "import spark_model_monitor.airflow"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{LIB}"},
    )

    assert done.stderr.splitlines()[-1] == (
        "ImportError: spark_model_monitor.airflow needs Airflow 3; on Airflow 2 start jobs by "
        "BashOperator(bash_command='spark-model-monitor monitor …'), as docs/airflow.md has it"
    )
