"""The notebooks of docs/ run from their first cell to their last, and show what their files say they show."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from tests.notebooks import FOLDER, executed

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
BY_THE_CLOCK = "migration"
"""Its traffic ends with the current hour."""

every_notebook = pytest.mark.parametrize("name", [path.stem for path in NOTEBOOKS])


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A notebook by its name, run just now, once."""
    return cache(lambda name: executed(FOLDER / f"{name}.ipynb", tmp_path_factory.mktemp(name)))


def list_texts(notebook: NotebookNode) -> list[str]:
    """What the cells printed and the plain form of what they showed; pages and plots are left out."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output.get("text") or output.data.get("text/plain", "") for output in outputs if not _is_drawn(output)]


def _is_drawn(output: NotebookNode) -> bool:
    return "image/png" in output.get("data", {}) or output.get("data", {}).get("text/plain", "").startswith("<")


def find_shown(notebook: NotebookNode, line: str) -> NotebookNode:
    """The last output of the one cell whose last line begins so."""
    [cell] = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.source.splitlines()[-1].startswith(line) and cell.outputs
    ]
    return cell.outputs[-1].data


@pytest.mark.nightly
@every_notebook
def test_a_notebook_runs_and_shows_what_its_file_says(fresh, name):
    stored_notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)

    assert name == BY_THE_CLOCK or list_texts(fresh(name)) == list_texts(stored_notebook), "python -m tests.notebooks"


@every_notebook
def test_a_notebook_is_kept_with_its_plots_and_without_a_warning_or_a_path_of_a_machine(name):
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")

    assert '"image/png"' in text
    # Warnings name the file of the machine that ran it
    assert '"stderr"' not in text
    assert not [
        folder_start for folder_start in ("/tmp", "/home/", f"{Path.home()}/", "/dev/shm") if folder_start in text
    ]


@pytest.mark.nightly
def test_the_quickstart_finds_the_two_faults_and_nothing_else(fresh):
    """Those that it plants: a charge a hundred times too large, payment methods that are away."""
    shown_text = find_shown(fresh("quickstart"), 'checks[checks.status == "violated"]')["text/plain"]

    assert [line.split()[1:3] for line in shown_text.splitlines()[1:]] == [
        ["payment_method", "completeness_check"],
        ["monthly_charge_eur", "baseline_drift_check"],
    ]


@pytest.mark.nightly
def test_a_month_is_silent_until_the_day_of_the_change_and_violated_from_there_on(fresh):
    shown_text = find_shown(fresh("a-month-of-history"), "pd.Series(violations")["text/plain"]
    days = {int(line.split()[0]): " ".join(line.split()[1:]) for line in shown_text.splitlines()[2:]}

    assert days == {
        **dict.fromkeys(range(15, 18), ""),
        **dict.fromkeys(range(18, 27), "price"),
        24: "price, visits",
    }


@pytest.mark.nightly
def test_a_model_that_grows_old_is_silent_before_it_does(fresh):
    shown_text = find_shown(fresh("model-quality"), 'pd.DataFrame({"violations": counts})')["text/plain"]
    counts = [line.split()[-1] for line in shown_text.splitlines()[1:]]

    assert counts[:4] == ["0"] * 4
    assert int(counts[-1]) > 0


@pytest.mark.nightly
def test_bias_is_found_in_the_answers_and_not_in_the_labels(fresh):
    shown_text = find_shown(fresh("bias-and-explainability"), 'found.to_pandas()[["metric", "stage"')["text/plain"]
    status = {line.split()[1]: line for line in shown_text.splitlines()[1:]}

    assert all("violated" in status[metric] for metric in ("DI", "DPPL", "RD"))
    assert "violated" not in status["DPL"]


@pytest.mark.nightly
def test_the_services_notebook_gets_an_execution_with_the_services_message_and_files(fresh):
    migration = fresh(BY_THE_CLOCK)
    message = find_shown(migration, 'latest_execution.describe()["ExitMessage"]')["text/plain"]
    files = find_shown(migration, "sorted(name for name in os.listdir")["text/plain"]

    assert message.startswith("'CompletedWithViolations: Job completed successfully with ")
    assert all(name in files for name in ("constraint_violations.json", "constraints.json", "statistics.json"))


@pytest.mark.nightly
def test_the_services_notebook_sees_the_fault_whose_unit_is_a_hundredth(fresh):
    migration = fresh(BY_THE_CLOCK)
    before, now = map(float, find_shown(migration, "means.loc")["text/plain"].splitlines()[-1].split()[-2:])
    shown_text = find_shown(migration, "pd.json_normalize(violations")["text/plain"]

    assert "monthly_charge_eur" in shown_text
    assert "baseline_drift_check" in shown_text
    assert 50 < now / before < 90  # integrations/demo/traffic.py: a hundredfold in seven of ten requests
