"""The notebook in examples/ runs from its first cell to its last, and shows what it says it shows."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "examples" / "notebooks" / "baseline.ipynb"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """What each cell of code showed last, by the text of its last line; the file itself stays as it is."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    folder = tmp_path_factory.mktemp("notebook")
    path = os.pathsep.join([str(ROOT / "lib"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path.rstrip(os.pathsep), "TMPDIR": str(folder)}
    NotebookClient(notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute(
        env=environment
    )
    return {
        cell.source.splitlines()[-1]: cell.outputs[-1].data
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.outputs and "data" in cell.outputs[-1]
    }


def test_the_notebook_shows_the_baseline_as_a_table(outputs):
    table = outputs["baseline"]["text/html"]

    assert "2,000 rows, 16 features" in table
    assert "monthly_charge_eur" in table


def test_the_notebook_finds_the_two_features_that_are_not_always_there(outputs):
    """`MISSING_IN_BASELINE` of the generator: payment methods and survey answers."""
    found = outputs['found[found.completeness < 1][["inferred_type", "num_missing", "completeness"]]']["text/plain"]

    assert [line.split()[0] for line in found.splitlines()[2:]] == ["payment_method", "satisfaction"]


def test_the_notebook_writes_the_files_of_a_run(outputs):
    written = outputs["sorted(run.digests)"]["text/plain"]

    assert all(name in written for name in ("statistics.json", "constraints.json", "states/profile.parquet"))


def test_the_notebook_is_kept_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)

    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
