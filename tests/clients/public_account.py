"""What the accounts of public notebooks have before the first cell: files, training jobs, a model package; all of it made up.

`fill` is called when moto's server is up and empty. A notebook's own text gives the names and the shape of what it reads.
"""

from __future__ import annotations

import io
import random
import tarfile
from collections.abc import Callable

import boto3

REGION = "us-west-2"
ACCOUNT = "123456789012"  # moto's
BUCKET = f"sagemaker-{REGION}-{ACCOUNT}"
SAMPLES = "sagemaker-sample-files"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
MODEL_GROUP = "from-idea-to-prod-pipeline-model"
WORKSHOP = "from-idea-to-prod/xgboost"


def fill(notebook: str) -> dict[str, str | bool]:
    """Fill the account for a notebook, named by its path; returns the variables that notebooks before it stored."""
    for bucket in (BUCKET, SAMPLES):
        boto3.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    for name, fill_for in FILLED.items():
        if name in notebook:
            return fill_for(random.Random(1))
    return {}


def put(key: str, content: bytes | str, bucket: str = BUCKET) -> None:
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=content)


def write_rows(rows: int, make_row: Callable[[], list[float]]) -> str:
    return "".join(",".join(map(str, make_row())) + "\n" for _ in range(rows))


def make_archive(name: str, content: bytes) -> bytes:
    """A .tar.gz of one file."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def train(job: str) -> None:
    """A training job that is over, and its model."""
    boto3.client("sagemaker").create_training_job(
        TrainingJobName=job,
        AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "File"},
        RoleArn=ROLE,
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    put(f"models/{job}/output/model.tar.gz", make_archive("model", b"model"))


def fill_for_mlops_workshop(numbers: random.Random) -> dict[str, str | bool]:
    """Houses of California: longitude, latitude, age, rooms, bedrooms, population, households, income, value."""

    def make_house() -> list[float]:
        counts = [numbers.randint(1, maximum) for maximum in (52, 5000, 900, 3000, 800)]
        location = [round(numbers.gauss(mean, 2), 4) for mean in (-119, 35)]
        return [*location, *counts, round(numbers.uniform(0.5, 12), 4), numbers.randint(15000, 500000)]

    train("tf-2-workflow-2024-01-01")
    houses = make_archive("CaliforniaHousing/cal_housing.data", write_rows(3000, make_house).encode())
    put("datasets/tabular/california_housing/cal_housing.tgz", houses, SAMPLES)
    return {}


def fill_for_reinvent(numbers: random.Random) -> dict[str, str | bool]:
    """Network traffic: a class of 15, and 84 features, every third with a fraction."""

    def make_flow() -> list[float]:
        flow = [numbers.randint(0, 14)]
        for index in range(84):
            flow.append(numbers.randint(0, 9) if index % 3 else round(numbers.gauss(5, 2), 3))
        return flow

    train("nw-traffic-classification-xgb-2024-01-01")
    header = ",".join(["Target", *(f"f{index}" for index in range(84))])
    put("aim362/data/val/val.part", f"{header}\n{write_rows(1000, make_flow)}")
    return {}


def fill_for_idea_to_production(numbers: random.Random) -> dict[str, str | bool]:
    """Customers of a bank: three numbers between 0 and 1, and 55 flags; the model's answers; a model that awaits approval."""

    def make_customer() -> list[float]:
        return [*(round(numbers.random(), 6) for _ in range(3)), *(numbers.randint(0, 1) for _ in range(55))]

    def make_answer() -> list[float]:
        probability = round(numbers.random(), 4)
        return [int(probability > 0.5), probability, int(numbers.random() < probability)]

    put(f"{WORKSHOP}/baseline/baseline.csv", write_rows(2000, make_customer))
    put(f"{WORKSHOP}/test/test_x.csv", write_rows(400, make_customer))
    put(f"{WORKSHOP}/test/test_y.csv", write_rows(400, lambda: [numbers.randint(0, 1)]))
    answers = f"prediction,probability,label\n{write_rows(600, make_answer)}"
    put(f"{WORKSHOP}/prediction_baseline/prediction_baseline.csv", answers)
    put(f"{WORKSHOP}/model.tar.gz", make_archive("model", b"model"))
    client = boto3.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName=MODEL_GROUP)
    client.create_model_package(
        ModelPackageGroupName=MODEL_GROUP,
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={
            "Containers": [{"Image": "image", "ModelDataUrl": f"s3://{BUCKET}/{WORKSHOP}/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )
    folders = ("baseline", "test", "prediction_baseline")
    return {
        "initialized": True,
        "region": REGION,
        "sm_role": ROLE,
        "bucket_name": BUCKET,
        "bucket_prefix": WORKSHOP,
        "model_package_group_name": MODEL_GROUP,
        **{f"{folder}_s3_url": f"s3://{BUCKET}/{WORKSHOP}/{folder}" for folder in folders},
    }


FILLED = {
    "amazon-sagemaker-mlops-workshop": fill_for_mlops_workshop,
    "reinvent2019": fill_for_reinvent,
    "amazon-sagemaker-from-idea-to-production": fill_for_idea_to_production,
}
"""What fills an account, by a part of the notebook's path."""
