"""A fleet: schedules monitored together, entries of a folder, or of one file, `fleet.yaml`, for many similar models.

A fleet only provides entries; `command.py` runs them like any others. An invalid entry does not prevent the others from
running. Variants of an endpoint are entries of their own.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spark_model_monitor.data.records.decoding import WITHOUT_MODEL
from spark_model_monitor.documents.document import describe_unknown_name
from spark_model_monitor.documents.expectations import convert_yaml
from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.documents.schedule import Executions, Schedule
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput, MonitorError
from spark_model_monitor.reports.alerts import Destination, read_destinations
from spark_model_monitor.running.scheduling.plan import ENTRIES, MODEL, Plan, plan_of, read_plan
from spark_model_monitor.running.scheduling.target_models import (
    ModelSplit,
    PastEntries,
    escape_model_name,
    model_entry_name,
    split_by_model,
)
from spark_model_monitor.statistics.verdicts.multiple_testing import BUDGET
from spark_model_monitor.storage import LocalStorage, join, opens_here, storage_of
from spark_model_monitor.storage.files import NameKind, is_ours

USUAL_VARIANT = "AllTraffic"
HOURLY_FOLDER = "%Y/%m/%d/%H"

MEMBERS = ("defaults", "entries", "sinks", "alarms_per_month")

_YEAR = re.compile(r"\d{4}")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a fleet. plan: None if it can't be run; fault: the reason. is_discovered: whether records of captures
    name its model, and no user does. notice: what to report about it besides its runs.
    """

    name: str
    plan: Plan | None = None
    fault: MonitorError | None = None
    is_discovered: bool = False
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Schedules monitored together. name: of the file or folder. sinks: each gets one message per cause.
    alarms_per_month: expected number of false alarms of all entries together, None if each has its own budget. noun:
    what entries monitor.
    """

    name: str
    entries: tuple[Entry, ...]
    sinks: tuple[Destination, ...] = ()
    alarms_per_month: float | None = None
    noun: str = "model"

    @property
    def share(self) -> float | None:
        """The share of each healthy run that may alarm: equal for all, and never more than a single schedule has."""
        if self.alarms_per_month is None:
            return None
        runs = sum(each.plan.runs_in_a_month for each in self.entries if each.plan is not None)
        return min(BUDGET, self.alarms_per_month / max(runs, 1))

    def shared(self) -> Fleet:
        """The same fleet; each of its plans has its share of the budget."""
        share = self.share
        entries = (replace(each, plan=each.plan and replace(each.plan, budget=share)) for each in self.entries)
        if share is None:
            return self
        return replace(self, entries=tuple(entries))


def read_fleet(paths: Sequence[Path], alarms_per_month: float | None = None, state: Path | None = None) -> Fleet:
    """The entries of files and folders, in their order, then those of the models that captures name.

    alarms_per_month: overrides that of the files. state: folder of the entries' records, None for that of their file.

    Raises BadInput if a path can't be read, BadDocument or BadConfiguration for a fleet's file without entries.
    """
    fleet_entries: list[Entry] = []
    sinks: tuple[Destination, ...] = ()
    allowed: list[float] = []
    for path in paths:
        if path.is_dir():
            files = sorted(path.glob(ENTRIES))
            if not files:
                raise BadInput(f"{path}: has no schedule entries; they are called {ENTRIES}")
            fleet_entries += _together([_entry_of(file) for file in files])
        elif says_entries(path):
            file_entries, file_sinks, most = _of_file(path, _past_entries(state or path.parent))
            fleet_entries += _together(file_entries)
            sinks += file_sinks
            allowed += [] if most is None else [most]
        else:
            fleet_entries.append(_entry_of(path))

    # Entries of the user come first: no record may take a name or a path from them
    user_entries = [fleet_entry for fleet_entry in fleet_entries if not fleet_entry.is_discovered]
    discovered_entries = [fleet_entry for fleet_entry in fleet_entries if fleet_entry.is_discovered]
    runnable_entries = list(_without_conflicts(_each_once(user_entries)))
    runnable_entries += _leave_out_taken(discovered_entries, runnable_entries)

    # What all of them share
    if alarms_per_month is None:
        most = min(allowed, default=None)
    else:
        most = alarms_per_month
    name = paths[0].absolute().name.partition(".")[0]
    return Fleet(name, tuple(runnable_entries), tuple(dict.fromkeys(sinks)), most).shared()


def _past_entries(folder: Path) -> PastEntries:
    """The entries that have records in a folder."""
    ending = f".{Executions.FILE_NAME}"
    return PastEntries.of(path.name.removesuffix(ending) for path in folder.glob(f"*{ending}"))


def _together(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, each with the list of explainability entries, which each would otherwise search for."""
    plans = [each.plan for each in entries if each.plan]
    explaining = tuple(plan for plan in plans if plan.analysis_type == AnalysisType.MODEL_EXPLAINABILITY)
    return [replace(each, plan=each.plan and replace(each.plan, beside=explaining)) for each in entries]


