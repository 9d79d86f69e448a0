"""A run's page as a whole: what its monitor has to say, whose run it is, and the account of its records.

The text "NaN" in columns of a frame is warned of.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

from model_monitor.data.reading.ledger import Ledger
from model_monitor.documents.check_results import Alarm, Hint, in_sentences
from model_monitor.documents.page import Mark, Page, PageSection, PageTable, Tile, count_text, table_of
from model_monitor.documents.run_description import RunDescription
from model_monitor.statistics.states import ColumnType, Profile

log = logging.getLogger(__name__)

TEXTS = ("NaN", "nan")
"""Of Java and of Python, for a float that is not a number."""

NAMED = 10
"""Columns that are named; the rest are counted."""


def warn_of_nan_texts(profile: Profile) -> None:
    """Name the columns in which some cell is the text NaN, as far as the profile has counted their values."""
    cells = {
        feature.name: sum(feature.frequencies.counts.get(text, 0) for text in TEXTS)
        for feature in profile.features
        if feature.frequencies is not None and feature.column_type is ColumnType.TEXT
    }
    found = [name for name, count in cells.items() if count]
    if not found:
        return
    named = ", ".join(map(repr, found[:NAMED])) + (f" and {len(found) - NAMED} more" if len(found) > NAMED else "")
    log.warning(
        "column%s %s hold%s the text 'NaN' (%s cells): createDataFrame makes it of missing values of pandas; pass the pandas "
        "frame itself",
        *(("", named, "s") if len(found) == 1 else ("s", named, "")),
        f"{sum(cells.values()):,}",
    )


# A run's page as a whole: what its monitor has to say, whose run it is, and the account of its records.


def page_of_run(
    page: Page,
    described: RunDescription,
    ledger: Ledger,
    hints: tuple[Hint, ...] = (),
    alarms: Sequence[Alarm] = (),
) -> Page:
    """page: the monitor's own. hints: what looks wrong with the data and breaks no constraint. alarms: the largest first."""
    *said, last = page.sections
    if alarms:
        said.insert(0, PageSection("What happened, the largest first", in_sentences(alarms)))
    if hints:
        said.insert(0, PageSection("What looks wrong with the data", tuple(hint.description for hint in hints)))
    account = PageSection("What was read", (_account(ledger),))
    return replace(
        page,
        facts=tuple((dict(_facts(described)) | dict(page.facts)).items()),
        tiles=(*_tiles(described, ledger, alarms), *page.tiles),
        sections=(*said, account, last),
    )


def _facts(described: RunDescription) -> Iterator[tuple[str, str]]:
    named = {"Model": described.model, "Schedule": described.schedule, "Window": _window(described)}
    named |= {"Baseline run": described.baseline_run_id, "Rows": count_text(described.rows or 0)}
    return ((word, value) for word, value in named.items() if value)


def _tiles(described: RunDescription, ledger: Ledger, alarms: Sequence[Alarm]) -> Iterator[Tile]:
    found = described.violations
    if found is not None:
        many = "1 violation" if found == 1 else f"{found:,} violations"
        yield Tile("verdict", f"✗ {many}" if found else "✓ no violation", Mark.BAD if found else Mark.GOOD)
    if found:
        window, since = _window(described), min((each.since for each in alarms if each.since), default=None)
        this = f"this window, {window}" if window else "this run"
        yield Tile("violated since", since.replace("T", " ").replace(":00Z", " UTC") if since else this, Mark.BAD)
    refused = f", {ledger.quarantined:,} refused" if ledger.quarantined else ""
    yield Tile("records", f"{ledger.kept:,} kept{refused}")


def _window(described: RunDescription) -> str | None:
    window = described.window
    return None if window is None else f"{window.start} to {window.end}".replace("T", " ").replace(":00Z", "") + " UTC"


def _account(ledger: Ledger) -> PageTable:
    records = ledger.to_json_dict()["records"]
    refused = {f"refused: {reason}": count for reason, count in records.pop("quarantined").items()}
    named = {name.replace("_", " "): count for name, count in records.items() if count or name in ("read", "kept")}
    rows = [(what, f"{count:,}") for what, count in (named | refused).items()]
    return table_of(("records", "number"), rows, numbers=("number",))
