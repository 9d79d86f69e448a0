"""The scan of the explainability monitor: baseline rows, a probe of the model, the attributions of all rows, partial dependence.

One Spark job explains all rows. Before it, one job takes a sample if baseline rows aren't given or partial dependence
is requested, and one task calls the model with the baseline rows, so that most errors show early. Partial dependence is
one job for all features. Driver only.
"""

from __future__ import annotations

import csv
import io
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.local import numbers
from spark_model_monitor.data.engine.protocol import Engine, Partitions, StateRow, added
from spark_model_monitor.data.profiling.contingency import STRAY_SHARE
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.records.decoded_rows import with_reasons
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.errors import BadConfiguration, NoData
from spark_model_monitor.monitors.explainability.analysis import Dependent, analysis_of
from spark_model_monitor.monitors.explainability.baseline_rows import (
    FILE,
    LOCAL,
    baseline_rows,
    columns_of,
    rows_given,
    rows_in,
    to_csv,
)
from spark_model_monitor.monitors.explainability.kernel import Cells
from spark_model_monitor.monitors.explainability.measures import RESOLUTION, TOP_FEATURES, AttributionMeasures, plan_of
from spark_model_monitor.monitors.explainability.partition import (
    CELLS,
    FEATURE,
    GROUP,
    JOIN,
    KEY,
    LOCAL_VALUES,
    PROBE_SCHEMA,
    REASON,
    SUMS_SCHEMA,
    AnswerTask,
    AttributionTask,
    Explained,
    Grid,
    attributions_of_partition,
    dependence_of_features,
    grid_of,
    probe,
    sample_of_partition,
)
from spark_model_monitor.monitors.predictors.loading import (
    are_numbers,
    cells_of,
    content_of,
    number_flags,
    plain,
    shipped,
)
from spark_model_monitor.monitors.protocol import Scanned
from spark_model_monitor.statistics.states import RowCounts, RowRuns
from spark_model_monitor.statistics.states.attributions import Attributions
from spark_model_monitor.storage import join
from spark_model_monitor.storage.files import standing_in

if TYPE_CHECKING:
    from spark_model_monitor.monitors.user_checks.checks import CheckPlan

log = logging.getLogger(__name__)

SHARES_OF_SAMPLE = 8
"""Rows that a partition returns, as a multiple of its share of the sample, so that uneven partitions balance out."""


def scanned(measures: AttributionMeasures, dataset: Dataset, checks: CheckPlan | None) -> Scanned:
    """The attributions of a data set. Partial dependence reads rows again, once enough rows are accepted."""
    rows = _Rows(measures, dataset)
    baseline = measures.shap.baseline
    with _asking(rows) as explained:
        names = explained.names
        plan = rows.plan
        expected = _probed(rows, explained, says_why=baseline is not None and not isinstance(baseline, str))
        written = tuple(names.index(name) for name in plan.written)
        nothing = Attributions(
            tuple(names[place] for place in written),
            _outputs(measures, len(expected)),
            measures.aggregation.value,
            to_csv(names, explained.baseline),
            group_column=plan.group or "",
        )
        with_local = bool(measures.shap.save_local_shap_values) and measures.attributes
        task = AttributionTask(explained, nothing, written, len(Refusal), with_local, measures.with_runs)
        state, counted, local, runs = _explained(rows, task)
        if state.count:
            dependence = _dependence(rows, explained, state)
        else:
            dependence = ()
    files = {FILE: state.baseline.encode()} | ({LOCAL: local} if task.with_local else {})
    return Scanned(state, counted, lambda: replace(analysis_of(state), dependence=dependence, files=files), runs=runs)


@contextmanager
def _asking(rows: _Rows) -> Iterator[Explained]:
    """The model with its baseline rows, while it is in use."""
    numeric, cells = _baseline(rows)
    measures = rows.measures
    shap = rows.measures.shap
    with rows.partitions.sent(content_of(measures.model, rows.dataset.engine.storage)) as content:
        how = rows.plan.samples, shap.seed or 0, bool(shap.use_logit), measures.algorithm
        yield Explained(rows.plan.features, numeric, shipped(measures.model), content, cells, *how)


def answered(measures: AttributionMeasures, dataset: Dataset) -> Dataset:
    """The data set, refusing records for which the model has no finite answer; it is called when rows are read."""
    rows = _Rows(measures, dataset)
    table = dataset.table_with_lines
    columns = tuple(f"c{dataset.names.index(name)}" for name in rows.plan.features)
    with _asking(rows) as explained:
        task = AnswerTask(explained, columns, dataset.cells, with_reasons(table.schema))
    return replace(dataset, rows=table.mapped(task, task.schema), refusable=True)


