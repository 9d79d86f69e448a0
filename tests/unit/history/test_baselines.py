"""Baselines from files: a run of ours, the service's two documents, the run before."""

import json
import shutil

import numpy as np
import pytest

from spark_model_monitor.errors import BadConfiguration, BadInput, BadState
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.reports.history import baselines
from spark_model_monitor.reports.history.state_files import PROFILE, decode_state_file, to_parquet
from spark_model_monitor.reports.outputs.run_files import CONSTRAINTS, RUNS, STATISTICS, publish
from spark_model_monitor.running.runs.state_merge import merge_runs
from spark_model_monitor.statistics.states import (
    ColumnType,
    DataTypeCounts,
    FeatureProfile,
    KllBuilder,
    MomentsBuilder,
    Profile,
)
from spark_model_monitor.statistics.states.profile import compute_metrics


def make_profile(values, name="age"):
    moments = MomentsBuilder()
    kll = KllBuilder()
    kll.update(moments.update(np.array(values, dtype=np.float64)))
    states = [DataTypeCounts(fractional=len(values)), moments.state(), kll.state()]
    return Profile(len(values), (FeatureProfile.of(name, ColumnType.FRACTIONAL, states),))


def publish_run(path, values, *, with_sketches=True, name="age"):
    monitor = DataQualityMonitor(with_sketches=with_sketches)
    profile = make_profile(values, name)
    files = {
        STATISTICS: monitor.statistics(profile, compute_metrics(profile)).to_json().encode(),
        CONSTRAINTS: monitor.constraints(profile).to_json().encode(),
        PROFILE: to_parquet(profile),
    }
    publish(files, str(path))


def list_values(baseline):
    return baseline.distributions["age"].numbers.cdf.values.tolist()


def test_a_run_is_a_baseline(tmp_path):
    publish_run(tmp_path, [1, 2, 3])
    baseline = baselines.read_run_baseline(str(tmp_path))

    assert baseline.names == ("age",)
    assert list_values(baseline) == [1, 2, 3]


def test_constraints_that_were_edited_after_the_run_count(tmp_path):
    publish_run(tmp_path, [1, 2, 3])
    constraints = json.loads((tmp_path / CONSTRAINTS).read_text())
    constraints["monitoring_config"]["distribution_constraints"]["comparison_threshold"] = 0.95
    (tmp_path / CONSTRAINTS).write_text(json.dumps(constraints))
    baseline = baselines.read_run_baseline(str(tmp_path))

    assert baseline.constraints.monitoring.comparison_threshold == 0.95
    assert list_values(baseline) == [1, 2, 3]


def test_an_edited_limit_is_requested_however_the_baseline_is_named(tmp_path):
    publish_run(tmp_path, [1, 2, 3])
    constraints = json.loads((tmp_path / CONSTRAINTS).read_text())
    constraints["features"][0]["completeness"] = 0.5
    (tmp_path / CONSTRAINTS).write_text(json.dumps(constraints))
    by_folder = baselines.read_run_baseline(str(tmp_path))
    by_name = baselines.read_file_baseline(str(tmp_path / CONSTRAINTS), str(tmp_path / STATISTICS))

    assert [baseline.constraints.features[0].completeness for baseline in (by_folder, by_name)] == [0.5, 0.5]
    assert [baseline.suggested_limits for baseline in (by_folder, by_name)] == [
        {"age": {"datatype_check_threshold"}}
    ] * 2


def test_copied_files_say_what_was_suggested_as_far_as_there_are_statistics(tmp_path):
    publish_run(tmp_path / "run", [1, 2, 3])
    for name in (CONSTRAINTS, STATISTICS):
        (tmp_path / name).write_bytes((tmp_path / "run" / name).read_bytes())
    constraints = str(tmp_path / CONSTRAINTS)
    statistics = str(tmp_path / STATISTICS)

    assert baselines.read_file_baseline(constraints, None).suggested_limits == {}
    assert baselines.read_file_baseline(constraints, statistics).suggested_limits["age"] == {
        *("completeness", "datatype_check_threshold")
    }


