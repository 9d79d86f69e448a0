"""Commands that show what runs found."""

from __future__ import annotations

import json
import sys
from argparse import Namespace

from spark_model_monitor.cli.verbs import (
    FlagAdder,
    add_values_flag,
    existing_path,
    open_paths,
    register_verb,
    show_values,
)


def _add_report_flags(add: FlagAdder) -> None:
    add(
        "folders",
        "output paths of runs, or folders above them, ours or the service's; or files of Deequ's metrics repository",
        "DIR",
        nargs="+",
        type=existing_path,
    )
    add("--since", "windows from this time on, such as 2026-03-01", "TIME")
    add("--until", "windows that start before this time", "TIME")
    add("--last", "the last N windows", "N", type=int)
    add("--features", "only matching names, such as 'age*'", "PATTERN,…", action="append")
    add("--title", "title of the page (default: the model)", "TEXT")
    add("--max-size", "maximum size of the page (default: 5MB)", "SIZE", default="5MB")
    add("--output", "file of the page (default: history.html in the first DIR)", "FILE")
    add("--open", "open the page in a browser")


@register_verb("report", group="look", flags=_add_report_flags)
def report(options: Namespace) -> int:
    """Write a page about many runs: what is wrong and since when, over time, feature by window. One file that fetches nothing."""
    from spark_model_monitor.data.engine.workers import hide_pandas_from_arrow
    from spark_model_monitor.reports.history_page import report_command

    if options.is_own_process:
        hide_pandas_from_arrow()
    # --features may be repeated, each with several patterns between commas
    names = tuple(name for names_text in options.features or () for name in names_text.split(","))
    request = report_command.HistoryRequest(
        options.folders, options.since, options.until, options.last, names, options.title, options.max_size
    )
    # Without --output the page goes to the first folder; "" opens everywhere
    with open_paths([*options.folders, options.output or ""]):
        return report_command.main(request, options.output, sys.stdout, shown=options.open)


def _add_compare_flags(add: FlagAdder) -> None:
    for name in ("before", "after"):
        add(
            name,
            "output path of a run, folder of the service, or one of their JSON files",
            name.upper(),
            type=existing_path,
        )
    add("--judge", "end with 4 if AFTER breaks the constraints of BEFORE")
    add("--json", "print a JSON object")
    add("--output", "also write the comparison as a page", "FILE")
    add("--attributions", "analysis.json of the model: list influential features first", "PATH", type=existing_path)
    add_values_flag(add)


@register_verb("compare", group="look", flags=_add_compare_flags)
def compare(options: Namespace) -> int:
    """Report what changed between two runs or baselines, largest first. Needs no data, no JVM."""
    from spark_model_monitor.reports.history_page.compare import main

    settings = {
        "as_json": options.json,
        "judge": options.judge,
        "output": options.output,
        "attributions": options.attributions,
        "names_values": show_values(options.values),
        "page_names_values": options.values != "hide",
    }
    with open_paths([options.before, options.after, options.output or "", options.attributions or ""]):
        return main(options.before, options.after, sys.stdout, **settings)


def _add_compare_files_flags(add: FlagAdder) -> None:
    add("before", "file or folder of data: CSV, JSON, Parquet, captures", "BEFORE", type=existing_path)
    add("after", "later data of the same kind", "AFTER", type=existing_path)
    add("--output", "file of the page (default: AFTER-compared.html)", "FILE")
    add("--follow-links", "also read what links lead to outside of these folders")
    add("--json", "print a JSON object")
    add_values_flag(add)


@register_verb("compare-files", group="look", flags=_add_compare_files_flags)
def compare_files(options: Namespace) -> int:
    """Compare two files of data, and write a page: the first one is the baseline. Keeps nothing else, needs no JVM."""
    from pathlib import Path

    from spark_model_monitor.data.reading.listing import allow_outside_links
    from spark_model_monitor.running.runs.file_comparison import compare_files
    from spark_model_monitor.running.runtime.ending import describe_result

    # By default the page is written to the current folder
    with allow_outside_links(options.follow_links):
        findings = compare_files(options.before, options.after)
    page = options.output or f"{Path(options.after).resolve().name.partition('.')[0]}-compared.html"
    if options.values == "hide":
        findings = findings.without_values
    findings.report().save(page)
    # For scripts, or for people
    if options.json:
        sys.stdout.write(f"{json.dumps(describe_result(findings, page=page), indent=2, ensure_ascii=False)}\n")
        return 0
    printed_findings = findings if show_values(options.values) else findings.without_values
    sys.stdout.write(f"{printed_findings.text()}{page}\n")
    return 0


def _add_explain_flags(add: FlagAdder) -> None:
    add("feature", "a feature or metric that the run checked", "FEATURE")
    add("--run", "the run's output path", "DIRECTORY", required=True, dest="run_path", type=existing_path)
    add("--baseline", "the baseline's output path (default: the one named by the run)", "DIRECTORY", type=existing_path)
    add("--json", "print a JSON object")
    add_values_flag(add)


@register_verb("explain", group="look", flags=_add_explain_flags)
def explain(options: Namespace) -> int:
    """Show where the numbers of a feature's checks come from: both distributions, the largest gap, the formula, the verdict."""
    from spark_model_monitor.reports.derivation import explain, format_explanation

    with open_paths([options.run_path, options.baseline or ""]):
        explanation = explain(options.feature, options.run_path, options.baseline)
    # Somebody looks at a terminal; a pipe may lead anywhere
    if not show_values(options.values):
        explanation = explanation.without_values
    # JSON keeps every digit; the text is rounded for reading
    plain = None
    if options.json:
        plain = json.dumps(explanation.plain(), indent=2, ensure_ascii=False) + "\n"
    sys.stdout.write(plain or format_explanation(explanation))
    return 0


def _add_rows_flags(add: FlagAdder) -> None:
    add("run_path", "the run's output path", "RUN", type=existing_path)
    add("feature", "a violated feature", "FEATURE")
    add("--source", "the data that the run read: also print the rows", "PATH", type=existing_path)
    add("--follow-links", "as the run did: also read what links lead to elsewhere")
    add_values_flag(add)


@register_verb("rows", group="look", flags=_add_rows_flags)
def rows(options: Namespace) -> int:
    """Print the ids of rows behind a violation, or the rows themselves."""
    from spark_model_monitor.data.reading.listing import allow_outside_links
    from spark_model_monitor.errors import BadConfiguration
    from spark_model_monitor.reports.examples import read_example_rows

    # Everything that this command prints is from records
    if not show_values(options.values):
        raise BadConfiguration(
            "rows prints records, and its output is no terminal or --values hides them; write --values send"
        )
    with open_paths([options.run_path, options.source or ""]), allow_outside_links(options.follow_links):
        for line in read_example_rows(options.run_path, options.feature, options.source):
            sys.stdout.write(line + "\n")
    return 0
