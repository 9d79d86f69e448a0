"""Cells among numbers that don't read as numbers: a few texts, numbers in other notations, and words for missing values."""

from __future__ import annotations

import math
import re
from collections import Counter

from spark_model_monitor.data.records.missing_values import is_missing_word
from spark_model_monitor.monitors.data_quality.hints import (
    MIN_VALUES,
    HintSentences,
    ObservedData,
    list_columns,
    list_quoted,
    register_hint,
)
from spark_model_monitor.monitors.data_quality.hints.value_forms import NUMBER as NUMBER_WITH_COMMA
from spark_model_monitor.statistics.spellings import INVISIBLE
from spark_model_monitor.statistics.states import FeatureProfile, Frequencies
from spark_model_monitor.statistics.states.profile import MIN_NUMBERS

COMMAS = "commas for thousands"
DECIMAL_COMMAS = "a decimal comma"
LIMITS = "a sign such as < for a limit"
MINUS = r"\-\u2010-\u2015\u2212\ufe63\uff0d"  # the hyphen, and what else looks like a minus sign
# Every repetition is bounded, so that no text takes long to match; real numbers are shorter than the bounds
BLANKS = r"\s{0,3}"
SIGN = rf"[+{MINUS}]?{BLANKS}"
DIGITS = r"(?:\d[\d.,]{0,40}|[.,]\d{1,40})"
# Numbers as programs print them. Several in one cell have to be fractions: phone numbers and lists of ids have whole numbers.
# A complete JSON object is no mistake.
EXPONENT = r"(?:[eE][-+]?\d{1,3})?"
FRACTION = rf"[-+]?\d{{0,20}}\.\d{{1,20}}{EXPONENT}"
NUMBER = rf"[-+]?(?:\d{{1,20}}(?:\.\d{{0,20}})?|\.\d{{1,20}}){EXPONENT}"
CURRENCY = r"(?:[$€£¥₹₽₩₺₴₪฿]|R\$|kr\.?|zł|Kč|Ft|EUR|USD|GBP|CHF|JPY|CNY|INR|BRL|CAD|AUD|SEK|NOK|DKK|PLN|CZK|HUF|TRY|RUB|MXN|ZAR)"
UNITS = (
    "kg|g|mg|µg|lb|lbs|oz|km|m|cm|mm|µm|nm|mi|ft|in|yd|m2|m²|km²|ha|m3|m³|l|ml|cl|gal|s|sec|secs|ms|µs|ns|min|mins|h|hr|hrs|hour|"
    "hours|day|days|week|weeks|month|months|yr|yrs|year|years|kb|mb|gb|tb|kib|mib|gib|°|°c|°f|kw|mw|kwh|mwh|wh|mv|"
    "hz|khz|mhz|ghz|px|pt|pcs|stk|bps|bp|mph|kmh|km/h|m/s|bar|pa|hpa|psi|cal|kcal|kj|ppm|mmhg|bpm|bn|mio|mrd"
)
"""Units in lower case, without single letters that are common in codes of rooms or seats."""

