"""Rules that a baseline suggests to the user: candidates are run on its data, and those that it meets are written to a file."""

from __future__ import annotations

from pathlib import PurePosixPath

from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.documents.data_contract import format_rules, is_contract, write_contract
from spark_model_monitor.documents.dqdl import quote_text
from spark_model_monitor.documents.rules_file import Expectations, FeatureExpectations, ValueType
from spark_model_monitor.monitors.data_quality.baseline.suggested_rules import select_met_rules, suggest_candidates
from spark_model_monitor.running.runs.monitoring_run import run_monitoring
from spark_model_monitor.running.runs.results import Baseline
from spark_model_monitor.storage import write_file


def suggest_expectations(data: Dataset, baseline: Baseline) -> Expectations:
    """Rules that the data of a baseline meets. Takes one more scan, and one pass over the data for possible keys."""
    candidates = suggest_candidates(baseline.state, baseline.constraints)
    findings = run_monitoring(data, baseline.monitor, None, expectations=candidates, max_quarantined_share=1.0)
    return select_met_rules(candidates, findings.results)


def write_expectations(rules: Expectations, path: str) -> None:
    """Write the rules as DQDL or as a data contract, by the file's suffix, otherwise as JSON, which YAML parsers also accept."""
    if path.lower().endswith(".dqdl"):
        text = write_dqdl(rules)
    elif is_contract(path):
        text = write_contract(rules, PurePosixPath(path).name.partition(".")[0])
    else:
        text = rules.to_json()
    write_file(path, text.encode())


def write_dqdl(rules: Expectations) -> str:
    """Suggested rules as a DQDL file; rules that DQDL can't express are comments."""
    lines = []
    for name, rules_of_feature in rules.features.items():
        for expected in rules_of_feature:
            lines += _list_dqdl_rules(name, expected)
    # Rules about rows stay in the file as comments, so that nobody believes that they are checked
    comments = [f"# {rule.rule}: DQDL has no rule about two columns of a row" for rule in rules.row_rules]
    return "\n".join([*comments, format_rules(lines)])


def _list_dqdl_rules(name: str, expected: FeatureExpectations) -> list[str]:
    column = quote_text(name)
    is_complete = expected.not_null == 1
    # In DQDL a missing value breaks a rule about values
    condition = ""
    if not is_complete:
        condition = f" where {quote_text(f'`{name}` is not null')}"
    lines = []
    if is_complete:
        lines.append(f"IsComplete {column}")
    elif expected.not_null is not None:
        lines.append(f"Completeness {column} >= {expected.not_null:g}")
    if expected.type is ValueType.INTEGRAL:
        lines.append(f'ColumnDataType {column} = "Long"{condition}')
    if expected.min is not None:
        lines.append(f"ColumnValues {column} >= {expected.min:g}{condition}")
    if expected.max is not None:
        lines.append(f"ColumnValues {column} <= {expected.max:g}{condition}")
    if expected.domain is not None:
        values = ", ".join(quote_text(str(value)) for value in expected.domain)
        lines.append(f"ColumnValues {column} in [{values}]{condition}")
    if expected.unique:
        lines.append(f"IsUnique {column}")
    return lines
