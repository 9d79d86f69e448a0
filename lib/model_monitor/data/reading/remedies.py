"""What to do about records that were refused, in a sentence's words. Loaded where too many were."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from model_monitor.data.records.refusals import Refusal


def read_by_spark(options: Mapping[str, object]) -> str:
    """The flag that has Spark read CSV files with these options, a quote inside quotes being doubled, as pandas writes it."""
    reader = {"format": "csv", "options": {**options, "header": True, "escape": '"'}}
    return f"--dataset-format '{json.dumps({'spark': reader})}'"


REMEDIES = {
    Refusal.NOT_UTF_8: "write the files as UTF-8, as iconv -f LATIN1 -t UTF-8 does of Latin-1",
    Refusal.REPEATED_HEADER: "if files begin with no header line write --dataset-format csv-without-header",
    Refusal.UNFINISHED_QUOTE: f"if cells have line breaks write {read_by_spark({'multiLine': True})}",
    Refusal.BASE64_WITHOUT_SCRIPT: "decode other BASE64 than CSV and JSON, or all under --compat service, by a "
    "--record-preprocessor-script; for the answers to images give captureIndexNames (docs/data.md)",
    Refusal.TWO_VALUES: "if input and output have members of one name choose a half by captureIndexNames (docs/data.md), or name "
    "them apart by a --record-preprocessor-script",
    Refusal.NESTED_JSON: "if nested members are meant write --flatten-json",
    Refusal.ANOTHER_SHAPE: "if objects are meant write --flatten-json",
    Refusal.THIRD_CLASS: "if there are more classes write problem_type MulticlassClassification; --positive-label names one",
    Refusal.PROBABILITY_OUT_OF_RANGE: "write probabilities from 0 to 1 (95 % is 0.95)",
    Refusal.TOO_LONG: "if they are no accident give a larger --max-record-size, and more --driver-memory with it",
}
"""By reason, where there is more to do than to mend the records."""


def remedy(reasons: Collection[str]) -> str:
    """What to do about records that were refused for these reasons, given in words."""
    return "; ".join([text for refusal, text in REMEDIES.items() if refusal.text in reasons] or ["mend them"])
