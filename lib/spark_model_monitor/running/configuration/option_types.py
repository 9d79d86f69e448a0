"""The types of a job's options, and `Option`, the declaration of an option. Pure.

Flags, variables and files all give text; each type here parses it, or says what to write instead. `contract.JobConfig`
declares an `Option` with each attribute; `help.py` and `sources.py` use these declarations.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BeforeValidator, ValidationInfo

from spark_model_monitor.data.reading import formats
from spark_model_monitor.data.records.windows import parse_time
from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput
from spark_model_monitor.registry import Registry
from spark_model_monitor.reports.alerts import SinkDestination, read_destinations
from spark_model_monitor.reports.outputs.sql_tables import is_of_catalog
from spark_model_monitor.running.configuration.command_line import read_name
from spark_model_monitor.running.configuration.offsets import read_offset
from spark_model_monitor.statistics.drift.distances import Distance
from spark_model_monitor.statistics.user_choices import ValueKind
from spark_model_monitor.storage import get_storage_without_spark, is_local, local_path
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.documents.analysis_config import AnalysisConfig

Value = TypeVar("Value")

JOBS = ("baseline", "monitor", "merge")


class Compatibility(str, Enum):
    """Whether a job computes correct results, or the results that the service would have (C11a)."""

    NONE = "none"
    SERVICE = "service"


class FailOn(str, Enum):
    """Which outcomes of a run have an exit status of their own; cannot-tell includes violations."""

    VIOLATIONS = "violations"
    CANNOT_TELL = "cannot-tell"


class Halves(str, Enum):
    """The halves of captures that become columns."""

    REQUEST = "request"
    RESPONSE = "response"
    BOTH = "both"


class ShownValues(str, Enum):
    """Where values of the data are shown besides the run's own files: nowhere, on pages and terminals, or also in messages to
    sinks.
    """

    HIDE = "hide"
    SHOW = "show"
    SEND = "send"


class ResultRows(str, Enum):
    """Which rows of a run go to result tables: the run and its violations, or also every check and the summary."""

    VIOLATIONS = "violations"
    ALL = "all"


@value_class
class Option:
    """The declaration of an option, in addition to its type and default.

    Attributes
    ----------
    placeholder: How --help shows its value ("DIRECTORY"); by default the placeholder of its type; empty for a switch.
    choices: The values that its sentence in --help lists.
    is_valid_name: Whether its variable is MODEL_MONITOR_<FLAG>; options of the service's contract use their own name.
    jobs, analyses: Which jobs and analyses use it; for others it is accepted without effect.
    opposite: The flag that turns a switch off.
    default: The default in words, if the value doesn't show it.
    is_repeatable: Whether all values of a repeated flag count, as if separated by commas.
    required_by: Jobs that require it.
    needs: Other options; if none of them is set, this option has no effect.
    presets: By job, the text that is used if no source sets the option.
    is_positional: Whether an argument without a flag is the value of this option.
    remembered: Whether a baseline's run.json stores it for data that is compared with the baseline.
    has_flag: Whether it has a flag of its own; an option without one is set by --set, files and variables.
    further_uses: Further pairs of a job and an analysis that use it.
    """

    placeholder: str = ""
    choices: str = ""
    is_valid_name: bool = True
    jobs: tuple[str, ...] = JOBS
    analyses: tuple[AnalysisType, ...] = tuple(AnalysisType)
    opposite: str | None = None
    default: str | None = None
    is_repeatable: bool = False
    required_by: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    presets: Mapping[str, str] = field(default_factory=dict)
    is_positional: bool = False
    remembered: bool = False
    has_flag: bool = True
    further_uses: tuple[tuple[str, AnalysisType], ...] = ()

    def is_used_by(self, job: str, analysis: AnalysisType) -> bool:
        """Whether a job of this analysis uses the option."""
        return (job in self.jobs and analysis in self.analyses) or (job, analysis) in self.further_uses

    def list_analyses(self, job: str) -> list[AnalysisType]:
        """The analyses for which a job uses the option."""
        return [analysis for analysis in AnalysisType if self.is_used_by(job, analysis)]


PREFIX = "MODEL_MONITOR_"  # what the variables of our own options begin with


def flag_name(name: str) -> str:
    """`--dataset-source` of `dataset_source`."""
    return f"--{name.replace('_', '-')}"


def variable_name(name: str, option: Option) -> str:
    """The environment variable of an option or its opposite: the contract's own name; MODEL_MONITOR_<FLAG> for ours."""
    if option.is_valid_name:
        return f"{PREFIX}{name.upper()}"
    return name


