"""examples/churn/generate.py writes the example's files in the size that was asked for."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

import pytest
from tests.programs import run_program

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = ROOT / "examples/churn/generate.py"


@pytest.mark.long
def test_the_files_have_the_size_asked_for(tmp_path):
    flags = ["--output", str(tmp_path), "--rows", "30", "--hours", "2", "--per-hour", "5"]
    result = run_program([sys.executable, str(PROGRAM), *flags], env={**os.environ, "PYTHONPATH": str(ROOT / "lib")})

    captured = [line for file in (tmp_path / "captures").rglob("*.jsonl") for line in file.read_text().splitlines()]
    assert result.returncode == 0, result.stderr
    assert len((tmp_path / "baseline.csv").read_text().splitlines()) == 31
    assert len(captured) == 10


@pytest.mark.parametrize("flag", ["--rows", "--hours", "--per-hour"])
def test_no_customers_or_hours_at_all_are_refused(tmp_path, flag, capsys):
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(PROGRAM))["main"](["--output", str(tmp_path), flag, "0"])

    assert ended.value.code == 2
    assert f"argument {flag}: 0 is too few; give 1 or more" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
