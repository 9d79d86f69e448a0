"""The page of a run as a whole: its first screen, the account of its records, and how it comes to people."""

import dataclasses
import json
import os
import re
import shlex
import zipfile
from datetime import datetime, timedelta, timezone
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.programs import printed_by
from tests.unit.data_quality.comparisons import make_profile, number_feature
from tests.unit.outputs.report.test_report_rendering import Elements

from spark_model_monitor import cli, read_baseline, run_baseline, run_monitoring
from spark_model_monitor.data.reading.ledger import Ledger
from spark_model_monitor.documents.alert_files import AlertStatus
from spark_model_monitor.documents.check_results import Hint
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.documents.page import Highlight
from spark_model_monitor.documents.run_description import BaselineReference, RunContext
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.reports.history.decisions import accept
from spark_model_monitor.reports.history_page.over_time import NO_NEIGHBOUR_RUNS, read_neighbour_runs
from spark_model_monitor.reports.notices import (
    AlertReport,
    Report,
    ReportedRun,
    ReportedVerdict,
    create_document,
    write_headline,
    write_text,
)
from spark_model_monitor.reports.outputs.result_tables import SUMMARY
from spark_model_monitor.running.product_layout import Layout
from spark_model_monitor.running.runs.pages import insert_folders
from spark_model_monitor.running.runs.results import Baseline, Findings
from spark_model_monitor.spark.launch.package_zip import provide_zip

MONITOR = DataQualityMonitor()
HOUR = RunContext(
    datetime(2024, 3, 4, 20, tzinfo=timezone.utc), datetime(2024, 3, 4, 21, tzinfo=timezone.utc), "churn", "hourly"
)
LEDGER = Ledger((), read=403, kept=200, refused={"it is no JSON": 3}, outside_window=200)


def run(values, context=HOUR, ledger=LEDGER):
    state = make_profile(number_feature("charge", values))
    metrics = MONITOR.metrics(state)
    return Baseline(MONITOR, state, metrics, ledger, context=context)


def spread_charges(rows=100):
    """Numbers that are spread evenly around 49.5, and aren't whole as those of rows are."""
    return np.linspace(0.2, 98.8, rows).tolist()


def judge_values(values, rows=100, **context):
    before = run(spread_charges(rows))
    baseline = MONITOR.stored_baseline(before.constraints, None, before.state, before.constraints)
    current = run(values, dataclasses.replace(HOUR, **context))
    judgement = MONITOR.judge(current.sample(), baseline)
    results = judgement.write_sentences(judgement.results)
    hints = (Hint(hint="h", features=(), description="a column looks odd"),)
    return Findings(MONITOR.violations(results), results, current, before.constraints, hints, judgement=judgement)


@pytest.fixture(scope="module")
def violated():
    return judge_values([100.0 * number for number in range(200)])


def test_the_first_screen_says_what_is_wrong_since_when_and_from_what_to_what(violated):
    texts = [text for text in Elements(violated.report().html).texts if text.strip()]
    first = [text.strip() for text in texts[: texts.index("What was read ")]]

    for phrase in (
        "1 of 1 feature changed: charge is about 201 times what it was (mean 49.5 → 9,950).",
        "4 March 2024, 20:00 to 21:00 UTC",
        "200",
        "3",
    ):
        assert phrase in first
    for phrase in (
        "churn",
        "hourly",
        "charge",
        "is about 201 times what it was (mean 49.5 → 9,950)",
        "Changed",
        "a column looks odd",
    ):
        assert phrase in first


def test_every_place_that_tells_of_a_run_says_the_same_sentence(violated):
    sentence = violated.summary()

    assert sentence == "1 of 1 feature changed: charge is about 201 times what it was (mean 49.5 → 9,950)."
    assert violated.report().page.headline.text == sentence
    verdict = ReportedVerdict(violations=1, headline=violated.headline())
    run = ReportedRun("DATA_QUALITY", "r1")
    report = Report(run, HOUR.end, AlertReport(AlertStatus.IN_ALERT, changed=True), verdict)
    assert write_headline(report).endswith(sentence)
    assert sentence in write_text(report)
    assert create_document(report)["headline"] == sentence