def test_an_output_path_moved_without_its_runs_is_the_same_baseline(tmp_path):
    publish_run(tmp_path / "run", [1, 2, 3])
    before = baselines.read_run_baseline(str(tmp_path / "run"))
    (tmp_path / "run").rename(tmp_path / "moved")
    shutil.rmtree(tmp_path / "moved" / RUNS)
    moved = str(tmp_path / "moved")
    by_folder = baselines.read_run_baseline(moved)
    by_name = baselines.read_file_baseline(f"{moved}/{CONSTRAINTS}", f"{moved}/{STATISTICS}")

    assert (by_folder.constraints, by_folder.profile) == (before.constraints, before.profile)
    assert by_folder.suggested_limits == by_name.suggested_limits == before.suggested_limits

    # Without the states, statistics.json has the distributions
    (tmp_path / "moved" / PROFILE).unlink()
    assert list_values(baselines.read_run_baseline(moved)) == [1, 2, 3]


def test_features_can_be_left_out(tmp_path):
    publish_run(tmp_path, [1, 2, 3])

    assert baselines.read_run_baseline(str(tmp_path)).drop_features({"age"}).names == ()


def test_the_services_two_files_are_a_baseline(tmp_path):
    publish_run(tmp_path / "run", [1, 2, 3])
    for name in (STATISTICS, CONSTRAINTS):
        (tmp_path / name).write_bytes((tmp_path / "run" / name).read_bytes())
    by_name = baselines.read_file_baseline(str(tmp_path / CONSTRAINTS), str(tmp_path / STATISTICS))
    by_folder = baselines.read_run_baseline(str(tmp_path))

    assert list_values(by_name) == list_values(by_folder) == [1, 2, 3]


def test_states_beside_statistics_without_sketches_fill_the_gap(tmp_path):
    publish_run(tmp_path, [1, 2, 3], with_sketches=False)

    assert list_values(baselines.read_file_baseline(str(tmp_path / CONSTRAINTS), str(tmp_path / STATISTICS))) == [
        1,
        2,
        3,
    ]


def test_without_states_or_sketches_there_is_a_reason(tmp_path):
    publish_run(tmp_path / "run", [1, 2, 3], with_sketches=False)
    for name in (STATISTICS, CONSTRAINTS):
        (tmp_path / name).write_bytes((tmp_path / "run" / name).read_bytes())
    baseline = baselines.read_run_baseline(str(tmp_path))

    assert baseline.distributions["age"].numbers is None
    assert "holds no sketch" in baseline.distributions["age"].reason


def test_constraints_alone_are_a_baseline_without_distributions(tmp_path):
    publish_run(tmp_path / "run", [1, 2, 3])
    (tmp_path / CONSTRAINTS).write_bytes((tmp_path / "run" / CONSTRAINTS).read_bytes())

    assert baselines.read_run_baseline(str(tmp_path)).distributions == {}


def test_a_folder_without_a_run_is_no_baseline(tmp_path):
    with pytest.raises(BadInput, match=r"there is neither a run of ours nor a constraints\.json"):
        baselines.read_run_baseline(str(tmp_path))


@pytest.mark.parametrize(
    ("hours", "now", "expected"),
    [
        pytest.param(["2026/01/31/22", "2026/01/31/23"], "2026/02/01/00", 2, id="the hour before, of another month"),
        pytest.param(["2026/01/31/20", "2026/02/01/05"], "2026/02/01/03", 1, id="later hours don't count"),
        pytest.param(["2025/12/31/23"], "2026/02/01/03", 1, id="any hour before"),
    ],
)
def test_the_previous_run_is_the_latest_earlier_hour(tmp_path, hours, now, expected):
    for number, hour in enumerate(hours, start=1):
        publish_run(tmp_path / hour, [number])

    assert list_values(baselines.read_previous_baseline(str(tmp_path / now))) == [expected]


