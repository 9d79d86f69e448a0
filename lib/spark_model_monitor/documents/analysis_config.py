"""analysis_config.json: the analyses that a Clarify job makes for bias and explainability, their options, and the columns
that it names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, Strict, ValidatorFunctionWrapHandler, WrapValidator

from spark_model_monitor.documents.document import Document, Expected, Flag, Name, Share, Single, StrictSection
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.page import list_names
from spark_model_monitor.errors import BadConfiguration, suggest_names

if TYPE_CHECKING:
    from spark_model_monitor.documents.page import Page

MAX_LISTED_COLUMNS = 20


class NamedColumns:
    """Finds columns by name or index, and collects an error for each column that doesn't exist."""

    def __init__(self, names: tuple[str, ...], where: str) -> None:
        self._names = names
        self._unnamed = list(names)
        self._where = where
        self._faults: list[str] = []

    def named(self, member: str, name_or_index: str | int) -> str:
        """The column's name; the given text if there is no such column, which is then recorded as a fault."""
        # Raises nothing yet: all wrong names are reported together
        if isinstance(name_or_index, str):
            if name_or_index not in self._names:
                fault = f"{member} is {name_or_index!r}, which is no column of the data"
                self._faults.append(f"{self._where}: {fault}; {self._suggest_names(name_or_index)}")
            # A column that is named already is rarely meant again
            elif name_or_index in self._unnamed:
                self._unnamed.remove(name_or_index)
            return name_or_index
        # An index counts from 0, so the last index is one below the number of columns
        if not -len(self._names) <= name_or_index < len(self._names):
            self._faults.append(
                f"{self._where}: {member} is {name_or_index}; the data has {len(self._names)} columns, "
                f"so an index is at most {len(self._names) - 1}"
            )
            return str(name_or_index)
        return self._names[name_or_index]

    def require_all_found(self, column_types: Collection[str] = ()) -> None:
        """Raise BadConfiguration that lists every column that doesn't exist, including the names in `column_types`."""
        # Column types of the command line are checked here, too, because only this class knows the columns
        faults = self._faults + [
            f"column_types names {name!r}, which is no column of the data; {self._suggest_names(name)}"
            for name in column_types
            if name not in self._names
        ]
        BadConfiguration.raise_for(faults)

    def _suggest_names(self, name: str) -> str:
        # Wide data sets have thousands of columns, so an error lists only the first
        columns = list_names(self._names, MAX_LISTED_COLUMNS)
        return suggest_names(name, self._unnamed, f"the columns are {columns}", max_names=3)


BEYOND_A_DOUBLE = 2**1024


def _parse_scalar(value: Json) -> Json:
    # Integers are later compared as doubles, and a larger integer would be infinite
    if not isinstance(value, str | int | float) or (isinstance(value, int) and abs(value) >= BEYOND_A_DOUBLE):
        raise ValueError("no scalar")
    str(value).encode()  # a lone surrogate can't be encoded
    return value


def _parse_name_or_index(value: Json) -> Json:
    # In Python True is an int, too, and would mean column 1
    if isinstance(value, bool) or not isinstance(value, str | int) or (isinstance(value, int) and value < 0):
        raise ValueError("neither name nor index")
    return value


def _convert_to_lower(value: Json) -> Json:
    # Public examples have content types in capitals, too
    if isinstance(value, str):
        return value.lower()
    return value


def _wrap_single(value: Json, read: ValidatorFunctionWrapHandler) -> Json:
    """A list, or one item without brackets, which is written back without brackets."""
    # For an object, the list's own error message says more
    if isinstance(value, list | tuple | dict):
        return read(value)
    return Single(read([value]))


Scalar = Annotated[str | int | float | bool, BeforeValidator(_parse_scalar), Expected("a text, a number or a boolean")]
NameOrIndex = Annotated[
    str | int, BeforeValidator(_parse_name_or_index), Expected("a column's name, its index from 0, or a JMESPath")
]
ChosenFeatures = Annotated[
    tuple[NameOrIndex, ...],
    Expected("a list of names, indexes or JMESPaths of features; leave it out for all features"),
]
WholeNumber = Annotated[int, Strict(), Field(ge=1), Expected("a whole number above 0")]
Seed = Annotated[int, Strict(), Expected("a whole number")]
Scalars: TypeAlias = Annotated[tuple[Scalar, ...], WrapValidator(_wrap_single)]


class DatasetType(Enum):
    """The format of the data set."""

    CSV = "text/csv"
    JSON_LINES = "application/jsonlines"
    JSON = "application/json"
    CAPTURE = "application/sagemakercapturejson"
    PARQUET = "application/x-parquet"
    IMAGE = "application/x-image"


class ContentType(Enum):
    """The format of a model's requests or answers."""

    CSV = "text/csv"
    JSON_LINES = "application/jsonlines"
    JSON = "application/json"
    JPEG = "image/jpeg"
    PNG = "image/png"
    NUMPY = "application/x-npy"


class Aggregation(Enum):
    """How local attributions are aggregated to global ones."""

    MEAN_ABS = "mean_abs"
    MEAN = "mean"  # found in public configurations; read as mean_abs, which is Clarify's only mean
    MEDIAN = "median"
    MEAN_SQ = "mean_sq"


