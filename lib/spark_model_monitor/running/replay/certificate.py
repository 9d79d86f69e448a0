"""The result of a replay: each side's verdict on a window, their differences, and whether they are equal overall."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from enum import Enum
from operator import attrgetter
from typing import Any

from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.documents.check_results import DRIFT
from spark_model_monitor.documents.json_text import Json, dump_indented
from spark_model_monitor.documents.page import format_noun_count
from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.reports.outputs.printable import format_table
from spark_model_monitor.value_class import value_class

VERSION = 1  # of replay.json

_DEVIATION = re.compile(r" \+/- \S+(?= was )")
_CHECK = "constraint_check_type"
_TEXT = "description"

_TOPICS = {
    "data_type_check": "types",
    "completeness_check": "completeness",
    "categorical_values_check": "categories",
    "missing_column_check": "number of columns",
    "extra_column_check": "number of columns",
}
_COLUMNS = {InferredType.INTEGRAL: "discrete", InferredType.FRACTIONAL: "continuous", InferredType.STRING: "text"}


@dataclass(frozen=True, slots=True, order=True)
class ReportedViolation:
    """One violation of any monitor. subject: the feature, or the metric with its facet."""

    subject: str
    check: str
    text: str

    @classmethod
    def of(cls, violation: Mapping[str, Any]) -> ReportedViolation:
        """The violation in one entry of constraint_violations.json."""
        subject = " ".join(str(value) for name, value in violation.items() if name not in (_CHECK, _TEXT))
        return cls(subject, str(violation[_CHECK]), _DEVIATION.sub("", str(violation[_TEXT])))

    @property
    def key(self) -> tuple[str, str]:
        """Subject and check, which violations have in common that differ only in their text."""
        return self.subject, self.check


@value_class
class Verdict:
    """The violations that one side reports for a window, or the reason why the side failed."""

    violations: frozenset[ReportedViolation] = frozenset()
    failure: str | None = None

    @classmethod
    def of(cls, violations: Iterable[Mapping[str, Any]]) -> Verdict:
        """The verdict in the entries of a constraint_violations.json."""
        return cls(frozenset(map(ReportedViolation.of, violations)))

    def plain(self) -> dict[str, Any]:
        """The verdict as a JSON object, violations sorted by subject."""
        if self.failure is not None:
            return {"failure": self.failure}
        return {"violations": [asdict(violation) for violation in sorted(self.violations)]}

    @classmethod
    def from_plain(cls, content: Mapping[str, Any]) -> Verdict:
        """The verdict that `plain` returned. Raises KeyError or TypeError if the content is not a verdict."""
        if "failure" in content:
            return cls(failure=str(content["failure"]))
        violations = [ReportedViolation(**members) for members in content["violations"]]
        # A journal may have been edited: a wrong type must not show up as a difference
        for violation in violations:
            if not all(isinstance(text, str) for text in astuple(violation)):
                raise TypeError("the members of a violation are texts")
        return cls(frozenset(violations))


class DifferenceKind(Enum):
    """How a side differs from the side with which it is compared."""

    FEWER = "fewer"  # a violation is missing
    MORE = "more"  # there is an additional violation
    OTHER_TEXT = "other text"  # the same check of the same subject is violated, with another number or other words
    FAILED = "failed"  # one of the two sides has no verdict


@value_class
class Difference:
    """One difference between two verdicts; without a subject if a side has no verdict. text: the violation's, or the failure."""

    kind: DifferenceKind
    subject: str = ""
    check: str = ""
    text: str = ""


def compare_verdicts(expected: Verdict, actual: Verdict) -> tuple[Difference, ...]:
    """The differences of `actual` from `expected`, by subject; empty if they are equal."""
    if expected.failure is not None or actual.failure is not None:
        return (Difference(DifferenceKind.FAILED, text=actual.failure or expected.failure or ""),)
    differences = _compare_violations(expected.violations, actual.violations)
    return tuple(sorted(differences, key=attrgetter("subject", "check", "text")))


def _compare_violations(
    expected: frozenset[ReportedViolation], actual: frozenset[ReportedViolation]
) -> Iterator[Difference]:
    missing_violations = expected - actual
    added_violations = actual - expected
    # Missing with one text and added with another is one difference, not two
    changed_keys = {violation.key for violation in missing_violations} & {
        violation.key for violation in added_violations
    }
    for violation in missing_violations:
        if violation.key not in changed_keys:
            yield Difference(DifferenceKind.FEWER, violation.subject, violation.check, violation.text)
    for violation in added_violations:
        kind = DifferenceKind.MORE
        if violation.key in changed_keys:
            kind = DifferenceKind.OTHER_TEXT
        yield Difference(kind, violation.subject, violation.check, violation.text)


@value_class
class ReplayedWindow:
    """One window with its three verdicts. report: the service's, None if it left no report. folder: the folder of the report."""

    window: Window
    service: Verdict
    default: Verdict
    report: Verdict | None = None
    folder: str | None = None


