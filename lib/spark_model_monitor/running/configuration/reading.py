"""Reads a job's configuration: flags, environment and files, all errors at once. Driver only.

For each option the text from the highest source counts, with the words that name its place in an error; a blank text
counts as not given. `contract.py` parses the texts. For local data the format and the output are optional.

Source: C1.4 for the order: --env-file and the project file are ours and come right below the environment.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pydantic import ValidationError

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.formats import (
    ADDRESS_OPTIONS,
    DATABASE,
    CsvFormat,
    SparkFormat,
    TableFormat,
    parse_dataset_format,
    split_names,
)
from spark_model_monitor.data.reading.headers import detect_format
from spark_model_monitor.data.reading.listing import following_links
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput, MonitorError, did_you_mean
from spark_model_monitor.reports.outputs.run_files import read_current_run, read_recorded_options
from spark_model_monitor.reports.sinks import SMTP_VARIABLES, WEBHOOK_SECRET
from spark_model_monitor.running.configuration.command_line import LOG_FLAGS, OF_A_BASELINE, PROCESSING_JOB_FILES
from spark_model_monitor.running.configuration.contract import OPTIONS, JobConfig, is_without_input
from spark_model_monitor.running.configuration.option_types import (
    PREFIX,
    YES,
    Compatibility,
    flag_name,
    read_analysis_config,
    read_switch,
    variable_name,
)
from spark_model_monitor.running.configuration.project_file import PYPROJECT, TABLE, YAML_FILES, read_project_file
from spark_model_monitor.storage import is_local, local_path, opens_here
from spark_model_monitor.storage.file_system import is_hidden
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from dotenv.parser import Binding

OTHER_VARIABLES = (
    "MODEL_MONITOR_CACHE",
    "MODEL_MONITOR_DEEQU_JAR",
    "MODEL_MONITOR_MAVEN_MIRROR",
    "MODEL_MONITOR_HOME",
    "MODEL_MONITOR_S3_ROOT",
    "MODEL_MONITOR_FLEET",
    "MODEL_MONITOR_STATE",
    *SMTP_VARIABLES,
    WEBHOOK_SECRET,
)
"""Variables with our prefix that are not options of a job."""


@value_class
class Given:
    """A text and the words that name its place: "--output-path", "conf/a.env: output_path"."""

    text: str
    place: str


Texts: TypeAlias = Mapping[str, str]  # of variables or options, by name
Layer: TypeAlias = dict[str, Given]  # what one source has, by option
Faults: TypeAlias = dict[str, str | None]  # sentences, each with the option that it is about, None for no single one


@value_class
class Sources:
    """The highest text of each option; errors of the sources themselves; names that are nearly ours.

    errors: text -> the option that it is about, None if it is not about a single one. chosen: sentences on values that
    were inferred, not given, and on flags that are settings now.
    """

    values: Layer
    errors: Mapping[str, str | None] = field(default_factory=dict)
    doubtful: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()

    def text(self, name: str) -> str | None:
        """The text of an option, None if no source has it."""
        if name in self.values:
            return self.values[name].text
        return None


def read_sources(arguments: Sequence[str], environment: Texts, *, project: Path | None = Path()) -> Sources:
    """The options as given by flags, environment and files, errors included; nothing is decided.

    env_file and container_root name further sources, and are read from those above these. project: the folder of the
    project file; None: there is none.
    """
    # By sentence: the option that it is about, whose further errors would only repeat it
    errors: Faults = {}
    moved: list[str] = []
    layers = [_read_flags(arguments, errors, moved), _read_variables(environment, "variable {}")]
    doubtful = _find_doubtful_names(environment, "variable {}", only_prefixed=True)

    env_file = _take_highest(layers).get("env_file")
    if env_file is not None:
        variables = _read_env_file(env_file, errors)
        layers.append(_read_variables(variables, f"{env_file.text}: {{}}"))
        doubtful += _find_doubtful_names(variables, f"{env_file.text}: {{}}", only_prefixed=False)

    if project is not None:
        layers.append(_read_project(project, errors))

    root = _take_highest(layers).get("container_root", Given("/", ""))
    if not Path(root.text).is_dir():
        errors[f"{root.place} is {root.text!r}, where there is no directory"] = "container_root"
    # Lowest of all: what a processing job was created with
    for relative in PROCESSING_JOB_FILES:
        path = Path(root.text) / relative
        layers.append(_read_variables(_read_processing_job(path, errors), f"{path}: Environment.{{}}"))
    return Sources(_take_highest(layers), errors, tuple(doubtful), tuple(moved))


def _take_highest(layers: Sequence[Layer]) -> Layer:
    return {name: value_of_option for layer in reversed(layers) for name, value_of_option in layer.items()}


def _read_flags(arguments: Sequence[str], errors: Faults, moved: list[str]) -> Layer:
    """The flags of a command line: `--flag value` or `--flag=value`; of a repeated flag the last counts, or all do.

    moved: gets a sentence for each flag that is a setting now; it counts all the same, as scripts have it.
    """
    flags = _list_flags()
    free = next((name for name, option in OPTIONS.items() if option.free), "")
    values_by_name: Layer = {}
    words = list(arguments)
    while words:
        flag, equals, text = words.pop(0).partition("=")
        # A single word without a flag is the data, wherever it stands
        if free and free not in values_by_name and not flag.startswith("-"):
            values_by_name[free] = Given(flag + equals + text, flag_name(free))
            continue
        # Read where logging starts
        if flag in LOG_FLAGS:
            continue
        # Options that any name sets, and those that only this sets
        if flag == "--set":
            setting = text if equals else "".join(words[:1])
            del words[: not equals]
            _read_setting(setting, values_by_name, errors)
            continue
        if flag not in flags:
            # Python's spelling with underscores is the most common mistake
            written = flag.replace("_", "-")
            near = [known_flag for known_flag in flags if known_flag.startswith(written)] or difflib.get_close_matches(
                written, flags
            )
            errors[_unknown(flag, near)] = flags[near[0]][0] if near else None
            if not equals and words and not words[0].startswith("--"):
                words.pop(0)  # the flag's value: not a further error
            continue
        name, switched = flags[flag]
        if not OPTIONS[name].has_flag:
            moved.append(_describe_setting(flag, name, "VALUE" if OPTIONS[name].placeholder else switched))
        # A flag with a placeholder takes a value, and the others are switches
        if OPTIONS[name].placeholder:
            # A value that looks like a flag has to be written behind =
            if not equals and (not words or words[0].startswith("--")):
                errors[f"{flag} has no value; write {flag} {OPTIONS[name].placeholder}"] = name
                continue
            text = text if equals else words.pop(0)
        elif equals:
            text = _resolve_switch(text, switched == "true")
        else:
            text = switched
        # An empty value is as good as none: variables in scripts are often empty
        if text.strip():
            before = ""
            if OPTIONS[name].repeatable and name in values_by_name:
                before = f"{values_by_name[name].text},"
            values_by_name[name] = Given(before + text, flag)
    return values_by_name


def _read_setting(setting: str, values_by_name: Layer, errors: Faults) -> None:
    """Enters the option of `--set NAME=VALUE`."""
    # Flags' spelling with hyphens is understood, too
    written_name, equals, text = setting.partition("=")
    name = written_name.strip().replace("-", "_")
    if not equals:
        errors[f"--set is {setting!r}; write --set NAME=VALUE, such as --set lease_wait=PT1H"] = None
    elif name not in OPTIONS:
        hint = did_you_mean(name, OPTIONS, "--help-all lists them", shown=str)
        errors[f"--set names {written_name!r}, which is no option; {hint}"] = None
    elif text.strip():
        values_by_name[name] = Given(text, f"--set {name}")


def _describe_setting(flag: str, name: str, value: str) -> str:
    variable = variable_name(name, OPTIONS[name])
    locations = f"{name} in {YAML_FILES[0]} or [tool.{TABLE}] of {PYPROJECT}, or the variable {variable}"
    return f"{flag} is a setting now: write --set {name}={value}, {locations}"


PAGE_FLAGS = ("--html", "--pdf", "--page", "--ipynb")
"""What people write to get a page."""


def _unknown(flag: str, near: Sequence[str]) -> str:
    if not flag.startswith("--"):
        return f"{flag!r} belongs to no flag; write --FLAG VALUE, quote values with blanks, and name the folder of several files"
    # Other commands have such a flag, so that people expect it here
    if flag in PAGE_FLAGS:
        return f"{flag} is no flag of this job: report.html is written by default, and --no-report leaves it out"
    return f"{flag} is no flag of this job; " + (f"did you mean {near[0]}?" if near else "--help lists the flags")


def _read_variables(variables: Texts, location_template: str) -> Layer:
    values_by_name: Layer = {}
    if not variables:
        return values_by_name
    for variable, (name, positive) in _list_variables().items():
        # Containers set variables to empty texts, which means not at all
        if (text := variables.get(variable, "")).strip():
            values_by_name[name] = Given(
                text if positive else _resolve_switch(text, positive), location_template.format(variable)
            )
    return values_by_name


@cache
def _list_flags() -> Mapping[str, tuple[str, str]]:
    """The option of each flag, and the text that it stands for without a value."""
    flags = {flag_name(name): (name, "true") for name in OPTIONS}
    return flags | {flag_name(option.opposite): (name, "false") for name, option in OPTIONS.items() if option.opposite}


@cache
def _list_variables() -> Mapping[str, tuple[str, bool]]:
    """The option of each variable, and whether it means yes or is its opposite."""
    spellings = [(name, option, key) for name, option in OPTIONS.items() for key in (name, option.opposite) if key]
    return {variable_name(key, option): (name, key == name) for name, option, key in spellings}


def _resolve_switch(text: str, positive: bool) -> str:
    """The switch that `--progress=TEXT` or `--no-progress=TEXT` means; a text that is neither yes nor no is kept."""
    try:
        if read_switch(text) == positive:
            return "true"
        return "false"
    except ValueError:
        # The validation of the option reports it, with its place
        return text


def _find_doubtful_names(variables: Texts, location_template: str, *, only_prefixed: bool) -> list[str]:
    """Names that nearly match ours: with our prefix, or (in a file of variables) a typo away."""
    known_names = _list_variables().keys()
    doubtful_names = []
    judged = {name for name in variables if name.startswith(PREFIX) or not only_prefixed}
    for name in sorted(judged - known_names - set(OTHER_VARIABLES)):
        # Near means 85 % of the letters, so that few names of other programs are suspected
        near = difflib.get_close_matches(name, sorted(known_names), n=1, cutoff=0.85)
        if name.startswith(PREFIX) or near:
            doubtful_names.append(location_template.format(name) + (f" (did you mean {near[0]}?)" if near else ""))
    return doubtful_names


def _read_env_file(env_file: Given, errors: Faults) -> dict[str, str]:
    from dotenv.parser import parse_stream  # not loaded by a run without such a file

    try:
        # Editors of Windows begin a file with a byte order mark
        with open(env_file.text, encoding="utf-8-sig") as file:
            return dict(_bindings(env_file.text, parse_stream(file), errors))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", "it is not UTF-8 text")
        errors[
            f"{env_file.place} is {env_file.text!r}, which can't be read ({reason}); write the path of a local file"
        ] = None
        return {}


def _read_project(folder: Path, errors: Faults) -> Layer:
    try:
        file_name, texts = read_project_file(folder, OPTIONS)
    except BadConfiguration as error:
        errors.update(dict.fromkeys(str(error).splitlines()))
        return {}
    return {name: Given(text, f"{file_name}: {name}") for name, text in texts.items() if text.strip()}


def _bindings(path: str, bindings: Iterable[Binding], errors: Faults) -> Iterator[tuple[str, str]]:
    for binding in bindings:
        # A name alone, or an open quote: the parser reports neither by itself
        if binding.error or (binding.key is not None and binding.value is None):
            line = binding.original.line
            errors[f"{path}: line {line} is not NAME=VALUE; quote a value that has quotes or # in it"] = None
        elif binding.key is not None and binding.value is not None:
            yield binding.key, binding.value


def _read_processing_job(path: Path, errors: Faults) -> dict[str, str]:
    """The `Environment` of the container's configuration file; empty if there is no such file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    # The usual case outside a container
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError) as error:
        errors[f"{path} can't be read as JSON ({type(error).__name__}); correct or remove it"] = None
        return {}
    variables = None
    if isinstance(document, dict):
        variables = document.get("Environment")
    if variables is None:
        return {}
    if not isinstance(variables, dict):
        errors[f"{path}: Environment has to be an object of texts"] = None
        return {}
    # The service writes texts; numbers in a file written by hand are fine as well
    return {str(name): str(value) for name, value in variables.items()}


