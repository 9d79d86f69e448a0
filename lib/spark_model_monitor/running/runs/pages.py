"""How people see a run: its page (the monitor's page with the run's context and the account of its records), and its tables.

Also a warning about the text "NaN" in columns of a frame.
"""

from __future__ import annotations

import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from html import escape
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from spark_model_monitor.data.reading.ledger import Ledger
from spark_model_monitor.documents.change_description import format_start, format_window
from spark_model_monitor.documents.check_results import BudgetLedger, CheckResult, Hint
from spark_model_monitor.documents.json_text import NAN_TEXTS, Json
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
    list_names,
)
from spark_model_monitor.documents.run_changes import KINDS, RunChanges
from spark_model_monitor.documents.run_description import BaselineReference, RunDescription, parse_moment
from spark_model_monitor.errors import MissingDependency
from spark_model_monitor.reports.outputs.run_files import HOUR_FOLDERS
from spark_model_monitor.statistics.states import ColumnType, Profile
from spark_model_monitor.storage import is_local, local_path

if TYPE_CHECKING:
    import pandas as pd
    import polars
    import pyarrow as pa

log = logging.getLogger(__name__)

MAX_LISTED_COLUMNS = 10  # columns that a warning names
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


def warn_of_nan_texts(profile: Profile) -> None:
    """Warn of columns with the text NaN, as far as the profile has counted their values."""
    # Frequencies have the most common texts only, so there may be more cells
    cell_counts = {
        feature.name: sum(feature.frequencies.counts.get(text, 0) for text in NAN_TEXTS)
        for feature in profile.features
        if feature.frequencies is not None and feature.column_type is ColumnType.TEXT
    }
    names = [name for name, count in cell_counts.items() if count]
    if not names:
        return
    listed_names = list_names([*map(repr, names)], MAX_LISTED_COLUMNS)
    subject = f"columns {listed_names} hold"
    if len(names) == 1:
        subject = f"column {listed_names} holds"
    log.warning(
        f"{subject} the text 'NaN' ({sum(cell_counts.values()):,} cells): createDataFrame makes it of "
        "missing values of pandas; pass the pandas frame itself"
    )


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
    account = PageSection("What was read", (_draw_account(ledger),), note=_summarize_ledger(ledger), folded=True)
    facts = dict(_list_facts(description, ledger, budget))
    # A fact of both the monitor and the run is one line
    facts |= {word: f"{value}, {facts[word]}" if word in facts else value for word, value in page.facts}
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
            account,
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


def insert_folders(html: str, folder: str, baseline: BaselineReference | None, *, has_window: bool = True) -> str:
    """A page with the folders of the run and of the baseline in its commands, instead of FOLDER and BASELINE."""
    # A single run can't be accepted, since no other run would know of the decision
    if not has_window and HOUR_FOLDERS.match(folder) is None:
        html = "\n".join(line for line in html.split("\n") if ACCEPT_COMMAND not in line)
    # Quoted for a shell, because people copy these commands
    own_name = escape(quote(_shorten_path(folder)))
    baseline_name = "BASELINE"
    if baseline is not None and baseline.folder:
        baseline_name = escape(quote(_shorten_path(baseline.folder.partition("/_runs/")[0])))
    html_with_folders = FOLDER_IN_COMMAND.sub(lambda _: own_name, html)
    html_with_folders = html_with_folders.replace(COMPARE_COMMAND, f"compare {baseline_name} {own_name}")
    sentence = LOCAL_FOLDER_NOTE if is_local(folder) else REMOTE_FOLDER_NOTE
    return html_with_folders.replace(FOLDER_NOTE, sentence.format(own_name))


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


def _list_next_steps(results: Sequence[CheckResult]) -> Iterator[PageSection]:
    """What to do about violations. FOLDER and BASELINE are replaced when the page is published (`insert_folders`)."""
    changes = RunChanges(results)
    violations = [*changes.changed_results, *(check_result for check_result in results if check_result.is_violation)]
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


def _summarize_ledger(ledger: Ledger) -> str:
    records = ledger.to_json_dict()["records"]
    counts_by_name = {
        name.replace("_", " "): records.get(name) for name in ("outside_window", "sampled_out", "dropped_by_script")
    }
    sentences = []
    for name, count in counts_by_name.items():
        # "12 outside window" needs no verb, "12 were sampled out" does
        verb = "" if name == "outside window" else "were "
        if count:
            sentences.append(f"{count:,} {verb}{name}")
    sentences += [f"{count:,} {reason}" for reason, count in ledger.not_in_log.items()]
    return "; ".join([f"{ledger.kept:,} of {format_noun_count(ledger.read, 'record')} kept", *sentences])


def _draw_account(ledger: Ledger) -> PageTable:
    records = ledger.to_json_dict()["records"]
    refused = {f"refused: {reason}": count for reason, count in records.pop("quarantined").items()}
    refused |= {f"no capture: {reason}": count for reason, count in records.pop("not_in_log", {}).items()}
    counts = {name.replace("_", " "): count for name, count in records.items() if count or name in ("read", "kept")}
    rows = [(name, f"{count:,}") for name, count in (counts | refused).items()]
    return build_table(("records", "number"), rows, numbers=("number",))


class TableExports(ABC):
    """Methods that give the table of `to_pandas` in the types of other libraries."""

    @abstractmethod
    def to_pandas(self) -> pd.DataFrame: ...

    def to_arrow(self) -> pa.Table:
        """The table of `to_pandas` as pyarrow's; the names of its rows are the first column.

        Returns
        -------
        pyarrow.Table
        """
        import pyarrow as pa

        table = self.to_pandas()
        if table.index.name is not None:
            table = table.reset_index()
        return pa.Table.from_pylist(_convert_table(table))

    def to_polars(self) -> polars.DataFrame:
        """The table of `to_pandas` as a frame of polars.

        Returns
        -------
        polars.DataFrame

        Raises
        ------
        MissingDependency
            If polars is not installed.
        """
        try:
            import polars
        except ImportError as fault:
            raise MissingDependency("to_polars() needs polars; `pip install polars`, or take to_arrow()") from fault
        return polars.from_arrow(self.to_arrow())


def _convert_table(table: Any) -> list[dict[str, Json]]:
    """The rows with None for missing values; a column of texts and numbers becomes text, because Arrow has no mixed columns."""
    values = table.astype(object).where(table.notna(), None)
    for name in values.columns:
        types = {type(value) for value in values[name] if value is not None}
        if len(types) > 1 and not types <= {int, float}:
            values[name] = [None if value is None else str(value) for value in values[name]]
    return [{str(name): value for name, value in row.items()} for row in values.to_dict("records")]