class FacetConfig(StrictSection):
    """A column with a sensitive group. value_or_threshold: the group's values, or its lower threshold; None: each value
    is a group.
    """

    name_or_index: NameOrIndex
    value_or_threshold: Scalars | None = None


class SegmentConfig(StrictSection):
    """A column whose values divide the rows. segments: empty for one segment per value. display_aliases: names of the
    segments; they may include a name for the remaining rows.
    """

    config_name: Name | None = None
    name_or_index: NameOrIndex
    segments: tuple[Scalars, ...]
    display_aliases: tuple[Name, ...] | None = None


class BiasMethods(StrictSection):
    """The bias metrics of one part of the report: their names, or "all"."""

    methods: Annotated[tuple[Name, ...], WrapValidator(_wrap_single)]


class ShapMethod(StrictSection):
    """Feature attributions. baseline: a path, rows, records or one JSON object; None: rows are computed by clustering."""

    baseline: Any = None
    num_clusters: WholeNumber | None = None
    use_logit: Flag | None = None
    num_samples: WholeNumber | None = None
    agg_method: Annotated[Aggregation, BeforeValidator(_convert_to_lower)] | None = None
    save_local_shap_values: Flag | None = None
    seed: Seed | None = None
    features_to_explain: ChosenFeatures | None = None
    # Accepted and kept, although texts and images aren't explained
    text_config: Mapping[str, Any] | None = None
    image_config: Mapping[str, Any] | None = None


class PdpMethod(StrictSection):
    """Partial dependence plots."""

    grid_resolution: WholeNumber
    features: ChosenFeatures | None = None
    top_k_features: WholeNumber | None = None


class ReportMethod(StrictSection):
    """The report. name: file name of the report without its ending."""

    name: Name = "report"
    title: Name | None = None


class MethodsConfig(StrictSection):
    """The requested analyses."""

    pre_training_bias: BiasMethods | None = None
    post_training_bias: BiasMethods | None = None
    shap: ShapMethod | None = None
    pdp: PdpMethod | None = None
    report: ReportMethod | None = None
    # For time series, which aren't analysed
    asymmetric_shapley_value: Mapping[str, Any] | None = None


class PredictorConfig(StrictSection):
    """The model, if predictions are not in the data."""

    endpoint_name: Name | None = None
    endpoint_name_prefix: Name | None = None
    model_name: Name | None = None
    target_model: Name | None = None
    instance_type: Name | None = None
    initial_instance_count: WholeNumber | None = None
    accelerator_type: Name | None = None
    content_type: Annotated[ContentType, BeforeValidator(_convert_to_lower)] | None = None
    accept_type: Annotated[ContentType, BeforeValidator(_convert_to_lower)] | None = None
    label: NameOrIndex | None = None
    probability: NameOrIndex | None = None
    label_headers: Scalars | None = None
    content_template: Any = None
    record_template: Name | None = None
    custom_attributes: Name | None = None
    time_series_predictor_config: Mapping[str, Any] | None = None

    @property
    def title(self) -> str:
        """The model in messages, with its name or that of its endpoint."""
        name = self.model_name or self.endpoint_name
        return f"the model {name}" if name else "the model"


class AnalysisConfig(Document, file="analysis_config.json", meant="Clarify analysis_config.json", extra="forbid"):
    """Clarify's analysis_config.json, for a job or a monitor.

    Examples
    --------
    >>> from spark_model_monitor import AnalysisConfig
    >>> config = AnalysisConfig.from_json('{"label": "hired", "facet": [{"name_or_index": "sex"}]}')
    >>> config.facet[0].name_or_index
    'sex'
    """

    version: Annotated[str, Field(pattern=r"^1\.0$"), Expected('"1.0"')] | None = None
    dataset_type: Annotated[DatasetType, BeforeValidator(_convert_to_lower)] | None = None
    dataset_uri: Name | None = None
    headers: tuple[Name, ...] | None = None
    label: NameOrIndex | None = None
    predicted_label: NameOrIndex | None = None
    features: Name | None = None
    label_values_or_threshold: Scalars | None = None
    probability_threshold: Share | None = None
    facet: tuple[FacetConfig, ...] | None = None
    group_variable: NameOrIndex | None = None
    segment_config: tuple[SegmentConfig, ...] | None = None
    facet_dataset_uri: Name | None = None
    facet_headers: tuple[Name, ...] | None = None
    predicted_label_dataset_uri: Name | None = None
    predicted_label_headers: tuple[Name, ...] | None = None
    joinsource_name_or_index: NameOrIndex | None = None
    excluded_columns: tuple[NameOrIndex, ...] | None = None
    time_series_data_config: Mapping[str, Any] | None = None
    methods: MethodsConfig | None = None
    predictor: PredictorConfig | None = None

    @property
    def predictor_settings(self) -> PredictorConfig:
        """The member `predictor`; an empty one if the file has none."""
        return self.predictor or PredictorConfig()


def name_report(page: Page, config: AnalysisConfig) -> Page:
    """The page with the name and title that the configuration requests, if any."""
    report = config.methods.report if config.methods else None
    if report is None:
        return page
    return replace(page, name=report.name, title=report.title or page.title)
