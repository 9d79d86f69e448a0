"""What leaves a run names no value of its data: every member of a report, JUnit, result tables, the text for logs, errors."""

import re
from datetime import datetime, timezone

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_model_monitor import (
    AnalysisConfig,
    BiasMeasures,
    BiasMonitor,
    DataQualityMonitor,
    ModelQualityMonitor,
    MonitoringSettings,
    OutcomePlan,
    ProblemType,
    run_baseline,
    run_monitoring,
)
from spark_model_monitor.cli import main
from spark_model_monitor.documents.alert_files import AlertStatus
from spark_model_monitor.documents.run_description import RunContext
from spark_model_monitor.errors import BadConfiguration, ViolationsFound
from spark_model_monitor.reports.history_page.compare import VIOLATED_STATUS
from spark_model_monitor.reports.notices import AlertReport, encode_document, write_headline, write_text
from spark_model_monitor.reports.outputs.junit import encode_junit
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.runtime.publishing import make_report

MARKER = "Zq7"  # in every category, class and segment of the data
PLANS = [f"{MARKER}business", f"{MARKER}free"]
FRAMES = []  # kept, so that rows can be read again for what they have in common


def draw_people(rows, seed, *, is_odd=False):
    """Rows of two plans; odd ones have another country, and other amounts in one plan."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "plan": rng.choice(PLANS, rows, p=[0.2, 0.8]),
            "country": rng.choice([f"{MARKER}DE", f"{MARKER}FR"], rows),
            "amount": rng.normal(size=rows),
        }
    )
    if is_odd:
        frame["country"] = frame["country"].replace(f"{MARKER}FR", f"{MARKER}ES")
        frame.loc[frame["plan"] == PLANS[0], "amount"] += 3
    return frame


def draw_answers(rows, seed, *, is_odd=False):
    """Classes as they were predicted and happened; odd ones are wrong in one plan, and have another class."""
    rng = np.random.default_rng(seed)
    frame = draw_people(rows, seed)
    frame["label"] = rng.choice([f"{MARKER}yes", f"{MARKER}no"], rows)
    is_wrong = rng.random(rows) < 0.1
    if is_odd:
        is_wrong |= (frame["plan"] == PLANS[0]).to_numpy()
        frame.loc[:20, "label"] = f"{MARKER}maybe"
    frame["prediction"] = np.where(is_wrong, f"{MARKER}no", frame["label"])
    return frame


def draw_decisions(rows, seed, *, is_odd=False):
    """Decisions; odd ones turn women of one plan down."""
    rng = np.random.default_rng(seed)
    frame = draw_people(rows, seed)
    frame["sex"] = rng.choice(["f", "m"], rows)
    frame["hired"] = rng.choice([0, 1], rows)
    if is_odd:
        frame.loc[(frame["plan"] == PLANS[0]) & (frame["sex"] == "f"), "hired"] = 0
    return frame


BIAS = AnalysisConfig.from_json(
    '{"label": "hired", "label_values_or_threshold": [1], "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}]}'
)
CASES = {
    "data quality": (draw_people, DataQualityMonitor(settings=MonitoringSettings(segments=("plan",))), "DATA_QUALITY"),
    "model quality": (
        draw_answers,
        ModelQualityMonitor(OutcomePlan(ProblemType.MULTICLASS_CLASSIFICATION, segments=("plan",))),
        "MODEL_QUALITY",
    ),
    "bias": (draw_decisions, BiasMonitor(BiasMeasures.of(BIAS)), "MODEL_BIAS"),
}

WITH_VALUES_IN_SENTENCES = ("data quality", "model quality")


def compare_rows(case, baseline_path=None, **context):
    rows_of, monitor, _ = CASES[case]
    known_rows = rows_of(6_000, 1)
    odd_rows = rows_of(3_000, 2, is_odd=True)
    FRAMES[:] = [known_rows, odd_rows]
    baseline = run_baseline(known_rows, monitor)
    if baseline_path is not None:
        baseline.write(str(baseline_path))
    return run_monitoring(odd_rows, monitor, baseline, context=RunContext(**context))


def collect_what_leaves(findings, tmp_path, analysis_type):
    """Everything that sinks, files for others and logs get of a run, as text by what it is."""
    run = findings.write(tmp_path)
    flags = [f"--output-path={tmp_path}", "--dataset-source=here", "--dataset-format=csv", "--baseline=there"]
    flags.append(f"--analysis-type={analysis_type}")
    config = build_config("monitor", read_sources(flags, {}), in_container=False)
    now = datetime(2024, 3, 4, tzinfo=timezone.utc)
    report = make_report(findings, run, config, now, AlertReport(AlertStatus.IN_ALERT))
    tables = findings.tables(hide_values=not findings.current.context.sends_values)
    with pytest.raises(ViolationsFound) as error:
        findings.without_values.raise_for_violations()
    return {
        "report": repr(report),
        "message": write_headline(report) + write_text(report),
        "document": encode_document(report).decode(),
        "page": "" if report.page is None else report.page().decode(),
        "JUnit": encode_junit(findings.sendable.results, analysis_type).decode(),
        "tables": str([pq.read_table(pa.BufferReader(content)).to_pylist() for content in tables.values()]),
        "violations": (tmp_path / "constraint_violations.json").read_text(),
        "error": str(error.value),
        "log": findings.without_values.summary() + findings.without_values.text(),
    }


@pytest.mark.parametrize("case", CASES)
def test_what_leaves_a_run_names_no_value_and_what_people_look_at_does(case, tmp_path):
    findings = compare_rows(case)
    leaving = collect_what_leaves(findings, tmp_path, CASES[case][2])

    assert {name: content for name, content in leaving.items() if MARKER in content} == {}
    looked_at = {
        "page": (tmp_path / "report.html").read_text(),
        "checks": (tmp_path / "checks.json").read_text(),
        "notebook": findings._repr_html_(),
        "terminal": findings.text(),
    }
    if case == "bias":
        del looked_at[
            "terminal"
        ]  # the sentence of a bias metric has its group, and what its rows have in common is on the page
    assert [name for name, content in looked_at.items() if MARKER not in content] == []


@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["text", "JSON"])
@pytest.mark.parametrize("case", CASES)
def test_commands_that_print_runs_name_values_in_a_pipe_only_if_requested(case, as_json, tmp_path, capsys):
    findings = compare_rows(case, baseline_path=tmp_path / "before")
    findings.write(tmp_path / "after")
    subjects = {check_result.feature or check_result.metric for check_result in findings.results}
    commands = [["compare", str(tmp_path / "before"), str(tmp_path / "after"), *as_json]]
    if case == "data quality":
        commands.append([*commands[0], "--judge"])
    for subject in sorted(filter(None, subjects)):
        commands.append(["explain", subject, "--run", str(tmp_path / "after"), *as_json])

    printed = {}
    for more in ([], ["--values", "send"]):
        for command in commands:
            assert main([*command, *more]) in (0, VIOLATED_STATUS), command
            printed[(*command, *more)] = capsys.readouterr().out
    with_values = [command for command, text in printed.items() if MARKER in text]
    assert [command for command in with_values if "send" not in command] == []
    if case in WITH_VALUES_IN_SENTENCES:
        assert with_values


@pytest.mark.parametrize("case", CASES)
def test_the_page_of_a_comparison_names_values_unless_they_are_hidden(case, tmp_path, capsys):
    compare_rows(case, baseline_path=tmp_path / "before").write(tmp_path / "after")
    page = tmp_path / "page.html"
    command = ["compare", str(tmp_path / "before"), str(tmp_path / "after"), "--output", str(page)]

    assert main([*command, "--values", "Hide"]) == 0
    assert MARKER not in page.read_text()
    assert main(command) == 0
    assert (MARKER in page.read_text()) == (case in WITH_VALUES_IN_SENTENCES)


def test_a_trial_names_values_on_its_page_and_in_its_document_and_in_a_pipe_only_if_requested(tmp_path, capsys):
    champion = draw_answers(2_000, 3).assign(id=range(2_000))
    # Both models disagree in one plan
    prediction = champion["prediction"].mask(champion["plan"] == PLANS[0], f"{MARKER}maybe")
    paths = [str(tmp_path / name) for name in ("champion.csv", "challenger.csv")]
    champion.to_csv(paths[0], index=False)
    champion.assign(prediction=prediction).to_csv(paths[1], index=False)
    command = ["challenge", *paths, "--problem-type", "MulticlassClassification", "--id-attribute", "id", "--json"]
    command += ["--ground-truth-attribute", "label", "--inference-attribute", "prediction"]

    printed = {}
    for values in ("hide", "show", "send"):
        assert main([*command, "--output-path", str(tmp_path / values), "--values", values]) == 0
        printed[values] = capsys.readouterr().out
    assert [values for values, text in printed.items() if MARKER in text] == ["send"]
    for name in ("challenge.html", "challenge.json"):
        assert MARKER not in (tmp_path / "hide" / name).read_text()
        assert MARKER in (tmp_path / "show" / name).read_text()


@pytest.mark.parametrize("case", WITH_VALUES_IN_SENTENCES)
def test_values_leave_a_run_that_may_send_them(case, tmp_path):
    leaving = collect_what_leaves(compare_rows(case, sends_values=True), tmp_path, CASES[case][2])

    assert MARKER in leaving["document"]
    assert MARKER in leaving["message"]
    assert MARKER in leaving["tables"]
    assert leaving["page"] == ""  # the run's own page is sent
    assert MARKER not in leaving["log"]


@pytest.mark.parametrize("case", WITH_VALUES_IN_SENTENCES)
def test_the_same_sentence_stands_without_the_value(case):
    findings = compare_rows(case)
    named = findings.headline().text
    unnamed = findings.without_values.headline().text

    # Words that the sentences share, around each value
    pattern = (
        re.escape(unnamed).replace("one\\ value\\ of\\ plan", "plan .+").replace("one\\ segment\\ of\\ plan", "plan=.+")
    )
    assert re.fullmatch(pattern.replace("one\\ value", "the value .+"), named)
    assert MARKER in named
    assert findings.without_values.outcome is findings.outcome
    assert findings.without_values.count == findings.count
    assert findings.without_values.without_values.results == findings.without_values.results


@pytest.mark.parametrize(
    "command", [["explain", "a", "--run", "b"], ["compare", "a", "b"], ["compare-files", "a", "b"]]
)
def test_a_variable_with_another_word_shows_nothing(command, monkeypatch, capsys):
    monkeypatch.setenv("MODEL_MONITOR_VALUES", "hidden")

    with pytest.raises(SystemExit):
        main(command)
    assert "'hidden' is none of hide, show and send" in capsys.readouterr().err


def test_rows_are_printed_into_a_pipe_only_if_requested(tmp_path, capsys):
    findings = compare_rows("data quality")
    findings.write(tmp_path)
    words = ["rows", str(tmp_path), "country"]

    assert main(words) == BadConfiguration.exit_status
    refusal = capsys.readouterr()
    assert refusal.out == ""
    assert "write --values send" in refusal.err
    # This run kept no ids, which is said only where they may be printed
    main([*words, "--values", "send"])
    assert "write --values send" not in capsys.readouterr().err
