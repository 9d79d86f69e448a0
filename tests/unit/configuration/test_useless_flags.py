"""Flags that no run of a job and kind can use are an error, as variables that several jobs share they are not."""

import pytest

from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.running.configuration.command_line import write_flag
from spark_model_monitor.running.configuration.contract import OPTIONS
from spark_model_monitor.running.configuration.option_types import variable_name
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources

TEXTS = {"COLUMN": "a", "NUMBER": "1", "SHARE": "0.5", "DURATION": "PT1H", "LABEL": "1", "0|1": "1", "": "true"}
"""Valid texts by placeholder; options with another one have values of their own kind."""


def list_useless():
    """Job, analysis and option."""
    for job in ("baseline", "monitor"):
        for analysis in (AnalysisType.DATA_QUALITY, AnalysisType.MODEL_QUALITY):
            for name, option in OPTIONS.items():
                is_useless = option.is_valid_name and not option.is_used_by(job, analysis)
                if is_useless and option.placeholder in TEXTS:
                    yield pytest.param(job, analysis, name, id=f"{job} {analysis.value} {name}")


OF_OTHERS = [*list_useless()]


def read(job, analysis, flags, variables):
    needed = [
        "--dataset-source",
        "d",
        "--dataset-format",
        "csv",
        "--output-path",
        "o",
        "--analysis-type",
        analysis.value,
    ]
    if analysis is AnalysisType.MODEL_QUALITY:
        needed += ["--problem-type", "Regression"]
    return build_config(job, read_sources([*needed, *flags], variables), in_container=False)


def test_there_are_many():
    assert len(OF_OTHERS) > 40


@pytest.mark.parametrize(("job", "analysis", "name"), OF_OTHERS)
def test_a_flag_of_another_kind_is_an_error_and_a_variable_is_not(job, analysis, name):
    option = OPTIONS[name]
    text = TEXTS[option.placeholder]

    with pytest.raises(BadConfiguration, match="has no effect here; leave it out"):
        read(job, analysis, [write_flag(name, text)], {})
    assert read(job, analysis, [], {variable_name(name, option): text}).ignored
