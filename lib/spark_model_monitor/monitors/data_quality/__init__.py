"""The data-quality monitor: what a data set looks like, which limits later data has to keep, and whether it does.

A module imports only from modules that are above it in this list:

messages.py: the service's texts of violations.
`distribution/`: one column, its distribution, design effect, history and tests. `baseline/`: what later data is compared
with. baseline_comparison.py: the current data compared with its baseline, the input of every check. `checks/`: the checks of
features and names. relation_verdicts.py, column_relations.py: relations between columns. rule_table.py: what all rules count.
rule_conditions.py, rule_binding.py, rule_verdicts.py: rules in DQDL. expectations.py: a person's own rules.
budget.py: how checks share the run's budget of false alarms. `hints/`: what looks wrong but violates nothing.
evaluation.py: all checks and hints of a run, in order. `causes/`: where a violation may come from. `report/`: results for
people. feature_numbers.py: metrics and summary rows. feature_scan.py: the profile of every feature. monitor.py: the monitor,
which puts these together.

Here are the families of checks that share a run's budget of false alarms.
"""

from __future__ import annotations

from collections.abc import Iterable

from spark_model_monitor.documents.constraints import FeatureConstraints, FeatureRole
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings

DRIFT = "drift"
PREDICTIONS = "prediction drift"
COMPLETENESS = "completeness"
CONTENTS = "contents"
NEW_KINDS = "new kinds"  # of values that the baseline never had
VOLUME = "volume"
SEGMENTS = "segments"
COLUMN_PAIRS = "between columns"


def list_budget_families(features: Iterable[FeatureConstraints], settings: MonitoringSettings) -> tuple[str, ...]:
    """The families of checks that share the budget of a run with these features."""
    families = [DRIFT, COMPLETENESS, CONTENTS]
    if any(feature.role is FeatureRole.PREDICTION for feature in features):
        families.append(PREDICTIONS)
    if settings.segments:
        families.append(SEGMENTS)
    return tuple(families)