FORMATS = {"CSV": "csv", "JSON_LINES": "jsonl", "JSON": "json", "CAPTURE": "capture", "PARQUET": "parquet"}
"""Formats by the `dataset_type` of a configuration (its name), used where `dataset_format` is not given."""


WITHOUT_TYPE = {"MODEL_BIAS": "merged", "MODEL_EXPLAINABILITY": "capture"}
"""Default formats of monitors whose configuration has no dataset type."""

ANALYSES = tuple(WITHOUT_TYPE)  # the analyses that have such a configuration

BASELINE_FILES = ("baseline_constraints", "baseline_statistics")

ENDINGS = {"baseline": "baseline", "monitor": "report", "merge": "merged", "backfill": "history"}
"""Endings of the default names of jobs' folders: orders-baseline, in the current folder."""


def with_default_output(job: str, sources: Sources) -> Sources:
    """The sources with an output path; an existing baseline isn't overwritten.

    They are unchanged if one is given, or if the data is not on this machine.
    """
    path = _find_local_data(job, sources)
    if path is None or job not in ENDINGS or "output_path" in sources.values:
        return sources
    # orders.csv gives orders-baseline in the working directory
    output = f"{path.resolve().name.partition('.')[0] or 'data'}-{ENDINGS[job]}"
    if job == "baseline" and any(Path(output, name).exists() for name in OF_A_BASELINE):
        write = f"write --output-path {output} to replace that baseline, or another directory"
        error = f"{output} is there already; {write}"
        return replace(sources, errors={**sources.errors, error: "output_path"})
    return _choose_value(sources, "output_path", output, f"output: {output}")


