"""400 inputs, drawn from a seed, with what is expected of each: the same rows as programs write them, rows that were damaged on
the way, and files that nobody can read.

    python -m tests.unit.data_quality.written_inputs [--seed N]     how many come out as expected, and those that don't
    python -m tests.unit.data_quality.written_inputs --kinds        the same of 80 columns of all kinds

A baseline is written in one form, a window of other rows in another one. Healthy windows have no violation; of a damaged one its
column is violated, and no other; what can't be read is refused by a sentence with the expected words.
"""

from __future__ import annotations

import argparse
import logging
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.unit.data_quality.all_kinds import score_kinds
from tests.unit.data_quality.column_damages import DAMAGES
from tests.unit.data_quality.healthy_columns import draw_columns
from tests.unit.data_quality.unreadable_files import UNREADABLE
from tests.unit.data_quality.written_forms import FORMS, Columns, find_format

from spark_model_monitor import Baseline, DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.errors import MonitorError

ROWS_OF_BASELINE = 800
ROWS_OF_WINDOW = 400
HEALTHY = 170  # inputs
DAMAGED = 118  # two of each damage, and two more
BASELINES = (
    *("CSV", "CSV of Excel", "CSV in gz", "CSV, 1 and 0", "CSV, Z", "JSON Lines", "JSON", "JSON Lines, all as texts"),
    *("Parquet", "Parquet in folders", "Parquet with 32 bits", "pandas", "pandas of 32 bits", "Arrow", "captures"),
)
FORMS_OF_DAMAGED = ("CSV", "CSV of Excel", "CSV in gz", "JSON Lines", "JSON", "Parquet", "pandas", "Arrow", "captures")


NEARLY_NUMBERS = (
    *(
        "NaT",
        "NA",
        "n/a",
        "null",
        "None",
        "nan",
        "-",
        "--",
        "?",
        "#N/A",
        "#DIV/0!",
        "#REF!",
        ".",
        "nil",
        "N.A.",
        "k.A.",
    ),
    *(
        "<NA>",
        "\\N",
        "(null)",
        "undefined",
        "TBD",
        "1.#QNAN",
        "unknown",
        "(12.5)",
        "12.50-",
        "12,5",
        "1.234,5",
        "1,234.5",
    ),
    *(
        "1 234",
        "1'234",
        "12 %",
        "$12",
        "12 €",
        "12kg",
        "1_000",
        "−5",
        "0x1f",
        "1e",
        "<5",
        "~7",
        "12:30",
        "2024-01-01",
        "yes",
    ),
    *("１２", "½", "0.25 0.75", "[0.25, 0.75]"),
)
SHARE_OF_NEARLY = 5  # one of so many cells is none


class Outcome(Enum):
    """WRONG: a healthy column is violated, or another outcome than expected. SILENT: a damage or an unreadable file without a
    word. CONFUSING: refused, without the words that say where and what to mend.
    """

    RIGHT = "right"
    WRONG = "wrong"
    SILENT = "silent"
    CONFUSING = "confusing"
    CRASHED = "crashed"


@dataclass(frozen=True)
class Input:
    """baseline, window: the forms. damage: what happened to the window's rows. unreadable: the window can't be read; then it is
    tried as a baseline, too. nearly_number: stands in place of some numbers of a baseline, which is a hint.
    """

    baseline: str
    window: str
    damage: str = ""
    unreadable: str = ""
    nearly_number: str = ""

    def __str__(self) -> str:
        words = [self.damage or self.unreadable or self.nearly_number, f"{self.baseline} -> {self.window}"]
        return ": ".join(filter(None, words))


@dataclass(frozen=True)
class Scored:
    """An input, its outcome, and what the product said."""

    input: Input
    outcome: Outcome
    sentence: str


def draw_inputs(seed: int) -> Iterator[Input]:
    rng = random.Random(seed)
    pairs = [(baseline, window) for baseline in BASELINES for window in FORMS]
    for baseline, window in rng.sample(pairs, HEALTHY):
        yield Input(baseline, window)
    damages = [*DAMAGES, *DAMAGES, *rng.choices([*DAMAGES], k=DAMAGED - 2 * len(DAMAGES))]
    for damage in damages:
        yield Input(rng.choice(FORMS_OF_DAMAGED), rng.choice(FORMS_OF_DAMAGED), damage)
    for name in UNREADABLE:
        yield Input(rng.choice(BASELINES), "", unreadable=name)
    for text in NEARLY_NUMBERS:
        yield Input(rng.choice(("CSV", "JSON Lines", "pandas", "captures")), "", nearly_number=text)


