"""The options of a bias job: what they take, and what its configuration stands for."""

import json
import math

import pytest

from spark_model_monitor.data.reading.formats import CsvFormat, MergedFormat
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.bias.metric_comparison import Tolerances
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.inputs.job_measures import attribution_measures, bias_measures, bias_tolerances
from spark_model_monitor.running.inputs.job_measures import attribution_tolerances as of_attributions
from spark_model_monitor.running.kinds import create_monitor
from spark_model_monitor.statistics.user_choices import ValueKind

ANALYSIS = {
    "dataset_type": "text/csv",
    "label": "y",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "sex"}],
    "methods": {"pre_training_bias": {"methods": "all"}},
}


@pytest.fixture
def configured(tmp_path):
    """`configured(*flags, job=…, **members)`: the configuration of a bias job with these members in its analysis_config.json."""

    def configuring(*flags, job="baseline", remove=(), **members):
        path = tmp_path / "analysis_config.json"
        path.write_text(json.dumps({k: v for k, v in {**ANALYSIS, **members}.items() if k not in remove}))
        arguments = ["--analysis-type", "MODEL_BIAS", "--analysis-config", str(path), "--output-path", "out", *flags]
        return build_config(job, read_sources(arguments, {}), in_container=False)

    return configuring


SOURCE = ("--dataset-source", "data")


@pytest.mark.parametrize(
    ("flags", "samples", "warned"),
    [
        pytest.param(("--compat", "service"), 500, True, id="few, as the service"),
        pytest.param(("--compat", "service"), 5000, False, id="many, as the service"),
        pytest.param((), 500, False, id="few, by default"),
    ],
)
def test_few_samples_differ_from_the_services(configured, caplog, flags, samples, warned):
    members = {"shap": {"baseline": [[1, 2]], "num_samples": samples}}
    config = configured(
        *SOURCE, "--analysis-type", "MODEL_EXPLAINABILITY", "--model", "math:fsum", *flags, methods=members
    )

    attribution_measures(config)

    assert any("below 2 × features + 2,048" in line.message for line in caplog.records) == warned


def test_the_configuration_says_what_the_data_is(configured):
    assert configured(*SOURCE).dataset_format == CsvFormat(header=True)


def test_a_monitors_data_is_merged_records(configured):
    config = configured(*SOURCE, job="monitor", remove=("dataset_type", "methods"))

    assert config.dataset_format == MergedFormat()
    assert bias_measures(config).label == -2
    assert bias_measures(config).methods.post_training is not None


def test_a_format_that_is_given_wins(configured):
    assert configured(*SOURCE, "--dataset-format", "csv-without-header").dataset_format == CsvFormat(header=False)


def test_the_place_of_the_data_may_stand_in_the_configuration(configured):
    assert configured(dataset_uri="s3://bucket/data").dataset_source == "s3://bucket/data"
    assert configured(*SOURCE, dataset_uri="s3://bucket/data").dataset_source == "data"


def test_how_metrics_are_judged(configured):
    flags = (
        *("--set", "bias_ci=bootstrap", "--set", "bias_min_rows=50"),
        *("--set", "bias_di_neutral=1", "--set", "bias_ranges=DPL=-0.1:0.1"),
    )
    tolerances = bias_tolerances(configured(*SOURCE, *flags, job="monitor"))

    assert tolerances.with_intervals
    assert tolerances.neutral_di
    assert (tolerances.min_rows, tolerances.ranges) == (50, {"DPL": (-0.1, 0.1)})
    assert bias_tolerances(configured(*SOURCE)) == Tolerances()
    other_job = configured(*SOURCE, "--false-alarm-budget", "0.01", job="monitor")
    assert (bias_tolerances(other_job).false_alarm_budget, of_attributions(other_job).budget) == (0.01, 0.01)
    assert of_attributions(configured(*SOURCE)).budget == 1 / 720
    as_service = bias_tolerances(configured(*SOURCE, "--compat", "service"))
    assert (as_service.with_intervals, as_service.neutral_di) == (False, False)
    off = bias_tolerances(configured(*SOURCE, "--set", "bias_ci=none", "--set", "bias_di_neutral=0", job="monitor"))
    assert (off.with_intervals, off.neutral_di) == (False, False)


