"""The captured day: records as the service writes them, one fault from its hour on, labels that come as they come."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from dataclasses import replace
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor.integrations.demo.churn import FEATURES, baseline_table
from spark_model_monitor.integrations.demo.traffic import (
    FAULT,
    LabelCounts,
    Traffic,
    captures,
    describe_fault,
    ground_truth,
    label_counts,
)

TRAFFIC = Traffic()
FAULT_HOUR = 18  # as fault.json and the docstring say
OUTPUTS = ("churned", "churn_probability")
CAPTURE_PATH = re.compile(
    r"churn/AllTraffic/2024/03/04/(?P<hour>\d\d)/(?P<minutes>\d\d)-(?P<seconds>\d\d)-\d{3}-[0-9a-f-]{36}\.jsonl"
)


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return captures(TRAFFIC)


@pytest.fixture(scope="module")
def records(files) -> dict[int, list[dict]]:
    """The capture records of each hour."""
    by_hour: dict[int, list[dict]] = {}
    for path, text in files.items():
        by_hour.setdefault(int(path.split("/")[5]), []).extend(map(json.loads, text.splitlines()))
    return by_hour


@pytest.fixture(scope="module")
def hours(records) -> dict[int, pd.DataFrame]:
    """What each hour's captures hold, output columns first, named as the baseline's columns."""
    return {hour: _columns(hour_records) for hour, hour_records in records.items()}


@pytest.fixture(scope="module")
def labels() -> list[tuple[str, str, str]]:
    """(hour folder, inference id, label) of every line."""
    return [
        (path, record["eventMetadata"]["eventId"], record["groundTruthData"]["data"])
        for path, text in ground_truth(TRAFFIC).items()
        for record in map(json.loads, text.splitlines())
    ]


def test_the_same_traffic_gives_the_same_bytes_and_another_seed_others():
    small = Traffic(hours=2, per_hour=60)

    assert captures(small) == captures(small)
    assert ground_truth(small) == ground_truth(small)
    assert set(captures(small)).isdisjoint(captures(replace(small, seed=8)))


def test_an_hour_is_the_same_however_many_follow_it():
    short = captures(Traffic(hours=2, per_hour=20))
    long = captures(Traffic(hours=3, per_hour=20))

    assert short.items() < long.items()


def test_a_file_lies_in_its_hour_and_is_called_after_its_first_record(files):
    for path, text in files.items():
        match = CAPTURE_PATH.fullmatch(path)
        first = json.loads(text.splitlines()[0])

        assert match, path
        assert first["eventMetadata"]["inferenceTime"] == (
            f"2024-03-04T{match['hour']}:{match['minutes']}:{match['seconds']}Z"
        )


def test_every_hour_has_its_records_in_the_order_of_their_times(records):
    assert {hour: len(hour_records) for hour, hour_records in records.items()} == dict.fromkeys(range(24), 200)
    for hour, hour_records in records.items():
        times = [record["eventMetadata"]["inferenceTime"] for record in hour_records]

        assert times == sorted(times)
        assert all(time.startswith(f"2024-03-04T{hour:02d}:") for time in times)


def test_a_record_has_the_members_of_the_services_captures(records):
    for record in (record for hour_records in records.values() for record in hour_records):
        event = record["eventMetadata"]

        assert set(record) == {"captureData", "eventMetadata", "eventVersion"}
        assert record["eventVersion"] == "0"
        assert set(record["captureData"]) == {"endpointInput", "endpointOutput"}
        for half, mode in (("endpointInput", "INPUT"), ("endpointOutput", "OUTPUT")):
            assert set(record["captureData"][half]) == {"observedContentType", "mode", "data", "encoding"}
            assert record["captureData"][half]["mode"] == mode
            assert record["captureData"][half]["encoding"] == "CSV"
            assert record["captureData"][half]["observedContentType"].startswith("text/csv")
        assert set(event) == {"eventId", "inferenceId", "inferenceTime", "customAttributes"}
        assert UUID(event["eventId"]).version == UUID(event["inferenceId"]).version == 4


def test_no_id_comes_twice(records):
    events = [record["eventMetadata"] for hour_records in records.values() for record in hour_records]

    assert len({event["eventId"] for event in events} | {event["inferenceId"] for event in events}) == 2 * 24 * 200


def test_the_fault_is_there_from_its_hour_on_in_one_client_alone(hours, records):
    highest = baseline_table()["monthly_charge_eur"].max()

    for hour, table in hours.items():
        faulty = (hour >= FAULT_HOUR) & _from_the_faulty_client(records[hour])

        assert (table["monthly_charge_eur"] > 1.5 * highest).tolist() == faulty.tolist()  # disjoint: every single one


def test_the_fault_is_a_hundredfold_and_the_rest_is_as_without_it(records):
    without = captures(replace(TRAFFIC, fault=None))
    meant = [json.loads(line) for path, text in without.items() if "/04/18/" in path for line in text.splitlines()]
    sent = records[18]

    assert [record["eventMetadata"] for record in sent] == [record["eventMetadata"] for record in meant]
    sent_table = _columns(sent)
    meant_table = _columns(meant)
    factor = np.where(_from_the_faulty_client(sent), 100, 1)
    assert sent_table["monthly_charge_eur"].to_numpy() == pytest.approx(factor * meant_table["monthly_charge_eur"])
    touched = ["monthly_charge_eur", *OUTPUTS]
    pd.testing.assert_frame_equal(sent_table.drop(columns=touched), meant_table.drop(columns=touched))


def test_the_fault_does_not_change_who_leaves():
    assert ground_truth(TRAFFIC) == ground_truth(replace(TRAFFIC, fault=None))


@pytest.mark.long
def test_what_the_fault_leaves_alone_keeps_the_baselines_distribution(hours):
    baseline = baseline_table()
    touched = {FAULT.feature, *FAULT.follow_up}
    for hour, table in hours.items():
        for column in set(baseline.columns) - {"customer_ref"} - (touched if hour >= FAULT_HOUR else set()):
            # The drift check's own limit: a distance of 0.1 after 1.8 * sqrt((n + m) / (n * m)) is taken off
            limit = 0.1 + 1.8 * np.sqrt(1 / len(baseline) + 1 / len(table))
            assert _distance(baseline[column], table[column]) < limit, (hour, column)


def test_the_models_output_follows_the_fault(hours):
    before = pd.concat(hours[hour] for hour in range(FAULT_HOUR))
    after = pd.concat(hours[hour] for hour in range(FAULT_HOUR, 24))

    assert _distance(before["churn_probability"], after["churn_probability"]) > 0.25
    assert after["churned"].mean() > before["churned"].mean() + 0.2


def test_no_hour_is_less_complete_than_the_baseline(hours):
    completeness = baseline_table().notna().mean()

    for hour, table in hours.items():
        assert (table.notna().mean() >= completeness).all(), hour


def test_the_categories_of_the_traffic_are_the_baselines(hours):
    baseline = baseline_table()
    traffic = pd.concat(hours.values())

    for column in ("plan", "payment_method"):
        assert set(traffic[column].dropna()) == set(baseline[column].dropna())


def test_labels_are_late_missing_and_twice_as_often_as_stated(records, labels):
    fractions = {
        record["eventMetadata"]["inferenceId"]: hour
        for hour, hour_records in records.items()
        for record in hour_records
    }
    lines_of = Counter(inference_id for _, inference_id, _ in labels)
    delays = Counter(_hours_since_start(path) - fractions[inference_id] for path, inference_id, _ in labels)

    # 200 an hour: 4 never, 8 late by three hours, 4 again in the next hour; 24 hours
    assert set(lines_of) < set(fractions)
    assert len(fractions) - len(lines_of) == 96
    assert Counter(lines_of.values()) == {1: 4_608, 2: 96}
    assert delays == {0: 4_512, 3: 192, 1: 96}
    assert label_counts(TRAFFIC) == LabelCounts(lines=4_800, late=192, never=96, twice=96)


def test_a_label_that_comes_twice_has_the_same_value_both_times(labels):
    values: dict[str, set[str]] = {}
    for _, inference_id, value in labels:
        values.setdefault(inference_id, set()).add(value)

    assert all(len(distinct) == 1 for distinct in values.values())
    assert set.union(*values.values()) == {"0", "1"}


def test_a_label_line_is_the_services_record():
    text = next(iter(ground_truth(Traffic(hours=1, per_hour=1)).values()))
    inference_id = json.loads(next(iter(captures(Traffic(hours=1, per_hour=1)).values())))["eventMetadata"][
        "inferenceId"
    ]

    label = json.loads(text)

    assert label.pop("groundTruthData") in ({"data": "0", "encoding": "CSV"}, {"data": "1", "encoding": "CSV"})
    assert label == {"eventMetadata": {"eventId": inference_id}, "eventVersion": "0"}


def test_the_model_is_good_before_the_fault_and_worse_after(hours, records, labels):
    label_of = {inference_id: int(value) for _, inference_id, value in labels}

    def precision(days: range) -> float:
        rows = [
            (int(record["captureData"]["endpointOutput"]["data"].split(",")[0]), label_of[inference_id])
            for hour in days
            for record in records[hour]
            if (inference_id := record["eventMetadata"]["inferenceId"]) in label_of
        ]
        return float(np.mean([label for predicted, label in rows if predicted]))

    assert precision(range(FAULT_HOUR)) > 0.7
    assert precision(range(FAULT_HOUR, 24)) < 0.6


def test_fault_json_says_where_to_look(records):
    hit = sum(int(_from_the_faulty_client(records[hour]).sum()) for hour in range(FAULT_HOUR, 24))

    assert describe_fault(TRAFFIC) == {
        "traffic": {"start": "2024-03-04T00:00:00Z", "end": "2024-03-05T00:00:00Z", "captures": 4_800},
        "fault": {
            "sentence": "android-2.3.1 sends monthly_charge_eur in cents instead of euros",
            "feature": "monthly_charge_eur",
            "client": "android-2.3.1",
            "factor": 100.0,
            "start": "2024-03-04T18:00:00Z",
            "captures": hit,
            "follow_up": ["churned", "churn_probability"],
        },
        "labels": {"lines": 4_800, "late": 192, "never": 96, "twice": 96},
    }


@pytest.mark.parametrize("traffic", [Traffic(hours=18), Traffic(fault=None)], ids=["ends before it", "has none"])
def test_traffic_without_the_fault_says_null(traffic):
    assert describe_fault(traffic)["fault"] is None


def _columns(records: list[dict]) -> pd.DataFrame:
    lines = [
        record["captureData"]["endpointOutput"]["data"] + "," + record["captureData"]["endpointInput"]["data"]
        for record in records
    ]
    return pd.read_csv(io.StringIO("\n".join(lines)), names=[*OUTPUTS, *FEATURES])


def _from_the_faulty_client(records: list[dict]) -> np.ndarray:
    return np.array([record["eventMetadata"]["customAttributes"] == ["client=android-2.3.1"] for record in records])


def _hours_since_start(label_path: str) -> int:
    day, hour = label_path.split("/")[2:4]
    return (int(day) - 4) * 24 + int(hour)


def _distance(first: pd.Series, second: pd.Series) -> float:
    """The largest difference of two features' cumulative shares if they are numbers, of their shares if texts."""
    shares = pd.concat([sample.value_counts(normalize=True) for sample in (first, second)], axis="columns").fillna(0.0)
    if pd.api.types.is_numeric_dtype(first):
        shares = shares.sort_index().cumsum()
    return float((shares.iloc[:, 0] - shares.iloc[:, 1]).abs().max())
