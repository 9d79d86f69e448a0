"""The input of an explainability scan: a configuration, a model, and the plan for a data set's columns. Pure.

measures = AttributionMeasures.of(config, "churn.json")
plan = plan_attributions(measures, ("Age", "Sex", "Target"))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from spark_model_monitor.data.reading.dataset import require_group_column
from spark_model_monitor.documents.analysis_config import (
    Aggregation,
    AnalysisConfig,
    DatasetType,
    NamedColumns,
    PdpMethod,
    ShapMethod,
)
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.explainability.kernel import count_samples
from spark_model_monitor.monitors.predictors import Model, ModelSource
from spark_model_monitor.monitors.predictors.model_loading import resolve_model
from spark_model_monitor.statistics.user_choices import Algorithm
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    import pandas as pd

BaselineRows: TypeAlias = "pd.DataFrame | Json"
"""Rows that represent the absence of a feature: a frame, or in the form of the configuration's member `baseline`."""

SAMPLED_ROWS = 10_000  # number of rows from which baseline rows and partial dependence are computed

MAX_BASELINE_ROWS = 1_000
RESOLUTION = 15
TOP_FEATURES = 10

DEFAULT_SHAP = ShapMethod()


@dataclass(frozen=True)
class AttributionMeasures:
    """What an attribution scan computes; `AttributionMeasures.of` creates it from a configuration.

    Parameters
    ----------
    config : AnalysisConfig
        Clarify's configuration.
    model : Model
        The model to explain.
    others : tuple of str or int
        Columns that are not features, by name or index, negative indices from the end.
    baseline : rows, path or None
        Rows that stand for the absence of a feature, in place of the configuration's rows: a pandas frame, or the path of a run
        whose rows are used. By default the configuration's rows, otherwise clusters of the data.
    sampled_rows : int
        Number of rows sampled to make baseline rows and to compute partial dependence.
    algorithm : Algorithm
        How attributions are computed: `auto` or `kernel`.
    group_column : str, optional
        The column that groups rows that belong together, such as the user's id. It is explained like any other column, unless it
        is in `excluded_columns`.
    with_runs : bool
        Whether the first rows show how alike neighbouring rows are; a monitor sets it if no column names groups.
    where : str
        Name of the configuration in error messages.

    Examples
    --------
    >>> from spark_model_monitor import AnalysisConfig, AttributionMeasures
    >>> config = AnalysisConfig.from_json('{"methods": {"shap": {"num_samples": 100}}}')
    >>> AttributionMeasures.of(config, "churn.json").model.flavour
    'xgboost'
    """

    config: AnalysisConfig
    model: Model
    others: tuple[str | int, ...] = ()
    baseline: BaselineRows | str | None = None
    sampled_rows: int = SAMPLED_ROWS
    algorithm: Algorithm = Algorithm.AUTO
    where: str = AnalysisConfig.FILE_NAME
    group_column: str | None = None
    with_runs: bool = False

    @classmethod
    def of(
        cls, config: AnalysisConfig, model: ModelSource, *, baseline: BaselineRows | str | None = None
    ) -> AttributionMeasures:
        """The measures for a table with the configuration's own columns.

        model: a path, an address, a function from a pandas frame to scores, or a `Model`.
        Raises BadConfiguration if the configuration requests something impossible.
        """
        require_in_scope(config, config.FILE_NAME)
        outcomes = tuple(name for name in (config.label, config.predicted_label) if name is not None)
        return cls(config, resolve_model(model, config.predictor_settings.plain()), outcomes, baseline)

    @property
    def shap(self) -> ShapMethod:
        """The requested attributions; for a monitor's file without methods, the defaults."""
        methods = self.config.methods
        if methods is None or methods.shap is None:
            return DEFAULT_SHAP
        return methods.shap

    @property
    def attributes(self) -> bool:
        """Whether attributions are requested, and not only partial dependence."""
        methods = self.config.methods
        return methods is None or methods.shap is not None or methods.pdp is None

    @property
    def pdp(self) -> PdpMethod | None:
        """The requested partial dependence; None if it isn't requested."""
        if self.config.methods:
            return self.config.methods.pdp
        return None

    @property
    def aggregation(self) -> Aggregation:
        """How a feature's values in rows are aggregated. `mean` means the mean of absolute values, which is Clarify's
        only mean.
        """
        agg_method = self.shap.agg_method
        if agg_method in (None, Aggregation.MEAN):
            return Aggregation.MEAN_ABS
        return agg_method


