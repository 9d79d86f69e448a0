"""Data quality on the open golden set: the documents of a baseline and the violations of a captured hour, to the byte.

The files in expected/ have the form of G10 and numbers worked out by hand. All values of the tables are quarters or halves, so
that sums and means are exact. Of each column of deliveries.csv (128 rows):

| column | mean | population deviation (G3) | buckets (G4) |
|---|---|---|---|
| late | 32/128 | sqrt(1/4 · 3/4) | 96 zeros in the first, 32 ones in the last |
| parcels | (1 + 2 + 3 + 4)/4 | sqrt((2.25 + 0.25)/2) | 32 each from 1 + 3·0/10, 1 + 3·3/10, 1 + 3·6/10 and 1 + 3·9/10 on |
| weight | 127/8 | sqrt((128² - 1)/12)/4 | 12.7 quarters fit in one: 13, 13, 13, 12, 13, 13, 12, 13, 13, 13 |
| tip | (0 + … + 3)/7 of 112 | sqrt(2 · (0.25 + 1 + 2.25)/7) | 16 wherever a half lies |
| floor | -1 | 0 | all 128 in the last of ten that are [-1, -1] |

A sketch of so few values is the column itself, in the order of its rows (G6). `note` has no value: `common` alone. `order` has
more than 120 values, so it has no domain (G9); cities are listed by count, then by name. What Deequ says of the same table is
asked below.
"""

import json
import math
from pathlib import Path

import pytest
from tests.golden_open import inputs

EXPECTED = Path(__file__).parent / "expected"


def expected(name):
    return (EXPECTED / name).read_text()


def select_drift(findings, feature):
    [outcome] = [
        outcome for outcome in findings.results if (outcome.check, outcome.feature) == ("baseline_drift_check", feature)
    ]
    return outcome


def violations_in(findings):
    return findings.files()["constraint_violations.json"].decode()


@pytest.mark.parametrize("name", ["statistics.json", "constraints.json"])
def test_a_baselines_documents_are_those_worked_out_by_hand(baseline, name):
    assert baseline.files()[name].decode() == expected(name)


@pytest.mark.deequ
def test_deequs_own_scan_of_the_table_gives_the_same_statistics(spark, folder, baseline):
    """Of the cells as texts it counts present and distinct ones (G7), and computes with the numbers that Spark makes of them."""
    features = {feature["name"]: feature for feature in json.loads(expected("statistics.json"))["features"]}
    numeric = {
        name: feature["numerical_statistics"] for name, feature in features.items() if "numerical_statistics" in feature
    }
    metrics = by_deequ(spark.read.csv(str(folder / "deliveries.csv"), header=True), numeric)

    for name, statistics in numeric.items():
        for member in ("completeness", "approximate_num_distinct_values", "mean", "sum", "std_dev", "min", "max"):
            assert statistics[member] == metrics[name, member], (name, member)
    for name in ("city", "order"):
        statistics = features[name]["string_statistics"]
        assert statistics["completeness"] == metrics[name, "completeness"]
        assert statistics["distinct_count"] == metrics[name, "approximate_num_distinct_values"]


OF_CELLS = {"Completeness": "completeness", "ApproxCountDistinct": "approximate_num_distinct_values"}
OF_NUMBERS = {"Mean": "mean", "Sum": "sum", "StandardDeviation": "std_dev", "Minimum": "min", "Maximum": "max"}
"""Deequ's analyzers by the members of statistics.json."""


def by_deequ(cells, numeric):
    """By column and member of statistics.json, what one `AnalysisRunner.onData` of pydeequ says. cells: a frame of texts."""
    from pydeequ import analyzers
    from pydeequ.analyzers import AnalysisRunner, AnalyzerContext

    numbers = [cells[name].cast("double").alias(f"{name} as a number") for name in numeric]
    runner = AnalysisRunner(cells.sparkSession).onData(cells.select("*", *numbers))
    for columns, names in ((cells.columns, OF_CELLS), ([f"{name} as a number" for name in numeric], OF_NUMBERS)):
        for column in columns:
            for name in names:
                runner = runner.addAnalyzer(getattr(analyzers, name)(column))
    metrics = AnalyzerContext.successMetricsAsJson(cells.sparkSession, runner.run())
    members = OF_CELLS | OF_NUMBERS
    return {(m["instance"].removesuffix(" as a number"), members[m["name"]]): m["value"] for m in metrics}


def test_the_captured_hour_is_read_record_by_record(findings):
    """33 lines are captures, one of which is of the hour before; the last line is cut. A capture has four rows."""
    ledger = findings.current.ledger

    assert (ledger.read, ledger.kept, ledger.kept_rows) == (34, 32, inputs.ROWS)
    assert ledger.refused == {"not a JSON object": 1}
    assert findings.current.statistics.dataset.item_count == inputs.ROWS
    assert [feature.name for feature in findings.current.statistics.features] == list(inputs.COLUMNS)  # G13


def test_the_hours_violations_are_in_the_services_words(findings):
    """By hand: 112 of 128 parcels are integers; 96 of 128 tips are there, and 112 were; 120 of 128 cities are known.

    Drift of late: 0.25 and 0.75 of the rows are 1, less 1.8 · sqrt(256/128²) = 0.225. Of weight: 1 less 0.225.
    """
    assert violations_in(findings) == expected("constraint_violations.json")


def test_as_the_service_equal_values_count_once(findings_as_service):
    """By hand, G16: late has two values on both sides, at 1/2 and 1, so nothing has moved. The window's weights are 64 different
    ones beside 128: 1 - 1.8 · sqrt((128 + 64)/(128 · 64)) = 0.72443240393689246…"""
    assert violations_in(findings_as_service) == expected("constraint_violations.compat-service.json")


@pytest.mark.parametrize(
    ("feature", "n", "m", "gap", "n_lost", "m_lost", "gap_lost"),
    [
        pytest.param("late", 128, 128, 0.5, 2, 2, 0.0, id="a flag: 25 % and 75 %; once each"),
        pytest.param("weight", 128, 128, 1.0, 128, 64, 1.0, id="all above the largest; each twice"),
        pytest.param("tip", 112, 96, 1 / 7, 7, 6, 1 / 7, id="all of 3 are gone: 16 of 112; one of 7"),
    ],
)
def test_a_distance_is_the_gap_less_what_chance_does(
    findings, findings_as_service, feature, n, m, gap, n_lost, m_lost, gap_lost
):
    """max(0, gap - 1.8 · sqrt((n + m)/(n · m))), D3.1; with ties lost n and m are numbers of distinct values, G16."""
    drift = select_drift(findings, feature)
    lost = select_drift(findings_as_service, feature)

    assert (drift.n, drift.m) == (n, m)
    assert drift.observed == pytest.approx(max(0.0, gap - 1.8 * math.sqrt((n + m) / (n * m))), abs=1e-15)
    assert (lost.n, lost.m) == (n_lost, m_lost)
    chance = 1.8 * math.sqrt((n_lost + m_lost) / (n_lost * m_lost))
    assert lost.observed == pytest.approx(max(0.0, gap_lost - chance), abs=1e-15)


@pytest.mark.parametrize("feature", ["parcels", "tip", "city", "order"])
def test_a_distance_within_chance_is_no_drift(findings, feature):
    """Their largest gaps are 1/8, 1/7, 1/16 and 1/128; chance alone does 0.225 and more."""
    assert select_drift(findings, feature).observed == 0.0
