"""The page of a run: the monitor's page with the run's context, and the account of its records."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from html import escape
from pathlib import Path
from shlex import quote

from spark_model_monitor.data.reading.ledger import Ledger
from spark_model_monitor.documents.change_description import format_start, format_window
from spark_model_monitor.documents.check_results import BudgetLedger, CheckResult, Hint
from spark_model_monitor.documents.page import (
    NO_NEIGHBOUR_RUNS,
    Block,
    Card,
    Cards,
    Headline,
    Hours,
    NeighbourRuns,
    Page,
    PageSection,
    PageTable,
    TableColumn,
    build_table,
    format_count,
    format_noun_count,
)
from spark_model_monitor.documents.run_changes import KINDS, RunChanges
from spark_model_monitor.documents.run_description import BaselineReference, RunDescription, parse_moment
from spark_model_monitor.monitors.protocol import select_violations
from spark_model_monitor.reports.outputs.run_files import HOUR_FOLDERS
from spark_model_monitor.storage import is_local, local_path

log = logging.getLogger(__name__)

RUN_ID_LENGTH = 8  # characters of a run's id on a page

DEEQU_NOTE = "from the states and sketches of our one scan, which equal its own"
"""What Deequ evaluates. `tests/spark/states/test_kll_deequ.py` and `tests/golden/test_deequ_parity_golden.py` check it."""

# The commands on a page name its folder; until the page is published, FOLDER and BASELINE stand for folders
FOLDER_NOTE = "In the commands FOLDER is the folder of this page"
LOCAL_FOLDER_NOTE = "Run the commands in the folder that has {}"
REMOTE_FOLDER_NOTE = "Run the commands where {} can be reached"
FOLDER_IN_COMMAND = re.compile("(?<=--run )FOLDER|(?<=monitor rows )FOLDER|(?<=monitor accept )FOLDER")
COMPARE_COMMAND = "compare BASELINE FOLDER"
ACCEPT_COMMAND = ">spark-model-monitor accept FOLDER "

_FIRST_STEP_FOR_MODELS = "First look at the page of data quality of the same window: the inputs may have changed"


def create_run_page(
    page: Page,
    description: RunDescription,
    ledger: Ledger,
    hints: Sequence[Hint],
    results: Sequence[CheckResult] = (),
    headline: Headline | None = None,
    budget: BudgetLedger | None = None,
    neighbours: NeighbourRuns = NO_NEIGHBOUR_RUNS,
    baseline: BaselineReference | None = None,
) -> Page:
    """The page of a run: the monitor's page with context.

    hints: what looks wrong with the data but violates no constraint. results: the results of the monitor's checks; empty for a
    baseline. headline: the headline of a monitoring run; by default the page's own. baseline: the location of the baseline;
    None if it is unknown.
    """
    sections = [_add_context_to_section(section, description, hints, neighbours.hours) for section in page.sections]
    # Hints about features with a card are on the card; the others have a section of their own
    names_of_cards: set[str] = set()
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Cards):
                names_of_cards.update(card.name for card in block.cards)
    further_hints = tuple(hint.description for hint in hints if names_of_cards.isdisjoint(hint.features))
    if further_hints:
        sections.insert(0, PageSection("What looks wrong with the data", further_hints))
    *shown_sections, last_section = sections
    # What to do next is shown below the first cards
    insert_index = len(shown_sections)
    for index, section in enumerate(shown_sections, 1):
        if any(isinstance(block, Cards) for block in section.blocks):
            insert_index = index
            break
    # What was read, and the facts below the heading
    ledger_section = PageSection(
        "What was read", (_build_ledger_table(ledger),), note=_describe_ledger(ledger), folded=True
    )
    facts = dict(_list_facts(description, ledger, budget))
    for word, value in page.facts:
        # A fact of both the monitor and the run is one line
        if word in facts:
            value = f"{value}, {facts[word]}"
        facts[word] = value
    # The title line: model, schedule, kind, window, baseline
    trail = (
        description.name,
        description.schedule,
        KINDS.get(description.analysis_type, page.title),
        format_window(description.window),
        f"compared with {baseline.name}" if baseline and baseline.name else None,
    )
    return replace(
        page,
        headline=headline or page.headline,
        trail=tuple(filter(None, trail)),
        links=neighbours.links,
        facts=tuple(facts.items()),
        sections=(
            *shown_sections[:insert_index],
            *_list_next_steps(results),
            *shown_sections[insert_index:],
            ledger_section,
            last_section,
        ),
    )


def render_page(page: Page, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Every file of a run's page by name. files: the files of the run, to which the page links."""
    # Loaded late, because runs without a page need no template engine
    from spark_model_monitor.reports.page.page_files import report_files

    # The page links to the JSON files in its folder, which a browser can show
    linked_files = sorted(name for name in files if name.endswith(".json") and "/" not in name)
    return report_files(replace(page, files=tuple(linked_files)))


