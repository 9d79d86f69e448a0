"""Options that no source sets, inferred from an analysis configuration, the data on this machine, and the baseline. Driver only.

Each function takes the sources and returns them with the values that it inferred, and with a sentence on each for the log.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from shlex import quote

from pydantic import ValidationError

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.format_detection import FORMATS_BY_SUFFIX, TEXT_FORMATS, detect_format, get_suffix
from spark_model_monitor.data.reading.formats import DATABASE, CsvFormat, SparkFormat, parse_dataset_format, split_names
from spark_model_monitor.data.reading.listing import allow_outside_links
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput, MonitorError
from spark_model_monitor.reports.outputs.run_files import read_current_run, read_recorded_options
from spark_model_monitor.running.configuration.command_line import BASELINE_MARKERS
from spark_model_monitor.running.configuration.contract import OPTIONS, WINDOW_OPTIONS, JobConfig
from spark_model_monitor.running.configuration.option_types import YES, Compatibility, flag_name, read_analysis_config
from spark_model_monitor.running.configuration.sources import Layer, LocatedText, Sources, TextsByName
from spark_model_monitor.storage import can_open_without_spark, is_local, local_path

LINE_FORMATS = ("csv", "jsonl")  # formats of plain lines, to which no window applies

FORMATS_BY_TYPE = {"CSV": "csv", "JSON_LINES": "jsonl", "JSON": "json", "CAPTURE": "capture", "PARQUET": "parquet"}
"""Formats by the name of an analysis configuration's `dataset_type`, used if `dataset_format` is not set."""

DEFAULT_FORMATS = {"MODEL_BIAS": "merged", "MODEL_EXPLAINABILITY": "capture"}
"""Default formats of the analyses that have an analysis configuration, used if the latter has no `dataset_type`."""

FOLDER_SUFFIXES = {"baseline": "baseline", "monitor": "report", "merge": "merged", "backfill": "history"}
"""By job: what the default name of its output folder ends with, such as orders-baseline for orders.csv."""


def choose_default_output(job: str, sources: Sources) -> Sources:
    """The sources with an output path, chosen if none is set and the data is on this machine.

    If the chosen path already has a baseline, the sources get an error, so that it isn't overwritten.
    """
    path = _find_local_data(job, sources)
    if path is None or job not in FOLDER_SUFFIXES or "output_path" in sources.values:
        return sources
    # orders.csv gives orders-baseline in the working directory
    output = f"{path.resolve().name.partition('.')[0] or 'data'}-{FOLDER_SUFFIXES[job]}"
    if job == "baseline" and any(Path(output, name).exists() for name in BASELINE_MARKERS):
        advice = f"write --output-path {quote(output)} to replace that baseline, or another directory"
        error = f"{output} is there already; {advice}"
        return replace(sources, errors={**sources.errors, error: "output_path"})
    return _choose_value(sources, "output_path", output, f"output: {output}")


def choose_detected_format(job: str, sources: Sources) -> Sources:
    """The sources with the format of the data, detected if it is not set and the data is on this machine.

    Raises BadInput or NoData for files whose format can't be recognised; BadConfiguration for a database without a query, or
    with a password in its address.
    """
    source = sources.text("dataset_source") or ""
    if source.startswith(DATABASE):
        from spark_model_monitor.data.reading.query_results import require_no_password  # rarely needed

        require_no_password(source)
        if sources.text("query") is None:
            raise BadConfiguration("query is missing; a database is read by --query 'SELECT …'")
        return _choose_value(sources, "dataset_format", "query", f"format: query, of {source}")
    with allow_outside_links((sources.text("follow_links") or "").strip().lower() in YES):
        return _recognise_format(job, sources)


def _recognise_format(job: str, sources: Sources) -> Sources:
    source = find_data_path(job, sources) or ""
    path = _find_local_data(job, sources)
    implied = find_implied_options(sources.values, job, with_default=False)
    if job == "merge" or "dataset_format" in {*sources.values, *implied}:
        return sources
    default = find_implied_options(sources.values, job).get("dataset_format")
    window = _find_window(job, sources)
    # Of a file elsewhere, such as on S3, the name alone is examined, which says little of a text: it may have captures, or no
    # header
    detected = FORMATS_BY_SUFFIX.get(get_suffix(source), "csv")
    if path is None and ("://" not in source or detected in TEXT_FORMATS):
        return sources
    try:
        if path is not None:
            detected = detect_format(LocalEngine(), str(path), window)
            # Damaged captures look like other lines, and would be read without the window
            if window is not None and detected in LINE_FORMATS:
                detected = detect_format(LocalEngine(), str(path))
    except MonitorError as error:
        # Reading the data in the default format reports the error
        if default is not None:
            return sources
        if not isinstance(error, BadConfiguration):
            raise
        return replace(sources, errors={**sources.errors, str(error): "dataset_format"})
    # An analysis that expects records knows whether they have labels
    if default is not None and detected in ("capture", "merged"):
        return sources
    # The baseline's format has priority if it only adds details that files don't show, such as a header
    remembered_format = None
    if job == "monitor":
        remembered_format = read_baseline_options(sources).get("dataset_format")
    if remembered_format is not None and _is_detailed_form(remembered_format, detected):
        sentence = f"format: {remembered_format}, as the baseline has it"
        return _choose_value(sources, "dataset_format", remembered_format, sentence)
    return _choose_value(sources, "dataset_format", detected, f"format: {detected}, detected from {source}")


