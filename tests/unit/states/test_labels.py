"""Which texts are one class. Source: C11d."""

import pytest

from spark_model_monitor.statistics.states.outcome_plan import class_key, is_positive


@pytest.mark.parametrize(
    "texts", [("1", "1.0", "01", " +1 ", "1e0"), ("1.0", "true", "TRUE", " True"), ("0", "-0.0", ".0", "false")]
)
def test_texts_of_one_class_have_one_key(texts):
    assert len({class_key(text) for text in texts}) == 1


@pytest.mark.parametrize(
    "texts", [("1", "1.5", "one"), ("a", "A"), ("1_0", "10"), ("nan", "NaN"), ("0x1", "1"), ("", "0")]
)
def test_texts_of_different_classes_have_different_keys(texts):
    assert len({class_key(text) for text in texts}) == len(texts)


def test_a_number_beyond_a_double_is_a_text():
    assert class_key("1e999") == "1e999"


@pytest.mark.parametrize(
    ("label", "positive_label", "expected"),
    [
        ("1.0", None, True),
        ("True", None, True),
        ("yes", None, False),
        ("yes", "yes", True),
        ("2.0", "2", True),
        ("1", "2", False),
    ],
)
def test_the_positive_class_is_1_or_true_unless_it_is_named(label, positive_label, expected):
    assert is_positive(label, positive_label) is expected