def _add_context_to_section(
    section: PageSection, description: RunDescription, hints: Sequence[Hint], hours: Mapping[str, Hours]
) -> PageSection:
    """The section with context: its cards show since when a change lasts, and hints about the data; cards and tables show the
    windows before.
    """
    blocks: list[Block] = []
    for block in section.blocks:
        if isinstance(block, Cards):
            cards = []
            for card in block.cards:
                card_hours = hours.get(card.history_name or card.name)
                cards.append(replace(_add_context_to_card(card, description, hints), hours=card_hours))
            block = replace(block, cards=tuple(cards))
        # A table gets one more column with the small chart of each line's earlier windows
        elif isinstance(block, PageTable) and any(line.history_name in hours for line in block.lines):
            lines = (replace(line, cells=(*line.cells, hours.get(line.history_name, "–"))) for line in block.lines)
            count = max(len(hour.values) for hour in hours.values())
            block = replace(block, columns=(*block.columns, TableColumn(f"{count} windows")), lines=tuple(lines))
        blocks.append(block)
    return replace(section, blocks=tuple(blocks))


def _add_context_to_card(card: Card, description: RunDescription, hints: Sequence[Hint]) -> Card:
    since = card.since
    window = description.window
    if since and window:
        start = parse_moment(window.start)
        length = parse_moment(window.end) - parse_moment(window.start)
        # The number of this window since the change began, from 1
        position = round((start - parse_moment(since)) / length) + 1
        if length == timedelta(hours=1):
            unit = "hour"
        elif length == timedelta(days=1):
            unit = "day"
        else:
            unit = "window"
        since = f"since {format_start(since, window)}, {_format_ordinal(position)} {unit}"
    elif window and not since:
        since = "in this window"
    hint_texts = tuple(hint.description for hint in hints if card.name in hint.features)
    return replace(card, since=since, hints=(*card.hints, *hint_texts))


def _format_ordinal(number: int) -> str:
    if 10 < number % 100 < 14:
        ending = "th"
    else:
        ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


def _list_facts(description: RunDescription, ledger: Ledger, budget: BudgetLedger | None) -> Iterator[tuple[str, str]]:
    records = format_count(ledger.kept)
    if ledger.to_json_dict()["records"].get("sampled_out"):
        records += f", sampled from {format_count(ledger.read)}"
    yield "records", records
    yield "refused", format_count(ledger.quarantined)
    if description.baseline_run_id:
        yield "baseline", description.baseline_run_id[:RUN_ID_LENGTH]
    if description.deequ is not None:
        yield "metrics evaluated by", f"Deequ {description.deequ}, {DEEQU_NOTE}"
    if budget is not None and budget.false_alarm_budget:
        yield "false alarms allowed", f"one in {1 / budget.false_alarm_budget:,.0f} windows"


