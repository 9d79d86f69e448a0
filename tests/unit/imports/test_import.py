"""Descriptions of the service become variables that our jobs take. The shapes are botocore's own."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.imports import answers

from spark_model_monitor import cli
from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.documents.schedule import Schedule
from spark_model_monitor.errors import BadConfiguration, BadDocument
from spark_model_monitor.integrations.imports.import_command import fetch_answers, import_schedules
from spark_model_monitor.integrations.imports.jobs import format_env_file
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources

TRANSFORM_INPUT = {
    "DataCapturedDestinationS3Uri": "s3://bucket/transforms/",
    "DatasetFormat": {"Csv": {"Header": True}},
    "LocalPath": "/opt/ml/processing/input",
}
GROUND_TRUTH = {"S3Uri": "s3://bucket/labels"}


@pytest.fixture
def import_answers(tmp_path):
    """Moves answers over; gives what was said, and the variables of each env file and the entry by their names."""

    def move(*documents, **options):
        out = io.StringIO()
        import_schedules(
            [(f"file {number}", document) for number, document in enumerate(documents)], tmp_path, out, **options
        )
        variables = {
            path.name: {name: value.text for name, value in read_sources(["--env-file", str(path)], {}).values.items()}
            for path in tmp_path.glob("*.env")
        }
        return out.getvalue(), variables, tmp_path

    return move


def entry(folder):
    return Schedule.from_json((folder / "churn-hourly.schedule.json").read_text())


def test_a_data_quality_schedule_is_one_job_over_the_endpoints_captures(import_answers):
    definition = answers.definition(
        BaselineConfig={
            "ConstraintsResource": {"S3Uri": "s3://bucket/baseline/constraints.json"},
            "StatisticsResource": {"S3Uri": "s3://bucket/baseline/statistics.json"},
        },
        AppSpecification={
            "ImageUri": "image",
            "RecordPreprocessorSourceUri": "s3://bucket/preprocessor.py",
            "Environment": {"publish_cloudwatch_metrics": "Enabled"},
        },
        JobInput={"EndpointInput": {**answers.ENDPOINT_INPUT, "ExcludeFeaturesAttribute": "id,0"}},
    )

    printed, variables, folder = import_answers(answers.schedule(), definition, answers.endpoint())

    settings = variables["churn-hourly.env"]
    assert settings.pop("env_file").endswith("churn-hourly.env")
    assert settings == {
        "analysis_type": "DATA_QUALITY",
        "dataset_source": "s3://bucket/captures/churn",
        "dataset_format": '{"sagemakerCaptureJson": {}}',
        "output_path": "s3://bucket/reports/churn/churn-hourly",  # C1.5
        "start_time_offset": "-PT1H",
        "end_time_offset": "PT0S",
        "baseline_constraints": "s3://bucket/baseline/constraints.json",
        "baseline_statistics": "s3://bucket/baseline/statistics.json",
        "record_preprocessor_script": "s3://bucket/preprocessor.py",
        "sagemaker_endpoint_name": "churn",
        "sagemaker_monitoring_schedule_name": "churn-hourly",
        "exclude_features_attribute": "id,0",
        "publish_cloudwatch_metrics": "Enabled",
    }
    assert "to fill in" not in printed
    schedule = entry(folder)
    assert (schedule.cron, schedule.schedule_expression, schedule.max_runtime_seconds) == (
        "0 * * * *",
        "cron(0 * ? * * *)",
        1800,
    )
    assert (schedule.window.start_offset, schedule.window.end_offset) == ("-PT1H", "PT0S")
    assert [job.plain() for job in schedule.jobs] == [
        {"job": "monitor", "env_file": "churn-hourly.env", "output_folder": "%Y/%m/%d/%H"}
    ]


def test_the_monitoring_job_takes_the_env_file(import_answers):
    _, _, folder = import_answers(answers.schedule(), answers.definition(), answers.endpoint())

    # The schedule gives each run its time, from which the offsets count
    flags = ["--env-file", str(folder / "churn-hourly.env"), "--scheduled-time", "2026-01-01T00:00:00Z"]
    config = build_config("monitor", read_sources(flags, {}), in_container=False)

    assert config.analysis_type is AnalysisType.DATA_QUALITY
    assert config.ignored == config.doubtful == ()


@pytest.mark.parametrize(
    ("kind", "halves"), [("ModelQuality", ["endpointOutput"]), ("ModelBias", ["endpointInput", "endpointOutput"])]
)
def test_what_needs_the_ground_truth_is_a_merge_and_a_job_over_what_it_merged(import_answers, kind, halves):
    specification = {"ImageUri": "image"}
    specification |= (
        {"ProblemType": "BinaryClassification"} if kind == "ModelQuality" else {"ConfigUri": "s3://b/a.json"}
    )
    where = {
        **answers.ENDPOINT_INPUT,
        "StartTimeOffset": "-P8D",
        "EndTimeOffset": "-P1D",
        "ProbabilityAttribute": "0",
        "ProbabilityThresholdAttribute": 0.8,
    }
    definition = answers.definition(
        kind, AppSpecification=specification, JobInput={"EndpointInput": where, "GroundTruthS3Input": GROUND_TRUTH}
    )

    printed, variables, folder = import_answers(answers.schedule(kind), definition, answers.endpoint())

    merging = variables["churn-hourly.merge.env"]
    monitoring = variables["churn-hourly.env"]
    assert merging["dataset_source"] == "s3://bucket/captures/churn"
    assert merging["ground_truth_source"] == "s3://bucket/labels"
    assert merging["output_path"] == monitoring["dataset_source"] == "s3://bucket/reports/merge/churn"  # C1.5
    assert json.loads(monitoring["dataset_format"]) == {"sagemakerMergeJson": {"captureIndexNames": halves}}
    assert (monitoring["probability_attribute"], monitoring["probability_threshold_attribute"]) == ("0", "0.8")
    assert (merging["start_time_offset"], monitoring["end_time_offset"]) == ("-P8D", "-P1D")
    assert "to fill in" not in printed
    schedule = entry(folder)
    assert [job.job for job in schedule.jobs] == ["merge", "monitor"]
    assert (schedule.window.start_offset, schedule.window.end_offset) == ("-P8D", "-P1D")


def test_a_batch_transform_is_read_below_its_prefix_in_its_own_format(import_answers):
    definition = answers.definition(JobInput={"BatchTransformInput": TRANSFORM_INPUT})

    _, variables, _ = import_answers(answers.schedule(), definition)

    settings = variables["churn-hourly.env"]
    assert settings["dataset_source"] == "s3://bucket/transforms/output"
    assert settings["manifest_root"] == "s3://bucket"
    assert json.loads(settings["dataset_format"]) == {"Csv": {"Header": True}}
    assert settings["output_path"] == "s3://bucket/reports/churn-hourly"


def test_an_old_schedule_has_its_job_definition_inside(import_answers):
    inline = {
        "BaselineConfig": {"ConstraintsResource": {"S3Uri": "s3://bucket/baseline/constraints.json"}},
        "MonitoringInputs": [{"EndpointInput": answers.ENDPOINT_INPUT}],
        "MonitoringOutputConfig": answers.OUTPUT,
        "MonitoringResources": answers.RESOURCES,
        "MonitoringAppSpecification": {"ImageUri": "image", "PostAnalyticsProcessorSourceUri": "s3://bucket/post.py"},
        "Environment": {"publish_cloudwatch_metrics": "Disabled"},
        "RoleArn": "arn:aws:iam::000000000000:role/monitoring",
    }
    schedule = answers.schedule(MonitoringJobDefinition=inline)
    del schedule["MonitoringScheduleConfig"]["MonitoringJobDefinitionName"]

    _, variables, _ = import_answers(schedule, captures="file:/captures/")

    settings = variables["churn-hourly.env"]
    assert settings["dataset_source"] == "file:/captures/churn"
    assert settings["post_analytics_processor_script"] == "s3://bucket/post.py"
    assert settings["publish_cloudwatch_metrics"] == "Disabled"


def test_the_key_of_the_outputs_goes_to_every_job(import_answers):
    schedule = answers.schedule("ModelQuality")
    definition = answers.definition(
        "ModelQuality",
        AppSpecification={"ImageUri": "image", "ProblemType": "BinaryClassification"},
        JobInput={"EndpointInput": answers.ENDPOINT_INPUT, "GroundTruthS3Input": GROUND_TRUTH},
        JobOutputConfig={**answers.OUTPUT, "KmsKeyId": "key-1"},
    )

    _, variables, _ = import_answers(schedule, definition)

    for settings in (variables["churn-hourly.env"], variables["churn-hourly.merge.env"]):
        assert (settings["s3_encryption"], settings["s3_kms_key"]) == ("SSE-KMS", "key-1")


def test_what_the_description_does_not_say_is_stated(import_answers):
    definition = answers.definition(BaselineConfig={"BaseliningJobName": "baseline-suggestion-job-1"})

    printed, variables, folder = import_answers(answers.schedule(), definition)

    assert "to fill in: dataset_source in churn-hourly.env; the captures of the endpoint churn" in printed
    assert "the results of the baselining job baseline-suggestion-job-1" in printed
    assert (
        "results go to s3://bucket/reports; without EMR, spark_options of the schedule entry have to open that"
        in printed
    )
    assert "dataset_source" not in variables["churn-hourly.env"]
    assert "# dataset_source=\n" in (folder / "churn-hourly.env").read_text()


def test_members_that_botocore_does_not_know_are_listed_and_stop_nothing(import_answers):
    definition = answers.definition(JobInput={"EndpointInput": {**answers.ENDPOINT_INPUT, "Shadow": {"Share": 1}}})
    schedule = answers.schedule(Priority="high")

    printed, _, _ = import_answers(schedule, definition, answers.endpoint())

    assert "not known to botocore, left out: DataQualityJobInput.EndpointInput.Shadow" in printed
    assert "not known to botocore, left out: MonitoringScheduleConfig.Priority" in printed


def test_members_without_a_counterpart_are_listed_with_the_reason(import_answers):
    definition = answers.definition(
        AppSpecification={"ImageUri": "image", "ContainerEntrypoint": ["run"], "Environment": {"TEAM": "churn"}}
    )

    printed, _, _ = import_answers(answers.schedule(), definition, answers.endpoint())

    assert "not carried over: JobResources (where a job runs is an option of spark-submit)" in printed
    assert "not carried over: ContainerEntrypoint (a container of your own runs other code than ours)" in printed
    assert "no job of ours reads the variable TEAM" in printed


@pytest.mark.parametrize(
    ("documents", "sentence"),
    [
        pytest.param([answers.schedule()], "the job definition churn-definition, which is in none of", id="half of it"),
        pytest.param([answers.endpoint()], "neither a schedule nor a job definition", id="an endpoint alone"),
    ],
)
def test_what_is_missing_among_the_files_is_named(import_answers, documents, sentence):
    with pytest.raises(BadConfiguration, match=sentence):
        import_answers(*documents)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        pytest.param([], "file 0 is list; it has to be a JSON object", id="a list"),
        pytest.param({"Name": 1}, "file 0 has none of the members MonitoringScheduleConfig", id="something else"),
        pytest.param(
            {**answers.schedule(), "MonitoringScheduleName": 7}, "file 0: Invalid type for parameter", id="a wrong type"
        ),
        pytest.param(
            {"MonitoringScheduleConfig": {}},
            'file 0: Missing required parameter in input: "MonitoringScheduleArn"',
            id="cut off",
        ),
    ],
)
def test_an_answer_of_another_shape_is_refused_in_botocores_words(import_answers, answer, sentence):
    with pytest.raises(BadDocument, match=sentence):
        import_answers(answer)


def test_a_name_that_would_be_files_elsewhere_is_refused(import_answers, tmp_path):
    with pytest.raises(BadDocument, match=r"^'\.\./churn': the name of a schedule names its files, and has no '/'"):
        import_answers({**answers.schedule(), "MonitoringScheduleName": "../churn"}, answers.definition())
    assert not (tmp_path.parent / "churn.env").exists()


def test_an_expression_that_the_service_does_not_have_is_refused(import_answers):
    schedule = answers.schedule(ScheduleConfig={"ScheduleExpression": "rate(1 hour)"})

    with pytest.raises(BadConfiguration, match=r"the schedule expression is 'rate\(1 hour\)'"):
        import_answers(schedule, answers.definition())


@pytest.mark.long
def test_files_that_are_there_are_not_written_over_unless_requested(import_answers):
    documents = (answers.schedule(), answers.definition(), answers.endpoint())
    import_answers(*documents)

    with pytest.raises(BadConfiguration, match="is there already; name another --output, or say --replace"):
        import_answers(*documents)
    import_answers(*documents, replace=True)


def test_a_schedule_that_runs_once_has_the_window_that_it_was_given(import_answers):
    definition = {
        "ScheduleExpression": "NOW",
        "DataAnalysisStartTime": "-PT5H",
        "DataAnalysisEndTime": "-PT0H",
    }

    _, _, folder = import_answers(answers.schedule(ScheduleConfig=definition), answers.definition(), answers.endpoint())

    schedule = entry(folder)
    assert schedule.cron is None
    assert (schedule.window.start_offset, schedule.window.end_offset) == ("-PT5H", "-PT0H")


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))).filter(str.strip))
def test_any_value_is_read_from_an_env_file_as_it_was_written(tmp_path_factory, value):
    file = tmp_path_factory.mktemp("env") / "a.env"
    file.write_text(format_env_file("a title", {"dataset_source": value}, {}), encoding="utf-8")

    sources = read_sources(["--env-file", str(file)], {})

    assert (sources.text("dataset_source"), dict(sources.errors)) == (value, {})


@pytest.mark.long
def test_the_account_is_asked_for_the_schedule_and_all_that_it_names(import_answers):
    from botocore.session import get_session
    from botocore.stub import Stubber

    client = get_session().create_client(
        "sagemaker", region_name="eu-west-1", aws_access_key_id="-", aws_secret_access_key="-"
    )
    schedule = answers.schedule()
    definition = answers.definition()
    with Stubber(client) as service:  # validates what is asked and what is answered
        service.add_response("describe_monitoring_schedule", schedule, {"MonitoringScheduleName": "churn-hourly"})
        service.add_response(
            "describe_data_quality_job_definition", definition, {"JobDefinitionName": "churn-definition"}
        )
        service.add_response("describe_endpoint", answers.endpoint(), {"EndpointName": "churn"})
        documents = list(fetch_answers(client, "churn-hourly"))
        service.assert_no_pending_responses()

    _, variables, _ = import_answers(*documents)

    assert variables["churn-hourly.env"]["dataset_source"] == "s3://bucket/captures/churn"


def test_definitions_that_no_schedule_names_come_by_their_names(import_answers):
    names = [f"definition-{letter}" for letter in "ecbadfgh"]

    printed, _, _ = import_answers(
        *({**answers.definition(), "JobDefinitionName": name} for name in names), captures="file:/c"
    )

    assert [line for line in printed.splitlines() if line in names] == sorted(names)


def test_the_command_reads_files_and_writes_beside_each_other(tmp_path, capsys):
    for name, answer in (("s", answers.schedule()), ("d", answers.definition()), ("e", answers.endpoint())):
        (tmp_path / f"{name}.json").write_text(json.dumps(answer))
    files = [str(tmp_path / f"{name}.json") for name in "sde"]

    assert cli.main(["import", *files, "--output", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "churn-hourly.env",
        "churn-hourly.schedule.json",
    ]
    assert capsys.readouterr().out.startswith("churn-hourly\n  wrote churn-hourly.env, churn-hourly.schedule.json\n")

    (tmp_path / "s.json").write_text("{")
    assert cli.main(["import", *files]) == 2
    assert "is no JSON" in capsys.readouterr().err
