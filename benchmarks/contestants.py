"""What is compared by ablation.py: the product, whole or with a part off, and a z-test of thirty lines.

A contestant judges windows in the order of time: `judge` gives the names of the features that it finds violated, `remember`
makes the judged window one of the past, `fork` is a copy that goes on by itself.
"""

from __future__ import annotations

import copy
import importlib
import pkgutil
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import field, replace
from datetime import timedelta
from functools import cache
from itertools import islice
from types import ModuleType
from typing import Any, Protocol, TypeAlias
from unittest import mock

import numpy as np
import pyarrow as pa
from laws import LAWS, START, Columns, Values, concatenate
from scipy import stats

from spark_model_monitor import DataQualityMonitor, read_baseline, run_baseline, run_monitoring
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.documents.run_description import format_moment, parse_moment
from spark_model_monitor.monitors.data_quality.checks.drift.seasonal_drift import find_lost_examples
from spark_model_monitor.monitors.data_quality.distribution.design_effects import WindowDesignEffects
from spark_model_monitor.monitors.data_quality.distribution.window_history import StatisticsByFeature
from spark_model_monitor.monitors.data_quality.messages import NEWEST_ROW, NUMBER_OF_ROWS
from spark_model_monitor.reports.history.baseline_extension import extend_baseline
from spark_model_monitor.reports.history.history_file import WindowEntry, WindowHistory
from spark_model_monitor.reports.history.state_files import StoredProfile
from spark_model_monitor.statistics.states import FeatureProfile, Profile
from spark_model_monitor.statistics.verdicts.components import COLUMN_TESTS, Component
from spark_model_monitor.statistics.verdicts.window_statistics import StatisticChange
from spark_model_monitor.value_class import value_class

MONTH = 720  # windows


def as_table(columns: Columns) -> pa.Table:
    return pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})


# The z-test that a colleague would write


PAST = 16
CALIBRATION = 2 * MONTH


class ZTest:
    """Mean, deviation, null share, the ten most frequent texts and the row count, each compared with the last 16 windows
    without an alarm by Student's t.
    """

    def __init__(self, baseline: list[Columns], level: float) -> None:
        self.level = level
        texts = {name: values.tolist() for name, values in concatenate(baseline).items() if values.dtype == object}
        self.frequent = {name: [text for text, _ in Counter(texts[name]).most_common(10)] for name in texts}
        self.past = [[*self.measure(window)] for window in baseline[-PAST:]]

    def measure(self, columns: Columns) -> Iterator[tuple[str, float]]:
        """Each statistic with the name of its feature."""
        yield NUMBER_OF_ROWS, len(columns["x"])
        for name, values in columns.items():
            if name in self.frequent:
                yield name, np.mean(values == None)  # noqa: E711 -- of each value
                yield from ((name, np.mean(values == text)) for text in self.frequent[name])
            else:
                yield name, np.isnan(values).mean()
                yield name, np.nanmean(values)
                yield name, np.nanstd(values)

    def p_values(self, columns: Columns) -> Values:
        self.now = [*self.measure(columns)]
        past = np.array([[number for _, number in window] for window in self.past])
        rounding = 1e-9 * np.abs(past).mean(axis=0)
        half_a_row = 0.5 / len(columns["x"])
        deviations = np.maximum(past.std(axis=0, ddof=1), np.maximum(rounding, half_a_row))
        numbers = np.array([number for _, number in self.now])
        scores = np.abs(numbers - past.mean(axis=0)) / (deviations * np.sqrt(1 + 1 / PAST))
        return 2 * stats.t.sf(scores, PAST - 1)

    def judge(self, columns: Columns, number: int) -> set[str]:
        p_values = self.p_values(columns)
        self.violated = {name for (name, _), p in zip(self.now, p_values, strict=True) if p < self.level}
        return self.violated

    def remember(self) -> None:
        if not self.violated:
            self.past = [*self.past[1:], self.now]

    def fork(self) -> ZTest:
        return copy.copy(self)


@cache
def calibrate_z_test(name: str) -> float:
    """The level at which the z-test alarms once a month on a law."""
    law = LAWS[name]
    random = np.random.default_rng([0, *name.encode()])
    windows = (law.finish(random, columns) for columns in law.windows(random))
    return find_level([*islice(compute_least_p_values(windows, law.baseline), CALIBRATION)])


def compute_least_p_values(windows: Iterator[Columns], baseline: int) -> Iterator[float]:
    """Of a z-test in each window, the first ones of which are its baseline; none of them alarms."""
    test = ZTest([*islice(windows, baseline)], level=0.0)
    for columns in windows:
        yield float(test.p_values(columns).min())
        test.violated = set()
        test.remember()


