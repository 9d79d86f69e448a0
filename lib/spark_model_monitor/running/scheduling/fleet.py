"""A fleet: schedules monitored together, entries of a folder, or of one file, `fleet.yaml`, for many similar models.

A fleet only provides entries; `command.py` runs them like any others. An invalid entry does not prevent the others from
running. Variants of an endpoint are entries of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from spark_model_monitor.documents.document import no_member
from spark_model_monitor.documents.expectations import json_of_yaml
from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.documents.schedule import Schedule
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput, MonitorError
from spark_model_monitor.reports.alerts import Destination, read_destinations
from spark_model_monitor.reports.history.baselines import hours_from_the_latest
from spark_model_monitor.running.scheduling.plan import ENTRIES, MODEL, Plan, plan_of, read_plan
from spark_model_monitor.statistics.verdicts.multiplicity import BUDGET
from spark_model_monitor.storage import LocalStorage, join, opens_here, storage_of
from spark_model_monitor.storage.files import Named, is_ours

USUAL_VARIANT = "AllTraffic"
HOURLY_FOLDER = "%Y/%m/%d/%H"

MEMBERS = ("defaults", "entries", "sinks", "alarms_per_month")

HOURS_LOOKED_AT, FILES_LOOKED_AT, BYTES_LOOKED_AT = 24, 4, 2**18  # for the models of a multi-model endpoint
_TARGET_MODEL = re.compile(rb'"targetModel"\s*:\s*("[^"\\]+")')
_YEAR = re.compile(r"\d{4}")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a fleet. plan: None if it can't be run; fault: the reason."""

    name: str
    plan: Plan | None = None
    fault: MonitorError | None = None


@dataclass(frozen=True, slots=True)
class Fleet:
    """Schedules monitored together. name: of the file or folder. sinks: each gets one message per cause.
    alarms_per_month: expected number of false alarms of all entries together, None if each has its own budget.
    """

    name: str
    entries: tuple[Entry, ...]
    sinks: tuple[Destination, ...] = ()
    alarms_per_month: float | None = None

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
        return self if share is None else replace(self, entries=tuple(entries))


def read_fleet(paths: Sequence[Path], alarms_per_month: float | None = None) -> Fleet:
    """The entries of files and folders, in their order. alarms_per_month: overrides that of the files.

    Raises BadInput if a path can't be read, BadDocument or BadConfiguration for a fleet's file without entries.
    """
    found: list[Entry] = []
    sinks: tuple[Destination, ...] = ()
    allowed: list[float] = []
    for path in paths:
        if path.is_dir():
            files = sorted(path.glob(ENTRIES))
            if not files:
                raise BadInput(f"{path}: has no schedule entries; they are called {ENTRIES}")
            found += _together([_entry_of(file) for file in files])
        elif says_entries(path):
            entries, own, most = _of_file(path)
            found += _together(entries)
            sinks += own
            allowed += [] if most is None else [most]
        else:
            found.append(_entry_of(path))
    known = tuple(_without_conflicts(_each_once(found)))
    most = min(allowed, default=None) if alarms_per_month is None else alarms_per_month
    return Fleet(paths[0].absolute().name.partition(".")[0], known, tuple(dict.fromkeys(sinks)), most).shared()


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


def _of_file(path: Path) -> tuple[list[Entry], tuple[Destination, ...], float | None]:
    content: bytes | str = LocalStorage().read(str(path))
    if path.suffix != ".json":
        content = json_of_yaml(content, str(path))
    try:
        said = json.loads(content)
    except ValueError as fault:
        raise BadDocument(f"{path}: is no JSON ({fault}); correct it there") from None
    entries, defaults = (said.get(name) for name in ("entries", "defaults")) if isinstance(said, dict) else (None, None)
    if not isinstance(entries, list) or not entries:
        raise BadDocument(f"{path}: entries is missing; write a list of them, as docs/schedules.md#a-fleet shows")
    if not isinstance(defaults or {}, dict):
        raise BadDocument(
            f"{path}: defaults is no object; write members of all entries, as docs/schedules.md#a-fleet shows"
        )
    unknown = sorted(set(said) - set(MEMBERS))
    if unknown:
        raise BadDocument(f"{path}: {no_member(unknown[0], MEMBERS)}")
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
    made = (each for place, entry in enumerate(entries) for each in _of_entry(path, place, entry, defaults or {}))
    return list(made), sinks, most


