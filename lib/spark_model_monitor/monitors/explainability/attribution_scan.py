"""The scan of the explainability monitor: baseline rows, a test call of the model, the attributions of all rows, partial
dependence.

One Spark job explains all rows. If baseline rows aren't given or partial dependence is requested, another job takes a sample
before it. Then one task calls the model with the baseline rows, so that most errors appear early. Partial dependence is
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

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.engine_protocol import Engine, Partitions, StateRow, add_states_by_key
from spark_model_monitor.data.engine.local_engine import make_one_row_partitions
from spark_model_monitor.data.profiling.contingency_scan import MAX_STRAY_SHARE
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.records.refusals import CELLS, REASON, Refusal
from spark_model_monitor.errors import BadConfiguration, NoData
from spark_model_monitor.monitors.explainability.attribution_measures import (
    RESOLUTION,
    TOP_FEATURES,
    AttributionMeasures,
    BaselineRows,
    plan_attributions,
)
from spark_model_monitor.monitors.explainability.attribution_partition import (
    FEATURE,
    GROUP,
    JOIN,
    KEY,
    LOCAL_VALUES,
    PROBE_SCHEMA,
    SUMS_SCHEMA,
    AttributionTask,
    ExplainedModel,
    Grid,
    attribute_partition,
    build_grid,
    compute_dependence,
    probe,
    sample_partition,
)
from spark_model_monitor.monitors.explainability.attribution_results import (
    AttributionAnalysis,
    PartialDependence,
    analyse_attributions,
)
from spark_model_monitor.monitors.explainability.baseline_rows import (
    FILE,
    LOCAL,
    cluster_baseline_rows,
    convert_to_columns,
    format_as_csv,
    parse_baseline_rows,
    read_baseline_rows,
)
from spark_model_monitor.monitors.predictions import reject_unanswered
from spark_model_monitor.monitors.predictors import Cells
from spark_model_monitor.monitors.predictors.model_loading import (
    are_numbers,
    convert_to_cells,
    flag_numbers,
    prepare_for_tasks,
    read_content,
    simplify_type,
)
from spark_model_monitor.monitors.protocol import ScanResult
from spark_model_monitor.statistics.states import RowCounts, RowRuns
from spark_model_monitor.statistics.states.attributions import Attributions
from spark_model_monitor.storage import join
from spark_model_monitor.storage.stand_in import resolve_stand_in

log = logging.getLogger(__name__)

SAMPLE_FACTOR = 8
"""A partition returns this multiple of its share of the sample, so that partitions of different sizes balance out."""


def scan_attributions(measures: AttributionMeasures, dataset: Dataset) -> ScanResult:
    """The attributions of a data set. Partial dependence reads rows again, after enough rows were accepted."""
    rows = _Rows(measures, dataset)
    baseline = measures.shap.baseline
    with _prepare_explained(rows) as explained:
        names = explained.names
        plan = rows.plan
        # The model is called once with the baseline rows, before executors call it
        is_configured = baseline is not None and not isinstance(baseline, str)
        expected = _probe_model(rows, explained, shows_messages=is_configured)
        explained_features = tuple(names.index(name) for name in plan.explained_features)
        empty_attributions = Attributions(
            tuple(names[index] for index in explained_features),
            _name_outputs(measures, len(expected)),
            measures.aggregation.value,
            format_as_csv(names, explained.baseline),
            group_column=plan.group or "",
        )
        # First all rows are explained; then partial dependence reads a sample again
        with_local = bool(measures.shap.save_local_shap_values) and measures.attributes
        task = AttributionTask(explained, empty_attributions, explained_features, with_local, measures.with_runs)
        state, counted, local_values, runs = _explain_rows(rows, task)
        dependence: tuple[PartialDependence, ...] = ()
        if state.count:
            dependence = _compute_dependence(rows, explained, state)
    files = {FILE: state.baseline.encode()}
    if with_local:
        files[LOCAL] = local_values

    def analyse() -> AttributionAnalysis:
        return replace(analyse_attributions(state), dependence=dependence, files=files)

    return ScanResult(state, counted, analyse, runs=runs)


@contextmanager
def _prepare_explained(rows: _Rows) -> Iterator[ExplainedModel]:
    """The model with its baseline rows, for use inside the body."""
    numeric, cells = _choose_baseline_rows(rows)
    measures = rows.measures
    shap = measures.shap
    with rows.partitions.broadcast(read_content(measures.model, rows.dataset.engine.storage)) as content:
        yield ExplainedModel(
            rows.plan.features,
            tuple(f"c{rows.dataset.names.index(name)}" for name in rows.plan.features),
            numeric,
            numeric,
            prepare_for_tasks(measures.model),
            content,
            baseline=cells,
            samples=rows.plan.samples,
            seed=shap.seed or 0,
            with_logit=bool(shap.use_logit),
            algorithm=measures.algorithm,
        )


def quarantine_unanswered(measures: AttributionMeasures, dataset: Dataset) -> Dataset:
    """The data set in which records without a finite answer of the model are refused; the model is called when rows are
    read.
    """
    with _prepare_explained(_Rows(measures, dataset)) as explained:
        return reject_unanswered(explained, dataset)


class _Rows:
    """The rows of a data set in the form that executors need: the cells of the features, and further columns."""

    def __init__(self, measures: AttributionMeasures, dataset: Dataset) -> None:
        self.measures = measures
        self.dataset = dataset
        self.plan = plan_attributions(measures, dataset.names)
        absent = [name for name in measures.others if isinstance(name, str) and name not in dataset.names]
        if absent and measures.baseline is None:  # a window has no labels
            present_names = ", ".join(dataset.names)
            log.warning(
                "%s is no column of the data, so that no other one is left out for it: %s",
                ", ".join(absent),
                present_names,
            )
        table = dataset.table
        column_of_feature = {name: f"c{index}" for index, name in enumerate(dataset.names)}
        types = {name: table.schema.field(column_of_feature[name]).type for name in self.plan.features}
        # A list, a vector or bytes aren't a single value, which a coalition could replace
        for name, arrow_type in types.items():
            if pa.types.is_nested(arrow_type) or pa.types.is_binary(arrow_type):
                raise BadConfiguration(
                    f"feature {name!r} holds {arrow_type}, which is not explained; name it in excluded_columns"
                )
        self.cell_types = [simplify_type(pa.array([], arrow_type)).type for arrow_type in types.values()]
        # The columns of the data set, by the names that executors use
        columns = {FEATURE.format(index): column_of_feature[name] for index, name in enumerate(types)}
        columns |= {name: name for name in (REASON, CELLS) if name in table.columns}
        for task_column, feature in ((JOIN, self.plan.join), (GROUP, self.plan.group)):
            if feature:
                columns[task_column] = column_of_feature[feature]
        self.partitions = table.select_columns([*columns.values()], [*columns])

    @cached_property
    def sample(self) -> list[pa.Array] | None:
        """The columns of sampled rows, the same rows in every run; None if no sample is needed."""
        measures = self.measures
        if measures.pdp is None and not (measures.baseline is None and measures.shap.baseline is None):
            return None
        # Each partition returns the rows with the smallest keys, enough for the whole sample
        rows = measures.sampled_rows
        features = [pa.field(FEATURE.format(index), cell_type) for index, cell_type in enumerate(self.cell_types)]
        schema = pa.schema([pa.field(KEY, pa.int64()), *features])
        quota = max(1, min(rows, SAMPLE_FACTOR * rows // (self.dataset.max_partition_count or 1)))
        task = partial(sample_partition, len(features), quota, schema)
        sampled = pa.Table.from_batches(self.partitions.map_batches(task, schema).batches(), schema)
        # If only a few cells of a column are texts, they are stray cells in a column of numbers
        for field in features:
            is_number = flag_numbers(sampled[field.name].combine_chunks())
            if 0 < (~is_number).sum() <= MAX_STRAY_SHARE * sampled.num_rows:  # too few to be a feature of texts
                sampled = sampled.filter(pa.array(is_number))
        if not sampled.num_rows:
            raise NoData("no row is left to make baseline rows of")
        sampled = sampled.take(pc.sort_indices(sampled, [(field.name, "ascending") for field in schema])[:rows])
        return [column.combine_chunks() for column in sampled.columns[1:]]

    def split_tasks(self, count: int) -> Partitions:
        """Partitions with one row each, its index, for work that isn't done on the data's rows."""
        engine: Engine = self.dataset.engine
        return engine.find_implementation(make_one_row_partitions)(engine, count)


def _choose_baseline_rows(rows: _Rows) -> tuple[tuple[bool, ...], Cells]:
    """Whether each feature is numeric, and the baseline rows."""
    names = rows.plan.features
    sample = rows.sample
    given_columns = _read_given_rows(rows.measures, rows.dataset, names)
    column_sets = [columns for columns in (given_columns, sample) if columns is not None]
    numeric = tuple(
        cell_type == pa.float64() or all(are_numbers(columns[index]) for columns in column_sets)
        for index, cell_type in enumerate(rows.cell_types)
    )
    if given_columns is not None:
        return numeric, convert_to_cells(given_columns, names, numeric)
    assert sample is not None  # a sample is taken unless rows are given
    began = time.monotonic()
    shap = rows.measures.shap
    cells = convert_to_cells(sample, names, numeric)
    baseline_rows = cluster_baseline_rows(cells, numeric, shap.num_clusters, shap.seed or 0)
    log.info(f"made {len(baseline_rows)} baseline rows of {len(sample[0]):,}, {time.monotonic() - began:.1f} s")
    return numeric, baseline_rows


def _read_given_rows(measures: AttributionMeasures, dataset: Dataset, names: Sequence[str]) -> list[pa.Array] | None:
    """The columns of given baseline rows: from an earlier run, or else from the configuration; None if there are none."""
    baseline = measures.shap.baseline
    earlier_rows = measures.baseline
    features = measures.config.features
    # The folder of a baseline has the rows that its run used, which must be the same now
    if isinstance(earlier_rows, str):
        path = join(earlier_rows, FILE)
        storage = dataset.engine.storage(path)
        if storage.exists(path):
            columns = convert_to_columns(read_baseline_rows(storage.read(path), path, names, None))
            if baseline is not None:
                configured_columns = _read_configured_rows(baseline, dataset, names, features)
                # Compared as text of a file, so that 1 and 1.0 are equal
                pairs = zip(columns, configured_columns, strict=True)
                numeric = [all(map(are_numbers, pair)) for pair in pairs]
                text = format_as_csv(names, convert_to_cells(columns, names, numeric))
                if text != format_as_csv(names, convert_to_cells(configured_columns, names, numeric)):
                    raise BadConfiguration(
                        f"methods.shap.baseline has other rows than {path}, so attributions could not be compared; leave it "
                        "out, or make the baseline again"
                    )
            return columns
    elif earlier_rows is not None:
        return convert_to_columns(parse_baseline_rows(earlier_rows, names, features))
    if baseline is None:
        return None
    return _read_configured_rows(baseline, dataset, names, features)


def _read_configured_rows(
    configured: BaselineRows | str, dataset: Dataset, names: Sequence[str], features: str | None
) -> list[pa.Array]:
    if isinstance(configured, str):
        path = resolve_stand_in(configured)
        rows = read_baseline_rows(dataset.engine.storage(path).read(path), configured, names, features)
    else:
        rows = parse_baseline_rows(configured, names, features)
    return convert_to_columns(rows)


def _name_outputs(measures: AttributionMeasures, count: int) -> tuple[str, ...]:
    headers = measures.config.predictor_settings.label_headers
    if headers is not None:
        if len(headers) == count:
            return tuple(map(str, headers))
        # Scores would get wrong names
        log.warning(
            "predictor.label_headers has %d names, and the model gives %d scores; they are not used",
            len(headers),
            count,
        )
    return tuple(f"label{index}" for index in range(count))


def _probe_model(rows: _Rows, explained: ExplainedModel, *, shows_messages: bool) -> list[float]:
    """The model's mean answers to the baseline rows, by output. One task. shows_messages: whether the rows come from the
    configuration, so that an error may repeat the model's message about them; other rows contain values of the data."""
    task = partial(probe, explained, shows_messages)
    batches = rows.split_tasks(1).map_batches(task, PROBE_SCHEMA).batches()
    [probe_result] = batches[0].to_pylist()
    if not probe_result["is_deterministic"]:
        log.warning(
            "the model gave other answers for the same rows when it was asked again; attributions will not repeat"
        )
    if not probe_result["exact"]:
        log.warning(
            "num_samples %d is few for %d features, which can't all be distinguished; take %d or more",
            explained.samples,
            len(explained.names),
            2 * len(explained.names) + 1,
        )
    calls = explained.samples * len(explained.baseline)
    flavour = explained.model.flavour
    seconds = probe_result["seconds"]
    if probe_result["sums"]:
        log.info("the model (%s) is a sum: all rows are explained exactly, without coalitions", flavour)
    else:
        log.info(
            f"the model ({flavour}) answers {1 / max(seconds, 1e-9):,.0f} rows a second on one core; "
            f"up to {calls:,} rows are asked for each row, {calls * seconds:.4f} s"
        )
    expected: list[float] = probe_result["expected"]
    return expected


