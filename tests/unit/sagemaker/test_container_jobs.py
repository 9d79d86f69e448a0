"""What of a request for a container of the service is run here: its image, and the paths that it mounts."""

from pathlib import PurePosixPath

import pytest

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.integrations.imports.descriptions import require_image
from spark_model_monitor.sagemaker.container_jobs import locate_variables

PROCESSING = "/opt/ml/processing"


@pytest.mark.parametrize("image", ["1.dkr.ecr.eu-west-1.amazonaws.com/my-image:1", "", "analyzer"])
def test_an_image_of_ones_own_is_refused(image):
    with pytest.raises(BadConfiguration, match="an image of your own runs other code than ours; images whose jobs are"):
        require_image(image)


def locate(mounts, **environment):
    return locate_variables(environment, dict(mounts))


def test_paths_of_the_container_are_those_of_what_is_mounted():
    mounts = [
        (PurePosixPath(f"{PROCESSING}/input"), "s3://b/all"),
        (PurePosixPath(f"{PROCESSING}/input/constraints"), "s3://b/deep/constraints.json"),
        (PurePosixPath(f"{PROCESSING}/output"), "s3://b/out"),
    ]

    located = locate(
        mounts,
        dataset_source=f"{PROCESSING}/input/train",
        baseline_constraints=f"{PROCESSING}/input/constraints/constraints.json",
        output_path=f"{PROCESSING}/output",
        record_preprocessor_script="s3://b/pre.py",
        start_time="2026-03-04T20:00:00Z",
    )

    assert located == {
        "dataset_source": "s3://b/all/train",
        "baseline_constraints": "s3://b/deep/constraints.json",
        "output_path": "s3://b/out",
        "record_preprocessor_script": "s3://b/pre.py",
        "start_time": "2026-03-04T20:00:00Z",
    }


@pytest.mark.parametrize(
    ("folders", "reason"),
    [
        ([], "dataset_source is /opt/ml/processing/input, where nothing is mounted; inputs and outputs have nothing"),
        (
            ["input/a", "input/b"],
            "below which 2 inputs are mounted; start a job for each, or mount the folder above them",
        ),
    ],
)
def test_a_path_that_is_not_one_mount_is_refused(folders, reason):
    mounts = [(PurePosixPath(f"{PROCESSING}/{folder}"), f"s3://b/{folder}") for folder in folders]

    with pytest.raises(BadConfiguration, match=reason):
        locate(mounts, dataset_source=f"{PROCESSING}/input", output_path="s3://b/out")
    with pytest.raises(BadConfiguration, match="^the job's Environment has no dataset_source and no output_path"):
        locate(mounts)
