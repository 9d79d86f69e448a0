"""An explanation for people, in plain text. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from model_monitor.derivation.explanations import Derivation, Explanation
from model_monitor.derivation.tables import Row, Table
from model_monitor.documents.check_results import QUANTILES, CheckResult
from model_monitor.outputs.printable import printable
from model_monitor.outputs.text_table import text_table

WIDTH = 120

LARGEST, NEW = "largest gap", "not in the baseline"


def as_text(explanation: Explanation) -> str:
    """The checks, then where the drift check's distance comes from, each step with its numbers."""
    return "".join(f"{printable(line)}\n" for line in _lines(explanation))


def _lines(explanation: Explanation) -> Iterator[str]:
    yield f"{explanation.name} in {explanation.run}"
    if explanation.baseline:
        yield f"held against {explanation.baseline}"
    if explanation.types:
        yield "cells: " + ", ".join(f"{count:,} {name}" for name, count in explanation.types.items())
    if explanation.lacking:
        yield f"lacks {', '.join(explanation.lacking)}: not every run that was merged has it"
    for result in explanation.results:
        yield ""
        yield from _check(result)
        if result is explanation.drift and explanation.derivation is not None:
            yield ""
            yield from _derivation(explanation.derivation, result, reproduced=explanation.is_reproduced)
        elif result is explanation.drift and explanation.no_derivation:
            yield f"  no table: {explanation.no_derivation}"


def _check(result: CheckResult) -> Iterator[str]:
    yield f"{result.check}: {result.status.value}"
    if result.observed is not None:
        threshold = "undefined" if result.threshold is None else repr(result.threshold)
        yield f"  observed {result.observed!r}, threshold {threshold}"
    if result.interval is not None:
        yield f"  interval {result.interval[0]!r} to {result.interval[1]!r}"
    if result.formula:
        yield f"  = {result.formula}"
    counts = [
        f"{name} = {value:,}"
        for name, value in (("n", result.n), ("m", result.m), ("degrees of freedom", result.degrees_of_freedom))
        if value is not None
    ]
    if result.statistic is not None:
        counts.append(f"statistic = {result.statistic!r}")
    if counts:
        yield "  with " + ", ".join(counts)
    if result.reason:
        yield f"  because {result.reason}"


def _derivation(derivation: Derivation, result: CheckResult, *, reproduced: bool | None) -> Iterator[str]:
    table, numbers = derivation.table, derivation.table.kind == "numbers"
    shares = ("F_baseline", "F_current") if numbers else ("p_baseline", "p_current")
    if derivation.quantiles:
        sides: list[list[str | float]] = [[name, *found] for name, found in derivation.quantiles.items()]
        yield from text_table(("quantile", *(f"{share:.0%}" for share in QUANTILES)), sides, width=WIDTH).splitlines()
        yield ""
    header = ("value" if numbers else "category", "baseline", "current", *shares, "gap", "")
    rows = [_cells(row, _mark(row, table)) for row in table.rows]
    yield from text_table(header, rows, width=WIDTH).splitlines()
    yield ""
    largest = table.largest
    place = f"at {largest.up_to!r}" if numbers else f"of {largest.label!r}"
    yield f"largest gap {place}: |{largest.baseline_share!r} - {largest.current_share!r}| = {largest.gap!r}"
    if derivation.correction:
        yield f"less what chance does to so few: 1.8 * sqrt((n + m) / (n * m)) = {derivation.correction!r}"
        yield f"  n = {table.n:,} values of the baseline, m = {table.m:,} of the current data"
    if derivation.computed is not None and result.threshold is not None:
        more = result.threshold < derivation.computed
        yield f"{derivation.method}: {derivation.computed!r}, {'above' if more else 'not above'} {result.threshold!r}"
    if result.adjusted_p is not None:
        yield f"the verdict is its test's, whatever the threshold: p = {result.p!r}, {result.adjusted_p!r} among all features"
    if reproduced is False:
        yield f"checks.json says {result.observed!r}: the baseline has been changed since, or another one was named"


def _mark(row: Row, table: Table) -> str:
    is_new = table.kind == "categories" and row.current > 0 and not row.baseline
    remarks = [text for text, holds in ((LARGEST, row == table.largest), (NEW, is_new)) if holds]
    return f"<- {', '.join(remarks)}" if remarks else ""


def _cells(row: Row, mark: str) -> tuple[str | int | float, ...]:
    return (
        row.label,
        row.baseline,
        row.current,
        row.baseline_share,
        row.current_share,
        row.gap,
        mark,
    )
