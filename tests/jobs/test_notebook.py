"""The notebooks in examples/ run from their first cell to their last, and show what they say they show."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.rest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))


def shown_by(name: str, folder: Path) -> dict[str, dict[str, str]]:
    """What each cell of code showed last, by the text of its last line; the file itself stays as it is."""
    notebook = nbformat.read(ROOT / "examples" / "notebooks" / name, as_version=4)
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


@pytest.fixture(scope="module")
def baselining(tmp_path_factory):
    return shown_by("baseline.ipynb", tmp_path_factory.mktemp("baseline"))


@pytest.fixture(scope="module")
def monitoring(tmp_path_factory):
    return shown_by("monitoring.ipynb", tmp_path_factory.mktemp("monitoring"))


@pytest.fixture(scope="module")
def of_the_sdk(tmp_path_factory):
    """The notebook of the SDK, with traffic whose last two hours have the fault (demo/traffic.py)."""
    folder = tmp_path_factory.mktemp("of-the-sdk")
    generator = str(ROOT / "examples" / "churn" / "generate.py")
    size = ("--rows", "1000", "--hours", "20", "--per-hour", "100", "--until-now")
    subprocess.run(
        [sys.executable, generator, "--output", str(folder / "churn-data"), *size],
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        check=True,
    )
    return shown_by("sagemaker.ipynb", folder)


def test_the_notebook_shows_the_baseline_as_a_table(baselining):
    table = baselining["baseline"]["text/html"]

    assert "2,000 rows, 16 features" in table
    assert "monthly_charge_eur" in table


def test_the_notebook_finds_the_two_features_that_are_not_always_there(baselining):
    """`MISSING_IN_BASELINE` of the generator: payment methods and survey answers."""
    found = baselining['found[found.completeness < 1][["inferred_type", "num_missing", "completeness"]]']["text/plain"]

    assert [line.split()[0] for line in found.splitlines()[2:]] == ["payment_method", "satisfaction"]


def test_the_notebook_writes_the_files_of_a_run(baselining):
    written = baselining["sorted(run.digests)"]["text/plain"]

    assert all(name in written for name in ("statistics.json", "constraints.json", "states/profile.parquet"))


def test_the_hour_before_the_fault_has_no_violation(monitoring):
    assert monitoring["morning.count"]["text/plain"] == "0"


def test_the_hour_with_the_fault_is_shown_as_its_violations(monitoring):
    table = monitoring["evening"]["text/html"]

    assert "200 records, 3 violations" in table
    assert "monthly_charge_eur" in table


def test_the_tampered_feature_moved_furthest(monitoring):
    [largest] = [shown["text/plain"] for line, shown in monitoring.items() if line.startswith('drift[["feature"')]

    assert largest.splitlines()[1].split()[1:3] == ["monthly_charge_eur", "violated"]


def test_every_record_of_both_folders_is_accounted_for(monitoring):
    records = monitoring['evening.current.ledger.to_json_dict()["records"]']["text/plain"]

    assert "'read': 400" in records
    assert "'kept': 200" in records
    assert "'outside_window': 200" in records


def test_missing_values_of_a_frame_are_a_violation(monitoring):
    [found] = [shown["text/plain"] for line, shown in monitoring.items() if line.startswith("run_monitoring(later")]

    assert "'feature_name': 'payment_method'" in found
    assert "completeness_check" in found


def test_the_notebook_writes_the_files_of_a_monitoring_run(monitoring):
    written = monitoring["sorted(run.digests)"]["text/plain"]

    assert all(name in written for name in ("constraint_violations.json", "checks.json", "ledger.json"))


def test_a_notebook_of_the_sdk_gets_its_baseline(of_the_sdk):
    assert "churn_probability" in of_the_sdk["suggested.head(10)"]["text/plain"]
    assert of_the_sdk['monitor.describe_schedule()["MonitoringScheduleStatus"]']["text/plain"] == "'Scheduled'"


def test_a_notebook_of_the_sdk_gets_an_execution_with_the_services_message_and_files(of_the_sdk):
    message = of_the_sdk['execution.describe()["ExitMessage"]']["text/plain"]
    [files] = [shown["text/plain"] for line, shown in of_the_sdk.items() if line.startswith("sorted(name")]

    assert message.startswith("'CompletedWithViolations: Job completed successfully with ")
    assert all(name in files for name in ("constraint_violations.json", "constraints.json", "statistics.json"))


def test_a_notebook_of_the_sdk_sees_the_fault_whose_unit_is_a_hundredth(of_the_sdk):
    [means] = [shown["text/plain"] for line, shown in of_the_sdk.items() if line.startswith("means.loc")]
    before, now = map(float, means.splitlines()[-1].split()[-2:])
    found = of_the_sdk['pd.json_normalize(violations.body_dict["violations"])']["text/plain"]

    assert "monthly_charge_eur" in found
    assert "baseline_drift_check" in found
    assert 80 < now / before < 120  # demo/traffic.py: its factor is 100


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_kept_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)

    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
