"""Run by the SDK's interpreter, not by the product's: a model-quality run's files through the real SDK's classes.

    python sdk_quality.py DIRECTORY

Loads the three documents of DIRECTORY, saves the constraints below DIRECTORY/s3/bucket/saved, and leaves what the SDK
understood in DIRECTORY/sdk.json.
"""

import json
import sys
from pathlib import Path

from sagemaker.model_monitor import Constraints, ConstraintViolations, Statistics
from sdk_round_trip import FolderSession


def main(directory):
    session = FolderSession(directory / "s3")
    kinds = {"statistics": Statistics, "constraints": Constraints, "constraint_violations": ConstraintViolations}
    files = {
        name: kind.from_file_path(str(directory / f"{name}.json"), sagemaker_session=session)
        for name, kind in kinds.items()
    }
    files["constraints"].save("s3://bucket/saved/constraints.json")
    (directory / "sdk.json").write_text(json.dumps({name: file.body_dict for name, file in files.items()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
