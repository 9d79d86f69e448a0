"""Runs merged by the command, where there is no Java."""

import itertools
import json
import logging
import operator
import re
from datetime import datetime, timezone
from functools import reduce

import numpy as np
import pandas as pd
import pytest
from tests.programs import printed_by
from tests.unit.derivation.runs_on_disk import numbers, profile, publish_baseline

from spark_model_monitor import run_baseline, run_monitoring
from spark_model_monitor.data.reading.ledger import Ledger
from spark_model_monitor.documents.check_results import Outcome
from spark_model_monitor.documents.run_description import RunContext
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.reports.history.baselines import read_baseline
from spark_model_monitor.reports.history.state_files import to_parquet
from spark_model_monitor.reports.outputs.run_files import publish
from spark_model_monitor.running.runs.results import Baseline
from spark_model_monitor.running.runs.state_merge import merge_runs, read_state
from spark_model_monitor.statistics.states import FeatureProfile


@pytest.mark.long
def test_runs_are_merged_without_a_jvm(tmp_path):
    publish_baseline(tmp_path / "one", profile(numbers("age", [20.0, 30.0])))
    publish_baseline(tmp_path / "two", profile(numbers("age", [40.0])))
    program = """
        import sys
        from spark_model_monitor import cli
        print(cli.main(["merge-states", *sys.argv[1:]]), "pyspark" in sys.modules)
    """

    printed = printed_by(program, str(tmp_path / "one"), str(tmp_path / "two"), "--output", str(tmp_path / "both"))

    assert printed == "0 False\n"
    [age] = json.loads((tmp_path / "both" / "statistics.json").read_text())["features"]
    assert age["numerical_statistics"]["common"]["num_present"] == 3
    assert age["numerical_statistics"]["mean"] == pytest.approx(30.0)


def drop_state(kind, feature):
    states = [state for name, state in feature.states.items() if name != kind]
    return FeatureProfile.of(feature.name, feature.column_type, states)


@pytest.mark.parametrize("less", [1, 0], ids=["the second lacks it", "the first lacks it"])
def test_a_merge_names_the_run_without_a_state_that_the_other_has(tmp_path, caplog, less):
    runs = [[numbers("age", [20.0, 30.0]), numbers("fare", [5.0])], [numbers("age", [40.0]), numbers("fare", [7.0])]]
    runs[less][0] = drop_state("moments", runs[less][0])
    for name, features in zip(("one", "two"), runs, strict=True):
        publish_baseline(tmp_path / name, profile(*features))
    paths = [str(tmp_path / name) for name in ("one", "two")]

    with caplog.at_level(logging.WARNING):
        merge_runs(paths, str(tmp_path / "all"))

    [warning] = [record.message for record in caplog.records if "documents leave out" in record.message]
    lacking_run = f"({paths[less]}|what was added before {paths[1 - less]})"
    assert re.match(rf"{lacking_run} has no 'moments' of 1 features; the documents leave out what needs it$", warning)
    age, fare = json.loads((tmp_path / "all" / "statistics.json").read_text())["features"]
    assert "mean" not in age["numerical_statistics"]
    assert fare["numerical_statistics"]["mean"] == pytest.approx(6)


def test_a_merge_of_merges_still_knows_what_it_lacks(tmp_path):
    publish_baseline(tmp_path / "one", profile(numbers("age", [20.0, 30.0])))
    publish_baseline(tmp_path / "two", profile(drop_state("moments", numbers("age", [40.0]))))
    merge_runs([str(tmp_path / "one"), str(tmp_path / "two")], str(tmp_path / "both"))

    total = merge_runs([str(tmp_path / "one"), str(tmp_path / "both")], str(tmp_path / "all"))

    assert total.feature("age").lacking == {"moments"}
    assert "mean" not in (tmp_path / "all" / "statistics.json").read_text()


