"""What a person reads of faults that are planted in tables like public ones: one sentence, one next step, true origins."""

import logging
import re
from statistics import median

import numpy as np
import pandas as pd
import pytest
from tests.unit.reports.planted import (
    FAULTS,
    draw_accounts,
    draw_diamonds,
    draw_flowers,
    draw_table,
    draw_tips,
    insert_evenly,
    insert_in_segment,
    insert_in_stretch,
    list_tables,
)

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.outcome import Outcome

MAX_WORDS_OF_HEADLINE, MAX_WORDS_OF_LINE, MEDIAN_OF_WORDS = 25, 60, 30


@pytest.fixture(scope="module")
def compare(tmp_path_factory):
    """The findings of a window beside a baseline, both of them files."""
    folder = tmp_path_factory.mktemp("planted")
    baselines = {}

    def run(table, rows, window, *, is_sorted=False):
        logging.disable(logging.WARNING)
        key = table, rows, is_sorted
        if key not in baselines:
            path = folder / f"{len(baselines)}.csv"
            draw_table(table, 2 * rows, 1, is_sorted=is_sorted).to_csv(path, index=False)
            baselines[key] = run_baseline(str(path), DataQualityMonitor(), engine="local")
        path = folder / "window.csv"
        window.to_csv(path, index=False)
        findings = run_monitoring(str(path), DataQualityMonitor(), baselines[key], engine="local")
        logging.disable(logging.NOTSET)
        return findings

    return run


def count_words(text):
    return len(text.split())


@pytest.fixture(scope="module")
def headlines(compare):
    """The headlines of 20 tables, healthy and broken, with the outcomes and the columns that have a fault."""
    rows_of_headlines = []
    for index, (name, table, rows, is_sorted) in enumerate(list_tables()):
        healthy = draw_table(table, rows, 2, is_sorted=is_sorted)
        # One with a fault beside it
        broken, column = insert_evenly(healthy, FAULTS[index % len(FAULTS)], index)
        for window, faulty_column in ((healthy, None), (broken, column)):
            findings = compare(table, rows, window, is_sorted=is_sorted)
            headline = findings.without_values.headline()
            rows_of_headlines.append((name, headline, findings.outcome, faulty_column))
    return rows_of_headlines


def test_the_last_line_is_short(headlines):
    words = [count_words(str(headline)) for _, headline, _, _ in headlines]

    assert max(count_words(headline.text) for _, headline, _, _ in headlines) <= MAX_WORDS_OF_HEADLINE
    assert max(words) <= MAX_WORDS_OF_LINE
    assert median(words) <= MEDIAN_OF_WORDS


def test_an_alarm_has_the_column_a_number_and_one_next_step(headlines):
    num_alarms = 0
    for name, headline, outcome, column in headlines:
        if outcome is Outcome.CHANGED and column:
            num_alarms += 1
            assert column in headline.text, name
            assert re.search(r"\d", headline.text.partition(":")[2]), (name, headline.text)
            assert headline.next_step.startswith("check "), name
    assert num_alarms >= 15


def test_what_nobody_can_tell_has_one_reason_and_one_next_step(headlines):
    unsure = [headline for _, headline, outcome, _ in headlines if outcome is Outcome.CANNOT_TELL]

    assert unsure
    for headline in unsure:
        assert headline.next_step
        assert "; or " not in headline.next_step
        assert re.search("; (rows that follow each other|with|.* of the values)", headline.text), headline.text


def list_origins(findings, column):
    violations = [check for check in findings.results if check.is_violation and check.feature == column]
    return [(check.where, check.segment, check.cause) for check in violations]


@pytest.mark.nightly
@pytest.mark.parametrize("is_sorted", [False, True], ids=["shuffled", "sorted"])
@pytest.mark.parametrize("table", [draw_diamonds, draw_tips, draw_flowers, draw_accounts])
def test_a_fault_in_all_rows_alike_has_no_origin(compare, table, is_sorted):
    healthy = draw_table(table, 1_000, 2, is_sorted=is_sorted)
    named = {}
    for index, fault in enumerate(FAULTS):
        window, column = insert_evenly(healthy, fault, index)
        origins = list_origins(compare(table, 1_000, window, is_sorted=is_sorted), column)
        named[fault.name] = [origin for origin in origins if any(origin)]

    assert {name: origins for name, origins in named.items() if origins} == {}


@pytest.mark.nightly
@pytest.mark.parametrize("insert", [insert_in_stretch, insert_in_segment])
def test_a_fault_in_some_rows_has_their_origin(compare, insert):
    named = []
    for table in (draw_diamonds, draw_tips, draw_flowers, draw_accounts):
        healthy = draw_table(table, 2_000, 2)
        for fault in FAULTS:
            window, column = insert(healthy, fault)
            origins = list_origins(compare(table, 2_000, window), column)
            if origins:
                _, segment, cause = origins[0]
                named.append(bool(cause) if insert is insert_in_stretch else bool(segment))

    assert sum(named) >= 0.95 * len(named)


def test_new_spellings_in_all_rows_alike_are_of_no_segment(tmp_path):
    """Each new spelling is in the rows of one answer alone, all of them together are everywhere."""
    random = np.random.default_rng(5)
    frames = []
    for name, share in (("before", 0.0), ("now", 0.5)):
        survived = (random.random(1_500) < 0.3).astype(int)
        frame = pd.DataFrame({"survived": survived, "fare": random.gamma(4, 5, 1_500).round(2)})
        answer = pd.Series(np.where(survived, "yes", "no"))
        frame["alive"] = answer.mask(random.random(1_500) < share, answer.str.upper())
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        frames.append(str(tmp_path / f"{name}.csv"))
    baseline = run_baseline(frames[0], DataQualityMonitor(), engine="local")
    findings = run_monitoring(frames[1], DataQualityMonitor(), baseline, engine="local")
    headline = findings.headline()

    assert [origin for origin in list_origins(findings, "alive") if any(origin)] == []
    assert "alive has" in headline.text
    assert headline.next_step.endswith("written another way?")