def find_level(least_p_values: Sequence[float]) -> float:
    """The level at which a test alarms once a month of windows with these p-values."""
    return sorted(least_p_values)[len(least_p_values) // MONTH]


# The product, whole or with a part off


MONITOR = DataQualityMonitor(find_causes=False)  # causes change no verdict


class StatesInMemory(StoredProfile):
    """A window's states that were not written to a file."""

    def __init__(self, profile: Profile) -> None:
        features = {feature.name: feature for feature in profile.features}
        super().__init__(profile.item_count, tuple(features), None, features, "")

    def features(self, names: Iterable[str], kinds: Collection[str] | None = None) -> dict[str, FeatureProfile]:
        return {name: self._header[name] for name in names if name in self._header}


@value_class(slots=False)
class HistoryInMemory(WindowHistory):
    """A history of windows whose states are in memory."""

    states: dict[str, Any] = field(default_factory=dict)

    def read_states(self, window: WindowEntry) -> StatesInMemory:
        return StatesInMemory(self.states[window.folder])


class Schedule(Protocol):
    """hours: from window to window. time_column: of the rows."""

    @property
    def hours(self) -> int: ...

    @property
    def time_column(self) -> str | None: ...


class Product:
    """Data quality of a table's windows, as a schedule judges them. part: what is off."""

    def __init__(
        self, law: Schedule, baseline: list[Columns], part: str | None = None, monitor: DataQualityMonitor = MONITOR
    ) -> None:
        self.hours = law.hours
        self.part = part
        self.monitor = replace(monitor, time_column=law.time_column)
        self.history = HistoryInMemory("")
        with switched_off(part), tempfile.TemporaryDirectory() as folder:
            run_baseline(as_table(concatenate(baseline)), self.monitor, engine="local").write(folder)
            self.baseline = read_baseline(folder, self.monitor)

    def judge(self, columns: Columns, number: int) -> set[str]:
        start = START + timedelta(hours=self.hours * number)
        end = start + timedelta(hours=self.hours)
        self.window = f"{format_moment(start)}/{format_moment(end)}"
        self.end = format_moment(end)
        with switched_off(self.part):
            baseline = extend_baseline(self.history, self.baseline, self.end, "baseline")
            baseline = baseline.with_volume(end, self.history.rows(), start, self.history.rows(NEWEST_ROW))
            self.findings = run_monitoring(as_table(columns), self.monitor, baseline, engine="local")
        return {check.feature or "" for check in self.findings.results if check.is_violation}

    def list_deciders(self, targets: Collection[str]) -> set[str]:
        """The checks by which the last window violated one of these features; of drift the statistics that decided."""
        violations = [check for check in self.findings.results if check.is_violation and check.feature in targets]
        return {f"{check.check} {check.component or ''}".strip() for check in violations}

    @property
    def is_unsure(self) -> bool:
        """Whether nobody can tell if the last window changed."""
        return self.findings.outcome is Outcome.CANNOT_TELL

    def remember(self) -> None:
        state = self.findings.current.state
        # As a job leaves it
        newest = self.findings.current.ledger.newest
        age = None
        if newest is not None:
            age = parse_moment(self.end) - newest
        window = WindowEntry(self.end, self.window, "run", self.window, "baseline", self.findings.count > 0)
        with switched_off(self.part):
            violated = find_lost_examples(self.findings.results)
            unsure = {feature.name for feature in self.findings.unsure}
            possibly_changed = {feature.name for feature in self.findings.unsure if feature.possible_change}
            raw = self.findings.baseline.raw_statistics(state, violated, age, unsure, possibly_changed)
            self.history = replace(self.history, states={**self.history.states, self.window: state})
            self.history = self.history.with_window(window, raw)

    def fork(self) -> Product:
        return copy.copy(self)


# Parts: what to replace in the product so that a part is off, by its path below the package. What the product does not have
# is not listed.


Function: TypeAlias = Callable[..., Any]  # of the product, with any signature
Replacement: TypeAlias = Callable[[Any], Any]  # from what is there to what shall be there
Nothing: TypeAlias = dict[str, float] | tuple[dict[str, float], ...] | float | bool | WindowDesignEffects | None


def returns(value: Nothing) -> Replacement:
    return lambda original: lambda *arguments, **named: value


def returns_itself(original: Function) -> Function:
    return lambda self, *arguments, **named: self


def leaves_out(test: str) -> Replacement:
    def replacement(original: Function) -> Function:
        def judge(change: StatisticChange | float, *arguments: Any) -> Component:
            component: Component = original(change, *arguments)
            return replace(component, p=1.0) if component.name == test else component

        return judge

    return replacement


def baseline_parts_alone(original: Function) -> Function:
    def past(self: WindowHistory, reference: str, *arguments: str, **named: str) -> StatisticsByFeature:
        if reference == "baseline":
            return {}
        return original(self, reference, *arguments, **named)

    return past


QUALITY = "monitors.data_quality"
TESTS = f"{QUALITY}.distribution.column_tests:judge_change"
BASELINE = f"{QUALITY}.baseline.quality_baseline:QualityBaseline"
FACTS = f"{QUALITY}.checks.facts"
FAR_NUMBERS = f"{FACTS}.numbers:steep_end_tail"
LARGEST_SHARE = f"{FACTS}.repeats:compare_largest_shares"
HISTORY = "reports.history.history_file:WindowHistory"
EXTENSION = "reports.history.baseline_extension"
CLOCK = f"{EXTENSION}:choose_seasons"
FIRST_DAYS = f"{QUALITY}.checks.drift.seasonal_drift:may_be_an_hour_or_day"
WEEKDAYS = f"{EXTENSION}:select_weekday_windows"
ALL_PARTS: dict[str, dict[str, Replacement]] = {
    "baseline parts": {f"{BASELINE}.with_block_variation": returns_itself},
    "design effects": {f"{QUALITY}.monitor:estimate_window_design_effects": returns(WindowDesignEffects())},
    "facts": {f"{FACTS}:collect_evidence": returns({})},
    "distances of far numbers": {FAR_NUMBERS: returns(1.0)},
    "largest share of a catalogue": {LARGEST_SHARE: returns(None)},
    "growth of catalogues": {f"{QUALITY}.distribution.window_history:count_beginnings": returns(None)},
    "clock": {CLOCK: returns(({}, {}))},
    "first days of a schedule": {FIRST_DAYS: returns(False)},
    "weekdays of daily windows": {WEEKDAYS: returns({})},
    "volume": {f"{BASELINE}.with_volume": returns_itself},
    **{test: {TESTS: leaves_out(test)} for test in COLUMN_TESTS},
    "largest": {f"{QUALITY}.distribution.column_tests:judge_largest": leaves_out("largest")},
    "unseen": {f"{QUALITY}.distribution.column_tests:judge_unseen": leaves_out("unseen")},
    "learning": {f"{HISTORY}.select_statistics": baseline_parts_alone},
}


def find_owner(path: str) -> tuple[type | ModuleType, str] | None:
    """The object below the package that has an attribute, and the attribute's name; None if there is none."""
    module, _, attributes = path.partition(":")
    *owners, name = attributes.split(".")
    try:
        owner: Any = importlib.import_module(f"spark_model_monitor.{module}")
        for attribute in owners:
            owner = getattr(owner, attribute)
    except (ImportError, AttributeError):
        return None
    if name in vars(owner):
        return (owner, name)
    return None


PARTS = [name for name, replacements in ALL_PARTS.items() if all(map(find_owner, replacements))]

# Checks and statistics that the product keeps in tables, each a part by its own name


TABLE_NAMES = ("GUARDS", "FACTS", "STATISTICS")
ROOMS = ("monitors.data_quality", "statistics.verdicts")
Table: TypeAlias = dict[str, Any]


@cache
def list_tables() -> tuple[Table, ...]:
    """The tables of such a name, wherever they stand; of a registry what is in it."""
    tables: dict[int, Table] = {}
    for room in ROOMS:
        package = importlib.import_module(f"spark_model_monitor.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            attributes = vars(importlib.import_module(module.name))
            for name in TABLE_NAMES:
                registry = attributes.get(name)
                table = getattr(registry, "_entries", registry)
                if isinstance(table, dict):
                    tables[id(table)] = table
    return tuple(tables.values())


def list_table_parts() -> list[str]:
    return [name for table in list_tables() for name in table]


@contextmanager
def switched_off(part: str | None) -> Iterator[None]:
    with ExitStack() as stack:
        for table in list_tables() if part not in (None, *ALL_PARTS) else ():
            stack.enter_context(mock.patch.dict(table))
            table.pop(part, None)
        for path, replacement in ALL_PARTS.get(part or "", {}).items():
            if (attribute := find_owner(path)) is not None:
                owner, name = attribute
                stack.enter_context(mock.patch.object(owner, name, replacement(vars(owner)[name])))
        yield
