"""What became of a user's checks: one result for each constraint, and the document `checks_deequ.json` made of them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

SUCCESS, WARNING, ERROR, FAILURE = "Success", "Warning", "Error", "Failure"
"""Deequ's words: the first three are a check's status, Success and Failure a constraint's."""


@dataclass(frozen=True, slots=True)
class ConstraintResult:
    """One constraint of one check. The fields that pydeequ's `checkResultsAsDataFrame` has too have its names.

    metric: the number that was judged, None if there is none or it is no single number. served_by: where it came from.
    """

    check: str
    check_level: str
    check_status: str
    constraint: str
    constraint_status: str
    constraint_message: str
    metric: float | None
    served_by: str


@dataclass(frozen=True, slots=True)
class SuiteResults:
    """The results of all checks, in the user's order."""

    constraints: tuple[ConstraintResult, ...]

    @property
    def status(self) -> str:
        """The worst status of a check: Error before Warning before Success."""
        found = {result.check_status for result in self.constraints}
        return next((status for status in (ERROR, WARNING) if status in found), SUCCESS)

    @property
    def failed(self) -> tuple[ConstraintResult, ...]:
        """The constraints that do not hold."""
        return tuple(result for result in self.constraints if result.constraint_status == FAILURE)

    def to_json_dict(self) -> dict[str, Any]:
        """What checks_deequ.json holds. A metric that is not finite is null."""
        return {
            "status": self.status,
            "constraints": [
                {
                    **asdict(each),
                    "metric": each.metric if each.metric is not None and math.isfinite(each.metric) else None,
                }
                for each in self.constraints
            ],
        }
