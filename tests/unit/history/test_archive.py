"""Archives of runs: the released one is read and added, and what only one side knows is left out and named.

The rows behind the archive are in tests/archives/scanned.py; the numbers here are worked out from them by hand.
"""

import json
import logging

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.archives.scanned import ARCHIVE, PROFILE_BYTES

from spark_model_monitor.errors import BadState
from spark_model_monitor.monitors.bias.monitor import BiasMonitor
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.reports.history.state_files import (
    MAX_ROWS,
    METADATA,
    SCHEMA,
    StoredProfile,
    decode_state_file,
    to_parquet,
)
from spark_model_monitor.statistics.states import (
    ColumnType,
    DataTypeCounts,
    FeatureProfile,
    KllSketch,
    Moments,
    Profile,
)
from spark_model_monitor.statistics.states.encoding import pack


def read(name):
    path = ARCHIVE / f"{name}.parquet"
    return decode_state_file(path.read_bytes(), str(path))


def add_to_itself(name):
    state = read(name)
    return state + state


def load_document(monitor, state, document=0):
    return json.loads(monitor.documents(state, monitor.metrics(state))[document].to_json())


def list_statistics(profile):
    return {feature["name"]: feature for feature in load_document(DataQualityMonitor(), profile)["features"]}


@pytest.mark.parametrize("times", [1, 2], ids=["alone", "added to itself"])
def test_features_of_the_archive_have_their_numbers(times):
    if times == 2:
        profile = add_to_itself("profile")
    else:
        profile = read("profile")

    assert profile.item_count == 8 * times
    features = list_statistics(profile)
    numbers = {
        name: {member: statistics.get(member) for member in ("mean", "sum", "std_dev", "min", "max")}
        for name, feature in features.items()
        if (statistics := feature.get("numerical_statistics"))
    }
    assert numbers == {
        # of the others: the mean of the squares less the square of the mean
        # deviations 10, 0, 20, 10, 20, 30, 30: their squares add up to 2,800, of 7 values
        "age": pytest.approx({"mean": 40.0, "sum": 280.0 * times, "std_dev": 20.0, "min": 10.0, "max": 70.0}),
        # five finite values; deviations 2.5, 1.5, 0.5, 0.5, 4: 25 in all
        "amount": pytest.approx({"mean": 4.0, "sum": 20.0 * times, "std_dev": 5**0.5, "min": 1.5, "max": 8.0}),
        "price": pytest.approx(
            {
                "mean": 13 / 7,
                "sum": 13.0 * times,
                "std_dev": (152.8002 / 7 - (13 / 7) ** 2) ** 0.5,
                "min": -5.0,
                "max": 9.99,
            }
        ),
        "code": pytest.approx(
            {"mean": 11 / 7, "sum": 11.0 * times, "std_dev": (27.5 / 7 - (11 / 7) ** 2) ** 0.5, "min": 0.0, "max": 4.0}
        ),
    }
    assert {name: feature["inferred_type"] for name, feature in features.items()} == {
        "age": "Integral",
        "amount": "Fractional",
        "price": "Fractional",
        "code": "Fractional",
        **dict.fromkeys(("city", "note", "member", "day", "seen"), "String"),
        **dict.fromkeys(("embedding", "tags", "nothing"), "Unknown"),
    }
    assert features["amount"]["numerical_statistics"]["common"] == {"num_present": 6 * times, "num_missing": 2 * times}
    assert features["age"]["numerical_statistics"]["approximate_num_distinct_values"] == 7
    buckets = features["age"]["numerical_statistics"]["distribution"]["kll"]["buckets"]
    assert [bucket["count"] for bucket in buckets] == [times, times, 0, times, 0, times, times, 0, times, times]


