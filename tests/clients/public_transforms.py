"""What stands in for a batch transform in public notebooks: run in their kernel, it asks this machine's model server.

Its outputs and captures are laid down as a transform job lays them down: `NAME.out` beside each other, and manifests of both
below the captures' `input` and `output`, by the hour.
"""

import json
import os
import urllib.request
from datetime import datetime, timezone
from uuid import uuid4

import boto3
from sagemaker.transformer import Transformer

ID = "SageMakerInferenceId"
TIME = "SageMakerInferenceTime"
OUTPUT = "SageMakerOutput"


def split_uri(uri):
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def answer(body, content_type):
    url = f"{os.environ['AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME']}/endpoints/transform/invocations"
    request = urllib.request.Request(url, body.encode(), {"Content-Type": content_type})
    return urllib.request.urlopen(request).read().decode()


def put_together(request_line, response_line, content_type, joins, event):
    """The output of one record. event: its id and time, or nothing."""
    if content_type == "text/csv":
        return ",".join([*([request_line] if joins else []), response_line, *event])
    members = json.loads(response_line)
    if joins or event:
        members = {
            **(json.loads(request_line) if joins else {}),
            OUTPUT: members,
            **dict(zip((ID, TIME), event, strict=False)),
        }
    return json.dumps(members)


def transform(self, data, content_type=None, join_source=None, batch_data_capture_config=None, **_):
    client = boto3.client("s3")
    now = datetime.now(timezone.utc)
    bucket, prefix = split_uri(data)
    output = (self.output_path or f"s3://{bucket}/transform-output").rstrip("/")
    capture = batch_data_capture_config
    with_ids = bool(capture and capture.generate_inference_id)
    content_type = content_type or "text/csv"
    for listed_object in client.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
        body = client.get_object(Bucket=bucket, Key=listed_object["Key"])["Body"].read().decode()
        response = answer(body, content_type)
        is_whole = content_type == "application/json"
        if is_whole:
            pairs = [(body, response)]
        else:
            pairs = zip(filter(None, body.splitlines()), response.splitlines(), strict=True)
        rows = [
            put_together(
                *pair, content_type, join_source, [str(uuid4()), f"{now:%Y-%m-%dT%H:%M:%SZ}"] if with_ids else []
            )
            for pair in pairs
        ]
        name = listed_object["Key"].rpartition("/")[2]
        to_bucket, to_prefix = split_uri(output)
        client.put_object(Bucket=to_bucket, Key=f"{to_prefix}/{name}.out", Body="\n".join(rows).encode())
        if capture is None:
            continue
        relative_path = f"s3://{bucket}/{listed_object['Key']}".removeprefix(data)  # nothing where the data is one file
        locations = {"input": (data, relative_path), "output": (f"{output}/", f"{name}.out")}
        for role, (folder, file) in locations.items():
            to_bucket, to_prefix = split_uri(capture.destination_s3_uri)
            key = f"{to_prefix}/{role}/{now:%Y/%m/%d/%H}/{uuid4()}.json"
            client.put_object(Bucket=to_bucket, Key=key, Body=json.dumps([{"prefix": folder}, file]).encode())


Transformer.transform = transform
