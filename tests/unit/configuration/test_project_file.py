"""Options without flags: the project file, variables and --set say the same, and their old flags say where they went."""

import json
import sys

import pytest

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.running.configuration.command_line import SETTINGS
from spark_model_monitor.running.configuration.contract import OPTIONS
from spark_model_monitor.running.configuration.option_types import flag_name, variable_name
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources

REQUIRED = ("--dataset-source", "d", "--dataset-format", "capture", "--output-path", "o")
TEXTS = {
    "start_time_offset": "-PT2H",
    "metric_time": "2026-03-04T20:00:00Z",
    "max_record_size": "64MB",
    "lease_wait": "PT1H",
    "run_budget": "0.001",
    "s3_encryption": "SSE-KMS",
    "results_rows": "all",
    "tolerance": "absolute:0.02",
    "cost_matrix": "tp=40,fp=-5",
    "column_types": "y=categorical",
    "bias_ci": "none",
    "bias_di_neutral": "1",
    "bias_ranges": "DPL=-0.1:0.1",
    "model_flavour": "sklearn",
    "model_sha256": "0" * 64,
    "shap_algorithm": "kernel",
    "attribution_ci": "none",
    "min_traffic": "0.5",
    "attribution_threshold": "0.8",
    "probability_threshold_attribute": "0.4",
    "publish_cloudwatch_metrics": "Enabled",
    "end_time_offset": "PT1H",
    "container_root": ".",
}
TEXTS |= {"flip_test": "false"}  # on by default
NEEDED = {
    "scheduled_time": "2026-01-01T00:00:00Z",
    "sink": "prometheus:metrics.prom",
    "publish_cloudwatch_metrics": "Enabled",
    "checks": "checks.json",
    "results_table": "runs",
    "model": "model.skops",
}
BESIDE = {"s3_kms_key": {"s3_encryption": "SSE-KMS"}, "evaluation_period": {"datapoints_to_alert": "2"}}
BESIDE |= {
    name: {OPTIONS[name].needs[0]: NEEDED[OPTIONS[name].needs[0]]}
    for name in SETTINGS
    if {*OPTIONS[name].needs} & {*NEEDED}
}
"""What some options need."""

READS_TOML = pytest.mark.skipif(sys.version_info < (3, 11), reason="a Python without tomllib says so in a sentence")


def read(*flags, **variables):
    return build_config("monitor", read_sources([*REQUIRED, *flags], variables), in_container=False)


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """An empty folder, in which the job is started."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def choose_text(name):
    if name in TEXTS:
        return TEXTS[name]
    placeholder = OPTIONS[name].placeholder
    if placeholder == "NUMBER":
        return "7"
    if placeholder:
        return "some"
    return "true"


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_setting_is_the_same_in_the_project_file_a_variable_and_on_the_command_line(name, project):
    [analysis, *_] = OPTIONS[name].list_analyses("monitor")
    texts = {**BESIDE.get(name, {}), name: choose_text(name), "analysis_type": analysis.value}
    by_variable = read(**{variable_name(key, OPTIONS[key]): text for key, text in texts.items()})
    by_flag = read(*(word for key, text in texts.items() for word in ("--set", f"{key}={text}")))
    (project / "spark-model-monitor.yaml").write_text("".join(f"{key}: '{text}'\n" for key, text in texts.items()))
    by_file = read()

    assert getattr(by_variable, name) == getattr(by_flag, name) == getattr(by_file, name)
    (project / "spark-model-monitor.yaml").unlink()
    assert getattr(read("--analysis-type", analysis.value), name) != getattr(by_file, name)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_setting_may_be_written_as_a_flag(name):
    option = OPTIONS[name]
    flags = {flag_name(name): "true"}
    if option.placeholder:
        flags = {f"{flag_name(name)}={choose_text(name)}": choose_text(name)}
    if option.opposite:
        flags[flag_name(option.opposite)] = "false"
    for flag, text in flags.items():
        sources = read_sources([*REQUIRED, flag], {})
        assert sources.text(name) == text


@READS_TOML
def test_flags_come_before_variables_and_variables_before_the_file(project):
    (project / "pyproject.toml").write_text(
        '[tool.other]\nx = 1\n[tool.spark-model-monitor]\nlease-wait = "PT3H"\nfail_on = "violations"\n'
        'sink = ["prometheus:a.prom", "prometheus:b.prom"]\nthreshold = {plan = 0.3}\nreport = false\nsample = 0.5\n'
    )
    config = read()

    assert config.lease_wait.total_seconds() == 3 * 3600
    assert config.fail_on.value == "violations"
    assert len(config.sink) == 2
    assert config.threshold == {"plan": 0.3}
    assert (config.report, config.sample) == (False, 0.5)
    assert read(MODEL_MONITOR_LEASE_WAIT="PT2H").lease_wait.total_seconds() == 2 * 3600
    assert read("--set", "lease_wait=PT1H", MODEL_MONITOR_LEASE_WAIT="PT2H").lease_wait.total_seconds() == 3600


def test_a_format_may_be_an_object(project):
    document = {"csv": {"header": True, "separator": ";"}}
    (project / "spark-model-monitor.yaml").write_text(json.dumps({"dataset_format": document}))
    sources = read_sources(["--dataset-source", "d", "--output-path", "o"], {})

    assert build_config("monitor", sources, in_container=False).dataset_format.separator == ";"


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        pytest.param(
            "pyproject.toml",
            "[tool.spark-model-monitor]\nlease_wiat = 1\n",
            "'lease_wiat' is no option; .*lease_wait",
            marks=READS_TOML,
        ),
        pytest.param(
            "pyproject.toml",
            "[tool.spark-model-monitor]\nlease_wait = \n",
            "pyproject.toml is no TOML",
            marks=READS_TOML,
        ),
        ("spark-model-monitor.yaml", "- a\n", "has to be OPTION: VALUE lines"),
        ("spark-model-monitor.yaml", "a: b: c\n", "line 1 is no YAML"),
        ("spark-model-monitor.yaml", "lease_wait: soon\n", "spark-model-monitor.yaml: lease_wait is 'soon'"),
    ],
)
def test_a_mistake_in_the_file_is_a_sentence(name, text, sentence, project):
    (project / name).write_text(text)

    with pytest.raises(BadConfiguration, match=sentence):
        read()


def test_a_python_without_tomllib_names_the_other_file(project, monkeypatch):
    monkeypatch.setitem(sys.modules, "tomllib", None)  # as before 3.11
    (project / "pyproject.toml").write_text('[tool.spark-model-monitor]\nlease_wait = "PT1H"\n')

    sentence = r"needs Python 3\.11; write its \[tool\.spark-model-monitor\] as spark-model-monitor\.yaml"
    with pytest.raises(BadConfiguration, match=sentence):
        read()


def test_pyproject_files_of_others_are_not_read(project):
    (project / "pyproject.toml").write_text("this is no TOML [")

    assert read().lease_wait.total_seconds() == 600


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--set", "lease_wait"], "write --set NAME=VALUE"),
        (["--set"], "write --set NAME=VALUE"),
        (["--set", "lease_wiat=PT1H"], "did you mean lease_wait"),
        (["--set", "lease_wait=soon"], "--set lease_wait is 'soon'"),
    ],
)
def test_a_mistake_behind_set_is_a_sentence(words, sentence):
    with pytest.raises(BadConfiguration, match=sentence):
        read(*words)
