"""Which hours a run has changed that an earlier run had written, and by how many labels: `restatement.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from model_monitor.data.reading.ledger import Coverage
from model_monitor.merging.hours import HourFolder, text_of
from model_monitor.merging.rows import Counts

RESTATEMENT = "restatement.json"


@dataclass(frozen=True, slots=True)
class RestatedHour:
    """One hour: ids that have got a label, another label than before, or the label that says that none came.

    before, after: the share of its captures that have a label of their own.
    """

    hour: HourFolder
    added: int
    changed: int
    absent: int
    before: float
    after: float


def restated_hours(counts: Counts, branches: Sequence[str], hours: Mapping[HourFolder, Coverage]) -> list[RestatedHour]:
    """The hours whose ids have other labels than before. counts: of the buckets. hours: as they are now."""
    added, changed, absent = (counts.of(name) for name in ("added", "changed", "came absent"))
    captures, labelled = counts.of("captures before"), counts.of("labelled before")
    return [
        RestatedHour(
            hour,
            added.get(key, 0),
            changed.get(key, 0),
            absent.get(key, 0),
            labelled.get(key, 0) / captures[key],
            hours[hour].share,
        )
        for key in {*added, *changed, *absent}
        if (hour := HourFolder(branches[key[0]], key[1])) in hours
    ]


def restatement_json(hours: Sequence[RestatedHour], first: int, last: int) -> bytes:
    """The bytes of `restatement.json`. first, last: the hours of the window whose run it is."""
    document = {
        "version": 1,
        "window": {"start": text_of(first), "end": text_of(last + 1)},
        "hours": [
            {
                "folder": found.hour.path,
                "labels": found.added + found.changed + found.absent,
                "added": found.added,
                "changed": found.changed,
                "labelled_as_absent": found.absent,
                "coverage_before": found.before,
                "coverage": found.after,
            }
            for found in hours
        ],
    }
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def is_of_window(content: bytes, first: int, last: int) -> bool:
    """Whether a `restatement.json` is that of a run for the same window."""
    try:
        window = json.loads(content)["window"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return bool(window == {"start": text_of(first), "end": text_of(last + 1)})