@value_class
class Placeholder:
    """How --help shows a value of a type."""

    text: str


BYTES_BY_UNIT = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}
SIZE_PATTERN = re.compile(r"([0-9]+) ?([kmg]?)(?:i?b)?", re.IGNORECASE)
MIN_RECORD_BYTES = 2**10
MAX_RECORD_BYTES = 2**30
"""The range of --max-record-size. Spark holds a line in an array that it doubles when it is full, up to 2 GiB, so only a line
of at most 1 GiB is sure to fit."""

YES = ("true", "yes", "1", "on", "enabled")
NO = ("false", "no", "0", "off", "disabled")


def read_switch(value: Any) -> Any:
    """True or False for a text such as true, no, 1, Disabled."""
    text = str(value).strip().lower()
    # Python callers pass a bool; flags and variables are texts
    if value is None or isinstance(value, bool):
        return value
    if text not in (*YES, *NO):
        raise ValueError(f"is {value!r}; write true or false, or Enabled or Disabled")
    return text in YES


def _read_sha256(text: str) -> str:
    digest = text.strip().lower()
    if re.fullmatch(r"[0-9a-f]{64}", digest) is None:
        raise ValueError(f"is {text!r}; write the 64 hexadecimal digits that sha256sum prints")
    return digest


def _read_number(value: Any) -> Any:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    # float() also accepts nan and inf, which can't be compared with a threshold
    if not math.isfinite(number):
        raise ValueError(f"is {value!r}; it has to be a number, such as 0.1")
    return number


def _read_share(value: Any) -> Any:
    number = _read_number(value)
    if not 0 <= number <= 1:
        # Most likely a percentage
        hint = ""
        if 1 < number <= 100:
            hint = f" ({number:g} % is {number / 100:g})"
        raise ValueError(f"is {value!r}; it has to be a number from 0 to 1{hint}")
    return number


def _read_chance(value: Any) -> Any:
    number = _read_share(value)
    if number in (0, 1):
        raise ValueError(f"is {value!r}; it has to be above 0 and below 1 (1 in 720 is 0.0014)")
    return number


def _read_whole_number(value: Any) -> Any:
    text = str(value).strip()
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"is {value!r}; it has to be a whole number above 0")
    return int(text)


def _read_up_to_100(value: Any) -> Any:
    number = _read_whole_number(value)
    if number > 100:  # C10e
        raise ValueError(f"is {value!r}; it has to be a whole number from 1 to 100")
    return number


def _read_size(value: Any) -> Any:
    match = SIZE_PATTERN.fullmatch(str(value).strip())
    size_bytes = 0
    if match:
        size_bytes = int(match[1]) * BYTES_BY_UNIT[match[2].lower()]
    if not MIN_RECORD_BYTES <= size_bytes <= MAX_RECORD_BYTES:
        raise ValueError(f"is {value!r}; it has to be a size from 1kB to 1GB, such as 256MB")
    return size_bytes


def require_enough_windows(period: int, info: ValidationInfo) -> int:
    """An evaluation period of at least the number of datapoints in it."""
    # pydantic validates fields in their order: info.data has only the fields above this one
    needed = info.data.get("datapoints_to_alert", 1)
    if period < needed:
        never = f"datapoints_to_alert {needed}: there could be no alert"
        raise ValueError(f"is {period}, and {never}; write {needed} or more")
    return period