def with_recognised_format(job: str, sources: Sources) -> Sources:
    """The sources with the format of the data; unchanged if it is given, or if the data is not on this machine.

    Raises BadInput and NoData for files whose format can't be recognised; BadConfiguration for a database's password, or for
    one without a query.
    """
    source = sources.text("dataset_source") or ""
    if source.startswith(DATABASE):
        from spark_model_monitor.data.reading.query_results import require_no_password  # rarely needed

        require_no_password(source)
        if sources.text("query") is None:
            raise BadConfiguration("query is missing; a database is read by --query 'SELECT …'")
        return _choose_value(sources, "dataset_format", "query", f"format: query, of {source}")
    with following_links((sources.text("follow_links") or "").strip().lower() in YES):
        return _recognise_format(job, sources)


LINES = ("csv", "jsonl")


def _recognise_format(job: str, sources: Sources) -> Sources:
    path = _find_local_data(job, sources)
    implied = implied_options(sources.values, job, with_default=False)
    if path is None or job == "merge" or "dataset_format" in {*sources.values, *implied}:
        return sources
    # An analysis that expects records still takes CSV, which can't be mistaken for them
    default = implied_options(sources.values, job).get("dataset_format")
    window = _find_window(job, sources)
    try:
        word = detect_format(LocalEngine(), str(path), window)
        # Captures that are damaged look like other lines, and would be read without the window
        if window is not None and word in LINES:
            word = detect_format(LocalEngine(), str(path))
    except MonitorError as error:
        # Reported when the data is read in the default format
        if default is not None:
            return sources
        if not isinstance(error, BadConfiguration):
            raise
        return replace(sources, errors={**sources.errors, str(error): "dataset_format"})
    if default is not None and not isinstance(parse_dataset_format(word), CsvFormat):
        return sources
    if default is not None:
        sentence = f"format: {word}, detected from {path}, and not {default}"
        return _choose_value(sources, "dataset_format", word, sentence)
    # The baseline's format wins if it only says more than the files do, such as a separator
    remembered = None
    if job == "monitor":
        remembered = _read_by_baseline(sources).get("dataset_format")
    if remembered is not None and _is_detailed_form(remembered, word):
        return _choose_value(sources, "dataset_format", remembered, f"format: {remembered}, as the baseline has it")
    return _choose_value(sources, "dataset_format", word, f"format: {word}, detected from {path}")


