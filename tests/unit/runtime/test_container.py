"""What a container runs, from its variables and files alone (C1, C7.1, C11c)."""

import json

import pytest

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.spark.container import choose_heap_mebibytes, choose_job, derive_variables, is_idle, main


def put(root, relative, document):
    path = root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))


@pytest.mark.parametrize(
    ("environment", "job"),
    [
        ({}, "baseline"),
        ({"baseline_statistics": "/a/statistics.json"}, "baseline"),
        ({"baseline_constraints": "/a/constraints.json"}, "monitor"),
        ({"ground_truth_source": "/opt/ml/processing/groundtruth"}, "merge"),
        ({"ground_truth_source": "/g", "baseline_constraints": "/a/constraints.json"}, "merge"),
        ({"baseline_constraints": " "}, "baseline"),
    ],
)
def test_the_variables_say_which_job_it_is(environment, job):
    assert choose_job(read_sources([], environment)) == job


def test_the_processing_jobs_own_file_says_it_as_well(tmp_path):
    put(tmp_path, "opt/ml/config/processingjobconfig.json", {"Environment": {"ground_truth_source": "/g"}})

    assert choose_job(read_sources([], {"MODEL_MONITOR_CONTAINER_ROOT": str(tmp_path)})) == "merge"


@pytest.mark.parametrize(
    ("methods", "analysis_type"),
    [
        ({"pre_training_bias": {"methods": "all"}}, "MODEL_BIAS"),
        ({}, "MODEL_BIAS"),
        ({"shap": {"num_samples": 100}}, "MODEL_EXPLAINABILITY"),
        ({"shap": {}, "post_training_bias": {"methods": "all"}, "report": {"name": "report"}}, "MODEL_BIAS"),
    ],
)
def test_an_analysis_config_makes_it_an_analysis_of_its_own_folders(tmp_path, methods, analysis_type):
    put(tmp_path, "opt/ml/processing/input/config/analysis_config.json", {"label": "y", "methods": methods})

    assert derive_variables(read_sources([], {}), tmp_path) == {
        "analysis_type": analysis_type,
        "MODEL_MONITOR_ANALYSIS_CONFIG": f"{tmp_path}/opt/ml/processing/input/config/analysis_config.json",
        "dataset_source": f"{tmp_path}/opt/ml/processing/input/data",
        "output_path": f"{tmp_path}/opt/ml/processing/output",
    }


def test_variables_that_are_set_win_over_the_folders(tmp_path):
    put(tmp_path, "opt/ml/processing/input/config/analysis_config.json", {"label": "y"})
    sources = read_sources([], {"dataset_source": "/elsewhere", "analysis_type": "MODEL_BIAS"})

    assert set(derive_variables(sources, tmp_path)) == {"MODEL_MONITOR_ANALYSIS_CONFIG", "output_path"}


def test_without_an_analysis_config_nothing_is_stood_for(tmp_path):
    assert derive_variables(read_sources([], {}), tmp_path) == {}


@pytest.mark.parametrize(("host", "idle"), [("algo-1", False), ("algo-2", True), ("algo-3", True)])
def test_one_host_of_several_does_the_work(tmp_path, host, idle):
    put(tmp_path, "opt/ml/config/resourceconfig.json", {"current_host": host, "hosts": ["algo-3", "algo-1", "algo-2"]})

    assert is_idle(tmp_path) is idle


def test_a_single_host_and_no_resource_file_at_all_work(tmp_path):
    assert not is_idle(tmp_path)
    put(tmp_path, "opt/ml/config/resourceconfig.json", {"current_host": "algo-1", "hosts": ["algo-1"]})
    assert not is_idle(tmp_path)


def split_among_two_hosts(root):
    put(root, "opt/ml/config/resourceconfig.json", {"current_host": "algo-1", "hosts": ["algo-1", "algo-2"]})
    source = {"InputName": "endpoint_input_1", "S3Input": {"S3DataDistributionType": "ShardedByS3Key"}}
    put(root, "opt/ml/config/processingjobconfig.json", {"Environment": {}, "ProcessingInputs": [source]})


def test_data_that_is_split_among_hosts_is_refused(tmp_path):
    split_among_two_hosts(tmp_path)

    with pytest.raises(BadConfiguration, match="endpoint_input_1 is split among 2 hosts .*write FullyReplicated"):
        is_idle(tmp_path)


def test_a_refusal_is_left_where_the_platform_reads_it(tmp_path):
    split_among_two_hosts(tmp_path)

    assert main({"MODEL_MONITOR_CONTAINER_ROOT": str(tmp_path)}) == 2
    assert (tmp_path / "opt/ml/output/message").read_text().startswith("Error: input endpoint_input_1 is split among")


def test_an_idle_host_ends_well(tmp_path):
    put(tmp_path, "opt/ml/config/resourceconfig.json", {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]})

    assert main({"MODEL_MONITOR_CONTAINER_ROOT": str(tmp_path)}) == 0


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("resourceconfig.json", '{"hosts": {"algo-1": 1}}'),
        ("resourceconfig.json", '{"hosts": 7}'),
        ("resourceconfig.json", "[" * 99_999),
        ("processingjobconfig.json", '{"ProcessingInputs": 7}'),
        ("processingjobconfig.json", '{"ProcessingInputs": [7]}'),
        ("processingjobconfig.json", '{"ProcessingInputs": [{"S3Input": "s3://bucket"}]}'),
    ],
)
def test_a_file_of_the_platform_with_another_layout_is_named(tmp_path, file, text):
    split_among_two_hosts(tmp_path)
    put(tmp_path, f"opt/ml/config/{file}", text)

    with pytest.raises(BadConfiguration, match=rf"{file}:? (\w+ has to be|can't be read as JSON)"):
        is_idle(tmp_path)


@pytest.mark.parametrize("text", ["{", "[1]", '{"methods": 7}', "[" * 99_999])
def test_a_file_of_the_platform_that_is_no_object_is_named(tmp_path, text):
    put(tmp_path, "opt/ml/processing/input/config/analysis_config.json", text)

    problem = r"analysis_config\.json:? ?(can't be read as JSON|has to be a JSON object|methods has to be an object)"
    with pytest.raises(BadConfiguration, match=problem):
        derive_variables(read_sources([], {}), tmp_path)


def test_the_heap_is_half_of_what_the_container_may_use(tmp_path):
    put(tmp_path, "sys/fs/cgroup/memory.max", str(8 * 2**30))
    assert choose_heap_mebibytes(tmp_path) == 4096

    put(tmp_path, "sys/fs/cgroup/memory.max", str(2**20))
    assert choose_heap_mebibytes(tmp_path) == 1024, "too little for Spark is refused by Spark, not made smaller"


def test_without_a_limit_the_heap_is_half_of_the_machines_memory(tmp_path):
    put(tmp_path, "sys/fs/cgroup/memory.max", "max\n")

    assert choose_heap_mebibytes(tmp_path) == choose_heap_mebibytes(tmp_path / "nothing here") > 1024
