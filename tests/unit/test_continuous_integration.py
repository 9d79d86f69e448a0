"""What a public CI may do and has to: pass in a bare clone, and publish nothing that is not tested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from tests.at_hand import DEMANDED, require

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / ".github" / "workflows").glob("*.yml")}
TO_THE_REGISTRY = "pypa/gh-action-pypi-publish"
PUBLISHES = ("make release", TO_THE_REGISTRY)
BEFORE = ("demo", "lint", "types", "test", "smoke", "nightly", "publish-check")
"""What `.ci/run` runs, `make nightly` and what a registry gets."""


@pytest.fixture
def public(monkeypatch):
    """The environment of a public CI."""
    monkeypatch.setenv("CI", "true")
    monkeypatch.delenv(DEMANDED, raising=False)
    return monkeypatch


def test_without_the_golden_cases_a_public_ci_skips_their_tests(public):
    with pytest.raises(pytest.skip.Exception, match="no cases"):
        require(False, "no cases")


def test_our_own_ci_demands_the_golden_cases(public):
    public.setenv(DEMANDED, "1")

    with pytest.raises(pytest.fail.Exception, match="no cases; DEMANDS_SHARED=1 demands it"):
        require(False, "no cases")
    assert f"export {DEMANDED}=1" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_what_is_at_hand_is_neither_skipped_nor_demanded(public):
    require(True, "no cases")
    public.setenv(DEMANDED, "1")
    require(True, "no cases")


def test_a_tag_is_published_after_all_that_our_own_ci_runs():
    ours = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    targets = re.findall(r"^make --no-print-directory (?:--jobs 3 )?(.+)$", ours, re.MULTILINE)

    preparations = {"environments", "setup", "compiled-tests"}
    assert {target for line in targets for target in line.split()} - preparations <= set(BEFORE)


def test_no_workflow_demands_what_a_bare_clone_has_not():
    assert [name for name, text in WORKFLOWS.items() if DEMANDED in text] == []


def test_all_checks_come_before_what_publishes():
    publishing_jobs = [
        (jobs, name)
        for jobs in map(read_jobs, WORKFLOWS.values())
        for name, job in jobs.items()
        if any(map(publishes, list_steps(job)))
    ]

    assert [name for _, name in publishing_jobs] == ["registry", "github"]
    for jobs, name in publishing_jobs:
        targets = [target for step in list_steps_before_publishing(jobs, name) for target in step.split()[1:]]
        assert [target for target in BEFORE if target not in targets] == [], name


def test_the_job_that_a_registry_trusts_runs_nothing_of_ours_and_no_other_job_asks_for_its_token():
    jobs = [job for workflow in WORKFLOWS.values() for job in read_jobs(workflow).values()]
    trusted = [job for job in jobs if "id-token" in job.get("permissions", {})]

    [job] = trusted
    assert job["permissions"] == {"id-token": "write"}
    assert job["environment"] == "registry"
    assert [step for step in job["steps"] if "run" in step] == []
    assert job["steps"][-1]["uses"].startswith(TO_THE_REGISTRY)


def read_jobs(workflow: str) -> dict[str, dict]:
    return yaml.safe_load(workflow)["jobs"]


def list_steps(job: dict) -> list[str]:
    """The command of each step, or the action that it uses."""
    return [step.get("run") or step["uses"] for step in job["steps"]]


def list_steps_before_publishing(jobs: dict[str, dict], name: str) -> list[str]:
    """The steps of the jobs that a job waits for, and its own before the first that publishes."""
    steps = list_steps(jobs[name])
    first = next(index for index, step in enumerate(steps) if publishes(step))
    steps = steps[:first]
    while name := jobs[name].get("needs"):
        steps = list_steps(jobs[name]) + steps
    return steps


def publishes(step: str) -> bool:
    return step.startswith(PUBLISHES)
