"""What a job is told: the texts that docs/jobs.md asks for."""

from datetime import datetime, timedelta, timezone

import pytest

from spark_model_monitor.airflow import BaselineOperator, MergeOperator, MonitorOperator
from spark_model_monitor.airflow.job_options import format_arguments, format_flags, require_valid_flags, split_secrets
from spark_model_monitor.errors import BadConfiguration


def test_values_of_python_become_the_texts_that_jobs_read():
    assert format_flags(
        {
            "dataset_source": "s3://bucket/captures",
            "dataset_format": {"csv": {"header": True}},
            "lenient_window": True,
            "every": False,
            "sample": 0.1,
            "datapoints_to_alert": 2,
            "exclude_features_attribute": ["order_id", "day"],
            "max_runtime": timedelta(hours=1),
            "start_time": datetime(2026, 3, 3, 23, tzinfo=timezone(timedelta(hours=1))),
            "baseline": None,
            "problem_type": " ",
        }
    ) == {
        "dataset_source": "s3://bucket/captures",
        "dataset_format": '{"csv": {"header": true}}',
        "lenient_window": "true",
        "every": "false",
        "sample": "0.1",
        "datapoints_to_alert": "2",
        "exclude_features_attribute": "order_id,day",
        "max_runtime": "PT3600S",
        "start_time": "2026-03-03T22:00:00Z",
    }


def test_a_flag_and_its_text_are_one_word_so_that_a_text_may_begin_with_a_dash():
    assert format_arguments({"start_time_offset": "-PT1H"}) == ["--set=start_time_offset=-PT1H"]


def test_who_is_reported_goes_by_the_environment_since_an_address_may_be_a_secret():
    plain, variables = split_secrets({"output_path": "/r", "sink": "webhook:https://example.org/x"})

    assert plain == {"output_path": "/r"}
    assert variables == {"MODEL_MONITOR_SINK": "webhook:https://example.org/x"}


def test_flags_that_the_task_says_itself_are_reported_all_at_once():
    with pytest.raises(BadConfiguration) as raised:
        require_valid_flags(
            {"start_time": "x", "--sample": 1, "datapoints_to_alrt": 2, "lenient_window": True, "zzz": 1},
            {"start_time": "lag= and length="},
        )

    assert str(raised.value).splitlines() == [
        "flags has 'start_time', which the task says by lag= and length=; write that instead",
        "flags has '--sample'; write the option as docs/jobs.md has it, with underscores: 'sample'",
        "flags has 'datapoints_to_alrt', which is no option of the jobs; did you mean 'datapoints_to_alert'?",
        "flags has 'zzz', which is no option of the jobs; docs/jobs.md lists them",
    ]


@pytest.mark.parametrize("operator", [BaselineOperator, MergeOperator, MonitorOperator])
def test_each_argument_that_is_a_flag_may_be_a_template(operator):
    assert set(operator.ARGUMENT_OPTIONS) <= set(operator.template_fields)
