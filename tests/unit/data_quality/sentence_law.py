"""The law of sentences: what an alarm says is true of the data, and of the values that changed, over generated faults.

python -m tests.unit.data_quality.sentence_law --seeds 200

A seed draws a table, a later one of the same kind, and one or two faults in columns of it. Each sentence of the run is taken
apart by a pattern, and its numbers are computed again from the rows by pandas. A sentence that no pattern knows breaks the law,
as does a number that isn't so, a named value that the fault left alone, and a guess or a segment that isn't the fault's.
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spark_model_monitor import DataQualityMonitor, Findings, run_baseline, run_monitoring
from spark_model_monitor.documents.change_description import describe_change
from spark_model_monitor.documents.check_results import CheckResult
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings, Rows

Random = np.random.Generator

BASELINE_ROWS, WINDOW_ROWS = 8_000, 3_000
OF_SKETCH = 0.015  # a share of numbers comes from a sketch
CITIES = ("Graz", "Innsbruck", "Linz", "Salzburg", "Wien")
PLANS = ("basic", "plus", "premium")


@dataclass
class InjectedError:
    """What was done to a column. values: those whose shares changed; None if all did. guess: a pattern of what may be said of its
    cause, besides numbers that are computed again. segment: whose rows alone changed.
    """

    column: str
    values: set[str] | None = None
    guess: str = "$^"
    segment: str = "$^"


def draw_table(random: Random, rows: int, shape: Random) -> pd.DataFrame:
    """shape: what baseline and window have in common."""
    middle = shape.uniform(-50, 500)
    width = shape.uniform(1, 60)
    shares = shape.dirichlet([4] * len(CITIES))
    stations = [f"S{number:02d}" for number in range(60)]
    weights = 1 / np.arange(1, 61) ** shape.uniform(0.6, 1.3)
    is_missing = random.random(rows) < shape.uniform(0.05, 0.3)
    return pd.DataFrame(
        {
            "amount": np.round(random.lognormal(shape.uniform(2, 6), shape.uniform(0.3, 0.9), rows), 2),
            "level": np.round(random.normal(middle, width, rows), 2),
            "temperature": np.round(random.normal(18, 6, rows), 1),
            "visits": random.poisson(shape.uniform(1, 8), rows),
            "is_open": (random.random(rows) < shape.uniform(0.1, 0.9)).astype(int),
            "income": np.where(is_missing, np.nan, np.round(random.lognormal(8, 0.5, rows), 2)),
            "city": random.choice(CITIES, rows, p=shares),
            "plan": random.choice(PLANS, rows, p=shape.dirichlet([8] * len(PLANS))),
            "station": random.choice(stations, rows, p=weights / weights.sum()),
            "note": np.where(random.random(rows) < 0.2, None, random.choice(["a", "b", "c"], rows)),
        }
    )


FAULTS: list[Callable[[pd.DataFrame, Random], InjectedError]] = []


def register(fault: Callable[[pd.DataFrame, Random], InjectedError]) -> Callable[[pd.DataFrame, Random], InjectedError]:
    FAULTS.append(fault)
    return fault


def choose_rows(frame: pd.DataFrame, random: Random, fraction: float) -> np.ndarray:
    return random.random(len(frame)) < fraction


def choose_number_column(random: Random) -> str:
    return str(random.choice(["amount", "level", "temperature", "income"]))


@register
def scale_all(frame: pd.DataFrame, random: Random) -> InjectedError:
    column = choose_number_column(random)
    factor = float(random.choice([100.0, 1_000.0, 0.01, 10.0]))
    frame[column] = frame[column] * factor
    return InjectedError(column, guess=r"all of them are about|none is below zero|other sign")


@register
def scale_some(frame: pd.DataFrame, random: Random) -> InjectedError:
    column = str(random.choice(["amount", "income"]))
    rows = choose_rows(frame, random, random.uniform(0.02, 0.3))
    factor = float(random.choice([100.0, 1_000.0, 0.01]))
    frame.loc[rows, column] = frame.loc[rows, column] * factor
    name = f"{factor:,.0f} times" if factor > 1 else f"1/{1 / factor:,.0f} of"
    return InjectedError(column, guess=f"% of them are about {name} a usual one")


@register
def move_all(frame: pd.DataFrame, random: Random) -> InjectedError:
    column = choose_number_column(random)
    frame[column] = np.round(frame[column] + random.choice([-1, 1]) * random.uniform(0.2, 2) * frame[column].std(), 2)
    return InjectedError(column, guess="earlier|later")


@register
def widen_all(frame: pd.DataFrame, random: Random) -> InjectedError:
    column = str(random.choice(["level", "temperature"]))
    mean = frame[column].mean()
    frame[column] = np.round(mean + (frame[column] - mean) * random.choice([0.5, 0.7, 1.5, 3]), 2)
    return InjectedError(column)


@register
def lengthen_tail(frame: pd.DataFrame, random: Random) -> InjectedError:
    rows = frame["amount"] > frame["amount"].quantile(random.uniform(0.9, 0.98))
    frame.loc[rows, "amount"] = np.round(frame.loc[rows, "amount"] * random.uniform(1.3, 5), 2)
    return InjectedError("amount")


@register
def write_sentinel(frame: pd.DataFrame, random: Random) -> InjectedError:
    column = choose_number_column(random)
    value = float(random.choice([-999, 0, 9_999]))
    frame.loc[choose_rows(frame, random, random.uniform(0.02, 0.3)), column] = value
    return InjectedError(column, {f"{value:g}"}, guess=r"is in .* of the values")


@register
def hold_value(frame: pd.DataFrame, random: Random) -> InjectedError:
    column = choose_number_column(random)
    value = float(frame[column].dropna().sample(1, random_state=int(random.integers(1_000))).iloc[0])
    frame.loc[frame.index > len(frame) * random.uniform(0.5, 0.9), column] = value
    return InjectedError(column, {f"{value:g}"}, guess=r"is in .* of the values")


@register
def cut_numbers(frame: pd.DataFrame, random: Random) -> InjectedError:
    column = choose_number_column(random)
    end = float(np.round(frame[column].quantile(random.uniform(0.6, 0.95)), 1))
    frame[column] = frame[column].clip(upper=end)
    return InjectedError(column, {f"{end:g}"}, guess="clipped|is in .* of the values")


@register
def lose_signs(frame: pd.DataFrame, random: Random) -> InjectedError:
    frame["level"] = (frame["level"] - frame["level"].mean()).abs().round(2)
    return InjectedError("level", guess=".*")


@register
def turn_few_negative(frame: pd.DataFrame, random: Random) -> InjectedError:
    rows = choose_rows(frame, random, random.uniform(0.005, 0.05))
    frame.loc[rows, "amount"] = -frame.loc[rows, "amount"]
    return InjectedError("amount")


@register
def write_infinities(frame: pd.DataFrame, random: Random) -> InjectedError:
    frame.loc[choose_rows(frame, random, random.uniform(0.005, 0.05)), "amount"] = np.inf
    return InjectedError("amount")


@register
def visit_more(frame: pd.DataFrame, random: Random) -> InjectedError:
    frame["visits"] = frame["visits"] + random.poisson(random.uniform(0.5, 2), len(frame))
    return InjectedError("visits", guess="earlier|later")


@register
def visit_never(frame: pd.DataFrame, random: Random) -> InjectedError:
    frame.loc[choose_rows(frame, random, random.uniform(0.1, 0.4)), "visits"] = 0
    return InjectedError("visits", {"0"}, guess=r"is in .* of the values")


@register
def flip_flag(frame: pd.DataFrame, random: Random) -> InjectedError:
    rows = choose_rows(frame, random, random.uniform(0.2, 0.5))
    frame.loc[rows, "is_open"] = 1 - frame.loc[rows, "is_open"]
    return InjectedError("is_open", {"0", "1"})


@register
def lose_values(frame: pd.DataFrame, random: Random) -> InjectedError:
    column = str(random.choice(["amount", "income", "city", "note"]))
    frame.loc[choose_rows(frame, random, random.uniform(0.1, 0.6)), column] = None
    return InjectedError(column)


@register
def fill_values(frame: pd.DataFrame, random: Random) -> InjectedError:
    value = float(random.choice([0.0, 3_000.0]))
    frame["income"] = frame["income"].fillna(value)
    return InjectedError("income", {f"{value:g}"}, guess=r"is in .* of the values|missing")


@register
def add_category(frame: pd.DataFrame, random: Random) -> InjectedError:
    column = str(random.choice(["city", "plan", "station"]))
    frame.loc[choose_rows(frame, random, random.uniform(0.01, 0.2)), column] = "another"
    return InjectedError(column, {"another"})


@register
def add_many_categories(frame: pd.DataFrame, random: Random) -> InjectedError:
    rows = choose_rows(frame, random, random.uniform(0.05, 0.2))
    values = [f"Z{number:02d}" for number in random.integers(0, 30, int(rows.sum()))]
    frame.loc[rows, "station"] = values
    return InjectedError("station", set(values))


@register
def rename_category(frame: pd.DataFrame, random: Random) -> InjectedError:
    column = str(random.choice(["city", "plan"]))
    name = str(random.choice(frame[column].unique()))
    frame[column] = frame[column].replace({name: "another"})
    return InjectedError(column, {"another"}, guess=f"'{name}', which is gone, was as frequent as 'another' is")


@register
def write_lower_case(frame: pd.DataFrame, random: Random) -> InjectedError:
    name = str(random.choice(CITIES))
    rows = (frame["city"] == name) & choose_rows(frame, random, random.uniform(0.3, 1))
    frame.loc[rows, "city"] = name.lower()
    return InjectedError("city", {name.lower()}, guess=f"'{name.lower()}' differs from '{name}'")


@register
def lose_category(frame: pd.DataFrame, random: Random) -> InjectedError:
    gone, instead = random.choice(CITIES, 2, replace=False)
    frame["city"] = frame["city"].replace({gone: instead})
    return InjectedError("city", {str(gone), str(instead)})


@register
def move_category(frame: pd.DataFrame, random: Random) -> InjectedError:
    column, names = [("city", CITIES), ("plan", PLANS)][int(random.integers(2))]
    source, target = random.choice(names, 2, replace=False)
    rows = (frame[column] == source) & choose_rows(frame, random, random.uniform(0.3, 0.8))
    frame.loc[rows, column] = target
    return InjectedError(column, {str(source), str(target)})


@register
def lose_station(frame: pd.DataFrame, random: Random) -> InjectedError:
    name = f"S{int(random.integers(0, 12)):02d}"
    rows = frame["station"] == name
    frame.loc[rows, "station"] = random.choice(frame.loc[~rows, "station"].to_numpy(), int(rows.sum()))
    return InjectedError("station", {name})


@register
def favour_station(frame: pd.DataFrame, random: Random) -> InjectedError:
    name = f"S{int(random.integers(30, 60)):02d}"
    frame.loc[choose_rows(frame, random, random.uniform(0.01, 0.1)), "station"] = name
    return InjectedError("station", {name})


@register
def change_unit_of_city(frame: pd.DataFrame, random: Random) -> InjectedError:
    city = str(random.choice(CITIES))
    rows = frame["city"] == city
    frame.loc[rows, "level"] = frame.loc[rows, "level"] + 4 * frame["level"].std()
    return InjectedError("level", segment=f"city={city}")


@register
def write_empty_texts(frame: pd.DataFrame, random: Random) -> InjectedError:
    column = str(random.choice(["plan", "city"]))
    frame.loc[choose_rows(frame, random, random.uniform(0.03, 0.2)), column] = ""
    return InjectedError(column, {""}, guess="written for missing")


@register
def write_numbers_as_category(frame: pd.DataFrame, random: Random) -> InjectedError:
    frame.loc[choose_rows(frame, random, random.uniform(0.03, 0.2)), "plan"] = "3"
    return InjectedError("plan", {"3"})


@register
def write_texts_among_numbers(frame: pd.DataFrame, random: Random) -> InjectedError:
    texts = frame["visits"].astype(str)
    texts[choose_rows(frame, random, random.uniform(0.05, 0.3))] = "unknown"
    frame["visits"] = texts
    return InjectedError("visits", {"unknown"}, guess="unknown|written for missing|no numbers|'unknown'")


# What the sentences say, computed again


NUMBER = r"([−-]?[\d.,]*\d(?:e[+-]?\d+)?)"
OF = r"(records|present values)"


def read_number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


@dataclass
class Claim:
    """A sentence about a column, with its rows before and now. problems: what is not so."""

    text: str
    before: pd.Series
    now: pd.Series
    fault: InjectedError | None
    problems: list[str] = field(default_factory=list)

    def expect(self, name: str, number_text: str, computed: float, tolerance: float = 0.0) -> None:
        """The number in the text is the computed one, but for rounding to three digits."""
        number = read_number(number_text)
        if not abs(number - computed) <= 0.0051 * abs(computed) + tolerance + 1e-9:
            self.problems.append(f"{name} is {computed:.6g}, not {number_text}")

    def shares(self, value: str, denominator: str) -> tuple[float, float]:
        """How often a value occurs in both tables, in percent."""
        value = value.strip("'")  # an empty text is shown in quotes
        shares = []
        for column in (self.before, self.now):
            if is_of_numbers(self.before) and is_of_numbers(self.now):
                is_value = np.isclose(column.astype(float), read_number(value), rtol=1e-9)
            else:
                is_value = column.astype(object) == value
            rows = int(column.notna().sum())
            if denominator == "records":
                rows = len(column)
            shares.append(100 * float(np.sum(is_value)) / rows)
        return shares[0], shares[1]

    @property
    def slack(self) -> float:
        """Of a share in percent."""
        return 100 * OF_SKETCH * is_of_numbers(self.before)

    def expect_changed(self, value: str) -> None:
        """A named value is one of those that the fault changed."""
        if self.fault is None or self.fault.values is None:
            return
        values = self.fault.values
        value = value.strip("'")
        if is_of_numbers(self.before) and is_of_numbers(self.now):
            is_changed = any(np.isclose(read_number(value), float(name), rtol=1e-5) for name in values)
        else:
            is_changed = value in values
        if not is_changed:
            self.problems.append(f"{value} is not a value that changed: {sorted(values)}")


def keep_finite(column: pd.Series) -> pd.Series:
    return column.replace([np.inf, -np.inf], np.nan).dropna().astype(float)


def is_of_numbers(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column))


CLAIMS: dict[str, Callable[..., None]] = {}


def claim(pattern: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def put(check: Callable[..., None]) -> Callable[..., None]:
        CLAIMS[pattern] = check
        return check

    return put


@claim(rf"has the value (.*) that was not there before in {NUMBER} % of the {OF}")
def is_new(sentence: Claim, value: str, share: str, denominator: str) -> None:
    was, is_now = sentence.shares(value, denominator)
    sentence.expect("its share before", "0", was)
    sentence.expect("its share", share, is_now, sentence.slack)
    sentence.expect_changed(value)


@claim(rf"has the value (.*) in {NUMBER} % of the {OF}, in (none|{NUMBER} %) before")
def has_another_share(
    sentence: Claim, value: str, share: str, denominator: str, before: str, share_before: str
) -> None:
    was, is_now = sentence.shares(value, denominator)
    sentence.expect("its share", share, is_now, sentence.slack)
    sentence.expect("its share before", share_before or "0", was, sentence.slack)
    sentence.expect_changed(value)


@claim(rf"no longer has the value (.*), which was in {NUMBER} % of the {OF}")
def is_gone(sentence: Claim, value: str, share_before: str, denominator: str) -> None:
    was, is_now = sentence.shares(value, denominator)
    sentence.expect("its share", "0", is_now)
    sentence.expect("its share before", share_before, was, sentence.slack)
    sentence.expect_changed(value)


@claim(rf"has {NUMBER} % of values that were not there before(?:, such as (.*))?")
def are_new(sentence: Claim, share: str, values: str | None) -> None:
    present = sentence.now.dropna()
    is_new = ~present.isin(sentence.before.dropna().unique())
    sentence.expect("their share", share, 100 * float(is_new.mean()))
    for value in (values or "").split(", ") if values else ():
        sentence.expect_changed(value)


@claim(rf"is missing in {NUMBER} % of the records, (where none was|{NUMBER} % before)")
def is_missing(sentence: Claim, share: str, before: str, share_before: str) -> None:
    sentence.expect("the share", share, 100 * float(sentence.now.isna().mean()))
    sentence.expect("the share before", share_before or "0", 100 * float(sentence.before.isna().mean()))


DENOMINATORS = {
    "half": 2,
    "third": 3,
    "quarter": 4,
    "fifth": 5,
    "sixth": 6,
    "seventh": 7,
    "eighth": 8,
    "ninth": 9,
    "tenth": 10,
}


@claim(
    rf"(is about {NUMBER} times what it was|is (about [a-z ]+|{NUMBER} %) of what it was|is {NUMBER} % (?:higher|lower)|"
    rf"is {NUMBER} (?:higher|lower), [\d.]+ standard deviations|went from .* to .*) "
    rf"\((mean|median) {NUMBER} → {NUMBER}\)"
)
def has_moved(
    sentence: Claim,
    how: str,
    times: str,
    fraction: str,
    part: str,
    by_percent: str,
    by: str,
    which: str,
    before: str,
    now: str,
) -> None:
    numbers_before = keep_finite(sentence.before)
    numbers_now = keep_finite(sentence.now)
    was = float(getattr(numbers_before, which)())
    is_now = float(getattr(numbers_now, which)())
    slack = 0.0
    if which == "median":
        slack = OF_SKETCH * float(numbers_before.std()) * 3
    sentence.expect(f"the {which} before", before, was, slack)
    sentence.expect(f"the {which}", now, is_now, slack)

    # The change, in the form that stands there
    if times:
        sentence.expect("how many times", times, is_now / was, 0.05 * is_now / was)
    if part:
        sentence.expect("the percentage that is left", part, 100 * is_now / was, 0.51 + slack)
    elif fraction:
        size = DENOMINATORS[fraction.split()[-1]] * is_now / was
        sentence.expect("the fraction that is left", "1", size, 0.06)
    if by_percent:
        sentence.expect("the percentage", by_percent, abs(100 * (is_now / was - 1)), 0.51 + slack)
        if ("higher" in how) != (abs(is_now) > abs(was)):
            sentence.problems.append("it is the other direction")
    if by:
        sentence.expect("the difference", by, abs(is_now - was), slack)
        if ("higher" in how) != (is_now > was):
            sentence.problems.append("it is the other direction")


@claim(rf"has another spread: (.*) \(standard deviation {NUMBER} → {NUMBER}\)")
def has_another_spread(sentence: Claim, how: str, before: str, now: str) -> None:
    numbers_before = keep_finite(sentence.before)
    numbers_now = keep_finite(sentence.now)
    deviation_before = float(numbers_before.std(ddof=0))
    deviation_now = float(numbers_now.std(ddof=0))
    sentence.expect("the standard deviation before", before, deviation_before)
    sentence.expect("the standard deviation", now, deviation_now)
    # Of two changes the larger one has to be said
    deviation_change = abs(deviation_now - deviation_before)
    if abs(float(numbers_now.mean() - numbers_before.mean())) > 2.1 * deviation_change:
        sentence.problems.append("the mean changed far more")


@claim(r"has (.*) of ([\d,]+) values (.*)")
def has_unusual_numbers(sentence: Claim, first: str, rows: str, clauses: str) -> None:
    now = sentence.now.dropna().astype(float)
    before = sentence.before.dropna().astype(float)
    ends = re.search(rf" the baseline's range {NUMBER} to {NUMBER}$", clauses)
    sentence.expect("the number of values", rows, len(now))
    counts = {
        "above": int(((now > before.max()) & np.isfinite(now)).sum()),
        "below": int(((now < before.min()) & np.isfinite(now)).sum()),
        "that are infinite": int(np.isinf(now).sum()),
    }
    if ends:
        sentence.expect("the minimum", ends[1], float(before.min()))
        sentence.expect("the maximum", ends[2], float(before.max()))
        clauses = clauses[: ends.start()]
    amounts = {}
    for part in f"{first} {clauses}".split(", "):
        clause = re.fullmatch(r"(about [\d.]+ %|[\d,]+) (.*)", part)
        assert clause is not None, part
        amounts[clause[2]] = clause[1]
    for words, amount in amounts.items():
        about = re.fullmatch(rf"about {NUMBER} %", amount)
        if about:
            sentence.expect(words, about[1], 100 * counts[words] / len(now), 100 * OF_SKETCH)
        else:
            sentence.expect(words, amount, counts[words])
    for words, count in counts.items():
        if count and words not in amounts:
            sentence.problems.append(f"{count} {words} are not mentioned")


@claim(rf"has (more|fewer) (high|low) values: {NUMBER} % of the {OF} (above|below) {NUMBER}, {NUMBER} % before")
def has_another_tail(
    sentence: Claim, more: str, high: str, share: str, denominator: str, above: str, bound: str, before: str
) -> None:
    shares = []
    for column in (sentence.before, sentence.now):
        present = column.dropna().astype(float)
        is_beyond = present > read_number(bound) if above == "above" else present < read_number(bound)
        shares.append(100 * float(is_beyond.mean()))
    sentence.expect("the share before", before, shares[0], 100 * OF_SKETCH)
    sentence.expect("the share", share, shares[1], 100 * OF_SKETCH)
    if (more == "more") != (read_number(share) > read_number(before)):
        sentence.problems.append(f"they are not {more}")


@claim(rf"changed its type: {NUMBER} % are not (Integral|Fractional) any more")
def is_no_number(sentence: Claim, share: str, kind: str) -> None:
    present = sentence.now.dropna()
    is_number = pd.to_numeric(present, errors="coerce").notna()
    sentence.expect("the share", share, 100 * float(1 - is_number.mean()))


@claim(rf"has another (share of .*) {NUMBER} % → {NUMBER} %")
def has_another_kind(sentence: Claim, kind: str, before: str, now: str) -> None:
    kinds = {
        "share of empty texts": lambda column: column.dropna() == "",
        "share of numbers among the texts": lambda column: column.dropna().astype(str).str.fullmatch(r"-?\d+(\.\d+)?"),
        "share of texts among the numbers": lambda column: ~column.dropna().astype(str).str.fullmatch(r"-?[\d.]+"),
        "share of texts of another length": lambda column: (
            ~column.dropna().astype(str).str.len().isin(sentence.before.dropna().astype(str).str.len().unique())
        ),
    }
    if kind not in kinds:
        sentence.problems.append(f"nobody knows {kind}")
        return
    sentence.expect(f"{kind} before", before, 100 * float(kinds[kind](sentence.before).mean()))
    sentence.expect(kind, now, 100 * float(kinds[kind](sentence.now).mean()))


@claim(rf"repeats values: about {NUMBER} % of its values differ, about {NUMBER} % did")
def differs_less(sentence: Claim, share: str, share_before: str) -> None:
    for window, percentage, column in (("now", share, sentence.now), ("before", share_before, sentence.before)):
        present = column.dropna()
        computed = 100 * present.nunique() / len(present)
        sentence.expect(f"the share of different values {window}", percentage, computed, 0.12 * computed)


@claim(r"has negative numbers, it had none")
def is_negative(sentence: Claim) -> None:
    if not ((sentence.now < 0).any() and (sentence.before.dropna() >= 0).all()):
        sentence.problems.append("it has none, or had some")


def check_sentence(sentence: Claim) -> None:
    """Compute its numbers again."""
    for pattern, check in CLAIMS.items():
        match = re.fullmatch(pattern, sentence.text)
        if match:
            check(sentence, *match.groups())
            return
    sentence.problems.append("no pattern knows this sentence")


def check_guess(sentence: Claim, violation: CheckResult) -> None:
    """A guess at the cause is the fault, and its numbers are so."""
    guess = violation.guess or ""
    if sentence.fault is None or not re.search(sentence.fault.guess, guess):
        sentence.problems.append(f"guessed: {guess}")
    held_value = re.match(rf"(.*) is in {NUMBER} % of the values, {NUMBER} % before", guess)
    if held_value:
        was, is_now = sentence.shares(held_value[1], "present values")
        sentence.expect("the guess's share", held_value[2], is_now, 100 * OF_SKETCH)
        sentence.expect("the guess's share before", held_value[3], was, 100 * OF_SKETCH)
        sentence.expect_changed(held_value[1])


def check_findings(
    findings: Findings, before: pd.DataFrame, now: pd.DataFrame, faults: dict[str, InjectedError]
) -> Iterator[Claim]:
    """The claims of all violations; the headline's first one is among them."""
    headline = findings.headline().text
    changes = []
    for violation in findings.results:
        if not violation.is_violation or violation.feature not in before.columns:
            continue
        name = str(violation.feature)
        where = violation.where or ""
        text = describe_change(violation)
        changes.append(f"{name} {text}")
        changes.append(f"{name}, which {text}")
        # Without its segment, which is checked apart
        bare = describe_change(violation.model_copy(update={"where": None, "cause": None, "segment": None}))
        sentence = Claim(bare, before[name], now[name], faults.get(name))
        check_sentence(sentence)
        if violation.guess:
            check_guess(sentence, violation)
        if where and (sentence.fault is None or not re.search(sentence.fault.segment, text)):
            sentence.problems.append(f"placed: {where} {violation.segment}")
        yield sentence
    if changes and not any(change in headline for change in changes):
        yield Claim(headline, pd.Series(), pd.Series(), None, ["the headline has the sentence of no violation"])