def test_a_merge_says_the_window_from_its_first_hour_to_its_last(tmp_path):
    for hour in (20, 21):
        context = RunContext(
            *(datetime(2026, 3, 4, hour + more, tzinfo=timezone.utc) for more in (0, 1)), "churn", f"s{hour}"
        )
        state = profile(numbers("age", [20.0, 30.0]))
        monitor = DataQualityMonitor()
        metrics = monitor.metrics(state)
        ledger = Ledger((), read=2, kept=2)
        publish(
            Baseline(monitor, state, metrics, ledger, context=context).files(),
            str(tmp_path / str(hour)),
        )
    publish_baseline(tmp_path / "old", state)

    def described(*names):
        merge_runs([str(tmp_path / name) for name in names], str(tmp_path / "both"))
        return json.loads((tmp_path / "both" / "run.json").read_text())

    run_record = described("20", "21")
    assert (run_record["job"], run_record["rows"], run_record["violations"]) == ("merge-states", 4, None)
    assert run_record["window"] == {"start": "2026-03-04T20:00:00Z", "end": "2026-03-04T22:00:00Z"}
    assert (run_record["model"], run_record["schedule"]) == ("churn", None)
    assert (
        run_record["settings"] == json.loads((tmp_path / "both" / "constraints.json").read_text())["monitoring_config"]
    )
    run_record = described("20", "old")  # a run of a release without run.json
    assert (run_record["window"], run_record["rows"], run_record["model"]) == (None, None, None)


def test_a_merge_keeps_what_somebody_edited_and_suggests_the_rest_anew(tmp_path):
    for name, ages in (("one", [20.0, 30.0, None]), ("two", [40.0, -1.0, 2.0])):
        publish_baseline(tmp_path / name, profile(numbers("age", ages), numbers("fare", ages), numbers("id", ages)))
    path = tmp_path / "one" / "constraints.json"
    edited = json.loads(path.read_text())
    edited["features"][0]["completeness"] = 0.125
    edited["features"][0]["monitoring_config_overrides"] = {"evaluate_constraints": "Disabled"}
    del edited["features"][1]["completeness"]
    del edited["features"][2]
    edited["monitoring_config"]["domain_content_threshold"] = 0.75
    path.write_text(json.dumps(edited))

    merge_runs([str(tmp_path / "one"), str(tmp_path / "two")], str(tmp_path / "both"))

    merged = json.loads((tmp_path / "both" / "constraints.json").read_text())
    age, fare = merged["features"]
    assert (age["name"], age["completeness"]) == ("age", 0.125)
    assert age["monitoring_config_overrides"]["evaluate_constraints"] == "Disabled"
    assert age["num_constraints"] == {"is_non_negative": False}  # as of the second run
    assert (fare["name"], "completeness" in fare) == ("fare", False)
    assert merged["monitoring_config"]["domain_content_threshold"] == 0.75
    baseline = read_baseline(tmp_path / "both")
    assert baseline.suggested_limits == {"age": {"datatype_check_threshold"}, "fare": {"datatype_check_threshold"}}


def test_a_merge_of_what_nobody_edited_is_what_it_suggests(tmp_path):
    for name, ages in (("one", [20.0, 30.0]), ("two", [40.0])):
        publish_baseline(tmp_path / name, profile(numbers("age", ages)))
    merge_runs([str(tmp_path / "one"), str(tmp_path / "two")], str(tmp_path / "both"))

    [copy] = (tmp_path / "both" / "_runs").glob("*/constraints.json")
    assert (tmp_path / "both" / "constraints.json").read_bytes() == copy.read_bytes()


def day(seed, level=172.0, rows=1_500):
    random = np.random.default_rng(seed)
    heights = random.normal(level, 9, rows).round(1)
    return pd.DataFrame({"height": heights, "plan": random.choice(["day", "month", "year"], rows, p=[0.5, 0.3, 0.2])})


def judge_with_merge(tmp_path, days, window):
    """The outcome of a window, compared with the merged baselines of days, and with one of all their rows."""
    paths = [str(tmp_path / f"day {index}") for index in range(len(days))]
    for path, frame in zip(paths, days, strict=True):
        run_baseline(frame, DataQualityMonitor(), engine="local").write(path)
    merge_runs(paths, str(tmp_path / "all"))
    baselines = [read_baseline(tmp_path / "all"), run_baseline(pd.concat(days), DataQualityMonitor(), engine="local")]
    return [run_monitoring(window, DataQualityMonitor(), baseline, engine="local").outcome for baseline in baselines]


