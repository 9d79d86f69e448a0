"""What alarms say is true, and names the values that changed: a few seeds of the law in `sentence_law.py`."""

import re

import numpy as np
import pandas as pd
import pytest
from tests.at_hand import defer_to_night

from .sentence_law import CLAIMS, FAULTS, Claim, InjectedError, break_law, check_sentence


@pytest.mark.parametrize("seed", [*range(8), *map(defer_to_night, range(8, 20))])
def test_no_sentence_of_an_alarm_is_false(seed):
    false_sentences, _ = break_law(seed)

    assert [(sentence.text, sentence.problems) for sentence in false_sentences] == []


def test_the_law_has_many_faults_and_they_alarm():
    counts = [break_law(seed)[1] for seed in range(2)]

    assert len(FAULTS) >= 25
    assert min(counts) >= 1


BEFORE = pd.Series(["a"] * 60 + ["b"] * 40)
NOW = pd.Series(["a"] * 30 + ["b"] * 40 + ["c"] * 30)
NUMBERS = pd.Series(np.arange(1.0, 101.0))
FALSE = {
    "another share": ("has the value c in 20 % of the records, in none before", BEFORE, NOW),
    "a value that was there": ("has the value b that was not there before in 40 % of the records", BEFORE, NOW),
    "a value that stayed as it was": ("has the value b in 40 % of the records, in 40 % before", BEFORE, NOW),
    "a value that is not gone": ("no longer has the value a, which was in 60 % of the records", BEFORE, NOW),
    "missing values": ("is missing in 10 % of the records, where none was", BEFORE, NOW),
    "another mean": ("is 100 % higher (mean 50.5 → 100)", NUMBERS, 2 * NUMBERS),
    "the other direction": ("is 100 % lower (mean 50.5 → 101)", NUMBERS, 2 * NUMBERS),
    "another number outside": ("has 49 of 100 values above the baseline's range 1 to 100", NUMBERS, 2 * NUMBERS),
    "another kind of sentence": ("is odd", NUMBERS, 2 * NUMBERS),
}
TRUE = {
    "the share": ("has the value c in 30 % of the records, in none before", BEFORE, NOW),
    "the mean": ("is 100 % higher (mean 50.5 → 101)", NUMBERS, 2 * NUMBERS),
    "the number outside": ("has 50 of 100 values above the baseline's range 1 to 100", NUMBERS, 2 * NUMBERS),
}


@pytest.mark.parametrize("name", FALSE)
def test_the_law_sees_that_a_sentence_is_false(name):
    sentence = Claim(*FALSE[name], fault=InjectedError("x", {"c"}))
    check_sentence(sentence)

    assert sentence.problems


@pytest.mark.parametrize("name", TRUE)
def test_the_law_lets_a_true_sentence_pass(name):
    sentence = Claim(*TRUE[name], fault=InjectedError("x", {"c"}))
    check_sentence(sentence)

    assert sentence.problems == []


def test_a_pattern_takes_no_sentence_of_another():
    """A sentence is computed again by one pattern alone."""
    texts = [text for text, *_ in (*TRUE.values(), *FALSE.values()) if text != "is odd"]
    for text in texts:
        assert len([pattern for pattern in CLAIMS if re.fullmatch(pattern, text)]) == 1, text
