"""Run by the SDK's interpreter, not by the product's: our two files through the real SDK's classes.

    python sdk_round_trip.py DIRECTORY FEATURE

Loads DIRECTORY/statistics.json and DIRECTORY/constraints.json, switches FEATURE's monitoring off, saves the constraints,
reads them back, and leaves what the SDK understood in DIRECTORY/sdk.json. A folder stands in for the bucket: the classes
take any session, and this one reaches no network.
"""

import json
import sys
from pathlib import Path

from sagemaker.model_monitor import Constraints, Statistics


class FolderSession:
    """The part of sagemaker.session.Session that the monitoring files use, on a local folder."""

    default_bucket_prefix = None

    def __init__(self, folder):
        self.folder = folder

    def default_bucket(self):
        return "bucket"

    def upload_string_as_file_body(self, body, bucket, key, kms_key=None):
        path = self.folder / bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, encoding="utf-8")

    def read_s3_file(self, bucket, key_prefix):
        return (self.folder / bucket / key_prefix).read_text(encoding="utf-8")


def main(directory, feature):
    session = FolderSession(directory / "s3")
    statistics = Statistics.from_file_path(str(directory / "statistics.json"), sagemaker_session=session)
    constraints = Constraints.from_file_path(str(directory / "constraints.json"), sagemaker_session=session)
    understood = {"statistics": statistics.body_dict, "constraints": json.loads(json.dumps(constraints.body_dict))}
    constraints.set_monitoring(False, feature)
    constraints.save("s3://bucket/saved/constraints.json")
    statistics.session = session  # from_file_path forgets it
    statistics.save("s3://bucket/saved/statistics.json")
    read_back = Constraints.from_s3_uri("s3://bucket/saved/constraints.json", sagemaker_session=session)
    understood["constraints_read_back"] = read_back.body_dict
    (directory / "sdk.json").write_text(json.dumps(understood), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