def _find_window(job: str, sources: Sources) -> Window | None:
    """The window of the data; None without one, or if its texts have an error, which is reported later."""
    names = ("start_time", "end_time", "scheduled_time", "start_time_offset", "end_time_offset")
    texts = {name: sources.values[name].text for name in names if name in sources.values}
    with suppress(ValidationError, BadConfiguration):
        config = JobConfig.model_validate({"job": job, "dataset_format": "capture", "output_path": "", **texts})
        return config.find_window()
    return None


def _is_detailed_form(text: str, word: str) -> bool:
    """Whether a given format is a more detailed form of the recognised one."""
    dataset_format = parse_dataset_format(text)
    recognised_format = parse_dataset_format(word)
    # A reader of Spark with options, for the same kind of files
    if isinstance(dataset_format, SparkFormat):
        return dataset_format.reader == ("csv" if isinstance(recognised_format, CsvFormat) else word)
    return type(dataset_format) is type(recognised_format) and getattr(dataset_format, "separator", None) == getattr(
        recognised_format, "separator", None
    )


def _find_local_data(job: str, sources: Sources) -> Path | None:
    """The path of the data; None if not given, or if it is not on this machine."""
    # An analysis configuration may name the data instead of a flag
    path = implied_options(sources.values, job).get("dataset_source", sources.text("dataset_source"))
    if path is None or not is_local(path) or not local_path(path).exists():
        return None
    return local_path(path)


