"""A fleet: schedules monitored together, entries of a folder, or of one file, `fleet.yaml`, for many similar models.

A fleet only provides entries; `schedule_command.py` runs them like any others. An invalid entry does not prevent the others from
running. Variants of an endpoint are entries of their own.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from spark_model_monitor.data.reading.listing import allow_outside_links, require_within
from spark_model_monitor.data.records.decoding import WITHOUT_MODEL
from spark_model_monitor.data.records.windows import HOUR_NAME
from spark_model_monitor.documents.document import describe_unknown_name
from spark_model_monitor.documents.rules_file import convert_yaml_to_json
from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.documents.schedule import Schedule
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput, MonitorError, suggest_path
from spark_model_monitor.reports.alerts import SinkDestination, read_destinations
from spark_model_monitor.reports.outputs.run_files import NameKind, is_valid_name
from spark_model_monitor.reports.sinks import Environment
from spark_model_monitor.running.configuration.option_types import YES
from spark_model_monitor.running.scheduling import target_models
from spark_model_monitor.running.scheduling.record import State, list_recorded_schedules
from spark_model_monitor.running.scheduling.schedule_plan import ENTRY_PATTERN, MODEL, Plan, make_plan, read_plan
from spark_model_monitor.statistics.verdicts.multiple_testing import BUDGET
from spark_model_monitor.storage import LocalStorage, can_open_without_spark, get_storage, join
from spark_model_monitor.value_class import value_class

DEFAULT_VARIANT = "AllTraffic"

FLEET_MEMBERS = ("defaults", "entries", "sinks", "alarms_per_month", "keep")

_YEAR = re.compile(r"\d{4}")

log = logging.getLogger(__name__)


@value_class
class Entry:
    """An entry of a fleet. plan: None if the entry can't be run. fault: the reason. is_discovered: whether captured records, and
    not the user, name its model. notice: what to report about the entry besides its runs.
    """

    name: str
    plan: Plan | None = None
    fault: MonitorError | None = None
    is_discovered: bool = False
    notice: str = ""

    def change_plan(self, **members: Any) -> Entry:
        """The entry with changed members of its plan, if it has one."""
        if self.plan is None:
            return self
        return replace(self, plan=replace(self.plan, **members))

    def require_ready(self, environment: Environment) -> Plan:
        """The plan, whose sinks are ready. Raises the reason why it can't be run."""
        if self.plan is None:
            raise self.fault or BadConfiguration(f"{self.name}: is no schedule")
        # A sink without its secret would be noticed only at the first alarm
        for destination in self.plan.destinations:
            destination.require_ready(environment)
        return self.plan


@value_class
class Fleet:
    """Schedules monitored together. name: the name of the file or folder. sinks: each gets one message per cause.
    alarms_per_month: expected number of false alarms of all entries together, None if each has its own budget. noun:
    what entries monitor.
    """

    name: str
    entries: tuple[Entry, ...]
    sinks: tuple[SinkDestination, ...] = ()
    alarms_per_month: float | None = None
    noun: str = "model"

    @property
    def share(self) -> float | None:
        """The share of each healthy run that may alarm: equal for all, and never more than a single schedule has."""
        if self.alarms_per_month is None:
            return None
        runs = sum(fleet_entry.plan.monthly_run_count for fleet_entry in self.entries if fleet_entry.plan is not None)
        # Alarms a month divided by runs a month: the chance of a false alarm in one run
        return min(BUDGET, self.alarms_per_month / max(runs, 1))

    def share_budget(self) -> Fleet:
        """The fleet, in which each plan has its share of the false-alarm budget."""
        share = self.share
        if share is None:
            return self
        fleet_entries = tuple(fleet_entry.change_plan(budget=share) for fleet_entry in self.entries)
        return replace(self, entries=fleet_entries)


