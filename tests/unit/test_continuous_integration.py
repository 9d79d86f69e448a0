"""What a public CI may do and has to: pass in a bare clone, and publish nothing that is not tested."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.at_hand import DEMANDED, require

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / ".github" / "workflows").glob("*.yml")}
PUBLISHES = "make release"
BEFORE = ("lint", "types", "test")


def steps_of(workflow: str) -> dict[str, list[str]]:
    """The commands of each job, in their order."""
    jobs = yaml.safe_load(workflow)["jobs"]
    return {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}


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


def test_no_workflow_demands_what_a_bare_clone_has_not():
    assert [name for name, text in WORKFLOWS.items() if DEMANDED in text] == []


def test_style_types_and_tests_come_before_what_publishes():
    publishing = [
        steps for text in WORKFLOWS.values() for steps in steps_of(text).values() if any(map(published, steps))
    ]

    assert publishing
    for steps in publishing:
        first = next(place for place, step in enumerate(steps) if published(step))
        made = [word for step in steps[:first] for word in step.split()[1:]]
        assert [target for target in BEFORE if target not in made] == []


def published(step: str) -> bool:
    return step.startswith(PUBLISHES)
