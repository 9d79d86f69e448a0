"""The inputs of the open golden set: tables of a few rows, made by formulas that a reader can do in the head.

deliveries(folder)            128 rows of CSV, a baseline of data quality
captured_deliveries(folder)   a later hour of the same as captures: JSON Lines with CSV payloads
scored(folder)                labels, predictions and probabilities of 12 rows; a later 12 in scored_later
applicants(folder)            24 rows of two groups and two regions; a later 24 in later_applicants
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

ROWS = 128
CITIES = ("Graz", "Lyon", "Porto")
COLUMNS = ("late", "parcels", "weight", "tip", "floor", "city", "order", "note")
ROWS_OF_A_CAPTURE = 4

HOUR = "2026/03/03/22"
WINDOW = ("2026-03-03T22:00:00Z", "2026-03-03T23:00:00Z")

Row = Sequence[object]


def delivery(i: int) -> Row:
    """Row i of the baseline.

    late is 1 in one row of four; parcels go 1, 2, 3, 4; weights rise by a quarter; tips go 0, 0.5, … 3 and are missing in one
    row of eight; the floor is always -1; cities take turns; order is another one in each row; nothing was ever noted.
    """
    tip = "" if i % 8 == 7 else i % 8 / 2
    return int(i % 4 == 0), i % 4 + 1, i / 4, tip, -1, CITIES[i % 3], f"D-{i:03}", ""


def later_delivery(i: int) -> Row:
    """Row i of the window, beside that of the baseline.

    Three rows of four are predicted to be late; 16 rows have 2.5 parcels; all weights are above 100 and each occurs twice; tips
    are missing in two rows of eight; 8 rows are of a new city.
    """
    _, parcels, _, tip, floor, city, _, note = delivery(i)
    predicted = int(i % 4 != 0)
    parcels = 2.5 if i % 8 == 0 else parcels
    tip = "" if i % 8 == 6 else tip
    city = "Oslo" if i % 16 == 0 else city
    return predicted, parcels, 100 + i // 2 / 4, tip, floor, city, f"E-{i:03}", note


def deliveries(folder: Path) -> Path:
    """The baseline, with a header."""
    return _csv(folder / "deliveries.csv", COLUMNS, map(delivery, range(ROWS)))


def captured_deliveries(folder: Path) -> Path:
    """32 captures of 4 rows each, one of the hour before and one that is cut, in the folder of an hour."""
    rows = [later_delivery(i) for i in range(ROWS)]
    lines = [
        json.dumps(_capture(f"2026-03-03T22:{number:02}:00Z", rows[start : start + ROWS_OF_A_CAPTURE]))
        for number, start in enumerate(range(0, ROWS, ROWS_OF_A_CAPTURE))
    ]
    outside = json.dumps(_capture("2026-03-03T21:59:59Z", rows[:1]))
    path = folder / "captures" / HOUR / "records.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join([outside, *lines, lines[0][:100]]) + "\n")
    return folder / "captures"


SCORED_COLUMNS = ("probability", "prediction", "label")
POSITIVE = 1
NEGATIVE = 0
SCORED = {POSITIVE: (0.9, 0.8, 0.6, 0.3), NEGATIVE: (0.7, 0.55, 0.52, 0.4, 0.3, 0.2, 0.1, 0.1)}
SCORED_LATER = {POSITIVE: (0.9, 0.8, 0.3, 0.2), NEGATIVE: (0.7, 0.55, 0.4, 0.3, 0.2, 0.1, 0.1, 0.05)}
"""Probabilities by label; above 0.5 the prediction is positive. Of the first TP 3, FN 1, FP 3, TN 5, of the later 2, 2, 2, 6."""


def scored(folder: Path) -> Path:
    """12 rows of a model with two classes."""
    return _csv(folder / "scored.csv", SCORED_COLUMNS, _scored_rows(SCORED))


def scored_later(folder: Path) -> Path:
    """12 rows of it that came later."""
    return _csv(folder / "scored_later.csv", SCORED_COLUMNS, _scored_rows(SCORED_LATER))


APPLICANTS = (
    # region, group, approved, predicted, rows
    *(("north", "a", "yes", "yes", 3), ("north", "a", "yes", "no", 1), ("north", "a", "no", "yes", 1)),
    *(("north", "a", "no", "no", 3), ("south", "a", "yes", "yes", 3), ("south", "a", "yes", "no", 1)),
    *(("south", "a", "no", "yes", 1), ("south", "a", "no", "no", 3)),
    *(("north", "d", "yes", "yes", 1), ("north", "d", "yes", "no", 1), ("north", "d", "no", "no", 2)),
    ("south", "d", "no", "no", 4),
)
"""Of a: TP 6, FN 2, FP 2, TN 6. Of d: TP 1, FN 1, FP 0, TN 6."""


def applicants(folder: Path) -> Path:
    """24 rows, 8 of them of the sensitive group d."""
    return _csv(folder / "applicants.csv", APPLICANT_COLUMNS, _applicant_rows(APPLICANTS))


def later_applicants(folder: Path) -> Path:
    """The same, but the one predicted approval of group d is no more: TP 0, FN 2."""
    later = [(region, group, y, "no" if group == "d" else p, rows) for region, group, y, p, rows in APPLICANTS]
    return _csv(folder / "later_applicants.csv", APPLICANT_COLUMNS, _applicant_rows(later))


APPLICANT_COLUMNS = ("region", "group", "approved", "predicted")
ANALYSIS = {
    "dataset_type": "text/csv",
    "label": "approved",
    "label_values_or_threshold": ["yes"],
    "predicted_label": "predicted",
    "facet": [{"name_or_index": "group", "value_or_threshold": ["d"]}],
    "group_variable": "region",
    "methods": {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": "all"}},
}


def analysis_config(folder: Path) -> Path:
    """Clarify's configuration for the applicants."""
    path = folder / "analysis_config.json"
    path.write_text(json.dumps(ANALYSIS))
    return path


def _capture(time: str, rows: Sequence[Row]) -> dict[str, object]:
    """Output and input of a request of several rows, one line of CSV each; the prediction is the baseline's first column."""
    output = "\n".join(str(row[0]) for row in rows)
    request = "\n".join(",".join(str(cell) for cell in row[1:]) for row in rows)
    of_csv = {"observedContentType": "text/csv", "encoding": "CSV"}
    return {
        "captureData": {
            "endpointInput": {"mode": "INPUT", "data": request, **of_csv},
            "endpointOutput": {"mode": "OUTPUT", "data": output, **of_csv},
        },
        "eventMetadata": {"eventId": f"event-{time}", "inferenceTime": time},
        "eventVersion": "0",
    }


def _scored_rows(scores: dict[int, Sequence[float]]) -> Iterable[Row]:
    return [(score, int(score > 0.5), label) for label, of_label in scores.items() for score in of_label]


def _applicant_rows(counted: Iterable[tuple[str, str, str, str, int]]) -> Iterable[Row]:
    return [row[:-1] for row in counted for _ in range(row[-1])]


def _csv(path: Path, names: Sequence[str], rows: Iterable[Row]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    return path
