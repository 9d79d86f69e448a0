"""What a tree has of each measure, and the ceilings in tests/plain_ceilings.tsv.

A line has a folder, a measure, the word that is counted (or "-") and the most that the folder may have of it. Counts are
exact: one more `found` in a folder is too many, whatever else left it. Rates have room for one more, since any change moves
them a little. What concerns all below `lib` stands at `lib/**`. The ceilings only ever fall, and floors rise. So what is
added to a room of `lib`, a folder of the package, replaces as many tokens there: its `size` has a ceiling, too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

from tests.plain_measures import FileMeasures

TABLE = "tests/plain_ceilings.tsv"
HEADING = "folder\tmeasure\tword\tceiling"

WITH_WORDS = ("function", "class", "local", "generic")
"""Measures that are counted by the word; of the two below, a new one may have any name."""
WITHOUT_WORDS = ("dense", "loose")

SIZE = "size"
SIZE_STEP = 500  # tokens, to which ceilings are rounded
PACKAGE = "lib/spark_model_monitor"

REPEATED_FILE_NAMES = ("__init__.py", "__main__.py", "conftest.py")
"""Names of files that every folder may have. Tests' are left out: they mirror the modules'."""

ROUNDING_ERROR = 1e-9


class Key(NamedTuple):
    folder: str
    measure: str
    word: str


class Use(NamedTuple):
    """Where something stands that is counted. name: what it is called."""

    path: str
    line: int
    name: str


@dataclass(frozen=True)
class Rate:
    """A measure that grows with the code.

    unit: how much of the numerator a small change may add. step: to which ceilings are rounded. description: what it counts,
    in the plural. is_floor: the rate may only rise.
    """

    measure: str
    numerator: str
    denominator: str
    scale: int
    step: float
    unit: int
    description: str
    advice: str
    is_floor: bool = False

    def compute(self, totals: Mapping[str, int]) -> float:
        return self.scale * totals[self.numerator] / max(1, totals[self.denominator])

    def compute_room(self, totals: Mapping[str, int]) -> float:
        return max(self.step, self.scale * self.unit / max(1, totals[self.denominator]))

    def compute_ceiling(self, totals: Mapping[str, int]) -> float:
        """The rate with its room, rounded to a step."""
        room = self.compute_room(totals)
        if self.is_floor:
            steps = math.floor((self.compute(totals) - room) / self.step + ROUNDING_ERROR)
            return max(0.0, steps * self.step)
        steps = math.ceil((self.compute(totals) + room) / self.step - ROUNDING_ERROR)
        return steps * self.step

    def is_near(self, ceiling: float, totals: Mapping[str, int]) -> bool:
        """Whether a ceiling is so near to the one computed now that it may stay: not every change has to lower some."""
        distance = abs(ceiling - self.compute_ceiling(totals))
        return distance <= self.compute_room(totals) + self.step + ROUNDING_ERROR

    def is_exceeded(self, ceiling: float, totals: Mapping[str, int]) -> bool:
        rate = self.compute(totals)
        if self.is_floor:
            return rate < ceiling - ROUNDING_ERROR
        return rate > ceiling + ROUNDING_ERROR

    def tighten(self, ceiling: float, other_ceiling: float) -> float:
        if self.is_floor:
            return max(ceiling, other_ceiling)
        return min(ceiling, other_ceiling)


RATES = {
    rate.measure: rate
    for rate in (
        Rate(
            "tokens",
            numerator="tokens",
            denominator="statements",
            scale=1,
            step=0.1,
            unit=20,
            description="tokens a statement",
            advice="Give the parts of long statements names.",
        ),
        Rate(
            "ternaries",
            numerator="ternary",
            denominator="statements",
            scale=1000,
            step=1,
            unit=1,
            description="conditional expressions per 1,000 statements",
            advice="Write an `if`.",
        ),
        Rate(
            "pairs",
            numerator="pair",
            denominator="assignments",
            scale=1000,
            step=1,
            unit=1,
            description="`a, b = x, y` per 1,000 assignments",
            advice="Write one assignment a line.",
        ),
        Rate(
            "verbs",
            numerator="verbs",
            denominator="undecorated functions",
            scale=100,
            step=0.5,
            unit=1,
            description="functions in 100 that begin with a verb",
            advice="Name functions by a verb and its object, such as `read_captures`.",
            is_floor=True,
        ),
        Rate(
            "comments",
            numerator="comments",
            denominator="statements",
            scale=100,
            step=0.1,
            unit=1,
            description="comments per 100 statements",
            advice="Put a comment above each step of a long function.",
            is_floor=True,
        ),
    )
}


@dataclass
class Figures:
    """What a tree has. uses: where each thing stands that is counted. totals: of each folder, what its rates need. sizes: tokens
    of each room of the package, and of all.
    """

    uses: dict[Key, list[Use]] = field(default_factory=dict)
    totals: dict[str, Counter[str]] = field(default_factory=dict)
    sizes: Counter[str] = field(default_factory=Counter)

    def add_file(self, path: str, measures: FileMeasures) -> None:
        folder = find_folder(path)
        area = find_area(path)
        for name in (folder, area):
            self.totals.setdefault(name, Counter()).update(add_up(measures))
        if path.startswith(f"{PACKAGE}/"):
            for name in (find_room(path), area):
                self.sizes[name] += measures.counts["tokens"]
        classes = set()
        for occurrence in measures.occurrences:
            use = Use(path, occurrence.line, occurrence.word)
            if occurrence.measure in WITH_WORDS:
                self.add_use(Key(folder, occurrence.measure, occurrence.word), use)
            elif occurrence.measure in WITHOUT_WORDS:
                self.add_use(Key(folder, occurrence.measure, "-"), use)
            elif occurrence.measure == "public class" and occurrence.word not in classes:
                classes.add(occurrence.word)
                self.add_use(Key(area, "same class", occurrence.word), use)
        file_name = PurePosixPath(path).name
        if file_name not in REPEATED_FILE_NAMES and not file_name.startswith("test_"):
            self.add_use(Key(area, "same file", file_name), Use(path, 1, file_name))

    def add_use(self, key: Key, use: Use) -> None:
        self.uses.setdefault(key, []).append(use)


def compute_figures(files: Mapping[str, FileMeasures]) -> Figures:
    """What some files have. Of the names of classes and files, those that several have."""
    figures = Figures()
    for path, measures in files.items():
        figures.add_file(path, measures)
    unique_names = [key for key, uses in figures.uses.items() if key.measure.startswith("same") and len(uses) == 1]
    for key in unique_names:
        del figures.uses[key]
    return figures


def add_up(measures: FileMeasures) -> Counter[str]:
    """What a file has of everything, occurrences by their measure."""
    return measures.counts + Counter(occurrence.measure for occurrence in measures.occurrences)


def find_area(path: str) -> str:
    """All that is below the first folder of a path."""
    return path.split("/")[0] + "/**"


def find_folder(path: str) -> str:
    return str(PurePosixPath(path).parent)


def find_room(path: str) -> str:
    """All that is below one folder of the package; the modules beside these are one room."""
    folder, separator, _ = path.removeprefix(f"{PACKAGE}/").partition("/")
    if not separator:
        return PACKAGE
    return f"{PACKAGE}/{folder}/**"


def compute_ceilings(figures: Figures) -> dict[Key, float]:
    """Today's figures, as ceilings."""
    ceilings: dict[Key, float] = {key: len(uses) for key, uses in figures.uses.items()}
    for folder, totals in figures.totals.items():
        for rate in RATES.values():
            if totals[rate.denominator]:
                ceilings[Key(folder, rate.measure, "-")] = rate.compute_ceiling(totals)
    for room, tokens in figures.sizes.items():
        ceilings[Key(room, SIZE, "-")] = math.ceil(tokens / SIZE_STEP) * SIZE_STEP
    return ceilings


