"""The documentation holds: its links lead somewhere, its commands are understood, its tables are the code's."""

from __future__ import annotations

import inspect
import json
import math
import re
import shlex
import subprocess
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from tests import option_tables

import spark_model_monitor
import spark_model_monitor.reports.alerts
from spark_model_monitor import __version__, cli
from spark_model_monitor.data.records import ENDPOINT_INDEXES
from spark_model_monitor.data.records.decoding import Reading, decode
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.data.records.script_records import InferenceRecord
from spark_model_monitor.documents.alert_files import Decision, Promotion
from spark_model_monitor.documents.model_quality import ComparisonOperator
from spark_model_monitor.documents.monitoring_settings import DistributionConstraints
from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.documents.schedule import Schedule
from spark_model_monitor.errors import MonitorError
from spark_model_monitor.integrations.demo.traffic import Traffic, captures
from spark_model_monitor.monitors.bias.bias_analysis import POST_TRAINING, PRE_TRAINING
from spark_model_monitor.monitors.data_quality import checks
from spark_model_monitor.monitors.data_quality.checks import DATA_SET_CHECKS, FEATURE_CHECKS
from spark_model_monitor.monitors.data_quality.checks.facts import FACTS
from spark_model_monitor.monitors.model_quality.measurement import CONSTRAINED, METRICS
from spark_model_monitor.registry import import_all
from spark_model_monitor.reports.derivation import Explanation
from spark_model_monitor.reports.sinks import SINKS, SMTP_VARIABLES, WEBHOOK_SECRET, register_sink, webhook
from spark_model_monitor.running import product_layout
from spark_model_monitor.running.configuration.contract import OPTIONS
from spark_model_monitor.running.configuration.option_types import JOBS, variable_name
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.runtime.status import ExitStatus
from spark_model_monitor.spark.launch import submission
from spark_model_monitor.statistics.drift import DISTANCES
from spark_model_monitor.statistics.states.encoding import list_kinds

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    page for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "examples/**/*.md") for page in ROOT.glob(pattern)
)
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
TARGET = re.compile(r"^([a-z-]+):.*## ", re.MULTILINE)
CODE = re.compile(r"```.*?```|`[^`\n]+`|^ {4}\S[^\n]*", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```|((?:^ {4,}\S[^\n]*\n)+)", re.DOTALL | re.MULTILINE)
STARTS = re.compile(r"^(.*?)(?:\./spark-submit\.sh|(?:\.venv/bin/)?spark-model-monitor) (.*)$")

import_all(checks)

WITHOUT_A_JOB = {*cli.VERBS} - {"baseline", "monitor", "merge", "backfill", "submit"}
"""Commands that are none of `submit`."""

AS_A_JOB = {"backfill": "monitor"}
"""Commands that take the flags of a job, and start it more than once."""

FOUND_OUT = ["--dataset-format", "csv", "--output-path", "out"]
"""What a command need not say of data that lies here."""

REQUIRED = ["--dataset-source", "data", *FOUND_OUT]
"""What a command with `…` in it leaves to the reader."""


def read_page(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def list_blocks(path: str, language: str, *, word: str = "") -> list[str]:
    """The blocks of a page in this language that have the word."""
    blocks = BLOCK.findall(read_page(path))
    return [text for block_language, text, _ in blocks if block_language == language and word in text]


def run_blocks(path, *sources, **names):
    """The names that blocks of Python of a page make, one after the other."""
    for source in sources:
        exec(compile(source, path, "exec"), names)
    return names


def named(page: Path) -> str:
    """A page as a failing test names it."""
    return page.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Command:
    """The words after `./spark-submit.sh` or `spark-model-monitor`, and the variables set in front of it."""

    words: list[str]
    variables: dict[str, str]
    is_verb: bool = False

    @property
    def starts_a_job(self) -> bool:
        return self.words[0] not in WITHOUT_A_JOB


def list_commands(page: Path) -> list[Command]:
    """Every command of ours in the page's blocks of code."""
    commands = []
    for language, fenced, indented in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language in ("python", "json"):
            continue
        for line in (fenced or indented).replace("\\\n", " ").splitlines():
            starting = STARTS.search(line)
            if starting:
                words = shlex.split(starting.group(2))
                assignments = [word.split("=", 1) for word in shlex.split(starting.group(1)) if "=" in word]
                is_verb = words[0] in (*product_layout.Layout.here().job_names(), *AS_A_JOB)
                commands.append(Command(words[words[0] == "submit" :], dict(assignments), is_verb))
    return commands


SIDEBAR_ITEM = re.compile(r"^- \[[^\]]+\]\(([^)#]+)\)", re.MULTILINE)
IN_DOCS = [page for pattern in ("*.md", "*/README.md", "notebooks/*.ipynb") for page in (ROOT / "docs").glob(pattern)]
"""Pages that the navigation names; those of a folder with a README are found by being there."""


def test_the_navigation_names_every_page_exactly_once():
    index = ROOT / "docs" / "index.md"
    links = SIDEBAR_ITEM.findall(index.read_text(encoding="utf-8").partition("\n## ")[2])
    listed = [named((index.parent / link).resolve()) for link in links]
    outside = [page for page in PAGES if "docs" not in page.relative_to(ROOT).parts]

    assert sorted(listed) == sorted(named(page) for page in {*IN_DOCS, *outside} - {index})


def test_no_page_is_in_a_folder_without_a_readme_that_lists_it():
    folders = {page.parent for page in (ROOT / "docs").glob("*/**/*.md")}

    assert [folder for folder in folders if not (folder / "README.md").is_file()] == []


def test_the_table_of_ten_billion_rows_follows_from_the_constants_above_it():
    page = read_page("docs/scale.md")
    seconds_per_million_cells, _, state_kibibytes, milliseconds_to_add = map(
        float, re.findall(r"\*\*([\d.]+)\*\*", page)
    )
    # Rows x columns, and what they take at so many partitions
    rows = re.findall(r"^\| ([\d,]+) x ([\d,]+) +\|([^|]+)\|([^|]+)\|([^|]+)\|([^|]+)\|", page, re.MULTILINE)

    assert len(rows) == 2
    for row in rows:
        row_count, columns, hours, partitions, gibibytes, hours_to_add = (float(cell.replace(",", "")) for cell in row)
        states = partitions * columns
        assert hours == pytest.approx(row_count * columns / 1e6 * seconds_per_million_cells / 3600, rel=0.02)
        assert gibibytes == pytest.approx(states * state_kibibytes / 2**20, abs=0.06)
        assert hours_to_add == pytest.approx(states * milliseconds_to_add / 3.6e6, abs=0.006)


def test_numbers_beside_other_tools_are_those_of_the_benchmarks():
    table = read_page("README.md").partition("## Beside other tools")[2].partition("\n## ")[0]
    measured = read_page("docs/performance.md")
    numbers = re.findall(r"\*\*([\d.]+%?)\*\*", table)

    assert numbers
    assert [
        number for number in numbers if not re.search(rf"(?<![\d.]){re.escape(number)}(?![\d.]*\d)", measured)
    ] == []


def test_every_relative_link_leads_to_a_file():
    missing = [
        f"{named(page)}: {link}"
        for page in PAGES
        for link in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]

    assert missing == []


@cache
def list_headings(page: Path) -> set[str]:
    """What a link to a part of the page may name: its headings as GitHub and the site write them, and ids of its own."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    slugs = (re.sub(r"[^\w\- ]", "", re.sub(r"<[^>]*>", "", heading)).lower().replace(" ", "-") for heading in headings)
    return {*slugs, *re.findall(r' id="([^"]+)"', text)}


def find_linked_parts(page: Path) -> set[tuple[Path, str]]:
    """The headings that a page links to, each with its page."""
    links = re.findall(r"\]\((?!\w+:)([^)#\s]*)#([^)\s]+)\)", CODE.sub("", page.read_text(encoding="utf-8")))
    return {(page.parent / name if name else page, part) for name, part in links if not name or name.endswith(".md")}


def test_every_link_to_a_part_of_a_page_leads_to_a_heading():
    missing = [
        f"{named(page)}: {where}#{part}"
        for page in PAGES
        for where, part in sorted(find_linked_parts(page))
        if part not in list_headings(where)
    ]

    assert missing == []


def test_every_make_target_and_job_in_a_command_exists():
    targets = set(TARGET.findall(read_page("Makefile")))
    missing = []
    for page in PAGES:
        code = "\n".join(CODE.findall(page.read_text(encoding="utf-8")))
        called_targets = set(re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)\b", code))
        jobs = re.findall(r"(?<!/)\bjobs/\w+\.py\b", code)
        missing += [f"{named(page)}: make {target}" for target in sorted(called_targets - targets)]
        missing += [f"{named(page)}: {job}" for job in jobs if not (ROOT / job).is_file()]

    assert missing == []


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_only_calls_make(path):
    targets = set(TARGET.findall(read_page("Makefile")))
    commands = [line.split() for line in re.findall(r"\brun: (.*)", path.read_text(encoding="utf-8"))]
    words = [word for _, *arguments in commands for word in arguments if "=" not in word]

    assert {command[0] for command in commands} == {"make"}
    assert set(words) <= targets


def test_the_release_notes_are_what_the_changelog_says():
    changelog = read_page("CHANGELOG.md")
    process = subprocess.run(
        ["make", "--silent", "release-notes"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    unknown = subprocess.run(
        ["make", "--silent", "release-notes", "VERSION=9"], cwd=ROOT, capture_output=True, check=False
    )

    assert process.stdout.strip() == changelog.partition("## Unreleased")[2].partition("\n## ")[0].strip()
    assert unknown.returncode != 0


def find_refusals(command: Command) -> list[str]:
    """What the job that a command starts says against its flags."""
    request = submission.read_request([word for word in command.words if word != "…"])
    if request is None or request.asks_for_help:
        return []
    job = product_layout.Layout.here().job_file(AS_A_JOB.get(request.job, request.job), ROOT).stem
    arguments = (FOUND_OUT if command.is_verb else []) + request.job_arguments
    arguments += REQUIRED if "…" in command.words else []
    try:
        build_config(job, read_sources(arguments, command.variables), in_container=False)
    except MonitorError as error:
        lines = str(error).splitlines()
        return [line for line in lines if "where there is no file" not in line and "No such file" not in line]
    return []


@pytest.mark.long
def test_every_job_in_a_command_takes_its_flags(monkeypatch):
    monkeypatch.chdir(ROOT)
    refused = [
        f"{named(page)}: {shlex.join(command.words)}: {error}"
        for page in PAGES
        for command in list_commands(page)
        if command.starts_a_job
        for error in find_refusals(command)
    ]

    assert refused == []


VERSION = Promotion(model_version="7", run_id="0", source="", time="")
STANDS_FOR = {
    "integrations.demo.demo_run.run_demo": 0,
    "integrations.imports.import_command.import_schedules": None,
    "integrations.imports.notebook.import_notebook": None,
    "integrations.leaving.leaving_command.leave": SimpleNamespace(exit_status=0),
    "reports.derivation.explain": Explanation("", "", ()),
    "reports.examples.read_example_rows": [],
    "reports.history.decisions.accept": Decision(run_id="0", time="", alarms=()),
    "reports.history.decisions.promote": VERSION,
    "reports.history.decisions.roll_back": VERSION,
    "reports.history.maintenance.find_prunable": [],
    "reports.history_page.compare.main": 0,
    "reports.history_page.report_command.main": 0,
    "running.replay.replay_command.submit": 0,
    "running.runs.challenge.challenge": SimpleNamespace(
        verdict="keep", write=lambda path: None, without_values=SimpleNamespace(verdict="keep", document=None)
    ),
    "running.runs.state_merge.merge_runs": None,
    "running.scheduling.schedule_command.main": 0,
    "running.scheduling.schedule_command.watch_tables": 0,
}
"""What each command calls once it has understood its words, and what stands for the answer."""
SILENT = {
    "cli.verbs.is_absent": False,
    "integrations.imports.import_command.fetch_answers": [],
    "integrations.imports.import_command.make_aws_client": None,
    "integrations.imports.import_command.read_answers": [],
    "running.runs.challenge.describe_challenge": "",
    "spark.spark_session.local_session": None,
}
"""What some of them call besides."""


@pytest.mark.long
def test_every_other_command_of_ours_is_understood(monkeypatch):
    understood = []

    def replace(name, answer, *, is_counted):
        def stand_in(*arguments, **named_arguments):
            understood.extend([name] * is_counted)
            return answer

        monkeypatch.setattr(f"spark_model_monitor.{name}", stand_in)

    for name, answer in STANDS_FOR.items():
        replace(name, answer, is_counted=True)
    for name, answer in SILENT.items():
        replace(name, answer, is_counted=False)
    failed = []
    for page in PAGES:
        for words in [command.words for command in list_commands(page) if not command.starts_a_job]:
            understood.clear()
            if cli.main(words) != 0 or len(understood) != 1:
                failed.append(f"{named(page)}: {shlex.join(words)}")

    assert failed == []


def find_missing_rows(page: str, table: str) -> str:
    """What to write into a page of docs/ so that it has this table; empty if it has."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    if table in text:
        return ""
    lines = text.splitlines()
    rows = table.splitlines()
    changes = []
    for above, row in pairwise(["", *rows]):
        first_cell = row[: row.find(" |", 2) + 2]
        old = next((line for line in lines if line.startswith(first_cell)), None)
        if row not in lines:
            changes.append(f"add below {above}" if old is None else f"replace {old}")
            changes.append(f"by {row}" if old else row)
    return "\n".join(
        [f"docs/{page}:", *(changes or ["the table has rows that are not in the code, or another order:", table])]
    )


def test_the_tables_of_options_have_each_option_of_a_job():
    text = option_tables.describe_options()
    used = {
        name
        for name, option in OPTIONS.items()
        for job in JOBS
        for analysis in AnalysisType
        if option.is_used_by(job, analysis)
    }

    assert {name for name in used if f"`{variable_name(name, OPTIONS[name])}`" not in text} == set()


def test_the_table_of_bias_metrics_has_those_of_the_registries():
    page = read_page("docs/reference/bias.md")
    table = page.partition("### B2.2 Formulas")[2].partition("\n\n|")[2].partition("\n\n")[0]
    documented = re.findall(r"^\| ([A-Z]+) \|", table, re.MULTILINE)

    assert sorted(documented) == sorted(
        metric.name for registry in (PRE_TRAINING, POST_TRAINING) for metric in registry.values()
    )


def build_distance_list() -> str:
    """The list of docs/reference/detection.md: every registered distance, as its facts and its docstring's first line say it."""
    lines = []
    for entry in DISTANCES.values():
        facts = entry.facts
        low, high = facts["range"]
        if facts["threshold"] is None:
            chosen = "a comparator"
        else:
            chosen = f"{facts['threshold']:g}"
        if facts["service"] is not None:
            chosen = f"`{facts['service']}`, {chosen}"
        takes = []
        if facts["numeric"] is not None:
            takes.append(facts["numeric"])
        if facts["categorical"]:
            takes.append("texts")
        facts_in_words = f"{chosen}; {' and '.join(takes)}; {low:g}…{high:g}"
        lines.append(f"- `{entry.name}` ({facts_in_words}): {entry.summary}")
    return "\n".join(lines) + "\n"


def build_metric_table() -> str:
    """The lists of docs/reference/metrics.md: every registered metric, as its facts and its docstring's first line say it."""
    parts: dict[str, list[str]] = {}
    for problem, registry in METRICS.items():
        for metric in registry.values():
            if metric.name.endswith("_best_constant_classifier"):
                continue
            if metric.name in CONSTRAINED[problem]:
                threshold = "suggested"
            else:
                threshold = "yours"
            if metric.facts["operator"] is ComparisonOperator.LESS_THAN:
                worse = "less"
            else:
                worse = "more"
            heading = f"**{problem.value}**, {threshold}, {worse} is worse:"
            parts.setdefault(heading, []).append(f"- `{metric.name}`: {metric.summary}")
    return "\n\n".join("\n".join([heading, "", *metric_lines]) for heading, metric_lines in parts.items()) + "\n"


def build_sink_table() -> str:
    """The table of docs/reference/alerts.md: every registered sink, as its facts and its docstring's first line say it."""
    rows = ["| `--sink` | told | what it gets |", "|---|---|---|"]
    for sink in sorted(SINKS.values(), key=lambda sink: sink.name):
        if sink.facts["every_run"]:
            due = "every run"
        else:
            due = "when the alert changes"
        rows.append(f"| `{sink.facts['spelling']}` | {due} | {sink.summary} |")
    return "\n".join(rows) + "\n"


def test_a_sink_more_is_a_line_of_a_page_which_the_test_names(monkeypatch):
    def pager(*arguments):
        """A short call."""

    monkeypatch.setattr(SINKS, "_entries", {**SINKS._entries})
    register = register_sink(
        "pager", spelling="pager:NUMBER", examined=str, ready=pager, every_run=False, adds_up=False
    )
    register(pager)

    assert "| `pager:NUMBER` | when the alert changes | A short call. |" in find_missing_rows(
        "reference/alerts.md", build_sink_table()
    )


def test_every_variable_of_the_sinks_is_documented():
    page = read_page("docs/reference/alerts.md")

    missing = [name for name in (*SMTP_VARIABLES, WEBHOOK_SECRET) if f"`{name}`" not in page]
    assert missing == [], f"docs/reference/alerts.md: say what `{missing[0]}` is"


def test_the_documented_check_of_a_signature_takes_what_is_sent_and_nothing_else():
    page = "docs/reference/alerts.md"
    program = run_blocks(page, *list_blocks(page, "python", word="def is_genuine"))
    headers = {
        webhook.TIMESTAMP_HEADER: "1769900700",
        webhook.SIGNATURE_HEADER: webhook.compute_signature(b"{}", "secret", "1769900700"),
    }

    assert program["is_genuine"](headers, b"{}", "secret")
    assert not program["is_genuine"](headers, b"{ }", "secret")
    assert not program["is_genuine"]({**headers, webhook.TIMESTAMP_HEADER: "1769900701"}, b"{}", "secret")


def test_every_check_is_documented():
    pages = ("jobs.md", "reference/verdicts.md")
    text = "".join((ROOT / "docs" / page).read_text(encoding="utf-8") for page in pages)

    missing = [check for check in (*FEATURE_CHECKS, *DATA_SET_CHECKS, *FACTS) if f"`{check}`" not in text]
    assert missing == [], f"docs/reference/verdicts.md, the guard: add `{missing[0]}`"


def test_every_exit_status_is_documented():
    page = read_page("docs/jobs.md")
    listed = re.findall(r"^\| (\d+) \|", page, re.MULTILINE)

    assert sorted(map(int, listed)) == sorted(ExitStatus)


def test_every_documented_file_is_written_by_the_code():
    page = read_page("docs/files.md")
    table = page.partition("| file |")[2].partition("\n\n")[0]
    names = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "lib").rglob("*.py"))
    unknown = [name for name in names if f'"{name.partition("/")[0]}"' not in code and f'"{name}"' not in code]

    assert len(names) == 28
    assert unknown == []


def test_every_kind_of_state_is_documented():
    page = read_page("docs/reference/formats.md")

    assert [kind for kind in list_kinds() if f"| `{kind}` |" not in page] == []


def test_every_reason_for_a_refusal_is_documented_and_no_other():
    page = read_page("docs/reference/formats.md")
    table = page.partition("| `reason` | of |")[2].partition("\n\n")[0]
    listed = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    faults = {refusal.text for refusal in Refusal if refusal.is_fault}

    by_class = {re.sub(r"\(\w+\)$", "(CLASS)", text) for text in faults - {Refusal.COLUMNS_IN_ANOTHER_ORDER.text}}
    assert set(listed) == by_class, "a run ends for columns in another order"


def build_api_table() -> str:
    """The table of docs/api.md: every name of the face, as its docstring's first line says it."""
    rows = ["| name | what it is |", "|---|---|"]
    for name in spark_model_monitor.__all__:
        summary = (inspect.getdoc(getattr(spark_model_monitor, name)) or "").splitlines()[0]
        rows.append(f"| `{name}` | {summary} |")
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("page", "build"),
    [
        ("reference/detection.md", build_distance_list),
        ("reference/metrics.md", build_metric_table),
        ("reference/alerts.md", build_sink_table),
        ("api.md", build_api_table),
    ],
)
def test_a_table_of_a_page_is_that_of_its_registry(page, build):
    assert find_missing_rows(page, build()) == ""


def test_the_documented_fact_passes_the_tests_beside_it(monkeypatch):
    fact, tests = list_blocks("CONTRIBUTING.md", "python")
    monkeypatch.setattr(FACTS, "_entries", {**FACTS._entries})
    run_blocks("CONTRIBUTING.md", fact)
    program = run_blocks("CONTRIBUTING.md", tests, __package__="tests.unit.data_quality")
    test_functions = [value for name, value in program.items() if name.startswith("test_")]

    assert len(test_functions) == 2
    for test in test_functions:
        test()


def test_the_documented_seasons_are_those_of_comparators():
    page = read_page("docs/gates.md")
    table = re.findall(r"^\| `((?:baseline|previous|seasonal)[^`]*)` \|", page, re.MULTILINE)
    comparators = [{"against": against, "distance": "psi", "threshold": 0.2} for against in table]

    assert len(DistributionConstraints.model_validate({"comparators": comparators}).comparators) == 5


def test_the_distances_beside_evidentlys_are_those_that_the_page_has(tmp_path, monkeypatch, capsys):
    """Evidently 0.7.23 gave 0.8604068453541168 and 0.48067562886696097 for these frames, by natural logarithms."""
    page = "docs/from-evidently.md"
    monkeypatch.chdir(tmp_path)
    program = run_blocks(page, *list_blocks(page, "python"))
    findings = program["again"].query("check == 'baseline_drift_check'").set_index("feature")
    page_figures = {
        name: float(figure)
        for name, figure in re.findall(r"^\| `(\w+)` \| [\d.]+, [^|]+ \| ([\d.]+) \|", read_page(page), re.MULTILINE)
    }

    assert findings["observed"].to_dict() == pytest.approx(page_figures, abs=1e-6)
    assert findings["observed"]["amount"] == pytest.approx(0.8604068453541168, abs=1e-9)
    assert findings["observed"]["country"] * math.sqrt(math.log(2)) == pytest.approx(0.48067562886696097, abs=1e-9)
    assert set(findings["status"]) == {"violated"}
    assert {finding.feature_name for finding in program["findings"].violations.violations} == {"amount", "country"}
    assert (tmp_path / "drift.html").is_file()


def test_the_readmes_frame_ends_in_one_verdict_and_a_page(tmp_path, monkeypatch, capsys):
    [source] = list_blocks("README.md", "python")
    monkeypatch.chdir(tmp_path)
    run_blocks("README.md", source)
    violated = [line.split()[1:] for line in capsys.readouterr().out.splitlines() if "violated" in line]

    assert violated == [["country", "categorical_values_check", "violated"]]
    assert (tmp_path / "orders.html").is_file()
    assert len([line for line in source.splitlines() if line]) <= 10


def test_the_wheel_that_a_page_installs_has_this_version():
    page = read_page("docs/first-data-set.md")
    [wheel] = re.findall(r"dist/\S+?\.whl", page)

    assert wheel == f"dist/spark_model_monitor-{__version__}-py3-none-any.whl"


def test_every_block_of_json_is_json():
    blocks = [text for page in PAGES for text in list_blocks(named(page), "json")]

    assert blocks
    assert all(isinstance(json.loads(block), (dict, list)) for block in blocks)


def test_a_documented_schedule_is_one_and_its_variables_start_its_job(tmp_path):
    page = "docs/reference/schedules.md"
    [entry] = list_blocks(page, "json", word='"env_file"')
    variables, *_ = re.findall(r"(?:^    \w+=.*\n)+", read_page(page), re.MULTILINE)
    [job] = Schedule.from_json(entry).jobs
    (tmp_path / job.env_file).write_text("".join(line.strip() + "\n" for line in variables.splitlines()))
    smtp = {"MODEL_MONITOR_SMTP_HOST": "smtp.example.org", "MODEL_MONITOR_SMTP_FROM": "monitor@example.org"}
    sources = read_sources(["--env-file", str(tmp_path / job.env_file)], smtp)

    assert build_config(job.job, sources, in_container=False).output_path == "/data/reports/churn"


def test_the_documented_cron_job_of_kubernetes_calls_run_due():
    [manifest] = list_blocks("docs/reference/schedules.md", "yaml", word="CronJob")
    pod = yaml.safe_load(manifest)["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    program, verb, *flags = container["command"]
    paths = [flag.partition("=")[2] for flag in flags]

    assert (program, verb) == ("spark-model-monitor", "run-due")
    assert [flag.partition("=")[0] for flag in flags] == ["--schedule", "--state"]
    assert all(any(path.startswith(mount["mountPath"]) for mount in container["volumeMounts"]) for path in paths)
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_every_block_of_python_compiles():
    for page in PAGES:
        for source in list_blocks(named(page), "python"):
            compile(source, named(page), "exec")


def test_the_documented_script_makes_of_a_captured_record_what_is_read_without_it():
    page = "docs/data.md"
    [source] = list_blocks(page, "python", word="preprocess_handler(record)")
    line = next(iter(captures(Traffic(hours=1, per_hour=4)).values())).splitlines()[0]
    script = run_blocks(page, source)
    prepared = script["preprocess_handler"](InferenceRecord(json.loads(line)))

    [row] = decode(line.encode(), Reading(ENDPOINT_INDEXES)).rows
    assert [prepared[key] for key in sorted(prepared)] == [cell or None for cell in row]


def test_decisions_are_few_and_their_index_has_the_title_of_each():
    folder = ROOT / "docs" / "decisions"
    titles = {}
    for page in folder.glob("[0-9]*.md"):
        number, title = re.match(r"# (\d+)\. (.+)", page.read_text(encoding="utf-8")).groups()
        assert page.name.startswith(f"{int(number):04}-")
        titles[f"[{title}]({page.name})"] = int(number)
    index = re.findall(r"^\| (\d+) \| (\[.+\)) \|$", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert len(titles) <= 25
    assert {title: int(number) for number, title in index} == titles
