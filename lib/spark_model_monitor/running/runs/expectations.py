"""Rules that a baseline suggests to the user."""

from __future__ import annotations

from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.documents.expectations import Expectations
from spark_model_monitor.monitors.data_quality.baseline.suggested_rules import select_met_rules, suggest_candidates
from spark_model_monitor.running.runs.results import Baseline
from spark_model_monitor.running.runs.run import run_monitoring
from spark_model_monitor.storage import storage_of


def suggest_expectations(data: Dataset, baseline: Baseline) -> Expectations:
    """Rules that the data of a baseline meets. One more scan, and one pass for possible keys."""
    tried = suggest_candidates(baseline.state, baseline.constraints)
    findings = run_monitoring(data, baseline.monitor, None, expectations=tried, max_quarantined_share=1.0)
    return select_met_rules(tried, findings.results)


def write_expectations(rules: Expectations, path: str) -> None:
    """Write JSON, which YAML parsers also accept."""
    storage_of(path).write(path, rules.to_json().encode())