def test_texts_and_vectors_of_the_archive_have_their_counts():
    features = list_statistics(add_to_itself("profile"))
    counts = {
        name: {bucket["value"]: bucket["count"] for bucket in distribution["categorical"]["buckets"]}
        for name, feature in features.items()
        if (distribution := feature.get("string_statistics", {}).get("distribution"))
    }

    assert counts.pop("note") == {
        "a": 4,
        "12": 2,
        "1e3": 2,
        "true": 2,
        "ä" * 60 + "…#d022fe38e516290b": 4,  # Spark's xxhash64 of 300 of them
    }
    assert counts == {"city": {"Ulm": 6, "Bonn": 4, "Köln": 4}, "member": {"true": 8, "false": 6}}
    vectors = features["embedding"]["vector_statistics"]
    assert vectors["common"] == {"num_present": 14, "num_missing": 2}
    assert [vectors[name] for name in ("num_elements", "num_null_elements", "num_nan_elements")] == [16, 2, 2]
    assert [vectors[name] for name in ("shortest", "longest")] == [0, 3]
    assert features["nothing"] == {
        "name": "nothing",
        "inferred_type": "Unknown",
        "string_statistics": {"common": {"num_present": 0, "num_missing": 16}},
    }


def test_a_profile_in_one_piece_is_the_one_in_rows():
    assert Profile.from_bytes((ARCHIVE / PROFILE_BYTES).read_bytes()) == read("profile")


def test_outcomes_of_the_archive_have_their_metrics():
    outcomes = add_to_itself("outcomes-binary")
    metrics = load_document(ModelQualityMonitor(outcomes.plan), outcomes)["binary_classification_metrics"]

    assert metrics["confusion_matrix"] == {"0": {"0": 8, "1": 2}, "1": {"0": 4, "1": 6}}
    assert metrics["precision"]["value"] == 3 / 4
    # pairs of a positive and a negative: 3 * 5 in order; of the 2 others 4 are in order and 1 is not: 23 of 25
    assert metrics["auc"]["value"] == pytest.approx(23 / 25)


def test_regressions_of_the_archive_have_their_metrics():
    outcomes = add_to_itself("outcomes-regression")
    metrics = load_document(ModelQualityMonitor(outcomes.plan), outcomes)["regression_metrics"]

    assert metrics["mae"]["value"] == pytest.approx((1 + 2 + 3 + 0) / 4)
    assert metrics["mse"]["value"] == pytest.approx((1 + 4 + 9 + 0) / 4)


def test_counts_for_bias_of_the_archive_have_their_metrics():
    report = load_document(BiasMonitor(), add_to_itself("contingency"))
    [group] = report["pre_training_bias_metrics"]["facets"]["sex"]
    metrics = {metric["name"]: metric["value"] for metric in group["metrics"]}

    assert metrics["CI"] == 0.0  # as many women as men
    assert metrics["DPL"] == pytest.approx(4 / 5 - 2 / 5)


def test_requests_of_the_archive_have_their_counts():
    requests = add_to_itself("requests")

    assert (requests.statuses, requests.estimated, requests.moments.sum) == ({200: 4, 503: 2}, 12.0, 240.0)


AGE = FeatureProfile.of("age", ColumnType.INTEGRAL, [DataTypeCounts(integral=1), KllSketch()])
WITH_MOMENTS = FeatureProfile.of("age", ColumnType.INTEGRAL, [*AGE.states.values(), Moments(count=1, sum=2.0)])
LACKING = Profile(2, (AGE + AGE, WITH_MOMENTS + AGE))


def test_what_a_sum_lacks_is_kept_in_its_file():
    content = to_parquet(LACKING)

    assert decode_state_file(content, "here") == LACKING
    assert [feature.lacking for feature in LACKING.features] == [set(), {"moments"}]
    assert json.loads(pq.read_schema(pa.BufferReader(content)).metadata[METADATA])["lacking"] == {"1": ["moments"]}


