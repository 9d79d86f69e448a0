"""Where the rows behind a violated feature come from, by the search of `monitors/causes.py`. Pure, except for reading samples.

Source: D4.19.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spark_model_monitor.data.profiling.row_sample import (
    MISSING,
    BinnedColumn,
    RowSample,
    draw_row_sample,
    find_row_ids,
)
from spark_model_monitor.documents.alarms import group_by_cause
from spark_model_monitor.documents.check_results import COMPLETENESS, SEGMENT_DRIFT, CheckResult, Results
from spark_model_monitor.errors import MonitorError
from spark_model_monitor.monitors.causes import (
    MAX_CANDIDATES,
    MAX_VALUES,
    QUARTILES,
    Candidate,
    CauseMembers,
    create_cause_members,
    create_column_keys,
    create_origin_keys,
    describe_fault,
    locate_change,
    select_clear_causes,
)
from spark_model_monitor.monitors.contributions import (
    BinnedChange,
    Key,
    compute_shares,
    create_ordered_tests,
    find_root,
)
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    create_distribution,
)
from spark_model_monitor.statistics import Doubles, Flags
from spark_model_monitor.statistics.states.segments import MISSING as NO_VALUE
from spark_model_monitor.storage import join
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset
    from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
    from spark_model_monitor.statistics.states import Profile

log = logging.getLogger(__name__)

NEW_VALUES = "categorical_values_check"
CLIPPED = "clipped?"  # how the guess of clipped numbers ends
MAX_FEATURES = 6  # violated features that are examined, the largest alarms first
BINS = 20  # for a violated numeric feature, with equal shares on each side
OTHER_ROWS = 0.2  # sum of absolute differences of bin shares; two samples of one baseline differ less


def list_candidates(
    profile: Profile, distributions: Mapping[str, FeatureDistribution], left_out: Mapping[str, object]
) -> Iterator[Candidate]:
    """The columns that may explain a change: texts with few values, and numbers in quarters of the baseline's.

    left_out: the names of columns that are left out.
    """
    for position, feature in enumerate(profile.features):
        name = feature.name
        baseline = distributions.get(name)
        if name in left_out or baseline is None:
            continue
        numbers = None
        if baseline.numbers is not None and feature.is_numeric:
            numbers = baseline.numbers.cdf.drop_infinite()
        if numbers is not None and numbers.total and len(numbers.values) > 1:
            cuts = tuple(sorted({*map(float, numbers.quantiles(QUARTILES))} - {float(numbers.values[0])}))
            if cuts:
                yield Candidate.from_cuts(name, position, cuts)
        elif baseline.categories and not feature.is_numeric and (domain := feature.exact_domain) is not None:
            values = {*domain, *baseline.categories}
            if 1 < len(values) <= MAX_VALUES:
                yield Candidate.from_values(name, position, values)


# The search, and the words for its result.


@value_class
class Examples:
    """Ids of rows behind violations, in a file that only its owner may read. most: the number of ids per violated feature.
    id_column: the column with the ids; None for the ids of captured events. ids: the written ids, by feature.
    """

    output_path: str
    most: int
    id_column: str | None = None
    ids: dict[str, list[str]] = field(default_factory=dict, compare=False)

    def write(
        self, examined_columns: Mapping[str, BinnedColumn], changes: Mapping[str, BinnedChange], dataset: Dataset
    ) -> None:
        """Write examples.parquet below the output path. One pass over the data."""
        # Ids of rows in the bins that grew
        names = list(examined_columns)
        id_column = self.id_column
        rows = []
        if id_column is not None and id_column not in dataset.names:
            log.warning("--id-column names %r, which is no column of the data; no examples are kept", id_column)
        elif names:
            bins = [changes[name].list_changed_bins() for name in names]
            position = None
            if id_column is not None:
                position = dataset.names.index(id_column)
            rows = find_row_ids(dataset, list(examined_columns.values()), bins, self.most, position)
        examples = [(names[index], text, file) for index, text, file in rows if text is not None]
        if len(examples) < len(rows):
            without = len(rows) - len(examples)
            log.warning("%d rows behind violations have no id; name its column with --id-column", without)
        # The schema is the same if no row has an id
        schema = pa.schema([(name, pa.string()) for name in ("feature", "id", "file")], {"id_column": id_column or ""})
        written_rows = [dict(zip(schema.names, example, strict=True)) for example in examples]
        table = pa.Table.from_pylist(written_rows, schema)
        for name, text, _ in examples:
            self.ids.setdefault(name, []).append(text)
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        path = join(self.output_path, "examples.parquet")
        dataset.engine.storage(path).write(path, sink.getvalue().to_pybytes(), private=True)


def find_causes(
    results: Results,
    profile: Profile,
    baseline: QualityBaseline,
    dataset: Dataset,
    examples: Examples | None,
    time: str | None,
    *,
    hide_values: bool,
) -> Results:
    """The results; a violated one with the segment and the origin of its change, if the change has a single one.

    Takes one pass over the data, one over the baseline's data if it can be read, and one for examples. time: the column with
    the times of rows.
    """
    # The alarms of each feature, the largest first
    alarms = {
        violations[0].feature or "": violations
        for violations in group_by_cause(results)
        if violations[0].feature in baseline.distributions
    }
    members_by_feature: dict[str, CauseMembers] = {}
    changes: dict[str, BinnedChange] = {}
    start_time = monotonic()
    try:
        # Every feature has examples; only a few are searched for segments, since each is searched in every key
        bins = {name: _choose_bins(profile, baseline, name) for name in alarms}
        examined_columns = {name: column for name, column in bins.items() if column is not None}
        if examples is None or not examples.most:
            examined_columns = dict(itertools.islice(examined_columns.items(), MAX_FEATURES))
        if examined_columns:
            changes, column_keys, origins = _read_changes(examined_columns, alarms, profile, baseline, dataset, time)
            members_by_feature = _locate_changes(changes, column_keys, origins, baseline.monitoring.false_alarm_budget)
            log.info(f"searched for the origin of the changed rows, {monotonic() - start_time:.1f} s")
        if examples is not None and examples.most:
            examples.write(examined_columns, changes, dataset)
    except (MonitorError, OSError, pa.ArrowException) as fault:
        log.warning(
            "the origin of the changed rows is unknown: the data can't be read again: %s", describe_fault(fault)
        )

    def add_cause(result: CheckResult) -> CheckResult:
        members = members_by_feature.get(result.feature or "")
        if not result.is_violated or result.check == SEGMENT_DRIFT or not members:
            return result
        # All rows are clipped at an end; a segment would only show where larger numbers were
        if not result.where and result.guess is not None and result.guess.endswith(CLIPPED):
            return result
        return locate_change(result, members, hide_values=hide_values)

    return tuple(map(add_cause, results))


def _locate_changes(
    changes: Mapping[str, BinnedChange], column_keys: Sequence[Key], origins: Sequence[Key], level: float
) -> dict[str, CauseMembers]:
    """The segments and the origins of the first changes, by feature, as members of its results."""
    members_by_feature = {}
    changes = dict(itertools.islice(changes.items(), MAX_FEATURES))
    tests = len(changes) * (len(column_keys) + len(origins))
    # A change that follows from another column's shares is in no segment of its own
    for name, change in changes.items():
        root = find_root(name, changes)
        keys = [key for key in column_keys if root is None and name not in key.columns]
        segments = select_clear_causes(change, keys, tests, level)
        members = create_cause_members(segments, select_clear_causes(change, origins, tests, level))
        members_by_feature[name] = members
        if root is not None:
            members["guess"] = f"for each value of {root!r} it is as before: does it follow from {root!r}?"
    return members_by_feature


def _read_changes(
    examined_columns: Mapping[str, BinnedColumn],
    alarms: Mapping[str, Sequence[CheckResult]],
    profile: Profile,
    baseline: QualityBaseline,
    dataset: Dataset,
    time: str | None,
) -> tuple[dict[str, BinnedChange], list[Key], list[Key]]:
    """The changes of the violated features in a sample of rows, and the keys of these rows: columns, and origins."""
    numbers = {name: None for name in alarms if baseline.distributions[name].is_numeric}
    candidates = list(itertools.islice(list_candidates(profile, baseline.distributions, numbers), MAX_CANDIDATES))
    columns = [*examined_columns.values(), *(candidate.binned for candidate in candidates)]
    position = None
    if time in dataset.names:
        position = dataset.names.index(time)
    current_sample = draw_row_sample(dataset, columns, profile.item_count, position)
    if not len(current_sample.bins):  # the rows no longer exist
        return {}, [], []
    # The baseline's rows, unless they have changed since its states were made
    baseline_sample = _sample_baseline(baseline, [dataset.names[column.position] for column in columns], columns)
    changes = {}
    for index, (name, binned_column) in enumerate(examined_columns.items()):
        shares_before = _compute_baseline_shares(baseline.distributions[name], binned_column)
        if (
            baseline_sample is not None
            and np.abs(compute_shares(baseline_sample.bins[:, index], binned_column.bins) - shares_before).sum()
            > OTHER_ROWS
        ):
            baseline_sample = None  # the baseline's rows have changed since
        missing = any(alarm.check == COMPLETENESS for alarm in alarms[name])
        tests = _create_tests(binned_column, missing=missing)
        # Violations of a domain are about all new values together; each alone may have few rows
        is_new = shares_before == 0
        is_new[MISSING] = False
        if any(alarm.check == NEW_VALUES for alarm in alarms[name]) and is_new.any():
            tests = is_new[:, np.newaxis]
        changes[name] = BinnedChange(
            current_sample.bins[:, index], shares_before, tests, are_categories=not binned_column.cuts
        )
    column_keys: list[Key] = []
    rows_before = 0
    if baseline_sample is not None:
        for index, (name, change) in enumerate(changes.items()):
            bins = baseline_sample.bins[:, index]
            shares_before = compute_shares(bins, len(change.shares_before))
            changes[name] = replace(change, shares_before=shares_before, bins_before=bins)
        # The first columns of bins are the violated features, the others the candidates
        size = len(examined_columns)
        column_keys = list(
            create_column_keys(candidates, current_sample.bins[:, size:], baseline_sample.bins[:, size:])
        )
        rows_before = len(baseline_sample.bins)
    return changes, column_keys, list(create_origin_keys(current_sample, rows_before))


def _choose_bins(profile: Profile, baseline: QualityBaseline, name: str) -> BinnedColumn | None:
    """The bins of a violated feature; None if the data lacks it, or the baseline has no numbers or categories."""
    position = next((index for index, feature in enumerate(profile.features) if feature.name == name), None)
    if position is None:
        return None
    # Numbers: bins with equal shares of the baseline, and of the window, and a bin below the least number
    baseline_distribution = baseline.distributions[name]
    current_distribution = create_distribution(profile.features[position])
    if baseline_distribution.numbers is not None:
        cuts: set[float] = set()
        for distribution in (baseline_distribution, current_distribution):
            if distribution.numbers is None:
                continue
            cdf = distribution.numbers.cdf.drop_infinite()
            if cdf.total:
                cuts.update(map(float, cdf.quantiles(np.linspace(0, 1, BINS + 1).tolist())))
                cuts.add(math.nextafter(float(cdf.values[0]), -math.inf))
        if cuts:
            return BinnedColumn(position, tuple(sorted(cuts)))
        return None
    if baseline_distribution.categories is None:
        if baseline_distribution.present < baseline_distribution.rows:
            return BinnedColumn(position, values=(NO_VALUE,))
        return None
    # Texts: a bin for each category whose share changed most
    counts = baseline_distribution.categories
    counts_now = current_distribution.categories or {}
    n = sum(counts.values()) or 1
    m = sum(counts_now.values()) or 1
    changes = {value: abs(counts.get(value, 0) / n - counts_now.get(value, 0) / m) for value in {*counts, *counts_now}}
    # So many new values, such as ids and times, are alike, so they are one bin without any other value
    if len(counts_now.keys() - counts.keys()) > MAX_VALUES:
        changes = {value: changes[value] for value in counts}
    by_change = sorted(changes, key=lambda value: (-changes[value], value))
    values = tuple(sorted(by_change[:MAX_VALUES]))
    return BinnedColumn(position, values=values, grouped=tuple(by_change[MAX_VALUES:]))


def _compute_baseline_shares(baseline: FeatureDistribution, binned_column: BinnedColumn) -> Doubles:
    """The shares of the bins in the baseline's states."""
    present = baseline.present / max(baseline.rows, 1)
    if binned_column.cuts and baseline.numbers is not None:
        shares_below = baseline.numbers.cdf.shares_at(np.array(binned_column.cuts))
        shares = np.diff(shares_below, prepend=0.0, append=1.0)
    else:
        counts = baseline.categories or {}
        total = sum(counts.values()) or 1
        shares = np.array([counts.get(value, 0) / total for value in binned_column.values])
        if binned_column.grouped:
            shares = np.append(shares, sum(counts.get(value, 0) for value in binned_column.grouped) / total)
    return np.concatenate([[1 - present, present * max(0.0, 1 - float(shares.sum()))], present * shares])


