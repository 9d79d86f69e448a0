"""Each option of `monitor --help-all` in a run without its input: an error, a warning that names it, or "cannot tell".

The options are those of the contract: a new one without a line in the file of cases fails.
"""

import csv
import json
from itertools import cycle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from tests.running_jobs import JobsHere

from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.running.configuration.command_line import write_flag
from spark_model_monitor.running.configuration.contract import OPTIONS
from spark_model_monitor.running.configuration.option_types import variable_name
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources

TIME = "2026-01-01T01:00:00Z"
DATA_QUALITY = AnalysisType.DATA_QUALITY

TEXTS = {
    "COLUMN": "absent",
    "FEATURE": "absent",
    "NUMBER": "1",
    "SHARE": "0.5",
    "TIME": TIME,
    "DURATION": "PT0H",
    "FILE": "absent.json",
    "PATH": "absent",
    "LABEL": "1",
    "METRICS": "absent:metric",
    "MODEL": "absent.skops",
    "TYPES": "absent",
    "TYPE": "Regression",
    "DIGEST": "0" * 64,
    "COSTS": "tp=1",
    "TOLERANCE": "relative:5%",
    "COLUMNS": "absent=categorical",
    "RANGES": "DPL=-0.1:0.1",
    "": "true",
}
"""Valid texts by placeholder; of options with choices it is the last of them."""

CASES = Path(__file__).with_name("flags_without_input.tsv")
"""A line for each option and way to set it. says: error, warning or cannot tell, with the sentence that names it; always, if
every run uses it, or of models, if it is of other kinds, with the reason."""
STATUSES = {"error": 2, "warning": 0, "cannot tell": 5}


def read_cases():
    """By what is said: the option, the flags and the sentence."""
    cases = {}
    with CASES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            cases.setdefault(row["says"], []).append((row["option"], row["flags"], row["sentence"]))
    return cases


def list_options(*, of_data_quality):
    """The options of a monitor that are of data quality, or of other kinds alone."""
    return [
        name
        for name, option in OPTIONS.items()
        if option.list_analyses("monitor") and option.is_used_by("monitor", DATA_QUALITY) is of_data_quality
    ]


def choose_flag(name):
    placeholder = OPTIONS[name].placeholder
    return write_flag(name, TEXTS.get(placeholder, placeholder.rpartition("|")[2]))


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """A folder with a baseline and a window in CSV and in Parquet, without times and relations."""
    folder = tmp_path_factory.mktemp("flags")
    generator = np.random.default_rng(1)
    for name, rows in (("base", 600), ("window", 300)):
        amounts = generator.normal(50, 5, rows)
        table = pa.table(
            {"amount": amounts, "age": generator.integers(18, 80, rows), "city": ["a", "b", "c"] * (rows // 3)}
        )
        pyarrow.csv.write_csv(table, folder / f"{name}.csv")
        pyarrow.parquet.write_table(table, folder / f"{name}.parquet")
    (folder / "rules.yaml").write_text("expectations:\n  - column: zz\n    max_missing: 0.1\n")
    (folder / "thresholds.json").write_text(json.dumps({"zz": {"drift": 0.1}}))
    run_job = JobsHere(folder, "local")
    for suffix in ("csv", "parquet"):
        ended = run_job("baseline", f"base.{suffix}", f"--output-path=b-{suffix}", "--no-report")
        assert ended.status == 0, ended.said
    return run_job


def run_window(jobs, suffix, flags):
    needed = [f"--baseline=b-{suffix}", f"--output-path=o-{suffix}", "--no-report", "--fail-on=cannot-tell"]
    return jobs("monitor", f"window.{suffix}", *needed, *flags)


def list_runs():
    """The flags of each case, and its format: CSV and Parquet in turn."""
    suffixes = cycle(("csv", "parquet"))
    for says in STATUSES:
        for _, flags, sentence in read_cases()[says]:
            yield pytest.param(next(suffixes), flags.split(), says, sentence, id=f"{flags} {says}")


def test_each_option_has_a_case_or_a_reason():
    options_by_case = {says: {option for option, _, _ in cases} for says, cases in read_cases().items()}
    with_input = {name for name, option in OPTIONS.items() if option.needs}
    with_cases = options_by_case["error"] | options_by_case["warning"] | options_by_case["cannot tell"]

    assert {*list_options(of_data_quality=True)} - with_input == (with_cases | options_by_case["always"]) - with_input
    assert {*list_options(of_data_quality=False)} - with_input == options_by_case["of models"]
    assert not with_cases & options_by_case["always"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_same_run_without_the_flag_is_green(jobs, suffix):
    ended = run_window(jobs, suffix, [])

    assert (ended.status, "WARNING" in ended.said) == (0, False), ended.said


@pytest.mark.parametrize(("suffix", "flags", "says", "sentence"), [*list_runs()])
def test_what_cannot_be_done_is_said(jobs, suffix, flags, says, sentence):
    ended = run_window(jobs, suffix, flags)

    # A part that can't be told is among the checks, and needs no warning
    lines = ended.said.splitlines()
    if says != "cannot tell":
        lines = [line for line in lines if says.upper() in line]
    assert ended.status == STATUSES[says], ended.said
    assert any(sentence in line for line in lines), ended.said
    if says == "error":
        assert "scanned" not in ended.said


def test_missing_texts_are_not_of_a_format_without_texts(jobs):
    ended = run_window(jobs, "parquet", ["--missing-values=NA"])

    assert (ended.status, "without a window: --missing-values" in ended.said) == (0, True), ended.said


@pytest.mark.parametrize("name", list_options(of_data_quality=False))
def test_a_flag_of_another_kind_is_an_error_or_a_warning_of_the_contract(jobs, name):
    ended = run_window(jobs, "csv", [choose_flag(name)])

    location = choose_flag(name).partition("=")[0].replace("--set", f"--set {name}")
    if OPTIONS[name].is_valid_name:
        assert (ended.status, f"ERROR {location} is" in ended.said) == (2, True), ended.said
    else:
        assert (ended.status, f"WARNING without effect on this job: {location}" in ended.said) == (0, True), ended.said


@pytest.mark.parametrize(
    ("name", "analysis"),
    [
        (name, analysis)
        for name, option in OPTIONS.items()
        if option.needs
        for analysis in option.list_analyses("monitor")
    ],
)
def test_a_flag_without_the_option_that_it_needs_is_an_error_and_a_variable_is_not(name, analysis):
    needed = ["--dataset-source=d", "--dataset-format=csv", "--output-path=o", f"--analysis-type={analysis.value}"]
    # Switches that are on by default have to be turned off
    turned_off = [write_flag(need, "false") for need in OPTIONS[name].needs if need in ("find_causes", "flip_test")]
    flag = choose_flag(name)
    location, _, text = flag.removeprefix("--set=").partition("=")

    with pytest.raises(BadConfiguration, match=f"{location} has no effect without"):
        build_config("monitor", read_sources([*needed, *turned_off, flag], {}), in_container=False)
    variable = variable_name(name, OPTIONS[name])
    sources = read_sources([*needed, *turned_off], {variable: text})
    assert f"variable {variable}" in build_config("monitor", sources, in_container=False).ignored
