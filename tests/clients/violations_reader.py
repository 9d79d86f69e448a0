"""Run by the SDK's interpreter, not by the product's: our violations through the real SDK's class.

    python violations_reader.py FILE

Prints what `ConstraintViolations` understood of FILE, and of what it saved of it and read back. A folder stands in for the
bucket, as in sdk_round_trip.py.
"""

import json
import sys
from pathlib import Path

from sagemaker.model_monitor import ConstraintViolations
from sdk_round_trip import FolderSession


def main(file):
    session = FolderSession(file.parent / "s3")
    violations = ConstraintViolations.from_file_path(str(file), sagemaker_session=session)
    violations.session = session  # from_file_path forgets it
    violations.save("s3://bucket/saved/constraint_violations.json")
    read_back = ConstraintViolations.from_s3_uri(
        "s3://bucket/saved/constraint_violations.json", sagemaker_session=session
    )
    print(json.dumps([violations.body_dict, read_back.body_dict]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