def require_in_scope(config: AnalysisConfig, where: str) -> None:
    """Check that everything that is requested is possible.

    Raises BadConfiguration with one line for each request that isn't.
    Source: E1.1.
    """
    BadConfiguration.raise_for(f"{where}: {error}" for error in _list_impossible_requests(config))


@value_class
class AttributionPlan:
    """The plan of an analysis, for the columns of a data set.

    features: all features, in the data's order; they are the players of the coalitions.
    explained_features: the features whose attributions are kept; empty if none are requested.
    join: the column that identifies rows in the file of local values.
    dependent: features whose partial dependence is requested by name; None for the features with the largest attributions.
    group: the column that names groups of rows.
    """

    features: tuple[str, ...]
    explained_features: tuple[str, ...]
    samples: int
    join: str | None = None
    dependent: tuple[str, ...] | None = None
    group: str | None = None


def plan_attributions(measures: AttributionMeasures, names: Sequence[str]) -> AttributionPlan:
    """The plan for a data set with these columns.

    Raises BadConfiguration with one line for each absent column, or if no feature is left.
    Source: E1.2.
    """
    require_group_column(measures.group_column, names)
    config = measures.config
    columns = NamedColumns(tuple(names), measures.where)
    # Columns that are no features: labels, excluded columns, the column by which rows are joined
    # A label or prediction that is given by name may be absent
    left_out = {
        columns.named("label", other) for other in measures.others if not isinstance(other, str) or other in names
    }
    left_out.update(
        columns.named(f"excluded_columns[{position}]", name)
        for position, name in enumerate(config.excluded_columns or ())
    )
    join = None
    if config.joinsource_name_or_index is not None:
        join = columns.named("joinsource_name_or_index", config.joinsource_name_or_index)
        left_out.add(join)
    features = measures.model.select_features([name for name in names if name not in left_out])
    # In the members below, an index counts features, not all columns
    feature_columns = NamedColumns(features, measures.where)

    def select_features(member: str, requested: Sequence[str | int]) -> tuple[str, ...]:
        """The requested features, given by name or index, in the data's order."""
        selected = {feature_columns.named(f"{member}[{position}]", name) for position, name in enumerate(requested)}
        return tuple(name for name in features if name in selected)

    # The features to explain: all, unless some are named
    explained_features: tuple[str, ...] = ()
    if measures.attributes:
        explained_features = features
        if measures.shap.features_to_explain is not None:
            explained_features = select_features("methods.shap.features_to_explain", measures.shap.features_to_explain)
    # The features with partial dependence
    dependent = None
    if measures.pdp is not None and measures.pdp.features is not None:
        dependent = select_features("methods.pdp.features", measures.pdp.features)
    # Report all unknown names in one error
    columns.require_all_found()
    feature_columns.require_all_found()
    if not features:
        raise BadConfiguration(
            f"{measures.where}: no column is left that is a feature; the columns are {', '.join(names)}"
        )
    # The number of coalitions depends on the number of features
    samples = count_samples(measures.shap.num_samples, len(features))
    return AttributionPlan(features, explained_features, samples, join, dependent, measures.group_column)


def _list_impossible_requests(config: AnalysisConfig) -> Iterator[str]:
    if config.dataset_type is DatasetType.IMAGE:
        yield "dataset_type application/x-image: images are not explained by this package"
    if config.time_series_data_config is not None:
        yield "time_series_data_config: time series are not explained by this package"
    methods = config.methods
    if methods is None:
        return
    if methods.asymmetric_shapley_value is not None:
        yield "methods.asymmetric_shapley_value: time series are not explained by this package"
    shap = methods.shap
    # Without attributions, the features with the largest ones are unknown
    if shap is None:
        if methods.pdp is None:
            yield 'methods asks for neither shap nor pdp; write "shap": {}'
        elif methods.pdp.features is None:
            yield "methods.pdp.features is missing; name the features, or ask for shap as well, whose largest ones are taken"
        return
    for member, content in (("text_config", "texts"), ("image_config", "images")):
        if getattr(shap, member) is not None:
            advice = "leave their column out, by excluded_columns"
            yield f"methods.shap.{member}: {content} are not explained by this package; {advice}"
    if shap.baseline is not None and shap.num_clusters is not None:
        yield "methods.shap has baseline and num_clusters; write one of them"
