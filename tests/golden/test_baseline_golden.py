"""The baselining job against what the service wrote for the same inputs, with --compat service."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="module")
def run_golden_baseline(make_jobs, golden, tmp_path_factory):
    """The documents that the job writes for a golden case, run once for each case."""
    done = {}

    def running(case, *flags):
        if (case, flags) not in done:
            output = tmp_path_factory.mktemp(case)
            source = ("--dataset-source", golden / case / "input.csv", "--dataset-format", "csv")
            finished = make_jobs(output)("baseline", *source, "--output-path", output, *flags)
            assert finished.status == 0, finished.said
            done[case, flags] = output
        return done[case, flags]

    return running


def loaded(path):
    return json.loads(path.read_text())


def assert_holds(ours, theirs, json_path):
    """Every member of `theirs` is in `ours`, equal to the last digit."""
    if isinstance(theirs, dict):
        for name, value in theirs.items():
            assert name in ours, f"{json_path}.{name} is missing"
            assert_holds(ours[name], value, f"{json_path}.{name}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), f"{json_path} has {len(ours)} entries for {len(theirs)}"
        for index, (mine, theirs_item) in enumerate(zip(ours, theirs, strict=True)):
            assert_holds(mine, theirs_item, f"{json_path}[{index}]")
    else:
        assert ours == theirs, json_path
        assert type(ours) is type(theirs), json_path


def test_housing_statistics_are_the_services(golden, run_golden_baseline):
    theirs = loaded(golden / "dq-housing-full" / "statistics.json")
    ours = loaded(run_golden_baseline("dq-housing-full", "--compat", "service") / "statistics.json")

    assert_holds(ours, theirs, "statistics")
    assert_holds_no_more(ours, theirs, "statistics")


def assert_holds_no_more(ours, theirs, json_path):
    """Nothing is in `ours` that is not in `theirs`, and members stand in the same order."""
    if isinstance(ours, dict):
        assert list(ours) == list(theirs), json_path
        for name, value in ours.items():
            assert_holds_no_more(value, theirs[name], f"{json_path}.{name}")
    elif isinstance(ours, list):
        for index, (mine, theirs_item) in enumerate(zip(ours, theirs, strict=True)):
            assert_holds_no_more(mine, theirs_item, f"{json_path}[{index}]")


def test_housing_constraints_are_the_services(golden, run_golden_baseline):
    theirs = loaded(golden / "dq-housing-full" / "constraints.json")
    ours = loaded(run_golden_baseline("dq-housing-full", "--compat", "service") / "constraints.json")

    assert_holds(ours, theirs, "constraints")
    assert_holds_no_more(ours, theirs, "constraints")


def test_churn_statistics_hold_everything_of_the_services(golden, run_golden_baseline):
    theirs = loaded(golden / "dq-churn" / "statistics.from-log.json")
    ours = loaded(run_golden_baseline("dq-churn", "--compat", "service") / "statistics.json")
    logged = {feature["name"] for feature in theirs["features"]}  # the log had cut the others off
    ours["features"] = [feature for feature in ours["features"] if feature["name"] in logged]

    assert len(logged) == 33
    assert_holds(ours, theirs, "statistics")


def test_churn_constraints_hold_everything_of_the_services_and_what_newer_ones_add(golden, run_golden_baseline):
    theirs = loaded(golden / "dq-churn" / "constraints.json")
    ours = loaded(run_golden_baseline("dq-churn", "--compat", "service") / "constraints.json")

    assert_holds(ours, theirs, "constraints")
    added = {"categorical_comparison_threshold": 0.1, "categorical_drift_method": "LInfinity"}
    distribution = ours["monitoring_config"]["distribution_constraints"]
    assert distribution == {**theirs["monitoring_config"]["distribution_constraints"], **added}


OURS = {"verdicts", "false_alarm_budget", "rows", "requested_limits", "change_that_matters"}  # in monitoring_config


@pytest.mark.parametrize("case", ["dq-housing-full", "dq-churn"])
def test_the_constraints_of_the_default_are_the_services_but_for_members_of_ours(golden, run_golden_baseline, case):
    theirs = loaded(golden / case / "constraints.json")
    ours = loaded(run_golden_baseline(case) / "constraints.json")
    config = ours["monitoring_config"]

    assert config.keys() >= OURS
    for name in OURS:
        del config[name]
    for feature in ours["features"]:
        feature.pop("always_new", None)
    for feature in ours["features"] + theirs["features"]:  # ours are in order of frequency
        if "string_constraints" in feature:
            feature["string_constraints"]["domains"].sort()
    for name in config["distribution_constraints"].keys() - theirs["monitoring_config"]["distribution_constraints"]:
        assert name.startswith("categorical_")  # newer containers have these
        del config["distribution_constraints"][name]
    assert ours == theirs


def test_the_default_stays_within_the_sketches_bound_of_the_service(golden, run_golden_baseline):
    theirs = loaded(golden / "dq-housing-full" / "statistics.json")
    ours = loaded(run_golden_baseline("dq-housing-full") / "statistics.json")
    rows = theirs["dataset"]["item_count"]

    for mine, expected in zip(ours["features"], theirs["features"], strict=True):
        assert mine["inferred_type"] == expected["inferred_type"]
        if "numerical_statistics" not in expected:
            continue
        mine = mine["numerical_statistics"]
        expected = expected["numerical_statistics"]
        for name in ("min", "max", "approximate_num_distinct_values"):
            assert mine[name] == expected[name]
        assert mine["mean"] == pytest.approx(expected["mean"], rel=1e-12)
        buckets = zip(mine["distribution"]["kll"]["buckets"], expected["distribution"]["kll"]["buckets"], strict=True)
        # D1b: 0.0009 of the rows on each of the four ranks
        assert all(abs(bucket["count"] - same["count"]) <= 4 * 0.0009 * rows for bucket, same in buckets)
