"""The help text explains every flag, from the same table that reads them."""

from __future__ import annotations

import pytest

from model_monitor.configuration.contract import OPTIONS
from model_monitor.configuration.job_help import help_text
from model_monitor.configuration.options import JOBS
from model_monitor.configuration.sources import flag_of, variable_of


@pytest.mark.parametrize("name", OPTIONS)
def test_help_has_every_option_of_a_job_with_its_variable(name):
    option = OPTIONS[name]
    for job in option.jobs:
        text = help_text(job)
        assert f"  {flag_of(name)}" in text
        assert f"Variable {variable_of(name, option)}; " in " ".join(text.split())
        assert option.help in " ".join(text.split())


@pytest.mark.parametrize("job", JOBS)
def test_help_names_what_has_no_effect_on_the_job(job):
    text = help_text(job)

    assert max(map(len, text.splitlines())) <= 120
    assert ("--ground-truth-source" in text.partition("Accepted, because")[2]) == (job != "merge")


def test_help_tells_defaults_and_what_is_required():
    text = " ".join(help_text("baseline").split())

    assert "Variable output_path; required." in text
    assert "Variable dataset_source; required." in text
    assert "Variable MODEL_MONITOR_MAX_QUARANTINED_SHARE; default: 0.01." in text
    assert "Variable MODEL_MONITOR_COMPARISON_METHOD; default: Robust." in text
    assert "Variable MODEL_MONITOR_FLATTEN_JSON; default: no." in text
