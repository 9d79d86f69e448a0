"""The order of categories in the service's files.

Each list stands so in a public file: age_group to bmi_category in oxayavongsa/aai-540-mlops-final-group-4, state in
ScottReidux/aai-540 (its first six).
"""

import pytest

from spark_model_monitor.monitors.data_quality.report.service_format import sort_as_service


@pytest.mark.parametrize(
    ("feature", "listed"),
    [
        pytest.param("age_group", ["40s", "30s", "60s", "50s", "<30"], id="five, by their hashes"),
        pytest.param("cholesterol_label", ["Well Above Normal", "Normal", "Above Normal"], id="three, by the pairs'"),
        pytest.param("bp_category", ["stage2", "normal", "stage1", "elevated"], id="four, by the pairs'"),
        pytest.param("bmi_category", ["normal", "obese", "overweight", "underweight"], id="four more"),
        pytest.param(
            "state", ["New Mexico", "Connecticut", "California", "Nevada", "Hawaii", "Washington"], id="states"
        ),
    ],
)
def test_categories_are_listed_as_in_public_files(feature, listed):
    assert sort_as_service(feature, sorted(listed)) == listed
    assert sort_as_service(feature, sorted(listed, reverse=True)) == listed


def test_letters_beyond_ascii_have_a_place():
    values = ["é", "日本", "😀", "a", "b", "\ud800"]

    assert sorted(sort_as_service("c", values)) == sorted(values)