class Collection:
    """The rows of a seed, and the baselines that were made of them."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self._rows_of_baseline = draw_columns(rng, ROWS_OF_BASELINE)
        self._rows_of_window = draw_columns(rng, ROWS_OF_WINDOW)
        self._baselines: dict[str, Baseline] = {}

    def score(self, drawn_input: Input) -> Scored:
        """How an input comes out."""
        with TemporaryDirectory() as folder:
            try:
                if drawn_input.nearly_number:
                    return self._score_nearly_number(drawn_input, Path(folder))
                baseline = self._read_baseline(drawn_input.baseline, Path(folder) / "baseline")
                if drawn_input.unreadable:
                    return self._score_unreadable(drawn_input, baseline, Path(folder))
                return self._score_window(drawn_input, baseline, Path(folder) / "window")
            except MonitorError as fault:
                return Scored(drawn_input, Outcome.WRONG, str(fault))
            except Exception as fault:
                return Scored(drawn_input, Outcome.CRASHED, repr(fault))

    def _read_baseline(self, form: str, folder: Path) -> Baseline:
        if form not in self._baselines:
            folder.mkdir()
            self._baselines[form] = make_baseline(form, folder, self._rows_of_baseline)
        return self._baselines[form]

    def _score_window(self, drawn_input: Input, baseline: Baseline, folder: Path) -> Scored:
        folder.mkdir()
        columns = self._rows_of_window
        expected: set[str | None] = set()
        if drawn_input.damage:
            # The damaged column alone may be violated
            name, change = DAMAGES[drawn_input.damage]
            columns = {**columns, name: change(columns[name])}
            expected = {name}
        data = FORMS[drawn_input.window](folder, columns)
        dataset_format = find_format(drawn_input.window)
        findings = run_monitoring(data, DataQualityMonitor(), baseline, dataset_format=dataset_format, engine="local")
        violated = {finding.feature for finding in findings.results if finding.is_violation}
        # Exactly what is expected, nothing, or something else
        outcome = Outcome.WRONG
        if violated == expected:
            outcome = Outcome.RIGHT
        elif not violated:
            outcome = Outcome.SILENT
        return Scored(drawn_input, outcome, findings.summary())

    def _score_nearly_number(self, drawn_input: Input, folder: Path) -> Scored:
        # A column of numbers, of which some are no numbers
        cells = list(self._rows_of_baseline["debt"])
        cells[::SHARE_OF_NEARLY] = [drawn_input.nearly_number] * len(cells[::SHARE_OF_NEARLY])
        data = FORMS[drawn_input.baseline](folder, {**self._rows_of_baseline, "debt": cells})
        dataset_format = find_format(drawn_input.baseline)
        findings = run_monitoring(data, DataQualityMonitor(), None, dataset_format=dataset_format, engine="local")
        sentences = [hint.description for hint in findings.hints if "debt" in hint.features]
        if sentences:
            return Scored(drawn_input, Outcome.RIGHT, sentences[0])
        return Scored(drawn_input, Outcome.SILENT, "no hint names the column")

    def _score_unreadable(self, drawn_input: Input, baseline: Baseline, folder: Path) -> Scored:
        unreadable = UNREADABLE[drawn_input.unreadable]
        sentences = []
        for role in ("window", "unreadable baseline"):
            (folder / role).mkdir()
            data = unreadable.write(folder / role, self._rows_of_window)
            dataset_format = None
            if "captures" in drawn_input.unreadable:
                dataset_format = "capture"
            try:
                if role == "window":
                    run_monitoring(data, DataQualityMonitor(), baseline, dataset_format=dataset_format, engine="local")
                else:
                    run_baseline(data, DataQualityMonitor(), dataset_format=dataset_format, engine="local")
                return Scored(drawn_input, Outcome.SILENT, f"the {role} was read")
            except MonitorError as fault:
                sentences.append(str(fault))
        # Both sentences say where and what
        for sentence in sentences:
            if not all(words.lower() in sentence.lower() for words in unreadable.words):
                return Scored(drawn_input, Outcome.CONFUSING, sentence)
        return Scored(drawn_input, Outcome.RIGHT, sentences[0])


def make_baseline(form: str, folder: Path, columns: Columns) -> Baseline:
    data = FORMS[form](folder, columns)
    return run_baseline(data, DataQualityMonitor(), dataset_format=find_format(form), engine="local")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=90)
    parser.add_argument(
        "--kinds", action="store_true", help="the 80 columns of all kinds in all pairs of forms, and damaged"
    )
    options = parser.parse_args()
    # Hints and warnings of 400 runs
    logging.disable(logging.WARNING)
    if options.kinds:
        for line in score_kinds():
            print(line, flush=True)
        return 0
    collection = Collection(options.seed)
    counts: Counter[Outcome] = Counter()
    for drawn_input in draw_inputs(options.seed):
        scored = collection.score(drawn_input)
        counts[scored.outcome] += 1
        if scored.outcome is not Outcome.RIGHT:
            print(f"{scored.outcome.value}: {drawn_input}: {scored.sentence}", flush=True)
    total = counts.total()
    for outcome in Outcome:
        print(f"{outcome.value} {counts[outcome]:,} of {total:,} ({counts[outcome] / total:.1%})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
