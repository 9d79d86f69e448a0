"""How a sentence is found for a text."""

from __future__ import annotations

from spark_model_monitor.storage.files import sentence_about

SIGNS = {r"moved(?: to (?P<region>\w+))?": "write region={region}", "denied": "allow it"}


def test_the_first_of_the_signs_counts_wherever_it_stands():
    assert sentence_about("denied, moved to eu", SIGNS) == "write region=eu"
    assert sentence_about("denied", SIGNS) == "allow it"


def test_a_group_may_be_filled_by_a_later_place():
    assert sentence_about("moved; moved to eu; moved to us", SIGNS, region="REGION") == "write region=eu"


def test_what_no_place_says_is_what_it_is_otherwise():
    assert sentence_about("moved", SIGNS, region="REGION") == "write region=REGION"


def test_a_text_without_a_sign_has_no_sentence():
    assert sentence_about("java.io.EOFException", SIGNS) is None