NUMBER_FORMS = (
    ("a percent sign", re.compile(rf"{SIGN}{DIGITS}{BLANKS}[%‰]"), "0.125 or 12.5 for 12.5%"),
    (COMMAS, re.compile(r"[-+]?\d{1,3}(,\d{3}){1,12}(\.\d{1,20})?"), "1234.5 for 1,234.5"),
    (
        "points for thousands",
        re.compile(r"[-+]?\d{1,3}(\.\d{3}){1,12},\d{1,20}|[-+]?\d{1,3}(\.\d{3}){2,12}"),
        "1234.5 for 1.234,5",
    ),
    (
        "a sign of currency",
        re.compile(
            rf"{SIGN}{CURRENCY}{BLANKS}{SIGN}{DIGITS}|{SIGN}{DIGITS}{BLANKS}{CURRENCY}|\({BLANKS}{CURRENCY}{BLANKS}{DIGITS}{BLANKS}\)",
            re.IGNORECASE,
        ),
        "12.5 for €12.5",
    ),
    ("parentheses for a minus", re.compile(rf"\({BLANKS}{DIGITS}{BLANKS}\)"), "-12.5 for (12.5)"),
    (
        "apostrophes for thousands",
        re.compile(rf"{SIGN}\d{{1,3}}(['\u2019\u02bc]\d{{3}}){{1,12}}([.,]\d{{1,20}})?"),
        "1234.5 for 1'234.5",
    ),
    ("blanks for thousands", re.compile(rf"{SIGN}\d{{1,3}}(\s\d{{3}}){{1,12}}([.,]\d{{1,20}})?"), "1234.5 for 1 234.5"),
    ("a minus at the end", re.compile(rf"{DIGITS}{BLANKS}[{MINUS}]"), "-12.5 for 12.5-"),
    (
        "underscores for thousands",
        re.compile(rf"{SIGN}\d{{1,3}}(_\d{{3}}){{1,12}}(\.\d{{1,20}})?"),
        "1234.5 for 1_234.5",
    ),
    ("an exponent of Fortran", re.compile(rf"{SIGN}{DIGITS}[dD][-+]?\d{{1,3}}"), "1.5e3 for 1.5D3"),
    (
        "a minus that is no hyphen",
        re.compile(rf"(?!-)[{MINUS}]{BLANKS}{DIGITS}"),
        "-12.5 with the sign of the keyboard",
    ),
    (
        "a unit",
        re.compile(
            rf"{SIGN}(?:{DIGITS}{BLANKS}(?:{UNITS})|\d{{1,20}}\.\d{{1,20}}{BLANKS}[^\W\d_]{{1,6}})", re.IGNORECASE
        ),
        "12.5 for 12.5kg, and the unit into the name",
    ),
    (
        LIMITS,
        re.compile(rf"[<>≤≥~≈]{BLANKS}=?{BLANKS}{SIGN}{DIGITS}"),
        "the number, and into a column of its own that it is a limit",
    ),
    (
        "the signs of a program around them",
        re.compile(
            rf"[A-Za-z_][\w.]{{0,30}}\(['\"]?{SIGN}{DIGITS}['\"]?\)|\[{SIGN}{DIGITS}\]|b?(['\"]){SIGN}{DIGITS}\1?",
        ),
        "12.5 for [12.5]",
    ),
    (
        "others in one cell",
        re.compile(
            rf"{FRACTION}(?:\s{{1,3}}{FRACTION}){{1,99}}|{NUMBER}(?: {{0,3}}[;\t|] {{0,3}}{NUMBER}){{1,99}}"
            rf"|[\[(]{BLANKS}{FRACTION}(?:(?:\s{{1,3}}|{BLANKS},{BLANKS}){NUMBER}){{1,99}}{BLANKS}[\])]"
        ),
        "each into a column of its own",
    ),
    (
        "a name before them",
        re.compile(
            rf"\{{?{BLANKS}'\w{{1,40}}'{BLANKS}:{BLANKS}{NUMBER}{BLANKS}\}}?"
            rf'|\{{{BLANKS}"\w{{1,40}}"{BLANKS}:{BLANKS}{NUMBER}|"\w{{1,40}}"{BLANKS}:{BLANKS}{NUMBER}{BLANKS}\}}'
        ),
        "the numbers alone, or JSON",
    ),
    (DECIMAL_COMMAS, re.compile(rf"{SIGN}\d{{0,20}},\d{{1,20}}"), "1.5 for 1,5"),
)
"""Notations of numbers that programs don't read: a description, the pattern without blanks around, and what to write."""

ANY_DIGIT = re.compile(r"\d")

NO_BREAK_SPACE = "a no-break space around"
OTHER_DIGITS = "digits of another script"
OTHER_FORMS = ((NO_BREAK_SPACE, "12.5 without it"), (OTHER_DIGITS, "12.5 with the digits of the keyboard"))

TOTALS = re.compile(
    "total|all|overall|∑|Σ|σ|somme|suma|totale|insgesamt|totals|grand total|subtotal|sum|summe|"
    "gesamt|gesamtsumme|total general|total général|totaal|razem|toplam|итого|合計|合计|总计|mean|average"
)
"""Words for totals, in lower case."""