def add_later_state(profile, kind, version):
    """The file of a profile whose features have one more state."""
    table = pq.read_table(pa.BufferReader(to_parquet(profile)))
    rows = table.to_pylist()
    rows += [
        {**row, "kind": kind, "state": pack(kind, version, {}, b"unknown")} for row in rows if row["kind"] == "kll"
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), sink)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(("kind", "version"), [("reservoir", 1), ("moments", 2)], ids=["kind", "version"])
def test_what_a_later_release_added_is_left_out_and_named(kind, version, caplog):
    content = add_later_state(Profile(1, (AGE,)), kind, version)

    with caplog.at_level(logging.WARNING):
        restored = decode_state_file(content, "states/profile.parquet")

    assert restored == Profile(1, (FeatureProfile.of("age", ColumnType.INTEGRAL, AGE.states.values(), [kind]),))
    assert StoredProfile.read(content, "states/profile.parquet").features(["age"]) == {"age": restored.features[0]}
    assert (restored + Profile(1, (AGE,))).features[0].lacking == {kind}
    assert f"states/profile.parquet: a later release wrote {kind}, which this one leaves out" in caplog.messages


def test_a_state_of_a_run_that_a_later_release_changed_is_refused():
    table = pa.Table.from_pylist([{"kind": "outcomes", "state": pack("outcomes", 4, {}, b"")}])
    header = json.dumps({"version": 1, "kind": "outcomes"})
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({METADATA: header}), sink)

    with pytest.raises(BadState, match="'outcomes' has version 4, which a later release wrote"):
        decode_state_file(sink.getvalue().to_pybytes(), "states/outcomes.parquet")


def test_a_file_of_states_with_any_bytes_changed_is_refused_with_its_path_or_is_read():
    """No exception but BadState, from the Parquet reader neither."""
    rng = np.random.default_rng(7)
    faults = []
    for name in ("profile", "contingency", "outcomes-binary"):
        content = (ARCHIVE / f"{name}.parquet").read_bytes()
        for _ in range(300):
            changed = bytearray(content)
            for offset in rng.integers(len(content), size=rng.integers(1, 4)):
                changed[offset] = rng.integers(256)
            if rng.integers(4) == 0:
                del changed[int(rng.integers(len(changed))) :]
            try:
                decode_state_file(bytes(changed), "a.parquet")
            except BadState as fault:
                faults.append(str(fault))

    assert len(faults) > 100
    assert [fault for fault in faults if not fault.startswith("a.parquet")] == []


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        pytest.param({"version": 1, "kind": "requests"}, [], id="no rows"),
        pytest.param({"version": 1, "kind": "requests"}, [{"kind": "requests"}], id="no state"),
        pytest.param({"version": 1, "item_count": -1, "header": {}}, [], id="fewer than no records"),
        pytest.param({"version": 1, "item_count": "7", "header": {}}, [], id="a text of records"),
        pytest.param({"version": 1, "item_count": 7}, [], id="no header"),
        pytest.param({"version": 1, "item_count": 7, "header": {"reader": None}}, [], id="a header without a text"),
        pytest.param({"version": 1, "item_count": 7, "header": {}, "lacking": 7}, [{}], id="a number of lacking kinds"),
        pytest.param([], [], id="a list"),
    ],
)
def test_a_file_of_states_that_no_run_wrote_is_refused_with_its_path(header, rows):
    schema = SCHEMA.with_metadata({METADATA: json.dumps(header).encode()})
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), sink)

    with pytest.raises(BadState, match=r"^a\.parquet"):
        decode_state_file(sink.getvalue().to_pybytes(), "a.parquet")


@pytest.mark.long
def test_a_small_file_that_announces_a_billion_rows_is_refused_before_they_are_read():
    nulls = pa.table({field.name: pa.nulls(MAX_ROWS + 1, field.type) for field in SCHEMA})
    sink = pa.BufferOutputStream()
    pq.write_table(nulls, sink, compression="zstd")
    content = sink.getvalue().to_pybytes()

    assert len(content) < 2**20
    with pytest.raises(BadState, match="announces 10,000,001 rows"):
        decode_state_file(content, "a.parquet")
