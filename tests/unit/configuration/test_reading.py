"""Where a job's configuration comes from, which source wins, and that all faults are told at once."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from spark_model_monitor.data.reading.formats import CsvFormat, TableFormat
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.running.configuration.command_line import write_flag
from spark_model_monitor.running.configuration.contract import OPTIONS, JobConfig
from spark_model_monitor.running.configuration.option_types import Compatibility, flag_name, variable_name
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.kinds import create_monitor
from spark_model_monitor.spark.launch.request import OPTIONS_WITH_VALUE, OPTIONS_WITHOUT_VALUE

REQUIRED = ("--dataset-source", "in", "--dataset-format", "csv", "--output-path", "out")


def read(*flags: str, job: str = "baseline", in_container: bool = False, **environment: str) -> JobConfig:
    sources = read_sources([*REQUIRED, *flags], environment)
    return build_config(job, sources, in_container=in_container)


def container(root: Path, environment: dict[str, str], name: str = "opt/ml/config") -> str:
    """The root of a container whose configuration file repeats these variables."""
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "processingjobconfig.json").write_text(json.dumps({"Environment": environment}))
    return str(root)


def test_the_variables_of_the_container_are_enough():
    environment = {
        "dataset_source": "/opt/ml/processing/input/baseline_dataset_input",
        "dataset_format": '{"csv": {"header": true, "output_columns_position": "START"}}',
        "output_path": "/opt/ml/processing/output",
        "publish_cloudwatch_metrics": "Disabled",
        "PATH": "/usr/bin",
    }

    config = build_config("baseline", read_sources([], environment), in_container=True)

    assert config.dataset_source == "/opt/ml/processing/input/baseline_dataset_input"
    assert config.dataset_format == CsvFormat(header=True)
    assert config.publish_cloudwatch_metrics is False
    assert config.ignored == ()


def test_flag_wins_over_environment_over_env_file_over_job_file_over_default(tmp_path):
    env_file = tmp_path / "a.env"
    env_file.write_text("output_path=file\nfeatures_attribute=file\nprobability_attribute=file\n")
    all_four = dict.fromkeys(
        ("output_path", "features_attribute", "probability_attribute", "sagemaker_endpoint_name"), "job file"
    )
    root = container(tmp_path, all_four)
    flags = ["--dataset-source", "in", "--dataset-format", "csv", "--output-path", "flag"]
    file_flags = ["--env-file", str(env_file), "--set", f"container_root={root}"]

    sources = read_sources([*flags, *file_flags], {"output_path": "environment", "features_attribute": "environment"})
    config = build_config("baseline", sources, in_container=True)

    assert config.output_path == "flag"
    assert config.features_attribute == "environment"
    assert config.probability_attribute == "file"
    assert config.sagemaker_endpoint_name == "job file"
    assert config.sagemaker_monitoring_schedule_name is None


def test_the_job_file_is_also_found_where_the_guide_once_puts_it(tmp_path):
    root = container(tmp_path, {"output_path": "slip"}, name="opt/ml/processing")

    sources = read_sources(["--set", f"container_root={root}"], {})

    assert sources.text("output_path") == "slip"


def test_container_root_and_env_file_are_taken_from_variables_too(tmp_path):
    env_file = tmp_path / "a.env"
    env_file.write_text(f"MODEL_MONITOR_CONTAINER_ROOT={container(tmp_path, {'output_path': 'deep'})}\n")

    sources = read_sources([], {"MODEL_MONITOR_ENV_FILE": str(env_file)})

    assert sources.text("output_path") == "deep"


def test_env_file_takes_json_as_it_is_and_interpolates_nothing(tmp_path):
    env_file = tmp_path / "a.env"
    env_file.write_text(
        "# comment\n"
        'dataset_format={"csv": {"header": true}}\n'
        "export output_path='out ${HOME} # here'\n"
        "dataset_source=$HOME/in\n"
        "\n"
    )

    sources = read_sources(["--env-file", str(env_file)], {"HOME": "/root"})

    assert not sources.errors
    assert sources.text("dataset_format") == '{"csv": {"header": true}}'
    assert sources.text("output_path") == "out ${HOME} # here"
    assert sources.text("dataset_source") == "$HOME/in"


def test_a_line_of_the_env_file_that_is_no_variable_is_named(tmp_path):
    env_file = tmp_path / "a.env"
    env_file.write_text("output_path=out\nnonsense\n")

    sources = read_sources(["--env-file", str(env_file)], {})

    assert list(sources.errors) == [f"{env_file}: line 2 is not NAME=VALUE; quote a value that has quotes or # in it"]


def test_a_blank_text_counts_as_not_given():
    assert read("--set", "features_attribute=", features_attribute="environment").features_attribute == "environment"
    assert read(categorical_drift_method=" ").categorical_drift_method is None


def test_five_faults_are_one_error_with_five_lines():
    flags = ["--dataset-sorce", "in", "--dataset-format", "cvs", "--output-path", "--max-quarantined-share", "5"]

    with pytest.raises(BadConfiguration) as caught:
        build_config("baseline", read_sources(flags, {"problem_type": "Regresion"}), in_container=False)

    lines = str(caught.value).splitlines()
    assert lines[0] == "--dataset-sorce is no flag of this job; did you mean --dataset-source?"
    assert lines[1] == "--output-path has no value; write --output-path DIRECTORY"
    assert lines[2].startswith("--dataset-format is 'cvs', which is neither a known word nor JSON; write one of: csv, ")
    assert lines[3] == (
        "variable problem_type is 'Regresion'; did you mean Regression? "
        "it is one of: BinaryClassification, MulticlassClassification, Regression"
    )
    assert lines[4] == "--max-quarantined-share is '5'; it has to be a number from 0 to 1 (5 % is 0.05)"
    assert len(lines) == 5


def test_what_is_missing_is_reported_with_flag_and_variable():
    with pytest.raises(BadConfiguration) as caught:
        build_config("baseline", read_sources([], {}), in_container=False)

    assert str(caught.value).splitlines() == [
        "dataset_format is missing; write --dataset-format FORMAT, or set the variable dataset_format",
        "output_path is missing; write --output-path DIRECTORY, or set the variable output_path",
        "dataset_source is missing; write --dataset-source PATH, or set the variable dataset_source",
    ]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--max-quarantined-share", "nan"], "--max-quarantined-share is 'nan'; it has to be a number"),
        (["--max-quarantined-share", "-0.1"], "has to be a number from 0 to 1"),
        (["--max-domain-size", "0"], "--max-domain-size is '0'; it has to be a whole number above 0"),
        (["--max-domain-size", "1.5"], "has to be a whole number"),
        (["--progress=maybe"], "--progress is 'maybe'; write true or false"),
        (["--compat", "servce"], "did you mean service?"),
        (["--set", "publish_cloudwatch_metrics=perhaps"], "write true or false, or Enabled or Disabled"),
        (["--record-preprocessor-script", "nowhere.py"], "is 'nowhere.py', where there is no file"),
        (["--env-file", "nowhere.env"], "--env-file is 'nowhere.env', which can't be read (No such file or directory)"),
        (
            ["data.csv"],
            "belongs to no flag; write --FLAG VALUE, quote values with blanks, and name the folder of several files",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_value_is_reported_with_its_place_and_the_remedy(flags, words):
    with pytest.raises(BadConfiguration) as caught:
        read(*flags)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("text", ["{", "[" * 99_999])
def test_a_broken_job_file_is_named(tmp_path, text):
    root = container(tmp_path, {})
    (tmp_path / "opt/ml/config/processingjobconfig.json").write_text(text)

    with pytest.raises(BadConfiguration, match=r"processingjobconfig\.json can't be read as JSON"):
        read("--set", f"container_root={root}")


def test_foreign_variables_are_ignored_and_nearly_ours_are_reported(tmp_path):
    env_file = tmp_path / "a.env"
    env_file.write_text("AWS_REGION=eu-west-1\ndataset_sourse=x\n")

    config = read(
        "--env-file", str(env_file), MODEL_MONITOR_COMPATT="service", MODEL_MONITOR_CACHE="/tmp", dataset_sourse="x"
    )

    assert config.doubtful == (
        "variable MODEL_MONITOR_COMPATT (did you mean MODEL_MONITOR_COMPAT?)",
        f"{env_file}: dataset_sourse (did you mean dataset_source?)",
    )


def test_a_variable_named_like_an_option_without_the_prefix_is_reported(tmp_path):
    env_file = tmp_path / "a.env"
    env_file.write_text("fail_on_violations=true\nSINK=print\nno_report=true\ndataset_source=in\n")

    config = read("--env-file", str(env_file), threshold="plan=0.2", JUNIT="x.xml", analysis_type="DATA_QUALITY")

    assert config.doubtful == (
        "variable threshold (write MODEL_MONITOR_THRESHOLD)",
        f"{env_file}: SINK (write MODEL_MONITOR_SINK)",
        f"{env_file}: fail_on_violations (write MODEL_MONITOR_FAIL_ON_VIOLATIONS)",
        f"{env_file}: no_report (write MODEL_MONITOR_NO_REPORT)",
    )
    # With the prefix, or by the service's own names, variables work
    env_file.write_text("MODEL_MONITOR_FAIL_ON_VIOLATIONS=true\nproblem_type=Regression\n")
    config = read("--env-file", str(env_file), MODEL_MONITOR_THRESHOLD="plan=0.2")
    assert config.doubtful == ()
    assert config.fail_on_violations


def test_a_variable_of_another_job_is_accepted_and_reported_as_ignored():
    config = read("--inference-attribute", "p", start_time="2021-05-06T22:00:00Z")

    assert config.ignored == ("--inference-attribute", "variable start_time")


@pytest.mark.parametrize("path", ["march.csv", "out/checks.json", "march", "junit.xml", "out/JUNIT.XML"])
def test_junit_takes_the_place_of_no_data_and_no_document(path):
    named = read_sources(["d", "--dataset-format=csv", "--output-path=out", "--baseline=b", f"--junit={path}"], {})
    if path.lower().endswith(".xml"):
        assert build_config("monitor", named, in_container=False).junit == path
        return
    with pytest.raises(BadConfiguration) as caught:
        build_config("monitor", named, in_container=False)
    assert str(caught.value) == f"--junit is {path!r}; write a name that ends in .xml"


TWO_BASELINES = "--baseline-constraints and {} name two baselines; leave one of them out"


@pytest.mark.parametrize(
    ("flags", "variables", "sentence"),
    [
        (["--baseline", "a", "--baseline-constraints", "b"], {}, TWO_BASELINES.format("--baseline")),
        (
            ["--baseline-constraints", "b"],
            {"MODEL_MONITOR_BASELINE": "a"},
            TWO_BASELINES.format("variable MODEL_MONITOR_BASELINE"),
        ),
        (
            ["--baseline", "./out/"],
            {},
            "--baseline is './out/', as is the output path, so that the window would take the baseline's place; write another "
            "output path, or --baseline previous for the run before",
        ),
    ],
)
def test_a_run_has_one_baseline_and_keeps_it(flags, variables, sentence):
    named = read_sources(
        ["--dataset-source", "d", "--dataset-format", "csv", "--output-path", "out", *flags], variables
    )
    with pytest.raises(BadConfiguration) as caught:
        build_config("monitor", named, in_container=False)

    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("output_path", "source"),
    [
        ("data", "data"),
        ("./data/", "data"),
        ("data/reports/%Y", "data"),
        ("out", "."),
        ("labels/merged", "labels"),
        ("s3://bucket/data/out", "s3://bucket/data/"),
    ],
)
def test_an_output_in_the_data_would_be_read_by_the_next_run_or_replace_captures(output_path, source):
    captures = "data" if source == "labels" else source
    flags = ["--dataset-source", captures, "--ground-truth-source", "labels", "--output-path", output_path]
    named = read_sources(flags, {})
    with pytest.raises(BadConfiguration) as caught:
        build_config("merge", named, in_container=False)

    assert str(caught.value) == (
        f"--output-path is {output_path!r}, which lies in the data, where other runs would read it; "
        f"write a path outside of {source!r}"
    )


@pytest.mark.parametrize("output_path", ["data-out", "out", "data/_reports", "data/.reports/a", "."])
def test_an_output_beside_the_data_or_in_a_hidden_folder_is_read_by_no_run(output_path):
    named = read_sources(
        ["--dataset-source", "data", "--ground-truth-source", "labels", "--output-path", output_path], {}
    )

    assert build_config("merge", named, in_container=False).output_path == output_path


def test_the_container_s_baseline_is_reported_as_ignored_beside_ours():
    named = read_sources(
        ["--dataset-source", "d", "--dataset-format", "csv", "--output-path", "out", "--baseline", "a"],
        {"baseline_constraints": "b", "baseline_statistics": "c"},
    )

    ignored = build_config("monitor", named, in_container=False).ignored

    assert ignored == ("variable baseline_constraints", "variable baseline_statistics")


def test_a_table_needs_no_dataset_source():
    sources = read_sources(["--dataset-format", "table:sales.orders", "--output-path", "out"], {})

    config = build_config("baseline", sources, in_container=False)

    assert config.dataset_format == TableFormat("sales.orders")
    assert config.dataset_source == ""


@pytest.mark.parametrize(
    ("text", "version"),
    [("0", 0), (" 17 ", 17), ("2026-01-31T22:00:00+01:00", datetime(2026, 1, 31, 21, tzinfo=timezone.utc))],
)
def test_a_version_is_a_number_or_a_time(text, version):
    config = read("--dataset-format", "delta", "--as-of", text, "--since", text)

    assert (config.as_of, config.since) == (version, version)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (
            ["--dataset-format", "table:x", "--as-of", "newest"],
            "--as-of is 'newest'; it has to be the number of a version",
        ),
        (["--dataset-format", "table:x", "--as-of", "-1"], "--as-of is '-1'; it has to be the number of a version"),
        (
            ["--dataset-format", "csv", "--since", "3"],
            "--since asks for a version, which tables have; write --dataset-f",
        ),
        (
            ["--dataset-format", '{"spark": {"format": "orc"}}', "--since", "3"],
            "--since asks for a version, which tables",
        ),
    ],
)
def test_a_version_that_no_data_can_have_is_reported(flags, sentence):
    with pytest.raises(BadConfiguration, match=sentence):
        read(*flags)


@pytest.mark.parametrize(
    ("flags", "environment", "expected"),
    [
        ([], {}, None),
        (["--with-pairs"], {}, True),
        (["--without-pairs"], {}, False),
        (["--without-pairs=no"], {}, True),
        (["--set=with_pairs=no"], {}, False),
        ([], {"MODEL_MONITOR_WITH_PAIRS": "false"}, False),
        ([], {"MODEL_MONITOR_WITHOUT_PAIRS": "1"}, False),
        (["--with-pairs"], {"MODEL_MONITOR_WITHOUT_PAIRS": "true"}, True),
        (["--with-pairs", "--without-pairs"], {}, False),
    ],
)
def test_a_switch_can_be_said_either_way_and_the_last_flag_counts(flags, environment, expected):
    assert read(*flags, **environment).with_pairs is expected


@pytest.mark.parametrize(
    ("flags", "takes_exponents"),
    [
        ([], True),
        (["--compat", "service"], False),
        (["--compat", "service", "--set=accept_exponents=yes"], True),
        (["--set=accept_exponents=no"], False),
    ],
    ids=str,
)
def test_exponents_are_numbers_unless_the_service_is_replayed(flags, takes_exponents):
    assert read(*flags).takes_exponents is takes_exponents


@pytest.mark.parametrize(("in_container", "publishes"), [(True, True), (False, False)])
def test_metrics_are_published_by_default_in_a_container_only(in_container, publishes):
    assert read(in_container=in_container).publish_cloudwatch_metrics is publishes


def test_the_guides_other_names_of_a_comparison_method_mean_the_same():
    assert read("--comparison-method", "linf_simple").comparison_method == "Simple"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        pytest.param((), ("Robust", 0.1, "LInfinity", 0.1), id="the service's"),
        pytest.param(("--comparison-method", "PSI"), ("psi", 0.2, "LInfinity", 0.1), id="its usual limit"),
        pytest.param(
            ("--comparison-method", "psi", "--comparison-threshold", "1.5"),
            ("psi", 1.5, "LInfinity", 0.1),
            id="above 1",
        ),
        pytest.param(
            ("--categorical-drift-method", "js_divergence"), ("Robust", 0.1, "js_divergence", 0.3), id="of texts"
        ),
    ],
)
def test_a_drift_method_has_its_usual_threshold_unless_one_is_given(flags, expected):
    assert drift_settings(*flags) == expected


def drift_settings(*flags):
    """The method and the threshold of numbers, then of texts, that a run with these flags has."""
    settings = create_monitor(read(*flags)).settings
    of_numbers = (settings.comparison_method, settings.comparison_threshold)
    of_texts = (settings.categorical_drift_method, settings.categorical_comparison_threshold)
    return (*of_numbers, *of_texts)


def test_a_threshold_alone_is_one_of_the_plain_distance():
    of_numbers = drift_settings("--comparison-threshold", "0.4")
    of_texts = drift_settings("--categorical-comparison-threshold", "0.4")

    assert of_numbers == ("Simple", 0.4, "LInfinity", 0.1)
    assert of_texts == ("Robust", 0.1, "Simple", 0.4)


def test_a_threshold_beside_a_method_is_one_of_that_method():
    settings = drift_settings("--comparison-method", "robust", "--comparison-threshold", "0.4")

    assert settings == ("Robust", 0.4, "LInfinity", 0.1)


def test_a_threshold_alone_is_one_of_the_services_method_in_its_documents():
    settings = drift_settings("--compat", "service", "--comparison-threshold", "0.4")

    assert settings == ("Robust", 0.4, "LInfinity", 0.1)


@pytest.mark.parametrize(
    "name",
    [
        "comparison_threshold",
        "categorical_comparison_threshold",
        "datatype_check_threshold",
        "domain_content_threshold",
    ],
)
def test_a_limit_that_is_given_is_requested_even_if_it_is_the_usual_one(name):
    suggested_limit = str(getattr(MonitoringSettings(), name))
    flag = f"--{name.replace('_', '-')}"
    variable = f"MODEL_MONITOR_{name.upper()}"
    without = create_monitor(read())
    by_flag = create_monitor(read(flag, suggested_limit))
    by_variable = create_monitor(read(**{variable: suggested_limit}))

    assert without.settings.requested_limits == ()
    assert by_flag.settings.requested_limits == (name,)
    assert by_variable.settings.requested_limits == (name,)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        pytest.param(
            ("--comparison-method", "helinger"),
            "--comparison-method is 'helinger'; did you mean hellinger? it is one of: Simple, Robust, js_divergence, ",
            id="a slip",
        ),
        pytest.param(
            ("--categorical-drift-method", "wasserstein_normalised"),
            "--categorical-drift-method is 'wasserstein_normalised'; it is one of: Simple, LInfinity, ChiSquared, ",
            id="of numbers only",
        ),
        pytest.param(
            ("--comparison-method", "hellinger", "--comparison-threshold", "10"),
            "--comparison-threshold is '10'; it has to be a number from 0 to 1 (10 % is 0.1)",
            id="beyond its range",
        ),
        pytest.param(
            ("--comparison-method", "psi", "--comparison-threshold", "-1"),
            "--comparison-threshold is '-1'; it has to be a number, 0 or more",
            id="below 0",
        ),
        pytest.param(
            ("--comparison-method", "psy", "--comparison-threshold", "x"),
            "--comparison-threshold is 'x'; it has to be a number, such as 0.1",
            id="both at once",
        ),
    ],
)
def test_a_drift_method_or_threshold_that_can_not_be_is_refused(flags, message):
    with pytest.raises(BadConfiguration) as caught:
        read(*flags)

    assert message in str(caught.value)


def test_features_to_exclude_are_a_list_with_commas():
    assert read("--exclude-features-attribute", "0, Day Mins ,").exclude_features_attribute == ("0", "Day Mins")


def test_a_configuration_can_be_made_in_python():
    config = JobConfig(job="baseline", dataset_format=CsvFormat(), output_path="out", compat=Compatibility.SERVICE)

    assert config.replays_service


def test_every_option_is_read_from_its_variable_and_from_its_flag():
    unread = []
    for name, option in OPTIONS.items():
        from_flag = read_sources([write_flag(name, "true")], {})
        from_variable = read_sources([], {variable_name(name, option): "true"})
        if not from_flag.text(name) == from_variable.text(name) == "true":
            unread.append(name)

    assert unread == []


def test_a_variable_of_ours_has_a_prefix_and_one_of_the_service_has_its_name():
    named = {name: variable_name(name, option) for name, option in OPTIONS.items()}

    assert named == {
        name: f"MODEL_MONITOR_{name.upper()}" if option.is_valid_name else name for name, option in OPTIONS.items()
    }


def test_no_flag_is_taken_by_spark_submit():
    flags = {
        flag_name(name_variant) for name, option in OPTIONS.items() for name_variant in (name, option.opposite or name)
    }

    assert flags & (OPTIONS_WITH_VALUE | OPTIONS_WITHOUT_VALUE | {"--help", "--dry-run"}) == set()


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[3] / "conf").glob("*.env")), ids=lambda path: path.name)
def test_our_own_files_of_variables_can_be_read(path):
    sources = read_sources(["--env-file", str(path), "--dataset-source", "in"], {})

    assert (list(sources.errors), sources.doubtful) == ([], ())
    assert build_config("baseline", sources, in_container=False).ignored == ()


@pytest.mark.parametrize(
    ("text", "size"),
    [("1048576", 2**20), ("64MB", 64 * 2**20), ("64 mib", 64 * 2**20), ("2k", 2048), ("1GB", 2**30), ("256m", 2**28)],
)
def test_a_size_is_bytes_or_a_number_with_its_unit(text, size):
    assert read("--set", f"max_record_size={text}").max_record_size == size


@pytest.mark.parametrize("text", ["0", "1023", "2GB", "64 megabytes", "-1MB", "1.5GB"])
def test_a_size_that_is_none_or_out_of_bounds_is_refused(text):
    with pytest.raises(BadConfiguration, match="has to be a size from 1kB to 1GB, such as 256MB"):
        read(f"--set=max_record_size={text}")


@pytest.mark.parametrize(
    ("text", "wait"), [("PT30M", timedelta(minutes=30)), ("PT0S", timedelta(0)), ("P1D", timedelta(days=1))]
)
def test_the_wait_for_another_run_is_a_duration_or_none(text, wait):
    assert read("--set", f"lease_wait={text}").lease_wait == wait
    assert read().lease_wait == timedelta(minutes=10)


@pytest.mark.parametrize("text", ["10", "10m", "soon", "-PT1M", "PT", "P1X", "PT1e9999S"])
def test_another_wait_is_a_sentence(text):
    with pytest.raises(BadConfiguration, match="--set lease_wait is .*; it has to be a[n ].*, such as PT1"):
        read("--set", f"lease_wait={text}")