SUM_ERROR = 1e-9  # relative rounding error of a sum of doubles
MAX_SUM_DEVIATION = 0.02  # relative deviation of a total that somebody rounded, or that includes other lines
MIN_FAR_RATIO = 5
"""A total is at least this many times as far from the others' mean as any of them can be; skewed amounts are nearer."""
MIN_LINES = 10  # fewest numbers; among fewer, one may be the sum of the others by chance
MIN_SUM_RATIO = 0.5  # smallest ratio of a number to the sum of all others, in a line that is labelled as a total
MAX_CLASSES = 20  # most distinct values of a column of classes
MAX_WORDS = 3  # most distinct words in a column of numbers
MIN_NUMBER_SHARE = 0.9  # smallest share of a column's cells that are numbers, in any notation


@register_hint("not_numbers")
def not_numbers(data: ObservedData) -> HintSentences:
    """A few cells of a column of numbers are no numbers; they are left out of what compares numbers.

    Source: M16, C11.34.
    """
    counts = {
        feature.name: (feature.num_others, feature.num_present) for feature in data.features if feature.num_others
    }
    if counts:
        instead = "leave cells empty where a number is missing, or name what stands there by --missing-values"
        yield counts, f"some cells are no numbers, and left out: {list_columns(counts)}; {instead}"


@register_hint("line_of_totals")
def line_of_totals(data: ObservedData) -> HintSentences:
    """A line has totals, which then count in its columns.

    A cell of a column of numbers says so; or a number is the sum of all others, in a line that a text column calls so or that is
    blank in another column, or in several columns. Where a cell says so or is blank, the number may be about the sum.
    Source: M16.
    """
    for feature in data.features:
        words = _find_words_for_totals(data, feature)
        if feature.num_others and words:
            finding = f"a line of {feature.name!r} has {words[0]!r}, and its numbers count in the other columns"
            yield [feature.name], f"{finding}; take this line off the data"
            return

    numeric = [feature for feature in data.features if feature.is_numeric]
    # Text columns with a word for totals, and numeric columns with a number that may be a total
    columns_with_word = [
        feature for feature in data.features if feature.is_written_as_text and _find_words_for_totals(data, feature)
    ]
    description = "the sum of all other lines"
    ratios = {feature.name: _compare_largest_with_sum(feature) for feature in numeric}
    summed = [name for name, (ratio, _) in ratios.items() if math.isclose(ratio, 1, rel_tol=SUM_ERROR)]
    is_exact = bool(summed)
    if not is_exact:
        description = "a number far outside of the others, like a sum of them"
        lowest = 1 - MAX_SUM_DEVIATION
        highest = 1 + MAX_SUM_DEVIATION
        # A line that is labelled as a total may add up more or fewer lines
        if columns_with_word:
            lowest = MIN_SUM_RATIO
            highest = math.inf
        summed = [name for name, (ratio, is_far) in ratios.items() if is_far and lowest <= ratio <= highest]
    if not summed:
        return

    blank = [feature for feature in data.features if feature.num_missing == 1 and feature.name not in summed]
    # A few columns of many may have such a number by chance
    are_most = 2 * len(summed) >= len(numeric)
    if columns_with_word and (is_exact or are_most):
        word = _find_words_for_totals(data, columns_with_word[0])[0]
        line = f"a line of {columns_with_word[0].name!r} has {word!r}, and"
    elif blank and are_most:
        line = f"a line of {blank[0].name!r} is blank, and"
    elif len(summed) > 1 and are_most:
        line = "a line"
    else:
        return
    finding = f"{line} has {description}, in {list_quoted(summed)}"
    yield summed, f"{finding}; take this line off the data"


def _find_words_for_totals(data: ObservedData, feature: FeatureProfile) -> list[str]:
    """The words for totals that occur once in a text column, and never in the baseline, where they would be categories."""
    if feature.frequencies is None:
        return []
    baseline = data.baseline_features.get(feature.name, FeatureProfile("")).frequencies or Frequencies()
    single_texts = [text for text, count in feature.frequencies.counts.items() if count == 1]
    texts = [text for text in single_texts if TOTALS.fullmatch(text.strip().strip(":").lower())]
    return [text for text in texts if text not in baseline.counts]