def test_a_change_that_goes_on_says_since_when(violated):
    before = [check.model_copy(update={"since": "2024-03-04T18:00:00Z"}) for check in violated.results]
    continued = dataclasses.replace(violated, results=tuple(before))

    assert (
        continued.summary()
        == "1 of 1 feature changed, since 18:00: charge is about 201 times what it was (mean 49.5 → 9,950)."
    )
    [card] = continued.report().page.sections[1].blocks[0].cards
    assert card.since == "since 18:00, 3rd hour"


def test_a_green_tick_stands_over_unchanged_alone_and_what_nobody_can_tell_says_what_to_do():
    unchanged = judge_values(spread_charges(3_000), rows=3_000)
    calm = unchanged.report()
    assert calm.page.headline.text == "No change seen in 1 feature."
    assert calm.page.headline.mark is Highlight.GOOD
    assert "There is nothing to do." in calm.html
    assert unchanged.outcome is Outcome.UNCHANGED
    assert unchanged.unsure == ()

    unsure = judge_values(spread_charges())
    summary = unsure.summary()
    report = unsure.report()
    assert summary.startswith("Cannot tell whether 1 of 1 feature changed: charge; with 100 values ")
    headline = report.page.headline
    assert headline.text == summary
    assert headline.next_step == "take longer windows"
    assert headline.other_ways == ()
    assert report.page.headline.mark is Highlight.UNSURE
    assert "nothing to do" not in report.html
    assert "✓" not in Elements(report.html).texts
    files = unsure.files()
    assert json.loads(files["run.json"])["outcome"] == "cannot tell"
    checks = json.loads(files["checks.json"])
    assert checks["outcome"] == "cannot tell"
    [charge] = [feature for feature in checks["outcomes"] if feature["name"] == "charge"]
    assert charge["outcome"] == "cannot tell"
    assert charge["reason"].startswith("with 100 values ")


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

    assert "100 rows, 01234567" in Elements(files["report.html"].decode()).texts
    assert json.loads(files["run.json"])["baseline_run_id"] == "0123456789abcdef"
    assert json.loads(files["run.json"])["violations"] == 1
    assert files == violated.files(baseline=BaselineReference(run_id="0123456789abcdef"))


def test_no_report_leaves_the_page_out_and_nothing_else(violated):
    without = judge_values([100.0 * number for number in range(200)], report=False).files()

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

    assert not {"html", "head", "body", "meta", "script"} & set(shown.tags)
    assert "Changed " in shown.texts


@pytest.mark.long
def test_the_templates_come_with_the_zip_that_a_cluster_gets(tmp_path):
    archive = provide_zip(Layout.here().package, tmp_path)
    program = """
        import sys
        sys.path[:] = [path for path in sys.path if "lib" != path.rpartition("/")[2]]
        sys.path.insert(0, sys.argv[1])
        from spark_model_monitor.documents.page import Page
        from spark_model_monitor.reports.page import page_files
        print(page_files.__file__.startswith(sys.argv[1]), "<h1>t</h1>" in page_files.render_html(Page("r", "t", (), ())))
    """

    assert any(name.endswith("blocks.html") for name in zipfile.ZipFile(archive).namelist())
    assert printed_by(program, str(archive)) == "True True\n"


@pytest.fixture(scope="module", params=[0, 1], ids=["begins", "ends"])
def hours(request, tmp_path_factory):
    """Runs of 18:00, 19:00 and 20:00, the last two violated, each in the folder of the hour when its window begins, or ends, as
    those of schedules are (C1.5); what the folder is later by; and the findings of the last.
    """
    top = tmp_path_factory.mktemp("hours")
    for hour, factor in ((18, 0.5), (19, 100.0), (20, 100.0)):
        start = datetime(2024, 3, 4, hour, tzinfo=timezone.utc)
        hour_findings = judge_values(
            [factor * number for number in range(200)], start=start, end=start + timedelta(hours=1)
        )
        hour_findings.write(top / f"2024/03/04/{hour + request.param}")
    (top / "history.html").write_text("")
    return top, request.param, hour_findings


