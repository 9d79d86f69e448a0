"""The help text explains every flag, from the same table that reads them."""

import re

import pytest
from tests.help_texts import help_texts

from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.running.configuration.command_line import LOG_FLAGS, read_stored_help
from spark_model_monitor.running.configuration.contract import OPTIONS
from spark_model_monitor.running.configuration.help import describe_option, format_help, format_short_help
from spark_model_monitor.running.configuration.option_types import JOBS, flag_name, variable_name

MAX_FLAGS = 60


@pytest.mark.parametrize("job", JOBS)
def test_help_has_every_option_of_a_job_with_its_variable(job):
    text = format_help(job)
    words = " ".join(text.split())
    options = {name: option for name, option in OPTIONS.items() if job in option.jobs}

    heads = {name: name for name, option in options.items() if not option.has_flag}
    heads |= {name: flag_name(name) for name, option in options.items() if option.has_flag}
    assert [name for name, head in heads.items() if f"\n  {head}" not in text] == []
    assert [name for name, option in options.items() if f"Variable {variable_name(name, option)}; " not in words] == []
    assert [name for name in options if describe_option(name) not in words] == []


@pytest.mark.parametrize("job", JOBS)
def test_help_lists_few_flags(job):
    flags = re.findall(r"^ +-", format_help(job), re.MULTILINE)

    assert len(flags) <= MAX_FLAGS


@pytest.mark.parametrize("job", JOBS)
def test_help_names_what_has_no_effect_on_the_job(job):
    text = format_help(job)

    assert max(map(len, text.splitlines())) <= 120
    assert ("--ground-truth-source" in text.partition("Accepted, because")[2]) == (job != "merge")


def test_help_tells_defaults_and_what_is_required():
    text = " ".join(format_help("baseline").split())

    assert "Variable dataset_source; required." in text
    assert "Variable MODEL_MONITOR_MAX_QUARANTINED_SHARE; default: 0.01." in text
    assert "Variable MODEL_MONITOR_COMPARISON_METHOD; default: Robust, but Simple if only a threshold is given." in text
    assert "Variable MODEL_MONITOR_FOLLOW_LINKS; default: no." in text


@pytest.mark.parametrize("analysis", AnalysisType)
@pytest.mark.parametrize("job", JOBS)
def test_the_short_help_fits_a_screen_and_names_no_flag_of_another_analysis(job, analysis):
    text = format_short_help(job, analysis)
    named = set(re.findall(r"--[a-z0-9-]+", text)) - {"--help", "--help-all", "--set", *LOG_FLAGS}
    options = {name: option for name, option in OPTIONS.items() if option.is_used_by(job, analysis)}
    used = {flag_name(name) for name, option in options.items() if option.has_flag}

    assert 24 <= len(text.splitlines()) <= 40
    assert max(map(len, text.splitlines())) <= 80
    assert named <= used | {"--analysis-type"}
    assert used - named == set()


@pytest.mark.parametrize(("path", "text"), list(help_texts()), ids=lambda value: getattr(value, "name", ""))
def test_the_help_that_a_command_prints_is_that_of_the_options(path, text):
    """After a change of the options: python -m tests.help_texts"""
    assert path.read_text(encoding="utf-8") == text


def test_help_of_another_analysis_is_said_by_the_job():
    assert read_stored_help("monitor", ["--help"], {}) == format_short_help("monitor", AnalysisType.DATA_QUALITY)
    assert read_stored_help("monitor", ["--help-all"], {}) == format_help("monitor")
    assert read_stored_help("monitor", ["--analysis-type", "MODEL_BIAS", "--help"], {}) is None
    assert read_stored_help("monitor", ["--help"], {"MODEL_MONITOR_ANALYSIS_TYPE": "MODEL_BIAS"}) is None
    assert read_stored_help("jobs/monitor.py", ["--help"], {}) is None
    assert read_stored_help("replay", ["--help"], {}) is None
