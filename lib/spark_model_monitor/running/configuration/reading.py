"""Makes a job's configuration from the texts of `sources.py`, and says all that is wrong with them at once. Driver only.

`contract.py` parses each text. The errors between options are found here, such as two baselines, or a flag without an effect.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from spark_model_monitor.data.reading.formats import ADDRESS_OPTIONS, SparkFormat, TableFormat, parse_dataset_format
from spark_model_monitor.errors import BadConfiguration, MonitorError
from spark_model_monitor.reports.outputs.run_files import read_current_run, require_same_job
from spark_model_monitor.running.configuration.contract import OPTIONS, JobConfig, is_without_input
from spark_model_monitor.running.configuration.inferred_options import find_data_path, find_implied_options
from spark_model_monitor.running.configuration.option_types import flag_name
from spark_model_monitor.running.configuration.sources import BASELINE_FILES, Layer, Sources, TextsByName
from spark_model_monitor.storage import is_local, local_path
from spark_model_monitor.storage.file_system import is_hidden


def drop_consequences(error: BadConfiguration) -> BadConfiguration:
    """The same error; if no data is named, without the lines on the format and the output path, which follow from the data."""
    lines = str(error).splitlines()
    # One missing option would otherwise look like three
    if _format_missing("dataset_source") not in lines:
        return error
    consequences = _format_missing("dataset_format"), _format_missing("output_path")
    return BadConfiguration("\n".join(line for line in lines if line not in consequences))


def build_config(job: str, sources: Sources, *, in_container: bool = False) -> JobConfig:
    """The configuration made from the sources.

    Raises BadConfiguration with one line for each error: its location, what was found and what to write instead.
    """
    errors = list(sources.errors)
    reported_options = set(sources.errors.values())
    texts = {name: located_text.text for name, located_text in sources.values.items()}
    texts |= find_implied_options(sources.values, job)
    # Presets of a job have the lowest priority. Metrics are on in a container only: outside it nothing reads them
    presets = {name: option.presets[job] for name, option in OPTIONS.items() if job in option.presets}
    texts = {"publish_cloudwatch_metrics": str(in_container), **presets, **texts}
    # All errors of types and values at once
    config = None
    try:
        config = JobConfig.model_validate({"job": job, **texts})
    except ValidationError as error:
        messages = {str(fault["loc"][0]): fault["msg"].removeprefix("Value error, ") for fault in error.errors()}
        errors += [
            _format_error(name, text, sources.values) for name, text in messages.items() if name not in reported_options
        ]
    if "dataset_source" not in reported_options | set(texts) and not _includes_data_source(
        texts.get("dataset_format", "")
    ):
        errors.append(_format_missing("dataset_source"))
    errors += [
        _format_missing(name) for name, option in OPTIONS.items() if job in option.required_by and name not in texts
    ]
    # Faults between options can be found only if each of them is valid
    if config is not None:
        errors += _find_baseline_faults(config, sources.values)
        errors += find_output_faults(job, sources)
        errors += _find_useless_flags(config, sources.values, texts)
    if config is None or errors:
        raise BadConfiguration("\n".join(errors))
    # The log names what is set but not used
    overruled_names = BASELINE_FILES if config.baseline is not None else ()
    ignored_locations = [
        sources.values[name].location
        for name, option in OPTIONS.items()
        if name in sources.values
        and (
            name in overruled_names or not option.is_used_by(job, config.analysis_type) or is_without_input(name, texts)
        )
    ]
    return config.model_copy(
        update={
            "ignored": tuple(ignored_locations),
            "doubtful": sources.doubtful,
            "remembered": dict(_list_remembered(config, texts)),
            "flatten_json": config.flattens_json and not _has_service_format(config, sources.values),
        }
    )


def _has_service_format(config: JobConfig, values: Layer) -> bool:
    """Whether the format is the contract's JSON in a variable, as the service sets it, and no option says how to read nested
    JSON. Such a job refuses nested JSON, like the service (C11.18).
    """
    data_format = values.get("dataset_format")
    if config.flatten_json is not None or data_format is None or data_format.location.startswith("--"):
        return False
    return data_format.text.lstrip().startswith("{")


def _find_useless_flags(config: JobConfig, values: Layer, texts: TextsByName) -> Iterator[str]:
    """Errors: flags without an effect on this job and analysis. Variables and the contract's options of other analyses are only
    ignored, because jobs may share them.
    """
    for name, value in values.items():
        option = OPTIONS[name]
        if not value.location.startswith("--"):
            continue
        if option.is_used_by(config.job, config.analysis_type):
            if is_without_input(name, texts):
                needed_flags = " or ".join(map(flag_name, option.needs))
                yield f"{value.location} has no effect without {needed_flags}; write that, too, or leave it out"
            continue
        if not option.is_valid_name:
            continue
        # The option belongs to another analysis of this job, or to another job
        analyses = option.list_analyses(config.job)
        if analyses:
            owner = f"--analysis-type {' or '.join(analysis.value for analysis in analyses)}"
        else:
            owner = " or ".join(option.jobs)
        yield f"{value.location} is of {owner}, and has no effect here; leave it out"


def _find_baseline_faults(config: JobConfig, values: Layer) -> Iterator[str]:
    """Errors: two baselines, because one would be ignored."""
    if config.baseline is None or not OPTIONS["baseline"].is_used_by(config.job, config.analysis_type):
        return
    location = values["baseline"].location
    for name in BASELINE_FILES:
        # A variable may be set by the container, and is only ignored
        if name in values and values[name].location == flag_name(name):
            yield f"{flag_name(name)} and {location} name two baselines; leave one of them out"


def find_output_faults(job: str, sources: Sources) -> Iterator[str]:
    """Errors: an output that holds a baseline or, for a baseline, a window; or one in the data, where later runs would
    read it, and a merge would replace the captures.
    """
    output_path = sources.text("output_path")
    if output_path is None:
        return
    output_folder = _resolve_path(output_path)
    baseline = sources.values.get("baseline")
    if baseline is not None and job == "monitor" and _resolve_path(baseline.text) == output_folder:
        yield (
            f"{baseline.location} is {baseline.text!r}, as is the output path, so that the window would take the baseline's "
            f"place; write another output path, or {flag_name('baseline')} previous for the run before"
        )
    # A table's commits have folders of their own. Paths of other file systems can't be opened yet
    elif job in ("baseline", "monitor") and "each_commit" not in sources.values and is_local(output_path):
        try:
            require_same_job(read_current_run(output_path), output_path, is_window=job == "monitor")
        except BadConfiguration as error:
            yield str(error)
        except MonitorError:  # publishing names what is damaged
            pass
    for source in filter(None, (find_data_path(job, sources), sources.text("ground_truth_source"))):
        data = _resolve_path(source)
        if data.is_file() or not output_folder.is_relative_to(data):
            continue
        if not any(map(is_hidden, output_folder.relative_to(data).parts)):
            yield (
                f"{sources.values['output_path'].location} is {output_path!r}, which lies in the data, where other runs would "
                f"read it; write a path outside of {source!r}"
            )


def _resolve_path(path: str) -> Path:
    if is_local(path):
        return local_path(path).resolve()
    return Path(path)


def _list_remembered(config: JobConfig, texts: TextsByName) -> Iterator[tuple[str, str]]:
    """The options that say how the data is read, with their texts."""
    # The format of a table includes its name, and a later run may read another table
    is_table = isinstance(config.dataset_format, TableFormat)
    for name, option in OPTIONS.items():
        is_recorded = option.remembered or name in ADDRESS_OPTIONS.values()
        if is_recorded and name in texts and not (is_table and name == "dataset_format"):
            yield name, texts[name]


def _format_error(name: str, message: str, values: Layer) -> str:
    if name in values:
        return f"{values[name].location} {message}"
    return _format_missing(name)


def _format_missing(name: str) -> str:
    option = OPTIONS[name]
    return f"{name} is missing; write {flag_name(name)} {option.placeholder}, or set the variable {name}"


def _includes_data_source(text: str) -> bool:
    """Whether this `dataset_format` names the data itself, so that no path is needed; False if it can't be parsed."""
    try:
        return isinstance(parse_dataset_format(text), (TableFormat, SparkFormat))
    except BadConfiguration:
        return False