def test_a_card_shows_the_windows_before_with_the_limit_that_parts_the_violated_ones(hours):
    top, later, hour_findings = hours
    run_folder = str(top / f"2024/03/04/{20 + later}")
    described = hour_findings._describe_run(None)
    shown = read_neighbour_runs(run_folder, described, hour_findings.files()[SUMMARY])

    assert shown.hours["charge"].are_violated == (False, True, True)
    assert shown.hours["charge"].times == ("18:00", "19:00", "20:00")
    assert shown.hours["charge"].limit == pytest.approx(0.1)
    assert shown.hours["charge"].values[0] < 0.1 < min(shown.hours["charge"].values[1:])
    [card] = hour_findings._create_page(described, shown).sections[1].blocks[0].cards
    assert card.hours == shown.hours["charge"]


def test_neighbours_have_links_where_they_are(hours):
    top, later, hour_findings = hours
    run_folder = str(top / f"2024/03/04/{19 + later}")
    described = hour_findings._describe_run(None).model_copy(
        update={"window": RunContext(HOUR.start - timedelta(hours=1), HOUR.start).window}
    )

    links = dict(read_neighbour_runs(run_folder, described, hour_findings.files()[SUMMARY]).links)
    assert list(links) == ["← 18:00", "20:00 →", "all windows"]
    assert all(Path(run_folder, path).resolve().is_file() for path in links.values())


def test_a_run_outside_of_an_hours_folder_has_no_windows_before_it(violated, tmp_path):
    assert read_neighbour_runs(str(tmp_path), violated._describe_run(None), b"") == NO_NEIGHBOUR_RUNS


def test_a_violated_run_says_what_to_do_next_and_a_healthy_one_has_nothing_to_do(violated):
    steps = [section for section in violated.report().page.sections if section.heading == "What to do next"]
    calm = judge_values(spread_charges()).report().page

    assert "spark-model-monitor explain --run FOLDER -- charge" in str(steps[0].blocks)
    assert "What to do next" not in [section.heading for section in calm.sections]


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        ("reports/april", "Run the commands in the folder that has reports/april"),
        ("s3://bucket/april", "Run the commands where s3://bucket/april can be reached"),
    ],
)
def test_a_published_page_says_where_its_commands_run(violated, folder, sentence):
    html = insert_folders(violated.report().html, folder, None)

    assert sentence in html
    assert f"spark-model-monitor explain --run {folder} -- charge" in html


@pytest.mark.parametrize("name", ["country", "-v", "--run", "--", "-1", "--by=me", "it's a b", "$HOME"])
def test_every_command_of_a_page_works_when_it_is_copied(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    orders = pd.DataFrame({name: ["DE", "FR", "PL"] * 40})
    run_baseline(orders, MONITOR).write("baseline")
    baseline = read_baseline("baseline", MONITOR)
    folder = "days/2026/04/03/00"
    findings = run_monitoring(orders.replace("FR", "ES"), MONITOR, baseline, engine="local")
    findings.write(folder, baseline=BaselineReference(folder=str(tmp_path / "baseline")))
    html = unescape(Path(folder, "report.html").read_text())
    commands = set(re.findall(r"spark-model-monitor ([^<]*?)(?: derives the numbers.)?<", html))

    assert {command.split()[0] for command in commands} == {"explain", "compare", "accept"}
    for command in sorted(commands):
        assert cli.main(shlex.split(command)) in (0, 4), command
    # As a card has it, if rows were kept
    words = shlex.split(f"rows {folder} --source baseline -- {shlex.quote(name)}")
    assert cli.parser().parse_words(words).feature == name


@pytest.mark.parametrize(("folder", "is_offered"), [("april-report", False), ("days/2026/04/03/00", True)])
def test_a_page_offers_to_accept_a_change_only_where_accept_takes_it(tmp_path, folder, is_offered):
    """README's first run is in a folder of one run, which no other run would read."""
    orders = pd.DataFrame({"country": ["DE", "FR", "PL"] * 40})
    baseline = run_baseline(orders, MONITOR)
    findings = run_monitoring(orders.replace("FR", "ES"), MONITOR, baseline, engine="local")
    path = tmp_path / folder
    findings.write(path)

    assert ("spark-model-monitor accept" in (path / "report.html").read_text()) is is_offered
    if is_offered:
        accept(str(path), ["country"])
    else:
        with pytest.raises(BadConfiguration, match="folder of one run"):
            accept(str(path), ["country"])
