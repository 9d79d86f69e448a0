"""Findings as text: the sentence first, at most 20 lines, coloured where it is a terminal."""

import io
import re

import pandas as pd
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckResult, CheckStatus
from spark_model_monitor.documents.page import Headline, Highlight
from spark_model_monitor.documents.run_description import RunWindow
from spark_model_monitor.reports.outputs.findings_text import MAX_LINES, write_findings
from spark_model_monitor.running.runtime.ending import show_findings

WINDOW = RunWindow(start="2024-03-04T20:00:00Z", end="2024-03-04T21:00:00Z")
CODE = re.compile(r"\x1b\[[0-9;]*m")


def violated(name, *, change="is missing in 30 % of the records, where none was", since=None):
    return CheckResult(
        feature=name, check="completeness_check", status=CheckStatus.VIOLATED, threshold=1.0, change=change, since=since
    )


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture(scope="module")
def findings():
    orders = pd.DataFrame({"country": ["DE", "FR", "DE"] * 200, "items": [1, 3, 2] * 200})
    baseline = run_baseline(orders, DataQualityMonitor())
    return run_monitoring(orders.replace("FR", "ES"), DataQualityMonitor(), baseline)


def test_the_sentence_stands_first_and_each_change_has_a_line():
    changes = [violated("plan", since="2024-03-04T18:00:00Z"), violated("region", since="2024-02-29T01:00:00Z")]
    lines = write_findings(
        Headline("2 of 9 features changed.", "The others hold.", Highlight.BAD, "look"), changes, WINDOW
    ).splitlines()

    assert lines[:2] == ["✗ 2 of 9 features changed. Next: look.", ""]
    assert lines[2:] == [
        "✗ plan, since 18:00: is missing in 30 % of the records, where none was",
        "✗ region, since 29 February 2024, 01:00 UTC: is missing in 30 % of the records, where none was",
    ]


@pytest.mark.parametrize("count", [0, 1, 13, 14, 15, 300])
@pytest.mark.parametrize("width", [None, 1, 60, 132])
@pytest.mark.parametrize("words", [3, 60])
def test_there_are_never_more_than_twenty_lines_and_every_change_is_counted(count, width, words):
    changes = [violated(f"feature_{number}", change="changed " * words) for number in range(count)]
    headline = Headline("Many features changed. " + "It is long. " * 30, "", Highlight.BAD)
    lines = write_findings(headline, changes, WINDOW, width=width).splitlines()

    assert len(lines) <= MAX_LINES
    named = sum(line.startswith("✗ f") for line in lines)
    more = re.fullmatch(r"and (\d+) more", lines[-1])
    assert named + int(more[1] if more else 0) == count
    assert named > 0 or not count


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_of_a_terminal_is_longer_than_it(width):
    changes = [violated("a" * 90, change="changed its values " * 20, since="2023-01-01T00:00:00Z"), violated("b")]
    lines = write_findings(
        Headline("One sentence of some length. " * 9, "", Highlight.BAD), changes, WINDOW, width=width
    )

    assert max(map(len, lines.splitlines())) <= width


def test_what_is_no_terminal_gets_nothing_unless_it_is_a_workflows_step(findings, monkeypatch):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    pipe = io.StringIO()

    assert not show_findings(findings, pipe)
    assert pipe.getvalue() == ""


def test_a_terminal_has_colours_and_names_and_a_workflows_step_has_neither(findings, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    terminal = Terminal()
    log = io.StringIO()

    assert show_findings(findings, terminal)
    assert not show_findings(findings, log)
    assert "\x1b[31;1m✗ 1 of 2 features changed" in terminal.getvalue()
    assert "ES" in terminal.getvalue()
    assert "ES" not in log.getvalue()
    assert CODE.search(log.getvalue()) is None
    assert "one value" in log.getvalue()


def test_no_color_is_respected(findings, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    show_findings(findings, terminal)

    assert CODE.search(terminal.getvalue()) is None


def test_a_name_can_not_write_to_the_terminal():
    written = write_findings(Headline("It changed.", "", Highlight.BAD), [violated("a\x1b[2J\nb")], WINDOW)

    assert "\x1b" not in written
    assert "a\\x1b[2J\\nb" in written


def test_findings_print_what_the_page_says(findings):
    first_line = str(findings).splitlines()[0]

    assert first_line == f"✗ {findings.headline()}"
    assert findings.headline().text in findings.report().html
    assert repr(findings).startswith("<Findings: 600 records")