def break_law(seed: int) -> tuple[list[Claim], int]:
    """The false sentences of a seed, and the number of all."""
    # A table and a later one, which differ by chance
    random = np.random.default_rng([69, seed])
    shape = int(random.integers(2**32))
    before = draw_table(random, BASELINE_ROWS, np.random.default_rng(shape))
    now = draw_table(random, WINDOW_ROWS, np.random.default_rng(shape))
    # One or two faults in the later one
    faults: dict[str, InjectedError] = {}
    for index in random.choice(len(FAULTS), 1 + seed % 2, replace=False):
        changed = now.copy()
        fault = FAULTS[index](changed, random)
        if fault.column not in faults:
            now = changed
            faults[fault.column] = fault
    # A run, in a third of the seeds with the sharper limits of independent rows
    settings = MonitoringSettings(rows=Rows.INDEPENDENT) if seed % 3 == 0 else MonitoringSettings()
    monitor = DataQualityMonitor(settings=settings)
    baseline = run_baseline(before, monitor, engine="local")
    findings = run_monitoring(now, monitor, baseline, engine="local")
    claims = list(check_findings(findings, before, now, faults))
    return [sentence for sentence in claims if sentence.problems], len(claims)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    num_false = 0
    num_claims = 0
    num_silent = 0
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        false, count = break_law(seed)
        num_claims += count
        num_silent += not count
        for sentence in false:
            num_false += 1
            print(f"seed {seed}: {sentence.text}: {'; '.join(sentence.problems)}", flush=True)
    print(f"{arguments.seeds} seeds, {num_silent} without an alarm: {num_claims} sentences, {num_false} false")
    return 1 if num_false else 0


if __name__ == "__main__":
    sys.exit(main())
