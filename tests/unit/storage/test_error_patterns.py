"""How a sentence is found for a text."""

from spark_model_monitor.storage.refused_requests import find_sentence

SIGNS = {r"moved(?: to (?P<region>\w+))?": "write region={region}", "denied": "allow it"}


def test_the_first_of_the_signs_counts_wherever_it_stands():
    assert find_sentence("denied, moved to eu", SIGNS) == "write region=eu"
    assert find_sentence("denied", SIGNS) == "allow it"


def test_a_group_may_be_filled_by_a_later_place():
    assert find_sentence("moved; moved to eu; moved to us", SIGNS, region="REGION") == "write region=eu"


def test_what_no_place_says_is_what_it_is_otherwise():
    assert find_sentence("moved", SIGNS, region="REGION") == "write region=REGION"


def test_a_text_without_a_sign_has_no_sentence():
    assert find_sentence("java.io.EOFException", SIGNS) is None
