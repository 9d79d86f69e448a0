"""Where the rows behind a violated feature come from, by the search of `monitors.causes`. Pure, except for reading samples.

Source: D4.19.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spark_model_monitor.data.profiling.row_sample import MISSING, Binned, RowSample, ids_of, sample_of
from spark_model_monitor.documents.check_results import (
    COMPLETENESS,
    SEGMENT_DRIFT,
    CheckResult,
    CheckStatus,
    by_cause,
    remove_values,
)
from spark_model_monitor.errors import MonitorError
from spark_model_monitor.monitors.causes import (
    MOST_CANDIDATES,
    MOST_VALUES,
    QUARTILES,
    Candidate,
    Change,
    Key,
    Numbers,
    clear_ones,
    find_root,
    in_order,
    members_of,
    of_columns,
    of_origins,
    shares_of,
)
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    from_feature_profile,
)
from spark_model_monitor.statistics.states.segments import MISSING as NO_VALUE
from spark_model_monitor.storage import join

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset
    from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
    from spark_model_monitor.statistics.states import Profile

log = logging.getLogger(__name__)

MOST_FEATURES = 6  # violated features that are examined, the largest alarms first
BINS = 20  # for a violated numeric feature, with equal shares on each side
OTHER_ROWS = 0.2  # sum of the differences between bin shares: no two samples of one baseline differ so much


def list_candidates(
    profile: Profile, known: Mapping[str, FeatureDistribution], left_out: Mapping[str, object]
) -> Iterator[Candidate]:
    """Columns with few values, and numbers by their quartiles in the baseline. left_out: names."""
    for position, feature in enumerate(profile.features):
        name = feature.name
        before = known.get(name)
        if name in left_out or before is None:
            continue
        numbers = None
        if before.numbers is not None and feature.is_numeric:
            numbers = before.numbers.step_cdf().finite()
        if numbers is not None and numbers.total and len(numbers.values) > 1:
            cuts = tuple(sorted({*map(float, numbers.quantiles(QUARTILES))} - {float(numbers.values[0])}))
            if cuts:
                yield Candidate.of_cuts(name, position, cuts)
        elif before.categories and not feature.is_numeric and (domain := feature.exact_domain) is not None:
            values = {*domain, *before.categories}
            if 1 < len(values) <= MOST_VALUES:
                yield Candidate.of_values(name, position, values)


# The search, and the words for its result.


@dataclass(frozen=True, slots=True)
class Examples:
    """Ids of rows behind violations, in a file that only its owner may read. most: per violated feature. id_column: the
    column with the ids; None for those of captured events. ids: those that were written, by feature.
    """

    output_path: str
    most: int
    id_column: str | None = None
    ids: dict[str, list[str]] = field(default_factory=dict, compare=False)

    def write(self, looked_at: Mapping[str, Binned], changes: Mapping[str, Change], dataset: Dataset) -> None:
        """Write examples.parquet below the output path. One pass over the data."""
        names = list(looked_at)
        id_column = self.id_column
        rows = []
        if id_column is not None and id_column not in dataset.names:
            log.warning("--id-column names %r, which is no column of the data; no examples are kept", id_column)
        elif names:
            bins = [changes[name].behind() for name in names]
            position = None if id_column is None else dataset.names.index(id_column)
            rows = ids_of(dataset, list(looked_at.values()), bins, self.most, position)
        found = [(names[place], text, file) for place, text, file in rows if text is not None]
        if len(found) < len(rows):
            without = len(rows) - len(found)
            log.warning("%d rows behind violations have no id; name its column with --id-column", without)
        schema = pa.schema([(name, pa.string()) for name in ("feature", "id", "file")], {"id_column": id_column or ""})
        table = pa.table(
            [list(column) for column in zip(*found, strict=True)] if found else [[], [], []], schema=schema
        )
        for name, text, _ in found:
            self.ids.setdefault(name, []).append(text)
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        path = join(self.output_path, "examples.parquet")
        dataset.engine.storage(path).write(path, sink.getvalue().to_pybytes(), private=True)


def find_causes(
    results: tuple[CheckResult, ...],
    profile: Profile,
    known: QualityBaseline,
    dataset: Dataset,
    examples: Examples | None,
    time: str | None,
    *,
    hide_values: bool,
) -> tuple[CheckResult, ...]:
    """The results; violated ones with the segment and the origin of their change, if it has a single one.

    One pass over the data, one over the baseline's if it can be read, and one for examples. time: the column with the
    times of rows.
    """
    alarms = {found[0].feature or "": found for found in by_cause(results) if found[0].feature in known.distributions}
    found: dict[str, dict[str, Any]] = {}
    changes: dict[str, Change] = {}
    began = monotonic()
    try:
        looked_at = {name: bins for name in alarms if (bins := _binned(profile, known, name)) is not None}
        looked_at = dict(itertools.islice(looked_at.items(), MOST_FEATURES))
        if looked_at:
            changes, of_columns, origins = _read(looked_at, alarms, profile, known, dataset, time)
            level = known.monitoring.false_alarm_budget
            tests = len(changes) * (len(of_columns) + len(origins))
            for name, change in changes.items():
                root = find_root(name, changes)
                keys = [key for key in of_columns if root is None and name not in key.columns]
                segments = clear_ones(change, keys, tests, level)
                found[name] = members_of(segments, clear_ones(change, origins, tests, level))
                if root is not None:
                    found[name]["guess"] = f"for each value of {root!r} it is as before: does it follow from {root!r}?"
            log.info("searched for the origin of the changed rows, %.1f s", monotonic() - began)
        if examples is not None and examples.most:
            examples.write(looked_at, changes, dataset)
    except (MonitorError, OSError, pa.ArrowException) as fault:
        log.warning(
            "the origin of the changed rows is unknown: the data can't be read again (%s)", type(fault).__name__
        )

    def told(result: CheckResult) -> CheckResult:
        members = dict(found.get(result.feature or "", {}))
        if result.status is not CheckStatus.VIOLATED or result.check == SEGMENT_DRIFT or not members:
            return result
        if result.where:
            del members["where"], members["segment"]
        result = result.model_copy(update=members)
        if hide_values:
            return remove_values(result)
        return result

    return tuple(map(told, results))


def _read(
    looked_at: Mapping[str, Binned],
    alarms: Mapping[str, Sequence[CheckResult]],
    profile: Profile,
    known: QualityBaseline,
    dataset: Dataset,
    time: str | None,
) -> tuple[dict[str, Change], list[Key], list[Key]]:
    """The violated features in the sample, and the keys of its rows: columns, and origins."""
    numbers = {name: None for name in alarms if known.distributions[name].is_numeric}
    candidates = list(itertools.islice(list_candidates(profile, known.distributions, numbers), MOST_CANDIDATES))
    columns = [*looked_at.values(), *(candidate.binned for candidate in candidates)]
    position = None
    if time in dataset.names:
        position = dataset.names.index(time)
    now = sample_of(dataset, columns, profile.item_count, position)
    if not len(now.bins):  # the rows no longer exist
        return {}, [], []
    before = _before(known, [dataset.names[column.position] for column in columns], columns)
    changes = {}
    for place, (name, binned) in enumerate(looked_at.items()):
        was = _was(known.distributions[name], binned)
        if before is not None and np.abs(shares_of(before.bins[:, place], binned.bins) - was).sum() > OTHER_ROWS:
            before = None  # the baseline's rows have changed since
        missing = any(each.check == COMPLETENESS for each in alarms[name])
        tests = _tests(binned, missing=missing)
        changes[name] = Change(now.bins[:, place], was, tests, are_categories=not binned.cuts)
    if before is None:
        return changes, [], list(of_origins(now))
    for place, (name, change) in enumerate(changes.items()):
        bins = before.bins[:, place]
        changes[name] = replace(change, was=shares_of(bins, len(change.was)), before=bins)
    size = len(looked_at)
    return changes, list(of_columns(candidates, now.bins[:, size:], before.bins[:, size:])), list(of_origins(now))


def _binned(profile: Profile, known: QualityBaseline, name: str) -> Binned | None:
    """The bins of a violated feature; None if the data lacks it, or the baseline has no numbers or categories."""
    position = next((place for place, feature in enumerate(profile.features) if feature.name == name), None)
    if position is None:
        return None
    feature = profile.features[position]
    before = known.distributions[name]
    now = from_feature_profile(feature)
    if before.numbers is not None:
        sides = [side.numbers.step_cdf().finite() for side in (before, now) if side.numbers is not None]
        sides = [side for side in sides if side.total]
        cuts = {float(value) for side in sides for value in side.quantiles(np.linspace(0, 1, BINS + 1).tolist())}
        least = [math.nextafter(float(side.values[0]), -math.inf) for side in sides]
        if cuts:
            return Binned(position, tuple(sorted({*cuts, *least})))
        return None
    if before.categories is None:
        if before.present < before.rows:
            return Binned(position, values=(NO_VALUE,))
        return None
    was = before.categories
    found = now.categories or {}
    n, m = (sum(side.values()) or 1 for side in (was, found))
    apart = {value: abs(was.get(value, 0) / n - found.get(value, 0) / m) for value in {*was, *found}}
    return Binned(position, values=tuple(sorted(sorted(apart, key=lambda value: (-apart[value], value))[:MOST_VALUES])))


def _was(before: FeatureDistribution, binned: Binned) -> Numbers:
    """The shares of the bins in the baseline's states."""
    if before.rows:
        present = before.present / before.rows
    else:
        present = 0.0
    if binned.cuts and before.numbers is not None:
        upto = before.numbers.step_cdf().shares_at(np.array(binned.cuts))
        own = np.diff(upto, prepend=0.0, append=1.0)
    else:
        counts = before.categories or {}
        own = np.array([counts.get(value, 0) / (sum(counts.values()) or 1) for value in binned.values])
    return np.concatenate([[1 - present, present * max(0.0, 1 - float(own.sum()))], present * own])


def _tests(binned: Binned, *, missing: bool) -> NDArray[np.bool_]:
    """Which bins are tested together: those up to each cut, each category, and missing cells, or none of either."""
    size = binned.bins
    alone = np.eye(size, dtype=bool)
    if missing:
        return alone[:, [MISSING]]
    if binned.cuts:
        return np.column_stack([alone[:, :2], in_order(size)])
    return alone


def _before(known: QualityBaseline, names: Sequence[str], columns: Sequence[Binned]) -> RowSample | None:
    """A sample of the baseline's rows; None if they can't be read."""
    if known.source is None:
        return None
    try:
        with known.source() as dataset:
            positions = [dataset.names.index(name) for name in names]
            own = [replace(column, position=at) for column, at in zip(columns, positions, strict=True)]
            return sample_of(dataset, own, known.profile.item_count if known.profile is not None else 0)
    except (MonitorError, OSError, ValueError, pa.ArrowException) as fault:
        log.info("the baseline's rows can't be read again (%s); no segment is looked for", type(fault).__name__)
        return None