def says_entries(path: Path) -> bool:
    """Whether a file is a fleet's."""
    return path.suffix in (".yaml", ".yml") or path.name.endswith("fleet.json")


def _entry_of(file: Path) -> Entry:
    try:
        plan = read_plan(file)
    except MonitorError as fault:
        return Entry(file.name.removesuffix(ENTRIES[1:]), fault=fault)
    return Entry(plan.name, plan)


def _of_file(path: Path, past: PastEntries) -> tuple[list[Entry], tuple[Destination, ...], float | None]:
    content: bytes | str = LocalStorage().read(str(path))
    if path.suffix != ".json":
        content = convert_yaml(content, str(path))
    try:
        said = json.loads(content)
    except (ValueError, RecursionError) as fault:
        raise BadDocument(f"{path}: is no JSON ({fault}); correct it there") from None
    if isinstance(said, dict):
        entries, defaults = (said.get(name) for name in ("entries", "defaults"))
    else:
        entries = None
        defaults = None
    if not isinstance(entries, list) or not entries:
        raise BadDocument(f"{path}: entries is missing; write a list of them, as docs/schedules.md#a-fleet shows")
    if not isinstance(defaults or {}, dict):
        raise BadDocument(
            f"{path}: defaults is no object; write members of all entries, as docs/schedules.md#a-fleet shows"
        )
    unknown = sorted(set(said) - set(MEMBERS))
    if unknown:
        raise BadDocument(f"{path}: {describe_unknown_name(unknown[0], MEMBERS)}")
    try:
        sinks = read_destinations(said.get("sinks") or "")
    except ValueError as fault:
        raise BadConfiguration(f"{path}: sinks {fault}") from fault
    numbers = next((sink.name for sink in sinks if sink.every_run), None)
    if numbers:
        of_a_run = f"{numbers}, which takes the numbers of one run"
        raise BadConfiguration(f"{path}: sinks has {of_a_run}; write it as defaults.variables.sink")
    most = said.get("alarms_per_month")
    if most is not None:
        require_alarms(most, f"{path}: alarms_per_month")

    # The entries, of which each may stand for several
    file_entries: list[Entry] = []
    for position, members in enumerate(entries):
        file_entries += _of_entry(path, position, members, defaults or {}, past)
    return file_entries, sinks, most


def require_alarms(most: object, where: str) -> None:
    """Raises BadConfiguration if it is not a number of false alarms."""
    if isinstance(most, bool) or not isinstance(most, (int, float)) or not 0 < most < float("inf"):
        raise BadConfiguration(f"{where} is {most!r}; write how many false alarms a month may bring, such as 1 or 0.5")