def _explain_rows(rows: _Rows, task: AttributionTask) -> tuple[Attributions, RowCounts, bytes, tuple[RowRuns, ...]]:
    """The attributions of all rows, the counts of rows, the file of local values, and the runs of each value. One Spark job."""
    began = time.monotonic()
    state_rows = rows.partitions.add_partition_number().states(partial(attribute_partition, task)).rows()
    sums = add_states_by_key(row for row in state_rows if row.kind != LOCAL_VALUES)
    # Each value's runs are a state
    runs = tuple(runs_of_value for runs_of_value in sums.values() if isinstance(runs_of_value, RowRuns))
    states = {arrow_type: summed_state for (_, arrow_type), summed_state in sums.items()}
    state = states.get(Attributions.KIND, task.empty_attributions)
    counted = states.get(RowCounts.KIND, RowCounts.zero(reasons=len(Refusal), predicates=0))
    assert isinstance(state, Attributions)  # executors return these kinds of state
    assert isinstance(counted, RowCounts)
    seconds = time.monotonic() - began
    log.info(f"explained {state.count:,} rows, {state.exact:,} of them exactly, {seconds:.1f} s")
    return state, counted, _format_local_values(state_rows, task, rows.plan.join), runs


def _format_local_values(state_rows: list[StateRow], task: AttributionTask, join_name: str | None) -> bytes:
    header = io.StringIO()
    names = [
        f"{feature}_{output}"
        for output in task.empty_attributions.outputs
        for feature in task.empty_attributions.features
    ]
    csv.writer(header).writerow(names if join_name is None else [join_name, *names])
    # In the order of the data: by partition, then by chunk
    lines = sorted(
        (row for row in state_rows if row.kind == LOCAL_VALUES), key=lambda row: (row.partition, row.feature)
    )
    return header.getvalue().encode() + b"".join(row.blob for row in lines)


