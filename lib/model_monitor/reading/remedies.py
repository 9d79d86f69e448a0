"""What to write instead where our reader of CSV files does not serve: Spark's own, which has no quarantine."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from model_monitor.records.refusals import Refusal


def read_by_spark(options: Mapping[str, object]) -> str:
    """The flag that has Spark read CSV files with these options, a quote inside quotes being doubled, as pandas writes it."""
    reader = {"format": "csv", "options": {**options, "header": True, "escape": '"'}}
    return f"--dataset-format '{json.dumps({'spark': reader})}'"


MEND = "mend them"

REMEDIES = {
    Refusal.UNFINISHED_QUOTE: f"if cells have line breaks write {read_by_spark({'multiLine': True})}",
    Refusal.BASE64_WITHOUT_SCRIPT: "decode BASE64 of other content types than CSV and JSON, or all of it under --compat "
    "service, by a --record-preprocessor-script",
    Refusal.TOO_LONG: "if they are no accident give a larger --max-record-size, and more --driver-memory with it",
}
"""By reason, where there is more to do than to mend the records."""


def remedy(reasons: Collection[str]) -> str:
    """What to do about records that were refused for these reasons, given in words."""
    return "; ".join([text for refusal, text in REMEDIES.items() if refusal.text in reasons] or [MEND])
