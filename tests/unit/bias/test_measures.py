"""From Clarify's configuration to a plan: columns by name and index, segments, what is not there."""

from __future__ import annotations

import json
import re

import pytest

from spark_model_monitor.documents.analysis_config import AnalysisConfig
from spark_model_monitor.errors import BadConfiguration, BadDocument
from spark_model_monitor.monitors.bias.bias_measures import BiasMeasures, build_plan
from spark_model_monitor.statistics.states.contingency_plan import Interval
from spark_model_monitor.statistics.user_choices import ValueKind

NAMES = ("age", "sex", "region", "id", "y", "p")

CONFIG = {
    "label": "y",
    "predicted_label": "p",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "sex", "value_or_threshold": ["F"]}],
}


def config(**members):
    return AnalysisConfig.from_json(json.dumps({**CONFIG, **members}))


def plan(measures_given=None, **members):
    return build_plan(BiasMeasures(config(**members), "y", "p", **(measures_given or {})), NAMES)


def test_columns_are_named_or_counted():
    measures_plan = plan(
        facet=[{"name_or_index": 0, "value_or_threshold": [40]}, {"name_or_index": "sex"}], group_variable=2
    )

    assert [(facet.name, facet.values) for facet in measures_plan.facets] == [("age", (40,)), ("sex", ())]
    assert measures_plan.group == "region"


def test_label_and_prediction_have_the_same_values():
    measures_plan = plan(label_values_or_threshold=[1, "yes"])

    assert measures_plan.label.values == measures_plan.prediction.values == (1, "yes")


def test_excluded_columns_and_identifiers_tell_no_neighbours():
    assert plan(excluded_columns=["region"], joinsource_name_or_index=3).not_features == ("region", "id")


def test_segments_are_values_and_intervals():
    measures_plan = plan(
        segment_config=[
            {"name_or_index": "age", "segments": [["[1, 4]"], ["(4, 9]", "(20, inf)"]]},
            {
                "name_or_index": "region",
                "segments": [["north", "south"]],
                "config_name": "halves",
                "display_aliases": ["N"],
            },
        ]
    )

    ages, halves = measures_plan.segmentations
    assert ages.segments == (
        (Interval(1, 4, True, True),),
        (Interval(4, 9, False, True), Interval(20, float("inf"), False, False)),
    )
    assert ages.names == ("[1, 4]", "(4, 9],(20, inf)", "__default__")
    assert (halves.title, halves.names) == ("halves", ("N", "__default__"))


def test_a_column_is_taken_as_it_is_said_to_be():
    measures_plan = plan({"column_types": {"y": ValueKind.CATEGORICAL}})

    assert measures_plan.label.taken_as is ValueKind.CATEGORICAL
    assert measures_plan.facets[0].taken_as is None


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        (
            {"facet": [{"name_or_index": "sx"}]},
            "facet[0].name_or_index is 'sx', which is no column of the data; did you mean 'sex'?",
        ),
        # The label 'y' is named already
        (
            {"facet": [{"name_or_index": "yy"}]},
            "facet[0].name_or_index is 'yy', which is no column of the data; the columns are age, sex",
        ),
        ({"group_variable": 6}, "group_variable is 6; the data has 6 columns, so an index is at most 5"),
        (
            {"group_variable": "zzz"},
            "group_variable is 'zzz', which is no column of the data; the columns are age, sex",
        ),
    ],
)
def test_a_column_that_is_not_there_is_a_sentence(members, sentence):
    with pytest.raises(BadConfiguration, match=re.escape(sentence)):
        plan(**members)


def test_more_values_than_a_state_has_room_for_are_a_sentence():
    values = [f"postcode {number:05}" for number in range(5000)]
    with pytest.raises(BadConfiguration, match=r"list [\d,]+ bytes, and 65,000 is the most; write intervals"):
        plan(facet=[{"name_or_index": "sex", "value_or_threshold": values}])


@pytest.mark.parametrize("value", ["9" * 400, '"\\ud800"', "null", "[]"])
def test_a_value_that_no_column_has_is_refused(value):
    text = f'{{"label": "hired", "label_values_or_threshold": [{value}], "facet": [{{"name_or_index": "sex"}}]}}'
    with pytest.raises(BadDocument, match=r"label_values_or_threshold\[0\] is .*; it has to be a text, a number or a"):
        AnalysisConfig.from_json(text)


def test_all_missing_columns_are_reported_at_once():
    with pytest.raises(BadConfiguration) as caught:
        plan({"column_types": {"zzz": ValueKind.CATEGORICAL}}, facet=[{"name_or_index": "q"}], group_variable="r")

    assert len(str(caught.value).splitlines()) == 3


def test_a_table_of_ones_own_needs_a_label():
    with pytest.raises(BadConfiguration, match="label is missing"):
        BiasMeasures.of(AnalysisConfig.from_json(json.dumps({key: CONFIG[key] for key in CONFIG if key != "label"})))
