"""What a run gives back: a `Baseline` or `Findings`, with their files, and how notebooks show them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from model_monitor.documents.constraints import Constraints
from model_monitor.documents.outcomes import CheckOutcome, CheckOutcomes
from model_monitor.documents.statistics import Statistics
from model_monitor.documents.tables import as_rows
from model_monitor.documents.violations import Violations
from model_monitor.history.archive import PROFILE, to_parquet
from model_monitor.outputs.files import CONSTRAINTS, STATISTICS, VIOLATIONS, Run, publish
from model_monitor.reading.ledger import Ledger
from model_monitor.states import Profile

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from model_monitor.profiling.checks import CheckResults

LEDGER = "ledger.json"
OUTCOMES = "checks.json"
DEEQU_CHECKS = "checks_deequ.json"


@dataclass(frozen=True)
class Baseline:
    """What a run says of its data: the two documents, the states behind them, and the account of what was read.

    checks: the results of the user's own Deequ Checks, None if there were none.
    """

    statistics: Statistics
    constraints: Constraints
    profile: Profile
    ledger: Ledger
    checks: CheckResults | None = None

    def to_pandas(self) -> pd.DataFrame:
        """One row for each feature: type, completeness, distinct values, mean, standard deviation, minimum, maximum."""
        return pd.DataFrame(as_rows(self.statistics)).set_index("name")

    def _repr_html_(self) -> str:
        head = f"<p>{self.ledger.kept:,} rows, {len(self.profile.features):,} features</p>"
        return head + _html(self.to_pandas())

    @property
    def body_dict(self) -> dict[str, Any]:
        """Both documents as the dictionaries that the service's SDK gives as `body_dict`."""
        return {"statistics": self.statistics.body_dict, "constraints": self.constraints.body_dict}

    def files(self) -> dict[str, bytes]:
        """Every file of the run by its name below the output path."""
        files = {
            STATISTICS: self.statistics.to_json().encode(),
            CONSTRAINTS: self.constraints.to_json().encode(),
            LEDGER: _json(self.ledger.to_json_dict()),
            PROFILE: to_parquet(self.profile),
        }
        if self.checks is not None:
            files[DEEQU_CHECKS] = _json(self.checks.to_json_dict())
        return files

    def write(self, output_path: str, spark: SparkSession | None = None) -> Run:
        """Publish the files below `output_path`; without a session it has to be a local path.

        Raises OutputFailed if they can't be written; a run published there before is then untouched.
        """
        return publish(self.files(), output_path, spark)


@dataclass(frozen=True)
class Findings:
    """What a monitoring run found: the violations, the outcome of every check, and what the window is like.

    current: the window's own documents and states; its constraints are what this window alone would suggest. constraints:
    those that it was held against.
    """

    violations: Violations
    outcomes: tuple[CheckOutcome, ...]
    current: Baseline
    constraints: Constraints

    @property
    def count(self) -> int:
        """How many violations there are."""
        return len(self.violations.violations)

    def to_pandas(self) -> pd.DataFrame:
        """One row for each check of each feature: status, observed number, threshold, counts, formula, reason."""
        columns = [name for name in CheckOutcome.model_fields if name != "description"]
        rows = [{name: getattr(outcome, name) for name in columns} for outcome in self.outcomes]
        table = pd.DataFrame(rows, columns=columns)
        return table.assign(status=[outcome.status.value for outcome in self.outcomes])

    def _repr_html_(self) -> str:
        head = f"<p>{self.current.ledger.kept:,} records, {self.count:,} violation{'' if self.count == 1 else 's'}</p>"
        table = pd.DataFrame(
            [violation.plain() for violation in self.violations.violations],
            columns=["feature_name", "constraint_check_type", "description"],
        )
        return head + _html(table)

    @property
    def body_dict(self) -> dict[str, Any]:
        """The violations as the dictionary that the service's SDK gives as `body_dict`."""
        return self.violations.body_dict

    def files(self, *, omit_empty: bool = False) -> dict[str, bytes]:
        """Every file of the run by its name below the output path. omit_empty: no file of violations if there are none."""
        files = {**self.current.files(), OUTCOMES: CheckOutcomes(checks=self.outcomes).to_json().encode()}
        if self.count or not omit_empty:
            files[VIOLATIONS] = self.violations.to_json().encode()
        return files

    def write(self, output_path: str, spark: SparkSession | None = None, *, omit_empty: bool = False) -> Run:
        """Publish the files below `output_path`; without a session it has to be a local path. omit_empty: as in `files`.

        Raises OutputFailed if they can't be written; a run published there before is then untouched.
        """
        return publish(self.files(omit_empty=omit_empty), output_path, spark)


def _html(table: pd.DataFrame) -> str:
    """Names and texts are escaped: features are called what they like."""
    return table.to_html(na_rep="", float_format=lambda number: f"{number:,.6g}")


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