def _find_window(job: str, sources: Sources) -> Window | None:
    """The window of the data; None if there is no window, or if its options have an error, which is reported later."""
    texts = {name: sources.values[name].text for name in WINDOW_OPTIONS if name in sources.values}
    with suppress(ValidationError, BadConfiguration):
        config = JobConfig.model_validate({"job": job, "dataset_format": "capture", "output_path": "", **texts})
        return config.find_window()
    return None


def _is_detailed_form(text: str, detected: str) -> bool:
    """Whether a format is a more detailed form of the detected one."""
    dataset_format = parse_dataset_format(text)
    detected_format = parse_dataset_format(detected)
    # A Spark reader with options, for the same type of files
    if isinstance(dataset_format, SparkFormat):
        return dataset_format.reader == ("csv" if isinstance(detected_format, CsvFormat) else detected)
    return type(dataset_format) is type(detected_format) and getattr(dataset_format, "separator", None) == getattr(
        detected_format, "separator", None
    )


def _find_local_data(job: str, sources: Sources) -> Path | None:
    """The path of the data; None if it is not set, or not on this machine."""
    path = find_data_path(job, sources)
    if path is None or not is_local(path) or not local_path(path).exists():
        return None
    return local_path(path)


def find_data_path(job: str, sources: Sources) -> str | None:
    # An analysis configuration may name the data instead of a flag
    return find_implied_options(sources.values, job).get("dataset_source", sources.text("dataset_source"))


def _choose_value(sources: Sources, name: str, text: str, sentence: str) -> Sources:
    """The sources with a value that was inferred. sentence: what the log says about it."""
    # An inferred value is named like the flag that would set it
    values = {**sources.values, name: LocatedText(text, flag_name(name))}
    return replace(sources, values=values, chosen=(*sources.chosen, sentence))


def find_implied_options(values: Layer, job: str, *, with_default: bool = True) -> dict[str, str]:
    """Options that an analysis configuration implies if they are not set: the location and the format of its data.

    Its `dataset_uri` overrides everything but a flag. A monitor's configuration doesn't name the format of its data: that is
    merged records, or captured ones for attributions. with_default: whether to include this format.
    Source: B1 and B5.1.
    """
    if "analysis_type" not in values or values["analysis_type"].text.upper() not in DEFAULT_FORMATS:
        return {}
    try:
        config = read_analysis_config(values["analysis_config"].text)
    except (KeyError, BadInput, BadDocument):  # reported when the option itself is read
        return {}
    implied = {}
    # The baseline's configuration names the format of its data by a MIME type
    if config.dataset_type is not None and config.dataset_type.name in FORMATS_BY_TYPE:
        implied["dataset_format"] = FORMATS_BY_TYPE[config.dataset_type.name]
    elif config.dataset_type is None and job == "monitor" and with_default:
        implied["dataset_format"] = DEFAULT_FORMATS[values["analysis_type"].text.upper()]
    implied = {name: text for name, text in implied.items() if name not in values}
    # The configuration's location of the data has priority over variables, but not over flags
    source = values.get("dataset_source")
    if config.dataset_uri is not None and not (source and source.location.startswith("--")):
        implied["dataset_source"] = config.dataset_uri
    return implied


def adopt_baseline_options(job: str, sources: Sources) -> Sources:
    """The sources with the options that a monitor's baseline was read with, for those that they don't set themselves.

    Nothing is adopted if the service is replayed. `choose_detected_format` adopts the baseline's format, and
    `run_inputs.adopt_time_column` its column of times.
    """
    if job != "monitor":
        return sources
    values = sources.values
    # If the data were read differently from the baseline, false drift would show
    for name, text in read_baseline_options(sources).items():
        if name in ("dataset_format", "time_column"):
            continue
        if name not in values:
            sources = _choose_value(sources, name, text, f"{name}: {text}, as the baseline has it")
        # Names may be listed in another order
        elif sorted(split_names(values[name].text)) != sorted(split_names(text)):
            difference = f"{values[name].location} is {values[name].text}, but {text} for the baseline"
            # The user's value has priority, but the log warns of what follows from it
            sentence = f"{difference}; what that changes is no drift"
            sources = replace(sources, chosen=(*sources.chosen, sentence))
    return sources


def read_baseline_options(sources: Sources) -> TextsByName:
    """The options that the baseline was read with, from its run.json; empty if it has none, or only Spark can open it."""
    # The service doesn't remember options, so a replay of it doesn't either
    path = sources.text("baseline")
    replays_service = (sources.text("compat") or "").lower() == Compatibility.SERVICE.value
    if path is None or replays_service or not can_open_without_spark(path):
        return {}
    try:
        baseline_options = read_recorded_options(read_current_run(path))
    except MonitorError:  # reported when the baseline itself is read
        return {}
    # A baseline of another release may have options that don't exist any more
    return {name: text for name, text in baseline_options.items() if name in OPTIONS and OPTIONS[name].remembered}
