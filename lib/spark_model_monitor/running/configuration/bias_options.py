"""The types of the options of a bias job."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator

from spark_model_monitor.data.reading.formats import split_names
from spark_model_monitor.errors import BadDocument, BadInput
from spark_model_monitor.running.configuration.option_types import Placeholder, parse_text_by
from spark_model_monitor.statistics.user_choices import ValueKind
from spark_model_monitor.storage import storage_here

if TYPE_CHECKING:
    from spark_model_monitor.documents.analysis_config import AnalysisConfig


class IntervalMethod(str, Enum):
    """How the intervals of bias metrics are computed."""

    NONE = "none"
    BOOTSTRAP = "bootstrap"


def read_analysis_config(path: str) -> AnalysisConfig:
    """The configuration in a local or S3 file. Raises BadDocument if it is invalid, BadInput if it is absent."""
    from spark_model_monitor.documents.analysis_config import AnalysisConfig

    return AnalysisConfig.from_json(storage_here(path).read(path), path)


def _read_analysis_path(path: str) -> str:
    try:
        if not storage_here(path).exists(path):
            raise ValueError(f"is {path!r}, where there is no file; write the path of a local file, or of one on S3")
        read_analysis_config(path)
    except BadInput as error:
        raise ValueError(f"is {path!r}, which can't be read ({error}); write the path of a local file") from None
    # All faults of the document in one line, as this is one option's error
    except BadDocument as error:
        raise ValueError(f"is {path!r}: {'; '.join(str(error).splitlines())}") from None
    return path


def _read_column_types(text: str) -> dict[str, ValueKind]:
    kind_by_column: dict[str, ValueKind] = {}
    kinds = {kind.value: kind for kind in ValueKind}
    for pair in split_names(text):
        # From the right: names of columns may have an equals sign in them
        name, equals, kind = pair.rpartition("=")
        if not equals or kind.strip().lower() not in kinds:
            raise ValueError(f"has {pair!r}; write COLUMN=categorical or COLUMN=continuous, several with commas")
        kind_by_column[name.strip()] = kinds[kind.strip().lower()]
    return kind_by_column


def _read_ranges(text: str) -> dict[str, tuple[float, float]]:
    from spark_model_monitor.monitors.bias.bias_analysis import (
        ALL_METHODS,  # few jobs need it, and importing it takes time
    )

    metric_names = (*(ALL_METHODS.post_training or ()), *(ALL_METHODS.pre_training or ()))
    range_by_metric: dict[str, tuple[float, float]] = {}
    for pair in split_names(text):
        name, _, ends = pair.partition("=")
        low, _, high = ends.partition(":")
        try:
            range_by_metric[name.strip()] = float(low), float(high)
        except ValueError:
            written = "METRIC=LOW:HIGH, such as DPL=-0.1:0.1, several with commas"
            raise ValueError(f"has {pair!r}; write {written}") from None
        if name.strip() not in metric_names:
            raise ValueError(f"has {name.strip()!r}, which is no bias metric; they are {', '.join(metric_names)}")
        # NaN is neither below nor above, so that every value would be in such a range
        low_end, high_end = range_by_metric[name.strip()]
        if math.isnan(low_end) or math.isnan(high_end) or low_end > high_end:
            raise ValueError(f"has {pair!r}, whose first number has to be the smaller one")
    return range_by_metric


def _read_neutral(value: Any) -> Any:
    if str(value).strip() not in ("0", "1"):
        raise ValueError(f"is {value!r}; write 0 as the service has it, or 1, where disparate impact is neutral")
    return int(value)


LocalAnalysisConfig = Annotated[str, parse_text_by(_read_analysis_path), Placeholder("FILE")]
TypesByColumn = Annotated[Mapping[str, ValueKind], parse_text_by(_read_column_types), Placeholder("COLUMNS")]
RangesByMetric = Annotated[Mapping[str, tuple[float, float]], parse_text_by(_read_ranges), Placeholder("RANGES")]
NeutralValue = Annotated[int, BeforeValidator(_read_neutral), Placeholder("0|1")]
