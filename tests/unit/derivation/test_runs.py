"""`spark-model-monitor explain`: the numbers of checks.json come out again, for people and as JSON, without a JVM and at once."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.programs import printed_by

from spark_model_monitor import cli
from spark_model_monitor.documents.check_results import CheckResult, CheckResults, CheckStatus
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.reports import derivation
from spark_model_monitor.reports.check_decision import describe_decision
from spark_model_monitor.reports.derivation import explain, format_explanation
from spark_model_monitor.reports.outputs.run_files import publish

from .runs_on_disk import categories, numbers, profile, publish_baseline, publish_window

DRIFT = "baseline_drift_check"


@pytest.fixture
def runs(tmp_path):
    """A baseline of 400 orders and a window of 100 in which amounts are doubled and one country is new."""
    rng = np.random.default_rng(7)
    before = profile(
        numbers("amount", rng.normal(10, 1, 400)),
        categories("country", ["DE"] * 300 + ["FR"] * 100),
        numbers("id", [1] * 400),
    )
    after = profile(
        numbers("amount", 2 * rng.normal(10, 1, 100)),
        categories("country", ["DE"] * 45 + ["ES"] * 50 + ["IT"] * 5),
        numbers("id", [1] * 100),
    )
    stored_baseline = publish_baseline(tmp_path / "baseline", before)
    publish_window(tmp_path / "window", after, stored_baseline, baseline=tmp_path / "baseline")
    return tmp_path


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(MonitoringSettings(), id="Robust and LInfinity"),
        pytest.param(
            MonitoringSettings(comparison_method="Simple", categorical_drift_method="ChiSquared"),
            id="Simple and ChiSquared",
        ),
        *[
            pytest.param(MonitoringSettings(comparison_method=name, categorical_drift_method=name), id=name)
            for name in ("js_divergence", "js_distance", "psi", "hellinger")
        ],
        pytest.param(MonitoringSettings(comparison_method="wasserstein_normalised"), id="wasserstein_normalised"),
    ],
)
@pytest.mark.parametrize("as_service", [False, True], ids=["default", "as the service"])
def test_every_drift_check_comes_out_again(tmp_path, settings, as_service):
    monitor = DataQualityMonitor(settings=settings, as_service=as_service)
    rng = np.random.default_rng(7)
    before = profile(numbers("count", rng.poisson(2, 5_000)), categories("country", list("aaabbbbbcc") * 500))
    after = profile(numbers("count", rng.poisson(3, 4_000)), categories("country", list("aabbbcdddd") * 400))
    stored_baseline = publish_baseline(tmp_path / "baseline", before, monitor)
    publish_window(tmp_path / "window", after, stored_baseline, baseline=tmp_path / "baseline", monitor=monitor)

    for name in ("count", "country"):
        explanation = explain(name, str(tmp_path / "window"))
        assert explanation.drift.observed is not None
        assert explanation.is_reproduced is True


def test_the_distance_is_the_largest_gap_less_the_correction(runs):
    derivation = explain("amount", str(runs / "window")).derivation

    # D3.1; by hand 1.8 * sqrt(500 / 40000) = 0.2012461
    assert derivation.method == "Robust"
    assert (derivation.table.n, derivation.table.m) == (400, 100)
    assert derivation.correction == pytest.approx(0.2012461, abs=1e-7)
    assert derivation.computed == derivation.table.largest.gap - derivation.correction


def test_nothing_is_taken_off_a_distance_that_is_no_gap(tmp_path):
    monitor = DataQualityMonitor(settings=MonitoringSettings(comparison_method="psi"))
    stored_baseline = publish_baseline(tmp_path / "baseline", profile(numbers("count", [0] * 90 + [1] * 10)), monitor)
    after = profile(numbers("count", [0] * 10 + [1] * 90))
    publish_window(tmp_path / "window", after, stored_baseline, baseline=tmp_path / "baseline", monitor=monitor)

    explanation = explain("count", str(tmp_path / "window"))

    assert (explanation.derivation.method, explanation.derivation.correction) == ("psi", None)
    assert "psi: 3.31445" in format_explanation(explanation)  # 2 * 80/102 * ln(91/11), by hand
    assert "less what chance does" not in format_explanation(explanation)


def test_the_text_shows_both_sides_the_largest_gap_and_the_verdict(runs, capsys):
    assert cli.main(["explain", "country", "--run", str(runs / "window"), "--values", "send"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("country in ")
    assert lines[1].startswith("compared with ")
    assert "cells: 100 String" in lines
    assert "categorical_values_check: violated" in lines
    assert "baseline_drift_check: violated" in lines
    rows = [line.split() for line in lines if line[:2] in ("DE", "ES", "FR", "IT")]
    assert rows == [  # shares by hand; the gap of 0.5 is that of the new country
        ["ES", "0", "50", "0", "0.5", "0.5", "<-", "largest", "gap,", "not", "in", "the", "baseline"],
        ["DE", "300", "45", "0.75", "0.45", "0.3"],
        ["FR", "100", "0", "0.25", "0", "0.25"],
        ["IT", "0", "5", "0", "0.05", "0.05", "<-", "not", "in", "the", "baseline"],
    ]
    assert "largest gap of 'ES': |0.0 - 0.5| = 0.5" in lines
    assert any(
        line.startswith("LInfinity: 0.298753") and line.endswith("above 0.1") for line in lines
    )  # 0.5 - 0.2012461


@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["text", "JSON"])
def test_a_category_is_named_on_a_terminal_alone(runs, monkeypatch, capsys, flags):
    def find_country(*more):
        assert cli.main(["explain", "country", "--run", str(runs / "window"), *flags, *more]) == 0
        return re.search(r"\b(DE|ES|FR|IT)\b", capsys.readouterr().out)

    assert not find_country()
    assert find_country("--values", "send")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert find_country()
    assert not find_country("--values", "hide")
    monkeypatch.setenv("MODEL_MONITOR_VALUES", "hide")
    assert not find_country()


def test_the_json_has_the_same_numbers(runs, capsys):
    assert cli.main(["explain", "amount", "--run", str(runs / "window"), "--json"]) == 0

    shown = json.loads(capsys.readouterr().out)
    [drift] = [check for check in shown["checks"] if check["check"] == DRIFT]
    assert shown["derivation"]["computed"] == drift["observed"]
    assert shown["derivation"]["reproduced"] is True
    assert shown["derivation"]["largest_gap"]["gap"] - shown["derivation"]["correction"] == drift["observed"]
    assert sum(row["current"] for row in shown["derivation"]["table"]) == 100
    assert shown["types"] == {"Fractional": 100}
    assert shown["lacking"] == []


def test_quantiles_of_both_sides_are_those_of_the_rows(tmp_path):
    monitor = DataQualityMonitor()
    before = np.arange(200.0)
    after = np.arange(100.0) ** 2
    stored_baseline = publish_baseline(tmp_path / "baseline", profile(numbers("x", before)), monitor)
    publish_window(
        tmp_path / "window",
        profile(numbers("x", after)),
        stored_baseline,
        baseline=tmp_path / "baseline",
        monitor=monitor,
    )

    explanation = explain("x", str(tmp_path / "window"))
    shares = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
    for name, values in (("baseline", before), ("current", after)):
        expected = np.quantile(values, shares, method="inverted_cdf").tolist()
        assert list(explanation.derivation.quantiles[name]) == expected
        assert explanation.plain()["derivation"]["quantiles"][name]["0.5"] == expected[3]
    [line] = [line for line in format_explanation(explanation).splitlines() if line.startswith("current ")]
    assert [float(word.replace(",", "")) for word in line.split()[1:]] == [0, 81, 576, 2401, 5476, 7921, 9604]


def test_a_feature_that_did_not_move_has_a_table_too(runs):
    explanation = explain("id", str(runs / "window"))

    assert explanation.drift.status is CheckStatus.CANNOT_TELL  # there are no earlier windows
    assert explanation.derivation.table.largest.gap == 0.0


def test_a_baseline_that_was_changed_since_is_noticed(runs, capsys):
    publish_baseline(
        runs / "other", profile(numbers("amount", np.linspace(0, 1, 500)), categories("country", ["DE"] * 500))
    )
    assert cli.main(["explain", "amount", "--run", str(runs / "window"), "--baseline", str(runs / "other")]) == 0

    assert "the baseline has been changed since, or another one was named" in capsys.readouterr().out


def test_a_baseline_published_again_elsewhere_changes_nothing(runs):
    before = explain("amount", str(runs / "window"))
    publish_baseline(runs / "baseline", profile(numbers("amount", np.linspace(0, 1, 500))))

    assert explain("amount", str(runs / "window")) == before  # the run's own folder never changes


@pytest.mark.parametrize(("reader", "is_baseline"), [("read_published", False), ("read_baseline_reference", True)])
def test_a_run_that_another_replaces_while_it_is_read_is_explained_by_its_own_states(
    tmp_path, monkeypatch, reader, is_baseline
):
    profiles = [profile(numbers("amount", values)) for values in ([1, 2, 3], [7, 8, 9, 9], [4, 4])]
    folders = [tmp_path / "hour 1", tmp_path / "hour 2"]
    stored_baseline = publish_baseline(tmp_path / "baseline", profiles[0])
    publish_window(folders[0], profiles[1], stored_baseline, in_place=True)
    publish_window(folders[1], profiles[0], stored_baseline, in_place=True, baseline=folders[0])
    undisturbed = explain("amount", str(folders[1]))
    read = getattr(derivation, reader)

    def read_and_replace(*arguments):
        answer = read(*arguments)
        publish_window(folders[not is_baseline], profiles[2], stored_baseline, in_place=True)
        return answer

    monkeypatch.setattr(derivation, reader, read_and_replace)
    assert explain("amount", str(folders[1])) == undisturbed


def test_a_baseline_that_is_gone_leaves_the_checks(runs):
    shutil.rmtree(runs / "baseline")
    explanation = explain("amount", str(runs / "window"))

    assert explanation.derivation is None
    assert "has no states/ of features" in explanation.no_derivation
    assert explanation.drift.status is CheckStatus.VIOLATED


def test_a_run_that_names_no_baseline_asks_for_one(tmp_path):
    stored_baseline = publish_baseline(tmp_path / "baseline", profile(numbers("amount", [1, 2, 3])))
    publish_window(tmp_path / "window", profile(numbers("amount", [1, 2, 3])), stored_baseline)

    assert explain("amount", str(tmp_path / "window")).no_derivation.endswith("name it with --baseline")
    assert explain("amount", str(tmp_path / "window"), str(tmp_path / "baseline")).is_reproduced is True


def test_the_two_documents_alone_are_a_baseline(tmp_path):
    stored_baseline = publish_baseline(tmp_path / "baseline", profile(numbers("amount", [1, 2, 3, 9])))
    shutil.rmtree(tmp_path / "baseline" / "_runs")
    (tmp_path / "baseline" / "_current.json").unlink()
    publish_window(
        tmp_path / "window", profile(numbers("amount", [4, 5])), stored_baseline, baseline=tmp_path / "baseline"
    )

    assert explain("amount", str(tmp_path / "window")).is_reproduced is True


def test_a_metric_of_a_model_is_shown_with_its_numbers(tmp_path, capsys):
    test = {"decided_by": "Fisher's exact test", "statistic": 100, "p": 0.0001, "level": 0.0005, "limit": 0.8}
    numbers = {"observed": 0.5, "threshold": 0.8, "interval": (0.4, 0.6), "m": 200}
    outcome = CheckResult(
        metric="f1",
        check="LessThanThreshold",
        status=CheckStatus.VIOLATED,
        reason="a remark",
        **test,
        **numbers,
    )
    publish({CheckResults.FILE_NAME: CheckResults(checks=(outcome,)).to_json().encode()}, str(tmp_path))
    assert cli.main(["explain", "f1", "--run", str(tmp_path)]) == 0

    assert capsys.readouterr().out.splitlines()[2:] == [
        "LessThanThreshold: violated",
        "  decided by: Fisher's exact test, statistic 100.0",
        "  p = 0.0001, at most the level 0.0005",
        "  observed 0.5, below the limit 0.8",
        "  beside it: interval 0.4 to 0.6, m = 200",
        "  because a remark",
    ]


def explain_limits(**numbers):
    """The lines with the conditions and the information."""
    metric = CheckResult(check="c", status=CheckStatus.PASSED, threshold=None, m=9, **numbers)
    _status, _decided_by, conditions, information = describe_decision(metric)
    return conditions, information


@pytest.mark.parametrize(
    ("interval", "relation"),
    [
        ((0.4, 0.6), "wholly outside of"),
        ((-0.6, -0.4), "wholly outside of"),
        ((-0.4, 0.6), "partly within"),
        ((0.2, 0.3), "within"),
    ],
)
def test_an_interval_that_decided_is_explained_beside_its_limits(interval, relation):
    limits = -0.3, 0.3
    low, high = interval

    conditions, information = explain_limits(decided_by="interval", interval=interval, limits=limits, observed=0.2)

    assert conditions == f"  interval {low} to {high}, {relation} the limits -0.3 and 0.3"
    assert information == "  beside it: observed 0.2, m = 9"


@pytest.mark.parametrize(
    ("observed", "limits", "sentence"),
    [
        (0.5, (-0.3, 0.3), "outside of the limits -0.3 and 0.3"),
        (0.3, (-0.3, 0.3), "within the limits -0.3 and 0.3"),
        (-0.5, (None, 0.3), "within the limits up to 0.3"),
        (-0.5, (-0.3, None), "outside of the limits from -0.3 up"),
    ],
)
def test_a_number_is_explained_beside_its_limits(observed, limits, sentence):
    conditions, information = explain_limits(decided_by="limits", observed=observed, limits=limits)

    assert conditions == f"  observed {observed}, {sentence}"
    assert information == "  beside it: m = 9"


@pytest.mark.parametrize(
    ("name", "run", "sentence"),
    [
        pytest.param("amont", "window", "has no check of 'amont' among its", id="a slip of the pen"),
        pytest.param("amount", "baseline", "no monitoring run was published here", id="a baseline"),
        pytest.param("amount", "nowhere", "nowhere: there is no such file or directory", id="nothing"),
    ],
)
def test_what_is_not_there_is_one_sentence(runs, capsys, name, run, sentence):
    assert cli.main(["explain", name, "--run", str(runs / run)]) == BadInput.exit_status
    assert sentence in capsys.readouterr().err


def test_the_nearest_name_is_offered(runs):
    with pytest.raises(BadInput, match="did you mean 'amount'"):
        explain("amont", str(runs / "window"))


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in Linux's /proc")
def test_reading_the_states_of_a_run_begins_no_thread(runs):
    # Python that ends while a thread of Arrow's begins is aborted: "terminate called without an active exception"
    program = (
        "import os, sys; from spark_model_monitor.reports import derivation; before = len(os.listdir('/proc/self/task'));"
        "derivation.explain('amount', sys.argv[1], None); print(before, len(os.listdir('/proc/self/task')))"
    )

    before, after = printed_by(program, str(runs / "window")).split()
    assert after == before


@pytest.mark.long
def test_the_command_starts_no_jvm_and_loads_neither_spark_nor_pandas(runs):
    program = (
        "import sys; from spark_model_monitor import cli; cli.main(sys.argv[1:]);"
        "print({'pyspark', 'py4j', 'pandas', 'boto3'} & set(sys.modules))"
    )
    printed = printed_by(program, "explain", "amount", "--run", str(runs / "window"))

    assert printed.splitlines()[-1] == "set()"


def test_states_that_a_run_lacks_are_named(runs, capsys):
    before = profile(numbers("amount", [1.0, 2.0, 3.0]))
    [amount] = before.features
    less = amount.of("amount", amount.column_type, [amount.data_types, amount.moments])
    stored_baseline = publish_baseline(runs / "merged", profile(amount + less))
    publish_window(runs / "later", before, stored_baseline, baseline=runs / "merged")
    publish_window(runs / "several", profile(amount + less), stored_baseline, baseline=runs / "merged")

    assert explain("amount", str(runs / "later")).no_derivation.startswith("baseline: its state 'kll' is missing")
    assert explain("amount", str(runs / "several")).lacking == ("kll",)
    assert cli.main(["explain", "amount", "--run", str(runs / "several")]) == 0
    assert "lacks kll: not every run that was merged has it" in capsys.readouterr().out.splitlines()