def _choose_value(sources: Sources, name: str, text: str, sentence: str) -> Sources:
    values = {**sources.values, name: Given(text, flag_name(name))}
    return replace(sources, values=values, chosen=(*sources.chosen, sentence))


def implied_options(values: Layer, job: str, *, with_default: bool = True) -> dict[str, str]:
    """Options that an analysis configuration implies where they are not given: the location and the format of its data.

    Its `dataset_uri` overrides everything but a flag. A monitor's configuration does not give the format of its data:
    it is merged records, or for attributions captured ones. with_default: also give this format.
    Source: B1 and B5.1.
    """
    if "analysis_type" not in values or values["analysis_type"].text.upper() not in ANALYSES:
        return {}
    try:
        config = read_analysis_config(values["analysis_config"].text)
    except (KeyError, BadInput, BadDocument):  # reported when the option itself is read
        return {}
    implied = {}
    # The baseline's configuration gives the format of its data by a MIME type
    if config.dataset_type is not None and config.dataset_type.name in FORMATS:
        implied["dataset_format"] = FORMATS[config.dataset_type.name]
    elif config.dataset_type is None and job == "monitor" and with_default:
        implied["dataset_format"] = WITHOUT_TYPE[values["analysis_type"].text.upper()]
    implied = {name: text for name, text in implied.items() if name not in values}
    # The configuration's own location of the data is above variables, and below flags
    source = values.get("dataset_source")
    if config.dataset_uri is not None and not (source and source.place.startswith("--")):
        implied["dataset_source"] = config.dataset_uri
    return implied


