"""The 80 healthy columns of all kinds, written as other programs write them, and damaged in four ways."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.unit.data_quality.healthy_columns import draw_kinds
from tests.unit.data_quality.written_forms import FORMS, Cell, Columns, find_format, find_names

from spark_model_monitor import Baseline, DataQualityMonitor, run_baseline, run_monitoring

ROWS = 600
KINDS: Columns = draw_kinds(random.Random(90), ROWS)
FORMS_OF_KINDS = (
    *(
        "CSV",
        "CSV, T",
        "CSV, 32 bits",
        "CSV, 32 bits in doubles",
        "CSV, %.17e",
        "CSV, %e",
        "CSV, %g",
        "JSON Lines",
        "JSON",
    ),
    *("Parquet", "Parquet with 32 bits", "Parquet with doubles for integers", "pandas", "Arrow", "captures"),
)
BASELINES_OF_KINDS = ("CSV", "JSON Lines", "Parquet", "captures")
PADDED = ("postcode", "eastern_postcode", "article")
NUMBERS = (*find_names(KINDS, float), *find_names(KINDS, int), *find_names(KINDS, Decimal))
FRACTIONS = tuple(
    name for name in find_names(KINDS, float) if any(cell != round(cell) for cell in KINDS[name] if cell is not None)
)
NOT_ROUNDED = ("millions", "tiny", "price_point")
"""Of a column whose decimals are a millionth of its values nobody notices that they are gone; of the second nothing is left, and
of the third they are all the same."""

DECIMALS_OF_DRAWN = 2  # to which numbers with many decimals are rounded
MANY_DECIMALS = 3


def strip_zeros(text: str) -> str:
    """`00501` and `SKU-00501` without the zeros."""
    head, mark, digits = text.rpartition("-")
    return f"{head}{mark}{int(digits)}"


def round_numbers(cells: list[Cell]) -> list[Cell]:
    """Numbers with a decimal fewer; those with many, with two."""
    # As many decimals as the column's longest number has
    decimals = max(len(repr(cell).rpartition(".")[2]) for cell in cells if cell is not None)
    fewer = DECIMALS_OF_DRAWN if decimals > MANY_DECIMALS else decimals - 1
    return [None if cell is None else round(cell, fewer) for cell in cells]


def change_present(change: Callable[[Cell], Cell]) -> Callable[[list[Cell]], list[Cell]]:
    return lambda cells: [None if cell is None else change(cell) for cell in cells]


DAMAGES_OF_KINDS: Mapping[str, tuple[tuple[str, ...], Callable[[list[Cell]], list[Cell]]]] = {
    "lost leading zeros": (PADDED, change_present(strip_zeros)),
    "another unit": (NUMBERS, change_present(lambda number: number * 100)),
    "fewer decimals": (tuple(name for name in FRACTIONS if name not in NOT_ROUNDED), round_numbers),
    "texts for numbers": (NUMBERS, change_present(lambda number: f"{number} pcs")),
}
"""The damaged columns, and what happened to their cells."""


def make_baseline_of_kinds(form: str, folder: Path) -> Baseline:
    data = FORMS[form](folder, KINDS)
    return run_baseline(data, DataQualityMonitor(), dataset_format=find_format(form), engine="local")


def list_violations(form: str, folder: Path, columns: Columns, baseline: Baseline) -> set[str]:
    """`feature: check` of each violation."""
    data = FORMS[form](folder, columns)
    findings = run_monitoring(data, DataQualityMonitor(), baseline, dataset_format=find_format(form), engine="local")
    return {f"{finding.feature}: {finding.check}" for finding in findings.results if finding.is_violation}


def score_kinds() -> Iterator[str]:
    """Alarms of the same rows in each form, beside baselines in four, and how many damaged columns are found."""
    alarms = 0
    for baseline_form in BASELINES_OF_KINDS:
        with TemporaryDirectory() as folder:
            baseline = make_baseline_of_kinds(baseline_form, Path(folder))
        for form in FORMS_OF_KINDS:
            with TemporaryDirectory() as folder:
                violations = list_violations(form, Path(folder), KINDS, baseline)
            alarms += len(violations)
            yield from (f"alarm: {baseline_form} -> {form}: {violation}" for violation in sorted(violations))
        if baseline_form == "CSV":
            yield from score_damages(baseline)
    pairs = len(BASELINES_OF_KINDS) * len(FORMS_OF_KINDS)
    yield f"alarms {alarms:,} of {pairs * len(KINDS):,} columns, {len(KINDS)} in {pairs} pairs of forms"


def score_damages(baseline: Baseline) -> Iterator[str]:
    total = 0
    num_violated = 0
    for damage, (names, change) in DAMAGES_OF_KINDS.items():
        damaged = {name: change(list(KINDS[name])) for name in names}
        with TemporaryDirectory() as folder:
            violations = list_violations("CSV", Path(folder), {**KINDS, **damaged}, baseline)
        violated = {violation.partition(":")[0] for violation in violations}
        unnoticed = [name for name in names if name not in violated]
        total += len(names)
        num_violated += len(names) - len(unnoticed)
        yield f"{damage}: found in {len(names) - len(unnoticed)} of {len(names)} columns, not in {unnoticed}"
    yield f"damaged columns found {num_violated} of {total}"
