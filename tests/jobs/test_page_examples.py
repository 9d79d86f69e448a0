"""What the pages on files say of those of eight orders; tests/jobs/test_page_blocks.py runs whole pages."""

import os
import re
import sys
from pathlib import Path

import pytest
from tests.programs import LIB, run_program

from spark_model_monitor import DataQualityMonitor, run_baseline

DOCS = Path(__file__).resolve().parents[2] / "docs"
ORDERS = """order_id,amount,items,country,express,day
o-1,12.50,1,DE,false,2026-03-01
o-2,40.00,3,FR,false,2026-03-01
o-3,7.25,1,DE,true,2026-03-01
o-4,,2,DE,false,2026-03-02
o-5,99.90,6,PL,false,2026-03-02
o-6,15.00,1,DE,false,2026-03-02
o-7,21.30,2,FR,true,2026-03-02
o-8,18.75,1,,false,2026-03-02
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Its `orders-baseline` is that of the eight orders."""
    folder = tmp_path_factory.mktemp("orders")
    (folder / "orders.csv").write_text(ORDERS)
    baseline = run_baseline(str(folder / "orders.csv"), DataQualityMonitor(), engine="local")
    baseline.write(str(folder / "orders-baseline"))
    return folder


def test_every_file_that_came_out_is_documented(folder):
    page = (DOCS / "files.md").read_text(encoding="utf-8")
    baseline = folder / "orders-baseline"
    names = {path.relative_to(baseline).as_posix() for path in baseline.rglob("*") if path.is_file()}

    assert "states/profile.parquet" in names
    assert [name for name in sorted(names) if not name.startswith("_runs/") and f"| `{name}` |" not in page] == []


def test_the_example_of_the_formats_reads_the_states(folder):
    page = (DOCS / "reference" / "formats.md").read_text(encoding="utf-8")
    [script] = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    done = run_program([sys.executable, "-c", script], cwd=folder, env={**os.environ, "PYTHONPATH": str(LIB)})

    assert done.returncode == 0, done.stderr
    kinds = [line.split()[0] for line in done.stdout.splitlines() if line[:1].islower()]
    assert kinds[:2] == ["data_types", "date_texts"]