@pytest.mark.parametrize(
    ("level", "outcome"),
    [
        pytest.param(174.5, Outcome.CHANGED, id="a shift of 0.28 standard deviations"),
        pytest.param(172.0, Outcome.UNCHANGED, id="a healthy window"),
    ],
)
def test_a_merge_of_baselines_judges_as_one_scan_of_their_rows(tmp_path, level, outcome):
    days = [day(seed) for seed in range(1, 5)]

    assert judge_with_merge(tmp_path, days, day(77, level)) == [outcome, outcome]


def test_a_merge_of_baselines_knows_how_days_differ(tmp_path):
    """Each day has its own level, which no baseline of one day knows."""
    levels = np.random.default_rng(5).normal(172, 3, 12)
    days = [day(seed, level, rows=600) for seed, level in enumerate(levels)]

    for outcome in judge_with_merge(tmp_path, days, day(77, 174.5, rows=600)):
        assert outcome is not Outcome.CHANGED


def test_a_merge_of_merges_varies_as_the_merge_of_all(tmp_path):
    paths = [str(tmp_path / f"day {seed}") for seed in range(4)]
    for seed, path in enumerate(paths):
        run_baseline(day(seed), DataQualityMonitor(), engine="local").write(path)
    halves = [str(tmp_path / name) for name in ("first", "second")]
    merge_runs(paths[:2], halves[0])
    merge_runs(paths[2:], halves[1])
    merge_runs(paths, str(tmp_path / "all"))
    merge_runs(halves, str(tmp_path / "halves"))

    merged, merged_twice = (read_baseline(tmp_path / name).get_variation().past["height"] for name in ("all", "halves"))
    assert merged_twice["effective"] == pytest.approx(merged["effective"], rel=1e-3)
    locations = [np.sort(variation["location"]) for variation in (merged, merged_twice)]
    assert np.corrcoef(*locations)[0, 1] > 0.99


def test_a_merge_of_few_windows_says_that_their_variation_is_unknown(tmp_path, caplog):
    baseline = run_baseline(day(0), DataQualityMonitor(), engine="local")
    for window in range(8):
        findings = run_monitoring(day(window + 1), DataQualityMonitor(), baseline, engine="local")
        findings.write(str(tmp_path / f"{window}"))
    paths = [str(tmp_path / f"{window}") for window in range(8)]

    for number, warnings in ((4, 1), (8, 0)):
        caplog.clear()
        merge_runs(paths[:number], str(tmp_path / f"of {number}"))
        messages = [record.message for record in caplog.records if "how columns vary" in record.message]
        assert len(messages) == warnings
    assert len(read_baseline(tmp_path / "of 8").get_variation().past["height"]["rows"]) == 8


def test_a_merge_is_the_same_whatever_the_order_of_the_runs(tmp_path):
    paths = [str(tmp_path / f"day {seed}") for seed in range(3)]
    for seed, path in enumerate(paths):
        run_baseline(day(seed), DataQualityMonitor(), engine="local").write(path)

    written = []
    for index, order in enumerate(itertools.permutations(paths)):
        merge_path = tmp_path / f"merge {index}"
        merge_runs(order, str(merge_path))
        files = sorted(path for path in merge_path.rglob("*") if path.is_file())
        written.append({str(path.relative_to(merge_path)): path.read_bytes() for path in files})

    # The order is that of the names, as of a stream's parts
    in_order = reduce(operator.add, map(read_state, paths))
    assert written[0]["states/profile.parquet"] == to_parquet(in_order)
    assert all(files == written[0] for files in written)


def test_runs_of_equal_rows_at_different_times_are_merged(tmp_path):
    for hour in (20, 21):
        context = RunContext(*(datetime(2026, 3, 4, hour + more, tzinfo=timezone.utc) for more in (0, 1)))
        run_baseline(day(0), DataQualityMonitor(), engine="local", context=context).write(tmp_path / str(hour))

    assert merge_runs([str(tmp_path / "21"), str(tmp_path / "20")], str(tmp_path / "both")).item_count == 3_000
