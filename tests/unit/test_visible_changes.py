"""benchmarks/visible_changes.py: most changes that a plot shows are found, the others not counted, and healthy days silent."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.outcome import find_unsure_features
from spark_model_monitor.documents.run_changes import HOURS, find_not_compared

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SEED = 89
MIN_FOUND = 43 / 54
MIN_FOUND_WITH_PAIRS = 48 / 54


@pytest.fixture(scope="module")
def changes():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("visible_changes")


def find_missed(changes, judge, random):
    """The findings of the changes that no violation names."""
    missed = {}
    for name, visible in changes.CHANGES.items():
        orders = visible.change(random, changes.draw_day(random, 11))
        findings = judge.compare(orders)
        if not changes.is_named(visible.columns, changes.list_messages(findings)):
            missed[name] = findings
    return missed


def is_counted(visible, findings):
    """Whether the headline counts one of the columns among those without a change."""
    if visible.needs_pairs:
        return "relations" not in findings.headline().text
    not_compared = {finding.feature for finding in find_not_compared(findings.results)}
    unsure = {feature.name for feature in find_unsure_features(findings.results)}
    without_hours = set()
    for finding in findings.results:
        if finding.check == HOURS and finding.status is CheckStatus.NOT_JUDGED:
            without_hours.add(finding.feature)
    return (not_compared | unsure | without_hours).isdisjoint(visible.columns)


def list_counted(changes, missed):
    return [name for name, findings in missed.items() if is_counted(changes.CHANGES[name], findings)]


def test_the_list_is_long_enough_and_leaves_its_twin(changes):
    assert len(changes.CHANGES) >= 60
    for name, visible in changes.CHANGES.items():
        orders = changes.draw_day(np.random.default_rng(1), 11)
        twin = orders.copy(deep=True)
        changed = visible.change(np.random.default_rng(2), orders)

        assert orders.equals(twin), name
        assert not changed.equals(twin), name


@pytest.mark.nightly
@pytest.mark.parametrize("form", ["typed", "epoch"])
def test_most_visible_changes_are_found_by_the_plain_command_and_the_others_are_not_counted(changes, form):
    random = np.random.default_rng(SEED)
    judge = changes.Judge.learn(random, form, pairs=False)
    missed = find_missed(changes, judge, random)

    assert len(missed) <= (1 - MIN_FOUND) * len(changes.CHANGES)
    assert list_counted(changes, missed) == []
    assert not any(judge.list_violations(changes.draw_day(random, 10 + day)) for day in range(10))


@pytest.mark.nightly
def test_every_change_between_columns_is_found_with_pairs(changes):
    random = np.random.default_rng(SEED)
    judge = changes.Judge.learn(random, "iso", pairs=True)
    missed = find_missed(changes, judge, random)

    assert len(missed) <= (1 - MIN_FOUND_WITH_PAIRS) * len(changes.CHANGES)
    assert [name for name in missed if changes.CHANGES[name].needs_pairs] == []
    assert list_counted(changes, missed) == []
    assert not any(judge.list_violations(changes.draw_day(random, 10 + day)) for day in range(10))