def _compare_largest_with_sum(feature: FeatureProfile) -> tuple[float, bool]:
    """The largest absolute number divided by the sum of all others (0 if unknown), and whether it is far from the others.

    Few columns have such a number by chance, since it is half of the column's total.
    """
    moments = feature.moments
    if moments is None or moments.count < MIN_LINES or not math.isfinite(moments.m2):
        return 0.0, False
    if feature.distinct is None or feature.distinct.estimate() < MIN_VALUES:
        return 0.0, False
    largest = max(moments.minimum, moments.maximum, key=abs)
    num_others = moments.count - 1
    sum_of_others = moments.sum - largest
    # The moments without this number
    deviation = largest - moments.mean
    m2_of_others = max(0.0, moments.m2 - deviation**2 * moments.count / num_others)
    largest_deviation = math.sqrt(m2_of_others)  # the most that one number can deviate: all others are equal then
    is_far = abs(largest - sum_of_others / num_others) > MIN_FAR_RATIO * largest_deviation
    if sum_of_others:
        return largest / sum_of_others, is_far
    return 0.0, is_far


@register_hint("number_forms")
def number_forms(data: ObservedData) -> HintSentences:
    """Cells of a column are numbers with a sign, a unit or separators that make them texts to a program.

    Source: M16.
    """
    features = [feature for feature in data.features if not data.is_text_in_baseline(feature)]
    cells_by_feature = {feature.name: _count_by_form(feature) for feature in features}
    forms = {form: instead for form, _, instead in NUMBER_FORMS} | dict(OTHER_FORMS)
    for form, instead in forms.items():
        counts = {}
        for feature in features:
            # If the baseline has numbers, the guess `decimal_comma` explains the commas
            if form in (COMMAS, DECIMAL_COMMAS) and feature.name in data.expected_types:
                continue
            cells = cells_by_feature[feature.name]
            if cells[form] and not _is_intended_form(form, feature, cells):
                counts[feature.name] = cells[form], cells.total()
        if counts:
            yield counts, f"numbers are written with {form}: {list_columns(counts)}; write {instead}"


def _is_intended_form(form: str, feature: FeatureProfile, cells: Counter[str]) -> bool:
    """Whether a column's cells have this form on purpose, so that no hint is needed. cells: their number by form."""
    texts = (feature.frequencies or Frequencies()).counts
    # If all cells have a decimal comma, the hint `decimal_commas` reports it
    if form == DECIMAL_COMMAS:
        return all(map(NUMBER_WITH_COMMA.fullmatch, texts))
    # If all cells are limits, such as <5, they are classes
    return form == LIMITS and cells[PLAIN] < MIN_VALUES and len(texts) <= MAX_CLASSES


PLAIN = "plain"
TEXT = "text"


def _count_by_form(feature: FeatureProfile) -> Counter[str]:
    """The number of a text column's cells by form; empty unless nearly all cells are numbers in some form."""
    cells: Counter[str] = Counter()
    if not feature.is_written_as_text or feature.frequencies is None:
        return cells
    for text, count in feature.frequencies.counts.items():
        cells[_find_number_form(text)] += count
    # A column of texts may have a few cells that look like numbers
    if cells[TEXT] > (1 - MIN_NUMBER_SHARE) * cells.total():
        cells.clear()
    # If the column has 12,5, the comma of 1,234 is a decimal comma, too
    if cells[DECIMAL_COMMAS]:
        cells[DECIMAL_COMMAS] += cells.pop(COMMAS, 0)
    return cells


def _find_number_form(text: str) -> str:
    """The form of the number in a cell: `PLAIN` if programs read it, or for a word for a missing value; else `TEXT`."""
    if PLAIN_NUMBER.fullmatch(text) or is_missing_word(text):
        return PLAIN
    bare = text.strip().strip(INVISIBLE).strip()
    if PLAIN_NUMBER.fullmatch(bare):
        return NO_BREAK_SPACE
    # Every form has a digit, and most texts have none. This return saves three quarters of the hint's time for sentences.
    if not ANY_DIGIT.search(bare):
        return TEXT
    for form, pattern, _ in NUMBER_FORMS:
        if pattern.fullmatch(bare):
            return form
    if re.fullmatch(rf"{SIGN}{DIGITS}", bare) and not bare.isascii():
        return OTHER_DIGITS
    return TEXT


PLAIN_NUMBER = re.compile(r"\s*[-+]? ?(\d+(?:\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*", re.ASCII)


