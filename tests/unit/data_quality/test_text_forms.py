"""Codes whose values are new by nature keep their form: another supplier's are found, and healthy ones silent."""

import string
import uuid

import numpy as np
import pandas as pd
import pytest
from tests.rotation import every_combination

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.statistics.text_forms import MARK, coarsen_form, write_form

MONITOR = DataQualityMonitor(find_causes=False)
SIZES = [(300, 200), (3_000, 1_000), (12_000, 6_000)]


def draw_uuids(random, rows):
    return [str(uuid.UUID(bytes=random.bytes(16))) for _ in range(rows)]


def draw_texts(random, rows, characters, length):
    return ["".join(random.choice([*characters], length)) for _ in range(rows)]


def draw_hex_of_random_case(random, rows):
    return draw_texts(random, rows, "0123456789abcdefABCDEF", 12)


def draw_short_hex(random, rows):
    return draw_texts(random, rows, "0123456789abcdef", 6)


def draw_base64(random, rows):
    return draw_texts(random, rows, string.ascii_letters + string.digits + "-_", 16)


def draw_codes(random, rows):
    return [f"AB-{number:05d}" for number in random.integers(100_000, size=rows)]


def draw_codes_of_three_suppliers(random, rows):
    prefixes = random.choice(["AB-", "SKU", "x/"], rows, p=[0.6, 0.35, 0.05])
    return [f"{prefix}{number:06d}" for prefix, number in zip(prefixes, random.integers(10**6, size=rows), strict=True)]


def draw_phone_numbers(random, rows):
    return [f"{random.choice(['+43 ', '0043 ', '0'])}{number}" for number in random.integers(10**8, size=rows)]


def draw_names(random, rows):
    words = draw_texts(random, 3 * rows, string.ascii_lowercase, 5)
    return [" ".join(words[3 * row : 3 * row + random.integers(2, 4)]).title() for row in range(rows)]


def draw_notes(random, rows):
    words = ["the", "Quick", "fox,", "over", "dog.", "a", "3", "(no)"]
    return [" ".join(random.choice(words, count)) for count in 1 + random.poisson(7, rows)]


HEALTHY = [
    draw_uuids,
    draw_hex_of_random_case,
    draw_short_hex,
    draw_base64,
    draw_codes,
    draw_codes_of_three_suppliers,
    draw_phone_numbers,
    draw_names,
    draw_notes,
]


def make_table(random, codes):
    return pd.DataFrame({"ref": codes, "x": random.normal(size=len(codes))})


def find_violations(random, baseline, codes):
    findings = run_monitoring(make_table(random, codes), MONITOR, baseline, engine="local")
    return {violation.check: violation.change for violation in findings.results if violation.is_violation}


def make_baseline(random, codes):
    return run_baseline(make_table(random, codes), MONITOR, engine="local")


@every_combination(draw=HEALTHY, size=SIZES)
def test_healthy_codes_are_silent(draw, size):
    before, rows = size
    random = np.random.default_rng(65)
    baseline = make_baseline(random, draw(random, before))

    for _ in range(3):
        assert find_violations(random, baseline, draw(random, rows)) == {}


@pytest.mark.parametrize(
    ("first", "before", "rows"), [(1, 120, 100), (100, 900, 300), (1_000, 9_000, 6_000), (5_000, 4_900, 600)]
)
def test_a_counter_that_gets_a_digit_more_is_silent_and_other_numbers_are_not(first, before, rows):
    random = np.random.default_rng(66)
    last = first + before
    baseline = make_baseline(random, [f"ORD-{number}" for number in range(first, last)])
    longer = random.integers(100 * last, 900 * last, min(rows, 4_000))

    assert find_violations(random, baseline, [f"ORD-{number}" for number in range(last, last + rows)]) == {}
    if before > 120:  # fewer rows may be a group's
        assert len(find_violations(random, baseline, [f"ORD-{number}" for number in longer])) == 1


def count_hexadecimal(first, rows):
    return [f"{number:08x}" for number in range(first, first + rows)]