def adopt_baseline_options(job: str, sources: Sources) -> Sources:
    """The sources with the options by which a monitor's baseline was read, unless they set them or the service is replayed.

    Of its format only what `with_recognised_format` leaves open is taken, such as whether there is a header.
    """
    if job != "monitor":
        return sources
    values = sources.values
    # Data read in another way than the baseline's would show drift where there is none
    for name, text in _read_by_baseline(sources).items():
        if name == "dataset_format":
            continue
        if name not in values:
            sources = _choose_value(sources, name, text, f"{name}: {text}, as the baseline has it")
        elif _split_list(values[name].text) != _split_list(text):
            difference = f"{values[name].place} is {values[name].text}, but {text} for the baseline"
            # What the user wrote holds, but the log says what it means
            sentence = f"{difference}; what that changes is no drift"
            sources = replace(sources, chosen=(*sources.chosen, sentence))
    return sources


def _split_list(text: str) -> list[str]:
    return sorted(split_names(text))


def _read_by_baseline(sources: Sources) -> Texts:
    """The options in run.json of the baseline; empty if there is none, or only Spark can open it."""
    # The service had no such memory, so that a replay takes none
    path = sources.text("baseline")
    replays_service = (sources.text("compat") or "").lower() == Compatibility.SERVICE.value
    if path is None or replays_service or not opens_here(path):
        return {}
    try:
        read_by = read_recorded_options(read_current_run(path))
    except MonitorError:  # reported when the baseline itself is read
        return {}
    # Options of another release may be gone
    return {name: text for name, text in read_by.items() if name in OPTIONS and OPTIONS[name].remembered}


def without_consequences(error: BadConfiguration) -> BadConfiguration:
    """The same error; if no data is named, without the two lines on what would follow from it, the format and the
    output path."""
    lines = str(error).splitlines()
    # One missing option would otherwise look like three
    if _format_missing("dataset_source") not in lines:
        return error
    consequences = _format_missing("dataset_format"), _format_missing("output_path")
    return BadConfiguration.gathered([line for line in lines if line not in consequences])


def build_config(job: str, sources: Sources, *, in_container: bool) -> JobConfig:
    """The configuration that the sources add up to.

    Raises BadConfiguration with one line for each error: its place, what was found and what to write instead.
    """
    errors = list(sources.errors)
    reported = set(sources.errors.values())
    texts = {name: value_of_option.text for name, value_of_option in sources.values.items()}
    texts |= implied_options(sources.values, job)
    # A job's presets give way to everything that was said; metrics are expected by a container's service, else nobody reads them
    presets = {name: option.presets[job] for name, option in OPTIONS.items() if job in option.presets}
    texts = {"publish_cloudwatch_metrics": str(in_container), **presets, **texts}
    # All errors of types and values at once
    config = None
    try:
        config = JobConfig.model_validate({"job": job, **texts})
    except ValidationError as error:
        messages = {str(fault["loc"][0]): fault["msg"].removeprefix("Value error, ") for fault in error.errors()}
        errors += [_format_error(name, text, sources.values) for name, text in messages.items() if name not in reported]
    if "dataset_source" not in reported | set(texts) and not _names_its_data(texts.get("dataset_format", "")):
        errors.append(_format_missing("dataset_source"))
    errors += [
        _format_missing(name) for name, option in OPTIONS.items() if job in option.required_by and name not in texts
    ]
    # Faults between options can be found only if each of them is valid
    if config is not None:
        errors += _find_baseline_faults(config, sources.values)
        errors += _find_output_faults(config, sources.values)
        errors += _find_useless_flags(config, sources.values, texts)
    if config is None or errors:
        raise BadConfiguration.gathered(errors)
    # What was given but isn't used is named in the log
    overruled = BASELINE_FILES if config.baseline is not None else ()
    ignored = [
        sources.values[name].place
        for name, option in OPTIONS.items()
        if name in sources.values
        and (name in overruled or not option.is_used_by(job, config.analysis_type) or is_without_input(name, texts))
    ]
    return config.model_copy(
        update={
            "ignored": tuple(ignored),
            "doubtful": sources.doubtful,
            "remembered": dict(_list_remembered(config, texts)),
            "flatten_json": config.flattens_json and not _has_format_of_service(config, sources.values),
        }
    )