@value_class
class Certificate:
    """All windows of a replay, in order.

    with_reports: whether the service's reports were given. types: the types of the baseline's features, by name. unmatched:
    folders of reports without a window.
    """

    windows: Sequence[ReplayedWindow]
    with_reports: bool
    types: Mapping[str, InferredType]
    unmatched: Sequence[str] = ()

    @property
    def is_equal(self) -> bool:
        """Whether at least one window could be compared, and all compared windows are equal."""
        differences_by_window = [self.compare_window(window) for window in self.windows]
        comparisons = [differences for differences in differences_by_window if differences is not None]
        return bool(comparisons) and not any(comparisons)

    def compare_window(self, replayed: ReplayedWindow) -> tuple[Difference, ...] | None:
        """The differences between the compared columns of a window; None if there is nothing to compare."""
        if not self.with_reports:
            return compare_verdicts(replayed.service, replayed.default)
        if replayed.report is None:
            return None
        return compare_verdicts(replayed.report, replayed.service)

    def compare_default(self, replayed: ReplayedWindow) -> tuple[Difference, ...] | None:
        """The differences of our default from the service's verdict, reported or replayed."""
        expected = replayed.report if self.with_reports else replayed.service
        if expected is None:
            return None
        return compare_verdicts(expected, replayed.default)

    def summary(self) -> str:
        """A line on the compared windows and, if there are reports, lines on our default and on what has no counterpart."""
        lines = [self._summarize([self.compare_window(window) for window in self.windows])]
        if self.with_reports:
            default_differences = self._summarize([self.compare_default(window) for window in self.windows])
            lines.append(f"our default compared with the reports: {default_differences}")
            # Windows without a report count neither as equal nor as different
            num_without_report = sum(window.report is None for window in self.windows)
            if num_without_report:
                lines.append(f"{format_noun_count(num_without_report, 'window')} without a report")
            if self.unmatched:
                lines.append(f"{format_noun_count(len(self.unmatched), 'report')} without a window")
        else:
            lines.append("no reports were given: --compat service was compared with our default")
        return "\n".join(lines)

    def message(self) -> str:
        """The exit message of the replay's job."""
        return f"Completed: {self.summary().splitlines()[0]}"

    def to_text(self) -> str:
        """The table for people, the reports without a window, and the summary."""
        rows = [self._format_row(window) for window in self.windows]
        unmatched = "".join(f"no captures for the report in {folder}\n" for folder in self.unmatched)
        table = format_table(["window", "service's file", "--compat service", "our default", "verdict"], rows)
        return f"{table}\n{unmatched}{self.summary()}\n"

    def to_json(self) -> str:
        """The content of replay.json."""
        return dump_indented(self.plain())

    def plain(self) -> dict[str, Json]:
        """The members of replay.json."""
        return {
            "version": VERSION,
            "equal": self.is_equal,
            "summary": self.summary().splitlines(),
            "reports_without_window": list(self.unmatched),
            "windows": [self._describe_window(window) for window in self.windows],
        }

    def _format_row(self, replayed: ReplayedWindow) -> list[str]:
        return [
            f"{replayed.window.start:%Y-%m-%dT%HZ}",
            "-" if replayed.report is None else _format_cell(replayed.report),
            _format_cell(replayed.service),
            _format_cell(replayed.default),
            _format_result(self.compare_window(replayed)),
        ]

    def _describe_window(self, replayed: ReplayedWindow) -> dict[str, Json]:
        differences = self.compare_window(replayed)
        default_differences = self.compare_default(replayed)
        return {
            "start": replayed.window.start.isoformat(),
            "end": replayed.window.end.isoformat(),
            "report": replayed.folder,
            "equal": None if differences is None else not differences,
            "service_file": None if replayed.report is None else replayed.report.plain(),
            "compat_service": replayed.service.plain(),
            "default": replayed.default.plain(),
            "differences": _plain_differences(differences),
            "differences_of_default": _plain_differences(default_differences),
        }

    def _summarize(self, differences_by_window: Sequence[tuple[Difference, ...] | None]) -> str:
        """How many of the windows that could be compared are equal, and the topics in which the others differ."""
        comparisons = [differences for differences in differences_by_window if differences is not None]
        unequal_windows = [differences for differences in comparisons if differences]
        equal_text = (
            f"{len(comparisons) - len(unequal_windows):,} of {format_noun_count(len(comparisons), 'window')} equal"
        )
        if not unequal_windows:
            return equal_text
        # Each topic once a window, so that a window with many columns doesn't outweigh the others
        counts: Counter[str] = Counter()
        for differences in unequal_windows:
            counts.update({self._find_topic(difference) for difference in differences})
        # The most frequent first; among equals by name
        topics = ", ".join(sorted(counts, key=lambda topic: (-counts[topic], topic)))
        verb = "differs" if len(unequal_windows) == 1 else "differ"
        return f"{equal_text}; {len(unequal_windows):,} {verb}: {topics}"

    def _find_topic(self, difference: Difference) -> str:
        """The topic of a difference, in a few words."""
        if difference.kind is DifferenceKind.FAILED:
            return "a side without a verdict"
        if difference.check == DRIFT:
            kind = _COLUMNS.get(self.types.get(difference.subject, InferredType.UNKNOWN))
            if kind:
                return f"drift on {kind} columns"
            return "drift"
        return _TOPICS.get(difference.check, difference.check)


def _format_result(differences: Sequence[Difference] | None) -> str:
    if differences is None:
        return "no report"
    counts = Counter(difference.kind for difference in differences)
    if counts[DifferenceKind.FAILED]:
        return "no verdict"
    return ", ".join(f"{counts[kind]:,} {kind.value}" for kind in DifferenceKind if counts[kind]) or "equal"


def _format_cell(verdict: Verdict) -> str:
    if verdict.failure is not None:
        return "failed"
    return f"{len(verdict.violations):,}"


def _plain_differences(differences: Sequence[Difference] | None) -> list[dict[str, str]]:
    return [{**asdict(difference), "kind": difference.kind.value} for difference in differences or ()]
