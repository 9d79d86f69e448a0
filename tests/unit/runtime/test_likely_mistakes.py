"""Mistakes that many make, each with a sentence on what to write instead."""

from __future__ import annotations

import pandas as pd
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.page import Page
from spark_model_monitor.errors import BadInput, OutputFailed
from spark_model_monitor.reports.page.page_files import Report
from spark_model_monitor.running.runtime.job import Job


def run_job(tmp_path, *flags: str) -> str:
    (tmp_path / "root").mkdir()
    with Job("baseline", [*flags, "--set", f"container_root={tmp_path / 'root'}"], {}) as job:
        job.finish(str(job.config and job.engine))
    return str(job._message)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ([], "dataset_source is missing; write --dataset-source PATH, or set the variable dataset_source"),
        (["--html"], "--html is no flag of this job: report.html is written by default"),
        (["--exclude", "age"], "--exclude is no flag of this job; did you mean --exclude-features-attribute?"),
        (["--format", "csv"], "--format is no flag of this job; did you mean --dataset-format?"),
        (["--source", "a.csv"], "--source is no flag of this job; did you mean --dataset-source?"),
        (["--formt", "csv"], "--formt is no flag of this job; did you mean --"),
        (["-o", "out"], "'-o' belongs to no flag"),
        (
            ["--checks", "checks.py"],
            "--checks is 'checks.py'; it has to be module:function, or the path of a .json file",
        ),
    ],
)
def test_the_error_names_the_mistake_first(tmp_path, flags, sentence):
    assert run_job(tmp_path, *flags).removeprefix("Error: ").startswith(sentence)


def test_without_data_nothing_else_is_missing(tmp_path):
    message = run_job(tmp_path)

    assert "dataset_format" not in message
    assert "output_path" not in message


def test_a_file_is_no_output_path(tmp_path):
    data = tmp_path / "orders.csv"
    data.write_text("a\n1\n2\n")

    message = run_job(tmp_path, "--dataset-source", str(data), "--output-path", str(data))

    assert f"{data} is a file; name a folder as the output path" in message
    assert "_lease" not in message


@pytest.mark.parametrize("ending", ["ipynb", "xlsx", "md", "csv", "parquet"])
def test_a_page_is_not_saved_under_the_ending_of_another_format(tmp_path, ending):
    page = Report(Page("run", "title", (), ()))

    with pytest.raises(BadInput, match=r"ends in \.html or \.pdf"):
        page.save(tmp_path / f"page.{ending}")


def test_a_page_takes_the_place_of_no_data_and_of_no_file_of_a_run(tmp_path):
    page = Report(Page("run", "title", (), ()))
    data = tmp_path / "orders"
    data.write_text("a\n1\n")
    baseline = run_baseline(data, DataQualityMonitor(), dataset_format="csv")
    baseline.write(tmp_path / "base")
    page_of_run = tmp_path / "base" / "report.html"
    before = page_of_run.read_bytes()

    with pytest.raises(BadInput, match=r"ends in \.html or \.pdf"):
        page.save(data)
    with pytest.raises(BadInput, match="is a file of the run there; write another name"):
        page.save(page_of_run)
    assert data.read_text() == "a\n1\n"
    assert page_of_run.read_bytes() == before
    # A page of ours may be replaced, beside the run's files too
    other_page = tmp_path / "base" / "HISTORY.HTML"
    for _ in range(2):
        page.save(other_page)


@pytest.mark.parametrize("path", [".", "..", "/", "folder", "folder/"])
def test_a_page_is_not_saved_in_place_of_a_folder(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    page = Report(Page("run", "title", (), ()))

    with pytest.raises(OutputFailed, match="is a folder; name a file in it"):
        page.save(path)
    names = [inner.name for inner in tmp_path.iterdir()]
    assert names == ["folder"]
    assert not any((tmp_path / "folder").iterdir())


def test_a_page_that_ends_in_pdf_is_a_pdf(tmp_path):
    pytest.importorskip("reportlab")

    Report(Page("run", "title", (), ())).save(tmp_path / "page.pdf")

    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_the_baseline_of_another_data_set_is_suspected():
    numbers = [float(number) for number in range(50)]
    monitor = DataQualityMonitor()
    baseline = run_baseline(pd.DataFrame({"age": numbers, "income": numbers}), monitor)

    findings = run_monitoring(pd.DataFrame({"fare": numbers, "tip": numbers}), monitor, baseline)

    assert findings.headline().text == "The data has no column in common with the baseline: is this its baseline?"