def _has_format_of_service(config: JobConfig, values: Layer) -> bool:
    """Whether the format is the contract's JSON in a variable, as the service gives it, and nobody says how to read nested
    JSON, which the service refuses (C11.18).
    """
    data_format = values.get("dataset_format")
    if config.flatten_json is not None or data_format is None or data_format.place.startswith("--"):
        return False
    return data_format.text.lstrip().startswith("{")


def _find_useless_flags(config: JobConfig, values: Layer, texts: Texts) -> Iterator[str]:
    """Errors: flags that no run of this job and kind uses, or none with these flags. A variable may be shared by jobs, and is
    only ignored, as are the contract's options of other kinds.
    """
    for name, value in values.items():
        option = OPTIONS[name]
        if not value.place.startswith("--"):
            continue
        if option.is_used_by(config.job, config.analysis_type):
            if is_without_input(name, texts):
                needed_flags = " or ".join(map(flag_name, option.needs))
                yield f"{value.place} has no effect without {needed_flags}; write that, too, or leave it out"
            continue
        if not option.ours:
            continue
        # Either another job has it, or another kind of this one
        users = option.list_analyses(config.job)
        if users:
            owner = f"--analysis-type {' or '.join(analysis.value for analysis in users)}"
        else:
            owner = " or ".join(option.jobs)
        yield f"{value.place} is of {owner}, and has no effect here; leave it out"


def _find_baseline_faults(config: JobConfig, values: Layer) -> Iterator[str]:
    """Errors: a second baseline whose flag would be ignored, and a window that would overwrite its baseline."""
    if config.baseline is None or not OPTIONS["baseline"].is_used_by(config.job, config.analysis_type):
        return
    location = values["baseline"].place
    for name in BASELINE_FILES:
        # A variable may be left from the container, and is only ignored
        if name in values and values[name].place == flag_name(name):
            yield f"{flag_name(name)} and {location} name two baselines; leave one of them out"
    if _resolve_path(config.baseline) == _resolve_path(config.output_path):
        yield (
            f"{location} is {config.baseline!r}, as is the output path, so that the window would take the baseline's place; "
            f"write another output path, or {flag_name('baseline')} previous for the run before"
        )


def _find_output_faults(config: JobConfig, values: Layer) -> Iterator[str]:
    """Errors: an output in the data, where later runs would read it, and a merge would replace the captures."""
    output_folder = _resolve_path(config.output_path)
    for source in filter(None, (config.dataset_source, config.ground_truth_source)):
        data = _resolve_path(source)
        if data.is_file() or not output_folder.is_relative_to(data):
            continue
        if not any(map(is_hidden, output_folder.relative_to(data).parts)):
            yield (
                f"{values['output_path'].place} is {config.output_path!r}, which lies in the data, where other runs would "
                f"read it; write a path outside of {source!r}"
            )


def _resolve_path(path: str) -> Path:
    if is_local(path):
        return local_path(path).resolve()
    return Path(path)


def _list_remembered(config: JobConfig, texts: Texts) -> Iterator[tuple[str, str]]:
    """How the data is read, by option; a table's name includes its location."""
    # A table's format has the table's name in it, and a later run may be of another one
    is_table = isinstance(config.dataset_format, TableFormat)
    for name, option in OPTIONS.items():
        is_recorded = option.remembered or name in ADDRESS_OPTIONS.values()
        if is_recorded and name in texts and not (is_table and name == "dataset_format"):
            yield name, texts[name]


def _format_error(name: str, message: str, values: Layer) -> str:
    if name in values:
        return f"{values[name].place} {message}"
    return _format_missing(name)


def _format_missing(name: str) -> str:
    option = OPTIONS[name]
    return f"{name} is missing; write {flag_name(name)} {option.placeholder}, or set the variable {name}"


def _names_its_data(text: str) -> bool:
    """Whether this `dataset_format` is of a kind that needs no path; False if it can't be read."""
    try:
        return isinstance(parse_dataset_format(text), (TableFormat, SparkFormat))
    except BadConfiguration:
        return False
