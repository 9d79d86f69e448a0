"""The README's two commands in a fresh clone of this repository's HEAD, with nothing in it but what git has, and the commands
of examples/airflow/README.md and docs/emr.md.

`make demo` as it stands; of `make test` some unit tests, since the whole of it is `.ci/run`'s. The clone makes its environments
from the pins; those of Airflow's page find this checkout's libraries.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from tests.at_hand import DEMANDED
from tests.programs import run_on_one_stream
from tests.servers import aws_emulator

from spark_model_monitor.integrations.demo.traffic import FAULT

ROOT = Path(__file__).resolve().parents[2]
INSIDE = "INSIDE_A_FRESH_CLONE"
"""Set for what runs in the clone, so that its tests don't clone again."""

SECONDS = 900  # most of it for the libraries of the slow test, where nothing is in pip's cache

LIBRARIES = Path("lib") / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
"""Of an environment."""

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(INSIDE in os.environ, reason="this is the fresh clone"),
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="there is no repository to clone"),
    pytest.mark.timeout(3 * SECONDS),
]


@dataclass(frozen=True)
class Clone:
    """The clone, with an environment in which no other make and no virtual environment shows.

    Nor does CI: like a user's, the clone has no golden cases beside it.
    """

    folder: Path

    def shell(self, script: str, **variables: str) -> str:
        """What a script says, run in the clone; it has to end well."""
        hidden = (
            "CI",
            DEMANDED,
            "ARGS",
            "MAKEFLAGS",
            "MAKELEVEL",
            "MAKEOVERRIDES",
            "MFLAGS",
            "VIRTUAL_ENV",
            "PYTHONPATH",
            "SPARK_HOME",
        )
        environment = {name: value for name, value in os.environ.items() if name not in hidden} | {INSIDE: "1"}
        python = Path(sys.base_prefix) / "bin"  # the one whose libraries are borrowed
        environment |= {"PATH": f"{python}:{environment['PATH']}", "PYTHON": str(python / "python3")}
        done = run_on_one_stream(
            ["bash", "-euo", "pipefail", "-c", script],
            env=environment | variables,
            cwd=self.folder,
            timeout=SECONDS,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout[-8000:]}"
        return done.stdout

    def borrow(self, environment: str, lender: Path, *programs: str) -> None:
        """An environment that is made at this place of the clone has the lender's libraries, and these of its programs."""
        (self.folder / environment / LIBRARIES).mkdir(parents=True)
        (self.folder / environment / LIBRARIES / "borrowed.pth").write_text(f"{lender / LIBRARIES}\n")
        (self.folder / environment / "bin").mkdir()
        for program in programs:
            script = self.folder / environment / "bin" / program
            script.write_text(f'#!/bin/sh\nexec "${{0%/*}}/python" -m {program} "$@"\n')
            script.chmod(0o755)

    def blocks(self, page: str, first: str = "", last: str = "") -> list[str]:
        """The commands of a page, block by block; of its part between two headings, if they are named."""
        text = (self.folder / page).read_text(encoding="utf-8")
        start = text.index(f"# {first}\n") if first else 0
        end = text.index(f"# {last}\n") if last else len(text)
        return re.findall(r"^```sh\n(.*?)^```", text[start:end], re.DOTALL | re.MULTILINE)


def cloned(folder: Path) -> Clone:
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(folder)], check=True)
    return Clone(folder)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    clone = cloned(tmp_path_factory.mktemp("fresh") / "clone")
    yield clone
    shutil.rmtree(clone.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def tested(clone):
    """What `make test` says of some tests, which leaves what all of them need in the clone's environment."""
    return clone.shell("make test ARGS=tests/unit/documents")


def test_the_readme_has_this_command_alone():
    blocks = re.findall(r"^make (\w+)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert blocks == ["demo"]


def test_make_demo_ends_with_what_was_found_and_where_it_is(clone):
    shown = clone.shell("make demo")

    assert "20,000 rows, 16 features" in shown
    assert "spark-model-monitor-demo/baseline/statistics.json" in shown
    *_, wrong, moved, other_way = shown.splitlines()
    assert f"features changed: {FAULT.feature}" in wrong
    assert moved.startswith(f"What moved the predictions there, on average: {FAULT.feature} by ")
    assert other_way.endswith("make demo SPARK=1")


def test_make_test_passes_tests(tested):
    assert re.search(r"\d+ passed", tested)
    assert "failed" not in tested.splitlines()[-1]


def test_a_public_ci_passes_without_the_golden_cases(clone, tested):
    """GitHub's sets CI=true and has the clone alone; the variable that demands the cases is `.ci/run`'s."""
    passed = clone.shell("CI=true .venv/bin/python -m pytest -q -rs -p no:cacheprovider tests/golden")

    assert re.search(r"\d+ skipped", passed.splitlines()[-1])
    assert "the golden cases (../shared/golden) are not at hand" in passed


def test_the_airflow_page_leads_from_pip_to_an_hourly_dag(clone, airflow_python):
    """fault.json of the example is the answer: what the hour after the fault began has to be told."""
    clone.borrow("monitoring/jobs", ROOT / ".venv", "pip")
    clone.borrow("monitoring/airflow", airflow_python.parents[1], "pip", "airflow")
    blocks = clone.blocks("examples/airflow/README.md")
    clone.shell("".join(blocks))  # in one shell: the variables are exported

    hour = clone.folder / "monitoring/churn/monitoring/data_quality/2024/03/04/21"
    violations = json.loads((hour / "constraint_violations.json").read_text())["violations"]
    assert {violation["feature_name"] for violation in violations} == {FAULT.feature, *FAULT.follow_up}
    assert (hour.parents[4] / "model_quality/2024/03/04/21/constraint_violations.json").is_file()


def test_the_emr_page_ships_the_clone_to_an_emulator_of_aws(clone, tested):
    """What the page shows by --dry-run, asked for in earnest; nobody runs the jobs there."""
    [on_cluster, serverless] = clone.blocks("docs/emr.md", last="The cluster's side")
    with aws_emulator() as url:
        key = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        s3, emr, applications = (
            boto3.client(name, endpoint_url=url, **key) for name in ("s3", "emr", "emr-serverless")
        )
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="baseline/message", Body=b"Completed: Job completed successfully.")
        cluster = emr.run_job_flow(
            Name="c", ReleaseLabel="emr-7.1.0", Instances={"InstanceCount": 1, "KeepJobFlowAliveWhenNoSteps": True}
        )["JobFlowId"]
        application = applications.create_application(name="a", releaseLabel="emr-7.1.0", type="SPARK", clientToken="t")
        variables = {name.upper(): value for name, value in key.items() if name != "region_name"}
        variables |= {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": key["region_name"]}
        clone.shell(on_cluster.replace("--dry-run", "--no-wait").replace("j-2AXXXXXXGAPLF", cluster), **variables)
        printed = clone.shell(
            serverless.replace("--dry-run ", "").replace("00f1r3l2ab0cd901", application["applicationId"]), **variables
        )

        [step] = emr.list_steps(ClusterId=cluster)["Steps"]
        shipped = {entry["Key"] for entry in s3.list_objects_v2(Bucket="bucket")["Contents"]}
        words = step["Config"]["Args"]
        for option in ("--py-files", "--jars"):
            assert words[words.index(option) + 1].removeprefix("s3://bucket/") in shipped
        assert "s3://bucket/captures" in words
        assert "Completed: Job completed successfully." in printed
