"""What an entrant of the leaderboard is: a detector of drift, and the table of all of them. numpy alone.

A detector is made for a stream, fitted to its baseline, and checks its windows in the order of time.
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from laws import Columns, Values

# What detectors call faults of the whole table
ROW_COUNT = "number of rows"
REPEATED_ROWS = "repeated rows"
NEWEST_ROW = "newest row"


@dataclass(frozen=True)
class StreamDescription:
    """What a detector may know of a stream beforehand. columns: how many. hours: from window to window."""

    name: str
    columns: int
    hours: int
    time_column: str | None


@dataclass(frozen=True)
class Window:
    number: int
    columns: Columns


@dataclass(frozen=True)
class Alarms:
    """Whether a window alarms, and which columns are named."""

    window: bool
    columns: set[str]


class Detector:
    """takes_times: whether it is given the column with the times of the rows."""

    takes_times = False

    def __init__(self, stream: StreamDescription) -> None:
        self.stream = stream

    def fit(self, baseline: list[Columns]) -> None:
        raise NotImplementedError

    def check(self, window: Window) -> Alarms:
        """Judge a window, and remember it if the detector learns."""
        raise NotImplementedError

    def fork(self) -> Detector:
        """A copy that goes on by itself."""
        return copy.deepcopy(self)


class ColumnDetector(Detector):
    """A detector that judges each column alone, and alarms if any is drifted."""

    def find_drifted(self, columns: Columns) -> set[str]:
        raise NotImplementedError

    def check(self, window: Window) -> Alarms:
        drifted = self.find_drifted(window.columns)
        return Alarms(bool(drifted), drifted)


def is_text(values: Values) -> bool:
    return values.dtype == object


def drop_missing(values: Values) -> Values:
    if is_text(values):
        return values[values != None]  # noqa: E711 -- of each value
    return values[~np.isnan(values)]


class IntegerCodes:
    """Texts as integers, for detectors of numbers: by frequency in the baseline; all new ones are the next integer."""

    def __init__(self, values: Values) -> None:
        texts, counts = np.unique(drop_missing(values).astype(str), return_counts=True)
        by_frequency = texts[np.argsort(-counts, kind="stable")]
        self.codes = {text: float(code) for code, text in enumerate(by_frequency)}

    def encode(self, values: Values) -> Values:
        unseen = float(len(self.codes))
        codes = [np.nan if text is None else self.codes.get(text, unseen) for text in values]
        return np.array(codes, dtype=float)


def encode_texts(baseline: Columns) -> dict[str, IntegerCodes]:
    return {name: IntegerCodes(values) for name, values in baseline.items() if is_text(values)}


def as_numbers(columns: Columns, codes: dict[str, IntegerCodes]) -> Columns:
    return {name: codes[name].encode(values) if name in codes else values for name, values in columns.items()}


Rule = Callable[[Alarms, int], bool]  # of the named columns, and the number of all


def share_above(limit: float) -> Rule:
    return lambda alarms, columns: len(alarms.columns) > limit * columns


@dataclass(frozen=True)
class Entrant:
    """maker: the detector's module and name. package: whose version it has. environment: below build/leaderboard, None for
    this one. rules: names and rules of the entrants that share a computation. is_dear: above .1 core s a window.
    laws: the only ones it plays, if it is very dear.
    """

    maker: str
    settings: Mapping[str, object] = field(default_factory=dict)
    package: str = "numpy"
    environment: str | None = None
    rules: Mapping[str, Rule] = field(default_factory=dict)
    is_dear: bool = False
    laws: tuple[str, ...] = ()

    def make(self, stream: StreamDescription) -> Detector:
        module, name = self.maker.split(":")
        detector: Detector = getattr(importlib.import_module(module), name)(stream, **self.settings)
        return detector


# The rules that AWS publishes for Evidently, beside the preset's own
EVIDENTLY_RULES = {
    "Evidently: preset": lambda alarms, columns: alarms.window,
    "Evidently: any column": share_above(0.0),
    "Evidently: above 5 % of columns": share_above(0.05),
    "Evidently: above 30 % of columns": share_above(0.3),
}
OURS = "ours"
Z_TEST = "z-test"
ENTRANTS: dict[str, Entrant] = {
    OURS: Entrant("ours_adapter:Ours", package="spark_model_monitor"),
    "ours, --rows independent": Entrant("ours_adapter:Ours", {"rows": "independent"}, "spark_model_monitor"),
    Z_TEST: Entrant("ours_adapter:StudentTest"),
    "PSI > .2": Entrant("rule_adapters:PopulationStability", {"threshold": 0.2}),
    "KS, Bonferroni, .05": Entrant("rule_adapters:KolmogorovSmirnov", {"level": 0.05}, "scipy"),
    "KS, Bonferroni, 1/720": Entrant("rule_adapters:KolmogorovSmirnov", {"level": 1 / 720}, "scipy"),
    "TFDV, .3": Entrant("rule_adapters:DataValidation", {"threshold": 0.3}),
    "TFDV, .01": Entrant("rule_adapters:DataValidation", {"threshold": 0.01}),
    "Deequ: BatchNormal": Entrant("rule_adapters:MetricSeries", {"strategy": "batch normal"}),
    "Deequ: OnlineNormal": Entrant("rule_adapters:MetricSeries", {"strategy": "online normal"}),
    "Deequ: RelativeRateOfChange": Entrant("rule_adapters:MetricSeries", {"strategy": "rate of change"}),
    "River: ADWIN": Entrant("river_adapter:River", {"detector": "ADWIN"}, "river", "river"),
    "River: Page-Hinkley": Entrant("river_adapter:River", {"detector": "PageHinkley"}, "river", "river"),
    "River: KSWIN": Entrant("river_adapter:River", {"detector": "KSWIN"}, "river", "river", is_dear=True),
    "NannyML": Entrant("nannyml_adapter:NannyML", {}, "nannyml", "nannyml", is_dear=True),
    "alibi-detect: KS": Entrant("alibi_adapter:Alibi", {}, "alibi-detect", "alibi", is_dear=True),
    "alibi-detect: MMD": Entrant(
        "alibi_adapter:Alibi",
        {"detector": "MMDDrift"},
        "alibi-detect",
        "alibi",
        is_dear=True,
        laws=("normal", "embeddings", "means vary"),
    ),
    "Evidently": Entrant("evidently_adapter:Evidently", {}, "evidently", "evidently", EVIDENTLY_RULES, is_dear=True),
}