def _describe_ledger(ledger: Ledger) -> str:
    records = ledger.to_json_dict()["records"]
    phrases = {
        "outside_window": "outside window",
        "sampled_out": "were sampled out",
        "dropped_by_script": "were dropped by script",
    }
    sentences = [f"{records[name]:,} {phrase}" for name, phrase in phrases.items() if records.get(name)]
    sentences += [f"{count:,} {reason}" for reason, count in ledger.not_in_log.items()]
    return "; ".join([f"{ledger.kept:,} of {format_noun_count(ledger.read, 'record')} kept", *sentences])


def _build_ledger_table(ledger: Ledger) -> PageTable:
    records = ledger.to_json_dict()["records"]
    counts_by_reason = {f"refused: {reason}": count for reason, count in records.pop("quarantined").items()}
    counts_by_reason |= {f"no capture: {reason}": count for reason, count in records.pop("not_in_log", {}).items()}
    counts = {name.replace("_", " "): count for name, count in records.items() if count or name in ("read", "kept")}
    rows = [(name, f"{count:,}") for name, count in (counts | counts_by_reason).items()]
    return build_table(("records", "number"), rows, numbers=("number",))


def _list_next_steps(results: Sequence[CheckResult]) -> Iterator[PageSection]:
    """What to do about violations. FOLDER and BASELINE are replaced when the page is published (`insert_folders`)."""
    changes = RunChanges(results)
    violations = [*changes.changed_results, *select_violations(results)]
    if violations:
        # Quoted for a shell and behind --, because people copy these commands, and a name may look like a flag
        name = quote(violations[0].subject[0] or "NAME")
        steps = [
            ("see where a number comes from", f"spark-model-monitor explain --run FOLDER -- {name}"),
            ("see everything that differs from the baseline", "spark-model-monitor compare BASELINE FOLDER"),
            ("accept the change, if it is wanted", f"spark-model-monitor accept FOLDER -- {name}"),
        ]
        if changes.changed_results and changes.unit == "feature":
            first = f"First look at where {violations[0].subject[0]} comes from"
        else:
            first = _FIRST_STEP_FOR_MODELS
        note = f"{first}. {FOLDER_NOTE}"
        yield PageSection("What to do next", (build_table(("to", "run"), steps),), note=note)


def insert_folders(html: str, folder: str, baseline: BaselineReference | None, *, has_window: bool = True) -> str:
    """A page with the folders of the run and of the baseline in its commands, instead of FOLDER and BASELINE."""
    # A single run can't be accepted, since no other run would know of the decision
    if not has_window and HOUR_FOLDERS.match(folder) is None:
        html = "\n".join(line for line in html.split("\n") if ACCEPT_COMMAND not in line)
    # Quoted for a shell, because people copy these commands
    run_name = escape(quote(_shorten_path(folder)))
    baseline_name = "BASELINE"
    if baseline is not None and baseline.folder:
        baseline_name = escape(quote(_shorten_path(baseline.folder.partition("/_runs/")[0])))
    html_with_folders = FOLDER_IN_COMMAND.sub(lambda _: run_name, html)
    html_with_folders = html_with_folders.replace(COMPARE_COMMAND, f"compare {baseline_name} {run_name}")
    note = REMOTE_FOLDER_NOTE
    if is_local(folder):
        note = LOCAL_FOLDER_NOTE
    return html_with_folders.replace(FOLDER_NOTE, note.format(run_name))


def _shorten_path(path: str) -> str:
    """A path for commands that are started in the job's folder. For a local folder elsewhere it is only the name, because pages
    don't show the machine's folders.
    """
    if not is_local(path):
        return path
    absolute_path = local_path(path).absolute()
    if absolute_path.is_relative_to(Path.cwd()):
        return str(absolute_path.relative_to(Path.cwd()))
    # The name of an hour folder begins with the folder above the year
    num_components = 1
    if HOUR_FOLDERS.match(str(absolute_path)):
        num_components += 4
    return "/".join(absolute_path.parts[-num_components:])