def test_ranges_may_be_open(configured):
    assert configured(*SOURCE, "--set", "bias_ranges=DI=0.8:inf", job="monitor").bias_ranges == {"DI": (0.8, math.inf)}


def test_columns_may_be_said_to_be_something(configured):
    config = configured(*SOURCE, "--set", "column_types=y=categorical, a=b=continuous")

    assert config.column_types == {"y": ValueKind.CATEGORICAL, "a=b": ValueKind.CONTINUOUS}
    assert bias_measures(config).column_types["y"] is ValueKind.CATEGORICAL


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--set", "column_types=y"), "--set column_types has 'y'; write COLUMN=categorical or COLUMN=continuous"),
        (("--set", "bias_ranges=DPX=0:1"), "--set bias_ranges has 'DPX', which is no bias metric; they are AD, CDDPL"),
        (("--set", "bias_ranges=DPL=0"), "--set bias_ranges has 'DPL=0'; write METRIC=LOW:HIGH, such as DPL=-0.1:0.1"),
        (
            ("--set", "bias_ranges=DPL=1:0"),
            "has 'DPL=1:0'; write METRIC=LOW:HIGH, such as DPL=-0.1:0.1, the smaller number first",
        ),
        (("--set", "bias_di_neutral=2"), "--set bias_di_neutral is '2'; write 0 as the service has it, or 1"),
        (
            ("--false-alarm-budget", "0"),
            "--false-alarm-budget is '0'; it has to be above 0 and below 1 (1 in 720 is 0.0014)",
        ),
        (("--set", "bias_ci=normal"), "--set bias_ci is 'normal'; it is one of: none, bootstrap"),
        (("--analysis-config", "nowhere.json"), "--analysis-config is 'nowhere.json', where there is no file"),
    ],
)
def test_a_wrong_option_is_a_sentence(configured, flags, sentence):
    with pytest.raises(BadConfiguration) as caught:
        configured(*SOURCE, *flags)

    assert sentence in str(caught.value)


def test_a_fault_in_the_configuration_is_one_of_the_job(configured):
    with pytest.raises(BadConfiguration, match="lable is unknown; did you mean label"):
        configured(*SOURCE, lable="y")


def test_a_bias_job_needs_a_configuration():
    arguments = ["--analysis-type", "MODEL_BIAS", *SOURCE, "--dataset-format", "csv", "--output-path", "out"]

    with pytest.raises(BadConfiguration, match="analysis_config is missing; write --analysis-config FILE"):
        create_monitor(build_config("baseline", read_sources(arguments, {}), in_container=False))


def test_predictions_may_be_named_by_the_containers_variables(configured):
    methods = {"post_training_bias": {"methods": "all"}}
    named = bias_measures(configured(*SOURCE, "--inference-attribute", "p", methods=methods))
    scored = bias_measures(configured(*SOURCE, "--probability-attribute", "score", methods=methods))

    assert named.prediction == "p"
    assert scored.prediction == -1


def test_post_training_metrics_without_predictions_stop_the_job(configured):
    with pytest.raises(BadConfiguration, match="methods.post_training_bias needs the model's predictions"):
        create_monitor(configured(*SOURCE, methods={"post_training_bias": {"methods": "all"}}))


def test_a_baseline_says_which_rows_belong_together(configured):
    named = ("--group-column", "user")
    explained = ("--analysis-type", "MODEL_EXPLAINABILITY", "--model", "math:fsum")
    shap = {"shap": {"baseline": [[1, 2]]}}

    assert bias_measures(configured(*SOURCE, *named)).group_column == "user"
    assert attribution_measures(configured(*SOURCE, *named, *explained, methods=shap)).group_column == "user"
    assert bias_measures(configured(*SOURCE, *named, "--compat", "service")).group_column is None
    assert bias_measures(configured(*SOURCE)).group_column is None
