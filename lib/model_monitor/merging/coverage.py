"""How many of an hour's captures have a label: `_coverage.json` beside the hour's merged records.

Readers of data skip the file by its name; whoever judges the merged records can say by it how much of the traffic the
verdict rests on. Pure, but for the storage.
"""

from __future__ import annotations

import json

from model_monitor.errors import BadDocument
from model_monitor.merging.staging import HourCounts

COVERAGE = "_coverage.json"


def coverage_json(counts: HourCounts) -> bytes:
    """The bytes of the file."""
    document = {
        "captures": counts.captures,
        "labelled": counts.labelled,
        "labelled_as_absent": counts.absent,
        "coverage": counts.coverage,
    }
    return (json.dumps(document) + "\n").encode()


def read_coverage(content: bytes, where: str) -> HourCounts:
    """What such a file says. where: its path.

    Raises BadDocument if it says something else.
    """
    try:
        document = json.loads(content)
        return HourCounts(document["captures"], document["labelled"], document["labelled_as_absent"])
    except (ValueError, KeyError, TypeError) as fault:
        raise BadDocument(
            f"{where}: is not the coverage of an hour ({fault}); run the merge of its hour again"
        ) from fault
