"""Which metrics Clarify's configuration asks for, and whether they can be had; decided before any data is read. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from model_monitor.bias.analysis import ALL_METHODS, Methods
from model_monitor.documents.analysis_config import AnalysisConfig, BiasMethods, DatasetType
from model_monitor.errors import BadConfiguration

ALL = "all"
_NAMED = "write all, or some of {names}"


def methods_of(config: AnalysisConfig, *, has_predictions: bool, where: str) -> Methods:
    """The metrics that are asked for; of a monitor's file, which has no `methods`, all that the data allows.

    has_predictions: whether the data brings the model's predictions, or the model can be asked. where: what errors call the file.

    Raises BadConfiguration with a line for each fault, among them whatever is outside of what this package does.
    """
    faults = [f"{where}: {fault}" for fault in (*_missing(config), *_out_of_scope(config))]
    pre, post = ALL_METHODS.pre_training, ALL_METHODS.post_training
    if config.methods is not None:
        asked = config.methods
        if asked.pre_training_bias is None and asked.post_training_bias is None:
            faults.append(f'{where}: methods asks for no bias metric; write "pre_training_bias": {{"methods": "all"}}')
        pre = _listed("pre_training_bias", asked.pre_training_bias, pre, where, faults)
        post = _listed("post_training_bias", asked.post_training_bias, post, where, faults)
        if post is not None and not has_predictions:
            faults.append(f"{where}: methods.post_training_bias needs the model's predictions; {_remedy(config)}")
    elif not has_predictions:
        post = None
    if faults:
        raise BadConfiguration.gathered(faults)
    return Methods(pre, post)


def _remedy(config: AnalysisConfig) -> str:
    predictor = config.predictor
    named = predictor and (predictor.model_name or predictor.endpoint_name)
    return (
        "name their column as predicted_label, or --inference-attribute for captured data, or write --model with the file of the "
        f"model{f' {named}' if named else ''}, its address or module:function"
    )


def _listed(
    part: str, asked: BiasMethods | None, known: tuple[str, ...] | None, where: str, faults: list[str]
) -> tuple[str, ...] | None:
    if asked is None:
        return None
    names = known or ()
    if asked.methods == (ALL,):
        return names
    unknown = [name for name in asked.methods if name not in names]
    if unknown or not asked.methods:
        found = f"names {unknown[0]!r}, which is no such metric" if unknown else "is empty"
        faults.append(f"{where}: methods.{part}.methods {found}; {_NAMED.format(names=', '.join(names))}")
    return tuple(sorted(set(asked.methods)))


def _missing(config: AnalysisConfig) -> Iterator[str]:
    if not config.facet:
        yield 'facet is missing; name a column with a sensitive group: [{"name_or_index": "Sex", "value_or_threshold": [0]}]'
    if not config.label_values_or_threshold:
        yield (
            "label_values_or_threshold is missing; list the positive outcomes of the label, such as [1], "
            "or one threshold that positive outcomes lie above"
        )
    for place, segment in enumerate(config.segment_config or ()):
        aliases, segments = segment.display_aliases, len(segment.segments)
        if aliases is not None and len(aliases) not in (segments, segments + 1):
            yield (
                f"segment_config[{place}].display_aliases has {len(aliases)} names; "
                f"write {segments}, or {segments + 1} with one for the rest"
            )


def _out_of_scope(config: AnalysisConfig) -> Iterator[str]:
    if config.dataset_type is DatasetType.IMAGE:
        yield "dataset_type application/x-image: bias of images is not analysed by this package"
    if config.time_series_data_config is not None:
        yield "time_series_data_config: bias of time series is not analysed by this package"
    for member in ("facet_dataset_uri", "predicted_label_dataset_uri"):
        if getattr(config, member) is not None:
            yield f"{member}: join the data sets first, and name the columns of the one that results"
