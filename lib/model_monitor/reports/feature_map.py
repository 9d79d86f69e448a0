"""All features × all windows as numbers that the page's script draws: packed, and no larger than the page may be. Pure."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from model_monitor.documents.page import Block, FeatureMap, number_text
from model_monitor.reports.history import Series

MOST_ROWS = 2_000
LAST = 24
"""Windows at the end whose distributions are there of all features."""
BINS = 22
NO_VALUE = 255


def feature_map(
    found: Sequence[Series],
    times: Sequence[str],
    baselines: Mapping[str, Mapping[str, Sequence[float]]],
    most_bytes: int,
) -> list[Block]:
    """The map of the monitor of features, and what it leaves out; a sentence alone if no run looked at features."""
    series = next((each for each in found if not each.is_metric.all()), None)
    if series is None:
        return ["Only metrics were looked at; the tables below have them all."]
    order = _worst_first(series)
    rows = order[:MOST_ROWS]
    drawn = np.where(series.is_metric[:, None], np.nan, series.of("distance"))[rows]
    detailed, left_out = _detailed(series, rows, most_bytes)
    shares, means = _cells(series, rows, detailed)
    _, last = series.last
    known = baselines.get(last.baseline_run_id or "", {})
    data = {
        "names": [series.names[row] for row in rows],
        "times": list(times),
        "distances": _packed(_quantised(drawn)),
        "statuses": _packed(series.of("status")[rows].astype(np.uint8)),
        "cells": _packed(_mask(detailed, (len(rows), len(times)))),
        "shares": _packed(shares),
        "numbers": _packed(means),
        "baseline": _packed(np.array([_of_baseline(known.get(series.names[row])) for row in rows], np.uint8)),
        "bins": [_ends(last.bins.get(series.names[row])) for row in rows],
        "folders": [run.place if (run := series.runs.get(place)) else "" for place in range(len(times))],
    }
    said = (
        [f"{len(order) - MOST_ROWS:,} more features, which were violated less, stand in the tables."]
        if len(order) > MOST_ROWS
        else []
    )
    if left_out:
        said.append(
            f"Distributions of {left_out:,} windows of features are left out to keep the page small; --max-size lets them in, "
            "--features chooses."
        )
    return [FeatureMap("Distance of each feature in each window", data), *said]


def _worst_first(series: Series) -> NDArray[np.int64]:
    """Rows: those violated now, then in most windows, then with the largest distance."""
    column, _ = series.last
    with np.errstate(all="ignore"):
        largest = np.nan_to_num(np.where(np.isnan(series.of("distance")), 0, series.of("distance")).max(axis=1))
    features = np.flatnonzero(~series.is_metric)
    keys = (-largest[features], -series.is_violated[features].sum(axis=1), ~series.is_violated[features, column])
    ordered: NDArray[np.int64] = features[np.lexsort(keys)]
    return ordered


def _detailed(series: Series, rows: NDArray[np.int64], most_bytes: int) -> tuple[list[tuple[int, int]], int]:
    """The cells (line of the map, window) whose distributions are on the page, the last windows of all, then all windows of those
    that were violated, as many as there is room for; and how many there is not."""
    ran = sorted(series.runs)
    with_shares = [place for place in ran if series.runs[place].shares is not None]
    recent = set(with_shares[-LAST:])
    room = max(most_bytes // 2, 0) // BINS
    wanted = [(line, place) for place in with_shares if place in recent for line in range(len(rows))]
    violated = np.flatnonzero(series.is_violated[rows].any(axis=1)).tolist()
    wanted += [(line, place) for line in violated for place in with_shares if place not in recent]
    return sorted(wanted[:room]), max(len(wanted) - room, 0)


def _mask(cells: Sequence[tuple[int, int]], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """1 for each cell whose distribution is there; those follow each other in this order."""
    found = np.zeros(shape, np.uint8)
    for line, place in cells:
        found[line, place] = 1
    return found


def _cells(
    series: Series, rows: NDArray[np.int64], cells: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Of each cell the shares, as 255 parts, and mean, median and share of missing values."""
    shares = np.zeros((len(cells), BINS), np.uint8)
    numbers = np.full((len(cells), 3), np.nan, np.float32)
    places = {place: run.places for place, run in series.runs.items()}
    parts = {place: _of_255(run.shares) for place, run in series.runs.items() if run.shares is not None}
    present, missing, mean, median = (series.of(name) for name in ("present", "missing", "mean", "median"))
    for cell, (line, place) in enumerate(cells):
        row = int(rows[line])
        of_row = places[place].get(series.names[row])
        if of_row is not None:
            shares[cell, : parts[place].shape[1]] = parts[place][of_row]
        total = present[row, place] + missing[row, place]
        share = missing[row, place] / total if total else np.nan
        numbers[cell] = mean[row, place], median[row, place], share
    return shares, numbers


def _of_baseline(shares: Sequence[float] | None) -> NDArray[np.uint8]:
    found = np.zeros(BINS, np.uint8)
    if shares:
        found[: len(shares)] = _of_255(np.array(shares[:BINS], np.float32))
    return found


def _of_255(shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(np.clip(np.nan_to_num(shares), 0, 1) * 255).astype(np.uint8)


def _ends(bins: Sequence[object] | None) -> list[str]:
    """What the ends of a drawing are called."""
    if bins and len(bins) == 2 and all(isinstance(end, (int, float)) for end in bins):
        return [number_text(float(end), 3) for end in bins]  # type: ignore[arg-type]
    return ["most frequent", "new"] if bins else []


def _quantised(distances: NDArray[np.float64]) -> NDArray[np.uint8]:
    """0 to 250 for a distance from 0 to 1."""
    found = np.rint(np.clip(np.nan_to_num(distances), 0, 1) * 250)
    return np.where(np.isnan(distances), NO_VALUE, found).astype(np.uint8)


def _packed(numbers: NDArray[np.generic]) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(numbers).tobytes(), 9)).decode()