def _of_entry(path: Path, place: int, said: Any, defaults: Mapping[str, Any], past: PastEntries) -> Iterator[Entry]:
    """The entries that one item of the file means: one for each variant and each model that its captures name."""
    name = f"entry {place + 1}"
    try:
        if not isinstance(said, dict) or not isinstance(said.get("name"), str):
            raise BadDocument(f"{path}: entries[{place}].name is missing; write what the entry is called")
        name = said["name"]
        whole = {"monitoring_type": "DataQuality", **defaults, **said}
        known = ("variables", *Schedule.model_fields)
        if unknown := sorted(whole.keys() - set(known)):
            raise BadDocument(f"{path}: {name}: {describe_unknown_name(unknown[0], known)}")
        shared = {**(defaults.get("variables") or {}), **(said.get("variables") or {})}
        whole.pop("variables", None)
        jobs = whole.get("jobs") or [{"job": "monitor", "output_folder": HOURLY_FOLDER}]
        jobs = [{**job, "variables": _texts({**shared, **(job.get("variables") or {})}, name)} for job in jobs]
        if len(jobs) == 1:
            variants = _variants(jobs[0]["variables"], path.parent)
        else:
            variants = []
    except MonitorError as fault:
        yield Entry(name, fault=fault)
        return
    except (TypeError, AttributeError, KeyError):
        other = f"{path}: entries[{place}] has a member of another kind than docs/schedules.md#a-fleet shows"
        yield Entry(name, fault=BadDocument(other))
        return
    for variant in variants or [""]:
        if variant in ("", USUAL_VARIANT):
            variant_name = name
        else:
            variant_name = f"{name}-{variant}"
        split = _split_variant(variant, variant_name, jobs[0]["variables"], path.parent, past)
        for model in split.models:
            # The same jobs, with a name and folders of their own
            full_name = model_entry_name(variant_name, model)
            model_jobs = [
                {**job, "variables": _of_variant(job["variables"], variant, full_name, model)} for job in jobs
            ]
            if split.is_split:
                for job in model_jobs:
                    job["variables"]["target_model"] = model or WITHOUT_MODEL

            # The entry, which knows where its model is from
            schedule = json.dumps(whole | {"name": full_name, "jobs": model_jobs})
            notice = split.notice if model == split.models[0] else ""
            fleet_entry = Entry(full_name, is_discovered=bool(model), notice=notice)
            yield _add_plan(fleet_entry, schedule, path, reads_one_model=split.is_split)


def _split_variant(
    variant: str, name: str, variables: Mapping[str, str], folder: Path, past: PastEntries
) -> ModelSplit:
    """How the records of a variant are split by model. name: of its entry."""
    captures = _top_of_captures(variables, folder)
    if captures is None or "target_model" in variables:
        return ModelSplit()
    return split_by_model(name, join(captures, variant) if variant else captures, past)


def _add_plan(fleet_entry: Entry, schedule: str, path: Path, *, reads_one_model: bool) -> Entry:
    """The entry with its plan, or with the fault that keeps it from being run. schedule: as JSON."""
    where = f"{path}: {fleet_entry.name}"
    try:
        plan = plan_of(Schedule.from_json(schedule, where), path, where)
    except MonitorError as fault:
        return replace(fleet_entry, fault=fault)
    return replace(fleet_entry, plan=replace(plan, reads_one_model=reads_one_model))


def _texts(variables: Mapping[str, Any], name: str) -> dict[str, str]:
    """The variables as text, with `{name}` replaced by the entry's name."""
    texts = {key: str(text).lower() if isinstance(text, bool) else str(text) for key, text in variables.items()}
    return {key: text.replace("{name}", name) for key, text in texts.items()}


def _of_variant(variables: Mapping[str, str], variant: str, own: str, model: str) -> dict[str, str]:
    """The variables of a variant's job, whose captures and results are in folders of its own; the default variant's
    results are the endpoint's, even if others are added. own: the name of its entry, `{entry}`.
    """
    named = variant or USUAL_VARIANT
    texts = {key: text.replace("{entry}", own).replace("{variant}", named) for key, text in variables.items()}
    if variant:
        texts["dataset_source"] = join(texts["dataset_source"], variant)
    if variant not in ("", USUAL_VARIANT):
        texts["output_path"] = join(texts["output_path"], variant)
    if model:
        texts["output_path"] = join(texts["output_path"], escape_model_name(model))
    return {MODEL: own, **texts}


