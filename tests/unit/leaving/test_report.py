"""The page of `leave`: what it says beside its numbers."""

from __future__ import annotations

from spark_model_monitor.integrations.leaving.costs import StopCalls
from spark_model_monitor.integrations.leaving.report import LeavingReport
from spark_model_monitor.reports.page.page_files import render_html


def test_each_line_of_a_notebook_has_a_row_and_no_page_says_that_there_is_nothing_to_do():
    report = LeavingReport(
        "exported", (), StopCalls((), {}, ()), {"watch.py": "cell 0, line 1\n  - import sagemaker\n"}, ()
    )

    text = render_html(report.to_page())

    assert "cell 0, line 1</td>" in text
    assert "\\n" not in text.partition("Notebooks")[2].partition("</details>")[0]
    assert "There is nothing to do" not in text