def require_hidden_once(values: ShownValues | None, options: ValidationInfo) -> ShownValues | None:
    """Where values are shown. Raises ValueError if they are shown or sent although hide_values hides them."""
    if options.data.get("hide_values") and values not in (None, ShownValues.HIDE):
        raise ValueError(f"is {values.value!r}, and hide_values hides them; leave one of them out")
    return values


def require_xml_name(path: str | None) -> str | None:
    """The path of a file of XML. Raises ValueError for another ending: the file may be data, or a document of the run."""
    if path is not None and not path.lower().endswith(".xml"):
        raise ValueError(f"is {path!r}; write a name that ends in .xml")
    return path


def require_connect_address(url: str | None, info: ValidationInfo) -> str | None:
    """The address of a Spark Connect server, which requires the Spark engine."""
    if url is None:
        return None
    if not re.fullmatch(r"sc://[^/\s]+(/.*)?", url):
        # After the first semicolon there may be a token, which must not be logged
        raise ValueError(f"is {url.partition(';')[0]!r}; it has to be an address like sc://HOST:15002")
    if info.data.get("engine") == "local":
        raise ValueError("names a server, and engine is 'local'; leave one of them out")
    return url


def require_function_or_file(reference: str | None) -> str | None:
    """The reference. Raises ValueError if it is neither a function of a module nor the path of a JSON file."""
    if reference is not None and ":" not in reference and not reference.endswith(".json"):
        raise ValueError(f"is {reference!r}; it has to be module:function, or the path of a .json file")
    return reference


def require_engine_of_table(target: str | None, info: ValidationInfo) -> str | None:
    """Where results are written as tables. Raises ValueError for a catalog's table if the engine has no catalog."""
    if target is not None and is_of_catalog(target) and info.data.get("engine") == "local":
        raise ValueError(
            f"is {target!r}, a table of Spark's catalog; write --engine spark, or a path such as ./{target}"
        )
    return target


def require_compatible_matching(columns: str | None, info: ValidationInfo) -> str | None:
    """How columns are matched. Raises ValueError if the service's behaviour is requested, but not its matching."""
    if columns == "name" and info.data.get("compat") is Compatibility.SERVICE:
        raise ValueError("is 'name', and compat is 'service', which means exact; leave one of them out")
    return columns


def parse_text_by(read: Callable[[str], Any]) -> BeforeValidator:
    """Parses a text; other values are returned as they are. A BadConfiguration becomes an error of the text."""

    def validated(value: Any) -> Any:
        try:
            if isinstance(value, str):
                return read(value)
            return value
        # pydantic collects ValueErrors only; another exception would hide the errors of further fields
        except BadConfiguration as error:
            raise ValueError(str(error)) from error

    return BeforeValidator(validated)


def _read_duration(text: str) -> timedelta:
    try:
        return read_offset(text.strip(), "")
    except BadConfiguration:
        raise ValueError(f"is {text!r}; it has to be an ISO 8601 duration, such as PT1H or -P1D") from None


def _read_bounded_duration(min_duration: timedelta, requirement: str, text: str) -> timedelta:
    if (duration := _read_duration(text)) < min_duration:
        raise ValueError(f"is {text!r}; it has to be {requirement}")
    return duration


_read_period = partial(_read_bounded_duration, timedelta.resolution, "longer than nothing, such as PT24H or P7D")
_read_wait = partial(_read_bounded_duration, timedelta(0), "a time to wait, such as PT10M, or PT0S for none")


def _read_pairs(read_value: Callable[[str], Value], form: str, text: str) -> dict[str, Value]:
    """The value of each name. form: what to write.

    A comma separates two pairs, or belongs to a name: a piece without = is the beginning of a name.
    """
    value_by_name = {}
    pair = ""
    for piece in formats.split_at_commas(text):
        pair = ",".join(filter(None, (pair, piece)))
        name, equals, value = formats.remove_quotes(pair.strip()).rpartition("=")
        if not equals:
            continue
        try:
            value_by_name[name.strip()] = read_value(value.strip())
        except ValueError:
            raise ValueError(f"has {pair!r}; write {form}, several with commas") from None
        pair = ""
    if pair.strip():
        raise ValueError(f"has {pair!r}; write {form}, several with commas")
    return value_by_name


