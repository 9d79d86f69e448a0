"""Names and texts of others where people read them: nothing of them starts a line, moves a cursor or turns a sentence around."""

import io
import json
import logging
from datetime import datetime, timezone

import pytest

from spark_model_monitor import cli
from spark_model_monitor.documents.alert_files import AlertStatus
from spark_model_monitor.documents.check_results import CheckResult, CheckStatus
from spark_model_monitor.documents.page import Page, PageSection, build_table
from spark_model_monitor.errors import BadInput
from spark_model_monitor.reports.derivation import Explanation, format_explanation
from spark_model_monitor.reports.mails import create_mail
from spark_model_monitor.reports.notices import (
    AlertReport,
    Report,
    ReportedRun,
    ReportedVerdict,
    encode_document,
    write_headline,
    write_text,
)
from spark_model_monitor.reports.outputs.printable import format_error, format_table, printable, printable_lines
from spark_model_monitor.reports.page.page_files import render_html, render_notebook, render_part
from spark_model_monitor.reports.page.pdf import render_pdf
from spark_model_monitor.running.runtime.logs import PrintableFormatter
from spark_model_monitor.running.runtime.status import failed
from spark_model_monitor.spark.launch import submission

NAME = "a\nCompleted: b\r\x1b[2J\x9b\u202e\u2066\u2028\u0085"
SIGNS = [sign for sign in NAME if not sign.isprintable()]


@pytest.mark.parametrize(
    ("name_given", "shown"),
    [
        ("Day Mins", "Day Mins"),
        ("größer, ключ, 年齢, می‌خواهم", "größer, ключ, 年齢, می‌خواهم"),  # with a non-joiner, which Persian needs
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x00\x1b\x7f\x9b", "\\x00\\x1b\\x7f\\x9b"),
        ("\u202eabc\u2069", "\\u202eabc\\u2069"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_nobody_sees_is_reported_by_its_number(name_given, shown):
    assert printable(name_given) == shown


def test_a_line_that_a_text_brings_along_is_none_of_ours():
    assert printable_lines("first\nError: x\x1b") == "first\n  Error: x\\x1b"


@pytest.mark.long
@pytest.mark.parametrize(
    "command",
    [
        lambda name: submission.main([f"{name}.py"]),
        lambda name: cli.main(["demo", "--output", name]),
        lambda name: cli.main(["prune", "--captures", f"{name}/away", "--older-than", "P30D"]),
    ],
    ids=["submit", "demo", "prune"],
)
def test_a_command_that_can_not_go_on_shows_the_name_in_its_way_by_numbers(command, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"a{SIGNS[1]}b").write_text("a file, where the demo wants a folder")

    assert command(f"a{SIGNS[1]}b") != 0
    message = capsys.readouterr().err
    assert message.startswith("Error: ")
    assert "a\\rb" in message
    assert not set(SIGNS) & set(message.replace("\n", ""))


def list_prunable(folder):
    hour = folder / "a\x1b\u202e/2020/01/01/00"
    hour.mkdir(parents=True)
    (hour / "a.jsonl").touch()
    return ["prune", "--captures", str(folder / "a\x1b\u202e"), "--older-than", "P30D", "--dry-run"]


def watch_nothing(folder):
    return ["watch", str(folder / NAME)]


def import_notebook(folder):
    (folder / "a.py").write_bytes("from sagemaker.model_monitor import ModelMonitor  # \x1b\u202e".encode())
    return ["import-notebook", str(folder / "a.py")]


@pytest.mark.parametrize("make_command", [list_prunable, watch_nothing, import_notebook])
def test_a_command_lists_names_of_others_by_numbers(make_command, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    cli.main(make_command(tmp_path))

    printed = capsys.readouterr().out
    assert "\\x1b" in printed
    assert [sign for sign in SIGNS if sign in printed.replace("\n", "")] == []
    assert "\nCompleted:" not in printed


def report():
    verdict = ReportedVerdict(
        violations=1,
        worst=({"feature_name": NAME, "constraint_check_type": "data_type_check", "description": "…"},),
        alarms=(f"{NAME} drifted",),
    )
    return Report(
        ReportedRun("DATA_QUALITY", "ab", endpoint=NAME, schedule=NAME),
        datetime(2026, 1, 31, tzinfo=timezone.utc),
        AlertReport(AlertStatus.IN_ALERT),
        verdict,
        paths={"output": NAME},
    )


def logged():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PrintableFormatter("%(levelname)s %(message)s"))
    record = logging.LogRecord("a", logging.INFO, "", 1, "violated: %s", (NAME,), None)
    handler.emit(record)
    return stream.getvalue().removesuffix("\n").replace("\n  ", "")


def page():
    sections = (PageSection(NAME, (NAME, build_table((NAME,), [(NAME,)]))),)
    return Page("report", NAME, ((NAME, NAME),), sections)


def explanation():
    check = CheckResult(feature=NAME, check="a", status=CheckStatus.VIOLATED, threshold=1.0, reason=NAME)
    return format_explanation(Explanation(NAME, NAME, (check,)))


SHOWN = {
    "headline": lambda: write_headline(report()),
    "mail": lambda: write_text(report()),
    "subject of a mail": lambda: create_mail(report(), "a@example.org", "b@example.org")["Subject"],
    "what chat servers show": lambda: json.loads(encode_document(report()))["text"],
    "message file": lambda: failed(NAME.replace("\n", "")),
    "log": logged,
    "error of a command": lambda: format_error(BadInput(NAME)).replace("\n  ", ""),
    "page": lambda: render_html(page()),
    "notebook's report": lambda: json.dumps(json.loads(render_notebook(page()))["cells"], ensure_ascii=False),
    "notebook": lambda: render_part(page()),
    "table": lambda: format_table(["feature"], [[NAME]]),
    "explanation": explanation,
}


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
def test_no_such_sign_is_shown(shown):
    lines = shown()

    assert [sign for sign in SIGNS if sign in lines.replace("\n", "")] == []
    assert "\nCompleted:" not in lines


def test_a_pdf_is_made_of_any_name():
    assert render_pdf(page()).startswith(b"%PDF")


def test_a_webhooks_document_says_what_the_name_is_and_holds_no_such_sign():
    content = encode_document(report()).decode()

    assert json.loads(content)["violations"]["worst"][0]["feature_name"] == NAME
    assert [sign for sign in SIGNS if sign in content] == []
