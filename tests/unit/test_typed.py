"""What a user's type checker learns of the package."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LIB = Path(__file__).resolve().parents[2] / "lib"

USE = """
import pandas as pd

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring

orders = pd.DataFrame({"country": ["DE", "FR"] * 50, "items": [1, 3] * 50})
baseline = run_baseline(orders, DataQualityMonitor())
findings = run_monitoring(orders, DataQualityMonitor(), baseline)
reveal_type(findings.count)
baseline.no_such_method()
"""


@pytest.mark.long
@pytest.mark.nightly
def test_a_type_checker_knows_the_types_of_what_a_user_calls(tmp_path):
    (tmp_path / "use.py").write_text(USE)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "use.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(LIB)},  # as an installed package: without py.typed mypy passes it by
        capture_output=True,
        text=True,
        check=False,
    )

    assert 'Revealed type is "int"' in checked.stdout, checked.stdout
    assert "no_such_method" in checked.stdout
    assert "Found 1 error in 1 file" in checked.stdout