def require_alarms(most: object, where: str) -> None:
    """Raises BadConfiguration if it is not a number of false alarms."""
    if isinstance(most, bool) or not isinstance(most, (int, float)) or not 0 < most < float("inf"):
        raise BadConfiguration(f"{where} is {most!r}; write how many false alarms a month may bring, such as 1 or 0.5")


def _of_entry(path: Path, place: int, said: Any, defaults: Mapping[str, Any]) -> Iterator[Entry]:
    """The entries that one item of the file means: one for each variant."""
    name = f"entry {place + 1}"
    try:
        if not isinstance(said, dict) or not isinstance(said.get("name"), str):
            raise BadDocument(f"{path}: entries[{place}].name is missing; write what the entry is called")
        name = said["name"]
        whole = {"monitoring_type": "DataQuality", **defaults, **said}
        known = ("variables", *Schedule.model_fields)
        if unknown := sorted(whole.keys() - set(known)):
            raise BadDocument(f"{path}: {name}: {no_member(unknown[0], known)}")
        shared = {**(defaults.get("variables") or {}), **(said.get("variables") or {})}
        whole.pop("variables", None)
        jobs = whole.get("jobs") or [{"job": "monitor", "output_folder": HOURLY_FOLDER}]
        jobs = [{**job, "variables": _texts({**shared, **(job.get("variables") or {})}, name)} for job in jobs]
        variants = _variants(jobs[0]["variables"], path.parent) if len(jobs) == 1 else []
    except MonitorError as fault:
        yield Entry(name, fault=fault)
        return
    except (TypeError, AttributeError, KeyError):
        other = f"{path}: entries[{place}] has a member of another kind than docs/schedules.md#a-fleet shows"
        yield Entry(name, fault=BadDocument(other))
        return
    for variant, model in _split(variants or [""], jobs[0]["variables"], path.parent):
        parts = (name, variant if variant != USUAL_VARIANT else "", re.sub(r"[^\w.-]", "-", model))
        own = "-".join(filter(None, parts))
        told = [{**job, "variables": _of_variant(job["variables"], variant, own, model)} for job in jobs]
        try:
            text, where = json.dumps(whole | {"name": own, "jobs": told}), f"{path}: {own}"
            yield Entry(own, plan_of(Schedule.from_json(text, where), path, where))
        except MonitorError as fault:
            yield Entry(own, fault=fault)


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
        texts |= {"target_model": model, "output_path": join(texts["output_path"], re.sub(r"[^\w.-]", "-", model))}
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
    return [each for each in names if not _YEAR.fullmatch(each) and is_ours(each, Named.WORD)]


def _split(variants: Sequence[str], variables: Mapping[str, str], folder: Path) -> Iterator[tuple[str, str]]:
    """Each variant, with each model of a multi-model endpoint called in recent hours; "" without such models."""
    top = _top_of_captures(variables, folder) if "target_model" not in variables else None
    for variant in variants:
        models = _target_models(join(top, variant) if variant else top) if top is not None else []
        yield from ((variant, model) for model in models or [""])


def _top_of_captures(variables: Mapping[str, str], folder: Path) -> str | None:
    """The folder of captures, possibly of several variants; None if an entry has none, or it can't be listed here."""
    source = variables.get("dataset_source", "")
    top = source if "://" in source else str(folder / source)
    is_split = variables.get("dataset_format") == "capture" and "output_path" in variables and opens_here(top)
    return top if is_split else None


def _target_models(top: str) -> list[str]:
    """The `targetModel` of the events at the beginning of the latest captures."""
    storage, found = storage_of(top), set[str]()
    try:
        for hour in islice(hours_from_the_latest(storage, top), HOURS_LOOKED_AT):
            for file in storage.list_files(f"{top}{hour}")[:FILES_LOOKED_AT]:
                lines = storage.read(file.path, BYTES_LOOKED_AT).splitlines()
                found |= {json.loads(name) for line in lines for name in _TARGET_MODEL.findall(line)}
            if not found:
                return []
    except MonitorError:
        return []  # left to the job to report
    return sorted(found)


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