def read_fleet(paths: Sequence[Path], alarms_per_month: float | None = None, state: State | None = None) -> Fleet:
    """The entries of files and folders, in their order, then the entries of the models that captures name.

    alarms_per_month: overrides the number in the files. state: the folder of the entries' records; None if each file's folder
    has them.

    Raises BadInput if a path can't be read, BadDocument or BadConfiguration for a fleet's file without entries.
    """
    fleet_entries: list[Entry] = []
    sinks: tuple[SinkDestination, ...] = ()
    alarm_limits: list[float] = []
    for path in paths:
        if not path.exists():
            fault = BadInput(f"{path}: there is no such file or directory{suggest_path(str(path))}")
            fleet_entries.append(Entry(path.name.removesuffix(ENTRY_PATTERN[1:]), fault=fault))
        elif path.is_dir():
            files = sorted(path.glob(ENTRY_PATTERN))
            if not files:
                raise BadInput(f"{path}: has no schedule entries; they are called {ENTRY_PATTERN}")
            fleet_entries += _add_explaining_plans([_read_entry(file) for file in files])
        elif path.suffix in (".yaml", ".yml") or path.name.endswith("fleet.json"):
            past = target_models.PastEntries.of(list_recorded_schedules(state or path.parent))
            file_entries, file_sinks, alarm_limit = _read_entries_file(path, past)
            fleet_entries += _add_explaining_plans(file_entries)
            sinks += file_sinks
            if alarm_limit is not None:
                alarm_limits.append(alarm_limit)
        else:
            fleet_entries.append(_read_entry(path))

    # Entries of the user come first: no record may take a name or a path from them
    user_entries = [fleet_entry for fleet_entry in fleet_entries if not fleet_entry.is_discovered]
    discovered_entries = [fleet_entry for fleet_entry in fleet_entries if fleet_entry.is_discovered]
    runnable_entries = list(_reject_conflicts(_reject_repeated_names(user_entries)))
    runnable_entries += _select_without_conflicts(discovered_entries, runnable_entries)

    # If several files have a limit of false alarms, the strictest counts for all entries
    if alarms_per_month is None:
        alarms_per_month = min(alarm_limits, default=None)
    # The fleet is called like its first file or folder
    name = paths[0].absolute().name.partition(".")[0]
    return Fleet(name, tuple(runnable_entries), tuple(dict.fromkeys(sinks)), alarms_per_month).share_budget()


