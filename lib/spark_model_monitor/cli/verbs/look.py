"""Commands that show what runs found."""

from __future__ import annotations

import argparse
import json
import sys

from spark_model_monitor.cli.verbs import add_values_flag, open_paths, register_verb, show_values


def _report_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "folders",
        nargs="+",
        metavar="DIR",
        help="output paths of runs, or folders above them, ours or the service's; or files of Deequ's metrics repository",
    )
    add("--since", metavar="TIME", help="windows from this time on, such as 2026-03-01")
    add("--until", metavar="TIME", help="windows that start before this time")
    add("--last", type=int, metavar="N", help="the last N windows")
    add("--features", action="append", metavar="PATTERN,…", help="only matching names, such as 'age*'")
    add("--title", metavar="TEXT", help="title of the page (default: the model)")
    add("--max-size", default="5MB", metavar="SIZE", help="maximum size of the page (default: 5MB)")
    add("--output", metavar="FILE", help="file of the page (default: history.html in the first DIR)")
    add("--open", action="store_true", help="open the page in a browser")


@register_verb("report", group="look", flags=_report_flags)
def report(options: argparse.Namespace) -> int:
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


def _compare_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    for name in ("before", "after"):
        add(name, metavar=name.upper(), help="output path of a run, folder of the service, or one of their JSON files")
    add("--judge", action="store_true", help="end with 4 if AFTER breaks the constraints of BEFORE")
    add("--json", action="store_true", help="print a JSON object")
    add("--output", metavar="FILE", help="also write the comparison as a page")
    add("--attributions", metavar="PATH", help="analysis.json of the model: list influential features first")
    add_values_flag(parser)


@register_verb("compare", group="look", flags=_compare_flags)
def compare(options: argparse.Namespace) -> int:
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


def _add_compare_files_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("before", metavar="BEFORE", help="file or folder of data: CSV, JSON, Parquet, captures")
    add("after", metavar="AFTER", help="later data of the same kind")
    add("--output", metavar="FILE", help="file of the page (default: AFTER-compared.html)")
    add("--follow-links", action="store_true", help="also read what links lead to outside of these folders")
    add("--json", action="store_true", help="print a JSON object")
    add_values_flag(parser)


@register_verb("compare-files", group="look", flags=_add_compare_files_flags)
def compare_files(options: argparse.Namespace) -> int:
    """Compare two files of data, and write a page: the first one is the baseline. Keeps nothing else, needs no JVM."""
    from pathlib import Path

    from spark_model_monitor.data.reading.listing import following_links
    from spark_model_monitor.running.runs.two_files import compare_files
    from spark_model_monitor.running.runtime.ending import describe_result

    # The page goes where the command was started, beside no other file
    with following_links(options.follow_links):
        findings = compare_files(options.before, options.after)
    page = options.output or f"{Path(options.after).resolve().name.partition('.')[0]}-compared.html"
    if options.values == "hide":
        findings = findings.without_values
    findings.report().save(page)
    # For scripts, or for people
    if options.json:
        sys.stdout.write(f"{json.dumps(describe_result(findings, page=page), indent=2, ensure_ascii=False)}\n")
        return 0
    shown = findings if show_values(options.values) else findings.without_values
    sys.stdout.write(f"{shown.text()}{page}\n")
    return 0


def _explain_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("feature", metavar="FEATURE", help="a feature or metric that the run checked")
    add("--run", required=True, dest="run_path", metavar="DIRECTORY", help="the run's output path")
    add("--baseline", metavar="DIRECTORY", help="the baseline's output path (default: the one named by the run)")
    add("--json", action="store_true", help="print a JSON object")
    add_values_flag(parser)


@register_verb("explain", group="look", flags=_explain_flags)
def explain(options: argparse.Namespace) -> int:
    """Show where the numbers of a feature's checks come from: both distributions, the largest gap, the formula, the verdict."""
    from spark_model_monitor.reports.derivation import as_text, explain

    with open_paths([options.run_path, options.baseline or ""]):
        explanation = explain(options.feature, options.run_path, options.baseline)
    # Somebody looks at a terminal; a pipe may lead anywhere
    if not show_values(options.values):
        explanation = explanation.without_values
    # JSON keeps every digit; the text is rounded for reading
    plain = None
    if options.json:
        plain = json.dumps(explanation.plain(), indent=2, ensure_ascii=False) + "\n"
    sys.stdout.write(plain or as_text(explanation))
    return 0


def _add_rows_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_path", metavar="RUN", help="the run's output path")
    parser.add_argument("feature", metavar="FEATURE", help="a violated feature")
    parser.add_argument("--source", metavar="PATH", help="the data that the run read: also print the rows")
    parser.add_argument(
        "--follow-links", action="store_true", help="as the run did: also read what links lead to elsewhere"
    )
    add_values_flag(parser)


@register_verb("rows", group="look", flags=_add_rows_flags)
def rows(options: argparse.Namespace) -> int:
    """Print the ids of rows behind a violation, or the rows themselves."""
    from spark_model_monitor.data.reading.listing import following_links
    from spark_model_monitor.errors import BadConfiguration
    from spark_model_monitor.reports.examples import read_rows_behind

    # All that it prints is of records
    if not show_values(options.values):
        raise BadConfiguration(
            "rows prints records, and its output is no terminal or --values hides them; write --values send"
        )
    with open_paths([options.run_path, options.source or ""]), following_links(options.follow_links):
        for line in read_rows_behind(options.run_path, options.feature, options.source):
            sys.stdout.write(line + "\n")
    return 0
