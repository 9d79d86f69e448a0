"""The account of a merge: every capture and every label of its window, and what became of it. Pure.

The law: captures read = matched + without label, by age + labelled as absent + outside the window + the refused ones of all
reasons. Labels read = matched + matched in earlier hours + without capture + duplicates + outside the window + the refused
ones. It is written as `ledger.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model_monitor.data.reading.ledger import Coverage
from model_monitor.data.records.refusals import LEFT_OUT, Refusal
from model_monitor.merging.hours import text_of
from model_monitor.merging.labels import LabelAccount
from model_monitor.merging.staging import StagedHours
from model_monitor.storage import StoredFile

LEDGER = "ledger.json"

AGES = ((1, "up to PT1H"), (6, "up to PT6H"), (24, "up to P1D"), (168, "up to P7D"))
"""Hours from a capture's own to the hour that the run is for, and how the ledger calls them."""
OLDER = "over P7D"


@dataclass(frozen=True)
class MergeLedger:
    """What was read and what became of it.

    first, last: the hours of the window, None for all there are. as_of: the hour that ages are counted to. earlier: labels
    whose captures lie in hours before the window. matched: labels that met captures of the window.
    """

    captures: StagedHours
    labels: LabelAccount
    matched: int
    earlier: int
    as_of: int
    files: Sequence[StoredFile] = ()
    label_files: Sequence[StoredFile] = ()
    first: int | None = None
    last: int | None = None

    @property
    def counts(self) -> Coverage:
        """The captures that could be read."""
        return self.captures.total

    @property
    def captures_read(self) -> int:
        return self.counts.captures + sum(self.captures.refused.values())

    @property
    def quarantined(self) -> Mapping[Refusal, int]:
        """Captures by the fault for which they are in the quarantine."""
        return {reason: count for reason, count in self.captures.refused.items() if reason not in LEFT_OUT}

    @property
    def labels_without_capture(self) -> int:
        return self.labels.ids - self.matched - self.earlier

    @property
    def without_label(self) -> dict[str, int]:
        """Captures without any label, by the age of their hour."""
        ages = dict.fromkeys([name for _, name in AGES] + [OLDER], 0)
        for hour, counts in self.captures.hours.items():
            hours = self.as_of - hour.hour
            ages[next((name for limit, name in AGES if hours <= limit), OLDER)] += counts.waiting
        return ages

    def to_json(self) -> bytes:
        """The bytes of `ledger.json`."""
        counts = self.counts
        document: dict[str, Any] = {
            "version": 1,
            "window": None
            if self.first is None or self.last is None
            else {"start": text_of(self.first), "end": text_of(self.last + 1)},
            "coverage": counts.share,
            "captures": {
                "read": self.captures_read,
                "matched": counts.labelled,
                "labelled_as_absent": counts.absent,
                "without_label": self.without_label,
                "outside_window": self.captures.refused.get(Refusal.OUTSIDE_WINDOW, 0),
                "without_data": self.captures.refused.get(Refusal.WITHOUT_DATA, 0),
                "quarantined": _by_text(self.quarantined),
                "with_the_id_of_another": self.captures.counts[("with the id of another",)],
            },
            "labels": {
                "read": self.labels.read,
                "matched": self.matched,
                "matched_in_earlier_hours": self.earlier,
                "without_capture": self.labels_without_capture,
                "duplicates": {"same_label": self.labels.repeated, "another_label": self.labels.contradicted},
                "outside_window": self.labels.outside_window,
                "quarantined": _by_text(self.labels.refused),
                "repaired": {repair.text: count for repair, count in sorted(self.labels.repaired.items())},
            },
            "hours": [
                {"folder": hour.path, "captures": found.captures, "matched": found.labelled, "coverage": found.share}
                for hour, found in self.captures.hours.items()
            ],
            "files": {"captures": _files(self.files), "labels": _files(self.label_files)},
        }
        return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _by_text(refused: Mapping[Refusal, int]) -> dict[str, int]:
    return {reason.text: count for reason, count in sorted(refused.items())}


def _files(files: Sequence[StoredFile]) -> list[dict[str, Any]]:
    return [{"path": file.path, "size_bytes": file.size_bytes, "modified_ms": file.modified_ms} for file in files]