_read_thresholds = partial(_read_pairs, _read_number, "FEATURE=NUMBER, such as plan=0.3, or *=0.3 for all features")
_read_column_types = partial(
    _read_pairs, lambda kind: ValueKind(kind.lower()), "COLUMN=categorical or COLUMN=continuous"
)


def _read_costs(text: str) -> dict[str, float]:
    form = "what outcomes are worth, such as tp=40,fp=-5, of tp, fp, tn and fn"
    value_by_outcome = _read_pairs(_read_number, form, text.lower())
    # An outcome that isn't named has the value 0, but a misspelt one is an error
    if not value_by_outcome or set(value_by_outcome) - {"tp", "fp", "tn", "fn"}:
        raise ValueError(f"has {text!r}; write {form}")
    return value_by_outcome


def _read_script_path(path: str) -> str:
    if is_local(path) and not local_path(path).is_file():
        raise ValueError(f"is {path!r}, where there is no file; write the path of a Python file")
    return path


def _read_moment(text: str) -> datetime:
    time = parse_time(text.strip())
    if time is None:
        raise ValueError(f"is {text!r}; it has to be a time, such as 2021-05-06T22:00:00Z")
    return time


def _read_version(value: Any, info: ValidationInfo) -> Any:
    data_format = info.data.get("dataset_format", formats.DELTA)
    # Files have no versions, and the option would be ignored silently
    if data_format != formats.DELTA and not isinstance(data_format, formats.TableFormat):
        raise ValueError("asks for a version, which tables have; write --dataset-format delta or table:NAME")
    time = parse_time(value.strip())
    if time is None and not value.strip().isdecimal():
        raise ValueError(f"is {value!r}; it has to be the number of a version, or a time such as 2021-05-06T22:00:00Z")
    return time or int(value)


def _read_tolerance(text: str) -> Any:
    from spark_model_monitor.monitors.model_quality.measurement import Tolerance  # slow; few jobs have a tolerance

    try:
        return Tolerance.parse(text)
    except BadConfiguration as error:
        raise ValueError(str(error).removeprefix("tolerance ")) from error


Switch = Annotated[bool, BeforeValidator(read_switch)]
Enabled = Annotated[bool, BeforeValidator(read_switch), Placeholder("Enabled|Disabled")]
Number = Annotated[float, BeforeValidator(_read_number), Placeholder("NUMBER")]
Share = Annotated[float, BeforeValidator(_read_share), Placeholder("SHARE")]
Chance = Annotated[float, BeforeValidator(_read_chance), Placeholder("SHARE")]
WholeNumber = Annotated[int, BeforeValidator(_read_whole_number), Placeholder("NUMBER")]
Moment = Annotated[datetime, parse_text_by(_read_moment), Placeholder("TIME")]
TableVersion = Annotated[int | datetime, BeforeValidator(_read_version), Placeholder("VERSION|TIME")]
Duration = Annotated[timedelta, parse_text_by(_read_duration), Placeholder("DURATION")]
Period = Annotated[timedelta, parse_text_by(_read_period), Placeholder("DURATION")]
Wait = Annotated[timedelta, parse_text_by(_read_wait), Placeholder("DURATION")]
Size = Annotated[int, BeforeValidator(_read_size), Placeholder("SIZE")]
UpTo100 = Annotated[int, BeforeValidator(_read_up_to_100), Placeholder("NUMBER")]
ThresholdsByFeature = Annotated[Mapping[str, float], parse_text_by(_read_thresholds), Placeholder("THRESHOLDS")]
Costs = Annotated[Mapping[str, float], parse_text_by(_read_costs), Placeholder("COSTS")]
Destinations = Annotated[tuple[SinkDestination, ...], parse_text_by(read_destinations), Placeholder("SINK")]
Names = Annotated[tuple[str, ...], parse_text_by(formats.split_names), Placeholder("FEATURES")]
Sha256 = Annotated[str, parse_text_by(_read_sha256), Placeholder("DIGEST")]
Script = Annotated[str, parse_text_by(_read_script_path), Placeholder("FILE")]
DataFormat = Annotated[formats.DatasetFormat, parse_text_by(formats.parse_dataset_format), Placeholder("FORMAT")]
ToleranceRule = Annotated[Any, parse_text_by(_read_tolerance), Placeholder("TOLERANCE")]