def _variants(variables: Mapping[str, str], folder: Path) -> list[str]:
    """The variants with captures below an entry's source; empty if it is of one variant, or without captures."""
    top = _top_of_captures(variables, folder)
    if top is None:
        return []
    try:
        names = storage_of(top).list_folders(top)
    except BadInput:
        return []  # left to the job to report
    return [name for name in names if not _YEAR.fullmatch(name) and is_ours(name, NameKind.WORD)]


def _top_of_captures(variables: Mapping[str, str], folder: Path) -> str | None:
    """The folder of captures, possibly of several variants; None if an entry has none, or it can't be listed here."""
    source = variables.get("dataset_source", "")
    if "://" in source:
        top = source
    else:
        top = str(folder / source)
    is_split = variables.get("dataset_format") == "capture" and "output_path" in variables and opens_here(top)
    return top if is_split else None


def _leave_out_taken(discovered_entries: Sequence[Entry], user_entries: Sequence[Entry]) -> list[Entry]:
    """The discovered entries whose names and outputs no other entry has: no record takes them from an entry of the user."""
    taken_names: set[str] = set()
    taken_paths: set[str] = set()
    accepted_entries = []
    for fleet_entry in (*user_entries, *discovered_entries):
        output_paths = _paths(fleet_entry.plan, "output_path")
        is_taken = fleet_entry.name in taken_names or not taken_paths.isdisjoint(output_paths)
        taken_names.add(fleet_entry.name)
        taken_paths |= output_paths
        if fleet_entry.is_discovered and is_taken:
            text = "%s: is a model that captures name, and another entry has its name or its output_path"
            log.warning(text, fleet_entry.name)
        elif fleet_entry.is_discovered:
            accepted_entries.append(fleet_entry)
    return accepted_entries


def _each_once(entries: Sequence[Entry]) -> Iterator[Entry]:
    seen: dict[str, Entry] = {}
    for entry in entries:
        before = seen.setdefault(entry.name, entry)
        if before is entry:
            yield entry
            continue
        place = entry.plan.file if entry.plan else "another entry"
        twice = f"{place}: two entries are called {entry.name!r}; the first is run, call the other something else"
        yield Entry(f"{entry.name} (again)", fault=BadConfiguration(twice))


def _without_conflicts(entries: Iterator[Entry]) -> Iterator[Entry]:
    """The entries; entries that would wait for each other, because each reads what the other writes, are not run, nor
    is one that writes where another does."""
    known = list(entries)
    reads, writes = ({each.name: _paths(each.plan, of) for each in known} for of in ("dataset_source", "output_path"))
    owners: dict[str, str] = {}
    for name, paths in writes.items():
        for path in paths:
            owners.setdefault(path, name)
    waits = {name: {owners[path] for path in paths if path in owners} - {name} for name, paths in reads.items()}
    for entry in known:
        other = next((owners[path] for path in writes[entry.name] if owners[path] != entry.name), None)
        around = _way_back(entry.name, waits)
        fault = None
        if other is not None:
            fault = f"{entry.name}: writes where {other} does; give each an output_path of its own"
        elif around:
            fault = f"{' waits for '.join(around)}: each reads what the next writes; let one read something else"
        yield Entry(entry.name, fault=BadConfiguration(fault)) if fault else entry


def _paths(plan: Plan | None, option: str) -> set[str]:
    texts = (plan.sources(job).text(option) for job in plan.entry.jobs) if plan else ()
    return {text if "://" in text else str(plan.folder / text).rstrip("/") for text in texts if plan and text}


def _way_back(name: str, waits: Mapping[str, set[str]]) -> list[str]:
    """The names on a cycle of waiting from one name back to itself; empty if there is none."""
    ways = [[name]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for following in sorted(waits[way[-1]]):
            if following == name:
                return [*way, name]
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return []