def make_time_ordered_uuids(first, rows):
    """UUIDs of version 7: milliseconds, a version, and bits that a multiplication of the number scatters."""
    scattered = [number * 0x9E3779B97F4A7C15 % 2**64 for number in range(first, first + rows)]
    times = [1_757_000_000_000 + number * 7_919_000 for number in range(first, first + rows)]
    return [str(uuid.UUID(int=(time << 80) | 0x7 << 76 | bits)) for time, bits in zip(times, scattered, strict=True)]


COUNTERS = {
    "a month and a counter": lambda number: f"O{number // 3_000 % 12 + 1:02d}{number % 3_000:06d}",
    "a date": lambda number: f"{2025 + number // 36_000}{number // 3_000 % 12 + 1:02d}-{number % 3_000:05d}",
    "a date in a code": lambda number: f"INV/{2025 + number // 36_000}/{number // 3_000 % 12 + 1:02d}/{number}",
    "padded": lambda number: f"AB-{number:08d}",
    "a digit more": lambda number: f"ORD-{number}",
    "padded in the middle": lambda number: f"x{number:07d}/k",
    "hexadecimal": lambda number: f"{number * 7:06x}",
    "hexadecimal with a prefix": lambda number: f"id_{number * 7 + 0xF000:x}",
}
"""The code of a number that goes on."""

PAIRS = [(7_000, 3_000), (9_000, 9_000), (90_000, 9_000), (27_000, 3_000), (900_000, 9_000), (3_000_000, 6_000)]


@every_combination(name=COUNTERS, numbers=PAIRS)
def test_numbers_that_go_on_are_one_form(name, numbers):
    write = COUNTERS[name]
    first, before = numbers
    random = np.random.default_rng(70)
    last = first + before
    baseline = make_baseline(random, [write(number) for number in range(first, last)])

    for window, rows in enumerate((900, 3_000, 300, 6_000)):
        start = last + window * 1_000
        assert find_violations(random, baseline, [write(number) for number in range(start, start + rows)]) == {}


@every_combination(make=[count_hexadecimal, make_time_ordered_uuids], first=[0x1E000, 0x1FF00, 0x9F000])
def test_hexadecimal_numbers_that_go_on_are_one_form(make, first):
    random = np.random.default_rng(71)
    baseline = make_baseline(random, make(first, 4_000))

    for window in range(6):
        assert find_violations(random, baseline, make(first + 4_000 + 500 * window, 1_000)) == {}


CODE_FAULTS = {
    "without its prefix": lambda code: code[1:],
    "a separator more": lambda code: f"{code[0]}-{code[1:]}",
    "an e-mail": lambda code: f"ann.{code}@example.com",
    "in small letters": str.lower,
    "empty": lambda code: "",
    "without its zero": lambda code: code[0] + code[1:].lstrip("0"),
}


@pytest.mark.parametrize("share", [0.3, 1.0])
@pytest.mark.parametrize("change", CODE_FAULTS.values(), ids=CODE_FAULTS)
def test_numbered_codes_in_another_form_are_found(change, share):
    random = np.random.default_rng(72)
    write = COUNTERS["a month and a counter"]
    baseline = make_baseline(random, [write(number) for number in range(18_000, 24_000)])
    codes = [write(number) for number in range(21_000, 23_000)]
    for row in np.flatnonzero(random.random(len(codes)) < share):
        codes[row] = change(codes[row])

    assert find_violations(random, baseline, codes)


def test_codes_of_several_lengths_that_lose_their_zeros_are_found():
    random = np.random.default_rng(73)
    codes = [f"0{number}/{random.integers(10**6)}" for number in random.integers(100, 9_999, 4_000)]
    baseline = make_baseline(random, codes[:3_000])

    assert find_violations(random, baseline, codes[3_000:]) == {}
    assert [*find_violations(random, baseline, [code[1:] for code in codes[3_000:]])] == ["text_form_check"]


FAULTS = {
    "capitals": (draw_uuids, str.upper),
    "another supplier's": (draw_codes, lambda code: f"SKU{code[3:]}"),
    "in small letters": (draw_codes, str.lower),
    "behind": (draw_codes, lambda code: f"{code[3:]}-AB"),
    "another separator": (draw_codes_of_three_suppliers, lambda code: f"{code[:2]}:{code[3:]}"),
    "letters alone": (draw_short_hex, lambda code: code.translate(str.maketrans("0123456789", "ghijklmnop")).upper()),
}