def lower_ceilings(ceilings: Mapping[Key, float], figures: Figures) -> dict[Key, float]:
    """Today's figures where they are below the ceilings, and the ceilings where they are above. None rises."""
    lowered = {}
    for key, ceiling in compute_ceilings(figures).items():
        if key.measure in RATES:
            lowered[key] = RATES[key.measure].tighten(ceiling, find_rate_ceiling(ceilings, key, ceiling))
        elif key in ceilings or key.measure == SIZE:
            lowered[key] = min(ceiling, ceilings.get(key, ceiling))
    return lowered


def find_rate_ceiling(ceilings: Mapping[Key, float], key: Key, default: float) -> float:
    """The ceiling of a folder's rate; of a new folder that of its area."""
    area_ceiling = ceilings.get(Key(find_area(key.folder), key.measure, "-"), default)
    return ceilings.get(key, area_ceiling)


def find_old_lines(ceilings: Mapping[Key, float], figures: Figures) -> list[Key]:
    """The lines of a table that today's figures lower, add or remove. A rate that fell by little may wait."""
    lowered = lower_ceilings(ceilings, figures)
    old_lines = []
    for key in sorted(ceilings.keys() | lowered.keys()):
        if key not in ceilings or key not in lowered:
            old_lines.append(key)
        elif key.measure in RATES:
            if ceilings[key] != lowered[key] and not RATES[key.measure].is_near(
                ceilings[key], figures.totals[key.folder]
            ):
                old_lines.append(key)
        elif ceilings[key] != lowered[key]:
            old_lines.append(key)
    return old_lines


def find_risen_words(old: Mapping[Key, float], new: Mapping[Key, float]) -> list[str]:
    """The measures and words of which an area may have more than before, wherever in it; rates and sizes are left out."""
    old_sums = _add_up_areas(old)
    new_sums = _add_up_areas(new)
    return [" ".join(key) for key in sorted(new_sums) if new_sums[key] > old_sums[key]]


def _add_up_areas(ceilings: Mapping[Key, float]) -> Counter[Key]:
    sums: Counter[Key] = Counter()
    for key, ceiling in ceilings.items():
        if key.measure not in RATES and key.measure != SIZE:
            sums[Key(find_area(key.folder), key.measure, key.word)] += int(ceiling)
    return sums


def read_table(text: str) -> dict[Key, float]:
    """The ceilings in a table. A merge may leave a line of each side: the lowest holds."""
    ceilings: dict[Key, float] = {}
    for line in text.splitlines():
        if line and line != HEADING:
            folder, measure, word, ceiling = line.split("\t")
            key = Key(folder, measure, word)
            if key not in ceilings:
                ceilings[key] = float(ceiling)
            elif measure in RATES:
                ceilings[key] = RATES[measure].tighten(ceilings[key], float(ceiling))
            else:
                ceilings[key] = min(ceilings[key], float(ceiling))
    return ceilings


def format_table(ceilings: Mapping[Key, float]) -> str:
    lines = ["\t".join([*key, f"{round(ceiling, 6):g}"]) for key, ceiling in sorted(ceilings.items())]
    return "".join(f"{line}\n" for line in [HEADING, *lines])