def test_an_hour_whose_commit_is_damaged_is_no_previous_run(tmp_path):
    publish_run(tmp_path / "2026/01/31/20", [1])
    publish_run(tmp_path / "2026/01/31/21", [2])
    (tmp_path / "2026/01/31/21/_current.json").write_text("{")

    assert list_values(baselines.read_previous_baseline(str(tmp_path / "2026/01/31/22"))) == [1]
    assert baselines.read_previous_baseline(str(tmp_path / "2026/01/31/20")) is not None


def test_a_damaged_commit_at_the_same_path_is_no_previous_run(tmp_path):
    publish_run(tmp_path, [1])
    (tmp_path / "_current.json").write_text("{")

    assert baselines.read_previous_baseline(str(tmp_path)) is None


def test_the_previous_run_at_the_same_path_comes_first(tmp_path):
    publish_run(tmp_path, [7])

    assert list_values(baselines.read_previous_baseline(str(tmp_path))) == [7]


@pytest.mark.parametrize("path", ["report", "report/2026/02/01/03"])
def test_there_is_no_previous_run_at_the_beginning(tmp_path, path):
    assert baselines.read_previous_baseline(str(tmp_path / path)) is None


def test_merging_needs_runs_of_the_same_features(tmp_path):
    publish_run(tmp_path / "a", [1])
    publish_run(tmp_path / "b", [2], name="Age")

    with pytest.raises(BadState, match="can't be added to "):
        merge_runs([str(tmp_path / "a"), str(tmp_path / "b")], str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_merging_needs_two_runs(tmp_path):
    with pytest.raises(BadConfiguration, match="two runs or more"):
        merge_runs([str(tmp_path)], str(tmp_path / "out"))


def test_merging_counts_no_run_twice(tmp_path, monkeypatch):
    for name, numbers in (("a", [1, 2]), ("b", [3])):
        publish_run(tmp_path / name, numbers)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(
        BadConfiguration, match=r"^a is named twice, and its rows would count twice; name each run once$"
    ):
        merge_runs(["b", "a", f"file:{tmp_path}/a/"], "out")
    assert not (tmp_path / "out").exists()


def test_a_merge_takes_no_place_of_its_own_runs(tmp_path, monkeypatch):
    for name, numbers in (("a", [1, 2]), ("b", [3, 4])):
        publish_run(tmp_path / name, numbers)
    monkeypatch.chdir(tmp_path)
    before = (tmp_path / "a" / STATISTICS).read_bytes()

    for merge_path in ("a", "./b/", f"file:{tmp_path}/a"):
        with pytest.raises(BadConfiguration, match="is one of the runs, and a second call would count rows twice"):
            merge_runs(["a", "b"], merge_path)
    assert (tmp_path / "a" / STATISTICS).read_bytes() == before
    # An earlier sum may be replaced, because its rows aren't added
    assert [merge_runs(["a", "b"], "out").item_count for _ in range(2)] == [4, 4]


def test_merging_keeps_the_first_runs_settings(tmp_path):
    for name, numbers in (("a", [1, 2]), ("b", [3, 4])):
        publish_run(tmp_path / name, numbers)
    constraints = json.loads((tmp_path / "a" / CONSTRAINTS).read_text())
    constraints["monitoring_config"]["datatype_check_threshold"] = 0.5
    publish(
        {
            CONSTRAINTS: json.dumps(constraints).encode(),
            STATISTICS: (tmp_path / "a" / STATISTICS).read_bytes(),
            PROFILE: (tmp_path / "a" / PROFILE).read_bytes(),
        },
        str(tmp_path / "a"),
    )
    merge_runs([str(tmp_path / "a"), str(tmp_path / "b")], str(tmp_path / "out"))

    merged = json.loads((tmp_path / "out" / CONSTRAINTS).read_text())
    assert merged["monitoring_config"]["datatype_check_threshold"] == 0.5


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all"])
def test_states_that_are_no_states_are_named(content):
    with pytest.raises(BadState, match=r"x/profile\.parquet: is no such file of ours"):
        decode_state_file(content, "x/profile.parquet")
