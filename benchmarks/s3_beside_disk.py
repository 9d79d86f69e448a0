"""How long does a run on S3 take, beside the same on this machine's disk, apart from the transfer of the data?

python benchmarks/s3_beside_disk.py [--quick]

The S3 server is the one of the tests, on the same two cores. What the transfer takes is what Spark's own read of the same files
takes on S3 more than on disk; it is taken off. What is left is ours: listings, documents and states as objects, their order.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import boto3
from data_sets import mixed_csv, mixed_parquet, size_bytes
from ours import profile_into, whole_profile
from performance import note
from pyspark.sql import SparkSession
from session import benchmark_session
from side_by_side import QUICK_SHARE, Contestant, is_quick_run, race

ROOT = Path(__file__).resolve().parent.parent
ROWS = 1_000_000
WARM_UP_ROWS = 100_000
WARM_UPS = 2
AT_MOST = 1.25
"""Times the run on disk."""

BUCKET = "benchmark"
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}

DATA_SETS = {"csv": mixed_csv, "parquet": mixed_parquet}


@contextmanager
def s3_session() -> Iterator[tuple[SparkSession, str]]:
    """A session that opens the objects of a server on this machine, and the server's address."""
    sys.path.append(str(ROOT))  # for the server of the tests
    from tests.s3 import jars
    from tests.s3.server import s3_server

    folder = Path(tempfile.mkdtemp(prefix="spark-model-monitor-benchmark-"))
    try:
        with s3_server(folder) as url:
            settings = {
                "endpoint": url,
                "endpoint.region": "us-east-1",
                "path.style.access": "true",
                "connection.ssl.enabled": "false",
                "access.key": CREDENTIALS["aws_access_key_id"],
                "secret.key": CREDENTIALS["aws_secret_access_key"],
                "change.detection.mode": "none",  # the server compares the ETags of ours and of its own otherwise than S3
            }
            settings_texts = [f"spark.hadoop.fs.s3a.{name}={value}" for name, value in settings.items()]
            with benchmark_session(jars=jars.provide(*jars.S3A), settings=settings_texts) as spark:
                yield spark, url
    finally:
        shutil.rmtree(folder)


def put(url: str, folder: Path) -> str:
    """Upload a data set; its path on S3."""
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **CREDENTIALS)
    if BUCKET not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=BUCKET)
    for file in folder.iterdir():
        client.upload_file(str(file), BUCKET, f"{folder.name}/{file.name}")
    return f"s3a://{BUCKET}/{folder.name}"


def bare(spark: SparkSession, source: str, dataset_format: str) -> None:
    """Every byte of the files, read by Spark and dropped."""
    if dataset_format == "csv":
        reader = spark.read.text(source)
    else:
        reader = spark.read.parquet(source)
    reader.write.format("noop").mode("overwrite").save()


def compare(spark: SparkSession, folder: Path, on_s3: str, dataset_format: str) -> None:
    """Both runs and both bare reads in turns, and what of the run on S3 is not transfer."""
    disk = Contestant("ours, on disk", partial(whole_profile, spark, folder, dataset_format))
    s3 = Contestant("ours, on S3", partial(profile_into, spark, on_s3, dataset_format, f"{on_s3}-profile"))
    bare_disk = Contestant("Spark's read, on disk", partial(bare, spark, str(folder), dataset_format))
    bare_s3 = Contestant("Spark's read, on S3", partial(bare, spark, on_s3, dataset_format))
    contestants = (disk, s3, bare_disk, bare_s3)
    race(contestants)
    transfer = bare_s3.seconds - bare_disk.seconds
    ratio = (s3.seconds - transfer) / disk.seconds
    print(f"\n{dataset_format}, {size_bytes(folder) / 1e6:,.0f} MB\n")
    print(f"| {'':25} | seconds | core s |\n| {'-' * 25} | ------: | -----: |")
    for contestant in contestants:
        print(f"| {contestant.name:25} | {contestant.seconds:7.2f} | {contestant.core_seconds:6.2f} |")
    work = f"{dataset_format}, {size_bytes(folder) / 1e6:,.0f} MB, from S3 to S3, without the transfer"
    verdict = note(work, "the same on disk", s3.seconds - transfer, disk.seconds, AT_MOST, "s")
    print(
        f"\ntransfer {transfer:.2f} s; apart from it {ratio:.2f} times the run on disk, wanted at most {AT_MOST}: {verdict}",
        flush=True,
    )


def main() -> None:
    rows = ROWS // (QUICK_SHARE if is_quick_run(__doc__) else 1)
    with s3_session() as (spark, url):
        for dataset_format, data_set in DATA_SETS.items():
            small = data_set(WARM_UP_ROWS)
            on_s3 = put(url, small)
            for _ in range(WARM_UPS):
                whole_profile(spark, small, dataset_format)
                profile_into(spark, on_s3, dataset_format, f"{on_s3}-profile")
                bare(spark, on_s3, dataset_format)
            folder = data_set(rows)
            compare(spark, folder, put(url, folder), dataset_format)


if __name__ == "__main__":
    main()
