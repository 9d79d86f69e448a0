"""What an entrant of the leaderboard is: a detector of drift, and the table of all of them. numpy alone.

A detector is made for a stream, fitted to its baseline, and checks its windows in the order of time.
"""

from __future__ import annotations

import copy
import importlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

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


class Window(NamedTuple):
    number: int
    columns: Columns


class Alarms(NamedTuple):
    """Whether a window alarms, and which columns are named. scores: of columns, if there are rules that have a limit for them."""

    window: bool
    columns: set[str]
    scores: Mapping[str, float] = {}


class Detector:
    """What judges the windows of a stream. takes_times: whether it is given the column with the times of the rows.

    `fit(baseline)` takes the windows of the baseline. `check(window)` gives its Alarms, and remembers it if the detector learns.
    """

    takes_times = False
    fit: Callable[[list[Columns]], None]
    check: Callable[[Window], Alarms]

    def __init__(self, stream: StreamDescription) -> None:
        self.stream = stream

    def fork(self) -> Detector:
        """A copy that goes on by itself."""
        return copy.deepcopy(self)


class ScoreDetector(Detector):
    """A detector that scores each column alone; rules of its entrant alarm."""

    compute_score: Callable[[str, Values], float]

    def check(self, window: Window) -> Alarms:
        scores = {name: self.compute_score(name, values) for name, values in window.columns.items()}
        return Alarms(False, set(), scores)


class ColumnDetector(Detector):
    """A detector that judges each column alone, and alarms if any is drifted."""

    find_drifted: Callable[[Columns], set[str]]

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

    def __init__(self, baseline: Columns) -> None:
        texts = {name: Counter(drop_missing(values)) for name, values in baseline.items() if is_text(values)}
        self.codes = {
            name: {text: code for code, (text, _) in enumerate(counts.most_common())} for name, counts in texts.items()
        }

    def encode(self, columns: Columns) -> Columns:
        return {name: self.encode_column(name, values) for name, values in columns.items()}

    def encode_column(self, name: str, values: Values) -> Values:
        if name not in self.codes:
            return values
        codes = self.codes[name]
        return np.array([np.nan if text is None else codes.get(text, len(codes)) for text in values], dtype=float)


Rule = Callable[
    [Alarms, int], Alarms
]  # from what a detector says of so many columns; entrants share a computation by rules


def share_above(limit: float) -> Rule:
    """Alarms if more than this share of the columns is named."""
    return lambda alarms, columns: Alarms(len(alarms.columns) > limit * columns, alarms.columns)


def score_above(limit: float) -> Rule:
    """Names the columns with a higher score, and alarms if there is one."""

    def judge(alarms: Alarms, columns: int) -> Alarms:
        named = {name for name, score in alarms.scores.items() if score > limit}
        return Alarms(bool(named), named)

    return judge


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
    "Evidently: preset": lambda alarms, columns: alarms,
    "Evidently: any column": share_above(0.0),
    "Evidently: above 5 % of columns": share_above(0.05),
    "Evidently: above 30 % of columns": share_above(0.3),
}
KS_RULES = {"KS, Bonferroni, .05": score_above(-0.05), "KS, Bonferroni, 1/720": score_above(-1 / 720)}
TFDV_RULES = {"TFDV, .3": score_above(0.3), "TFDV, .01": score_above(0.01)}
OURS = "ours"
Z_TEST = "z-test"
ENTRANTS: dict[str, Entrant] = {
    OURS: Entrant("ours_adapter:Ours", package="spark_model_monitor"),
    "ours, --rows independent": Entrant("ours_adapter:Ours", {"rows": "independent"}, "spark_model_monitor"),
    "ours, --with-pairs": Entrant("ours_adapter:Ours", {"pairs": True}, "spark_model_monitor"),
    Z_TEST: Entrant("ours_adapter:StudentTest"),
    "PSI": Entrant("rule_adapters:PopulationStability", rules={"PSI > .2": score_above(0.2)}),
    "KS": Entrant("rule_adapters:KolmogorovSmirnov", package="scipy", rules=KS_RULES),
    "TFDV": Entrant("rule_adapters:DataValidation", rules=TFDV_RULES),
    "Deequ: BatchNormal": Entrant("rule_adapters:MetricSeries", {"strategy": "batch normal"}),
    "Deequ: OnlineNormal": Entrant("rule_adapters:MetricSeries", {"strategy": "online normal"}),
    "Deequ: RelativeRateOfChange": Entrant("rule_adapters:MetricSeries", {"strategy": "rate of change"}),
    "River: ADWIN": Entrant("river_adapter:River", {"detector": "ADWIN"}, "river", "river"),
    "River: Page-Hinkley": Entrant("river_adapter:River", {"detector": "PageHinkley"}, "river", "river"),
    "River: KSWIN": Entrant(
        "river_adapter:River",
        {"detector": "KSWIN"},
        "river",
        "river",
        is_dear=True,
        laws=("normal, 50 rows", "normal, 200 rows", "normal"),
    ),
    "NannyML": Entrant("nannyml_adapter:NannyML", {}, "nannyml", "nannyml"),
    "alibi-detect: KS": Entrant("alibi_adapter:Alibi", {}, "alibi-detect", "alibi"),
    "alibi-detect: MMD": Entrant(
        "alibi_adapter:Alibi",
        {"detector": "MMDDrift"},
        "torch",
        "alibi",
        is_dear=True,
        laws=("normal", "embeddings", "means vary"),
    ),
    "Evidently": Entrant("evidently_adapter:Evidently", {}, "evidently", "evidently", EVIDENTLY_RULES, is_dear=True),
}