def _create_tests(binned_column: BinnedColumn, *, missing: bool) -> Flags:
    """The tests, as columns of flags of bins. If missing values are the change, their bin; for numbers, the missing and unmatched
    bins and those up to each cut; for texts, each bin.
    """
    size = binned_column.bins
    is_single_bin = np.eye(size, dtype=bool)
    if missing:
        return is_single_bin[:, [MISSING]]
    if binned_column.cuts:
        return np.column_stack([is_single_bin[:, :2], create_ordered_tests(size)])
    return is_single_bin


def _sample_baseline(
    baseline: QualityBaseline, names: Sequence[str], columns: Sequence[BinnedColumn]
) -> RowSample | None:
    """A sample of the baseline's rows; None if they can't be read."""
    if baseline.source is None:
        return None
    try:
        num_rows = 0
        if baseline.profile is not None:
            num_rows = baseline.profile.item_count
        with baseline.source() as dataset:
            indices = map(dataset.names.index, names)
            binned_columns = [replace(column, position=index) for column, index in zip(columns, indices, strict=True)]
            return draw_row_sample(dataset, binned_columns, num_rows)
    except (MonitorError, OSError, ValueError, pa.ArrowException) as fault:
        log.info("no segment is looked for, as the baseline's rows can't be read again: %s", describe_fault(fault))
        return None