@every_combination(fault=FAULTS, size=SIZES[1:], share=[0.06, 0.3, 1.0])
def test_codes_in_another_form_are_found(fault, size, share):
    draw, change = FAULTS[fault]
    before, rows = size
    random = np.random.default_rng(67)
    baseline = make_baseline(random, draw(random, before))
    codes = draw(random, rows)
    for row in np.flatnonzero(random.random(rows) < share):
        codes[row] = change(codes[row])

    violations = find_violations(random, baseline, codes)

    texts = "sampled texts" if rows > 4_096 else "texts"
    assert [*violations] == ["text_form_check"]
    assert f" of {texts} in a form that was not there (" in violations["text_form_check"]


# Fillers that many rows have, beside codes that all differ


FILLERS = [1, 10, 600]
FILLED_SIZES = [(2_000, 1_000), (20_000, 2_000), (20_000, 20_000), (60_000, 5_000), (200_000, 2_000), (3_000, 40_000)]


def draw_wide_codes(random, rows):
    return [f"AB-{number:09d}" for number in random.integers(10**9, size=rows)]


def fill_some(random, codes, fillers, share=0.4):
    codes = np.array(codes, object)
    is_filled = random.random(len(codes)) < share
    codes[is_filled] = random.choice(np.array(fillers, object), is_filled.sum())
    return codes


def draw_fillers(random, count):
    return [f"at {word}" for word in draw_texts(random, count, string.ascii_lowercase, 6)]


@every_combination(size=FILLED_SIZES, count=FILLERS, draw=[draw_wide_codes, draw_uuids], is_in_parts=[False, True])
def test_codes_beside_fillers_of_many_rows_are_silent(draw, size, count, is_in_parts):
    """In parts, the fillers come before all codes."""
    before, rows = size
    random = np.random.default_rng([74, *size, count])
    fillers = draw_fillers(random, count)
    filled = fill_some(random, draw(random, before), fillers)
    if is_in_parts:
        filled = np.array(sorted(filled, key=lambda code: code not in fillers), object)
    baseline = make_baseline(random, filled)

    for _ in range(2):
        assert find_violations(random, baseline, fill_some(random, draw(random, rows), fillers)) == {}


def test_hexadecimal_numbers_that_go_on_beside_a_filler_are_silent():
    random = np.random.default_rng(75)
    codes = count_hexadecimal(0x1E000, 36_000)
    baseline = make_baseline(random, fill_some(random, codes[:24_000], ["none"]))

    for window in range(6):
        first = 24_000 + 2_000 * window
        filled = fill_some(random, codes[first : first + 2_000], ["none"])
        assert find_violations(random, baseline, filled) == {}


@every_combination(size=FILLED_SIZES[:-1], count=FILLERS, share=[0.05, 0.3])
def test_another_form_beside_fillers_is_found(size, count, share):
    before, rows = size
    random = np.random.default_rng([76, *size, count])
    fillers = draw_fillers(random, count)
    baseline = make_baseline(random, fill_some(random, draw_wide_codes(random, before), fillers))
    codes = fill_some(random, draw_wide_codes(random, rows), fillers)
    is_other = random.random(rows) < share
    codes[is_other] = [f"{number:06d}/k" for number in random.integers(10**6, size=is_other.sum())]

    assert {*find_violations(random, baseline, codes)} & {"text_form_check", "text_length_check"}


@pytest.mark.parametrize(
    ("text", "fine", "coarse"),
    [
        pytest.param("AB-12345", "A-9", "A9-", id="a code"),
        pytest.param("AB-00345", "A-0", "A9-", id="padded with zeros"),
        pytest.param("x0y10z", "a9a9a", "a9", id="zeros that pad nothing"),
        pytest.param("3fA9-é", "9aA9-a", "Aa9-", id="letters and digits in turn"),
        pytest.param("٣٤/ß", "9/a", "a9/", id="digits and letters of other alphabets"),
        pytest.param("a\nB", "a\nA", "Aa\n", id="two lines"),
        pytest.param("", "", "", id="empty"),
        pytest.param("a" * 65, "", "", id="too long for a code"),
    ],
)
def test_forms(text, fine, coarse):
    assert write_form(text) == MARK + fine
    assert coarsen_form(write_form(text)) == coarse
