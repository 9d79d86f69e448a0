"""What does a small capture file take on S3, beside boto3's own GET of the same object?

python benchmarks/small_objects.py [--quick]

Files of five captures, on the server of the tests; core milliseconds of the processes that read, not of the server.
What a command or a program takes with one file is taken off.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import boto3
import columns
from performance import note
from s3_beside_disk import BUCKET, CREDENTIALS, ROOT
from side_by_side import QUICK_SHARE, is_quick_run

FILES = 4_000
MAX_MILLISECONDS = 1.0
GETS = """
import sys
from concurrent.futures import ThreadPoolExecutor
import boto3

client = boto3.client("s3")
pages = client.get_paginator("list_objects_v2").paginate(Bucket=sys.argv[1], Prefix=sys.argv[2])
keys = [found["Key"] for page in pages for found in page["Contents"]]
with ThreadPoolExecutor(16) as threads:
    list(threads.map(lambda key: client.get_object(Bucket=sys.argv[1], Key=key)["Body"].read(), keys))
"""


def put_captures(url: str, lines: list[str], folder: str, files: int) -> None:
    """The same captures in so many objects."""
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **CREDENTIALS)
    size = len(lines) // files
    for number in range(files):
        body = "".join(lines[number * size : (number + 1) * size]).encode()
        client.put_object(Bucket=BUCKET, Key=f"{folder}/{number:05}.jsonl", Body=body)


def measure(url: str, files: int, local: Path) -> tuple[float, float]:
    """Core milliseconds of a file, ours and boto3's."""
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **CREDENTIALS)
    client.create_bucket(Bucket=BUCKET)
    rows = columns.frame(500, 5, 1)
    rows.to_csv(local / "before.csv", index=False)
    baseline = local / "baseline"
    columns._command("baseline", local / "before.csv", "--output-path", baseline)
    cells = columns._write_cells(rows)[: files * columns.RECORDS_OF_A_FILE]
    lines = [columns._capture(number, row) for number, row in enumerate(cells)]
    ours, theirs = [], []
    for count in (files, 1):
        put_captures(url, lines, f"{count}-files", count)
        flags = ("--dataset-format", "capture", "--baseline", baseline, "--output-path", local / "report")
        ours.append(columns._command("monitor", f"s3://{BUCKET}/{count}-files", *flags))
        theirs.append(columns.measure_program("-c", GETS, BUCKET, f"{count}-files/"))
    return 1000 * (ours[0] - ours[1]) / files, 1000 * (theirs[0] - theirs[1]) / files


def main() -> None:
    files = FILES // (QUICK_SHARE if is_quick_run(__doc__) else 1)
    sys.path.append(str(ROOT))  # for the server of the tests
    from tests.s3.server import s3_server

    with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as name, s3_server(Path(name)) as url:
        os.environ |= {
            "AWS_ENDPOINT_URL": url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
        }
        ours, theirs = measure(url, files, Path(name))
    work = f"a file of {columns.RECORDS_OF_A_FILE} captures on S3, of {files:,}"
    verdict = note(work, "", ours, at_most=MAX_MILLISECONDS, unit="core ms")
    print(f"{work}: {ours:.2f} core ms, boto3's GET {theirs:.2f}; at most {MAX_MILLISECONDS} wanted: {verdict}")


if __name__ == "__main__":
    main()
