"""Reads a job's configuration: flags, environment and files, all errors at once. Driver only.

For each option the text from the source with the highest priority counts; a blank text counts as not set. Errors say where
a text stands. `contract.py` parses the texts. For local data the format and the output are optional.

Source: C1.4 for the order: --env-file and the project file are ours and come right below the environment.
"""

from __future__ import annotations

import difflib
import json
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from functools import cache
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pydantic import ValidationError

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.format_detection import FORMATS_BY_SUFFIX, TEXT_FORMATS, detect_format, get_suffix
from spark_model_monitor.data.reading.formats import (
    ADDRESS_OPTIONS,
    DATABASE,
    CsvFormat,
    SparkFormat,
    TableFormat,
    parse_dataset_format,
    split_names,
)
from spark_model_monitor.data.reading.listing import allow_outside_links
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput, MonitorError, suggest_names
from spark_model_monitor.reports.outputs.run_files import read_current_run, read_recorded_options, require_same_job
from spark_model_monitor.reports.sinks import SMTP_VARIABLES, WEBHOOK_SECRET
from spark_model_monitor.running.configuration.command_line import BASELINE_MARKERS, LOG_FLAGS, PROCESSING_JOB_FILES
from spark_model_monitor.running.configuration.contract import OPTIONS, WINDOW_OPTIONS, JobConfig, is_without_input
from spark_model_monitor.running.configuration.option_types import (
    PREFIX,
    YES,
    Compatibility,
    flag_name,
    read_analysis_config,
    read_switch,
    variable_name,
)
from spark_model_monitor.running.configuration.project_file import read_project_file
from spark_model_monitor.storage import can_open_without_spark, is_local, local_path
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
class LocatedText:
    """The text of an option, and its location as errors name it: "--output-path", "conf/a.env: output_path"."""

    text: str
    location: str


Kind = TypeVar("Kind", list[Any], dict[str, Json])

Texts: TypeAlias = Mapping[str, str]  # of variables or options, by name
Layer: TypeAlias = dict[str, LocatedText]  # the options of one source, by name
Faults: TypeAlias = dict[str, str | None]  # sentence -> the option that it is about, None if it is about several


@value_class
class Sources:
    """The texts of all options, and what is wrong with the sources themselves.

    Attributes
    ----------
    values: The text of each option from the source with the highest priority.
    errors: Sentence -> the option that it is about, None if it is about several.
    doubtful: Names that resemble our options but are unknown.
    chosen: Sentences for the log on values that were inferred.
    """

    values: Layer
    errors: Mapping[str, str | None] = field(default_factory=dict)
    doubtful: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()

    def text(self, name: str) -> str | None:
        """The text of an option; None if no source sets it."""
        if name in self.values:
            return self.values[name].text
        return None


def read_sources(arguments: Sequence[str], environment: Texts, *, project: Path | None = Path()) -> Sources:
    """The texts of all options from flags, environment and files, with errors; no default is chosen yet.

    env_file and container_root name further sources, so they are read from the sources with higher priority. project: the
    folder of the project file; None if neither it nor a container's files count.
    """
    # Sentences with the option that each is about: further errors of that option would only repeat it
    errors: Faults = {}
    # Layers in the order of their priority: of an option the first counts
    layers = [_read_flags(arguments, errors), _read_variables(environment, "variable {}")]
    doubtful = _find_doubtful_names(environment, "variable {}", only_prefixed=True)

    env_file = ChainMap(*layers).get("env_file")
    if env_file is not None:
        variables = _read_env_file(env_file, errors)
        layers.append(_read_variables(variables, f"{env_file.text}: {{}}"))
        doubtful += _find_doubtful_names(variables, f"{env_file.text}: {{}}", only_prefixed=False)

    if project is not None:
        layers.append(_read_project(project, errors))
        root = ChainMap(*layers).get("container_root", LocatedText("/", ""))
        if not Path(root.text).is_dir():
            errors[f"{root.location} is {root.text!r}, where there is no directory"] = "container_root"
        # The lowest priority: what a processing job was created with
        for relative in PROCESSING_JOB_FILES:
            path = Path(root.text) / relative
            layers.append(_read_variables(_read_processing_job(path, errors), f"{path}: Environment.{{}}"))
    return Sources(dict(ChainMap(*layers)), errors, tuple(doubtful))


