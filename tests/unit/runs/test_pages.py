"""The page of a run as a whole: its first screen, the account of its records, and how it comes to people."""

from __future__ import annotations

import dataclasses
import json
import os
import zipfile
from datetime import datetime, timezone

import pytest
from tests.programs import printed_by
from tests.unit.data_quality.comparisons import number_feature, profile_of
from tests.unit.outputs.report.test_report_rendering import Elements

from model_monitor.data.reading.ledger import Ledger
from model_monitor.documents.check_results import Hint
from model_monitor.documents.page import Mark
from model_monitor.documents.run_description import BaselineReference, RunContext
from model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from model_monitor.running.layout import Layout
from model_monitor.running.runs.results import Baseline, Findings
from model_monitor.spark.launch.package_zip import provide_zip

MONITOR = DataQualityMonitor()
HOUR = RunContext(
    datetime(2024, 3, 4, 20, tzinfo=timezone.utc), datetime(2024, 3, 4, 21, tzinfo=timezone.utc), "churn", "hourly"
)
LEDGER = Ledger((), read=403, kept=200, refused={"it is no JSON": 3}, outside_window=200)


def run(values, context=HOUR, ledger=LEDGER):
    state = profile_of(number_feature("charge", values))
    metrics = MONITOR.metrics(state)
    return Baseline(MONITOR, MONITOR.documents(state, metrics), state, metrics, ledger, context=context)


def findings(values, **context):
    before = run([float(number) for number in range(100)])
    known = MONITOR.known(before.constraints, None, before.state, before.constraints)
    current = run(values, dataclasses.replace(HOUR, **context))
    results = MONITOR.check(current.state, current.metrics, known)
    hints = (Hint(hint="h", features=(), description="a column looks odd"),)
    return Findings(MONITOR.violations(results), results, current, before.constraints, hints=hints, known=known)


@pytest.fixture(scope="module")
def violated():
    return findings([100.0 * number for number in range(200)])


def test_the_first_screen_says_what_is_wrong_since_when_and_from_what_to_what(violated):
    texts = [text for text in Elements(violated.report().html).texts if text.strip()]
    first = texts[: texts.index("What was read")]

    for said in ("✗ 1 violation", "this window, 2024-03-04 20:00 to 2024-03-04 21:00 UTC", "200 kept, 3 refused"):
        assert said in first
    for said in ("churn", "hourly", "charge", "49.5 → 9,950", "✗ violated", "What is wrong now", "a column looks odd"):
        assert said in first


def test_without_a_violation_it_says_so_and_since_when_is_no_question():
    page = findings([float(number) for number in range(100)]).report().page

    assert (page.tiles[0].value, page.tiles[0].mark) == ("✓ no violation", Mark.GOOD)
    assert "violated since" not in [tile.word for tile in page.tiles]


def test_every_record_is_accounted_for(violated):
    [account] = [section for section in violated.report().page.sections if section.heading == "What was read"]

    assert [line.cells for line in account.blocks[0].lines] == [
        ("read", "403"),
        ("kept", "200"),
        ("outside window", "200"),
        ("refused: it is no JSON", "3"),
    ]


def test_the_file_that_a_run_leaves_names_its_baseline(violated):
    files = violated.files(baseline=BaselineReference(run_id="0123456789abcdef"))

    assert "0123456789abcdef" in Elements(files["report.html"].decode()).texts
    assert json.loads(files["run.json"])["baseline_run_id"] == "0123456789abcdef"
    assert json.loads(files["run.json"])["violations"] == 1
    assert files == violated.files(baseline=BaselineReference(run_id="0123456789abcdef"))


def test_no_report_leaves_the_page_out_and_nothing_else(violated):
    without = findings([100.0 * number for number in range(200)], report=False).files()

    assert set(violated.files()) - set(without) == {"report.html"}
    assert "report.html" not in run([1.0], dataclasses.replace(HOUR, report=False)).files()


def test_a_report_is_saved_where_it_is_asked_for(violated, tmp_path):
    report = violated.report()
    report.save(tmp_path / "hour.html")

    assert (tmp_path / "hour.html").read_text() == report.html
    assert report.size == os.path.getsize(tmp_path / "hour.html")
    assert repr(report) == f"<Report: Data quality, {report.size:,} bytes>"


def test_a_notebook_shows_the_page_without_what_only_a_file_may_have(violated):
    shown = Elements(violated._repr_html_())

    assert not {"html", "head", "body", "meta", "title", "script"} & set(shown.tags)
    assert "What is wrong now" in shown.texts


def test_the_templates_come_with_the_zip_that_a_cluster_gets(tmp_path):
    archive = provide_zip(Layout.here().package, tmp_path)
    program = """
        import sys
        sys.path[:] = [path for path in sys.path if "lib" != path.rpartition("/")[2]]
        sys.path.insert(0, sys.argv[1])
        from model_monitor.documents.page import Page
        from model_monitor.reports.page import html
        print(html.__file__.startswith(sys.argv[1]), "<h1>t</h1>" in html.html_of(Page("r", "t", (), ())))
    """

    assert any(name.endswith("blocks.html") for name in zipfile.ZipFile(archive).namelist())
    assert printed_by(program, str(archive)) == "True True\n"
