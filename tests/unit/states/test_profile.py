"""Profiles: what a feature's states say together, and which profiles add."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spark_model_monitor.errors import BadState
from spark_model_monitor.statistics.states import (
    ColumnType,
    DataTypeCounts,
    DistinctRegisters,
    FeatureProfile,
    Frequencies,
    KllSketch,
    Moments,
    Profile,
)
from spark_model_monitor.statistics.states.encoding import join_parts, pack, unpack
from spark_model_monitor.statistics.states.profile import RequiredNumbers

ONE = Moments(count=1, sum=2.0, mean=2.0, minimum=2.0, maximum=2.0)


def feature(name: str = "age", **states) -> FeatureProfile:
    states = {"data_types": DataTypeCounts(integral=3, missing=1), **states}
    return FeatureProfile.of(name, ColumnType.TEXT, states.values())


def test_facts_of_a_numeric_feature():
    age = feature()

    assert (age.inferred_type, age.is_numeric) == ("Integral", True)
    assert (age.num_present, age.num_missing, age.completeness) == (3, 1, 0.75)


def test_facts_of_a_text_feature():
    city = feature("city", data_types=DataTypeCounts(integral=1, text=1))

    assert (city.inferred_type, city.is_numeric, city.completeness) == ("String", False, 1.0)


NINE = Moments(count=9, nan=1, sum=18.0, mean=2.0, minimum=2.0, maximum=2.0)


def mixed(name="age", **counts):
    """Nine numbers and a text."""
    types = DataTypeCounts(**(counts or {"integral": 9, "text": 1}))
    return feature(name, data_types=types, moments=NINE, kll=KllSketch())


def test_a_text_column_is_read_as_numbers_if_it_has_the_required_share():
    profile = Profile(10, (mixed(), mixed("level"), feature("city", data_types=DataTypeCounts(text=10))))
    age, level, city = RequiredNumbers({"level": 0.95}, 0.9).read(profile).features

    assert (age.inferred_type, age.is_numeric, age.num_present, age.num_numbers, age.num_others) == (
        "Integral",
        True,
        10,
        9,
        1,
    )
    assert (level.inferred_type, level.is_numeric, level.num_others) == ("String", False, 0)
    assert not city.is_numeric
    assert RequiredNumbers().read(profile) is profile
    assert RequiredNumbers(otherwise=0.91).read(profile) is profile


def test_numbers_that_are_texts_to_the_service_make_a_fraction():
    fractional = RequiredNumbers(otherwise=0.9).read(Profile(10, (mixed(integral=8, text=2),))).features[0]

    assert (fractional.inferred_type, fractional.num_others) == ("Fractional", 1)
    assert mixed(integral=8, text=2).inferred_type == "String"


def test_how_a_column_is_read_is_no_part_of_its_state():
    read = mixed().read_as_numbers()

    assert read == mixed()
    assert read.to_bytes() == mixed().to_bytes()
    assert not FeatureProfile.from_bytes(read.to_bytes()).is_numeric


def test_a_sum_is_read_as_numbers_if_both_sides_are():
    read = mixed().read_as_numbers()
    numbers = feature(moments=ONE, kll=KllSketch())
    texts = feature(data_types=DataTypeCounts(text=1))

    assert (read + numbers).is_numeric
    assert (numbers + read).num_others == 3  # of three whole numbers, the moments count one
    assert not (read + texts).is_numeric
    assert not (mixed() + numbers).is_numeric
    assert (read + feature(data_types=DataTypeCounts(missing=4))).is_numeric


def test_completeness_of_no_rows_is_not_a_number():
    empty = FeatureProfile("age", ColumnType.TEXT)

    assert math.isnan(empty.completeness)
    assert (empty.inferred_type, empty.is_numeric) == ("Unknown", False)


def test_a_numeric_column_keeps_its_type_without_a_value():
    assert FeatureProfile("age", ColumnType.INTEGRAL).inferred_type == "Integral"
    shares = FeatureProfile.of("share", ColumnType.FRACTIONAL, [DataTypeCounts(missing=3)])
    assert shares.inferred_type == "Fractional"


def test_an_exact_domain_is_one_that_nothing_was_dropped_from():
    assert feature(frequencies=Frequencies({"a": 2}, total=2)).exact_domain == {"a": 2}
    assert feature(frequencies=Frequencies({"a": 2}, total=9, limit=1, bound=3)).exact_domain is None
    assert feature().exact_domain is None


def test_a_feature_takes_states_in_any_order():
    states = [Moments(count=1, sum=2.0, mean=2.0, minimum=2.0, maximum=2.0), KllSketch(), DataTypeCounts(integral=1)]

    restored = FeatureProfile.of("age", ColumnType.INTEGRAL, reversed(states))

    assert (restored.moments, restored.kll, restored.data_types) == tuple(states)
    assert (restored.distinct, restored.frequencies, restored.vectors) == (None, None, None)


def test_features_of_other_names_or_types_do_not_add():
    with pytest.raises(BadState, match="feature: name is 'age' here and 'Age' there"):
        feature("age") + feature("Age")
    with pytest.raises(BadState, match="feature 'age': column_type is 'text' here and 'date' there"):
        feature("age") + FeatureProfile("age", ColumnType.DATE)


def test_a_sum_has_the_kinds_that_both_sides_have_and_names_those_that_one_of_them_lacks():
    more = feature(moments=ONE, kll=KllSketch(), distinct=DistinctRegisters())
    less = feature(kll=KllSketch())

    for total in (more + less, less + more):
        assert set(total.states) == {"data_types", "kll"}
        assert total.lacking == {"distinct", "moments"}
        assert (total.num_present, total.moments, total.distinct) == (6, None, None)


def test_a_kind_that_a_sum_lacks_does_not_come_back():
    lacking = feature(moments=ONE) + feature()
    more = feature(moments=ONE)

    assert (lacking + more).lacking == (more + lacking).lacking == {"moments"}
    assert (feature() + more) + more == feature() + (more + more)
    assert FeatureProfile.from_bytes(lacking.to_bytes()) == lacking


def test_a_profile_of_no_rows_takes_no_kind_away():
    assert feature(moments=ONE) + FeatureProfile("age") == feature(moments=ONE)
    assert FeatureProfile("age") + feature(moments=ONE) == feature(moments=ONE)


def test_unequal_parameters_of_a_kind_are_still_refused():
    with pytest.raises(BadState, match="kll: k is 2048 here and 1024 there"):
        feature(kll=KllSketch()) + feature(kll=KllSketch(k=1024), moments=ONE)


def pack_later_release(kind: str, version: int) -> bytes:
    return pack(kind, version, {"alpha": 0.1}, b"a payload that nobody knows here")


@pytest.mark.parametrize(("kind", "version"), [("reservoir", 1), ("moments", 2)], ids=["kind", "version"])
def test_what_a_later_release_added_to_a_feature_is_lacking_here(kind, version):
    blobs = [feature(kll=KllSketch()).to_bytes(), pack_later_release(kind, version)]
    parameters, payload = unpack(blobs[0], "feature", 2)
    later = pack("feature", 2, parameters, payload + join_parts([blobs[1]]))

    restored = FeatureProfile.from_bytes(later)

    assert (restored.lacking, restored.kll) == ({kind}, KllSketch())
    assert (restored + feature(kll=KllSketch())).lacking == {kind}


def test_a_feature_whose_cells_a_later_release_counted_otherwise_is_not_read():
    with pytest.raises(BadState, match="'data_types' has version 2, which a later release wrote"):
        FeatureProfile.decoded("age", ColumnType.TEXT, [pack_later_release("data_types", 2)])


def test_damaged_bytes_are_not_taken_for_those_of_a_later_release():
    damaged = pack_later_release("reservoir", 1).replace(b"reservoir", b"reservoiR")

    with pytest.raises(BadState, match="the checksum is wrong"):
        FeatureProfile.decoded("age", ColumnType.TEXT, [damaged])


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