def _read_flags(arguments: Sequence[str], errors: Faults) -> Layer:
    """The options of a command line, written `--flag value` or `--flag=value`.

    If a flag is repeated, its last value counts; if its option is repeatable, all values count, joined by commas.
    """
    flags = _list_flags()
    free_option = next((name for name, option in OPTIONS.items() if option.is_positional), "")
    text_by_option: Layer = {}
    remaining = list(arguments)
    while remaining:
        flag, equals, text = remaining.pop(0).partition("=")
        # A single argument without a flag is the path of the data, at any position
        if free_option and free_option not in text_by_option and not flag.startswith("-"):
            text_by_option[free_option] = LocatedText(flag + equals + text, flag_name(free_option))
            continue
        # The set-up of logging has read these already
        if flag in LOG_FLAGS:
            continue
        # --set sets any option, and is the only way to set those without a flag
        if flag == "--set":
            setting = text if equals else "".join(remaining[:1])
            del remaining[: not equals]
            _read_setting(setting, text_by_option, errors)
            continue
        if flag not in flags:
            # Python's spelling with underscores is the most common mistake
            hyphenated = flag.replace("_", "-")
            # Flags that begin with it or have it as a whole word are nearer than those of like spelling
            near_flags = [
                known_flag
                for known_flag in flags
                if known_flag.startswith(hyphenated) or f"-{hyphenated.strip('-')}-" in f"{known_flag}-"
            ] or difflib.get_close_matches(hyphenated, flags)
            errors[_describe_unknown_flag(flag, near_flags)] = flags[near_flags[0]][0] if near_flags else None
            if not equals and remaining and not remaining[0].startswith("--"):
                remaining.pop(0)  # the flag's value: not a further error
            continue
        name, switch_text = flags[flag]
        # A flag with a placeholder takes a value; the others are switches
        if OPTIONS[name].placeholder:
            # A value that looks like a flag has to be written behind =
            if not equals and (not remaining or remaining[0].startswith("--")):
                errors[f"{flag} has no value; write {flag} {OPTIONS[name].placeholder}"] = name
                continue
            text = text if equals else remaining.pop(0)
        elif equals:
            text = _resolve_switch(text, switch_text == "true")
        else:
            text = switch_text
        # An empty value means "not set": variables in scripts are often empty
        if text.strip():
            earlier_values = ""
            if OPTIONS[name].is_repeatable and name in text_by_option:
                earlier_values = f"{text_by_option[name].text},"
            text_by_option[name] = LocatedText(earlier_values + text, flag)
    return text_by_option


def _read_setting(setting: str, text_by_option: Layer, errors: Faults) -> None:
    """Adds the option of `--set NAME=VALUE` to `text_by_option`."""
    # A name may be spelt with hyphens, like a flag
    written_name, equals, text = setting.partition("=")
    name = written_name.strip().replace("-", "_")
    if not equals:
        errors[f"--set is {setting!r}; write --set NAME=VALUE, such as --set lease_wait=PT1H"] = None
    elif name not in OPTIONS:
        hint = suggest_names(name, OPTIONS, "--help-all lists them", shown=str)
        errors[f"--set names {written_name!r}, which is no option; {hint}"] = None
    elif text.strip():
        text_by_option[name] = LocatedText(text, f"--set {name}")


PAGE_FLAGS = ("--html", "--pdf", "--page", "--ipynb")
"""Flags that people try in order to get a page; this job has none of them."""


def _describe_unknown_flag(flag: str, near_flags: Sequence[str]) -> str:
    if not flag.startswith("--"):
        return f"{flag!r} belongs to no flag; write --FLAG VALUE, quote values with blanks, and name the folder of several files"
    # Other commands have such a flag, so people expect it here
    if flag in PAGE_FLAGS:
        return f"{flag} is no flag of this job: report.html is written by default, and --no-report leaves it out"
    return f"{flag} is no flag of this job; " + (
        f"did you mean {near_flags[0]}?" if near_flags else "--help lists the flags"
    )


def _read_variables(variables: Texts, location_template: str) -> Layer:
    text_by_option: Layer = {}
    for variable, (name, is_positive) in _list_variables().items():
        # Containers set unused variables to empty texts
        text = variables.get(variable)
        if text and text.strip():
            text_by_option[name] = LocatedText(
                text if is_positive else _resolve_switch(text, is_positive), location_template.format(variable)
            )
    return text_by_option


@cache
def _list_flags() -> Mapping[str, tuple[str, str]]:
    """By flag: its option, and the option's text if the flag has no value."""
    flags = {flag_name(name): (name, "true") for name in OPTIONS}
    return flags | {flag_name(option.opposite): (name, "false") for name, option in OPTIONS.items() if option.opposite}


@cache
def _list_variables() -> Mapping[str, tuple[str, bool]]:
    """By variable: its option, and whether the variable is named after the option (True) or after its opposite (False)."""
    variables = {}
    for name, option in OPTIONS.items():
        variables[variable_name(name, option)] = (name, True)
        if option.opposite:
            variables[variable_name(option.opposite, option)] = (name, False)
    return variables


def _resolve_switch(text: str, is_positive: bool) -> str:
    """ "true" or "false" for `--progress=TEXT` or, if not positive, `--no-progress=TEXT`; another text is returned unchanged."""
    try:
        return str(read_switch(text) == is_positive).lower()
    except ValueError:
        # The validation of the option reports the text, with its location
        return text


