"""What changed between two sets of documents, worked out by hand; and a verdict from two folders alone."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from tests.unit.data_quality.comparisons import make_profile, number_feature, text_feature

from spark_model_monitor.cli import main as cli
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.reports.history.state_files import name_state_file, to_parquet
from spark_model_monitor.reports.history_page.compare import VIOLATED_STATUS, compare, main
from spark_model_monitor.reports.outputs.run_files import publish, read_current_run
from spark_model_monitor.statistics.states import ColumnType, DataTypeCounts, FeatureProfile, Profile


def put(folder, *features, in_place=False) -> str:
    monitor = DataQualityMonitor()
    profile = make_profile(*features)
    documents = monitor.documents(profile, monitor.metrics(profile))
    files = {document.FILE_NAME: document.to_json().encode() for document in documents}
    publish({**files, name_state_file(Profile): to_parquet(profile)}, str(folder), in_place=in_place)
    return str(folder)


@pytest.fixture
def sides(tmp_path):
    """`a` moves by half of its values, `b` keeps all, `kind` swaps two values, `old` goes, `new` comes."""
    numbers = [value + 0.5 for value in range(100)]  # whole ones would number the rows
    before = put(
        tmp_path / "before",
        number_feature("b", numbers),
        number_feature("a", numbers),
        text_feature("kind", ["x"] * 60 + ["y"] * 40),
        number_feature("old", numbers),
    )
    after = put(
        tmp_path / "after",
        number_feature("b", numbers),
        number_feature("a", [value + 50 for value in numbers]),
        text_feature("kind", ["x"] * 40 + ["y"] * 60),
        number_feature("new", numbers),
    )
    return before, after


def test_what_changed_comes_by_how_much_it_changed(sides):
    changes = compare(*sides).changes

    assert [(change.name, change.kind) for change in changes] == [
        ("new", "added"),
        ("old", "removed"),
        ("a", "changed"),
        ("kind", "changed"),
        ("b", "same"),
    ]
    moved = changes[2]
    assert moved.distance == pytest.approx(0.5)
    assert moved.changes == {
        "mean": (50.0, 100.0),
        "min": (0.5, 50.5),
        "p25": (24.5, 74.5),  # 25 of the 100 values are 24.5 or less
        "median": (49.5, 99.5),
        "p75": (74.5, 124.5),
        "max": (99.5, 149.5),
    }
    assert changes[3].distance == pytest.approx(0.2)


def test_a_run_that_another_replaces_while_it_is_read_is_compared_by_its_own_files(tmp_path, monkeypatch):
    folder = tmp_path / "hour"
    before = put(tmp_path / "before", number_feature("a", [1.5, 2.5]))
    after = put(folder, number_feature("a", [1.5, 3.5]), in_place=True)
    undisturbed = compare(before, after).plain()

    def read_and_replace(path):
        run = read_current_run(path)
        if path == after:
            put(folder, number_feature("a", [9.5, 9.5, 9.5]), in_place=True)
        return run

    monkeypatch.setattr("spark_model_monitor.reports.history_page.compared_side.read_current_run", read_and_replace)
    assert compare(before, after).plain() == undisturbed


def test_the_text_says_it_in_words(sides, capsys):
    assert cli(["compare", *sides]) == 0

    printed = capsys.readouterr().out
    assert "100 rows before, 100 after; 4 of 5 features or metrics changed" in printed
    assert (
        "mean 50 → 100; min 0.5 → 50.5; p25 24.5 → 74.5; median 49.5 → 99.5; p75 74.5 → 124.5; max 99.5 → 149.5"
        in " ".join(printed.split())
    )
    assert "\nb " not in printed
    assert "a changed 0.5" in " ".join(printed.split())


def test_a_verdict_from_two_folders_alone(sides, capsys):
    assert cli(["compare", *sides, "--judge"]) == VIOLATED_STATUS
    printed = capsys.readouterr().out
    assert "  a: Baseline drift distance: 0." in printed

    assert cli(["compare", sides[0], sides[0], "--judge"]) == 0
    assert "0 violations of the constraints of" in capsys.readouterr().out


def test_in_a_pipe_values_of_a_domain_are_counted(tmp_path, capsys):
    for name, value in (("before", "Tuvalu"), ("after", "Nauru")):
        feature = {"name": "country", "inferred_type": "String", "string_constraints": {"domains": ["Peru", value]}}
        (tmp_path / f"{name}.json").write_text(json.dumps({"features": [feature]}))
    words = ["compare", str(tmp_path / "before.json"), str(tmp_path / "after.json"), "--json"]

    assert cli(words) == 0
    [country] = [change for change in json.loads(capsys.readouterr().out)["changes"] if change["name"] == "country"]
    assert country["changes"] == {"domain": [2, 2]}
    assert cli([*words, "--values", "send"]) == 0
    assert "Nauru" in capsys.readouterr().out


def test_json_and_the_page_have_the_same(sides, tmp_path):
    out = io.StringIO()
    main(*sides, out, as_json=True, output=str(tmp_path / "c.html"))

    plain = json.loads(out.getvalue())
    assert [change["name"] for change in plain["changes"]] == ["new", "old", "a", "kind", "b"]
    page = (tmp_path / "c.html").read_text()
    assert page.index(">new<") < page.index(">old<") < page.index(">a<")
    assert "mean 50 → 100" in page


def test_files_of_the_service_are_compared_with_runs_of_ours(golden, tmp_path):
    ours = put(tmp_path / "ours", number_feature("a", list(np.arange(9.0))))

    changes = compare(str(golden / "dq-cookbook" / "run" / "statistics.json"), ours).changes

    assert {change.name: change.kind for change in changes} == {
        **dict.fromkeys(("label", "b", "c", "d"), "removed"),
        "a": "changed",
    }


def test_documents_alone_are_judged_as_far_as_they_go(sides):
    """As by the states, of the same two runs."""

    def broken(after):
        return [
            (outcome.feature, outcome.check) for outcome in compare(sides[0], after).judge() if outcome.is_violation
        ]

    by_states = broken(sides[1])
    assert ("a", "baseline_drift_check") in by_states
    assert broken(f"{sides[1]}/statistics.json") == by_states
    assert cli(["compare", *(f"{window}/statistics.json" for window in sides), "--judge"]) == VIOLATED_STATUS


def test_what_documents_alone_do_not_suffice_for_is_stated(tmp_path, capsys):
    integers = number_feature("n", [float(value) for value in range(100)], integral=True)
    before = put(tmp_path / "before", integers, text_feature("id", [f"x{number}" for number in range(300)]))
    halves = number_feature("n", [value / 2 for value in range(100)])
    after = put(tmp_path / "after", halves, text_feature("id", [f"x{number}" for number in range(300)]))

    cli(["compare", before, f"{after}/statistics.json", "--judge", "--json"])
    not_judged = json.loads(capsys.readouterr().out)["not_judged"]
    reasons = {(check["feature"], check["check"]): check["reason"] for check in not_judged}
    assert reasons["n", "data_type_check"].startswith("statistics.json doesn't say how many values")
    assert ("id", "baseline_drift_check") in reasons
    cli(["compare", before, f"{after}/statistics.json", "--judge"])
    printed = capsys.readouterr().out
    assert f"{len(not_judged)} checks not judged; facts need a run's states" in printed
    assert "  n: data_type_check: statistics.json doesn't say how many values" in printed


def test_of_a_column_of_lists_documents_alone_say_how_many_are_missing(tmp_path):
    before, after = (
        put(tmp_path / name, FeatureProfile.of("f", ColumnType.NESTED, [DataTypeCounts(missing, unknown=60 - missing)]))
        for name, missing in (("before", 0), ("after", 30))
    )
    checks = compare(before, f"{after}/statistics.json").judge()

    assert [(check.feature, check.check) for check in checks if check.is_violation] == [("f", "completeness_check")]


def test_runs_without_a_name_in_common_are_of_different_kinds(tmp_path, capsys):
    folders = [put(tmp_path / name, number_feature(name, range(100))) for name in ("orders", "people")]

    assert cli(["compare", *folders]) == BadInput.exit_status
    assert "no feature or metric in common; name two runs of one kind" in capsys.readouterr().err


def test_rows_that_no_document_counts_are_not_zero(tmp_path, capsys):
    (tmp_path / "analysis.json").write_text(
        '{"version": "1.0", "post_training_bias_metrics": {"label": "y", "facets": {"x": [{"value_or_threshold": "1", '
        '"metrics": [{"name": "DPPL", "description": "", "value": 0.5}]}]}}}'
    )

    assert cli(["compare", str(tmp_path / "analysis.json"), str(tmp_path / "analysis.json")]) == 0
    assert "rows" not in capsys.readouterr().out


def test_metrics_have_no_constraints_of_features(sides):
    comparison = compare(*sides)
    with pytest.raises(BadInput, match="has no features"):
        replace(comparison, after=replace(comparison.after, profile=None, statistics=None)).judge()


def test_a_folder_with_nothing_to_compare_is_one_sentence(tmp_path):
    with pytest.raises(BadInput, match="there is neither a run nor a statistics.json to compare"):
        compare(str(tmp_path), str(tmp_path))