def _add_explaining_plans(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, each with the list of explainability entries, which each would otherwise search for."""
    plans = [fleet_entry.plan for fleet_entry in entries if fleet_entry.plan]
    explainers = tuple(plan for plan in plans if plan.analysis_type == AnalysisType.MODEL_EXPLAINABILITY)
    return [fleet_entry.change_plan(fleet_explainers=explainers) for fleet_entry in entries]


def _read_entry(file: Path) -> Entry:
    try:
        plan = read_plan(file)
    except MonitorError as fault:
        return Entry(file.name.removesuffix(ENTRY_PATTERN[1:]), fault=fault)
    return Entry(plan.name, plan)


def _read_entries_file(
    path: Path, past: target_models.PastEntries
) -> tuple[list[Entry], tuple[SinkDestination, ...], float | None]:
    content: bytes | str = LocalStorage().read(str(path))
    if path.suffix != ".json":
        content = convert_yaml_to_json(content, str(path))
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as fault:
        raise BadDocument(f"{path}: is no JSON ({fault}); correct it there") from None
    # A document that isn't an object has no list of entries, which is the error to report
    if not isinstance(document, dict):
        document = {}
    entries = document.get("entries")
    defaults = document.get("defaults") or {}
    if not isinstance(entries, list) or not entries:
        raise BadDocument(
            f"{path}: entries is missing; write a list of them, as docs/reference/schedules.md#a-fleet shows"
        )
    if not isinstance(defaults, dict):
        raise BadDocument(
            f"{path}: defaults is no object; write members of all entries, as docs/reference/schedules.md#a-fleet shows"
        )
    # A misspelt member would silently have no effect
    unknown = sorted(set(document) - set(FLEET_MEMBERS))
    if unknown:
        raise BadDocument(f"{path}: {describe_unknown_name(unknown[0], FLEET_MEMBERS)}")
    try:
        sinks = read_destinations(document.get("sinks") or "")
    except ValueError as fault:
        raise BadConfiguration(f"{path}: sinks {fault}") from fault
    # The fleet's sinks get messages about monitors; metrics belong to a single run
    numbers = next((sink.name for sink in sinks if sink.every_run), None)
    if numbers:
        description = f"{numbers}, which takes the numbers of one run"
        raise BadConfiguration(f"{path}: sinks has {description}; write it as defaults.variables.sink")
    alarm_limit = document.get("alarms_per_month")
    if alarm_limit is not None:
        require_alarm_limit(alarm_limit, f"{path}: alarms_per_month")

    shared_members = {"keep": document.get("keep"), **defaults}

    # Each item of the list may stand for several entries
    file_entries: list[Entry] = []
    for position, members in enumerate(entries):
        file_entries += _expand_entry(path, position, members, shared_members, past)
    return file_entries, sinks, alarm_limit


def require_alarm_limit(count: object, where: str) -> None:
    """Raises BadConfiguration if the count is not a valid number of false alarms."""
    if isinstance(count, bool) or not isinstance(count, (int, float)) or not 0 < count < float("inf"):
        raise BadConfiguration(f"{where} is {count!r}; write how many false alarms a month may bring, such as 1 or 0.5")


def _expand_entry(
    path: Path, index: int, raw_entry: Any, defaults: Mapping[str, Any], past: target_models.PastEntries
) -> Iterator[Entry]:
    """The entries that one item of the file means: one for each variant and each model that its captures name."""
    name = f"entry {index + 1}"
    try:
        if not isinstance(raw_entry, dict) or not isinstance(raw_entry.get("name"), str):
            raise BadDocument(f"{path}: entries[{index}].name is missing; write what the entry is called")
        name = raw_entry["name"]

        # Members: the file's defaults, which members of the item override
        members = {"monitoring_type": "DataQuality", **defaults, **raw_entry}
        known_names = ("variables", *Schedule.model_fields)
        if unknown := sorted(members.keys() - set(known_names)):
            raise BadDocument(f"{path}: {name}: {describe_unknown_name(unknown[0], known_names)}")

        # Each job has the variables of the defaults, the variables of the item, and its own
        shared_variables = {**(defaults.get("variables") or {}), **(raw_entry.get("variables") or {})}
        members.pop("variables", None)
        jobs = members.get("jobs") or [{"job": "monitor", "output_folder": HOUR_NAME}]
        jobs = [
            {**job, "variables": _format_variables({**shared_variables, **(job.get("variables") or {})}, name)}
            for job in jobs
        ]
        # Several jobs hand results to each other, so the user has to choose their folders
        if len(jobs) == 1:
            variants = _list_variants(jobs[0]["variables"], path.parent)
        else:
            variants = []
    except MonitorError as fault:
        yield Entry(name, fault=fault)
        return
    except (TypeError, AttributeError, KeyError):
        message = (
            f"{path}: entries[{index}] has a member of another kind than docs/reference/schedules.md#a-fleet shows"
        )
        yield Entry(name, fault=BadDocument(message))
        return

    # The default variant keeps the entry's name, so that its history goes on when variants are added
    for variant in variants or [""]:
        if variant in ("", DEFAULT_VARIANT):
            variant_name = name
        else:
            variant_name = f"{name}-{variant}"
        try:
            split = _split_variant(variant, variant_name, jobs[0]["variables"], path.parent, past)
        except BadInput as fault:
            yield Entry(variant_name, fault=fault)
            continue
        for model in split.models:
            # The same jobs, with a name and folders of their own
            full_name = target_models.model_entry_name(variant_name, model)
            model_jobs = [
                {**job, "variables": _variant_variables(job["variables"], variant, full_name, model)} for job in jobs
            ]
            if split.is_split:
                for job in model_jobs:
                    job["variables"]["target_model"] = model or WITHOUT_MODEL

            # The entry, which says whether captured records name its model
            schedule = json.dumps(members | {"name": full_name, "jobs": model_jobs})
            notice = split.notice if model == split.models[0] else ""
            fleet_entry = Entry(full_name, is_discovered=bool(model), notice=notice)
            yield _add_plan(fleet_entry, schedule, path, reads_one_model=split.is_split)


def _split_variant(
    variant: str, name: str, variables: Mapping[str, str], folder: Path, past: target_models.PastEntries
) -> target_models.ModelSplit:
    """How the records of a variant are split by model. name: the name of its entry. Raises like `require_within`."""
    captures = _find_captures_folder(variables, folder)
    # The job takes the variant's folder for a path that the user gave, so links are checked here
    if captures is not None and variant:
        with allow_outside_links(variables.get("follow_links") in YES):
            require_within(captures, [join(captures, variant)])
    if captures is None or "target_model" in variables:
        return target_models.ModelSplit()
    return target_models.split_by_model(name, join(captures, variant) if variant else captures, past)


def _add_plan(fleet_entry: Entry, schedule: str, path: Path, *, reads_one_model: bool) -> Entry:
    """The entry with its plan, or with the fault that keeps it from being run. schedule: the schedule as JSON."""
    where = f"{path}: {fleet_entry.name}"
    try:
        plan = make_plan(Schedule.from_json(schedule, where), path, where)
    except MonitorError as fault:
        return replace(fleet_entry, fault=fault)
    return replace(fleet_entry, plan=replace(plan, reads_one_model=reads_one_model))


def _format_variables(variables: Mapping[str, Any], name: str) -> dict[str, str]:
    """The variables as text, with `{name}` replaced by the entry's name."""
    texts = {key: str(text).lower() if isinstance(text, bool) else str(text) for key, text in variables.items()}
    return {key: text.replace("{name}", name) for key, text in texts.items()}


def _variant_variables(variables: Mapping[str, str], variant: str, entry_name: str, model: str) -> dict[str, str]:
    """The variables of a variant's job, whose captures and results are in folders of its own; the default variant's
    results are the endpoint's, even if others are added. entry_name: the name of its entry, `{entry}`.
    """
    variant_name = variant or DEFAULT_VARIANT
    texts = {
        key: text.replace("{entry}", entry_name).replace("{variant}", variant_name) for key, text in variables.items()
    }
    if variant:
        texts["dataset_source"] = join(texts["dataset_source"], variant)
    # Folders of results: variant, then model
    if variant_name != DEFAULT_VARIANT:
        texts["output_path"] = join(texts["output_path"], variant)
    if model:
        texts["output_path"] = join(texts["output_path"], target_models.escape_model_name(model))
    return {MODEL: entry_name, **texts}


def _list_variants(variables: Mapping[str, str], folder: Path) -> list[str]:
    """The variants with captures below an entry's source; empty if the source has one variant, or no captures."""
    top = _find_captures_folder(variables, folder)
    if top is None:
        return []
    try:
        names = get_storage(top).list_folders(top)
    except BadInput:
        return []  # the job reports the error
    # A folder named by a year has hours of captures in it, and is no variant
    return [name for name in names if not _YEAR.fullmatch(name) and is_valid_name(name, NameKind.WORD)]


def _find_captures_folder(variables: Mapping[str, str], folder: Path) -> str | None:
    """The folder of captures, possibly of several variants; None if an entry has no captures, or if Spark has to list them."""
    source = variables.get("dataset_source", "")
    if "://" in source:
        top = source
    else:
        top = str(folder / source)
    is_split = (
        variables.get("dataset_format") == "capture" and "output_path" in variables and can_open_without_spark(top)
    )
    return top if is_split else None


def _select_without_conflicts(discovered_entries: Sequence[Entry], user_entries: Sequence[Entry]) -> list[Entry]:
    """The discovered entries whose names and outputs no other entry has: no record takes them from an entry of the user."""
    taken_names: set[str] = set()
    taken_paths: set[str] = set()
    accepted_entries = []
    # Entries of the user first: they take their names before any discovered one
    for fleet_entry in (*user_entries, *discovered_entries):
        output_paths = _read_paths(fleet_entry.plan, "output_path")
        is_taken = fleet_entry.name in taken_names or not taken_paths.isdisjoint(output_paths)
        taken_names.add(fleet_entry.name)
        taken_paths |= output_paths
        if fleet_entry.is_discovered and is_taken:
            text = "%s: is a model that captures name, and another entry has its name or its output_path"
            log.warning(text, fleet_entry.name)
        elif fleet_entry.is_discovered:
            accepted_entries.append(fleet_entry)
    return accepted_entries


def _reject_repeated_names(entries: Sequence[Entry]) -> Iterator[Entry]:
    first_entries: dict[str, Entry] = {}
    for fleet_entry in entries:
        first_entry = first_entries.setdefault(fleet_entry.name, fleet_entry)
        if first_entry is fleet_entry:
            yield fleet_entry
            continue
        location = fleet_entry.plan.file if fleet_entry.plan else "another entry"
        sentence = (
            f"{location}: two entries are called {fleet_entry.name!r}; the first is run, call the other something else"
        )
        yield Entry(f"{fleet_entry.name} (again)", fault=BadConfiguration(sentence))


def _reject_conflicts(entries: Iterator[Entry]) -> Iterator[Entry]:
    """The entries. An entry isn't run if it would wait for itself, because each of several entries reads what the next writes;
    nor if it writes where another entry does."""
    all_entries = list(entries)

    # What each entry reads and writes, and so for which other entries it waits
    sources_by_name = {fleet_entry.name: _read_paths(fleet_entry.plan, "dataset_source") for fleet_entry in all_entries}
    outputs_by_name = {fleet_entry.name: _read_paths(fleet_entry.plan, "output_path") for fleet_entry in all_entries}
    writer_by_path: dict[str, str] = {}
    # Of two writers of one path the first owns it, and is run
    for name, paths in outputs_by_name.items():
        for path in paths:
            writer_by_path.setdefault(path, name)
    prerequisites = {
        name: {writer_by_path[path] for path in paths if path in writer_by_path} - {name}
        for name, paths in sources_by_name.items()
    }

    for fleet_entry in all_entries:
        other_writer = next(
            (
                writer_by_path[path]
                for path in outputs_by_name[fleet_entry.name]
                if writer_by_path[path] != fleet_entry.name
            ),
            None,
        )
        cycle = _find_cycle(fleet_entry.name, prerequisites)
        fault = None
        if other_writer is not None:
            fault = f"{fleet_entry.name}: writes where {other_writer} does; give each an output_path of its own"
        elif cycle:
            fault = f"{' waits for '.join(cycle)}: each reads what the next writes; let one read something else"
        yield Entry(fleet_entry.name, fault=BadConfiguration(fault)) if fault else fleet_entry


def _read_paths(plan: Plan | None, option: str) -> set[str]:
    if plan is None:
        return set()
    return {plan.path(text).rstrip("/") for text in plan.list_texts(option)}


def _find_cycle(name: str, prerequisites: Mapping[str, set[str]]) -> list[str]:
    """The names on a cycle of waiting from one name back to itself; empty if there is no cycle."""
    paths = [[name]]
    visited: set[str] = set()
    while paths:
        path = paths.pop()
        # Sorted, so that the sentence names the same cycle in every call
        for next_name in sorted(prerequisites[path[-1]]):
            if next_name == name:
                return [*path, name]
            if next_name not in visited:
                visited.add(next_name)
                paths.append([*path, next_name])
    return []