def _find_doubtful_names(variables: Texts, location_template: str, *, only_prefixed: bool) -> list[str]:
    """Unknown names that are probably meant for us: with our prefix, or an option's name without it; in a file of variables
    also a name in capitals, or similar to one of our names.
    """
    known_names = _list_variables().keys()
    doubtful_names = []
    for name in sorted(variables.keys() - known_names - set(OTHER_VARIABLES)):
        variable = f"{PREFIX}{name.upper()}"
        hint = ""
        # In the environment, names in capitals belong to other programs
        if variable in known_names and (name.islower() or not only_prefixed):
            hint = f" (write {variable})"
        elif only_prefixed and not name.startswith(PREFIX):
            continue
        # A similarity of 85 % catches typos, but few variables of other programs
        elif nearest := difflib.get_close_matches(name, known_names, n=1, cutoff=0.85):
            hint = f" (did you mean {nearest[0]}?)"
        if hint or name.startswith(PREFIX):
            doubtful_names.append(location_template.format(name) + hint)
    return doubtful_names


def _read_env_file(env_file: LocatedText, errors: Faults) -> dict[str, str]:
    from dotenv.parser import parse_stream  # loaded only if there is such a file

    try:
        # Editors of Windows begin a file with a byte order mark
        with open(env_file.text, encoding="utf-8-sig") as file:
            return dict(_read_bindings(env_file.text, parse_stream(file), errors))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", "it is not UTF-8 text")
        fault = (
            f"{env_file.location} is {env_file.text!r}, which can't be read ({reason}); write the path of a local file"
        )
        errors[fault] = None
        return {}


def _read_project(folder: Path, errors: Faults) -> Layer:
    try:
        file_name, texts = read_project_file(folder, OPTIONS)
    except BadConfiguration as error:
        errors.update(dict.fromkeys(str(error).splitlines()))
        return {}
    return {name: LocatedText(text, f"{file_name}: {name}") for name, text in texts.items() if text.strip()}


def _read_bindings(path: str, bindings: Iterable[Binding], errors: Faults) -> Iterator[tuple[str, str]]:
    for binding in bindings:
        # The parser raises no error for a name without a value, or for an open quote
        if binding.error or (binding.key is not None and binding.value is None):
            line = binding.original.line
            errors[f"{path}: line {line} is not NAME=VALUE; quote a value that has quotes or # in it"] = None
        elif binding.key is not None and binding.value is not None:
            yield binding.key, binding.value


def _read_processing_job(path: Path, errors: Faults) -> dict[str, str]:
    """The `Environment` of the container's configuration file; empty if there is no such file."""
    try:
        variables = get_member(read_json_object(path), "Environment", dict, path)
    except BadConfiguration as error:
        errors[str(error)] = None
        return {}
    # The service writes texts; numbers in a file written by hand are fine as well
    return {str(name): str(value) for name, value in variables.items()}


def read_json_object(path: Path) -> dict[str, Json]:
    """The JSON object in a file of a container; empty if the file is absent, as outside a container."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise BadConfiguration(
            f"{path} can't be read as JSON ({type(error).__name__}); correct or remove it"
        ) from error
    if not isinstance(document, dict):
        raise BadConfiguration(f"{path} has to be a JSON object; correct or remove it")
    return document


def get_member(document: Mapping[str, Json], name: str, kind: type[Kind], path: Path) -> Kind:
    """A member of a JSON object; an empty value of its type if the object doesn't have the member."""
    member = document.get(name) or kind()
    if not isinstance(member, kind):
        raise BadConfiguration(
            f"{path}: {name} has to be {'a list' if kind is list else 'an object'}; correct or remove it"
        )
    return member


LINE_FORMATS = ("csv", "jsonl")  # formats of plain lines, to which no window applies
FORMATS_BY_TYPE = {"CSV": "csv", "JSON_LINES": "jsonl", "JSON": "json", "CAPTURE": "capture", "PARQUET": "parquet"}
"""Formats by the name of an analysis configuration's `dataset_type`, used if `dataset_format` is not set."""


DEFAULT_FORMATS = {"MODEL_BIAS": "merged", "MODEL_EXPLAINABILITY": "capture"}
"""Default formats of the analyses that have an analysis configuration, used if the latter has no `dataset_type`."""

BASELINE_FILES = ("baseline_constraints", "baseline_statistics")

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
    source = _find_data_path(job, sources) or ""
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
    path = _find_data_path(job, sources)
    if path is None or not is_local(path) or not local_path(path).exists():
        return None
    return local_path(path)


def _find_data_path(job: str, sources: Sources) -> str | None:
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


def read_baseline_options(sources: Sources) -> Texts:
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


def drop_consequences(error: BadConfiguration) -> BadConfiguration:
    """The same error; if no data is named, without the lines on the format and the output path, which follow from the data."""
    lines = str(error).splitlines()
    # One missing option would otherwise look like three
    if _format_missing("dataset_source") not in lines:
        return error
    consequences = _format_missing("dataset_format"), _format_missing("output_path")
    return BadConfiguration.gathered([line for line in lines if line not in consequences])


def build_config(job: str, sources: Sources, *, in_container: bool) -> JobConfig:
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
        raise BadConfiguration.gathered(errors)
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


def _find_useless_flags(config: JobConfig, values: Layer, texts: Texts) -> Iterator[str]:
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
    for source in filter(None, (_find_data_path(job, sources), sources.text("ground_truth_source"))):
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


def _list_remembered(config: JobConfig, texts: Texts) -> Iterator[tuple[str, str]]:
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
