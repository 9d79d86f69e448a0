import json
from pathlib import Path

import pytest
from tests.programs import run_program

from spark_model_monitor.documents.constraints import Constraints, FeatureConstraints, NumConstraints, StringConstraints
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
from spark_model_monitor.documents.statistics import (
    Bucket,
    Categorical,
    CategoryBucket,
    Common,
    Dataset,
    Distribution,
    FeatureStatistics,
    InferredType,
    Kll,
    NumericalStatistics,
    Sketch,
    SketchParameters,
    Statistics,
    StringStatistics,
)

ROUND_TRIP = Path(__file__).with_name("sdk_round_trip.py")

STATISTICS = Statistics(
    dataset=Dataset(item_count=3),
    features=(
        FeatureStatistics(
            name="Day Mins",
            inferred_type=InferredType.FRACTIONAL,
            numerical_statistics=NumericalStatistics(
                common=Common(num_present=3, num_missing=0),
                mean=4e9,
                sum=1.2e10,
                std_dev=None,
                min=6e-4,
                max=1.2e10,
                approximate_num_distinct_values=3,
                completeness=1.0,
                distribution=Distribution(
                    kll=Kll(
                        buckets=(Bucket(lower_bound=6e-4, upper_bound=1.2e10, count=3.0),),
                        sketch=Sketch(parameters=SketchParameters(c=0.64, k=2048.0), data=((6e-4, 1.0, 1.2e10),)),
                    )
                ),
            ),
        ),
        FeatureStatistics(
            name="Город",
            inferred_type=InferredType.STRING,
            string_statistics=StringStatistics(
                common=Common(num_present=2, num_missing=1),
                distinct_count=1.0,
                completeness=2 / 3,
                distribution=Distribution(categorical=Categorical(buckets=(CategoryBucket(value='"\n€', count=2),))),
            ),
        ),
    ),
)
CONSTRAINTS = Constraints(
    features=(
        FeatureConstraints(
            name="Day Mins",
            inferred_type=InferredType.FRACTIONAL,
            completeness=1.0,
            num_constraints=NumConstraints(is_non_negative=True),
        ),
        FeatureConstraints(
            name="Город",
            inferred_type=InferredType.STRING,
            completeness=2 / 3,
            string_constraints=StringConstraints(domains=('"\n€',)),
        ),
    ),
    monitoring_config=MonitoringSettings(verdicts="none").as_config(),
)


@pytest.fixture(scope="module")
def folder(sdk_python, tmp_path_factory) -> Path:
    """Our two files, what the SDK understood of them, and under s3/bucket/saved what it saved."""
    folder = tmp_path_factory.mktemp("sdk")
    (folder / "statistics.json").write_text(STATISTICS.to_json(), encoding="utf-8")
    (folder / "constraints.json").write_text(CONSTRAINTS.to_json(), encoding="utf-8")
    quiet = {"SAGEMAKER_SUPPRESS_V2_WARNING": "1", "HOME": str(folder), "LC_ALL": "C.UTF-8"}  # and no AWS settings
    command = [str(sdk_python), str(ROUND_TRIP), str(folder), "Город"]
    done = run_program(command, env=quiet)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_sdk_reads_in_our_files_what_we_wrote(folder):
    understood = json.loads((folder / "sdk.json").read_text())

    assert understood["statistics"] == STATISTICS.plain()
    assert understood["constraints"] == CONSTRAINTS.plain()


def test_what_the_sdk_saves_is_read_by_us_with_its_change_and_nothing_else(folder):
    saved = Constraints.from_json((folder / "s3/bucket/saved/constraints.json").read_bytes())

    assert not saved.settings_for("Город").evaluate_constraints
    assert saved.settings_for("Day Mins") == MonitoringSettings(verdicts="none")
    changed = saved.features[1].model_copy(update={"monitoring_config_overrides": None})
    assert saved.model_copy(update={"features": (saved.features[0], changed)}) == CONSTRAINTS
    assert Statistics.from_json((folder / "s3/bucket/saved/statistics.json").read_bytes()) == STATISTICS


def test_the_sdk_reads_back_what_it_saved_of_ours(folder):
    understood = json.loads((folder / "sdk.json").read_text())["constraints_read_back"]

    assert understood["features"][1]["monitoring_config_overrides"] == {"evaluate_constraints": "Disabled"}
    assert understood["features"][0] == CONSTRAINTS.plain()["features"][0]