@register_hint("other_numbers")
def other_numbers(data: ObservedData) -> HintSentences:
    """Some numbers of a column are written in a way that pandas reads and the service takes for text, such as `.5`.

    With a baseline, columns that are written so there are left out.
    Source: M16, C11.34.
    """
    # Columns with such numbers, unless the baseline has such numbers, too
    counts = {}
    for feature in data.features:
        num_other = _count_other_numbers(feature)
        baseline = data.baseline_features.get(feature.name)
        if num_other and not (baseline and _count_other_numbers(baseline)):
            counts[feature.name] = num_other, feature.num_present
    if counts:
        finding = (
            f"numbers are written in a way that the service takes for text, such as .5 or inf: {list_columns(counts)}"
        )
        yield counts, f"{finding}; they count as numbers here, and not with --compat service"


def _count_other_numbers(feature: FeatureProfile) -> int:
    """The numbers of a column of numbers that are texts by the service's rules."""
    if not feature.is_numeric or not feature.is_written_as_text:
        return 0
    types = feature.data_types
    return feature.num_numbers - types.integral - types.fractional


@register_hint("missing_in_words")
def missing_in_words(data: ObservedData) -> HintSentences:
    """A text column would be one of numbers if words such as `NA` were missing values.

    Source: M16.
    """
    # Columns whose cells are nearly all numbers or words for a missing value
    counts = {}
    words: dict[str, int] = {}
    for feature in data.features:
        words_of_column = _count_missing_words(feature)
        num_words = sum(words_of_column.values())
        if feature.num_numbers + num_words < MIN_NUMBER_SHARE * feature.num_present:
            continue
        if num_words >= MIN_VALUES and not data.is_text_in_baseline(feature):
            counts[feature.name] = num_words, feature.num_present
            words.update(words_of_column)
    if counts:
        sorted_words = sorted(words)
        finding = f"words for a missing value, {', '.join(sorted_words)}, make texts of numbers: {list_columns(counts)}"
        yield counts, f"{finding}; leave these cells empty, or write --missing-values '{','.join(sorted_words)}'"


def _count_missing_words(feature: FeatureProfile) -> dict[str, int]:
    """The number of a text column's cells by word for a missing value; empty unless half of its cells, or several distinct
    cells, are numbers. Only words of our own list are shown.
    """
    is_text = feature.is_written_as_text and not feature.is_numeric
    if not is_text or feature.frequencies is None:
        return {}
    # One number among many such words may be a code; several distinct numbers make a column that is mostly missing
    is_mostly_numbers = feature.num_numbers >= MIN_NUMBERS * feature.num_present
    numbers = [text for text in feature.frequencies.counts if PLAIN_NUMBER.fullmatch(text)]
    if not is_mostly_numbers and len(numbers) < MIN_VALUES:
        return {}
    return {text: count for text, count in feature.frequencies.counts.items() if is_missing_word(text)}


@register_hint("nearly_numbers")
def nearly_numbers(data: ObservedData) -> HintSentences:
    """Most cells of a text column are numbers, and the others are neither words for a missing value nor numbers in another form.

    Source: M16.
    """
    counts = {}
    for feature in data.features:
        if feature.is_numeric or not feature.is_written_as_text or feature.frequencies is None:
            continue
        if data.is_text_in_baseline(feature):
            continue
        if feature.num_numbers < MIN_NUMBER_SHARE * feature.num_present and not _are_few_words(feature):
            continue
        # Texts that no other hint reports
        num_texts = feature.num_present - feature.num_numbers - sum(_count_missing_words(feature).values())
        if num_texts > 0 and not _count_by_form(feature).keys() - {PLAIN, TEXT}:
            counts[feature.name] = num_texts, feature.num_present
    if counts:
        finding = f"most cells are numbers, and some are texts, which make texts of all: {list_columns(counts)}"
        yield counts, f"{finding}; correct them, or name what stands for a missing value by --missing-values"


def _are_few_words(feature: FeatureProfile) -> bool:
    """Whether at least half of a column's cells are numbers with many distinct values, and the others are a few words. Such a
    column doesn't have codes.
    """
    if feature.frequencies is None or feature.num_numbers < MIN_NUMBERS * feature.num_present:
        return False
    texts = feature.frequencies.counts
    num_words = sum(not PLAIN_NUMBER.fullmatch(text) for text in texts)
    return num_words <= MAX_WORDS and len(texts) > MAX_CLASSES