def _compute_dependence(rows: _Rows, explained: ExplainedModel, state: Attributions) -> tuple[PartialDependence, ...]:
    """Partial dependence on the requested features, by default on those with the largest attributions. One Spark job."""
    pdp = rows.measures.pdp
    sample = rows.sample
    names = rows.plan.dependent
    if pdp is None or sample is None:
        return ()
    if names is None:
        names = analyse_attributions(state).largest(pdp.top_k_features or TOP_FEATURES)
    # Each feature's grid is made from the values in the sample
    cells = convert_to_cells(sample, explained.names, explained.numeric)
    grids = list[tuple[int, Grid]]()
    for feature_index in map(explained.names.index, names):
        column: Cells = cells[:, feature_index]
        if explained.numeric[feature_index]:
            column = column.astype(np.float64)
        grids.append((feature_index, build_grid(column, pdp.grid_resolution or RESOLUTION)))
    # One task for each grid; the sample is sent only once
    grid_tasks = rows.split_tasks(len(grids))
    with grid_tasks.broadcast(cells) as broadcast_cells:
        task = partial(compute_dependence, explained, tuple(grids), broadcast_cells)
        batches = grid_tasks.map_batches(task, SUMS_SCHEMA).batches()
    sums_by_feature = {row["feature"]: np.frombuffer(row["sums"]) for batch in batches for row in batch.to_pylist()}
    dependence = []
    for feature_index, grid in grids:
        name = explained.names[feature_index]
        if grid.left_out:
            log.info("partial dependence on %r leaves out its %d rarer values", name, grid.left_out)
        answers = sums_by_feature[feature_index].reshape(len(grid.values), -1).T / len(cells)
        dependence.append(PartialDependence(name, grid, answers, state.outputs))
    return tuple(dependence)
