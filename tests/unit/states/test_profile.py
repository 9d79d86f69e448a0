"""Profiles: what a feature's states say together, and which profiles add."""

from __future__ import annotations

import math

import numpy as np
import pytest

from model_monitor.errors import BadState
from model_monitor.states import (
    ColumnType,
    DataTypeCounts,
    FeatureProfile,
    Frequencies,
    KllSketch,
    Moments,
    Profile,
)


def feature(name: str = "age", **states) -> FeatureProfile:
    return FeatureProfile(name, ColumnType.TEXT, **{"data_types": DataTypeCounts(integral=3, missing=1), **states})


def test_facts_of_a_numeric_feature():
    age = feature()

    assert (age.inferred_type, age.is_numeric) == ("Integral", True)
    assert (age.num_present, age.num_missing, age.completeness) == (3, 1, 0.75)


def test_facts_of_a_text_feature():
    city = feature("city", data_types=DataTypeCounts(integral=1, text=1))

    assert (city.inferred_type, city.is_numeric, city.completeness) == ("String", False, 1.0)


def test_completeness_of_no_rows_is_not_a_number():
    empty = FeatureProfile("age", ColumnType.TEXT)

    assert math.isnan(empty.completeness)
    assert (empty.inferred_type, empty.is_numeric) == ("Unknown", False)


def test_a_numeric_column_keeps_its_type_without_a_value():
    assert FeatureProfile("age", ColumnType.INTEGRAL).inferred_type == "Integral"
    assert FeatureProfile("share", ColumnType.FRACTIONAL, DataTypeCounts(missing=3)).inferred_type == "Fractional"


def test_an_exact_domain_is_one_that_nothing_was_dropped_from():
    assert feature(frequencies=Frequencies({"a": 2}, total=2)).exact_domain == {"a": 2}
    assert feature(frequencies=Frequencies({"a": 2}, total=9, limit=1, bound=3)).exact_domain is None
    assert feature().exact_domain is None


def test_a_feature_takes_states_in_any_order():
    states = [Moments(count=1, sum=2.0, mean=2.0, minimum=2.0, maximum=2.0), KllSketch(), DataTypeCounts(integral=1)]

    found = FeatureProfile.of("age", ColumnType.INTEGRAL, reversed(states))

    assert (found.moments, found.kll, found.data_types) == tuple(states)
    assert (found.distinct, found.frequencies, found.vectors) == (None, None, None)


def test_features_of_other_names_types_or_states_do_not_add():
    with pytest.raises(BadState, match="feature: name is 'age' here and 'Age' there"):
        feature("age") + feature("Age")
    with pytest.raises(BadState, match="feature 'age': column_type is 'text' here and 'date' there"):
        feature("age") + FeatureProfile("age", ColumnType.DATE)
    with pytest.raises(
        BadState, match="feature 'age': only one of two profiles has 'moments'; make both by the same scan"
    ):
        feature("age") + feature("age", moments=Moments())


def test_profiles_name_the_first_feature_that_differs():
    left = Profile(4, (feature("a"), feature("b"), feature("c")))

    with pytest.raises(BadState, match="profile: the name of feature 1 is 'b' here and 'x' there"):
        left + Profile(4, (feature("a"), feature("x"), feature("y")))
    with pytest.raises(BadState, match="profile: the number of features is 3 here and 2 there"):
        left + Profile(4, (feature("a"), feature("b")))


def test_a_sum_keeps_what_both_headers_say_alike():
    left = Profile(1, (feature("a"),), {"partitioning": "8 parts", "reader": "csv", "release": "1"})
    right = Profile(2, (feature("a"),), {"partitioning": "9 parts", "reader": "csv"})

    total = left + right

    assert (total.item_count, dict(total.header)) == (3, {"reader": "csv"})
    assert total.feature("a").num_present == 6


def test_features_are_found_by_their_exact_names():
    profile = Profile(1, (feature("a.b"), feature(" a")))

    assert profile.feature(" a").name == " a"
    with pytest.raises(KeyError, match="a"):
        profile.feature("a")


def test_a_thousand_features_come_back_from_bytes():
    sketch = KllSketch((np.arange(100.0),))
    profile = Profile(4, tuple(feature(f"feature {number}", kll=sketch) for number in range(1000)), {"reader": "csv"})

    assert Profile.from_bytes(profile.to_bytes()) == profile
