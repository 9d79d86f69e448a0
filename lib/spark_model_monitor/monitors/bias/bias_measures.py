"""The input of a bias scan: Clarify's configuration, the metrics that it requests, and the plan of what to count. Pure."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from spark_model_monitor.data.profiling.segment_cuts import Cut, parse_cuts
from spark_model_monitor.data.reading.dataset import require_group_column
from spark_model_monitor.documents.analysis_config import (
    AnalysisConfig,
    BiasMethods,
    DatasetType,
    NamedColumns,
    SegmentConfig,
)
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.bias.bias_analysis import ALL_METHODS, Methods
from spark_model_monitor.monitors.predictors import Model, ModelSource
from spark_model_monitor.monitors.predictors.model_loading import resolve_model
from spark_model_monitor.statistics.states.contingency_plan import (
    ContingencyPlan,
    Interval,
    Scalar,
    Segmentation,
    ValuedColumn,
    join_texts,
)
from spark_model_monitor.statistics.states.segments import MISSING
from spark_model_monitor.statistics.user_choices import ValueKind


def resolve_methods(config: AnalysisConfig, *, has_predictions: bool, where: str) -> Methods:
    """The requested metrics. For a monitor's file, which has no `methods`, these are all metrics that the data allows.

    has_predictions: whether the data has predictions, or a model can make them. where: the file's name in errors.

    Raises BadConfiguration with one line for each error, including requests for analyses that this package doesn't have.
    """
    faults = [*_find_faults(config)]
    methods = config.methods
    pre_training = ALL_METHODS.pre_training
    post_training = None
    if has_predictions:
        post_training = ALL_METHODS.post_training
    # A file of an analysis, unlike a monitor's, names its methods
    if methods is not None:
        if methods.pre_training_bias is None and methods.post_training_bias is None:
            faults.append('methods asks for no bias metric; write "pre_training_bias": {"methods": "all"}')
        pre_training = _requested_metrics(
            "pre_training_bias", methods.pre_training_bias, ALL_METHODS.pre_training, faults
        )
        post_training = _requested_metrics(
            "post_training_bias", methods.post_training_bias, ALL_METHODS.post_training, faults
        )
        if post_training is not None and not has_predictions:
            faults.append(
                "methods.post_training_bias needs the model's predictions; name their column as predicted_label, or "
                "--inference-attribute for captured data, or write --model with the file of "
                f"{config.predictor_settings.title}, its address or module:function"
            )
    BadConfiguration.raise_for(f"{where}: {fault}" for fault in faults)
    return Methods(pre_training, post_training)


def _requested_metrics(
    part: str, requested: BiasMethods | None, known_names: tuple[str, ...] | None, faults: list[str]
) -> tuple[str, ...] | None:
    if requested is None:
        return None
    if requested.methods == ("all",):
        return known_names
    names = known_names or ()
    # The error lists all known names, so it names only the first unknown one
    unknown = [name for name in requested.methods if name not in names]
    if unknown or not requested.methods:
        problem = "is empty"
        if unknown:
            problem = f"names {unknown[0]!r}, which is no such metric"
        faults.append(f"methods.{part}.methods {problem}; write all, or some of {', '.join(names)}")
    return tuple(sorted(set(requested.methods)))


def _find_faults(config: AnalysisConfig) -> Iterator[str]:
    if not config.facet:
        yield 'facet is missing; name a column with a sensitive group: [{"name_or_index": "Sex", "value_or_threshold": [0]}]'
    if not config.label_values_or_threshold:
        yield (
            "label_values_or_threshold is missing; list the positive outcomes of the label, such as [1], "
            "or one threshold that positive outcomes lie above"
        )
    for position, segment in enumerate(config.segment_config or ()):
        aliases = segment.display_aliases
        segments = len(segment.segments)
        # One alias per segment, and optionally one more for all remaining rows
        if aliases is not None and len(aliases) not in (segments, segments + 1):
            yield (
                f"segment_config[{position}].display_aliases has {len(aliases)} names; "
                f"write {segments}, or {segments + 1} with one for the rest"
            )
    if config.dataset_type is DatasetType.IMAGE:
        yield "dataset_type application/x-image: bias of images is not analysed by this package"
    if config.time_series_data_config is not None:
        yield "time_series_data_config: bias of time series is not analysed by this package"
    if config.facet_dataset_uri is not None and not config.facet_headers:
        yield 'facet_headers is missing; name the columns of facet_dataset_uri: ["Sex"]'


SECOND_DATA_SET_MEMBERS = ("facet_dataset_uri", "predicted_label_dataset_uri")  # members that name a second data set
OTHER_ROWS_NAME = "__default__"  # the service's name for rows in none of the configured segments
# Maximum number of rows of group a that are searched for neighbours: 22 MB for 14 columns (B2.3)
FLIP_TEST_ROWS = 200_000
LONGEST_PLAN = 65_000  # bytes: the limit of an encoded state for the parameters that two states must share

_INTERVAL = re.compile(r"\s*([\[(])\s*([^,\s]+)\s*,\s*([^,\s]+)\s*([\])])\s*")


@dataclass(frozen=True)
class BiasMeasures:
    """What a bias scan counts; `BiasMeasures.of` creates it from a configuration.

    Parameters
    ----------
    config : AnalysisConfig
        Clarify's configuration.
    label, prediction : str or int
        Columns of the data set by name or index, negative indices from the end; prediction None for labels only.
    methods : Methods
        The requested metrics.
    column_types : mapping of str to ValueKind
        Types of columns, whatever their values look like.
    untyped_texts : bool, default False
        As in `ContingencyPlan`.
    with_flip_test : bool, default True
        Whether to compute the flip test, which reads rows again.
    flip_rows : int
        Rows per side above which the flip test takes a sample.
    where : str
        Name of the configuration in error messages.
    model : Model, optional
        The model to call for predictions, if the data has none.
    threshold : float, default 0.5
        If the model returns a single score: the score above which the label is 1.
    as_service : bool, default False
        Take a column's type from all of its cells, like the service; otherwise up to 1 % of other cells refuse their records.
    segments : tuple of str
        How rows are cut into segments, besides `segment_config`: `plan` by value, `age:30:50` by range.
    group_column : str, optional
        The column that groups rows that belong together, such as the user's id: such rows count for less than independent rows.
    with_runs : bool, default False
        Whether to compare some first rows with their neighbours, which may belong together.
    baseline_kinds : mapping of str to ValueKind
        How the baseline treated columns. A window treats them alike, even if its integers have become floats.

    Examples
    --------
    >>> from spark_model_monitor import AnalysisConfig, BiasMeasures
    >>> facet = '{"name_or_index": "sex", "value_or_threshold": ["f"]}'
    >>> text = '{"label": "hired", "label_values_or_threshold": [1], "facet": [%s]}' % facet
    >>> config = AnalysisConfig.from_json(text)
    >>> BiasMeasures.of(config).label
    'hired'
    """

    config: AnalysisConfig
    label: str | int
    prediction: str | int | None = None
    methods: Methods = ALL_METHODS
    column_types: Mapping[str, ValueKind] = field(default_factory=dict)
    untyped_texts: bool = False
    with_flip_test: bool = True
    flip_rows: int = FLIP_TEST_ROWS
    where: str = AnalysisConfig.FILE_NAME
    model: Model | None = None
    threshold: float = 0.5
    as_service: bool = False
    segments: tuple[str, ...] = ()
    group_column: str | None = None
    with_runs: bool = False
    baseline_kinds: Mapping[str, ValueKind] = field(default_factory=dict)

    @classmethod
    def of(cls, config: AnalysisConfig, model: ModelSource | None = None) -> BiasMeasures:
        """The measures for a table with the configuration's own columns.

        model: as in `AttributionMeasures.of`; used if the configuration names no predictions.
        Raises BadConfiguration if the configuration requests something impossible.
        """
        # These members name other files, which only the command reads
        for member in SECOND_DATA_SET_MEMBERS:
            if getattr(config, member) is not None:
                raise BadConfiguration(
                    f"{config.FILE_NAME}: {member} is read by the command alone; join the frames first"
                )
        predicts = config.predicted_label is not None or model is not None
        methods = resolve_methods(config, has_predictions=predicts, where=config.FILE_NAME)
        if config.label is None:
            raise BadConfiguration(f"{config.FILE_NAME}: label is missing; name the label's column")
        resolved_model = None
        # Predictions in the data are preferred to a model's
        if model is not None and config.predicted_label is None and methods.post_training is not None:
            resolved_model = resolve_model(model, config.predictor_settings.plain())
        threshold = cls.threshold
        if config.probability_threshold is not None:
            threshold = config.probability_threshold
        return cls(config, config.label, config.predicted_label, methods, model=resolved_model, threshold=threshold)


def build_plan(measures: BiasMeasures, names: Sequence[str]) -> ContingencyPlan:
    """The plan for a data set with these columns.

    Raises BadConfiguration with one line for each absent column, each with the nearest names.
    """
    require_group_column(measures.group_column, names)
    columns = NamedColumns(tuple(names), measures.where)
    config = measures.config
    values = tuple(config.label_values_or_threshold or ())

    def set_kind(column: ValuedColumn) -> ValuedColumn:
        return replace(column, taken_as=measures.column_types.get(column.name))

    # The columns that are counted
    label = columns.named("label", measures.label)
    prediction = None
    if measures.prediction is not None:
        prediction = set_kind(ValuedColumn(columns.named("predicted_label", measures.prediction), values))
    facets = [
        ValuedColumn(
            columns.named(f"facet[{position}].name_or_index", facet.name_or_index), facet.value_or_threshold or ()
        )
        for position, facet in enumerate(config.facet or ())
    ]
    group = None
    if config.group_variable is not None:
        group = columns.named("group_variable", config.group_variable)
    segmentations = tuple(
        _read_segmentation(segment, columns.named(f"segment_config[{position}].name_or_index", segment.name_or_index))
        for position, segment in enumerate(config.segment_config or ())
    )
    segmentations += tuple(map(_segmentation_from_cut, parse_cuts(measures.segments, names)))
    excluded = [
        columns.named(f"excluded_columns[{position}]", name)
        for position, name in enumerate(config.excluded_columns or ())
    ]
    if config.facet_dataset_uri is not None:  # the model doesn't know these columns
        excluded += [name for name in config.facet_headers or () if name in names]
    if config.joinsource_name_or_index is not None:
        excluded.append(columns.named("joinsource_name_or_index", config.joinsource_name_or_index))
    # Only after all names were looked up, so that one error lists every missing column
    columns.require_all_found(measures.column_types)
    plan = ContingencyPlan(
        tuple(map(set_kind, facets)),
        set_kind(ValuedColumn(label, values)),
        prediction,
        group,
        segmentations,
        measures.untyped_texts,
        measures.with_flip_test and prediction is not None,
        tuple(excluded),
        measures.flip_rows,
        measures.group_column,
        () if measures.model is None else measures.model.features,
    )
    # The plan is stored with every state, so a long list of values would be stored again and again
    size = len(json.dumps(plan.text, ensure_ascii=False).encode())
    if size > LONGEST_PLAN:
        raise BadConfiguration(
            f"{measures.where}: facet, label, segment_config and the model's columns list {size:,} bytes, and "
            f"{LONGEST_PLAN:,} is the most; write intervals, or prepare a column with fewer values"
        )
    return plan


def _read_segmentation(config: SegmentConfig, column: str) -> Segmentation:
    segments = tuple(tuple(map(_interval_or_value, segment)) for segment in config.segments)
    names = [join_texts(segment) for segment in config.segments]
    aliases = list(config.display_aliases or ())
    # Without segments, each value is one, and none has a name
    if segments:
        names = [*(aliases[: len(names)] or names), *(aliases[len(names) :] or [OTHER_ROWS_NAME])]
    return Segmentation(config.config_name or column, column, segments, tuple(names))


def _segmentation_from_cut(cut: Cut) -> Segmentation:
    if len(cut.columns) > 1:
        raise BadConfiguration(f"segments: {cut.name!r} has several columns; of bias rows are cut by one column each")
    [column] = cut.columns
    if column.by_hour:
        raise BadConfiguration(f"segments: {cut.name!r} are hours; of bias rows are cut by values or ranges")
    if not column.cuts:
        return Segmentation(cut.name, column.name, (), ())
    segments = [
        (Interval(low, high, True, False),) for low, high in itertools.pairwise((-math.inf, *column.cuts, math.inf))
    ]
    return Segmentation(cut.name, column.name, tuple(segments), (*column.list_ranges(), MISSING))


def _interval_or_value(value: Scalar) -> Scalar | Interval:
    """An interval for a text such as `[1, 4]`, `(2, 5]` or `(-inf, 0)`; any other value unchanged."""
    matched = None
    if isinstance(value, str):
        matched = _INTERVAL.fullmatch(value)
    if matched is None:
        return value
    opening, low, high, closing = matched.groups()
    try:
        ends = float(low), float(high)
    except ValueError:
        return value
    # `[nan, 4]` is a text, although it looks like an interval
    if any(map(math.isnan, ends)):
        return value
    return Interval(*ends, opening == "[", closing == "]")