def choose_from(value_by_name: Mapping[str, Any]) -> BeforeValidator:
    """A validator that maps names to values, ignoring case."""
    return BeforeValidator(partial(read_name, value_by_name))


def parse_threshold_by(setting: str, methods: Registry[Distance]) -> BeforeValidator:
    """A validator of thresholds: within the range of the distance that the option `setting` names, by default the first one."""

    def read(value: Any, info: ValidationInfo) -> Any:
        if value is None:
            return None
        # The method's field stands above this one, so it is validated already
        method = methods.get(info.data.get(setting) or next(iter(methods)))
        # Distances up to 1 are shares; the others have no upper limit
        if method.facts["range"][1] == 1:
            return _read_share(value)
        number = _read_number(value)
        if number < 0:
            raise ValueError(f"is {value!r}; it has to be a number, 0 or more")
        return number

    return BeforeValidator(read)


class IntervalMethod(str, Enum):
    """How the intervals of bias metrics are computed."""

    NONE = "none"
    BOOTSTRAP = "bootstrap"


def read_analysis_config(path: str) -> AnalysisConfig:
    """The configuration in a local or S3 file. Raises BadDocument if it is invalid, BadInput if it is absent."""
    from spark_model_monitor.documents.analysis_config import AnalysisConfig

    return AnalysisConfig.from_json(get_storage_without_spark(path).read(path), path)


def _read_analysis_path(path: str) -> str:
    try:
        if not get_storage_without_spark(path).exists(path):
            raise ValueError(f"is {path!r}, where there is no file; write the path of a local file, or of one on S3")
        read_analysis_config(path)
    except BadInput as error:
        raise ValueError(f"is {path!r}, which can't be read ({error}); write the path of a local file") from None
    # All faults of the document in one line, because each option has one line of errors
    except BadDocument as error:
        raise ValueError(f"is {path!r}: {'; '.join(str(error).splitlines())}") from None
    return path


def _read_ranges(text: str) -> dict[str, tuple[float, float]]:
    # Few jobs need it, and importing it takes time
    from spark_model_monitor.monitors.bias.bias_analysis import ALL_METHODS

    metric_names = (*(ALL_METHODS.post_training or ()), *(ALL_METHODS.pre_training or ()))
    form = "METRIC=LOW:HIGH, such as DPL=-0.1:0.1, the smaller number first"
    range_by_metric = _read_pairs(_read_range, form, text)
    unknown_names = [name for name in range_by_metric if name not in metric_names]
    if unknown_names:
        raise ValueError(f"has {unknown_names[0]!r}, which is no bias metric; they are {', '.join(metric_names)}")
    return range_by_metric


def _read_range(text: str) -> tuple[float, float]:
    low, high = map(float, text.split(":"))
    # Written in this form, the condition refuses NaN, too
    if not low <= high:
        raise ValueError(text)
    return low, high


def _read_neutral(value: Any) -> Any:
    if str(value).strip() not in ("0", "1"):
        raise ValueError(f"is {value!r}; write 0 as the service has it, or 1, where disparate impact is neutral")
    return int(value)


LocalAnalysisConfig = Annotated[str, parse_text_by(_read_analysis_path), Placeholder("FILE")]
TypesByColumn = Annotated[Mapping[str, ValueKind], parse_text_by(_read_column_types), Placeholder("COLUMNS")]
RangesByMetric = Annotated[Mapping[str, tuple[float, float]], parse_text_by(_read_ranges), Placeholder("RANGES")]
NeutralValue = Annotated[int, BeforeValidator(_read_neutral), Placeholder("0|1")]
