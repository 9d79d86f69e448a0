"""What became of a user's checks: one result for each constraint, and the document `checks_deequ.json`. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from model_monitor.documents.json_text import java_double
from model_monitor.errors import NeedsSpark
from model_monitor.monitors.user_checks import twin
from model_monitor.monitors.user_checks.answers import NeedsSecondScan, second_scan_refused
from model_monitor.monitors.user_checks.checks import CheckPlan, Source
from model_monitor.monitors.user_checks.checks_json import JsonCheck, JsonChecks, Level

if TYPE_CHECKING:
    from model_monitor.data.reading.dataset import Dataset
    from model_monitor.statistics.states.profile import Profile


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


NOT_MET = "Value: {value} does not meet the constraint requirement!"
"""Source: AnalysisBasedConstraint of Deequ 2.1.0."""


def judged_by_twin(check: JsonCheck, plan: CheckPlan, profile: Profile, matches: Mapping[str, int]) -> ConstraintResult:
    served = plan.served[check.analyzer]
    try:
        return judged(check, twin.number_of(served, profile, matches, check.data_type), "", served.source.value)
    except twin.NoMetric as fault:
        return judged(check, None, str(fault), served.source.value)
    except NeedsSecondScan as fault:
        if plan.second_scan_allowed:
            raise NeedsSpark(f"--checks: {check.analyzer}: {fault}: a second scan") from fault
        return judged(check, None, second_scan_refused(fault), Source.SECOND_SCAN.value)


def judged(check: JsonCheck, number: float | None, fault: str, served_by: str) -> ConstraintResult:
    """fault: why there is no number."""
    holds = number is not None and check.assertion.holds(number)
    message = fault if number is None else "" if holds else NOT_MET.format(value=java_double(number))
    failed = not holds
    status = (ERROR if check.level is Level.ERROR else WARNING) if failed else SUCCESS
    return ConstraintResult(
        check=check.hint or str(check),
        check_level=check.level.value,
        check_status=status,
        constraint=str(check),
        constraint_status=FAILURE if failed else SUCCESS,
        constraint_message=" ".join(filter(None, [message, check.hint])) if failed else "",
        metric=number,
        served_by=served_by,
    )


def checked(plan: CheckPlan, dataset: Dataset, profile: Profile, matches: Mapping[str, int]) -> SuiteResults:
    """The results of the plan's checks on the profile of the scan that it was made for, by the twin of Deequ.

    matches: rows in which each of `plan.predicates` was true. Where a fitting Deequ is loaded, an engine asks that.
    """
    assert isinstance(plan.checks, JsonChecks)  # the others are Deequ's own
    return SuiteResults(tuple(judged_by_twin(check, plan, profile, matches) for check in plan.checks.checks))