class _Rows:
    """The rows of a data set in the form for executors: the features' cells, and further columns of each row."""

    def __init__(self, measures: AttributionMeasures, dataset: Dataset) -> None:
        self.measures, self.dataset, self.plan = measures, dataset, plan_of(measures, dataset.names)
        absent = [name for name in measures.others if isinstance(name, str) and name not in dataset.names]
        if absent and measures.baseline is None:  # a window has no labels
            there = ", ".join(dataset.names)
            log.warning(
                "%s is no column of the data, so that no other one is left out for it: %s", ", ".join(absent), there
            )
        table = dataset.table
        places = {name: f"c{place}" for place, name in enumerate(dataset.names)}
        types = {name: table.schema.field(places[name]).type for name in self.plan.features}
        for name, kind in types.items():
            if pa.types.is_nested(kind) or pa.types.is_binary(kind):
                raise BadConfiguration(
                    f"feature {name!r} holds {kind}, which is not explained; name it in excluded_columns"
                )
        self.are_texts = [pa.types.is_string(plain(pa.array([], kind)).type) for kind in types.values()]
        chosen = [(places[name], FEATURE.format(place)) for place, name in enumerate(types)]
        chosen += [(column, called) for column, called in ((dataset.reason, REASON), (dataset.cells, CELLS)) if column]
        further = ((self.plan.join, JOIN), (self.plan.group, GROUP))
        chosen += [(places[name], called) for name, called in further if name]
        self.partitions = table.selected(*map(list, zip(*chosen, strict=True)))

    @cached_property
    def sample(self) -> list[pa.Array] | None:
        """The columns of rows drawn by key, the same ones in every run; None if no sample is needed."""
        measures = self.measures
        if measures.pdp is None and not (measures.baseline is None and measures.shap.baseline is None):
            return None
        rows = measures.sampled_rows
        kinds = [pa.string() if is_text else pa.float64() for is_text in self.are_texts]
        features = [pa.field(FEATURE.format(place), kind) for place, kind in enumerate(kinds)]
        schema = pa.schema([pa.field(KEY, pa.int64()), *features])
        quota = max(1, min(rows, SHARES_OF_SAMPLE * rows // (self.dataset.partitions_at_most or 1)))
        task = partial(sample_of_partition, len(features), quota, schema)
        found = pa.Table.from_batches(self.partitions.mapped(task, schema).batches(), schema)
        for field, is_text in zip(features, self.are_texts, strict=True):
            if is_text:
                are_numbers_there = number_flags(found[field.name].combine_chunks())
            else:
                are_numbers_there = np.ones(1, bool)
            if 0 < (~are_numbers_there).sum() <= STRAY_SHARE * found.num_rows:  # too few to be a feature of texts
                found = found.filter(pa.array(are_numbers_there))
        if not found.num_rows:
            raise NoData("no row is left to make baseline rows of")
        found = found.take(pc.sort_indices(found, [(field.name, "ascending") for field in schema])[:rows])
        return [column.combine_chunks() for column in found.columns[1:]]

    def tasks(self, count: int) -> Partitions:
        """Partitions of one row each, its number, for work that isn't on the data's rows."""
        engine: Engine = self.dataset.engine
        return engine.way(numbers)(engine, count)


def _baseline(rows: _Rows) -> tuple[tuple[bool, ...], Cells]:
    """Which features are numbers, and the baseline rows."""
    names = rows.plan.features
    sample = rows.sample
    given = _given(rows.measures, rows.dataset, names)
    known = [columns for columns in (given, sample) if columns is not None]
    numeric = tuple(
        not is_text or all(are_numbers(columns[place]) for columns in known)
        for place, is_text in enumerate(rows.are_texts)
    )
    if given is not None:
        return numeric, cells_of(given, names, numeric)
    assert sample is not None  # a sample is taken unless rows are given
    began = time.monotonic()
    shap = rows.measures.shap
    found = baseline_rows(cells_of(sample, names, numeric), numeric, shap.num_clusters, shap.seed or 0)
    log.info("made %d baseline rows of %s, %.1f s", len(found), f"{len(sample[0]):,}", time.monotonic() - began)
    return numeric, found


def _given(measures: AttributionMeasures, dataset: Dataset, names: Sequence[str]) -> list[pa.Array] | None:
    """The columns of given baseline rows: those of an earlier run, or else the configuration's."""
    baseline = measures.shap.baseline
    earlier = measures.baseline
    features = measures.config.features
    if isinstance(earlier, str):
        place = join(earlier, FILE)
        storage = dataset.engine.storage(place)
        if storage.exists(place):
            columns = columns_of(rows_in(storage.read(place), place, names, None))
            if baseline is not None:
                _require_same(columns, _asked(baseline, dataset, names, features), names, place)
            return columns
    elif earlier is not None:
        return columns_of(rows_given(earlier, names, features))
    if baseline is None:
        return None
    return _asked(baseline, dataset, names, features)


def _asked(asked: Any, dataset: Dataset, names: Sequence[str], features: str | None) -> list[pa.Array]:
    if isinstance(asked, str):
        place = standing_in(asked)
        return columns_of(rows_in(dataset.engine.storage(place).read(place), asked, names, features))
    return columns_of(rows_given(asked, names, features))


def _require_same(found: list[pa.Array], asked: list[pa.Array], names: Sequence[str], place: str) -> None:
    numeric = [are_numbers(one) and are_numbers(other) for one, other in zip(found, asked, strict=True)]
    if to_csv(names, cells_of(found, names, numeric)) != to_csv(names, cells_of(asked, names, numeric)):
        raise BadConfiguration(
            f"methods.shap.baseline has other rows than {place}, so attributions could not be compared; leave it out, or make "
            "the baseline again"
        )


def _outputs(measures: AttributionMeasures, count: int) -> tuple[str, ...]:
    predictor = measures.config.predictor
    headers = None
    if predictor is not None:
        headers = predictor.label_headers
    if headers is not None and len(headers) == count:
        return tuple(map(str, headers))
    if headers is not None:
        log.warning(
            "predictor.label_headers has %d names, and the model gives %d scores; they are not used",
            len(headers),
            count,
        )
    return tuple(f"label{place}" for place in range(count))


def _probed(rows: _Rows, explained: Explained, *, says_why: bool) -> list[float]:
    """The model's mean answers to the baseline rows, by output. One task. says_why: whether the rows are from the
    configuration, so that an error may repeat the model's message about them; other rows are made of the data."""
    found = rows.tasks(1).mapped(partial(probe, explained, says_why), PROBE_SCHEMA).batches()[0].to_pylist()[0]
    if not found["is_deterministic"]:
        log.warning(
            "the model gave other answers for the same rows when it was asked again; attributions will not repeat"
        )
    if not found["exact"]:
        log.warning(
            "num_samples %d is few for %d features, which can't all be told apart; take %d or more",
            *(explained.samples, len(explained.names), 2 * len(explained.names) + 1),
        )
    calls = explained.samples * len(explained.baseline)
    flavour = explained.model.flavour
    seconds = found["seconds"]
    if found["sums"]:
        log.info("the model (%s) is a sum: all rows are explained exactly, without coalitions", flavour)
    else:
        log.info(
            "the model (%s) answers %s rows a second on one core; up to %s rows are asked for each row, %.4f s",
            *(flavour, f"{1 / max(seconds, 1e-9):,.0f}", f"{calls:,}", calls * seconds),
        )
    expected: list[float] = found["expected"]
    return expected


def _explained(rows: _Rows, task: AttributionTask) -> tuple[Attributions, RowCounts, bytes, tuple[RowRuns, ...]]:
    """All rows' attributions, the account of the rows, the file of local values, each value's runs. One Spark job."""
    began = time.monotonic()
    found = rows.partitions.numbered().states(partial(attributions_of_partition, task)).rows()
    state = _sum(found, task.nothing, Attributions.KIND)
    counted = _sum(found, RowCounts.zero(reasons=task.reasons, predicates=0), RowCounts.KIND)
    log.info(
        "explained %s rows, %s of them exactly, %.1f s",
        *(f"{state.count:,}", f"{state.exact:,}", time.monotonic() - began),
    )
    places = sorted({row.feature for row in found if row.kind == RowRuns.KIND})
    runs = tuple(_sum([row for row in found if row.feature == place], None, RowRuns.KIND) for place in places)
    return state, counted, _local(found, task, rows.plan.join), runs


def _sum(found: list[StateRow], none: Any, kind: str) -> Any:
    states = [row.state for row in sorted(found, key=lambda row: row.partition) if row.kind == kind]
    return added(states) if states else none


def _local(found: list[StateRow], task: AttributionTask, join_name: str | None) -> bytes:
    header = io.StringIO()
    names = [f"{feature}_{output}" for output in task.nothing.outputs for feature in task.nothing.features]
    csv.writer(header).writerow(names if join_name is None else [join_name, *names])
    lines = sorted((row for row in found if row.kind == LOCAL_VALUES), key=lambda row: (row.partition, row.feature))
    return header.getvalue().encode() + b"".join(row.blob for row in lines)


def _dependence(rows: _Rows, explained: Explained, state: Attributions) -> tuple[Dependent, ...]:
    """Partial dependence for the requested features, by default those with the largest attributions. One Spark job."""
    pdp = rows.measures.pdp
    sample = rows.sample
    names = rows.plan.dependent
    if pdp is None or sample is None:
        return ()
    if names is None:
        names = analysis_of(state).largest(pdp.top_k_features or TOP_FEATURES)
    cells = cells_of(sample, explained.names, explained.numeric)
    grids = list[tuple[int, Grid]]()
    for place in map(explained.names.index, names):
        if explained.numeric[place]:
            column = cells[:, place].astype(np.float64)
        else:
            column = cells[:, place]
        grids.append((place, grid_of(column, pdp.grid_resolution or RESOLUTION)))
    each = rows.tasks(len(grids))
    with each.sent(cells) as sent:
        task = partial(dependence_of_features, explained, tuple(grids), sent)
        batches = each.mapped(task, SUMS_SCHEMA).batches()
    found = {row["feature"]: np.frombuffer(row["sums"]) for batch in batches for row in batch.to_pylist()}
    for place, grid in grids:
        if grid.left_out:
            log.info("partial dependence on %r leaves out its %d rarer values", explained.names[place], grid.left_out)
    return tuple(
        Dependent(
            explained.names[place], grid, found[place].reshape(len(grid.values), -1).T / len(cells), state.outputs
        )
        for place, grid in grids
    )
