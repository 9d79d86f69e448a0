"""The account of a merge: its law, the ages of what waits, and its JSON."""

from __future__ import annotations

import json

from spark_model_monitor.data.reading.ledger import Coverage
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.running.merging.captured import REFUSED_CAPTURES
from spark_model_monitor.running.merging.hourly_sources import HourFolder
from spark_model_monitor.running.merging.labels import LabelAccount
from spark_model_monitor.running.merging.merge_ledger import MergeLedger
from spark_model_monitor.running.merging.merge_rows import Counts
from spark_model_monitor.running.merging.staging import StagedHours

FIRST = 474000


def ledger(hours, *, labels=None, refused=None, **more):
    staged = StagedHours(
        "",
        {HourFolder("e/v", FIRST + hour): counts for hour, counts in hours.items()},
        counts=Counts({(REFUSED_CAPTURES, int(reason)): count for reason, count in (refused or {}).items()}),
    )
    return MergeLedger(
        staged, labels or LabelAccount(), **{"matched": 0, "matched_earlier": 0, "as_of": FIRST + 1, **more}
    )


def content(ledger):
    return json.loads(ledger.to_json())


def test_every_capture_is_accounted_for():
    hours = {0: Coverage(captures=10, labelled=6, absent=1), -5: Coverage(captures=4, labelled=0)}
    captures = content(ledger(hours, refused={Refusal.NO_ID: 2, Refusal.OUTSIDE_WINDOW: 3}))["captures"]

    assert captures["read"] == 10 + 4 + 2 + 3
    accounted = (
        captures["matched"]
        + captures["labelled_as_absent"]
        + sum(captures["without_label"].values())
        + captures["outside_window"]
        + sum(captures["quarantined"].values())
    )
    assert accounted == captures["read"]
    assert captures["quarantined"] == {"no id to join by": 2}


def test_every_label_is_accounted_for():
    account = LabelAccount(
        read=20, ids=10, repeated=3, contradicted=2, outside_window=4, refused={Refusal.NOT_GROUND_TRUTH: 1}
    )
    labels = content(ledger({}, labels=account, matched=6, matched_earlier=1))["labels"]

    assert labels["without_capture"] == 3
    parts = ("matched", "matched_in_earlier_hours", "without_capture", "outside_window")
    total = (
        sum(labels[part] for part in parts) + sum(labels["duplicates"].values()) + sum(labels["quarantined"].values())
    )
    assert total == labels["read"]


def test_waiting_captures_are_counted_by_the_age_of_their_hour():
    """An hour that ends when the run is for is one hour old."""
    waiting = {hour: Coverage(captures=1) for hour in (0, -1, -5, -6, -23, -24, -167, -168)}

    assert ledger(waiting).without_label == {
        "up to PT1H": 1,
        "up to PT6H": 2,
        "up to P1D": 2,
        "up to P7D": 2,
        "over P7D": 1,
    }


def test_coverage_is_the_share_of_captures_with_a_label_of_their_own():
    assert Coverage(captures=8, labelled=2, absent=4).share == 0.25
    assert Coverage().share == 0.0
    assert content(ledger({0: Coverage(8, 2, 4)}, first=FIRST, last=FIRST))["window"] == {
        "start": "2024-01-28T00:00:00Z",
        "end": "2024-01-28T01:00:00Z",
    }
